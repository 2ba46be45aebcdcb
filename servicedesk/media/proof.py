"""Whether bytes on the disk are still those that came in."""

import errno
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from servicedesk.domain.errors import Busy

PIECE: Final = 1 << 18
"""Bytes that are read and hashed in one go."""
_PASSING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_DIGEST: Final = hashlib.sha256().digest_size


class Damaged(Exception):
    """The bytes are not those that came in; the text says, after the name of the file, how that shows."""


class Mark(NamedTuple):
    """What changes when somebody touches a file on the disk."""

    inode: int
    size: int
    modified: int
    changed: int


def mark_of(file: int | Path) -> Mark:
    """Return the mark of an open file, or of the one at a path. Raises FileNotFoundError."""
    found = os.stat(file)
    return Mark(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def opened(path: Path, size: int) -> tuple[BinaryIO, Mark]:
    """Open a file that must have this size. Raises FileNotFoundError, Damaged, and Busy without a free descriptor."""
    try:
        file = path.open("rb", 0)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _PASSING:
            raise Busy() from None
        raise Damaged(f"cannot be opened: {error.strerror}") from None
    mark = mark_of(file.fileno())
    if mark.size != size:
        file.close()
        raise Damaged(f"has {mark.size} bytes instead of {size}")
    return file, mark


def require_sound(file: BinaryIO, sha256: str, pause: Callable[[float], None] | None = None) -> None:
    """Read the file and raise Damaged unless it has this hash.

    ``pause`` is called after each piece with the seconds that it took.
    """
    found, piece, at = hashlib.sha256(), memoryview(bytearray(PIECE)), 0
    while True:
        began = time.monotonic()
        try:
            length = os.preadv(file.fileno(), [piece], at)
        except OSError as error:
            raise Damaged(f"cannot be read: {error.strerror}") from None
        if not length:
            break
        found.update(piece[:length])
        at += length
        if pause is not None:
            pause(time.monotonic() - began)
    if found.hexdigest() != sha256:
        raise Damaged("does not have the bytes any more that came in")


def forget(file: BinaryIO) -> None:
    """Have the system drop what it remembers of the file, so that it is the disk that is read."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def sealed(content: bytes) -> bytes:
    """Return the content with its hash behind it."""
    return content + hashlib.sha256(content).digest()


def unsealed(kept: bytes) -> bytes | None:
    """Return what was sealed, None when it got damaged or never was."""
    content, digest = kept[:-_DIGEST], kept[-_DIGEST:]
    return content if hashlib.sha256(content).digest() == digest else None
