"""Windows that people have open on the desk."""

import re
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

from tests.served import Client, Desk

# A refused request is an outcome that tests look at, and a cut line is what they make.
_EXPECTED = re.compile(r"Failed to load resource|WebSocket connection to|ERR_INTERNET_DISCONNECTED")


class Windows:
    """Opens windows and remembers what went wrong in them."""

    def __init__(self, desk: Desk, browser: Browser) -> None:
        self.desk = desk
        self.browser = browser
        self.troubles: list[str] = []
        self.patience = 8_000
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
        context = await self.browser.new_context(base_url=self.desk.url, **options)
        if has_own_line:
            await context.add_init_script("delete globalThis.SharedWorker")
        context.set_default_timeout(self.patience)
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


async def choose(page: Page, label: str, option: str) -> None:
    await page.get_by_label(label, exact=True).select_option(label=option)
