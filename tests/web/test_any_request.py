"""Whatever is sent, the answer is one of the contract: never a 500, and nothing is left half-written."""

import asyncio
import json
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from aiohttp import ClientSession, FormData
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from yarl import URL

from servicedesk.domain.access import ROLES
from servicedesk.domain.people import Role
from servicedesk.web.api import Kind, Row
from servicedesk.web.routes import ROWS
from tests.served import Client, Desk
from tests.web.guests import Guest
from tests.web.wire import everything, hear, is_problem, is_safe, say, settled

HOST = b"Host: desk\r\n"
JSON = b"Content-Type: application/json\r\n"
BODY = b'{"title":"a"}'
SIZED = b"Content-Length: 13\r\n\r\n" + BODY
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


def get(target: bytes, *headers: bytes, method: bytes = b"GET", version: bytes = b"HTTP/1.1") -> bytes:
    return b"%b %b %b\r\n%b%b\r\n" % (method, target, version, HOST, b"".join(headers))


def post(*rest: bytes, target: bytes = b"/api/tickets/") -> bytes:
    return b"POST %b HTTP/1.1\r\n%b%b" % (target, HOST, b"".join(rest))


UNREADABLE = {
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a word": b"hello\r\n\r\n",
    "a preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "an unknown version": b"GET /healthz HTTP/3.0\r\nHost: desk\r\n\r\n",
    "a long line": get(b"/" + b"a" * 20_000),
    "a long header": get(b"/healthz", b"X: " + b"a" * 20_000 + b"\r\n"),
    "many headers": get(b"/healthz", *(b"X%d: a\r\n" % n for n in range(5_000))),
    "a header's name with a space": get(b"/healthz", b"Bad Header: a\r\n"),
    "a header without a colon": get(b"/healthz", b"abc\r\n"),
    "a folded header": get(b"/healthz", b"X: a\r\n b\r\n"),
    "a NUL in a header": get(b"/healthz", b"X: a\0b\r\n"),
    "a NUL in the path": get(b"/api/tickets/\0"),
    "bytes that are no ASCII in the path": get(b"/api/tickets/\xff\xfe"),
    "a space in the path": get(b"/api/tickets/ x"),
    "a path without a slash": get(b"api/auth/me"),
    "a star": get(b"*"),
    "a host that never ends": get(b"http://[::1/api/auth/me"),
    "a port beyond all ports": get(b"http://desk:99999/api/auth/me"),
    "a port of letters": get(b"http://desk:abc/api/auth/me"),
    "two hosts": get(b"/healthz", HOST),
    "a method of lower case": get(b"/healthz", method=b"get"),
    "a negative length": post(JSON, b"Content-Length: -1\r\n\r\n", BODY),
    "a length in letters": post(JSON, b"Content-Length: abc\r\n\r\n", BODY),
    "a length beyond all numbers": post(JSON, b"Content-Length: 99999999999999999999999\r\n\r\n"),
    "two lengths": post(JSON, b"Content-Length: 13\r\nContent-Length: 14\r\n\r\n", BODY),
    "a length and chunks": post(JSON, b"Content-Length: 13\r\n", CHUNKED, BODY),
    "chunks of chunks": post(JSON, b"Transfer-Encoding: chunked, chunked\r\n\r\n", BODY),
    "an unknown transfer": post(JSON, b"Transfer-Encoding: gzip\r\n\r\n", BODY),
    "a chunk without a size": post(JSON, CHUNKED, b"zz\r\nabc\r\n"),
    "a chunk of negative size": post(JSON, CHUNKED, b"-1\r\nabc\r\n"),
    "a chunk longer than it says": post(JSON, CHUNKED, b"2\r\nabcdef\r\n0\r\n\r\n"),
    "a chunk beyond all sizes": post(JSON, CHUNKED, b"fffffffffffffffff\r\n", BODY),
    "two types": post(JSON, b"Content-Type: text/plain\r\n", SIZED),
}


