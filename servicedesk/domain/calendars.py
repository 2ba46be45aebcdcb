"""Business time: when the desk is open, and what is due after so much of it.

A calendar's hours are wall times of its zone. Where clocks are turned,

- a wall time that does not exist is the first instant after the gap,
- one that exists twice is its first occurrence as a start and its last as an end,
- 24:00 is where the next day begins; a day lasts 23, 24 or 25 hours, and a day the zone skips has none.

Stretches are half-open: at the second at which the desk closes it is closed.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

import msgspec

from servicedesk.domain.errors import FieldError
from servicedesk.domain.tickets import has_control_character
from servicedesk.domain.times import DAY, LATEST, SECOND, Instant
from servicedesk.domain.words import say

Interval = tuple[int, int]
"""Seconds of the local day, from and until; 86400 is the day's end."""
Hours = tuple[Interval, ...]

WHOLE_DAY: Final = 86_400
AROUND_THE_CLOCK: Final[Hours] = ((0, WHOLE_DAY),)
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NAME_MAX: Final = 200
INTERVALS_MAX: Final = 12
"""Intervals a day."""
HOLIDAYS_MAX: Final = 1_000
LOOK_AHEAD: Final = 366 * DAY
"""A calendar must be open at some time within so long."""


class Holiday(msgspec.Struct, frozen=True):
    """A day on which less is open than on others of its weekday; a dated one goes before a yearly one."""

    date: str
    """``2026-12-25``, or ``12-25`` for every year."""
    name: str
    open: Hours = ()
    """Of the weekday's hours only what lies within these remains; without any the day is off."""

    @property
    def is_yearly(self) -> bool:
        return len(self.date) == len("12-25")


