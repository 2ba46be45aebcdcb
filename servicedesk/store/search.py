"""Full-text search: SQLite's own FTS5, kept to this one file."""

from typing import Final

from servicedesk.store.db import Tx

PIECE_BITS: Final = 20
"""A ticket's pieces of text lie together: rowid = ticket id * 2^20 + piece; piece 0 is the ticket itself."""


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
    """Make a text findable, instead of what the piece held before; what stands in ``note`` only for staff."""
    tx.execute(
        "INSERT OR REPLACE INTO search (rowid, reference, title, body, note) VALUES (?, ?, ?, ?, ?)",
        (_rowid(ticket_id, piece), reference, title, body, note),
    )


def drop_piece(tx: Tx, ticket_id: int, piece: int) -> None:
    tx.execute("DELETE FROM search WHERE rowid = ?", (_rowid(ticket_id, piece),))


def _rowid(ticket_id: int, piece: int) -> int:
    return (ticket_id << PIECE_BITS) + piece
