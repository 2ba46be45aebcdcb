"""Files that come in over HTTP: uploads, and the question whether one would be taken."""

import asyncio
import base64
import binascii
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from hashlib import blake2b
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from servicedesk.desk import tickets as desk_tickets
from servicedesk.domain import files as rules
from servicedesk.domain.access import Verb, require
from servicedesk.domain.errors import (
    FieldError,
    Invalid,
    Refused,
)
from servicedesk.domain.views import FileBody
from servicedesk.domain.words import say
from servicedesk.media import sniff
from servicedesk.media.blobs import PIECE, Draft
from servicedesk.web import auth, decode, intake, pace
from servicedesk.web.admission import ADMISSION
from servicedesk.web.api import ID_MAX, Call, encode, json_bytes
from servicedesk.web.fields import Id
from servicedesk.web.files import LIMITS, MEDIA
from servicedesk.web.intake import Place
from servicedesk.web.lanes import LANES, Lane
from servicedesk.web.multipart import Form, Part
from servicedesk.web.space import require_room_for_upload

FORM_MAX: Final = 1 << 16
"""Bytes that a form may have beside its file."""
FIELD_MAX: Final = 64
VALIDATED_MAX: Final = 50
VALIDATED_BYTES: Final = 4 * LIMITS.max_size
"""Bytes of a form of files that are only to be judged."""


Bytes = Annotated[str, msgspec.Meta(extra_json_schema={"contentMediaType": "application/octet-stream"})]


