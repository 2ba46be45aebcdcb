"""The return timer: who says nothing in public for too long loses the ticket to somebody else."""

from collections.abc import Mapping

from servicedesk.domain.calendars import ALWAYS
from servicedesk.domain.tickets import WORKLOAD, FromTo, Ticket
from servicedesk.domain.times import Instant
from servicedesk.store import calendars, people, returns
from servicedesk.store.db import Tx


def of_new(tx: Tx, ticket: Ticket, at: Instant) -> None:
    """Wind the timer of a new ticket that has an agent."""
    due = _due(tx, ticket, at)
    if due is not None:
        returns.put(tx, ticket.id, due)


def of_change(tx: Tx, before: Ticket, after: Ticket, changes: Mapping[str, FromTo], at: Instant) -> None:
    """Wind the timer anew for another agent or team and when work begins again; stop it when work ends."""
    if not changes.keys() & {"assigned_to", "status", "team_id"}:
        return
    works, worked = after.status in WORKLOAD, before.status in WORKLOAD
    if works and worked and not changes.keys() & {"assigned_to", "team_id"}:
        return
    due = _due(tx, after, at) if works else None
    if due is None:
        returns.drop(tx, after.id)
    else:
        returns.put(tx, after.id, due)


def of_answer(tx: Tx, ticket: Ticket) -> None:
    """Stop the timer: the customer has heard something."""
    returns.drop(tx, ticket.id)


def _due(tx: Tx, ticket: Ticket, at: Instant) -> Instant | None:
    """Return when the ticket goes to somebody else; None without an agent, and in a team that waits for ever."""
    if ticket.team_id is None or ticket.assignee_id is None:
        return None
    patience = people.way(tx, ticket.team_id).return_after
    if patience is None:
        return None
    calendar_id = people.get(tx, ticket.assignee_id).calendar_id
    hours = ALWAYS if calendar_id is None else calendars.get(tx, calendar_id).calendar
    return hours.add(at, patience)
