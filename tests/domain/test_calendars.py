"""Business time, at hand-made moments and as laws over zones, days on which clocks are turned, and holidays."""

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicedesk.domain.calendars import (
    ALWAYS,
    AROUND_THE_CLOCK,
    WHOLE_DAY,
    Calendar,
    Holiday,
    Hours,
    problems,
)
from servicedesk.domain.times import DAY, HOUR, LATEST, MINUTE, SECOND, Instant, iso, parse

BERLIN = "Europe/Berlin"
TURNS = {
    BERLIN: ["2026-03-29", "2026-10-25"],
    "America/New_York": ["2026-03-08", "2026-11-01"],
    "America/Havana": ["2026-03-08", "2026-11-01"],  # at midnight
    "America/Sao_Paulo": ["2018-11-04", "2018-02-18"],  # at midnight, the other way
    "America/St_Johns": ["2026-03-08", "2006-10-29"],
    "Australia/Lord_Howe": ["2026-04-05", "2026-10-04"],  # by half an hour
    "Asia/Kathmandu": ["1986-01-01"],  # by a quarter
    "Africa/Casablanca": ["2026-02-15", "2026-03-22"],  # for Ramadan
    "Pacific/Apia": ["2011-12-30", "2012-04-01"],  # a day that was skipped
    "Pacific/Kiritimati": ["1994-12-31"],  # another
    "UTC": ["2026-01-01"],
}
"""Days on which clocks were turned, the zones with one of each kind that there is."""


def hours(text: str) -> Hours:
    """Read hours such as ``09-12 13:30-17``."""
    return tuple((_second(start), _second(end)) for start, end in (part.split("-") for part in text.split()))


def _second(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 3600 + int(minute or 0) * 60


def a_calendar(week: str = "09-17", *holidays: Holiday, weekend: str = "", zone: str = BERLIN) -> Calendar:
    day, end = hours(week), hours(weekend)
    return Calendar("Office", zone, (day, day, day, day, day, end, end), holidays)


def at(local: str, zone: str = BERLIN, *, again: bool = False) -> Instant:
    """Return when the zone's clocks show it; ``again`` is the second time."""
    moment = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone), fold=int(again))
    return round(moment.timestamp() * 1000)


def opened(calendar: Calendar, day: str, days: int = 1) -> list[tuple[str, str]]:
    end = datetime.fromisoformat(day) + timedelta(days=days)
    stretches = calendar.open_between(at(f"{day} 00:00", calendar.zone), at(end.isoformat(), calendar.zone))
    return [(iso(a)[5:16], iso(b)[5:16]) for a, b in stretches]


# 2026-11-23 is a Monday --------------------------------------------------


def test_what_does_not_fit_into_today_is_due_tomorrow() -> None:
    office = a_calendar()

    assert office.add(at("2026-11-23 15:00"), 4 * HOUR) == at("2026-11-24 11:00")


def test_the_clock_stands_still_over_lunch() -> None:
    office = a_calendar("09-12 13-17")

    assert office.add(at("2026-11-23 11:30"), HOUR) == at("2026-11-23 13:30")
    assert office.between(at("2026-11-23 11:30"), at("2026-11-23 13:30")) == HOUR


def test_what_is_used_up_at_closing_time_is_due_at_closing_time() -> None:
    office = a_calendar()

    assert office.add(at("2026-11-23 15:00"), 2 * HOUR) == at("2026-11-23 17:00")
    assert office.add(at("2026-11-23 15:00"), 2 * HOUR + 1) == at("2026-11-24 09:00") + 1


def test_with_nothing_to_wait_for_it_is_due_when_the_desk_is_open() -> None:
    office = a_calendar()

    assert office.add(at("2026-11-23 15:00"), 0) == at("2026-11-23 15:00")
    assert office.add(at("2026-11-23 17:00"), 0) == at("2026-11-24 09:00")
    assert office.add(at("2026-11-21 12:00"), 0) == at("2026-11-23 09:00")


def test_friday_evening_counts_from_monday_morning() -> None:
    office = a_calendar()

    assert office.add(at("2026-11-20 18:30"), HOUR) == at("2026-11-23 10:00")
    assert office.between(at("2026-11-20 18:30"), at("2026-11-23 09:00")) == 0


def test_the_desk_is_open_from_its_first_second_and_closed_at_its_last() -> None:
    office = a_calendar()

    assert not office.is_open(at("2026-11-23 09:00") - 1)
    assert office.is_open(at("2026-11-23 09:00"))
    assert office.is_open(at("2026-11-23 17:00") - 1)
    assert not office.is_open(at("2026-11-23 17:00"))


