"""When a ticket goes to somebody else because its agent has said nothing."""

from servicedesk.domain.agenda import Kind
from servicedesk.domain.events import Due
from servicedesk.domain.times import Instant
from servicedesk.store.db import Connection, Tx


def coming(conn: Connection, most: int) -> list[tuple[Instant, int]]:
    """Return when tickets are returned, the soonest first."""
    found = conn.execute(
        "SELECT due_at, ticket_id FROM ticket_returns ORDER BY due_at, ticket_id LIMIT ?", (most,)
    )
    return [(row[0], row[1]) for row in found.fetchall()]


def put(tx: Tx, ticket_id: int, due_at: Instant) -> None:
    tx.execute(
        "INSERT INTO ticket_returns (ticket_id, due_at) VALUES (?, ?)"
        " ON CONFLICT (ticket_id) DO UPDATE SET due_at = excluded.due_at",
        (ticket_id, due_at),
    )
    tx.after_commit(Due(Kind.RETURN, due_at))


def drop(tx: Tx, ticket_id: int) -> None:
    tx.execute("DELETE FROM ticket_returns WHERE ticket_id = ?", (ticket_id,))


def drop_team(tx: Tx, team_id: int) -> None:
    """Stop the timers of a team's tickets: one look at each that runs."""
    tx.execute(
        "DELETE FROM ticket_returns WHERE ticket_id IN (SELECT r.ticket_id FROM ticket_returns r"
        " CROSS JOIN tickets t ON t.id = r.ticket_id WHERE t.team_id = ?)",
        (team_id,),
    )
