"""Tickets as they are stored."""

import heapq
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from servicedesk.domain import workflow
from servicedesk.domain.agenda import Kind
from servicedesk.domain.assignment import turn
from servicedesk.domain.errors import NotFound
from servicedesk.domain.events import Due
from servicedesk.domain.people import PersonRef, Requester, TeamRef, fold
from servicedesk.domain.tickets import Priority, Sla, Status, Ticket
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store.db import Connection, Tx

SELECT: Final = """
SELECT t.id, t.title, t.description, t.status, t.priority, t.category, t.tags, t.required_skills,
    t.requester_id, r.name AS requester_name, r.email AS requester_email,
    t.assigned_to, a.name AS assignee_name, t.team_id, g.name AS team_name,
    t.escalation_level, t.version, t.public_messages, t.internal_messages, t.public_files, t.internal_files,
    t.reopen_count, t.waits, t.created_at, t.updated_at, t.first_response_at, t.first_resolved_at,
    t.resolved_at, t.closed_at, t.sla_policy, t.sla_phase, t.first_response_due_at, t.resolution_due_at,
    t.next_response_due_at, t.due_at, t.risk_at, t.breach_at
"""
JOINS: Final = """
JOIN users r ON r.id = t.requester_id
LEFT JOIN users a ON a.id = t.assigned_to
LEFT JOIN teams g ON g.id = t.team_id
"""
_ONE: Final = f"{SELECT} FROM tickets t {JOINS} WHERE t.id = ?"
_KIND: Final = "(ifnull(team_id, 0) || ' ' || required_skills)"
"""What decides who can take a ticket, as the index of those that wait has it."""
_AT_ONCE: Final = 20
"""Waiting tickets of a kind and a priority that are read at a time."""
_words: Final = msgspec.json.Decoder(tuple[str, ...]).decode
_json: Final = msgspec.json.Encoder().encode


def get(conn: Connection, ticket_id: int) -> Ticket:
    """Return the ticket, or raise NotFound."""
    row = conn.execute(_ONE, (ticket_id,)).fetchone()
    if row is None:
        raise NotFound(say("There is no {what} {id}.", what=say("ticket"), id=ticket_id))
    return from_row(row)


def from_row(row: sqlite3.Row | Sequence[Any]) -> Ticket:
    """Return the ticket of a row of :data:`SELECT`, whose order of columns this knows."""
    (
        id_, title, description, status, priority, category, tags, skills,
        requester_id, requester_name, requester_email, assignee_id, assignee_name, team_id, team_name,
        level, version, public_messages, internal_messages, public_files, internal_files,
        reopens, waits, created, updated, responded, first_resolved, resolved, closed,
        policy, phase, response_due, resolution_due, next_due, due, risk, breach,
    ) = row  # fmt: skip
    return Ticket(
        id=id_,
        title=title,
        description=description,
        status=_STATUS[status],
        priority=_PRIORITY[priority],
        category=category,
        tags=() if tags == "[]" else _words(tags),
        required_skills=() if skills == "[]" else _words(skills),
        requester=Requester(requester_id, requester_name, requester_email),
        assigned_to=None if assignee_id is None else PersonRef(assignee_id, assignee_name),
        team=None if team_id is None else TeamRef(team_id, team_name),
        escalation_level=level,
        version=version,
        public_messages=public_messages,
        internal_messages=internal_messages,
        public_files=public_files,
        internal_files=internal_files,
        reopen_count=reopens,
        waits=bool(waits),
        created_at=created,
        updated_at=updated,
        first_response_at=responded,
        first_resolved_at=first_resolved,
        resolved_at=resolved,
        closed_at=closed,
        sla=Sla(
            policy=policy,
            phase=phase,
            first_response_due_at=response_due,
            resolution_due_at=resolution_due,
            next_response_due_at=next_due,
            due_at=due,
            risk_at=risk,
            breach_at=breach,
        ),
    )


_STATUS: Final = {str(s): s for s in Status}
_PRIORITY: Final = {str(p): p for p in Priority}


def insert(tx: Tx, columns: Mapping[str, Any], tags: Iterable[str]) -> int:
    """Write a new ticket and return its id."""
    names = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    cursor = tx.execute(f"INSERT INTO tickets ({names}) VALUES ({marks})", tuple(columns.values()))
    ticket_id = int(cursor.lastrowid or 0)
    _index_tags(tx, ticket_id, tags)
    _tell_due(tx, columns)
    return ticket_id


def update(tx: Tx, ticket_id: int, columns: Mapping[str, Any]) -> None:
    """Set columns of a ticket."""
    assignments = ", ".join(f"{name} = ?" for name in columns)
    tx.execute(f"UPDATE tickets SET {assignments} WHERE id = ?", (*columns.values(), ticket_id))
    _tell_due(tx, columns)


def count_up(tx: Tx, ticket_id: int, column: str) -> None:
    """Count one more of what the ticket keeps a number of, and leave everything else as it is."""
    # nosemgrep: packaging.semgrep.values-are-bound -- names of tables and columns, from constants
    tx.execute(f"UPDATE tickets SET {column} = {column} + 1 WHERE id = ?", (ticket_id,))


def set_tags(tx: Tx, ticket_id: int, before: Iterable[str], tags: Iterable[str]) -> None:
    tx.executemany(
        "DELETE FROM ticket_tags WHERE tag_key = ? AND ticket_id = ?",
        [(fold(tag), ticket_id) for tag in before],
    )
    _index_tags(tx, ticket_id, tags)


