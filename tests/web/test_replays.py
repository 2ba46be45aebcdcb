"""What would have been under another promise: asked over HTTP, worked out elsewhere, written nowhere."""

from typing import Any

import pytest

from servicedesk.domain.people import Role
from servicedesk.domain.tickets import FromTo, Priority, Status
from servicedesk.domain.times import DAY, HOUR, MINUTE
from servicedesk.store import history, tickets
from servicedesk.store.db import Tx
from servicedesk.web import replays
from servicedesk.web.replays import REPLAYS
from tests.served import START, Client, Desk
from tests.stalls import watched_loop
from tests.web.test_sla import FAST, OFFICE, a_policy, a_supervisor, office
from tests.web.wire import everything

SIMULATE = "/api/sla/simulate"
PERIOD = {"from": "2027-01-15", "to": "2027-01-15"}


async def some_lives(desk: Desk) -> Client:
    """Open a ticket, answer one in an hour, resolve one in two; return a supervisor."""
    boss, agent, customer = await a_supervisor(desk), await desk.agent(), await desk.customer()
    fresh, answered, done = [await customer.ticket(priority=p) for p in ("medium", "medium", "high")]
    for ticket in (fresh, answered, done):
        await agent.put(f"/api/tickets/{ticket['id']}/assign", {"assigned_to": agent.id})
    desk.clock.advance(HOUR)
    await agent.post(f"/api/tickets/{answered['id']}/messages", {"body": "Hello"})
    desk.clock.advance(HOUR)
    await agent.put(f"/api/tickets/{done['id']}/status", {"status": "resolved"})
    return boss


async def test_the_verdicts_before_and_after_are_told(desk: Desk) -> None:
    boss = await some_lives(desk)

    policy = {
        "name": "Strict",
        "targets": {
            "medium": {"first_response_s": 3600, "resolution_s": 36_000},
            "high": {"first_response_s": 7199, "resolution_s": 7200},
        },
    }
    answer = await boss.post(SIMULATE, {**PERIOD, "policy": policy})

    assert answer.status == 200, answer.body
    assert answer.body == {
        "tickets": 3,
        "before": {
            "met": 1,
            "breached": 0,
            "open": 2,
            "by_clock": {
                "first_response": {"met": 2, "breached": 0, "open": 1},
                "next_response": {"met": 0, "breached": 0, "open": 0},
                "resolution": {"met": 1, "breached": 0, "open": 2},
            },
            "by_priority": {
                "critical": {"met": 0, "breached": 0, "open": 0},
                "high": {"met": 1, "breached": 0, "open": 0},
                "medium": {"met": 0, "breached": 0, "open": 2},
                "low": {"met": 0, "breached": 0, "open": 0},
            },
        },
        "after": {
            "met": 0,
            "breached": 2,
            "open": 1,
            "by_clock": {
                "first_response": {"met": 1, "breached": 2, "open": 0},
                "next_response": {"met": 0, "breached": 0, "open": 0},
                "resolution": {"met": 1, "breached": 0, "open": 2},
            },
            "by_priority": {
                "critical": {"met": 0, "breached": 0, "open": 0},
                "high": {"met": 0, "breached": 1, "open": 0},
                "medium": {"met": 0, "breached": 1, "open": 1},
                "low": {"met": 0, "breached": 0, "open": 0},
            },
        },
        "changed_count": 2,
        "changed": [
            {"ticket_id": 1, "before": "open", "after": "breached"},
            {"ticket_id": 3, "before": "met", "after": "breached"},
        ],
    }


async def test_what_is_simulated_is_what_happens_once_it_is_decided(desk: Desk) -> None:
    boss = await some_lives(desk)
    hours = await office(boss)
    policy = {
        "name": "Ours",
        "targets": FAST["targets"] | {"high": {"resolution_s": 7200}},
        "calendar_id": hours,
    }

    guessed = (await boss.post(SIMULATE, {**PERIOD, "policy": policy})).body
    made = await boss.post("/api/sla/policies/", policy | {"is_default": True})
    by_id = (await boss.post(SIMULATE, {**PERIOD, "policy_id": made.body["id"]})).body

    assert by_id["before"] == by_id["after"] == guessed["after"]
    assert by_id["changed"] == []


