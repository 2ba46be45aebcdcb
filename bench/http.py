"""A client light enough not to be what is measured: requests as bytes, answers cut at their length."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable
from typing import Final

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


class Unexpected(Exception):
    """An answer that the measurement did not ask for."""


class Connection(asyncio.Protocol):
    """A connection that is kept, with one request on it at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._missing = -1
        self._answer: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, port: int) -> "Connection":
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._missing < 0:
            end = self._buffer.find(_END)
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            at = head.find(_LENGTH)
            length = 0 if at < 0 else int(head[at + len(_LENGTH) :].split(b"\r", 1)[0])
            self._missing = end + len(_END) + length
        if len(self._buffer) >= self._missing:
            answer, self._buffer, self._missing = bytes(self._buffer), bytearray(), -1
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("the server closed the connection"))

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        """Send the request and return what will be the whole answer, its head included."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def request(
    method: str, path: str, *, token: str = "", body: bytes = b"", content_type: str = "application/json"
) -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if token:
        head.append(f"Authorization: Bearer {token}")
    if body:
        head += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join(head).encode() + _END + body


def json_request(method: str, path: str, body: object, token: str = "") -> bytes:
    return request(method, path, token=token, body=json.dumps(body).encode())


async def rate(
    port: int, requests: Callable[[int], bytes], status: int, connections: int, seconds: float
) -> float:
    """Return answers a second over so many connections; every answer must have the status."""
    opened = [await Connection.open(port) for _ in range(connections)]
    numbers, expected = itertools.count(), b"HTTP/1.1 %d " % status
    started = time.perf_counter()
    until = started + seconds

    async def keep_asking(connection: Connection) -> int:
        count = 0
        while time.perf_counter() < until:
            answer = await connection.ask(requests(next(numbers)))
            if not answer.startswith(expected):
                raise Unexpected(answer[:2000].decode(errors="replace"))
            count += 1
        return count

    try:
        counts = await asyncio.gather(*map(keep_asking, opened))
    finally:
        for connection in opened:
            connection.close()
    return sum(counts) / (time.perf_counter() - started)
