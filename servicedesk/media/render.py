"""The other side of ``workers.py``: a process that looks into files which may be hostile.

It opens one file at a time, read only, answers over a pipe, and may die of it: nothing else hangs on it. Pillow and
pypdfium2 are imported here alone, and only when a file asks for them.
"""

import contextlib
import gzip
import io
import os
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Final, Protocol, cast

from servicedesk.domain.files import Content, is_hidden
from servicedesk.media import errands
from servicedesk.media.jobs import (
    AnyJob,
    Draw,
    Drawn,
    Entry,
    Inspect,
    Inspected,
    Listed,
    ListEntries,
    PdfRead,
    ReadPdf,
    Report,
)

if TYPE_CHECKING:
    from PIL import Image

THUMBNAIL_SIDE: Final = 320
PICTURE_SIDE: Final = 1600
ENTRIES_MAX: Final = 1000
COUNTED_MAX: Final = 20_000
"""Entries of a tar that are counted, which takes a read for each."""
UNPACKED_MAX: Final = 256 << 20
"""Bytes of a compressed tar that are read on the way from header to header."""
NAME_MAX: Final = 500
_FORMATS: Final = {
    Content.PNG: "PNG",
    Content.JPEG: "JPEG",
    Content.GIF: "GIF",
    Content.WEBP: "WEBP",
    Content.BMP: "BMP",
    Content.AVIF: "AVIF",
}
_TURNED: Final = frozenset({5, 6, 7, 8})
"""The EXIF orientations of a picture that lies on its side."""
_ORIENTATION: Final = 0x0112


def perform(job: AnyJob) -> Report:
    match job:
        case Inspect():
            return inspect(job)
        case Draw():
            return draw(job)
        case ReadPdf():
            return read_pdf(job)
        case ListEntries():
            return list_entries(job)


def inspect(job: Inspect) -> Inspected:
    try:
        with _opened(job.path, job.content, job.max_pixels) as image:
            width, height = image.size
            try:
                thumbnail = _rendered(image, THUMBNAIL_SIDE)
                turned = image.getexif().get(_ORIENTATION) in _TURNED
            except Exception:
                return Inspected(width, height)
    except _TooManyPixels:
        return Inspected(has_too_many_pixels=True)
    return Inspected(height, width, thumbnail) if turned else Inspected(width, height, thumbnail)


def draw(job: Draw) -> Drawn:
    with _opened(job.path, job.content, job.max_pixels) as image:
        return Drawn(_rendered(image, PICTURE_SIDE))


def read_pdf(job: ReadPdf) -> PdfRead:
    import pypdfium2

    with contextlib.closing(pypdfium2.PdfDocument(job.path)) as document:
        picture = None
        with contextlib.suppress(Exception):  # a damaged page is still a page
            page = document[0]
            scale = min(2.0, PICTURE_SIDE / max(*page.get_size(), 1))
            picture = _webp(page.render(scale=scale).to_pil())
        return PdfRead(len(document), picture)


def list_entries(job: ListEntries) -> Listed:
    if job.content is Content.TAR:
        with open(job.path, "rb") as file:
            return _tar_entries(file)
    if job.content is Content.GZIP:
        return _gzip_entries(job)
    with zipfile.ZipFile(job.path) as archive:
        found = archive.infolist()
        entries = [Entry(_shown(entry.filename), entry.file_size) for entry in found[:ENTRIES_MAX]]
        return Listed(entries, len(found), len(found) > ENTRIES_MAX)


class _TooManyPixels(Exception):
    pass


def _opened(path: str, content: Content, max_pixels: int) -> "Image.Image":
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = max_pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        image = Image.open(path, formats=[_FORMATS[content]])
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise _TooManyPixels from None
    if image.width * image.height > max_pixels:
        image.close()
        raise _TooManyPixels
    return image


def _rendered(image: "Image.Image", side: int) -> bytes:
    """Return the first frame, upright and no larger than the side, as a WebP that carries nothing over."""
    from PIL import ImageOps

    image.draft("RGB", (2 * side, 2 * side))
    small = _in_colour(image)
    small.thumbnail((side, side), reducing_gap=2.0)
    return _webp(ImageOps.exif_transpose(small))


def _in_colour(image: "Image.Image") -> "Image.Image":
    """Return the image in a mode that can be scaled smoothly and saved, with its transparency."""
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value / 256).convert("L")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("RGB")


def _webp(image: "Image.Image") -> bytes:
    from PIL import Image

    bare = Image.new(image.mode, image.size)
    bare.paste(image)
    out = io.BytesIO()
    bare.save(out, "WEBP", quality=80, method=4)
    return out.getvalue()


class _Source(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


class _Bounded:
    """A stream that ends after so many bytes, wherever its source goes on to."""

    def __init__(self, source: _Source, most: int) -> None:
        self._source = source
        self._left = most
        self.is_cut = False

    def read(self, size: int = -1, /) -> bytes:
        if self._left <= 0:
            self.is_cut = True
            return b""
        chunk = self._source.read(min(size if size >= 0 else 1 << 20, self._left))
        self._left -= len(chunk)
        return chunk


def _gzip_entries(job: ListEntries) -> Listed:
    with gzip.open(job.path) as unpacked:
        if _begins_as_tar(unpacked.read(512)):
            unpacked.seek(0)
            return _tar_entries(unpacked)
    with open(job.path, "rb") as packed:
        packed.seek(-4, os.SEEK_END)
        size = int.from_bytes(packed.read(4), "little")
    return Listed([Entry(_shown(job.name.rpartition(".")[0] or job.name), size)], 1, False)


def _begins_as_tar(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def _tar_entries(file: _Source) -> Listed:
    bounded = _Bounded(file, UNPACKED_MAX)
    entries: list[Entry] = []
    total, damaged = 0, False
    try:
        for member in _members(bounded):
            total += 1
            if total == COUNTED_MAX:
                break
            if len(entries) < ENTRIES_MAX:
                entries.append(Entry(_shown(member.name + "/" * member.isdir()), member.size))
    except (tarfile.TarError, EOFError, OSError, zlib.error):
        damaged = True
    return Listed(entries, total, damaged or bounded.is_cut or total > len(entries))


def _members(file: _Source) -> Iterator[tarfile.TarInfo]:
    with tarfile.open(fileobj=cast("IO[bytes]", file), mode="r|", errorlevel=0) as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # it would grow with the archive
            yield member


def _shown(name: str) -> str:
    """Return an entry's name with everything that a reader could not see made visible."""
    return "".join("\ufffd" if is_hidden(char) else char for char in name[:NAME_MAX])


if __name__ == "__main__":
    errands.main(AnyJob, perform)
