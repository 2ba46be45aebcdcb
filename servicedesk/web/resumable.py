"""Uploads that break off and go on: the tus protocol, version 1.0, as https://tus.io describes it."""

import asyncio
import base64
import binascii
import contextlib
import functools
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Iterator
from email.utils import formatdate
from hashlib import blake2b
from typing import Annotated, Final, Literal, TypeVar
from weakref import WeakValueDictionary

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, Meta, UnsetType

from servicedesk.desk import resumable as desk
from servicedesk.domain import files as rules
from servicedesk.domain.errors import (
    BadParameter,
    NotFound,
    RateLimited,
    Refused,
    StorageFull,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
    UploadStorageFull,
)
from servicedesk.domain.resumable import KEPT, ChecksumMismatch, UnknownVersion, Upload, WrongOffset
from servicedesk.domain.times import iso
from servicedesk.domain.words import say
from servicedesk.media.resumable import Partial, Partials
from servicedesk.store import resumable as stored
from servicedesk.store.db import Connection, Tx
from servicedesk.web import intake, pace
from servicedesk.web.admission import ADMISSION
from servicedesk.web.api import ID_MAX, Call, encode
from servicedesk.web.files import LIMITS
from servicedesk.web.keys import CLOCK, DB, SETTINGS
from servicedesk.web.lanes import LANES, Lane
from servicedesk.web.space import require_room_for_upload
from servicedesk.web.uploads import Sent, place_of

T = TypeVar("T")

ADDRESS: Final = "/api/files/resumable"
VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,termination,checksum,expiration"
ALGORITHMS: Final = tuple(name for name in ("sha1", "sha256", "md5") if name in hashlib.algorithms_available)
PIECES: Final = "application/offset+octet-stream"
METADATA_MAX: Final = 4096
FIELDS: Final = frozenset({"ticket_id", "message_id", "is_internal"})
IGNORED: Final = frozenset({"filetype"})
"""What clients add by themselves; the bytes tell us better."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{32}")
_PAIR: Final = re.compile(r"([!-+\--~]+)(?: +([A-Za-z0-9+/]*={0,2}))?", re.ASCII)

PARTIALS = web.AppKey("partials", Partials)
LINES = web.AppKey("lines", WeakValueDictionary[str, "Line"])

Size = Annotated[int, Meta(ge=0, le=ID_MAX)]
Version = Literal["1.0.0"]


class Creation(msgspec.Struct, frozen=True, kw_only=True):
    """The headers with which an upload begins."""

    version: Version = msgspec.field(name="Tus-Resumable")
    size: Size = msgspec.field(name="Upload-Length")
    metadata: Annotated[str, Meta(max_length=METADATA_MAX)] = msgspec.field(
        name="Upload-Metadata", default=""
    )


class Continuation(msgspec.Struct, frozen=True, kw_only=True):
    """The headers with which bytes come."""

    version: Version = msgspec.field(name="Tus-Resumable")
    offset: Size = msgspec.field(name="Upload-Offset")
    checksum: Annotated[str, Meta(max_length=128)] | UnsetType = msgspec.field(
        name="Upload-Checksum", default=UNSET
    )


class Question(msgspec.Struct, frozen=True, kw_only=True):
    version: Version = msgspec.field(name="Tus-Resumable")


class UploadBody(msgspec.Struct, frozen=True, kw_only=True):
    """How far an upload has come, and which file became of it."""

    id: str
    ticket_id: int
    filename: str
    size: int
    offset: int
    file_id: str | None
    expires_at: str


class Line:
    """The way to one upload: who comes later ends who came before, as a phone does that has changed networks."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._here: set[asyncio.Transport] = set()

    @contextlib.asynccontextmanager
    async def alone(self, transport: asyncio.Transport | None) -> AsyncIterator[None]:
        """Cut off whoever is here, and wait until they have let go."""
        mine = set[asyncio.Transport]() if transport is None else {transport}
        for other in self._here - mine:
            other.abort()
        self._here |= mine
        try:
            async with self._turn:
                yield
        finally:
            self._here -= mine


