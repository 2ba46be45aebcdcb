"""What the desk knows about itself: its epoch, its name, its time zone."""

from servicedesk.store.db import Connection, Tx


def get(conn: Connection, name: str, default: str = "") -> str:
    row = conn.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return str(row["value"]) if row else default


def put(tx: Tx, name: str, value: str) -> None:
    tx.execute(
        "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
