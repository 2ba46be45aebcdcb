"""Who calls, and whether their own page sent it."""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from servicedesk.domain.people import Role
from servicedesk.settings import Settings
from servicedesk.web import auth
from servicedesk.web.keys import SETTINGS
from tests.served import Answer, Client, Desk
from tests.web.guests import PASSWORD, Guest, member

PATH = "/api/auth/tokens"
BODY = {"name": "x"}


async def browser(desk: Desk, role: Role = Role.AGENT) -> Client:
    """Return somebody whose session is in a cookie, as a page's would be; ``token`` is the forms' token."""
    person = await member(desk, f"{role}@example.org", role)
    cookie = {"Cookie": f"servicedesk={person.token}"}
    visitor = Guest(desk)
    visitor.session.headers.update(cookie)
    known = auth.identify(_asked(desk, cookie), desk.clock())
    assert known is not None
    assert known.csrf_token is not None
    visitor.user, visitor.id, visitor.token = person.user, person.id, known.csrf_token
    return visitor


def _asked(desk: Desk, headers: dict[str, str]) -> web.Request:
    return make_mocked_request("GET", "/", headers, app=desk.app)


async def make(visitor: Client, path: str = PATH, **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await visitor.post(path, BODY, headers=sent)


async def test_a_cookie_is_enough_to_read(desk: Desk) -> None:
    visitor = await browser(desk)

    assert (await visitor.get("/api/auth/me")).body["id"] == visitor.id
    elsewhere = await visitor.get("/api/auth/me", headers={"Sec-Fetch-Site": "cross-site"})
    assert elsewhere.status == 200


async def test_a_change_from_our_own_page_with_its_token_passes(desk: Desk) -> None:
    visitor = await browser(desk)

    for proof in ({"Sec_Fetch_Site": "same-origin"}, {"Origin": desk.url}, {}):
        assert (await make(visitor, X_CSRF_Token=visitor.token, **proof)).status == 201, proof


async def test_a_change_without_the_token_is_refused(desk: Desk) -> None:
    visitor, other = await browser(desk), await browser(desk, Role.ADMIN)

    for header in ({}, {"X_CSRF_Token": ""}, {"X_CSRF_Token": "x"}, {"X_CSRF_Token": other.token}):
        answer = await make(visitor, Sec_Fetch_Site="same-origin", Origin=desk.url, **header)
        assert (answer.status, answer.code) == (403, "csrf"), header
    assert (await make(visitor, f"{PATH}?csrf_token={visitor.token}")).code == "csrf"


async def test_a_change_from_elsewhere_is_refused_token_or_not(desk: Desk) -> None:
    visitor = await browser(desk)
    port = desk.port

    for proof in (
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "cross-site", "Origin": desk.url},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{port}.evil.example"},
        {"Origin": f"https://127.0.0.1:{port}"},
        {"Origin": f"http://localhost:{port}"},
        {"Origin": ""},
    ):
        answer = await make(visitor, X_CSRF_Token=visitor.token, **proof)
        assert (answer.status, answer.code) == (403, "csrf"), proof


async def test_every_method_that_changes_needs_the_token(desk: Desk) -> None:
    visitor = await browser(desk, Role.ADMIN)
    user = f"/api/users/{visitor.id}"

    answers = [
        await visitor.post("/api/auth/logout"),
        await visitor.patch(user, {"name": "A"}),
        await visitor.delete("/api/auth/tokens/1"),
        await visitor.put("/api/tickets/1/status", {"status": "open"}),
    ]

    assert {(answer.status, answer.code) for answer in answers} == {(403, "csrf")}


async def test_with_an_authorization_header_cookies_are_not_looked_at(desk: Desk) -> None:
    visitor, program = await browser(desk), await member(desk, "bob@example.org")

    answer = await visitor.get("/api/auth/me", headers={"Authorization": f"Bearer {program.token}"})
    dead = await visitor.get("/api/auth/me", headers={"Authorization": "Bearer dead"})
    other = await visitor.get("/api/auth/me", headers={"Authorization": "Basic eDp5"})

    assert answer.body["id"] == program.id
    assert (dead.status, other.status) == (401, 401)


async def test_a_bearer_needs_neither_token_nor_origin(desk: Desk) -> None:
    program = await member(desk, "bob@example.org")

    answer = await make(program, Origin="https://elsewhere.example", Sec_Fetch_Site="cross-site")

    assert answer.status == 201


# Behind https -----------------------------------------------------------------------------------------------------


async def test_behind_https_the_cookie_is_for_https_and_this_host_alone(tmp_path: Path) -> None:
    async with Desk(tmp_path, public_url="https://desk.example.org") as desk:
        person = await member(desk, "ada@example.org")
        response = web.Response()
        request = _asked(desk, {})
        auth.put_session(request, response, "token")
        weak, strong = Guest(desk), Guest(desk)
        weak.session.headers["Cookie"] = f"servicedesk={person.token}"
        strong.session.headers["Cookie"] = f"__Host-servicedesk={person.token}"

        cookie = response.cookies["__Host-servicedesk"].OutputString()
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert (await weak.get("/api/auth/me")).status == 401
        assert (await strong.get("/api/auth/me")).status == 200


