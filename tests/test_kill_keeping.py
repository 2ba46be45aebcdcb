"""The program is killed while it upgrades, backs up or restores: what is there is whole, the old or the new."""

import contextlib
import hashlib
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from servicedesk import cli
from servicedesk.desk import backups, restoring
from servicedesk.media.blobs import Blobs
from servicedesk.store import snapshot, upgrade
from servicedesk.store.migrate import Unusable, steps
from tests.programs import run, serving
from tests.store.test_migrate import desk_of_schema

KILLS = 30
NOW = len(steps())
ENOUGH = 5
"""Kills that have to come in the middle of it."""
MESSAGES = 4_000
FILES = 40

pytestmark = pytest.mark.slow


def large_desk(folder: Path, schema: int) -> Path:
    """A desk that keeps the program busy for a moment, as one of that schema left it."""
    folder.mkdir()
    path = folder / "servicedesk.db"
    blobs = Blobs(folder)
    with contextlib.closing(desk_of_schema(schema, path, with_rows=True)) as conn:
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("BEGIN")
        conn.execute("DELETE FROM files")
        conn.executemany(
            "INSERT INTO messages (ticket_id, author_id, body, is_internal, created_at) VALUES (1, 2, ?, 0, ?)",
            ((f"Message {number}: {'words ' * 80}", number) for number in range(MESSAGES)),
        )
        for number in range(FILES):
            content = hashlib.sha256(str(number).encode()).digest() * 2_000
            name = hashlib.sha256(content).hexdigest()
            blobs.path(name).parent.mkdir(parents=True, exist_ok=True)
            blobs.path(name).write_bytes(content)
            conn.execute(
                "INSERT INTO files (id, ticket_id, uploaded_by, filename, size, content_type, category, sha256,"
                " is_internal, piece, created_at) VALUES (?, 1, 3, 'a.txt', ?, 'text/plain', 'text', ?, 0, 3, 1)",
                (f"f{number}", len(content), name),
            )
        conn.execute("COMMIT")
    blobs.close()
    return path


def begun(*arguments: object) -> int:
    """Run the program in a process of its own, which needs no start of Python, and return its number."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            for number in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)
            code = cli.main([str(argument) for argument in arguments])
        finally:
            os._exit(code)
    return pid


def killed(seconds: float, sign: Callable[[], bool], *arguments: object) -> None:
    """Kill the program so long after it has come to the point that the sign tells."""
    pid = begun(*arguments)
    _until(sign, pid)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def lasted(sign: Callable[[], bool], end: Callable[[], bool], *arguments: object) -> float:
    """Return how long the program takes from the sign to the end, and kill it then."""
    pid = begun(*arguments)
    _until(sign, pid)
    began = time.monotonic()
    _until(end, pid)
    took = time.monotonic() - began
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return took


def _until(sign: Callable[[], bool], pid: int) -> None:
    late = time.monotonic() + 60
    while not sign() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < late
        time.sleep(0.001)


def moments(total: float) -> list[float]:
    return [total * 1.1 * number / KILLS for number in range(KILLS)]


def schema_of(database: Path) -> int:
    with upgrade._as_it_is(database) as conn:
        assert snapshot.faults(conn) == []
        assert snapshot.counts(conn).messages == MESSAGES + 2
        return snapshot.schema(conn)


def no_pause(took: float) -> None:
    pass


def test_a_desk_that_is_killed_while_it_is_upgraded_has_the_old_schema_or_the_new(tmp_path: Path) -> None:
    original = tmp_path / "original"
    large_desk(original, NOW - 1)
    folder = tmp_path / "desk"
    database = folder / "servicedesk.db"
    serve = ("serve", "--port", "0", "--data-dir", folder)

    shutil.copytree(original, folder)
    copy = folder / "servicedesk-upgrading.db"
    whole = lasted(copy.exists, lambda: (folder / upgrade.MARKER).exists() and not copy.exists(), *serve)
    found, halfway = [], 0
    for moment in moments(whole):
        if upgrade._is_at(database, NOW):
            shutil.rmtree(folder)
            shutil.copytree(original, folder)
        killed(moment, copy.exists, *serve)
        halfway += copy.exists()
        found.append(schema_of(database))

    assert set(found) <= {NOW - 1, NOW}
    assert halfway >= ENOUGH
    with serving("--data-dir", folder) as server:
        server.signal()
        assert server.ended()[0] == 0
    assert schema_of(database) == NOW
    assert not list(folder.glob("*upgrading*"))
    assert run("rollback", "--lose-newer", "--data-dir", folder).returncode == 0
    assert schema_of(database) == NOW - 1


def test_a_backup_that_is_killed_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    database = large_desk(tmp_path / "desk", NOW)
    place = tmp_path / "backups"
    command = ("backup", place, "--data-dir", tmp_path / "desk")
    place.mkdir()
    whole = lasted(lambda: is_under_way(place), lambda: bool(backups.all_in(place)), *command)
    shutil.rmtree(backups.all_in(place)[0])

    halfway = 0
    for moment in moments(whole):
        for left in place.glob(".unfinished-*"):
            shutil.rmtree(left)  # else it would be the sign
        killed(moment, lambda: is_under_way(place), *command)
        halfway += is_under_way(place)
        for backup in backups.all_in(place):
            assert backups.verify(backup, no_pause).counts.files == FILES
            shutil.rmtree(backup)
        assert schema_of(database) == NOW

    assert halfway >= ENOUGH
    assert run(*command).returncode == 0
    assert len(backups.all_in(place)) == 1
    assert {path.name for path in place.iterdir()} == {".lock", backups.all_in(place)[0].name}


def test_a_restore_that_is_killed_leaves_nothing_or_everything(tmp_path: Path) -> None:
    large_desk(tmp_path / "desk", NOW)
    assert run("backup", tmp_path / "backups", "--data-dir", tmp_path / "desk").returncode == 0
    new = tmp_path / "new"
    command = ("restore", tmp_path / "backups", "--data-dir", new)
    work = new / ".restoring"
    whole = lasted(work.exists, lambda: (new / "servicedesk.db").exists() and not work.exists(), *command)
    assert is_restored(new)
    shutil.rmtree(new)

    halfway = 0
    for moment in moments(whole):
        shutil.rmtree(work, ignore_errors=True)  # else it would be the sign
        killed(moment, work.exists, *command)
        halfway += work.exists()
        if is_restored(new):
            shutil.rmtree(new)

    assert halfway >= ENOUGH
    if not is_restored(new):
        assert run(*command).returncode == 0
    assert is_restored(new)
    assert not (new / ".restoring").exists()


def is_under_way(place: Path) -> bool:
    return bool(list(place.glob(".unfinished-*")))


def is_restored(new: Path) -> bool:
    """Do what a start does first; return whether a whole desk is there, and see that else there is none."""
    if not new.exists():
        return False
    with contextlib.suppress(Unusable):
        restoring.finish(new)
    if not (new / "servicedesk.db").exists():
        assert {path.name for path in new.iterdir()} <= {".restoring", "servicedesk.lock"}
        return False
    blobs = Blobs(new)
    assert schema_of(new / "servicedesk.db") == NOW
    with contextlib.closing(sqlite3.connect(new / "servicedesk.db")) as conn:
        for sha256, size in conn.execute("SELECT sha256, size FROM files").fetchall():
            content = blobs.path(sha256).read_bytes()
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (sha256, size)
    blobs.close()
    return True
