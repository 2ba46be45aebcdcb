"""The page of business hours: every calendar with its next days, and the forms that set them."""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web
from multidict import MultiMapping

from servicedesk.desk import calendars as desk
from servicedesk.desk import setup
from servicedesk.domain.calendars import (
    WEEKDAYS,
    WHOLE_DAY,
    Calendar,
    Holiday,
    Hours,
    StoredCalendar,
    time_text,
    zones,
)
from servicedesk.domain.errors import Invalid, Refused
from servicedesk.domain.people import SUPERVISORS
from servicedesk.domain.times import SECOND, Instant
from servicedesk.store import calendars as stored
from servicedesk.store.db import Connection
from servicedesk.web import auth, calendars, decode, frame, holidays, problems
from servicedesk.web.api import Call
from servicedesk.web.frame import Content
from servicedesk.web.wording import MONTHS

HERE: Final = "/settings/calendars"
MOST: Final = 100
DAYS: Final = 7
DAY_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DONE: Final = {
    "made": "The calendar is made.",
    "saved": "Saved.",
    "imported": "The holidays are imported.",
    "deleted": "Deleted.",
}
_TIME: Final = r"\d{1,2}(?:[:.]\d{2}){0,2}"
_SPAN: Final = rf"{_TIME}\s*[-–]\s*{_TIME}"
_LINE: Final = re.compile(rf"(\S+)(?:\s+({_SPAN}(?:\s*,\s*{_SPAN})*))?(?:\s+(.*))?")

Values = Mapping[str, str]


# The page ----------------------------------------------------------------------------------------------------


async def page(call: Call) -> web.Response:
    """Business hours."""
    edited = call.request.query.get("edit", "")
    return await _show(call, edited=int(edited) if edited.isdecimal() and len(edited) < 16 else None)


async def _show(
    call: Call,
    *,
    edited: int | None = None,
    values: Values | None = None,
    errors: Mapping[str, str] | None = None,
    refusal: str | None = None,
    status: int = 200,
) -> web.Response:
    """Show the page, with what was typed into the form and what is wrong with it."""
    may_edit = call.actor.role in SUPERVISORS

    def read(conn: Connection) -> Content:
        one = stored.get(conn, edited) if edited is not None and may_edit else None
        shown = stored.page(conn, limit=MOST)
        return {
            "calendars": [_shown(calendar, call.now) for calendar in shown],
            "editing": one,
            "values": values or (_values(one) if one else _suggested(conn)),
        }

    extra: Content = {"may_edit": may_edit, "errors": errors or {}, "refusal": refusal}
    extra["done"] = _DONE.get(call.request.query.get("done", ""))
    extra["weekdays"] = list(zip(WEEKDAYS, DAY_NAMES, strict=True))
    extra["zones"] = sorted(zone for zone in zones() if "/" in zone or zone == "UTC") if may_edit else []
    year = datetime.fromtimestamp(call.now / SECOND, ZoneInfo("UTC")).year
    extra["years"] = f"{year}, {year + 1}"
    return await frame.show(call, "calendars.html", read, extra=extra, status=status)


def _suggested(conn: Connection) -> Content:
    """Return what a new calendar might look like: the usual week, in the desk's own zone."""
    usual = dict.fromkeys(WEEKDAYS[:5], "09:00-17:00")
    return {"zone": setup.time_zone(conn).key, **usual}


def _shown(kept: StoredCalendar, now: Instant) -> Content:
    calendar, zone = kept.calendar, ZoneInfo(kept.calendar.zone)
    change = calendar.next_change(now)
    return {
        "id": kept.id,
        "name": calendar.name,
        "zone": calendar.zone,
        "is_open": calendar.is_open(now),
        "change": None if change is None else _moment(change, now, zone),
        "days": list(next_days(calendar, now)),
        "holidays": len(calendar.holidays),
    }


def next_days(calendar: Calendar, now: Instant) -> list[Content]:
    """Return today and the days after as the calendar's own clocks show them."""
    today = datetime.fromtimestamp(now / SECOND, ZoneInfo(calendar.zone)).date()
    return [_day(calendar, today + timedelta(days=n), n) for n in range(DAYS)]


def _day(calendar: Calendar, day: date, ahead: int) -> Content:
    zone = ZoneInfo(calendar.zone)
    start, end = (_midnight(each, zone) for each in (day, day + timedelta(days=1)))
    spans = []
    for begins, ends in calendar.open_between(start, end):
        until = WHOLE_DAY if ends == end else _wall_second(ends, zone)
        spans.append((_wall_second(begins, zone), until))
    holiday = calendar.holiday_on(day)
    return {
        "label": ("Today", "Tomorrow")[ahead] if ahead < 2 else _date_text(day),
        "bars": [(round(a / 300, 2), round(max(b - a, 0) / 300, 2)) for a, b in spans],
        "text": _hours_text(tuple(spans), "–") or "closed",
        "holiday": holiday.name if holiday else None,
    }


def _midnight(day: date, zone: ZoneInfo) -> Instant:
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * SECOND


def _wall_second(at: Instant, zone: ZoneInfo) -> int:
    wall = datetime.fromtimestamp(at / SECOND, zone)
    return wall.hour * 3600 + wall.minute * 60 + wall.second


def _moment(at: Instant, now: Instant, zone: ZoneInfo) -> str:
    wall, here = (datetime.fromtimestamp(each / SECOND, zone) for each in (at, now))
    time = f"{wall:%H:%M}"
    return time if wall.date() == here.date() else f"{_date_text(wall.date())}, {time}"


