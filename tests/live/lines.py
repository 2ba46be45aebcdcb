"""A connection over a real pair of sockets, and a log in memory, for the parts that need no desk."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

from servicedesk.live.connection import Connection
from servicedesk.live.gate import Gate
from servicedesk.live.seat import Seat
from servicedesk.web.live import _Line, monotonic


class Time:
    """A clock that stands still until the test turns it."""

    def __init__(self) -> None:
        self.now = monotonic()

    def __call__(self) -> int:
        return self.now

    def pass_(self, milliseconds: int) -> None:
        self.now += milliseconds


class MemoryLog:
    """Rooms and their frames; a seat reads here what it did not hear directly."""

    def __init__(self) -> None:
        self.rooms: dict[str, list[bytes]] = {}

    def append(self, room: str, frame: bytes) -> int:
        frames = self.rooms.setdefault(room, [])
        frames.append(frame)
        return len(frames)

    def read_on(self, room: str, seq: int) -> list[bytes] | None:
        return self.rooms.get(room, [])[seq : seq + 64]


class Nowhere:
    """A line whose connection has no writer, so that nothing is ever sent on it."""

    async def send(self, frames: Sequence[bytes]) -> None: ...
    async def ping(self) -> None: ...
    async def pong(self, payload: bytes) -> None: ...
    async def close(self, code: int, reason: bytes) -> None: ...
    def waiting(self) -> int:
        return 0

    def abort(self) -> None: ...


class Wire:
    """The desk's end and the client's end of one socket."""

    def __init__(
        self, connection: Connection, client: ClientWebSocketResponse, log: MemoryLog, time: Time
    ) -> None:
        self.connection = connection
        self.client = client
        self.log = log
        self.time = time
        self._numbers = count(1)

    def seat(self, room: str, seq: int = 0) -> Seat:
        return Seat(self.connection, room, seq)

    def tell(self, seat: Seat, frame: bytes | None = None) -> None:
        """Write an event into the log and tell it, as after a commit."""
        text = frame or b"%d" % next(self._numbers)
        seat.hear(self.log.append(seat.room, text), text)

    async def read(self, frames: int) -> list[str]:
        return [await self.client.receive_str(timeout=5) for _ in range(frames)]

    async def ended(self) -> int | None:
        """Read to the end and return the close code."""
        while True:
            message = await self.client.receive(timeout=5)
            if message.type not in (WSMsgType.TEXT, WSMsgType.PING, WSMsgType.PONG):
                return self.client.close_code


@asynccontextmanager
async def served(log: MemoryLog, time: Time) -> AsyncIterator[tuple[int, asyncio.Future[Connection]]]:
    """Serve one connection; yields the port and what will be the connection."""
    made: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()

    async def accept(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False, autoclose=False, autoping=False, timeout=1)
        line = _Line(await ws.prepare(request), request)
        connection = Connection(line, log, time, Gate(), connection_id="c", user_id=7, session_id=1)
        writer = asyncio.create_task(connection.write())
        made.set_result(connection)
        while (await ws.receive()).type in (WSMsgType.TEXT, WSMsgType.PONG):
            connection.heard()
        connection.cut()
        await writer
        return ws

    app = web.Application()
    app.router.add_get("/", accept)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1], made
    await runner.cleanup()


@asynccontextmanager
async def wire(**options: Any) -> AsyncIterator[Wire]:
    """Connect a client that reads when the test does."""
    log, time = MemoryLog(), Time()
    async with served(log, time) as (port, made), ClientSession(f"http://127.0.0.1:{port}") as session:
        client = await session.ws_connect("/", **options)
        yield Wire(await made, client, log, time)
        await client.close()


async def thin(port: int) -> socket.socket:
    """Return a client's socket after the upgrade, which takes only what the test receives."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", port))
    lines = (
        "GET / HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
    )
    await loop.sock_sendall(sock, "\r\n".join([*lines, "", ""]).encode())
    return sock
