"""Files over HTTP: listed, shown, downloaded, deleted. How they come in is ``uploads.py``."""

import asyncio
import contextlib
import itertools
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import BinaryIO, Final
from urllib.parse import quote

import msgspec
from aiohttp import hdrs, web

from servicedesk.desk import files as desk
from servicedesk.domain import views
from servicedesk.domain.access import Verb, may
from servicedesk.domain.errors import NotFound
from servicedesk.domain.files import KINDS, Category, Content, Limits, NoThumbnail, StoredFile, kind_of
from servicedesk.domain.times import Instant
from servicedesk.media import files as media
from servicedesk.media.blobs import PIECE
from servicedesk.media.files import PICTURE, THUMBNAIL, Media
from servicedesk.media.jobs import Entry
from servicedesk.store import files as stored
from servicedesk.store.db import Connection
from servicedesk.web import lists, problems
from servicedesk.web.api import Call
from servicedesk.web.keys import DB, REQUEST_ID, SETTINGS
from servicedesk.web.lists import Page, Paging

log = logging.getLogger(__name__)

MEDIA = web.AppKey("media", Media)
LIMITS: Final = Limits()
SWEEP_FIRST: Final = 60.0
SWEEP_EVERY: Final = 3600.0
"""Seconds between two looks for bytes that no file names."""
SWEEPS_A_SCRUB: Final = 24
"""Sweeps between two readings of all bytes."""
STALLED: Final = 60.0
"""Seconds after which a download that its client does not take is given up."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_RANGE: Final = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII)
_SANDBOX: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class ImagePreview(msgspec.Struct, frozen=True, tag_field="kind", tag="image"):
    """``image_url`` is a picture that fills a screen."""

    width: int | None
    height: int | None
    thumbnail_url: str
    image_url: str


class TextPreview(msgspec.Struct, frozen=True, tag_field="kind", tag="text"):
    text: str
    truncated: bool
    encoding: str


class TablePreview(msgspec.Struct, frozen=True, tag_field="kind", tag="table"):
    rows: list[list[str]]
    truncated: bool


class PdfPreview(msgspec.Struct, frozen=True, tag_field="kind", tag="pdf"):
    """``image_url`` is the first page."""

    pages: int
    image_url: str | None


class ArchivePreview(msgspec.Struct, frozen=True, tag_field="kind", tag="archive"):
    """What is in the archive, as far as it was read."""

    entries: list[Entry]
    total: int
    truncated: bool


class NoPreview(msgspec.Struct, frozen=True, tag_field="kind", tag="none"):
    """There is nothing to show but the file itself."""


Preview = ImagePreview | TextPreview | TablePreview | PdfPreview | ArchivePreview | NoPreview


class ImageLimits(msgspec.Struct, frozen=True):
    max_size: int
    max_pixels: int


class CategoryLimits(msgspec.Struct, frozen=True):
    types: list[str]
    max_size: int


class LimitsBody(msgspec.Struct, frozen=True):
    max_size: int
    images: ImageLimits
    categories: dict[str, CategoryLimits]
    max_files_per_message: int


async def running(app: web.Application) -> AsyncIterator[None]:
    """Keep the bytes of the desk's files while it runs."""
    kept = app[MEDIA] = Media(app[SETTINGS].data_dir, LIMITS)
    kept.blobs.prepare()
    sweeper = asyncio.create_task(_sweep_for_ever(app), name="sweeper of files")
    yield
    sweeper.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sweeper
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


async def download(call: Call) -> web.StreamResponse:
    """Return the bytes, or the range of them that is asked for."""
    file: StoredFile = call.thing
    tag = f'"{file.sha256}"'
    headers = {
        hdrs.ETAG: tag,
        hdrs.CACHE_CONTROL: "private, no-cache",
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.CONTENT_DISPOSITION: attachment(file.filename),
        **_SANDBOX,
    }
    if _is_known(call.request, tag):
        return web.Response(status=304, headers=headers)
    wanted = _range(call.request, file.size, tag)
    start, end = wanted or (0, file.size)
    if start >= end:
        return _unsatisfiable(call.request, file.size)
    if wanted is not None:
        headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{end - 1}/{file.size}"
    response = web.StreamResponse(status=206 if wanted else 200, headers=headers)
    response.headers[hdrs.CONTENT_TYPE] = file.content_type
    response.content_length = end - start
    with await _opened(call, file) as source:
        await response.prepare(call.request)
        if call.request.method != hdrs.METH_HEAD:
            await _send(call.request, response, source, start, end)
    return response


