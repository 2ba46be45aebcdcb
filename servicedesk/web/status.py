"""Whether the desk is well, as admins see it: what is known at once, and what takes long when it is asked for."""

import asyncio
import logging
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

from servicedesk.desk import bundle, doctor
from servicedesk.desk.doctor import CHECKS, SHORT, Check, Patient, Report, State
from servicedesk.domain.times import SECOND, Instant, iso
from servicedesk.domain.words import say
from servicedesk.logbook import Logbook
from servicedesk.settings import Loaded, Settings
from servicedesk.store.db import Connection, reading
from servicedesk.version import VERSION
from servicedesk.web import auth, frame, memory, tls
from servicedesk.web.admission import ADMISSION
from servicedesk.web.api import Call
from servicedesk.web.files import MEDIA
from servicedesk.web.health import METER
from servicedesk.web.keys import CLOCK, DB, SETTINGS, SOURCES
from servicedesk.web.passwords import HASHER

log = logging.getLogger(__name__)

HERE: Final = "/settings/status"
_STEPS: Final = 20_000
"""Steps of SQLite's machine after which a look asks whether the desk stops."""
_DONE: Final = {"begun": say("The desk is being looked at; load the page again in a moment.")}
_TONES: Final = {State.OK: "green", State.WARNING: "amber", State.BROKEN: "red"}
_FACES: Final = {State.OK: "done", State.WARNING: "alert", State.BROKEN: "alert"}
_STATES: Final = {State.OK: say("fine"), State.WARNING: say("warning"), State.BROKEN: say("broken")}


class Physician:
    """Looks at the desk on a thread of its own, over a connection that only reads: one look at a time."""

    def __init__(self, app: web.Application) -> None:
        self.last: Report | None = None
        self.ended_at: Instant = 0
        self.began = time.monotonic()
        self.logbook = Logbook()
        self._app = app
        self._thread = ThreadPoolExecutor(1, "doctor")
        self._stop = threading.Event()
        self._running: asyncio.Future[None] | None = None

    @property
    def is_looking(self) -> bool:
        return self._running is not None and not self._running.done()

    @property
    def broken(self) -> int:
        return sum(line.state is State.BROKEN for line in self.last.lines) if self.last else 0

    def begin(self, came_through: str | None) -> None:
        """Look at everything, unless that is being done."""
        if not self.is_looking:
            self._running = asyncio.ensure_future(self._look_at_all(came_through))

    async def glance(self, came_through: str | None) -> Report:
        """Make the checks that take no time."""
        return await asyncio.to_thread(self._examine, SHORT, came_through)

    async def _look_at_all(self, came_through: str | None) -> None:
        loop = asyncio.get_running_loop()
        try:
            report = await loop.run_in_executor(self._thread, self._examine, CHECKS, came_through)
        except _Stopped:
            return
        except Exception:
            log.exception("the look at the whole desk failed")
            return
        self.last, self.ended_at = report, self._app[CLOCK]()
        for line in report.lines:
            if line.state is State.BROKEN:
                log.error("doctor: %s: %s", line.name, line.said)

    def bundle(self, report: Report) -> bytes:
        """Return what may be shown to somebody who helps."""
        settings = self._app[SETTINGS]
        sources = {name: self._app[SOURCES].get(name, "") for name in Settings.__struct_fields__}
        with reading(settings.database) as conn:
            return bundle.made(
                conn,
                settings=Loaded(settings, sources).rows(),
                report=report,
                log=self.logbook.lines,
                at=self._app[CLOCK](),
            )

    def _examine(self, table: tuple[Check, ...], came_through: str | None) -> Report:
        try:
            with reading(self._app[SETTINGS].database, as_it_stands=False) as conn:
                assert isinstance(conn, sqlite3.Connection)
                conn.set_progress_handler(self._stop.is_set, _STEPS)
                report = doctor.examine(self._patient(conn, came_through), table)
        except sqlite3.Error as error:
            patient = self._patient(doctor.NoDatabase(error), came_through)
            report = doctor.examine(patient, doctor.without_database(table))
        if self._stop.is_set():
            raise _Stopped
        return report

    def _patient(self, conn: Connection, came_through: str | None) -> Patient:
        settings = self._app[SETTINGS]
        return Patient(
            settings=settings,
            conn=conn,
            now=self._app[CLOCK](),
            open_files=doctor.open_files_of(os.getpid()),
            tls_until=tls.until(settings.tls_certificate, settings.tls_key),
            came_through=came_through,
            pause=self._pause,
        )

    def _pause(self, took: float) -> None:
        """Leave the disk to others for as long as it was used."""
        if self._stop.wait(took):
            raise _Stopped

    async def close(self) -> None:
        """End in the middle of a look."""
        self._stop.set()
        if self._running is not None:
            await self._running
        self._thread.shutdown()


