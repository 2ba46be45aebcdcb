"""When the desk has something to do by itself: the nearest appointment of each kind, in one heap."""

import heapq
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from servicedesk.domain.times import MINUTE, SECOND, Instant

FIRST_PAUSE: Final = 5 * SECOND
LONGEST_PAUSE: Final = 5 * MINUTE


class Kind(StrEnum):
    """The kinds of appointments. What is due at one moment is done in this order."""

    ESCALATION = "escalation"
    RETURN = "return"
    SHIFT = "shift"
    CLOSE = "close"
    SLA = "sla"
    NOTIFICATIONS = "notifications"
    IDEMPOTENCY = "idempotency"
    EVENTS = "events"


class Agenda:
    """The nearest appointment of each kind: all others lie in the database, in the order of an index.

    So it is as small with a hundred thousand open tickets as with ten. What was overtaken by a nearer one stays
    in the heap until it surfaces, and is passed over then.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[Instant, Kind]] = []
        self._nearest: dict[Kind, Instant] = {}
        self._failed: dict[tuple[Kind, int], tuple[Instant, int]] = {}

    def put(self, kind: Kind, due: Instant | None) -> None:
        """Note the kind's nearest appointment, as the database has it."""
        if self._nearest.get(kind) == due:
            return
        if due is None:
            del self._nearest[kind]
            return
        self._nearest[kind] = due
        heapq.heappush(self._heap, (due, kind))
        if len(self._heap) > 2 * len(Kind):
            self._heap = sorted((due, kind) for kind, due in self._nearest.items())

    def hear(self, kind: Kind, due: Instant) -> bool:
        """Take in a new appointment; return whether it is now the first of all."""
        if due < self._nearest.get(kind, due + 1):
            self.put(kind, due)
        return self.first() == (due, kind)

    def first(self) -> tuple[Instant, Kind] | None:
        """Return what is due first; what failed comes when it is tried again."""
        while self._heap and self._nearest.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None

    # What failed --------------------------------------------------

    def postpone(self, kind: Kind, subject: int, now: Instant) -> None:
        """Let one that failed wait, longer each time, while all others go on."""
        _, pause = self._failed.get((kind, subject), (0, FIRST_PAUSE // 2))
        pause = min(2 * pause, LONGEST_PAUSE)
        self._failed[kind, subject] = now + pause, pause

    def settle(self, kind: Kind, subject: int) -> None:
        """Forget that it failed before."""
        self._failed.pop((kind, subject), None)

    def postponed(self, now: Instant) -> Mapping[Kind, frozenset[int]]:
        """Return what is not to be tried yet."""
        waits: dict[Kind, set[int]] = {}
        for (kind, subject), (until, pause) in self._failed.items():
            # A clock that was set back must not make them wait for ever.
            if until - pause <= now < until:
                waits.setdefault(kind, set()).add(subject)
        return {kind: frozenset(subjects) for kind, subjects in waits.items()}

    def retry_at(self, now: Instant) -> Instant | None:
        """Return when the next of those that failed is tried again."""
        return min((until for until, _ in self._failed.values() if until > now), default=None)
