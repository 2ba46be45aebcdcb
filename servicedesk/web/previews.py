"""What can be shown of a file without downloading it."""

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from servicedesk.desk import files as desk
from servicedesk.domain.files import Category, Content, StoredFile, extension_of, is_absurd, kind_of
from servicedesk.domain.words import say
from servicedesk.media import files as media
from servicedesk.media.files import Media
from servicedesk.media.jobs import DocumentRead, Entry, Header, Listed, SheetRead, TooMuch
from servicedesk.web import wording
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
    """An e-mail has its head in ``headers`` and the names of what hangs on it in ``attachments``."""

    text: str
    truncated: bool
    encoding: str
    headers: list[Header] | UnsetType = UNSET
    attachments: list[str] | UnsetType = UNSET


class TablePreview(msgspec.Struct, frozen=True, tag_field="kind", tag="table"):
    """Of a workbook ``sheet`` is the name of the first sheet, and ``sheets`` how many there are."""

    rows: list[list[str]]
    truncated: bool
    sheet: str | UnsetType = UNSET
    sheets: int | UnsetType = UNSET


class PdfPreview(msgspec.Struct, frozen=True, tag_field="kind", tag="pdf"):
    """``image_url`` is the first page."""

    pages: int
    image_url: str | None


class ArchivePreview(msgspec.Struct, frozen=True, tag_field="kind", tag="archive"):
    """What is in the archive, as far as it was read, and how many bytes that is; ``warning`` says what is odd."""

    entries: list[Entry]
    total: int
    truncated: bool
    unpacked: int
    warning: str | UnsetType = UNSET


class NoPreview(msgspec.Struct, frozen=True, tag_field="kind", tag="none"):
    """There is nothing to show but the file itself; ``reason`` says why, where there is more to say than that."""

    reason: str | UnsetType = UNSET


Preview = ImagePreview | TextPreview | TablePreview | PdfPreview | ArchivePreview | NoPreview


async def preview(call: Call) -> Preview:
    """Return what can be shown of a file without downloading it."""
    file, kept = call.thing, call.app[MEDIA]
    with await opened(call, file):
        return await _preview(file, kept)


def under(preview: Preview, file: StoredFile, address: str) -> Preview:
    """Return the preview with its pictures under another address of the file than the API's."""
    api = f"/api/files/{file.id}"
    match preview:
        case ImagePreview():
            thumbnail_url = preview.thumbnail_url.replace(api, address)
            return replace(
                preview, thumbnail_url=thumbnail_url, image_url=preview.image_url.replace(api, address)
            )
        case PdfPreview() if preview.image_url is not None:
            return replace(preview, image_url=preview.image_url.replace(api, address))
    return preview


async def _preview(file: StoredFile, kept: Media) -> Preview:
    extension = extension_of(file.filename)
    if extension in ("csv", "tsv"):
        table = await kept.table(file)
        return TablePreview(table.rows, table.truncated)
    if extension == "eml":
        return await _mail_preview(file, kept)
    if kind_of(file.filename).contents == {Content.TEXT}:
        return await _text_preview(file, kept)
    if file.category == Category.IMAGE:
        return _image_preview(file)
    if media.is_pdf(file):
        return await _pdf_preview(file, kept)
    listed = await kept.entries(file)
    return _archive_preview(file, listed) if listed else await _document_preview(file, kept)


async def _text_preview(file: StoredFile, kept: Media) -> TextPreview:
    text = await kept.text(file)
    return TextPreview(text.text, text.truncated, text.encoding)


async def _mail_preview(file: StoredFile, kept: Media) -> Preview:
    mail = await kept.mail(file)
    if mail is None:
        return await _text_preview(file, kept)
    return TextPreview(mail.text, mail.truncated, media.charset_of(file), mail.headers, mail.attachments)


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


def _archive_preview(file: StoredFile, listed: Listed) -> ArchivePreview:
    warning: str | UnsetType = UNSET
    if is_absurd(file.size, listed.unpacked):
        warning = say(
            "This archive would unpack to {size}, {n} times its size.",
            size=wording.file_size(listed.unpacked),
            n=listed.unpacked // file.size,
        )
    return ArchivePreview(listed.entries, listed.total, listed.truncated, listed.unpacked, warning)


async def _document_preview(file: StoredFile, kept: Media) -> Preview:
    match await kept.document(file):
        case DocumentRead(text, truncated):
            return TextPreview(text, truncated, "utf-8")
        case SheetRead(rows, truncated, name, sheets):
            return TablePreview(rows, truncated, name, sheets)
        case TooMuch(unpacked):
            size = wording.file_size(unpacked)
            return NoPreview(say("This document would unpack to {size}. It was not opened.", size=size))
    return NoPreview()
