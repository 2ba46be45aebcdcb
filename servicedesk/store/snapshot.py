"""A copy of the database as it stood at one moment, and what can be said of such a copy without changing it."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from servicedesk.domain.backups import Counts
from servicedesk.store.migrate import known_as, steps

PAGES: Final = 256
"""Pages that are copied in one go: few enough to leave the disk to others in between."""
LOG_PATIENT: Final = 64 << 20
"""Bytes of the log of changes from which on a copy hurries, since the log cannot be folded in before its end."""
LOG_MAX: Final = 1 << 30
_SIDES: Final = ("-wal", "-shm", "-journal")

Pause = Callable[[float], None]


class TooBusy(Exception):
    """More was written meanwhile than the log of changes should hold; the text says so."""


@contextmanager
def at_rest(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database that nobody uses; neither it nor anything beside it is changed."""
    conn = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)
    try:
        conn.execute("PRAGMA query_only = ON")
        conn.execute("PRAGMA trusted_schema = OFF")
        yield conn
    finally:
        conn.close()


def take(database: Path, target: Path, pause: Pause) -> None:
    """Copy the database as it stands now, beside whoever writes to it; ``target`` must not exist.

    All is seen in one read transaction that writes and checkpoints nothing. ``pause`` is called after each piece with
    the seconds that it took. Raises TooBusy, sqlite3.Error and OSError.
    """
    log = database.with_name(f"{database.name}-wal")
    number = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    source = _reader(database)
    copy = sqlite3.connect(target, isolation_level=None)
    began = time.monotonic()

    def between(status: int, left: int, total: int) -> None:
        nonlocal began
        os.fdatasync(number)  # bit by bit: what is kept for the end would hold up everybody's commits
        size = _size(log)
        if size > LOG_MAX:
            raise TooBusy(f"more than {LOG_MAX >> 20} MB were written while the database was copied")
        if left and size < LOG_PATIENT:
            pause(time.monotonic() - began)
        began = time.monotonic()

    try:
        copy.execute("PRAGMA journal_mode = OFF")  # who reads half a copy finds no manifest beside it
        copy.execute("PRAGMA synchronous = OFF")
        copy.execute("PRAGMA cache_size = -2048")
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on all is as it is now
        source.backup(copy, pages=PAGES, progress=between)
    finally:
        copy.close()
        source.close()
        os.fsync(number)
        os.close(number)
        remove_sides(target)


def _reader(database: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(database.absolute()))}?mode=ro"
    source = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=30.0)
    source.execute("PRAGMA query_only = ON")
    return source


def remove_sides(database: Path) -> None:
    """Remove what SQLite leaves beside a database that was closed or given up."""
    for side in _SIDES:
        database.with_name(database.name + side).unlink(missing_ok=True)


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def faults(conn: sqlite3.Connection) -> list[str]:
    """Return what is wrong with a database by itself, the first few of each kind; it reads everything."""
    try:
        found = [str(row[0]) for row in conn.execute("PRAGMA integrity_check(3)").fetchall()]
        words = [" ".join(line.split()) for line in found if line != "ok"]
        strays = conn.execute("PRAGMA foreign_key_check").fetchmany(3)
        return words + [
            f"a row of {table} names one of {parent} that is not there" for table, _, parent, _ in strays
        ]
    except sqlite3.Error as error:
        return [f"the database cannot be read: {error}"]


def schema(conn: sqlite3.Connection) -> int:
    return int(conn.execute("PRAGMA user_version").fetchone()[0])


def known_schema(conn: sqlite3.Connection) -> int:
    """Return the schema. Raises Unusable for one that this program does not know."""
    return known_as(conn, steps())


def counts(conn: sqlite3.Connection) -> Counts:
    """Count what a desk holds, in a database of any schema there ever was."""
    tables = ("tickets", "messages", "files", "users")
    # nosemgrep: packaging.semgrep.values-are-bound -- names of tables and columns, from constants
    return Counts(*(int(conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in tables))


def contents(conn: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    """Yield the hash and size of all bytes that files have, in a database of any schema there ever was."""
    yield from conn.execute("SELECT DISTINCT sha256, size FROM files ORDER BY sha256")


def still_named(database: Path, sha256: str) -> bool:
    """Return whether by now a file has these bytes, in the database that others use."""
    conn = _reader(database)
    try:
        return conn.execute("SELECT 1 FROM files WHERE sha256 = ? LIMIT 1", (sha256,)).fetchone() is not None
    finally:
        conn.close()


def forget_epoch(database: Path) -> None:
    """Have the log get another name at the next start: positions in another copy of it mean nothing here."""
    conn = sqlite3.connect(database, isolation_level=None)
    try:
        conn.execute("PRAGMA synchronous = FULL")
        conn.execute("DELETE FROM meta WHERE name IN ('epoch', 'epoch_of', 'epoch_is_marked')")
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        conn.close()
