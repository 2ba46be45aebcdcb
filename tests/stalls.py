"""How long the event loop stood still."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable


@contextlib.asynccontextmanager
async def watched_loop() -> AsyncIterator[Callable[[], float]]:
    """Yield what tells for how many seconds at most the loop has stood still in here."""
    loop = asyncio.get_running_loop()
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = loop.time()
            await asyncio.sleep(0.001)
            longest = max(longest, loop.time() - began - 0.001)

    watcher = asyncio.create_task(watch())
    try:
        yield lambda: longest
    finally:
        watcher.cancel()
