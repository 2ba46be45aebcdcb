"""Files on tickets: what is taken, under which name, and what their bytes may be."""

import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

import msgspec

from servicedesk.domain.access import Owned
from servicedesk.domain.errors import (
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    TooLarge,
    UnsupportedMedia,
)
from servicedesk.domain.people import PersonRef
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say

MIB: Final = 1 << 20
NAME_MAX: Final = 150
"""Bytes of a file's name in UTF-8: with what a system adds to a copy it still fits into the 255 that most have."""
A_MESSAGE: Final = 10
"""Files on one message."""


class Category(StrEnum):
    IMAGE = "image"
    DOCUMENT = "document"
    ARCHIVE = "archive"
    LOG = "log"
    CODE = "code"
    OTHER = "other"


class Content(StrEnum):
    """What bytes turn out to be; everything that the desk does not take is ``other``."""

    PNG = "png"
    JPEG = "jpeg"
    GIF = "gif"
    WEBP = "webp"
    BMP = "bmp"
    AVIF = "avif"
    PDF = "pdf"
    RTF = "rtf"
    DOC = "doc"
    XLS = "xls"
    PPT = "ppt"
    LOCKED_OFFICE = "locked_office"
    """A Word, Excel or PowerPoint document under a password: what is inside cannot be seen."""
    DOCX = "docx"
    XLSX = "xlsx"
    PPTX = "pptx"
    ODT = "odt"
    ODS = "ods"
    ODP = "odp"
    ZIP = "zip"
    TAR = "tar"
    GZIP = "gzip"
    SEVEN_ZIP = "7z"
    RAR = "rar"
    TEXT = "text"
    OTHER = "other"


class Picture(StrEnum):
    """How far the small picture of a file has come."""

    NONE = "none"
    """It is no sort of file that has one."""
    PENDING = "pending"
    MADE = "made"
    FAILED = "failed"


class Scan(StrEnum):
    """What the virus scanner says of a file; ``none`` where there is no scanner."""

    NONE = "none"
    PENDING = "pending"
    CLEAN = "clean"
    INFECTED = "infected"
    ERROR = "error"


class Seen(msgspec.Struct, frozen=True):
    """What a look at the bytes found: the charset of text, and in words what is wrong with others."""

    content: Content
    charset: str | None = None
    remark: str = ""


class Kind(msgspec.Struct, frozen=True):
    """What an extension promises."""

    category: Category
    content_type: str
    contents: frozenset[Content]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    max_size: int = 25 * MIB
    max_image_size: int = 10 * MIB
    max_pixels: int = 40_000_000
    max_files_per_message: int = A_MESSAGE

    def size_of(self, category: Category) -> int:
        return self.max_image_size if category is Category.IMAGE else self.max_size


class StoredFile(Owned, frozen=True, kw_only=True):
    """What is known of a file, which belongs to who uploaded it; its bytes are found by their hash."""

    id: str
    message_id: int | None
    filename: str
    size: int
    content_type: str
    """As it is served: of text with its charset."""
    category: str
    sha256: str
    uploaded_by: PersonRef
    width: int | None
    height: int | None
    picture: Picture
    scan: Scan
    piece: int
    """Its name's place in the ticket's search index."""
    created_at: Instant

    @property
    def has_picture(self) -> bool:
        """Whether a small picture was made, or is being made, and may be shown."""
        return self.picture in (Picture.PENDING, Picture.MADE) and self.scan is not Scan.INFECTED


class DeletedFile(msgspec.Struct, frozen=True, kw_only=True):
    """What staff still see of a file that was deleted."""

    id: str
    message_id: int | None
    filename: str
    deleted_by: PersonRef
    deleted_at: Instant


class NewFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose bytes are in their place and which is now to be known."""

    id: str
    ticket_id: int
    message_id: int | None = None
    is_internal: bool = False
    filename: str
    size: int
    content_type: str
    sha256: str
    width: int | None = None
    height: int | None = None
    picture: Picture = Picture.NONE
    scan: Scan = Scan.NONE

    @property
    def category(self) -> Category:
        return category_of(self.filename)


class BadName(Invalid):
    code = "bad_name"
    title = say("Unusable file name")

    def __init__(
        self, message: str = say("the file has no name that could be kept; rename it and try again")
    ) -> None:
        super().__init__([FieldError("/file", self.code, message)])


class EmptyFile(Invalid):
    code = "empty_file"
    title = say("Empty file")

    def __init__(self) -> None:
        super().__init__([FieldError("/file", self.code, say("the file is empty"))])


class TooManyPixels(Invalid):
    code = "too_many_pixels"
    title = say("Image too large")

    def __init__(self, most: int) -> None:
        detail = say(
            "the image has more than {most} megapixels; make it smaller and try again", most=f"{most / 1e6:g}"
        )
        super().__init__([FieldError("/file", self.code, detail)])


class FileTooLarge(TooLarge):
    def __init__(self, what: str, most: int) -> None:
        super().__init__(
            say("{what} may have at most {most} MiB.", what=what, most=f"{most / MIB:g}"), max_size=most
        )


class TypeNotAllowed(UnsupportedMedia):
    code = "type_not_allowed"
    title = say("Type not allowed")

    def __init__(self, extension: str) -> None:
        super().__init__(
            say("Files of type .{extension} are not taken.", extension=extension[:20])
            if extension
            else say("Files without an extension are not taken.")
        )


class TypeMismatch(UnsupportedMedia):
    code = "type_mismatch"
    title = say("Content and name differ")

    def __init__(self, extension: str, seen: Seen) -> None:
        found = seen.remark or _IN_WORDS.get(seen.content) or looks_like(seen.content)
        super().__init__(
            say("This is no sound .{extension} file: {found}.", extension=extension, found=found)
        )


class NoThumbnail(NotFound):
    code = "no_thumbnail"
    title = say("No thumbnail")

    def __init__(self) -> None:
        super().__init__(say("There is no picture of this file."))


class Infected(Forbidden):
    """Nobody gets these bytes, whoever they are; the file can be deleted."""

    code = "infected"
    title = say("Virus found")

    def __init__(self) -> None:
        super().__init__(say("A virus was found in this file; it can only be deleted."))


class NotScanned(Forbidden):
    code = "not_scanned"
    title = say("Not checked yet")

    def __init__(self, scan: Scan) -> None:
        super().__init__(
            say("This file waits for its virus check; try again in a moment.")
            if scan is Scan.PENDING
            else say("This file could not be checked for viruses yet; try again in a moment.")
        )


def require_readable(file: StoredFile, *, only_clean: bool) -> None:
    """Refuse the bytes of an infected file, and where ``only_clean`` those of what was not found clean.

    Every road to the bytes, and to whatever is made of them, asks here.
    """
    if file.scan is Scan.INFECTED:
        raise Infected()
    if only_clean and file.scan is not Scan.CLEAN:
        raise NotScanned(file.scan)


def looks_like(extension: str) -> str:
    """Return in words what the bytes of a file seem to be."""
    return say("it looks like a .{extension} file", extension=extension)


_IN_WORDS: Final = {
    Content.TEXT: say("it looks like plain text"),
    Content.OTHER: say("it looks like something else"),
    Content.JPEG: looks_like("jpg"),
    Content.GZIP: looks_like("gz"),
    Content.LOCKED_OFFICE: say("it looks like an Office document under a password"),
}
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_OASIS: Final = "application/vnd.oasis.opendocument."
_PLAIN: Final = "text/plain"
_CODE: Final = ("py", "js", "ts", "css", "html", "json", "xml", "sql", "yaml", "yml", "toml", "sh", "svg")


def _kind(category: Category, content_type: str, *contents: Content) -> Kind:
    return Kind(category, content_type, frozenset(contents))


def _table() -> dict[str, Kind]:
    jpeg = _kind(Category.IMAGE, "image/jpeg", Content.JPEG)
    gzip = _kind(Category.ARCHIVE, "application/gzip", Content.GZIP)
    code = _kind(Category.CODE, _PLAIN, Content.TEXT)
    document, archive = Category.DOCUMENT, Category.ARCHIVE
    zipped = (Content.ZIP, Content.DOCX, Content.XLSX, Content.PPTX, Content.ODT, Content.ODS, Content.ODP)
    return {
        "png": _kind(Category.IMAGE, "image/png", Content.PNG),
        "jpg": jpeg,
        "jpeg": jpeg,
        "gif": _kind(Category.IMAGE, "image/gif", Content.GIF),
        "webp": _kind(Category.IMAGE, "image/webp", Content.WEBP),
        "bmp": _kind(Category.IMAGE, "image/bmp", Content.BMP),
        "avif": _kind(Category.IMAGE, "image/avif", Content.AVIF),
        "pdf": _kind(document, "application/pdf", Content.PDF),
        "txt": _kind(document, _PLAIN, Content.TEXT),
        "rtf": _kind(document, "application/rtf", Content.RTF),
        "doc": _kind(document, "application/msword", Content.DOC),
        "docx": _kind(document, f"{_OFFICE}wordprocessingml.document", Content.DOCX, Content.LOCKED_OFFICE),
        "xls": _kind(document, "application/vnd.ms-excel", Content.XLS),
        "xlsx": _kind(document, f"{_OFFICE}spreadsheetml.sheet", Content.XLSX, Content.LOCKED_OFFICE),
        "ppt": _kind(document, "application/vnd.ms-powerpoint", Content.PPT),
        "pptx": _kind(document, f"{_OFFICE}presentationml.presentation", Content.PPTX, Content.LOCKED_OFFICE),
        "odt": _kind(document, f"{_OASIS}text", Content.ODT),
        "ods": _kind(document, f"{_OASIS}spreadsheet", Content.ODS),
        "odp": _kind(document, f"{_OASIS}presentation", Content.ODP),
        "md": _kind(document, "text/markdown", Content.TEXT),
        "eml": _kind(document, "message/rfc822", Content.TEXT),
        "zip": _kind(archive, "application/zip", *zipped),
        "tar": _kind(archive, "application/x-tar", Content.TAR),
        "gz": gzip,
        "tgz": gzip,
        "7z": _kind(archive, "application/x-7z-compressed", Content.SEVEN_ZIP),
        "rar": _kind(archive, "application/vnd.rar", Content.RAR),
        "log": _kind(Category.LOG, _PLAIN, Content.TEXT),
        "csv": _kind(Category.LOG, "text/csv", Content.TEXT),
        "tsv": _kind(Category.LOG, "text/tab-separated-values", Content.TEXT),
    } | dict.fromkeys(_CODE, code)


KINDS: Final[dict[str, Kind]] = _table()
"""The extensions that are taken. Code is served as plain text, html and svg are code."""


def extension_of(filename: str) -> str:
    """Return the extension in small letters and without its dot, empty when there is none."""
    stem, dot, extension = filename.rpartition(".")
    return extension.lower() if stem and dot else ""


def kind_of(filename: str) -> Kind:
    """Return what the name promises. Raises TypeNotAllowed."""
    extension = extension_of(filename)
    if extension not in KINDS:
        raise TypeNotAllowed(extension)
    return KINDS[extension]


def require_size(kind: Kind, size: int, limits: Limits) -> None:
    """Raise EmptyFile or FileTooLarge."""
    if size == 0:
        raise EmptyFile()
    most = limits.size_of(kind.category)
    if size > most:
        raise FileTooLarge(say("An image") if kind.category is Category.IMAGE else say("A file"), most)


def served_as(filename: str, seen: Seen) -> str:
    """Return the content type to serve bytes under. Raises TypeMismatch when they are not what the name says."""
    kind = kind_of(filename)
    if seen.content not in kind.contents:
        raise TypeMismatch(extension_of(filename), seen)
    return f"{kind.content_type}; charset={seen.charset}" if seen.charset else kind.content_type


def objections(filename: str, size: int, seen: Seen | None, limits: Limits) -> Iterator[Refused]:
    """Yield everything that stands against a file; without a look at its bytes, what name and size tell."""
    try:
        kind = kind_of(filename)
    except TypeNotAllowed as refusal:
        yield refusal
        kind = Kind(Category.OTHER, "", frozenset())
    try:
        require_size(kind, size, limits)
    except Refused as refusal:
        yield refusal
    if seen is not None and size and kind.contents and seen.content not in kind.contents:
        yield TypeMismatch(extension_of(filename), seen)


def is_absurd(packed: int, unpacked: int) -> bool:
    """Return whether nobody packs like this who means well: a bomb, whatever else it is."""
    return unpacked > 10 << 30 or (unpacked > 32 * MIB and unpacked > 100 * max(packed, 1))


def category_of(filename: str) -> Category:
    kind = KINDS.get(extension_of(filename))
    return kind.category if kind else Category.OTHER


def clean_filename(raw: str) -> str:
    """Return the name that a file is kept under: one visible path segment with its extension. Raises BadName."""
    if any("\ud800" <= char <= "\udfff" for char in raw):
        raise BadName(say("the file's name cannot be read; rename it and try again"))
    segment = raw.replace("\\", "/").rpartition("/")[2]
    name = "".join(char for char in unicodedata.normalize("NFC", segment) if not is_hidden(char))
    name = _harmless(name.strip().lstrip(". \t").strip())
    if not name:
        raise BadName()
    return _shortened(name)


def is_hidden(char: str) -> bool:
    """Return whether a reader could not see the character, or would see others in its place."""
    return char in _INVISIBLE or unicodedata.category(char) in _HIDDEN


_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control characters; format characters, which the bidi and most zero-width ones are; what no font shows."""
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u2800\u3164\uffa0")
"""Letters and marks by their category that have no ink."""


_DEVICES: Final = frozenset(
    (
        "con",
        "prn",
        "aux",
        "nul",
        "conin$",
        "conout$",
        *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"),
    )
)
"""Names that Windows takes for a device, whatever extension follows."""


def _harmless(name: str) -> str:
    """Return a name that Windows saves as a file: none of a device, no closing dots and spaces."""
    name = name.rstrip(". ")
    return f"_{name}" if name.partition(".")[0].strip().lower() in _DEVICES else name


def _shortened(name: str) -> str:
    """Return at most 150 bytes of UTF-8; of a longer name the end of its stem goes, so that the extension stays."""
    if len(name.encode()) <= NAME_MAX:
        return name
    stem, dot, extension = name.rpartition(".")
    end = (dot + extension).encode()
    if not stem or len(end) > NAME_MAX // 4:
        return _cut(name, NAME_MAX)
    return _cut(stem, NAME_MAX - len(end)) + dot + extension


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore").rstrip()
