"""Finding an agent for a ticket: the decision, its record, and the queue of those that wait."""

import heapq
from collections.abc import Collection, Iterator
from typing import Final

from msgspec.structs import replace

from servicedesk.desk import changes, notifications
from servicedesk.domain import agenda, assignment, views, workflow
from servicedesk.domain.access import Verb, require
from servicedesk.domain.assignment import Barred, BarredBy, Decision, Wanted
from servicedesk.domain.calendars import Calendar
from servicedesk.domain.errors import FieldError, Invalid
from servicedesk.domain.events import Action, DrainAgain, Due
from servicedesk.domain.notifications import Kind
from servicedesk.domain.people import Preset, User
from servicedesk.domain.tickets import WORKLOAD, FromTo, Ticket
from servicedesk.domain.times import Instant
from servicedesk.domain.views import DecisionBody
from servicedesk.domain.words import say
from servicedesk.store import exclusions, history, meta, people, returns, tickets
from servicedesk.store.db import Connection, Tx

AT_ONCE: Final = 50
"""Waiting tickets that one transaction gives out."""
_SHIFTS_SEEN: Final = "shifts_seen"
_ANY_WAY: Final = people.Way(Preset.BALANCED, None, None)
"""How tickets without a team find their agent."""


def choose(
    conn: Connection,
    *,
    team_id: int | None,
    requester_id: int,
    skills: tuple[str, ...],
    excluded: frozenset[int] = frozenset(),
    held_by: int | None = None,
    at: Instant,
) -> Decision:
    """Decide who should have a ticket like this now. It does not count against whoever holds it already."""
    way = people.way(conn, team_id) if team_id else _ANY_WAY
    wanted = Wanted(skills=frozenset(skills), preset=way.preset, weights=way.weights, excluded=excluded)
    asked = people.candidates(conn, team_id, requester_id, at)
    if held_by is not None:
        asked = [replace(each, load=each.load - 1) if each.id == held_by else each for each in asked]
    return assignment.decide(asked, wanted, at)


def choose_for(
    conn: Connection, ticket: Ticket, at: Instant, *, excluded: frozenset[int] = frozenset()
) -> Decision:
    """Decide who should have the ticket now, ``excluded`` and those on its own list left out."""
    return choose(
        conn,
        team_id=ticket.team_id,
        requester_id=ticket.requester.id,
        skills=ticket.required_skills,
        excluded=excluded | {each.user.id for each in exclusions.of_ticket(conn, ticket.id)},
        held_by=ticket.assignee_id if ticket.status in WORKLOAD else None,
        at=at,
    )


def choose_again(conn: Connection, ticket: Ticket, at: Instant) -> Decision:
    """Decide who should have a ticket that is reopened: who had it, if they can take it, else as for any other."""
    decision = choose_for(conn, ticket, at)
    if ticket.assignee_id is None:
        return decision
    return assignment.kept(decision, people.candidate(conn, ticket.assignee_id, ticket.requester.id, at), at)


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

    What waits for long overtakes what is more urgent but younger. Each kind of ticket has a line of its own, which
    is left when nobody can take its first: so a line without end costs the others nothing.

    Returns how many found an agent. When more may, the rest is asked for again after the commit.
    """
    lines = [_Line(kind, tickets.waiting(tx, kind)) for kind in tickets.kinds_waiting(tx)]
    heads = [(first, n) for n, line in enumerate(lines) if (first := next(line.tickets, None))]
    heapq.heapify(heads)
    given = 0
    while heads and given < AT_ONCE:
        (_, ticket_id), n = heads[0]
        line = lines[n]
        given += _serve(tx, line, ticket_id, at)
        following = next(line.tickets, None) if line.free else None
        if following is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (following, n))
    if heads:
        tx.after_commit(DrainAgain())
    return given


class _Line:
    """Tickets that the same people can take, in their turns."""

    __slots__ = ("free", "kind", "tickets")

    def __init__(self, kind: str, tickets: Iterator[tuple[int, int]]) -> None:
        self.kind = kind
        self.tickets = tickets
        self.free: set[int] | None = None
        """Who could take one of them when it was last asked; since then they can only have become fewer."""


def _serve(tx: Tx, line: _Line, ticket_id: int, at: Instant) -> bool:
    """Give the ticket to somebody if anybody can take it."""
    barred = {each.user.id for each in exclusions.of_ticket(tx, ticket_id)}
    if line.free is not None and line.free <= barred:
        return False
    ticket = tickets.get(tx, ticket_id)
    decision = choose_for(tx, ticket, at)
    line.free = assignment.free(decision)
    if decision.winner is None:
        return False
    record(tx, ticket_id, decision, "became_free", at)
    hand_over(tx, ticket, decision.winner, at)
    return True


def hand_over(
    tx: Tx,
    ticket: Ticket,
    agent_id: int | None,
    at: Instant,
    *,
    waits: bool = False,
    reason: str | None = None,
) -> Ticket:
    """Give the ticket to the agent, or take it from the one it has, in the desk's own name."""
    before = ticket.assignee_id
    if agent_id is not None:
        people.mark_assigned(tx, agent_id, at)
    return changes.apply(
        tx,
        ticket,
        Action.ASSIGNED,
        {"assigned_to": agent_id, "waits": int(waits)},
        {"assigned_to": FromTo(before, agent_id)},
        by=None,
        reason=reason,
        at=at,
    )


