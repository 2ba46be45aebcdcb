"""Taking into the audit list what commands beside the server left for it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from servicedesk.desk import exports
from servicedesk.store import left
from servicedesk.web.keys import DB, SETTINGS

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 10.0
"""Seconds between two looks."""


async def running(app: web.Application) -> AsyncIterator[None]:
    """Look at the start, and again and again while the desk runs."""
    task = asyncio.create_task(_take_for_ever(app), name="reader of notes")
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _take_for_ever(app: web.Application) -> None:
    while True:
        try:
            await take(app)
        except Exception as error:  # a full or broken disk: what was left stays, and is taken later
            log.warning("what commands left for the audit list was not taken: %s", error)
        await asyncio.sleep(LOOK_EVERY)


async def take(app: web.Application) -> None:
    """Write into the audit list what was left, and remove it. Raises OSError and StorageFull."""
    folder = app[SETTINGS].data_dir
    await asyncio.to_thread(left.prepare, folder)
    found = await asyncio.to_thread(left.notes, folder)
    if found:
        await app[DB].write(exports.note_all, found)
        await asyncio.to_thread(left.forget, folder, found)
