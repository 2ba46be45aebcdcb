"""What was promised, and how the clocks stand: worked out anew from the ticket's log every time."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import HOUR, Instant


class Targets(msgspec.Struct, frozen=True):
    """Running time until the first public answer, and until the ticket is resolved."""

    first_response: int
    resolution: int


class Policy(msgspec.Struct, frozen=True):
    name: str
    targets: Mapping[Priority, Targets]
    pauses: frozenset[Status]
    """In these the desk waits for somebody else and the clocks stand still."""


STANDARD: Final = Policy(
    "Standard",
    {
        Priority.CRITICAL: Targets(1 * HOUR, 4 * HOUR),
        Priority.HIGH: Targets(2 * HOUR, 8 * HOUR),
        Priority.MEDIUM: Targets(8 * HOUR, 24 * HOUR),
        Priority.LOW: Targets(24 * HOUR, 72 * HOUR),
    },
    frozenset({Status.PENDING, Status.ON_HOLD}),
)


class Phase(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"


class State(StrEnum):
    OK = "ok"
    AT_RISK = "at_risk"
    BREACHED = "breached"
    PAUSED = "paused"
    MET = "met"
    NONE = "none"


class Entry(msgspec.Struct, frozen=True):
    """A line of the ticket's log, as far as the clocks care. The first one is the ticket's creation."""

    at: Instant
    status: Status | None = None
    priority: Priority | None = None
    replied: bool = False
    """The first public answer by staff."""


class Clock(msgspec.Struct, frozen=True):
    """One promise, kept in time if ``met_at`` is not after ``due_at``, which stands still in a pause."""

    target: int
    due_at: Instant
    met_at: Instant | None
    breach_at: Instant | None
    """When it was broken or will be if nothing changes; None if it was kept in time or stands still."""

    @property
    def risk_at(self) -> Instant:
        """Return when three quarters of the running time are used up."""
        return self.due_at - self.target // 4


class Clocks(msgspec.Struct, frozen=True):
    """How a ticket's promises stand after its last log entry."""

    first_response: Clock
    resolution: Clock
    phase: Phase
    earlier_breach_at: Instant | None
    """A broken promise of a resolution that was reopened since: that verdict stays."""

    @property
    def due_at(self) -> Instant | None:
        """Return the next target that is not met yet."""
        return _earliest(clock.due_at for clock in self._unmet)

    @property
    def risk_at(self) -> Instant | None:
        return _earliest(clock.risk_at for clock in self._unmet) if self.phase is Phase.RUNNING else None

    @property
    def breach_at(self) -> Instant | None:
        """Return the ticket's earliest breach, be it past or to come."""
        return _earliest((self.earlier_breach_at, self.first_response.breach_at, self.resolution.breach_at))

    @property
    def _unmet(self) -> list[Clock]:
        return [clock for clock in (self.first_response, self.resolution) if clock.met_at is None]


def clocks(log: Iterable[Entry], policy: Policy = STANDARD) -> Clocks:
    """Work out both clocks.

    The targets of the present priority count from the start. A resolution or a first answer is judged by the
    priority of its moment, and that verdict stays. A reopened ticket gets what was left of its time, at least
    a quarter of the target.
    """
    course = _Course(policy)
    for entry in log:
        course.follow(entry)
    return course.clocks()


def state(
    phase: str, risk_at: Instant | None, breach_at: Instant | None, now: Instant, *, has_policy: bool = True
) -> State:
    """Return what a list shows of the clocks, from what is stored with the ticket."""
    if not has_policy:
        return State.NONE
    if breach_at is not None and breach_at < now:
        return State.BREACHED
    if phase == Phase.DONE:
        return State.MET
    if phase == Phase.PAUSED:
        return State.PAUSED
    return State.AT_RISK if risk_at is not None and risk_at <= now else State.OK


class _Stopwatch:
    """Counts running time: the stretches behind it, and the one it is in."""

    def __init__(self) -> None:
        self.stretches: list[tuple[Instant, Instant]] = []
        self.since: Instant | None = None
        self.still_since: Instant = 0

    @property
    def used(self) -> int:
        return sum(end - start for start, end in self.stretches)

    def run(self, at: Instant) -> None:
        if self.since is None:
            self.since = at

    def stand(self, at: Instant) -> None:
        if self.since is not None:
            self.stretches.append((self.since, at))
            self.since, self.still_since = None, at
        elif not self.stretches:
            self.still_since = at

    def read(self, target: int, met_at: Instant | None) -> Clock:
        """Return how a promise of this much running time stands; for a kept one, stop the watch first."""
        left = target
        for start, end in self.stretches:
            if end - start > left:
                return Clock(target, start + left, met_at, start + left)
            left -= end - start
        if self.since is not None:
            return Clock(target, self.since + left, met_at, self.since + left)
        return Clock(target, (self.still_since if met_at is None else met_at) + left, met_at, None)


class _Course:
    """Follows a ticket's log from entry to entry."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.priority = Priority.MEDIUM
        self.phase: Phase | None = None
        self.response_watch = _Stopwatch()
        self.resolution_watch = _Stopwatch()
        self.response: Clock | None = None
        self.resolution: Clock | None = None
        self.used_before = 0
        self.breaches: list[Instant | None] = []

    def follow(self, entry: Entry) -> None:
        if entry.priority is not None:
            self.priority = entry.priority
        if entry.status is not None:
            self._enter(self._phase_in(entry.status), entry.at)
        if entry.replied and self.response is None:
            self._respond(entry.at)

    def clocks(self) -> Clocks:
        return Clocks(
            self.response or self.response_watch.read(self._targets.first_response, None),
            self.resolution or self.resolution_watch.read(self._allowance, None),
            self.phase or Phase.RUNNING,
            _earliest(self.breaches),
        )

    def _enter(self, phase: Phase, at: Instant) -> None:
        if phase is self.phase:
            return
        if self.phase is Phase.DONE:
            self._reopen()
        self.phase = phase
        if phase is Phase.DONE:
            self._resolve(at)
        elif phase is Phase.PAUSED:
            self.response_watch.stand(at)
            self.resolution_watch.stand(at)
        else:
            self.response_watch.run(at)
            self.resolution_watch.run(at)

    def _respond(self, at: Instant) -> None:
        self.response_watch.stand(at)
        self.response = self.response_watch.read(self._targets.first_response, at)

    def _resolve(self, at: Instant) -> None:
        if self.response is None:
            self._respond(at)
        self.resolution_watch.stand(at)
        self.resolution = self.resolution_watch.read(self._allowance, at)

    def _reopen(self) -> None:
        if self.resolution is not None:
            self.breaches.append(self.resolution.breach_at)
        self.used_before += self.resolution_watch.used
        self.resolution_watch, self.resolution = _Stopwatch(), None

    def _phase_in(self, status: Status) -> Phase:
        if not status.is_unresolved:
            return Phase.DONE
        return Phase.PAUSED if status in self.policy.pauses else Phase.RUNNING

    @property
    def _targets(self) -> Targets:
        return self.policy.targets[self.priority]

    @property
    def _allowance(self) -> int:
        """Return the running time that this cycle's resolution may take."""
        target = self._targets.resolution
        return max(target - self.used_before, target // 4)


def _earliest(moments: Iterable[Instant | None]) -> Instant | None:
    return min((moment for moment in moments if moment is not None), default=None)
