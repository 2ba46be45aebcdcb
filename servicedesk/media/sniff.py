"""What bytes are, whatever their name says.

``filetype`` gives a hint about foreign bytes; whether they are something that the desk takes is decided here.
"""

import codecs
import io
import os
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from servicedesk.domain.files import Content, Seen, looks_like
from servicedesk.domain.words import say
from servicedesk.media import charsets
from servicedesk.media.text import codec_of

HEAD: Final = 4096
"""Bytes at the beginning that tell what a file claims to be."""
_STEP: Final = 1 << 18

_MAGIC: Final[tuple[tuple[int, bytes, Content], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", Content.PNG),
    (0, b"\xff\xd8\xff", Content.JPEG),
    (0, b"GIF87a", Content.GIF),
    (0, b"GIF89a", Content.GIF),
    (8, b"WEBPVP8", Content.WEBP),
    (0, b"%PDF-", Content.PDF),
    (0, b"{\\rtf", Content.RTF),
    (0, b"\x1f\x8b\x08", Content.GZIP),
    (0, b"7z\xbc\xaf\x27\x1c", Content.SEVEN_ZIP),
    (0, b"Rar!\x1a\x07", Content.RAR),
    (257, b"ustar", Content.TAR),
)
_ACTIVE: Final = (b"<script", b"<html", b"<!doctype html", b"<svg", b"<iframe", b"<?php", b"<body")
_ACTIVE_LONGEST: Final = max(map(len, _ACTIVE))
_IMAGES: Final = frozenset({Content.PNG, Content.JPEG, Content.GIF, Content.WEBP, Content.BMP, Content.AVIF})
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before that of UTF-16, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE_CHARSETS: Final = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_WIDE_LEAST: Final = 8
"""Letters without which a charset of several bytes a letter is not believed: few bytes fit by chance."""
# What no text has: control characters other than the white space, BEL, BS and ESC that terminals write into logs.
_NOT_TEXT: Final = bytes(set(range(32)) - set(b"\a\b\t\n\v\f\r\x1b"))


def sniff(file: BinaryIO) -> Seen:
    """Return what the file is, after a look at all of it. Blocks; a thread is the place for it."""
    file.seek(0)
    head = file.read(HEAD)
    claimed = _claim(head)
    if claimed is None:
        return _text_or_foreign(file, head)
    if claimed is Content.ZIP:
        return _zip_family(file, head)
    if claimed in _COMPOUND:
        return _compound_family(file)
    return _disguise(file, claimed) or Seen(claimed)


def sniff_head(head: bytes, size: int) -> Seen | None:
    """Return what the first bytes of a file tell; None when only the rest could tell."""
    if len(head) >= size:
        return sniff(io.BytesIO(head))
    claimed = _claim(head)
    if claimed is Content.ZIP or claimed in _COMPOUND:
        return None
    if claimed is not None:
        return _disguise(io.BytesIO(head), claimed) or Seen(claimed)
    seen = _text_or_foreign(io.BytesIO(head), head, cut=True)
    might_be_text = seen.content is Content.OTHER and _is_free_of(io.BytesIO(head), _NOT_TEXT)
    return None if might_be_text else seen


def charset_of(file: BinaryIO, *, cut: bool = False) -> str | None:
    """Return the charset that the bytes are text in, or None; ``cut`` allows for a last character cut in two."""
    file.seek(0)
    head = file.read(HEAD)
    marked = next((charset for mark, charset in _MARKS if head.startswith(mark)), None)
    if marked is not None:
        if marked == "utf-32" and len(head) < 4 * _WIDE_LEAST:
            return None
        return marked if _decodes(file, marked, cut) else None
    if _decodes(file, "utf-8", cut):
        return "utf-8"
    if b"\0" in head:
        wide = _wide_charset(head)
        return wide if wide and _decodes(file, wide, cut) else None
    if not _is_free_of(file, _NOT_TEXT):
        return None
    guess = charsets.guess(file)
    if guess is not None and _decodes(file, codec_of(guess), cut):
        return guess
    return "windows-1252" if _decodes(file, "cp1252", cut) else None


def _wide_charset(head: bytes) -> str | None:
    """Return in which charset of two or four bytes a letter this is the beginning of a text without a mark."""
    found = ((_share_of_ascii(head, charset), charset) for charset in _WIDE_CHARSETS)
    share, charset = max(found)
    return charset if share > 0 else None


def _share_of_ascii(head: bytes, charset: str) -> float:
    """Return how much of the text is ASCII, as some of it always is; nothing when it is no text in this charset."""
    decoder = codecs.getincrementaldecoder(charset)()
    try:
        text = decoder.decode(head)
    except UnicodeDecodeError:
        return 0.0
    if len(text) < _WIDE_LEAST or not all(char.isprintable() or char in "\t\n\f\r" for char in text):
        return 0.0
    return sum(char < "\x80" for char in text) / len(text)


def _claim(head: bytes) -> Content | None:
    """Return what the first bytes claim to be the beginning of."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Content.ZIP
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return Content.DOC
    for at, magic, content in _MAGIC:
        if head.startswith(magic, at):
            return content
    return next((content for content, fits in _FITTING if fits(head)), None)


def _is_bmp(head: bytes) -> bool:
    # Two letters are no magic: a text may begin with them as well.
    if len(head) < 30 or not head.startswith(b"BM") or head[6:10] != b"\0\0\0\0":
        return False
    return int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124)


def _is_avif(head: bytes) -> bool:
    size = int.from_bytes(head[:4], "big")
    if head[4:8] != b"ftyp" or not 16 <= size <= 512:
        return False
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)), 4))}
    return not brands.isdisjoint({b"avif", b"avis"})


def _is_old_tar(head: bytes) -> bool:
    """A tar from before there was a magic still has a checksum in its first header."""
    header = head[:512]
    if len(header) < 512 or not header[0]:
        return False
    try:
        stated = int(header[148:156].strip(b" \0") or b"x", 8)
    except ValueError:
        return False
    return stated == sum(header[:148]) + sum(header[156:]) + 8 * ord(" ")


_FITTING: Final[tuple[tuple[Content, Callable[[bytes], bool]], ...]] = (
    (Content.BMP, _is_bmp),
    (Content.AVIF, _is_avif),
    (Content.TAR, _is_old_tar),
)


def _text_or_foreign(file: BinaryIO, head: bytes, *, cut: bool = False) -> Seen:
    charset = charset_of(file, cut=cut)
    if charset is not None:
        return Seen(Content.TEXT, charset)
    return Seen(Content.OTHER, remark=_hint(head))


def _decodes(file: BinaryIO, encoding: str, cut: bool) -> bool:
    """Return whether the whole file is text in this encoding; a piece at a time, so that no other thread waits."""
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while chunk := file.read(_STEP):
            if "\0" in decoder.decode(chunk):
                return False
        decoder.decode(b"", final=not cut)
    except UnicodeDecodeError:
        return False
    return True


def _is_free_of(file: BinaryIO, forbidden: bytes) -> bool:
    file.seek(0)
    while chunk := file.read(_STEP):
        if len(chunk.translate(None, forbidden)) != len(chunk):
            return False
    return True


def _hint(head: bytes) -> str:
    """Return in words what foreign bytes seem to be."""
    import filetype  # costs memory that a desk without odd files never needs

    guess = filetype.guess(head)
    return looks_like(guess.extension) if guess else ""


def _disguise(file: BinaryIO, claimed: Content) -> Seen | None:
    """Return what is wrong with bytes that are two things at once: a picture and a page, a document and a ZIP."""
    if claimed in _IMAGES and _holds_markup(file):
        return Seen(Content.OTHER, remark=say("there is a web page or a script in the picture"))
    if (claimed in _IMAGES or claimed is Content.PDF) and _ends_as_zip(file):
        return Seen(Content.OTHER, remark=say("there is a ZIP archive hidden behind it"))
    return None


def _holds_markup(file: BinaryIO) -> bool:
    file.seek(0)
    before = b""
    while chunk := file.read(_STEP):
        text = before + chunk.lower()
        if any(marker in text for marker in _ACTIVE):
            return True
        before = text[-_ACTIVE_LONGEST:]
    return False


# ZIP and what is built on it ------------------------------------------------------------------------------------

_END: Final = struct.Struct("<4s4H2LH")
_WIDE_AT: Final = struct.Struct("<4sLQL")
_WIDE: Final = struct.Struct("<4sQ2H2L4Q")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_DIRECTORY_MAX: Final = 4 << 20
"""Bytes of a ZIP's directory that are looked at; Office documents have a few kilobytes."""
_ODF: Final = {
    b"application/vnd.oasis.opendocument.text": Content.ODT,
    b"application/vnd.oasis.opendocument.spreadsheet": Content.ODS,
    b"application/vnd.oasis.opendocument.presentation": Content.ODP,
}
_OOXML: Final = (("word/", Content.DOCX), ("xl/", Content.XLSX), ("ppt/", Content.PPTX))


def _zip_family(file: BinaryIO, head: bytes) -> Seen:
    names = _zip_names(file)
    if names is None:
        return Seen(Content.OTHER, remark=say("it is damaged or incomplete"))
    if "[Content_Types].xml" in names:
        if any(name.rpartition("/")[2].lower() == "vbaproject.bin" for name in names):
            return Seen(Content.ZIP, remark=say("it has macros in it, which are not accepted"))
        for folder, content in _OOXML:
            if any(name.startswith(folder) for name in names):
                return Seen(content)
    if "mimetype" in names and head[30:38] == b"mimetype":
        length = int.from_bytes(head[22:26], "little")
        return Seen(_ODF.get(head[38 : 38 + length], Content.ZIP))
    return Seen(Content.ZIP)


def _zip_names(file: BinaryIO) -> set[str] | None:
    """Return the names in the directory, or None without a sound one; a huge directory is read in part."""
    end = _zip_end(file)
    if end is None:
        return None
    at, count, length, offset = _wide(file, end)
    if offset + length > at:
        return None
    file.seek(at - length)
    directory = file.read(min(length, _DIRECTORY_MAX))
    names = set(_names_in(directory))
    return None if count and not names else names


def _zip_end(file: BinaryIO) -> tuple[int, int, int, int] | None:
    """Return where the closing record is, the number of entries, and length and offset of the directory."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - 65535 - _END.size)
    file.seek(start)
    tail = file.read()
    found = tail.rfind(b"PK\x05\x06")
    while found >= 0:
        if found + _END.size <= len(tail):
            _, _, _, _, count, length, offset, comment = _END.unpack_from(tail, found)
            if found + _END.size + comment == len(tail):
                return start + found, count, length, offset
        found = tail.rfind(b"PK\x05\x06", 0, found)
    return None


def _wide(file: BinaryIO, end: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Return the same from the ZIP64 record, where there is one before the closing record."""
    file.seek(max(0, end[0] - _WIDE_AT.size))
    mark, _, at, _ = _WIDE_AT.unpack(file.read(_WIDE_AT.size))
    if mark != b"PK\x06\x07" or at > end[0]:
        return end
    file.seek(at)
    record = file.read(_WIDE.size)
    if len(record) < _WIDE.size or not record.startswith(b"PK\x06\x06"):
        return end
    return (at, *_WIDE.unpack(record)[7:])


def _names_in(directory: bytes) -> Iterator[str]:
    at = 0
    while at + _ENTRY.size <= len(directory):
        entry = _ENTRY.unpack_from(directory, at)
        if entry[0] != b"PK\x01\x02":
            return
        name, extra, comment = entry[10:13]
        at += _ENTRY.size
        yield directory[at : at + name].decode("utf-8", "replace")
        at += name + extra + comment


def _ends_as_zip(file: BinaryIO) -> bool:
    return _zip_end(file) is not None


# The compound files of older Office versions --------------------------------------------------------------------

_COMPOUND: Final = frozenset({Content.DOC})
_STREAMS: Final = (
    ("EncryptedPackage", Content.LOCKED_OFFICE),
    ("WordDocument", Content.DOC),
    ("Workbook", Content.XLS),
    ("Book", Content.XLS),
    ("PowerPoint Document", Content.PPT),
)
_SECTORS_MAX: Final = 256
"""Sectors of the directory that are looked at: documents have a few."""


def _compound_family(file: BinaryIO) -> Seen:
    names = _stream_names(file)
    for name, content in _STREAMS:
        if name in names:
            return Seen(content)
    return Seen(Content.OTHER, remark=say("it is an Office file of another kind"))


def _stream_names(file: BinaryIO) -> set[str]:
    """Return the names of the streams: follow the chain of directory sectors through the allocation table."""
    file.seek(0)
    header = file.read(512)
    if len(header) < 512:
        return set()
    shift = int.from_bytes(header[30:32], "little")
    if shift not in (9, 12):
        return set()
    sector_size = 1 << shift
    sector = int.from_bytes(header[48:52], "little")
    names: set[str] = set()
    for _ in range(_SECTORS_MAX):
        if sector > 0xFFFFFFFA:
            break
        file.seek((sector + 1) << shift)
        names.update(_names_of_entries(file.read(sector_size)))
        sector = _next_sector(file, header, sector, shift)
    return names


def _names_of_entries(sector: bytes) -> Iterator[str]:
    for at in range(0, len(sector), 128):
        length = int.from_bytes(sector[at + 64 : at + 66], "little")
        if 2 <= length <= 64:
            yield sector[at : at + length - 2].decode("utf-16-le", "replace")


def _next_sector(file: BinaryIO, header: bytes, sector: int, shift: int) -> int:
    """Return the sector after this one in its chain; the first 109 parts of the table are named in the header."""
    part, index = divmod(sector, 1 << (shift - 2))
    if part >= 109:
        return 0xFFFFFFFE
    table = int.from_bytes(header[76 + 4 * part : 80 + 4 * part], "little")
    if table > 0xFFFFFFFA:
        return 0xFFFFFFFE
    file.seek(((table + 1) << shift) + 4 * index)
    return int.from_bytes(file.read(4).ljust(4, b"\xff"), "little")
