"""A database of an earlier version, brought to the present one with what it holds."""

import sqlite3
from pathlib import Path

from servicedesk.store import db, events
from servicedesk.store.migrate import statements, steps

RELEASED = Path(__file__).parent / "released"
ROOMS = {"desk": 1_200, "ticket:7": 3, "ticket:7:staff": 5, "user:2": 1}


def desk_of_schema(number: int, path: Path, *, with_rows: bool = False) -> sqlite3.Connection:
    """Return a database as the program left it that knew no more than so many steps.

    With rows it holds what a desk of each schema held: those that a step brought are in the file of its number.
    """
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute(
        "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT"
    )
    for step in steps()[:number]:
        for statement in statements(step.sql):
            conn.execute(statement)
        rows = RELEASED / f"{step.number:04}.sql"
        for statement in statements(rows.read_text()) if with_rows and rows.exists() else ():
            conn.execute(statement)
        conn.execute("INSERT INTO migrations VALUES (?, ?, ?)", (step.number, step.name, step.checksum))
    conn.execute(f"PRAGMA user_version = {number}")
    return conn


def test_the_log_keeps_every_room_with_its_places(tmp_path: Path) -> None:
    conn = desk_of_schema(3, tmp_path / "desk.db")
    for number, (name, top) in enumerate(ROOMS.items(), start=1):
        conn.execute("INSERT INTO rooms (id, name, top) VALUES (?, ?, ?)", (number, name, top))
        conn.executemany(
            "INSERT INTO events (room_id, seq, created_at, frame) VALUES (?, ?, 0, ?)",
            [(number, seq, f"{name} {seq}".encode()) for seq in range(1, top + 1)],
        )

    db._prepare_writer(conn)
    tx = db.Tx(conn)

    assert {name: events.top(tx, name) for name in ROOMS} == ROOMS
    assert events.read_on(tx, "ticket:7:staff", 2) == [
        b"ticket:7:staff 3",
        b"ticket:7:staff 4",
        b"ticket:7:staff 5",
    ]
    assert events.append(tx, "desk", "new_message", {}, 0) == 1_201
    assert events.prune(tx, events.KEPT + 1) == 201
    conn.close()


def test_steps_are_numbered_from_one_without_a_gap() -> None:
    assert [step.number for step in steps()] == list(range(1, len(steps()) + 1))


def test_a_step_stays_as_it_was_released() -> None:
    released = dict(reversed(line.split()) for line in (RELEASED / "checksums.txt").read_text().splitlines())

    assert {step.name: step.checksum for step in steps()} == released
