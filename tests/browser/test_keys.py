"""Everything within two keys, and none of them while somebody types."""

from playwright.async_api import Page, expect

from tests.browser.windows import Windows, is_live
from tests.served import Client, Desk


async def queue_of(desk: Desk, windows: Windows, tickets: int) -> tuple[Client, Page]:
    agent = await desk.agent(name="Mara Lind")
    for n in range(tickets):
        await agent.ticket(f"Ticket {n}", auto_assign=False)
    return agent, await windows.open(agent)


async def test_the_list_is_walked_selected_and_opened_by_keys(desk: Desk, windows: Windows) -> None:
    _, page = await queue_of(desk, windows, 40)
    rows = page.get_by_role("row")

    for key in "jjk":
        await page.keyboard.press(key)
    await expect(rows.nth(0)).to_be_focused()
    await page.keyboard.press("x")
    await page.keyboard.press("Shift+J")
    await page.keyboard.press("Shift+J")

    await expect(page.locator('[role="row"][aria-selected="true"]')).to_have_count(3)
    await expect(page.get_by_text("3 selected")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator('[role="row"][aria-selected="true"]')).to_have_count(0)
    title = await rows.nth(2).locator(".cell-title a").inner_text()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    await page.keyboard.press("]")
    following = await rows.nth(3).locator(".cell-title a").inner_text()
    await expect(page.get_by_role("heading", name=following, exact=True)).to_be_visible()
    await page.go_back()
    await expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()


async def test_a_ticket_is_worked_by_single_keys(desk: Desk, windows: Windows) -> None:
    agent, page = await queue_of(desk, windows, 1)
    await page.goto("/tickets/1")
    await is_live(page)

    await page.keyboard.press("i")
    await expect(page.get_by_label("Assignee", exact=True)).to_have_value(str(agent.id))
    await page.keyboard.press("p")
    await page.keyboard.type("crit")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Priority", exact=True)).to_have_value("critical")
    await page.keyboard.press("s")
    await page.keyboard.type("prog")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Status", exact=True)).to_have_value("in_progress")
    await page.keyboard.press("z")
    await page.keyboard.type("Waiting for the lift company")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_label("Status", exact=True)).to_have_value("on_hold")
    await page.keyboard.press("e")

    await expect(page.get_by_label("Status", exact=True)).to_have_value("resolved")


async def test_keys_rest_while_somebody_types(desk: Desk, windows: Windows) -> None:
    agent, page = await queue_of(desk, windows, 1)
    await page.goto("/tickets/1")
    await is_live(page)

    await page.keyboard.press("r")
    await page.keyboard.type("easy? sip in/a ziprj k")

    await expect(page.get_by_label("Reply")).to_have_value("easy? sip in/a ziprj k")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert (await agent.get("/api/tickets/1")).body["version"] == 1


async def test_single_keys_can_be_switched_off(desk: Desk, windows: Windows) -> None:
    _, page = await queue_of(desk, windows, 1)
    await page.goto("/settings")
    await page.get_by_label("Single-key shortcuts").uncheck()
    await page.get_by_role("button", name="Save the look").click()
    await page.goto("/tickets/1")
    await is_live(page)

    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("Control+k")

    await expect(page.get_by_role("dialog")).to_be_visible()


async def test_the_palette_assigns_and_goes_places(desk: Desk, windows: Windows) -> None:
    agent, page = await queue_of(desk, windows, 2)
    await page.goto("/tickets/1")
    await is_live(page)

    await page.keyboard.press("Control+k")
    await page.keyboard.type("ass mar")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Assignee", exact=True)).to_have_value(str(agent.id))
    await page.keyboard.press("Control+k")
    await page.keyboard.type("#2")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("heading", name="Ticket 1", exact=True)).to_be_visible()


async def test_help_lists_the_keys_and_closes_with_escape(desk: Desk, windows: Windows) -> None:
    _, page = await queue_of(desk, windows, 1)

    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Assign to me")
    await page.keyboard.press("Escape")

    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_many_are_changed_at_once_each_by_itself_and_taken_back(desk: Desk, windows: Windows) -> None:
    agent, page = await queue_of(desk, windows, 60)
    await agent.put("/api/tickets/60/status", {"status": "closed", "comment": "Opened by mistake"})
    await page.get_by_role("link", name="Show more").click()
    await expect(page.get_by_role("row")).to_have_count(60)

    await page.keyboard.press("x")
    await page.get_by_role("button", name="Select all").click()
    await page.get_by_role("button", name="Set status…").click()
    await page.keyboard.type("pend")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Pending: 59 done, 1 not").first).to_be_visible()
    await expect(page.get_by_role("dialog", name="What was not done")).to_contain_text("#60")
    await page.get_by_role("button", name="Close").click()
    await page.keyboard.press("x")
    await page.get_by_role("button", name="Select all").click()
    await page.get_by_role("button", name="Set priority…").click()
    await page.keyboard.type("high")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("High: 60 done")).to_be_visible()
    await page.get_by_role("button", name="Undo").last.click()
    await expect(page.get_by_text("Undone")).to_be_visible()

    assert {t["priority"] for t in await agent.all("/api/tickets/?limit=100")} == {"medium"}
