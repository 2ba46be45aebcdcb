"""The lives of many tickets at once, for whoever works a period out again."""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, Final

import msgspec

from servicedesk.domain.people import Availability, Role
from servicedesk.domain.replays import Life
from servicedesk.domain.sla import Entry
from servicedesk.domain.staffing import Agent, Team, Work
from servicedesk.domain.tickets import WORKLOAD, FromTo, Priority
from servicedesk.domain.times import Instant
from servicedesk.store import calendars, history, people
from servicedesk.store.db import Connection

_PERIOD: Final = "t.created_at >= ? AND t.created_at < ?"
_CHANGES: Final = (
    "SELECT t.id, t.team_id, t.first_response_at, h.created_at, h.changes"
    " FROM tickets t INDEXED BY tickets_by_created CROSS JOIN history h ON h.ticket_id = t.id"
    f" WHERE {_PERIOD} ORDER BY t.created_at, t.id, h.seq"
)
_SAID: Final = (
    "SELECT t.id, m.created_at, m.author_id = t.requester_id"
    " FROM tickets t INDEXED BY tickets_by_created"
    " CROSS JOIN messages m INDEXED BY messages_by_ticket ON m.ticket_id = t.id"
    f" WHERE {_PERIOD} AND m.is_internal = 0 ORDER BY t.created_at, t.id, m.id"
)
_WORKS: Final = (
    "SELECT t.id, t.created_at, t.team_id, t.priority, t.required_skills, t.requester_id, t.first_response_at,"
    " t.first_response_due_at, t.resolution_due_at, h.created_at, h.changes"
    " FROM tickets t INDEXED BY tickets_by_created CROSS JOIN history h ON h.ticket_id = t.id"
    f" WHERE {_PERIOD} ORDER BY t.created_at, t.id, h.seq"
)
_changes: Final = msgspec.json.Decoder(dict[str, FromTo]).decode
_words: Final = msgspec.json.Decoder(tuple[str, ...]).decode
_moment: Final = attrgetter("at")


def lives(conn: Connection, start: Instant, end: Instant, *, words: bool) -> Iterator[Life]:
    """Yield the tickets that were opened in the period, the oldest first; with ``words`` what was said as well."""
    said = _said(conn, start, end) if words else {}
    rows = conn.execute(_CHANGES, (start, end))
    for ticket_id, changes in groupby(map(tuple, rows), key=itemgetter(0)):
        yield _life(ticket_id, list(changes), said.get(ticket_id, []))


def works(conn: Connection, start: Instant, end: Instant) -> list[Work]:
    """Return the tickets that came in the period as they kept somebody busy, the oldest first."""
    rows = conn.execute(_WORKS, (start, end))
    return [_work(list(changes)) for _, changes in groupby(map(tuple, rows), key=itemgetter(0))]


def _work(rows: list[Any]) -> Work:
    _, at, team_id, priority, skills, requester_id, answered, answer_due, due, _, _ = rows[0]
    began, busy, since = None, 0, None
    agent, works = None, True
    for row in rows:
        moment, changes = row[9], _changes(row[10])
        if "assigned_to" in changes:
            agent = changes["assigned_to"].to
        if "status" in changes:
            works = changes["status"].to in WORKLOAD
        if agent is not None and began is None:
            began = moment
        if since is not None and not (works and agent is not None):
            busy, since = busy + moment - since, None
        elif since is None and works and agent is not None:
            since = moment
    is_over = began is not None and since is None
    return Work(
        at=at,
        team_id=team_id,
        priority=Priority(priority),
        skills=_words(skills),
        requester_id=requester_id,
        had_agent=began is not None,
        handling=busy if is_over else None,
        answer=None if answered is None or began is None else max(0, answered - began),
        answer_due_at=answer_due,
        due_at=due,
    )


def agents(conn: Connection) -> list[Agent]:
    """Return who could get tickets: the active staff."""
    teams: dict[int, set[int]] = {}
    for user_id, team_id in conn.execute("SELECT user_id, team_id FROM team_members"):
        teams.setdefault(user_id, set()).add(team_id)
    rows = conn.execute(
        "SELECT id, name, role, availability, skills, max_tickets, calendar_id FROM users"
        " WHERE role IN ('admin', 'supervisor', 'agent') AND is_active = 1 ORDER BY id"
    ).fetchall()
    return [
        Agent(
            id=user_id,
            name=name,
            teams=frozenset(teams.get(user_id, ())),
            takes_any=role == Role.AGENT,
            is_available=availability == Availability.AVAILABLE,
            skills=_words(skills),
            max_tickets=most,
            hours=None if calendar_id is None else calendars.get(conn, calendar_id).calendar,
        )
        for user_id, name, role, availability, skills, most, calendar_id in map(tuple, rows)
    ]


def teams(conn: Connection) -> dict[int, Team]:
    ids = conn.execute("SELECT id FROM teams").fetchall()
    ways = {team_id: people.way(conn, team_id) for (team_id,) in ids}
    return {team_id: Team(way.preset, way.weights) for team_id, way in ways.items()}


def _life(ticket_id: int, changes: list[Any], said: list[Entry]) -> Life:
    _, team_id, responded, _, _ = changes[0]
    log = [entry for row in changes if (entry := history.clock_entry(row[3], row[4])) is not None]
    if responded is not None:
        log.append(Entry(responded, replied=True))
    log += said
    log.sort(key=_moment)
    return Life(ticket_id, team_id, log)


def _said(conn: Connection, start: Instant, end: Instant) -> dict[int, list[Entry]]:
    found: dict[int, list[Entry]] = {}
    for ticket_id, at, asked in conn.execute(_SAID, (start, end)):
        found.setdefault(ticket_id, []).append(Entry(at, replied=not asked, asked=bool(asked)))
    return found
