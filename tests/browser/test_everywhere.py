"""Every page for everybody: nothing that axe finds, in either scheme, on a desk and on a phone."""

from pathlib import Path
from typing import Any, Final

import axe_playwright_python
import pytest
from playwright.async_api import Page, expect

from tests.browser.windows import Windows, is_live
from tests.served import Client, Desk

AXE: Final = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
STRICT: Final = {"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"}
PAGES: Final = (
    *("/", "/?view=mine", "/?view=unassigned&status=new", "/tickets/1", "/tickets/new"),
    *("/search?q=printer", "/search", "/numbers", "/numbers/what-if"),
    *("/people", "/people?edit=1", "/settings", "/api/docs"),
    *("/notifications", "/settings/calendars", "/settings/calendars?edit=1", "/api/docs/live"),
    *("/settings/sla", "/settings/sla?edit=1", "/settings/escalation", "/settings/escalation?edit=1"),
    *("/settings/macros", "/settings/views", "/tickets/1/macros"),
    *("/settings/all", "/settings/desk", "/settings/sessions", "/settings/audit"),
)
PHONE: Final = {"width": 390, "height": 844}


async def findings(page: Page) -> list[str]:
    """Return what breaks WCAG 2.2 A or AA, or seriously a best practice."""
    await page.evaluate(AXE)
    result: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{page.url} {found['id']}: {found['help']} {[node['html'][:160] for node in found['nodes'][:3]]}"
        for found in result["violations"]
        if STRICT.intersection(found["tags"]) or found["impact"] in ("serious", "critical")
    ]


async def a_lived_in_desk(desk: Desk) -> Client:
    admin, customer = await desk.admin(name="Ada Admin"), await desk.customer(name="Carla Weiss")
    agent = await desk.agent(name="Mara Lind", skills=("vpn",))
    await desk.team("Support", agent, lead=admin)
    ticket = await customer.ticket(
        "The printer is on fire", description="# Help\n\n`lp0` > *burns*", tags=["vpn"]
    )
    path = f"/api/tickets/{ticket['id']}"
    await agent.post(f"{path}/messages", {"body": "Which one, @mara?\n\n| a | b |\n|---|---|\n| 1 | 2 |"})
    await agent.post(f"{path}/messages", {"body": "He means 4B, @ada.admin.", "is_internal": True})
    tier = {
        "when": {"kind": "manual"},
        "whom": {"kind": "assignee"},
        "do": ["notify"],
        "acknowledge_minutes": 30,
    }
    await admin.post("/api/escalation/policies/", {"name": "Watch", "is_default": True, "tiers": [tier]})
    await agent.post(f"{path}/escalate", {"reason": "It burns for real now."})
    for n in range(4):
        await customer.ticket(f"More {n}", priority=("low", "medium", "high", "critical")[n])
    week = {"mon": [["09:00", "12:00"], ["13:00", "17:00"]], "fri": [["00:00", "24:00"]]}
    days = [{"date": "12-24", "name": "Christmas Eve", "open": [["09:00", "12:00"]]}]
    hours = {"name": "Office hours", "zone": "Europe/Berlin", "week": week, "holidays": days}
    await admin.post("/api/sla/calendars/", hours)
    targets = {"critical": {"first_response_s": 3600, "resolution_s": 14_400}}
    await admin.post("/api/sla/policies/", {"name": "Support", "targets": targets, "calendar_id": 1})
    return admin


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(desk: Desk, windows: Windows, scheme: Any) -> None:
    admin = await a_lived_in_desk(desk)
    page = await windows.open(admin, color_scheme=scheme)
    found = []
    for path in PAGES:
        await page.goto(path)
        if not path.startswith("/api/docs"):
            await is_live(page)
        found += await findings(page)
    await page.goto("/tickets/1")
    await is_live(page)
    for key in ("?", "Control+k", "s"):
        await page.keyboard.press(key)
        await expect(page.get_by_role("dialog")).to_be_visible()
        found += await findings(page)
        await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    found += await findings(page)
    stranger = await windows.open(None, "/login", color_scheme=scheme)
    found += await findings(stranger)

    assert found == []


