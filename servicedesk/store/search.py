"""Full-text search: SQLite's own FTS5, kept to this one file."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from servicedesk.domain import snippets
from servicedesk.domain.events import SearchBehind
from servicedesk.domain.search import Term
from servicedesk.domain.snippets import Snippet
from servicedesk.domain.tickets import Ticket
from servicedesk.store.db import Connection, Tx

AT_ONCE: Final = 64
"""Texts that one transaction takes into the index."""
TEXTS: Final = 30
"""Texts of a ticket that are looked at for a snippet."""
PIECE_BITS: Final = 20
"""A ticket's pieces of text lie together: rowid = ticket id * 2^20 + piece; piece 0 is the ticket itself."""
_PUBLIC: Final = "{reference title body}"
_TITLE: Final = "{reference title}"
_json_text: Final = json.JSONEncoder(separators=(",", ":")).encode


def index_piece(
    tx: Tx,
    ticket_id: int,
    piece: int,
    *,
    reference: str = "",
    title: str = "",
    body: str = "",
    note: str = "",
) -> None:
    """Make a text findable, instead of what the piece held before; what stands in ``note`` only for staff.

    It is found after the next :func:`catch_up`.
    """
    tx.execute(
        "INSERT OR REPLACE INTO search_waiting (id, reference, title, body, note) VALUES (?, ?, ?, ?, ?)",
        (_rowid(ticket_id, piece), reference, title, body, note),
    )
    tx.after_commit(SearchBehind())


def drop_piece(tx: Tx, ticket_id: int, piece: int) -> None:
    index_piece(tx, ticket_id, piece)


def is_behind(conn: Connection) -> bool:
    """Return whether something was written that cannot be found yet."""
    return conn.execute("SELECT 1 FROM search_waiting LIMIT 1").fetchone() is not None


def catch_up(tx: Tx, most: int = AT_ONCE) -> int:
    """Take some of the texts that wait into the index, the oldest tickets' first; return how many."""
    waiting = tx.execute(
        "SELECT id, reference, title, body, note FROM search_waiting ORDER BY id LIMIT ?", (most,)
    ).fetchall()
    ids = [(piece["id"],) for piece in waiting]
    tx.executemany("DELETE FROM search WHERE rowid = ?", ids)
    tx.executemany(
        "INSERT INTO search (rowid, reference, title, body, note) VALUES (?, ?, ?, ?, ?)",
        [tuple(piece) for piece in waiting if any(piece[1:])],
    )
    tx.executemany("DELETE FROM search_waiting WHERE id = ?", ids)
    if len(waiting) == most:
        tx.after_commit(SearchBehind())
    return len(waiting)


def asked(term: Term, *, internal: bool) -> str:
    """Write the term as FTS5 reads it, for all text or only for what customers may find."""
    return _quoted(term) if internal else f"{_PUBLIC} : ({_quoted(term)})"


def titled(
    conn: Connection, terms: Sequence[Term], below: int | None = None, among: Collection[int] | None = None
) -> Iterator[int]:
    """Yield the tickets in whose title every term occurs, the newest first, those below an id."""
    return _tickets(conn, f"{_TITLE} : ({' AND '.join(map(_quoted, terms))})", below, among)


def found(conn: Connection, terms: Sequence[Term], below: int | None, *, internal: bool) -> Iterator[int]:
    """Yield the tickets in whose texts, taken together, every term occurs; the newest first, below an id."""
    streams = [_tickets(conn, asked(term, internal=internal), below) for term in terms]
    return streams[0] if len(streams) == 1 else _in_all(streams)


def snippet(conn: Connection, ticket: Ticket, terms: Sequence[Term], *, internal: bool) -> Snippet:
    """Return the piece of the ticket's text that shows what was found; notes are for staff."""
    found = texts(conn, ticket.id, TEXTS, internal=internal) if terms else []
    return snippets.snippet(found, ticket.description, terms)


def texts(conn: Connection, ticket_id: int, most: int, *, internal: bool) -> list[str]:
    """Return the first texts of a ticket as they were indexed: its description, then messages and file names."""
    rows = conn.execute(
        "SELECT body, note FROM search WHERE rowid >= ? AND rowid < ? ORDER BY rowid LIMIT ?",
        (_rowid(ticket_id, 0), _rowid(ticket_id + 1, 0), most),
    )
    return [row["body"] or (row["note"] if internal else "") for row in rows]


def _in_all(streams: Sequence[Iterator[int]]) -> Iterator[int]:
    """Yield what occurs in every one of some falling sequences."""
    heads = [next(stream, 0) for stream in streams]
    while all(heads):
        lowest = min(heads)
        if heads.count(lowest) == len(heads):
            yield lowest
            heads = [next(stream, 0) for stream in streams]
            continue
        heads = [
            head if head == lowest else next((n for n in stream if n <= lowest), 0)
            for head, stream in zip(heads, streams, strict=True)
        ]


def _tickets(
    conn: Connection, match: str, below: int | None, among: Collection[int] | None = None
) -> Iterator[int]:
    sql, values = "SELECT rowid FROM search WHERE search MATCH ?", list[object]((match,))
    if below is not None:
        sql += " AND rowid < ?"
        values.append(_rowid(below, 0))
    if among is not None:
        sql += f" AND rowid >> {PIECE_BITS} IN (SELECT value FROM json_each(?))"
        values.append(_json_text(list(among)))
    last = 0
    for (rowid,) in conn.execute(f"{sql} ORDER BY rowid DESC", values):
        ticket_id = rowid >> PIECE_BITS
        if ticket_id != last:
            last = ticket_id
            yield ticket_id


def _quoted(term: Term) -> str:
    """Write the term in quotes: there every text is plain text."""
    texts = ['"' + text.replace('"', '""') + '"' + ("*" if term.is_prefix else "") for text in term.texts]
    return texts[0] if len(texts) == 1 else f"({' OR '.join(texts)})"


def _rowid(ticket_id: int, piece: int) -> int:
    return (ticket_id << PIECE_BITS) + piece
