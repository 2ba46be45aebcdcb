"""The one-time link under which a new desk gets its first user."""

import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web
from msgspec import Meta

from servicedesk.desk import setup as desk
from servicedesk.desk import welcome
from servicedesk.domain.errors import NotFound
from servicedesk.domain.passwords import password_errors
from servicedesk.domain.people import User
from servicedesk.domain.times import MINUTE, Instant
from servicedesk.domain.words import say
from servicedesk.store import people
from servicedesk.web import auth, decode, sessions, words
from servicedesk.web.api import Call
from servicedesk.web.decode import checked
from servicedesk.web.fields import Email, OneLine
from servicedesk.web.files import MEDIA
from servicedesk.web.keys import DB
from servicedesk.web.passwords import HASHER
from servicedesk.web.timers import TIMERS

LASTS: Final = 30 * MINUTE


class SetupForm(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of the form."""

    email: Email
    name: OneLine
    password: Annotated[str, checked(password_errors)]
    desk_name: Annotated[str, Meta(max_length=80)] = ""
    time_zone: Annotated[str, Meta(max_length=64)] = desk.DEFAULT_ZONE
    team: Annotated[str, Meta(max_length=200)] = ""
    demo: str = ""
    """Anything here fills the new desk with a small company."""


class SetupLink:
    """Opens the door while there is nobody: from the start for 30 minutes, once."""

    def __init__(self, clock: Callable[[], Instant]) -> None:
        self._clock = clock
        self._token = secrets.token_urlsafe(auth.TOKEN_BYTES)
        self._ends = clock() + LASTS

    @property
    def path(self) -> str:
        return f"/setup?{urlencode({'token': self._token})}"

    def fits(self, token: str) -> bool:
        shown, own = token.encode(errors="replace"), self._token.encode()
        return self._clock() < self._ends and hmac.compare_digest(shown, own)


SETUP_LINK = web.AppKey("setup_link", SetupLink)


def is_needed(app: web.Application) -> bool:
    """Return whether the desk still has no user."""
    return not app[DB].peek(people.anybody)


def require_link(call: Call) -> None:
    """Raise NotFound unless the request shows the link of a desk that has no user."""
    token = call.request.query.get("token", "")
    if not (is_needed(call.app) and call.app[SETUP_LINK].fits(token)):
        raise NotFound(say("This link is not valid any more; a new one is printed when the desk starts."))


async def finish(call: Call, response: web.StreamResponse, fields: Mapping[str, str]) -> User:
    """Set the desk up from the form's fields and log the first admin in. Raises NotFound, Invalid."""
    require_link(call)
    known = {name: fields[name] for name in SetupForm.__struct_fields__ if fields.get(name)}
    form = decode.body(msgspec.json.encode(known), SetupForm)
    start = desk.Start(
        email=form.email,
        name=form.name,
        password_hash=await call.app[HASHER].hash(form.password),
        desk_name=form.desk_name,
        time_zone=form.time_zone,
        team=form.team,
        welcome=_welcome(call, form.desk_name),
    )
    admin = await call.write(desk.begin, start, at=call.now)
    if form.demo:
        await _fill(call, start.password_hash)
    await sessions.start_session(call, response, await sessions.prove(call, form.email, form.password), None)
    return admin


def _welcome(call: Call, desk_name: str) -> welcome.Welcome:
    """Return the first ticket in the language of whoever sets the desk up."""
    said = words.of_request(call.request)
    steps = "\n".join(f"- {said.say(step)}" for step in welcome.STEPS)
    paragraphs = [said.say(paragraph) for paragraph in welcome.PARAGRAPHS]
    name = desk_name.strip() or desk.DEFAULT_NAME
    return welcome.Welcome(said.say(welcome.TITLE), "\n\n".join([*paragraphs, steps]), name)


async def _fill(call: Call, password_hash: str) -> None:
    """Let the demo company in; its people have the admin's password, so that nobody else can use theirs."""
    from servicedesk.demo import filling  # needed once in the life of a desk

    async with call.app[TIMERS].held():
        await filling.fill(
            call.db,
            call.app[MEDIA],
            password_hash=password_hash,
            ids=iter(lambda: secrets.token_urlsafe(18), ""),
            now=call.now,
        )
