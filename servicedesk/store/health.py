"""What a look from outside wants to know."""

from servicedesk.domain.times import Instant
from servicedesk.store import meta
from servicedesk.store.db import Connection, Tx


def touch(tx: Tx, at: Instant) -> None:
    """Write something, to see that it can be done."""
    meta.put(tx, "ready_at", str(at))


def tickets_by_status(conn: Connection) -> dict[str, int]:
    rows = conn.execute("SELECT status, sum(n) AS n FROM ticket_counts GROUP BY status")
    return {row["status"]: row["n"] for row in rows}
