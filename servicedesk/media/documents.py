"""The text of Office and OpenDocument files. Only a worker imports this.

Their ZIP is read member by member as far as it is needed, their XML word by word: no tree is built, no document type
is accepted, so there are no entities, and what would unpack beyond all measure is left alone.
"""

import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from xml.parsers import expat

from servicedesk.domain.files import Content, is_absurd
from servicedesk.media.jobs import DocumentRead, ReadDocument, SheetRead, TooMuch
from servicedesk.media.text import ROWS_MAX, TEXT_MAX, shortened, visible

MEMBER_MAX: Final = 64 << 20
"""Bytes of a member's XML that are read."""
COLUMNS_MAX: Final = 100
CELL_MAX: Final = 2000
SLIDES_MAX: Final = 300
_PIECE: Final = 1 << 20
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


class _Enough(Exception):
    """Nothing more would be shown."""


class _TooMuch(Exception):
    def __init__(self, unpacked: int) -> None:
        self.unpacked = unpacked


class _Reader(Protocol):
    """What is told of a member's XML: names without their prefixes."""

    def start(self, name: str, attributes: dict[str, str]) -> None: ...
    def end(self, name: str) -> None: ...
    def words(self, text: str) -> None: ...


def read_document(job: ReadDocument) -> DocumentRead | SheetRead | TooMuch:
    with zipfile.ZipFile(job.path) as archive:
        try:
            return _READERS[job.content](archive)
        except _TooMuch as much:
            return TooMuch(much.unpacked)


def _read(archive: zipfile.ZipFile, name: str, reader: _Reader) -> bool:
    """Have the member read; return whether that was all of it."""
    member = archive.getinfo(name)
    if is_absurd(member.compress_size, member.file_size):
        raise _TooMuch(member.file_size)
    if member.compress_type not in _METHODS:
        raise ValueError("the document is packed in another way")
    parser = _parser(reader)
    read = 0
    try:
        with archive.open(member) as file:
            while piece := file.read(_PIECE):
                parser.Parse(piece, False)
                read += len(piece)
                if read >= MEMBER_MAX:
                    return False
            parser.Parse(b"", True)
    except _Enough:
        return False
    return True


def _parser(reader: _Reader) -> expat.XMLParserType:
    def refuse(*_: object) -> None:
        raise ValueError("a document of ours has no document type")

    def start(name: str, attributes: dict[str, str]) -> None:
        reader.start(_bare(name), {_bare(key): value for key, value in attributes.items()})

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: reader.end(_bare(name))
    parser.CharacterDataHandler = reader.words
    return parser


def _bare(name: str) -> str:
    return name.rpartition(":")[2]


# Text ----------------------------------------------------------------------------------------------------------


class _Text:
    """Gathers what is written in ``spans``; the ends of some elements and some elements themselves are signs."""

    def __init__(self, spans: frozenset[str], signs: dict[str, str], ends: dict[str, str]) -> None:
        self._spans, self._signs, self._ends = spans, signs, ends
        self._out: list[str] = []
        self._length = 0
        self._depth = self._skipped = self._cells = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._skipped += name in _SKIPPED
        self._cells += name in _CELLS
        self._depth += name in self._spans
        if name in self._signs:
            self._add(self._signs[name])
        elif name == "s" and self._depth and "c" in attributes:
            self._add(" " * min(_number(attributes["c"]), 100))

    def end(self, name: str) -> None:
        self._cells -= name in _CELLS
        if name in self._ends:
            self._add(" " if self._cells and self._ends[name] == "\n" else self._ends[name])
        self._depth -= name in self._spans
        self._skipped -= name in _SKIPPED

    def words(self, text: str) -> None:
        if self._depth:
            self._add(text)

    def _add(self, text: str) -> None:
        if self._skipped:
            return
        self._out.append(text)
        self._length += len(text)
        if self._length > TEXT_MAX:
            raise _Enough

    @property
    def text(self) -> str:
        lines = (line.rstrip() for line in "".join(self._out).split("\n"))
        return "\n".join(lines).strip("\n")