def setup(app: web.Application) -> None:
    """Have the application take such uploads."""
    app[LINES] = WeakValueDictionary()
    app.on_response_prepare.append(_sign)
    app.cleanup_ctx.append(_running)


async def _running(app: web.Application) -> AsyncIterator[None]:
    app[PARTIALS] = Partials(app[SETTINGS].data_dir)
    app[PARTIALS].prepare()
    yield


async def _sign(request: web.Request, response: web.StreamResponse) -> None:
    """Say on every answer under our address, refusals too, what is spoken here."""
    if request.path != ADDRESS and not request.path.startswith(f"{ADDRESS}/"):
        return
    response.headers["Tus-Resumable"] = VERSION
    if request.method == hdrs.METH_OPTIONS or response.status == 412:
        response.headers["Tus-Version"] = VERSION
    if request.method == hdrs.METH_OPTIONS:
        response.headers["Tus-Extension"] = EXTENSIONS
        response.headers["Tus-Max-Size"] = str(LIMITS.max_size)
        response.headers["Tus-Checksum-Algorithm"] = ",".join(ALGORITHMS)


def load(conn: Connection, upload_id: str) -> Upload:
    """Return the upload that a path names. Raises NotFound."""
    if not _ID.fullmatch(upload_id):
        raise NotFound()
    return stored.get(conn, upload_id)


def require_version(request: web.Request) -> None:
    """Raise UnknownVersion unless the client speaks as we do."""
    if request.headers.getall("Tus-Resumable", []) != [VERSION]:
        raise UnknownVersion(VERSION)


# Begun -----------------------------------------------------------------------------------------------------------


async def begin(call: Call, sent: Creation) -> web.Response:
    """Begin an upload that may break off and go on; its bytes follow, by PATCH to its ``Location``.

    This is the tus protocol, version 1.0. ``Upload-Metadata`` names ``filename`` and ``ticket_id``, perhaps
    ``message_id`` and ``is_internal``, each with its value in base64. What can be refused without the bytes is refused
    here, as in a plain upload.
    """
    if await pace.whole(call.request):
        raise UnsupportedMedia("An upload begins without bytes; they follow by PATCH.")
    said = blake2b(encode([sent.size, sent.metadata]), digest_size=16).digest()
    if (replayed := call.replay(said)) is not None:
        return replayed
    upload = _upload(call, sent)
    call.peek(desk.require_place, upload, by=call.actor)
    rules.require_size(rules.kind_of(upload.filename), upload.size, LIMITS)
    require_room_for_upload(call.app, upload.size + call.peek(stored.outstanding))
    body = _body(upload, 0)

    def begun(tx: Tx) -> UploadBody:
        desk.begin(tx, upload, by=call.actor, at=call.now)
        return body

    response = call.answer(await _written(call.write(begun)))
    response.headers.update(_headers(upload, 0))
    return response


def _upload(call: Call, sent: Creation) -> Upload:
    """Return what the headers ask for. Raises BadParameter, and what a plain upload's fields may raise."""
    form = _form(sent.metadata)
    place = place_of(call, form)
    return Upload(
        id=secrets.token_urlsafe(24),
        user_id=call.actor.id,
        ticket_id=place.ticket_id,
        message_id=place.message_id,
        is_internal=place.is_internal,
        filename=rules.clean_filename(form.filename or ""),
        size=sent.size,
        metadata=sent.metadata,
        expires_at=call.now + KEPT,
    )


def _form(metadata: str) -> Sent:
    """Return the metadata as the form that it stands for."""
    sent = Sent({}, None, [])
    seen = set[str]()
    for name, value in _pairs(metadata):
        if name in seen:
            sent.note(name, "repeated", "is given twice")
        elif name == "filename":
            sent.filename = value.decode(errors="surrogateescape")
        elif name in FIELDS:
            sent.fields[name] = value.decode(errors="replace")
        elif name not in IGNORED:
            sent.note(name, "unknown", "is not a field here")
        seen.add(name)
    if sent.filename is None:
        sent.filename = ""
        sent.note("filename", "missing", "is required")
    return sent


