"""How a row of the route table becomes a handler: who calls, what they may see, what they sent, what they get."""

import contextlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Concatenate, Final, ParamSpec, TypeVar
from urllib.parse import quote

import msgspec
from aiohttp import hdrs, web

from servicedesk.domain import access
from servicedesk.domain.access import Verb
from servicedesk.domain.audit import Occasion
from servicedesk.domain.errors import (
    BadRequest,
    Forbidden,
    ForbiddenField,
    IdempotencyConflict,
    InProgress,
    NotFound,
    RateLimited,
    Refused,
    SecondStepNeeded,
    StorageFull,
    Unauthenticated,
    UnsupportedMedia,
)
from servicedesk.domain.people import User
from servicedesk.domain.times import Instant
from servicedesk.domain.words import Text, say
from servicedesk.settings import Settings
from servicedesk.store import idempotency, search
from servicedesk.store.db import Connection, Database, Tx
from servicedesk.web import auth, decode, pace, problems, space, words
from servicedesk.web.keys import CLOCK, DB, REQUEST_ID, RUNNING, SETTINGS
from servicedesk.web.seen import SEEN

P = ParamSpec("P")
T = TypeVar("T")
Loader = Callable[[Connection, str], object]
Handler = Callable[..., Awaitable[Any]]

TABLE: Final = web.AppKey("table", tuple["Row", ...])
"""The route table that the application was built from."""
ID_MAX: Final = 2**53 - 1
SECOND_STEP: Final = "/settings/second-step"
"""Where somebody sets up their second step."""
KEY_MAX: Final = 255
CATCH_UPS: Final = 8
"""Transactions that a reader waits for when the index is behind; of a flood the rest is left to the timer."""
_ID: Final = re.compile(r"[1-9][0-9]{0,15}")
_VERSION: Final = re.compile(r'\s*(?:W/)?"v(\d{1,15})(?:\.[^"]*)?"\s*')
encode: Final = msgspec.json.Encoder().encode


class Kind(StrEnum):
    """What is on the other side of the door: a program or a browser's page."""

    API = "api"
    PAGE = "page"
    LINK = "link"
    """A page under a private link: the address alone says who calls."""
    SOCKET = "socket"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the route table: decodes, authorises, answers, and describes itself to the API document."""

    method: str
    path: str
    handler: Handler
    who: Verb | None
    """What the caller must be allowed to do; None is open to everybody."""
    body: type | None = None
    for_staff: Callable[[Mapping[str, Any]], Iterable[str]] | None = None
    """Names the fields of what was sent that only staff may send: refused before any field is judged."""
    query: type | None = None
    headers: type | None = None
    """What it must be told in headers of its own."""
    first: Callable[[web.Request], None] | None = None
    """Refuses what may not even be read, once it is clear who calls."""
    returns: Any = None
    status: int = 200
    on: Loader | None = None
    """Loads what ``{id}`` names; whoever may not see it gets a 404 before anything else is looked at.

    Under a private link without ``{id}`` it is asked for the link's own ticket.
    """
    raw_body: bool = False
    """The handler reads the body itself."""
    takes: tuple[tuple[str, type], ...] = ()
    """What such a body may be, by media type: for the API document."""
    gives: str | None = None
    """The media type of an answer that is not JSON."""
    or_gives: str | None = None
    """Another media type that the answer can be asked for."""
    own_key: bool = False
    """The handler deals with ``Idempotency-Key`` itself."""
    etag: bool = False
    location: str | None = None
    tells: tuple[str, ...] = ()
    """Headers of its own answers: for the API document."""
    refuses: tuple[int, ...] = ()
    """Statuses of its own refusals, beside those that all rows like it have: for the API document."""
    kind: Kind = Kind.API
    before_second_step: bool = False
    """Whether it is open to somebody who still has to set up the second step that their role needs."""


_NO_LINK: Final = say("This link is not valid, or not any more. Please ask the desk for help another way.")


def _row(method: str) -> Callable[..., Row]:
    def make(path: str, handler: Handler, **columns: Any) -> Row:
        return Row(method, path, handler, **columns)

    return make


get = _row(hdrs.METH_GET)
post = _row(hdrs.METH_POST)
put = _row(hdrs.METH_PUT)
patch = _row(hdrs.METH_PATCH)
delete = _row(hdrs.METH_DELETE)


def page(path: str, handler: Handler, **columns: Any) -> Row:
    """A page that a browser shows."""
    return Row(hdrs.METH_GET, path, handler, kind=Kind.PAGE, **columns)


def form(path: str, handler: Handler, **columns: Any) -> Row:
    """What a form of a page sends; the handler reads its fields."""
    return Row(hdrs.METH_POST, path, handler, kind=Kind.PAGE, raw_body=True, **columns)


def link_page(path: str, handler: Handler, **columns: Any) -> Row:
    """What a private link shows."""
    return Row(hdrs.METH_GET, path, handler, kind=Kind.LINK, **columns)


def link_form(path: str, handler: Handler, **columns: Any) -> Row:
    """What a form of a private link's page sends."""
    return Row(hdrs.METH_POST, path, handler, kind=Kind.LINK, raw_body=True, **columns)


