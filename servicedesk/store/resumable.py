"""Uploads that may break off and go on, as rows; their bytes are not the database's."""

import sqlite3

from servicedesk.domain.errors import NotFound
from servicedesk.domain.resumable import Upload
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store.db import Connection, Tx


def get(conn: Connection, upload_id: str) -> Upload:
    """Return the upload, or raise NotFound."""
    row = conn.execute("SELECT * FROM resumable_uploads WHERE id = ?", (upload_id,)).fetchone()
    if row is None:
        raise NotFound(say("There is no {what} {id}.", what=say("upload"), id=upload_id))
    return _upload(row)


def is_unfinished(conn: Connection, upload_id: str) -> bool:
    """Return whether more may come of an upload of this id."""
    found = conn.execute("SELECT 1 FROM resumable_uploads WHERE id = ? AND file_id IS NULL", (upload_id,))
    return found.fetchone() is not None


def count_unfinished(conn: Connection, user_id: int, at: Instant) -> int:
    row = conn.execute(
        "SELECT count(*) FROM resumable_uploads WHERE user_id = ? AND file_id IS NULL AND expires_at > ?",
        (user_id, at),
    ).fetchone()
    return int(row[0])


def outstanding(conn: Connection) -> int:
    """Return how many bytes have been announced and did not come yet."""
    row = conn.execute("SELECT total(size - arrived) FROM resumable_uploads WHERE file_id IS NULL").fetchone()
    return int(row[0])


def expired(conn: Connection, at: Instant) -> list[str]:
    """Return the ids of the uploads that have waited long enough."""
    found = conn.execute(
        "SELECT id FROM resumable_uploads WHERE expires_at <= ? ORDER BY expires_at LIMIT 500", (at,)
    )
    return [row["id"] for row in found.fetchall()]


def insert(tx: Tx, upload: Upload) -> None:
    tx.execute(
        "INSERT INTO resumable_uploads"
        " (id, user_id, ticket_id, message_id, is_internal, filename, size, metadata, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            upload.id,
            upload.user_id,
            upload.ticket_id,
            upload.message_id,
            int(upload.is_internal),
            upload.filename,
            upload.size,
            upload.metadata,
            upload.expires_at,
        ),
    )


def doubt(tx: Tx, upload_id: str, offset: int) -> None:
    """Let nothing from the offset on count, until it is trusted."""
    tx.execute("UPDATE resumable_uploads SET unchecked_from = ? WHERE id = ?", (offset, upload_id))


def trust(tx: Tx, upload_id: str, arrived: int, expires_at: Instant) -> None:
    """Let all that has come count, and wait for more."""
    tx.execute(
        "UPDATE resumable_uploads SET unchecked_from = NULL, arrived = ?, expires_at = ? WHERE id = ?",
        (arrived, expires_at, upload_id),
    )


def finish(tx: Tx, upload_id: str, file_id: str) -> None:
    """Write down what became of the upload."""
    tx.execute("UPDATE resumable_uploads SET file_id = ? WHERE id = ?", (file_id, upload_id))


def delete(tx: Tx, upload_id: str) -> None:
    tx.execute("DELETE FROM resumable_uploads WHERE id = ?", (upload_id,))


def _upload(row: sqlite3.Row) -> Upload:
    return Upload(
        id=row["id"],
        user_id=row["user_id"],
        ticket_id=row["ticket_id"],
        message_id=row["message_id"],
        is_internal=bool(row["is_internal"]),
        filename=row["filename"],
        size=row["size"],
        metadata=row["metadata"],
        unchecked_from=row["unchecked_from"],
        file_id=row["file_id"],
        expires_at=row["expires_at"],
    )
