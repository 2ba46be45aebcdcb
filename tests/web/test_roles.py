"""Every cell of docs/roles.md, asked of a running desk: who may call what, and what opens nothing."""

import importlib.util
import itertools
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from servicedesk.domain.people import Role
from servicedesk.domain.times import DAY
from servicedesk.store import private_links, second_steps, sessions
from servicedesk.store.sessions import Kind as Shown
from servicedesk.web import auth, files, resumable, routes
from servicedesk.web.api import Kind, Loader, Row
from servicedesk.web.routes import ROWS
from servicedesk.web.sessions import HALFWAY, WS_TICKETS, Proven
from tests.files_made_up import picture
from tests.served import Answer, Client, Desk
from tests.web.forms import settled, upload
from tests.web.guests import Guest, again, session_id
from tests.web.letters import opened

_PATH: Final = Path(__file__).resolve().parents[2] / "packaging" / "roles.py"
_SPEC: Final = importlib.util.spec_from_file_location("roles_of_the_desk", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
table: Final = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = table
_SPEC.loader.exec_module(table)

NUMBERS: Final = itertools.count()
# Of these the handler finds what is the caller's by itself.
LOADERS: Final[dict[str, Any]] = {
    "/api/auth/tokens/{id}": "token",
    "/settings/tokens/{id}/delete": "token",
    "/notifications/{id}": routes.NOTIFICATION,
}
BARRED: Final = [row for row in ROWS if row.who is not None]


def test_the_table_in_the_docs_is_that_of_the_code() -> None:
    assert table.TARGET.read_text("utf-8") == "\n".join(table.lines()), "make roles"


def test_every_loader_of_the_route_table_is_known_to_it() -> None:
    assert {row.on for row in ROWS if row.on} == set(table.THINGS)


class Lived:
    """A desk with one of each thing that somebody has, and one that somebody else has."""

    def __init__(self, desk: Desk, person: Client, somebody: Client, link: str) -> None:
        self.desk = desk
        self.person = person
        self.somebody = somebody
        self.link = link
        self.own: dict[Any, str] = {}
        self.others: dict[Any, str] = {}

    async def make_again(self, loader: Loader) -> None:
        """Replace what may have been deleted."""
        admin = await self.desk.admin()
        for person, into in ((self.person, self.own), (self.somebody, self.others)):
            boss = person if person.user.is_staff else admin
            into[loader] = await a_thing(self.desk, person, boss, admin, loader)

    def path(self, row: Row, owned: bool) -> str:
        known = self.own if owned else self.others
        id_ = known.get(LOADERS.get(row.path) or row.on or routes.TICKET, "7")
        path = row.path.replace("{token}", self.link.rpartition("/")[2] if owned else "x" * 43)
        path = path.replace("{version}", "1").replace("{name:.+}", "app.js")
        return path.replace("{id}", id_)


async def lived(desk: Desk, role: Role) -> Lived:
    guest = await opened(desk)
    link = await guest.link(("a.txt", b"hello"))
    found = Lived(desk, await desk.person(role), await desk.customer(), link)
    await things(desk, found.person, found.own)
    await things(desk, found.somebody, found.others)
    return found


async def things(desk: Desk, person: Client, into: dict[Any, str]) -> None:
    """Let somebody have one of each, as far as their role goes; the desk itself has the rest."""
    admin = await desk.admin()
    boss = person if person.user.is_staff else admin
    into["token"] = str(await session_id(desk, await again(desk, person, Shown.TOKEN)))
    for loader in table.THINGS:
        into[loader] = await a_thing(desk, person, boss, admin, loader)


async def a_thing(desk: Desk, person: Client, boss: Client, admin: Client, loader: Loader) -> str:
    name = f"Thing {next(NUMBERS)}"
    shared = {"name": name, "is_shared": person is not boss}
    tier = {
        "when": {"kind": "manual"},
        "whom": {"kind": "assignee"},
        "do": ["notify"],
        "acknowledge_minutes": 30,
    }
    if loader is routes.TICKET:
        return str((await person.ticket())["id"])
    if loader is files.load:
        sent = await upload(person, (await person.ticket())["id"], "a.png", picture("PNG", 40, 40))
        return str((await settled(person, sent.body))["id"])
    if loader is resumable.load:
        about = f"filename YS50eHQ=,ticket_id {number(await person.ticket())}"
        tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": about}
        begun = await person.post("/api/files/resumable/", headers=tus)
        return begun.headers["Location"].rstrip("/").rpartition("/")[2]
    if loader is routes.USER:
        return str(person.id)
    if loader is routes.SESSION:
        return str(await session_id(desk, await again(desk, person)))
    if loader is routes.MACRO:
        return await made(boss, "/api/macros/", {**shared, "body": "Hello"})
    if loader is routes.VIEW:
        return await made(boss, "/api/views/", {**shared, "query": "status=new"})
    if loader is routes.TEAM:
        return await made(admin, "/api/teams/", {"name": name})
    if loader is routes.CALENDAR:
        hours = {"name": name, "zone": "UTC", "week": {"mon": [["09:00", "12:00"]]}}
        return await made(admin, "/api/sla/calendars/", hours)
    if loader is routes.POLICY:
        return await made(
            admin, "/api/sla/policies/", {"name": name, "targets": {"low": {"resolution_s": 86_400}}}
        )
    if loader is routes.ESCALATION_POLICY:
        return await made(admin, "/api/escalation/policies/", {"name": name, "tiers": [tier]})
    assert loader is routes.NOTIFICATION
    return await told(desk, person)


def number(ticket: Any) -> str:
    return b64encode(str(ticket["id"]).encode()).decode()


async def made(by: Client, path: str, body: object) -> str:
    answer = await by.post(path, body)
    assert answer.status == 201, answer.body
    return str(answer.body["id"])


async def told(desk: Desk, person: Client) -> str:
    """Let somebody be told something; customers never are, and so it is written for them."""

    ticket = await person.ticket()

    def tell(tx: Any) -> int:
        row = tx.execute(
            "INSERT INTO notifications (user_id, kind, ticket_id, created_at)"
            " VALUES (?, 'mentioned', ?, 0) RETURNING id",
            (person.id, ticket["id"]),
        ).fetchone()
        return int(row[0])

    return str(await desk.db.write(tell))


def outcome(row: Row, answer: Answer) -> str:
    """Return whether they got past the door: what is refused behind it is for what they sent."""
    code = answer.body.get("code", "") if isinstance(answer.body, dict) else ""
    if answer.status == 401 and row.path not in ("/api/auth/login", "/login", "/login/second"):
        return "–"
    if row.path == "/settings/second-step" and b"The present password is wrong." in answer.body:
        return "yes"  # which is asked for behind the door
    if row.path == "/people/{id}" and b"Your role may not change: team_ids" in answer.body:
        return "yes"  # the form sends more than people may change about themselves
    if answer.status == 303 and answer.headers["Location"].startswith("/login") and row.path != "/logout":
        return "–"
    if row.who is not None and (answer.status in (403, 404) or code in REFUSED):
        return "–"
    return "yes"


def cells(who: str) -> Iterator[tuple[Row, str]]:
    for row in ROWS:
        yield row, table.cell(row, who)


REFUSED: Final = ("forbidden", "csrf", "second_step_needed")
OPEN_OR_NOT: Final = {"yes": ("yes", "yes"), "own": ("yes", "–"), "–": ("–", "–")}


@pytest.mark.parametrize(
    ("role", "kind"),
    [
        (Role.CUSTOMER, Shown.SESSION),
        (Role.AGENT, Shown.TOKEN),
        (Role.SUPERVISOR, Shown.SESSION),
        (Role.ADMIN, Shown.TOKEN),
    ],
)
async def test_every_cell_of_a_role_is_as_the_table_says(desk: Desk, role: Role, kind: Shown) -> None:
    place = await lived(desk, role)
    caller, wrong = await again(desk, place.person, kind), []
    for row, cell in cells(str(role)):
        if row.kind in (Kind.SOCKET, Kind.LINK) or row.path in ("/metrics", "/styleguide"):
            continue  # tests of their own ask these
        for owned, expected in zip((True, False), OPEN_OR_NOT[cell], strict=True):
            if not desk.db.peek(sessions.who, auth.hash_of(caller.token), desk.clock()):
                caller = await again(desk, place.person, kind)
            fields = {"macro": (place.own if owned else place.others)[routes.MACRO]}
            found = outcome(row, await asked(caller, row, place.path(row, owned), fields))
            if found != expected:
                wrong.append((row.method, row.path, "own" if owned else "another's", found, expected))
        if row.path == "/settings/sessions/end-others":
            await place.make_again(routes.SESSION)
        if row.path in LOADERS:
            place.own["token"] = str(await session_id(desk, await again(desk, place.person, Shown.TOKEN)))
        if row.on and cell != "–" and (row.method == "DELETE" or row.path.endswith(("/delete", "/end"))):
            await place.make_again(row.on)
    assert not wrong, "\n".join(map(str, wrong))


async def asked(caller: Client, row: Row, path: str, fields: dict[str, str] | None = None) -> Answer:
    options: dict[str, Any] = {"headers": {"Tus-Resumable": "1.0.0"}}
    if row.method != "GET" and row.kind is Kind.API:
        options["json"] = {}
    elif row.method != "GET":
        options["data"] = fields or {"x": "1"}
    return await caller.call(row.method, path, **options)


# What opens nothing ----------------------------------------------------------------------------------------------


async def worthless(desk: Desk) -> dict[str, dict[str, Any]]:
    """Return what somebody may show who is nobody, as options of a request."""
    somebody, gone = await desk.agent(), await desk.agent()
    expired = await again(desk, somebody, lasts=DAY)
    guest = await opened(desk)
    link = (await guest.link()).rpartition("/")[2]
    ticket, _ = desk.app[WS_TICKETS].issue(await session_id(desk, await again(desk, somebody)))
    halfway = desk.app[HALFWAY].note(Proven(somebody.user, "", None))
    admin = await desk.admin()
    assert (await admin.patch(f"/api/users/{gone.id}", {"is_active": False})).status == 200
    ended = await again(desk, somebody)
    assert (await ended.post("/api/auth/logout")).status == 204
    desk.clock.advance(2 * DAY)
    bearer = {
        "made up": auth.new_token(),
        "expired": expired.token,
        "ended": ended.token,
        "of somebody who is gone": gone.token,
        "a websocket ticket": ticket,
        "halfway through the log-in": halfway,
        "a private link": link,
        "the hash of a session": auth.hash_of(somebody.token).hex(),
    }
    found: dict[str, dict[str, Any]] = {"nothing": {}}
    for name, token in bearer.items():
        found[name] = {"headers": {"Authorization": f"Bearer {token}"}}
        found[f"{name}, as a cookie"] = {"headers": {"Cookie": f"servicedesk={token}"}}
    found["a token in the query"] = {"params": {"token": somebody.token, "access_token": somebody.token}}
    found["a token beside one that is none"] = {
        "headers": {"Authorization": "Bearer x", "Cookie": f"servicedesk={somebody.token}"}
    }
    return found


async def test_what_is_no_credential_opens_no_address(desk: Desk) -> None:
    nobody, shown = Guest(desk), await worthless(desk)
    wrong = []
    for row in BARRED:
        path = row.path.replace("{token}", "x" * 43).replace("{id}", "1")
        for name, options in shown.items():
            answer = await nobody.call(row.method, path, **options)
            expected = {Kind.API: 401, Kind.PAGE: 303, Kind.LINK: 404}[row.kind]
            if answer.status != expected or table.cell(row, table.STRANGER) != "–":
                wrong.append((row.method, row.path, name, answer.status))
    assert not wrong


async def test_a_cookie_alone_changes_nothing_at_any_address(desk: Desk) -> None:
    admin = await again(desk, await desk.admin())
    nobody, cookie = Guest(desk), f"servicedesk={admin.token}"
    before = desk.db.peek(lambda conn: conn.execute("SELECT count(*) FROM audit").fetchone()[0])
    changing = [row for row in BARRED if row.method != "GET" and row.kind is not Kind.LINK]
    for row in changing:
        path = row.path.replace("{id}", "1")
        for headers in (
            {"Cookie": cookie},
            {"Cookie": cookie, "Sec-Fetch-Site": "cross-site"},
            {"Cookie": cookie, "Origin": "https://elsewhere.example"},
            {"Cookie": cookie, "X-CSRF-Token": "x"},
        ):
            answer = await nobody.call(row.method, path, headers=headers)
            assert answer.status == 403, (row.method, row.path, headers)
            assert answer.code == "csrf"
    assert desk.db.peek(lambda conn: conn.execute("SELECT count(*) FROM audit").fetchone()[0]) == before
    assert len(changing) > 80


async def test_who_owes_a_second_step_gets_to_no_address_but_those_that_say_so(desk: Desk) -> None:
    await desk.db.write(second_steps.demand, list(Role))
    admin = await again(desk, await desk.admin())
    open_ = set()
    for row in BARRED:
        if row.kind is Kind.LINK:
            continue
        caller = await again(desk, admin)
        answer = await asked(caller, row, row.path.replace("{id}", "1"))
        owes = isinstance(answer.body, dict) and answer.body.get("code") == "second_step_needed"
        sent = answer.status == 303 and answer.headers["Location"] == "/settings/second-step"
        if not (owes or sent):
            open_.add((row.method, row.path))
    assert open_ == {
        (row.method, row.path)
        for row in BARRED
        if row.before_second_step and row.path != "/settings/second-step"
    } | {("GET", "/settings/second-step"), ("POST", "/settings/second-step")}


async def test_a_private_link_opens_its_own_ticket_and_its_files_alone(desk: Desk) -> None:
    place = await lived(desk, Role.AGENT)
    token = place.link.rpartition("/")[2]
    (file,) = await place.person.all(f"/api/files/ticket/{link_ticket(desk, token)}")
    theirs = file["id"]
    for row in [row for row in ROWS if row.kind is Kind.LINK]:
        assert table.cell(row, table.LINK) == "own"
        guest = Guest(desk)
        for link, id_, expected in (
            (token, theirs, "yes"),
            (token, place.others[files.load], "–"),
            (auth.new_token(), theirs, "–"),
        ):
            path = row.path.replace("{token}", link).replace("{id}", str(id_))
            answer = await guest.call(
                row.method, path, **({} if row.method == "GET" else {"data": {"x": "1"}})
            )
            if "{id}" in row.path or link != token:
                assert (outcome(row, answer) == "yes") == (expected == "yes") or _no_picture(row, expected), (
                    path
                )


def link_ticket(desk: Desk, token: str) -> int:
    found = desk.db.peek(private_links.who, auth.hash_of(token), desk.clock())
    assert found is not None
    assert found.only_ticket is not None
    return found.only_ticket


def _no_picture(row: Row, expected: str) -> bool:
    """Return whether it is the picture of a file that has none: a text."""
    return expected == "yes" and row.path.endswith(("/thumbnail", "/picture"))
