"""What can be shown of a file without downloading it."""

import msgspec

from servicedesk.desk import files as desk
from servicedesk.domain.files import Category, Content, StoredFile, kind_of
from servicedesk.media import files as media
from servicedesk.media.files import Media
from servicedesk.media.jobs import Entry
from servicedesk.web.api import Call
from servicedesk.web.downloads import opened
from servicedesk.web.files import MEDIA


class ImagePreview(msgspec.Struct, frozen=True, tag_field="kind", tag="image"):
    """``image_url`` is a picture that fills a screen."""

    width: int | None
    height: int | None
    thumbnail_url: str
    image_url: str


class TextPreview(msgspec.Struct, frozen=True, tag_field="kind", tag="text"):
    text: str
    truncated: bool
    encoding: str


class TablePreview(msgspec.Struct, frozen=True, tag_field="kind", tag="table"):
    rows: list[list[str]]
    truncated: bool


class PdfPreview(msgspec.Struct, frozen=True, tag_field="kind", tag="pdf"):
    """``image_url`` is the first page."""

    pages: int
    image_url: str | None


class ArchivePreview(msgspec.Struct, frozen=True, tag_field="kind", tag="archive"):
    """What is in the archive, as far as it was read."""

    entries: list[Entry]
    total: int
    truncated: bool


class NoPreview(msgspec.Struct, frozen=True, tag_field="kind", tag="none"):
    """There is nothing to show but the file itself."""


Preview = ImagePreview | TextPreview | TablePreview | PdfPreview | ArchivePreview | NoPreview


async def preview(call: Call) -> Preview:
    """Return what can be shown of a file without downloading it."""
    file, kept = call.thing, call.app[MEDIA]
    with await opened(call, file):
        contents = kind_of(file.filename).contents
        if file.filename.lower().endswith(".csv"):
            table = await kept.table(file)
            return TablePreview(table.rows, table.truncated)
        if contents == {Content.TEXT}:
            text = await kept.text(file)
            return TextPreview(text.text, text.truncated, text.encoding)
        if file.category == Category.IMAGE:
            return _image_preview(file)
        if media.is_pdf(file):
            return await _pdf_preview(file, kept)
        listed = await kept.entries(file)
        return ArchivePreview(listed.entries, listed.total, listed.truncated) if listed else NoPreview()


def _image_preview(file: StoredFile) -> Preview:
    address = desk.shown(file).thumbnail_url
    if address is None:
        return NoPreview()
    return ImagePreview(file.width, file.height, address, f"/api/files/{file.id}/picture")


async def _pdf_preview(file: StoredFile, kept: Media) -> Preview:
    read = await kept.pdf(file)
    if read is None:
        return NoPreview()
    return PdfPreview(read.pages, f"/api/files/{file.id}/picture" if read.picture else None)
