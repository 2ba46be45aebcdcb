"""Windows that people have open on the desk."""

import asyncio
import re
import shutil
from typing import Any, Final

import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page

from tests.served import Client, Desk

# A refused request is an outcome that tests look at, and a cut line is what they make.
_EXPECTED = re.compile(r"Failed to load resource|WebSocket connection to|ERR_INTERNET_DISCONNECTED")

DESKTOP: Final[dict[str, Any]] = {"viewport": {"width": 1280, "height": 900}}
PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}

on_every_screen = pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"], indirect=True)
"""The test is run on a desktop and on a phone: the windows that it opens are of that size."""


def chromium() -> str | None:
    """Return where the system has Chromium, first the one that has no windows of its own to draw; None is nowhere."""
    return next(
        filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None
    )


PATIENCE: Final = 15_000
"""Milliseconds for which a test waits, where what it proves is no promise of less: machines are busy at times."""


class Windows:
    """Opens windows and remembers what went wrong in them."""

    def __init__(self, desk: Desk, browser: Browser, screen: dict[str, Any]) -> None:
        self.desk = desk
        self.browser = browser
        self.screen = screen
        self.troubles: list[str] = []
        self.patience = PATIENCE
        """Milliseconds that anything may take."""
        self._contexts: list[BrowserContext] = []

    async def open(
        self,
        person: Client | None,
        path: str = "/",
        *,
        live: bool = True,
        has_own_line: bool = False,
        **options: Any,
    ) -> Page:
        """Open a page in a browser of its own, logged in as the person, and wait until it is live.

        ``has_own_line`` makes it a browser without shared workers: then its socket is within a test's reach.
        """
        context = await self.browser.new_context(base_url=self.desk.url, **self.screen | options)
        if has_own_line:
            await context.add_init_script("delete globalThis.SharedWorker")
        context.set_default_timeout(self.patience)
        context.set_default_navigation_timeout(2 * self.patience)
        self._contexts.append(context)
        if person is not None:
            await context.add_cookies([{"name": "servicedesk", "value": person.token, "url": self.desk.url}])
        page = await self.tab(context, path)
        if person is not None and live and options.get("java_script_enabled", True):
            await is_live(page)
        return page

    async def tab(self, context: BrowserContext, path: str) -> Page:
        """Open another page in the same browser."""
        page = await context.new_page()
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", lambda message: self._hear(message.type, message.text))
        await page.goto(path)
        return page

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error" and not _EXPECTED.search(text):
            self.troubles.append(text)

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()


async def is_live(page: Page) -> None:
    await page.locator('#line[data-state="online"]').wait_for()


async def becomes_true(page: Page, expression: str) -> None:
    """Wait until the page says so. (Playwright's own waiting evaluates text in the page, which the policy forbids.)"""
    async with asyncio.timeout(PATIENCE / 1000):
        while not await page.evaluate(expression):
            await asyncio.sleep(0.02)


async def press(target: Locator) -> None:
    """Press it: with a finger where there is a touch screen."""
    touched = await target.page.evaluate("navigator.maxTouchPoints > 0")
    await (target.tap() if touched else target.click())


async def show_details(page: Page) -> None:
    """Turn to the properties, which a phone has behind a tab."""
    await _turn_to(page, "Details")


async def show_conversation(page: Page) -> None:
    await _turn_to(page, "Conversation")


async def _turn_to(page: Page, part: str) -> None:
    tab = page.get_by_role("navigation", name="Parts of the ticket").get_by_role("link", name=part)
    if await tab.is_visible():
        await tab.tap()


async def choose(page: Page, label: str, option: str) -> None:
    field = page.get_by_label(label, exact=True)
    if not await field.is_visible():
        await show_details(page)
    await field.select_option(label=option)
