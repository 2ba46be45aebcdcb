"""Forms of people without an account: short texts, and files that are taken together with them or not at all."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Final

import msgspec

from servicedesk.domain import files as rules
from servicedesk.domain.errors import (
    FieldError,
    Invalid,
    Refused,
    TooLarge,
    UnsupportedMedia,
    UploadStorageFull,
)
from servicedesk.domain.words import Text, begun, count, joined, say
from servicedesk.media.blobs import Draft
from servicedesk.web import intake, pace
from servicedesk.web.api import Call
from servicedesk.web.files import LIMITS, MEDIA
from servicedesk.web.intake import Judged, Place
from servicedesk.web.lanes import LANES, Lane
from servicedesk.web.multipart import Form, Part
from servicedesk.web.space import require_room_for_upload

FILES: Final = "files"
TOTAL: Final = 4 * LIMITS.max_size
"""Bytes that a form may have with all its files."""
_TO_NOWHERE: Final = Place(0, None, is_internal=False)
"""Of a file that is judged before it is known where it will hang."""


class Received(msgspec.Struct):
    """What a form brought."""

    fields: dict[str, str]
    files: list[tuple[Draft, str]]
    errors: list[FieldError]
    refusal: Refused | None
    """Why no file of it was taken, whatever they are."""

    def note(self, name: str, message: str) -> None:
        self.errors.append(FieldError(f"/{name}", "invalid", message))


def announced(call: Call) -> int:
    """Return how many bytes are to come. Raises TooLarge."""
    size = call.request.content_length or 0
    if size > TOTAL:
        raise TooLarge(_too_large())
    return size


async def receive(
    call: Call, stack: AsyncExitStack, most: Mapping[str, int], refusal: Refused | None = None
) -> Received:
    """Read a form to its end: fields of at most so many characters, and files into drafts that last as the stack.

    Once there is a refusal, files are read past, so that the fields can be shown again with it.
    """
    received = Received({}, [], [], refusal)
    async with Lane(pace.Body(call.request, TOTAL), call.app[LANES]) as lane:
        async for part in Form(call.request, lane.read).parts():
            if part.name == FILES and part.filename and received.refusal is None:
                try:
                    await _take_file(call, stack, part, received)
                except UploadStorageFull as full:
                    received.refusal = full
            elif part.name in most and part.filename is None and part.name not in received.fields:
                await _take_field(part, most[part.name], received)
    return received


async def _take_field(part: Part, most: int, received: Received) -> None:
    text = await part.text(4 * most)  # of UTF-8
    if text is None:
        received.note(part.name, say("Must be a text of at most {n} characters.", n=most))
    else:
        received.fields[part.name] = text.replace("\r\n", "\n")


async def _take_file(call: Call, stack: AsyncExitStack, part: Part, received: Received) -> None:
    name = part.filename or ""
    if len(received.files) >= LIMITS.max_files_per_message:
        if not any(error.code == "too_many" for error in received.errors):
            received.errors.append(FieldError(f"/{FILES}", "too_many", _too_many()))
        return
    draft = await stack.enter_async_context(call.app[MEDIA].blobs.draft())
    size = LIMITS.size_of(rules.category_of(name.strip()))
    async for piece in part.pieces():
        if draft.size + len(piece) > size:
            received.note(FILES, _about(name, rules.FileTooLarge(say("A file"), size)))
            return
        await draft.write(piece)
        require_room_for_upload(call.app, 0)
    await draft.flush()
    received.files.append((draft, name))


async def judge(call: Call, received: Received) -> list[Judged]:
    """Return the files as they will be kept. Raises Invalid, which names each that will not be."""
    found: list[Judged] = []
    for draft, name in received.files:
        try:
            found.append(await intake.judge(call, draft, name, _TO_NOWHERE))
        except (TooLarge, UnsupportedMedia, Invalid) as refusal:
            received.note(FILES, _about(name, refusal))
    if received.errors:
        raise Invalid(received.errors)
    return found


def said(refusal: Refused) -> dict[str, str]:
    """Return what is wrong by the name of the form's field."""
    words: dict[str, list[str]] = {}
    for error in refusal.errors if isinstance(refusal, Invalid) else ():
        words.setdefault(error.pointer.strip("/").partition("/")[0], []).append(begun(error.message))
    return {name: joined(" ", messages) for name, messages in words.items()}


def _about(name: str, refusal: Refused) -> Text:
    why = refusal.errors[0].message if isinstance(refusal, Invalid) else refusal.detail
    readable = name.encode(errors="replace").decode()[:100]
    return say("The file {name} was not taken: {why}", name=readable, why=why)


def _too_many() -> Text:
    most = LIMITS.max_files_per_message
    return count("At most {n} file at a time, please.", "At most {n} files at a time, please.", most)


def _too_large() -> Text:
    return say("Everything together may have at most {n} MiB.", n=TOTAL >> 20)
