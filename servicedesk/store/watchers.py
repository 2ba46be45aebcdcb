"""Who watches which ticket."""

from collections.abc import Iterable

from servicedesk.domain.people import PersonRef
from servicedesk.store.db import Connection, Tx


def of_ticket(conn: Connection, ticket_id: int) -> list[PersonRef]:
    """Return which active staff watch the ticket, in the order of their ids."""
    found = conn.execute(
        "SELECT u.id, u.name FROM ticket_watchers w JOIN users u ON u.id = w.user_id"
        " WHERE w.ticket_id = ? AND w.watches = 1 AND u.is_active = 1 AND u.role <> 'customer' ORDER BY w.user_id",
        (ticket_id,),
    )
    return [PersonRef(*row) for row in found.fetchall()]


def put(tx: Tx, ticket_id: int, user_id: int, watches: bool) -> None:
    tx.execute(
        "INSERT INTO ticket_watchers (ticket_id, user_id, watches) VALUES (?, ?, ?)"
        " ON CONFLICT (ticket_id, user_id) DO UPDATE SET watches = excluded.watches",
        (ticket_id, user_id, int(watches)),
    )


def add(tx: Tx, ticket_id: int, user_ids: Iterable[int]) -> bool:
    """Make these people watchers unless they are or once stopped; return whether any is new."""
    added = 0
    for user_id in user_ids:
        added += tx.execute(
            "INSERT INTO ticket_watchers (ticket_id, user_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (ticket_id, user_id),
        ).rowcount
    return added > 0
