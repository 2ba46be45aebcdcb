"""The one-time link."""

import pytest

from servicedesk.demo.company import STORIES
from servicedesk.desk import welcome
from servicedesk.domain.times import MINUTE
from servicedesk.web import words
from servicedesk.web.setup import SETUP_LINK
from tests.served import Desk
from tests.web.guests import PASSWORD, log_in
from tests.web.test_auth import Visitor

FIELDS = {"email": "ada@example.org", "name": "Ada", "password": PASSWORD}


def link(desk: Desk) -> str:
    return desk.app[SETUP_LINK].path


async def test_the_link_makes_the_first_admin_and_logs_them_in(desk: Desk) -> None:
    visitor = Visitor(desk)
    token = await visitor.token(link(desk))
    more = {"desk_name": "Acme help", "time_zone": "Europe/Berlin", "team": "Support"}

    done = await visitor.send(link(desk), **FIELDS, **more, csrf_token=token)

    assert done.status == 303
    me = (await visitor.get("/api/auth/me")).body
    assert (me["email"], me["role"], me["team_ids"]) == ("ada@example.org", "admin", [1])
    assert (await log_in(desk, "ada@example.org")).status == 200


async def test_the_link_dies_after_use(desk: Desk) -> None:
    visitor, late = Visitor(desk), Visitor(desk)
    token = await late.token(link(desk))
    await visitor.send(link(desk), **FIELDS, csrf_token=await visitor.token(link(desk)))

    again = await late.send(link(desk), **(FIELDS | {"email": "eve@example.org"}), csrf_token=token)

    assert (await late.get(link(desk))).status == 404
    assert again.status == 404
    assert "servicedesk" not in late.cookies
    assert (await log_in(desk, "eve@example.org")).status == 401


async def test_the_link_dies_after_thirty_minutes_and_when_somebody_is_added(desk: Desk) -> None:
    visitor = Visitor(desk)
    desk.clock.advance(30 * MINUTE - 1)
    assert (await visitor.get(link(desk))).status == 200

    desk.clock.advance(1)
    assert (await visitor.get(link(desk))).status == 404

    desk.clock.advance(-1)
    await desk.admin()
    assert (await visitor.get(link(desk))).status == 404


async def test_without_the_links_token_there_is_no_setup(desk: Desk) -> None:
    visitor = Visitor(desk)
    token = await visitor.token(link(desk))

    for path in ("/setup", "/setup?token=", "/setup?token=x", "/setup?token=%C3%A9"):
        assert (await visitor.get(path)).status == 404
        assert (await visitor.send(path, **FIELDS, csrf_token=token)).status == 404
    assert (await visitor.send(link(desk), **FIELDS)).status == 403


async def test_bad_fields_are_said_beside_the_form_and_the_link_stays_good(desk: Desk) -> None:
    visitor = Visitor(desk)
    token = await visitor.token(link(desk))

    for wrong in ({"email": "ada"}, {"password": "short"}, {"name": ""}, {"time_zone": "Mars/Base"}):
        answer = await visitor.send(link(desk), **(FIELDS | wrong), csrf_token=token)
        assert answer.status == 422, wrong
    assert (await visitor.send(link(desk), **FIELDS, csrf_token=token)).status == 303


async def test_the_first_ticket_is_a_tour_for_the_first_admin(desk: Desk) -> None:
    visitor = Visitor(desk)
    token = await visitor.token(link(desk))
    await visitor.send(link(desk), **FIELDS, desk_name="Acme help", csrf_token=token)

    [ticket] = (await visitor.get("/api/tickets/")).body["items"]
    assert (ticket["title"], ticket["requester"]["name"]) == ("Welcome to your desk", "Acme help")
    assert ticket["assigned_to"]["name"] == "Ada"
    assert ticket["priority"] == "low"
    page = (await visitor.get(f"/tickets/{ticket['id']}")).body.decode()
    for shown in (
        'href="/people"',
        'href="/settings/calendars"',
        "public form",
        "<code>J</code>",
        "<code>Ctrl</code>",
    ):
        assert shown in page
    done = await visitor.send(
        f"/tickets/{ticket['id']}/status", status="resolved", csrf_token=await visitor.token("/tickets/1")
    )
    assert done.status == 303
    assert (await visitor.get("/api/tickets/1")).body["status"] == "resolved"


@pytest.mark.parametrize("language", list(words.LANGUAGES))
async def test_the_tour_speaks_the_language_of_whoever_sets_the_desk_up(desk: Desk, language: str) -> None:
    visitor = Visitor(desk)
    token = await visitor.token(link(desk))
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    headers = {"Accept-Language": f"{language};q=0.9, fr", "Cookie": cookies, "Origin": desk.url}
    await visitor.call("POST", link(desk), data={**FIELDS, "csrf_token": token}, headers=headers)

    ticket = (await visitor.get("/api/tickets/1")).body
    said = words.words(language).say
    assert ticket["title"] == said(welcome.TITLE)
    for text in (*welcome.PARAGRAPHS, *welcome.STEPS):
        assert said(text) in ticket["description"]


async def test_the_tour_does_not_keep_the_demo_out(desk: Desk) -> None:
    visitor = Visitor(desk)
    token = await visitor.token(link(desk))

    await visitor.send(link(desk), **FIELDS, demo="yes", csrf_token=token)

    titles = [t["title"] for t in (await visitor.get("/api/tickets/?limit=100")).body["items"]]
    assert titles.count("Welcome to your desk") == 1
    assert len(titles) == len(STORIES) + 1
