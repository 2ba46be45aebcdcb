"""Telling people what concerns them: their list, and what of it they have read."""

from collections.abc import Iterable, Mapping

from servicedesk.domain import workflow
from servicedesk.domain.access import Verb, may
from servicedesk.domain.events import Action, Event, user_room
from servicedesk.domain.notifications import (
    KEPT,
    Kind,
    NotificationBody,
    NotificationEvent,
    ReadEvent,
    excerpt,
    fresh,
)
from servicedesk.domain.people import User, ref
from servicedesk.domain.tickets import FromTo, Ticket
from servicedesk.domain.times import Instant
from servicedesk.domain.views import MessageBody
from servicedesk.store import events, notifications, people, watchers
from servicedesk.store.db import Connection, Tx
from servicedesk.store.notifications import Unread


def notify(
    tx: Tx,
    user_ids: Iterable[int],
    kind: Kind,
    ticket: Ticket,
    *,
    by: User | None,
    at: Instant,
    text: str = "",
    message_id: int | None = None,
) -> None:
    """Tell these people, but for who did it and who may not know; ``by`` is None when the desk itself did.

    An unread notification of the same kind about the same ticket goes into the new one, which counts it in
    ``times``; the same news twice at one moment is told once.
    """
    wanted = set(user_ids)
    if by is not None:
        wanted.discard(by.id)
    for person in people.several(tx, sorted(wanted)):
        if may(person, Verb.SEE_INTERNAL if kind.is_internal else Verb.SEE, ticket):
            _tell(tx, person.id, kind, ticket, by=by, at=at, text=text, message_id=message_id)


def of_new(tx: Tx, ticket: Ticket, *, by: User | None, at: Instant) -> None:
    """Tell the agent of a new ticket, who was chosen among those who may see it.

    Tickets come often: nobody is looked up who is known, nor what cannot be unread yet.
    """
    agent_id = ticket.assignee_id
    if agent_id is not None:
        _write(tx, agent_id, Kind.ASSIGNED, ticket, by=by, at=at, text="", message_id=None, earlier=None)


def of_change(
    tx: Tx,
    before: Ticket,
    after: Ticket,
    action: Action,
    changes: Mapping[str, FromTo],
    *,
    by: User | None,
    reason: str | None,
    at: Instant,
) -> None:
    """Tell of a change whom it concerns: a new agent, who follows the status, who should know of an escalation."""
    if action is Action.ESCALATED:
        notify(tx, concerned(tx, after), Kind.ESCALATED, after, by=by, at=at, text=excerpt(reason or ""))
        return
    if "assigned_to" in changes and after.assignee_id is not None:
        notify(tx, [after.assignee_id], Kind.ASSIGNED, after, by=by, at=at)
    if "status" in changes:
        kind = Kind.REOPENED if workflow.is_reopen(before.status, after.status) else Kind.STATUS
        label = str(workflow.FACES[after.status].label)
        notify(tx, concerned(tx, after) | {after.requester.id}, kind, after, by=by, at=at, text=label)


def of_message(
    tx: Tx,
    ticket: Ticket,
    message: MessageBody,
    called: Iterable[int],
    *,
    reopens: bool,
    by: User,
    at: Instant,
) -> None:
    """Tell of a message those whom it calls by their handles, and otherwise those who take part."""
    text, called = excerpt(message.body), set(called)
    if message.is_internal:
        kind, others = Kind.NOTED, concerned(tx, ticket)
    else:
        kind = Kind.REOPENED if reopens else Kind.REPLIED
        others = concerned(tx, ticket) | {ticket.requester.id}
    notify(tx, called, Kind.MENTIONED, ticket, by=by, at=at, text=text, message_id=message.id)
    notify(tx, others - called, kind, ticket, by=by, at=at, text=text, message_id=message.id)


def concerned(conn: Connection, ticket: Ticket) -> set[int]:
    """Return which of the staff a ticket concerns: its agent and who watches it."""
    watching = {person.id for person in watchers.of_ticket(conn, ticket.id)}
    return watching if ticket.assignee_id is None else watching | {ticket.assignee_id}


def set_read(tx: Tx, notification_id: int, is_read: bool, *, by: User, at: Instant) -> NotificationBody:
    """Mark one of the person's own as read or unread. Raises NotFound for anybody else's."""
    before = notifications.get(tx, by.id, notification_id)
    if before.is_read is is_read:
        return before
    notifications.set_read(tx, notification_id, is_read)
    _tell_read(tx, by.id, at, ids=(notification_id,), is_read=is_read)
    return notifications.get(tx, by.id, notification_id)


def read_up_to(tx: Tx, notification_id: int, *, by: User, at: Instant) -> int:
    """Mark everything up to this one as read; return how much is unread then."""
    if notifications.read_up_to(tx, by.id, notification_id):
        _tell_read(tx, by.id, at, up_to=notification_id)
    return notifications.unread(tx, by.id)


def read_ticket(tx: Tx, ticket_id: int, *, by: User, at: Instant) -> None:
    """Mark as read what the person was told of a ticket that they have seen now."""
    if ids := notifications.read_ticket(tx, by.id, ticket_id):
        _tell_read(tx, by.id, at, ids=ids)


def forget_old(tx: Tx, at: Instant) -> int:
    """Forget some of what was read long ago; return how many that were."""
    return notifications.prune(tx, at - KEPT)


def next_forgetting_at(conn: Connection) -> Instant | None:
    """Return when the oldest read notification is to be forgotten."""
    oldest = notifications.oldest_read_at(conn)
    return None if oldest is None else oldest + KEPT + 1


def _tell(
    tx: Tx,
    user_id: int,
    kind: Kind,
    ticket: Ticket,
    *,
    by: User | None,
    at: Instant,
    text: str,
    message_id: int | None,
) -> None:
    earlier = notifications.latest_unread(tx, user_id, ticket.id, kind)
    if earlier is not None:
        if earlier[2:] == (by.id if by else None, message_id, text, at):
            return
        notifications.delete(tx, earlier.id)
    _write(tx, user_id, kind, ticket, by=by, at=at, text=text, message_id=message_id, earlier=earlier)


def _write(
    tx: Tx,
    user_id: int,
    kind: Kind,
    ticket: Ticket,
    *,
    by: User | None,
    at: Instant,
    text: str,
    message_id: int | None,
    earlier: Unread | None,
) -> None:
    times = earlier.times + 1 if earlier else 1
    number = notifications.insert(
        tx,
        user_id,
        kind,
        ticket.id,
        actor_id=by.id if by else None,
        message_id=message_id,
        text=text,
        times=times,
        at=at,
    )
    body = fresh(
        number,
        kind,
        ticket,
        actor=ref(by) if by else None,
        message_id=message_id,
        text=text,
        times=times,
        at=at,
    )
    event = NotificationEvent(body, notifications.unread(tx, user_id), earlier.id if earlier else None)
    events.append(tx, user_room(user_id), Event.NOTIFICATION, event, at)


def _tell_read(
    tx: Tx,
    user_id: int,
    at: Instant,
    *,
    ids: tuple[int, ...] = (),
    up_to: int | None = None,
    is_read: bool = True,
) -> None:
    event = ReadEvent(ids=ids, up_to=up_to, is_read=is_read, unread=notifications.unread(tx, user_id))
    events.append(tx, user_room(user_id), Event.NOTIFICATIONS_READ, event, at)
