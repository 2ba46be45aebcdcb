"""The audit list: what goes into it, and who reads it."""

import html
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from servicedesk import cli
from servicedesk.domain.audit import Entry
from servicedesk.domain.people import Role
from servicedesk.domain.times import MINUTE
from servicedesk.store import audit
from servicedesk.web.setup import SETUP_LINK
from tests.served import Client, Desk
from tests.web.forms import upload
from tests.web.guests import PASSWORD, Guest, log_in, member, session_id
from tests.web.test_auth import Visitor
from tests.web.test_calendars import OFFICE
from tests.web.test_people_pages import sent

HERE = "/settings/audit"
NEW = {"email": "mara@example.org", "name": "Mara", "role": "agent", "password": PASSWORD}


async def rows(client: Client, query: str = "") -> list[str]:
    """Return the sentences that the page shows, newest first."""
    answer = await client.get(f"{HERE}{query}")
    assert answer.status == 200, answer.body
    return [
        html.unescape(said) for said in re.findall(r'<span class="said">(.*?)</span>', answer.body.decode())
    ]


def kept(desk: Desk) -> list[Entry]:
    return desk.db.peek(audit.page, limit=1000)


def details(entry: Entry) -> Any:
    return msgspec.json.decode(entry.details)


async def ada(desk: Desk) -> Client:
    return await member(desk, "ada@example.org", Role.ADMIN)


# What goes into it -------------------------------------------------------------------------------------------------


async def test_a_person_is_followed_through_all_that_is_done_to_them(desk: Desk) -> None:
    admin = await ada(desk)
    mara = (await admin.post("/api/users/", NEW)).body["id"]

    for change in (
        {"role": "supervisor"},
        {"skills": ["VPN"], "max_tickets": 3},
        {"password": "another long one"},
        {"is_active": False},
        {"is_active": True},
        {"role": "customer"},
    ):
        assert (await admin.patch(f"/api/users/{mara}", change)).status == 200

    assert await rows(admin, f"?person={mara}") == [
        "Ada made Mara a customer",
        "Ada let Mara log in again",
        "Ada deactivated Mara",
        "Ada gave Mara a new password",
        "Ada changed Mara",
        "Ada made Mara a supervisor",
        "Ada added Mara as an agent",
    ]
    (changed,) = [entry for entry in kept(desk) if "skills" in entry.details]
    assert details(changed) == {"fields": ["max_tickets", "skills"]}
    assert [entry.address for entry in kept(desk)] == ["127.0.0.1"] * 7
    assert desk.db.peek(audit.first_break) is None


async def test_what_changed_nothing_and_what_was_refused_leaves_no_row(desk: Desk) -> None:
    admin = await ada(desk)

    assert (await admin.patch(f"/api/users/{admin.id}", {"name": "Ada"})).status == 200
    assert (await admin.patch(f"/api/users/{admin.id}", {"role": "agent"})).status == 409
    assert (await admin.post("/api/users/", NEW | {"team_ids": [99]})).status == 422

    assert kept(desk) == []


async def test_who_goes_to_lunch_is_nobodys_business(desk: Desk) -> None:
    agent = await desk.agent()

    await agent.patch(f"/api/users/{agent.id}", {"availability": "away"})

    assert kept(desk) == []


async def test_what_was_asked_twice_under_one_key_is_written_once(desk: Desk) -> None:
    admin = await ada(desk)
    for _ in range(2):
        await admin.post("/api/users/", NEW, headers={"Idempotency-Key": "k"})

    assert await rows(admin) == ["Ada added Mara as an agent"]


async def test_teams_and_rules_are_followed(desk: Desk) -> None:
    admin = await ada(desk)
    team = (await admin.post("/api/teams/", {"name": "Network"})).body["id"]
    await admin.patch(f"/api/teams/{team}", {"member_ids": [admin.id]})
    await admin.patch(f"/api/teams/{team}", {"name": "Network"})
    hours = (await admin.post("/api/sla/calendars/", OFFICE)).body["id"]
    await admin.put(f"/api/sla/calendars/{hours}", OFFICE | {"name": "Late"})
    await admin.put(f"/api/sla/calendars/{hours}", OFFICE | {"name": "Late"})
    await admin.delete(f"/api/sla/calendars/{hours}")
    promise = {"name": "Gold", "targets": {"high": {"first_response_s": 600, "resolution_s": 1200}}}
    policy = (await admin.post("/api/sla/policies/", promise)).body["id"]
    await admin.put(f"/api/sla/policies/{policy}", promise | {"is_default": True})
    await admin.put(f"/api/sla/policies/{policy}", promise)
    await admin.delete(f"/api/sla/policies/{policy}")
    tier = {"when": {"kind": "manual"}, "do": ["notify"], "whom": {"kind": "team"}}
    watch = (await admin.post("/api/escalation/policies/", {"name": "Watch", "tiers": [tier]})).body["id"]
    await admin.put(f"/api/escalation/policies/{watch}", {"name": "Look", "tiers": [tier]})
    await admin.delete(f"/api/escalation/policies/{watch}")

    assert await rows(admin) == [
        "Ada deleted the escalation “Look”",
        "Ada changed the escalation “Look”",
        "Ada made the escalation “Watch”",
        "Ada deleted the promises “Gold”",
        "Ada changed the promises “Gold”",
        "Ada changed the promises “Gold”",
        "Ada made the promises “Gold”",
        "Ada deleted the business hours “Late”",
        "Ada changed the business hours “Late”",
        "Ada made the business hours “Office hours”",
        "Ada changed the team “Network”",
        "Ada made the team “Network”",
    ]
    assert [details(e)["fields"] for e in kept(desk) if e.noun == "policy" and e.action == "changed"] == [
        ["is_default"]
    ] * 2


