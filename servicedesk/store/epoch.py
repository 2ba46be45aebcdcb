"""The name of the log. Positions in another log, or in one that was turned back, mean nothing: it gets a new name."""

import contextlib
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from servicedesk.domain.events import Told
from servicedesk.store import events, meta
from servicedesk.store.db import Connection, Tx

log = logging.getLogger(__name__)

FILE: Final = "epoch.mark"

_EPOCH: Final = "epoch"
_EPOCH_OF: Final = "epoch_of"
_IS_MARKED: Final = "epoch_is_marked"
_MARK: Final = re.compile(r"([\w-]{1,64}) (\d{20})\n")


class Mark(NamedTuple):
    """The log's name, and how many events were ever appended to it."""

    epoch: str
    length: int


def current(conn: Connection) -> str:
    """Return the name of the log."""
    return meta.get(conn, _EPOCH)


def settle(tx: Tx, database: str, mark: Mark | None, fresh: str) -> Mark:
    """Return where the log stands. It keeps its name as long as it is in the same file and has lost nothing.

    ``database`` identifies the file on this machine, by device and inode; ``mark`` is what was last noted beside it.
    """
    here = Mark(current(tx), events.length(tx))
    is_same_file = here.epoch != "" and meta.get(tx, _EPOCH_OF) == database
    if is_same_file and _goes_on(here, mark, was_marked=meta.get(tx, _IS_MARKED) != ""):
        return here
    meta.put(tx, _EPOCH, fresh)
    meta.put(tx, _EPOCH_OF, database)
    return Mark(fresh, here.length)


def note_marked(tx: Tx) -> None:
    """Remember that there is a mark: from now on a missing one means that something was restored."""
    if not meta.get(tx, _IS_MARKED):
        meta.put(tx, _IS_MARKED, "yes")


def end(tx: Tx) -> None:
    """Have the log get another name at the next start: whoever listened before has to look at everything anew."""
    meta.put(tx, _EPOCH_OF, "")


def _goes_on(here: Mark, mark: Mark | None, *, was_marked: bool) -> bool:
    if mark is None:
        return not was_marked
    return mark.epoch == here.epoch and mark.length <= here.length


class MarkFile:
    """A side file that says how far the log has come.

    It is written after each commit and never waited for: the system keeps what was written when the process is
    killed, and after a power cut it may be behind the log, which is no harm, but never ahead of it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._mark = Mark("", 0)
        self._has_failed = False

    def read(self) -> Mark | None:
        """Return what the file says, None when there is none or it is damaged."""
        try:
            found = _MARK.fullmatch(self._path.read_text("ascii"))
        except (OSError, UnicodeDecodeError):
            return None
        return Mark(found[1], int(found[2])) if found else None

    def begin(self, mark: Mark) -> bool:
        """Note where the log stands now, and wait until it is on disk; return whether that went well."""
        self._mark = mark
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not self._write():
                return False
            os.ftruncate(self._file, len(_line(mark)))
            os.fsync(self._file)
        except OSError as error:
            self._complain(error)
            return False
        return True

    def remove(self) -> None:
        """Have the log get another name next time, however far it comes until then."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def hear(self, notices: Sequence[object]) -> None:
        """Note what a commit has appended."""
        told = sum(type(notice) is Told for notice in notices)
        if told:
            self._mark = Mark(self._mark.epoch, self._mark.length + told)
            self._write()

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.fsync(self._file)
            os.close(self._file)
        self._file = None

    def _write(self) -> bool:
        """Write the line over the last one, in one piece; a disk that fails does not stop the desk."""
        if self._file is None:
            return False
        line = _line(self._mark)
        try:
            return os.pwrite(self._file, line, 0) == len(line)
        except OSError as error:
            self._complain(error)
            return False

    def _complain(self, error: OSError) -> None:
        if not self._has_failed:
            log.warning("%s cannot be written: %s", self._path, error)
        self._has_failed = True


def _line(mark: Mark) -> bytes:
    return f"{mark.epoch} {mark.length:020d}\n".encode()