def waits(decision: Decision | None) -> bool:
    """Return whether the ticket waits for somebody to become free; where people choose, it does not."""
    return decision is not None and decision.winner is None and decision.policy is not Preset.MANUAL


def take_up(tx: Tx, ticket: Ticket, decision: Decision, at: Instant) -> Ticket:
    """Give a reopened ticket to whom was chosen; where people choose, it stays with whom it was."""
    if decision.policy is Preset.MANUAL and decision.winner is None:
        return ticket
    record(tx, ticket.id, decision, "reopened", at)
    if decision.winner == ticket.assignee_id:
        return ticket
    return hand_over(tx, ticket, decision.winner, at, waits=waits(decision))


# Taking back --------------------------------------------------


def to_return(conn: Connection, most: int) -> list[tuple[Instant, int]]:
    """Return when tickets go to somebody else because their agent has said nothing."""
    return returns.coming(conn, most)


def give_back(tx: Tx, ticket_id: int, at: Instant) -> None:
    """Find another agent for a ticket whose own has said nothing, and tell the lead.

    With nobody free it waits, unless its status needs an agent; where people choose, it stays, and the lead knows.
    """
    returns.drop(tx, ticket_id)
    ticket = tickets.get(tx, ticket_id)
    silent, team_id = ticket.assigned_to, ticket.team_id
    if silent is None or team_id is None:
        return
    lead = people.team(tx, team_id).lead_id
    exclusions.add(tx, ticket_id, [silent.id], BarredBy.RETURNED, at)
    decision = choose_for(tx, ticket, at)
    if decision.policy is not Preset.MANUAL:
        record(tx, ticket_id, decision, "returned", at)
        if decision.winner is not None or ticket.status not in workflow.NEED_AGENT:
            ticket = hand_over(tx, ticket, decision.winner, at, waits=waits(decision))
    notifications.notify(
        tx, [] if lead is None else [lead], Kind.RETURNED, ticket, by=None, at=at, text=silent.name
    )
    drain(tx, at)


def exclude(tx: Tx, ticket_id: int, user_ids: Collection[int], *, by: User, at: Instant) -> list[Barred]:
    """Set whom the desk does not choose for the ticket; a person may still give it to them."""
    ticket = tickets.get(tx, ticket_id)
    require(by, Verb.ASSIGN, ticket)
    strangers = people.not_staff(tx, user_ids)
    wrong = [n for n, user_id in enumerate(user_ids) if user_id in strangers]
    if wrong:
        raise Invalid(
            [FieldError(f"/user_ids/{n}", "unknown_id", say("is nobody of the staff")) for n in wrong]
        )
    present = {each.user.id for each in exclusions.of_ticket(tx, ticket_id)}
    exclusions.remove(tx, ticket_id, present - set(user_ids))
    exclusions.add(tx, ticket_id, set(user_ids) - present, BarredBy.BY_HAND, at)
    if ticket.waits and present != set(user_ids):
        drain(tx, at)
    return exclusions.of_ticket(tx, ticket_id)


# Working hours --------------------------------------------------


def next_shift_at(conn: Connection) -> Instant | None:
    """Return when somebody's working hours begin next, seen from when this was last looked at."""
    since = int(meta.get(conn, _SHIFTS_SEEN) or 0)
    begins = (_begin(hours, since) for hours in people.hours_in_use(conn))
    return min((moment for moment in begins if moment is not None), default=None)


def hours_changed(tx: Tx, at: Instant) -> None:
    """Look anew at who works now and when somebody's hours begin."""
    drain(tx, at)
    if not people.hours_in_use(tx):
        return
    meta.put(tx, _SHIFTS_SEEN, str(at))
    begins = next_shift_at(tx)
    if begins is not None:
        tx.after_commit(Due(agenda.Kind.SHIFT, begins))


def begin_shift(tx: Tx, at: Instant) -> int:
    """Give waiting tickets to those whose hours have begun."""
    meta.put(tx, _SHIFTS_SEEN, str(at))
    drain(tx, at)
    return 1


def _begin(hours: Calendar, since: Instant) -> Instant | None:
    change = hours.next_change(since)
    if change is None or hours.is_open(change):
        return change
    return hours.next_change(change)


def team_exists(conn: Connection, team_id: int) -> bool:
    return not people.missing_teams(conn, [team_id])
