"""Lists are compared with a plain reading of all tickets, and their plans with what SQLite says it will do."""

import sqlite3
from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

import msgspec
import pytest

from servicedesk.domain import sla
from servicedesk.domain.listing import Filter, Place, Sort, Span
from servicedesk.domain.people import fold
from servicedesk.domain.search import terms_of
from servicedesk.domain.sla import State
from servicedesk.domain.tickets import UNRESOLVED, Priority, Status, Ticket
from servicedesk.domain.times import DAY, HOUR
from servicedesk.store import listing, walks
from servicedesk.store.db import Tx
from tests.store import desks_made_up as desks
from tests.store.desks_made_up import NOW

EVERYTHING = Filter(now=NOW)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tx]:
    """A desk with 400 tickets of all kinds, many of them equal in what they are sorted by."""
    with desks.opened(tmp_path_factory.mktemp("desk") / "desk.db") as tx:
        desks.people(tx)
        desks.many(tx, Random(7), 400)
        yield tx


@pytest.fixture
def desk(filled: Tx) -> Iterator[Tx]:
    """The same desk for every test, whatever the others did to it."""
    filled.execute("SAVEPOINT test")
    yield filled
    filled.execute("ROLLBACK TO test")


def some(**said: Any) -> Filter:
    return msgspec.structs.replace(EVERYTHING, **said)


def walk_all(conn: Tx, wanted: Filter, sort: Sort | None, limit: int = 23) -> list[int]:
    """Turn all the pages of a list."""
    found: list[int] = []
    after: Place | None = None
    while True:
        page = listing.page(conn, wanted, sort, after, limit)
        found += [ticket.id for ticket in page.tickets]
        after = page.next
        if after is None:
            return found


def everything(conn: Tx) -> list[Ticket]:
    return listing.rows(conn, [row[0] for row in conn.execute("SELECT id FROM tickets")])


def meets(ticket: Ticket, wanted: Filter) -> bool:
    """Read the filter the plain way."""
    clocks = ticket.sla
    has_policy = clocks.policy is not None
    state = sla.state(
        clocks.phase, clocks.due_at, clocks.risk_at, clocks.breach_at, NOW, has_policy=has_policy
    )
    return (
        (wanted.requester is None or ticket.requester.id == wanted.requester)
        and (not wanted.statuses or ticket.status in wanted.statuses)
        and (not wanted.priorities or ticket.priority in wanted.priorities)
        and (not wanted.categories or ticket.category in wanted.categories)
        and (not wanted.tags or bool(set(wanted.tags) & set(map(fold, ticket.tags))))
        and (not wanted.teams or ticket.team_id in wanted.teams)
        and (not wanted.assignees or ticket.assignee_id in wanted.assignees)
        and (
            not wanted.requesters
            or bool({ticket.requester.id, fold(ticket.requester.email)} & set(wanted.requesters))
        )
        and (not wanted.sla or state in wanted.sla)
        and (wanted.escalated is None or wanted.escalated == (ticket.escalation_level > 0))
        and _inside(ticket.created_at, wanted.created)
        and _inside(ticket.updated_at, wanted.updated)
        and _inside(clocks.due_at, wanted.due)
        and _inside(ticket.first_response_at, wanted.answered)
        and _inside(ticket.resolved_at, wanted.resolved)
        and _inside(ended(ticket), wanted.ended)
        and (wanted.open_at is None or _was_open(ticket, wanted.open_at))
        and (not wanted.with_files or ticket.public_files + ticket.internal_files * wanted.internal > 0)
        and all(set(tags) & set(map(fold, ticket.tags)) for tags in wanted.more_tags)
    )


def ended(ticket: Ticket) -> int | None:
    return ticket.closed_at if ticket.resolved_at is None else ticket.resolved_at


def _was_open(ticket: Ticket, moment: int) -> bool:
    end = ended(ticket)
    return ticket.created_at < moment and (end is None or end >= moment)


def _inside(moment: int | None, span: Span | None) -> bool:
    if span is None:
        return True
    return (
        moment is not None
        and (span.after is None or moment >= span.after)
        and (span.before is None or moment < span.before)
    )


