"""What a reader is shown of text and tables: the beginning, within bounds."""

import codecs
import csv
import io
from pathlib import Path
from typing import Final

import msgspec

from servicedesk.domain.files import is_hidden

TEXT_MAX: Final = 64 << 10
"""Bytes, in UTF-8, of text that is shown."""
ROWS_MAX: Final = 200
TABLE_MAX: Final = 512 << 10
"""Bytes of a table that are looked at for its first rows."""
NAME_MAX: Final = 500
_DELIMITERS: Final = ",;\t|"
CODECS: Final = {
    "utf-8": "utf-8-sig",
    "windows-1252": "cp1252",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "windows-1251": "cp1251",
    "windows-1253": "cp1253",
    "windows-1255": "cp1255",
    "windows-1256": "cp1256",
}
"""What decodes a charset, where it has another name: what is called Shift-JIS is Microsoft's larger one."""


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
    kept, cut = shortened(text)
    return Text(kept, more or cut, charset)


def read_table(path: Path, charset: str, delimiter: str | None = None) -> Table:
    """Return the rows; without a delimiter the one that the first line has most of."""
    text, more = _beginning(path, charset, TABLE_MAX)
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or _delimiter(text))
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


def shortened(text: str) -> tuple[str, bool]:
    """Return as much of the text as is shown, and whether something is left out."""
    encoded = text.encode(errors="replace")
    return encoded[:TEXT_MAX].decode(errors="ignore"), len(encoded) > TEXT_MAX


def visible(text: str, most: int = NAME_MAX) -> str:
    """Return a name with everything that a reader could not see made visible."""
    return "".join("\ufffd" if is_hidden(char) else char for char in text[:most])


def codec_of(charset: str) -> str:
    return CODECS.get(charset.lower(), charset)


def _beginning(path: Path, charset: str, most: int) -> tuple[str, bool]:
    """Return the text of the first bytes, a letter cut in two left out, and whether there are more."""
    with path.open("rb") as file:
        raw = file.read(most + 1)
    decoder = codecs.getincrementaldecoder(codec_of(charset))(errors="replace")
    return decoder.decode(raw[:most]), len(raw) > most


def _delimiter(text: str) -> str:
    """Return what separates cells: what the first line has most of; csv.Sniffer is slow on hostile lines."""
    first = text[:10_000].partition("\n")[0]
    return max(_DELIMITERS, key=first.count)