async def test_only_what_is_shared_concerns_everybody(desk: Desk) -> None:
    admin = await ada(desk)
    for path, new in (
        ("/api/macros/", {"name": "Hello", "body": "Hi"}),
        ("/api/views/", {"name": "Hot", "query": "priority=high"}),
    ):
        own = (await admin.post(path, new)).body["id"]
        await admin.patch(f"{path}{own}", {"name": "Mine"})
        assert (await admin.patch(f"{path}{own}", {"is_shared": True})).status == 200
        await admin.delete(f"{path}{own}")
        private = (await admin.post(path, new)).body["id"]
        await admin.delete(f"{path}{private}")
        await admin.post(path, new | {"is_shared": True})

    assert await rows(admin) == [
        "Ada made the view “Hot” for all staff",
        "Ada deleted the view “Mine”",
        "Ada changed the view “Mine”",
        "Ada made the macro “Hello” for all staff",
        "Ada deleted the macro “Mine”",
        "Ada changed the macro “Mine”",
    ]


async def test_the_first_row_is_the_set_up(desk: Desk) -> None:
    visitor, link = Visitor(desk), desk.app[SETUP_LINK].path
    token = await visitor.token(link)

    await visitor.send(
        link, email="ada@example.org", name="Ada", password=PASSWORD, team="Support", csrf_token=token
    )

    assert [(e.action, e.noun, e.actor, e.subject) for e in reversed(kept(desk))] == [
        ("set_up", "desk", "Ada", "Service desk"),
        ("made", "person", "Ada", "Ada"),
        ("made", "team", "Ada", "Support"),
        ("logged_in", "person", "Ada", "Ada"),
    ]


async def test_tokens_passwords_and_log_outs_are_written_down(desk: Desk) -> None:
    admin = await ada(desk)
    opened = (
        await log_in(desk, "ada@example.org", headers={"User-Agent": "Mozilla/5.0 Linux Firefox/140.0"})
    ).body
    fresh = desk.client(admin.user, opened["token"])
    token = (await fresh.post("/api/auth/tokens", {"name": "backup"})).body["id"]
    await fresh.delete(f"/api/auth/tokens/{token}")
    await fresh.post("/api/auth/password", {"current": PASSWORD, "new": "another long one"})
    await fresh.post("/api/auth/logout")
    again = (await log_in(desk, "ada@example.org", "another long one")).body
    reader = desk.client(admin.user, again["token"])

    assert await rows(reader) == [
        "Ada logged in",
        "Ada logged out",
        "Ada changed their password",
        "Ada deleted the token “backup”",
        "Ada made the token “backup”",
        "Ada logged in",
    ]
    page = (await reader.get(HERE)).body.decode()
    assert "Firefox on Linux" in page
    assert opened["token"] not in page


async def test_an_ended_session_says_whose_it_was(desk: Desk) -> None:
    admin, mara = await ada(desk), await member(desk, "mara@example.org")

    await sent(admin, f"/settings/sessions/{await session_id(desk, mara)}/end")

    assert await rows(admin, f"?person={mara.id}") == ["Ada ended a session of Mara"]


async def test_a_deleted_file_and_a_table_are_written_down(desk: Desk) -> None:
    admin = await ada(desk)
    ticket = await admin.ticket()
    file = (await upload(admin, ticket["id"], "plan.txt")).body

    await admin.delete(f"/api/files/{file['id']}")
    await admin.get("/api/tickets/?format=csv")
    await admin.call("HEAD", "/api/tickets/?format=csv")
    await admin.get("/api/tickets/stats?format=csv")

    said = await rows(admin, "?area=data")
    assert said[2:] == ["Ada deleted the file “plan.txt”"]
    assert re.fullmatch(r"Ada exported the table “numbers-\S+”", said[0])
    assert re.fullmatch(r"Ada exported the table “tickets-\S+”", said[1])
    assert details(kept(desk)[1]) == {"tickets": 1}


