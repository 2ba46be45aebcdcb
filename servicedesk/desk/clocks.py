"""The SLA clocks of a ticket, worked out anew from its log at every change that touches them."""

from typing import Any

from servicedesk.desk import telling
from servicedesk.domain import sla, views
from servicedesk.domain.events import Action
from servicedesk.domain.sla import STANDARD, Clock, Clocks, Entry
from servicedesk.domain.tickets import FromTo, Priority, Status
from servicedesk.domain.times import Instant
from servicedesk.store import history, tickets
from servicedesk.store.db import Connection, Tx


def of_new(priority: Priority, at: Instant) -> dict[str, Any]:
    """Return the columns of a ticket that has just been created."""
    return _columns(sla.clocks([Entry(at, Status.NEW, priority)]), at)


def wind(tx: Tx, ticket_id: int, at: Instant) -> None:
    """Work the clocks out from the log and store what they come to."""
    log = history.clock_log(tx, ticket_id)
    responded = tickets.get(tx, ticket_id).first_response_at
    if responded is not None:
        log = sorted([*log, Entry(responded, replied=True)], key=lambda entry: entry.at)
    tickets.update(tx, ticket_id, _columns(sla.clocks(log), at))


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


def _columns(clocks: Clocks, at: Instant) -> dict[str, Any]:
    return {
        "sla_policy": STANDARD.name,
        "sla_phase": clocks.phase,
        "first_response_due_at": _due(clocks.first_response),
        "resolution_due_at": _due(clocks.resolution),
        "due_at": clocks.due_at,
        "risk_at": clocks.risk_at,
        "breach_at": clocks.breach_at,
        "sla_told": sla.state(clocks.phase, clocks.due_at, clocks.risk_at, clocks.breach_at, at),
        "sla_wakes_at": _wakes_at(clocks.risk_at, clocks.breach_at, at),
    }


def _wakes_at(risk_at: Instant | None, breach_at: Instant | None, at: Instant) -> Instant | None:
    """Return when the state changes next by itself: a moment after a due time has passed it is broken."""
    moments = (risk_at, None if breach_at is None else breach_at + 1)
    return min((moment for moment in moments if moment is not None and moment > at), default=None)


def _due(clock: Clock | None) -> Instant | None:
    return None if clock is None else clock.due_at
