"""What people have begun to write, kept so that it is there on any device."""

from servicedesk.domain.times import Instant
from servicedesk.store.db import Connection, Tx


def of_ticket(conn: Connection, user_id: int, ticket_id: int) -> dict[str, tuple[str, Instant]]:
    """Return the person's drafts on a ticket with their moments, by kind."""
    found = conn.execute(
        "SELECT kind, body, updated_at FROM drafts WHERE user_id = ? AND ticket_id = ?", (user_id, ticket_id)
    )
    return {row["kind"]: (row["body"], row["updated_at"]) for row in found}


def put(tx: Tx, user_id: int, ticket_id: int, kind: str, body: str, at: Instant) -> None:
    """Keep the draft; an empty one is forgotten."""
    if not body:
        tx.execute(
            "DELETE FROM drafts WHERE user_id = ? AND ticket_id = ? AND kind = ?", (user_id, ticket_id, kind)
        )
        return
    tx.execute(
        "INSERT INTO drafts (user_id, ticket_id, kind, body, updated_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (user_id, ticket_id, kind) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at",
        (user_id, ticket_id, kind, body, at),
    )
