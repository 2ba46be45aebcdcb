"""Which backups are kept, and what they are called."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicedesk.domain.backups import Item, Keep, begun, kept, name_at, next_run
from servicedesk.domain.times import DAY, parse

NIGHT = parse("2026-03-01T02:30:00Z")


def nights(count: int) -> list[str]:
    return [name_at(NIGHT + number * DAY) for number in range(count)]


def test_names_sort_like_the_moments_and_tell_them() -> None:
    assert name_at(NIGHT) == "2026-03-01T023000Z"
    assert nights(400) == sorted(nights(400))
    assert begun("2026-03-01T023000Z-2") == begun("2026-03-01T023000Z")
    assert begun("2026-13-01T023000Z") is None
    assert begun(".unfinished-2026-03-01T023000Z") is None


def test_of_a_year_of_nights_the_last_days_weeks_and_months_are_kept() -> None:
    stay = sorted(kept(nights(365), Keep(daily=7, weekly=4, monthly=12)))

    days = [name[:10] for name in stay]
    assert days[-7:] == [f"2027-02-{day:02}" for day in range(22, 29)]
    assert {"2027-02-21", "2027-02-14", "2027-02-07"} <= set(days)  # the Sundays that end three weeks before
    assert {day[:7] for day in days} == {f"2026-{month:02}" for month in range(3, 13)} | {
        "2027-01",
        "2027-02",
    }
    assert "2026-03-31" in days
    assert len(stay) == 7 + 3 + 11


def test_of_several_in_a_day_the_newest_counts() -> None:
    names = [name_at(NIGHT), name_at(NIGHT + 60_000), name_at(NIGHT + 120_000)]

    assert kept(names, Keep(1, 1, 1)) == {names[-1]}


def test_what_is_no_backup_is_never_thrown_away() -> None:
    assert "notes.txt" in kept(["notes.txt", *nights(3)], Keep(0, 0, 0))


@given(
    st.lists(st.integers(0, 5_000), unique=True),
    st.builds(Keep, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
)
def test_the_newest_always_stays_and_never_more_than_the_numbers_say(hours: list[int], keep: Keep) -> None:
    names = sorted(name_at(NIGHT + hour * 3_600_000) for hour in hours)

    stay = kept(names, keep)

    assert set(names[-1:]) <= stay <= set(names)
    assert len(stay) <= max(1, keep.daily + keep.weekly + keep.monthly)
    assert kept(stay, keep) == stay


@pytest.mark.parametrize(
    ("path", "may"),
    [
        ("servicedesk.db", True),
        ("secret.key", True),
        (f"blobs/aa/{'a' * 64}", True),
        (f"blobs/ab/{'a' * 64}", False),
        (f"blobs/bb/{'b' * 64}", False),
        ("../servicedesk.db", False),
        ("/etc/passwd", False),
        ("blobs/../secret.key", False),
        ("manifest.json", False),
        ("", False),
    ],
)
def test_a_backup_has_files_in_no_other_place(path: str, may: bool) -> None:
    assert Item(path, 1, "a" * 64).is_allowed is may


def test_a_time_of_the_day_that_has_passed_is_tomorrows() -> None:
    noon = datetime(2026, 3, 1, 12)

    assert next_run(noon, 12, 1) == noon + timedelta(minutes=1)
    assert next_run(noon, 12, 0) == noon + timedelta(days=1)