async def test_another_calendar_leaves_each_ticket_its_policy(desk: Desk) -> None:
    boss = await some_lives(desk)
    closed = OFFICE | {"week": {"mon": [["09:00", "17:00"]]}}
    await a_policy(boss, is_default=True)
    await a_policy(boss, "Second")
    desk.clock.advance(2 * DAY)

    answer = (await boss.post(SIMULATE, {**PERIOD, "calendar": closed})).body
    named = (await boss.post(SIMULATE, {**PERIOD, "calendar_id": await office(boss)})).body

    # Only Mondays count: what is still open has used no time at all. High priority is promised nothing.
    assert (answer["before"]["breached"], answer["after"]["breached"], answer["after"]["open"]) == (2, 0, 2)
    assert named["before"]["breached"] == 2


async def test_questions_count_where_they_are_promised_an_answer(desk: Desk) -> None:
    boss, agent, customer = await a_supervisor(desk), await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    messages = f"/api/tickets/{ticket['id']}/messages"
    await agent.post(messages, {"body": "Hello?"})
    await customer.post(messages, {"body": "Hello!"})
    desk.clock.advance(HOUR)
    policy = {"name": "Talk", "targets": {"medium": {"next_response_s": 1800}}}

    answer = (await boss.post(SIMULATE, {**PERIOD, "policy": policy})).body

    assert answer["after"]["by_clock"]["next_response"] == {"met": 0, "breached": 1, "open": 0}


async def test_a_question_that_makes_no_sense_is_refused_with_every_reason(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    never = OFFICE | {"week": {}}
    asked: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["/policy"]),
        ({"policy": FAST, "policy_id": 1}, ["/policy_id"]),
        ({"policy_id": 77}, ["/policy_id"]),
        ({"calendar_id": 77}, ["/calendar_id"]),
        ({"policy": FAST | {"calendar_id": 77}}, ["/policy/calendar_id"]),
        ({"policy": FAST | {"name": "", "is_default": 1}}, ["/policy/is_default", "/policy/name"]),
        ({"calendar": never}, ["/calendar/week"]),
        ({"policy": FAST, "from": "2027-02-30"}, ["/from"]),
        ({"policy": FAST, "from": "2027-01-02", "to": "2027-01-01"}, ["/from"]),
        ({"policy": FAST, "until": "2027-01-01"}, ["/until"]),
    ]  # fmt: skip

    for body, pointers in asked:
        answer = await boss.post(SIMULATE, body)
        assert (answer.status, answer.pointers) == (422, pointers), body


async def test_simulating_is_for_supervisors_and_writes_nothing(desk: Desk) -> None:
    boss = await some_lives(desk)
    agent = await desk.agent()
    before = everything(desk)

    assert (await agent.post(SIMULATE, {"policy": FAST})).status == 403
    assert (await (await desk.customer()).post(SIMULATE, {"policy": FAST})).status == 403
    customers = 1
    assert (await boss.post(SIMULATE, {"policy": FAST})).status == 200

    after = everything(desk)
    assert after["users"] == before["users"] + customers
    assert {k: v for k, v in after.items() if k not in ("users", "sessions", "sqlite_sequence")} == {
        k: v for k, v in before.items() if k not in ("users", "sessions", "sqlite_sequence")
    }


async def test_nobody_waits_while_ten_thousand_tickets_are_worked_out_again(desk: Desk) -> None:
    boss = await desk.person(Role.SUPERVISOR)
    await desk.db.write(ten_thousand, boss.id)
    policy = {"name": "Office", "targets": FAST["targets"] | {"high": {"resolution_s": 7200}}}
    body = {"from": "2026-12-01", "to": "2027-01-15", "policy": policy, "calendar": OFFICE}
    await boss.post(SIMULATE, PERIOD | {"policy": FAST})

    async with watched_loop() as longest_stall:
        answer = await boss.post(SIMULATE, body)
        staffed = await boss.post(STAFF, {"from": "2026-12-01", "to": "2027-01-15"})

    assert staffed.body["tickets"] == 10_000
    assert (answer.body["tickets"], len(answer.body["changed"])) == (10_000, 100)
    assert longest_stall() < 0.05


