"""The beginning of texts and tables."""

from pathlib import Path

import pytest

from servicedesk.media.text import ROWS_MAX, TABLE_MAX, TEXT_MAX, read_table, read_text
from tests import files_made_up as made_up


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.mark.parametrize(
    ("content", "charset"),
    [
        ("Grüße – 5 €".encode(), "utf-8"),
        ("Grüße – 5 €".encode("utf-8-sig"), "utf-8"),
        ("Grüße – 5 €".encode("utf-16"), "utf-16"),
        ("Grüße – 5 €".encode("cp1252"), "windows-1252"),
    ],
)
def test_text_is_shown_in_whatever_charset_it_came(file: Path, content: bytes, charset: str) -> None:
    file.write_bytes(content)

    shown = read_text(file, charset)

    assert (shown.text, shown.truncated, shown.encoding) == ("Grüße – 5 €", False, charset)


def test_long_text_is_cut_between_two_letters(file: Path) -> None:
    file.write_bytes(("x" * (TEXT_MAX - 1) + "üü").encode())

    shown = read_text(file, "utf-8")

    assert shown.text == "x" * (TEXT_MAX - 1)
    assert shown.truncated


def test_what_grows_in_utf_8_stays_within_the_bound(file: Path) -> None:
    file.write_bytes("ü".encode("cp1252") * TEXT_MAX)

    shown = read_text(file, "windows-1252")

    assert len(shown.text.encode()) == TEXT_MAX
    assert shown.truncated


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_read_with_its_own_delimiter(file: Path, delimiter: str) -> None:
    file.write_bytes(made_up.csv_of([["name", "size"], ["ada", "1"]], delimiter))

    assert read_table(file, "utf-8").rows == [["name", "size"], ["ada", "1"]]


def test_a_cell_may_hold_lines_and_quotes(file: Path) -> None:
    file.write_bytes(b'a,b\r\n"two\r\nlines","say ""hi"""\r\n')

    assert read_table(file, "utf-8").rows == [["a", "b"], ["two\r\nlines", 'say "hi"']]


def test_of_a_long_table_the_first_200_rows_are_shown(file: Path) -> None:
    file.write_bytes(made_up.csv_of([["n", str(number)] for number in range(201)]))

    shown = read_table(file, "utf-8")

    assert len(shown.rows) == ROWS_MAX
    assert shown.rows[-1] == ["n", "199"]
    assert shown.truncated

    file.write_bytes(made_up.csv_of([["n", str(number)] for number in range(200)]))
    assert not read_table(file, "utf-8").truncated


def test_a_row_that_the_bound_cuts_is_left_out(file: Path) -> None:
    file.write_bytes(b"a,b\n" + b"x" * (TABLE_MAX // 8) + b",1\n" + b"y" * TABLE_MAX)

    shown = read_table(file, "utf-8")

    assert [row[0][:1] for row in shown.rows] == ["a", "x"]
    assert shown.truncated


def test_a_cell_without_end_ends_the_table(file: Path) -> None:
    file.write_bytes(b'a,b\n"' + b"x" * TABLE_MAX)

    assert read_table(file, "utf-8").rows == [["a", "b"]]