def test_the_next_opening_is_now_while_the_desk_is_open() -> None:
    office = a_calendar()

    assert office.next_open(at("2026-11-23 12:00")) == at("2026-11-23 12:00")
    assert office.next_open(at("2026-11-23 17:00")) == at("2026-11-24 09:00")
    assert office.next_change(at("2026-11-23 12:00")) == at("2026-11-23 17:00")
    assert office.next_change(at("2026-11-23 17:00")) == at("2026-11-24 09:00")


def test_a_night_shift_is_one_stretch_across_midnight() -> None:
    nights = a_calendar("00-06 22-24", weekend="00-06 22-24", zone="UTC")

    assert opened(nights, "2026-11-23", 2) == [
        ("11-23T00:00", "11-23T06:00"),
        ("11-23T22:00", "11-24T06:00"),
        ("11-24T22:00", "11-25T00:00"),
    ]
    assert nights.next_change(at("2026-11-23 23:00", "UTC")) == at("2026-11-24 06:00", "UTC")


def test_intervals_that_touch_are_one_stretch() -> None:
    office = a_calendar("09-12 12-17", zone="UTC")

    assert opened(office, "2026-11-23") == [("11-23T09:00", "11-23T17:00")]


def test_nothing_is_open_between_an_instant_and_an_earlier_one() -> None:
    noon = at("2026-11-23 12:00")

    assert a_calendar().between(noon, noon - HOUR) == 0
    assert list(a_calendar().open_between(noon, noon)) == []
    assert ALWAYS.between(noon, noon - HOUR) == 0
    assert list(ALWAYS.open_between(noon, noon)) == []


def test_there_is_no_negative_time_to_add() -> None:
    with pytest.raises(ValueError, match="not negative"):
        ALWAYS.add(0, -1)


# Around the clock --------------------------------------------------


def test_around_the_clock_is_plain_arithmetic() -> None:
    noon = at("2026-11-23 12:00")

    assert ALWAYS.add(noon, 72 * HOUR) == noon + 72 * HOUR
    assert ALWAYS.between(noon, noon + 3) == 3
    assert list(ALWAYS.open_between(noon, noon + DAY)) == [(noon, noon + DAY)]
    assert ALWAYS.is_open(noon)
    assert ALWAYS.next_open(noon) == noon
    assert ALWAYS.next_change(noon) is None


def test_a_day_of_two_halves_is_around_the_clock_too() -> None:
    assert a_calendar("12-24 00-12", weekend="00-24").is_always_open
    assert not a_calendar("00-24", Holiday("12-25", "Christmas"), weekend="00-24").is_always_open


def test_an_open_house_closes_for_its_holiday_alone() -> None:
    house = a_calendar("00-24", Holiday("12-25", "Christmas"), weekend="00-24")

    assert house.next_change(at("2026-03-01 12:00")) == at("2026-12-25 00:00")
    assert house.next_change(at("2026-12-25 00:00")) == at("2026-12-26 00:00")
    assert house.between(at("2026-01-01 00:00"), at("2027-01-01 00:00")) == 364 * DAY


def test_the_end_of_time_is_as_late_as_it_gets() -> None:
    once = Calendar("Once", "UTC", (hours("09-09:01"), (), (), (), (), (), ()))

    assert ALWAYS.add(LATEST, DAY) == LATEST
    assert a_calendar().add(LATEST - HOUR, DAY) == LATEST
    assert once.add(0, 365 * DAY) == LATEST
    assert Calendar("Never", "UTC", ((),) * 7).add(0, 1) == LATEST
    assert Calendar("Never", "UTC", ((),) * 7).add(0, 0) == LATEST
    assert Calendar("Never", "UTC", ((),) * 7).next_open(0) is None
    assert Calendar("Never", "UTC", ((),) * 7).next_change(0) is None


# Holidays --------------------------------------------------


def test_a_yearly_holiday_comes_every_year() -> None:
    office = a_calendar("09-17", Holiday("01-01", "New Year"))

    for year in (2025, 2026, 2027):
        assert opened(office, f"{year}-01-01") == []


def test_a_dated_holiday_comes_once() -> None:
    office = a_calendar("09-17", Holiday("2026-04-06", "Easter Monday"), zone="UTC")

    assert opened(office, "2026-04-06") == []
    assert opened(office, "2027-04-06") == [("04-06T09:00", "04-06T17:00")]


