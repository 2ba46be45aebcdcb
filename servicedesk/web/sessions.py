"""Log in and out, change a password, tokens for programs, tickets for websockets."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web

from servicedesk.desk import sessions as desk
from servicedesk.domain import second_steps as rules
from servicedesk.domain import views
from servicedesk.domain.errors import (
    BadCredentials,
    CodeNeeded,
    FieldError,
    Refused,
    StorageFull,
    WrongCode,
    WrongPassword,
    invalid,
)
from servicedesk.domain.passwords import password_errors
from servicedesk.domain.people import User, fold
from servicedesk.domain.second_steps import Shown
from servicedesk.domain.times import DAY, LATEST, MINUTE, SECOND, Instant, iso, iso_or_none, parse
from servicedesk.domain.views import UserBody
from servicedesk.domain.words import say
from servicedesk.store import second_steps
from servicedesk.store import sessions as stored
from servicedesk.store.second_steps import SecondStep
from servicedesk.store.sessions import Known, Token
from servicedesk.web import auth, lists
from servicedesk.web.api import Call
from servicedesk.web.decode import checked
from servicedesk.web.failures import FAILURES
from servicedesk.web.fields import OneLine
from servicedesk.web.keys import CLOCK, DB
from servicedesk.web.lists import Paging
from servicedesk.web.passwords import HASHER
from servicedesk.web.throttle import THROTTLE

log = logging.getLogger(__name__)

TICKET_LASTS: Final = 30 * SECOND
TICKETS_MAX: Final = 10_000
AGENT_MAX: Final = 200
CODE_MAX: Final = 100
HALFWAY_LASTS: Final = 5 * MINUTE
HALFWAY_TRIES: Final = 5
HALFWAY_MAX: Final = 10_000
SWEEP_EVERY: Final = 60.0
"""Seconds between two looks for sessions that have expired."""


def _moment(text: str, pointer: str) -> Iterator[FieldError]:
    try:
        if not 0 <= parse(text) <= LATEST:
            raise ValueError
    except ValueError:
        yield FieldError(pointer, "invalid", say("must be a moment like 2026-11-23T09:30:00Z"))


NewPassword = Annotated[str, checked(password_errors)]
Moment = Annotated[str, checked(_moment)]


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: str
    password: str
    code: Annotated[str, msgspec.Meta(max_length=CODE_MAX)] | None = None
    """Of somebody who has a second step: the code of this half minute, or a recovery code."""


class LoggedIn(msgspec.Struct, frozen=True):
    """``token`` goes into ``Authorization: Bearer``; it is shown only here."""

    token: str
    expires_at: str
    user: UserBody


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    current: str
    new: NewPassword


class NewToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: OneLine
    expires_at: Moment | None = None


class TokenBody(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    created_at: str
    expires_at: str | None
    token: str | msgspec.UnsetType = msgspec.UNSET
    """Only in the answer to its making."""


class WsTicketBody(msgspec.Struct, frozen=True):
    """Good for one websocket."""

    ticket: str
    expires_at: str


class Proven(msgspec.Struct, frozen=True):
    """Somebody whose password was right, and what it was compared with."""

    user: User
    checked: str
    renewed: str | None
    """A stronger hash of the same password, where the present one is outdated."""


class Opened(msgspec.Struct, frozen=True):
    """A session that was just opened."""

    token: str
    expires_at: Instant
    known: Known


async def login(call: Call, body: Login) -> LoggedIn:
    """Open a session for a program; browsers use the form."""
    proven = await prove(call, body.email, body.password)
    opened = await let_in(call, proven, await second_step(call, proven.user, body.code))
    return LoggedIn(opened.token, iso(opened.expires_at), views.user(opened.known.user))


async def logout(call: Call) -> web.Response:
    """End the session that this request came with, its sockets included."""
    response = web.Response(status=204)
    await log_out(call, response)
    return response


async def me(call: Call) -> UserBody:
    """Return who I am."""
    return views.user(call.actor)


async def change_password(call: Call, body: PasswordChange) -> None:
    """Set a new password; all my other sessions end, tokens stay."""
    hashed = await hash_of_present(call, call.actor, body.current, WrongPassword())
    new = await call.app[HASHER].hash(body.new)
    await call.write(desk.change_password, call.actor.id, hashed, new, but=call.session_id)


async def create_token(call: Call, body: NewToken) -> TokenBody:
    """Make a token for a program that acts as me."""
    expires_at = parse(body.expires_at) if body.expires_at else None
    if expires_at is not None and expires_at <= call.now:
        raise invalid("/expires_at", say("must lie in the future"))
    token = auth.new_token()
    hashed = auth.hash_of(token)
    made = await call.write(desk.create_token, call.actor, hashed, body.name.strip(), call.now, expires_at)
    return msgspec.structs.replace(_token(made), token=token)


async def tokens(call: Call, paging: Paging) -> web.Response:
    """Return my tokens, oldest first; what opens the door is not shown again."""
    owner = call.actor.id
    return lists.numbered(
        call,
        paging,
        lambda after, limit: [
            (token.id, _token(token)) for token in call.peek(stored.tokens, owner, after=after, limit=limit)
        ],
        lambda: call.peek(stored.count_tokens, owner),
    )


async def token(call: Call) -> TokenBody:
    """Return one of my tokens."""
    return _token(call.peek(stored.token, call.actor.id, call.id))


async def delete_token(call: Call) -> None:
    """End a token; sockets that were opened with it close."""
    await call.write(desk.delete_token, call.actor, call.id)


async def ws_ticket(call: Call) -> WsTicketBody:
    """Return a ticket that opens one websocket within 30 seconds."""
    ticket, expires_at = call.app[WS_TICKETS].issue(call.session_id)
    return WsTicketBody(ticket, iso(expires_at))


# For pages and sockets ------------------------------------------------------------------------------------------


async def prove(call: Call, email: str, password: str) -> Proven:
    """Return whose password it is. Raises BadCredentials, or RateLimited when there were too many wrong guesses."""
    user, hashed = call.peek(desk.credentials, email)
    await _check(call, fold(email), user, hashed, password, BadCredentials())
    if user is None or hashed is None:
        raise BadCredentials()
    renewed = await call.app[HASHER].hash(password) if call.app[HASHER].is_outdated(hashed) else None
    return Proven(user, hashed, renewed)


async def second_step(call: Call, user: User, typed: str | None) -> Shown | None:
    """Return what is to be used up as the person's second step; None when they have none.

    Raises CodeNeeded when nothing was typed, WrongCode, or RateLimited when there were too many wrong guesses.
    """
    found = call.peek(second_steps.of, user.id)
    if found is None or not found.is_on:
        return None
    if not typed:
        raise CodeNeeded()
    address, account = (
        auth.client_address(call.request),
        f" second step of {user.id}",
    )  # no e-mail address has a blank
    async with call.app[THROTTLE].guess(account, address) as guess:
        shown = _shown(call, user, found, rules.plain(typed))
        wrong = guess.failed(WrongCode()) if shown is None else None
    if wrong is not None:
        await _list(call, account, address, user, knew_password=True)
        raise wrong
    return shown


def _shown(call: Call, user: User, found: SecondStep, typed: str) -> Shown | None:
    if not rules.is_code(typed):
        hashed = rules.recovery_hash(typed)
        return Shown(recovery=hashed) if call.peek(second_steps.has_code, user.id, hashed) else None
    secret = rules.opened(call.settings.secret_key, user.id, found.sealed)
    if secret is None:
        log.warning("the second step of person %d was sealed with another secret key", user.id)
        return None
    number = rules.matching(secret, typed, call.now, after=found.last_used)
    return None if number is None else Shown(half_minute=number)


async def let_in(call: Call, proven: Proven, second: Shown | None) -> Opened:
    """Open a session for somebody who has shown all that they have to show."""
    opened = auth.new_token()
    expires_at = call.now + call.settings.session_days * DAY
    known = await call.write_anyway(
        desk.open_session,
        proven.user.id,
        proven.checked,
        auth.hash_of(opened),
        call.now,
        expires_at,
        renewed=proven.renewed,
        second=second,
        address=auth.client_address(call.request),
        agent=_agent(call.request),
    )
    return Opened(opened, expires_at, known)


async def start_session(
    call: Call, response: web.StreamResponse, proven: Proven, second: Shown | None
) -> User:
    """Log in from a form: the browser gets its cookie, and a session that it had before ends."""
    opened = await let_in(call, proven, second)
    await _end_present(call)
    auth.put_session(call.request, response, opened.token)
    return opened.known.user


async def log_out(call: Call, response: web.StreamResponse) -> None:
    """End the caller's session and take the cookie back."""
    caller = call.caller
    if caller is not None and caller.kind is not None:
        await call.write_anyway(desk.close_session, Known(caller.user, caller.session_id, caller.kind))
    auth.drop_session(call.request, response)


