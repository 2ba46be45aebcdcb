"""Sockets by the thousand: frames are cut from plain bytes, and only looked into as far as needed."""

import asyncio
import base64
import os
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import msgspec

from tests.stress.desks import Desk

PATIENCE: Final = 60.0
"""Seconds after which a test gives up; what should come at once may take long on a crowded machine."""


T = TypeVar("T")


class Frame(msgspec.Struct):
    """What is read of a frame from the desk; its data stay bytes."""

    event: str = ""
    room: str = ""
    seq: int = 0
    reply_to: int | str | None = None
    ok: bool = False
    data: msgspec.Raw = msgspec.Raw(b"null")
    error: dict[str, Any] = {}

    @property
    def all(self) -> Any:
        return msgspec.json.decode(self.data)


class _Message(msgspec.Struct):
    id: int
    body: str


class _Said(msgspec.Struct):
    message: _Message


_one: Final = msgspec.json.Decoder(Frame)
_many: Final = msgspec.json.Decoder(list[Frame])
_said: Final = msgspec.json.Decoder(_Said)


def said(frame: Frame) -> tuple[int, str]:
    """Return the id and the text of a ``new_message``."""
    message = _said.decode(frame.data).message
    return message.id, message.body


class Cut(ConnectionError):
    """The socket ended while something was awaited."""


class Wire(asyncio.Protocol):
    """A client's end of a socket. ``heard`` gets every event; replies go to those who asked."""

    def __init__(self, heard: Callable[[Frame], None] | None = None) -> None:
        self.heard = heard
        self.greeting: Any = None
        self.code: int | None = None
        """Why it was closed, once it was."""
        self.reason = b""
        loop = asyncio.get_running_loop()
        self.greeted: asyncio.Future[Any] = loop.create_future()
        self.ended: asyncio.Future[int | None] = loop.create_future()
        self._loop = loop
        self._buffer = b""
        self._upgraded = False
        self._asked: dict[int, asyncio.Future[Frame]] = {}
        self._numbers = 0
        self.transport: asyncio.Transport

    # What is sent --------------------------------------------------

    def send(self, event: str, number: int | None = None, /, **data: Any) -> None:
        frame: dict[str, Any] = {"event": event, "data": data}
        if number is not None:
            frame["id"] = number
        self.transport.write(masked(msgspec.json.encode(frame)))

    def asking(self, event: str, **data: Any) -> asyncio.Future[Frame]:
        """Send a command and return what will be its reply, or Cut."""
        self._numbers += 1
        reply: asyncio.Future[Frame] = self._loop.create_future()
        if self.ended.done():
            reply.set_exception(Cut(f"{self.code}"))
            return reply
        self._asked[self._numbers] = reply
        self.send(event, self._numbers, **data)
        return reply

    def expect(self, number: int) -> asyncio.Future[Frame]:
        """Return what will be the reply to a frame with this id, however it is sent."""
        return self._asked.setdefault(number, self._loop.create_future())

    async def do(self, event: str, **data: Any) -> Any:
        """Send a command that is to succeed, and return the reply's data."""
        reply = await within(self.asking(event, **data))
        assert reply.ok, reply.error
        return reply.all

    def close(self) -> None:
        """Go away without a word."""
        self.transport.abort()

    def deafen(self) -> None:
        """Read nothing from now on."""
        self.transport.pause_reading()

    # What comes --------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data
        if not self._upgraded:
            head, mark, data = data.partition(b"\r\n\r\n")
            if not mark:
                self._buffer = head
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                self._fail(ConnectionRefusedError((head + data)[:600].decode(errors="replace")))
                return
            self._upgraded = True
        place = 0
        while (found := _cut(data, place)) is not None:
            opcode, start, place = found
            self._take(opcode, data[start:place])
        self._buffer = data[place:]

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(Cut(f"the line broke: {error}"))

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == 1:
            for frame in _many.decode(payload) if payload[:1] == b"[" else (_one.decode(payload),):
                self._hear(frame)
        elif opcode == 8:
            self.code, self.reason = int.from_bytes(payload[:2], "big"), payload[2:]
            self.transport.write(masked(payload[:2], 8))
            self._fail(Cut(f"closed with {self.code}"))
        elif opcode == 9:
            self.transport.write(masked(payload, 10))

    def _hear(self, frame: Frame) -> None:
        if frame.event == "":
            assert isinstance(frame.reply_to, int), frame.error
            reply = self._asked.pop(frame.reply_to)
            if not reply.done():
                reply.set_result(frame)
        elif frame.event == "connected" and self.greeting is None:
            self.greeting = frame.all
            self.greeted.set_result(self.greeting)
        elif self.heard is not None:
            self.heard(frame)

    def _fail(self, error: Exception) -> None:
        if not self.ended.done():
            self.ended.set_result(self.code)
        for waiting in (self.greeted, *self._asked.values()):
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # whoever still waits will see it; whoever gave up need not
        self._asked.clear()


async def within(awaited: asyncio.Future[T]) -> T:
    return await asyncio.wait_for(awaited, PATIENCE)


async def dial(port: int, token: str, heard: Callable[[Frame], None] | None = None, **line: Any) -> Wire:
    """Open a socket and send the handshake; its greeting comes later, or why there is none."""
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(
        lambda: Wire(heard), **(line or {"host": "127.0.0.1", "port": port})
    )
    wire.transport.write(handshake(token))
    return wire


async def connect(port: int, token: str, heard: Callable[[Frame], None] | None = None, **line: Any) -> Wire:
    """Open a socket and wait for its greeting."""
    wire = await dial(port, token, heard, **line)
    await within(wire.greeted)
    return wire


async def come_back(desk: Desk, token: str, heard: Callable[[Frame], None] | None = None) -> Wire:
    """Open a socket as soon as the desk can be reached again."""
    async with asyncio.timeout(PATIENCE):
        while True:
            await desk.up.wait()
            try:
                return await connect(desk.port, token, heard)
            except OSError:
                await asyncio.sleep(0.02)


async def crowd(port: int, tokens: Iterable[str], heard: Callable[[Frame], None] | None = None) -> list[Wire]:
    """Open many sockets in one instant and wait until all are greeted."""
    wires = [await dial(port, token, heard) for token in tokens]
    await asyncio.wait_for(asyncio.gather(*(wire.greeted for wire in wires)), PATIENCE)
    return wires


def handshake(token: str) -> bytes:
    lines = (
        "GET /ws HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        f"Authorization: Bearer {token}",
    )
    return "\r\n".join((*lines, "", "")).encode()


def masked(payload: bytes, opcode: int = 1) -> bytes:
    """Return a client's frame, with a mask of zeros."""
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | opcode, 0x80 | length))
    elif length < 65_536:
        head = bytes((0x80 | opcode, 0xFE)) + length.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + length.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


def _cut(data: bytes, place: int) -> tuple[int, int, int] | None:
    """Return the opcode, the beginning and the end of the payload of the frame here, None when it is not whole."""
    if len(data) < place + 2:
        return None
    length, start = data[place + 1], place + 2
    if length > 125:
        size = 2 if length == 126 else 8
        if len(data) < start + size:
            return None
        length, start = int.from_bytes(data[start : start + size], "big"), start + size
    if len(data) < start + length:
        return None
    return data[place] & 0x0F, start, start + length