def words(values: Iterable[str]) -> str:
    """Return a list of tags or skills as it is stored."""
    return _json(tuple(values)).decode()


def next_piece(tx: Tx, ticket_id: int) -> int:
    """Return the next free place of the ticket in the search index."""
    row = tx.execute(
        "UPDATE tickets SET pieces = pieces + 1 WHERE id = ? RETURNING pieces", (ticket_id,)
    ).fetchone()
    return int(row[0])


def categories(conn: Connection, most: int) -> list[str]:
    """Return the categories in use, in alphabetical order: one step along the index for each."""
    found = conn.execute(
        "WITH RECURSIVE step (category) AS ("
        " SELECT min(category) FROM tickets WHERE category IS NOT NULL"
        " UNION ALL SELECT (SELECT min(category) FROM tickets WHERE category > step.category)"
        " FROM step WHERE step.category IS NOT NULL)"
        " SELECT category FROM step WHERE category IS NOT NULL LIMIT ?",
        (most,),
    )
    return [row[0] for row in found]


def any_waiting(conn: Connection) -> bool:
    """Return whether a ticket waits for an agent."""
    return conn.execute(f"SELECT min({_KIND}) FROM tickets WHERE waits = 1").fetchone()[0] is not None


def kinds_waiting(conn: Connection) -> list[str]:
    """Return the kinds of tickets that wait for an agent: those of a kind are open to the same people.

    One step along the index for each, however many tickets there are.
    """
    found = conn.execute(
        f"WITH RECURSIVE step (kind) AS (SELECT min({_KIND}) FROM tickets WHERE waits = 1"
        f" UNION ALL SELECT (SELECT min({_KIND}) FROM tickets WHERE waits = 1 AND {_KIND} > step.kind)"
        " FROM step WHERE step.kind IS NOT NULL)"
        " SELECT kind FROM step WHERE kind IS NOT NULL"
    )
    return [row[0] for row in found.fetchall()]


def waiting(conn: Connection, kind: str) -> Iterator[tuple[int, int]]:
    """Yield the turn and the number of each waiting ticket of the kind, the next one first.

    Tickets that find an agent on the way do not disturb it.
    """
    return heapq.merge(*(_waiting_with(conn, kind, priority) for priority in Priority))


def _waiting_with(conn: Connection, kind: str, priority: Priority) -> Iterator[tuple[int, int]]:
    last = 0
    while found := conn.execute(
        f"SELECT id, created_at FROM tickets WHERE waits = 1 AND {_KIND} = ? AND priority_rank = ? AND id > ?"
        f" ORDER BY id LIMIT {_AT_ONCE}",
        (kind, priority.rank, last),
    ).fetchall():
        yield from ((turn(priority, created), ticket_id) for ticket_id, created in found)
        last = found[-1][0]


def longest_resolved(conn: Connection, most: int) -> list[tuple[Instant, int]]:
    """Return since when tickets are resolved and not closed, the longest first."""
    found = conn.execute(
        "SELECT resolved_at, id FROM tickets WHERE status = 'resolved' ORDER BY resolved_at, id LIMIT ?",
        (most,),
    )
    return [(row[0], row[1]) for row in found.fetchall()]


def to_warn(conn: Connection, most: int) -> list[tuple[Instant, int]]:
    """Return when tickets' SLA states change by themselves, the soonest first."""
    found = conn.execute(
        "SELECT sla_wakes_at, id FROM tickets WHERE sla_wakes_at IS NOT NULL ORDER BY sla_wakes_at, id LIMIT ?",
        (most,),
    )
    return [(row[0], row[1]) for row in found.fetchall()]


class ClockFacts(NamedTuple):
    """What a ticket's clocks need to know beside its history."""

    team_id: int | None
    requester_id: int
    first_response_at: Instant | None


def clock_facts(conn: Connection, ticket_id: int) -> ClockFacts:
    row = conn.execute(
        "SELECT team_id, requester_id, first_response_at FROM tickets WHERE id = ?", (ticket_id,)
    ).fetchone()
    return ClockFacts(*row)


def stored_clocks(conn: Connection, ticket_id: int, columns: Iterable[str]) -> dict[str, Any]:
    """Return what these columns hold."""
    names = list(columns)
    row = conn.execute(f"SELECT {', '.join(names)} FROM tickets WHERE id = ?", (ticket_id,)).fetchone()
    return dict(zip(names, row, strict=True))


def sla_told(conn: Connection, ticket_id: int) -> str:
    return str(conn.execute("SELECT sla_told FROM tickets WHERE id = ?", (ticket_id,)).fetchone()["sla_told"])


def _tell_due(tx: Tx, columns: Mapping[str, Any]) -> None:
    """Let the desk's agenda know what it will have to do about the ticket."""
    if (wakes_at := columns.get("sla_wakes_at")) is not None:
        tx.after_commit(Due(Kind.SLA, wakes_at))
    if (resolved_at := columns.get("resolved_at")) is not None:
        tx.after_commit(Due(Kind.CLOSE, workflow.closes_at(resolved_at)))


def _index_tags(tx: Tx, ticket_id: int, tags: Iterable[str]) -> None:
    for tag in tags:
        tx.execute("INSERT INTO ticket_tags (tag_key, ticket_id) VALUES (?, ?)", (fold(tag), ticket_id))