def test_half_a_holiday_leaves_its_hours_open() -> None:
    office = a_calendar("09-12 13-17", Holiday("12-24", "Christmas Eve", hours("10-14")), zone="UTC")

    assert opened(office, "2026-12-24") == [("12-24T10:00", "12-24T12:00"), ("12-24T13:00", "12-24T14:00")]


def test_a_holiday_never_opens_what_is_closed() -> None:
    office = a_calendar("09-17", Holiday("12-24", "Christmas Eve", hours("09-12")))

    assert opened(office, "2028-12-24") == []  # a Sunday


def test_a_dated_holiday_goes_before_a_yearly_one() -> None:
    dated, yearly = Holiday("2026-12-24", "This year", hours("09-12")), Holiday("12-24", "Christmas Eve")
    office = a_calendar("09-17", dated, yearly, zone="UTC")

    assert opened(office, "2026-12-24") == [("12-24T09:00", "12-24T12:00")]
    assert opened(office, "2027-12-24") == []


def test_leap_day_is_a_holiday_in_leap_years() -> None:
    office = a_calendar("09-17", Holiday("02-29", "Leap day"), zone="UTC")

    assert opened(office, "2028-02-29") == []
    assert opened(office, "2027-03-01") == [("03-01T09:00", "03-01T17:00")]


# Turned clocks --------------------------------------------------


def test_a_night_in_spring_is_an_hour_shorter() -> None:
    house = a_calendar("00-24", Holiday("01-01", "New Year"), weekend="00-24")

    assert house.between(at("2026-03-29 00:00"), at("2026-03-30 00:00")) == 23 * HOUR
    assert house.between(at("2026-10-25 00:00"), at("2026-10-26 00:00")) == 25 * HOUR


def test_hours_begin_after_the_gap_if_their_beginning_is_skipped() -> None:
    early = a_calendar(weekend="02:30-06")

    assert opened(early, "2026-03-29") == [("03-29T01:00", "03-29T04:00")]  # 03:00 to 06:00 there


def test_hours_that_are_skipped_as_a_whole_are_not_open() -> None:
    early = a_calendar(weekend="02:10-02:50")

    assert opened(early, "2026-03-29") == []


def test_hours_begin_with_the_first_and_end_with_the_last_of_two_equal_times() -> None:
    early = a_calendar(weekend="02:15-02:45")

    assert list(early.open_between(at("2026-10-25 00:00"), at("2026-10-26 00:00"))) == [
        (at("2026-10-25 02:15"), at("2026-10-25 02:45", again=True))
    ]


def test_lord_howe_turns_its_clocks_by_half_an_hour() -> None:
    house = a_calendar("00-24", Holiday("01-01", "New Year"), weekend="00-24", zone="Australia/Lord_Howe")
    start = at("2026-04-05 00:00", house.zone)

    assert house.between(start, at("2026-04-06 00:00", house.zone)) == 24 * HOUR + 30 * MINUTE


def test_a_midnight_that_does_not_exist_is_the_first_instant_of_its_day() -> None:
    house = a_calendar("00-12", weekend="00-12", zone="America/Sao_Paulo")

    assert opened(house, "2018-11-04") == [("11-04T03:00", "11-04T14:00")]  # 01:00 to 12:00 there


def test_a_day_ends_where_the_next_begins_though_midnight_comes_twice() -> None:
    evenings = a_calendar("20-24", weekend="20-24", zone="America/Havana")

    stretches = list(evenings.open_between(at("2026-10-31 12:00", "UTC"), at("2026-11-01 12:00", "UTC")))
    assert stretches == [
        (at("2026-10-31 20:00", evenings.zone), at("2026-11-01 00:00", evenings.zone)),
    ]


def test_a_day_that_a_zone_skips_has_no_open_time() -> None:
    office = a_calendar("09-17", zone="Pacific/Apia")
    thursday, monday = at("2011-12-29 12:00", office.zone), at("2012-01-02 10:00", office.zone)

    assert office.between(thursday, monday) == 6 * HOUR  # without Friday the 30th
    assert office.add(thursday, 6 * HOUR) == monday


# Laws --------------------------------------------------

