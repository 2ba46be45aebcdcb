"""One process at a time in a data folder."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


def is_held(data_dir: Path) -> bool:
    """Return whether another process works in the folder just now."""
    try:
        file = os.open(data_dir / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _take_soon(file: int) -> None:
    # Tried again, since whoever only asks whether the lock is held has it for a moment.
    for wait in (0.01, 0.05, 0.2, 0.0):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise
            time.sleep(wait)
        else:
            return


def _take(file: int, data_dir: Path) -> None:
    try:
        _take_soon(file)
    except BlockingIOError:
        holder = os.pread(file, 20, 0).decode("ascii", "replace").strip()
        raise Locked(f"Process {holder or '?'} is working in the data folder {data_dir}") from None
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        raise Unusable(f"The data folder {data_dir} cannot be written to: {error.strerror}.") from None
