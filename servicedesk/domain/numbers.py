"""The desk in numbers: which days, which place in a row, what was open at the end of a day."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import groupby
from typing import Final

import msgspec

from servicedesk.domain.errors import BadParameter
from servicedesk.domain.listing import NOBODY, Format, number_of
from servicedesk.domain.people import PersonRef
from servicedesk.domain.times import SECOND, Instant
from servicedesk.domain.words import say

USUAL_DAYS: Final = 30
DAYS_MAX: Final = 100 * 366


class NumbersQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of the numbers: dates in the desk's time zone, both included."""

    from_: str | None = msgspec.field(name="from", default=None)
    """By default the last 30 days."""
    to: str | None = None
    team: list[str] = []
    """Ids, or ``none``."""
    format: Format = Format.JSON


class Day(msgspec.Struct, frozen=True):
    """A day as the desk's clock has it: from midnight to before the next one, 23 to 25 hours later."""

    date: date
    start: Instant
    end: Instant


class Times(msgspec.Struct, frozen=True):
    """How long it took, in seconds; None if it never happened."""

    median_s: float | None
    p90_s: float | None


class Verdicts(msgspec.Struct, frozen=True):
    """The promises of the tickets that ended in the period; ``rate`` is the share that was kept."""

    met: int
    breached: int
    rate: float | None


class AgentNumbers(msgspec.Struct, frozen=True):
    agent: PersonRef
    open: int
    resolved: int


class DayNumbers(msgspec.Struct, frozen=True):
    """A day of the period; ``backlog`` is what was unresolved at its end."""

    date: date
    created: int
    resolved: int
    backlog: int


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Some days of a period, both ends included, that a chart shows as one."""

    first: date
    last: date
    start: Instant
    end: Instant
    created: int
    resolved: int
    backlog: int


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """What is open now, and what happened in the period."""

    open: int
    unassigned: int
    overdue: int
    by_status: dict[str, int]
    """All tickets."""
    by_priority: dict[str, int]
    """The unresolved ones."""
    by_agent: list[AgentNumbers]
    created: int
    resolved: int
    first_response: Times
    resolution: Times
    sla: Verdicts
    daily: list[DayNumbers]


def period_of(query: NumbersQuery, zone: tzinfo, now: Instant) -> list[Day]:
    """Return the days that are asked for. Raises BadParameter."""
    last = _date("to", query.to) or date_at(now, zone)
    first = _date("from", query.from_) or last - timedelta(days=USUAL_DAYS - 1)
    if first > last:
        raise BadParameter.of("from", say("is after to."))
    if (last - first).days >= DAYS_MAX:
        raise BadParameter.of("from", say("at most {most} days can be counted at once.", most=DAYS_MAX))
    return [day_of(first + timedelta(days=n), zone) for n in range((last - first).days + 1)]


def date_at(now: Instant, zone: tzinfo) -> date:
    return datetime.fromtimestamp(now / SECOND, zone).date()


def teams_of(query: NumbersQuery) -> tuple[int | None, ...]:
    return tuple(None if text == NOBODY else number_of("team", text) for text in query.team)


def day_of(day: date, zone: tzinfo) -> Day:
    return Day(day, _midnight(day, zone), _midnight(day + timedelta(days=1), zone))


def nearest_rank(percent: int, number: int) -> int:
    """Return the place, counted from 1, at which that share of so many sorted values is reached."""
    return max(1, -(-percent * number // 100))


def stretches(days: Sequence[Day], daily: Sequence[DayNumbers]) -> list[Stretch]:
    """Return the days as they are, or by weeks, months or years if there are many."""
    part_of = next(part_of for most, part_of in _PARTS if len(days) <= most)
    both = zip(days, daily, strict=True)
    groups = [list(group) for _, group in groupby(both, key=lambda pair: part_of(pair[0].date))]
    return [
        Stretch(
            first=group[0][0].date,
            last=group[-1][0].date,
            start=group[0][0].start,
            end=group[-1][0].end,
            created=sum(numbers.created for _, numbers in group),
            resolved=sum(numbers.resolved for _, numbers in group),
            backlog=group[-1][1].backlog,
        )
        for group in groups
    ]


def rate(met: int, breached: int) -> float | None:
    return round(met / (met + breached), 4) if met + breached else None


def backlogs(open_after: int, created: Sequence[int], ended: Sequence[int]) -> list[int]:
    """Return what was open at the end of each day, going back from what was open after the last one."""
    found = [open_after]
    for born, done in zip(reversed(created[1:]), reversed(ended[1:]), strict=True):
        found.append(found[-1] - born + done)
    return found[::-1]


def _midnight(day: date, zone: tzinfo) -> Instant:
    return round(datetime.combine(day, time(), zone).timestamp()) * SECOND


def _date(name: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise BadParameter.of(name, say("{text!r} is no date like 2026-11-23.", text=text[:40])) from None
    if not _EARLIEST <= found <= _LATEST:
        raise BadParameter.of(
            name, say("is not between {earliest} and {latest}.", earliest=_EARLIEST, latest=_LATEST)
        )
    return found


_PARTS: Final[tuple[tuple[int, Callable[[date], object]], ...]] = (
    (93, lambda day: day),
    (2 * 366, lambda day: day.isocalendar()[:2]),
    (10 * 366, lambda day: (day.year, day.month)),
    (DAYS_MAX, lambda day: day.year),
)
"""Up to how many days a chart shows days, weeks, months, years."""
_EARLIEST: Final = date(1970, 1, 1)
_LATEST: Final = date(2999, 12, 31)