class Call:
    """One request as a handler sees it."""

    __slots__ = ("_fingerprint", "_scope", "caller", "now", "request", "row", "thing")

    def __init__(self, request: web.Request, row: Row) -> None:
        self.request = request
        self.row = row
        self.now: Instant = request.app[CLOCK]()
        self.caller: auth.Caller | None = None
        self.look_again(self.now)
        self.thing: Any = None
        self._scope: idempotency.Scope | None = None
        self._fingerprint = b""

    def look_again(self, at: Instant) -> None:
        """See the caller as they are now: while a body came in, their session may have ended."""
        by_link = self.row.kind is Kind.LINK
        self.caller = (auth.identify_by_link if by_link else auth.identify)(self.request, at)
        if self.caller is not None and self.caller.kind is not None:
            self.app[SEEN].note(self.caller.session_id, at)

    @property
    def app(self) -> web.Application:
        return self.request.app

    @property
    def db(self) -> Database:
        return self.request.app[DB]

    @property
    def settings(self) -> Settings:
        return self.request.app[SETTINGS]

    @property
    def actor(self) -> User:
        if self.caller is None:
            raise Unauthenticated()
        return self.caller.user

    @property
    def session_id(self) -> int:
        if self.caller is None:
            raise Unauthenticated()
        return self.caller.session_id

    @property
    def id(self) -> int:
        return self.path_id("id")

    def path_id(self, name: str) -> int:
        """Return the number in the path; whatever is no id of ours is unknown."""
        return identifier(self.request.match_info[name])

    @property
    def key(self) -> str | None:
        """The ``Idempotency-Key``, if one was sent."""
        key = self.request.headers.get("Idempotency-Key")
        if key is not None and not (1 <= len(key) <= KEY_MAX and key.isprintable()):
            raise BadRequest(f"An Idempotency-Key has 1 to {KEY_MAX} printable characters.")
        return key

    @property
    def versions(self) -> frozenset[int] | None:
        """The ticket versions that ``If-Match`` admits; None is any. An ETag that is none of ours admits nothing."""
        header = self.request.headers.get(hdrs.IF_MATCH)
        if header is None or header.strip() == "*":
            return None
        found = (_VERSION.fullmatch(part) for part in header.split(","))
        return frozenset(int(match[1]) for match in found if match)

    async def write(self, fn: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the function in a transaction and, under an Idempotency-Key, keep its result as the answer.

        The function must therefore return the answer's body.
        """
        space.require_room(self.app)
        if self._scope is None:
            return await self.write_anyway(fn, *args, **kwargs)

        def remembered(tx: Tx) -> T:
            result = fn(tx, *args, **kwargs)
            self._remember(tx, self.row.status, self.encoded(result), self._located(result))
            return result

        return await self.write_anyway(remembered)

    async def write_anyway(
        self, fn: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Write also when the disk is nearly full: that stops changes, not people who want to read."""
        occasion = self.occasion

        def asked(tx: Tx) -> T:
            tx.occasion = occasion
            return fn(tx, *args, **kwargs)

        return await self.db.write(asked)

    @property
    def occasion(self) -> Occasion:
        """What the audit list says of this request."""
        return Occasion(
            at=self.now,
            by=self.caller.user if self.caller else None,
            address=auth.client_address(self.request),
        )

    async def read(
        self, fn: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Ask on a reader's thread: for what has no small bound. A search finds what was written until now."""
        await self._catch_up()
        return await self.db.read(fn, *args, **kwargs)

    async def _catch_up(self) -> None:
        for _ in range(CATCH_UPS):
            if not self.peek(search.is_behind):
                return
            try:
                await self.db.write(search.catch_up)
            except StorageFull:
                return

    def peek(self, fn: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask in place: for short indexed reads."""
        return self.db.peek(fn, *args, **kwargs)

    def encoded(self, result: object) -> bytes:
        """Return the result as JSON; texts for people are in the language of the request."""
        return msgspec.json.encode(result, enc_hook=self._said)

    def _said(self, value: object) -> str:
        if isinstance(value, Text):
            return words.of_request(self.request).plain(value)
        raise TypeError(f"{type(value).__name__} is not for JSON")

    def answer(self, result: object) -> web.Response:
        """Return the result as the row's JSON answer."""
        if result is None:
            return web.Response(status=204)
        response = _json(self.row.status, self.encoded(result))
        if location := self._located(result):
            response.headers[hdrs.LOCATION] = location
        return response

    def replay(self, fingerprint: bytes) -> web.Response | None:
        """Return the answer that this key got before, None the first time. Raises IdempotencyConflict."""
        if self._scope is None:
            return None
        self._fingerprint = fingerprint
        stored = self.peek(idempotency.find, self._scope)
        if stored is None:
            return None
        if stored.fingerprint != fingerprint:
            raise IdempotencyConflict()
        if stored.status >= 400:
            response = problems.replayed(stored.status, stored.body, self.request[REQUEST_ID])
        else:
            response = (
                _json(stored.status, stored.body) if stored.body else web.Response(status=stored.status)
            )
        if stored.location:
            response.headers[hdrs.LOCATION] = stored.location
        response.headers["Idempotent-Replayed"] = "true"
        return response

    async def run(self, action: Callable[[], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        """Run the handler, at most once at a time for one Idempotency-Key, and keep a refusal as well."""
        key = self.key
        takes_key = (
            self.row.method == hdrs.METH_POST
            and self.row.kind is not Kind.LINK  # whose path must not be kept
            and not self.row.path.startswith("/api/auth/")
        )
        if key is None or self.row.own_key or not takes_key or self.caller is None:
            return await action()
        scope = idempotency.Scope(self.actor.id, self.row.method, self.request.path.rstrip("/"), key)
        running, mark = self.app[RUNNING], (scope.user_id, scope.method, scope.path, scope.key)
        if mark in running:
            raise InProgress()
        running.add(mark)
        self._scope = scope
        try:
            return await action()
        except Refused as refusal:
            await self._keep_refusal(refusal)
            raise
        finally:
            running.discard(mark)

    async def _keep_refusal(self, refusal: Refused) -> None:
        status = problems.status_of(refusal)
        fleeting = isinstance(
            refusal, IdempotencyConflict | InProgress | RateLimited | Forbidden | Unauthenticated
        )
        if self._fingerprint and status < 500 and not fleeting:
            try:
                await self.db.write(
                    self._remember, status, problems.body_of(refusal, words.of_request(self.request)), None
                )
            except StorageFull:
                return

    def _remember(self, tx: Tx, status: int, body: bytes, location: str | None) -> None:
        assert self._scope is not None
        stored = idempotency.Stored(self._fingerprint, status, location, body)
        idempotency.save(tx, self._scope, stored, self.now)

    def _located(self, result: object) -> str | None:
        return self.row.location.format(id=getattr(result, "id", "")) if self.row.location else None


def identifier(text: str) -> int:
    """Return the id that the text spells. Raises NotFound for whatever is none of ours."""
    if not _ID.fullmatch(text) or int(text) > ID_MAX:
        raise NotFound()
    return int(text)


def by_number(load: Callable[[Connection, int], object]) -> Loader:
    """Return the loader of things that are known by a number."""
    return lambda conn, text: load(conn, identifier(text))


def handler_of(row: Row) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return what aiohttp calls: the order of refusals is 401, 404, 403, then the body, then the desk's own."""

    async def handle(request: web.Request) -> web.StreamResponse:
        call = Call(request, row)
        await _admit(call)
        return await call.run(lambda: _act(call))

    return handle


def register(app: web.Application, rows: Sequence[Row]) -> None:
    """Add the rows to the router; a closing slash may be left out or added anywhere."""
    app[TABLE] = tuple(rows)
    literal = [row.path.strip("/") for row in rows if "{" not in row.path]
    for row in rows:
        handle = handler_of(row)
        path = _no_others(row.path, literal)
        paths = {path, path.rstrip("/") or "/"}
        if not path.endswith(":.+}"):
            paths.add(path.rstrip("/") + "/")
        for path in paths:
            app.router.add_route(row.method, path, handle)
            if row.method == hdrs.METH_GET:
                app.router.add_route(hdrs.METH_HEAD, path, handle)


def _no_others(path: str, literal: Iterable[str]) -> str:
    """Return the path, whose last part when it is ``{id}`` is not taken for the name of an address of its own.

    Without that ``PATCH /api/tickets/bulk`` would be taken for a change of the ticket "bulk", and ``Allow`` would
    promise it.
    """
    before, _, last = path.strip("/").rpartition("/")
    if last != "{id}":
        return path
    names = [other.rpartition("/")[2] for other in literal if other.rpartition("/")[0] == before]
    barred = "|".join(map(re.escape, sorted(names)))
    return f"/{before}/{{id:(?!(?:{barred})(?:/|$))[^{{}}/]+}}" if names else path


async def _admit(call: Call) -> None:
    row = call.row
    if row.who is None:
        return
    if call.caller is None:
        if row.kind is Kind.LINK:
            raise NotFound(_NO_LINK)
        if row.kind is Kind.PAGE:
            raise _to_login(call.request)
        raise Unauthenticated()
    if call.caller.must_enrol and not row.before_second_step:
        if row.kind is Kind.PAGE:
            raise web.HTTPSeeOther(SECOND_STEP)
        raise SecondStepNeeded()
    if row.kind is Kind.LINK:
        auth.check_link_site(call.request)
    else:
        await auth.check_csrf(call.request, call.caller, fields=row.kind is Kind.PAGE)
    if row.on is not None:
        named = call.request.match_info.get("id") or str(call.actor.only_ticket)
        call.thing = call.peek(row.on, named)
    access.require(call.actor, row.who, call.thing)


def _to_login(request: web.Request) -> web.HTTPException:
    back = request.path_qs if request.method in (hdrs.METH_GET, hdrs.METH_HEAD) else "/"
    return web.HTTPSeeOther("/login" if back == "/" else f"/login?next={quote(back, safe='')}")


async def _act(call: Call) -> web.StreamResponse:
    row, request = call.row, call.request
    if row.first is not None:
        row.first(request)
    if hdrs.CONTENT_ENCODING in request.headers:
        raise UnsupportedMedia("Send the body as it is, without a Content-Encoding.")
    values: list[Any] = [call]
    if row.body is not None:
        raw = await json_bytes(request)
        if call._scope is not None:
            replayed = call.replay(_fingerprint(call, raw))
            if replayed is not None:
                return replayed
        _refuse_staff_fields(call, raw)
        values.append(decode.body(raw, row.body))
    elif call._scope is not None and not row.raw_body:
        replayed = call.replay(_fingerprint(call, await pace.whole(request)))
        if replayed is not None:
            return replayed
    if row.query is not None:
        values.append(decode.parameters(request.query, row.query))
    elif request.query_string and row.kind is Kind.API:
        decode.parameters(request.query, _Nothing)
    if row.headers is not None:
        values.append(decode.headers(request.headers, row.headers))
    result = await row.handler(*values)
    if isinstance(result, web.StreamResponse):
        return result
    if row.etag:
        return _tagged(request, result)
    return call.answer(result)


def _refuse_staff_fields(call: Call, raw: bytes) -> None:
    if call.row.for_staff is None or call.actor.is_staff:
        return
    decode.plain(raw)
    sent = decode.json_value(raw)
    if isinstance(sent, dict) and (fields := list(call.row.for_staff(sent))):
        raise ForbiddenField(fields)


class _Nothing(msgspec.Struct, frozen=True):
    """The query of a call that takes none."""


async def json_bytes(request: web.Request) -> bytes:
    """Return the body of a JSON request. Raises UnsupportedMedia for anything else."""
    if request.content_type != "application/json" or hdrs.CONTENT_TYPE not in request.headers:
        raise UnsupportedMedia("Send application/json.")
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise UnsupportedMedia("Send JSON in UTF-8.")
    return await pace.whole(request)


def _fingerprint(call: Call, raw: bytes) -> bytes:
    """Return what two requests with the same JSON have in common, however it is spelled.

    It is keyed, since it is kept: nobody who finds it can try which password was in the request.
    """
    # What is no JSON will be refused; the same bytes are refused alike.
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raw = msgspec.json.encode(msgspec.json.decode(raw), order="deterministic")
    return blake2b(raw, digest_size=16, key=call.settings.secret_key.encode()[:64]).digest()


def _json(status: int, body: bytes, headers: Any = None) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def _tagged(request: web.Request, result: Any) -> web.Response:
    """Answer with an ETag of the version and of all the rest that this caller sees, or with 304."""
    body = encode(result)
    tag = f'"v{result.version}.{blake2b(body, digest_size=6).hexdigest()}"'
    headers = {hdrs.ETAG: tag, hdrs.CACHE_CONTROL: "private, no-cache"}
    known = request.headers.get(hdrs.IF_NONE_MATCH)
    if known is not None and (
        known.strip() == "*" or tag in (t.strip().removeprefix("W/") for t in known.split(","))
    ):
        return web.Response(status=304, headers=headers)
    return _json(200, body, headers)
