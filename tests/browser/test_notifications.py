"""The bell, the page of notifications, watching, and calling colleagues by name."""

import re

from playwright.async_api import Page, expect

from tests.browser.windows import Windows
from tests.served import Client, Desk
from tests.web.sockets import say


async def assigned(desk: Desk, agent: Client, title: str = "Fire") -> int:
    by, customer = await desk.admin(), await desk.customer()
    ticket_id = int((await customer.ticket(title))["id"])
    await by.put(f"/api/tickets/{ticket_id}/assign", {"assigned_to": agent.id})
    return ticket_id


def bell(unread: int) -> re.Pattern[str]:
    return re.compile("^Notifications$" if unread == 0 else f"^Notifications, {unread} unread$")


async def rings(page: Page, unread: int) -> None:
    await expect(page.get_by_role("link", name=bell(unread))).to_be_visible()


async def test_a_mention_rings_the_bell_in_every_window(desk: Desk, windows: Windows) -> None:
    ann, ben = await desk.agent(name="Ann Lee", availability="away"), await desk.agent(name="Ben Ohr")
    ticket_id = (await (await desk.customer()).ticket("Smoke"))["id"]
    first, second = await windows.open(ann), await windows.open(ann, "/people")
    await rings(first, 0)

    await say(ben, ticket_id, "Have a look, @ann.lee", is_internal=True)

    for page in (first, second):
        await rings(page, 1)
        await expect(page.locator("#bell-news")).to_have_text(
            re.compile("Ben Ohr mentioned you in TKT-0+1 Smoke")
        )
    await first.get_by_role("link", name=bell(1)).click()
    row = first.get_by_role("listitem").filter(has_text="Ben Ohr mentioned you")
    await row.get_by_role("button", name="Mark as read").click()
    await rings(first, 0)
    await rings(second, 0)


async def test_the_page_shows_what_comes_while_it_is_open(desk: Desk, windows: Windows) -> None:
    ann = await desk.agent(name="Ann Lee")
    page = await windows.open(ann, "/notifications")
    await expect(page.get_by_role("heading", name="Nothing yet")).to_be_visible()

    await assigned(desk, ann, "Smoke")

    await expect(page.get_by_role("listitem").filter(has_text="gave you a ticket")).to_contain_text("Smoke")
    await page.get_by_role("button", name="Mark all as read").click()
    await rings(page, 0)
    await page.get_by_role("link", name="Unread", exact=True).click()
    await expect(page.get_by_role("heading", name="All read")).to_be_visible()


async def test_a_ticket_that_was_looked_at_is_read(desk: Desk, windows: Windows) -> None:
    ann = await desk.agent(name="Ann Lee")
    ticket_id = await assigned(desk, ann)
    page = await windows.open(ann, "/notifications")
    await rings(page, 1)

    await page.get_by_role("link", name=re.compile("gave you a ticket")).click()

    await expect(page).to_have_url(re.compile(f"/tickets/{ticket_id}$"))
    await rings(page, 0)
    await ann.put(f"/api/tickets/{ticket_id}/watch")
    await (await desk.admin()).put(f"/api/tickets/{ticket_id}/status", {"status": "in_progress"})
    await expect(page.get_by_label("Status", exact=True)).to_have_value("in_progress")
    await rings(page, 0)


async def test_watching_and_not(desk: Desk, windows: Windows) -> None:
    ann = await desk.agent(name="Ann Lee", availability="away")
    ticket_id = (await (await desk.customer()).ticket())["id"]
    page, other = (
        await windows.open(ann, f"/tickets/{ticket_id}"),
        await windows.open(ann, f"/tickets/{ticket_id}"),
    )

    await page.get_by_role("button", name="Watch", exact=True).click()

    for each in (page, other):
        await expect(each.locator("#watchers")).to_have_text("Ann Lee")
    await other.get_by_role("button", name="Stop watching").click()
    for each in (page, other):
        await expect(each.locator("#watchers")).to_have_text("Nobody")


async def test_a_colleague_is_called_by_a_few_letters(desk: Desk, windows: Windows) -> None:
    ann, ben = await desk.agent(name="Ann Lee"), await desk.agent(name="Ben Ohr")
    await desk.agent(name="Bea Ohm")
    ticket_id = (await (await desk.customer()).ticket())["id"]
    page = await windows.open(ann, f"/tickets/{ticket_id}")
    await page.get_by_role("tab", name="Note").click()
    note = page.get_by_label("Internal note")
    offered = page.get_by_role("listbox", name="Colleagues").get_by_role("option")

    await note.press_sequentially("Ask @be")
    await expect(offered.filter(has_text="Bea Ohm")).to_be_visible()
    await note.press_sequentially("n")
    await expect(offered).to_have_count(1)
    await note.press("Enter")
    await expect(note).to_have_value("Ask @ben.ohr ")
    await note.press_sequentially("or `@ann`, @nobody @b")
    await expect(offered.first).to_be_visible()
    await note.press("Escape")
    await expect(offered).to_have_count(0)
    await note.press("Control+Enter")

    await expect(page.locator(".mention")).to_have_text(["@ben.ohr"])
    heard = (await ben.get("/api/notifications/")).body["items"]
    assert "mentioned" in [each["kind"] for each in heard]


async def test_everything_works_without_javascript(desk: Desk, windows: Windows) -> None:
    ann = await desk.agent(name="Ann Lee")
    ticket_id = await assigned(desk, ann)
    page = await windows.open(ann, java_script_enabled=False)

    await page.get_by_role("link", name=bell(1)).click()
    await page.get_by_role("button", name="Mark as read").click()
    await rings(page, 0)
    await page.get_by_role("button", name="Mark as unread").click()
    await page.get_by_role("button", name="Mark all as read").click()
    await rings(page, 0)
    await page.goto(f"/tickets/{ticket_id}")
    await page.get_by_role("button", name="Watch", exact=True).click()

    await expect(page.locator("#watchers")).to_have_text("Ann Lee")
