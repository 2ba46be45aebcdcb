"""The clock of a ticket: what the screen says is what the API says."""

from datetime import datetime

from playwright.async_api import Page, expect

from servicedesk.domain.people import Role
from servicedesk.domain.times import MINUTE
from servicedesk.web import wording
from tests.browser.windows import Windows, is_live, on_every_screen, press, show_details
from tests.served import Client, Desk

pytestmark = on_every_screen

TARGETS = {"medium": {"first_response_s": 3600, "resolution_s": 14_400}}


async def a_ticket_with_a_pause(desk: Desk) -> Client:
    """A ticket of an hour's age, of which it waited twenty minutes for its requester."""
    boss = await desk.person(Role.SUPERVISOR)
    pauses = {"first_response": ["pending"], "resolution": ["pending"]}
    await boss.post(
        "/api/sla/policies/", {"name": "Support", "targets": TARGETS, "pauses": pauses, "is_default": True}
    )
    agent = await desk.agent()
    desk.clock.advance(-60 * MINUTE)
    await agent.ticket(requester={"email": "c@shop.example", "name": "Carla"})
    desk.clock.advance(10 * MINUTE)
    await agent.put("/api/tickets/1/status", {"status": "pending"})
    desk.clock.advance(20 * MINUTE)
    await agent.put("/api/tickets/1/status", {"status": "open"})
    desk.clock.advance(30 * MINUTE)
    return agent


async def opened(windows: Windows, agent: Client) -> Page:
    page = await windows.open(agent, "/tickets/1")
    await show_details(page)
    return page


def left(page_says: str) -> int:
    """Return the minutes of "19 min left"."""
    number, unit, rest = page_says.split()
    assert rest == "left"
    return int(number) * {"min": 1, "h": 60}[unit]


async def test_what_is_due_next_is_what_the_api_says(desk: Desk, windows: Windows) -> None:
    agent = await a_ticket_with_a_pause(desk)
    page = await opened(windows, agent)
    said = (await agent.get("/api/tickets/1")).body["sla"]

    clock = page.locator("#sla time")
    assert await clock.get_attribute("datetime") == said["due_at"] == said["first_response_due_at"]
    minutes = (datetime.fromisoformat(said["due_at"]).timestamp() * 1000 - desk.clock.now) / MINUTE
    assert abs(left(await clock.inner_text()) - minutes) <= 1
    await expect(page.locator("#sla")).to_contain_text("First")

    await agent.post("/api/tickets/1/messages", {"body": "We are on it."})

    said = (await agent.get("/api/tickets/1")).body["sla"]
    await expect(clock).to_have_attribute("datetime", said["resolution_due_at"])
    await agent.put("/api/tickets/1/status", {"status": "pending"})
    await expect(page.locator("#sla")).to_contain_text("Paused")


async def test_how_it_was_counted_tells_every_clock_with_its_pauses(desk: Desk, windows: Windows) -> None:
    agent = await a_ticket_with_a_pause(desk)
    page = await opened(windows, agent)
    receipt = (await agent.get("/api/tickets/1/sla")).body
    assert [clock["paused_s"] for clock in receipt["clocks"]] == [1200, 1200]

    hover = await page.locator("#sla .sla-line").get_attribute("title")
    await press(page.get_by_text("How it was counted"))

    told = page.locator("#sla-section .receipt")
    for clock in receipt["clocks"]:
        label = wording.promise_label(clock["name"])
        within = wording.duration(clock["target_s"])
        row = told.locator(":scope > div").filter(has_text=label)
        await expect(row).to_contain_text(f"within {within}")
        await expect(row).to_contain_text(f"{wording.duration(clock['counted_s'])} counted")
        await expect(row).to_contain_text(f"{wording.duration(clock['paused_s'])} paused")
        assert f"{label.lower()} within {within}" in str(hover)
    assert "Support, medium priority" in str(hover)
    assert "Pauses of 20 min are left out" in str(hover)


async def test_a_row_of_the_list_has_the_same_clock(desk: Desk, windows: Windows) -> None:
    agent = await a_ticket_with_a_pause(desk)
    page = await windows.open(agent)
    said = (await agent.get("/api/tickets/1")).body["sla"]

    await expect(page.get_by_role("row").locator(".clock time")).to_have_attribute("datetime", said["due_at"])
    await agent.put("/api/tickets/1/status", {"status": "pending"})

    await expect(page.get_by_role("row").locator(".clock")).to_have_text("paused")
    await is_live(page)
