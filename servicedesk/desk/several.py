"""Several changes of a ticket at once: all of them or none."""

from collections.abc import Callable

import msgspec
from msgspec import UNSET, UnsetType

from servicedesk.desk import tickets
from servicedesk.desk.tickets import Edit, Versions
from servicedesk.domain.access import Verb, require
from servicedesk.domain.people import User
from servicedesk.domain.tickets import Priority, Status, Ticket
from servicedesk.domain.times import Instant
from servicedesk.store import tickets as stored
from servicedesk.store.db import Tx


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change; what is UNSET stays. ``comment`` is the reason."""

    status: Status | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    assigned_to: int | UnsetType | None = UNSET
    title: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    team_id: int | UnsetType | None = UNSET
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    comment: str | None = None


Step = Callable[[Tx, int, Wanted, User, Instant, Versions], Ticket | None]
"""One of the changes; it returns None when it is not wanted."""


def update(
    tx: Tx, ticket_id: int, wanted: Wanted, *, by: User, at: Instant, versions: Versions = None
) -> Ticket:
    """Make the changes, each as if it were asked for alone, and each told for itself."""
    ticket = stored.get(tx, ticket_id)
    for verb in _verbs(wanted):
        require(by, verb, ticket)
    for step in steps(wanted):
        done = step(tx, ticket_id, wanted, by, at, versions)
        if done is not None:
            ticket, versions = done, None
    return ticket


def steps(wanted: Wanted) -> list[Step]:
    """Return the changes in their order.

    Who gets a ticket comes before its move, since a move may need an agent; that nobody has it comes after,
    since work in progress must have stopped.
    """
    if wanted.assigned_to is None:
        return [_edit, _retag, _prioritise, _move, _assign]
    return [_edit, _retag, _assign, _prioritise, _move]


def _verbs(wanted: Wanted) -> list[Verb]:
    values: list[tuple[Verb, object]] = [
        (Verb.ASSIGN, wanted.assigned_to),
        (Verb.PRIORITISE, wanted.priority),
        (Verb.EDIT_TICKET, wanted.title),
        (Verb.EDIT_TICKET, wanted.tags),
        (Verb.EDIT_TICKET, wanted.team_id),
        (Verb.EDIT_TICKET, wanted.add_tags or wanted.remove_tags or UNSET),
        (Verb.MOVE, wanted.status),
    ]
    return [Verb.SEE, *(verb for verb, value in values if value is not UNSET)]


def _assign(
    tx: Tx, ticket_id: int, wanted: Wanted, by: User, at: Instant, versions: Versions
) -> Ticket | None:
    if wanted.assigned_to is UNSET:
        return None
    return tickets.assign(tx, ticket_id, wanted.assigned_to, by=by, at=at, versions=versions)


def _prioritise(
    tx: Tx, ticket_id: int, wanted: Wanted, by: User, at: Instant, versions: Versions
) -> Ticket | None:
    if wanted.priority is UNSET:
        return None
    return tickets.prioritise(
        tx, ticket_id, wanted.priority, reason=wanted.comment, by=by, at=at, versions=versions
    )


def _edit(tx: Tx, ticket_id: int, wanted: Wanted, by: User, at: Instant, versions: Versions) -> Ticket | None:
    edit = Edit(title=wanted.title, tags=wanted.tags, team_id=wanted.team_id)
    if edit == Edit():
        return None
    return tickets.edit(tx, ticket_id, edit, by=by, at=at, versions=versions)


def _retag(
    tx: Tx, ticket_id: int, wanted: Wanted, by: User, at: Instant, versions: Versions
) -> Ticket | None:
    if not (wanted.add_tags or wanted.remove_tags):
        return None
    add, remove = wanted.add_tags, wanted.remove_tags
    return tickets.retag(tx, ticket_id, add=add, remove=remove, by=by, at=at, versions=versions)


def _move(tx: Tx, ticket_id: int, wanted: Wanted, by: User, at: Instant, versions: Versions) -> Ticket | None:
    if wanted.status is UNSET:
        return None
    return tickets.move(tx, ticket_id, wanted.status, comment=wanted.comment, by=by, at=at, versions=versions)
