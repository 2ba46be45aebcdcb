"""Many websockets that listen, read as plain bytes: what arrives is counted, not parsed."""

import asyncio
import base64
import os
import socket
import time
from collections.abc import Sequence
from typing import Final

_EVENT: Final = b'{"event":"'
_MESSAGE: Final = _EVENT + b'new_message"'
_PATIENCE: Final = 60.0
_KEY: Final = base64.b64encode(os.urandom(16)).decode()
"""One for all of them: the crowd should cost the machine little."""


class Crowd:
    """Everybody who listens."""

    def __init__(self) -> None:
        self.heard = 0
        """Messages, each as often as it was heard."""
        self.events = 0
        """Events of all kinds likewise."""
        self._expected = 0
        self._all_heard = asyncio.Event()
        self.broken: str = ""

    def hear(self, events: int, messages: int) -> None:
        self.events += events
        self.heard += messages
        if self.heard >= self._expected:
            self._all_heard.set()

    def expect(self, count: int) -> None:
        """Wait, with :meth:`wait`, until so many more messages were heard by all of them together."""
        self._expected = self.heard + count
        self._all_heard.clear()

    async def wait(self) -> None:
        await asyncio.wait_for(self._all_heard.wait(), _PATIENCE)
        if self.broken:
            raise ConnectionError(self.broken)


class Listener(asyncio.Protocol):
    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._tail = b""
        self._upgraded = False
        self.transport: asyncio.Transport
        self.heard_at: list[float] = []
        """When each message came."""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._upgraded:
            self._upgrade(data)
            return
        if not self.answered.done() and b'"reply_to"' in data:
            self.answered.set_result(None)
        data = self._tail + data
        self._tail = _beginning_of_mark(data)
        events = data.count(_EVENT, 0, len(data) - len(self._tail))
        if events:
            messages = data.count(_MESSAGE, 0, len(data) - len(self._tail))
            self.heard_at += [time.perf_counter()] * messages
            self._crowd.hear(events, messages)

    def _upgrade(self, data: bytes) -> None:
        self._upgraded = True
        if data.startswith(b"HTTP/1.1 101"):
            self.ready.set_result(None)
        else:
            self.ready.set_exception(ConnectionError(data[:500].decode(errors="replace")))

    def connection_lost(self, error: Exception | None) -> None:
        if self._upgraded and not self._crowd.broken:
            self._crowd.broken = f"a listener lost its socket: {error}"

    def say(self, frames: Sequence[bytes]) -> None:
        for frame in frames:
            self.transport.write(_masked(frame))

    def close(self) -> None:
        self.transport.abort()


async def listen(
    port: int, tokens: Sequence[str], count: int, crowd: Crowd, frames: Sequence[bytes]
) -> list[Listener]:
    """Open so many sockets in the same instant; each sends the frames, and is ready when one was answered."""
    opening = (come(port, tokens[number % len(tokens)], crowd, frames) for number in range(count))
    async with asyncio.timeout(_PATIENCE):
        return await asyncio.gather(*opening)


async def come(
    port: int, token: str, crowd: Crowd, frames: Sequence[bytes], line: socket.socket | None = None
) -> Listener:
    """Open one socket, over a line that is there already if it is given."""
    where = {"host": "127.0.0.1", "port": port} if line is None else {"sock": line}
    loop = asyncio.get_running_loop()
    _, listener = await loop.create_connection(lambda: Listener(crowd), **where)  # type: ignore[arg-type]
    listener.transport.write(_handshake(token))
    await listener.ready
    if frames:
        listener.say(frames)
        await listener.answered
    return listener


def _beginning_of_mark(data: bytes) -> bytes:
    """Return what may be the first part of a mark whose rest is still to come."""
    start = data.find(b"{", max(0, len(data) - len(_MESSAGE) + 1))
    while start >= 0 and not _MESSAGE.startswith(data[start:]):
        start = data.find(b"{", start + 1)
    return data[start:] if start >= 0 else b""


def _handshake(token: str) -> bytes:
    lines = [
        "GET /ws HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {_KEY}",
    ]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def _masked(frame: bytes) -> bytes:
    mask, size = b"\0\0\0\0", len(frame)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    return b"\x81" + length + mask + frame