async def test_axe_finds_nothing_on_a_phone_and_no_page_is_wider_than_it(
    desk: Desk, windows: Windows
) -> None:
    admin = await a_lived_in_desk(desk)
    page = await windows.open(admin, viewport=PHONE, has_touch=True)
    found = []
    for path in PAGES:
        await page.goto(path)
        width = await page.evaluate("document.documentElement.scrollWidth")
        found += [f"{path} is {width} px wide"] if width > PHONE["width"] else []
        found += await findings(page)

    assert found == []


async def test_a_phone_lists_reads_and_answers(desk: Desk, windows: Windows) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    page = await windows.open(agent, viewport=PHONE, has_touch=True)

    await page.get_by_role("link", name="The printer is on fire").tap()
    await page.get_by_label("Reply").fill("From the bus")
    await page.get_by_role("button", name="Send").tap()
    await expect(page.locator("[data-message]")).to_contain_text("From the bus")
    await page.get_by_role("link", name="Details").tap()
    await page.get_by_label("Status", exact=True).select_option("pending")

    await expect(page.locator("#history")).to_contain_text("Pending")
    assert (await agent.get(f"/api/tickets/{ticket['id']}")).body["status"] == "pending"


async def test_the_colours_that_somebody_chose_stay(desk: Desk, windows: Windows) -> None:
    page = await windows.open(await desk.agent(), color_scheme="light")

    await page.get_by_role("button", name="Switch between light and dark").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.reload()

    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


async def test_a_page_at_rest_does_not_move(desk: Desk, windows: Windows) -> None:
    admin = await a_lived_in_desk(desk)
    page = await windows.open(admin)
    for path in ("/", "/tickets/1", "/numbers"):
        await page.goto(path)
        await is_live(page)
        moved = await page.evaluate(
            """() => new Promise((done) => {
                let sum = 0;
                new PerformanceObserver((list) => {
                    for (const shift of list.getEntries()) if (!shift.hadRecentInput) sum += shift.value;
                }).observe({ type: "layout-shift", buffered: true });
                setTimeout(() => done(sum), 300);
            })"""
        )
        assert moved <= 0.02, path


async def test_search_marks_what_it_found_while_the_letters_come(desk: Desk, windows: Windows) -> None:
    admin = await a_lived_in_desk(desk)
    page = await windows.open(admin, "/search")

    await page.get_by_label("Search").press_sequentially("print")
    await expect(page.locator(".hit mark").first).to_have_text("print")
    await page.get_by_label("Search").fill("status:closed printer")
    await expect(page.get_by_text("No results for")).to_be_visible()
    await page.get_by_label("Search").fill("burns from:carla")

    await expect(page.locator(".hit")).to_have_count(1)


async def test_why_this_agent_says_what_the_api_says(desk: Desk, windows: Windows) -> None:
    admin = await a_lived_in_desk(desk)
    made = (await admin.get("/api/tickets/1/assignment")).body["items"][-1]
    page = await windows.open(admin, "/tickets/1")

    await page.get_by_text("Why this agent?").click()

    for candidate in made["candidates"]:
        row = page.locator(".why-row").filter(has_text=candidate["agent"]["name"])
        await expect(row.locator(".points")).to_have_text(f"{candidate['score']:.2f}")


async def test_nothing_jumps_while_fifty_things_happen_in_a_second(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    tickets = [(await agent.ticket(f"Ticket {n}"))["id"] for n in range(60)]
    page = await windows.open(agent)
    await page.evaluate(
        """() => {
            window.moved = 0;
            new PerformanceObserver((list) => {
                for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.moved += shift.value;
            }).observe({ type: "layout-shift" });
        }"""
    )

    for n in range(150):
        desk.clock.advance(20)
        await agent.post(f"/api/tickets/{tickets[n * 7 % 60]}/messages", {"body": f"Number {n}"})

    await expect(page.get_by_role("row").first.get_by_role("link")).to_have_text(f"Ticket {149 * 7 % 60}")
    assert await page.evaluate("window.moved") <= 0.1
