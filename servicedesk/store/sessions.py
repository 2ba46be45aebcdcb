"""Browser sessions and API tokens as rows: one table, hashes only."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from servicedesk.domain.errors import NotFound
from servicedesk.domain.people import User
from servicedesk.domain.sessions import Kind, Session
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store import people, second_steps
from servicedesk.store.db import Connection, Tx

__all__ = ["Kind"]
_SHOWN: Final = (
    "SELECT s.id, s.kind, s.user_id, u.name AS owner, s.name, s.created_at, s.expires_at, s.address, s.agent, s.seen_at"
    " FROM sessions s JOIN users u ON u.id = s.user_id"
)

_MUST_ENROL: Final = (
    "s.kind = 'session'"
    f" AND EXISTS (SELECT 1 FROM meta WHERE name = '{second_steps.DEMANDED}' || u.role AND value = 'on')"
    " AND NOT EXISTS (SELECT 1 FROM second_steps WHERE user_id = u.id AND confirmed_at IS NOT NULL) AS must_enrol"
)


class Known(msgspec.Struct, frozen=True):
    """Who stands behind a session or token."""

    user: User
    session_id: int
    kind: Kind
    expires_at: Instant | None = None
    must_enrol: bool = False
    """Whether the desk wants a second step of this person before anything else, and they have none."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """An API token as its owner sees it afterwards."""

    id: int
    name: str
    created_at: Instant
    expires_at: Instant | None
    seen_at: Instant | None = None


def who(conn: Connection, hashed: bytes, at: Instant) -> Known | None:
    """Return the active person whose session or token this is, unless it has expired."""
    return _known(conn, "s.hash = ?", hashed, at)


def alive(conn: Connection, session_id: int, at: Instant) -> Known | None:
    """Return the active person whose session or token has this number, unless it has expired."""
    return _known(conn, "s.id = ?", session_id, at)


def _known(conn: Connection, which: str, value: bytes | int, at: Instant) -> Known | None:
    row = conn.execute(
        "SELECT s.id AS session_id, s.kind, s.expires_at, u.id, u.email, u.name, u.role, u.is_active, u.max_tickets,"
        f" u.skills, u.availability, u.calendar_id, u.language, u.time_zone, u.created_at,"
        f" {people.TEAMS_OF}, {_MUST_ENROL}"
        " FROM sessions s JOIN users u ON u.id = s.user_id"
        f" WHERE {which} AND (s.expires_at IS NULL OR s.expires_at > ?) AND u.is_active = 1",
        (value, at),
    ).fetchone()
    if row is None:
        return None
    return Known(
        people.user_of(row), row["session_id"], Kind(row["kind"]), row["expires_at"], bool(row["must_enrol"])
    )


def any_expired(conn: Connection, at: Instant) -> bool:
    return conn.execute("SELECT 1 FROM sessions WHERE expires_at <= ? LIMIT 1", (at,)).fetchone() is not None


def insert(
    tx: Tx,
    *,
    hashed: bytes,
    kind: Kind,
    user_id: int,
    at: Instant,
    expires_at: Instant | None,
    name: str = "",
    address: str = "",
    agent: str = "",
) -> int:
    row = tx.execute(
        "INSERT INTO sessions (hash, kind, user_id, name, created_at, expires_at, address, agent)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (hashed, kind, user_id, name, at, expires_at, address, agent),
    ).fetchone()
    return int(row["id"])


def tokens(conn: Connection, user_id: int, *, after: int = 0, limit: int) -> list[Token]:
    """Return the person's tokens, oldest first; those that have expired are not there any more."""
    rows = conn.execute(
        "SELECT id, name, created_at, expires_at, seen_at FROM sessions"
        " WHERE user_id = ? AND kind = 'token' AND id > ? ORDER BY id LIMIT ?",
        (user_id, after, limit),
    )
    return [_token(row) for row in rows]


def count_tokens(conn: Connection, user_id: int) -> int:
    row = conn.execute(
        "SELECT count(*) FROM sessions WHERE user_id = ? AND kind = 'token'", (user_id,)
    ).fetchone()
    return int(row[0])


def token(conn: Connection, user_id: int, token_id: int) -> Token:
    """Return one of the person's own tokens, or raise NotFound."""
    row = conn.execute(
        "SELECT id, name, created_at, expires_at, seen_at FROM sessions"
        " WHERE id = ? AND user_id = ? AND kind = 'token'",
        (token_id, user_id),
    ).fetchone()
    if row is None:
        raise NotFound(say("You have no token {token_id}.", token_id=token_id))
    return _token(row)


def get(conn: Connection, session_id: int) -> Session:
    """Return the session or token, or raise NotFound."""
    row = conn.execute(f"{_SHOWN} WHERE s.id = ?", (session_id,)).fetchone()
    if row is None:
        raise NotFound(f"There is no session {session_id}.")
    return _session(row)


def page(
    conn: Connection,
    at: Instant,
    *,
    before: int | None = None,
    limit: int,
    kind: Kind | None = None,
    user_id: int | None = None,
) -> list[Session]:
    """Return what opens the door at that moment, newest first: everybody's, or one person's."""
    wanted = "s.id < ? AND (s.expires_at IS NULL OR s.expires_at > ?)"
    values: list[object] = [before if before is not None else 2**62, at]
    for column, value in (("kind", kind), ("user_id", user_id)):
        if value is not None:
            wanted += f" AND s.{column} = ?"
            values.append(value)
    rows = conn.execute(f"{_SHOWN} WHERE {wanted} ORDER BY s.id DESC LIMIT ?", (*values, limit))
    return [_session(row) for row in rows]


def note_seen(tx: Tx, seen: Iterable[tuple[int, Instant]]) -> None:
    """Write down when each session was used last."""
    tx.executemany("UPDATE sessions SET seen_at = ?2 WHERE id = ?1", seen)


def end(tx: Tx, session_id: int) -> None:
    tx.execute("DELETE FROM sessions WHERE id = ?", (session_id,))


def end_of_user(tx: Tx, user_id: int, *, kind: Kind | None = None, but: int | None = None) -> frozenset[int]:
    """End what the person has open, of one kind or all, except one; return what was ended."""
    rows = tx.execute(
        "DELETE FROM sessions WHERE user_id = ? AND (? IS NULL OR kind = ?) AND id IS NOT ? RETURNING id",
        (user_id, kind, kind, but),
    ).fetchall()
    return frozenset(row["id"] for row in rows)


def sweep(tx: Tx, at: Instant) -> dict[int, frozenset[int]]:
    """Delete what has expired; return the ids by person."""
    gone: dict[int, set[int]] = {}
    rows = tx.execute("DELETE FROM sessions WHERE expires_at <= ? RETURNING id, user_id", (at,)).fetchall()
    for row in rows:
        gone.setdefault(row["user_id"], set()).add(row["id"])
    return {user_id: frozenset(ids) for user_id, ids in gone.items()}


def _token(row: Any) -> Token:
    return Token(
        id=row["id"],
        name=row["name"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        seen_at=row["seen_at"],
    )


def _session(row: Any) -> Session:
    return Session(**dict(row) | {"kind": Kind(row["kind"])})
