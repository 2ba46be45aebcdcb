"""When each session was last used: remembered at each request, written down every few minutes for all of them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from servicedesk.domain.errors import StorageFull
from servicedesk.domain.times import Instant
from servicedesk.store import sessions
from servicedesk.web.keys import DB

log = logging.getLogger(__name__)

EVERY: Final = 300.0
"""Seconds between two writes: a desk at work pays one for everybody, not one a request."""


class Seen:
    """What has been used since the last write."""

    def __init__(self) -> None:
        self._latest: dict[int, Instant] = {}

    def note(self, session_id: int, at: Instant) -> None:
        self._latest[session_id] = at

    def latest(self, session_id: int, written: Instant | None) -> Instant | None:
        """Return when the session was last used, if more is known than what was written."""
        return self._latest.get(session_id, written)

    def take(self) -> list[tuple[int, Instant]]:
        """Return what there is to write down, and forget it."""
        taken, self._latest = list(self._latest.items()), {}
        return taken

    def put_back(self, taken: list[tuple[int, Instant]]) -> None:
        self._latest = dict(taken) | self._latest


SEEN = web.AppKey("seen", Seen)


async def running(app: web.Application) -> AsyncIterator[None]:
    """Write from time to time, and once more at the end."""
    task = asyncio.create_task(_run(app))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await write(app)


async def write(app: web.Application) -> None:
    """Write down who was here since the last time."""
    if taken := app[SEEN].take():
        try:
            await app[DB].write(sessions.note_seen, taken)
        except StorageFull:
            app[SEEN].put_back(taken)


async def _run(app: web.Application) -> None:
    while True:
        await asyncio.sleep(EVERY)
        try:
            await write(app)
        except Exception:
            log.exception("what was noted of the sessions' use could not be written")