@pytest.mark.parametrize("request_", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_what_cannot_be_read_is_refused_in_the_same_words(desk: Desk, request_: bytes) -> None:
    agent = await desk.agent()
    before = written(desk)
    # Who they are makes no difference to what cannot be read.
    known = request_.replace(HOST, HOST + bearer(agent), 1)

    for sent in (request_, known):
        (answer,) = await say(desk.port, sent)
        assert answer.status == 400
        is_safe(answer.headers)
        is_problem(400, answer.headers, answer.problem)
        assert answer.closes
    assert written(desk) == before


READABLE: dict[str, tuple[bytes, int]] = {
    "blank lines before the request": (b"\r\n\r\n" + get(b"/healthz"), 200),
    "HTTP/1.0": (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
    "an absolute address": (get(b"http://elsewhere.example/api/auth/me"), 200),
    "a fragment": (get(b"/api/tickets/#x"), 200),
    "another host": (get(b"/api/auth/me").replace(HOST, b"Host: a b/c?d#e\r\n"), 200),
    "an upgrade to what is not offered": (
        get(b"/api/auth/me", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"),
        200,
    ),
    "a body that nobody reads": (get(b"/api/auth/me", b"Content-Length: 2\r\n")[:-2] + b"\r\n{}", 200),
    "a path that begins with two slashes": (get(b"//api/auth/me"), 404),
    "a path with dots": (get(b"/api/../api/auth/me"), 404),
    "slashes in percent": (get(b"/api%2fauth%2fme"), 404),
    "half a percent": (get(b"/api/%zz"), 404),
    "percents that are no UTF-8": (get(b"/api/tickets/%ff%fe"), 404),
    "a surrogate in the path": (get(b"/api/tickets/%ed%a0%80"), 404),
    "a NUL in percent": (get(b"/api/tickets/%00"), 404),
    "a surrogate in the query": (get(b"/api/tickets/?q=%ed%a0%80"), 200),
    "a surrogate as a parameter": (get(b"/api/tickets/?%ed%a0%80=1"), 400),
    "a NUL in the query": (get(b"/api/tickets/?q=%00"), 400),
    "a query of nothing": (get(b"/api/tickets/?&&&="), 400),
    "OPTIONS of everything": (get(b"*", method=b"OPTIONS"), 404),
    "CONNECT": (get(b"elsewhere.example:443", method=b"CONNECT"), 404),
    "TRACE": (get(b"/api/tickets/", method=b"TRACE"), 405),
    "PROPFIND": (get(b"/api/tickets/", method=b"PROPFIND"), 405),
    "a body in chunks": (post(JSON, CHUNKED, b"d\r\n", BODY, b"\r\n0\r\n\r\n"), 201),
    "a chunk that tells more": (post(JSON, CHUNKED, b"d;x=y\r\n", BODY, b"\r\n0\r\n\r\n"), 201),
    "a client that waits to be told": (post(JSON, b"Expect: 100-continue\r\n", SIZED), 201),
    "a client that expects too much": (post(JSON, b"Expect: 200-ok\r\n", SIZED), 417),
    "too much expected nowhere": (get(b"/api/nothing", b"Expect: 200-ok\r\n"), 417),
    "no type": (post(b"Content-Type:\r\n", SIZED), 415),
    "a type of no letters": (post(b'Content-Type: \xff/\xff; charset="\r\n', SIZED), 415),
    "a charset that does not exist": (post(b"Content-Type: application/json; charset=nope\r\n", SIZED), 415),
    "gzip that is none": (post(JSON, b"Content-Encoding: gzip\r\n", SIZED), 415),
    "brotli": (post(JSON, b"Content-Encoding: br\r\n", SIZED), 415),
    "an encoding that changes nothing": (post(JSON, b"Content-Encoding: identity\r\n", SIZED), 415),
    "an encoding of no body": (post(b"Content-Encoding: gzip\r\n\r\n", target=b"/api/auth/ws-ticket"), 415),
    "a key that is no text": (post(JSON, b"Idempotency-Key: \xff\xed\xa0\x80\r\n", SIZED), 400),
    "an empty key": (post(JSON, b"Idempotency-Key:\r\n", SIZED), 400),
    "an If-None-Match that is no text": (get(b"/api/auth/me", b"If-None-Match: \xff,\xed\xa0\x80\r\n"), 200),
    "a forwarded address that is none": (get(b"/api/auth/me", b"X-Forwarded-For: \xff, ,,\r\n"), 200),
    "a form from nowhere": (
        post(FORM, b"Origin: \xff\r\nContent-Length: 3\r\n\r\na=b", target=b"/login"),
        403,
    ),
    "a form in UTF-16": (
        post(FORM[:-2], b"; charset=utf-16\r\nContent-Length: 3\r\n\r\na=b", target=b"/login"),
        400,
    ),
    "a form in no charset": (
        post(FORM[:-2], b"; charset=zlib\r\nContent-Length: 3\r\n\r\na=b", target=b"/login"),
        400,
    ),
    "a websocket without a key": (
        get(b"/ws", b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
        400,
    ),
    "a websocket with a key of no letters": (
        get(
            b"/ws",
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \xff\r\n",
        ),
        400,
    ),
    "a websocket of another version": (
        get(b"/ws", b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 99\r\n"),
        400,
    ),
}


@pytest.mark.parametrize(("request_", "status"), READABLE.values(), ids=READABLE.keys())
async def test_what_can_be_read_is_answered_however_odd(desk: Desk, request_: bytes, status: int) -> None:
    agent = await desk.agent()
    before = written(desk)

    (answer,) = await say(desk.port, request_.replace(b"\r\nHost", b"\r\n" + bearer(agent) + b"Host", 1))

    assert answer.status == status
    is_safe(answer.headers)
    if status >= 400:
        is_problem(status, answer.headers, answer.problem)
        assert written(desk) == before


@pytest.mark.parametrize(
    "header",
    [
        b"Authorization: Bearer \xff\xfe\xed\xa0\x80\r\n",
        b"Authorization: Bearer\r\n",
        b"Authorization: Basic YTpi\r\n",
        b"Authorization:\r\n",
        b"Authorization: Bearer " + b"a" * 4_000 + b"\r\n",
        b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
        b"Cookie: servicedesk=\xff\xfe\r\n",
        b'Cookie: servicedesk; =; ;;=a; "\r\n',
        b"Cookie: " + b"a=b; " * 1_000 + b"\r\n",
    ],
)
async def test_a_credential_that_is_none_opens_nothing(desk: Desk, header: bytes) -> None:
    (answer,) = await say(desk.port, get(b"/api/auth/me", header))

    assert answer.status == 401
    is_safe(answer.headers)
    is_problem(401, answer.headers, answer.problem)


async def test_two_tokens_in_one_request_are_none(desk: Desk) -> None:
    agent = await desk.agent()

    (answer,) = await say(desk.port, get(b"/api/auth/me", bearer(agent), bearer(agent)))

    assert answer.status == 401


async def test_requests_in_one_breath_are_answered_in_their_order(desk: Desk) -> None:
    agent = await desk.agent()
    me = get(b"/api/auth/me", bearer(agent))
    made = post(bearer(agent), JSON, SIZED)

    answers = await say(desk.port, me + made + get(b"/api/nothing") + made, answers=4)

    assert [answer.status for answer in answers] == [200, 201, 404, 201]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 4
    assert len(await agent.all("/api/tickets/")) == 2


async def test_junk_behind_an_answered_request_ends_the_connection(desk: Desk) -> None:
    agent = await desk.agent()
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)

    for sent, status in ((post(bearer(agent), JSON, SIZED), 201), (b"\0junk\r\n\r\n", 400)):
        writer.write(sent)
        answer = await hear(reader)
        assert answer.status == status
        is_safe(answer.headers)

    assert await reader.read() == b""
    writer.close()


async def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(desk: Desk) -> None:
    agent = await desk.agent()
    announced = b"Content-Length: 99999999999\r\n\r\n{"

    for target in (b"/api/tickets/", b"/api/auth/login", b"/api/tickets/bulk"):
        (answer,) = await say(desk.port, post(bearer(agent), JSON, announced, target=target))
        assert (answer.status, answer.problem["code"]) == (413, "too_large")
        is_problem(413, answer.headers, answer.problem)


async def test_a_body_that_grows_too_large_is_refused_as_soon_as_it_is(desk: Desk) -> None:
    agent = await desk.agent()
    chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"

    (answer,) = await say(desk.port, post(bearer(agent), JSON, CHUNKED, chunk * 17))

    assert (answer.status, answer.problem["code"]) == (413, "too_large")
    is_safe(answer.headers)


async def test_what_a_refused_body_says_is_never_taken_for_a_request(desk: Desk) -> None:
    agent = await desk.agent()
    hidden = get(b"/api/tickets/", bearer(agent)) * 3
    size = b"Content-Length: %d\r\n\r\n" % len(hidden)
    last = get(b"/api/auth/me", bearer(agent))

    for refused, status in (
        (post(JSON, size), 401),
        (post(bearer(agent), b"Content-Type: text/plain\r\n", size), 415),
        (post(bearer(agent), JSON, size, target=b"/api/tickets/999/escalate"), 404),
        (post(bearer(agent), JSON, size, target=b"/api/nothing"), 404),
        (get(b"/api/tickets/", bearer(agent), method=b"DELETE")[:-2] + size, 405),
    ):
        answers = await say(desk.port, refused + hidden + last, answers=2)
        assert [answer.status for answer in answers] == [status, 200]
        assert answers[1].problem["id"] == agent.id


async def test_a_client_that_leaves_in_the_middle_of_a_body_leaves_nothing_behind(desk: Desk) -> None:
    agent = await desk.agent()
    before = written(desk)

    for rest in (b"Content-Length: 100\r\n\r\n" + BODY, CHUNKED + b"d\r\n" + BODY + b"\r\n"):
        _, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        writer.write(post(bearer(agent), JSON, rest))
        await writer.drain()
        writer.transport.abort()
    me = await agent.get("/api/auth/me")

    assert me.status == 200
    assert written(desk) == before


async def test_a_head_request_says_what_the_get_would(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()

    for target, status in (
        (f"/api/tickets/{ticket['id']}", 200),
        ("/api/tickets/77", 404),
        ("/healthz", 200),
    ):
        answers = []
        for method in ("GET", "HEAD"):
            request = get(target.encode(), bearer(agent), method=method.encode())
            (answer,) = await say(desk.port, request, method=method)
            answers.append(answer)
        whole, head = answers
        assert (whole.status, head.status) == (status, status)
        assert whole.headers["content-type"] == head.headers["content-type"]
        assert whole.headers["content-length"] == head.headers["content-length"]
        assert whole.headers.get("etag") == head.headers.get("etag")


async def test_an_address_of_its_own_is_not_taken_for_an_id(desk: Desk) -> None:
    admin = await desk.admin()
    for path, allowed in (
        ("/api/tickets/bulk", "OPTIONS, POST"),
        ("/api/tickets/stats", "GET, HEAD, OPTIONS"),
        ("/api/files/limits/", "GET, HEAD, OPTIONS"),
        ("/api/users/handles", "GET, HEAD, OPTIONS"),
        ("/api/notifications/read", "OPTIONS, POST"),
    ):
        answer = await admin.call("OPTIONS", path)
        assert (answer.status, answer.headers["Allow"]) == (204, allowed)
        for method in ("PATCH", "DELETE"):
            assert (await admin.call(method, path, json={})).status == 405
    assert (await admin.get("/api/tickets/bulks")).status == 404


async def test_a_desk_behind_tls_tells_browsers_to_stay_there(desk: Desk, tmp_path: Path) -> None:
    async with Desk(tmp_path / "behind", public_url="https://desk.example") as behind:
        for place, told in ((behind, "max-age=31536000"), (desk, None)):
            for path in ("/login", "/api/tickets/", "/nothing"):
                answer = await Guest(place).get(path)
                assert answer.headers.get("Strict-Transport-Security") == told


# Every row of the table -----------------------------------------------------------------------------------------


class Crowd:
    """Somebody of every role, and nobody."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.nobody = desk.session()
        self.known: dict[Role, Client] = {}

    async def session(self, role: Role | None) -> ClientSession:
        """Return somebody who can still call; what came before may have ended their session."""
        if role is None:
            return self.nobody
        known = self.known.get(role)
        if known is None or (await known.get("/api/auth/me")).status == 401:
            known = self.known[role] = await self.desk.person(role)
        return known.session


@pytest.fixture
async def crowd(desk: Desk) -> Crowd:
    """Those who call a desk that has something to ask for."""
    await furnish(desk)
    return Crowd(desk)


ENDS_THE_SESSION = [row for row in ROWS if row.path.endswith("/logout") or row.method == "DELETE"]


@pytest.mark.parametrize("role", [None, *Role])
async def test_every_address_answers_everybody_according_to_their_role(desk: Desk, role: Role | None) -> None:
    """Nobody is asked to log in, whose role never may is forbidden, and an empty body is no defect for anybody."""
    crowd = Crowd(desk)
    for row in ROWS:
        session = await crowd.session(role)
        path = to(row, "1", "app.js")
        for body in ({}, {"json": {}}, {"data": b"\xff", "headers": {"Content-Type": "application/json"}}):
            status, headers, found = await ask(session, row.method, path, **body)
            answers_as_promised(path, status, headers, found)
            if row.who is None or row.kind is Kind.SOCKET:
                continue
            if row.kind is Kind.LINK:
                assert status == 404, (row.method, path)  # who is logged in has no private link by that
            elif role is None:
                assert status == (401 if row.kind is Kind.API else 303), (row.method, path)
            elif role not in ROLES[row.who]:
                assert status in (403, 404), (row.method, path)
            else:
                assert status != 401 or row in ENDS_THE_SESSION, (row.method, path)


@dataclass(frozen=True)
class Sent:
    """A request that somebody might make up."""

    row: Row
    role: Role | None
    path: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


ODD = [
    "", "0", "-1", "1", "2", "01", "1.0", "1e3", "9007199254740992", "99999999999999999999", "none", "me",
    "true", "null", "NaN", "\0", "\x01", "\u0661", "\ud800", "\U0001f600", "a" * 300, "../..", "%", "%2e%2e", "'",
    '"', "; DROP TABLE tickets", "<script>", "{{7*7}}", "*", "NEAR(", "a OR b", "-created_at", "new", "low",
    "2026-11-23", "2026-11-23T09:30:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "a@b.example", ",",
    "1,2,none",
]  # fmt: skip
IDS = [
    *["1", "2", "3"] * 6,
    "4",
    "77",
    "0",
    "-1",
    "x",
    "9007199254740992",
    "%00",
    "%ff",
    "a" * 300,
    "1%2f2",
    ".",
]
NAMES = sorted(
    {name for row in ROWS for kind in (row.query, row.body) if kind for name in kind.__struct_fields__}
)
texts = st.sampled_from(ODD) | st.text(max_size=40)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    leaves, lambda v: st.lists(v, max_size=4) | st.dictionaries(texts, v, max_size=4), max_leaves=12
)


CHANGING = [row for row in ROWS if row.kind is Kind.API and row.body is not None]


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    row = draw(st.sampled_from(CHANGING) | st.sampled_from(ROWS))
    path = to(row, draw(st.sampled_from(IDS)), draw(st.sampled_from(["app.js", "%2e%2e/x", "%00"])))
    path += draw(st.sampled_from(["", "", "/"]))
    if row.query is not None or draw(st.integers(0, 9)) == 0:
        known = row.query.__struct_fields__ if row.query else ("x",)
        pairs = draw(st.lists(st.tuples(st.sampled_from(known) | texts, texts), max_size=4))
        path += "?" + "&".join(f"{safe(n)}={safe(v)}" for n, v in pairs)
    headers = {}
    for name in ("Idempotency-Key", "If-Match", "If-None-Match", "Accept", "Range", "X-CSRF-Token", "Origin"):
        if draw(st.integers(0, 4)) == 0:
            headers[name] = draw(header_values)
    for name in [f.encode_name for f in msgspec.structs.fields(row.headers)] if row.headers else ():
        if draw(st.integers(0, 9)):
            headers[name] = draw(st.sampled_from(LIKELY_HEADERS[name]) | header_values)
    return Sent(row, draw(st.sampled_from([None, *Role])), path, draw(bodies(row)), headers)


header_values = st.sampled_from(
    [
        "a",
        "*",
        '"v1"',
        'W/"v1.x", "v2"',
        '"',
        ",",
        "bytes=0-1",
        "bytes=9-1,",
        "text/html",
        "\u00ff",
        "a" * 255,
        "a" * 256,
    ]
)


def bodies(row: Row) -> st.SearchStrategy[Any]:
    known = row.body.__struct_fields__ if row.body else ()
    fields = st.dictionaries(st.sampled_from(known), values, max_size=len(known)) if known else values
    guesses = {name: st.sampled_from(LIKELY.get(name, [None])) for name in known}
    needed = {f.encode_name for f in msgspec.structs.fields(row.body) if f.required} if row.body else set()
    likely = st.fixed_dictionaries(
        {name: guess for name, guess in guesses.items() if name in needed},
        optional={name: guess for name, guess in guesses.items() if name not in needed},
    )
    form = st.dictionaries(st.sampled_from(NAMES), texts, max_size=6).map(Form)
    return (
        st.none()
        | likely
        | likely
        | likely
        | likely
        | fields
        | values
        | st.binary(max_size=60)
        | form
        | multiparts
    )


class Form(dict[str, str]):
    """The fields of a form."""


class Multipart(bytes):
    """A form with files, or what is left of it."""


PARTS = [
    b'name="ticket_id"\r\n\r\n1',
    b'name="ticket_id"\r\n\r\n\xff',
    b'name="message_id"\r\n\r\n1',
    b'name="is_internal"\r\n\r\ntrue',
    b'name="is_internal"\r\n\r\nperhaps',
    b'name="csrf_token"\r\n\r\n1',
    b'name="file"; filename="a.txt"\r\nContent-Type: text/html\r\n\r\nHello',
    b'name="file"; filename="a.png"\r\n\r\n\x89PNG\r\n\x1a\n',
    b'name="file"; filename="a.txt"\r\n\r\n',
    b'name="file"; filename="../\xff\x00.exe"\r\n\r\nMZ',
    b"name=\"file\"; filename*=utf-16''%ff\r\nContent-Transfer-Encoding: base64\r\n\r\n!!",
    b'name="file"\r\nContent-Encoding: gzip\r\n\r\nno file',
    b'name="files"; filename="a.csv"\r\n\r\na,b',
    b'filename="nameless.txt"\r\n\r\nx',
    b'name="x"; name="y"\r\nContent-Length: 99999\r\n\r\nx',
    b'name="file"; filename="b.txt"\r\nContent-Type: multipart/mixed; boundary=z\r\n\r\n--z\r\n\r\nx\r\n--z--',
]


@st.composite
def multipart_bodies(draw: st.DrawFn) -> Multipart:
    parts = draw(st.lists(st.sampled_from(PARTS), max_size=5))
    whole = (
        b"".join(b"--limit\r\nContent-Disposition: form-data; %b\r\n" % part for part in parts)
        + b"--limit--\r\n"
    )
    return Multipart(whole[: draw(st.integers(0, len(whole)))] if draw(st.integers(0, 4)) == 0 else whole)


multiparts = multipart_bodies()


LIKELY: dict[str, list[Any]] = {
    "title": ["a", " ", "a\nb", "a" * 201],
    "description": ["", "b"],
    "body": ["a", "\t"],
    "status": ["new", "open", "in_progress", "pending", "on_hold", "resolved", "closed"],
    "priority": ["low", "critical", None],
    "comment": ["because", "", None],
    "reason": ["because it burns", "short"],
    "assigned_to": [None, 1, 2, 3, 77],
    "team_id": [None, 1, 77],
    "lead_id": [None, 1, 77],
    "auto": [True, False],
    "auto_assign": [True, False],
    "tags": [[], ["a", "A"], ["a"] * 21],
    "skills": [[], ["ink"]],
    "required_skills": [[], ["ink"]],
    "ids": [[1], [1, 2, 1, 77], []],
    "action": ["status", "priority", "assign", "tag"],
    "add_tags": [["a"], []],
    "remove_tags": [["a"]],
    "is_internal": [True, False],
    "file_ids": [[], ["x"]],
    "name": ["Ada", "\u202e", ""],
    "email": ["ada@desk.example", "a@b", "customer2@desk.example"],
    "password": ["tall lamps over quiet water", "password", ""],
    "requester": [{"email": "a@b.example", "name": "A"}, {"email": "a"}],
    "role": ["agent", "customer"],
    "member_ids": [[], [1, 1], [77]],
    "team_ids": [[], [1], [77]],
    "max_tickets": [0, 3, -1, 2**70],
    "kind": ["reply", "note"],
    "message_id": [0, 1, 2**60],
    "is_active": [True],
    "availability": ["away", "available"],
    "assignment": ["manual", "skills"],
    "zone": ["UTC", "Europe/Berlin", "Mars/Olympus"],
    "week": [{"mon": [["09:00", "17:00"]]}, {"tue": [["17:00", "09:00"]]}, {}],
    "holidays": [[], [{"date": "12-25", "name": "Christmas"}], [{"date": "02-30", "name": "x"}]],
    "country": ["DE", "XX"],
    "targets": [{"high": {"resolution_s": 3600}}, {"low": {"first_response_s": 0}}, {}],
    "pauses": [{"resolution": ["pending"]}, {"next_response": ["closed"]}],
    "calendar_id": [None, 1, 77],
    "sla_policy_id": [None, 1, 77],
    "is_default": [True, False],
    "from": ["2027-01-01", "2027-02-30"],
    "to": ["2027-01-20", "2026-01-01"],
    "policy": [{"name": "Other", "targets": {"low": {"resolution_s": 60}}}, {}],
    "policy_id": [1, 77],
    "actions": [{"status": "resolved"}, {"assigned_to": "me", "add_tags": ["a"]}, {"status": "new"}, {}],
    "query": ["status=new", "", "q=a", "status=gone"],
    "ticket_id": [1, 2, 77],
    "is_shared": [True, False],
    "position": [0, 5, -1],
    "subdivision": [None, "BY", "x"],
    "years": [[2026], [0], []],
}


LIKELY_HEADERS = {
    "Tus-Resumable": ["1.0.0"] * 8 + ["0.2.2"],
    "Upload-Length": ["5"] * 8 + ["0", "-1", "99999999999"],
    "Upload-Metadata": [
        *["filename YS50eHQ=,ticket_id MQ=="] * 8,
        "filename YS5leGU=,ticket_id MQ==",
        "filename /w==,ticket_id MQ==,is_internal dHJ1ZQ==,message_id MQ==",
        "filename YS50eHQ=,ticket_id /w==,colour",
        "filename YS50eHQ=,filename YS50eHQ=",
        "filename",
        ",",
    ],
    "Upload-Offset": ["0", "5", "x"],
    "Upload-Checksum": ["sha1 AAAA", "crc32 AAAA", "md5"],
}


LOG_INS = ("/login", "/api/auth/login")


async def anything_goes(crowd: Crowd, sent: Sent) -> None:
    session = await crowd.session(sent.role)
    await settled(crowd.desk)
    before = everything(crowd.desk)
    options: dict[str, Any] = {"headers": dict(sent.headers)}
    if isinstance(sent.body, bytes):
        options["data"] = bytes(sent.body)
        is_form = isinstance(sent.body, Multipart)
        options["headers"]["Content-Type"] = (
            "multipart/form-data; boundary=limit" if is_form else "application/json"
        )
    elif isinstance(sent.body, Form):
        options["data"] = FormData([(n, v.encode(errors="replace").decode()) for n, v in sent.body.items()])
    elif sent.body is not None:
        options["data"] = json.dumps(sent.body).encode()
        options["headers"]["Content-Type"] = "application/json"

    status, headers, body = await ask(session, sent.row.method, sent.path, **options)

    answers_as_promised(sent.path, status, headers, body)
    if status >= 400 and "Idempotency-Key" not in sent.headers:
        after = everything(crowd.desk)
        if sent.row.path in LOG_INS:  # a wrong password is written down
            after["audit"] = before["audit"]
        assert after == before, "a refusal has changed something"


quick = settings(
    max_examples=600,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AGENT, Role.CUSTOMER])
async def test_what_is_almost_right_is_done_or_changes_nothing(crowd: Crowd, role: Role) -> None:
    chance = random.Random(role)
    for row in CHANGING * 16:
        assert row.body is not None
        known = {f.encode_name: f.required for f in msgspec.structs.fields(row.body)}
        body = {
            name: chance.choice(LIKELY.get(name, [None]))
            for name, required in known.items()
            if required or chance.random() < 0.3
        }
        await anything_goes(crowd, Sent(row, role, to(row, chance.choice("123"), ""), body))


@quick
@given(sent=requests())
async def test_whatever_is_sent_is_answered_and_a_refusal_changes_nothing(crowd: Crowd, sent: Sent) -> None:
    await anything_goes(crowd, sent)


@pytest.mark.slow
@settings(quick, max_examples=2_000)
@given(sent=requests())
async def test_whatever_is_sent_is_answered_for_long(crowd: Crowd, sent: Sent) -> None:
    await anything_goes(crowd, sent)


@settings(quick, max_examples=25, phases=[Phase.generate])
@given(many=st.lists(requests(), min_size=20, max_size=40))
async def test_many_at_once_are_answered_like_one(crowd: Crowd, many: list[Sent]) -> None:
    desk = crowd.desk

    async def send(sent: Sent) -> None:
        session = await crowd.session(sent.role)
        body = None if sent.body is None or isinstance(sent.body, bytes) else json.dumps(sent.body).encode()
        options = {"headers": {**sent.headers, "Content-Type": "application/json"}, "data": body}
        answers_as_promised(sent.path, *await ask(session, sent.row.method, sent.path, **options))

    await asyncio.gather(*map(send, many))
    assert desk.db.peek(lambda conn: conn.execute("PRAGMA foreign_key_check").fetchall()) == []
    assert desk.db.peek(lambda conn: conn.execute("PRAGMA integrity_check").fetchone()[0]) == "ok"


# What the API document promises --------------------------------------------------------------------------------


async def test_every_answer_is_one_of_the_api_document(desk: Desk, tmp_path: Path) -> None:
    await keeps_its_document(desk, tmp_path, "--phases=coverage", "--max-examples=3", "--seed=1")


@pytest.mark.slow
async def test_every_answer_is_one_of_the_api_document_in_depth(desk: Desk, tmp_path: Path) -> None:
    await keeps_its_document(desk, tmp_path, "--max-examples=50")


async def keeps_its_document(desk: Desk, folder: Path, *options: str) -> None:
    """Let a program that knows nothing but the document call everything in it."""
    await furnish(desk)
    admin = await desk.admin()
    (folder / "hooks.py").write_text(HOOKS)
    (folder / "schemathesis.toml").write_text(
        'hooks = "hooks.py"\n'
        "[checks.negative_data_rejection]\n"
        'expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 415, 422, 428, 429, "5xx"]\n'
        # What a schema cannot say, such as that a name is not taken or a cursor is one that was given, is refused.
        "[checks.positive_data_acceptance]\n"
        'expected-statuses = ["2xx", 304, 400, 401, 403, 404, 409, 412, 415, 422, 429, 460, 501, 503, 507]\n'
        "[checks.missing_required_header]\n"
        "expected-statuses = [400, 401, 403, 406, 412, 415, 422]\n"
    )
    program = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("schemathesis"), "run", f"{desk.url}/api/openapi.json"),
        *("--header", f"Authorization: Bearer {admin.token}", "--no-color", "--continue-on-failure"),
        # Whoever ends their own session learns nothing more.
        *("--exclude-path", "/api/auth/logout", "--exclude-path", "/api/auth/tokens/{id}"),
        *("--checks", "all", *options),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await program.communicate()

    assert program.returncode == 0, output.decode()


HOOKS = """
import uuid

import schemathesis

# The tus protocol has a media type of its own.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


# What was made under a key that comes again may have been deleted since; the answer is the old one nevertheless.
@schemathesis.hook
def before_call(context, case, kwargs):
    key = (case.headers or {}).get("Idempotency-Key")
    if key and len(key) <= 200 and case.meta and case.meta.phase.name == "stateful":
        case.headers["Idempotency-Key"] = key + uuid.uuid4().hex
"""


# Helpers ---------------------------------------------------------------------------------------------------------


def bearer(client: Client) -> bytes:
    return b"Authorization: Bearer %b\r\n" % client.token.encode()


def written(desk: Desk) -> Any:
    """Return what changes with every commit, whatever it commits."""
    return desk.db.peek(lambda conn: conn.execute("PRAGMA data_version").fetchone()[0])


async def furnish(desk: Desk) -> None:
    agent = await desk.agent(max_tickets=100)
    customer = await desk.customer()
    await desk.team("Support", agent)
    for n in range(3):
        ticket = await customer.ticket(f"Ticket {n}", tags=["a"], category="Hardware")
        path = f"/api/tickets/{ticket['id']}"
        await agent.post(f"{path}/messages", {"body": "Hello"})
        await agent.post(f"{path}/messages", {"body": "A note", "is_internal": True})
    await agent.put("/api/tickets/3/status", {"status": "resolved"})
    boss, hours = await desk.person(Role.SUPERVISOR), {"mon": [["09:00", "12:00"], ["13:00", "17:00"]]}
    for name in ("Office", "Nights"):
        await boss.post("/api/sla/calendars/", {"name": name, "zone": "Europe/Berlin", "week": hours})
        targets = {"medium": {"first_response_s": 3600, "next_response_s": 3600, "resolution_s": 7200}}
        await boss.post("/api/sla/policies/", {"name": name, "targets": targets, "calendar_id": 1})
    late = {"when": {"kind": "manual"}, "whom": {"kind": "lead"}, "do": ["notify"], "acknowledge_minutes": 5}
    policy = {"name": "Watch", "is_default": True, "tiers": [late]}
    assert (await boss.post("/api/escalation/policies/", policy)).status == 201
    await agent.post("/api/tickets/1/escalate", {"reason": "It is on fire"})


async def ask(session: ClientSession, method: str, path: str, **options: Any) -> tuple[int, Any, Any]:
    url = URL(path, encoded=True)
    async with session.request(method, url, allow_redirects=False, **options) as response:
        raw = await response.read()
        is_json = response.content_type.endswith("json") and raw
        return response.status, response.headers, json.loads(raw) if is_json else raw


def answers_as_promised(path: str, status: int, headers: Any, body: Any) -> None:
    assert status < 500, (path, body)
    is_safe(headers)
    if status >= 400 and path.startswith("/api/"):
        is_problem(status, headers, body)


def to(row: Row, id_: str, name: str) -> str:
    return row.path.replace("{id}", id_).replace("{version}", "1").replace("{name:.+}", name)


def safe(text: str) -> str:
    return quote(text.encode(errors="surrogatepass"), safe="")