# A text box is said twice, for newer and for older programs; what was struck out or noted is not the text.
_SKIPPED: Final = frozenset({"Fallback", "tracked-changes", "annotation"})
_CELLS: Final = frozenset({"tc", "table-cell"})
_ROWS: Final = {"tc": "\t", "table-cell": "\t", "tr": "\n", "table-row": "\n"}


def _word(archive: zipfile.ZipFile) -> DocumentRead:
    reader = _Text(
        frozenset({"t"}), {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}, {"p": "\n"} | _ROWS
    )
    whole = _read(archive, "word/document.xml", reader)
    return _told(reader.text, whole)


def _open_text(archive: zipfile.ZipFile) -> DocumentRead:
    reader = _Text(
        frozenset({"p", "h"}),
        {"tab": "\t", "line-break": "\n"},
        {"p": "\n", "h": "\n", "page": "\n"} | _ROWS,
    )
    whole = _read(archive, "content.xml", reader)
    return _told(reader.text, whole)


def _slides(archive: zipfile.ZipFile) -> DocumentRead:
    found = ((int(match[1]), match[0]) for match in map(_SLIDE.fullmatch, archive.namelist()) if match)
    slides = sorted(found)
    reader = _Text(frozenset({"t"}), {"br": "\n"}, {"p": "\n", "sld": "\n"} | _ROWS)
    whole = all(_read(archive, name, reader) for _, name in slides[:SLIDES_MAX])
    return _told(reader.text, whole and len(slides) <= SLIDES_MAX)


_SLIDE: Final = re.compile(r"ppt/slides/slide(\d{1,6})\.xml")


def _told(text: str, whole: bool) -> DocumentRead:
    if not text.strip():
        raise ValueError("there is no text in the document")
    kept, cut = shortened(text)
    return DocumentRead(kept, cut or not whole)


# Tables --------------------------------------------------------------------------------------------------------


