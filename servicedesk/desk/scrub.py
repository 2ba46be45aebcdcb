"""Reading all bytes again: what the disk damaged or lost is named while somebody may still have a copy."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from servicedesk.domain.tickets import reference
from servicedesk.media import proof
from servicedesk.media.blobs import Blobs
from servicedesk.media.proof import Damaged
from servicedesk.store import files
from servicedesk.store.db import Connection

Pause = Callable[[float], None]

A_LOOK: Final = 200
"""Contents that are asked for at once."""
DAY: Final = 86_400


class Named(msgspec.Struct, frozen=True):
    """A file as people know it."""

    id: str
    ticket: str
    filename: str


class Finding(msgspec.Struct, frozen=True):
    """A content that is not what it was, and the files that have it."""

    sha256: str
    path: str
    what: str
    files: list[Named]

    @property
    def lines(self) -> Iterator[str]:
        for file in self.files:
            yield f"damaged  {file.ticket}  {file.filename}  (file {file.id}): {self.path} {self.what}"
        if not self.files:
            yield f"damaged  no file's  {self.path} {self.what}"


class Orphan(msgspec.Struct, frozen=True):
    """Bytes that no file has: of an upload that is under way, of one that broke, or of another database."""

    sha256: str
    size: int
    age_seconds: int

    @property
    def line(self) -> str:
        age = (
            f"{self.age_seconds // DAY} days"
            if self.age_seconds >= 2 * DAY
            else f"{self.age_seconds} seconds"
        )
        return f"orphan   {self.sha256}  {self.size} bytes, {age} old"


class Report(msgspec.Struct, kw_only=True):
    """What was read, and what is wrong with it."""

    is_sound: bool = True
    files: int = 0
    contents: int = 0
    bytes: int = 0
    seconds: float = 0.0
    damaged: list[Finding] = []
    orphans: list[Orphan] = []

    @property
    def damaged_files(self) -> int:
        return sum(len(finding.files) for finding in self.damaged)

    @property
    def lines(self) -> Iterator[str]:
        for finding in self.damaged:
            yield from finding.lines
        for orphan in self.orphans:
            yield orphan.line
        verdict = "all sound" if self.is_sound else f"{self.damaged_files} files damaged or lost"
        read = f"{self.files} files, {self.contents} contents, {self.bytes} bytes in {self.seconds:.1f} s"
        yield f"Read {read}: {verdict}, {len(self.orphans)} orphans."


def scrub(conn: Connection, blobs: Blobs, *, now: float, pause: Pause) -> Report:
    """Read and hash everything, beside a desk that works meanwhile.

    ``pause`` is called after each piece with the seconds that it took, and may raise to end it all.
    """
    began, report = time.monotonic(), Report()
    for sha256 in _contents(conn):
        _look(conn, blobs, sha256, report, pause)
    for path in blobs.all():
        _look_for_orphan(conn, path, now, report, pause)
    report.seconds = round(time.monotonic() - began, 3)
    report.is_sound = not report.damaged
    return report


def _contents(conn: Connection) -> Iterator[str]:
    last = ""
    while True:
        found = files.contents(conn, after=last, limit=A_LOOK)
        yield from found
        if len(found) < A_LOOK:
            return
        last = found[-1]


def _look(conn: Connection, blobs: Blobs, sha256: str, report: Report, pause: Pause) -> None:
    found = files.of_content(conn, sha256)
    if not found:
        return
    report.contents += 1
    report.files += len(found)
    report.bytes += found[0].size
    path = blobs.path(sha256)
    if _what_is_wrong(path, {file.size for file in found}, pause) is None:
        return
    # Whatever came or went meanwhile is no damage: what counts is a second look at what is there now.
    found = files.of_content(conn, sha256)
    what = _what_is_wrong(path, {file.size for file in found}, pause) if found else None
    if what is not None:
        named = [Named(file.id, reference(file.ticket_id), file.filename) for file in found]
        report.damaged.append(Finding(sha256, str(path), what, named))


def _what_is_wrong(path: Path, sizes: set[int], pause: Pause) -> str | None:
    """Return what is wrong with a blob that is said to be so large, in words that go on from its name."""
    if len(sizes) > 1:
        return f"is said to have {' and '.join(map(str, sorted(sizes)))} bytes"
    try:
        file, _ = proof.opened(path, *sizes)
        with file:
            proof.forget(file)
            proof.require_sound(file, path.name, pause)
    except FileNotFoundError:
        return "is lost"
    except Damaged as damage:
        return str(damage)
    return None


def _look_for_orphan(conn: Connection, path: Path, now: float, report: Report, pause: Pause) -> None:
    if files.is_named(conn, path.name):
        return
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return
    report.orphans.append(Orphan(path.name, found.st_size, max(0, round(now - found.st_mtime))))
    what = _what_is_wrong(path, {found.st_size}, pause)
    if what is not None and path.exists():  # else it was swept away meanwhile
        report.damaged.append(Finding(path.name, str(path), what, []))
