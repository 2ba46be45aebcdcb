"""The desk in numbers, read from counters and from indexes alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from servicedesk.domain.numbers import (
    AgentNumbers,
    Day,
    DayNumbers,
    Numbers,
    Times,
    Verdicts,
    backlogs,
    nearest_rank,
    rate,
)
from servicedesk.domain.people import PersonRef
from servicedesk.domain.tickets import UNRESOLVED, Priority, Status
from servicedesk.domain.times import SECOND, Instant
from servicedesk.store import people
from servicedesk.store.db import Connection
from servicedesk.store.walks import EVERYTHING, Part, any_of, index


class Happening(NamedTuple):
    """Something that happens to a ticket once: the column of its moment, and the index that knows all about it."""

    moment: str
    source: str
    only: str = "1"


class Standing(NamedTuple):
    """How many tickets stand where now: all by status, the unresolved ones by priority and agent (0: nobody)."""

    by_status: Counter[str]
    by_priority: Counter[str]
    by_agent: Counter[int]


CREATED: Final = Happening("t.created_at", index("tickets_by_created"))
ANSWERED: Final = Happening("t.first_response_at", index("tickets_by_answer"))
RESOLVED: Final = Happening("t.resolved_at", index("tickets_by_resolved"))
DROPPED: Final = Happening("t.closed_at", index("tickets_dropped"), "t.resolved_at IS NULL")
"""Closed without a resolution."""
BREACHED: Final = Happening("t.breach_at", index("tickets_by_breach"), "t.sla_phase <> 'done'")

_json: Final = msgspec.json.Encoder().encode
_LAST: Final[Instant] = 2**62


def numbers(conn: Connection, teams: Sequence[int | None], days: Sequence[Day], now: Instant) -> Numbers:
    """Return what is open now and what happened in the days: of these teams, without any of the whole desk."""
    ours = any_of("t.team_id", teams) or EVERYTHING
    start, end = days[0].start, days[-1].end
    standing = _standing(conn, teams)
    open_now = sum(standing.by_status[status] for status in UNRESOLVED)
    daily = _daily(conn, ours, days, open_now)
    return Numbers(
        open=open_now,
        unassigned=standing.by_agent[0],
        overdue=_count(conn, BREACHED, ours, 0, now),
        by_status={status: standing.by_status[status] for status in Status},
        by_priority={priority: standing.by_priority[priority] for priority in Priority},
        by_agent=_agents(conn, standing.by_agent, _resolved_by_agent(conn, ours, start, end)),
        created=sum(day.created for day in daily),
        resolved=sum(day.resolved for day in daily),
        first_response=_times(conn, ANSWERED, ours, start, end),
        resolution=_times(conn, RESOLVED, ours, start, end),
        sla=_verdicts(conn, ours, start, end),
        daily=daily,
    )


def _standing(conn: Connection, teams: Sequence[int | None]) -> Standing:
    sql, values = any_of("team_id", [team or 0 for team in teams]) or EVERYTHING
    standing = Standing(Counter(), Counter(), Counter())
    for status, priority, agent, number in conn.execute(
        f"SELECT status, priority, assigned_to, n FROM ticket_counts WHERE n > 0 AND {sql}", values
    ):
        standing.by_status[status] += number
        if status in UNRESOLVED:
            standing.by_priority[priority] += number
            standing.by_agent[agent] += number
    return standing


def _agents(conn: Connection, unresolved: Counter[int], resolved: Mapping[int, int]) -> list[AgentNumbers]:
    """Return everybody who has something to show, in the order of their names."""
    names = people.names(conn, unresolved.keys() | resolved.keys())
    refs = sorted((PersonRef(who, name) for who, name in names.items()), key=lambda ref: (ref.name, ref.id))
    return [AgentNumbers(ref, unresolved[ref.id], resolved.get(ref.id, 0)) for ref in refs]


def _resolved_by_agent(conn: Connection, ours: Part, start: Instant, end: Instant) -> dict[int, int]:
    sql, values = _during(RESOLVED, ours, start, end)
    found = conn.execute(f"SELECT t.assigned_to, count(*) {sql} GROUP BY t.assigned_to", values)
    return {agent: number for agent, number in found if agent is not None}


def _daily(conn: Connection, ours: Part, days: Sequence[Day], open_now: int) -> list[DayNumbers]:
    created, resolved, dropped = (_by_day(conn, what, ours, days) for what in (CREATED, RESOLVED, DROPPED))
    ended = [one + other for one, other in zip(resolved, dropped, strict=True)]
    # From what is open now back to what was open after the last day.
    later = [_count(conn, what, ours, days[-1].end, _LAST) for what in (CREATED, RESOLVED, DROPPED)]
    backlog = backlogs(open_now - later[0] + later[1] + later[2], created, ended)
    rows = zip(days, created, resolved, backlog, strict=True)
    return [DayNumbers(day.date, born, done, left) for day, born, done, left in rows]


def _by_day(conn: Connection, what: Happening, ours: Part, days: Sequence[Day]) -> list[int]:
    ends = _json([(day.start, day.end) for day in days]).decode()
    found = conn.execute(
        "WITH day (n, start, until) AS MATERIALIZED"
        " (SELECT key, json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"
        f" SELECT (SELECT count(*) FROM {what.source} WHERE {what.moment} >= day.start"
        f" AND {what.moment} < day.until AND {what.only} AND {ours.sql}) FROM day ORDER BY n",
        (ends, *ours.values),
    )
    return [number for (number,) in found]


def _times(conn: Connection, what: Happening, ours: Part, start: Instant, end: Instant) -> Times:
    number = _count(conn, what, ours, start, end)
    if not number:
        return Times(None, None)
    sql, values = _during(what, ours, start, end)
    took = f"SELECT {what.moment} - t.created_at AS took {sql} ORDER BY took LIMIT 1 OFFSET ?"
    median, p90 = (
        conn.execute(took, (*values, nearest_rank(percent, number) - 1)).fetchone()[0] / SECOND
        for percent in (50, 90)
    )
    return Times(median, p90)


def _verdicts(conn: Connection, ours: Part, start: Instant, end: Instant) -> Verdicts:
    met = breached = 0
    for what in (RESOLVED, DROPPED):
        sql, values = _during(what, ours, start, end)
        kept, broken = conn.execute(
            f"SELECT coalesce(sum(t.breach_at IS NULL), 0), count(t.breach_at) {sql} AND t.sla_policy IS NOT NULL",
            values,
        ).fetchone()
        met, breached = met + kept, breached + broken
    return Verdicts(met, breached, rate(met, breached))


def _count(conn: Connection, what: Happening, ours: Part, start: Instant, end: Instant) -> int:
    sql, values = _during(what, ours, start, end)
    return int(conn.execute(f"SELECT count(*) {sql}", values).fetchone()[0])


def _during(what: Happening, ours: Part, start: Instant, end: Instant) -> Part:
    return Part(
        f"FROM {what.source} WHERE {what.moment} >= ? AND {what.moment} < ? AND {what.only} AND {ours.sql}",
        (start, end, *ours.values),
    )
