"""What is in an archive. It is never taken out."""

import gzip
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Final, Protocol, cast

from servicedesk.domain.files import Content
from servicedesk.media.jobs import Entry, Listed, ListEntries
from servicedesk.media.text import visible

ENTRIES_MAX: Final = 1000
COUNTED_MAX: Final = 20_000
"""Entries of a tar that are counted, which takes a read for each."""
UNPACKED_MAX: Final = 256 << 20
"""Bytes of a compressed tar that are read on the way from header to header."""


def list_entries(job: ListEntries) -> Listed:
    """Return what is in an archive, read from its headers alone."""
    if job.content is Content.TAR:
        with open(job.path, "rb") as file:
            return _tar_entries(file)
    if job.content is Content.GZIP:
        return _gzip_entries(job)
    with zipfile.ZipFile(job.path) as archive:
        found = archive.infolist()
    entries = [Entry(visible(entry.filename), entry.file_size) for entry in found[:ENTRIES_MAX]]
    unpacked = sum(entry.file_size for entry in found)
    return Listed(entries, len(found), len(found) > ENTRIES_MAX, unpacked)


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
    return Listed([Entry(visible(job.name.rpartition(".")[0] or job.name), size)], 1, False, size)


def _begins_as_tar(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def _tar_entries(file: _Source) -> Listed:
    bounded = _Bounded(file, UNPACKED_MAX)
    entries: list[Entry] = []
    total, unpacked, damaged = 0, 0, False
    try:
        for member in _members(bounded):
            total += 1
            unpacked += member.size
            if total == COUNTED_MAX:
                break
            if len(entries) < ENTRIES_MAX:
                entries.append(Entry(visible(member.name + "/" * member.isdir()), member.size))
    except (tarfile.TarError, EOFError, OSError, zlib.error):
        damaged = True
    return Listed(entries, total, damaged or bounded.is_cut or total > len(entries), unpacked)


def _members(file: _Source) -> Iterator[tarfile.TarInfo]:
    with tarfile.open(fileobj=cast("IO[bytes]", file), mode="r|", errorlevel=0) as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # it would grow with the archive
            yield member
