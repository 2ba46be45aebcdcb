"""What rows say about a person who is to be forgotten, and how it goes out of them."""

import re
import sqlite3
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

import msgspec

from servicedesk.domain.tickets import reference
from servicedesk.store import search, tickets
from servicedesk.store.db import Connection, Tx

Clean = Callable[[str], str]

_THEIR_OWN: Final = (
    ("sessions", "user_id"),
    ("drafts", "user_id"),
    ("reading", "user_id"),
    ("notifications", "user_id"),
    ("ticket_watchers", "user_id"),
    ("ticket_exclusions", "user_id"),
    ("team_members", "user_id"),
    ("resumable_uploads", "user_id"),
    ("second_steps", "user_id"),
    ("recovery_codes", "user_id"),
)
"""Rows that are nobody else's: they go. What a desk does not have is passed over."""
_TEXTS: Final = (
    ("tickets", "id", ("title", "description")),
    ("messages", "id", ("body",)),
    ("notifications", "id", ("text",)),
    ("files", "id", ("filename",)),
    ("deleted_files", "id", ("filename",)),
)
_OF_TICKET: Final = re.compile(rb'"ticket_id":(\d+)|"ticket":\{"id":(\d+)')


def tickets_of(conn: Connection, user_id: int) -> list[int]:
    found = conn.execute("SELECT id FROM tickets WHERE requester_id = ? ORDER BY id", (user_id,))
    return [ticket_id for (ticket_id,) in found.fetchall()]


def drop_own(tx: Tx, user_id: int) -> dict[str, int]:
    """Delete what is the person's alone; return how many rows of each table went."""
    there = {row[0] for row in tx.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()}
    gone = {
        # nosemgrep: packaging.semgrep.values-are-bound -- names of tables and columns, from constants
        table: tx.execute(f"DELETE FROM {table} WHERE {column} = ?", (user_id,)).rowcount
        for table, column in _THEIR_OWN
        if table in there
    }
    for table in ("macros", "saved_views"):
        # nosemgrep: packaging.semgrep.values-are-bound -- names of tables and columns, from constants
        tx.execute(f"DELETE FROM {table} WHERE owner_id = ? AND is_shared = 0", (user_id,))
    tx.execute("UPDATE teams SET lead_id = NULL WHERE lead_id = ?", (user_id,))
    return gone


def uploads_of(conn: Connection, user_id: int) -> list[str]:
    """Return the uploads of the person that have not ended."""
    return [row[0] for row in conn.execute("SELECT id FROM resumable_uploads WHERE user_id = ?", (user_id,))]


def rename(tx: Tx, user_id: int, *, name: str, email: str) -> None:
    tx.execute(
        "UPDATE users SET name = ?, email = ?, email_key = ?, password_hash = NULL, is_active = 0, skills = '[]',"
        " availability = 'away', calendar_id = NULL, language = NULL, time_zone = NULL WHERE id = ?",
        (name, email, email, user_id),
    )


def blank_ticket(tx: Tx, ticket_id: int, title: str) -> None:
    tx.execute("UPDATE tickets SET title = ?, description = '' WHERE id = ?", (title, ticket_id))


def blank_messages(tx: Tx, ticket_id: int, author_id: int, body: str) -> int:
    return tx.execute(
        "UPDATE messages SET body = ?, client_msg_id = NULL WHERE ticket_id = ? AND author_id = ?",
        (body, ticket_id, author_id),
    ).rowcount


def blank_history(tx: Tx, ticket_id: int, user_id: int, but: str) -> None:
    """Empty what the requester wrote: titles, descriptions, and words that became the reason of a move."""
    tx.execute(
        "UPDATE history SET reason = NULL WHERE ticket_id = ? AND reason IS NOT NULL AND reason <> ?"
        " AND (actor_id = ? OR actor_id IS NULL)",
        (ticket_id, but, user_id),
    )
    for name in ("title", "description"):
        tx.execute(
            f"UPDATE history SET changes = json_set(changes, '$.{name}', json('{{\"from\":null,\"to\":null}}'))"
            f" WHERE ticket_id = ? AND changes ->> '$.{name}' IS NOT NULL",
            (ticket_id,),
        )


def drop_files(tx: Tx, ticket_id: int, user_id: int) -> list[str]:
    """Forget the files that the person put there; return the hashes of what they held."""
    found = tx.execute(
        "SELECT sha256, is_internal FROM files WHERE ticket_id = ? AND uploaded_by = ?", (ticket_id, user_id)
    ).fetchall()
    internal = sum(row["is_internal"] for row in found)
    tx.execute("DELETE FROM files WHERE ticket_id = ? AND uploaded_by = ?", (ticket_id, user_id))
    tx.execute(
        "UPDATE tickets SET public_files = public_files - ?, internal_files = internal_files - ? WHERE id = ?",
        (len(found) - internal, internal, ticket_id),
    )
    tx.execute(
        "UPDATE deleted_files SET filename = '(erased)', sha256 = '' WHERE ticket_id = ? AND uploaded_by = ?",
        (ticket_id, user_id),
    )
    return [row["sha256"] for row in found]


