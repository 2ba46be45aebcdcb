"""Files as they are stored: what is known of them; their bytes are in the blob store."""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from servicedesk.domain.errors import NotFound
from servicedesk.domain.files import DeletedFile, NewFile, Picture, Scan, StoredFile
from servicedesk.domain.people import PersonRef
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store.db import Connection, Tx

_SELECT: Final = (
    "SELECT f.*, u.name AS uploader_name, t.requester_id FROM files f"
    " JOIN users u ON u.id = f.uploaded_by JOIN tickets t ON t.id = f.ticket_id"
)

_TO_SCAN: Final = "scan IN ('pending', 'error')"
"""In the words of the index of these files."""


def get(conn: Connection, file_id: str) -> StoredFile:
    """Return the file, or raise NotFound."""
    row = conn.execute(f"{_SELECT} WHERE f.id = ?", (file_id,)).fetchone()
    if row is None:
        raise NotFound(say("There is no such file."))
    return _file(row)


def page(
    conn: Connection, ticket_id: int, *, after: tuple[Instant, str], limit: int, internal: bool
) -> list[StoredFile]:
    """Return files of a ticket, oldest first; without ``internal`` only what everybody may see."""
    found = conn.execute(
        f"{_SELECT} WHERE f.ticket_id = ? AND (f.created_at, f.id) > (?, ?) AND f.is_internal <= ?"
        " ORDER BY f.created_at, f.id LIMIT ?",
        (ticket_id, *after, int(internal), limit),
    )
    return [_file(row) for row in found.fetchall()]


def of_messages(conn: Connection, message_ids: Sequence[int]) -> list[StoredFile]:
    """Return the files of these messages, oldest first."""
    marks = ", ".join("?" * len(message_ids))
    found = conn.execute(
        f"{_SELECT} WHERE f.message_id IN ({marks}) ORDER BY f.created_at, f.id", tuple(message_ids)
    )
    return [_file(row) for row in found.fetchall()]


def of_ticket(conn: Connection, ticket_id: int, *, internal: bool) -> list[StoredFile]:
    """Return the ticket's files, oldest first; without ``internal`` only what everybody may see."""
    found = conn.execute(
        f"{_SELECT} WHERE f.ticket_id = ? AND f.is_internal <= ? ORDER BY f.created_at, f.id",
        (ticket_id, int(internal)),
    )
    return [_file(row) for row in found.fetchall()]


def count_of_message(conn: Connection, message_id: int) -> int:
    row = conn.execute("SELECT count(*) FROM files WHERE message_id = ?", (message_id,)).fetchone()
    return int(row[0])


def is_named(conn: Connection, sha256: str) -> bool:
    """Return whether a file has these bytes."""
    return conn.execute("SELECT 1 FROM files WHERE sha256 = ? LIMIT 1", (sha256,)).fetchone() is not None


def without_picture_yet(conn: Connection, *, after: tuple[Instant, str], limit: int) -> list[StoredFile]:
    """Return images whose small picture was not finished, oldest first."""
    found = conn.execute(
        f"{_SELECT} WHERE f.picture = 'pending' AND (f.created_at, f.id) > (?, ?)"
        " ORDER BY f.created_at, f.id LIMIT ?",
        (*after, limit),
    )
    return [_file(row) for row in found.fetchall()]


def without_picture_of(conn: Connection, sha256: str) -> list[StoredFile]:
    """Return the files of these bytes whose small picture was not finished."""
    found = conn.execute(f"{_SELECT} WHERE f.sha256 = ? AND f.picture = 'pending'", (sha256,))
    return [_file(row) for row in found.fetchall()]


def set_picture(tx: Tx, file_id: str, picture: Picture, width: int | None, height: int | None) -> None:
    """Write down what became of the small picture, and the sides that were found with it."""
    tx.execute(
        "UPDATE files SET picture = ?, width = ?, height = ? WHERE id = ?",
        (str(picture), width, height, file_id),
    )


def contents(conn: Connection, *, after: str, limit: int) -> list[str]:
    """Return the hashes of what files have, each once, in their order."""
    found = conn.execute(
        "SELECT DISTINCT sha256 FROM files WHERE sha256 > ? ORDER BY sha256 LIMIT ?", (after, limit)
    )
    return [row["sha256"] for row in found.fetchall()]


def of_content(conn: Connection, sha256: str) -> list[StoredFile]:
    """Return the files that have these bytes, oldest first."""
    found = conn.execute(f"{_SELECT} WHERE f.sha256 = ? ORDER BY f.created_at, f.id", (sha256,))
    return [_file(row) for row in found.fetchall()]


