"""When the desk is open, as supervisors set it. Whatever counts in a calendar's time hears of its changes."""

from collections.abc import Iterable

import msgspec

from servicedesk.desk import assignment, audit, clocks
from servicedesk.domain import views
from servicedesk.domain.audit import Action, Noun, Subject, changed
from servicedesk.domain.calendars import Calendar, Holiday, StoredCalendar, in_order, merged, problems
from servicedesk.domain.errors import InUse, Invalid, Stale
from servicedesk.domain.events import CalendarChanged
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store import calendars
from servicedesk.store.db import Tx


def create(tx: Tx, new: Calendar, *, at: Instant) -> StoredCalendar:
    made = calendars.insert(tx, _sound(new, at), at=at)
    audit.record(tx, Action.MADE, _subject(made))
    tx.after_commit(CalendarChanged(made.id))
    return made


def replace(
    tx: Tx, calendar_id: int, new: Calendar, *, versions: frozenset[int] | None = None, at: Instant
) -> StoredCalendar:
    """Make the calendar another one; the same again changes nothing."""
    before = calendars.get(tx, calendar_id)
    _require_version(before, versions)
    after = _sound(new, at)
    if after == before.calendar:
        return before
    calendars.update(tx, calendar_id, after, at=at)
    clocks.rewind_calendar(tx, calendar_id)
    assignment.hours_changed(tx, at)
    tx.after_commit(CalendarChanged(calendar_id))
    present = calendars.get(tx, calendar_id)
    audit.record(tx, Action.CHANGED, _subject(present), {"fields": changed(before.calendar, after)})
    return present


def add_holidays(
    tx: Tx,
    calendar_id: int,
    holidays: Iterable[Holiday],
    *,
    versions: frozenset[int] | None = None,
    at: Instant,
) -> StoredCalendar:
    """Add dated holidays; days that the calendar has already, with a year or without, stay as they are."""
    before = calendars.get(tx, calendar_id)
    return replace(tx, calendar_id, merged(before.calendar, holidays), versions=versions, at=at)


def delete(tx: Tx, calendar_id: int, *, versions: frozenset[int] | None = None) -> None:
    """Remove a calendar that nothing uses."""
    before = calendars.get(tx, calendar_id)
    _require_version(before, versions)
    if calendars.in_use(tx, calendar_id):
        raise InUse(say("calendar"))
    calendars.delete(tx, calendar_id)
    audit.record(tx, Action.DELETED, _subject(before))


def _sound(calendar: Calendar, at: Instant) -> Calendar:
    """Return the calendar in the order in which it is kept. Raises Invalid."""
    if errors := problems(calendar, at):
        raise Invalid(errors)
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = map(_sorted, calendar.week)
    return msgspec.structs.replace(
        calendar,
        name=calendar.name.strip(),
        week=(monday, tuesday, wednesday, thursday, friday, saturday, sunday),
        holidays=in_order(
            msgspec.structs.replace(holiday, name=holiday.name.strip(), open=_sorted(holiday.open))
            for holiday in calendar.holidays
        ),
    )


def _subject(kept: StoredCalendar) -> Subject:
    return Subject(Noun.CALENDAR, kept.id, kept.calendar.name)


def _sorted(hours: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(hours))


def _require_version(calendar: StoredCalendar, versions: frozenset[int] | None) -> None:
    if versions is not None and calendar.version not in versions:
        raise Stale(views.calendar(calendar), say("calendar"))
