"""The bytes of files as the desk deals with them: kept, looked at, shown."""

import asyncio
import contextlib
from pathlib import Path
from typing import TypeVar

import msgspec

from servicedesk.domain.errors import Busy
from servicedesk.domain.files import Content, Limits, Seen, StoredFile, TooManyPixels, extension_of, kind_of
from servicedesk.media import sniff
from servicedesk.media.blobs import Blobs
from servicedesk.media.jobs import (
    AnyJob,
    Draw,
    Drawn,
    Highlight,
    Highlighted,
    Inspect,
    Inspected,
    Listed,
    ListEntries,
    MailRead,
    Mark,
    Marked,
    Opened,
    PdfRead,
    ReadDocument,
    ReadMail,
    ReadPdf,
)
from servicedesk.media.measure import Sides, sides
from servicedesk.media.text import Table, Text, read_table, read_text
from servicedesk.media.workers import PATIENCE, CannotRender, Workers

T = TypeVar("T", bound=msgspec.Struct)

THUMBNAIL = "thumbnail"
PICTURE = "picture"
SOURCE_PATIENCE = 3.0
"""Seconds for what is only made prettier: without it the text is shown as it is."""
_DOCUMENTS = {
    "docx": Content.DOCX,
    "xlsx": Content.XLSX,
    "pptx": Content.PPTX,
    "odt": Content.ODT,
    "ods": Content.ODS,
    "odp": Content.ODP,
}
_ARCHIVES = {"zip": Content.ZIP, "tar": Content.TAR, "gz": Content.GZIP, "tgz": Content.GZIP}


class Media:
    """Blobs, workers and limits of one desk."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.limits = limits
        self.blobs = Blobs(folder)
        self.workers = Workers()

    async def look(self, path: Path) -> Seen:
        """Return what the bytes are."""
        return await asyncio.to_thread(_look, path)

    async def measure(self, path: Path) -> Sides | None:
        """Return the sides that an image states. Raises TooManyPixels."""
        found = await asyncio.to_thread(sides, path)
        if found is not None and found[0] * found[1] > self.limits.max_pixels:
            raise TooManyPixels(self.limits.max_pixels)
        return found

    async def inspect(self, sha256: str, content: Content, *, urgent: bool) -> Inspected:
        """Measure an image that is kept and keep its thumbnail; of what cannot be read nothing is known."""
        job = Inspect(str(self.blobs.path(sha256)), content=content, max_pixels=self.limits.max_pixels)
        found = await self._asked(job, Inspected, urgent=urgent) or Inspected()
        if found.thumbnail is not None:
            await self.blobs.keep_picture(sha256, THUMBNAIL, found.thumbnail)
        return found

    async def picture(self, file: StoredFile) -> bytes | None:
        """Return a picture that fills a screen: of an image, or of a PDF's first page."""
        kept = await self.blobs.picture(file.sha256, PICTURE)
        if kept is not None:
            return kept
        if is_pdf(file):
            read = await self._asked(ReadPdf(self._path(file)), PdfRead)
            return await self._kept(file, PICTURE, read.picture if read else None)
        job = Draw(self._path(file), content=image_of(file), max_pixels=self.limits.max_pixels)
        drawn = await self._asked(job, Drawn)
        return await self._kept(file, PICTURE, drawn.picture if drawn else None)

    async def pdf(self, file: StoredFile) -> PdfRead | None:
        read = await self._asked(ReadPdf(self._path(file)), PdfRead)
        if read is not None:
            await self._kept(file, PICTURE, read.picture)
        return read

    async def entries(self, file: StoredFile) -> Listed | None:
        """Return what is in an archive, None for kinds that cannot be listed."""
        content = _ARCHIVES.get(extension_of(file.filename))
        if content is None:
            return None
        return await self._asked(ListEntries(self._path(file), content=content, name=file.filename), Listed)

    async def text(self, file: StoredFile) -> Text:
        return await asyncio.to_thread(read_text, self.blobs.path(file.sha256), charset_of(file))

    async def table(self, file: StoredFile) -> Table:
        delimiter = "\t" if extension_of(file.filename) == "tsv" else None
        return await asyncio.to_thread(read_table, self.blobs.path(file.sha256), charset_of(file), delimiter)

    async def source(self, file: StoredFile) -> Highlighted | None:
        """Return source with its words told apart; None when that takes too long."""
        language = extension_of(file.filename)
        job = Highlight(self._path(file), charset=charset_of(file), language=language)
        with contextlib.suppress(Busy):
            return await self._asked(job, Highlighted, patience=SOURCE_PATIENCE)
        return None

    async def marked(self, file: StoredFile) -> Marked | None:
        """Return Markdown as HTML that is still to be cleaned; None when that takes too long."""
        job = Mark(self._path(file), charset=charset_of(file))
        with contextlib.suppress(Busy):
            return await self._asked(job, Marked, patience=SOURCE_PATIENCE)
        return None

    async def mail(self, file: StoredFile) -> MailRead | None:
        return await self._asked(ReadMail(self._path(file), charset=charset_of(file)), MailRead)

    async def document(self, file: StoredFile) -> Opened | None:
        """Return what a document says, None for what cannot be read."""
        content = _DOCUMENTS.get(extension_of(file.filename))
        if content is None:
            return None
        job = ReadDocument(self._path(file), content=content)
        return await self._asked(job, Opened)

    async def close(self) -> None:
        await self.workers.close()
        self.blobs.close()

    async def _asked(
        self, job: AnyJob, wanted: type[T], *, patience: float = PATIENCE, urgent: bool = True
    ) -> T | None:
        with contextlib.suppress(CannotRender):
            return await self.workers.ask(job, wanted, patience=patience, urgent=urgent)
        return None

    async def _kept(self, file: StoredFile, name: str, made: bytes | None) -> bytes | None:
        if made is not None:
            await self.blobs.keep_picture(file.sha256, name, made)
        return made

    def _path(self, file: StoredFile) -> str:
        return str(self.blobs.path(file.sha256))


def is_pdf(file: StoredFile) -> bool:
    return extension_of(file.filename) == "pdf"


def charset_of(file: StoredFile) -> str:
    return file.content_type.partition("charset=")[2] or "utf-8"


def image_of(file: StoredFile) -> Content:
    """Return what an image's bytes are."""
    (content,) = kind_of(file.filename).contents
    return content


def _look(path: Path) -> Seen:
    with path.open("rb") as file:
        return sniff.sniff(file)
