"""Handing out what waits: each kind of ticket in a line of its own."""

import pytest

from servicedesk.desk import assignment, tickets
from servicedesk.desk import people as staff
from servicedesk.desk.people import Edit, NewPerson
from servicedesk.desk.tickets import Draft
from servicedesk.domain.people import Availability, Role, User
from servicedesk.domain.tickets import Priority
from servicedesk.domain.times import DAY
from servicedesk.store import tickets as stored
from servicedesk.store.db import Tx

NOON = 1_790_000_000_000


@pytest.fixture
def ada(tx: Tx) -> User:
    return staff.create(tx, NewPerson(email="ada@example.org", name="Ada", role=Role.ADMIN), at=NOON)


@pytest.fixture
def mia(tx: Tx) -> User:
    new = NewPerson(
        email="mia@example.org", name="Mia", role=Role.AGENT, availability=Availability.AWAY, max_tickets=200
    )
    return staff.create(tx, new, at=NOON)


def waiting(tx: Tx, by: User, *skills: str, priority: Priority = Priority.MEDIUM, at: int = NOON) -> int:
    draft = Draft(title="Printer on fire", required_skills=skills, priority=priority)
    made = tickets.create(tx, draft, by=by, at=at)
    assert made.assigned_to is None
    return made.id


def arrives(tx: Tx, person: User, by: User, at: int = NOON) -> None:
    staff.edit(tx, person.id, Edit(availability=Availability.AVAILABLE), by=by, at=at)


def agent_of(tx: Tx, ticket_id: int) -> int | None:
    return stored.get(tx, ticket_id).assignee_id


def test_a_long_line_that_nobody_can_serve_holds_up_nobody_else(tx: Tx, ada: User, mia: User) -> None:
    for _ in range(600):
        waiting(tx, ada, "sap", priority=Priority.CRITICAL)
    plain = waiting(tx, ada, priority=Priority.LOW)

    arrives(tx, mia, ada)

    assert agent_of(tx, plain) == mia.id
    assert len(stored.kinds_waiting(tx)) == 1


def test_tickets_that_leave_out_everybody_free_are_passed_over(tx: Tx, ada: User, mia: User) -> None:
    barred = [waiting(tx, ada) for _ in range(5)]
    for ticket_id in barred:
        assignment.exclude(tx, ticket_id, [mia.id], by=ada, at=NOON)
    last = waiting(tx, ada)

    arrives(tx, mia, ada)

    assert [agent_of(tx, each) for each in (*barred, last)] == [None] * 5 + [mia.id]


def test_lines_are_served_in_the_order_of_their_first_tickets(tx: Tx, ada: User, mia: User) -> None:
    staff.edit(tx, mia.id, Edit(skills=("vpn",), max_tickets=0), by=ada, at=NOON)
    arrives(tx, mia, ada)
    first = waiting(tx, ada, "vpn")
    second = waiting(tx, ada)
    third = waiting(tx, ada, "vpn", at=NOON + 1)
    urgent = waiting(tx, ada, priority=Priority.HIGH, at=NOON + DAY - 1)
    too_late = waiting(tx, ada, priority=Priority.HIGH, at=NOON + DAY + 2)

    order: list[int] = []
    for places in range(1, 6):
        staff.edit(tx, mia.id, Edit(max_tickets=places), by=ada, at=NOON + 2 * DAY)
        order += [n for n in range(1, 6) if agent_of(tx, n) == mia.id and n not in order]

    assert order == [urgent, first, second, third, too_late]


def test_more_than_one_transaction_gives_out_is_asked_for_again(tx: Tx, ada: User, mia: User) -> None:
    ids = [waiting(tx, ada) for _ in range(assignment.AT_ONCE + 1)]

    arrives(tx, mia, ada)
    left = [each for each in ids if agent_of(tx, each) is None]
    assert (left, stored.any_waiting(tx)) == ([ids[-1]], True)
    assignment.drain(tx, NOON)

    assert (agent_of(tx, ids[-1]), stored.any_waiting(tx)) == (mia.id, False)


def test_looking_for_the_next_in_line_reads_an_index_alone(tx: Tx, ada: User) -> None:
    waiting(tx, ada)
    asked: list[str] = []
    tx._conn.set_trace_callback(asked.append)
    stored.any_waiting(tx)
    (kind,) = stored.kinds_waiting(tx)
    list(stored.waiting(tx, kind))
    tx._conn.set_trace_callback(None)

    plans = [row["detail"] for sql in asked for row in tx.execute(f"EXPLAIN QUERY PLAN {sql}")]

    of_tickets = [plan for plan in plans if "tickets" in plan]
    assert len(of_tickets) >= 4
    assert all(plan.startswith("SEARCH tickets USING") and "tickets_waiting" in plan for plan in of_tickets)
    assert not [plan for plan in plans if "TEMP B-TREE" in plan]


def test_the_desk_asked_again_leaves_a_ticket_with_its_agent_when_all_are_full(
    tx: Tx, ada: User, mia: User
) -> None:
    staff.edit(tx, mia.id, Edit(max_tickets=1), by=ada, at=NOON)
    arrives(tx, mia, ada)
    ticket = tickets.create(tx, Draft(title="Printer on fire"), by=ada, at=NOON)

    after, decision = tickets.assign_auto(tx, ticket.id, by=ada, at=NOON)

    assert after.assignee_id == mia.id
    assert decision.candidates[0].excluded_by == ()
