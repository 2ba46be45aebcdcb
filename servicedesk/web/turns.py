"""The event loop that gives everybody a turn, however many knock in the same instant."""

import asyncio
import ctypes
import gc
import math
import os
import select
import selectors
import sys
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


def _mask(event: int) -> int:
    """Return what a socket is ready for; one that broke is ready for both, so that somebody finds out."""
    reads = selectors.EVENT_READ if event & ~select.EPOLLOUT else 0
    writes = selectors.EVENT_WRITE if event & ~select.EPOLLIN else 0
    return reads | writes


if sys.platform == "linux":

    class _Few(selectors.EpollSelector):
        """Tells of a few sockets at a time; those that were left out are told of in the next turns.

        The kernel itself is asked for no more: it tells of the others first the next time, so that who always has
        something to say is not the only one to say it.
        """

        def __init__(self) -> None:
            super().__init__()
            self._few = select.epoll.fromfd(os.dup(self.fileno()))

        def select(self, timeout: float | None = None) -> Ready:
            # Rounded up to the kernel's milliseconds: a loop that wakes too early would only ask again.
            wait = None if timeout is None else max(0.0, math.ceil(timeout * 1e3) * 1e-3)
            try:
                ready = self._few.poll(wait, AT_ONCE)
            except InterruptedError:
                return []
            key_of = self.get_map().get
            return [
                (key, _mask(event) & key.events) for fd, event in ready if (key := key_of(fd)) is not None
            ]

        def close(self) -> None:
            self._few.close()
            super().close()

    def loop() -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop(_Few())

else:

    def loop() -> asyncio.AbstractEventLoop:
        """Elsewhere the desk runs for whoever works on it; crowds come to Linux."""
        return asyncio.SelectorEventLoop()


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
