"""What a reader is shown of text and tables: the beginning, within bounds."""

import codecs
import csv
import io
from pathlib import Path
from typing import Final

import msgspec

TEXT_MAX: Final = 64 << 10
"""Bytes, in UTF-8, of text that is shown."""
ROWS_MAX: Final = 200
TABLE_MAX: Final = 512 << 10
"""Bytes of a table that are looked at for its first rows."""
_DELIMITERS: Final = ",;\t|"
_CODECS: Final = {"utf-8": "utf-8-sig", "windows-1252": "cp1252"}


class Text(msgspec.Struct, frozen=True):
    text: str
    truncated: bool
    encoding: str


class Table(msgspec.Struct, frozen=True):
    """The first rows, the one with the names included."""

    rows: list[list[str]]
    truncated: bool


def read_text(path: Path, charset: str) -> Text:
    text, more = _beginning(path, charset, TEXT_MAX)
    encoded = text.encode()
    kept = encoded[:TEXT_MAX].decode(errors="ignore")
    return Text(kept, more or len(encoded) > TEXT_MAX, charset)


def read_table(path: Path, charset: str) -> Table:
    text, more = _beginning(path, charset, TABLE_MAX)
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        for row in reader:
            if len(rows) == ROWS_MAX:
                return Table(rows, truncated=True)
            rows.append(row)
    except csv.Error:  # a cell beyond all bounds
        return Table(rows, truncated=True)
    if more and len(rows) > 1:
        rows.pop()  # the cut went through it
    return Table(rows, more)


def _beginning(path: Path, charset: str, most: int) -> tuple[str, bool]:
    """Return the text of the first bytes, a letter cut in two left out, and whether there are more."""
    with path.open("rb") as file:
        raw = file.read(most + 1)
    decoder = codecs.getincrementaldecoder(_CODECS.get(charset, charset))(errors="replace")
    return decoder.decode(raw[:most]), len(raw) > most


def _delimiter(text: str) -> str:
    """Return what separates cells: what the first line has most of; csv.Sniffer is slow on hostile lines."""
    first = text[:10_000].partition("\n")[0]
    return max(_DELIMITERS, key=first.count)
