"""What clients ask for over the websocket: one table of commands, each running what REST runs as well."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Concatenate, Final, NamedTuple, ParamSpec, Self, TypeVar

import msgspec
from aiohttp import web
from msgspec import UNSET

from servicedesk.desk import files, messages, several, tickets
from servicedesk.desk.several import Wanted
from servicedesk.domain import views
from servicedesk.domain.access import Verb, may, require
from servicedesk.domain.errors import BadJson, Invalid, NotFound, RateLimited, Refused, Unauthenticated
from servicedesk.domain.events import DESK, staff_room, ticket_room, user_room
from servicedesk.domain.people import User
from servicedesk.domain.tickets import Ticket
from servicedesk.domain.times import SECOND, Instant, iso
from servicedesk.domain.words import say
from servicedesk.live import protocol, resume, rooms
from servicedesk.live.connection import Connection
from servicedesk.live.hub import Hub
from servicedesk.live.protocol import (
    LIMITS,
    Close,
    Connected,
    Joined,
    JoinedTicket,
    Mode,
    Nothing,
    NotJoined,
    RoomState,
    Sent,
    Snapshot,
    UnknownEvent,
    Updated,
)
from servicedesk.store import db, events, sessions, watchers
from servicedesk.store import messages as stored_messages
from servicedesk.store.db import Tx
from servicedesk.web import decode, space
from servicedesk.web.fields import ID_MAX
from servicedesk.web.keys import CLOCK, DB

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_FAILED: Final = say("Something went wrong here; it was logged.")
SNAPSHOT_MESSAGES: Final = 50


class Failed(Refused):
    code = "internal"
    title = say("Something went wrong here")


class Talk:
    """A conversation over one socket."""

    def __init__(
        self,
        app: web.Application,
        hub: Hub,
        connection: Connection,
        epoch: str,
        said: Callable[[str], str] = str,
    ) -> None:
        self.app = app
        self.hub = hub
        self.connection = connection
        self.epoch = epoch
        self.said = said
        """What puts a refusal into the language of whoever is at the other end."""
        self.bad_frames = 0
        self.after_reply: list[Callable[[], None]] = []

    @property
    def now(self) -> Instant:
        return self.app[CLOCK]()

    def user(self) -> User:
        """Return whose socket it is, as they are now. Raises Unauthenticated when their session is over."""
        user = self.peek(_user, self.connection.session_id, self.now)
        if user != self.hub.user(self.connection):
            self.hub.refresh(user.id)
        return user

    def peek(self, fn: Callable[Concatenate[db.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self.app[DB].peek(fn, *args, **kwargs)

    def look(self, fn: Callable[[db.Connection, Self, User, Any], T], command: protocol.Command) -> T:
        """Ask in the name of the person as they are in the state of the database that is looked at."""
        return self.peek(lambda conn: fn(conn, self, self.user(), command))

    async def write(self, fn: Callable[[Tx, User, Instant], T]) -> T:
        """Run what the desk does in a transaction, in the name of the person as they are in that transaction."""
        space.require_room(self.app)
        session_id, at = self.connection.session_id, self.now
        return await self.app[DB].write(lambda tx: fn(tx, _user(tx, session_id, at), at))


async def answer(talk: Talk, text: str, now: Instant) -> None:
    """Do what a frame asks for, and say how it went. ``now`` is the time by which rates are measured."""
    connection = talk.connection
    wait = connection.rate.wait(now)
    if wait:
        connection.reply(protocol.refusal(protocol.reply_to(text), _too_fast(wait), talk.said))
        if connection.rate.refused(now):
            connection.end(Close.TOO_FAST, b"too many commands", flush=True)
        return
    try:
        frame = protocol.frame(text)
        kind = protocol.command_type(frame.event)
        command = decode.body(bytes(frame.data), kind)
    except (BadJson, Invalid, UnknownEvent) as refusal:
        _bad_frame(talk, text, refusal)
        return
    talk.bad_frames = 0
    await _act(talk, frame, TABLE[kind], command)


def greet(talk: Talk) -> None:
    """Put a new socket into the rooms that are its person's from the start, and send the first frame."""
    user = talk.hub.user(talk.connection)
    own = (user_room(user.id), DESK) if user.is_staff else (user_room(user.id),)
    states = talk.peek(
        lambda conn: {room: resume.afresh(talk.hub, talk.connection, room, LogState(conn)) for room in own}
    )
    talk.connection.reply(connected(talk, states))