def clean_ticket(tx: Tx, ticket_id: int, clean: Clean) -> None:
    """Let ``clean`` go over everything that is left to read of the ticket."""
    for table, key, columns in _TEXTS:
        column = "id" if table == "tickets" else "ticket_id"
        _clean_rows(tx, table, key, columns, f"{column} = ?", (ticket_id,), clean)
    _clean_history(tx, "ticket_id = ?", (ticket_id,), clean)
    found = tx.execute("SELECT user_id, kind, body FROM drafts WHERE ticket_id = ?", (ticket_id,)).fetchall()
    for row in found:
        tx.execute(
            "UPDATE drafts SET body = ? WHERE user_id = ? AND ticket_id = ? AND kind = ?",
            (clean(row["body"]), row["user_id"], ticket_id, row["kind"]),
        )


def clean_elsewhere(tx: Tx, email: str, clean: Clean) -> list[int]:
    """Let ``clean`` go over whatever else holds the address, wherever that is; return the tickets it was in."""
    needle, touched = email.casefold(), set[int]()
    for table, key, columns in _TEXTS:
        where = " OR ".join(f"instr(lower({column}), ?)" for column in columns)
        ticket = "id" if table == "tickets" else "ticket_id"
        values = (needle,) * len(columns)
        touched |= {
            row[0]
            # nosemgrep: packaging.semgrep.values-are-bound -- names of tables and columns, from constants
            for row in tx.execute(f"SELECT DISTINCT {ticket} FROM {table} WHERE {where}", values)
        }
        _clean_rows(tx, table, key, columns, where, values, clean)
    tx.execute(
        "UPDATE private_links SET given_name = '', given_email = '' WHERE instr(lower(given_email), ?)",
        (needle,),
    )
    _clean_history(tx, "instr(lower(changes), ?) OR instr(lower(reason), ?)", (needle, needle), clean)
    return sorted(touched)


def empty_notifications(tx: Tx, ticket_id: int) -> None:
    """Take the words out of what others were told of the ticket."""
    tx.execute("UPDATE notifications SET text = '' WHERE ticket_id = ? AND text <> ''", (ticket_id,))


def drop_links(tx: Tx, ticket_id: int) -> int:
    return tx.execute("DELETE FROM private_links WHERE ticket_id = ?", (ticket_id,)).rowcount


def drop_answers(tx: Tx, user_id: int, ticket_ids: Collection[int], speaks_of: Callable[[str], bool]) -> int:
    """Forget answers kept for repetition that are the person's, or of their tickets, or name them."""
    theirs = tuple(f"/api/tickets/{ticket_id}" for ticket_id in ticket_ids)
    found = tx.execute("SELECT user_id, method, path, key, body FROM idempotency").fetchall()
    gone = [
        (row["user_id"], row["method"], row["path"], row["key"])
        for row in found
        if row["user_id"] == user_id
        or row["path"].rstrip("/") in theirs
        or row["path"].startswith(tuple(f"{each}/" for each in theirs))
        or speaks_of(bytes(row["body"]).decode("utf-8", "replace"))
    ]
    tx.executemany("DELETE FROM idempotency WHERE user_id = ? AND method = ? AND path = ? AND key = ?", gone)
    return len(gone)


def forget_events(tx: Tx, user_id: int, ticket_ids: Collection[int], speaks_of: Callable[[str], bool]) -> int:
    """Have each room forget, as with age, everything up to the last event that tells of the person.

    So no numbers are missing in the middle. The latest event of a room is never dropped: it is emptied.
    """
    mine = set(ticket_ids)
    rooms = {number for ticket_id in mine for number in (2 * ticket_id, 2 * ticket_id + 1)} | {-user_id}
    last: dict[int, int] = {}
    for room, seq, frame in tx.execute("SELECT room, seq, frame FROM events ORDER BY room, seq"):
        if (
            room in rooms
            or _tells_of(bytes(frame), mine)
            or speaks_of(bytes(frame).decode("utf-8", "replace"))
        ):
            last[room] = seq
    gone = 0
    for room, seq in last.items():
        (top,) = tx.execute("SELECT max(seq) FROM events WHERE room = ?", (room,)).fetchone()
        gone += tx.execute(
            "DELETE FROM events WHERE room = ? AND seq <= ? AND seq < ?", (room, seq, top)
        ).rowcount
        if seq == top:
            row = tx.execute("SELECT frame FROM events WHERE room = ? AND seq = ?", (room, seq)).fetchone()
            frame = msgspec.json.decode(row["frame"]) | {"data": {}}
            tx.execute(
                "UPDATE events SET frame = ? WHERE room = ? AND seq = ?",
                (msgspec.json.encode(frame), room, seq),
            )
            gone += 1
    return gone


