"""The door of the websocket: who may come in, the socket itself, and its end when the server stops."""

import asyncio
import contextlib
import fcntl
import logging
import os
import secrets
import struct
import termios
import time
from collections.abc import AsyncIterator, Sequence
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Final

import msgspec
from aiohttp import WSMsgType, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from servicedesk.domain.access import Verb, may
from servicedesk.domain.errors import (
    BadRequest,
    CsrfRefused,
    NotFound,
    SecondStepNeeded,
    StorageFull,
    Unauthenticated,
    Unavailable,
)
from servicedesk.domain.events import Action, Event, user_room
from servicedesk.domain.people import User
from servicedesk.domain.times import Instant
from servicedesk.live import rooms
from servicedesk.live.connection import Connection
from servicedesk.live.hub import Hub
from servicedesk.live.protocol import LIMITS, SUBPROTOCOL, TICKET_PREFIX, AccessRevoked, Close
from servicedesk.store import db, epoch, events, people, sessions, tickets
from servicedesk.web import auth, commands, words
from servicedesk.web.api import Call
from servicedesk.web.commands import Talk
from servicedesk.web.health import METER
from servicedesk.web.keys import CLOCK, DB, SETTINGS
from servicedesk.web.sessions import redeem

log = logging.getLogger(__name__)

BEAT: Final = 0.25
"""Seconds between two looks at what time has changed."""
UNREAD: Final = 65_536
"""Bytes, about, that the system may keep for a socket whose client does not read; it would take megabytes by itself."""
HELD: Final = 0.5
"""Seconds that a new socket has to say where it left off, before its own rooms begin to flow."""
RETRY_FIRST: Final = 500
"""Milliseconds after which the first may come back when the server stops; the others follow bit by bit."""
RETRY_EACH: Final = 2

_close_code: Final = struct.Struct("!H").pack
_head_16: Final = struct.Struct("!BBH").pack
_head_64: Final = struct.Struct("!BBQ").pack


def monotonic() -> Instant:
    """Return the same object as long as it is the same millisecond: thousands of frames note when they came."""
    global _latest
    now = time.monotonic_ns() // 1_000_000
    if now != _latest:
        _latest = now
    return _latest


_latest: Instant = 0


# Coming in --------------------------------------------------


async def socket(call: Call) -> web.StreamResponse:
    """Open a websocket: events, and commands as the document of the live part describes them."""
    hub = call.app[HUB]
    if hub.draining:
        raise Unavailable("The server is about to restart; try again in a moment.")
    caller = _caller(call)
    # No heartbeat of aiohttp's: its ping waits for the same drained buffer as our sends, and when it is
    # cancelled they are too. The hub pings through the connection's writer.
    ws = web.WebSocketResponse(
        protocols=(SUBPROTOCOL,),
        timeout=1.0,
        autoclose=False,
        autoping=False,
        compress=False,
        max_msg_size=LIMITS.frame_bytes + 1,
    )
    try:
        writer = await ws.prepare(call.request)
    except ValueError:
        raise BadRequest("The Sec-WebSocket-Key is none.") from None
    ws.headers.clear()  # they are sent; a socket lives long, and there are many
    line = _Line(writer, call.request)
    connection = Connection(
        line,
        hub.desk,
        monotonic,
        hub.gate,
        connection_id=secrets.token_urlsafe(9),
        user_id=caller.user.id,
        session_id=caller.session_id,
    )
    hub.watch(connection)
    writing = asyncio.create_task(connection.write())
    try:
        said = words.of_person(call.request, caller.user).plain
        talk = Talk(call.app, hub, connection, hub.desk.epoch, said)
        talk.peek(_let_in, talk)
        await _listen(talk, ws)
        await writing
    finally:
        hub.exit(connection)
        # A peer that stopped reading would hold the line for ever, a farewell notwithstanding.
        connection.cut()
        await writing
        await _let_go(ws)
    return ws


async def _let_go(ws: web.WebSocketResponse) -> None:
    """Have no ring of references left: thousands of them would wait for the collector, and the loop for it."""
    await ws.close()  # the line is cut: it only notes that, with an error whose frames hold the socket
    error: BaseException | None = ws.exception()
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


