"""Bytes and pictures on their way out; the headers here are what keeps a browser from running them."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Mapping
from typing import BinaryIO, Final
from urllib.parse import quote

from aiohttp import hdrs, web

from servicedesk.domain.errors import NotFound
from servicedesk.domain.files import NoThumbnail, StoredFile
from servicedesk.media import files as media
from servicedesk.media.blobs import PIECE
from servicedesk.media.files import PICTURE, THUMBNAIL
from servicedesk.web import problems
from servicedesk.web.api import Call
from servicedesk.web.files import MEDIA
from servicedesk.web.keys import REQUEST_ID
from servicedesk.web.thumbnails import THUMBNAILS

log = logging.getLogger(__name__)

STALLED: Final = 60.0
"""Seconds after which a download that its client does not take is given up."""
_RANGE: Final = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII)
_SANDBOX: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


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
    with await opened(call, file) as source:
        await response.prepare(call.request)
        if call.request.method != hdrs.METH_HEAD:
            await _send(call.request, response, source, start, end)
    return response


async def thumbnail(call: Call) -> web.Response:
    """Return a small picture of an image: made by us, upright, without what cameras write into files."""
    file: StoredFile = call.thing
    if not file.has_picture:
        raise NoThumbnail()
    return await _shown(call, THUMBNAIL, call.app[THUMBNAILS].of(file))


async def picture(call: Call) -> web.Response:
    """Return a picture that fills a screen, of an image or of a PDF's first page."""
    file: StoredFile = call.thing
    if not (file.has_picture or media.is_pdf(file)):
        raise NoThumbnail()
    return await _shown(call, PICTURE, call.app[MEDIA].picture(file))


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


async def opened(call: Call, file: StoredFile) -> BinaryIO:
    """Open the bytes of a file. Raises NotFound when the disk has lost them."""
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