def in_order(found: list[Ticket], sort: Sort) -> list[int]:
    """Sort the plain way; what has no due time comes last both ways."""
    keys = {
        "created_at": lambda t: t.created_at,
        "updated_at": lambda t: t.updated_at,
        "priority": lambda t: t.priority.rank,
        "due_at": lambda t: t.sla.due_at,
        "id": lambda t: t.id,
    }
    key = keys[sort.field]
    dated = sorted(
        (t for t in found if key(t) is not None), key=lambda t: (key(t), t.id), reverse=sort.descends
    )
    rest = sorted((t for t in found if key(t) is None), key=lambda t: t.id, reverse=sort.descends)
    return [ticket.id for ticket in dated + rest]


CHOICES: dict[str, list[Any]] = {
    "requester": [None, None, None, 12],
    "statuses": [
        (),
        (),
        (Status.OPEN,),
        (Status.NEW, Status.OPEN, Status.PENDING),
        (Status.CLOSED, Status.NEW),
    ],
    "priorities": [(), (), (Priority.HIGH,), (Priority.LOW, Priority.CRITICAL)],
    "categories": [(), (), ("network",), ("network", "hardware")],
    "tags": [(), (), ("vip",), ("vip", "vpn"), ("nothing",)],
    "teams": [(), (), (1,), (None, 2)],
    "assignees": [(), (), (2,), (None,), (1, None, 3)],
    "requesters": [(), (), (11,), (13, fold("WHO14@example.com")), ("nobody@example.com",)],
    "sla": [(), (), *[(state,) for state in State], (State.AT_RISK, State.BREACHED)],
    "escalated": [None, None, True, False],
    "created": [None, None, Span(NOW - 20 * DAY, NOW - 5 * DAY), Span(None, NOW - 10 * DAY)],
    "updated": [None, None, Span(NOW - 9 * DAY, None)],
    "due": [None, None, None, Span(NOW - 9 * DAY, None), Span(None, NOW)],
    "answered": [None, None, None, Span(NOW - 9 * DAY, NOW - DAY), Span(None, NOW - 20 * DAY)],
    "resolved": [None, None, None, Span(NOW - 9 * DAY, NOW - DAY), Span(None, NOW - 20 * DAY)],
    "ended": [None, None, None, Span(NOW - 9 * DAY, NOW - DAY), Span(NOW - 5 * DAY, None)],
    "open_at": [None, None, None, NOW - 8 * DAY],
    "with_files": [False, False, True],
    "more_tags": [(), (), (("vip",), ("vpn", "nothing"))],
}


def some_questions(chance: Random, number: int) -> Iterator[Filter]:
    """Yield every filter alone, then as many mixtures."""
    for name, values in CHOICES.items():
        for value in values:
            yield some(**{name: value})
    for _ in range(number):
        names = chance.sample(list(CHOICES), k=chance.randrange(2, 5))
        yield some(**{name: chance.choice(CHOICES[name]) for name in names})


