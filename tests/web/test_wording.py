"""How values read on a page."""

from typing import Any

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


def decided(winner: int | None, trigger: str, *scores: float, policy: str = "balanced") -> dict[str, Any]:
    agents = [{"id": number, "name": f"Agent {number}"} for number in range(1, len(scores) + 1)]
    return {
        "policy": policy,
        "winner": next((each for each in agents if each["id"] == winner), None),
        "candidates": [
            {"agent": agent, "eligible": score > 0, "score": score}
            for agent, score in zip(agents, scores, strict=True)
        ],
        "trigger": trigger,
    }


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (decided(1, "created", 40.5, 12), "Agent 1 had the most points"),
        (decided(2, "became_free", 0, 12), "Agent 2 had the most points after it had waited"),
        (decided(2, "reopened", 40.5, 12), "Agent 2 had it before it was reopened"),
        (decided(2, "reopened", 40.5, 0), "Agent 2 had it before it was reopened"),
        (decided(None, "created", 0), "Nobody was free"),
        (decided(None, "returned"), "Nobody was free after its agent had said nothing for too long"),
        (decided(None, "created", 12, policy="manual"), "People choose here; the points are advice"),
    ],
)
def test_a_decision_says_who_was_chosen_what_for_and_when(decision: dict[str, Any], said: str) -> None:
    assert wording.decision_text(decision) == said


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 B"), (2048, "2 KB"), (64 << 20, "64.0 MB"), (4 << 30, "4.0 GB")],
)
def test_a_size_is_said_in_the_unit_that_fits(size: int, said: str) -> None:
    assert wording.file_size(size) == said
