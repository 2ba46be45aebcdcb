"""Files over HTTP: listed, shown, downloaded, deleted. How they come in is ``uploads.py``."""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from aiohttp import web

from servicedesk.desk import files as desk
from servicedesk.domain import views
from servicedesk.domain.access import Verb, may
from servicedesk.domain.errors import NotFound
from servicedesk.domain.files import KINDS, Category, Limits, StoredFile
from servicedesk.domain.resumable import ABOVE
from servicedesk.domain.times import Instant
from servicedesk.media.files import Media
from servicedesk.store import files as stored
from servicedesk.store.db import Connection
from servicedesk.web import lists
from servicedesk.web.api import Call
from servicedesk.web.keys import SETTINGS
from servicedesk.web.lanes import AT_ONCE, LANES
from servicedesk.web.lists import Page, Paging

log = logging.getLogger(__name__)

MEDIA = web.AppKey("media", Media)
LIMITS: Final = Limits()
_ID: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")


class ImageLimits(msgspec.Struct, frozen=True):
    max_size: int
    max_pixels: int


class CategoryLimits(msgspec.Struct, frozen=True):
    types: list[str]
    max_size: int


class ResumableLimits(msgspec.Struct, frozen=True):
    endpoint: str
    above: int
    """The size from which on our own pages upload so."""


class LimitsBody(msgspec.Struct, frozen=True):
    max_size: int
    images: ImageLimits
    categories: dict[str, CategoryLimits]
    max_files_per_message: int
    resumable: ResumableLimits


async def running(app: web.Application) -> AsyncIterator[None]:
    """Keep the bytes of the desk's files while it runs."""
    kept = app[MEDIA] = Media(app[SETTINGS].data_dir, LIMITS)
    app[LANES] = asyncio.Semaphore(AT_ONCE)
    kept.blobs.prepare()
    yield
    await kept.close()


def load(conn: Connection, file_id: str) -> StoredFile:
    """Return the file that a path names. Raises NotFound."""
    if not _ID.fullmatch(file_id):
        raise NotFound()
    return stored.get(conn, file_id)


async def limits(call: Call) -> LimitsBody:
    """Return what the server takes."""
    types: dict[Category, list[str]] = {}
    for extension, kind in KINDS.items():
        types.setdefault(kind.category, []).append(extension)
    return LimitsBody(
        LIMITS.max_size,
        ImageLimits(LIMITS.max_image_size, LIMITS.max_pixels),
        {str(name): CategoryLimits(found, LIMITS.size_of(name)) for name, found in types.items()},
        LIMITS.max_files_per_message,
        ResumableLimits("/api/files/resumable/", ABOVE),
    )


async def of_ticket(call: Call, paging: Paging) -> web.Response:
    """Return a ticket's files, oldest first."""
    staff = may(call.actor, Verb.SEE_INTERNAL, call.thing)
    after = lists.unsealed(call, paging.cursor, tuple[Instant, str]) if paging.cursor else (0, "")
    found = call.peek(stored.page, call.thing.id, after=after, limit=paging.limit + 1, internal=staff)
    kept = found[: paging.limit]
    cursor = lists.sealed(call, (kept[-1].created_at, kept[-1].id)) if len(found) > len(kept) else None
    total = views.file_count(call.thing, staff=staff) if paging.count else msgspec.UNSET
    return lists.answer(call, Page([desk.shown(file) for file in kept], cursor, total))


async def one(call: Call) -> views.FileBody:
    """Return what is known of a file."""
    return desk.shown(call.thing)


async def delete(call: Call) -> None:
    """Take a file away, for its readers at once."""
    file: StoredFile = call.thing
    await call.write(desk.delete, file.id, by=call.actor, at=call.now)
    with contextlib.suppress(OSError):  # the sweeper comes by later
        await call.app[MEDIA].blobs.remove(file.sha256, lambda sha256: call.peek(stored.is_named, sha256))
