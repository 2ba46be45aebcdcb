"""What happens to bytes that came in whole, whichever way they came: judged, kept, known."""

import secrets
from functools import partial
from typing import Protocol

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
from servicedesk.store.db import Tx
from servicedesk.web import auth
from servicedesk.web.api import Call
from servicedesk.web.files import LIMITS, MEDIA
from servicedesk.web.keys import CLOCK
from servicedesk.web.thumbnails import THUMBNAILS


class Place(msgspec.Struct, frozen=True):
    """Where a file is to hang, as the form says it."""

    ticket_id: int
    message_id: int | None
    is_internal: bool


class Add(Protocol):
    """Makes a file known whose bytes are in their place."""

    def __call__(self, tx: Tx, new: NewFile, *, by: User, at: Instant) -> FileBody: ...


async def keep(call: Call, draft: Draft, name: str, place: Place, *, add: Add = desk.add) -> FileBody:
    """Judge the bytes and keep them: first on the disk, then by name."""
    _look_again(call)
    call.peek(
        desk.require_place, place.ticket_id, place.message_id, is_internal=place.is_internal, by=call.actor
    )
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
    )
    plain = partial(_name, call, new, add)
    known = partial(_name_image, call, new, seen.content, add) if is_image else plain
    return await kept.blobs.place(draft, known)


async def _name_image(call: Call, new: NewFile, content: Content, add: Add) -> FileBody:
    """Make the file known with its picture, or before it."""
    thumbnails = call.app[THUMBNAILS]
    found = await thumbnails.soon(new.sha256, content)
    if found is None:
        body = await _name(call, replace(new, picture=Picture.PENDING), add)
        thumbnails.finish(new.sha256, content)
        return body
    width, height = found.sides or (new.width, new.height)
    picture = Picture.FAILED if found.thumbnail is None else Picture.MADE
    return await _name(call, replace(new, picture=picture, width=width, height=height), add)


async def _name(call: Call, new: NewFile, add: Add) -> FileBody:
    try:
        return await call.write(add, new, by=call.actor, at=call.app[CLOCK]())
    except StorageFull:
        raise UploadStorageFull() from None


def _look_again(call: Call) -> None:
    """See the caller as they are now that the bytes are in. Raises Unauthenticated when their session has ended."""
    call.caller = auth.identify(call.request, call.app[CLOCK]())
    if call.caller is None:
        raise Unauthenticated()