class Halfway:
    """Whose password was right and who still owes a code: five minutes, a few tries, kept in memory."""

    def __init__(self, clock: Callable[[], Instant]) -> None:
        self._clock = clock
        self._waiting: dict[bytes, tuple[Proven, Instant, int]] = {}

    def note(self, proven: Proven) -> str:
        """Return what the second form carries."""
        now = self._clock()
        while self._waiting:
            oldest = next(iter(self._waiting))
            if self._waiting[oldest][1] > now and len(self._waiting) < HALFWAY_MAX:
                break
            del self._waiting[oldest]
        token = auth.new_token()
        self._waiting[auth.hash_of(token)] = (proven, now + HALFWAY_LASTS, 0)
        return token

    def attempt(self, token: str) -> Proven | None:
        """Return who tries, None when it was too long ago or too often."""
        hashed = auth.hash_of(token)
        proven, ends, tries = self._waiting.get(hashed, (None, 0, 0))
        if proven is None or self._clock() >= ends or tries >= HALFWAY_TRIES:
            self._waiting.pop(hashed, None)
            return None
        self._waiting[hashed] = (proven, ends, tries + 1)
        return proven

    def done(self, token: str) -> None:
        self._waiting.pop(auth.hash_of(token), None)


HALFWAY = web.AppKey("halfway", Halfway)


