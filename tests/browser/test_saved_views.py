"""Saved views in the console: made from filters, counted live, changed and forgotten."""

from playwright.async_api import expect

from servicedesk.domain.people import Role
from tests.browser.windows import Windows, choose, on_every_screen, press
from tests.served import Desk


@on_every_screen
async def test_filters_become_a_view_that_counts_live(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    await agent.ticket("Fire", priority="high")
    page = await windows.open(agent)
    await choose(page, "Priority", "High")
    await press(page.get_by_role("link", name="Save as view"))

    await page.get_by_label("Name", exact=True).fill("Burning")
    await press(page.get_by_role("button", name="Save view"))

    link = page.locator("#rail a").filter(has_text="Burning")
    await expect(page.get_by_role("heading", name="Burning", level=1)).to_be_visible()
    await expect(link).to_have_attribute("aria-current", "page")
    await expect(link.locator(".count")).to_have_text("1")
    await page.locator('#line[data-state="online"]').wait_for()
    await agent.ticket("Another fire", priority="high")
    await expect(link.locator(".count")).to_have_text("2", timeout=1_000)
    await expect(page.locator("#total")).to_have_text("2")


async def test_a_view_is_made_renamed_and_deleted_without_script(desk: Desk, windows: Windows) -> None:
    boss = await desk.person(Role.SUPERVISOR)
    page = await windows.open(boss, "/settings/views?query=status=new", java_script_enabled=False)
    await page.get_by_label("Name", exact=True).first.fill("Fresh")
    await page.get_by_label("For all staff").first.check()
    await page.get_by_role("button", name="Save view").click()
    await expect(page.get_by_role("heading", name="Fresh", level=1)).to_be_visible()

    await page.goto("/settings/views")
    await page.locator("section").get_by_label("Name").fill("Untouched")
    await page.get_by_role("button", name="Save Fresh").click()
    await expect(page.locator("#rail a").filter(has_text="Untouched")).to_be_visible()
    assert [v["is_shared"] for v in await (await desk.agent()).all("/api/views/")] == [True]

    await page.get_by_role("button", name="Delete Untouched").click()
    await expect(page.locator("#rail a").filter(has_text="Untouched")).to_have_count(0)


async def test_what_is_wrong_with_a_query_is_said_beside_it(desk: Desk, windows: Windows) -> None:
    page = await windows.open(await desk.agent(), "/settings/views?query=status=gone")
    await page.get_by_label("Name", exact=True).fill("Gone")
    await page.get_by_role("button", name="Save view").click()
    await expect(page.get_by_label("Query", exact=True)).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Gone")
