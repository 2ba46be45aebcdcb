"""The SLA clocks of a ticket, worked out anew from its log at every change that touches them."""

from collections.abc import Iterable
from typing import Any, Final

from servicedesk.desk import escalation, notifications, telling
from servicedesk.domain import sla, views
from servicedesk.domain.events import Action, RewindAgain
from servicedesk.domain.notifications import Kind
from servicedesk.domain.sla import Clock, Clocks, Entry, Policy, State
from servicedesk.domain.tickets import FromTo, Priority, Status, Ticket
from servicedesk.domain.times import Instant, iso_or_none
from servicedesk.store import history, people, policies, tickets
from servicedesk.store.db import Connection, Tx

AT_ONCE: Final = 100
"""Tickets that are wound anew in one transaction."""
SHOWN: Final = frozenset(
    {
        "sla_policy",
        "sla_told",
        "first_response_due_at",
        "next_response_due_at",
        "resolution_due_at",
        "due_at",
    }
)
"""What staff see of the clocks."""


def of_new(conn: Connection, priority: Priority, team_id: int | None, at: Instant) -> dict[str, Any]:
    """Return the columns of a ticket that has just been created."""
    policy = policies.of_team(conn, team_id)
    return _columns(sla.clocks([Entry(at, Status.NEW, priority)], policy), policy, at)


def of_ticket(conn: Connection, ticket_id: int) -> tuple[Clocks, Policy]:
    """Work the ticket's clocks out from its log, and say by which policy."""
    facts = tickets.clock_facts(conn, ticket_id)
    policy = policies.of_team(conn, facts.team_id)
    return sla.clocks(history.clock_log(conn, ticket_id, facts, policy), policy), policy


def wind(tx: Tx, ticket_id: int, at: Instant) -> None:
    """Work the clocks out from the log, store what they come to, and see what they escalate next."""
    clocks, policy = of_ticket(tx, ticket_id)
    tickets.update(tx, ticket_id, _columns(clocks, policy, at))
    escalation.plan(tx, ticket_id, clocks)


def hear(tx: Tx, ticket: Ticket, *, answers: bool, at: Instant) -> None:
    """Wind the clocks of a ticket on which something was said to everybody, if that starts or stops one."""
    if answers or policies.of_team(tx, ticket.team_id).awaits_next_responses:
        wind(tx, ticket.id, at)


def rewind_teams(tx: Tx, teams: Iterable[int]) -> None:
    """Have the tickets of these teams wound anew, old ones too, since another promise counts for them."""
    policies.rewind_from_the_top(tx, teams)
    tx.after_commit(RewindAgain())


def rewind_calendar(tx: Tx, calendar_id: int) -> None:
    """Have the tickets wound anew whose time the calendar counts."""
    for policy in policies.counting_in(tx, calendar_id):
        rewind_teams(tx, policies.teams_following(tx, policy))


def rewind(tx: Tx, at: Instant, most: int = AT_ONCE) -> int:
    """Wind some of the tickets anew that are still to hear of a change; return how many.

    How far it came is kept with what it did, so that a process that is killed goes on where it was.
    """
    work = policies.next_rewind(tx, most)
    if work is None:
        return 0
    for ticket_id in work.tickets:
        _rewind_one(tx, ticket_id, at)
    policies.rewound(tx, work)
    if policies.has_rewinds(tx):
        tx.after_commit(RewindAgain())
    return len(work.tickets)


def to_warn(conn: Connection, most: int) -> list[tuple[Instant, int]]:
    return tickets.to_warn(conn, most)


def warn(tx: Tx, ticket_id: int, at: Instant) -> None:
    """Tell staff of a ticket whose clock has become risky or has run out by itself."""
    ticket = tickets.get(tx, ticket_id)
    told, state = tickets.sla_told(tx, ticket.id), views.sla_state(ticket, at)
    tickets.update(
        tx,
        ticket.id,
        {"sla_told": state, "sla_wakes_at": _wakes_at(ticket.sla.risk_at, ticket.sla.breach_at, at)},
    )
    if state != told:
        telling.tell_staff(tx, ticket, Action.SLA, {"sla": FromTo(told, state)}, by=None, at=at)
        if kind := _NEWS.get(state):
            notifications.notify(tx, _responsible(tx, ticket), kind, ticket, by=None, at=at)


_NEWS: Final[dict[str, Kind]] = {State.AT_RISK: Kind.SLA_AT_RISK, State.BREACHED: Kind.SLA_BREACHED}


def _responsible(conn: Connection, ticket: Ticket) -> list[int]:
    """Return who has the ticket, else who leads its team."""
    if ticket.assignee_id is not None:
        return [ticket.assignee_id]
    lead_id = people.team(conn, ticket.team_id).lead_id if ticket.team_id is not None else None
    return [] if lead_id is None else [lead_id]


def _rewind_one(tx: Tx, ticket_id: int, at: Instant) -> None:
    """Wind the ticket anew and tell staff what it changes: the state, or whatever is shown of an unresolved one."""
    clocks, policy = of_ticket(tx, ticket_id)
    escalation.plan(tx, ticket_id, clocks)
    columns = _columns(clocks, policy, at)
    before = tickets.stored_clocks(tx, ticket_id, columns)
    if columns == before:
        return
    tickets.update(tx, ticket_id, columns)
    after = tickets.get(tx, ticket_id)
    heard = SHOWN if after.status.is_unresolved else {"sla_told"}
    if any(before[name] != columns[name] for name in heard):
        changes = {"sla": FromTo(before["sla_told"], columns["sla_told"])}
        if before["due_at"] != columns["due_at"]:
            changes["due_at"] = FromTo(iso_or_none(before["due_at"]), iso_or_none(columns["due_at"]))
        telling.tell_staff(tx, after, Action.SLA, changes, by=None, at=at)


def _columns(clocks: Clocks, policy: Policy, at: Instant) -> dict[str, Any]:
    phase, due_at, risk_at, breach_at = clocks.phase, clocks.due_at, clocks.risk_at, clocks.breach_at
    has_policy, next_response = bool(clocks.cycles), clocks.next_response
    awaited = next_response is not None and next_response.met_at is None
    return {
        "sla_policy": policy.name if has_policy else None,
        "sla_phase": str(phase),
        "first_response_due_at": _due(clocks.first_response),
        "resolution_due_at": _due(clocks.resolution),
        "next_response_due_at": _due(next_response) if awaited else None,
        "due_at": due_at,
        "risk_at": risk_at,
        "breach_at": breach_at,
        "sla_told": str(sla.state(phase, due_at, risk_at, breach_at, at, has_policy=has_policy)),
        "sla_wakes_at": _wakes_at(risk_at, breach_at, at),
    }


def _wakes_at(risk_at: Instant | None, breach_at: Instant | None, at: Instant) -> Instant | None:
    """Return when the state changes next by itself: a moment after a due time has passed it is broken."""
    moments = (risk_at, None if breach_at is None else breach_at + 1)
    return min((moment for moment in moments if moment is not None and moment > at), default=None)


def _due(clock: Clock | None) -> Instant | None:
    return None if clock is None else clock.due_at
