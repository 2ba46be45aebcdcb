"""The bytes of files as the desk deals with them: kept, looked at, shown."""

import asyncio
import contextlib
from pathlib import Path
from typing import TypeVar

from servicedesk.domain.files import Content, Limits, Seen, StoredFile, extension_of, kind_of
from servicedesk.media import sniff
from servicedesk.media.blobs import Blobs
from servicedesk.media.jobs import (
    AnyJob,
    Draw,
    Drawn,
    Inspect,
    Inspected,
    Listed,
    ListEntries,
    PdfRead,
    ReadPdf,
    Report,
)
from servicedesk.media.text import Table, Text, read_table, read_text
from servicedesk.media.workers import PATIENCE, CannotRender, Workers

T = TypeVar("T", bound=Report)

THUMBNAIL = "thumbnail"
PICTURE = "picture"
THUMBNAIL_PATIENCE = 5.0
_ARCHIVES = {"zip": Content.ZIP, "tar": Content.TAR, "gz": Content.GZIP, "tgz": Content.GZIP}


class Media:
    """Blobs, workers and limits of one desk."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.limits = limits
        self.blobs = Blobs(folder)
        self._workers = Workers()

    async def look(self, path: Path) -> Seen:
        """Return what the bytes are."""
        return await asyncio.to_thread(_look, path)

    async def inspect(self, path: Path, content: Content) -> Inspected:
        """Measure an image and make its thumbnail; of what cannot be read nothing is known."""
        job = Inspect(str(path), content=content, max_pixels=self.limits.max_pixels)
        return await self._asked(job, Inspected) or Inspected()

    async def thumbnail(self, file: StoredFile) -> bytes | None:
        """Return the small picture; one that got lost is made again."""
        kept = await self.blobs.picture(file.sha256, THUMBNAIL)
        if kept is not None:
            return kept
        job = Inspect(self._path(file), content=_image(file), max_pixels=self.limits.max_pixels)
        made = await self._asked(job, Inspected, patience=THUMBNAIL_PATIENCE)
        return await self._kept(file, THUMBNAIL, made.thumbnail if made else None)

    async def picture(self, file: StoredFile) -> bytes | None:
        """Return a picture that fills a screen: of an image, or of a PDF's first page."""
        kept = await self.blobs.picture(file.sha256, PICTURE)
        if kept is not None:
            return kept
        if is_pdf(file):
            read = await self._asked(ReadPdf(self._path(file)), PdfRead)
            return await self._kept(file, PICTURE, read.picture if read else None)
        job = Draw(self._path(file), content=_image(file), max_pixels=self.limits.max_pixels)
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
        return await asyncio.to_thread(read_table, self.blobs.path(file.sha256), charset_of(file))

    async def close(self) -> None:
        await self._workers.close()
        self.blobs.close()

    async def _asked(self, job: AnyJob, wanted: type[T], *, patience: float = PATIENCE) -> T | None:
        with contextlib.suppress(CannotRender):
            return await self._workers.ask(job, wanted, patience=patience)
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


def _image(file: StoredFile) -> Content:
    (content,) = kind_of(file.filename).contents
    return content


def _look(path: Path) -> Seen:
    with path.open("rb") as file:
        return sniff.sniff(file)
