"""The page of business hours: every calendar with its next days, and the forms that set them."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import partial
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
)
from servicedesk.domain.errors import Invalid, Refused
from servicedesk.domain.people import SUPERVISORS
from servicedesk.domain.times import SECOND, Instant
from servicedesk.domain.words import begun, joined, say
from servicedesk.store import calendars as stored
from servicedesk.store.db import Connection
from servicedesk.web import auth, calendars, decode, frame, holidays, problems
from servicedesk.web.api import Call
from servicedesk.web.frame import Content
from servicedesk.web.settings_forms import lead_back, number_of, versions_of, zones
from servicedesk.web.wording import MONTHS

HERE: Final = "/settings/calendars"
STEP: Final = 24
DAYS: Final = 7
_AHEAD: Final = (say("Today"), say("Tomorrow"))
DAY_NAMES: Final = (
    say("Monday"),
    say("Tuesday"),
    say("Wednesday"),
    say("Thursday"),
    say("Friday"),
    say("Saturday"),
    say("Sunday"),
)
_DONE: Final = {
    "made": say("The calendar is made."),
    "saved": say("Saved."),
    "imported": say("The holidays are imported."),
    "deleted": say("Deleted."),
}
_CLOSED: Final = say("closed")
_SHORT_DAYS: Final = (
    say("Mon"),
    say("Tue"),
    say("Wed"),
    say("Thu"),
    say("Fri"),
    say("Sat"),
    say("Sun"),
)
_TIME: Final = r"\d{1,2}(?:[:.]\d{2}){0,2}"
_SPAN: Final = rf"{_TIME}\s*[-–]\s*{_TIME}"
_LINE: Final = re.compile(rf"(\S+)(?:\s+({_SPAN}(?:\s*,\s*{_SPAN})*))?(?:\s+(.*))?")

Values = Mapping[str, str]


# The page ----------------------------------------------------------------------------------------------------


async def page(call: Call) -> web.Response:
    """Business hours."""
    return await _show(call, edited=number_of(call.request.query.get("edit", "")))


async def _show(
    call: Call,
    *,
    edited: int | None = None,
    values: Values | None = None,
    wanted: Values | None = None,
    errors: Mapping[str, str] | None = None,
    refusal: str | None = None,
    status: int = 200,
) -> web.Response:
    """Show the page, with what was typed into the forms, the calendar's or the import's, and what is wrong."""
    may_edit, after = call.actor.role in SUPERVISORS, number_of(call.request.query.get("after", "")) or 0

    def read(conn: Connection) -> Content:
        one = stored.get(conn, edited) if edited is not None and may_edit else None
        found = stored.page(conn, after=after, limit=STEP + 1)
        shown = found[:STEP]
        return {
            "calendars": [_shown(calendar, call.now) for calendar in shown],
            "next_href": f"{HERE}?after={shown[-1].id}" if len(found) > STEP else None,
            "editing": one,
            "values": values or (_values(one) if one else _suggested(conn)),
            "zones": zones() if may_edit else (),
        }

    extra: Content = {"may_edit": may_edit, "errors": errors or {}, "refusal": refusal}
    extra["done"] = _DONE.get(call.request.query.get("done", ""))
    extra["weekdays"] = list(zip(WEEKDAYS, DAY_NAMES, strict=True))
    year = datetime.fromtimestamp(call.now / SECOND, ZoneInfo("UTC")).year
    extra["wanted"] = wanted or {"years": f"{year}, {year + 1}"}
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
        "label": _AHEAD[ahead] if ahead < 2 else _date_text(day),
        "bars": [(round(a / 300, 2), round(max(b - a, 0) / 300, 2)) for a, b in spans],
        "text": _hours_text(tuple(spans), "–") or _CLOSED,
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
    return time if wall.date() == here.date() else joined(", ", (_date_text(wall.date()), time))


def _date_text(day: date) -> str:
    return say(
        "{weekday} {day} {month}",
        weekday=_SHORT_DAYS[day.weekday()],
        day=day.day,
        month=MONTHS[day.month - 1],
    )


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

    return await lead_back(f"{HERE}?done=made", act, partial(_refused, call, fields))


async def save(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)

    async def act() -> None:
        new = calendars.calendar_of(_checked(fields))
        await call.write(desk.replace, call.id, new, versions=versions_of(fields), at=call.now)

    return await lead_back(f"{HERE}?done=saved", act, partial(_refused, call, fields))


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

    return await lead_back(
        f"{HERE}?done=imported&edit={call.thing.id}#edit", act, partial(_refused, call, fields)
    )


async def delete(call: Call) -> web.StreamResponse:
    async def act() -> None:
        await call.write(desk.delete, call.id)

    return await lead_back(f"{HERE}?done=deleted", act, partial(_refused, call, None))


async def _refused(call: Call, fields: MultiMapping[str] | None, refusal: Refused) -> web.Response:
    edited = call.thing.id if call.thing else None
    typed = dict(fields) if fields is not None else {}
    errors = _by_field(refusal, typed)
    if edited is not None:
        # Who has read the refusal and saves again means it.
        typed["version"] = str(call.peek(stored.get, edited).version)
    return await _show(
        call,
        edited=edited,
        values=None if "zone" not in typed else typed,
        wanted=None if "country" not in typed else typed,
        errors=errors,
        refusal=None if errors.keys() & {*typed, "week"} else refusal.detail,
        status=problems.status_of(refusal),
    )


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
            name = where
            where = say("interval {n}", n=int(place.split("/")[0]) + 1) if place else ""
        elif name == "holidays" and where:
            where = say("line {n}: {field}", n=numbers[int(where)], field=place.split("/")[0])
        else:
            where = ""
        said.setdefault(name, []).append(joined(" ", filter(None, (where, error.message))))
    return {name: begun(joined("; ", dict.fromkeys(texts))) for name, texts in said.items()}
