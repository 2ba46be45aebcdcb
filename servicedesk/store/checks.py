"""Is the database what it should be: questions that only read, and repairs of what can be worked out again."""

import re
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from servicedesk.domain.tickets import reference
from servicedesk.domain.times import Instant
from servicedesk.store import migrate, search
from servicedesk.store.db import Connection, Tx, uri

_SPELLING: Final = re.compile(r'[\s"]+')


class Counter(NamedTuple):
    """A number that is kept, beside the query that counts it anew."""

    kept: str
    counted: str
    mend: tuple[str, ...]


_STATUS_COUNTED: Final = (
    "SELECT coalesce(team_id, 0), coalesce(assigned_to, 0), status, priority, count(*)"
    " FROM tickets GROUP BY 1, 2, 3, 4"
)
_LOAD_COUNTED: Final = (
    "SELECT assigned_to, count(*) FROM tickets"
    " WHERE assigned_to IS NOT NULL AND status IN ('new', 'open', 'in_progress') GROUP BY 1"
)
_UNREAD_COUNTED: Final = "SELECT user_id, count(*) FROM notifications WHERE is_read = 0 GROUP BY 1"


def _of_tickets(column: str, table: str, internal: int) -> Counter:
    counted = f"SELECT ticket_id, count(*) FROM {table} WHERE is_internal = {internal} GROUP BY 1"
    return Counter(
        f"SELECT id, {column} FROM tickets WHERE {column} <> 0", counted, _set("tickets", column, counted)
    )


def _set(table: str, column: str, counted: str) -> tuple[str, ...]:
    """Set a column to what is counted, where it is something else."""
    return (
        f"WITH right_number (id, n) AS ({counted}), wrong (id, n) AS ("
        f" SELECT t.id, coalesce(r.n, 0) FROM {table} t LEFT JOIN right_number r ON r.id = t.id"
        f" WHERE t.{column} <> coalesce(r.n, 0))"
        f" UPDATE {table} SET {column} = wrong.n FROM wrong WHERE wrong.id = {table}.id",
    )


COUNTERS: Final[Mapping[str, Counter]] = {
    "tickets by status": Counter(
        "SELECT team_id, assigned_to, status, priority, n FROM ticket_counts WHERE n <> 0",
        _STATUS_COUNTED,
        (
            "DELETE FROM ticket_counts",
            f"INSERT INTO ticket_counts (team_id, assigned_to, status, priority, n) {_STATUS_COUNTED}",
        ),
    ),
    "tickets at work of each agent": Counter(
        "SELECT id, open_load FROM users WHERE open_load <> 0",
        _LOAD_COUNTED,
        _set("users", "open_load", _LOAD_COUNTED),
    ),
    "unread notifications": Counter(
        "SELECT id, unread_notifications FROM users WHERE unread_notifications <> 0",
        _UNREAD_COUNTED,
        _set("users", "unread_notifications", _UNREAD_COUNTED),
    ),
    "replies of each ticket": _of_tickets("public_messages", "messages", 0),
    "notes of each ticket": _of_tickets("internal_messages", "messages", 1),
    "files of each ticket": _of_tickets("public_files", "files", 0),
    "internal files of each ticket": _of_tickets("internal_files", "files", 1),
}
"""What is kept because pages always show it."""


def schema_number(conn: Connection) -> int:
    return int(conn.execute("PRAGMA user_version").fetchone()[0])


def schema_text(conn: Connection) -> str:
    """Return how the database is built, without a word of what is in it."""
    rows = conn.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC, name")
    return ";\n".join(row[0] for row in rows) + ";\n"


