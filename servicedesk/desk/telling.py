"""Who is told of a change, and what: each room hears it once, in the change's own transaction."""

from typing import Final

from servicedesk.domain import views
from servicedesk.domain.events import DESK, Action, Event, staff_room, ticket_room
from servicedesk.domain.people import PersonRef, User, ref
from servicedesk.domain.tickets import FromTo, Ticket
from servicedesk.domain.times import Instant
from servicedesk.store import events
from servicedesk.store.db import Tx

Changes = dict[str, FromTo]

_NOT_IN_DESK: Final = frozenset({"description", "watchers"})


def tell(
    tx: Tx,
    ticket: Ticket,
    action: Action,
    changes: Changes,
    *,
    by: User | None,
    reason: str | None = None,
    at: Instant,
) -> None:
    """Write ``ticket_updated`` into each room that the change belongs to."""
    actor = ref(by) if by else None
    public = views.public_changes(changes)
    if public:
        events.append(
            tx,
            ticket_room(ticket.id),
            Event.TICKET_UPDATED,
            _event(ticket, action, public, actor, views.for_room(ticket)),
            at,
        )
    tell_staff(tx, ticket, action, changes, by=by, reason=reason, at=at)


def tell_staff(
    tx: Tx,
    ticket: Ticket,
    action: Action,
    changes: Changes,
    *,
    by: User | None,
    reason: str | None = None,
    at: Instant,
) -> None:
    """Write ``ticket_updated`` into the two rooms of staff alone; one conversion serves both."""
    actor = ref(by) if by else None
    whole = views.ticket(ticket, at, staff=True)
    events.append(
        tx,
        staff_room(ticket.id),
        Event.TICKET_UPDATED,
        views.TicketEvent(
            ticket_id=ticket.id,
            action=action,
            changes=changes,
            version=ticket.version,
            actor=actor,
            ticket=whole,
            reason=reason,
        ),
        at,
    )
    if summary := {name: change for name, change in changes.items() if name not in _NOT_IN_DESK}:
        events.append(
            tx, DESK, Event.TICKET_UPDATED, _event(ticket, action, summary, actor, views.summary(whole)), at
        )


def tell_counts(
    tx: Tx, before: Ticket, after: Ticket, *, by: User | None, at: Instant, also: Changes | None = None
) -> None:
    """Tell staff that a message or a file came or went, by the counts that it changed and what it did besides."""
    changes: Changes = {**(also or {})}
    for name, count in (("message_count", views.message_count), ("file_count", views.file_count)):
        was, now = count(before, staff=True), count(after, staff=True)
        if was != now:
            changes[name] = FromTo(was, now)
    tell_staff(tx, after, Action.UPDATED, changes, by=by, at=at)


def _event(
    ticket: Ticket, action: Action, changes: Changes, actor: PersonRef | None, shown: views.TicketBody
) -> views.TicketEvent:
    return views.TicketEvent(
        ticket_id=ticket.id, action=action, changes=changes, version=ticket.version, actor=actor, ticket=shown
    )
