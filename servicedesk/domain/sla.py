"""What was promised, and how the clocks stand: worked out anew from the ticket's log every time."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cached_property
from typing import ClassVar, Final

import msgspec

from servicedesk.domain.calendars import ALWAYS, Calendar
from servicedesk.domain.tickets import UNRESOLVED, Priority, Status
from servicedesk.domain.times import HOUR, Instant
from servicedesk.domain.words import say

Stretch = tuple[Instant, Instant]

RISKY: Final = 75
"""Percent of its time after which an unmet promise is at risk."""
LEFT_AT_LEAST: Final = 4
"""A reopened ticket has at least this part of its target left: a quarter."""


class Promise(StrEnum):
    FIRST_RESPONSE = "first_response"
    """Until the first public answer of staff."""
    NEXT_RESPONSE = "next_response"
    """Until the public answer to what the requester said later."""
    RESOLUTION = "resolution"
    """Until the ticket is resolved."""


class Targets(msgspec.Struct, frozen=True):
    """The business time that each promise may take; None promises nothing."""

    first_response: int | None = None
    resolution: int | None = None
    next_response: int | None = None

    def of(self, promise: Promise) -> int | None:
        if promise is Promise.RESOLUTION:
            return self.resolution
        return self.first_response if promise is Promise.FIRST_RESPONSE else self.next_response


NOTHING: Final = Targets()
_NEVER: Final[frozenset[Status]] = frozenset()


class Policy(msgspec.Struct, frozen=True):
    name: str
    targets: Mapping[Priority, Targets]
    pauses: Mapping[Promise, frozenset[Status]]
    """For each clock the statuses in which the desk waits for somebody else, so that it stands still."""
    calendar: Calendar = ALWAYS
    """The hours in which clocks run at all."""

    def target(self, promise: Promise, priority: Priority) -> int | None:
        return self.targets.get(priority, NOTHING).of(promise)

    def stands(self, promise: Promise, status: Status) -> bool:
        """Return whether the clock stands still in this status."""
        return status in self.pauses.get(promise, _NEVER) or not status.is_unresolved

    @property
    def awaits_next_responses(self) -> bool:
        """Return whether the clocks need to know what was said after the first answer."""
        return any(targets.next_response is not None for targets in self.targets.values())


def pausing(*statuses: Status) -> dict[Promise, frozenset[Status]]:
    """Return the pauses of a policy in which every clock stands still in the same statuses."""
    return dict.fromkeys(Promise, frozenset(statuses))


PAUSABLE: Final = UNRESOLVED
STANDARD: Final = Policy(
    "Standard",
    {
        Priority.CRITICAL: Targets(1 * HOUR, 4 * HOUR),
        Priority.HIGH: Targets(2 * HOUR, 8 * HOUR),
        Priority.MEDIUM: Targets(8 * HOUR, 24 * HOUR),
        Priority.LOW: Targets(24 * HOUR, 72 * HOUR),
    },
    pausing(Status.PENDING, Status.ON_HOLD),
)
"""The policy of a desk that has set none."""


class StoredPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy as it is kept, with the version that a change must know."""

    noun: ClassVar = say("policy")

    id: int
    version: int
    policy: Policy
    calendar_id: int | None
    is_default: bool
    """Followed by whoever has no policy of their own."""


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
    """A public word of staff to the requester."""
    asked: bool = False
    """A public word of the requester."""


class Kind(StrEnum):
    COUNTED = "counted"
    CLOSED = "closed"
    """The calendar is closed."""
    PAUSED = "paused"
    """The ticket is in a status in which this clock stands still."""


