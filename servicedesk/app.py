"""The application, put together."""

import time
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from servicedesk.domain.times import Instant
from servicedesk.settings import Settings
from servicedesk.store.db import Database
from servicedesk.web import api, middleware
from servicedesk.web.keys import CLOCK, DB, RUNNING, SETTINGS
from servicedesk.web.routes import ROWS

BODY_MAX = 1 << 20
"""Bytes of a request's body; uploads have their own limit."""


def wall_clock() -> Instant:
    return time.time_ns() // 1_000_000


def build(settings: Settings, clock: Callable[[], Instant] = wall_clock) -> web.Application:
    """Return the application; it opens the database when it starts and closes it when it stops."""
    app = web.Application(middlewares=[middleware.answering], client_max_size=BODY_MAX)
    app[SETTINGS] = settings
    app[CLOCK] = clock
    app[RUNNING] = set()
    app.on_response_prepare.append(middleware.protect)
    app.cleanup_ctx.append(_database)
    api.register(app, ROWS)
    return app


async def _database(app: web.Application) -> AsyncIterator[None]:
    async with await Database.open(app[SETTINGS].database) as db:
        app[DB] = db
        yield
