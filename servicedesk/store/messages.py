"""Messages as they are stored."""

import sqlite3
from typing import Final

from servicedesk.domain.errors import NotFound
from servicedesk.domain.people import Author, Role
from servicedesk.domain.tickets import Message
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store.db import Connection, Tx

_SELECT: Final = (
    "SELECT m.id, m.ticket_id, m.author_id, u.name AS author_name, u.role AS author_role, m.body, m.is_internal,"
    " m.client_msg_id, m.created_at FROM messages m JOIN users u ON u.id = m.author_id"
)


def get(conn: Connection, message_id: int) -> Message:
    """Return the message, or raise NotFound."""
    row = conn.execute(f"{_SELECT} WHERE m.id = ?", (message_id,)).fetchone()
    if row is None:
        raise NotFound(say("There is no {what} {id}.", what=say("message"), id=message_id))
    return _message(row)


def by_client_id(conn: Connection, author_id: int, client_msg_id: str) -> Message | None:
    row = conn.execute(
        f"{_SELECT} WHERE m.author_id = ? AND m.client_msg_id = ?", (author_id, client_msg_id)
    ).fetchone()
    return _message(row) if row else None


def page(conn: Connection, ticket_id: int, *, after: int, limit: int, internal: bool) -> list[Message]:
    """Return messages, oldest first; without ``internal`` only what everybody may see."""
    found = conn.execute(
        f"{_SELECT} WHERE m.ticket_id = ? AND m.id > ? AND m.is_internal <= ? ORDER BY m.id LIMIT ?",
        (ticket_id, after, int(internal), limit),
    )
    return [_message(row) for row in found.fetchall()]


def latest(
    conn: Connection, ticket_id: int, *, limit: int, internal: bool, before: int | None = None
) -> list[Message]:
    """Return the last messages before one, or at all, oldest first."""
    found = conn.execute(
        f"{_SELECT} WHERE m.ticket_id = ? AND m.id < ? AND m.is_internal <= ? ORDER BY m.id DESC LIMIT ?",
        (ticket_id, before if before is not None else 2**62, int(internal), limit),
    )
    return [_message(row) for row in reversed(found.fetchall())]


def insert(
    tx: Tx,
    *,
    ticket_id: int,
    author_id: int,
    body: str,
    is_internal: bool,
    client_msg_id: str | None,
    at: Instant,
) -> int:
    """Write a message and return its id."""
    cursor = tx.execute(
        "INSERT INTO messages (ticket_id, author_id, body, is_internal, client_msg_id, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (ticket_id, author_id, body, int(is_internal), client_msg_id, at),
    )
    return int(cursor.lastrowid or 0)


def set_seq(tx: Tx, message_id: int, seq: int) -> None:
    """Note the message's place in the room where it was told."""
    tx.execute("UPDATE messages SET seq = ? WHERE id = ?", (seq, message_id))


def seq(conn: Connection, message_id: int) -> int:
    return int(conn.execute("SELECT seq FROM messages WHERE id = ?", (message_id,)).fetchone()["seq"])


def _message(row: sqlite3.Row) -> Message:
    return Message(
        id=row["id"],
        ticket_id=row["ticket_id"],
        author=Author(row["author_id"], row["author_name"], Role(row["author_role"])),
        body=row["body"],
        is_internal=bool(row["is_internal"]),
        client_msg_id=row["client_msg_id"],
        created_at=row["created_at"],
    )
