"""A desk of every schema there was comes up to the present one, or stays exactly what it was."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from servicedesk.store import migrate, snapshot, upgrade
from servicedesk.store.db import Database
from servicedesk.store.migrate import Step, Unusable, steps
from servicedesk.store.upgrade import CannotRollBack, Newer
from tests.programs import run, serving
from tests.store.test_migrate import desk_of_schema

NOW = len(steps())


def desk(folder: Path, schema: int = NOW - 1) -> Path:
    """A desk with a few rows, as the program of that schema left it when it stopped."""
    folder.mkdir(exist_ok=True)
    path = folder / "servicedesk.db"
    with closing(desk_of_schema(schema, path, with_rows=True)) as conn:
        conn.execute("PRAGMA journal_mode = WAL")
        found = path.stat()
        conn.execute("INSERT INTO meta VALUES ('epoch_of', ?)", (f"{found.st_dev}:{found.st_ino}",))
    return path


def dump(database: Path) -> list[str]:
    with snapshot.at_rest(database) as conn:
        return list(conn.iterdump())


def ask(database: Path, sql: str) -> list[tuple[object, ...]]:
    with snapshot.at_rest(database) as conn:
        return conn.execute(sql).fetchall()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"servicedesk.lock"}


@contextmanager
def one_step_more(sql: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A program that knows one more step than this one."""
    known = [*steps(), Step(NOW + 1, f"{NOW + 1:04}_more.sql", sql)]
    with monkeypatch.context() as patched:
        for module in (migrate, upgrade, snapshot):
            patched.setattr(module, "steps", lambda: known)
        yield NOW + 1


# Up -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schema", range(1, NOW))
async def test_a_desk_of_every_schema_comes_up_with_all_it_held(tmp_path: Path, schema: int) -> None:
    database = desk(tmp_path, schema)
    old = dump(database)
    fresh = tmp_path / "fresh.db"
    async with await Database.open(fresh):
        pass

    async with await Database.open(database) as db:
        tickets = await db.read(lambda conn: conn.execute("SELECT title, status FROM tickets").fetchall())
        await db.read(lambda conn: conn.execute("SELECT max(id), count(*) FROM events").fetchone())
    upgrade.confirm(database)

    assert [tuple(row) for row in tickets] == [
        ("The printer is on fire", "in_progress"),
        ("Straße gesperrt", "new"),
        ("Done", "resolved"),
    ]
    assert ask(database, "SELECT body FROM messages ORDER BY id") == [("It burns",), ("We are coming; 火",)]
    assert ask(database, "SELECT filename, size FROM files") == [("fire.txt", 4)]
    assert ask(database, "SELECT count(*) FROM events") == [(3,)]
    assert ask(database, "SELECT rowid FROM search WHERE search MATCH 'printer'") == [(1048576,)]
    schema_of = "SELECT type, name, tbl_name FROM sqlite_master ORDER BY type, name"
    assert ask(database, schema_of) == ask(fresh, schema_of)
    assert dump(upgrade.kept(database)) == old


@pytest.mark.parametrize("schema", [1, 4, NOW - 1])
async def test_a_rollback_returns_to_exactly_what_was_there(tmp_path: Path, schema: int) -> None:
    database = desk(tmp_path, schema)
    old = [line for line in dump(database) if "epoch" not in line]
    async with await Database.open(database):
        pass
    upgrade.confirm(database)

    back = upgrade.rollback(database, lose_newer=False)

    assert (back.before, back.after) == (schema, NOW)
    assert [line for line in dump(database) if "epoch" not in line] == old
    assert ask(database, "SELECT name FROM meta WHERE name LIKE 'epoch%'") == []
    assert names(tmp_path) == {"servicedesk.db", "servicedesk-before-rollback.db"}
    assert ask(upgrade.aside(database), "PRAGMA user_version") == [(NOW,)]
    with pytest.raises(CannotRollBack, match="no upgrade"):
        upgrade.rollback(database, lose_newer=True)