async def test_the_command_line_is_named(tmp_path: Path) -> None:
    async with Desk(tmp_path / "data") as desk:
        settings = desk.settings
    await cli._add(settings, "eve@example.org", "Eve", "agent", PASSWORD)

    async with Desk(tmp_path / "data") as desk:
        (row,) = kept(desk)

    assert (row.actor_id, row.actor, row.subject) == (None, "the command line", "Eve")


# Wrong passwords ---------------------------------------------------------------------------------------------------


async def test_wrong_guesses_have_one_row_a_minute_and_keep_no_typed_secret(desk: Desk) -> None:
    admin = await ada(desk)

    for _ in range(4):
        assert (await log_in(desk, "ada@example.org", "wrong")).status == 401
    desk.clock.advance(MINUTE)
    assert (await log_in(desk, "my secret, typed into the wrong field", "x")).status == 401

    assert await rows(admin) == [
        "Somebody gave a wrong password for an address that nobody has",
        "Somebody gave a wrong password for Ada",
    ]
    assert [details(entry) for entry in kept(desk)] == [{"unlisted": 3}, {"unlisted": 0}]
    assert "3 wrong passwords without a row" in (await admin.get(HERE)).body.decode()
    assert all("secret" not in str(entry) for entry in kept(desk))


async def test_an_address_that_tries_many_accounts_has_one_row_a_minute(desk: Desk) -> None:
    for number in range(5):
        await log_in(desk, f"nobody{number}@example.org", "wrong")

    assert len(kept(desk)) == 1


async def test_a_wrong_present_password_is_written_down_with_who_typed_it(desk: Desk) -> None:
    admin = await ada(desk)

    await admin.post("/api/auth/password", {"current": "wrong", "new": "another long one"})

    assert await rows(admin) == ["Ada gave a wrong password"]


# The page ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AGENT, Role.CUSTOMER])
async def test_only_admins_read_it(desk: Desk, role: Role) -> None:
    somebody = await desk.person(role)

    assert (await somebody.get(HERE)).status == 403
    assert HERE not in (await somebody.get("/settings")).body.decode()
    answer = await Guest(desk).get(HERE)
    assert (answer.status, answer.headers["Location"]) == (303, f"/login?next={HERE}")


async def test_a_long_list_is_read_page_by_page(desk: Desk) -> None:
    admin = await ada(desk)
    for number in range(120):
        await admin.post("/api/teams/", {"name": f"Team {number}"})

    found, path = [], HERE
    while path:
        page = (await admin.get(path)).body.decode()
        found += re.findall(r'id="entry-(\d+)"', page)
        following = re.search(r'class="button" href="(/settings/audit\?[^"]*)"', page)
        path = html.unescape(following[1]) if following else ""

    assert found == [str(number) for number in range(120, 0, -1)]


async def test_a_filter_stays_while_one_reads_on(desk: Desk) -> None:
    admin, other = await ada(desk), await desk.admin()
    for number in range(60):
        await admin.post("/api/teams/", {"name": f"Team {number}"})
        await other.post("/api/sla/calendars/", OFFICE | {"name": f"Hours {number}"})

    page = (await admin.get(f"{HERE}?area=people&person={admin.id}")).body.decode()
    following = re.search(r'class="button" href="(/settings/audit\?[^"]*)"', page)
    assert following is not None
    rest = (await admin.get(html.unescape(following[1]))).body.decode()

    assert (page.count('id="entry-'), rest.count('id="entry-')) == (50, 10)
    assert "Hours" not in page + rest
    assert f'<option value="{admin.id}" selected>' in rest


async def test_an_odd_address_of_the_page_is_read_as_none(desk: Desk) -> None:
    admin = await ada(desk)

    for query in (
        "?area=everything",
        "?person=me",
        "?before=-1",
        "?before=" + "9" * 40,
        "?area=",
        "?person=",
    ):
        assert (await admin.get(f"{HERE}{query}")).status == 200, query
    assert (await admin.get(f"{HERE}?person=999")).status == 404
    assert "From now on" in (await admin.get(HERE)).body.decode()
    assert "No row fits" in (await admin.get(f"{HERE}?area=data")).body.decode()


async def test_names_are_text_on_the_page(desk: Desk) -> None:
    admin = await ada(desk)

    await admin.post("/api/teams/", {"name": "<b>{who}</b> %s"})

    page = (await admin.get(HERE)).body.decode()
    assert "<b>{who}" not in page
    assert await rows(admin) == ["Ada made the team “<b>{who}</b> %s”"]