class Interval(msgspec.Struct, frozen=True):
    start: Instant
    end: Instant
    kind: Kind


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """One cycle of a promise, kept in time if ``met_at`` is not after ``due_at``, which stands still in a pause."""

    name: Promise
    cycle: int
    """Counted from 1: a resolution begins anew with each reopening, a next response with each question."""
    target: int
    started_at: Instant
    due_at: Instant
    met_at: Instant | None
    breach_at: Instant | None
    """When it was broken or will be if nothing changes; None if it was kept in time or stands still."""
    stretches: tuple[Stretch, ...]
    """When it ran, closed hours included."""
    runs_since: Instant | None
    calendar: Calendar

    @property
    def is_running(self) -> bool:
        return self.runs_since is not None

    @property
    def risk_at(self) -> Instant | None:
        """Return when three quarters of its time are used up."""
        return self.at_share(RISKY)

    def state(self, now: Instant) -> State:
        """Return how this one promise stands."""
        if self.breach_at is not None and self.breach_at < now:
            return State.BREACHED
        if self.met_at is not None:
            return State.MET
        if not self.is_running:
            return State.PAUSED
        return State.AT_RISK if (self.risk_at or 0) <= now else State.OK

    def at_share(self, percent: int) -> Instant | None:
        """Return when that share of the target is or was used, if nothing changes; None while paused or met.

        More than 100 percent is a time after the breach.
        """
        if self.runs_since is None:
            return None
        need = -(-self.target * percent // 100)
        return _used_up(self.stretches, self.runs_since, need, self.calendar)[0]

    def used(self, now: Instant) -> int:
        """Return the business time that counts until now, or until it was met."""
        between = self.calendar.between
        used = sum(between(start, end) for start, end in self.stretches)
        if self.runs_since is not None and now > self.runs_since:
            used += between(self.runs_since, now)
        return used

    def intervals(self, now: Instant) -> list[Interval]:
        """Return what the clock did from its start until it was met, or until now, without a gap."""
        end = max(now, self.started_at) if self.met_at is None else self.met_at
        running = [*self.stretches]
        if self.runs_since is not None and end > self.runs_since:
            running.append((self.runs_since, end))
        found: list[Interval] = []
        here = self.started_at
        for start, stop in running:
            found += _gap(here, start, Kind.PAUSED)
            found += self._hours(start, stop)
            here = stop
        return [*found, *_gap(here, end, Kind.PAUSED)]

    def _hours(self, start: Instant, end: Instant) -> Iterator[Interval]:
        here = start
        for opens, closes in self.calendar.open_between(start, end):
            yield from _gap(here, opens, Kind.CLOSED)
            yield Interval(opens, closes, Kind.COUNTED)
            here = closes
        yield from _gap(here, end, Kind.CLOSED)


class Clocks(msgspec.Struct, frozen=True, dict=True):
    """How a ticket's promises stand after its last log entry: every cycle of each, in the order of their starts."""

    cycles: tuple[Clock, ...]
    is_resolved: bool

    @property
    def first_response(self) -> Clock | None:
        return self._latest(Promise.FIRST_RESPONSE)

    @property
    def next_response(self) -> Clock | None:
        """Return the latest cycle; it is met unless the requester waits for an answer."""
        return self._latest(Promise.NEXT_RESPONSE)

    @property
    def resolution(self) -> Clock | None:
        return self._latest(Promise.RESOLUTION)

    @property
    def phase(self) -> Phase:
        if self.is_resolved:
            return Phase.DONE
        return Phase.PAUSED if self.unmet and not self._running else Phase.RUNNING

    @property
    def due_at(self) -> Instant | None:
        """Return the next target that is not met yet; one that stands still only counts if no other runs."""
        return min([clock.due_at for clock in self._running or self.unmet], default=None)

    @property
    def risk_at(self) -> Instant | None:
        return _earliest([clock.risk_at for clock in self._running])

    @property
    def breach_at(self) -> Instant | None:
        """Return the ticket's earliest breach, be it past or to come; that of a met promise stays."""
        return _earliest([clock.breach_at for clock in self.cycles])

    @cached_property
    def unmet(self) -> list[Clock]:
        return [clock for clock in self.cycles if clock.met_at is None]

    @cached_property
    def _running(self) -> list[Clock]:
        return [clock for clock in self.unmet if clock.runs_since is not None]

    def _latest(self, name: Promise) -> Clock | None:
        return next((clock for clock in reversed(self.cycles) if clock.name is name), None)


def clocks(log: Iterable[Entry], policy: Policy = STANDARD) -> Clocks:
    """Work out every clock.

    The targets of the present priority count from the start. A resolution or an answer is judged by the
    priority of its moment, and that verdict stays. A reopened ticket gets what was left of its time, at least
    a quarter of the target.
    """
    course = Course(policy)
    for entry in log:
        course.follow(entry)
    return course.clocks()


def state(
    phase: str,
    due_at: Instant | None,
    risk_at: Instant | None,
    breach_at: Instant | None,
    now: Instant,
    *,
    has_policy: bool = True,
) -> State:
    """Return what a list shows of the clocks, from what is stored with the ticket."""
    if not has_policy:
        return State.NONE
    if breach_at is not None and breach_at < now:
        return State.BREACHED
    if phase == Phase.DONE or due_at is None:
        return State.MET
    if phase == Phase.PAUSED:
        return State.PAUSED
    return State.AT_RISK if risk_at is not None and risk_at <= now else State.OK


class _Watch:
    """Counts running time: the stretches behind it, and the one it is in."""

    __slots__ = ("since", "started_at", "still_since", "stretches")

    def __init__(self, at: Instant) -> None:
        self.started_at = at
        self.stretches: list[Stretch] = []
        self.since: Instant | None = None
        self.still_since = at

    def run(self, at: Instant) -> None:
        if self.since is None:
            self.since = at

    def stand(self, at: Instant) -> None:
        if self.since is None:
            return
        if at > self.since:
            self.stretches.append((self.since, at))
        self.since, self.still_since = None, at

    def read(
        self, name: Promise, cycle: int, target: int, calendar: Calendar, met_at: Instant | None = None
    ) -> Clock:
        """Return how a promise of this much time stands; for a kept one, stop the watch first."""
        still = self.still_since if met_at is None else met_at
        due_at, is_passed = _used_up(
            self.stretches, still if self.since is None else self.since, target, calendar
        )
        return Clock(
            name=name,
            cycle=cycle,
            target=target,
            started_at=self.started_at,
            due_at=due_at,
            met_at=met_at,
            breach_at=due_at if is_passed or self.since is not None else None,
            stretches=tuple(self.stretches),
            runs_since=self.since,
            calendar=calendar,
        )


class Course:
    """Follows a ticket's log from entry to entry."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._priority = Priority.MEDIUM
        self._status: Status | None = None
        self._watches: dict[Promise, _Watch] = {}
        self._ended: list[Clock] = []
        self._cycles: dict[Promise, int] = {}
        self._answered = False
        self._asked_late = False
        self._used_before = 0

    def follow(self, entry: Entry) -> None:
        if entry.priority is not None:
            self._priority = entry.priority
        if entry.status is not None:
            self._enter(entry.status, entry.at)
        if entry.replied:
            self._answer(entry.at)
        if entry.asked and self._answered and Promise.NEXT_RESPONSE not in self._watches:
            self._ask(entry.at)

    def clocks(self) -> Clocks:
        read = [self._read(name, watch) for name, watch in self._watches.items()]
        cycles = [*self._ended, *(clock for clock in read if clock is not None)]
        if len(cycles) > len(self._watches):
            cycles.sort(key=lambda clock: clock.started_at)
        return Clocks(tuple(cycles), self._is_resolved)

    @property
    def _is_resolved(self) -> bool:
        return self._status is not None and not self._status.is_unresolved

    def _enter(self, status: Status, at: Instant) -> None:
        here, self._status = self._status, status
        if here is None:
            self._begin(Promise.FIRST_RESPONSE, at)
            self._begin(Promise.RESOLUTION, at)
        if not status.is_unresolved:
            self._resolve(at)
            return
        if here is not None and not here.is_unresolved:
            self._begin(Promise.RESOLUTION, at)
            if self._asked_late:
                self._begin(Promise.NEXT_RESPONSE, at)
        for promise, watch in self._watches.items():
            self._set(promise, watch, at)

    def _ask(self, at: Instant) -> None:
        """Begin to wait for an answer: of a resolved ticket, when it is reopened."""
        if self._is_resolved:
            self._asked_late = True
        else:
            self._begin(Promise.NEXT_RESPONSE, at)

    def _answer(self, at: Instant) -> None:
        self._answered, self._asked_late = True, False
        self._end(Promise.FIRST_RESPONSE, at)
        self._end(Promise.NEXT_RESPONSE, at)

    def _resolve(self, at: Instant) -> None:
        self._answer(at)
        watch = self._watches.get(Promise.RESOLUTION)
        self._end(Promise.RESOLUTION, at)
        if watch is not None:
            self._used_before += sum(self._policy.calendar.between(*stretch) for stretch in watch.stretches)

    def _begin(self, promise: Promise, at: Instant) -> None:
        self._cycles[promise] = self._cycles.get(promise, 0) + 1
        self._watches[promise] = watch = _Watch(at)
        self._set(promise, watch, at)

    def _set(self, promise: Promise, watch: _Watch, at: Instant) -> None:
        """Let the watch run or stand as it does in the present status."""
        if self._status is None or self._policy.stands(promise, self._status):
            watch.stand(at)
        else:
            watch.run(at)

    def _end(self, promise: Promise, at: Instant) -> None:
        watch = self._watches.pop(promise, None)
        if watch is None:
            return
        watch.stand(at)
        clock = self._read(promise, watch, at)
        if clock is not None:
            self._ended.append(clock)

    def _read(self, promise: Promise, watch: _Watch, met_at: Instant | None = None) -> Clock | None:
        target = self._policy.target(promise, self._priority)
        if target is None:
            return None
        if promise is Promise.RESOLUTION:
            target = max(target - self._used_before, target // LEFT_AT_LEAST)
        return watch.read(promise, self._cycles[promise], target, self._policy.calendar, met_at)


def _used_up(
    stretches: Iterable[Stretch], then_from: Instant, need: int, calendar: Calendar
) -> tuple[Instant, bool]:
    """Return when this much business time is used, and whether that was before the end of the last stretch."""
    left = need
    for start, end in stretches:
        used = calendar.between(start, end)
        # Used up at closing time is before the end of a stretch that goes on into the night.
        if used >= left and (moment := _later(start, left, calendar)) < end:
            return moment, True
        left -= used
    return _later(then_from, left, calendar), False


def _later(start: Instant, duration: int, calendar: Calendar) -> Instant:
    return calendar.add(start, duration) if duration else start


def _gap(start: Instant, end: Instant, kind: Kind) -> list[Interval]:
    return [Interval(start, end, kind)] if start < end else []


def _earliest(moments: Iterable[Instant | None]) -> Instant | None:
    return min([moment for moment in moments if moment is not None], default=None)
