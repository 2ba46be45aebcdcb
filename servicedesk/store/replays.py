"""The lives of many tickets at once, for whoever works a period out again."""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, Final

from servicedesk.domain.replays import Life
from servicedesk.domain.sla import Entry
from servicedesk.domain.times import Instant
from servicedesk.store import history
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
_moment: Final = attrgetter("at")


def lives(conn: Connection, start: Instant, end: Instant, *, words: bool) -> Iterator[Life]:
    """Yield the tickets that were opened in the period, the oldest first; with ``words`` what was said as well."""
    said = _said(conn, start, end) if words else {}
    rows = conn.execute(_CHANGES, (start, end))
    for ticket_id, changes in groupby(map(tuple, rows), key=itemgetter(0)):
        yield _life(ticket_id, list(changes), said.get(ticket_id, []))


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