class WsTickets:
    """What opens a websocket: one use, 30 seconds, kept in memory as the sockets are."""

    def __init__(self, clock: Callable[[], Instant]) -> None:
        self._clock = clock
        self._tickets: dict[bytes, tuple[int, Instant]] = {}

    def issue(self, session_id: int) -> tuple[str, Instant]:
        """Return a ticket of the session, and when it ends."""
        now = self._clock()
        self._forget(now)
        ticket = auth.new_token()
        self._tickets[auth.hash_of(ticket)] = (session_id, now + TICKET_LASTS)
        return ticket, now + TICKET_LASTS

    def redeem(self, ticket: str) -> int | None:
        """Return whose session's ticket it is; it is used up by that."""
        session_id, ends = self._tickets.pop(auth.hash_of(ticket), (0, 0))
        return session_id if self._clock() < ends else None

    def _forget(self, now: Instant) -> None:
        """Drop the oldest: they end in the order in which they were made."""
        while self._tickets:
            oldest = next(iter(self._tickets))
            if self._tickets[oldest][1] > now and len(self._tickets) < TICKETS_MAX:
                return
            del self._tickets[oldest]


WS_TICKETS = web.AppKey("ws_tickets", WsTickets)


def redeem(request: web.Request, ticket: str) -> auth.Caller | None:
    """Return who shows the ticket, while the session lasts that it was made with."""
    session_id = request.app[WS_TICKETS].redeem(ticket)
    if session_id is None:
        return None
    known = request.app[DB].peek(stored.alive, session_id, request.app[CLOCK]())
    return auth.Caller(known.user, known.session_id, known.kind, None, known.must_enrol) if known else None


async def sweeping(app: web.Application) -> AsyncIterator[None]:
    """Clear away expired sessions from time to time."""
    task = asyncio.create_task(_sweep(app))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _sweep(app: web.Application) -> None:
    while True:
        await asyncio.sleep(SWEEP_EVERY)
        now = app[CLOCK]()
        if app[DB].peek(stored.any_expired, now):
            try:
                await app[DB].write(desk.sweep, now)
            except StorageFull:
                log.warning("expired sessions stay for now: the disk is full")


async def _check(
    call: Call, account: str, user: User | None, hashed: str | None, password: str, refusal: Refused
) -> None:
    """Raise the refusal for a wrong password, RateLimited for one that may not be tried now."""
    address = auth.client_address(call.request)
    wrong: Refused | None = None
    async with call.app[THROTTLE].guess(account, address) as guess:
        if not await call.app[HASHER].matches(hashed, password):
            wrong = guess.failed(refusal)
    if wrong is not None:
        await _list(call, account, address, user)
        raise wrong


async def _list(
    call: Call, account: str, address: str, user: User | None, *, knew_password: bool = False
) -> None:
    unlisted = call.app[FAILURES].listed(account, address)
    if unlisted is not None:
        with contextlib.suppress(StorageFull):
            await call.write_anyway(desk.refuse, user, unlisted, knew_password=knew_password)


def _agent(request: web.Request) -> str:
    """Return how the browser or program calls itself, shortened."""
    text = "".join(filter(str.isprintable, request.headers.get(hdrs.USER_AGENT, "")))
    return text[:AGENT_MAX].strip()


async def hash_of_present(call: Call, user: User, password: str, refusal: Refused) -> str:
    """Return the hash of the person's present password, which they just typed."""
    _, hashed = call.peek(desk.credentials, user.email)
    await _check(call, fold(user.email), user, hashed, password, refusal)
    assert hashed is not None
    return hashed


async def _end_present(call: Call) -> None:
    caller = call.caller
    if caller is not None and caller.kind is not None and caller.csrf_token is not None:
        await call.write_anyway(desk.close_session, Known(caller.user, caller.session_id, caller.kind))


def _token(shown: Token) -> TokenBody:
    return TokenBody(
        id=shown.id,
        name=shown.name,
        created_at=iso(shown.created_at),
        expires_at=iso_or_none(shown.expires_at),
    )
