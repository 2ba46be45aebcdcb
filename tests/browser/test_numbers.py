"""The page of numbers: each is the API's, and leads to the list that it counts."""

import re

from playwright.async_api import expect

from servicedesk.domain.people import Role
from servicedesk.domain.times import DAY, HOUR
from servicedesk.web import wording
from tests.browser.windows import Windows, choose, on_every_screen, press
from tests.served import Client, Desk

pytestmark = on_every_screen


async def three_busy_days(desk: Desk) -> tuple[Client, int]:
    """A desk on which tickets came, were answered and resolved, some of them late; and the id of a team."""
    boss = await desk.person(Role.SUPERVISOR)
    targets = {"high": {"first_response_s": 3600, "resolution_s": 7200}}
    await boss.post("/api/sla/policies/", {"name": "Fast", "targets": targets, "is_default": True})
    ada, bob = await desk.agent(name="Ada"), await desk.agent(name="Bob")
    team = await desk.team("Network", ada, bob)
    desk.clock.advance(-3 * DAY)
    for n in range(9):
        agent = (ada, bob)[n % 2]
        fields = {"team_id": team} if n % 2 else {}
        ticket = await agent.ticket(
            f"Ticket {n}", priority=("low", "high")[n % 2], assigned_to=agent.id, **fields
        )
        desk.clock.advance((1 + n % 3) * HOUR)
        if n % 3:
            await agent.post(f"/api/tickets/{ticket['id']}/messages", {"body": "We are on it."})
            await agent.put(f"/api/tickets/{ticket['id']}/status", {"status": "resolved"})
        desk.clock.advance(5 * HOUR)
    await desk.live(0)
    return ada, team


async def test_every_number_is_the_apis(desk: Desk, windows: Windows) -> None:
    agent, team = await three_busy_days(desk)
    page = await windows.open(agent, "/numbers")

    for asked in ("", f"?team={team}"):
        if asked:
            await choose(page, "Team", "Network")
            await expect(page).to_have_url(re.compile(rf"team={team}\b"))
            await expect(page.get_by_label("Team", exact=True)).to_have_value(str(team))
        numbers = (await agent.get(f"/api/tickets/stats{asked}")).body
        shown = await page.locator("[data-number]").evaluate_all(
            "all => Object.fromEntries(all.map(n => [n.dataset.number, Number(n.textContent)]))"
        )
        assert numbers["resolved"] > 0
        assert shown == {
            **{name: numbers[name] for name in ("open", "unassigned", "overdue", "created", "resolved")},
            "backlog": numbers["daily"][-1]["backlog"],
            "met": numbers["sla"]["met"],
            "breached": numbers["sla"]["breached"],
        }
        fast = page.get_by_role("table").filter(has_text="Half within").locator("tbody tr")
        for row, found in enumerate((numbers["first_response"], numbers["resolution"])):
            half, most = (wording.duration(found[name]) for name in ("median_s", "p90_s"))
            await expect(fast.nth(row).locator("td.n")).to_have_text([half, most])
        await press(page.get_by_text("The charts as a table"))
        days = await page.locator("#table tbody tr").evaluate_all(
            "all => all.map(row => [...row.querySelectorAll('.n')].map(n => Number(n.textContent)))"
        )
        assert [sum(day[n] for day in days) for n in (0, 1)] == [numbers["created"], numbers["resolved"]]
        assert days[::-1] == [[day["created"], day["resolved"], day["backlog"]] for day in numbers["daily"]]


async def test_every_agents_load_is_the_apis_and_leads_to_its_list(desk: Desk, windows: Windows) -> None:
    agent, _ = await three_busy_days(desk)
    page = await windows.open(agent, "/numbers")
    numbers = (await agent.get("/api/tickets/stats")).body

    load = page.locator(".chart").filter(has_text="Open tickets per agent").locator(".bars a")
    names = [each["agent"]["name"] for each in numbers["by_agent"]]
    await expect(load).to_have_count(len(names))
    for each in numbers["by_agent"]:
        row = load.filter(has_text=each["agent"]["name"])
        await expect(row.locator(".n")).to_have_text(str(each["open"]))
    most = max(numbers["by_agent"], key=lambda each: int(each["open"]))
    await press(load.filter(has_text=most["agent"]["name"]))

    await expect(page.get_by_role("row")).to_have_count(most["open"])
    await expect(page.locator("#total")).to_have_text(str(most["open"]))


async def test_a_tile_and_a_day_lead_to_what_they_count(desk: Desk, windows: Windows) -> None:
    agent, _ = await three_busy_days(desk)
    page = await windows.open(agent, "/numbers")
    numbers = (await agent.get("/api/tickets/stats")).body

    await press(page.locator(".tile").first)
    await expect(page.get_by_role("row")).to_have_count(numbers["open"])
    await page.go_back()
    await press(page.get_by_text("The charts as a table"))
    day = next(day for day in reversed(numbers["daily"]) if day["created"])
    rows = page.locator("#table tbody tr")
    await press(rows.nth(numbers["daily"][::-1].index(day)).locator(".n a").first)

    await expect(page.get_by_role("row")).to_have_count(day["created"])
