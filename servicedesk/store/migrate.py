"""Bring a database to the present schema, one numbered file at a time."""

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from importlib.resources import files
from typing import Final, NamedTuple

_NAME: Final = re.compile(r"(\d{4})_\w+\.sql")


class Unusable(Exception):
    """The data folder cannot be used as it is; the text says why and what to do."""


class Step(NamedTuple):
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def steps() -> list[Step]:
    """Return the steps in order."""
    found = []
    for entry in files("servicedesk.store.migrations").iterdir():
        if match := _NAME.fullmatch(entry.name):
            found.append(Step(int(match[1]), entry.name, entry.read_text("utf-8")))
    return sorted(found)


def known_as(conn: sqlite3.Connection, known: list[Step]) -> int:
    """Return the schema, 0 for a new database.

    Raises Unusable for a newer one, and for a step that is no longer what was applied.
    """
    present: int = conn.execute("PRAGMA user_version").fetchone()[0]
    if present > len(known):
        raise Unusable(
            f"The database has schema {present}, this program knows {len(known)}: use a newer version."
        )
    if present:
        _compare(conn, known[:present])
    return present


def migrate(conn: sqlite3.Connection) -> None:
    """Apply what is missing, all of it or nothing. Raises Unusable as ``known_as`` does."""
    known = steps()
    present = known_as(conn, known)
    if present == len(known):
        return
    conn.execute("BEGIN IMMEDIATE")
    try:
        conn.execute(
            "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL,"
            " checksum TEXT NOT NULL) STRICT"
        )
        for step in known[present:]:
            for statement in statements(step.sql):
                conn.execute(statement)
            conn.execute("INSERT INTO migrations VALUES (?, ?, ?)", (step.number, step.name, step.checksum))
        conn.execute(f"PRAGMA user_version = {len(known)}")
        conn.execute("COMMIT")
    except BaseException:
        if conn.in_transaction:  # a full disk has ended it already
            conn.execute("ROLLBACK")
        raise


def statements(sql: str) -> Iterator[str]:
    """Yield the statements one by one; triggers, which hold semicolons of their own, stay whole."""
    pending = ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip():
        raise ValueError(f"unfinished statement: {pending.strip()[:80]}")


def _compare(conn: sqlite3.Connection, applied: list[Step]) -> None:
    recorded = dict(conn.execute("SELECT number, checksum FROM migrations").fetchall())
    for step in applied:
        if recorded.get(step.number) != step.checksum:
            raise Unusable(f"Migration {step.name} is not the one that this database was made with.")
