"""How many connections and files the system lets the process have open at once."""

import resource
from typing import Final

WANTED: Final = 65_536
RESERVE: Final = 160
"""Of them are kept for the database, for files that come and go and for worker processes."""


def limit() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def raise_limit() -> None:
    """Take as many as we may have without asking anybody: the usual limit is one for programs of another time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if allowed > soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def room_for_connections(limit: int) -> int:
    """Return how many connections may be open; where there is little, half of it is for them."""
    return WANTED if limit < 0 else max(limit // 2, limit - RESERVE)
