"""Reading what a client sends, as long as it keeps sending: aiohttp has no deadline for bodies."""

import asyncio
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from servicedesk.domain.errors import BadRequest, TooLarge, TooSlow
from servicedesk.domain.words import say

IDLE: Final = 20.0
"""Seconds without a byte."""
WINDOW: Final = 30.0
"""Seconds over which the pace is measured."""
SLOWEST: Final = 1024
"""Bytes a second."""
TOTAL: Final = 1800.0
"""Seconds that we wait for a body altogether, so that none holds its place for hours at the slowest pace."""


class Body:
    """The body of a request, piece by piece. Only the time that we wait for the client counts against it."""

    def __init__(
        self,
        request: web.Request,
        most: int,
        *,
        idle: float = IDLE,
        window: float = WINDOW,
        slowest: float = SLOWEST,
        total: float = TOTAL,
    ) -> None:
        self.size = 0
        self._content = request.content
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._idle = idle
        self._window = window
        self._least = window * slowest
        self._left = total
        self._waited = 0.0
        self._came = 0

    async def read(self) -> bytes:
        """Return the next bytes, empty at the end.

        Raises TooLarge, TooSlow, BadRequest, and ConnectionResetError when the client has left.
        """
        while True:
            began = self._loop.time()
            piece = await self._next()
            self._measure(self._loop.time() - began, len(piece))
            if piece or self._content.at_eof():
                return piece

    def at_hand(self) -> bytes:
        """Return what has come already, perhaps nothing. Raises TooLarge."""
        if self._content.exception() is not None:
            return b""  # and read() tells what it is
        piece = self._content.read_nowait()
        self._measure(0.0, len(piece))
        return piece

    async def _next(self) -> bytes:
        """Return what comes, or nothing when the time is over at which the pace must be looked at."""
        patience = min(self._idle, self._window - self._waited, self._left)
        try:
            async with asyncio.timeout(patience):
                return await self._content.readany()
        except TimeoutError:
            if patience in (self._idle, self._left):
                raise TooSlow() from None
            return b""
        except HttpProcessingError:
            raise BadRequest(say("The body cannot be read.")) from None
        except RuntimeError:  # what aiohttp says when the connection is gone already
            raise ConnectionResetError("the client left") from None

    def _measure(self, waited: float, came: int) -> None:
        self.size += came
        if self.size > self._most:
            raise _too_large(self._most)
        self._left -= waited
        if self._left <= 0:
            raise TooSlow()
        self._waited += waited
        self._came += came
        if self._waited >= self._window:
            if self._came < self._least and not self._content.at_eof():
                raise TooSlow()
            self._waited, self._came = 0.0, 0


async def whole(request: web.Request) -> bytes:
    """Return a body of ordinary size. Raises what :meth:`Body.read` does."""
    if request._read_bytes is None:
        if (request.content_length or 0) > request.client_max_size:
            raise _too_large(request.client_max_size)
        if request.content.is_eof() and request.content.exception() is None:
            came = request.content.read_nowait()  # it came with its head: nobody has to be waited for
            if len(came) > request.client_max_size:
                raise _too_large(request.client_max_size)
        else:
            came = await _piece_by_piece(request)
        request._read_bytes = came  # where aiohttp itself keeps it, for request.post()
    return request._read_bytes


async def _piece_by_piece(request: web.Request) -> bytes:
    body, came = Body(request, request.client_max_size), bytearray()
    while piece := await body.read():
        came += piece
    return bytes(came)


def _too_large(most: int) -> TooLarge:
    return TooLarge(say("The body is larger than {most:g} MiB.", most=most / (1 << 20)))
