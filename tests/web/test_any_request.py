"""Whatever is sent, the answer is one of the contract: never a 500, and nothing is left half-written."""

import asyncio
from typing import Any

import pytest

from tests.served import Client, Desk
from tests.web.wire import hear, is_problem, is_safe, say

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


# Helpers ---------------------------------------------------------------------------------------------------------


def bearer(client: Client) -> bytes:
    return b"Authorization: Bearer %b\r\n" % client.token.encode()


def written(desk: Desk) -> Any:
    """Return what changes with every commit, whatever it commits."""
    return desk.db.peek(lambda conn: conn.execute("PRAGMA data_version").fetchone()[0])
