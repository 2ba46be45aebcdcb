"""Search: while the letters come, with what was found marked, narrowed by operators."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.windows import Windows, on_every_screen
from tests.served import Client, Desk

pytestmark = on_every_screen


async def a_few_tickets(desk: Desk) -> Client:
    agent, other = await desk.agent(name="Mara Lind"), await desk.agent(name="Yuki Tanaka")
    requester = {"email": "carla@shop.example", "name": "Carla Weiss"}
    await agent.ticket(
        "The printer is on fire", priority="critical", requester=requester, assigned_to=agent.id
    )
    await agent.ticket("The printer is out of paper", priority="low", tags=["paper"], assigned_to=other.id)
    await agent.ticket("No light", description="The lamp burns no more.", auto_assign=False)
    await agent.put("/api/tickets/2/status", {"status": "closed", "comment": "Paper is there again"})
    return agent


async def finds(page: Page, *titles: str) -> None:
    await expect(page.locator(".hit h2")).to_have_text(list(titles))


async def test_what_is_found_is_marked_while_the_letters_come(desk: Desk, windows: Windows) -> None:
    agent = await a_few_tickets(desk)
    page = await windows.open(agent, "/search")
    field = page.get_by_label("Search", exact=True)
    await expect(page.locator("#results")).to_contain_text("Search every ticket")

    await field.press_sequentially("prin")
    await expect(page.locator(".hit")).to_have_count(2)
    await expect(page.locator(".hit h2 mark")).to_have_text(["prin", "prin"])
    await field.press_sequentially("ter fire")
    await finds(page, "The printer is on fire")
    await field.fill("lamp")
    await expect(page.locator(".hit .snippet mark")).to_have_text("lamp")

    await expect(page).to_have_url(re.compile(r"/search\?q=lamp$"))
    await page.reload()
    await finds(page, "No light")


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("status:closed printer", ["The printer is out of paper"]),
        ("priority:critical,high", ["The printer is on fire"]),
        ("assignee:me", ["The printer is on fire"]),
        ("tag:paper", ["The printer is out of paper"]),
        ("from:carla@shop.example", ["The printer is on fire"]),
        ("printer before:2020-01-01", []),
        ("light before:2100-01-01", ["No light"]),
    ],
)
async def test_operators_narrow_it(desk: Desk, windows: Windows, query: str, titles: list[str]) -> None:
    agent = await a_few_tickets(desk)
    page = await windows.open(agent, "/search?q=printer")
    await expect(page.locator(".hit")).to_have_count(2)

    await page.get_by_label("Search", exact=True).fill(query)

    if not titles:
        await expect(page.locator("#results")).to_contain_text("No results for")
    await finds(page, *titles)


async def test_from_any_page_a_search_leads_to_the_ticket(desk: Desk, windows: Windows) -> None:
    agent = await a_few_tickets(desk)
    page = await windows.open(agent, "/tickets/3")

    await page.get_by_label("Search", exact=True).fill("fire")
    await page.get_by_label("Search", exact=True).press("Enter")
    await page.locator(".hit h2 a").click()

    await expect(page.get_by_role("heading", name="The printer is on fire", exact=True)).to_be_visible()
