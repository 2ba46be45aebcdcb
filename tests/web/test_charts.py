"""Where bars and lines lie."""

import pytest

from servicedesk.web import charts


@pytest.mark.parametrize(
    ("most", "top", "step"), [(0, 1, 1), (3, 3, 1), (24, 30, 10), (97, 100, 50), (130, 150, 50)]
)
def test_the_top_of_a_chart_is_a_round_number_of_a_few_steps(most: int, top: int, step: int) -> None:
    assert charts.scale(most) == (top, step)


def test_columns_stand_on_the_base_and_none_reaches_over_the_top() -> None:
    drawn = charts.columns([(0, 4), (8, 2)], ["1 Nov", "2 Nov"])

    for day in drawn["days"]:
        assert day["y_a"] + day["h_a"] == pytest.approx(drawn["base"])
        assert min(day["y_a"], day["y_b"]) >= 0


def test_a_line_names_its_extremes() -> None:
    drawn = charts.line([4, 9, 2], ["a", "b", "c"])

    assert (drawn["most"], drawn["least"], drawn["last"]) == (9, 2, 2)
    assert len(drawn["points"].split()) == 3


def test_the_largest_bar_is_whole_and_the_others_in_proportion() -> None:
    rows = charts.shares([("Mara", 4, "/a"), ("Yuki", 1, "/b")])

    assert [row["share"] for row in rows] == [100.0, 25.0]
