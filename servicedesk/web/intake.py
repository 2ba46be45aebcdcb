"""What happens to bytes that came in whole, whichever way they came: judged, kept, known."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from servicedesk.desk import files as desk
from servicedesk.domain import files as rules
from servicedesk.domain.errors import StorageFull, Unauthenticated, UploadStorageFull
from servicedesk.domain.files import Category, Content, NewFile, Picture
from servicedesk.domain.people import User
from servicedesk.domain.times import Instant
from servicedesk.domain.views import FileBody
from servicedesk.media.blobs import Draft
from servicedesk.media.jobs import Inspected
from servicedesk.store.db import Tx
from servicedesk.web import scans
from servicedesk.web.api import Call
from servicedesk.web.files import LIMITS, MEDIA
from servicedesk.web.keys import CLOCK
from servicedesk.web.thumbnails import THUMBNAILS

T = TypeVar("T")


class Place(msgspec.Struct, frozen=True):
    """Where a file is to hang, as the form says it."""

    ticket_id: int
    message_id: int | None
    is_internal: bool


class Add(Protocol):
    """Makes a file known whose bytes are in their place."""

    def __call__(self, tx: Tx, new: NewFile, *, by: User, at: Instant) -> FileBody: ...


class Judged(NamedTuple):
    """Bytes that may be kept, and what will be known of them."""

    draft: Draft
    new: NewFile
    content: Content | None
    """What an image really is; None for other files."""


async def keep(call: Call, draft: Draft, name: str, place: Place, *, add: Add = desk.add) -> FileBody:
    """Judge the bytes and keep them: first on the disk, then by name."""
    look_again(call)
    call.peek(
        desk.require_place, place.ticket_id, place.message_id, is_internal=place.is_internal, by=call.actor
    )
    found = await judge(call, draft, name, place)

    async def written(files: Sequence[NewFile]) -> FileBody:
        return await _name(call, files[0], add)

    return await keep_together(call, [found], written)


async def judge(call: Call, draft: Draft, name: str, place: Place) -> Judged:
    """Refuse a file that nobody may hang anywhere, whoever sends it."""
    kept = call.app[MEDIA]
    filename = rules.clean_filename(name)
    rules.require_size(rules.kind_of(filename), draft.size, LIMITS)
    seen = await kept.look(draft.path)
    content_type = rules.served_as(filename, seen)
    is_image = rules.category_of(filename) is Category.IMAGE
    width, height = (await kept.measure(draft.path) if is_image else None) or (None, None)
    new = NewFile(
        id=secrets.token_urlsafe(24),
        ticket_id=place.ticket_id,
        message_id=place.message_id,
        is_internal=place.is_internal,
        filename=filename,
        size=draft.size,
        content_type=content_type,
        sha256=draft.sha256,
        width=width,
        height=height,
        scan=scans.first_state(call.app),
    )
    return Judged(draft, new, seen.content if is_image else None)


async def keep_together(
    call: Call, files: Sequence[Judged], write: Callable[[Sequence[NewFile]], Awaitable[T]]
) -> T:
    """Bring all the bytes to their places, then have ``write`` make them known in one act."""
    # In the order of their hashes, each once: of two that come at a time none holds what the other waits for.
    drafts = {each.new.sha256: each.draft for each in files}
    body = await _placed(
        call, [drafts[sha256] for sha256 in sorted(drafts)], lambda: _known(call, files, write)
    )
    scans.nudge(call.app)
    return body


async def _placed(call: Call, drafts: Sequence[Draft], name: Callable[[], Awaitable[T]]) -> T:
    if not drafts:
        return await name()
    return await call.app[MEDIA].blobs.place(drafts[0], lambda: _placed(call, drafts[1:], name))


async def _known(
    call: Call, files: Sequence[Judged], write: Callable[[Sequence[NewFile]], Awaitable[T]]
) -> T:
    """Make the files known, images with their pictures or before them."""
    thumbnails = call.app[THUMBNAILS]
    images = {each.new.sha256: each.content for each in files if each.content is not None}
    made = await asyncio.gather(*(thumbnails.soon(sha256, content) for sha256, content in images.items()))
    pictures = dict(zip(images, made, strict=True))
    body = await write([_pictured(each.new, pictures) for each in files])
    for sha256, picture in pictures.items():
        if picture is None:
            thumbnails.finish(sha256, images[sha256])
    return body


def _pictured(new: NewFile, pictures: Mapping[str, Inspected | None]) -> NewFile:
    if new.sha256 not in pictures:
        return new
    found = pictures[new.sha256]
    if found is None:
        return replace(new, picture=Picture.PENDING)
    width, height = found.sides or (new.width, new.height)
    picture = Picture.FAILED if found.thumbnail is None else Picture.MADE
    return replace(new, picture=picture, width=width, height=height)


async def _name(call: Call, new: NewFile, add: Add) -> FileBody:
    try:
        return await call.write(add, new, by=call.actor, at=call.app[CLOCK]())
    except StorageFull:
        raise UploadStorageFull() from None


def look_again(call: Call) -> None:
    """See the caller as they are now that the bytes are in. Raises Unauthenticated when their session has ended."""
    call.look_again(call.app[CLOCK]())
    if call.caller is None:
        raise Unauthenticated()
