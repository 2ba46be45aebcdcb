"""What was done is taken back: by a button, for ten seconds, one ticket or hundreds."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.windows import Windows, choose, is_live, on_every_screen, press
from tests.served import Client, Desk

pytestmark = on_every_screen


async def changes(agent: Client, ticket: int, field: str) -> list[tuple[Any, Any]]:
    """Return from what to what a field of the ticket went, the earliest first."""
    told = [row["changes"].get(field) for row in await agent.all(f"/api/tickets/{ticket}/history")]
    return [(change["from"], change["to"]) for change in told if change]


async def undo(page: Page) -> None:
    await press(page.get_by_role("button", name="Undo"))
    await expect(page.get_by_text("Undone").first).to_be_visible()


async def select_all(page: Page) -> None:
    await press(page.get_by_label("Select TKT-").first)
    await press(page.get_by_role("button", name="Select all"))


async def pick(page: Page, button: str, words: str) -> None:
    await press(page.get_by_role("button", name=button))
    await page.keyboard.type(words)
    await page.keyboard.press("Enter")


async def many(agent: Client, titles: Iterable[str], **fields: Any) -> list[int]:
    made = [agent.ticket(title, auto_assign=False, **fields) for title in titles]
    return [ticket["id"] for ticket in await asyncio.gather(*made)]


@pytest.mark.parametrize(
    ("start", "there", "label"),
    [
        ("open", "pending", "Pending"),
        ("in_progress", "resolved", "Resolved"),
        ("pending", "closed", "Closed"),
    ],
)
async def test_a_status_is_taken_back_for_everybody(
    desk: Desk, windows: Windows, start: str, there: str, label: str
) -> None:
    agent, other = await desk.agent(), await desk.agent()
    await agent.ticket(assigned_to=agent.id)
    await agent.put("/api/tickets/1/status", {"status": start})
    ours, theirs = await windows.open(agent, "/tickets/1"), await windows.open(other, "/tickets/1")

    await choose(ours, "Status", label)
    if there == "closed":
        await ours.get_by_label("Comment").fill("Nothing to be done")
        await ours.get_by_label("Comment").press("Control+Enter")
    await expect(theirs.get_by_label("Status", exact=True)).to_have_value(there)
    await undo(ours)

    for page in (ours, theirs):
        await expect(page.get_by_label("Status", exact=True)).to_have_value(start)
    went = await changes(agent, 1, "status")
    assert (start, there) in went
    assert went[-1][1] == start


async def test_an_assignment_is_taken_back_for_everybody(desk: Desk, windows: Windows) -> None:
    agent, other = await desk.agent(name="Mara Lind"), await desk.agent(name="Yuki Tanaka")
    await agent.ticket(assigned_to=other.id)
    ours, theirs = await windows.open(agent, "/tickets/1"), await windows.open(other, "/tickets/1")

    await choose(ours, "Assignee", "Mara Lind")
    await expect(theirs.get_by_label("Assignee", exact=True)).to_have_value(str(agent.id))
    await undo(ours)

    for page in (ours, theirs):
        await expect(page.get_by_label("Assignee", exact=True)).to_have_value(str(other.id))
    went = await changes(agent, 1, "assigned_to")
    assert went[-2:] == [(other.id, agent.id), (agent.id, other.id)]


async def test_the_way_back_is_offered_for_ten_seconds(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent)
    await page.clock.install()
    await page.goto("/tickets/1")
    await is_live(page)

    await page.keyboard.press("i")
    await expect(page.get_by_role("button", name="Undo")).to_be_visible()
    await page.clock.run_for(9_000)
    await expect(page.get_by_role("button", name="Undo")).to_be_visible()
    await page.clock.run_for(1_500)

    await expect(page.get_by_role("button", name="Undo")).to_have_count(0)


async def test_of_three_hundred_those_that_cannot_are_named_and_the_others_are_taken_back(
    desk: Desk, windows: Windows
) -> None:
    agent = await desk.agent()
    ids = await many(agent, (f"Ticket {n}" for n in range(300)))
    invalid = ids[::60]
    for some in (ids[:100], ids[100:200], ids[200:]):
        await agent.post("/api/tickets/bulk", {"ids": some, "action": "status", "status": "open"})
    closing = {"ids": invalid, "action": "status", "status": "closed", "comment": "Opened by mistake"}
    await agent.post("/api/tickets/bulk", closing)
    page = await windows.open(agent, "/?shown=300")
    await expect(page.get_by_role("row")).to_have_count(300)

    await select_all(page)
    await expect(page.get_by_text("300 selected")).to_be_visible()
    await pick(page, "Set status…", "pend")
    told = page.get_by_role("dialog", name="What was not done")
    await expect(told).to_contain_text("Pending: 295 done, 5 not")
    await expect(told.get_by_role("link")).to_have_text([f"#{ticket}" for ticket in sorted(invalid)[::-1]])
    await press(told.get_by_role("button", name="Close"))
    assert await statuses(agent) == {"pending": 295, "closed": 5}
    await undo(page)

    assert await statuses(agent) == {"open": 295, "closed": 5}
    assert (await changes(agent, ids[1], "status"))[-2:] == [("open", "pending"), ("pending", "open")]
    await expect(page.locator('[data-view="customer"] .count')).to_have_text("0")


async def statuses(agent: Client) -> dict[str, int]:
    """Return how many tickets there are of each status."""
    found = [ticket["status"] for ticket in await agent.all("/api/tickets/?limit=100")]
    return {status: found.count(status) for status in found}


async def test_people_and_tags_of_many_are_taken_back_and_what_was_new_offers_no_way_back(
    desk: Desk, windows: Windows
) -> None:
    agent, other = await desk.agent(name="Mara Lind"), await desk.agent(name="Yuki Tanaka")
    ids = await many(agent, ("One", "Two"))
    await agent.put(f"/api/tickets/{ids[0]}/assign", {"assigned_to": other.id})
    page = await windows.open(agent)

    await select_all(page)
    await pick(page, "Assign…", "me")
    await expect(page.get_by_text("Me: 2 done")).to_be_visible()
    await undo(page)
    before = [(await agent.get(f"/api/tickets/{ticket}")).body["assigned_to"] for ticket in ids]
    assert [person and person["id"] for person in before] == [other.id, None]
    await select_all(page)
    await pick(page, "Set status…", "pend")

    await expect(page.get_by_text("Pending: 2 done")).to_be_visible()
    await expect(page.get_by_role("button", name="Undo")).to_have_count(0)