class _Rows:
    """Rows with a bound on either side."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.is_cut = False
        self._row: list[str] = []

    def put(self, column: int, value: str) -> None:
        if column >= COLUMNS_MAX:
            self.is_cut = self.is_cut or bool(value)
            return
        self._row += [""] * (column + 1 - len(self._row))
        self._row[column] = value[:CELL_MAX]

    @property
    def column(self) -> int:
        """The next column."""
        return len(self._row)

    def close_row(self, times: int = 1) -> None:
        row, self._row = self._row, []
        while row and not row[-1]:
            row.pop()
        for _ in range(min(times, ROWS_MAX) if row else 1):
            if len(self.rows) == ROWS_MAX:
                self.is_cut = self.is_cut or bool(row)
                raise _Enough
            self.rows.append(row)

    def report(self, name: str, sheets: int) -> SheetRead:
        rows = list(self.rows)
        while rows and not any(rows[-1]):
            rows.pop()
        if not rows:
            raise ValueError("there is nothing in the sheet")
        width = max(map(len, rows))
        full = [[*row, *[""] * (width - len(row))] for row in rows]
        return SheetRead(full, self.is_cut, visible(name, 100), sheets)


class _Sheet:
    """A worksheet of Excel; what stands among the shared strings is asked for afterwards."""

    def __init__(self, dates: frozenset[int], epoch: datetime) -> None:
        self.table = _Rows()
        self.shared: list[tuple[int, int, int]] = []
        self._dates, self._epoch = dates, epoch
        self._sort = self._style = ""
        self._column = 0
        self._value = ""
        self._in_value = self._phonetic = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._sort, self._style = attributes.get("t", "n"), attributes.get("s", "")
            self._column = _column(attributes.get("r", ""), self.table.column)
            self._value = ""
        elif name == "rPh":
            self._phonetic = True
        elif name in ("v", "t"):
            self._in_value = not self._phonetic

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self._in_value = False
        elif name == "rPh":
            self._phonetic = False
        elif name == "c":
            self._put()
        elif name == "row":
            self.table.close_row()

    def words(self, text: str) -> None:
        if self._in_value and len(self._value) < CELL_MAX:
            self._value += text[:CELL_MAX]

    def _put(self) -> None:
        value = self._value
        if self._sort == "s" and self._column < COLUMNS_MAX:
            self.shared.append((len(self.table.rows), self._column, _number(value)))
            value = "\ufffc"  # holds the place
        elif self._sort == "b":
            value = "TRUE" if value == "1" else "FALSE"
        elif self._sort == "n" and value:
            value = _shown_number(value, self._epoch if _number(self._style) in self._dates else None)
        self.table.put(self._column, value)


class _Strings:
    """Picks the strings with these numbers out of the shared ones."""

    def __init__(self, wanted: set[int]) -> None:
        self.found: dict[int, str] = {}
        self._wanted, self._last = wanted, max(wanted, default=-1)
        self._number = -1
        self._open = self._phonetic = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "si":
            self._number += 1
            if self._number > self._last:
                raise _Enough
        self._phonetic = self._phonetic or name == "rPh"
        self._open = name == "t" and not self._phonetic and self._number in self._wanted

    def end(self, name: str) -> None:
        self._open = False
        self._phonetic = self._phonetic and name != "rPh"

    def words(self, text: str) -> None:
        if self._open:
            before = self.found.get(self._number, "")
            self.found[self._number] = (before + text)[:CELL_MAX]


class _Seen:
    """Calls with each element's name and attributes."""

    def __init__(self, see: Callable[[str, dict[str, str]], None]) -> None:
        self.start = see

    def end(self, name: str) -> None:
        pass

    def words(self, text: str) -> None:
        pass


def _workbook(archive: zipfile.ZipFile) -> SheetRead:
    sheets: list[tuple[str, str]] = []
    epochs = [datetime(1899, 12, 30, tzinfo=UTC)]

    def see(name: str, attributes: dict[str, str]) -> None:
        if name == "sheet" and len(sheets) < 1000:
            sheets.append((attributes.get("name", ""), attributes.get("id", "")))
        elif name == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            epochs.append(datetime(1904, 1, 1, tzinfo=UTC))

    _read(archive, "xl/workbook.xml", _Seen(see))
    name, place = sheets[0]
    reader = _Sheet(_date_styles(archive), epochs[-1])
    whole = _read(archive, _target(archive, place), reader)
    reader.table.is_cut |= not whole
    _fill_in(archive, reader)
    return reader.table.report(name, len(sheets))


def _fill_in(archive: zipfile.ZipFile, sheet: _Sheet) -> None:
    """Put the shared strings where the sheet wants them."""
    strings = _Strings({number for _, _, number in sheet.shared})
    if sheet.shared:
        _read(archive, "xl/sharedStrings.xml", strings)
    for row, column, number in sheet.shared:
        if row < len(sheet.table.rows):
            sheet.table.rows[row][column] = strings.found.get(number, "")


