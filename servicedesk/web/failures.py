"""Which wrong guesses get a row in the audit list: few enough that guessing is no way to make the desk write."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from aiohttp import web

from servicedesk.domain.times import MINUTE, Instant

KEPT: Final = 10_000
"""Accounts, and addresses, that are remembered at a time."""


class Failures:
    """Admits one row a minute for an account, and for an address."""

    def __init__(self, clock: Callable[[], Instant]) -> None:
        self._clock = clock
        self._listed: OrderedDict[tuple[str, str], Instant] = OrderedDict()
        self._unlisted = 0

    def listed(self, account: str, address: str) -> int | None:
        """Return how many guesses went without a row since the last one, or None if this one does as well."""
        now, keys = self._clock(), (("account", account), ("address", address))
        # What lies ahead is from before the clock was set back.
        if any(0 <= now - self._listed.get(key, -MINUTE) < MINUTE for key in keys):
            self._unlisted += 1
            return None
        for key in keys:
            self._listed[key] = now
            self._listed.move_to_end(key)
        while len(self._listed) > 2 * KEPT:
            self._listed.popitem(last=False)
        unlisted, self._unlisted = self._unlisted, 0
        return unlisted


FAILURES = web.AppKey("failures", Failures)
