"""Where people are logged in, as they and as admins see it."""

import html
import re

import pytest

from servicedesk.domain.people import Role
from servicedesk.domain.times import MINUTE
from servicedesk.store import sessions
from servicedesk.store.sessions import Kind
from servicedesk.web import auth, browsers, seen
from tests.served import Client, Desk
from tests.web.guests import Guest, again, log_in, member, opens, session_id
from tests.web.sockets import connect
from tests.web.test_auth import Visitor
from tests.web.test_live_access import within_a_second
from tests.web.test_people_pages import sent

HERE = "/settings/sessions"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile/15E Safari/604.1"


async def text(client: Client, path: str = "/settings") -> str:
    answer = await client.get(path)
    assert answer.status == 200, answer.body
    return str(answer.body.decode())


async def entered(desk: Desk, email: str, agent: str) -> Client:
    """Return somebody who logged in with that browser."""
    token = (await log_in(desk, email, headers={"User-Agent": agent})).body["token"]
    known = desk.db.peek(sessions.who, auth.hash_of(token), desk.clock())
    assert known is not None
    return desk.client(known.user, token)


async def test_everybody_sees_where_they_are_logged_in(desk: Desk) -> None:
    for role in Role:
        email = f"{role}@example.org"
        await member(desk, email, role)
        here = await entered(desk, email, FIREFOX)
        await entered(desk, email, IPHONE)

        page = await text(here)

        assert page.count("Firefox on Linux</span> <span") == 1
        assert page.count("This one") == 1
        assert "Safari on iPhone" in page
        assert "127.0.0.1" in page
        assert "Unknown" in page, "the session that no browser opened"


async def test_a_session_is_ended_by_its_owner_and_its_socket_closes(desk: Desk) -> None:
    here = await member(desk, "ada@example.org")
    other = await again(desk, here)
    socket = await connect(other)

    done = await sent(here, f"{HERE}/{await session_id(desk, other)}/end", next="/settings")

    assert (done.status, done.headers["Location"]) == (303, "/settings?done=ended")
    assert await within_a_second(socket) == (4501, "session ended")
    assert not await opens(desk, other.token)
    assert await opens(desk, here.token)
    assert "The session has ended." in await text(here, "/settings?done=ended")


async def test_all_others_end_at_once_and_tokens_stay(desk: Desk) -> None:
    here = await member(desk, "ada@example.org")
    others = [await again(desk, here) for _ in range(3)]
    token = await again(desk, here, Kind.TOKEN)
    stranger = await member(desk, "mara@example.org")

    done = await sent(here, f"{HERE}/end-others")

    assert done.status == 303
    assert [await opens(desk, each.token) for each in others] == [False] * 3
    assert [await opens(desk, each.token) for each in (here, token, stranger)] == [True] * 3
    assert "Nowhere else" in await text(here)


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AGENT, Role.CUSTOMER])
async def test_nobody_but_admins_ends_what_is_not_theirs(desk: Desk, role: Role) -> None:
    victim = await member(desk, "ada@example.org")
    somebody = await desk.person(role)
    number = await session_id(desk, victim)

    theirs = await sent(somebody, f"{HERE}/{number}/end")
    nobodys = await sent(somebody, f"{HERE}/{number + 1000}/end")

    assert (theirs.status, nobodys.status) == (404, 404)
    shown = [re.sub(r"\d+", "#", str(answer.body)) for answer in (theirs, nobodys)]
    assert shown[0].count("There is no session #.") == shown[1].count("There is no session #.") == 1
    assert await opens(desk, victim.token)
    assert (await somebody.get(HERE)).status == 403
    assert (await Guest(desk).get(HERE)).status == 303


async def test_an_admin_sees_all_and_ends_any(desk: Desk) -> None:
    admin = await desk.admin(name="Ada")
    mara = await member(desk, "mara@example.org")
    program = await again(desk, mara, Kind.TOKEN)
    sockets = [await connect(each) for each in (mara, program)]
    here = f"{HERE}?kind=session&person={mara.id}"

    assert "Mara" in await text(admin, here)
    ended = await sent(admin, f"{HERE}/{await session_id(desk, mara)}/end", next=here)
    deleted = await sent(
        admin, f"{HERE}/{await session_id(desk, program)}/end", next="//evil.example/settings"
    )

    assert ended.headers["Location"] == f"{here}&done=ended"
    assert deleted.headers["Location"] == "/settings?done=deleted"
    assert [await within_a_second(socket) for socket in sockets] == [(4501, "session ended")] * 2
    assert "No session and no token fits" in await text(admin, here)


