from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicedesk.domain.errors import BadParameter
from servicedesk.domain.numbers import (
    DayNumbers,
    NumbersQuery,
    backlogs,
    day_of,
    nearest_rank,
    period_of,
    rate,
    stretches,
    teams_of,
)
from servicedesk.domain.times import HOUR, parse

NOW = parse("2026-11-23T23:30:00Z")
BERLIN = ZoneInfo("Europe/Berlin")


def dates(zone: str = "UTC", **said: str) -> tuple[date, date, int]:
    days = period_of(NumbersQuery(**said), ZoneInfo(zone), NOW)
    return days[0].date, days[-1].date, len(days)


def test_without_a_word_it_is_the_last_thirty_days_of_the_desk() -> None:
    assert dates() == (date(2026, 10, 25), date(2026, 11, 23), 30)
    assert dates("Europe/Berlin") == (date(2026, 10, 26), date(2026, 11, 24), 30)


def test_both_ends_are_included() -> None:
    assert dates(from_="2026-11-01", to="2026-11-02") == (date(2026, 11, 1), date(2026, 11, 2), 2)
    assert dates(to="2026-01-30") == (date(2026, 1, 1), date(2026, 1, 30), 30)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"from_": "yesterday"}, "from"),
        ({"to": "2026-02-30"}, "to"),
        ({"to": "0001-01-01"}, "to"),
        ({"from_": "2026-11-24"}, "from"),
        ({"from_": "1970-01-01", "to": "2099-12-31"}, "from"),
    ],
)
def test_a_period_that_is_none_is_refused(said: dict[str, str], name: str) -> None:
    with pytest.raises(BadParameter) as refusal:
        dates(**said)

    assert refusal.value.extras["parameter"] == name


@pytest.mark.parametrize(
    ("first", "stretch"),
    [
        ("2026-11-01", 1),
        ("2026-06-01", 7),
        ("2024-06-01", 30),
        ("1990-01-01", 365),
    ],
)
def test_the_longer_a_period_the_longer_its_stretches(first: str, stretch: int) -> None:
    days = period_of(NumbersQuery(from_=first), BERLIN, NOW)
    daily = [DayNumbers(day.date, 2, 1, number) for number, day in enumerate(days)]

    found = stretches(days, daily)

    assert (found[0].first, found[-1].last) == (days[0].date, days[-1].date)
    assert all(a.end == b.start for a, b in pairwise(found))
    assert sum(each.created for each in found) == 2 * len(days)
    assert [each.backlog for each in found] == [
        number for number, day in enumerate(days) if day.date in {each.last for each in found}
    ]
    assert stretch - 2 <= (found[1].last - found[1].first).days + 1 <= stretch + 1


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_is_as_long_as_the_clocks_on_the_wall_make_it(day: str, hours: int) -> None:
    found = day_of(date.fromisoformat(day), BERLIN)

    assert found.end - found.start == hours * HOUR


def test_days_follow_each_other_without_a_gap() -> None:
    days = period_of(NumbersQuery(from_="2026-01-01", to="2026-11-23"), BERLIN, NOW)

    assert all(one.end == next_.start for one, next_ in pairwise(days))
    assert days[0].start == parse("2026-01-01T00:00:00+01:00")


@pytest.mark.parametrize(
    ("percent", "number", "place"),
    [(50, 1, 1), (50, 2, 1), (50, 3, 2), (90, 10, 9), (90, 11, 10), (90, 1, 1)],
)
def test_percentiles_go_by_the_nearest_rank(percent: int, number: int, place: int) -> None:
    assert nearest_rank(percent, number) == place


@given(st.integers(1, 99), st.integers(1, 500))
def test_the_nearest_rank_is_the_first_that_covers_the_share(percent: int, number: int) -> None:
    place = nearest_rank(percent, number)

    assert place * 100 >= percent * number > (place - 1) * 100


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=20), st.integers(0, 50))
def test_the_backlog_grows_by_what_comes_and_shrinks_by_what_ends(
    days: list[tuple[int, int]], last: int
) -> None:
    created, ended = [c for c, _ in days], [e for _, e in days]

    found = backlogs(last, created, ended)

    assert found[-1] == last
    for n in range(1, len(days)):
        assert found[n] == found[n - 1] + created[n] - ended[n]


def test_a_rate_of_nothing_is_none() -> None:
    assert rate(0, 0) is None
    assert rate(2, 1) == 0.6667


def test_teams_are_ids_or_none() -> None:
    assert teams_of(NumbersQuery(team=["3", "none"])) == (3, None)
    with pytest.raises(BadParameter):
        teams_of(NumbersQuery(team=["me"]))