def greet_again(talk: Talk) -> None:
    """Say to a socket that is there what it is now and which rooms it is in."""
    talk.connection.reply(connected(talk, talk.peek(_standing, talk)))


def connected(talk: Talk, states: dict[str, RoomState]) -> bytes:
    """Return the frame that says who and where the client is."""
    user, now = talk.hub.user(talk.connection), talk.now
    data = Connected(
        connection_id=talk.connection.id,
        epoch=talk.epoch,
        user=views.user(user),
        server_time=iso(now),
        presence=talk.hub.awareness.presence() if user.is_staff else (),
        rooms=states,
    )
    return protocol.passing("connected", iso(now), data)


class LogState(NamedTuple):
    """The log as a read transaction sees it."""

    conn: db.Connection

    def top(self, room: str) -> int:
        return events.top(self.conn, room)

    def can_resume(self, room: str, seq: int) -> bool:
        most, most_bytes = LIMITS.resume_events, LIMITS.resume_bytes
        return events.can_resume(self.conn, room, seq, most=most, most_bytes=most_bytes)


# The commands --------------------------------------------------


async def connect(talk: Talk, command: protocol.Connect) -> Nothing:
    """Resume rooms after a break; of rooms that the socket is in already, only compare positions."""
    connection = talk.connection
    if command.batch is not None:
        connection.batch = command.batch
    talk.hub.awareness.touched(connection, idle=bool(command.idle))
    states = talk.look(_resume, command)
    connection.reply(connected(talk, states))
    return Nothing()


async def join_ticket(talk: Talk, command: protocol.JoinTicket) -> JoinedTicket:
    """Hear a ticket from now on, after a snapshot or after what the client has."""
    _check_id(command.ticket_id)
    states = talk.look(_join, command)
    room = ticket_room(command.ticket_id)
    positions = {name: Joined(_seq(state), state.recovered) for name, state in states.items()}
    snapshot = next((s.snapshot for s in states.values() if s.snapshot is not UNSET), UNSET)
    return JoinedTicket(room, positions[room].seq, positions, talk.epoch, snapshot)


async def leave_ticket(talk: Talk, command: protocol.LeaveTicket) -> Nothing:
    """Hear the ticket no longer, if it was heard at all."""
    talk.hub.leave_ticket(talk.connection, command.ticket_id)
    return Nothing()


async def send_message(talk: Talk, command: protocol.SendMessage) -> Sent:
    """Say something on a ticket, once for each ``client_msg_id``."""
    _check_id(command.ticket_id)

    def post(tx: Tx, user: User, at: Instant) -> messages.Posted:
        return messages.post(
            tx,
            command.ticket_id,
            command.body,
            is_internal=command.is_internal,
            client_msg_id=command.client_msg_id,
            by=user,
            at=at,
        )

    posted = await talk.write(post)
    message = posted.message
    room = staff_room(message.ticket_id) if message.is_internal else ticket_room(message.ticket_id)
    return Sent(message.id, room, posted.seq, posted.duplicate)


async def typing_start(talk: Talk, command: protocol.TypingStart) -> Nothing:
    """Let the others in the ticket see that something is being typed."""
    _require_joined(talk, command.ticket_id, command.mode)
    talk.hub.awareness.typing(talk.connection, command.ticket_id, command.mode)
    return Nothing()


async def typing_stop(talk: Talk, command: protocol.TypingStop) -> Nothing:
    """Let the others see that nothing is typed any more, whatever it was or of one mode."""
    _require_joined(talk, command.ticket_id, command.mode)
    talk.hub.awareness.typed(talk.connection.user_id, command.ticket_id, command.mode)
    return Nothing()


