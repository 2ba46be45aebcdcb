"""Many websockets that listen, read as plain bytes: what arrives is counted, not parsed."""

import asyncio
import base64
import os
from collections.abc import Sequence
from typing import Final

_MARK: Final = b'"event":"new_message"'


class Crowd:
    """Everybody who listens."""

    def __init__(self) -> None:
        self.heard = 0
        self._expected = 0
        self._all_heard = asyncio.Event()
        self.broken: str = ""

    def hear(self, count: int) -> None:
        self.heard += count
        if self.heard >= self._expected:
            self._all_heard.set()

    def expect(self, count: int) -> None:
        """Wait, with :meth:`wait`, until so many more messages were heard by all of them together."""
        self._expected = self.heard + count
        self._all_heard.clear()

    async def wait(self) -> None:
        await asyncio.wait_for(self._all_heard.wait(), 60.0)
        if self.broken:
            raise ConnectionError(self.broken)


class Listener(asyncio.Protocol):
    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._tail = b""
        self._upgraded = False
        self._transport: asyncio.Transport | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._upgraded:
            self._upgrade(data)
            return
        if not self.answered.done() and b'"reply_to"' in data:
            self.answered.set_result(None)
        data = self._tail + data
        if found := data.count(_MARK):
            self._crowd.hear(found)
        self._tail = _beginning_of_mark(data)

    def _upgrade(self, data: bytes) -> None:
        self._upgraded = True
        if data.startswith(b"HTTP/1.1 101"):
            self.ready.set_result(None)
        else:
            self.ready.set_exception(ConnectionError(data[:500].decode(errors="replace")))

    def connection_lost(self, error: Exception | None) -> None:
        if self._upgraded and not self._crowd.broken:
            self._crowd.broken = f"a listener lost its socket: {error}"

    def write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def listen(
    port: int, tokens: Sequence[str], count: int, crowd: Crowd, frames: Sequence[bytes]
) -> list[Listener]:
    """Open so many sockets; each sends the frames, and is ready when one of them was answered."""
    listeners = []
    for number in range(count):
        token = tokens[number % len(tokens)] if tokens else ""
        _, listener = await asyncio.get_running_loop().create_connection(
            lambda: Listener(crowd), "127.0.0.1", port
        )
        listener.write(_handshake(token))
        await listener.ready
        for frame in frames:
            listener.write(_masked(frame))
        if frames:
            await asyncio.wait_for(listener.answered, 30.0)
        listeners.append(listener)
    return listeners


def _beginning_of_mark(data: bytes) -> bytes:
    """Return what may be the first part of a mark whose rest is still to come."""
    tail = data[-(len(_MARK) - 1) :]
    while tail and not _MARK.startswith(tail):
        tail = tail[1:]
    return tail


def _handshake(token: str) -> bytes:
    lines = [
        "GET /ws HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
    ]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def _masked(frame: bytes) -> bytes:
    mask = b"\0\0\0\0"
    assert len(frame) < 126
    return bytes([0x81, 0x80 | len(frame)]) + mask + frame