async def test_the_list_is_narrowed_and_read_page_by_page(desk: Desk) -> None:
    admin = await desk.admin(name="Ada")
    mara = await member(desk, "mara@example.org")
    for _ in range(60):
        await again(desk, mara)
    await again(desk, mara, Kind.TOKEN)
    gone = await again(desk, mara, lasts=1)
    desk.clock.advance(2)

    first = await text(admin, f"{HERE}?kind=session")
    following = re.search(r'href="(/settings/sessions\?[^"]*before[^"]*)"', first)
    assert following is not None
    second = await text(admin, html.unescape(following[1]))
    tokens = await text(admin, f"{HERE}?kind=token")

    assert [page.count("/end") for page in (first, second)] == [50, 11]
    assert f"/{await number_of(desk, gone)}/end" not in first
    assert tokens.count("/end") == 2, "Ada's own is this one"
    for query in ("?kind=x", "?before=x", "?person=x"):
        assert (await admin.get(f"{HERE}{query}")).status == 200
    assert (await admin.get(f"{HERE}?person=999")).status == 404


async def number_of(desk: Desk, person: Client) -> int:
    known = desk.db.peek(sessions.who, auth.hash_of(person.token), 0)
    assert known is not None
    return known.session_id


async def test_last_used_is_known_at_once_and_written_for_all_together(desk: Desk) -> None:
    admin = await desk.admin()
    people = [await member(desk, f"agent{number}@example.org") for number in range(3)]
    desk.clock.advance(7 * MINUTE)
    for person in people:
        await person.get("/api/auth/me")
    number = await session_id(desk, people[0])

    before = desk.db.peek(sessions.get, number).seen_at
    page = await text(admin, f"{HERE}?person={people[0].id}&kind=session")
    await seen.write(desk.app)
    after = [desk.db.peek(sessions.get, await session_id(desk, each)).seen_at for each in people]

    assert before is None
    assert page.count(">now</time>") == 1
    assert page.count(">7 min</time>") == 1
    assert after == [desk.clock()] * 3


async def test_what_is_noted_survives_the_end_of_the_process(desk: Desk) -> None:
    person = await member(desk, "ada@example.org")
    number = await session_id(desk, person)
    await person.get("/api/auth/me")

    await desk._runner.cleanup()
    await desk.__aenter__()

    assert desk.db.peek(sessions.get, number).seen_at == desk.clock()


async def test_a_form_without_the_pages_token_ends_nothing(desk: Desk) -> None:
    await member(desk, "ada@example.org")
    visitor = Visitor(desk)
    token = await visitor.token("/login")
    await visitor.send("/login", email="ada@example.org", password="printer on fire", csrf_token=token)

    assert (await visitor.send(f"{HERE}/end-others")).status == 403
    assert (await visitor.send(f"{HERE}/1/end")).status == 403


async def test_a_browsers_name_is_kept_short_and_as_text(desk: Desk) -> None:
    await member(desk, "ada@example.org")
    person = await entered(desk, "ada@example.org", '"><script>alert(1)</script>' + "x" * 5_000)

    page = await text(person)
    number = await session_id(desk, person)

    assert "<script>alert(1)" not in page
    assert len(desk.db.peek(sessions.get, number).agent) == 200


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (IPHONE, "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537 Chrome/140 Safari/537 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537 Chrome/140 Mobile Safari/537", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/18 Safari/605", "Safari on macOS"),
        ("Firefox/1.0", "Firefox"),
        ("curl/8.9.1", "curl"),
        ("python-requests/2.32", "python-requests"),
        ("", "Unknown"),
        ("(((", "Unknown"),
    ],
)
def test_a_browser_is_called_what_people_call_it(agent: str, name: str) -> None:
    assert browsers.named(agent) == name