class UploadForm(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of an upload."""

    ticket_id: Id
    message_id: Id | UnsetType = UNSET
    is_internal: bool | UnsetType = UNSET
    file: Bytes


class CandidatesForm(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a form of files that are only to be judged."""

    files: Annotated[list[Bytes], msgspec.Meta(min_length=1, max_length=50)]
    ticket_id: Id | UnsetType = UNSET


class Sent(msgspec.Struct):
    """What a form brought: its fields, the name of its file, and what is wrong with it."""

    fields: dict[str, str]
    filename: str | None
    errors: list[FieldError]

    def note(self, name: str, code: str, message: str) -> None:
        self.errors.append(FieldError(f"/{name}", code, message))


async def upload(call: Call) -> web.Response:
    """Take one file: the parts ``ticket_id``, ``message_id``, ``is_internal`` and ``file``, in any order.

    The bytes stream to the disk. A refused or broken upload leaves nothing behind.
    """
    with _admitted(call):
        return await _uploaded(call)


async def _uploaded(call: Call) -> web.Response:
    async with call.app[MEDIA].blobs.draft() as draft:
        sent = await _receive(call, draft, {"ticket_id", "message_id", "is_internal"})
        await draft.flush()
        if (replayed := call.replay(_fingerprint(sent, draft))) is not None:
            return replayed
        return call.answer(await _kept(call, draft, sent, place_of(call, sent)))


async def upload_form(call: Call) -> web.StreamResponse:
    """Take the file of a page's form, and lead back to the ticket."""
    with _admitted(call):
        async with call.app[MEDIA].blobs.draft() as draft:
            await _from_form(call, draft)
    raise web.HTTPSeeOther(f"/tickets/{call.id}")


async def _from_form(call: Call, draft: Draft) -> None:
    sent = await _receive(call, draft, {"is_internal", auth.CSRF_FIELD})
    await draft.flush()
    place = Place(call.id, None, sent.fields.get("is_internal") in ("true", "on"))
    await _kept(call, draft, sent, place)


def _admitted(call: Call) -> AbstractContextManager[None]:
    announced = call.request.content_length or 0
    if announced > LIMITS.max_size + FORM_MAX:
        raise rules.FileTooLarge(say("A file"), LIMITS.max_size)
    return call.app[ADMISSION].one(call.actor, announced)


async def _receive(call: Call, draft: Draft, fields: set[str]) -> Sent:
    """Read the form to its end, its file into the draft. Raises TooLarge as soon as a file is too large."""
    body = pace.Body(call.request, LIMITS.max_size + FORM_MAX)
    sent, seen = Sent({}, None, []), set[str]()
    async with Lane(body, call.app[LANES]) as lane:
        async for part in Form(call.request, lane.read).parts():
            name = part.name[:FIELD_MAX].encode(errors="replace").decode()
            if name in seen:
                sent.note(name, "repeated", say("is given twice"))
            elif name == "file":
                await _receive_file(call, draft, part, sent)
            elif name in fields:
                await _receive_field(part, name, sent)
            else:
                sent.note(name, "unknown", say("is not a field here"))
            seen.add(name)
    return sent


async def _receive_file(call: Call, draft: Draft, part: Part, sent: Sent) -> None:
    if part.filename is None:
        sent.note("file", "invalid", say("must be a file with a name"))
        return
    sent.filename = part.filename
    most = LIMITS.size_of(rules.category_of(part.filename.strip()))
    async for piece in part.pieces():
        if draft.size + len(piece) > most:
            raise rules.FileTooLarge(
                say("An image") if most == LIMITS.max_image_size else say("A file"), most
            )
        await draft.write(piece)
        require_room_for_upload(call.app, 0)


async def _receive_field(part: Part, name: str, sent: Sent) -> None:
    value = None if part.filename is not None else await part.text(FIELD_MAX)
    if value is None:
        sent.note(name, "invalid", say("must be a short text"))
    else:
        sent.fields[name] = value


async def _kept(call: Call, draft: Draft, sent: Sent, place: Place) -> FileBody:
    if sent.errors or sent.filename is None:
        raise Invalid(sent.errors or [FieldError("/file", "missing", say("is required"))])
    return await intake.keep(call, draft, sent.filename, place)


def _fingerprint(sent: Sent, draft: Draft) -> bytes:
    """Return what makes two uploads the same: their fields and their bytes."""
    problems = [(error.pointer, error.code) for error in sent.errors]
    said = encode([sorted(sent.fields.items()), repr(sent.filename), draft.size, draft.sha256, problems])
    return blake2b(said, digest_size=16).digest()


def place_of(call: Call, sent: Sent) -> Place:
    """Return where the file is to hang. Raises NotFound, Forbidden or Invalid, in this order."""
    is_internal = _flag(sent, "is_internal")
    ticket_id = _number(sent, "ticket_id")
    message_id = _number(sent, "message_id") if "message_id" in sent.fields else None
    if ticket_id is not None:
        call.peek(desk_tickets.seen, ticket_id, call.actor)
    elif "ticket_id" not in sent.fields and not any(e.pointer == "/ticket_id" for e in sent.errors):
        sent.note("ticket_id", "missing", say("is required"))
    if is_internal:
        require(call.actor, Verb.UPLOAD_INTERNAL)
    if sent.filename is None and not any(e.pointer == "/file" for e in sent.errors):
        sent.note("file", "missing", say("is required"))
    if sent.errors or ticket_id is None:
        raise Invalid(sent.errors)
    return Place(ticket_id, message_id, is_internal)


def _flag(sent: Sent, name: str) -> bool:
    value = sent.fields.get(name, "false")
    if value not in ("true", "false"):
        sent.note(name, "invalid", say("must be true or false"))
    return value == "true"


def _number(sent: Sent, name: str) -> int | None:
    value = sent.fields.get(name)
    if value is None:
        return None
    if re.fullmatch(r"[1-9][0-9]{0,15}", value) and int(value) <= ID_MAX:
        return int(value)
    sent.note(name, "invalid", say("must be an id"))
    return None


# Judged beforehand -----------------------------------------------------------------------------------------------


class Candidate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that might be uploaded; ``head`` is the beginning of its bytes, in base64."""

    filename: Annotated[str, msgspec.Meta(max_length=1024)]
    size: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
    content_type: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    head: Annotated[str, msgspec.Meta(max_length=6000)] | None = None


class Candidates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    files: Annotated[list[Candidate], msgspec.Meta(min_length=1, max_length=VALIDATED_MAX)]
    ticket_id: Id | None = None

    def check(self) -> Iterator[FieldError]:
        for number, file in enumerate(self.files):
            if file.head is not None and _bytes(file.head) is None:
                message = say("must be base64 of at most {most} bytes", most=sniff.HEAD)
                yield FieldError(f"/files/{number}/head", "invalid", message)


class Objection(msgspec.Struct, frozen=True):
    code: str
    message: str


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    filename: str
    size: int
    category: str
    valid: bool
    errors: list[Objection]


class Judgements(msgspec.Struct, frozen=True, kw_only=True):
    files: list[Judgement]
    valid_files: int
    total_files: int
    total_size: int


async def validate(call: Call) -> web.Response:
    """Say which files would be taken, and why the others would not; nothing is kept.

    Takes JSON, or a form with parts ``files`` and perhaps ``ticket_id``.
    """
    if call.request.content_type == "multipart/form-data":
        files, ticket_id, said = await _judged_form(call)
    else:
        raw = await json_bytes(call.request)
        wanted = decode.body(raw, Candidates)
        files, ticket_id, said = [_judged(each) for each in wanted.files], wanted.ticket_id, raw
    if ticket_id is not None:
        ticket = call.peek(desk_tickets.seen, ticket_id, call.actor)
        require(call.actor, Verb.UPLOAD, ticket)
    if (replayed := call.replay(blake2b(said, digest_size=16).digest())) is not None:
        return replayed
    result = Judgements(
        files=files,
        valid_files=sum(file.valid for file in files),
        total_files=len(files),
        total_size=sum(file.size for file in files),
    )
    return call.answer(await call.write(lambda tx: result) if call.key else result)


async def _judged_form(call: Call) -> tuple[list[Judgement], int | None, bytes]:
    body = pace.Body(call.request, VALIDATED_BYTES)
    sent, files, said = Sent({}, None, []), list[Judgement](), blake2b()
    async for part in Form(call.request, body.read).parts():
        name = part.name[:FIELD_MAX].encode(errors="replace").decode()
        if name == "files" and part.filename is not None:
            files.append(await _judged_part(part, said))
        elif name == "ticket_id" and name not in sent.fields:
            await _receive_field(part, name, sent)
        else:
            sent.note(name, "unknown", say("is not a field here"))
    ticket_id = _number(sent, "ticket_id")
    if not 1 <= len(files) <= VALIDATED_MAX:
        sent.note("files", "invalid", say("must be 1 to {most} files", most=VALIDATED_MAX))
    if sent.errors:
        raise Invalid(sent.errors)
    said.update(repr(ticket_id).encode())
    return files, ticket_id, said.digest()


async def _judged_part(part: Part, said: Any) -> Judgement:
    """Judge a file by its size and beginning; a small one by all of it."""
    head, size = bytearray(), 0
    async for piece in part.pieces():
        size += len(piece)
        head += piece[: PIECE - len(head)]
        said.update(piece)
    said.update(repr((part.filename, size)).encode())
    seen = await asyncio.to_thread(sniff.sniff_head, bytes(head), size)
    return _judgement(part.filename or "", size, seen)


def _judged(candidate: Candidate) -> Judgement:
    head = _bytes(candidate.head) if candidate.head is not None else None
    seen = sniff.sniff_head(head, candidate.size) if head else None
    return _judgement(candidate.filename, candidate.size, seen)


def _judgement(filename: str, size: int, seen: rules.Seen | None) -> Judgement:
    objections: list[Refused] = []
    try:
        filename = rules.clean_filename(filename)
    except rules.BadName as refusal:
        filename = filename.encode(errors="replace").decode()
        objections.append(refusal)
    else:
        objections += rules.objections(filename, size, seen, LIMITS)
    return Judgement(
        filename=filename,
        size=size,
        category=rules.category_of(filename),
        valid=not objections,
        errors=[Objection(each.code, _said(each)) for each in objections],
    )


def _said(refusal: Refused) -> str:
    return refusal.errors[0].message if isinstance(refusal, Invalid) else refusal.detail


def _bytes(head: str) -> bytes | None:
    try:
        raw = base64.b64decode(head, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) <= sniff.HEAD else None