def _target(archive: zipfile.ZipFile, place: str) -> str:
    """Return the member that the workbook means by its mark for the sheet."""
    found = {"": "worksheets/sheet1.xml"}

    def see(name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("Id") == place:
            found[""] = attributes.get("Target", "")

    if "xl/_rels/workbook.xml.rels" in archive.NameToInfo:
        _read(archive, "xl/_rels/workbook.xml.rels", _Seen(see))
    target = found[""]
    return target[1:] if target.startswith("/") else f"xl/{target}"


_DATES: Final = frozenset({*range(14, 23), 45, 46, 47})
"""The formats of dates that every workbook knows by number."""
_NO_DATE: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')


def _date_styles(archive: zipfile.ZipFile) -> frozenset[int]:
    """Return the numbers of the styles that show a number as a date."""
    dates, styles = set(_DATES), list[int]()
    within = [False]

    def see(name: str, attributes: dict[str, str]) -> None:
        if name == "numFmt":
            code = _NO_DATE.sub("", attributes.get("formatCode", "")[:200]).lower()
            if any(letter in code for letter in "ymdh"):
                dates.add(_number(attributes.get("numFmtId", "")))
        elif name in ("cellXfs", "cellStyles", "dxfs"):
            within[0] = name == "cellXfs"
        elif name == "xf" and within[0]:
            styles.append(_number(attributes.get("numFmtId", "")))

    if "xl/styles.xml" in archive.NameToInfo:
        _read(archive, "xl/styles.xml", _Seen(see))
    return frozenset(number for number, form in enumerate(styles) if form in dates)


def _shown_number(value: str, epoch: datetime | None) -> str:
    try:
        number = float(value)
        if epoch is not None and 0 <= number < 2_958_466:
            return _shown_date(number, epoch)
        return f"{number:.15g}" if abs(number) < 1e15 else value
    except (ValueError, OverflowError):
        return value


def _shown_date(number: float, epoch: datetime) -> str:
    at = epoch + timedelta(seconds=round(number * 86400))
    if number < 1:
        return f"{at:%H:%M:%S}"
    return f"{at:%Y-%m-%d}" if at.time() == epoch.time() else f"{at:%Y-%m-%d %H:%M:%S}"


def _column(place: str, otherwise: int) -> int:
    """Return the column of a place like ``AB12``, counted from 0."""
    letters = place.rstrip("0123456789")
    if not 1 <= len(letters) <= 3 or not letters.isascii() or not letters.isalpha():
        return otherwise
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else -1


class _OpenTable:
    """The first table of an OpenDocument sheet; a cell and a row may stand for many."""

    def __init__(self) -> None:
        self.table = _Rows()
        self.name = ""
        self.sheets = 0
        self._times = self._rows = 1
        self._value = ""
        self._depth = self._notes = 0
        self._is_full = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table":
            self.sheets += 1
            self.name = self.name or attributes.get("name", "")
        if self.sheets != 1 or self._is_full:
            return
        if name == "table-row":
            self._rows = max(1, _number(attributes.get("number-rows-repeated", "")))
        elif name in ("table-cell", "covered-table-cell"):
            self._times = max(1, _number(attributes.get("number-columns-repeated", "")))
            self._value = ""
        self._notes += name == "annotation"
        if name == "p":
            self._depth += 1
            self._value += "\n" * bool(self._value)

    def end(self, name: str) -> None:
        if self.sheets != 1 or self._is_full:
            return
        self._notes -= name == "annotation"
        self._depth -= name == "p"
        if name in ("table-cell", "covered-table-cell"):
            for _ in range(min(self._times, COLUMNS_MAX + 1)):
                self.table.put(self.table.column, self._value)
        elif name == "table-row":
            try:
                self.table.close_row(self._rows)
            except _Enough:
                self._is_full = True  # further sheets are counted all the same

    def words(self, text: str) -> None:
        if self._depth and not self._notes and len(self._value) < CELL_MAX:
            self._value += text[:CELL_MAX]


def _open_table(archive: zipfile.ZipFile) -> SheetRead:
    reader = _OpenTable()
    whole = _read(archive, "content.xml", reader)
    reader.table.is_cut |= not whole
    return reader.table.report(reader.name, reader.sheets)


_READERS: Final[dict[Content, Callable[[zipfile.ZipFile], DocumentRead | SheetRead]]] = {
    Content.DOCX: _word,
    Content.PPTX: _slides,
    Content.XLSX: _workbook,
    Content.ODT: _open_text,
    Content.ODP: _open_text,
    Content.ODS: _open_table,
}
