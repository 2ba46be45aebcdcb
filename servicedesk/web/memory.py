"""Memory that a burst took is given back to the system when the burst is over: the allocator alone would keep it."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

EVERY: Final = 10.0
"""Seconds between two looks at how much is held."""
GROWN: Final = 8 << 20
"""Bytes by which the process must have grown before it is worth the work, which takes some milliseconds on a thread."""
_STATM: Final = Path("/proc/self/statm")


def held() -> int:
    """Return the bytes of memory that the process holds, 0 where the system does not tell."""
    if not _STATM.exists():
        return 0
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def trimmer() -> Callable[[], object] | None:
    """Return what makes the allocator give back free pages, None where there is no such thing."""
    import ctypes  # not needed for the start

    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    return (lambda: trim(0)) if _STATM.exists() else None


async def running(app: web.Application) -> AsyncIterator[None]:
    """Give memory back while the desk runs."""
    task = asyncio.create_task(_give_back_for_ever(), name="giving memory back")
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _give_back_for_ever() -> None:
    await asyncio.sleep(EVERY)
    trim, lowest = trimmer(), held() if _STATM.exists() else 0
    while trim is not None:
        await asyncio.sleep(EVERY)
        if held() - lowest > GROWN:
            await asyncio.to_thread(trim)
            lowest = held()
        lowest = min(lowest, held())