class Calendar(msgspec.Struct, frozen=True, dict=True, cache_hash=True):
    """When the desk is open. Durations are milliseconds of open time.

    For d ≥ 0, ``between(start, add(start, d)) == d`` until the year 9999; both grow with each argument, and
    ``add(add(start, c), d) == add(start, c + d)`` for d > 0.
    """

    name: str
    zone: str
    week: tuple[Hours, Hours, Hours, Hours, Hours, Hours, Hours]
    """The hours of each weekday, Monday first."""
    holidays: tuple[Holiday, ...] = ()

    def add(self, start: Instant, duration: int) -> Instant:
        """Return the first instant by which so much open time has passed since the start.

        What ends together with the open hours is due at that end, not at the next opening. With nothing to
        wait for, it is when the time would begin to run: the start if open, else the next opening. What never
        comes (see ``HORIZON``) is ``LATEST``. Raises ValueError for a duration below 0.
        """
        if duration < 0:
            raise ValueError("a duration is not negative")
        if self.is_always_open:
            return min(start + duration, LATEST)
        if duration == 0:
            opens = self.next_open(start)
            return LATEST if opens is None else opens
        return self._when(start, duration)

    def between(self, a: Instant, b: Instant) -> int:
        """Return the open time in [a, b), 0 unless a is before b."""
        if b <= a:
            return 0
        if self.is_always_open:
            return b - a
        first, last = a // _PART, b // _PART
        whole = sum(_part(self, number).total for number in range(first, last))
        return whole + _part(self, last).until(b) - _part(self, first).until(a)

    def open_between(self, a: Instant, b: Instant) -> Iterator[tuple[Instant, Instant]]:
        """Yield the open stretches in [a, b), cut to it, none touching the next."""
        if b <= a or self.is_always_open:
            return iter([(a, b)] if a < b else [])
        return _joined(
            (max(start, a), min(end, b)) for start, end in self._stretches(a, b) if start < b and end > a
        )

    def is_open(self, at: Instant) -> bool:
        return self.is_always_open or _part(self, at // _PART).is_open(at)

    def next_open(self, at: Instant) -> Instant | None:
        """Return the first open instant that is not before this one; None if there is none to come."""
        if self.is_open(at):
            return at
        return next((start for start, _ in self._stretches(at, at + HORIZON) if start > at), None)

    def next_change(self, at: Instant) -> Instant | None:
        """Return when the desk next opens or closes, after this instant; None if it never does."""
        if not self.is_open(at):
            return self.next_open(at)
        if self.is_always_open:
            return None
        end = next(end for _, end in self.open_between(at, at + HORIZON))
        return None if end == at + HORIZON else end

    def holiday_on(self, day: date) -> Holiday | None:
        """Return what makes the day another than those of its weekday."""
        found = {holiday.date: holiday for holiday in self.holidays}
        return found.get(day.isoformat()) or found.get(day.isoformat()[5:])

    @cached_property
    def is_always_open(self) -> bool:
        return not self.holidays and all(_union(day) == AROUND_THE_CLOCK for day in self.week)

    @cached_property
    def _is_never_open(self) -> bool:
        return not any(self.week)

    def _when(self, start: Instant, duration: int) -> Instant:
        number = start // _PART
        needed = duration + _part(self, number).until(start)
        for part in self._parts(number):
            if needed <= part.total:
                return part.when(needed)
            needed -= part.total
        return LATEST

    def _stretches(self, a: Instant, b: Instant) -> Iterator[tuple[Instant, Instant]]:
        """Yield stretches in order, beginning with those that reach beyond a; not cut, and some may touch."""
        for part in self._parts(a // _PART):
            for index in range(bisect_right(part.ends, a), len(part.starts)):
                if part.starts[index] >= b:
                    return
                yield part.starts[index], part.ends[index]

    def _parts(self, first: int) -> Iterator["_Part"]:
        if not self._is_never_open:
            for number in range(first, first + _HORIZON_PARTS):
                yield _part(self, number)


ALWAYS: Final = Calendar("Around the clock", "UTC", (AROUND_THE_CLOCK,) * 7)


class StoredCalendar(msgspec.Struct, frozen=True):
    """A calendar as it is kept, with the version that a change must know."""

    noun: ClassVar = say("calendar")

    id: int
    version: int
    calendar: Calendar


def problems(calendar: Calendar, at: Instant) -> list[FieldError]:
    """Return everything that is wrong with the calendar, as pointers into it as it is on the wire."""
    found = [
        *_name_errors(calendar.name, "/name"),
        *zone_errors(calendar.zone, "/zone"),
        *(
            error
            for day, hours in zip(WEEKDAYS, calendar.week, strict=True)
            for error in hours_errors(hours, f"/week/{day}")
        ),
        *holidays_errors(calendar.holidays, "/holidays"),
    ]
    if not found and not any(True for _ in calendar.open_between(at, at + LOOK_AHEAD)):
        found.append(FieldError("/week", "never_open", say("leaves no open time in the next 366 days")))
    return found


def zone_errors(zone: str, pointer: str) -> Iterator[FieldError]:
    if not _is_zone(zone):
        yield FieldError(pointer, "unknown_zone", say("is no time zone such as Europe/Berlin"))


def hours_errors(hours: Hours, pointer: str) -> Iterator[FieldError]:
    """Yield what is wrong with the hours of a day."""
    if len(hours) > INTERVALS_MAX:
        yield FieldError(pointer, "too_many", say("has more than {most} intervals", most=INTERVALS_MAX))
    reached = 0
    for start, end, index in sorted((start, end, index) for index, (start, end) in enumerate(hours)):
        if not 0 <= start <= WHOLE_DAY or not 0 <= end <= WHOLE_DAY:
            yield FieldError(f"{pointer}/{index}", "out_of_bounds", say("is not within the day"))
        elif start >= end:
            yield FieldError(f"{pointer}/{index}", "empty", say("ends before it begins, or is empty"))
        elif start < reached:
            yield FieldError(f"{pointer}/{index}", "overlap", say("overlaps another interval of the day"))
        reached = max(reached, end)


def holidays_errors(holidays: Sequence[Holiday], pointer: str) -> Iterator[FieldError]:
    if len(holidays) > HOLIDAYS_MAX:
        yield FieldError(pointer, "too_many", say("has more than {most} days", most=HOLIDAYS_MAX))
        return
    seen = set[str]()
    for index, holiday in enumerate(holidays):
        here = f"{pointer}/{index}"
        yield from _name_errors(holiday.name, f"{here}/name")
        yield from hours_errors(holiday.open, f"{here}/open")
        if not is_date(holiday.date):
            yield FieldError(f"{here}/date", "invalid", say("is no date such as 2026-12-25 or 12-25"))
        elif holiday.date in seen:
            yield FieldError(f"{here}/date", "duplicate", say("is there twice"))
        seen.add(holiday.date)


def is_date(text: str) -> bool:
    """Return whether it is a day of a year, or with month and day alone, of some year."""
    if len(text) == len("12-25"):
        return is_date(f"{_SOME_LEAP_YEAR}-{text}")
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def time_of(text: str) -> int | None:
    """Return the second of the day that ``09:00`` or ``09:00:30`` is, up to ``24:00``; None for anything else."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    second = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3] or 0)
    return second if second <= WHOLE_DAY else None


def time_text(second: int) -> str:
    """Return for example ``09:00``, with seconds only where there are some."""
    minutes, rest = divmod(second, 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{rest:02}" if rest else text


def merged(calendar: Calendar, more: Iterable[Holiday]) -> Calendar:
    """Return the calendar with these dated holidays; days that it knows already stay as they are."""
    known = {holiday.date for holiday in calendar.holidays}
    new = [h for h in more if h.date not in known and h.date[5:] not in known]
    return msgspec.structs.replace(calendar, holidays=in_order([*calendar.holidays, *new]))


def in_order(holidays: Iterable[Holiday]) -> tuple[Holiday, ...]:
    """Return the yearly ones first, each by their dates."""
    return tuple(sorted(holidays, key=lambda holiday: (not holiday.is_yearly, holiday.date)))


def _is_zone(name: str) -> bool:
    """Return whether there is such a zone, the same one on every machine."""
    if name.partition("/")[0] in _NO_ZONES:
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, outside the folder of zones, or a folder itself
        return False
    return True


def _name_errors(name: str, pointer: str) -> Iterator[FieldError]:
    if not name.strip():
        yield FieldError(pointer, "too_short", say("must not be blank"))
    elif len(name) > NAME_MAX:
        yield FieldError(pointer, "too_long", say("must have at most {most} characters", most=NAME_MAX))
    elif has_control_character(name):
        yield FieldError(
            pointer, "control_character", say("must not contain line breaks or control characters")
        )


# How it is worked out --------------------------------------------------
#
# Time is cut into parts of 52 weeks. A part's stretches are worked out once, with running totals: a question
# then costs two binary searches and a sum over the parts between.

_PART: Final = 364 * DAY
_HORIZON_PARTS: Final = 100
HORIZON: Final = _HORIZON_PARTS * _PART
"""How far ahead an opening is looked for, and a due instant: about a hundred years."""
_SOME_LEAP_YEAR: Final = 2000
_NO_ZONES: Final = frozenset({"localtime", "posix", "posixrules", "right"})
"""Names beside the zones' own in some folders of zones: this machine's, and copies with other seconds."""
_TIME: Final = re.compile(r"([0-9]{2}):([0-5][0-9])(?::([0-5][0-9]))?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_FIRST_DAY: Final = date(1, 1, 3).toordinal()
_LAST_DAY: Final = date(9999, 12, 29).toordinal()
"""Days nearer to the ends of what ``datetime`` can hold have no open time."""
_ONE_DAY: Final = timedelta(days=1)
_ONE_SECOND: Final = timedelta(seconds=1)


class _Part:
    """The open stretches of 52 weeks, and how much was open before each."""

    __slots__ = ("before", "ends", "starts", "total")

    def __init__(self, stretches: Sequence[tuple[Instant, Instant]]) -> None:
        self.starts = array("q", [start for start, _ in stretches])
        self.ends = array("q", [end for _, end in stretches])
        *before, self.total = accumulate([end - start for start, end in stretches], initial=0)
        self.before = array("q", before)

    def until(self, at: Instant) -> int:
        """Return the part's open time before the instant, which lies in the part."""
        index = bisect_right(self.starts, at) - 1
        return self.before[index] + min(at, self.ends[index]) - self.starts[index] if index >= 0 else 0

    def when(self, needed: int) -> Instant:
        """Return the instant before which so much is open: more than nothing, at most the total."""
        index = bisect_left(self.before, needed) - 1
        return self.starts[index] + needed - self.before[index]

    def is_open(self, at: Instant) -> bool:
        index = bisect_right(self.starts, at) - 1
        return index >= 0 and at < self.ends[index]


@lru_cache(maxsize=512)
def _part(calendar: Calendar, number: int) -> _Part:
    begin, over = number * _PART, (number + 1) * _PART
    # A day more on either side of the zone's furthest offset, since Samoa once skipped one.
    first = max(_EPOCH_DAY + begin // DAY - 2, _FIRST_DAY)
    days = max(min(_EPOCH_DAY + over // DAY + 2, _LAST_DAY) - first, 0)
    return _Part(_cut(_joined(_open_seconds(calendar, first, days)), begin // SECOND, over // SECOND))


def _cut(seconds: Iterator[Interval], begin: int, over: int) -> list[tuple[Instant, Instant]]:
    """Return as instants what of the stretches lies within."""
    found = [(s * SECOND, e * SECOND) for s, e in seconds if s < e and s < over and e > begin]
    if found:
        found[0] = (max(found[0][0], begin * SECOND), found[0][1])
        found[-1] = (found[-1][0], min(found[-1][1], over * SECOND))
    return found


def _open_seconds(calendar: Calendar, first: int, days: int) -> Iterator[Interval]:
    """Yield what is open on these days, as seconds since the epoch; stretches may touch or overlap."""
    zone = ZoneInfo(calendar.zone)
    midnights = _midnights(calendar.zone, first, days)
    week = [_union(hours) for hours in calendar.week]
    exceptions = _exceptions(calendar, first, days)
    for index in range(days):
        day, midnight = first + index, midnights[index]
        hours = week[(day - 1) % 7]
        if day in exceptions:
            hours = _common(hours, exceptions[day])
        if midnight is not None:
            for start, end in hours:
                yield midnight + start, midnight + end
        else:
            for start, end in hours:
                yield _second(zone, day, start), _second(zone, day, end, is_end=True)


@lru_cache(maxsize=256)
def _midnights(zone_name: str, first: int, days: int) -> list[int | None]:
    """Return when each day begins, None for one on which, or at whose ends, clocks are turned."""
    wall = datetime.fromordinal(first).replace(tzinfo=ZoneInfo(zone_name)) if days else _EPOCH
    second = (first - _EPOCH_DAY) * WHOLE_DAY
    found: list[int | None] = []
    offset = wall.utcoffset()
    for midnight in range(second, second + days * WHOLE_DAY, WHOLE_DAY):
        wall += _ONE_DAY
        before, offset = offset, wall.utcoffset()
        found.append(midnight - _seconds(offset) if before == offset else None)
    return found


def _second(zone: ZoneInfo, day: int, second: int, *, is_end: bool = False) -> int:
    """Return when the wall clock shows this; see the module's text for when it never does, or twice."""
    wall = datetime.fromordinal(day) + timedelta(seconds=second)
    naive = (wall.toordinal() - _EPOCH_DAY) * WHOLE_DAY + second % WHOLE_DAY
    early, late = (naive - _seconds(wall.replace(tzinfo=zone, fold=fold).utcoffset()) for fold in (0, 1))
    if early > late:
        return _turn(zone, late, early)
    return late if is_end and second < WHOLE_DAY else early


def _turn(zone: ZoneInfo, before: int, after: int) -> int:
    """Return the second in (before, after] at which the zone's clocks are turned."""
    offset = _offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, second: int) -> timedelta | None:
    return (_EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset()


def _seconds(offset: timedelta | None) -> int:
    return 0 if offset is None else offset // _ONE_SECOND


def _exceptions(calendar: Calendar, first: int, days: int) -> Mapping[int, Hours]:
    """Return the hours of the holidays among these days."""
    years = range(date.fromordinal(first).year, date.fromordinal(first + days).year + 1) if days else ()
    yearly = {
        date.fromisoformat(text).toordinal(): _union(holiday.open)
        for holiday in calendar.holidays
        if holiday.is_yearly
        for year in years
        if is_date(text := f"{year:04}-{holiday.date}")
    }
    dated = {
        date.fromisoformat(holiday.date).toordinal(): _union(holiday.open)
        for holiday in calendar.holidays
        if not holiday.is_yearly
    }
    return yearly | dated


def _union(hours: Hours) -> Hours:
    return tuple(_joined(sorted(hours)))


def _common(some: Hours, others: Hours) -> Hours:
    cut = ((max(a, c), min(b, d)) for a, b in some for c, d in others)
    return tuple(sorted((start, end) for start, end in cut if start < end))


def _joined(stretches: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the stretches, which come in order of their starts, with those that touch or overlap made one."""
    pending: tuple[int, int] | None = None
    for start, end in stretches:
        if pending is None:
            pending = (start, end)
        elif start <= pending[1]:
            pending = (pending[0], max(end, pending[1]))
        else:
            yield pending
            pending = (start, end)
    if pending is not None:
        yield pending
