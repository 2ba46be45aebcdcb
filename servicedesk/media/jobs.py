"""What the server and its workers say to each other."""

from typing import Final, Generic, TypeVar

import msgspec

from servicedesk.domain.files import Content

J = TypeVar("J")


class Job(msgspec.Struct, frozen=True, tag=True):
    path: str


class Inspect(Job, frozen=True, kw_only=True):
    """Measure an image and make its thumbnail."""

    content: Content
    max_pixels: int


class Draw(Job, frozen=True, kw_only=True):
    """Make a picture that fills a screen of an image."""

    content: Content
    max_pixels: int


class ReadPdf(Job, frozen=True, kw_only=True):
    """Count a PDF's pages and make a picture of the first."""


class ListEntries(Job, frozen=True, kw_only=True):
    """Say what is in an archive, without taking it out; ``name`` is for what has no name inside."""

    content: Content
    name: str


class Highlight(Job, frozen=True, kw_only=True):
    """Tell the words of source apart; ``language`` is the extension of the file."""

    charset: str
    language: str


class Mark(Job, frozen=True, kw_only=True):
    """Make HTML of Markdown."""

    charset: str


class ReadMail(Job, frozen=True, kw_only=True):
    """Read the head and the text of an e-mail; ``charset`` is for what in it names none."""

    charset: str


class ReadDocument(Job, frozen=True, kw_only=True):
    """Read the text of a document, or the first sheet of a workbook."""

    content: Content


class Inspected(msgspec.Struct, frozen=True, tag=True):
    """``thumbnail`` is None for what cannot be rendered; the sides are those of the upright image."""

    width: int | None = None
    height: int | None = None
    thumbnail: bytes | None = None

    @property
    def sides(self) -> tuple[int, int] | None:
        return None if self.width is None or self.height is None else (self.width, self.height)


class Drawn(msgspec.Struct, frozen=True, tag=True):
    picture: bytes


class PdfRead(msgspec.Struct, frozen=True, tag=True):
    pages: int
    picture: bytes | None


class Entry(msgspec.Struct, frozen=True):
    name: str
    size: int


class Listed(msgspec.Struct, frozen=True, tag=True):
    """``total`` counts what was found, and ``unpacked`` its bytes; with ``truncated`` there may be more."""

    entries: list[Entry]
    total: int
    truncated: bool
    unpacked: int


class Highlighted(msgspec.Struct, frozen=True, tag=True):
    """Text in pieces, each with the name of its sort; ``is_laid_out`` tells that the lines are ours."""

    pieces: list[tuple[str, str]]
    is_laid_out: bool


class Marked(msgspec.Struct, frozen=True, tag=True):
    """HTML that is still to be cleaned."""

    html: str


class Header(msgspec.Struct, frozen=True):
    name: str
    value: str


class MailRead(msgspec.Struct, frozen=True, tag=True):
    headers: list[Header]
    text: str
    truncated: bool
    attachments: list[str]


class Opened(msgspec.Struct, frozen=True):
    """What opening a document may come to."""


class DocumentRead(Opened, frozen=True, tag=True):
    text: str
    truncated: bool


class SheetRead(Opened, frozen=True, tag=True):
    """The first sheet; ``sheets`` counts them all."""

    rows: list[list[str]]
    truncated: bool
    name: str
    sheets: int


class TooMuch(Opened, frozen=True, tag=True):
    """The file would unpack to so many bytes that it was left alone."""

    unpacked: int


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The file is not what it seemed, or cannot be read."""

    why: str


AnyJob = Inspect | Draw | ReadPdf | ListEntries | Highlight | Mark | ReadMail | ReadDocument
Report = (
    Inspected
    | Drawn
    | PdfRead
    | Listed
    | Highlighted
    | Marked
    | MailRead
    | DocumentRead
    | SheetRead
    | TooMuch
    | Failed
)


class Order(msgspec.Struct, Generic[J], frozen=True):
    """A job and the seconds that it may take."""

    job: J
    seconds: float


LENGTH: Final = 4
"""Bytes before each message that tell how long it is."""
