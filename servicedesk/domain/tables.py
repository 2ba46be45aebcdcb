"""Tables as text that a spreadsheet opens, and that does nothing there but be read."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

Cell = str | int | float | None
_ACTIVE: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula."""


def csv_of(rows: Iterable[Sequence[Cell]]) -> str:
    """Return the rows as CSV by RFC 4180; text that could be a formula gets an apostrophe before it."""
    text = io.StringIO()
    csv.writer(text).writerows([list(map(_defused, row)) for row in rows])
    return text.getvalue()


def _defused(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_ACTIVE) else cell
