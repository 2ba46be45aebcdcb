"""Text for spreadsheets that cannot be taken for a formula."""

import csv
import io

import pytest

from servicedesk.domain.tables import csv_of


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-1", "@sum", "\t=1", "\r=1"])
def test_what_could_be_a_formula_is_defused(text: str) -> None:
    assert next(csv.reader(io.StringIO(csv_of([[text]]), newline=""))) == [f"'{text}"]


def test_numbers_stay_numbers_and_all_else_is_as_it_was() -> None:
    assert csv_of([["a,b", 'say "hi"', -5, 0.25, None, "1=1"]]) == '"a,b","say ""hi""",-5,0.25,,1=1\r\n'
