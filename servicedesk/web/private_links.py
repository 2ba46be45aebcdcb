"""The page of one ticket, for whoever has its private link, and what staff do about the link.

Nothing but the address stands for the caller: no session is opened, and no other page takes it for one.
"""

import re
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Final

import msgspec
from aiohttp import web

from servicedesk.desk import files, setup
from servicedesk.desk import messages as conversation
from servicedesk.desk import private_links as desk
from servicedesk.desk import tickets as desk_tickets
from servicedesk.domain.errors import Conflict, Invalid, Refused, StorageFull
from servicedesk.domain.files import NewFile
from servicedesk.domain.tickets import BODY_MAX, Status
from servicedesk.domain.words import joined, say
from servicedesk.store import messages
from servicedesk.store import private_links as stored
from servicedesk.store.db import Connection
from servicedesk.web import auth, decode, enclosures, file_pages, frame, intake, problems, queue
from servicedesk.web.admission import ADMISSION
from servicedesk.web.api import Call
from servicedesk.web.enclosures import Received
from servicedesk.web.fields import MessageText
from servicedesk.web.files import LIMITS

MESSAGES: Final = 100
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{20,60}")
_FIELDS: Final = {"reply": BODY_MAX, "key": 60}


class Reply(msgspec.Struct, frozen=True):
    reply: MessageText


async def ticket(call: Call) -> web.Response:
    """The ticket as its requester sees it, and nothing else of the desk."""
    await _note_use(call)
    return await _show(call)


async def reply(call: Call) -> web.StreamResponse:
    """Send the words, the files, or both: all of it or nothing."""
    size = enclosures.announced(call)
    async with AsyncExitStack() as stack:
        late: Refused | None = None
        try:
            stack.enter_context(call.app[ADMISSION].one(call.actor, size))
        except Refused as found:
            late = found
        received = await enclosures.receive(call, stack, _FIELDS, late)
        intake.look_again(call)
        try:
            if received.refusal is not None:
                raise received.refusal
            await _replied(call, received)
        except Refused as refusal:
            typed = received.fields.get("reply", "")
            return await _show(call, typed=typed, refusal=refusal, lost_files=bool(received.files))
    raise web.HTTPSeeOther(f"{_here(call)}#end")


async def move(call: Call) -> web.StreamResponse:
    """Close or reopen the ticket."""
    fields = await auth.form_fields(call.request)
    try:
        to = decode.body(msgspec.json.encode({"status": fields.get("status", "")}), _Move).status
        comment = fields.get("comment", "").strip()[:BODY_MAX] or by_requester(to)
        await call.write(desk_tickets.move, call.thing.id, to, comment=comment, by=call.actor, at=call.now)
    except Refused as refusal:
        return await _show(call, refusal=refusal)
    raise web.HTTPSeeOther(_here(call))


class _Move(msgspec.Struct, frozen=True):
    status: Status


async def view_file(call: Call) -> web.Response:
    """One file of the ticket."""
    shown = await file_pages.seen_under(call, f"{_here(call)}/files/{call.thing.id}")
    return await frame.show_alone(call, "private_file.html", shown | {"here": _here(call)})


async def end(call: Call) -> web.StreamResponse:
    """Have the link open nothing any more."""
    await auth.form_fields(call.request)
    await call.write(desk.end, call.id, by=call.actor, at=call.now)
    raise web.HTTPSeeOther(f"/tickets/{call.id}")


def by_requester(to: str) -> str:
    """Return what the history says of a customer's move that they gave no reason for."""
    return "Closed by the requester." if to == Status.CLOSED else "Reopened by the requester."


async def _replied(call: Call, received: Received) -> None:
    if call.thing.status is Status.CLOSED:
        raise Conflict(say("This ticket is closed. Reopen it to write."))
    body = received.fields.get("reply", "")
    if body.strip() or not received.files:
        decode.body(msgspec.json.encode({"reply": body}), Reply)
    key = received.fields.get("key", "")
    judged = await enclosures.judge(call, received)

    async def write(new: Sequence[NewFile]) -> None:
        await call.write(
            desk.reply,
            call.thing.id,
            body,
            new,
            client_msg_id=key if _KEY.fullmatch(key) else None,
            by=call.actor,
            at=call.now,
        )

    await intake.keep_together(call, judged, write)


async def _show(
    call: Call, *, typed: str = "", refusal: Refused | None = None, lost_files: bool = False
) -> web.Response:
    before = call.request.query.get("before", "")
    number = int(before) if before.isdecimal() and len(before) < 16 else None
    content = await call.read(_content, call, number)
    content |= {
        "here": _here(call),
        "key": auth.new_token(),
        "typed": typed,
        "refusal": _words(refusal) if refusal else None,
        "lost_files": lost_files,
        "most_files": LIMITS.max_files_per_message,
        "most_size": LIMITS.max_size,
    }
    status = problems.status_of(refusal) if refusal else 200
    return await frame.show_alone(call, "private.html", content, status=status)


def _content(conn: Connection, call: Call, before: int | None) -> frame.Content:
    found = desk_tickets.seen(conn, call.thing.id, call.actor)
    talk = messages.latest(conn, found.id, before=before, limit=MESSAGES + 1, internal=False)
    shown = conversation.shown(conn, talk[-MESSAGES:], staff=False)
    body = desk_tickets.shown(conn, found, call.actor, call.now)
    row = queue.row(found, call.now, staff=False)
    return {
        "me_id": call.actor.id,
        "ticket": row | {"description": found.description},
        "moves": [str(to) for to in body.allowed_transitions or ()],
        "is_closed": found.status is Status.CLOSED,
        "messages": [msgspec.to_builtins(message) for message in shown],
        "earlier": talk[1].id if len(talk) > MESSAGES else None,
        "loose_files": [
            msgspec.to_builtins(file)
            for file in files.of_ticket(conn, found.id, staff=False)
            if file.message_id is None
        ],
        "link": stored.of_ticket(conn, found.id),
        "public_form": setup.public_form(conn),
    }


def _words(refusal: Refused) -> str:
    """Return the refusal as a sentence; of bad fields what is said of each."""
    return joined(" ", enclosures.said(refusal).values()) if isinstance(refusal, Invalid) else refusal.detail


async def _note_use(call: Call) -> None:
    link = call.peek(stored.of_ticket, call.thing.id)
    if link is not None and desk.is_worth_noting(link, call.now):
        with suppress(StorageFull):
            await call.db.write(desk.note_use, call.thing.id, call.now)


def _here(call: Call) -> str:
    return f"/t/{call.request.match_info['token']}"
