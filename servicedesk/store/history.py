"""Every change of a ticket, and every decision about who gets it."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Final

import msgspec

from servicedesk.domain.people import PersonRef
from servicedesk.domain.sla import Entry, Policy
from servicedesk.domain.tickets import Change, FromTo, Priority, Status
from servicedesk.domain.times import Instant
from servicedesk.store.db import Connection, Tx
from servicedesk.store.tickets import ClockFacts

Changes = Mapping[str, FromTo]


class _To(msgspec.Struct, frozen=True):
    to: str


class _ClockChanges(msgspec.Struct, frozen=True):
    """Of a change what the clocks care about."""

    status: _To | None = None
    priority: _To | None = None


_clock_changes: Final = msgspec.json.Decoder(_ClockChanges).decode
_encode: Final = msgspec.json.Encoder().encode
_moment: Final = attrgetter("at")
_STATUS: Final = {str(status): status for status in Status}
_PRIORITY: Final = {str(priority): priority for priority in Priority}
_changes: Final = msgspec.json.Decoder(dict[str, FromTo]).decode


def append(
    tx: Tx,
    ticket_id: int,
    type_: str,
    changes: Changes,
    *,
    actor_id: int | None,
    reason: str | None,
    is_internal: bool,
    at: Instant,
) -> None:
    """Write the change down, behind those that the ticket's history has."""
    tx.execute(
        "INSERT INTO history (ticket_id, seq, type, actor_id, changes, reason, is_internal, created_at)"
        " SELECT ?, coalesce(max(seq), 0) + 1, ?, ?, ?, ?, ?, ? FROM history WHERE ticket_id = ?",
        (ticket_id, type_, actor_id, _encode(changes).decode(), reason, int(is_internal), at, ticket_id),
    )


def page(conn: Connection, ticket_id: int, *, after: int, limit: int, internal: bool) -> list[Change]:
    """Return changes, oldest first; without ``internal`` only what everybody may see."""
    found = conn.execute(
        "SELECT h.*, u.name AS actor_name FROM history h LEFT JOIN users u ON u.id = h.actor_id"
        " WHERE h.ticket_id = ? AND h.seq > ? AND h.is_internal <= ? ORDER BY h.seq LIMIT ?",
        (ticket_id, after, int(internal), limit),
    )
    return [
        Change(
            ticket_id=row["ticket_id"],
            seq=row["seq"],
            type=row["type"],
            actor=None if row["actor_id"] is None else PersonRef(row["actor_id"], row["actor_name"]),
            changes=_changes(row["changes"]),
            reason=row["reason"],
            is_internal=bool(row["is_internal"]),
            created_at=row["created_at"],
        )
        for row in found.fetchall()
    ]


def count(conn: Connection, ticket_id: int, *, internal: bool) -> int:
    row = conn.execute(
        "SELECT count(*) FROM history WHERE ticket_id = ? AND is_internal <= ?", (ticket_id, int(internal))
    ).fetchone()
    return int(row[0])


def count_decisions(conn: Connection, ticket_id: int) -> int:
    row = conn.execute("SELECT count(*) FROM decisions WHERE ticket_id = ?", (ticket_id,)).fetchone()
    return int(row[0])


def clock_log(conn: Connection, ticket_id: int, facts: ClockFacts, policy: Policy) -> list[Entry]:
    """Return what the clocks care about: statuses, priorities and what was said, each with its moment."""
    found = conn.execute(
        "SELECT created_at, changes FROM history WHERE ticket_id = ? ORDER BY seq", (ticket_id,)
    ).fetchall()
    log = [entry for at, raw in found if (entry := clock_entry(at, raw)) is not None]
    if facts.first_response_at is not None:
        log.append(Entry(facts.first_response_at, replied=True))
    if policy.awaits_next_responses:
        log += _said(conn, ticket_id, facts.requester_id)
    log.sort(key=_moment)
    return log


def clock_entry(at: Instant, raw: str) -> Entry | None:
    """Return what a row of the history is to the clocks."""
    changes = _clock_changes(raw)
    if changes.status is None and changes.priority is None:
        return None
    return Entry(
        at,
        None if changes.status is None else _STATUS[changes.status.to],
        None if changes.priority is None else _PRIORITY[changes.priority.to],
    )


def _said(conn: Connection, ticket_id: int, requester_id: int) -> list[Entry]:
    """Return who had the word when; what is not the requester's is an answer."""
    found = conn.execute(
        "SELECT created_at, author_id FROM messages WHERE ticket_id = ? AND is_internal = 0 ORDER BY id",
        (ticket_id,),
    )
    return [
        Entry(at, replied=author_id != requester_id, asked=author_id == requester_id)
        for at, author_id in found.fetchall()
    ]


def status_since(conn: Connection, ticket_id: int) -> Instant:
    """Return since when the ticket has the status that it has."""
    found = conn.execute(
        "SELECT created_at, changes FROM history WHERE ticket_id = ? ORDER BY seq DESC", (ticket_id,)
    )
    return next((at for at, raw in found if "status" in _changes(raw)), 0)


def last(conn: Connection, ticket_id: int) -> int:
    """Return the number of the latest change."""
    row = conn.execute("SELECT max(seq) FROM history WHERE ticket_id = ?", (ticket_id,)).fetchone()
    return int(row[0] or 0)


def touched(conn: Connection, ticket_id: int, *, after: int = 0, since: Instant = 0) -> set[str]:
    """Return the fields that people of the staff have changed, after a change or since a moment."""
    found = conn.execute(
        "SELECT h.changes FROM history h JOIN users u ON u.id = h.actor_id"
        " WHERE h.ticket_id = ? AND h.seq > ? AND h.created_at >= ? AND h.type <> 'created'"
        " AND u.role <> 'customer'",
        (ticket_id, after, since),
    )
    return {name for (raw,) in found for name in _changes(raw)}


def record_decision(
    tx: Tx, ticket_id: int, *, cause: str, policy: str, winner_id: int | None, judged: str, at: Instant
) -> None:
    tx.execute(
        "INSERT INTO decisions (ticket_id, cause, policy, winner_id, judged, decided_at) VALUES (?, ?, ?, ?, ?, ?)",
        (ticket_id, cause, policy, winner_id, judged, at),
    )


class StoredDecision(msgspec.Struct, frozen=True):
    id: int
    cause: str
    judged: str
    decided_at: Instant


def decisions(conn: Connection, ticket_id: int, *, after: int, limit: int) -> list[StoredDecision]:
    """Return the decisions about a ticket, oldest first."""
    found = conn.execute(
        "SELECT id, cause, judged, decided_at FROM decisions WHERE ticket_id = ? AND id > ? ORDER BY id LIMIT ?",
        (ticket_id, after, limit),
    )
    return [StoredDecision(*row) for row in found.fetchall()]
