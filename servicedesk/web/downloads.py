"""Bytes and pictures on their way out; the headers here are what keeps a browser from running them."""

import logging
from collections.abc import Awaitable
from typing import BinaryIO
from urllib.parse import quote

from aiohttp import hdrs, web

from servicedesk.domain import files as rules
from servicedesk.domain.errors import NotFound
from servicedesk.domain.files import NoThumbnail, StoredFile
from servicedesk.domain.words import say
from servicedesk.media import files as media
from servicedesk.media.files import PICTURE, THUMBNAIL
from servicedesk.media.proof import Damaged
from servicedesk.web import conditions, problems, sending
from servicedesk.web.api import Call
from servicedesk.web.conditions import Version
from servicedesk.web.files import MEDIA
from servicedesk.web.keys import REQUEST_ID
from servicedesk.web.thumbnails import THUMBNAILS

log = logging.getLogger(__name__)


async def download(call: Call) -> web.StreamResponse:
    """Return the bytes, or the range of them that is asked for."""
    file: StoredFile = call.thing
    with await opened(call, file) as source:
        version = Version.of(file.sha256, file.created_at)
        headers = {**version.headers, hdrs.CACHE_CONTROL: "private, no-cache"}
        if (status := conditions.refused(call.request, version)) is not None:
            return _unsent(call, status, headers)
        wanted = conditions.part(call.request, file.size, version)
        start, end = wanted or (0, file.size)
        if start >= end:
            return _unsatisfiable(call, file.size)
        headers[hdrs.ACCEPT_RANGES] = "bytes"
        headers[hdrs.CONTENT_DISPOSITION] = attachment(file.filename)
        headers[hdrs.CONTENT_TYPE] = file.content_type
        if wanted is not None:
            headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{end - 1}/{file.size}"
        response = web.StreamResponse(status=206 if wanted else 200, headers=headers)
        response.content_length = end - start
        await response.prepare(call.request)
        if call.request.method != hdrs.METH_HEAD:
            await sending.send(call.request, response, source, start, end)
    return response


async def thumbnail(call: Call) -> web.Response:
    """Return a small picture of an image: made by us, upright, without what cameras write into files."""
    file: StoredFile = call.thing
    await _require_sound(call, file)
    if not file.has_picture:
        raise NoThumbnail()
    return await _shown(call, THUMBNAIL, call.app[THUMBNAILS].of(file))


async def picture(call: Call) -> web.Response:
    """Return a picture that fills a screen, of an image or of a PDF's first page."""
    file: StoredFile = call.thing
    await _require_sound(call, file)
    if not (file.has_picture or media.is_pdf(file)):
        raise NoThumbnail()
    return await _shown(call, PICTURE, call.app[MEDIA].picture(file))


async def _require_sound(call: Call, file: StoredFile) -> None:
    """Refuse what is made of bytes as the bytes themselves would be."""
    with await opened(call, file):
        return


async def _shown(call: Call, name: str, made: Awaitable[bytes | None]) -> web.Response:
    """Answer with a picture of ours, which never changes."""
    file: StoredFile = call.thing
    content = await made
    if content is None:
        raise NoThumbnail()
    version = Version.of(f"{file.sha256}.{name}", file.created_at)
    headers = {**version.headers, hdrs.CACHE_CONTROL: "private, max-age=31536000, immutable"}
    if (status := conditions.refused(call.request, version)) is not None:
        return _unsent(call, status, headers)
    return web.Response(body=content, content_type="image/webp", headers=headers)


async def opened(call: Call, file: StoredFile) -> BinaryIO:
    """Open the bytes of a file: every road to them, and to what is made of them, begins here.

    Raises Infected and NotScanned, and NotFound when the disk has lost or changed them.
    """
    rules.require_readable(file, only_clean=call.settings.only_clean)
    try:
        return await call.app[MEDIA].blobs.open(file.sha256, file.size)
    except FileNotFoundError:
        log.error("the bytes %s of file %s are lost", file.sha256, file.id)
        raise NotFound(say("The bytes of this file are lost.")) from None
    except Damaged as damage:
        log.error("the blob %s of file %s is damaged: it %s", file.sha256, file.id, damage)
        raise NotFound(say("The bytes of this file are damaged; upload it again.")) from None


def _unsent(call: Call, status: int, headers: dict[str, str]) -> web.Response:
    """Answer that the client has it already, or that it is not what the client wants."""
    if status == 304:
        return web.Response(status=304, headers=headers)
    detail = say("The file is not the one that the request's conditions ask for.")
    response = problems.plain(status, detail, call.request[REQUEST_ID])
    response.headers.update(headers)
    return response


def _unsatisfiable(call: Call, size: int) -> web.Response:
    detail = say("The file has {size} bytes; the range begins behind them.", size=size)
    response = problems.plain(416, detail, call.request[REQUEST_ID], "range_not_satisfiable")
    response.headers[hdrs.CONTENT_RANGE] = f"bytes */{size}"
    return response


def attachment(filename: str) -> str:
    """Return the ``Content-Disposition`` that has a browser save the file under its name, whatever is in it."""
    plain = "".join(char if " " <= char <= "~" and char not in '"\\%' else "_" for char in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='!#$&+-.^_`|~')}"
