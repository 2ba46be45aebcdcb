"""Whoever follows every link finds no dead end, no error, nothing that the policy stops and nothing that jumps."""

from collections import deque
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Response

from tests.browser.console import a_lived_in_desk
from tests.browser.windows import Windows, is_live
from tests.served import Desk

STILL: Final = 0.02
LINKS: Final = """() => [...document.querySelectorAll("a[href]")].filter((a) => a.origin === location.origin)
    .map((a) => ({ href: a.pathname + a.search, save: a.hasAttribute("download") }))"""
LISTEN: Final = """
    window.shifted = 0; window.refused = [];
    new PerformanceObserver((list) => {
        for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.shifted += shift.value;
    }).observe({ type: "layout-shift", buffered: true });
    addEventListener("securitypolicyviolation", (event) => {
        window.refused.push(`${event.violatedDirective} ${event.blockedURI}`);
    });
"""
# Two frames after everything is there: what was going to move has moved.
REST: Final = """() => new Promise((done) => {
    const told = () => done([window.shifted, window.refused]);
    const still = () => requestAnimationFrame(() => requestAnimationFrame(told));
    document.fonts.ready.then(() => (window.requestIdleCallback ?? setTimeout)(still));
})"""
MOST: Final = 400


@pytest.mark.parametrize(
    "who", [*(pytest.param(who, marks=pytest.mark.slow) for who in ("admin", "agent")), "customer"]
)
async def test_no_link_is_dead_and_nothing_goes_wrong_on_the_way(
    desk: Desk, windows: Windows, who: str
) -> None:
    lived = await a_lived_in_desk(desk)
    person = lived.people[who]
    page = await windows.open(person, "/", live=False)
    await page.context.add_init_script(LISTEN)
    wrong: list[str] = []

    def hear(response: Response) -> None:
        # What a browser fetches for a page has to be there as well.
        if response.status >= 400:
            wrong.append(f"{response.status} {response.url} on {page.url}")

    page.on("response", hear)
    start = list(lived.pages(who))
    ahead, met = deque(start), {_place(address) for address in start}
    seen = 0
    while ahead:
        address = ahead.popleft()
        seen += 1
        assert seen <= MOST, "the crawl has no end"
        if not await _is_page(person, address, wrong):
            continue
        await page.goto(address)
        if await page.locator("#line").count():
            await is_live(page)
        shifted, refused = await page.evaluate(REST)
        wrong += [f"{address} moved by {shifted:.3f}"] if shifted > STILL else []
        wrong += [f"{address} was refused {each}" for each in refused]
        for link in await page.evaluate(LINKS):
            if _place(link["href"]) not in met:
                met.add(_place(link["href"]))
                ahead.append(link["href"])

    assert not wrong, "\n".join(wrong)
    assert seen > len(start)


def _place(address: str) -> str:
    """Return what makes a link another page: of filters and sorts each name counts once, not each of their values."""
    parts = urlsplit(address)
    names = sorted(pair.partition("=")[0] for pair in parts.query.split("&"))
    return f"{parts.path}?{'&'.join(names)}"


async def _is_page(person: Any, address: str, wrong: list[str]) -> bool:
    """Return whether a browser would show what is there; what it would save is only asked for."""
    answer = await person.get(address, headers={"Accept": "text/html"})
    if answer.status >= 400:
        wrong.append(f"{answer.status} {address}")
    shown = answer.headers.get("Content-Type", "").startswith("text/html")
    return shown and "Content-Disposition" not in answer.headers
