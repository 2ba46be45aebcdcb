"""The return timer: who says nothing in public for too long loses the ticket to somebody else."""

from collections.abc import Mapping

from servicedesk.domain.calendars import ALWAYS
from servicedesk.domain.tickets import WORKLOAD, FromTo, Ticket
from servicedesk.domain.times import Instant
from servicedesk.store import calendars, people, returns
from servicedesk.store.db import Tx


def of_new(tx: Tx, ticket: Ticket, at: Instant) -> None:
    """Wind the timer of a new ticket that has an agent."""
    if ticket.team_id is None or ticket.assignee_id is None:
        return
    if people.way(tx, ticket.team_id).return_after is not None:
        _wind(tx, ticket, at)


def of_change(tx: Tx, before: Ticket, after: Ticket, changes: Mapping[str, FromTo], at: Instant) -> None:
    """Wind the timer anew for another agent or team and when work begins again; stop it when work ends."""
    if not changes.keys() & {"assigned_to", "status", "team_id"}:
        return
    works, worked = after.status in WORKLOAD, before.status in WORKLOAD
    if works and worked and not changes.keys() & {"assigned_to", "team_id"}:
        return
    if works and after.assignee_id is not None and after.team_id is not None:
        _wind(tx, after, at)
    else:
        returns.drop(tx, after.id)


def of_answer(tx: Tx, ticket: Ticket) -> None:
    """Stop the timer: the customer has heard something."""
    returns.drop(tx, ticket.id)


def _wind(tx: Tx, ticket: Ticket, at: Instant) -> None:
    patience = people.way(tx, ticket.team_id or 0).return_after
    if patience is None:
        returns.drop(tx, ticket.id)
        return
    calendar_id = people.get(tx, ticket.assignee_id or 0).calendar_id
    hours = ALWAYS if calendar_id is None else calendars.get(tx, calendar_id).calendar
    returns.put(tx, ticket.id, hours.add(at, patience))
