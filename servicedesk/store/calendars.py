"""Calendars as rows: the hours are a JSON text, of which equal ones are the same value."""

from functools import lru_cache
from typing import Any, Final

import msgspec

from servicedesk.domain.calendars import Calendar, StoredCalendar
from servicedesk.domain.errors import Invalid, NotFound, invalid
from servicedesk.domain.people import fold
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store.db import Connection, Tx

_COLUMNS: Final = "id, version, body"


def get(conn: Connection, calendar_id: int) -> StoredCalendar:
    """Return the calendar, or raise NotFound."""
    row = conn.execute(f"SELECT {_COLUMNS} FROM calendars WHERE id = ?", (calendar_id,)).fetchone()
    if row is None:
        raise NotFound(say("There is no {what} {id}.", what=say("calendar"), id=calendar_id))
    return _stored(row)


def page(conn: Connection, *, after: int = 0, limit: int) -> list[StoredCalendar]:
    """Return calendars in the order of their ids, those after the given one."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM calendars WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
    ).fetchall()
    return [_stored(row) for row in rows]


def count(conn: Connection) -> int:
    return int(conn.execute("SELECT count(*) FROM calendars").fetchone()[0])


def by_name(conn: Connection, name: str) -> StoredCalendar | None:
    """Return the calendar of this name, whatever its case."""
    row = conn.execute(f"SELECT {_COLUMNS} FROM calendars WHERE name_key = ?", (fold(name),)).fetchone()
    return _stored(row) if row else None


def exists(conn: Connection, calendar_id: int) -> bool:
    return conn.execute("SELECT 1 FROM calendars WHERE id = ?", (calendar_id,)).fetchone() is not None


def in_use(conn: Connection, calendar_id: int) -> bool:
    """Return whether a row of any table refers to the calendar."""
    users = conn.execute(
        'SELECT t.name, f."from" FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) f'
        " WHERE t.type = 'table' AND f.\"table\" = 'calendars'"
    ).fetchall()
    return any(
        conn.execute(f'SELECT 1 FROM "{table}" WHERE "{column}" = ? LIMIT 1', (calendar_id,)).fetchone()
        for table, column in users
    )


def insert(tx: Tx, calendar: Calendar, *, at: Instant) -> StoredCalendar:
    """Add a calendar; a name that another one has is refused as Invalid."""
    row = tx.execute(
        "INSERT INTO calendars (name_key, body, created_at, updated_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (name_key) DO NOTHING RETURNING id",
        (fold(calendar.name), _packed(calendar), at, at),
    ).fetchone()
    if row is None:
        raise _name_taken()
    return get(tx, row["id"])


def update(tx: Tx, calendar_id: int, calendar: Calendar, *, at: Instant) -> None:
    """Save the calendar as a new version."""
    other = by_name(tx, calendar.name)
    if other and other.id != calendar_id:
        raise _name_taken()
    tx.execute(
        "UPDATE calendars SET name_key = ?, body = ?, version = version + 1, updated_at = ? WHERE id = ?",
        (fold(calendar.name), _packed(calendar), at, calendar_id),
    )


def delete(tx: Tx, calendar_id: int) -> None:
    tx.execute("DELETE FROM calendars WHERE id = ?", (calendar_id,))


def _stored(row: Any) -> StoredCalendar:
    return StoredCalendar(row["id"], row["version"], _calendar(row["body"]))


def _packed(calendar: Calendar) -> str:
    return msgspec.json.encode(calendar).decode()


@lru_cache(maxsize=256)
def _calendar(packed: str) -> Calendar:
    return msgspec.json.decode(packed, type=Calendar)


def _name_taken() -> Invalid:
    return invalid("/name", say("is the name of another calendar"), "duplicate")