def _pairs(metadata: str) -> Iterator[tuple[str, bytes]]:
    for pair in metadata.split(",") if metadata else ():
        match = _PAIR.fullmatch(pair.strip())
        try:
            if match is None:
                raise ValueError
            yield match[1], base64.b64decode(match[2] or "", validate=True)
        except (ValueError, binascii.Error):
            detail = "Upload-Metadata is a list of names, each with its value in base64."
            raise BadParameter("Upload-Metadata", detail) from None


# Continued -------------------------------------------------------------------------------------------------------


async def append(call: Call, sent: Continuation) -> web.Response:
    """Send more bytes of an upload, from where it stopped.

    They are on the disk when they are acknowledged. With the last of them the bytes are judged as a whole, like
    those of a plain upload: the answer names the file as ``Content-Location``, or says why there is none; then the
    upload is gone. A request that comes while another is still under way ends the other.
    """
    if call.request.content_type != PIECES:
        raise UnsupportedMedia(f"Send the bytes as {PIECES}.")
    checksum = None if sent.checksum is UNSET else Checksum(sent.checksum)
    async with _reached(call) as (upload, partial):
        offset = upload.size if partial is None else partial.size
        if sent.offset != offset:
            raise WrongOffset(offset)
        if partial is not None:
            await _receive(call, upload, partial, checksum)
            upload = await _finished(call, call.peek(stored.get, upload.id), partial)
            offset = partial.size
        return web.Response(status=204, headers=_headers(upload, offset))


async def state(call: Call, sent: Question) -> web.Response:
    """Return how far an upload has come, and which file became of it; HEAD is what clients use.

    Asking ends a request that is still under way, and finishes an upload that has all its bytes.
    """
    async with _reached(call) as (upload, partial):
        offset = upload.size
        if partial is not None:
            upload, offset = await _finished(call, upload, partial), partial.size
        response = call.answer(_body(upload, offset))
        response.headers.update(_headers(upload, offset))
        response.headers["Upload-Length"] = str(upload.size)
        response.headers["Upload-Metadata"] = upload.metadata
        return response


async def end(call: Call, sent: Question) -> None:
    """Give an upload up; nothing of it is left. A file that it has become stays."""
    async with _line(call):
        await _forget(call.app, call.thing.id)


@contextlib.asynccontextmanager
async def _line(call: Call) -> AsyncIterator[Upload]:
    """Have an upload to oneself. Raises NotFound when it ended meanwhile."""
    line = call.app[LINES].setdefault(call.thing.id, Line())
    async with line.alone(call.request.transport):
        upload = call.peek(stored.get, call.thing.id)
        if upload.expires_at <= call.app[CLOCK]():
            raise NotFound(say("There is no {what} {id}.", what=say("upload"), id=upload.id))
        yield upload


@contextlib.asynccontextmanager
async def _reached(call: Call) -> AsyncIterator[tuple[Upload, Partial | None]]:
    """Have an upload to oneself, and what has come of it unless it is a file already.

    Raises what a plain upload does to whom may not, or no longer, upload there.
    """
    async with _line(call) as upload:
        if upload.file_id is not None:
            yield upload, None
            return
        call.peek(desk.require_place, upload, by=call.actor)
        async with call.app[PARTIALS].taken_up(upload.id, upload.unchecked_from) as partial:
            yield upload, partial


async def _receive(call: Call, upload: Upload, partial: Partial, checksum: "Checksum | None") -> None:
    """Take the request's bytes. However it ends, what came counts, unless it was to be checked."""
    most = upload.size - partial.size
    announced = call.request.content_length or 0
    if announced > most:
        raise TooLarge(f"Only {most} bytes of this upload are still to come.")
    with call.app[ADMISSION].one(call.actor, announced):
        if checksum is not None:
            await _written(call.write(stored.doubt, upload.id, partial.size))
        try:
            await _pieces(call, partial, pace.Body(call.request, most), checksum)
        finally:
            await partial.sync()
            if checksum is None:
                await _trust(call, upload, partial)
        if checksum is not None:
            checksum.require()
            await _trust(call, upload, partial)


