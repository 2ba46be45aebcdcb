"""Answers kept so that a repeated request gets the same one."""

from typing import Final

import msgspec

from servicedesk.domain.times import DAY, Instant
from servicedesk.store.db import Connection, Tx

KEPT: Final = 2 * DAY


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


def forget_old(tx: Tx, at: Instant) -> None:
    """Drop the answers that are older than two days."""
    tx.execute("DELETE FROM idempotency WHERE created_at < ?", (at - KEPT,))
