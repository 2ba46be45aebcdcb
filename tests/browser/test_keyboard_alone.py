"""The keyboard alone reaches everything, shows where it is, and is never caught."""

from typing import Final

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser import console
from tests.browser.console import a_lived_in_desk
from tests.browser.windows import Windows, is_live
from tests.served import Desk

# What is reached by the keys of its pattern instead: rows of the grid by J, K and arrows, the other tabs and
# radio buttons by arrows; bars of a chart by the table that leads to the same lists. The field that takes files has the
# button beside it; the trap is for programs alone.
WATCH: Final = r"""() => {
    const can = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
    const byPattern = (el) => el.closest(".row-ticket, .trap") || el.matches("#attach, main, dialog")
        || (el.getAttribute("role") === "tab" && el.tabIndex < 0)
        || (el instanceof SVGAElement && el.tabIndex < 0
            && document.querySelector(`table a[href="${CSS.escape(el.getAttribute("href"))}"]`))
        || (el.type === "radio" && [...document.getElementsByName(el.name)].some((r) => r.checked && r !== el));
    const named = (el) => `${el.tagName.toLowerCase()} ${el.id || el.className} `
        + `"${(el.getAttribute("aria-label") || el.textContent || el.name || "").trim().slice(0, 40)}"`;
    const hasRing = (el) => {
        const { outlineStyle, outlineWidth, outlineColor, boxShadow } = getComputedStyle(el);
        const isOutlined = outlineStyle !== "none" && parseFloat(outlineWidth) && !/, 0\)/.test(outlineColor);
        return isOutlined || boxShadow !== "none";
    };
    window.wanted = () => [...document.querySelectorAll(can)].filter((el) => !el.disabled && !byPattern(el)
        && el.checkVisibility({ visibilityProperty: true }) && el.getClientRects().length);
    window.reached = []; window.unseen = []; window.last = null; window.round = false;
    document.addEventListener("focusin", ({ target }) => {
        if (target === window.last) return;
        if (window.reached.includes(target)) window.round = true;
        window.last = target;
        window.reached.push(target);
        const box = target.getBoundingClientRect();
        const isIn = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
        const frame = target.closest(".composer-box");
        if (!hasRing(target) && !(frame && hasRing(frame))) window.unseen.push(`no ring: ${named(target)}`);
        if (!isIn) window.unseen.push(`out of sight: ${named(target)}`);
    });
    window.missed = () => window.wanted().filter((el) => !window.reached.includes(el)).map(named);
    window.again = () => { window.reached = []; window.last = null; window.round = false; };
}"""
MOST: Final = 2_000
"""Presses of a key after which somebody is caught."""


async def walk(page: Page, key: str) -> list[str]:
    """Press the key until it has gone round; return what it did not reach, and where it could not be seen."""
    for number in range(MOST):
        await page.keyboard.press(key)
        if number % 8 == 7 and await page.evaluate("window.round"):
            return list(await page.evaluate("[...window.missed(), ...window.unseen]"))
    return [f"caught on {page.url}"]


SLOW: Final = [pytest.param(who, marks=pytest.mark.slow) for who in ("admin", "customer")]


@pytest.mark.parametrize("who", [*SLOW, console.STRANGER])
async def test_tab_reaches_everything_on_every_page_and_shows_where_it_is(
    desk: Desk, windows: Windows, who: str
) -> None:
    lived = await a_lived_in_desk(desk)
    page = await windows.open(lived.people.get(who), "/login", live=False)
    wrong = []
    for address in lived.pages(who):
        await page.goto(address)
        if await page.locator("#line").count():
            await is_live(page)
        await page.evaluate("document.activeElement.blur()")
        await page.evaluate(WATCH)
        wrong += [f"{address} Tab: {each}" for each in await walk(page, "Tab")]
        if not address.startswith("/api/docs"):
            await page.evaluate("window.again()")
            wrong += [f"{address} Shift+Tab: {each}" for each in await walk(page, "Shift+Tab")]

    assert not wrong, "\n".join(wrong)


async def test_the_first_tab_leads_past_the_bar(desk: Desk, windows: Windows) -> None:
    page = await windows.open(await desk.agent(), "/settings")

    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")

    assert await page.evaluate("document.activeElement.closest('main') !== null")


async def test_what_opened_gives_the_focus_back(desk: Desk, windows: Windows) -> None:
    lived = await a_lived_in_desk(desk)
    page = await windows.open(lived.admin, f"/tickets/{lived.names['ticket']}")
    summary = page.locator("#history-section summary")
    for key in ("?", "Control+k", "s", "p", "a", "m"):
        await summary.focus()
        await page.keyboard.press(key)
        await page.get_by_role("dialog").wait_for()
        await page.keyboard.press("Escape")

        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(summary, key).to_be_focused()
    picture = page.locator("#files a[data-preview]", has_text="photo.png")
    me = page.get_by_role("button", name="You: ")
    for opener, open_ in ((picture, "dialog .preview"), (me, "#me-menu")):
        await opener.focus()
        await page.keyboard.press("Enter")
        await page.locator(open_).wait_for()
        await page.keyboard.press("Escape")

        await expect(opener).to_be_focused()


async def test_tab_stays_inside_a_dialog(desk: Desk, windows: Windows) -> None:
    lived = await a_lived_in_desk(desk)
    page = await windows.open(lived.admin, f"/tickets/{lived.names['ticket']}")
    await page.locator("#files a[data-preview]", has_text="photo.png").click()
    await page.locator("dialog .preview").wait_for()
    buttons = await page.get_by_role("dialog").get_by_role("button").all()
    seen = set()
    for _ in range(3 * len(buttons)):
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.closest('dialog, body').matches('dialog, body')")
        seen |= {n for n, button in enumerate(buttons) if await has_focus(button)}

    assert seen == set(range(len(buttons)))


async def has_focus(what: Locator) -> bool:
    return bool(await what.evaluate("(el) => el === document.activeElement"))


async def test_arrows_go_from_row_to_row_and_from_tab_to_tab(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    for n in range(3):
        await agent.ticket(f"Ticket {n}")
    page = await windows.open(agent)

    rows = page.get_by_role("row")
    await rows.first.focus()
    await page.keyboard.press("ArrowDown")
    await expect(rows.nth(1)).to_be_focused()
    await page.keyboard.press("Enter")
    await page.get_by_role("tab", name="Reply").focus()
    await page.keyboard.press("ArrowRight")

    await expect(page.get_by_role("tab", name="Note")).to_be_focused()
    await expect(page.get_by_role("tab", name="Note")).to_have_attribute("aria-selected", "true")
