"""A newer schema: a copy of the database is brought to it, looked at, and takes the place of the old one in one step.

Until the desk has started with it the old state can be put back at once, and after that until the next upgrade.
"""

import contextlib
import errno
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from servicedesk.store import snapshot
from servicedesk.store.durable import sync
from servicedesk.store.migrate import Unusable, known_as, migrate, steps

log = logging.getLogger(__name__)

MARKER: Final = "upgrade.json"
READER_PATIENCE: Final = 60_000
"""Milliseconds for which an upgrade waits for somebody who still reads, such as a backup."""
SPARE: Final = 32 << 20
"""Bytes that have to be free beyond a second database."""
_PRAGMAS: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
)
_MADE_BY_PEOPLE: Final = {
    "tickets": "id",
    "messages": "id",
    "files": "id",
    "users": "id",
    "history": "ticket_id, seq",
    "audit": "id",
}
"""Tables of any schema whose new rows are what people did, each with what tells its rows apart."""


class CannotRollBack(Exception):
    """Nothing was changed; the text is one line that says why."""


class Upgrade(msgspec.Struct, frozen=True):
    """The last upgrade. It is on trial until the desk has started with it."""

    before: int
    after: int
    is_on_trial: bool = True


class Newer(msgspec.Struct, frozen=True):
    """What came since the upgrade."""

    tickets: int
    messages: int
    files: int
    others: int
    deleted_files: int

    @property
    def is_nothing(self) -> bool:
        return self == Newer(0, 0, 0, 0, 0)

    def __str__(self) -> str:
        deleted = (
            f", and {self.deleted_files} deleted files come back without bytes" if self.deleted_files else ""
        )
        others = f" and {self.others} other changes"
        return f"{self.tickets} tickets, {self.messages} messages, {self.files} files{others} came since{deleted}"


# Up ---------------------------------------------------------------


def bring_up(database: Path) -> None:
    """Bring a database to the present schema unless it is there already; nobody else may have it open.

    Raises Unusable with the database as it was: for a newer one, a damaged one, one that cannot be brought up.
    """
    if not database.is_file() or not os.path.getsize(database):
        return
    known = steps()
    with _as_it_is(database) as conn:
        present = known_as(conn, known)
    _drop(_working(database))
    if present in (0, len(known)):
        return
    log.info("upgrading the database from schema %d to %d", present, len(known))
    with _explained(len(known)):
        _require_room(database)
        _fold(database)
        _copy(database, _working(database))
        _migrate(_working(database), database)
        _switch(database, Upgrade(present, len(known)))
    log.info("the database has schema %d now; the one before is kept as %s", len(known), kept(database))


@contextlib.contextmanager
def _as_it_is(database: Path) -> Iterator[sqlite3.Connection]:
    """Open the database without changing anything beside it, if nobody has left a log of changes."""
    try:
        if _has_log(database):
            conn = sqlite3.connect(f"file:{quote(str(database.absolute()))}?mode=ro", uri=True)
            with contextlib.closing(conn):
                yield conn
        else:
            with snapshot.at_rest(database) as conn:
                yield conn
    except sqlite3.Error as error:
        raise Unusable(f"The database {database} cannot be used: {error}.") from error


@contextlib.contextmanager
def _explained(to: int) -> Iterator[None]:
    try:
        yield
    except Unusable as error:
        raise Unusable(f"The upgrade to schema {to} failed, the desk is as it was before: {error}") from None
    except (sqlite3.Error, OSError, snapshot.TooBusy) as error:
        is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if is_full else " ".join(str(error).split())
        raise Unusable(f"The upgrade to schema {to} failed, the desk is as it was before: {why}.") from error


def _require_room(database: Path) -> None:
    size = sum(_size(path) for path in (database, _log(database)))
    if shutil.disk_usage(database.parent).free < size + SPARE:
        raise Unusable(f"it needs {(size + SPARE) >> 20} MB of free space for a copy.")


