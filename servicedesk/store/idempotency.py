"""Answers kept so that a repeated request gets the same one."""

from typing import Final

import msgspec

from servicedesk.domain.times import DAY, HOUR, Instant
from servicedesk.store.db import Connection, Tx

KEPT: Final = 2 * DAY
FORGOTTEN_AT_ONCE: Final = 500


class Scope(msgspec.Struct, frozen=True):
    """Whose key it is, and for which call."""

    user_id: int
    method: str
    path: str
    key: str


class Stored(msgspec.Struct, frozen=True):
    fingerprint: bytes
    status: int
    location: str | None
    body: bytes


def find(conn: Connection, scope: Scope) -> Stored | None:
    row = conn.execute(
        "SELECT fingerprint, status, location, body FROM idempotency"
        " WHERE user_id = ? AND method = ? AND path = ? AND key = ?",
        (scope.user_id, scope.method, scope.path, scope.key),
    ).fetchone()
    return Stored(row["fingerprint"], row["status"], row["location"], row["body"]) if row else None


def save(tx: Tx, scope: Scope, stored: Stored, at: Instant) -> None:
    tx.execute(
        "INSERT INTO idempotency (user_id, method, path, key, fingerprint, status, location, body, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            scope.user_id,
            scope.method,
            scope.path,
            scope.key,
            stored.fingerprint,
            stored.status,
            stored.location,
            stored.body,
            at,
        ),
    )


def next_forgetting_at(conn: Connection) -> Instant | None:
    """Return when the oldest answer, and those of the hour after it, are to be forgotten."""
    row = conn.execute("SELECT min(created_at) FROM idempotency").fetchone()
    return None if row[0] is None else row[0] + KEPT + HOUR


def forget_old(tx: Tx, at: Instant) -> int:
    """Drop some of the answers that are older than two days; return how many."""
    return tx.execute(
        "DELETE FROM idempotency WHERE (user_id, method, path, key) IN (SELECT user_id, method, path, key"
        " FROM idempotency WHERE created_at < ? ORDER BY created_at LIMIT ?)",
        (at - KEPT, FORGOTTEN_AT_ONCE),
    ).rowcount
