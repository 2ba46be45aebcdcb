"""How long the event loop stood still: whatever does not give way keeps everybody waiting."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from servicedesk.web.health import METER

EVERY: Final = 0.01
"""Seconds between two beats; a stall is known as exactly as that."""
LONG: Final = 0.05
WINDOW: Final = 30.0
"""Seconds; what is said to be of late is of this window and the one before."""


class Pulse:
    """Beats on the loop, and notes by how much a beat was late by the loop's own work.

    Time in which the thread had to wait for a busy machine is nobody's stall: there the clock runs, but not the
    thread's own.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self.stalls = 0
        self._windows = [0.0, 0.0]
        self._turned = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._clock = time.monotonic()
        self._worked = time.thread_time()
        self._next = self._loop.call_later(EVERY, self._beat)

    @property
    def lately(self) -> float:
        """The longest time of the last half to whole minute in which the loop did not give way."""
        return max(self._windows)

    def stop(self) -> None:
        self._next.cancel()

    def _beat(self) -> None:
        clock, worked = time.monotonic(), time.thread_time()
        still = min(clock - self._clock, worked - self._worked)
        self.longest = max(self.longest, still)
        if clock - self._turned >= WINDOW:
            self._windows, self._turned = [0.0, self._windows[0]], clock
        self._windows[0] = max(self._windows[0], still)
        self.stalls += still > LONG
        self._clock, self._worked = clock, worked
        self._next = self._loop.call_later(EVERY, self._beat)


async def beating(app: web.Application) -> AsyncIterator[None]:
    """Let the pulse be seen in the metrics, as long as the application runs."""
    pulse = Pulse()
    app[METER].gauges |= {
        "loop_stall_seconds_max": (
            "Longest time since the start in which the loop worked on without giving way",
            lambda: pulse.longest,
        ),
        "loop_stall_seconds_lately": (
            "Longest time of the last minute in which the loop worked on without giving way",
            lambda: pulse.lately,
        ),
        "loop_stalls": (f"Times since the start in which that was more than {LONG} s", lambda: pulse.stalls),
    }
    yield
    pulse.stop()