def index_anew(tx: Tx, ticket_id: int) -> None:
    """Have the search find in the ticket what is left of it, and nothing else."""
    first, end = ticket_id << search.PIECE_BITS, (ticket_id + 1) << search.PIECE_BITS
    tx.execute("DELETE FROM search WHERE rowid >= ? AND rowid < ?", (first, end))
    tx.execute("DELETE FROM search_waiting WHERE id >= ? AND id < ?", (first, end))
    tx.execute("UPDATE tickets SET pieces = 0 WHERE id = ?", (ticket_id,))
    ticket = tickets.get(tx, ticket_id)
    search.index_piece(
        tx, ticket_id, 0, reference=reference(ticket_id), title=ticket.title, body=ticket.description
    )
    said = tx.execute("SELECT body, is_internal FROM messages WHERE ticket_id = ? ORDER BY id", (ticket_id,))
    for body, is_internal in said.fetchall():
        _index(tx, ticket_id, body, bool(is_internal))
    files = tx.execute("SELECT id, filename, is_internal FROM files WHERE ticket_id = ?", (ticket_id,))
    for file_id, filename, is_internal in files.fetchall():
        piece = _index(tx, ticket_id, filename, bool(is_internal))
        tx.execute("UPDATE files SET piece = ? WHERE id = ?", (piece, file_id))


def optimize_search(tx: Tx) -> None:
    """Write the index anew: what was deleted from it stands in its older parts until then."""
    tx.execute("INSERT INTO search (search) VALUES ('optimize')")


def count_audited(conn: Connection, user_id: int) -> int:
    """Return how many rows of the audit list name the person: that list is only added to."""
    row = conn.execute(
        "SELECT (SELECT count(*) FROM audit WHERE actor_id = :id)"
        " + (SELECT count(*) FROM audit WHERE noun IN ('person', 'session', 'token') AND subject_id = :text"
        " AND actor_id IS NOT :id)",
        {"id": user_id, "text": str(user_id)},
    ).fetchone()
    return int(row[0])


def next_audited(conn: Connection) -> int:
    """Return the number that the next row of the audit list will have."""
    return int(conn.execute("SELECT coalesce(max(id), 0) + 1 FROM audit").fetchone()[0])


def vacuum(path: Path) -> None:
    """Write the file anew, so that nothing of what was deleted is left in it. Nobody else may have it open."""
    conn = sqlite3.connect(path, isolation_level=None)
    try:
        conn.execute("VACUUM")
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        conn.close()


def _tells_of(frame: bytes, ticket_ids: Collection[int]) -> bool:
    return any(int(one or other) in ticket_ids for one, other in _OF_TICKET.findall(frame))


def _index(tx: Tx, ticket_id: int, text: str, is_internal: bool) -> int:
    piece = tickets.next_piece(tx, ticket_id)
    if is_internal:
        search.index_piece(tx, ticket_id, piece, note=text)
    else:
        search.index_piece(tx, ticket_id, piece, body=text)
    return piece


def _clean_rows(
    tx: Tx,
    table: str,
    key: str,
    columns: Collection[str],
    where: str,
    values: tuple[Any, ...],
    clean: Clean,
) -> None:
    # nosemgrep: packaging.semgrep.values-are-bound -- names of tables and columns, from constants
    rows = tx.execute(f"SELECT {key}, {', '.join(columns)} FROM {table} WHERE {where}", values).fetchall()
    for number, *texts in map(tuple, rows):
        cleaned = [clean(text) for text in texts]
        if cleaned != texts:
            assignments = ", ".join(f"{column} = ?" for column in columns)
            # nosemgrep: packaging.semgrep.values-are-bound -- names of tables and columns, from constants
            tx.execute(f"UPDATE {table} SET {assignments} WHERE {key} = ?", (*cleaned, number))


def _clean_history(tx: Tx, where: str, values: tuple[Any, ...], clean: Clean) -> None:
    rows = tx.execute(f"SELECT ticket_id, seq, changes, reason FROM history WHERE {where}", values).fetchall()
    for ticket_id, seq, changes, reason in map(tuple, rows):
        cleaned = (_in_json(changes, clean), None if reason is None else clean(reason))
        if cleaned != (changes, reason):
            tx.execute(
                "UPDATE history SET changes = ?, reason = ? WHERE ticket_id = ? AND seq = ?",
                (*cleaned, ticket_id, seq),
            )


def _in_json(text: str, clean: Clean) -> str:
    """Clean every text of a JSON value, whatever is escaped in it."""
    value = msgspec.json.decode(text)
    cleaned = _cleaned(value, clean)
    return text if cleaned == value else msgspec.json.encode(cleaned).decode()


def _cleaned(value: Any, clean: Clean) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(each, clean) for each in value]
    if isinstance(value, dict):
        return {name: _cleaned(each, clean) for name, each in value.items()}
    return value