async def _pieces(call: Call, partial: Partial, body: pace.Body, checksum: "Checksum | None") -> None:
    async with Lane(body, call.app[LANES]) as lane:
        while piece := await lane.read():
            if checksum is not None:
                checksum.update(piece)
            await partial.write(piece)
            require_room_for_upload(call.app, 0)


async def _written(work: Awaitable[T]) -> T:
    try:
        return await work
    except StorageFull:
        raise UploadStorageFull() from None


async def _trust(call: Call, upload: Upload, partial: Partial) -> None:
    expires_at = call.app[CLOCK]() + KEPT
    await _written(call.db.write(stored.trust, upload.id, partial.size, expires_at))


async def _finished(call: Call, upload: Upload, partial: Partial) -> Upload:
    """Make the file once all bytes are there. What is refused for what it is ends the upload."""
    if partial.size < upload.size:
        return upload
    place = intake.Place(upload.ticket_id, upload.message_id, upload.is_internal)
    add = functools.partial(desk.finish, upload_id=upload.id)
    try:
        file = await intake.keep(call, partial, upload.filename, place, add=add)
    except (Unauthenticated, Unavailable, RateLimited):  # for what they are about, it may be tried again
        raise
    except Refused:
        await _forget(call.app, upload.id)
        raise
    await call.app[PARTIALS].drop(upload.id)
    return msgspec.structs.replace(upload, file_id=file.id)


async def _forget(app: web.Application, upload_id: str) -> None:
    # The bytes first: on a full disk that makes the room which the database needs to forget the rest.
    await app[PARTIALS].drop(upload_id)
    await app[DB].write(stored.delete, upload_id)


async def sweep(app: web.Application, now: float | None = None) -> None:
    """Remove what has waited for more bytes long enough, and bytes that belong to no upload."""
    db, partials = app[DB], app[PARTIALS]
    for upload_id in db.peek(stored.expired, app[CLOCK]()):
        if upload_id not in app[LINES]:  # its bytes may be coming in
            with contextlib.suppress(StorageFull):  # the next sweep forgets it
                await _forget(app, upload_id)
    for name in await partials.old(now):
        if not db.peek(stored.is_unfinished, name):
            await partials.drop(name)


# Said ------------------------------------------------------------------------------------------------------------


class Checksum:
    """What the bytes of a request should amount to."""

    def __init__(self, header: str) -> None:
        name, _, wanted = header.partition(" ")
        if name not in ALGORITHMS:
            detail = f"Upload-Checksum: one of {', '.join(ALGORITHMS)} is needed, and the digest in base64."
            raise BadParameter("Upload-Checksum", detail)
        self._hash = hashlib.new(name, usedforsecurity=False)
        try:
            self._wanted = base64.b64decode(wanted, validate=True)
        except (ValueError, binascii.Error):
            raise BadParameter("Upload-Checksum", "Upload-Checksum: the digest is not base64.") from None

    def update(self, piece: bytes) -> None:
        self._hash.update(piece)

    def require(self) -> None:
        """Raise ChecksumMismatch unless the bytes are those that were sent."""
        if self._hash.digest() != self._wanted:
            raise ChecksumMismatch()


def _headers(upload: Upload, offset: int) -> dict[str, str]:
    headers = {"Upload-Offset": str(offset)}
    if upload.file_id is None:
        headers["Upload-Expires"] = formatdate(upload.expires_at / 1000, usegmt=True)
    else:
        headers[hdrs.CONTENT_LOCATION] = f"/api/files/{upload.file_id}"
    return headers


def _body(upload: Upload, offset: int) -> UploadBody:
    return UploadBody(
        id=upload.id,
        ticket_id=upload.ticket_id,
        filename=upload.filename,
        size=upload.size,
        offset=offset,
        file_id=upload.file_id,
        expires_at=iso(upload.expires_at),
    )