def _caller(call: Call) -> auth.Caller:
    """Return who knocks, by ws-ticket, token or cookie. Raises before any upgrade whatever is not right."""
    headers = call.request.headers
    offered = [p.strip() for p in ",".join(headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, [])).split(",")]
    ticket = next((p.removeprefix(TICKET_PREFIX) for p in offered if p.startswith(TICKET_PREFIX)), None)
    caller = redeem(call.request, ticket) if ticket is not None else call.caller
    if caller is None:
        raise Unauthenticated()
    if caller.must_enrol:
        raise SecondStepNeeded()
    by_cookie = ticket is None and hdrs.AUTHORIZATION not in headers
    if by_cookie and not auth.has_our_origin(call.request):
        raise CsrfRefused("This websocket was not opened by our own page.")
    if offered != [""] and SUBPROTOCOL not in offered:
        raise BadRequest(f"The subprotocol here is {SUBPROTOCOL}.")
    return caller


def _let_in(conn: db.Connection, talk: Talk) -> None:
    """Greet the newcomer, unless they have too many sockets, or their session ended on the way."""
    connection, hub = talk.connection, talk.hub
    known = sessions.alive(conn, connection.session_id, talk.now)
    if known is None:
        hub.expel(connection)
    elif hub.is_full(connection.user_id):
        connection.end(Close.TOO_MANY, b"too many sockets")
    elif hub.draining:
        connection.end(Close.RESTART, _retry(hub))
    else:
        connection.expires_at = known.expires_at
        hub.enter(connection, known.user)
        connection.hold()
        commands.greet(talk)
        asyncio.get_running_loop().call_later(HELD, connection.release)


async def _listen(talk: Talk, ws: web.WebSocketResponse) -> None:
    """Answer frames one after the other until the socket ends."""
    connection = talk.connection
    while True:
        message = await ws.receive()
        connection.heard()
        if message.type is WSMsgType.TEXT:
            if not connection.ending:
                await commands.answer(talk, message.data, monotonic())
                await connection.room_for_replies()
        elif message.type is WSMsgType.PING:
            connection.pong(message.data)
        elif message.type is WSMsgType.BINARY:
            connection.end(Close.TEXT_ONLY, b"text frames only")
        elif message.type is WSMsgType.CLOSE:
            connection.end(Close.NORMAL)
            return
        elif message.type is not WSMsgType.PONG:
            connection.cut()  # the line broke, or aiohttp closed it for a frame that is none
            return


class _Line:
    """The socket as the connection's writer uses it: frames that wait go out in one call of the network."""

    __slots__ = ("_transport", "_writer")

    def __init__(self, writer: AbstractStreamWriter, request: web.Request) -> None:
        if request.transport is None:
            raise ConnectionResetError("gone before it was there")
        self._writer = writer
        self._transport: asyncio.WriteTransport = request.transport
        self._transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, UNREAD)

    async def send(self, frames: Sequence[bytes]) -> None:
        await self._write([part for frame in frames for part in (_head(WSMsgType.TEXT, len(frame)), frame)])

    async def ping(self) -> None:
        await self._write([_head(WSMsgType.PING, 0)])

    async def pong(self, payload: bytes) -> None:
        await self._write([_head(WSMsgType.PONG, len(payload)), payload])

    async def close(self, code: int, reason: bytes) -> None:
        await self._write([_head(WSMsgType.CLOSE, 2 + len(reason)), _close_code(code), reason])

    def waiting(self) -> int:
        # What the kernel holds counts too: it takes much at a time, and would hide that a thin line moves.
        fd = self._transport.get_extra_info("socket").fileno()
        held = struct.pack("i", 0)
        if fd >= 0:
            with contextlib.suppress(OSError):
                held = fcntl.ioctl(fd, termios.TIOCOUTQ, held)
        return self._transport.get_write_buffer_size() + int(struct.unpack("i", held)[0])

    def abort(self) -> None:
        self._transport.abort()

    async def _write(self, parts: Sequence[bytes]) -> None:
        if self._transport.is_closing():
            raise ConnectionResetError("the line is closed")
        self._transport.writelines(parts)
        await self._writer.drain()


def _head(kind: WSMsgType, length: int) -> bytes:
    """Return the head of a whole frame of a server, which masks nothing."""
    first = 0x80 | kind
    if length < 126:
        return bytes((first, length))
    return _head_16(first, 126, length) if length < 65_536 else _head_64(first, 127, length)