def odd_things(conn: Connection) -> list[str]:
    """Return the names of tables, indexes and triggers that are missing, too many or built otherwise."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        migrate.migrate(model)
        wanted = _built(model)
    found = _built(conn)
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def unlike_migrations(conn: Connection) -> list[str]:
    """Return the steps that are no longer what was applied."""
    recorded = dict(conn.execute("SELECT number, checksum FROM migrations").fetchall())
    return [
        step.name for step in migrate.steps() if recorded.get(step.number, step.checksum) != step.checksum
    ]


def known_schema() -> int:
    return len(migrate.steps())


def broken_pages(conn: Connection) -> str | None:
    """Return the first fault that SQLite finds in tables and indexes, in its words."""
    found = str(conn.execute("PRAGMA integrity_check(1)").fetchone()[0])
    return None if found == "ok" else found


def dangling(conn: Connection) -> dict[str, int]:
    """Return for each table how many of its rows name a row elsewhere that is not there."""
    found: dict[str, int] = {}
    for row in conn.execute("PRAGMA foreign_key_check"):
        found[row[0]] = found.get(row[0], 0) + 1
    return found


def rooms_with_holes(conn: Connection) -> int:
    """Return of how many rooms the log lacks an event in the middle, or one at the beginning that is never pruned."""
    # One query a question: what it compares is of one moment, however long the whole look takes.
    return int(
        conn.execute(
            "SELECT count(*) FROM (SELECT room, min(seq) AS first, max(seq) AS last, count(*) AS n"
            " FROM events GROUP BY room) AS r WHERE r.last - r.first + 1 <> r.n"
            " OR (r.first > 1 AND r.room NOT IN (SELECT room FROM busy_rooms))"
        ).fetchone()[0]
    )


def wrong_counters(conn: Connection) -> dict[str, int]:
    """Return which kept numbers are not what is counted, and in how many rows."""
    found = {}
    for name, counter in COUNTERS.items():
        sql = (
            f"SELECT count(*) FROM (SELECT * FROM ({counter.kept} EXCEPT {counter.counted})"
            f" UNION ALL SELECT * FROM ({counter.counted} EXCEPT {counter.kept}))"
        )
        if wrong := int(conn.execute(sql).fetchone()[0]):
            found[name] = wrong
    return found


def recount(tx: Tx) -> int:
    """Count anew all that is kept; return how many kinds of numbers were wrong."""
    wrong = wrong_counters(tx)
    for name in wrong:
        for sql in COUNTERS[name].mend:
            tx.execute(sql)
    return len(wrong)


def tickets_not_in_search(conn: Connection) -> int:
    return int(conn.execute(f"SELECT count(*) FROM tickets t WHERE {_NOT_INDEXED}").fetchone()[0])


_NOT_INDEXED: Final = (
    f"NOT EXISTS (SELECT 1 FROM search_content c WHERE c.id = t.id << {search.PIECE_BITS})"
    f" AND NOT EXISTS (SELECT 1 FROM search_waiting w WHERE w.id = t.id << {search.PIECE_BITS})"
)


def search_fault(conn: Connection) -> str | None:
    """Return what SQLite finds wrong with the full-text index, in its words.

    The check itself is a write, and so it is made on a copy of the index that is thrown away.
    """
    with tempfile.TemporaryDirectory(prefix="servicedesk-search-") as folder:
        place = Path(folder) / "search.db"
        _copy_search(conn, place)
        with closing(sqlite3.connect(place, isolation_level=None)) as copy:
            try:
                copy.execute("INSERT INTO search (search) VALUES ('integrity-check')")
            except sqlite3.DatabaseError as error:
                return str(error)
    return None


def search_size(conn: Connection) -> int:
    """Return how many bytes a copy of the full-text index may take at most: the whole database's."""
    # nosemgrep: packaging.semgrep.values-are-bound -- Names of SQLite's own.
    pages, size = (int(conn.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "page_size"))
    return pages * size


def rebuild_search(tx: Tx) -> None:
    """Make the full-text index anew from the texts beside it; a ticket that it lacks is put there again."""
    tx.execute("INSERT INTO search (search) VALUES ('rebuild')")
    missing = tx.execute(
        f"SELECT t.id, t.title, t.description FROM tickets t WHERE {_NOT_INDEXED}"
    ).fetchall()
    for number, title, text in missing:
        search.index_piece(tx, number, 0, reference=reference(number), title=title, body=text)


def latest_moment(conn: Connection) -> Instant | None:
    """Return when something was last written down, by the clock of that time."""
    found = [
        # nosemgrep: packaging.semgrep.values-are-bound -- Names from just below.
        conn.execute(f"SELECT {moment} FROM {table} ORDER BY id DESC LIMIT 1").fetchone()
        for table, moment in (("events", "created_at"), ("audit", "at"))
    ]
    return max((int(row[0]) for row in found if row), default=None)


def counts(conn: Connection) -> dict[str, int]:
    """Return how many rows each table has."""
    names = [
        row[0]
        for row in conn.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            " AND name NOT LIKE 'search%' ORDER BY name"
        )
    ]
    # nosemgrep: packaging.semgrep.values-are-bound -- The schema's own names.
    return {name: int(conn.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]) for name in names}


def _built(conn: Connection) -> dict[str, str]:
    """Return what each thing is made by. SQLite's versions differ in spaces and quotes when they alter a table."""
    rows = conn.execute(
        "SELECT type || ' ' || name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    )
    return {name: _SPELLING.sub("", sql) for name, sql in rows}


def _copy_search(conn: Connection, place: Path) -> None:
    """Copy the index's own tables, all from one moment. SQLite does it by itself, so that nobody waits for Python."""
    tables = conn.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name LIKE 'search\\_%' ESCAPE '\\'"
        " AND name <> 'search_waiting'"
    ).fetchall()
    (made_by,) = conn.execute("SELECT sql FROM sqlite_schema WHERE name = 'search'").fetchone()
    source = Path(conn.execute("PRAGMA database_list").fetchone()[2])
    with closing(sqlite3.connect(uri(place, "rwc"), uri=True, isolation_level=None)) as copy:
        for pragma in ("journal_mode = OFF", "synchronous = OFF"):
            # nosemgrep: packaging.semgrep.values-are-bound -- From the line above.
            copy.execute(f"PRAGMA {pragma}")
        copy.execute("ATTACH ? AS desk", (uri(source, "ro"),))
        copy.execute("BEGIN")
        for name, sql in tables:
            copy.execute(sql)
            # nosemgrep: packaging.semgrep.values-are-bound -- The schema's own names.
            copy.execute(f"INSERT INTO main.{name} SELECT * FROM desk.{name}")
        # Written rather than made: making it would also make its tables, which are there already.
        copy.execute("PRAGMA writable_schema = ON")
        copy.execute(
            "INSERT INTO main.sqlite_schema (type, name, tbl_name, rootpage, sql)"
            " VALUES ('table', 'search', 'search', 0, ?)",
            (made_by,),
        )
        copy.execute("COMMIT")
