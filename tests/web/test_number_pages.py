"""The page of numbers: every number on it leads to a list that is as long as it says."""

import re
from html import unescape
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from servicedesk.domain.times import DAY, HOUR, iso
from tests.served import START, Answer, Client, Desk

_LINK = re.compile(r'<a href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_TILE = re.compile(r'<a class="card tile" href="([^"]*)">(.*?)</a>', re.DOTALL)


def text(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    return str(answer.body.decode())


def linked(page: str) -> list[tuple[str, int]]:
    """Return the addresses of lists with the number that stands in each link or in its title."""
    found = []
    for href, inner in _LINK.findall(page) + _TILE.findall(page):
        words = re.search(r"<title>(.*?)</title>", inner)
        shown = words[1].split(": ")[1] if words else re.sub(r"<[^>]*>", " ", inner)
        numbers = re.findall(r"\d+", shown)
        if href.startswith("/?view=all&amp;") and numbers:
            found.append((unescape(href), int(numbers[-1])))
    return found


async def busy(desk: Desk) -> tuple[Client, int]:
    """A desk on which everything has happened on several days."""
    ada, bob, rio = await desk.agent(name="Ada"), await desk.agent(name="Bob"), await desk.customer()
    team = await desk.team("Network", ada, bob)
    for n in range(12):
        ticket = (await rio.ticket(f"Ticket {n}", priority=("low", "critical")[n % 2]))["id"]
        if n % 3:
            await ada.patch(f"/api/tickets/{ticket}", {"team_id": team})
        await ada.put(f"/api/tickets/{ticket}/assign", {"assigned_to": (ada, bob)[n % 2].id})
        desk.clock.advance(5 * HOUR * (n % 4))
        if n % 4 == 0:
            await ada.post(f"/api/tickets/{ticket}/messages", {"body": "We are on it"})
        if n % 4 == 1:
            await ada.put(f"/api/tickets/{ticket}/status", {"status": "resolved"})
        if n % 4 == 2:
            await ada.put(f"/api/tickets/{ticket}/status", {"status": "closed", "comment": "A hoax"})
        if n % 4 == 3:
            await ada.put(f"/api/tickets/{ticket}/status", {"status": "pending"})
        desk.clock.advance(9 * HOUR)
    await desk.live(0)
    return ada, team


@pytest.mark.parametrize("period", ["", "from=2027-01-16&to=2027-01-18", "from=2022-01-01"])
async def test_every_number_leads_to_a_list_of_that_length(desk: Desk, period: str) -> None:
    ada, team = await busy(desk)

    for chosen in ("", f"&team={team}", "&team=none"):
        links = linked(text(await ada.get(f"/numbers?{period}{chosen}")))
        assert len(links) > 20
        for href, number in links:
            query = dict(parse_qsl(urlsplit(href).query)) | {"count": "true"}
            del query["view"]
            listed = await ada.get(f"/api/tickets/?{urlencode(query)}&limit=100")
            assert listed.body["total"] == len(listed.body["items"]) == number, (href, chosen)
        for href, number in links[::7]:
            assert f'data-total="{number}"' in text(await ada.get(href)), href


async def test_the_table_can_be_downloaded_for_the_same_period_and_team(desk: Desk) -> None:
    ada, team = await busy(desk)

    page = text(await ada.get(f"/numbers?from=2027-01-16&to=2027-01-18&team={team}"))
    href = unescape(re.search(r'href="(/api/tickets/stats[^"]*)"', page)[1])  # type: ignore[index]

    answer = await ada.get(href)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    days = [line.split(b",")[1] for line in answer.body.splitlines() if line.startswith(b"daily_created")]
    assert days == [b"2027-01-16", b"2027-01-17", b"2027-01-18"]


async def test_a_long_period_is_shown_by_weeks_months_or_years(desk: Desk) -> None:
    ada, _ = await busy(desk)

    for first, most in (("2027-01-01", 30), ("2026-01-01", 60), ("2020-01-01", 90), ("1970-01-01", 60)):
        page = text(await ada.get(f"/numbers?from={first}"))
        assert 1 < page.count("open at the end</title>") <= most, first
    assert ">12 months</a>" in page


async def test_a_bad_period_is_refused_in_words(desk: Desk) -> None:
    ada = await desk.agent()

    for asked in ("from=x", "from=2027-01-02&to=2027-01-01", f"team={quote('=1')}"):
        assert (await ada.get(f"/numbers?{asked}")).status == 400
    assert iso(START + DAY)[:10] in text(await ada.get(f"/numbers?to={iso(START + DAY)[:10]}"))
