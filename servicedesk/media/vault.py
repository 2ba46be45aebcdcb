"""Bytes from one place to another: copied and hashed on the way, or shared with a copy that is there already."""

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from servicedesk.media.blobs import sync_folder

PIECE: Final = 1 << 18
NO_FILE: Final = errno.EISDIR
"""What is said of something that has a name but no bytes."""
Pause = Callable[[float], None]


class Bytes(NamedTuple):
    sha256: str
    size: int


def copy(source: Path, target: Path, pause: Pause, *, synced: bool = True) -> Bytes:
    """Copy a file to where none is, and return what was written; unless told otherwise it is on the disk then.

    ``pause`` is called after each piece with the seconds that it took.
    """
    found, size = hashlib.sha256(), 0
    with _opened(source) as incoming:
        number = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(number, "wb", 0) as outgoing:
            while True:
                began = time.monotonic()
                piece = incoming.read(PIECE)
                if not piece:
                    return Bytes(found.hexdigest(), size)
                found.update(piece)
                size += len(piece)
                rest = memoryview(piece)
                while rest:
                    rest = rest[outgoing.write(rest) :]
                if synced:
                    os.fdatasync(number)
                pause(time.monotonic() - began)


def look(path: Path, pause: Pause) -> Bytes:
    """Read a file from the disk and return what it has. Raises OSError for what is none, a link included."""
    found, size = hashlib.sha256(), 0
    with _opened(path) as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while True:
            began = time.monotonic()
            piece = file.read(PIECE)
            if not piece:
                return Bytes(found.hexdigest(), size)
            found.update(piece)
            size += len(piece)
            pause(time.monotonic() - began)


def _opened(path: Path) -> "os._io.FileIO":  # type: ignore[name-defined]
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(NO_FILE, os.strerror(NO_FILE))
    return os.fdopen(number, "rb", 0)


def share(source: Path, target: Path) -> bool:
    """Give a file a second name; return whether that went well, since not every file system can."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        return False
    return True


def write(path: Path, content: bytes) -> None:
    """Write a new file and wait until it is on the disk."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(number)


def replace(path: Path, content: bytes) -> None:
    """Put the content in the place of what the file holds, in one step."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    write(unfinished, content)
    os.replace(unfinished, path)
    sync_folder(path.parent)


def sync_tree(folder: Path) -> None:
    """Make the names in a folder and in those below it last."""
    for place, _, _ in os.walk(folder, topdown=False):
        sync_folder(Path(place))


def all_files(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())
