"""Promises over HTTP: who sets them, what they come to for a ticket, and what follows when they change."""

from pathlib import Path
from typing import Any

import pytest

from servicedesk.desk import clocks
from servicedesk.domain.people import Role
from servicedesk.domain.times import DAY, HOUR, MINUTE, iso
from servicedesk.store.db import Tx
from servicedesk.web import timers
from tests.served import START, Client, Desk
from tests.web.sockets import connect

ROWS = "/api/sla/policies/"
OFFICE = {
    "name": "Office",
    "zone": "Europe/Berlin",
    "week": {day: [["09:00", "12:00"], ["13:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
}
"""The desk of a test opens on a Friday at nine in Berlin."""
TARGETS = {
    "critical": {"first_response_s": 3600, "next_response_s": 1800, "resolution_s": 14_400},
    "medium": {"first_response_s": 7200, "next_response_s": 7200, "resolution_s": 50_400},
}
FAST = {"name": "Fast", "targets": {"medium": {"first_response_s": 600, "resolution_s": 1200}}}


async def a_supervisor(desk: Desk) -> Client:
    return await desk.person(Role.SUPERVISOR)


async def a_policy(by: Client, name: str = "Support", **fields: Any) -> Any:
    answer = await by.post(ROWS, {"name": name, "targets": TARGETS, **fields})
    assert answer.status == 201, answer.body
    return answer.body


async def office(by: Client) -> int:
    answer = await by.post("/api/sla/calendars/", OFFICE)
    assert answer.status == 201, answer.body
    return int(answer.body["id"])


async def sla_of(reader: Client, ticket: Any) -> Any:
    return (await reader.get(f"/api/tickets/{ticket['id']}")).body["sla"]


async def receipt_of(reader: Client, ticket: Any) -> Any:
    answer = await reader.get(f"/api/tickets/{ticket['id']}/sla")
    assert answer.status == 200, answer.body
    return answer.body


def after(milliseconds: int) -> str:
    return iso(START + milliseconds)


# Policies ------------------------------------------------------------------------------------------------------


async def test_a_supervisor_makes_a_policy(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    hours = await office(boss)

    made = await boss.post(
        ROWS,
        {
            "name": " Support ",
            "targets": TARGETS,
            "pauses": {"resolution": ["pending"], "first_response": []},
            "calendar_id": hours,
        },
    )

    assert made.status == 201
    assert made.body == {
        "id": 1,
        "name": "Support",
        "is_default": False,
        "calendar_id": hours,
        "targets": TARGETS,
        "pauses": {
            "first_response": [],
            "next_response": ["pending", "on_hold"],
            "resolution": ["pending"],
        },
        "version": 1,
    }
    assert made.headers["Location"] == f"{ROWS}1"
    assert (await boss.get(f"{ROWS}1")).body == made.body
    assert (await boss.get(ROWS)).body["items"] == [made.body]


async def test_agents_may_read_policies_and_customers_may_not(desk: Desk) -> None:
    await a_policy(await a_supervisor(desk))
    agent, customer = await desk.agent(), await desk.customer()

    assert (await agent.get(ROWS)).status == 200
    assert [(await customer.get(path)).status for path in (ROWS, f"{ROWS}1")] == [403, 404]
    for person in (agent, customer):
        assert (await person.post(ROWS, FAST)).status == 403
    assert (await agent.put(f"{ROWS}1", FAST)).status == 403
    assert (await agent.delete(f"{ROWS}1")).status == 403


async def test_every_bad_field_is_named_at_once(desk: Desk) -> None:
    boss = await a_supervisor(desk)

    answer = await boss.post(
        ROWS,
        {
            "name": " ",
            "targets": {"high": {"first_response_s": 0, "resolution_s": 2**40}, "urgent": {}},
            "pauses": {"resolution": ["closed", "pending", "asleep"]},
            "calendar_id": 0,
            "is_default": "yes",
        },
    )
    resolved = await boss.post(ROWS, FAST | {"pauses": {"resolution": ["pending", "resolved"]}})
    unknown = await boss.post(ROWS, FAST | {"calendar_id": 77})

    assert (answer.status, resolved.status, unknown.status) == (422, 422, 422)
    assert answer.pointers == [
        "/calendar_id",
        "/is_default",
        "/name",
        "/pauses/resolution/2",
        "/targets/high/first_response_s",
        "/targets/high/resolution_s",
        "/targets/urgent",
    ]
    assert resolved.pointers == ["/pauses/resolution/1"]
    assert unknown.pointers == ["/calendar_id"]


async def test_a_name_is_taken_whatever_its_case(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_policy(boss, "Support")
    await a_policy(boss, "Sales")

    again = await boss.post(ROWS, FAST | {"name": "SUPPORT"})
    renamed = await boss.put(f"{ROWS}2", FAST | {"name": "support"})

    assert (again.status, again.pointers) == (422, ["/name"])
    assert (renamed.status, renamed.pointers) == (422, ["/name"])


async def test_a_change_must_know_the_version_if_it_names_one(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_policy(boss)
    tag = (await boss.get(f"{ROWS}1")).headers["ETag"]

    first = await boss.put(f"{ROWS}1", FAST, headers={"If-Match": tag})
    again = await boss.put(f"{ROWS}1", FAST)
    late = await boss.put(f"{ROWS}1", FAST | {"name": "Late"}, headers={"If-Match": tag})
    gone = await boss.delete(f"{ROWS}1", headers={"If-Match": tag})

    assert (first.body["version"], again.body["version"]) == (2, 2)
    assert (late.status, late.code, late.body["current"]["name"]) == (412, "stale", "Fast")
    assert gone.status == 412


async def test_one_policy_is_the_default_and_none_that_is_followed_can_go(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_policy(boss, "One", is_default=True)
    await a_policy(boss, "Two", is_default=True)
    await a_policy(boss, "Three")
    team = await boss.post("/api/teams/", {"name": "Network", "sla_policy_id": 3})

    defaults = [policy["is_default"] for policy in (await boss.get(ROWS)).body["items"]]
    refused = [(await boss.delete(f"{ROWS}{n}")).status for n in (1, 2, 3)]
    let_go = await boss.patch(f"/api/teams/{team.body['id']}", {"sla_policy_id": None})
    gone = await boss.delete(f"{ROWS}3")

    assert defaults == [False, True, False]
    assert refused == [204, 409, 409]
    assert (let_go.body["sla_policy_id"], gone.status) == (None, 204)


async def test_a_calendar_that_a_policy_counts_in_stays(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    hours = await office(boss)
    await a_policy(boss, calendar_id=hours)

    assert (await boss.delete(f"/api/sla/calendars/{hours}")).code == "in_use"


async def test_a_team_cannot_follow_a_policy_that_is_not_there(desk: Desk) -> None:
    boss = await a_supervisor(desk)

    made = await boss.post("/api/teams/", {"name": "Network", "sla_policy_id": 77})
    team = await desk.team("Support")
    changed = await boss.patch(f"/api/teams/{team}", {"sla_policy_id": 77})

    assert [(a.status, a.pointers) for a in (made, changed)] == [(422, ["/sla_policy_id"])] * 2


# What they come to ----------------------------------------------------------------------------------------------


async def test_a_ticket_follows_its_team_else_the_default_else_the_standard(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    before = await boss.ticket()
    await a_policy(boss, "Default", is_default=True)
    fast = await boss.post(ROWS, FAST)
    team = await boss.post("/api/teams/", {"name": "Network", "sla_policy_id": fast.body["id"]})

    plain = await boss.ticket()
    theirs = await boss.ticket(team_id=team.body["id"])

    assert [t["sla"]["policy"] for t in (before, plain, theirs)] == ["Standard", "Default", "Fast"]
    due = [t["sla"]["first_response_due_at"] for t in (before, plain, theirs)]
    assert due == [after(8 * HOUR), after(2 * HOUR), after(10 * MINUTE)]


async def test_another_team_is_another_promise_from_the_same_start(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    fast = await boss.post(ROWS, FAST)
    team = await boss.post("/api/teams/", {"name": "Network", "sla_policy_id": fast.body["id"]})
    ticket = await boss.ticket()
    desk.clock.advance(5 * MINUTE)

    moved = await boss.patch(f"/api/tickets/{ticket['id']}", {"team_id": team.body["id"]})

    assert moved.body["sla"]["policy"] == "Fast"
    assert moved.body["sla"]["resolution_due_at"] == after(20 * MINUTE)


async def test_business_hours_count_through_the_weekend(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_policy(boss, is_default=True, calendar_id=await office(boss))

    ticket = await boss.ticket()

    # Seven hours on Friday, seven on Monday.
    assert ticket["sla"]["resolution_due_at"] == after(3 * DAY + 8 * HOUR)


async def test_a_priority_without_a_promise_has_no_clocks(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_policy(boss, is_default=True)

    ticket = await boss.ticket(priority="low")
    receipt = await receipt_of(boss, ticket)
    raised = await boss.put(f"/api/tickets/{ticket['id']}/priority", {"priority": "critical"})

    assert ticket["sla"] == {
        "state": "none",
        "policy": None,
        "first_response_due_at": None,
        "next_response_due_at": None,
        "resolution_due_at": None,
        "due_at": None,
    }
    assert (receipt["clocks"], receipt["state"]) == ([], "none")
    assert raised.body["sla"]["first_response_due_at"] == after(HOUR)
    assert [t["id"] for t in await boss.all("/api/tickets/?sla=ok")] == [ticket["id"]]


async def test_a_question_waits_for_the_next_answer(desk: Desk) -> None:
    boss, agent, customer = await a_supervisor(desk), await desk.agent(), await desk.customer()
    await a_policy(boss, is_default=True)
    ticket = await customer.ticket()
    messages = f"/api/tickets/{ticket['id']}/messages"
    await agent.post(messages, {"body": "Is it plugged in?"})
    desk.clock.advance(HOUR)

    await customer.post(messages, {"body": "Yes."})
    desk.clock.advance(MINUTE)
    await customer.post(messages, {"body": "Still there?"})
    asked = await sla_of(agent, ticket)
    await agent.post(messages, {"body": "A note", "is_internal": True})
    noted = await sla_of(agent, ticket)
    await agent.post(messages, {"body": "Then press the button."})
    answered = await sla_of(agent, ticket)

    assert asked["next_response_due_at"] == asked["due_at"] == after(3 * HOUR)
    assert noted == asked
    assert (answered["next_response_due_at"], answered["due_at"]) == (None, answered["resolution_due_at"])
    assert (await sla_of(customer, ticket)).keys() == {"state", "resolution_due_at"}


async def test_without_such_a_promise_questions_change_nothing(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    messages = f"/api/tickets/{ticket['id']}/messages"
    await agent.post(messages, {"body": "Is it plugged in?"})
    before = await sla_of(agent, ticket)
    desk.clock.advance(HOUR)

    await customer.post(messages, {"body": "Yes."})

    assert await sla_of(agent, ticket) == before
    assert before["next_response_due_at"] is None


# The receipt ------------------------------------------------------------------------------------------------------


async def test_a_receipt_says_where_the_time_went(desk: Desk) -> None:
    boss, agent = await a_supervisor(desk), await desk.agent()
    await a_policy(boss, is_default=True, calendar_id=await office(boss))
    ticket = await agent.ticket(auto_assign=False)
    path = f"/api/tickets/{ticket['id']}"
    desk.clock.advance(2 * HOUR)
    await agent.put(f"{path}/status", {"status": "pending"})
    desk.clock.advance(4 * HOUR)
    await agent.put(f"{path}/status", {"status": "open"})
    desk.clock.advance(18 * HOUR)

    receipt = await receipt_of(agent, ticket)

    assert {name: receipt[name] for name in ("ticket_id", "policy", "calendar", "time_zone", "state")} == {
        "ticket_id": ticket["id"],
        "policy": "Support",
        "calendar": "Office",
        "time_zone": "Europe/Berlin",
        "state": "breached",
    }
    first, resolution = receipt["clocks"]
    assert first == {
        "name": "first_response",
        "cycle": 1,
        "state": "breached",
        "target_s": 7200.0,
        "started_at": after(0),
        "due_at": after(6 * HOUR),
        "met_at": None,
        "breached_at": after(6 * HOUR),
        "counted_s": 4 * 3600.0,
        "closed_s": 16 * 3600.0,
        "paused_s": 4 * 3600.0,
        "intervals": [
            {"start": after(0), "end": after(2 * HOUR), "kind": "counted", "seconds": 7200.0},
            {"start": after(2 * HOUR), "end": after(6 * HOUR), "kind": "paused", "seconds": 14400.0},
            {"start": after(6 * HOUR), "end": after(8 * HOUR), "kind": "counted", "seconds": 7200.0},
            {"start": after(8 * HOUR), "end": after(24 * HOUR), "kind": "closed", "seconds": 57600.0},
        ],
    }
    assert (resolution["name"], resolution["state"], resolution["breached_at"]) == ("resolution", "ok", None)
    assert resolution["due_at"] == (await sla_of(agent, ticket))["resolution_due_at"]


async def test_a_receipt_is_for_staff(desk: Desk) -> None:
    customer, other = await desk.customer(), await desk.customer()
    ticket = await customer.ticket()
    path = f"/api/tickets/{ticket['id']}/sla"

    assert [(await person.get(path)).status for person in (customer, other)] == [403, 404]
    assert (await (await desk.agent()).get("/api/tickets/77/sla")).status == 404


# When a promise changes -------------------------------------------------------------------------------------------


async def test_a_changed_policy_is_right_for_old_tickets_too(desk: Desk) -> None:
    boss, agent = await a_supervisor(desk), await desk.agent()
    policy = await a_policy(boss, is_default=True)
    path = f"{ROWS}{policy['id']}"
    open_one, done = await agent.ticket(), await agent.ticket()
    desk.clock.advance(HOUR)
    await agent.put(f"/api/tickets/{done['id']}/status", {"status": "resolved"})
    assert (await sla_of(agent, done))["state"] == "met"

    await boss.put(path, FAST | {"is_default": True})
    await timers.fire(desk.app)

    late = await sla_of(agent, open_one)
    assert (late["policy"], late["state"], late["resolution_due_at"]) == (
        "Fast",
        "breached",
        after(20 * MINUTE),
    )
    assert (await sla_of(agent, done))["state"] == "breached"
    assert [t["id"] for t in await agent.all("/api/tickets/?sla=met")] == []


@pytest.mark.parametrize("what", ["calendar", "default", "team"])
async def test_whatever_changes_the_promise_winds_the_clocks(desk: Desk, what: str) -> None:
    boss = await a_supervisor(desk)
    hours = await office(boss)
    await a_policy(boss, "Support", is_default=True, calendar_id=hours)
    fast = await boss.post(ROWS, FAST)
    team = await desk.team("Network")
    ticket = await boss.ticket(team_id=team)
    assert ticket["sla"]["first_response_due_at"] == after(2 * HOUR)

    match what:
        case "calendar":
            week = {"week": {"fri": [["11:00", "12:00"]], "mon": [["09:00", "10:00"]]}}
            await boss.put(f"/api/sla/calendars/{hours}", OFFICE | week)
        case "default":
            await boss.put(f"{ROWS}{fast.body['id']}", FAST | {"is_default": True})
        case "team":
            await boss.patch(f"/api/teams/{team}", {"sla_policy_id": fast.body["id"]})
    await timers.fire(desk.app)

    due = (await sla_of(boss, ticket))["first_response_due_at"]
    assert due == (after(3 * DAY + HOUR) if what == "calendar" else after(10 * MINUTE))


async def test_tickets_of_other_teams_are_left_alone(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    policy = await boss.post(ROWS, FAST)
    await boss.post("/api/teams/", {"name": "Network", "sla_policy_id": policy.body["id"]})
    ticket = await boss.ticket()

    await boss.put(f"{ROWS}{policy.body['id']}", FAST | {"name": "Faster"})
    await timers.fire(desk.app)

    assert await sla_of(boss, ticket) == ticket["sla"]


async def test_staff_hear_of_what_another_promise_changes(desk: Desk) -> None:
    boss, agent = await a_supervisor(desk), await desk.agent()
    policy = await a_policy(boss, is_default=True)
    ticket = await agent.ticket()
    desk.clock.advance(HOUR)
    socket = await connect(agent)
    await socket.do("join_ticket", ticket_id=ticket["id"])

    await boss.put(f"{ROWS}{policy['id']}", FAST | {"is_default": True})
    await timers.fire(desk.app)

    frame = await socket.event("ticket_updated", action="sla")
    heard = frame["data"]
    assert heard["changes"]["sla"] == {"from": "ok", "to": "breached"}
    assert heard["ticket"]["sla"] == await sla_of(agent, ticket)


async def test_the_unresolved_come_first_and_what_was_begun_is_ended_after_a_stop(tmp_path: Path) -> None:
    async with Desk(tmp_path / "data") as desk:
        tickets = await half_rewound(desk)

    async with Desk(tmp_path / "data") as desk:
        await timers.fire(desk.app)
        agent = await desk.agent(email="new@desk.example")
        assert [(await sla_of(agent, t))["policy"] for t in tickets] == ["Other"] * 6


async def half_rewound(desk: Desk) -> list[Any]:
    """Return three open and three resolved tickets, the open ones wound by the policy's new name."""
    boss, agent = await a_supervisor(desk), await desk.agent(max_tickets=100)
    await a_policy(boss, is_default=True)
    tickets = [await agent.ticket(assigned_to=agent.id) for _ in range(6)]
    for ticket in tickets[3:]:
        await agent.put(f"/api/tickets/{ticket['id']}/status", {"status": "resolved"})

    def replaced(tx: Tx) -> list[int]:
        """Do a part of the work in the very transaction, as if the desk had been stopped after it."""
        tx.execute("UPDATE sla_policies SET name = 'Other', name_key = 'other'")
        clocks.rewind_teams(tx, [0])
        done = [clocks.rewind(tx, START, 2), clocks.rewind(tx, START, 2)]
        tx.notices.clear()
        return done

    assert await desk.db.write(replaced) == [2, 1]
    assert [(await sla_of(agent, t))["policy"] for t in tickets] == ["Other"] * 3 + ["Support"] * 3
    return tickets


async def test_two_changes_at_once_are_one_walk(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    one, two = await boss.post(ROWS, FAST), await boss.post(ROWS, FAST | {"name": "Second"})
    teams = [
        (await boss.post("/api/teams/", {"name": f"Team {n}", "sla_policy_id": each.body["id"]})).body["id"]
        for n, each in enumerate((one, two))
    ]
    tickets = [await boss.ticket(team_id=teams[n % 2]) for n in range(10)]

    def work(tx: Tx) -> list[int]:
        clocks.rewind_teams(tx, teams[:1])
        done = [clocks.rewind(tx, START, 2)]
        clocks.rewind_teams(tx, teams[1:])
        while (number := clocks.rewind(tx, START, 2)) or tx.execute("SELECT 1 FROM sla_rewinds").fetchone():
            done.append(number)
        return done

    done = await desk.db.write(work)

    assert sum(done) == len(tickets)
