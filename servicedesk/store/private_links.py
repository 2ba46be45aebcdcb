"""Private links as rows: who has the address may follow one ticket."""

from typing import Any

import msgspec

from servicedesk.domain.people import Role, User
from servicedesk.domain.times import Instant
from servicedesk.store import people
from servicedesk.store.db import Connection, Tx


class PrivateLink(msgspec.Struct, frozen=True, kw_only=True):
    """The link of a ticket, and what whoever asked for it said about themselves."""

    ticket_id: int
    given_name: str
    given_email: str
    created_at: Instant
    expires_at: Instant
    used_at: Instant | None
    ended_at: Instant | None

    def is_open(self, at: Instant) -> bool:
        return self.ended_at is None and at < self.expires_at


_LINK = "ticket_id, given_name, given_email, created_at, expires_at, used_at, ended_at"


def who(conn: Connection, hashed: bytes, at: Instant) -> User | None:
    """Return the requester, bound to the ticket of this link; None when the link is none, or none any more.

    It never stands for somebody of the staff, whatever became of its requester since. Nor does it bring their
    language and time zone: nobody can see by them that the address which they typed is known here.
    """
    row = conn.execute(
        "SELECT l.ticket_id, u.id, u.email, u.name, u.role, u.is_active, u.max_tickets, u.skills, u.availability,"
        f" u.calendar_id, u.language, u.time_zone, u.created_at, {people.TEAMS_OF}"
        " FROM private_links l JOIN tickets t ON t.id = l.ticket_id JOIN users u ON u.id = t.requester_id"
        " WHERE l.hash = ? AND l.ended_at IS NULL AND l.expires_at > ? AND u.is_active = 1 AND u.role = ?",
        (hashed, at, Role.CUSTOMER),
    ).fetchone()
    if row is None:
        return None
    user = people.user_of(row)
    return msgspec.structs.replace(user, language=None, time_zone=None, only_ticket=row["ticket_id"])


def known(conn: Connection, hashed: bytes) -> PrivateLink | None:
    """Return the link that was given out with this hash, also one that has ended."""
    row = conn.execute(f"SELECT {_LINK} FROM private_links WHERE hash = ?", (hashed,)).fetchone()
    return _link(row) if row else None


def of_ticket(conn: Connection, ticket_id: int) -> PrivateLink | None:
    row = conn.execute(f"SELECT {_LINK} FROM private_links WHERE ticket_id = ?", (ticket_id,)).fetchone()
    return _link(row) if row else None


def insert(tx: Tx, link: PrivateLink, hashed: bytes) -> None:
    tx.execute(
        "INSERT INTO private_links (ticket_id, hash, given_name, given_email, created_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            link.ticket_id,
            hashed,
            link.given_name,
            link.given_email,
            link.created_at,
            link.expires_at,
        ),
    )


def use(tx: Tx, ticket_id: int, at: Instant, expires_at: Instant) -> None:
    tx.execute(
        "UPDATE private_links SET used_at = ?, expires_at = ? WHERE ticket_id = ? AND ended_at IS NULL",
        (at, expires_at, ticket_id),
    )


def end(tx: Tx, ticket_id: int, at: Instant) -> bool:
    """End the link; return whether there was one to end."""
    done = tx.execute(
        "UPDATE private_links SET ended_at = ? WHERE ticket_id = ? AND ended_at IS NULL", (at, ticket_id)
    )
    return bool(done.rowcount)


def _link(row: Any) -> PrivateLink:
    return PrivateLink(**{name: row[name] for name in PrivateLink.__struct_fields__})
