"""At 400 % a screen of 1280 × 1024 has room for 320 × 256: one column, nothing cut, everything can be done."""

from typing import Final

import pytest
from playwright.async_api import expect

from tests.browser import console
from tests.browser.console import a_lived_in_desk
from tests.browser.windows import Windows
from tests.served import Desk

ZOOMED: Final = {"width": 320, "height": 256}
# What may be wider than the window lies in a scroller of its own; what ends in an ellipsis says so.
LOST: Final = """() => {
    const named = (el) => `${el.tagName.toLowerCase()}.${el.className?.baseVal ?? el.className} `
        + `"${(el.textContent ?? "").trim().slice(0, 40)}"`;
    const scrolls = (el) => ["auto", "scroll"].includes(getComputedStyle(el).overflowX);
    const inScroller = (el) => el && el !== document.body && (scrolls(el) || inScroller(el.parentElement));
    const isSeen = (el) => el.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const lost = [];
    const { scrollWidth } = document.documentElement;
    if (scrollWidth > innerWidth) lost.push(`wide: ${scrollWidth} px`);
    for (const el of document.body.querySelectorAll("*")) {
        if (!isSeen(el) || el.closest(".sr, .skip, .trap, svg, option, dialog")) continue;
        const box = el.getBoundingClientRect(), style = getComputedStyle(el);
        if (!box.width || !box.height || inScroller(el)) continue;
        if (box.right > innerWidth + 1 || box.left < -1) lost.push(`outside: ${named(el)}`);
        if (style.clipPath !== "none" || el.matches("input")) continue;
        const clips = style.overflowX === "hidden" || style.overflowX === "clip";
        const isCut = clips && el.scrollWidth > el.clientWidth + 1 && style.textOverflow !== "ellipsis";
        if (isCut) lost.push(`cut: ${named(el)}`);
        const stays = ["fixed", "sticky"].includes(style.position);
        if (stays && box.height > innerHeight / 2) lost.push(`covers: ${named(el)}`);
    }
    const main = document.querySelector("main").getBoundingClientRect();
    if (main.left > 1 && !document.querySelector("main.alone")) lost.push("there is something beside the content");
    return lost;
}"""


@pytest.mark.parametrize("who", ["admin", "customer", console.STRANGER])
async def test_nothing_is_cut_and_nothing_scrolls_sideways(desk: Desk, windows: Windows, who: str) -> None:
    lived = await a_lived_in_desk(desk)
    page = await windows.open(lived.people.get(who), "/login", live=False, viewport=ZOOMED)
    lost = []
    for address in lived.pages(who):
        await page.goto(address)
        lost += [f"{address} {each}" for each in await page.evaluate(LOST)]

    assert lost == []


async def test_a_ticket_is_found_read_answered_and_moved(desk: Desk, windows: Windows) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    page = await windows.open(agent, viewport=ZOOMED)

    await page.get_by_role("link", name="The printer is on fire").click()
    await expect(page.get_by_role("heading", name="The printer is on fire")).to_be_visible()
    await page.get_by_label("Reply", exact=True).fill("Read from very near")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("[data-message]")).to_contain_text("Read from very near")
    await page.get_by_role("link", name="Details").click()
    await expect(page.locator("#sla")).to_be_in_viewport()
    await page.get_by_label("Status", exact=True).select_option("pending")
    await expect(page.locator("#history")).to_contain_text("Pending")

    assert (await agent.get(f"/api/tickets/{ticket['id']}")).body["status"] == "pending"


async def test_what_opens_fits_and_can_be_closed(desk: Desk, windows: Windows) -> None:
    lived = await a_lived_in_desk(desk)
    page = await windows.open(lived.admin, f"/tickets/{lived.names['ticket']}", viewport=ZOOMED)
    for key in ("?", "Control+k", "s"):
        await page.keyboard.press(key)
        box = await page.get_by_role("dialog").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= ZOOMED["width"]
        assert box["y"] + box["height"] <= ZOOMED["height"]
        await page.keyboard.press("Escape")