async def test_a_plain_cookie_is_for_this_host_too(desk: Desk) -> None:
    response = web.Response()

    auth.put_session(_asked(desk, {}), response, "token")
    cookie = response.cookies["servicedesk"].OutputString()

    assert {"HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={14 * 86_400}"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


@pytest.mark.parametrize(
    ("settings", "headers", "origin"),
    [
        ({}, {"Host": "Desk.example:8080"}, "http://desk.example:8080"),
        ({"public_url": "https://desk.example"}, {"Host": "10.0.0.9"}, "https://desk.example"),
        ({}, {"Host": "desk.example", "X-Forwarded-Proto": "https"}, "http://desk.example"),
        (
            {"trusted_proxies": (ip_network("127.0.0.1/32"),)},
            {"Host": "desk.example", "X-Forwarded-Proto": "https"},
            "https://desk.example",
        ),
    ],
)
def test_our_origin_is_what_is_set_or_what_was_asked_for(
    settings: dict[str, Any], headers: dict[str, str], origin: str
) -> None:
    assert auth.our_origin(_asked_from("127.0.0.1", settings, headers)) == origin


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.7", "1.2.3.4", "192.0.2.7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "rubbish", "rubbish"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "", "192.0.2.7"),
        ("", "", ""),
    ],
)
def test_an_address_is_the_peers_or_what_trusted_proxies_say(peer: str, forwarded: str, address: str) -> None:
    settings = {"trusted_proxies": (ip_network("10.0.0.0/8"),)}
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}

    assert auth.client_address(_asked_from(peer, settings, headers)) == address


def _asked_from(peer: str, settings: dict[str, Any], headers: dict[str, str]) -> Any:
    app = web.Application()
    app[SETTINGS] = Settings(data_dir=Path("data"), secret_key="k" * 32, **settings)
    asked = make_mocked_request("GET", "/", headers, app=app)
    return asked.clone(remote=peer)


# Forms ----------------------------------------------------------------------------------------------------------


class Visitor(Guest):
    """A browser: it keeps cookies, sends its origin, and fills in the forms that it is shown."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.origin = desk.url
        self.cookies: dict[str, str] = {}

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        headers = {"Cookie": "; ".join(f"{n}={v}" for n, v in self.cookies.items()), "Origin": self.origin}
        answer = await super().call(method, path, **{"headers": headers, **options})
        for line in answer.headers.getall("Set-Cookie", []):
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in line:
                del self.cookies[name]
        return answer

    async def token(self, path: str) -> str:  # type: ignore[override]
        """Return the token of the form on a page."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', (await self.get(path)).body.decode())
        assert found is not None
        return found[1]

    async def send(self, path: str, **fields: str) -> Answer:
        return await self.call("POST", path, data=fields)


@pytest.fixture
async def visitor(desk: Desk) -> Visitor:
    await member(desk, "ada@example.org")
    return Visitor(desk)


LOGIN = {"email": "ada@example.org", "password": PASSWORD}


async def test_a_form_logs_a_browser_in_and_out(visitor: Visitor) -> None:
    token = await visitor.token("/login")

    opened = await visitor.send("/login", **LOGIN, csrf_token=token)
    first = visitor.cookies["servicedesk"]

    assert (opened.status, opened.headers["Location"]) == (303, "/")
    assert (await visitor.get("/api/auth/me")).status == 200
    closed = await visitor.send("/logout", csrf_token=await visitor.token("/"))
    assert closed.status == 303
    assert "servicedesk" not in visitor.cookies
    visitor.cookies["servicedesk"] = first
    assert (await visitor.get("/api/auth/me")).status == 401


async def test_a_log_in_ends_the_browsers_session_before_it(visitor: Visitor) -> None:
    await visitor.send("/login", **LOGIN, csrf_token=await visitor.token("/login"))
    first = visitor.cookies.pop("servicedesk")
    token = await visitor.token("/login")

    visitor.cookies["servicedesk"] = first
    again = await visitor.send("/login", **LOGIN, csrf_token=token)

    assert again.status == 303
    assert visitor.cookies["servicedesk"] != first
    visitor.cookies["servicedesk"] = first
    assert (await visitor.get("/api/auth/me")).status == 401


async def test_a_log_in_form_that_is_not_ours_is_refused(visitor: Visitor) -> None:
    token = await visitor.token("/login")

    for wrong in ("", "x" * 64):
        assert (await visitor.send("/login", **LOGIN, csrf_token=wrong)).code == "csrf"
    visitor.origin = "https://evil.example"
    assert (await visitor.send("/login", **LOGIN, csrf_token=token)).code == "csrf"
    visitor.origin = str(visitor.session._base_url).rstrip("/")
    visitor.cookies.clear()
    refused = await visitor.send("/login", **LOGIN, csrf_token=token)
    assert (refused.status, refused.code) == (403, "csrf")
    assert "servicedesk" not in visitor.cookies


async def test_a_form_of_a_page_needs_the_sessions_token(visitor: Visitor) -> None:
    guests = await visitor.token("/login")
    await visitor.send("/login", **LOGIN, csrf_token=guests)
    fields = {"title": "Printer", "description": "On fire", "priority": "high"}

    for wrong in ("", guests):
        assert (await visitor.send("/tickets/new", **fields, csrf_token=wrong)).code == "csrf"
    assert (await visitor.send("/tickets/new", **fields, csrf_token=await visitor.token("/"))).status == 303


async def test_a_form_that_cannot_be_read_is_a_refusal_and_no_defect(visitor: Visitor) -> None:
    for content_type, body, status in (
        ("application/x-www-form-urlencoded; charset=nonsense", b"a=1", 400),
        ("application/x-www-form-urlencoded", b"email=\xff\xfe", 400),
        ("application/json", b"{}", 415),
        ("multipart/form-data; boundary=x", b"--x", 415),
    ):
        headers = {"Content-Type": content_type, "Origin": visitor.origin}
        assert (await visitor.call("POST", "/login", data=body, headers=headers)).status == status, (
            content_type
        )
