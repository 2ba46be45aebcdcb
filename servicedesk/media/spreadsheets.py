"""Tables as other programs write them: which charset, which separator, which columns."""

import codecs
import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from servicedesk.media import charsets

_PIECE: Final = 1 << 18
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before that of UTF-16, which it begins with
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATORS: Final = (",", ";", "\t", "|")


class Unreadable(Exception):
    """It is no table; the text is one line that says where it ends to be one."""


class Line(NamedTuple):
    """A row by its number as a spreadsheet shows it; the header is the first. ``cells`` is None if columns miss."""

    number: int
    cells: Mapping[str, str] | None
    width: int


class Sheet:
    """A file of rows, read from the top as often as somebody wants to."""

    def __init__(self, path: Path, encoding: str | None = None, separator: str | None = None) -> None:
        self._path = path
        try:
            with path.open("rb") as file:
                self.encoding = encoding or encoding_of(file)
            codecs.lookup(self.encoding)
            self.separator = separator or self._separator()
            self.header = [name.strip() for name in next(self._raw(), [])]
        except (OSError, LookupError) as error:
            raise Unreadable(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
        if not any(self.header):
            raise Unreadable(f"{path} has no header.")
        twice = sorted({name for name in self.header if name and self.header.count(name) > 1})
        if twice:
            raise Unreadable(f"{path} has the column {twice[0]!r} twice.")

    def lines(self) -> Iterator[Line]:
        """Yield the rows below the header; empty ones are passed over."""
        for number, cells in enumerate(self._raw(), 1):
            if number == 1 or not any(cell.strip() for cell in cells):
                continue
            fits = len(cells) == len(self.header)
            yield Line(number, dict(zip(self.header, cells, strict=True)) if fits else None, len(cells))

    def _raw(self) -> Iterator[list[str]]:
        number = 0
        try:
            with self._path.open(encoding=self.encoding, newline="") as file:
                for cells in csv.reader(file, delimiter=self.separator, strict=True):
                    number += 1
                    yield cells
        except (csv.Error, UnicodeError) as error:
            raise Unreadable(f"{self._path} cannot be read behind row {number}: {error}.") from None

    def _separator(self) -> str:
        """Return what the header has most of."""
        try:
            with self._path.open(encoding=self.encoding, newline="") as file:
                first = file.readline(1 << 20)
        except UnicodeError as error:
            raise Unreadable(f"{self._path} is not {self.encoding}: {error}.") from None
        return max(_SEPARATORS, key=lambda each: len(next(csv.reader([first], delimiter=each), [])))


def encoding_of(file: BinaryIO) -> str:
    """Return the charset of a text: what its mark says, UTF-8 if it is that throughout, else what a detector knows."""
    head = file.read(4)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while piece := file.read(_PIECE):
            decoder.decode(piece)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return charsets.guess(file) or "cp1252"
    return "utf-8"
