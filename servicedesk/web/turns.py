"""The event loop that gives everybody a turn, however many knock in the same instant."""

import asyncio
import ctypes
import gc
import selectors
import time
from typing import Final

AT_ONCE: Final = 8
"""Sockets that are served in one turn. A crowd that comes back after a restart would hold up all others else."""
LOOK_EVERY: Final = 20.0
FEW: Final = 20_000
"""Objects that the collector looks through in twenty milliseconds, about."""
OVERDUE: Final = 3600.0
_NEVER: Final = 1_000_000_000

Ready = list[tuple[selectors.SelectorKey, int]]


class _Few(selectors.DefaultSelector):
    """Tells of a few sockets at a time; those that were left out are told of in the next turns."""

    def __init__(self) -> None:
        super().__init__()
        self._place = 0

    def select(self, timeout: float | None = None) -> Ready:
        ready = super().select(timeout)
        if len(ready) <= AT_ONCE:
            return ready
        # Never from the beginning: who always has something to say would be the only one to say it.
        self._place = start = (self._place + AT_ONCE) % len(ready)
        return (ready + ready)[start : start + AT_ONCE]


def loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(_Few())


async def sweeping() -> None:
    """Have the garbage collector spare what has lived long, but for now and then when there is little of it.

    With two thousand sockets open it would stop the loop for a sixth of a second each time. Young objects it looks at
    as ever, and sockets that end leave nothing to it. What memory is free goes back to the system.
    """
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)
    swept = time.monotonic()
    while True:
        await asyncio.sleep(LOOK_EVERY)
        if len(gc.get_objects()) <= FEW or time.monotonic() - swept >= OVERDUE:
            gc.collect()
            swept = time.monotonic()
        if give_back is not None:
            await asyncio.to_thread(give_back, 0)