CUTS = st.lists(st.integers(0, 96).map(lambda n: n * 900), min_size=2, max_size=6, unique=True).map(sorted)
DAY_HOURS = st.one_of(
    CUTS.map(lambda cuts: tuple(zip(cuts[::2], cuts[1::2], strict=False))),
    st.sampled_from([AROUND_THE_CLOCK, (), hours("02-02:30"), ((0, 1),), hours("00:30-01:30 23-24")]),
)
DURATIONS = st.one_of(st.integers(0, 3 * DAY), st.integers(0, 48).map(lambda n: n * 30 * MINUTE))
ANY_TIME = st.integers(parse("1970-01-01"), parse("2060-01-01"))


@st.composite
def calendars(draw: st.DrawFn) -> tuple[Calendar, st.SearchStrategy[Instant]]:
    """Draw a calendar, with the moments to try on it: many are near a turn of its zone's clocks."""
    zone = draw(st.sampled_from(sorted(TURNS)))
    dates = [*TURNS[zone], *(day[5:] for day in TURNS[zone]), "02-29", "12-24", "12-25"]
    holidays = st.builds(Holiday, st.sampled_from(dates), st.just("A holiday"), DAY_HOURS)
    drawn = Calendar(
        "Drawn",
        zone,
        draw(st.tuples(*[DAY_HOURS] * 7).filter(any)),
        tuple(draw(st.lists(holidays, max_size=3, unique_by=lambda holiday: holiday.date))),
    )
    near = st.builds(
        lambda day, offset: parse(day) + offset, st.sampled_from(TURNS[zone]), st.integers(-DAY, 2 * DAY)
    )
    return drawn, st.one_of(near, near.map(lambda at: at // (15 * MINUTE) * 15 * MINUTE), ANY_TIME)


@st.composite
def cases(draw: st.DrawFn, moments: int) -> tuple[Any, ...]:
    """Draw a calendar and so many moments in order."""
    calendar, instants = draw(calendars())
    return (calendar, *sorted(draw(instants) for _ in range(moments)))


@given(cases(1), DURATIONS)
def test_between_takes_back_what_add_gave(case: tuple[Calendar, Instant], duration: int) -> None:
    calendar, start = case
    due = calendar.add(start, duration)

    assert due >= start
    assert due == LATEST or calendar.between(start, due) == duration


@given(cases(1), DURATIONS.filter(bool))
def test_a_moment_before_it_is_due_something_is_left(case: tuple[Calendar, Instant], left: int) -> None:
    calendar, start = case
    due = calendar.add(start, left)

    assert due == LATEST or calendar.between(start, due - 1) == left - 1


@given(cases(2), DURATIONS, DURATIONS)
def test_later_or_longer_is_never_due_earlier(
    case: tuple[Calendar, Instant, Instant], duration: int, longer: int
) -> None:
    calendar, start, later = case

    assert calendar.add(start, duration) <= calendar.add(later, duration)
    assert calendar.add(start, duration) <= calendar.add(start, duration + longer)


@given(cases(1), DURATIONS, DURATIONS.filter(bool))
def test_waiting_in_two_goes_is_waiting_in_one(case: tuple[Calendar, Instant], first: int, then: int) -> None:
    calendar, start = case
    halfway = calendar.add(start, first)

    assert halfway == LATEST or calendar.add(halfway, then) == calendar.add(start, first + then)


@given(cases(3))
def test_the_whole_is_the_sum_of_its_parts(case: tuple[Calendar, Instant, Instant, Instant]) -> None:
    calendar, a, b, c = case

    assert calendar.between(a, b) + calendar.between(b, c) == calendar.between(a, c) <= c - a


@given(cases(1), st.integers(0, 800 * DAY))
def test_the_stretches_are_apart_in_order_on_whole_seconds_and_add_up(
    case: tuple[Calendar, Instant], length: int
) -> None:
    calendar, start = case
    end = start + length
    stretches = list(calendar.open_between(start, end))

    assert sum(b - a for a, b in stretches) == calendar.between(start, end)
    assert all(a < b for a, b in stretches)
    assert all(b < c for (_, b), (c, _) in pairwise(stretches))
    inner = {moment for stretch in stretches for moment in stretch} - {start, end}
    assert all(moment % SECOND == 0 and start < moment < end for moment in inner)


@given(cases(1))
def test_nothing_changes_before_the_next_change(case: tuple[Calendar, Instant]) -> None:
    calendar, moment = case
    change, opens = calendar.next_change(moment), calendar.next_open(moment)

    if change is None:
        assert calendar.is_always_open or opens is None
        return
    assert calendar.is_open(change) is not calendar.is_open(moment) is calendar.is_open(change - 1)
    assert opens == (moment if calendar.is_open(moment) else change)


@given(cases(1))
def test_it_is_open_when_the_hours_of_a_day_around_span_the_moment(case: tuple[Calendar, Instant]) -> None:
    calendar, moment = case
    today = datetime.fromtimestamp(moment / 1000, ZoneInfo(calendar.zone))
    around = [today.date() + timedelta(days=n) for n in range(-2, 3)]

    assert calendar.is_open(moment) is any(spans(calendar, day, moment) for day in around)


def spans(calendar: Calendar, day: date, moment: Instant) -> bool:
    """The rules once more, the plain way."""
    by_date = {holiday.date: holiday.open for holiday in calendar.holidays}
    allowed = by_date.get(f"{day}", by_date.get(f"{day:%m-%d}", AROUND_THE_CLOCK))
    cut = [(max(s, a), min(e, b)) for s, e in calendar.week[day.weekday()] for a, b in allowed]
    return any(
        shown(calendar.zone, day, start, 0) <= moment < shown(calendar.zone, day, end, int(end < WHOLE_DAY))
        for start, end in cut
        if start < end
    )


def shown(zone: str, day: date, second: int, fold: int) -> Instant:
    """Return when the clocks show it, or after a gap, the first minute that they show more."""
    wall = datetime(day.year, day.month, day.day) + timedelta(seconds=second)
    at = round(wall.replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp())
    if datetime.fromtimestamp(at, ZoneInfo(zone)).replace(tzinfo=None) != wall:
        at = round(wall.replace(tzinfo=ZoneInfo(zone), fold=1).timestamp()) // 60 * 60
        while datetime.fromtimestamp(at, ZoneInfo(zone)).replace(tzinfo=None) < wall:
            at += 60
    return at * 1000


# What is refused --------------------------------------------------


def refused(calendar: Calendar, on: str = "2026-11-23") -> list[tuple[str, str]]:
    return [(e.pointer, e.code) for e in problems(calendar, parse(on))]


def test_a_sound_calendar_has_no_problems() -> None:
    assert refused(ALWAYS) == []
    assert refused(a_calendar("09-12 13-24", Holiday("02-29", "Leap day"), Holiday("2026-12-24", "x"))) == []


@pytest.mark.parametrize(
    "zone",
    ["", "Mars/Olympus", "Europe", "../etc/passwd", "/UTC", "a\0b", "\ud800", "localtime", "right/UTC"],
)
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    assert refused(a_calendar(zone=zone)) == [("/zone", "unknown_zone")]


def test_every_bad_interval_is_named() -> None:
    week = (hours("09-12 11-13"), hours("17-09"), hours("09-09"), hours("09-25"), (), (), ())

    assert refused(Calendar("Office", BERLIN, week)) == [
        ("/week/mon/1", "overlap"),
        ("/week/tue/0", "empty"),
        ("/week/wed/0", "empty"),
        ("/week/thu/0", "out_of_bounds"),
    ]


def test_too_many_intervals_are_refused() -> None:
    day = tuple((n * 60, n * 60 + 30) for n in range(13))

    assert refused(Calendar("Office", BERLIN, (day, (), (), (), (), (), ()))) == [("/week/mon", "too_many")]


def test_every_bad_holiday_is_named() -> None:
    office = a_calendar(
        "09-17",
        Holiday("02-30", "No day"),
        Holiday("2026-02-29", "No leap year"),
        Holiday("2026-1-1", "Short"),
        Holiday("20261225", "Packed"),
        Holiday("12-25", "Christmas"),
        Holiday("12-25", " "),
        Holiday("12-24", "Two\nlines", hours("12-09")),
    )

    assert refused(office) == [
        ("/holidays/0/date", "invalid"),
        ("/holidays/1/date", "invalid"),
        ("/holidays/2/date", "invalid"),
        ("/holidays/3/date", "invalid"),
        ("/holidays/5/name", "too_short"),
        ("/holidays/5/date", "duplicate"),
        ("/holidays/6/name", "control_character"),
        ("/holidays/6/open/0", "empty"),
    ]


def test_a_calendar_that_does_not_open_within_a_year_is_refused() -> None:
    days = (parse("2026-11-23") + n * DAY for n in range(400))
    leave = tuple(Holiday(iso(day)[:10], "Away") for day in days)

    assert refused(Calendar("Never", BERLIN, ((),) * 7)) == [("/week", "never_open")]
    assert refused(a_calendar("09-17", *leave)) == [("/week", "never_open")]
    assert refused(a_calendar("09-17", *leave), on="2027-01-05") == []