def _fold(database: Path) -> None:
    """Fold the log of changes in, so that the database is the one file."""
    conn = sqlite3.connect(database, isolation_level=None)
    try:
        conn.execute(f"PRAGMA busy_timeout = {READER_PATIENCE}")
        conn.execute("PRAGMA synchronous = FULL")
        if conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise Unusable("somebody else still reads the database, perhaps a backup: try again.")
    finally:
        conn.close()
    if _has_log(database):
        raise Unusable("somebody else still has the database open: try again.")
    snapshot.remove_sides(database)


def _copy(database: Path, copy: Path) -> None:
    """Copy the database, and look whether all of it is sound. Raises Unusable."""
    snapshot.take(database, copy, lambda took: None)
    snapshot.remove_sides(database)
    with snapshot.at_rest(copy) as conn:
        if found := snapshot.faults(conn):
            raise Unusable(f"the database is damaged ({found[0]}): restore a backup.")


def _migrate(copy: Path, original: Path) -> None:
    """Bring the copy up and look whether everything is still there. Raises Unusable, sqlite3.Error."""
    with snapshot.at_rest(copy) as conn:
        before = snapshot.counts(conn)
    conn = sqlite3.connect(copy, isolation_level=None)
    try:
        for pragma in _PRAGMAS:
            conn.execute(pragma)
        migrate(conn)
        _keep_epoch(conn, original, copy)
    finally:
        conn.close()
    snapshot.remove_sides(copy)
    with snapshot.at_rest(copy) as conn:
        if found := snapshot.faults(conn):
            raise Unusable(f"the upgraded copy is not sound ({found[0]}).")
        if snapshot.counts(conn) != before:
            raise Unusable(f"of {before} the upgraded copy has {snapshot.counts(conn)}.")
    sync(copy)


def _keep_epoch(conn: sqlite3.Connection, original: Path, copy: Path) -> None:
    """Let the log keep its name: it is in another file now, but it has lost nothing."""
    conn.execute(
        "UPDATE meta SET value = ? WHERE name = 'epoch_of' AND value = ?",
        (_identity(copy), _identity(original)),
    )


def _identity(path: Path) -> str:
    found = path.stat()
    return f"{found.st_dev}:{found.st_ino}"


def _switch(database: Path, upgrade: Upgrade) -> None:
    """Put the copy in the place of the database, which keeps another name; at any moment one of them is whole."""
    _drop(kept(database))
    _second_name(database, kept(database))
    _note(database, upgrade)
    os.replace(_working(database), database)
    sync(database.parent)


def _second_name(path: Path, name: Path) -> None:
    try:
        os.link(path, name)
    except OSError as error:  # not every file system lets a file have two names
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        shutil.copyfile(path, name)
        sync(name)
    sync(path.parent)


# The trial ----------------------------------------------------------------


def confirm(database: Path) -> None:
    """Note that the desk has started with what an upgrade made; from now on only people take it back."""
    upgrade = last(database)
    if upgrade is not None and upgrade.is_on_trial:
        _note(database, msgspec.structs.replace(upgrade, is_on_trial=False))


def take_back(database: Path) -> Upgrade | None:
    """Put the state before an upgrade back when that is still on trial; nobody may have the database open.

    Returns the upgrade that was taken back.
    """
    upgrade = last(database)
    if upgrade is None or not upgrade.is_on_trial or not _is_at(database, upgrade.after):
        return None
    snapshot.remove_sides(database)
    os.replace(kept(database), database)
    (database.parent / MARKER).unlink()
    sync(database.parent)
    return upgrade


def last(database: Path) -> Upgrade | None:
    """Return the last upgrade, None when there was none or nothing is left to go back to."""
    if not kept(database).is_file():
        return None
    try:
        return msgspec.json.decode((database.parent / MARKER).read_bytes(), type=Upgrade)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


# Back -----------------------------------------------------------------------