async def ticket_update(talk: Talk, command: protocol.TicketUpdate) -> Updated:
    """Change a ticket, all of it or nothing."""
    _check_id(command.ticket_id)
    wanted = Wanted(**msgspec.structs.asdict(command.changes))
    versions = None if command.version is None else frozenset({command.version})
    room = ticket_room(command.ticket_id)

    def update(tx: Tx, user: User, at: Instant) -> Updated:
        ticket = several.update(tx, command.ticket_id, wanted, by=user, at=at, versions=versions)
        return Updated(tickets.shown(tx, ticket, user, at), ticket.version, room, events.top(tx, room))

    return await talk.write(update)


TABLE: Final[Mapping[type, Callable[[Talk, Any], Awaitable[msgspec.Struct]]]] = {
    protocol.Connect: connect,
    protocol.JoinTicket: join_ticket,
    protocol.LeaveTicket: leave_ticket,
    protocol.SendMessage: send_message,
    protocol.TypingStart: typing_start,
    protocol.TypingStop: typing_stop,
    protocol.TicketUpdate: ticket_update,
}


# How a frame is answered --------------------------------------------------


async def _act(
    talk: Talk,
    frame: protocol.Frame,
    act: Callable[[Talk, Any], Awaitable[msgspec.Struct]],
    command: protocol.Command,
) -> None:
    connection = talk.connection
    try:
        done = await act(talk, command)
    except Unauthenticated:
        talk.hub.expel(connection)
    except Refused as refusal:
        connection.reply(protocol.refusal(frame.id, refusal, talk.said))
    except Exception:
        log.exception("the command %s failed", frame.event)
        connection.reply(protocol.refusal(frame.id, Failed(_FAILED), talk.said))
    else:
        if frame.id is not None:
            connection.reply(protocol.encode(protocol.Reply(frame.id, done)))
    while talk.after_reply:
        talk.after_reply.pop()()
    connection.release()


def _bad_frame(talk: Talk, text: str, refusal: Refused) -> None:
    talk.connection.reply(protocol.refusal(protocol.reply_to(text), refusal, talk.said))
    talk.bad_frames += 1
    if talk.bad_frames == LIMITS.bad_frames:
        talk.connection.end(Close.BAD_FRAMES, b"too many bad frames in a row", flush=True)


def _too_fast(wait: int) -> RateLimited:
    return RateLimited(say("At most {n} commands a second, please.", n=LIMITS.commands_per_second), wait)


def _user(conn: db.Connection, session_id: int, at: Instant) -> User:
    known = sessions.alive(conn, session_id, at)
    if known is None:
        raise Unauthenticated()
    return known.user


def _check_id(ticket_id: int) -> None:
    if not 1 <= ticket_id <= ID_MAX:
        raise NotFound(say("There is no {what} {id}.", what=say("ticket"), id=ticket_id))


def _require_joined(talk: Talk, ticket_id: int, mode: Mode | None) -> None:
    _check_id(ticket_id)
    ticket = talk.peek(tickets.seen, ticket_id, talk.user())
    if mode is Mode.NOTE:
        require(talk.hub.user(talk.connection), Verb.NOTE, ticket)
    if ticket_room(ticket_id) not in talk.connection.seats:
        raise NotJoined()


# Joining and resuming --------------------------------------------------


def _resume(conn: db.Connection, talk: Talk, user: User, command: protocol.Connect) -> dict[str, RoomState]:
    """Take up every room that the client names, and say of the others that they go on."""
    states = dict.fromkeys(command.rooms, RoomState(False)) | _standing(conn, talk)
    named = {ticket_id for room in command.rooms if (ticket_id := _ticket_id(room)) is not None}
    seen = [ticket for ticket_id in sorted(named) if (ticket := _seen(conn, ticket_id, user)) is not None]
    seen = [ticket for ticket in seen if not command.rooms.keys().isdisjoint(_rooms_of(ticket, user))]
    _require_space(talk, seen)
    ours = None if command.epoch is None else command.epoch == talk.epoch
    for room in command.rooms.keys() & talk.connection.seats.keys():
        if _ticket_id(room) is None:
            claim, state = command.rooms[room].seq, LogState(conn)
            states[room] = resume.after(talk.hub, talk.connection, room, claim, ours=ours, state=state)
    for ticket in seen:
        states |= _take_up(conn, talk, user, ticket, command.rooms, ours)
    return states