@pytest.mark.parametrize("most", [0, 40, 5_000])
def test_every_list_is_what_a_plain_reading_says(
    desk: Tx, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With any idea of what a few tickets are, so that every way of finding them is walked."""
    monkeypatch.setattr(walks, "few_of", lambda _: most)
    chance, known = Random(most), everything(desk)

    for wanted in some_questions(chance, 50):
        expected = [ticket for ticket in known if meets(ticket, wanted)]
        for sort in chance.sample(list(Sort), k=3):
            assert walk_all(desk, wanted, sort) == in_order(expected, sort), (wanted, sort)
        assert listing.count(desk, wanted) == len(expected), wanted


def test_the_state_in_lists_is_the_state_that_tickets_show(desk: Tx) -> None:
    shown = [len(walk_all(desk, some(sla=(state,)), Sort.ID)) for state in State]

    assert sum(shown) == 400
    assert all(shown)


@pytest.mark.parametrize("state", [State.AT_RISK, State.BREACHED])
def test_what_is_due_and_what_is_late_is_counted_in_an_index(desk: Tx, state: State) -> None:
    wanted, watched = some(sla=(state,), statuses=tuple(UNRESOLVED)), Watched(desk)

    assert listing.count(watched, wanted) == sum(meets(ticket, wanted) for ticket in everything(desk)) > 0
    assert ["COVERING INDEX tickets_by_breach" in plan for _, plan in watched.plans] == [True]


def test_what_ended_in_a_period_is_counted_along_two_indexes(desk: Tx) -> None:
    wanted, watched = some(ended=Span(NOW - 9 * DAY, NOW), sla=(State.MET,)), Watched(desk)

    assert listing.count(watched, wanted) == sum(meets(ticket, wanted) for ticket in everything(desk)) > 0
    (plan,) = [plan for _, plan in watched.plans]
    assert "tickets_by_resolved" in plan
    assert "tickets_dropped" in plan
    assert "SCAN" not in plan


def test_pages_hold_as_many_as_asked_and_the_last_says_that_it_is_the_last(desk: Tx) -> None:
    first = listing.page(desk, EVERYTHING, Sort.ID, None, 399)
    last = listing.page(desk, EVERYTHING, Sort.ID, first.next, 1)

    assert (len(first.tickets), len(last.tickets), last.next) == (399, 1, None)


@pytest.mark.parametrize("sort", Sort)
def test_who_comes_in_between_neither_hides_a_row_nor_shows_one_twice(desk: Tx, sort: Sort) -> None:
    before = {ticket.id for ticket in everything(desk)}
    chance, found, after = Random(3), list[int](), None

    while True:
        page = listing.page(desk, EVERYTHING, sort, after, 30)
        found += [ticket.id for ticket in page.tickets]
        after = page.next
        if after is None:
            break
        desks.many(desk, chance, 5)

    assert len(found) == len(set(found))
    assert before <= set(found)


def test_an_empty_desk_has_empty_lists(tx: Tx) -> None:
    assert listing.page(tx, EVERYTHING, None, None, 50) == listing.Page([], None)
    assert listing.count(tx, EVERYTHING) == 0
    assert walk_all(tx, some(terms=terms_of("fire")), None) == []


def test_the_counters_equal_a_count_after_any_changes(desk: Tx) -> None:
    chance = Random(11)
    for _ in range(200):
        desk.execute(
            "UPDATE tickets SET status = ?, priority = ?, assigned_to = ?, team_id = ? WHERE id = ?",
            (
                chance.choice(list(Status)),
                chance.choice(list(Priority)),
                chance.choice(desks.AGENTS),
                chance.choice((None, 1, 2)),
                chance.randrange(1, 401),
            ),
        )

    counted = desk.execute(
        "SELECT coalesce(team_id, 0), coalesce(assigned_to, 0), status, priority, count(*) FROM tickets"
        " GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    )
    kept = desk.execute(
        "SELECT team_id, assigned_to, status, priority, n FROM ticket_counts WHERE n <> 0 ORDER BY 1, 2, 3, 4"
    )
    assert [tuple(row) for row in kept] == [tuple(row) for row in counted]


# Plans ------------------------------------------------------------------------------------------------------


class Watched:
    """A connection that notes the plan of everything that it is asked."""

    def __init__(self, conn: Tx) -> None:
        self.conn = conn
        self.plans: list[tuple[str, str]] = []

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        steps = self.conn.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
        self.plans.append((sql, " · ".join(row["detail"] for row in steps)))
        return self.conn.execute(sql, parameters)


def plans_of(
    desk: Tx, wanted: Filter, sort: Sort | None, after: Place | None = None
) -> list[tuple[str, str]]:
    watched = Watched(desk)
    listing.page(watched, wanted, sort, after, 30)
    return watched.plans


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize(
    "wanted", [EVERYTHING, some(statuses=tuple(UNRESOLVED)), some(priorities=(Priority.LOW,))]
)
def test_a_whole_list_is_read_in_the_order_of_an_index(
    desk: Tx, wanted: Filter, sort: Sort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walks, "few_of", lambda _: 0)
    for after in (None, Place(NOW, 200)):
        plans = plans_of(desk, wanted, sort, after)

        assert not [plan for _, plan in plans if "TEMP B-TREE" in plan]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (some(requester=11), "tickets_by_requester"),
        (some(requesters=(11,)), "tickets_by_requester"),
        (some(assignees=(1,)), "tickets_by_assignee"),
        (some(teams=(1,)), "tickets_by_team"),
        (some(categories=("network",)), "tickets_by_category"),
        (some(statuses=(Status.OPEN,)), "tickets_by_status"),
        (some(statuses=(Status.OPEN, Status.CLOSED)), "tickets_by_status"),
        (some(statuses=(Status.OPEN, Status.NEW)), "tickets_unresolved_by_updated"),
        (some(escalated=True), "tickets_escalated"),
        (some(updated=Span(NOW - DAY, None)), "tickets_by_updated"),
        (some(created=Span(NOW - DAY, None)), "tickets_by_updated"),
        (some(tags=("vip",)), "tickets_by_updated"),
    ],
)
def test_what_changed_last_is_read_in_order_for_each_filter(
    desk: Tx, wanted: Filter, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walks, "few_of", lambda _: 0)

    walked = [plan for sql, plan in plans_of(desk, wanted, None) if sql.startswith("SELECT t.updated_at")]

    assert all(index in plan and "TEMP B-TREE" not in plan for plan in walked), walked


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (some(requester=11), "tickets_by_requester"),
        (some(assignees=(1,)), "tickets_by_assignee"),
        (some(assignees=(1,), statuses=(Status.OPEN,)), "tickets_unresolved_by_assignee"),
        (some(tags=("vip",)), "SEARCH g USING PRIMARY KEY"),
        (some(escalated=True), "tickets_escalated"),
        (some(sla=(State.AT_RISK,)), "tickets_by_breach"),
        (some(sla=(State.BREACHED,), statuses=(Status.OPEN,)), "tickets_by_breach"),
        (some(categories=("network",)), "tickets_by_category"),
        (some(created=Span(NOW - DAY, None)), "tickets_by_created"),
        (some(due=Span(NOW - HOUR, NOW + HOUR)), "tickets_by_due"),
        (some(answered=Span(NOW - DAY, None)), "tickets_by_answer"),
        (some(resolved=Span(NOW - DAY, NOW)), "tickets_by_resolved"),
        (some(ended=Span(NOW - DAY, NOW)), "COVERING INDEX tickets_dropped"),
        (some(ended=Span(NOW - DAY, NOW), sla=(State.MET,)), "COVERING INDEX tickets_by_resolved"),
        (some(with_files=True, created=Span(NOW, None)), "tickets_with_files"),
        (some(authors=((1,),)), "COVERING INDEX messages_by_author"),
        (some(teams=(1,)), "tickets_by_team"),
        (some(statuses=(Status.OPEN,)), "tickets_by_status"),
    ],
)
def test_few_tickets_are_gathered_from_the_index_that_knows_them(
    desk: Tx, wanted: Filter, index: str
) -> None:
    plans = plans_of(desk, wanted, Sort.HIGHEST_PRIORITY)

    gathered = [plan for sql, plan in plans if sql.startswith("SELECT t.priority_rank")]
    assert gathered
    assert all(index in plan for plan in gathered), gathered


def test_the_newest_tickets_are_passed_over_without_being_read(
    desk: Tx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walks, "few_of", lambda _: 0)
    wanted = some(teams=(1,), statuses=(Status.CLOSED,), priorities=(Priority.HIGH, Priority.CRITICAL))

    walked = [
        plan
        for sql, plan in plans_of(desk, wanted, Sort.LAST_CREATED)
        if sql.startswith("SELECT t.created_at")
    ]

    assert walked
    assert all("COVERING INDEX tickets_by_created" in plan for plan in walked), walked


def test_no_list_reads_the_whole_table_of_tickets(desk: Tx) -> None:
    """But for the walk along the ids, which begins where the page does and ends with it."""
    chance = Random(5)
    for wanted, sort in product(some_questions(chance, 60), (Sort.LAST_UPDATED, Sort.PRIORITY, Sort.DUE)):
        for sql, plan in plans_of(desk, wanted, sort):
            scanned = plan.startswith("SCAN t") and "USING" not in plan.split(" · ")[0]
            assert not scanned or "ORDER BY t.id" in sql, (sql, plan)
