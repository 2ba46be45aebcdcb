"""The form under which people write to the desk without an account."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final

import msgspec
from aiohttp import hdrs, web

from servicedesk.desk import public_form as desk
from servicedesk.desk import setup
from servicedesk.desk.public_form import Letter
from servicedesk.domain.errors import Conflict, Invalid, NotFound, RateLimited, Refused, UploadStorageFull
from servicedesk.domain.files import NewFile
from servicedesk.domain.tickets import DESCRIPTION_MAX, TITLE_MAX
from servicedesk.domain.times import DAY, SECOND
from servicedesk.domain.words import count, say
from servicedesk.store import private_links as links
from servicedesk.web import auth, decode, enclosures, frame, intake, problems, words
from servicedesk.web.admission import ADMISSION
from servicedesk.web.api import Call
from servicedesk.web.enclosures import Received
from servicedesk.web.fields import Description, Email, OneLine, Title
from servicedesk.web.files import LIMITS
from servicedesk.web.throttle import LETTER_BOX

WRITTEN_IN: Final = 3 * SECOND
"""Nobody fills the form in faster; programs do."""
LASTS: Final = DAY
"""How long a form that was shown may be sent."""
TRAP: Final = "website"
"""A field that people do not see and programs like to fill in."""
_STAMP: Final = "stamp"
_FIELDS: Final = {
    "name": 200,
    "email": 254,
    "title": TITLE_MAX,
    "description": DESCRIPTION_MAX,
    TRAP: 1000,
    _STAMP: 200,
}


class NewLetter(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of the form."""

    name: OneLine
    email: Email
    title: Title
    description: Description = ""


async def show(call: Call) -> web.Response:
    """The empty form."""
    _require_on(call)
    return await _page(call, {}, auth.stamp(call.settings, call.now))


async def send(call: Call) -> web.Response:
    """Open the ticket and say under which address it is followed; what is wrong is said beside the fields."""
    _require_on(call)
    auth.check_guest(call.request)
    size, address = enclosures.announced(call), auth.client_address(call.request)
    async with AsyncExitStack() as stack:
        late: Refused | None = None
        try:
            call.app[LETTER_BOX].admit(address)
            stack.enter_context(call.app[ADMISSION].one(address, size))
        except Refused as found:
            late = found  # said once what was typed is in, so that it can be shown again
        received = await enclosures.receive(call, stack, _FIELDS, late)
        try:
            if received.refusal is not None:
                raise received.refusal
            token = await _written(call, received)
        except Refused as found:
            return await _again(call, received, found)
    content = {"link": f"{auth.our_origin(call.request)}/t/{token}"}
    return await frame.show_to_guest(call, "letter_sent.html", content)


async def _written(call: Call, received: Received) -> str:
    """Do what the form asks for; return the token of its private link."""
    token = _stamped(call, received.fields.get(_STAMP, ""))
    letter = _letter(received)
    if received.fields.get(TRAP):
        return token  # which opens nothing, as the program that filled it in need not know
    hashed = auth.hash_of(token)
    if (known := call.peek(links.known, hashed)) is not None:
        return _sent_before(call, letter, known, token)
    files = await enclosures.judge(call, received)

    async def write(new: Sequence[NewFile]) -> int:
        return await call.write(desk.write, letter, new, hashed=hashed, at=call.now)

    await intake.keep_together(call, files, write)
    return token


def _stamped(call: Call, shown: str) -> str:
    """Return the chance that the form's stamp has. Raises what is to be said of one that is no good."""
    found = auth.stamped(call.settings, shown)
    if found is None or not 0 <= call.now - found[0] <= LASTS:
        raise _Stale(
            say("This form was open for too long. What you wrote is still here: please send it again.")
        )
    rest = found[0] + WRITTEN_IN - call.now
    if rest > 0:
        seconds = -(-rest // SECOND)
        wait = count(
            "That was quick. Please wait {n} second, then send it again.",
            "That was quick. Please wait {n} seconds, then send it again.",
            seconds,
        )
        raise RateLimited(wait, rest)
    return found[1]


class _Stale(Conflict):
    """The form's stamp will not do, but a fresh one will."""


def _letter(received: Received) -> Letter:
    values = {name: received.fields.get(name, "") for name in NewLetter.__struct_fields__}
    try:
        new = decode.body(msgspec.json.encode(values), NewLetter)
    except Invalid as refusal:
        noted = {error.pointer for error in received.errors}
        received.errors += [error for error in refusal.errors if error.pointer not in noted]
    if received.errors:
        raise Invalid(received.errors)
    return Letter(name=new.name, email=new.email, title=new.title, description=new.description)


def _sent_before(call: Call, letter: Letter, known: links.PrivateLink, token: str) -> str:
    """Answer a form that comes twice as the first time, unless there is something else in it now."""
    if not call.peek(desk.is_the_same, letter, known):
        raise _Stale(
            say("This form was sent before, with another text. Send it again if this is a new request.")
        )
    return token


async def _again(call: Call, received: Received, refusal: Refused) -> web.Response:
    """Show the form with what was typed and what is wrong with it; files have to be chosen anew."""
    fields = received.fields
    fresh = isinstance(refusal, _Stale) or auth.stamped(call.settings, fields.get(_STAMP, "")) is None
    stamp = auth.stamp(call.settings, call.now - WRITTEN_IN) if fresh else fields[_STAMP]
    errors = enclosures.said(refusal)
    content = {
        "errors": errors,
        "refusal": None if errors else refusal.detail,
        "lost_files": bool(received.files) or isinstance(refusal, UploadStorageFull),
    }
    answer = await _page(call, fields, stamp, content, status=problems.status_of(refusal))
    if hdrs.RETRY_AFTER in (headers := problems.answer(refusal, "", words.of_request(call.request)).headers):
        answer.headers[hdrs.RETRY_AFTER] = headers[hdrs.RETRY_AFTER]
    return answer


async def _page(
    call: Call,
    values: Mapping[str, str],
    stamp: str,
    content: frame.Content | None = None,
    *,
    status: int = 200,
) -> web.Response:
    known: frame.Content = {"values": values, "stamp": stamp, "errors": {}, "refusal": None}
    known |= {"most_files": LIMITS.max_files_per_message, "most_size": LIMITS.max_size}
    return await frame.show_to_guest(call, "letter.html", known | (content or {}), status=status)


def _require_on(call: Call) -> None:
    if not call.peek(setup.public_form):
        raise NotFound(say("This desk takes no messages without an account. Please log in."))