def _date_text(day: date) -> str:
    return f"{DAY_NAMES[day.weekday()][:3]} {day.day} {MONTHS[day.month - 1]}"


# The calendar as text ------------------------------------------------------------------------------------------


def _values(kept: StoredCalendar) -> Content:
    """Return the calendar as the form's fields have it."""
    calendar = kept.calendar
    week = zip(WEEKDAYS, calendar.week, strict=True)
    return {
        "name": calendar.name,
        "zone": calendar.zone,
        "version": str(kept.version),
        "holidays": "\n".join(_line(holiday) for holiday in calendar.holidays),
        **{day: _hours_text(hours) for day, hours in week},
    }


def _hours_text(hours: Hours, dash: str = "-") -> str:
    return ", ".join(f"{time_text(start)}{dash}{time_text(end)}" for start, end in hours)


def _line(holiday: Holiday) -> str:
    return " ".join(part for part in (holiday.date, _hours_text(holiday.open), holiday.name) if part)


def body_of(fields: Mapping[str, str]) -> Content:
    """Return what the API's call takes, from the fields; what cannot be read is left for it to refuse."""
    return {
        "name": fields.get("name", ""),
        "zone": fields.get("zone", "").strip(),
        "week": {day: _pairs(fields.get(day, "")) for day in WEEKDAYS},
        "holidays": [_holiday(line) for _, line in _lines(fields.get("holidays", ""))],
    }


def _pairs(text: str) -> list[list[str]]:
    if text.strip().casefold() in ("", "-", "closed"):
        return []
    spans = (re.split(r"[-–]", part, maxsplit=1) for part in re.split(r"[,;]", text))
    return [[_clock(span[0]), _clock(span[-1]) if len(span) > 1 else ""] for span in spans]


def _clock(text: str) -> str:
    """Return the time as the API spells it: 9 and 9.30 are 09:00 and 09:30."""
    text = text.strip()
    if not re.fullmatch(_TIME, text, re.ASCII):
        return text
    hour, *rest = re.split(r"[:.]", text)
    return ":".join([hour.zfill(2), *(rest or ["00"])])


def _holiday(line: str) -> Content:
    match = _LINE.fullmatch(line)
    day, open_, name = match.groups() if match else (line, None, None)
    return {"date": day, "name": name or "", "open": _pairs(open_ or "")}


def _lines(text: str) -> list[tuple[int, str]]:
    """Return the lines that are not blank, with their numbers."""
    return [(n, line.strip()) for n, line in enumerate(text.splitlines(), start=1) if line.strip()]


# The forms -----------------------------------------------------------------------------------------------------


async def make(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)

    async def act() -> None:
        await calendars.create(call, _checked(fields))

    return await _done(call, fields, act, "made")


async def save(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)

    async def act() -> None:
        new, version = calendars.calendar_of(_checked(fields)), fields.get("version", "")
        versions = frozenset({int(version)}) if version.isdecimal() and len(version) < 16 else None
        await call.write(desk.replace, call.id, new, versions=versions, at=call.now)

    return await _done(call, fields, act, "saved")


async def import_holidays(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)
    body = {
        "country": fields.get("country", "").strip(),
        "subdivision": fields.get("subdivision", "").strip() or None,
        "years": [int(year) for year in re.findall(r"\d{1,9}", fields.get("years", ""), re.ASCII)],
    }

    async def act() -> None:
        wanted = decode.body(msgspec.json.encode(body), calendars.Import)
        found = await holidays.of_country(wanted.country, wanted.subdivision, wanted.years)
        await call.write(desk.add_holidays, call.id, found, at=call.now)

    return await _done(call, None, act, "imported")


async def delete(call: Call) -> web.StreamResponse:
    async def act() -> None:
        await call.write(desk.delete, call.id)

    return await _done(call, None, act, "deleted")


async def _done(
    call: Call, fields: MultiMapping[str] | None, act: Callable[[], Awaitable[None]], done: str
) -> web.StreamResponse:
    """Do it and lead back to the page; a refusal is shown there, beside what was typed."""
    edited = call.thing.id if call.thing else None
    try:
        await act()
    except Refused as refusal:
        values = None if fields is None else dict(fields)
        if values and edited is not None:
            # Who has read the refusal and saves again means it.
            values["version"] = str(call.peek(stored.get, edited).version)
        errors = _by_field(refusal, values or {})
        return await _show(
            call,
            edited=edited,
            values=values,
            errors=errors,
            refusal=None if errors and values else refusal.detail,
            status=problems.status_of(refusal),
        )
    back = f"&edit={edited}#edit" if done == "imported" else ""
    raise web.HTTPSeeOther(f"{HERE}?done={done}{back}")


def _checked(fields: MultiMapping[str]) -> calendars.NewCalendar:
    return decode.body(msgspec.json.encode(body_of(dict(fields))), calendars.NewCalendar)


def _by_field(refusal: Refused, values: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong by the name of the form's field; holidays by the number of their line."""
    if not isinstance(refusal, Invalid):
        return {}
    numbers = [number for number, _ in _lines(values.get("holidays", ""))]
    said: dict[str, list[str]] = {}
    for error in refusal.errors:
        name, _, rest = error.pointer.strip("/").partition("/")
        where, _, place = rest.partition("/")
        if name == "week" and where:
            name, where = where, f"interval {int(place.split('/')[0]) + 1} " if place else ""
        elif name == "holidays" and where:
            where = f"line {numbers[int(where)]}: {place.split('/')[0]} "
        else:
            where = ""
        said.setdefault(name, []).append(f"{where}{error.message}")
    return {name: _sentence("; ".join(dict.fromkeys(texts))) for name, texts in said.items()}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
