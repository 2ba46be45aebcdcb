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


class Inspected(msgspec.Struct, frozen=True, tag=True):
    """``thumbnail`` is None for what cannot be rendered; the sides are those of the upright image."""

    width: int | None = None
    height: int | None = None
    thumbnail: bytes | None = None
    has_too_many_pixels: bool = False

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
    """``total`` counts what was found; with ``truncated`` there may be more."""

    entries: list[Entry]
    total: int
    truncated: bool


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The file is not what it seemed, or cannot be read."""

    why: str


AnyJob = Inspect | Draw | ReadPdf | ListEntries
Report = Inspected | Drawn | PdfRead | Listed | Failed


class Order(msgspec.Struct, Generic[J], frozen=True):
    """A job and the seconds that it may take."""

    job: J
    seconds: float


LENGTH: Final = 4
"""Bytes before each message that tell how long it is."""
