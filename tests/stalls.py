"""How long the event loop stood still; and workers that are made to."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator

from servicedesk.web.files import MEDIA
from tests.served import Desk


@contextlib.asynccontextmanager
async def watched_loop() -> AsyncIterator[Callable[[], float]]:
    """Yield what tells for how many seconds at most the loop has stood still in here by our own doing.

    Time in which the whole process had to wait for a busy machine is nobody's stall: there the clock runs, but not
    the process's own.
    """
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began, worked = time.monotonic(), time.process_time()
            await asyncio.sleep(0.001)
            longest = max(longest, min(time.monotonic() - began, time.process_time() - worked))

    watcher = asyncio.create_task(watch())
    try:
        yield lambda: longest
    finally:
        watcher.cancel()


@contextlib.contextmanager
def held_up(desk: Desk) -> Iterator[None]:
    """Stop every worker that runs, as a crowded machine would."""
    stopped = [worker._process.pid for worker in desk.app[MEDIA].workers._all]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
