"""A served desk and windows of a real Chromium on it. One browser and one event loop serve all these tests."""

import inspect
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from servicedesk.app import wall_clock
from tests.browser.windows import PATIENCE, Windows, chromium
from tests.served import Desk

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
HERE = Path(__file__).parent

expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and inspect.iscoroutinefunction(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        found = chromium()
        if found is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("there is no Chromium; `make browser` installs one")
        launched = await playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk whose clock begins where the browser's stands."""
    served = Desk(tmp_path / "data")
    served.clock.now = wall_clock()
    async with served:
        yield served


@pytest.fixture
def screen(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the windows of a test are shown on; see ``on_every_screen``."""
    chosen: dict[str, Any] = getattr(request, "param", {})
    return chosen


@pytest_asyncio.fixture(loop_scope="session")
async def windows(desk: Desk, browser: Browser, screen: dict[str, Any]) -> AsyncIterator[Windows]:
    """Opens windows; at the end none may have seen an error, and none of the policy's refusals."""
    opened = Windows(desk, browser, screen)
    yield opened
    await opened.close()
    assert opened.troubles == []
