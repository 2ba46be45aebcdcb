"""Looking after the bytes on the disk: what nothing names any more goes, what the disk damaged is named."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from servicedesk.store import files as stored
from servicedesk.web import resumable
from servicedesk.web.files import MEDIA
from servicedesk.web.keys import DB

log = logging.getLogger(__name__)

SWEEP_FIRST: Final = 60.0
SWEEP_EVERY: Final = 3600.0
"""Seconds between two looks for bytes that no file names."""
SWEEPS_A_SCRUB: Final = 24
"""Sweeps between two readings of all bytes."""


async def running(app: web.Application) -> AsyncIterator[None]:
    """Sweep while the desk runs."""
    sweeper = asyncio.create_task(_sweep_for_ever(app), name="sweeper of files")
    yield
    sweeper.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sweeper


async def _sweep_for_ever(app: web.Application) -> None:
    await asyncio.sleep(SWEEP_FIRST)
    for number in itertools.count(1):
        try:
            await resumable.sweep(app)
            await sweep(app)
            if number % SWEEPS_A_SCRUB == 0:
                await scrub(app)
        except OSError:
            log.exception("the sweep of files failed")
        await asyncio.sleep(SWEEP_EVERY)


async def sweep(app: web.Application, now: float | None = None) -> None:
    """Remove bytes and pictures that nothing has named for a day, as a crash may leave them."""
    blobs, db = app[MEDIA].blobs, app[DB]
    old, orphans = await blobs.old(now), []
    for sha256 in old:
        await asyncio.sleep(0)
        if not db.peek(stored.is_named, sha256):
            orphans.append(sha256)
    if 2 * len(orphans) > len(old):
        # No crash leaves so many: rather is this another database, and its bytes are not ours to remove.
        log.warning("%d of %d contents belong to no file; they are left alone", len(orphans), len(old))
        return
    for sha256 in orphans:
        await blobs.remove(sha256, lambda named: db.peek(stored.is_named, named))
    await blobs.drop_stray_pictures()


async def scrub(app: web.Application) -> list[str]:
    """Read all bytes again; name in the log, and return, the contents that the disk has damaged."""
    damaged = [path.name async for path in app[MEDIA].blobs.damaged()]
    for sha256 in damaged:
        log.error("the bytes %s are damaged; upload the same file again, or restore it from a copy", sha256)
    return damaged