async def thumbnail(call: Call) -> web.Response:
    """Return a small picture of an image: made by us, upright, without what cameras write into files."""
    file: StoredFile = call.thing
    if not file.has_thumbnail:
        raise NoThumbnail()
    return await _shown(call, THUMBNAIL, call.app[MEDIA].thumbnail(file))


async def picture(call: Call) -> web.Response:
    """Return a picture that fills a screen, of an image or of a PDF's first page."""
    file: StoredFile = call.thing
    if not (file.has_thumbnail or media.is_pdf(file)):
        raise NoThumbnail()
    return await _shown(call, PICTURE, call.app[MEDIA].picture(file))


async def preview(call: Call) -> Preview:
    """Return what can be shown of a file without downloading it."""
    file, kept = call.thing, call.app[MEDIA]
    with await _opened(call, file):
        contents = kind_of(file.filename).contents
        if file.filename.lower().endswith(".csv"):
            table = await kept.table(file)
            return TablePreview(table.rows, table.truncated)
        if contents == {Content.TEXT}:
            text = await kept.text(file)
            return TextPreview(text.text, text.truncated, text.encoding)
        if file.category == Category.IMAGE:
            return _image_preview(file)
        if media.is_pdf(file):
            return await _pdf_preview(file, kept)
        listed = await kept.entries(file)
        return ArchivePreview(listed.entries, listed.total, listed.truncated) if listed else NoPreview()


def _image_preview(file: StoredFile) -> Preview:
    address = desk.shown(file).thumbnail_url
    if address is None:
        return NoPreview()
    return ImagePreview(file.width, file.height, address, f"/api/files/{file.id}/picture")


async def _pdf_preview(file: StoredFile, kept: Media) -> Preview:
    read = await kept.pdf(file)
    if read is None:
        return NoPreview()
    return PdfPreview(read.pages, f"/api/files/{file.id}/picture" if read.picture else None)


async def _shown(call: Call, name: str, made: Awaitable[bytes | None]) -> web.Response:
    """Answer with a picture of ours, which never changes."""
    headers = {
        hdrs.ETAG: f'"{call.thing.sha256}.{name}"',
        hdrs.CACHE_CONTROL: "private, max-age=31536000, immutable",
        **_SANDBOX,
    }
    content = await made
    if content is None:
        raise NoThumbnail()
    if _is_known(call.request, headers[hdrs.ETAG]):
        return web.Response(status=304, headers=headers)
    return web.Response(body=content, content_type="image/webp", headers=headers)


async def _opened(call: Call, file: StoredFile) -> BinaryIO:
    try:
        return await call.app[MEDIA].blobs.open(file.sha256)
    except FileNotFoundError:
        log.error("the bytes %s of file %s are lost", file.sha256, file.id)
        raise NotFound("The bytes of this file are lost.") from None


async def _send(
    request: web.Request, response: web.StreamResponse, source: BinaryIO, start: int, end: int
) -> None:
    source.seek(start)
    while start < end:
        piece = await asyncio.to_thread(source.read, min(PIECE, end - start))
        start += len(piece)
        try:
            async with asyncio.timeout(STALLED):
                if not piece:
                    raise TimeoutError  # the disk has lost the rest: better a cut line than a wrong file
                await response.write(piece)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("the download was given up") from None


def _is_known(request: web.Request, tag: str) -> bool:
    known = request.headers.get(hdrs.IF_NONE_MATCH)
    if known is None:
        return False
    return known.strip() == "*" or tag in (each.strip().removeprefix("W/") for each in known.split(","))


def _range(request: web.Request, size: int, tag: str) -> tuple[int, int] | None:
    """Return the first byte and the one after the last that are asked for; None is all, an empty range none."""
    headers: Mapping[str, str] = request.headers
    if request.method != hdrs.METH_GET or headers.get(hdrs.IF_RANGE, tag).strip() != tag:
        return None
    match = _RANGE.fullmatch(headers.get(hdrs.RANGE, ""))
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1 if last else size, size)


def _unsatisfiable(request: web.Request, size: int) -> web.Response:
    detail = f"The file has {size} bytes; the range begins behind them."
    response = problems.plain(416, detail, request[REQUEST_ID], "range_not_satisfiable")
    response.headers[hdrs.CONTENT_RANGE] = f"bytes */{size}"
    return response


def attachment(filename: str) -> str:
    """Return the ``Content-Disposition`` that has a browser save the file under its name, whatever is in it."""
    plain = "".join(char if " " <= char <= "~" and char not in '"\\%' else "_" for char in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='!#$&+-.^_`|~')}"


async def _sweep_for_ever(app: web.Application) -> None:
    await asyncio.sleep(SWEEP_FIRST)
    for number in itertools.count(1):
        try:
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
