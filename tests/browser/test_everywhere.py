"""Every page for everybody: who may see it, and nothing that axe finds, in any scheme, on a desk and on a phone."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Page, expect

from servicedesk.settings import Environment
from servicedesk.web.setup import SETUP_LINK
from tests.browser import console
from tests.browser.axe import findings
from tests.browser.console import Lived, a_lived_in_desk
from tests.browser.windows import Windows, is_live
from tests.served import Desk

PHONE: Final = {"width": 390, "height": 844}
HTML: Final = {"Accept": "text/html"}
OTHERS: Final = ("customer", console.STRANGER)


def test_every_page_of_the_route_table_has_an_example() -> None:
    named = Counter(page.row for page in console.PAGES)

    assert set(named) == console.rows_of_pages()
    assert set(named.values()) == {1}


async def test_whoever_may_not_see_a_page_is_sent_to_the_log_in_or_refused(desk: Desk) -> None:
    lived = await a_lived_in_desk(desk)
    stranger = desk.session()
    for page in console.PAGES:
        for address in page.addresses(lived.names):
            for who, person in lived.people.items():
                answer = await person.get(address, headers=HTML)
                assert (answer.status == 200) is (who in page.to), (address, who, answer.status)
                assert answer.status < 500
            async with stranger.get(address, headers=HTML, allow_redirects=False) as answer:
                assert (answer.status == 200) is (console.STRANGER in page.to), (address, answer.status)
                if page.to and console.STRANGER not in page.to:
                    assert answer.headers["Location"].split("?")[0] == "/login", address


@pytest.mark.parametrize("who", [pytest.param("admin", marks=pytest.mark.slow), *OTHERS])
async def test_axe_finds_nothing(desk: Desk, windows: Windows, who: str) -> None:
    lived = await a_lived_in_desk(desk)

    assert await _found_on_all(lived, windows, who) == []


@pytest.mark.parametrize("who", [pytest.param("admin", marks=pytest.mark.slow), *OTHERS])
async def test_axe_finds_nothing_on_a_phone_and_no_page_is_wider_than_it(
    desk: Desk, windows: Windows, who: str
) -> None:
    lived = await a_lived_in_desk(desk)

    assert await _found_on_all(lived, windows, who, viewport=PHONE, has_touch=True) == []


@pytest.mark.slow
async def test_axe_finds_nothing_in_forced_colours(desk: Desk, windows: Windows) -> None:
    lived = await a_lived_in_desk(desk)

    assert await _found_on_all(lived, windows, "admin", forced_colors="active") == []


async def _found_on_all(lived: Lived, windows: Windows, who: str, **options: Any) -> list[str]:
    """Return what axe finds on each page that they may see, and which pages are wider than the window."""
    page = await windows.open(lived.people.get(who), "/login", live=False, **options)
    found = []
    for address in lived.pages(who):
        if address.startswith("/api/docs") and who != console.STRANGER:
            continue  # the same for all, and long
        await page.goto(address)
        if await page.locator("#line").count():
            await is_live(page)
        # A conversation opens at its end; what has gone under the bar by that is no target.
        await page.evaluate("scrollTo(0, 0)")
        found += await findings(page)
        if wide := await page.evaluate("document.documentElement.scrollWidth - innerWidth"):
            found.append(f"{address} is {wide} px too wide")
    return found


async def opened(page: Page, ticket: str) -> AsyncIterator[str]:
    """Open in turn everything that opens over or in a page; yield its name while it is open."""
    await page.goto(f"/tickets/{ticket}")
    await is_live(page)
    for name, key in {
        "help": "?",
        "palette": "Control+k",
        "status": "s",
        "people": "a",
        "macros": "m",
    }.items():
        await page.keyboard.press(key)
        await page.get_by_role("dialog").get_by_role("option").or_(page.locator("#help")).first.wait_for()
        yield name
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.locator("#files a[data-preview]", has_text="photo.png").click()
    await page.locator("dialog .preview").wait_for()
    yield "lightbox"
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    await page.get_by_label("Internal note").fill("Only for @ada")
    yield "note"
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="You: ").click()
    yield "menu"
    await page.keyboard.press("Escape")
    await page.get_by_label("Priority", exact=True).select_option("low")
    await page.get_by_role("button", name="Undo").wait_for()
    yield "toast"
    closed = page.locator("details:not([open]) > summary")
    while await closed.count():
        await closed.first.click()
    yield "sections"
    await page.goto("/")
    await is_live(page)
    for _ in range(3):
        await page.keyboard.press("j")
        await page.keyboard.press("x")
    await page.get_by_role("group", name="Selected tickets").wait_for()
    yield "bulk"


@pytest.mark.slow
async def test_axe_finds_nothing_in_what_opens(desk: Desk, windows: Windows) -> None:
    lived = await a_lived_in_desk(desk)
    page = await windows.open(lived.admin)
    found = []
    async for name in opened(page, lived.names["ticket"]):
        found += [f"{name}: {each}" for each in await findings(page)]

    assert found == []


async def test_axe_finds_nothing_on_the_page_that_sets_a_desk_up(desk: Desk, windows: Windows) -> None:
    page = await windows.open(None, desk.app[SETUP_LINK].path)
    await expect(page.get_by_role("heading", name="Set up the desk")).to_be_visible()

    assert await findings(page) == []


async def test_axe_finds_nothing_on_the_page_of_components(tmp_path: Path, windows: Windows) -> None:
    async with Desk(tmp_path / "development", env=Environment.DEVELOPMENT) as desk:
        windows.desk = desk
        page = await windows.open(await desk.admin(), "/styleguide")

        assert await findings(page) == []


async def test_the_colours_that_somebody_chose_stay(desk: Desk, windows: Windows) -> None:
    page = await windows.open(await desk.agent(), color_scheme="light")

    await page.get_by_role("button", name="Switch between light and dark").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.reload()

    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


async def test_search_marks_what_it_found_while_the_letters_come(desk: Desk, windows: Windows) -> None:
    page = await windows.open((await a_lived_in_desk(desk)).admin, "/search")

    await page.get_by_label("Search").press_sequentially("print")
    await expect(page.locator(".hit mark").first).to_have_text("print")
    await page.get_by_label("Search").fill("status:closed printer")
    await expect(page.get_by_text("No results for")).to_be_visible()
    await page.get_by_label("Search").fill("burns from:carla")

    await expect(page.locator(".hit")).to_have_count(1)


async def test_why_this_agent_says_what_the_api_says(desk: Desk, windows: Windows) -> None:
    lived = await a_lived_in_desk(desk)
    admin, ticket = lived.admin, lived.names["paused"]
    made = (await admin.get(f"/api/tickets/{ticket}/assignment")).body["items"][-1]
    page = await windows.open(admin, f"/tickets/{ticket}")

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
