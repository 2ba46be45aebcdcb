"""Bytes of a file into a connection: by the system itself where it can, and not for ever."""

import asyncio
import logging
import socket
import struct
import sys
from typing import BinaryIO, Final

from aiohttp import web

from servicedesk.media.blobs import PIECE

log = logging.getLogger(__name__)

STALLED: Final = 60.0
"""Seconds after which a download of which its client takes nothing is given up."""
LOOKS: Final = 4
"""Times in these seconds that is looked whether the client took something."""
_TCP_INFO_SIZE: Final = 128
_BYTES_ACKED: Final = 120
"""Where Linux keeps, in what it tells of a connection, how many bytes the other side has."""


class Stalled(ConnectionResetError):
    """The client takes nothing any more."""


class Lost(OSError):
    """The disk has lost the rest of the file since it was opened."""


async def send(
    request: web.Request,
    response: web.StreamResponse,
    source: BinaryIO,
    start: int,
    end: int,
    *,
    stalled: float = STALLED,
) -> None:
    """Send these bytes of the file, which follow the head of the response. Raises ConnectionResetError."""
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client left")
    try:
        if not await _by_system(transport, source, start, end, stalled):
            await _by_hand(response, source, start, end, stalled)
    except OSError as error:
        # Better a cut line than a wrong file.
        transport.abort()
        if isinstance(error, ConnectionError):
            raise
        log.error("a download was cut: %s", error)
        raise ConnectionResetError("the download was cut") from error


async def _by_system(
    transport: asyncio.Transport, source: BinaryIO, start: int, end: int, stalled: float
) -> bool:
    """Have the system send, without the bytes passing through here; return whether it can, as it cannot with TLS."""
    if sys.platform != "linux":  # where nobody could tell how much the client has taken
        return False
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(stalled) as limit:
            watch = _Watch(transport, limit, stalled)
            try:
                sent = await loop.sendfile(transport, source, start, end - start, fallback=False)
            finally:
                watch.stop()
    except TimeoutError:
        raise Stalled("the client takes nothing") from None
    except (NotImplementedError, RuntimeError):
        # Raised before the first byte, by asyncio for TLS and file systems without it, by uvloop for TLS: what fails
        # later is an OSError.
        return False
    if sent < end - start:
        raise Lost("the disk has lost the rest of the file")
    return True


class _Watch:
    """Puts the limit off whenever the client is seen to have taken something."""

    def __init__(self, transport: asyncio.Transport, limit: asyncio.Timeout, stalled: float) -> None:
        self._transport = transport
        self._limit = limit
        self._stalled = stalled
        self._taken = -1
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_later(stalled / LOOKS, self._look)

    def stop(self) -> None:
        self._next.cancel()

    def _look(self) -> None:
        before, self._taken = self._taken, _taken(self._transport)
        if self._taken != before:
            self._limit.reschedule(self._loop.time() + self._stalled)
        self._next = self._loop.call_later(self._stalled / LOOKS, self._look)


def _taken(transport: asyncio.Transport) -> int:
    """Return a number that grows with what the other side has received."""
    connection = transport.get_extra_info("socket")
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    except OSError:  # it is closed
        return 0
    return int(struct.unpack_from("Q", info, _BYTES_ACKED)[0])


async def _by_hand(
    response: web.StreamResponse, source: BinaryIO, start: int, end: int, stalled: float
) -> None:
    source.seek(start)
    while start < end:
        piece = await asyncio.to_thread(source.read, min(PIECE, end - start))
        if not piece:
            raise Lost("the disk has lost the rest of the file")
        start += len(piece)
        try:
            async with asyncio.timeout(stalled):
                await response.write(piece)
        except TimeoutError:
            raise Stalled("the client takes nothing") from None
