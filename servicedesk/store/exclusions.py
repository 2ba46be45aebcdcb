"""Who is not to get a ticket, and why."""

from collections.abc import Iterable

from servicedesk.domain.assignment import Barred, BarredBy
from servicedesk.domain.people import PersonRef
from servicedesk.domain.times import Instant
from servicedesk.store.db import Connection, Tx


def of_ticket(conn: Connection, ticket_id: int) -> list[Barred]:
    """Return who is left out when the desk looks for an agent, in the order of their ids."""
    found = conn.execute(
        "SELECT e.user_id, u.name, e.reason, e.created_at FROM ticket_exclusions e"
        " JOIN users u ON u.id = e.user_id WHERE e.ticket_id = ? ORDER BY e.user_id",
        (ticket_id,),
    )
    return [Barred(PersonRef(who, name), BarredBy(reason), at) for who, name, reason, at in found]


def add(tx: Tx, ticket_id: int, user_ids: Iterable[int], reason: BarredBy, at: Instant) -> None:
    tx.executemany(
        "INSERT INTO ticket_exclusions (ticket_id, user_id, reason, created_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (ticket_id, user_id) DO NOTHING",
        [(ticket_id, user_id, reason, at) for user_id in user_ids],
    )


def remove(tx: Tx, ticket_id: int, user_ids: Iterable[int]) -> None:
    tx.executemany(
        "DELETE FROM ticket_exclusions WHERE ticket_id = ? AND user_id = ?",
        [(ticket_id, user_id) for user_id in user_ids],
    )
