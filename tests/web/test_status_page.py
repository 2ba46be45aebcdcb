"""The status page: what is known at once, what is looked at when it is asked for, and the way to help."""

import asyncio
import re
import sqlite3
from contextlib import closing
from html import unescape
from ipaddress import ip_network
from pathlib import Path

import pytest

from servicedesk.desk.doctor import CHECKS, SHORT
from servicedesk.domain.people import Role
from servicedesk.web.status import PHYSICIAN
from tests.served import Client, Desk
from tests.web.guests import member
from tests.web.test_people_pages import sent

HERE = "/settings/status"
_ROW = re.compile(
    r'<tr id="check-(\w+)">.*?<span class="pill (\w+)">.*?</span></td><td class="value">(.*?)</td>', re.S
)


async def shown(person: Client, **headers: str) -> tuple[dict[str, str], str]:
    """Return the colour of each check, and the page."""
    answer = await person.get(HERE, headers=headers)
    assert answer.status == 200, answer.body
    page = answer.body.decode()
    return {name: tone for name, tone, _ in _ROW.findall(page)}, unescape(page)


async def looked(desk: Desk) -> None:
    async with asyncio.timeout(20):
        while desk.app[PHYSICIAN].is_looking:
            await asyncio.sleep(0.01)


async def test_the_page_makes_the_short_checks_and_the_long_ones_when_asked(desk: Desk) -> None:
    admin = await member(desk, "ada@desk.example", Role.ADMIN)
    await admin.ticket()
    with closing(sqlite3.connect(desk.settings.database)) as conn:
        conn.execute("UPDATE users SET open_load = 7")
        conn.commit()

    first, _ = await shown(admin)
    asked = await sent(admin, f"{HERE}/look")
    await looked(desk)
    second, page = await shown(admin)

    assert set(first) == {check.name for check in SHORT}
    assert asked.status == 303
    assert set(second) == {check.name for check in CHECKS}
    assert second["counters"] == "red"
    assert {tone for name, tone in second.items() if name not in ("counters", "sqlite")} <= {"green", "amber"}
    assert "not what is counted: tickets at work of each agent" in page
    assert "Stop the desk and run servicedesk doctor --fix." in page


async def test_a_look_at_everything_stalls_nobody_and_only_one_runs(desk: Desk) -> None:
    admin = await member(desk, "ada@desk.example", Role.ADMIN)
    for number in range(30):
        await admin.ticket(f"Ticket {number}")
    physician = desk.app[PHYSICIAN]

    physician.begin(None)
    running = physician._running
    physician.begin(None)
    assert physician._running is running
    _, page = await shown(admin)
    answers = [await admin.get(f"/api/tickets/{number}") for number in range(1, 20)]
    await looked(desk)

    assert ("The desk is being looked at." in page) or physician.last is not None
    assert {answer.status for answer in answers} == {200}
    assert physician.broken == 0


async def test_a_desk_that_stops_in_the_middle_of_a_look_stops(tmp_path: Path) -> None:
    async with asyncio.timeout(20):
        async with Desk(tmp_path / "data") as desk:
            desk.app[PHYSICIAN].begin(None)


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AGENT, Role.CUSTOMER])
async def test_the_status_is_for_admins(desk: Desk, role: Role) -> None:
    person = await member(desk, "someone@desk.example", role)

    assert (await person.get(HERE)).status == 403
    assert [(await sent(person, f"{HERE}/{what}")).status for what in ("look", "bundle")] == [403, 403]
    assert desk.app[PHYSICIAN].last is None


async def test_a_proxy_that_is_not_trusted_is_named(tmp_path: Path) -> None:
    for trusted, tone in ((), "amber"), ((ip_network("127.0.0.1/32"),), "amber"):
        async with Desk(tmp_path / f"data{len(trusted)}", trusted_proxies=trusted) as desk:
            admin = await member(desk, "ada@desk.example", Role.ADMIN)

            tones, page = await shown(admin, **{"X-Forwarded-For": "203.0.113.9"})

            assert tones["way_in"] == tone
            assert ("requests are forwarded by 127.0.0.1, which is not trusted" in page) == (not trusted)
    async with Desk(
        tmp_path / "data2", trusted_proxies=(ip_network("127.0.0.1/32"),), public_url="https://desk.example"
    ) as desk:
        admin = await member(desk, "ada@desk.example", Role.ADMIN)
        tones, _ = await shown(admin, **{"X-Forwarded-For": "203.0.113.9"})
        assert tones["way_in"] == "green"
