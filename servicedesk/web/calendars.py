"""Business hours over HTTP."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from servicedesk.desk import calendars as desk
from servicedesk.domain import views
from servicedesk.domain.calendars import (
    HOLIDAYS_MAX,
    INTERVALS_MAX,
    WEEKDAYS,
    Calendar,
    Holiday,
    Hours,
    holidays_errors,
    hours_errors,
    time_of,
    zone_errors,
)
from servicedesk.domain.errors import FieldError
from servicedesk.domain.views import CalendarBody
from servicedesk.domain.words import say
from servicedesk.store import calendars as stored
from servicedesk.web import holidays, lists
from servicedesk.web.api import Call
from servicedesk.web.decode import checked
from servicedesk.web.fields import OneLine
from servicedesk.web.lists import Paging

YEARS_MAX: Final = 10
Time = Annotated[
    str,
    Meta(
        description="09:00 or 09:00:30, as an end up to 24:00",
        extra_json_schema={"pattern": "^([01][0-9]|2[0-4]):[0-5][0-9](:[0-5][0-9])?$"},
    ),
]
Pair = tuple[Time, Time]


def _times_errors(times: Sequence[Sequence[str]], pointer: str) -> Iterator[FieldError]:
    unreadable = [
        FieldError(f"{pointer}/{index}/{side}", "invalid", say("is no time such as 09:00, at most 24:00"))
        for index, pair in enumerate(times)
        for side, text in enumerate(pair)
        if time_of(text) is None
    ]
    yield from unreadable or hours_errors(_hours(times), pointer)


Times = Annotated[list[Pair], Meta(max_length=INTERVALS_MAX), checked(_times_errors)]


class Week(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hours of each weekday, several intervals if there is a break; none is closed."""

    mon: Times = []
    tue: Times = []
    wed: Times = []
    thu: Times = []
    fri: Times = []
    sat: Times = []
    sun: Times = []


class HolidayIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``date`` is a day, or month and day for every year; ``open`` is what remains of the day's hours."""

    date: Annotated[
        str,
        Meta(
            description="2026-12-25, or 12-25 for every year",
            extra_json_schema={"pattern": "^([0-9]{4}-)?[0-9]{2}-[0-9]{2}$"},
        ),
    ]
    name: OneLine
    open: Annotated[list[Pair], Meta(max_length=INTERVALS_MAX)] = []


def _all_holidays_errors(raw: Any, pointer: str) -> Iterator[FieldError]:
    sent = msgspec.convert(raw, list[HolidayIn], from_attributes=True)
    unreadable = [
        error
        for index, holiday in enumerate(sent)
        for error in _times_errors(holiday.open, f"{pointer}/{index}/open")
    ]
    dated = [Holiday(holiday.date, holiday.name) for holiday in sent]
    yield from [*unreadable, *holidays_errors(dated, pointer)]


class NewCalendar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: OneLine
    zone: Annotated[str, Meta(max_length=64, description="such as Europe/Berlin"), checked(zone_errors)]
    week: Week
    holidays: Annotated[list[HolidayIn], Meta(max_length=HOLIDAYS_MAX), checked(_all_holidays_errors)] = []


class Import(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose holidays to take: a country such as DE, perhaps a part of it such as BY."""

    country: Annotated[str, Meta(min_length=2, max_length=5)]
    subdivision: Annotated[str, Meta(max_length=80)] | None = None
    years: Annotated[list[Annotated[int, Meta(ge=1970, le=2100)]], Meta(min_length=1, max_length=YEARS_MAX)]
    language: Annotated[str, Meta(max_length=10)] | None = None
    """In which the names are; English where there is such a list."""


async def everything(call: Call, paging: Paging) -> web.Response:
    """Return calendars in the order in which they were made."""

    def fetch(after: int, limit: int) -> list[tuple[int, CalendarBody]]:
        return [(c.id, views.calendar(c)) for c in call.peek(stored.page, after=after, limit=limit)]

    return lists.numbered(call, paging, fetch, lambda: call.peek(stored.count))


async def create(call: Call, body: NewCalendar) -> CalendarBody:
    """Make a calendar: when the desk is open."""
    new = calendar_of(body)
    return await call.write(lambda tx: views.calendar(desk.create(tx, new, at=call.now)))


async def one(call: Call) -> CalendarBody:
    """Return a calendar."""
    return views.calendar(call.thing)


async def replace(call: Call, body: NewCalendar) -> CalendarBody:
    """Make a calendar another one; what counts in its time is worked out anew."""
    new, versions = calendar_of(body), call.versions

    def job(tx: Any) -> CalendarBody:
        return views.calendar(desk.replace(tx, call.id, new, versions=versions, at=call.now))

    return await call.write(job)


async def delete(call: Call) -> None:
    """Remove a calendar that nothing uses."""
    await call.write(desk.delete, call.id, versions=call.versions)


async def import_holidays(call: Call, body: Import) -> CalendarBody:
    """Add a country's public holidays.

    Days that the calendar has already stay as they are. This needs the extra ``holidays`` of the installation.
    """
    found = await holidays.of_country(body.country, body.subdivision, body.years, body.language)
    versions = call.versions

    def job(tx: Any) -> CalendarBody:
        return views.calendar(desk.add_holidays(tx, call.id, found, versions=versions, at=call.now))

    return await call.write(job)


def calendar_of(body: NewCalendar) -> Calendar:
    """Return the calendar that a checked body describes."""
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = (
        _hours(getattr(body.week, day)) for day in WEEKDAYS
    )
    return Calendar(
        body.name,
        body.zone,
        (monday, tuesday, wednesday, thursday, friday, saturday, sunday),
        tuple(Holiday(each.date, each.name, _hours(each.open)) for each in body.holidays),
    )


def _hours(times: Sequence[Sequence[str]]) -> Hours:
    return tuple((time_of(start) or 0, time_of(end) or 0) for start, end in times)
