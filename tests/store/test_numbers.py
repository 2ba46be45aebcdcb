"""The numbers are compared with a plain count over all tickets and with what lists show."""

import math
import sqlite3
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from servicedesk.domain.listing import Filter
from servicedesk.domain.numbers import Numbers, NumbersQuery, period_of
from servicedesk.domain.people import PersonRef
from servicedesk.domain.sla import State
from servicedesk.domain.tickets import UNRESOLVED, Priority, Status, Ticket
from servicedesk.domain.times import DAY, HOUR, MINUTE
from servicedesk.store import listing
from servicedesk.store import numbers as stored
from servicedesk.store.db import Connection, Tx
from tests.store import desks_made_up as desks
from tests.store.desks_made_up import NOW

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def desk(tx: Tx) -> Tx:
    desks.people(tx)
    return tx


def numbers(conn: Connection, *teams: int | None, **said: Any) -> Numbers:
    return stored.numbers(conn, teams, period_of(NumbersQuery(**said), BERLIN, NOW), NOW)


def percentile(values: Sequence[int], percent: int) -> float | None:
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1] / 1000 if values else None


@pytest.mark.parametrize("teams", [(), (1,), (None, 2)])
def test_the_numbers_are_what_a_plain_count_says(desk: Tx, teams: tuple[int | None, ...]) -> None:
    desks.many(desk, Random(23), 300)
    known = [
        ticket
        for ticket in listing.rows(desk, [row[0] for row in desk.execute("SELECT id FROM tickets")])
        if not teams or ticket.team_id in teams
    ]
    unresolved = [ticket for ticket in known if ticket.status.is_unresolved]
    days = period_of(NumbersQuery(from_="2026-11-05", to="2026-11-21"), BERLIN, NOW)
    start, end = days[0].start, days[-1].end

    def within(moment: int | None) -> bool:
        return moment is not None and start <= moment < end

    def ended(ticket: Ticket) -> int | None:
        return ticket.resolved_at if ticket.resolved_at is not None else ticket.closed_at

    found = numbers(desk, *teams, from_="2026-11-05", to="2026-11-21")

    assert found.open == len(unresolved)
    assert found.unassigned == sum(ticket.assigned_to is None for ticket in unresolved)
    assert found.by_status == {s: sum(t.status is s for t in known) for s in Status}
    assert found.by_priority == {p: sum(t.priority is p for t in unresolved) for p in Priority}
    assert found.created == sum(within(t.created_at) for t in known)
    assert found.resolved == sum(within(t.resolved_at) for t in known)
    has, done = (
        Counter(t.assigned_to for t in tickets)
        for tickets in (unresolved, [t for t in known if within(t.resolved_at)])
    )
    assert {n.agent: (n.open, n.resolved) for n in found.by_agent} == {
        agent: (has[agent], done[agent]) for agent in has.keys() | done.keys() if agent is not None
    }
    answers = [t.first_response_at - t.created_at for t in known if within(t.first_response_at)]  # type: ignore[operator]
    solutions = [t.resolved_at - t.created_at for t in known if within(t.resolved_at)]  # type: ignore[operator]
    for times, values in ((found.first_response, answers), (found.resolution, solutions)):
        assert (times.median_s, times.p90_s) == (percentile(values, 50), percentile(values, 90))
    judged = [t.sla.breach_at for t in known if within(ended(t)) and t.sla.policy]
    assert (found.sla.met, found.sla.breached) == (judged.count(None), len(judged) - judged.count(None))
    assert [day.date for day in found.daily] == [day.date for day in days]
    for row, day in zip(found.daily, days, strict=True):
        assert row.created == sum(day.start <= t.created_at < day.end for t in known)
        assert row.resolved == sum(day.start <= (t.resolved_at or 0) < day.end for t in known)
        assert row.backlog == sum(t.created_at < day.end and (ended(t) or day.end) >= day.end for t in known)


def test_counts_equal_the_lists_behind_them(desk: Tx) -> None:
    desks.many(desk, Random(29), 300)
    found = numbers(desk)

    def listed(**said: Any) -> int:
        return listing.count(desk, Filter(now=NOW, **said))

    unresolved = tuple(UNRESOLVED)
    assert found.open == listed(statuses=unresolved)
    assert found.unassigned == listed(statuses=unresolved, assignees=(None,))
    assert found.overdue == listed(statuses=unresolved, sla=(State.BREACHED,))
    assert found.by_status == {status: listed(statuses=(status,)) for status in Status}
    assert found.by_priority == {p: listed(statuses=unresolved, priorities=(p,)) for p in Priority}
    assert found.daily[-1].backlog == found.open
    for row in found.by_agent:
        assert row.open == listed(statuses=unresolved, assignees=(row.agent.id,))


def test_an_empty_desk_has_all_numbers(desk: Tx) -> None:
    found = numbers(desk)

    assert found.open == found.unassigned == found.overdue == found.created == found.resolved == 0
    assert set(found.by_status) == set(Status)
    assert set(found.by_priority) == set(Priority)
    assert found.by_agent == []
    assert (found.first_response.median_s, found.resolution.p90_s, found.sla.rate) == (None, None, None)
    assert [day.backlog for day in found.daily] == [0] * 30


def test_a_day_ends_at_midnight_where_the_desk_is(desk: Tx) -> None:
    desks.ticket(desk, created_at=NOW - NOW % DAY - 30 * MINUTE)  # 00:30 in Berlin, the evening before in UTC

    found = numbers(desk, from_="2026-11-22", to="2026-11-23")

    assert [day.created for day in found.daily] == [0, 1]


def test_what_was_resolved_counts_for_who_has_it(desk: Tx) -> None:
    desks.ticket(
        desk, status=Status.RESOLVED, assigned_to=2, created_at=NOW - 2 * HOUR, resolved_at=NOW - HOUR
    )

    found = numbers(desk)

    assert [(n.agent, n.open, n.resolved) for n in found.by_agent] == [(PersonRef(2, "Person 2"), 0, 1)]
    assert (found.resolution.median_s, found.sla.rate) == (3600.0, 1.0)


class Watched:
    """A connection that notes the plan of everything that it is asked."""

    def __init__(self, conn: Tx) -> None:
        self.conn = conn
        self.plans: list[str] = []

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        self.plans += [r["detail"] for r in self.conn.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
        return self.conn.execute(sql, parameters)


@pytest.mark.parametrize("teams", [(), (1,)])
def test_numbers_are_read_from_indexes_alone(desk: Tx, teams: tuple[int, ...]) -> None:
    watched = Watched(desk)

    numbers(watched, *teams)

    of_tickets = {plan for plan in watched.plans if plan.split()[1] == "t"}
    assert len(of_tickets) == 5
    assert all("COVERING INDEX" in plan for plan in of_tickets), of_tickets
