"""What the desk does by itself when its time has come."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final

from aiohttp import web

from servicedesk.desk import assignment, clocks, tickets
from servicedesk.domain.errors import StorageFull
from servicedesk.domain.events import DrainAgain
from servicedesk.domain.times import HOUR, SECOND, Instant
from servicedesk.store import idempotency, search
from servicedesk.store.db import Connection
from servicedesk.web.keys import CLOCK, DB

log = logging.getLogger(__name__)

_LONGEST: Final = 60.0
"""Seconds after which the wall clock is looked at again, in case it was set."""
_PAUSE: Final = 0.2
"""Seconds between two looks, however much happens."""
_AFTER_FAILURE: Final = 5.0


async def running(app: web.Application) -> AsyncIterator[None]:
    """Keep the desk's own appointments for as long as the application runs."""
    changed, drain = asyncio.Event(), asyncio.Event()

    def listen(notices: Sequence[object]) -> None:
        changed.set()
        if any(isinstance(notice, DrainAgain) for notice in notices):
            drain.set()

    app[DB].listen(listen)
    task = asyncio.create_task(_keep(app, changed, drain), name="timers")
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def fire(app: web.Application) -> None:
    """Do everything that is due now, in transactions of bounded size."""
    db, at = app[DB], app[CLOCK]()
    while await db.write(clocks.warn, at):
        pass
    while await db.write(tickets.close_resolved, at):
        pass


def next_at(conn: Connection) -> Instant | None:
    """Return when something is due next."""
    moments = (clocks.next_warning_at(conn), tickets.next_close_at(conn))
    return min((moment for moment in moments if moment is not None), default=None)


async def _keep(app: web.Application, changed: asyncio.Event, drain: asyncio.Event) -> None:
    db, clock = app[DB], app[CLOCK]
    swept: Instant = 0
    while True:
        changed.clear()
        try:
            while db.peek(search.is_behind):
                await db.write(search.catch_up)
            if drain.is_set():
                drain.clear()
                await db.write(assignment.drain, clock())
            if clock() - swept >= HOUR:
                swept = clock()
                await db.write(idempotency.forget_old, swept)
            due = db.peek(next_at)
            if due is not None and due <= clock():
                await fire(app)
                continue
            wait = _LONGEST if due is None else min(_LONGEST, (due - clock()) / SECOND)
            await asyncio.sleep(min(_PAUSE, wait))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), max(wait - _PAUSE, 0.0))
        except StorageFull:
            await asyncio.sleep(_AFTER_FAILURE)
        except Exception:
            log.exception("the desk's own appointments failed; they are tried again")
            await asyncio.sleep(_AFTER_FAILURE)
