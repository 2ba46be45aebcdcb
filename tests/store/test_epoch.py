"""The log keeps its name while it goes on, and gets another one when it was turned back."""

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from servicedesk.domain.events import Told
from servicedesk.store import epoch, events
from servicedesk.store.db import Tx, _prepare_writer
from servicedesk.store.epoch import Mark, MarkFile


def write(tx: Tx, times: int) -> None:
    for n in range(times):
        events.append(tx, f"ticket:{n % 3}", "new_message", {}, 0)


class Starts:
    """The desk's starts, with its data folder as the test has left it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "desk.db"
        self.file = folder / epoch.FILE
        self._fresh = 0

    @contextmanager
    def run(self) -> Iterator["Run"]:
        conn = sqlite3.connect(self.database, isolation_level=None)
        _prepare_writer(conn)
        found, mark = os.stat(self.database), MarkFile(self.file)
        self._fresh += 1
        tx = Tx(conn)
        conn.execute("BEGIN IMMEDIATE")
        here = epoch.settle(tx, f"{found.st_dev}:{found.st_ino}", mark.read(), f"log-{self._fresh}")
        if mark.begin(here):
            epoch.note_marked(tx)
        conn.execute("COMMIT")
        yield Run(conn, mark, here.epoch)
        mark.close()
        conn.close()

    def name(self) -> str:
        with self.run() as run:
            return run.epoch


class Run:
    def __init__(self, conn: sqlite3.Connection, mark: MarkFile, name: str) -> None:
        self.epoch = name
        self._conn = conn
        self._mark = mark

    def write(self, times: int) -> None:
        tx = Tx(self._conn)
        self._conn.execute("BEGIN IMMEDIATE")
        write(tx, times)
        self._conn.execute("COMMIT")
        self._mark.hear(tx.notices)


@pytest.fixture
def desk(tmp_path: Path) -> Starts:
    return Starts(tmp_path)


def test_a_log_that_goes_on_keeps_its_name(desk: Starts) -> None:
    names = []
    for _ in range(3):
        with desk.run() as run:
            names.append(run.epoch)
            run.write(5)

    assert names == ["log-1"] * 3
    assert desk.file.read_text() == f"log-1 {15:020d}\n"
    assert desk.file.stat().st_mode & 0o777 == 0o600


def test_an_older_copy_put_back_in_the_same_file_gets_another_name(desk: Starts) -> None:
    with desk.run() as run:
        run.write(5)
    shutil.copyfile(desk.database, desk.folder / "copy.db")
    with desk.run() as run:
        run.write(1)
    inode = desk.database.stat().st_ino
    shutil.copyfile(desk.folder / "copy.db", desk.database)
    assert desk.database.stat().st_ino == inode

    assert desk.name() == "log-3"
    assert desk.name() == "log-3"


def test_an_older_copy_that_has_come_as_far_as_the_mark_is_known_by_its_name(desk: Starts) -> None:
    with desk.run() as run:
        run.write(5)
    shutil.copyfile(desk.database, desk.folder / "copy.db")
    with desk.run() as run:
        run.write(1)
    shutil.copyfile(desk.folder / "copy.db", desk.database)
    with desk.run() as run:  # turned back for the first time: the mark stands at five again
        assert run.epoch == "log-3"
    shutil.copyfile(desk.folder / "copy.db", desk.database)

    assert desk.name() == "log-4"


def test_a_log_whose_end_was_thrown_away_gets_another_name(desk: Starts) -> None:
    with desk.run() as run:
        run.write(5)
    with desk.run() as run:
        run.write(4)
        # Killed here: what was written last is in the -wal file alone, and somebody clears that away.
        shutil.copyfile(desk.database, desk.folder / "left.db")
    shutil.copyfile(desk.folder / "left.db", desk.database)

    assert desk.name() == "log-3"


def test_what_was_committed_but_not_marked_is_no_loss(desk: Starts) -> None:
    with desk.run() as run:
        run.write(5)
        marked = desk.file.read_bytes()
        run.write(3)
    desk.file.write_bytes(marked)

    assert desk.name() == "log-1"


def test_a_file_in_another_place_gets_another_name(desk: Starts) -> None:
    desk.name()
    shutil.copyfile(desk.database, desk.folder / "copy.db")
    os.replace(desk.folder / "copy.db", desk.database)

    assert desk.name() == "log-2"


@pytest.mark.parametrize("damage", [b"", b"log-1 5\n", b"\x00" * 27, b"\xff\n", None])
def test_without_a_readable_mark_the_log_gets_another_name(desk: Starts, damage: bytes | None) -> None:
    desk.name()
    if damage is None:
        desk.file.unlink()
    else:
        desk.file.write_bytes(damage)

    assert desk.name() == "log-2"
    assert desk.name() == "log-2"


def test_a_log_that_was_never_marked_keeps_its_name(tx: Tx) -> None:
    epoch.settle(tx, "8:1", None, "first")

    assert epoch.settle(tx, "8:1", None, "second") == Mark("first", 0)
    assert epoch.settle(tx, "8:2", None, "third") == Mark("third", 0)


def test_pruning_does_not_turn_the_log_back(desk: Starts) -> None:
    with desk.run() as run:
        run.write(5)
        run._conn.execute("DELETE FROM events WHERE id < (SELECT max(id) FROM events)")
        run._conn.execute("VACUUM")

    assert desk.name() == "log-1"


def test_a_mark_that_cannot_be_written_is_said_once_and_stops_nothing(
    desk: Starts, caplog: pytest.LogCaptureFixture
) -> None:
    desk.name()
    mark = MarkFile(desk.file)
    assert mark.begin(Mark("log-1", 0))
    assert mark._file is not None
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, mark._file)
    os.close(full)

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            mark.hear([Told("desk", 1, b"")])
    mark.close()

    assert len(caplog.records) == 1
    assert MarkFile(desk.folder / "no" / "such" / "place").begin(Mark("log-1", 0)) is False
    assert desk.name() == "log-1"
