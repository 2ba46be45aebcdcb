"""What happens to bytes that came in whole, whichever way they came: judged, kept, known."""

import secrets

import msgspec

from servicedesk.desk import files as desk
from servicedesk.domain import files as rules
from servicedesk.domain.errors import StorageFull, Unauthenticated, UploadStorageFull
from servicedesk.domain.files import Category, Content, NewFile, Picture
from servicedesk.domain.views import FileBody
from servicedesk.media.blobs import Draft
from servicedesk.media.files import THUMBNAIL, Media
from servicedesk.media.jobs import Inspected
from servicedesk.web import auth, scans
from servicedesk.web.api import Call
from servicedesk.web.files import LIMITS, MEDIA
from servicedesk.web.keys import CLOCK


class Place(msgspec.Struct, frozen=True):
    """Where a file is to hang, as the form says it."""

    ticket_id: int
    message_id: int | None
    is_internal: bool


async def keep(call: Call, draft: Draft, name: str, place: Place) -> FileBody:
    """Judge the bytes and keep them: first on the disk, then by name."""
    _require_caller(call)
    call.peek(
        desk.require_place, place.ticket_id, place.message_id, is_internal=place.is_internal, by=call.actor
    )
    kept = call.app[MEDIA]
    filename = rules.clean_filename(name)
    rules.require_size(rules.kind_of(filename), draft.size, LIMITS)
    content = await kept.look(draft.path)
    content_type = rules.served_as(filename, content)
    image = await _inspected(kept, filename, draft, content.content)
    new = NewFile(
        id=secrets.token_urlsafe(24),
        ticket_id=place.ticket_id,
        message_id=place.message_id,
        is_internal=place.is_internal,
        filename=filename,
        size=draft.size,
        content_type=content_type,
        sha256=draft.sha256,
        width=image.width,
        height=image.height,
        picture=Picture.NONE if image.thumbnail is None else Picture.MADE,
        scan=scans.first_state(call.app),
    )
    known = await kept.blobs.place(draft, lambda: _name(call, new, image.thumbnail))
    scans.nudge(call.app)
    return known


async def _inspected(kept: Media, filename: str, draft: Draft, content: Content) -> Inspected:
    if rules.category_of(filename) is not Category.IMAGE:
        return Inspected()
    found = await kept.inspect(draft.path, content)
    if found.has_too_many_pixels:
        raise rules.TooManyPixels(LIMITS.max_pixels)
    return found


async def _name(call: Call, new: NewFile, thumbnail: bytes | None) -> FileBody:
    if thumbnail is not None:
        await call.app[MEDIA].blobs.keep_picture(new.sha256, THUMBNAIL, thumbnail)
    try:
        return await call.write(desk.add, new, by=call.actor, at=call.app[CLOCK]())
    except StorageFull:
        raise UploadStorageFull() from None


def _require_caller(call: Call) -> None:
    """Raise Unauthenticated when the caller's session ended while the bytes came in."""
    if auth.identify(call.request, call.app[CLOCK]()) is None:
        raise Unauthenticated()