def rollback(database: Path, *, lose_newer: bool) -> Upgrade:
    """Return to the state before the last upgrade; what it became meanwhile is kept aside.

    Raises CannotRollBack, above all when something came since and ``lose_newer`` does not say that it may go, and
    Unusable.
    """
    upgrade = last(database)
    if upgrade is None or not _is_at(database, upgrade.after) or not _is_at(kept(database), upgrade.before):
        raise CannotRollBack("There is no upgrade that could be taken back.")
    _drop(_working(database))
    _fold(database)
    with snapshot.at_rest(kept(database)) as conn:
        if found := snapshot.faults(conn):
            raise CannotRollBack(f"What was kept from before the upgrade is damaged: {found[0]}.")
    newer = _newer(database)
    if not newer.is_nothing and not lose_newer:
        raise CannotRollBack(
            f"Not taken back: {newer}, which would be lost. --lose-newer takes it back all the same."
        )
    _require_room(database)
    try:
        _back(database)
    except OSError as error:
        _drop(_working(database))
        raise CannotRollBack(f"Not taken back: {error.strerror}.") from error
    return upgrade


def _back(database: Path) -> None:
    shutil.copyfile(kept(database), _working(database))
    _working(database).chmod(0o600)
    snapshot.forget_epoch(_working(database))
    snapshot.remove_sides(_working(database))
    sync(_working(database))
    _drop(aside(database))
    _second_name(database, aside(database))
    os.replace(_working(database), database)
    sync(database.parent)
    (database.parent / MARKER).unlink()
    _drop(kept(database))


def _newer(database: Path) -> Newer:
    with snapshot.at_rest(database) as conn:
        conn.execute(
            "ATTACH ? AS old", (f"file:{quote(str(kept(database).absolute()))}?mode=ro&immutable=1",)
        )
        new = {table: _only_in(conn, "main", "old", table) for table in _MADE_BY_PEOPLE}
        deleted = _only_in(conn, "old", "main", "files")
    tickets, messages, files = new.pop("tickets"), new.pop("messages"), new.pop("files")
    return Newer(tickets, messages, files, sum(new.values()), deleted)


def _only_in(conn: sqlite3.Connection, here: str, there: str, table: str) -> int:
    """Count the rows that the table has in only one of the databases; where it is not in both, there are none."""
    for database in (here, there):
        # nosemgrep: packaging.semgrep.values-are-bound -- names of tables and columns, from constants
        if not conn.execute(f"SELECT 1 FROM {database}.sqlite_master WHERE name = ?", (table,)).fetchone():
            return 0
    key = _MADE_BY_PEOPLE[table]
    sql = f"SELECT count(*) FROM (SELECT {key} FROM {here}.{table} EXCEPT SELECT {key} FROM {there}.{table})"
    return int(conn.execute(sql).fetchone()[0])


# Files ------------------------------------------------------------------------


def kept(database: Path) -> Path:
    """Return where the database from before the last upgrade is kept."""
    return database.with_name(f"{database.stem}-before-upgrade.db")


def aside(database: Path) -> Path:
    """Return where what the last rollback left behind is kept."""
    return database.with_name(f"{database.stem}-before-rollback.db")


def _working(database: Path) -> Path:
    return database.with_name(f"{database.stem}-upgrading.db")


def _log(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")


def _has_log(database: Path) -> bool:
    return _size(_log(database)) > 0


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _is_at(database: Path, schema: int) -> bool:
    with contextlib.suppress(Unusable), _as_it_is(database) as conn:
        return snapshot.schema(conn) == schema
    return False


def _drop(database: Path) -> None:
    database.unlink(missing_ok=True)
    snapshot.remove_sides(database)


def _note(database: Path, upgrade: Upgrade) -> None:
    marker = database.parent / MARKER
    unfinished = marker.with_suffix(".new")
    unfinished.write_bytes(msgspec.json.encode(upgrade))
    sync(unfinished)
    os.replace(unfinished, marker)
    sync(marker.parent)
