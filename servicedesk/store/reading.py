"""How far people have read."""

import json
from collections.abc import Sequence
from typing import Final

from servicedesk.store.db import Connection, Tx

LOOKED_AT: Final = 500
"""More tickets than these are not looked through for something unread."""

# A person's own words are read; a ticket that was given to them is unread until they open it once, or it is done.
_UNREAD: Final = """
    (SELECT count(*) FROM messages m
     WHERE m.ticket_id = t.id AND m.id > coalesce(r.message_id, 0)
        AND m.author_id <> :me AND m.is_internal <= :internal)
"""
_GIVEN: Final = "(t.assigned_to = :me AND t.unresolved = 1)"
_CONCERNS: Final = f"(r.message_id IS NOT NULL OR {_GIVEN} OR t.requester_id = :me)"


def last_seen(conn: Connection, user_id: int, ticket_id: int) -> int | None:
    """Return the last message that the person saw there, 0 for none of it, None if they never looked."""
    row = conn.execute(
        "SELECT message_id FROM reading WHERE user_id = ? AND ticket_id = ?", (user_id, ticket_id)
    ).fetchone()
    return int(row["message_id"]) if row else None


def mark(tx: Tx, user_id: int, ticket_id: int, message_id: int) -> None:
    """Note that everything up to this message was seen; what was seen stays seen."""
    tx.execute(
        "INSERT INTO reading (user_id, ticket_id, message_id) VALUES (?, ?, ?)"
        " ON CONFLICT (user_id, ticket_id) DO UPDATE SET message_id = max(message_id, excluded.message_id)",
        (user_id, ticket_id, message_id),
    )


def unread(conn: Connection, user_id: int, ticket_ids: Sequence[int], *, internal: bool) -> set[int]:
    """Return those of the tickets that hold something new for the person."""
    found = conn.execute(
        f"""
        SELECT t.id FROM json_each(:ids) asked JOIN tickets t ON t.id = asked.value
        LEFT JOIN reading r ON r.user_id = :me AND r.ticket_id = t.id
        WHERE {_CONCERNS}
            AND ({_UNREAD} > 0 OR (r.message_id IS NULL AND {_GIVEN}))
        """,
        {"me": user_id, "internal": int(internal), "ids": json.dumps(list(ticket_ids))},
    )
    return {row[0] for row in found}


def count(conn: Connection, user_id: int, *, internal: bool) -> int:
    """Return how much is new for the person: messages, and tickets that were given to them."""
    row = conn.execute(
        f"""
        SELECT coalesce(sum(CASE WHEN n = 0 AND fresh THEN 1 ELSE n END), 0) FROM (
            SELECT {_UNREAD} AS n, (r.message_id IS NULL AND {_GIVEN}) AS fresh
            FROM (
                SELECT id FROM (SELECT id FROM tickets WHERE assigned_to = :me AND unresolved = 1
                    ORDER BY updated_at DESC LIMIT {LOOKED_AT})
                UNION SELECT ticket_id FROM (SELECT ticket_id FROM reading WHERE user_id = :me
                    ORDER BY ticket_id DESC LIMIT {LOOKED_AT})
                UNION SELECT id FROM (SELECT id FROM tickets WHERE requester_id = :me
                    ORDER BY updated_at DESC LIMIT {LOOKED_AT})
            ) c
            JOIN tickets t ON t.id = c.id
            LEFT JOIN reading r ON r.user_id = :me AND r.ticket_id = t.id
        )
        """,
        {"me": user_id, "internal": int(internal)},
    ).fetchone()
    return int(row[0])
