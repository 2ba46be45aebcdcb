"""What people say: public messages and internal notes."""

from collections.abc import Iterable, Sequence

from servicedesk.desk import clocks, files, notifications, returns, telling, tickets, watchers
from servicedesk.desk.telling import Changes
from servicedesk.domain import mentions, views, workflow
from servicedesk.domain.access import Verb, require
from servicedesk.domain.errors import IdempotencyConflict, TicketClosed
from servicedesk.domain.events import Event, staff_room, ticket_room
from servicedesk.domain.people import User
from servicedesk.domain.tickets import Message, Status, Ticket
from servicedesk.domain.times import Instant
from servicedesk.domain.views import MessageBody
from servicedesk.store import events, messages, people, search
from servicedesk.store import tickets as stored
from servicedesk.store.db import Connection, Tx


class Posted:
    """A message as it stands, and whether it already stood before."""

    __slots__ = ("duplicate", "message", "seq")

    def __init__(self, message: MessageBody, seq: int, duplicate: bool) -> None:
        self.message = message
        self.seq = seq
        self.duplicate = duplicate


def post(
    tx: Tx,
    ticket_id: int,
    body: str,
    *,
    is_internal: bool = False,
    file_ids: Sequence[str] = (),
    client_msg_id: str | None = None,
    by: User,
    at: Instant,
) -> Posted:
    """Say something on a ticket, once for each of the author's ``client_msg_id``, whichever door it came through."""
    ticket = stored.get(tx, ticket_id)
    require(by, Verb.NOTE if is_internal else Verb.REPLY, ticket)
    if client_msg_id and (first := messages.by_client_id(tx, by.id, client_msg_id)):
        if (first.ticket_id, first.body, first.is_internal) != (ticket_id, body, is_internal):
            raise IdempotencyConflict()
        return Posted(shown(tx, [first], staff=by.is_staff)[0], messages.seq(tx, first.id), duplicate=True)
    if ticket.status is Status.CLOSED and not is_internal:
        raise TicketClosed()
    message_id = messages.insert(
        tx,
        ticket_id=ticket_id,
        author_id=by.id,
        body=body,
        is_internal=is_internal,
        client_msg_id=client_msg_id,
        at=at,
    )
    _index(tx, ticket_id, body, is_internal)
    files.bind(tx, ticket_id, message_id, file_ids, is_internal=is_internal, by=by, at=at)
    _count(tx, ticket, is_internal=is_internal, answers=_answers(ticket, by, is_internal), by=by, at=at)
    message = shown(tx, [messages.get(tx, message_id)], staff=True)[0]
    called = _called(tx, body, by)
    seq = _tell(
        tx, ticket, message, watchers.join(tx, ticket_id, {by.id, *called} if by.is_staff else ()), by, at
    )
    reopens = not is_internal and _move_along(tx, ticket, body, by, at)
    notifications.of_message(tx, stored.get(tx, ticket_id), message, called, reopens=reopens, by=by, at=at)
    return Posted(message, seq, duplicate=False)


def shown(conn: Connection, found: Iterable[Message], *, staff: bool) -> list[MessageBody]:
    """Return the messages with their files."""
    found = list(found)
    attached = files.of_messages(conn, [message.id for message in found], staff=staff)
    return [views.message(message, attached.get(message.id, ())) for message in found]


def _answers(ticket: Ticket, by: User, is_internal: bool) -> bool:
    """Return whether this is the desk's first public word to somebody else."""
    return (
        ticket.first_response_at is None and not is_internal and by.is_staff and by.id != ticket.requester.id
    )


def _count(tx: Tx, ticket: Ticket, *, is_internal: bool, answers: bool, by: User, at: Instant) -> None:
    if is_internal:
        stored.update(tx, ticket.id, {"internal_messages": ticket.internal_messages + 1})
        return
    columns = {"public_messages": ticket.public_messages + 1, "updated_at": at}
    if answers:
        columns["first_response_at"] = at
    stored.update(tx, ticket.id, columns)
    if by.is_staff and by.id != ticket.requester.id:
        returns.of_answer(tx, ticket)
    clocks.hear(tx, ticket, answers=answers, at=at)


def _called(tx: Tx, body: str, by: User) -> list[int]:
    """Return which colleagues a member of the staff calls by their handles."""
    if not by.is_staff or "@" not in body:
        return []
    return mentions.mentioned(body, mentions.directory(people.colleagues(tx)))


def _tell(tx: Tx, before: Ticket, message: MessageBody, watching: Changes, by: User, at: Instant) -> int:
    """Tell the message to its room, the counts and new watchers to staff; return its place in the room."""
    after = stored.get(tx, before.id)
    room = staff_room(after.id) if message.is_internal else ticket_room(after.id)
    event = views.MessageEvent(message, views.counts(after, staff=message.is_internal))
    seq = events.append(tx, room, Event.NEW_MESSAGE, event, at)
    telling.tell_counts(tx, before, after, by=by, at=at, also=watching)
    messages.set_seq(tx, message.id, seq)
    return seq


def _move_along(tx: Tx, ticket: Ticket, body: str, by: User, at: Instant) -> bool:
    """Move the ticket as a public message does by itself: the first answer opens it, the requester reopens it.

    Returns whether it was reopened. Who is told of the message need not hear of the move as well.
    """
    if by.id == ticket.requester.id:
        to = workflow.after_requester_message(ticket.status)
    else:
        to = workflow.after_staff_reply(ticket.status) if by.is_staff else None
    if to is None:
        return False
    reopens = workflow.is_reopen(ticket.status, to)
    tickets.move(tx, ticket.id, to, comment=body if reopens else None, by=None, at=at, quiet=True)
    return reopens


def _index(tx: Tx, ticket_id: int, body: str, is_internal: bool) -> None:
    piece = stored.next_piece(tx, ticket_id)
    if is_internal:
        search.index_piece(tx, ticket_id, piece, note=body)
    else:
        search.index_piece(tx, ticket_id, piece, body=body)