def _join(conn: db.Connection, talk: Talk, user: User, command: protocol.JoinTicket) -> dict[str, RoomState]:
    ticket = tickets.seen(conn, command.ticket_id, user)
    _require_space(talk, [ticket])
    ours = None if command.epoch is None else command.epoch == talk.epoch
    return _take_up(conn, talk, user, ticket, command.rooms, ours)


def _take_up(
    conn: db.Connection,
    talk: Talk,
    user: User,
    ticket: Ticket,
    claims: Mapping[str, protocol.Position],
    ours: bool | None,
) -> dict[str, RoomState]:
    """Sit down in the ticket's rooms; where something cannot be resumed, a snapshot stands with it."""
    hub, connection, state = talk.hub, talk.connection, LogState(conn)
    mine = _rooms_of(ticket, user)
    if mine[0] not in connection.seats:
        hub.awareness.opened(connection, ticket.id)
        talk.after_reply.append(lambda: hub.awareness.tell_typing(connection, ticket.id))
    states = {}
    for room in mine:
        if room in claims:
            claim = claims[room].seq
            states[room] = resume.after(hub, connection, room, claim, ours=ours, state=state)
        elif room in connection.seats and not claims.keys().isdisjoint(mine):
            states[room] = resume.standing(connection.seats[room], state)
        else:
            states[room] = resume.afresh(hub, connection, room, state)
    lost = next((room for room, found in states.items() if not found.recovered), None)
    if lost is not None:
        shown = _snapshot(conn, talk, user, ticket)
        states[lost] = msgspec.structs.replace(states[lost], snapshot=shown)
    return states


def _snapshot(conn: db.Connection, talk: Talk, user: User, ticket: Ticket) -> Snapshot:
    internal = may(user, Verb.SEE_INTERNAL, ticket)
    latest = stored_messages.latest(conn, ticket.id, limit=SNAPSHOT_MESSAGES, internal=internal)
    return Snapshot(
        ticket=tickets.shown(conn, ticket, user, talk.now),
        messages=messages.shown(conn, latest, staff=internal),
        files=files.of_ticket(conn, ticket.id, staff=internal),
        viewers=talk.hub.awareness.viewers(ticket.id) if user.is_staff else UNSET,
        watchers=watchers.of_ticket(conn, ticket.id) if user.is_staff else UNSET,
    )


def _standing(conn: db.Connection, talk: Talk) -> dict[str, RoomState]:
    state = LogState(conn)
    return {room: resume.standing(seat, state) for room, seat in talk.connection.seats.items()}


def _require_space(talk: Talk, wanted: Iterable[Ticket]) -> None:
    """Raise RateLimited when the socket would be in more tickets than it may."""
    joined = set(talk.hub.tickets(talk.connection))
    joined.update(ticket.id for ticket in wanted)
    if len(joined) > LIMITS.rooms:
        raise RateLimited(say("A socket is in at most {n} tickets; leave one first.", n=LIMITS.rooms), SECOND)


def _rooms_of(ticket: Ticket, user: User) -> tuple[str, ...]:
    if may(user, Verb.SEE_INTERNAL, ticket):
        return ticket_room(ticket.id), staff_room(ticket.id)
    return (ticket_room(ticket.id),)


def _seen(conn: db.Connection, ticket_id: int, user: User) -> Ticket | None:
    try:
        return tickets.seen(conn, ticket_id, user)
    except NotFound:
        return None


def _ticket_id(room: str) -> int | None:
    parsed = rooms.named(room)
    return parsed.ticket_id if parsed is not None else None


def _seq(state: RoomState) -> int:
    return state.top if isinstance(state.top, int) else 0
