"""Desks full of tickets for tests of lists and numbers: written straight into the tables, without a history."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

from servicedesk.domain import sla
from servicedesk.domain.people import fold
from servicedesk.domain.sla import Entry, Phase
from servicedesk.domain.tickets import Priority, Status, reference
from servicedesk.domain.times import DAY, HOUR, Instant, parse
from servicedesk.store import db, search, tickets
from servicedesk.store.db import Tx

NOW: Final[Instant] = parse("2026-11-23T09:30:00Z")
AGENTS: Final = (1, 2, 3)
CUSTOMERS: Final = (11, 12, 13, 14)
TEAMS: Final = (1, 2)
WORDS: Final = ("printer", "printers", "Druckerei", "network", "VPN", "naïve", "fire", "42")


@contextmanager
def opened(path: Path) -> Iterator[Tx]:
    """An open write transaction on a new database."""
    conn = sqlite3.connect(path, isolation_level=None)
    try:
        db._prepare_writer(conn)
        conn.execute("BEGIN IMMEDIATE")
        yield Tx(conn)
    finally:
        conn.close()


def people(tx: Tx) -> None:
    """Agents 1 to 3, customers 11 to 14, teams 1 and 2."""
    for number in (*AGENTS, *CUSTOMERS):
        role, address = ("agent" if number in AGENTS else "customer"), f"Who{number}@example.com"
        tx.execute(
            "INSERT INTO users (id, email, email_key, name, role, created_at) VALUES (?, ?, ?, ?, ?, 0)",
            (number, address, fold(address), f"Person {number}", role),
        )
    for number in TEAMS:
        tx.execute(
            "INSERT INTO teams (id, name, name_key, created_at) VALUES (?, ?, ?, 0)",
            (number, f"Team {number}", f"team {number}"),
        )


def ticket(tx: Tx, *, tags: Iterable[str] = (), **columns: Any) -> int:
    """Write one ticket, with the clocks that its moments ask for unless they are given."""
    given = {**_USUAL, **columns}
    if "sla_phase" not in given:
        given |= _clocks(given)
    words = tuple(tags)
    ticket_id = tickets.insert(tx, {**given, "tags": tickets.words(words)}, words)
    search.index_piece(
        tx, ticket_id, 0, reference=reference(ticket_id), title=given["title"], body=given["description"]
    )
    search.catch_up(tx)
    return ticket_id


def many(tx: Tx, chance: Random, number: int) -> None:
    """Write as many tickets as different from each other as chance will have them, ties included."""
    for _ in range(number):
        one_of_many(tx, chance)


def one_of_many(tx: Tx, chance: Random) -> int:
    status = chance.choice(list(Status))
    created = NOW - chance.randrange(60) * DAY // 2 - chance.randrange(3)
    needs_agent = status in (Status.IN_PROGRESS, Status.RESOLVED)
    ended = None if status.is_unresolved else min(NOW, created + chance.randrange(1, 90) * HOUR)
    was_resolved = status is Status.RESOLVED or (status is Status.CLOSED and chance.random() < 0.7)
    ticket_id = ticket(
        tx,
        title=f"The {chance.choice(WORDS)} and the {chance.choice(WORDS)}",
        description=" ".join(chance.choices(WORDS, k=3)),
        status=status,
        priority=chance.choice(list(Priority)),
        category=chance.choice([None, "network", "hardware"]),
        requester_id=chance.choice(CUSTOMERS),
        assigned_to=chance.choice(AGENTS if needs_agent else (None, *AGENTS)),
        team_id=chance.choice((None, *TEAMS)),
        escalation_level=chance.choice((0, 0, 0, 1, 2)),
        created_at=created,
        updated_at=max(created, NOW - chance.randrange(40) * DAY),
        first_response_at=chance.choice((None, created + chance.randrange(48) * HOUR // 2)),
        resolved_at=ended if was_resolved else None,
        closed_at=ended if status is Status.CLOSED else None,
        public_files=int(created % 7 == 0),
        internal_files=int(created % 5 == 0),
        tags=chance.sample(["vip", "VPN", "Größe"], k=chance.randrange(3)),
        sla_policy=chance.choice((None, *["Standard"] * 9)),
    )
    for piece in range(1, chance.randrange(1, 4)):
        column = chance.choice(("body", "note"))
        search.index_piece(tx, ticket_id, piece, **{column: " ".join(chance.choices(WORDS, k=2))})
    search.catch_up(tx)
    return ticket_id


_USUAL: Final[dict[str, Any]] = {
    "title": "The printer is on fire",
    "description": "",
    "status": Status.NEW,
    "priority": Priority.MEDIUM,
    "requester_id": 11,
    "created_at": NOW,
    "updated_at": NOW,
    "sla_policy": "Standard",
}


def _clocks(given: dict[str, Any]) -> dict[str, Any]:
    if given["sla_policy"] is None:
        return {"sla_phase": Phase.RUNNING}
    log = [Entry(given["created_at"], Status.NEW, given["priority"])]
    answered = given.get("first_response_at")
    ended = given.get("resolved_at") or given.get("closed_at")
    if answered is not None and (ended is None or answered <= ended):
        log.append(Entry(answered, replied=True))
    log.append(Entry(ended or max(log[-1].at, given["created_at"] + HOUR), given["status"]))
    found = sla.clocks(log)
    return {
        "sla_phase": found.phase,
        "first_response_due_at": found.first_response.due_at,
        "resolution_due_at": found.resolution.due_at,
        "due_at": found.due_at,
        "risk_at": found.risk_at,
        "breach_at": found.breach_at,
    }
