"""A day's work with a finger or a mouse: list, read, reply, attach; for who helps and for who asks."""

from pathlib import Path

from playwright.async_api import expect

from tests.browser.windows import Windows, choose, on_every_screen, press, show_conversation
from tests.served import Desk

pytestmark = on_every_screen


async def test_an_agent_finds_reads_answers_attaches_and_goes_on(
    desk: Desk, windows: Windows, tmp_path: Path
) -> None:
    agent, customer = await desk.agent(), await desk.customer(name="Carla Weiss")
    await customer.ticket("The printer is on fire", description="It *burns*.", priority="high")
    await customer.ticket("No light")
    (tmp_path / "plan.txt").write_text("Water first.")
    page = await windows.open(agent)

    await press(page.get_by_role("link", name="The printer is on fire"))
    await expect(page.get_by_role("log")).to_contain_text("It burns.")
    async with page.expect_file_chooser() as chooser:
        await press(page.get_by_role("button", name="Attach files"))
    await (await chooser.value).set_files(tmp_path / "plan.txt")
    await expect(page.locator(".upload")).to_contain_text("ready")
    await page.get_by_label("Reply").fill("From the bus")
    await press(page.get_by_role("button", name="Send"))
    await expect(page.locator("[data-message]")).to_contain_text("From the bus")
    await expect(page.locator("[data-message] .file")).to_contain_text("plan.txt")
    await choose(page, "Status", "Pending")
    await expect(page.locator("#ticket-head")).to_contain_text("Pending")
    await show_conversation(page)
    await expect(page.get_by_label("Reply")).to_be_visible()
    if (back := page.get_by_role("link", name="Back to the list")) and await back.is_visible():
        await press(back)

    await expect(page.get_by_role("row").filter(has_text="No light")).to_be_visible()
    ticket = (await agent.get("/api/tickets/1")).body
    assert (ticket["status"], ticket["message_count"], ticket["file_count"]) == ("pending", 1, 1)


async def test_a_customer_asks_sees_the_answer_answers_attaches_and_reopens(
    desk: Desk, windows: Windows, tmp_path: Path
) -> None:
    agent, customer = await desk.agent(name="Mara Lind"), await desk.customer()
    (tmp_path / "smoke.txt").write_text("Grey.")
    page = await windows.open(customer)

    await press(page.get_by_role("link", name="Write your first ticket"))
    await page.get_by_label("Title").fill("The printer is on fire")
    await page.get_by_label("Description").fill("Since nine.")
    await press(page.get_by_role("button", name="Create ticket"))
    await expect(page.get_by_role("heading", name="The printer is on fire")).to_be_visible()
    await agent.post("/api/tickets/1/messages", {"body": "He always says that.", "is_internal": True})
    await agent.post("/api/tickets/1/messages", {"body": "What colour is the smoke?"})
    await expect(page.get_by_role("log")).to_contain_text("What colour is the smoke?")
    async with page.expect_file_chooser() as chooser:
        await press(page.get_by_role("button", name="Attach files"))
    await (await chooser.value).set_files(tmp_path / "smoke.txt")
    await expect(page.locator(".upload")).to_contain_text("ready")
    await page.get_by_label("Reply").fill("As in the file.")
    await press(page.get_by_role("button", name="Send"))
    await expect(page.locator("[data-message]").last).to_contain_text("smoke.txt")
    await agent.put("/api/tickets/1/assign", {"assigned_to": agent.id})
    await agent.put("/api/tickets/1/status", {"status": "resolved"})
    await expect(page.locator("#ticket-head")).to_contain_text("Resolved")
    await choose(page, "Status", "Open")
    if await page.get_by_label("Comment").is_visible():
        await page.get_by_label("Comment").fill("It burns again.")
        await page.get_by_label("Comment").press("Control+Enter")

    await expect(page.locator("#ticket-head")).to_contain_text("Open")
    await expect(page.locator("body")).not_to_contain_text("He always says that.")
    assert (await agent.get("/api/tickets/1")).body["status"] == "open"


async def test_nothing_that_one_works_with_is_wider_than_the_screen(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    word = "Donaudampfschifffahrtsgesellschaftskapitän" * 3
    await agent.ticket(word, description=word, tags=["a" * 40], auto_assign=False)
    page = await windows.open(agent)

    for path in ("/", "/tickets/1", "/tickets/1#properties", "/search?q=donau", "/numbers", "/tickets/new"):
        await page.goto(path)
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= windows.screen["viewport"]["width"], path
