"""The application, put together."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

from aiohttp import web

from servicedesk.domain.times import Instant
from servicedesk.settings import Settings
from servicedesk.store.db import Database
from servicedesk.web import (
    api,
    backups,
    files,
    left_notes,
    live,
    memory,
    middleware,
    passwords,
    pulse,
    rendering,
    replays,
    resumable,
    scans,
    seen,
    sessions,
    status,
    sweeps,
    thumbnails,
    timers,
)
from servicedesk.web.admission import ADMISSION, Admission
from servicedesk.web.failures import FAILURES, Failures
from servicedesk.web.health import METER, Meter, measuring
from servicedesk.web.keys import CLOCK, DB, RUNNING, SETTINGS, SOURCES
from servicedesk.web.passwords import HASHER, Hasher
from servicedesk.web.routes import ROWS
from servicedesk.web.seen import SEEN, Seen
from servicedesk.web.sessions import HALFWAY, WS_TICKETS, Halfway, WsTickets
from servicedesk.web.setup import SETUP_LINK, SetupLink
from servicedesk.web.space import GAUGE, Gauge, disk_space
from servicedesk.web.throttle import LETTER_BOX, THROTTLE, Letters, Throttle

BODY_MAX = 1 << 20
"""Bytes of a request's body; uploads have their own limit."""


def wall_clock() -> Instant:
    return time.time_ns() // 1_000_000


def build(
    settings: Settings, clock: Callable[[], Instant] = wall_clock, sources: Mapping[str, str] | None = None
) -> web.Application:
    """Return the application; it opens the database when it starts and closes it when it stops.

    ``sources`` says where the settings came from, for those who look at them.
    """
    app = web.Application(middlewares=[measuring, middleware.answering], client_max_size=BODY_MAX)
    app[SETTINGS] = settings
    app[SOURCES] = sources or {}
    app[CLOCK] = clock
    app[RUNNING] = set()
    app[GAUGE] = Gauge(partial(disk_space, settings.data_dir))
    app[METER] = Meter()
    app[HASHER] = Hasher(cheap=settings.is_testing)
    app[ADMISSION] = Admission(app)
    app[THROTTLE] = Throttle(clock)
    app[FAILURES] = Failures(clock)
    app[SEEN] = Seen()
    app[LETTER_BOX] = Letters(clock)
    app[HALFWAY] = Halfway(clock)
    app[WS_TICKETS] = WsTickets(clock)
    app[SETUP_LINK] = SetupLink(clock)
    app.on_response_prepare.append(middleware.protect)
    app.cleanup_ctx.append(_database)
    app.cleanup_ctx.append(sessions.sweeping)
    app.cleanup_ctx.append(passwords.listing)
    app.cleanup_ctx.append(seen.running)
    app.cleanup_ctx.append(files.running)
    app.cleanup_ctx.append(sweeps.running)
    app.cleanup_ctx.append(thumbnails.running)
    app.cleanup_ctx.append(scans.running)
    app.cleanup_ctx.append(replays.running)
    app.cleanup_ctx.append(live.running)
    app.cleanup_ctx.append(timers.running)
    app.cleanup_ctx.append(backups.running)
    app.cleanup_ctx.append(left_notes.running)
    app.cleanup_ctx.append(pulse.beating)
    app.cleanup_ctx.append(status.running)
    app.cleanup_ctx.append(memory.running)
    app.on_shutdown.append(live.drain)
    resumable.setup(app)
    rendering.setup(app)
    api.register(app, ROWS)
    return app


async def _database(app: web.Application) -> AsyncIterator[None]:
    async with await Database.open(app[SETTINGS].database) as db:
        app[DB] = db
        yield
