"""Looking after the bytes on the disk: what nothing names any more goes, what the disk damaged is named."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from servicedesk.desk import scrub as desk
from servicedesk.desk.scrub import Report
from servicedesk.domain.times import SECOND
from servicedesk.media.blobs import Blobs
from servicedesk.store import files as stored
from servicedesk.store.db import reading
from servicedesk.web import resumable
from servicedesk.web.files import MEDIA
from servicedesk.web.health import METER
from servicedesk.web.keys import CLOCK, DB, SETTINGS

log = logging.getLogger(__name__)

SWEEP_FIRST: Final = 60.0
SWEEP_EVERY: Final = 3600.0
"""Seconds between two looks for bytes that no file names."""
SCRUB_HOUR: Final = 3
"""When all bytes are read again, by the clock on the wall."""
LOOK_EVERY: Final = 600.0
"""Seconds between two looks whether it is night: a machine that slept has missed nothing but these."""


class Scrubber:
    """Reads all bytes again on a thread of its own, and keeps what it found."""

    def __init__(self, app: web.Application) -> None:
        self.last = Report()
        self.ended_at = 0.0
        self._app = app
        self._thread = ThreadPoolExecutor(1, "scrub")
        self._stop = threading.Event()

    async def scrub(self) -> Report:
        """Read everything; name in the log, and keep for the metrics, what the disk has damaged."""
        blobs = self._app[MEDIA].blobs
        report = await asyncio.get_running_loop().run_in_executor(self._thread, self._read, blobs)
        for finding in report.damaged:
            blobs.doubt(finding.sha256)
            for line in finding.lines:
                log.error("%s", line)
        log.info("scrub: %s", list(report.lines)[-1])
        self.last, self.ended_at = report, self._app[CLOCK]() / SECOND
        return report

    def _read(self, blobs: Blobs) -> Report:
        with reading(self._app[SETTINGS].database, as_it_stands=False) as conn:
            return desk.scrub(conn, blobs, now=time.time(), pause=self._pause)

    def _pause(self, took: float) -> None:
        """Leave the disk to others for as long as it was used."""
        if self._stop.wait(took):
            raise _Stopped

    def close(self) -> None:
        """Let the thread go, in the middle of what it reads."""
        self._stop.set()
        self._thread.shutdown()


class _Stopped(Exception):
    """The desk stops; the rest is read another night."""


SCRUBBER = web.AppKey("scrubber", Scrubber)


async def running(app: web.Application) -> AsyncIterator[None]:
    """Sweep and scrub while the desk runs."""
    scrubber = app[SCRUBBER] = Scrubber(app)
    app[METER].gauges |= {
        "files_damaged": (
            "Files whose bytes the last scrub found damaged or lost",
            lambda: scrubber.last.damaged_files,
        ),
        "files_scrubbed_timestamp_seconds": (
            "When the last scrub ended, 0 before the first",
            lambda: scrubber.ended_at,
        ),
        "files_scrub_duration_seconds": ("How long the last scrub took", lambda: scrubber.last.seconds),
    }
    tasks = [
        asyncio.create_task(_sweep_for_ever(app), name="sweeper of files"),
        asyncio.create_task(_scrub_every_night(app), name="scrubber of files"),
    ]
    yield
    for task in tasks:
        task.cancel()
    scrubber.close()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _sweep_for_ever(app: web.Application) -> None:
    await asyncio.sleep(SWEEP_FIRST)
    while True:
        try:
            await resumable.sweep(app)
            await sweep(app)
        except OSError:
            log.exception("the sweep of files failed")
        await asyncio.sleep(SWEEP_EVERY)


async def _scrub_every_night(app: web.Application) -> None:
    due = next_night(_wall(app))
    while True:
        left = (due - _wall(app)).total_seconds()
        await asyncio.sleep(min(max(left, 0.0), LOOK_EVERY))
        if _wall(app) < due:
            continue
        try:
            await app[SCRUBBER].scrub()
        except Exception:
            log.exception("the scrub of files failed")
        due = next_night(_wall(app))


def _wall(app: web.Application) -> datetime:
    return datetime.fromtimestamp(app[CLOCK]() / SECOND)  # noqa: DTZ006 - the hour of the machine's own night


def next_night(now: datetime) -> datetime:
    """Return when it is next the hour of the scrub, by the same clock on the wall."""
    today = now.replace(hour=SCRUB_HOUR, minute=0, second=0, microsecond=0)
    return today if now < today else today + timedelta(days=1)


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