async def test_the_log_keeps_its_name_over_an_upgrade(tmp_path: Path) -> None:
    database = desk(tmp_path)
    upgrade.bring_up(database)

    found = database.stat()
    assert ask(database, "SELECT value FROM meta WHERE name LIKE 'epoch%' ORDER BY name") == [
        ("log-of-old",),
        (f"{found.st_dev}:{found.st_ino}",),
    ]


async def test_a_log_of_changes_that_a_killed_desk_left_comes_along(tmp_path: Path) -> None:
    original = desk(tmp_path / "one")
    with closing(sqlite3.connect(original)) as conn:
        conn.execute("UPDATE tickets SET title = 'Only in the log' WHERE id = 2")
        conn.commit()
        (tmp_path / "two").mkdir()
        for path in (tmp_path / "one").iterdir():
            shutil.copyfile(path, tmp_path / "two" / path.name)
    database = tmp_path / "two" / "servicedesk.db"
    assert os.path.getsize(f"{database}-wal") > 0

    upgrade.bring_up(database)

    assert ask(database, "SELECT title FROM tickets WHERE id = 2") == [("Only in the log",)]
    assert ask(upgrade.kept(database), "SELECT title FROM tickets WHERE id = 2") == [("Only in the log",)]


def test_a_new_desk_needs_no_copy(tmp_path: Path) -> None:
    upgrade.bring_up(tmp_path / "servicedesk.db")

    assert names(tmp_path) == set()


async def test_what_a_killed_upgrade_left_is_cleared_up_by_the_next_start(tmp_path: Path) -> None:
    database = desk(tmp_path, NOW)
    for name in ("servicedesk-upgrading.db", "servicedesk-upgrading.db-wal", "servicedesk-upgrading.db-shm"):
        (tmp_path / name).write_text("half")

    async with await Database.open(database):
        pass

    assert names(tmp_path) == {"servicedesk.db"}


# What stays as it was ---------------------------------------------------------------------------------------------


def test_a_newer_desk_is_refused_and_not_a_byte_of_it_changed(tmp_path: Path) -> None:
    database = desk(tmp_path, NOW)
    with closing(sqlite3.connect(database)) as conn:
        conn.execute(f"PRAGMA user_version = {NOW + 1}")
    (tmp_path / "secret.key").write_text("k" * 43)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}

    for command in (
        ["serve", "--port", "0"],
        ["rollback"],
        ["user", "add", "--email", "a@b.example", "--name", "A"],
    ):
        done = run(
            *command,
            "--data-dir",
            tmp_path,
            *(["--password-stdin"] if "add" in command else []),
            given="long enough x",
        )
        assert done.returncode in (2, 3), done.stderr
        assert done.stderr.count("\n") == 1

    after = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    after.pop("servicedesk.lock")
    assert after == before


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("CREATE TABLE tickets (id INTEGER);", "already exists"),
        ("DELETE FROM messages WHERE id = 2;", "3 tickets, 1 messages"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM users WHERE id = 3;", "FOREIGN KEY"),
        ("INSERT INTO no_such_table VALUES (1);", "no such table"),
    ],
)
def test_a_step_that_fails_or_loses_something_leaves_the_desk_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str, why: str
) -> None:
    database = desk(tmp_path, NOW)
    old, inode = dump(database), database.stat().st_ino

    with one_step_more(sql.replace("; ", ";\n") + "\n", monkeypatch), pytest.raises(Unusable) as refusal:
        upgrade.bring_up(database)

    assert why in str(refusal.value)
    assert "as it was before" in str(refusal.value)
    assert (dump(database), database.stat().st_ino) == (old, inode)
    upgrade.bring_up(database)
    assert names(tmp_path) == {"servicedesk.db"}


def test_a_damaged_desk_is_not_upgraded(tmp_path: Path) -> None:
    database = desk(tmp_path)
    with closing(sqlite3.connect(database)) as conn:
        (page,) = conn.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'messages_by_ticket'"
        ).fetchone()
        (size,) = conn.execute("PRAGMA page_size").fetchone()
    content = bytearray(database.read_bytes())
    content[(page - 1) * size + 3] ^= 0x07  # how many entries the index has
    database.write_bytes(content)

    with pytest.raises(Unusable, match=r"damaged.*restore a backup"):
        upgrade.bring_up(database)

    assert database.read_bytes() == bytes(content)


