"""One process at a time in a data folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from servicedesk.store.migrate import Unusable

NAME: Final = "servicedesk.lock"


class Locked(Unusable):
    """Another process works in the folder."""


@contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Make the folder if need be, and keep every other process out of it. Raises Locked, Unusable."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(data_dir / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unusable(f"The data folder {data_dir} cannot be used: {error.strerror}.") from None
    try:
        _take(file, data_dir)
        yield
    finally:
        os.close(file)


def holder(data_dir: Path) -> int | None:
    """Return the process that works in the folder, without trying the lock: that could keep one out that starts.

    The system's list of locks tells; where it has none, the process that wrote its number into the file.
    """
    try:
        place = os.stat(data_dir / NAME)
        said = int((data_dir / NAME).read_text("ascii"))
        with suppress(PermissionError):  # somebody else's, but alive
            os.kill(said, 0)
    except (OSError, ValueError):
        return None
    try:
        locks = Path("/proc/locks").read_text("ascii")
    except OSError:
        return said
    return said if f":{place.st_ino} " in locks else None


def _take(file: int, data_dir: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(file, 20, 0).decode("ascii", "replace").strip()
        raise Locked(f"Process {holder or '?'} is working in the data folder {data_dir}") from None
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        raise Unusable(f"The data folder {data_dir} cannot be written to: {error.strerror}.") from None
