"""How values read on a page."""

import pytest

from servicedesk.domain.times import DAY, HOUR, MINUTE, SECOND
from servicedesk.web import wording

NOW = 1_800_000_000_000
NAMES = {"people": {7: "Mara"}, "teams": {3: "Network"}}


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (20 * SECOND, "now"),
        (MINUTE, "1 min"),
        (59 * MINUTE, "59 min"),
        (47 * HOUR, "47 h"),
        (3 * DAY, "3 d"),
        (40 * DAY, "6 Dec"),
    ],
)
def test_how_long_ago_it_was_is_said_shortly(passed: int, said: str) -> None:
    assert wording.ago(NOW - passed, NOW) == said


def test_what_is_late_says_so() -> None:
    assert wording.due_long(NOW + 90 * MINUTE, NOW) == "1 h left"
    assert wording.due_long(NOW - 90 * MINUTE, NOW) == "1 h late"


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "–"), (12, "< 1 min"), (5_400, "1 h 30 min"), (180_000, "2 d 2 h")]
)
def test_a_duration_has_its_two_largest_units(seconds: float | None, said: str) -> None:
    assert wording.duration(seconds) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": {"from": "new", "to": "on_hold"}}, "set New → On hold"),
        ({"assigned_to": {"from": None, "to": 7}}, "assigned Mara"),
        ({"assigned_to": {"from": 7, "to": None}}, "took the assignee off"),
        ({"team": {"from": None, "to": 3}}, "gave it to Network"),
        ({"tags": {"from": ["a"], "to": []}}, "set tags to none"),
        ({"category": {"from": "Mail", "to": None}}, "cleared category"),
    ],
)
def test_a_change_reads_like_a_sentence(changes: dict[str, dict[str, object]], said: str) -> None:
    assert wording.change_text({"type": "updated", "changes": changes}, NAMES) == said


@pytest.mark.parametrize(
    ("name", "letters"), [("Mara Lind", "ML"), ("Ada", "A"), ("", "?"), ("Ann van Dyk", "AD")]
)
def test_a_face_has_the_first_letters_of_the_name(name: str, letters: str) -> None:
    assert wording.initials(name) == letters