def next_to_scan(conn: Connection, taken: Collection[str]) -> str | None:
    """Return, of the contents that wait to be scanned and are not taken, the one that has waited longest."""
    found = conn.execute(
        f"SELECT sha256 FROM files WHERE {_TO_SCAN} AND scan = 'pending' ORDER BY created_at, id"
    )
    return next((sha256 for (sha256,) in found if sha256 not in taken), None)


def count_to_scan(conn: Connection) -> int:
    row = conn.execute(f"SELECT count(*) FROM files WHERE {_TO_SCAN}").fetchone()
    return int(row[0])


def ids_by_scan(conn: Connection, scans: Collection[Scan], *, after: str, limit: int) -> list[str]:
    """Return the ids of files in these states, in their order."""
    marks = ", ".join("?" * len(scans))
    found = conn.execute(
        f"SELECT id FROM files WHERE scan IN ({marks}) AND id > ? ORDER BY id LIMIT ?",
        (*map(str, scans), after, limit),
    )
    return [row["id"] for row in found.fetchall()]


def set_scan(tx: Tx, file_ids: Iterable[str], scan: Scan) -> None:
    tx.executemany("UPDATE files SET scan = ? WHERE id = ?", [(str(scan), id_) for id_ in file_ids])


def insert(tx: Tx, file: NewFile, *, uploaded_by: int, piece: int, at: Instant) -> None:
    tx.execute(
        "INSERT INTO files (id, ticket_id, message_id, uploaded_by, filename, size, content_type, category,"
        " sha256, is_internal, width, height, picture, scan, piece, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            file.id,
            file.ticket_id,
            file.message_id,
            uploaded_by,
            file.filename,
            file.size,
            file.content_type,
            str(file.category),
            file.sha256,
            int(file.is_internal),
            file.width,
            file.height,
            str(file.picture),
            str(file.scan),
            piece,
            at,
        ),
    )


def bind(tx: Tx, file_id: str, message_id: int) -> None:
    """Hang the file on a message."""
    tx.execute("UPDATE files SET message_id = ? WHERE id = ?", (message_id, file_id))


def make_internal(tx: Tx, file_id: str) -> None:
    """Show the file to staff alone from now on."""
    tx.execute("UPDATE files SET is_internal = 1 WHERE id = ?", (file_id,))


def delete(tx: Tx, file_id: str, *, by: int, at: Instant) -> None:
    """Forget the file but for a line that says what it was, and who deleted it."""
    tx.execute(
        "INSERT INTO deleted_files (id, ticket_id, message_id, uploaded_by, filename, size, sha256, is_internal,"
        " created_at, deleted_by, deleted_at)"
        " SELECT id, ticket_id, message_id, uploaded_by, filename, size, sha256, is_internal, created_at, ?, ?"
        " FROM files WHERE id = ?",
        (by, at, file_id),
    )
    tx.execute("DELETE FROM files WHERE id = ?", (file_id,))


def deleted_of_ticket(conn: Connection, ticket_id: int, *, limit: int) -> list[DeletedFile]:
    """Return the files of a ticket that were deleted last, the first of them first."""
    found = conn.execute(
        "SELECT d.*, u.name AS deleter_name FROM deleted_files d JOIN users u ON u.id = d.deleted_by"
        " WHERE d.ticket_id = ? ORDER BY d.deleted_at DESC, d.id DESC LIMIT ?",
        (ticket_id, limit),
    )
    return [
        DeletedFile(
            id=row["id"],
            message_id=row["message_id"],
            filename=row["filename"],
            deleted_by=PersonRef(row["deleted_by"], row["deleter_name"]),
            deleted_at=row["deleted_at"],
        )
        for row in reversed(found.fetchall())
    ]


def _file(row: sqlite3.Row) -> StoredFile:
    return StoredFile(
        id=row["id"],
        ticket_id=row["ticket_id"],
        message_id=row["message_id"],
        filename=row["filename"],
        size=row["size"],
        content_type=row["content_type"],
        category=row["category"],
        sha256=row["sha256"],
        is_internal=bool(row["is_internal"]),
        uploaded_by=PersonRef(row["uploaded_by"], row["uploader_name"]),
        owner_id=row["uploaded_by"],
        requester_id=row["requester_id"],
        width=row["width"],
        height=row["height"],
        picture=Picture(row["picture"]),
        scan=Scan(row["scan"]),
        piece=row["piece"],
        created_at=row["created_at"],
    )
