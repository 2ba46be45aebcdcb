"""Bodies of uploads come in by turns: however many there are, who asks for something else finds few ahead of them."""

import asyncio
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from servicedesk.web import pace

AT_ONCE: Final = 4
"""Uploads that are dealt with at a time; the others wait where the network holds them."""


LANES = web.AppKey("lanes", asyncio.Semaphore)


class Lane:
    """Reads a body piece by piece, each when it is its turn, which lasts until the next piece is asked for."""

    def __init__(self, body: pace.Body, lanes: asyncio.Semaphore) -> None:
        self._body = body
        self._lanes = lanes
        self._has_turn = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_way()

    async def read(self) -> bytes:
        """Return the next bytes, empty at the end. Raises what :meth:`pace.Body.read` does."""
        self._give_way()
        await self._take_turn()
        if piece := self._body.at_hand():
            return piece
        self._give_way()  # who waits for a client holds up nobody
        piece = await self._body.read()
        await self._take_turn()
        return piece

    async def _take_turn(self) -> None:
        await self._lanes.acquire()
        self._has_turn = True

    def _give_way(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._lanes.release()
