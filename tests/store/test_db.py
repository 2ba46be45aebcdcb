"""One writer, grouped commits, readers that see whole states."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from servicedesk.domain.errors import SearchTooSlow
from servicedesk.store import db as store
from servicedesk.store import events, meta
from servicedesk.store.db import Connection, Database, Tx
from servicedesk.store.migrate import Unusable, statements


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "desk.db") as opened:
        yield opened


def _rows(conn: Connection) -> int:
    return int(conn.execute("SELECT count(*) FROM meta").fetchone()[0])


async def test_what_was_answered_is_on_disk(db: Database, tmp_path: Path) -> None:
    await db.write(meta.put, "name", "Acme")

    with sqlite3.connect(tmp_path / "desk.db") as another:
        assert meta.get(_plain(another), "name") == "Acme"


def _plain(conn: sqlite3.Connection) -> sqlite3.Connection:
    conn.row_factory = sqlite3.Row
    return conn


async def test_a_job_that_fails_is_undone_alone(db: Database) -> None:
    def fails(tx: Tx) -> None:
        meta.put(tx, "half", "written")
        raise ValueError("no")

    jobs = (db.write(meta.put, "before", "1"), db.write(fails), db.write(meta.put, "after", "2"))
    first, failed, last = await asyncio.gather(*jobs, return_exceptions=True)

    assert (first, last) == (None, None)
    assert isinstance(failed, ValueError)
    assert db.peek(meta.get, "half", "nothing") == "nothing"
    assert db.peek(meta.get, "after") == "2"


async def test_a_job_that_fails_with_nobody_beside_it_is_undone_as_well(db: Database) -> None:
    def fails(tx: Tx) -> None:
        events.append(tx, "desk", "half", {}, 1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await db.write(fails)

    assert db.peek(events.top, "desk") == 0
    await db.write(meta.put, "after", "2")
    assert db.peek(meta.get, "after") == "2"


async def test_a_part_may_fail_and_the_rest_stands(db: Database) -> None:
    def partly(tx: Tx) -> None:
        meta.put(tx, "kept", "yes")
        try:
            with tx.savepoint():
                meta.put(tx, "dropped", "yes")
                events.append(tx, "desk", "never", {}, 0)
                raise ValueError
        except ValueError:
            pass

    told: list[object] = []
    db.listen(told.extend)
    await db.write(partly)

    assert db.peek(meta.get, "kept") == "yes"
    assert db.peek(meta.get, "dropped", "gone") == "gone"
    assert told == []


async def test_a_caller_that_leaves_does_not_take_its_job_along(db: Database) -> None:
    task = asyncio.create_task(db.write(meta.put, "name", "Acme"))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await db.write(meta.put, "another", "job")
    assert db.peek(meta.get, "name") == "Acme"


async def test_listeners_hear_in_the_order_of_the_log_and_only_after_the_commit(db: Database) -> None:
    heard: list[int] = []

    def listen(notices: object) -> None:
        for told in notices:  # type: ignore[attr-defined]
            assert db.peek(events.top, "desk") >= told.seq
            heard.append(told.seq)

    db.listen(listen)
    await asyncio.gather(*(db.write(events.append, "desk", "x", {"n": n}, 0) for n in range(200)))

    assert heard == list(range(1, 201))


async def test_room_numbers_have_no_gap_even_when_jobs_fail_in_between(db: Database) -> None:
    def fails(tx: Tx) -> None:
        events.append(tx, "desk", "x", {}, 0)
        raise ValueError

    jobs = [db.write(fails) if n % 3 == 0 else db.write(events.append, "desk", "x", {}, 0) for n in range(30)]
    answers = await asyncio.gather(*jobs, return_exceptions=True)

    assert [a for a in answers if not isinstance(a, ValueError)] == list(range(1, 21))


async def test_a_reader_sees_one_unchanging_state(db: Database) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def twice(conn: Connection) -> tuple[int, int]:
        before = _rows(conn)
        loop.call_soon_threadsafe(started.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
        return before, _rows(conn)

    reading = asyncio.create_task(db.read(twice))
    await started.wait()
    await db.write(meta.put, "name", "Acme")
    go_on.set()

    assert await reading == (0, 0)


async def test_a_look_within_a_look_sees_the_same_state(db: Database) -> None:
    await db.write(meta.put, "name", "Acme")

    def look(conn: Connection) -> tuple[str, str]:
        return meta.get(conn, "name"), db.peek(meta.get, "name")

    assert db.peek(look) == ("Acme", "Acme")
    assert db.peek(meta.get, "name") == "Acme"


async def test_a_reader_cannot_write(db: Database) -> None:
    with pytest.raises(sqlite3.OperationalError):
        await db.read(lambda conn: conn.execute("DELETE FROM meta"))  # type: ignore[arg-type, misc]


async def test_a_read_without_end_is_given_up(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "READ_DEADLINE", 0.05)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

    with pytest.raises(SearchTooSlow):
        await db.read(lambda conn: conn.execute(endless).fetchone())
    assert await db.read(_rows) == 0


async def test_what_turns_out_long_leaves_the_loop(db: Database) -> None:
    asked: list[int] = []

    def count(conn: Connection, most: int) -> int:
        asked.append(threading.get_ident())
        numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT count(*) FROM n"
        return int(conn.execute(numbers, (most,)).fetchone()[0])

    assert await db.glance(count, 10) == 10
    assert asked == [threading.get_ident()]
    assert await db.glance(count, 200_000) == 200_000
    assert asked[1] == threading.get_ident() != asked[2]
    assert db.peek(count, 200_000) == 200_000


async def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    db = await Database.open(tmp_path / "desk.db")
    jobs = [asyncio.ensure_future(db.write(events.append, "desk", "x", {}, 0)) for _ in range(100)]
    await asyncio.sleep(0)
    await db.close()

    assert [job.result() for job in jobs] == list(range(1, 101))


async def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    await (await Database.open(tmp_path / "desk.db")).close()
    with sqlite3.connect(tmp_path / "desk.db") as conn:
        conn.execute("PRAGMA user_version = 99")

    with pytest.raises(Unusable, match="use a newer version"):
        await Database.open(tmp_path / "desk.db")


async def test_a_migration_that_was_changed_afterwards_is_noticed(tmp_path: Path) -> None:
    await (await Database.open(tmp_path / "desk.db")).close()
    with sqlite3.connect(tmp_path / "desk.db") as conn:
        conn.execute("UPDATE migrations SET checksum = 'another'")

    with pytest.raises(Unusable, match="0001_desk"):
        await Database.open(tmp_path / "desk.db")


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "desk.db").write_bytes(b"this is a letter, not a database" * 100)

    with pytest.raises(Unusable):
        await Database.open(tmp_path / "desk.db")


def test_a_trigger_stays_one_statement() -> None:
    script = "CREATE TABLE a (b);\nCREATE TRIGGER t AFTER INSERT ON a BEGIN\n  SELECT 1;\n  SELECT 2;\nEND;\n"

    assert len(list(statements(script))) == 2
