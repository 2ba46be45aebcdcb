"""What tests of media stand on."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest


@pytest.fixture
async def longest_stall() -> AsyncIterator[Callable[[], float]]:
    """Measure for how many seconds the event loop stood still at most."""
    loop = asyncio.get_running_loop()
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = loop.time()
            await asyncio.sleep(0.001)
            longest = max(longest, loop.time() - began - 0.001)

    watcher = asyncio.create_task(watch())
    yield lambda: longest
    watcher.cancel()
