"""The one-time link."""

from servicedesk.domain.times import MINUTE
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
