"""Finding an agent for a ticket: the decision, its record, and the queue of those that wait."""

from typing import Final

from servicedesk.desk import changes
from servicedesk.domain import assignment, views
from servicedesk.domain.assignment import Decision, Wanted
from servicedesk.domain.events import Action, DrainAgain
from servicedesk.domain.people import Preset, fold
from servicedesk.domain.tickets import FromTo, Ticket
from servicedesk.domain.times import Instant
from servicedesk.domain.views import DecisionBody
from servicedesk.store import history, people, tickets
from servicedesk.store.db import Connection, Tx

AT_ONCE: Final = 50
"""Waiting tickets that one transaction gives out."""
LOOKED_AT: Final = 500
"""Waiting tickets that one transaction looks at."""


def choose(
    conn: Connection,
    *,
    team_id: int | None,
    requester_id: int,
    skills: tuple[str, ...],
    excluded: frozenset[int] = frozenset(),
    at: Instant,
) -> Decision:
    """Decide who should have a ticket like this now."""
    preset = people.preset(conn, team_id) if team_id else Preset.BALANCED
    wanted = Wanted(skills=frozenset(skills), preset=preset, excluded=excluded)
    return assignment.decide(people.candidates(conn, team_id, requester_id), wanted, at)


def choose_for(
    conn: Connection, ticket: Ticket, at: Instant, *, excluded: frozenset[int] = frozenset()
) -> Decision:
    return choose(
        conn,
        team_id=ticket.team_id,
        requester_id=ticket.requester.id,
        skills=ticket.required_skills,
        excluded=excluded,
        at=at,
    )


def record(tx: Tx, ticket_id: int, decision: Decision, cause: str, at: Instant) -> DecisionBody:
    """Keep the decision with its points, and return it as it is shown."""
    history.record_decision(
        tx,
        ticket_id,
        cause=cause,
        policy=decision.policy,
        winner_id=decision.winner,
        judged=assignment.pack(decision),
        at=at,
    )
    return views.decision(decision, cause, at)


def decisions(conn: Connection, ticket_id: int, *, after: int, limit: int) -> list[tuple[int, DecisionBody]]:
    """Return the decisions about a ticket with their numbers, oldest first."""
    stored = history.decisions(conn, ticket_id, after=after, limit=limit)
    known: set[int] = set().union(*(assignment.people_of(each.judged) for each in stored))
    names = people.names(conn, known)
    return [
        (each.id, views.decision(assignment.unpack(each.judged, names), each.cause, each.decided_at))
        for each in stored
    ]


def drain(tx: Tx, at: Instant) -> int:
    """Give waiting tickets to whoever has become free: the most urgent first, of those the oldest.

    Returns how many found an agent. When more may, the rest is asked for again after the commit.
    """
    hopeless: set[object] = set()
    given = 0
    for ticket_id in tickets.waiting(tx, LOOKED_AT):
        ticket = tickets.get(tx, ticket_id)
        # Who can take a ticket at all depends on these alone: nobody for one is nobody for its like.
        kind = (ticket.team_id, frozenset(map(fold, ticket.required_skills)))
        if kind in hopeless:
            continue
        decision = choose_for(tx, ticket, at)
        if decision.winner is None:
            hopeless.add(kind)
            continue
        record(tx, ticket_id, decision, "became_free", at)
        hand_over(tx, ticket, decision.winner, at)
        given += 1
        if given == AT_ONCE:
            tx.after_commit(DrainAgain())
            break
    return given


def hand_over(tx: Tx, ticket: Ticket, agent_id: int, at: Instant, reason: str | None = None) -> Ticket:
    """Give the ticket to the agent in the desk's own name."""
    before = ticket.assignee_id
    people.mark_assigned(tx, agent_id, at)
    return changes.apply(
        tx,
        ticket,
        Action.ASSIGNED,
        {"assigned_to": agent_id, "waits": 0},
        {"assigned_to": FromTo(before, agent_id)},
        by=None,
        reason=reason,
        at=at,
    )


def team_exists(conn: Connection, team_id: int) -> bool:
    return not people.missing_teams(conn, [team_id])