def ten_thousand(tx: Tx, requester_id: int) -> None:
    """Write tickets of the last six weeks, each with the usual changes."""
    moves = (Status.OPEN, Status.PENDING, Status.OPEN, Status.RESOLVED)
    for number in range(10_000):
        at = START - number * 6 * MINUTE - HOUR
        columns = {
            "title": f"Ticket {number}",
            "requester_id": requester_id,
            "created_at": at,
            "updated_at": at,
            "first_response_at": at + 20 * MINUTE,
            "status": Status.NEW,
            "priority": list(Priority)[number % 4],
        }
        ticket_id = tickets.insert(tx, columns, [])
        was: Status | None = None
        for step, status in enumerate((Status.NEW, *moves[: number % 5])):
            made: dict[str, FromTo] = {"status": FromTo(was, status)}
            if was is None:
                made["priority"] = FromTo(None, list(Priority)[number % 4])
            history.append(
                tx,
                ticket_id,
                "status",
                made,
                actor_id=None,
                reason=None,
                is_internal=False,
                at=at + step * HOUR,
            )
            was = status


async def test_a_worker_that_is_gone_is_replaced(desk: Desk) -> None:
    boss = await some_lives(desk)
    await boss.post(SIMULATE, {"policy": FAST})
    (worker,) = desk.app[REPLAYS]._all
    worker._process.kill()
    await worker._process.wait()

    assert (await boss.post(SIMULATE, {"policy": FAST})).status == 200


async def test_what_takes_too_long_is_given_up_and_said_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss = await some_lives(desk)
    await boss.post(SIMULATE, {"policy": FAST})
    monkeypatch.setattr(replays, "PATIENCE", 0.0)

    answer = await boss.post(SIMULATE, {"policy": FAST})

    assert (answer.status, answer.code) == (503, "unavailable")
    monkeypatch.undo()
    assert (await boss.post(SIMULATE, {"policy": FAST})).status == 200


# Other people --------------------------------------------------------------------------------------------------

STAFF = "/api/assignment/simulate"


async def test_with_more_hands_nobody_would_have_waited(desk: Desk) -> None:
    admin, mia = await desk.admin(), await desk.agent(name="Mia", max_tickets=1)
    leo = await desk.agent(name="Leo", availability="away", skills=["vpn"])
    for number in range(3):
        await admin.ticket(f"Number {number}")
        desk.clock.advance(HOUR)
    await admin.ticket(required_skills=["sap"])
    written = desk.db.peek(
        lambda conn: conn.execute("SELECT total_changes(), max(id) FROM events").fetchone()[1]
    )

    answer = await admin.post(
        STAFF, {"agents": {str(leo.id): {"availability": "available", "skills": ["SAP"], "max_tickets": 9}}}
    )

    assert answer.status == 200, answer.body
    before, after = answer.body["before"], answer.body["after"]
    assert (answer.body["tickets"], before["assigned"], after["assigned"]) == (4, 1, 4)
    assert (before["waiting"]["never"], after["waiting"]["tickets"]) == (3, 0)
    shares = {
        each["agent"]["name"]: (each["before"]["assigned"], each["after"]["assigned"])
        for each in answer.body["agents"]
    }
    assert shares["Mia"] == (1, 1)
    assert shares["Leo"] == (0, 3)
    assert desk.db.peek(lambda conn: conn.execute("SELECT max(id) FROM events").fetchone()[0]) == written
    assert mia.id


async def test_what_cannot_be_asked_about_people_is_named(desk: Desk) -> None:
    admin, agent, rio = await desk.admin(), await desk.agent(), await desk.customer()
    none = {"spare_capacity": 0, "idle_time": 0, "skills": 0, "continuity": 0}

    for body, pointers in (
        ({"agents": {str(rio.id): {}, "x": {}}}, [f"/agents/{rio.id}", "/agents/x"]),
        ({"agents": {str(agent.id): {"max_tickets": -1}}}, [f"/agents/{agent.id}/max_tickets"]),
        ({"weights": none}, ["/weights"]),
        ({"from": "yesterday"}, ["/from"]),
        ({"from": "2027-01-02", "to": "2027-01-01"}, ["/from"]),
        ({"people": {}}, ["/people"]),
    ):
        answer = await admin.post(STAFF, body)
        assert (answer.status, answer.pointers) == (422, pointers), answer.body
    assert (await agent.post(STAFF, {})).status == 403
    assert (await rio.post(STAFF, {})).status == 403
