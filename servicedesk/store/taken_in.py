"""What was taken in from elsewhere, and what it is called here: so that nothing comes twice."""

from collections.abc import Iterable

from servicedesk.store.db import Connection, Tx

_LINES = "@"


def ours(conn: Connection, source: str, kind: str, theirs: str) -> str | None:
    """Return what it is called here, None for what has not come yet."""
    row = conn.execute(
        "SELECT ours FROM taken_in WHERE source = ? AND kind = ? AND theirs = ?", (source, kind, theirs)
    ).fetchone()
    return row[0] if row else None


def put(tx: Tx, source: str, kind: str, theirs: str, ours: str) -> None:
    tx.execute(
        "INSERT INTO taken_in (source, kind, theirs, ours) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (source, kind, theirs) DO UPDATE SET ours = excluded.ours",
        (source, kind, theirs, ours),
    )


def lines(conn: Connection, source: str, part: str) -> int:
    """Return how many lines of the part are in."""
    return int(ours(conn, source, _LINES, part) or 0)


def set_lines(tx: Tx, source: str, part: str, number: int) -> None:
    put(tx, source, _LINES, part, str(number))


def some(conn: Connection, source: str, kind: str, *, after: str, limit: int) -> list[tuple[str, str]]:
    """Return what came under which name, in the order of the names as text."""
    found = conn.execute(
        "SELECT theirs, ours FROM taken_in WHERE source = ? AND kind = ? AND theirs > ? ORDER BY theirs LIMIT ?",
        (source, kind, after, limit),
    )
    return [(row[0], row[1]) for row in found.fetchall()]


def forget(tx: Tx, kind: str, ours: Iterable[str]) -> None:
    """Forget under which names these came."""
    tx.executemany("DELETE FROM taken_in WHERE kind = ? AND ours = ?", [(kind, each) for each in ours])