def test_a_desk_that_does_not_start_with_the_new_schema_gets_the_old_one_back(tmp_path: Path) -> None:
    database = desk(tmp_path)
    old = dump(database)
    (tmp_path / "pictures").write_text("no folder")  # at which the start fails, after the database is open

    done = run("serve", "--port", "0", "--data-dir", tmp_path)

    assert done.returncode == 3
    assert done.stdout == ""
    last_line = done.stderr.splitlines()[-1]
    assert f"after the upgrade to schema {NOW}" in last_line
    assert "pictures" in last_line
    assert f"schema {NOW - 1}" in last_line
    assert dump(database) == old
    assert not {name for name in names(tmp_path) if "upgrad" in name}


def test_a_desk_that_started_once_is_not_taken_back_by_a_later_failure(tmp_path: Path) -> None:
    database = desk(tmp_path)
    with serving("--data-dir", tmp_path) as server:
        server.signal()
        assert server.ended()[0] == 0
    shutil.rmtree(tmp_path / "pictures")
    (tmp_path / "pictures").write_text("no folder")

    assert run("serve", "--port", "0", "--data-dir", tmp_path).returncode != 0

    assert ask(database, "PRAGMA user_version") == [(NOW,)]


# Back -----------------------------------------------------------------------------------------------------------------


def upgraded_and_written(folder: Path) -> Path:
    database = desk(folder)
    upgrade.bring_up(database)
    upgrade.confirm(database)
    with closing(sqlite3.connect(database)) as conn:
        conn.execute(
            "INSERT INTO tickets (id, title, status, priority, requester_id, created_at, updated_at)"
            " VALUES (4, 'New', 'new', 'low', 3, 1, 1), (5, 'Newer', 'new', 'low', 3, 1, 1)"
        )
        conn.execute(
            "INSERT INTO messages (ticket_id, author_id, body, is_internal, created_at) VALUES (4, 3, 'x', 0, 1)"
        )
        conn.execute(
            "INSERT INTO history (ticket_id, seq, type, changes, created_at) VALUES (1, 2, 'x', '{}', 1)"
        )
        conn.execute("DELETE FROM files")
        conn.commit()
    return database


def test_what_came_since_the_upgrade_is_counted_and_not_lost_unasked(tmp_path: Path) -> None:
    database = upgraded_and_written(tmp_path)
    before = dump(database)

    done = run("rollback", "--data-dir", tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "2 tickets, 1 messages, 0 files and 1 other changes" in done.stderr
    assert "1 deleted files" in done.stderr
    assert dump(database) == before
    assert upgrade._newer(database) == Newer(2, 1, 0, 1, 1)


def test_told_so_a_rollback_keeps_what_came_since_aside(tmp_path: Path) -> None:
    database = upgraded_and_written(tmp_path)

    done = run("rollback", "--lose-newer", "--data-dir", tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"schema {NOW - 1} again" in done.stdout
    assert ask(database, "SELECT count(*) FROM tickets") == [(3,)]
    assert ask(upgrade.aside(database), "SELECT count(*) FROM tickets") == [(5,)]


def test_nothing_is_rolled_back_under_a_running_desk(tmp_path: Path) -> None:
    desk(tmp_path)
    with serving("--data-dir", tmp_path) as server:
        done = run("rollback", "--data-dir", tmp_path)

        assert done.returncode == 3
        assert str(server.process.pid) in done.stderr


def test_a_desk_that_was_never_upgraded_has_nothing_to_go_back_to(tmp_path: Path) -> None:
    desk(tmp_path, NOW)

    done = run("rollback", "--data-dir", tmp_path)

    assert (done.returncode, done.stderr) == (
        2,
        "servicedesk: There is no upgrade that could be taken back.\n",
    )