# What the hub asks of the desk --------------------------------------------------


class Desk:
    """The database as the hub sees it."""

    def __init__(self, app: web.Application, epoch: str) -> None:
        self.epoch = epoch
        self._app = app
        self._db = app[DB]
        self._telling: set[asyncio.Task[None]] = set()

    def person(self, user_id: int) -> User | None:
        try:
            return self._db.peek(people.get, user_id)
        except NotFound:
            return None

    def may_hear(self, user: User, room: str) -> bool:
        return self._db.peek(_may_hear, user, room)

    def top(self, room: str) -> int:
        return self._db.peek(events.top, room)

    def read_on(self, room: str, seq: int) -> list[bytes] | None:
        return self._db.peek(events.read_on, room, seq)

    def access_taken(self, user_id: int, ticket_ids: Sequence[int]) -> None:
        task = asyncio.get_running_loop().create_task(self._tell_taken(user_id, ticket_ids))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def role_changed(self, connection: Connection) -> None:
        commands.greet_again(Talk(self._app, self._app[HUB], connection, self.epoch))

    async def _tell_taken(self, user_id: int, ticket_ids: Sequence[int]) -> None:
        try:
            await self._db.write(_tell_taken, user_id, ticket_ids, self._app[CLOCK]())
        except StorageFull:
            log.warning("user %s is not told of %s lost tickets: the disk is full", user_id, len(ticket_ids))


def _may_hear(conn: db.Connection, user: User, name: str) -> bool:
    room = rooms.named(name)
    if room is None or not user.is_active:
        return False
    if room.ticket_id is None:
        return user.is_staff if room.user_id is None else room.user_id == user.id
    try:
        ticket = tickets.get(conn, room.ticket_id)
    except NotFound:
        return False
    return may(user, Verb.SEE_INTERNAL if room.is_staff else Verb.SEE, ticket)


def _tell_taken(tx: db.Tx, user_id: int, ticket_ids: Sequence[int], at: Instant) -> None:
    for ticket_id in ticket_ids:
        data = AccessRevoked(ticket_id, Action.ACCESS_REVOKED)
        events.append(tx, user_room(user_id), Event.TICKET_UPDATED, data, at)


# While the server runs --------------------------------------------------

HUB: Final = web.AppKey("hub", Hub)


async def running(app: web.Application) -> AsyncIterator[None]:
    """Let the hub hear what the database tells, as long as the application runs."""
    mark = epoch.MarkFile(app[SETTINGS].data_dir / epoch.FILE)
    desk = Desk(app, await _settled_epoch(app, mark))
    hub = app[HUB] = Hub(desk, monotonic, app[CLOCK])
    app[DB].listen(mark.hear)  # before anybody else hears of it
    app[DB].listen(hub.hear)
    app[METER].gauges["sockets"] = ("Websockets that are open", lambda: len(hub))
    beating = asyncio.create_task(_beat(hub))
    yield
    beating.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await beating
    mark.close()


async def drain(app: web.Application) -> None:
    """Close all sockets with a hint when to come back; for the application's shutdown."""
    hub = app[HUB]
    await hub.drain(lambda: _retry(hub))


def _retry(hub: Hub) -> bytes:
    latest = RETRY_FIRST + RETRY_EACH * len(hub)
    return msgspec.json.encode({"retry_ms": RETRY_FIRST + secrets.randbelow(latest)})


async def _settled_epoch(app: web.Application, mark: epoch.MarkFile) -> str:
    """Return the log's name, and have the mark follow the log from here on."""
    found, fresh = os.stat(app[SETTINGS].database), secrets.token_urlsafe(12)
    try:
        here = await app[DB].write(epoch.settle, f"{found.st_dev}:{found.st_ino}", mark.read(), fresh)
    except StorageFull:
        log.warning("the disk is full: the log's new name is for today alone")
        mark.remove()
        return fresh
    if mark.begin(here):
        with contextlib.suppress(StorageFull):
            await app[DB].write(epoch.note_marked)
    return here.epoch


async def _beat(hub: Hub) -> None:
    while True:
        await asyncio.sleep(BEAT)
        try:
            hub.tick()
        except Exception:
            log.exception("the hub's beat failed")
