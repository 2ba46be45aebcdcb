"""A served desk and windows of a real Chromium on it."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from servicedesk.app import wall_clock
from tests.browser.windows import Windows
from tests.served import Desk

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk whose clock begins where the browser's stands."""
    served = Desk(tmp_path / "data")
    served.clock.now = wall_clock()
    async with served:
        yield served


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        found = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
        if found is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("there is no Chromium; `make browser` installs one")
        launched = await playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield launched
        await launched.close()


@pytest.fixture
async def windows(desk: Desk, browser: Browser) -> AsyncIterator[Windows]:
    """Opens windows; at the end none may have seen an error, and none of the policy's refusals."""
    opened = Windows(desk, browser)
    yield opened
    await opened.close()
    assert opened.troubles == []