class _Stopped(Exception):
    """The desk stops."""


PHYSICIAN = web.AppKey("physician", Physician)


async def running(app: web.Application) -> AsyncIterator[None]:
    """Keep what the log says, and let the desk be looked at while it runs."""
    physician = app[PHYSICIAN] = Physician(app)
    logging.getLogger().addHandler(physician.logbook)
    app[METER].gauges |= _numbers(app) | {
        "doctor_broken": (
            "Checks that found something broken at the last full look",
            lambda: physician.broken,
        ),
        "doctor_timestamp_seconds": (
            "When the last full look ended, 0 before the first",
            lambda: physician.ended_at / SECOND,
        ),
    }
    yield
    logging.getLogger().removeHandler(physician.logbook)
    await physician.close()


def _numbers(app: web.Application) -> dict[str, tuple[str, Callable[[], float]]]:
    """Return how full the desk's queues and its process are, for the metrics."""
    db, pid, began = app[DB], os.getpid(), time.time()
    log_of_changes = app[SETTINGS].database.with_name(f"{app[SETTINGS].database.name}-wal")
    return {
        "queue_writes": ("Writes whose transaction has not ended", lambda: db.writes_waiting),
        "queue_reads": ("Reads that wait for a reader, or are being answered", lambda: db.reads_waiting),
        "queue_pictures": ("Pictures and pages that wait for a worker", lambda: app[MEDIA].workers.waiting),
        "queue_passwords": ("Passwords that are being hashed, or wait for that", lambda: app[HASHER].waiting),
        "uploads_running": ("Uploads that are coming in", lambda: app[ADMISSION].running),
        "open_files": ("Files and connections that are open", lambda: doctor.open_files_of(pid)[1] or 0),
        "open_files_max": ("How many may be", lambda: doctor.open_files_of(pid)[0]),
        "wal_bytes": ("Size of the log of changes beside the database", lambda: _size(log_of_changes)),
        "memory_bytes": ("Memory that the process holds", memory.held),
        "start_timestamp_seconds": ("When the process started", lambda: began),
    }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


async def page(call: Call) -> web.Response:
    """How the desk is doing."""
    physician = call.app[PHYSICIAN]
    report = await physician.glance(_came_through(call))
    seen = physician.last
    extra = {
        "done": _DONE.get(call.request.query.get("done", "")),
        "short": _drawn(report.lines),
        "long": _drawn([line for line in seen.lines if line.name not in _SHORT_NAMES]) if seen else [],
        "looked_at": iso(physician.ended_at) if seen else None,
        "took": seen.seconds if seen else 0,
        "is_looking": physician.is_looking,
        "version": VERSION,
        "hours": round((time.monotonic() - physician.began) / 3600, 1),
    }
    return await frame.show(call, "status.html", extra=extra)


async def look(call: Call) -> web.Response:
    """Begin to look at everything."""
    call.app[PHYSICIAN].begin(_came_through(call))
    raise web.HTTPSeeOther(f"{HERE}?done=begun")


async def download(call: Call) -> web.Response:
    """Return the support bundle."""
    physician = call.app[PHYSICIAN]
    report = physician.last or await physician.glance(_came_through(call))
    content = await asyncio.to_thread(physician.bundle, report)
    headers = {hdrs.CONTENT_DISPOSITION: 'attachment; filename="servicedesk-support.zip"'}
    return web.Response(body=content, content_type="application/zip", headers=headers)


_SHORT_NAMES: Final = frozenset(check.name for check in SHORT)


def _drawn(lines: list[doctor.Line]) -> list[frame.Content]:
    return [
        {
            "name": line.name,
            "title": line.title,
            "state": _STATES[line.state],
            "tone": _TONES[line.state],
            "icon": _FACES[line.state],
            "said": line.said,
            "advice": line.advice if line.state is not State.OK else "",
        }
        for line in lines
    ]


def _came_through(call: Call) -> str | None:
    """Return the peer that forwards for this caller although it is not trusted to."""
    peer = call.request.remote or ""
    is_forwarded = any(name.lower().startswith("x-forwarded") for name in call.request.headers)
    return peer if is_forwarded and not auth.is_trusted(peer, call.settings) else None
