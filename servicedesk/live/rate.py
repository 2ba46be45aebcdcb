"""How often a socket may ask: a bucket that fills again, and a count of those who do not listen."""

from collections import deque
from typing import Final

from servicedesk.domain.times import SECOND, Instant
from servicedesk.live.protocol import LIMITS, REFUSALS_MOST, REFUSALS_WITHIN

_EVERY: Final = SECOND / LIMITS.commands_per_second


class Rate:
    __slots__ = ("_full_at", "_refusals")

    def __init__(self) -> None:
        self._full_at = 0.0
        self._refusals: deque[float] | None = None

    def wait(self, now: Instant) -> int:
        """Take one command out of the bucket; return 0, or how many milliseconds to wait when it is empty."""
        full_at = max(self._full_at, now) + _EVERY
        over = full_at - now - LIMITS.burst * _EVERY
        if over <= 0:
            self._full_at = full_at
            return 0
        return int(over) + 1

    def refused(self, now: Instant) -> bool:
        """Note a refusal; return True when there were so many of late that the socket should go."""
        if self._refusals is None:
            self._refusals = deque(maxlen=REFUSALS_MOST)
        self._refusals.append(now)
        return len(self._refusals) == REFUSALS_MOST and now - self._refusals[0] <= REFUSALS_WITHIN
