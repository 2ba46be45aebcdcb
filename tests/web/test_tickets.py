"""Tickets over HTTP: section 4 of the contract, each call with its ordinary case and its refusals."""

import asyncio
import io
from typing import Any

import pytest

from servicedesk.domain.times import DAY, HOUR, MINUTE
from servicedesk.web import timers
from tests.served import Client, Desk


async def test_a_ticket_is_created_with_an_agent_and_the_reason_why(desk: Desk) -> None:
    agent = await desk.agent(name="Ada")
    busy = await desk.agent(name="Bob", max_tickets=0)

    answer = await agent.post("/api/tickets/", {"title": "  The printer is on fire  "})

    assert answer.status == 201
    ticket = answer.body
    assert answer.headers["Location"] == f"/api/tickets/{ticket['id']}"
    assert ticket["title"] == "The printer is on fire"
    assert ticket["reference"] == f"TKT-{ticket['id']:06d}"
    assert (ticket["status"], ticket["priority"], ticket["version"]) == ("new", "medium", 1)
    assert ticket["assigned_to"] == {"id": agent.id, "name": "Ada"}
    assert ticket["sla"]["state"] == "ok"
    judged = {c["agent"]["id"]: c for c in ticket["assignment"]["candidates"]}
    assert ticket["assignment"]["winner"] == {"id": agent.id, "name": "Ada"}
    assert judged[busy.id]["excluded_by"] == ["at_capacity"]
    assert judged[agent.id]["score"] == round(sum(f["points"] for f in judged[agent.id]["factors"]), 2)


async def test_every_bad_field_is_named_at_once(desk: Desk) -> None:
    agent = await desk.agent()

    answer = await agent.post(
        "/api/tickets/",
        {
            "title": "two\nlines",
            "description": 5,
            "priority": "urgent",
            "tags": ["ok", ""],
            "requester": {"email": "nowhere"},
            "colour": "red",
            "team_id": 0,
        },
    )

    assert (answer.status, answer.code) == (422, "invalid")
    assert answer.pointers == [
        "/colour",
        "/description",
        "/priority",
        "/requester/email",
        "/requester/name",
        "/tags/1",
        "/team_id",
        "/title",
    ]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_json"),
        (b"{", 400, "bad_json"),
        (b'{"title": NaN}', 400, "bad_json"),
        (b'{"title": "\xff"}', 400, "bad_json"),
        (b'{"title": "\\ud800"}', 400, "bad_json"),
        (b'{"tags": ' + b"[" * 70 + b"]" * 70 + b"}", 400, "bad_json"),
        (b"[" * 100_000, 400, "bad_json"),
        (b"[]", 422, "invalid"),
        (b"null", 422, "invalid"),
        (b'{"title": "a\\u0000b"}', 422, "invalid"),
        (b'{"title": "' + b"a" * 201 + b'"}', 422, "invalid"),
        (b'{"title": "a", "description": "' + b"a" * 65_537 + b'"}', 422, "invalid"),
        (b'{"title": "a", "team_id": 99999999999999999999999}', 422, "invalid"),
        (b'{"title": "a", "team_id": 1e400}', 400, "bad_json"),
        (b'{"title": "a", "team_id": 1.5}', 422, "invalid"),
        (b'{"title": "a", "team_id": 77}', 422, "invalid"),
        (b'{"title": "a", "assigned_to": 77}', 422, "invalid"),
        (b'{"title": "' + b"a" * (1 << 20) + b'"}', 413, "too_large"),
    ],
)
async def test_a_body_that_cannot_be_is_refused_precisely(
    desk: Desk, body: bytes, status: int, code: str
) -> None:
    agent = await desk.agent()

    sent = io.BytesIO(body)
    answer = await agent.post("/api/tickets/", data=sent, headers={"Content-Type": "application/json"})

    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert (await agent.get("/api/tickets/?count=true")).body["total"] == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_only_plain_json_in_utf8_is_read(desk: Desk, headers: dict[str, str]) -> None:
    agent = await desk.agent()

    answer = await agent.post("/api/tickets/", data=b'{"title": "a"}', headers=headers)

    assert answer.status == 415


async def test_a_requester_who_is_not_known_becomes_a_customer(desk: Desk) -> None:
    agent = await desk.agent()

    first = await agent.ticket(requester={"email": "bob@shop.example", "name": "Bob"})
    again = await agent.ticket(requester={"email": "BOB@shop.example", "name": "Robert"})

    assert first["requester"] == again["requester"]
    assert first["requester"]["name"] == "Bob"


async def test_a_customer_asks_for_themself_and_sets_no_staff_fields(desk: Desk) -> None:
    customer = await desk.customer()
    await desk.agent()

    ticket = await customer.ticket(priority="high", tags=["a"], category="Hardware")
    refused = await customer.post("/api/tickets/", {"title": "x", "team_id": 1, "required_skills": ["php"]})

    assert ticket["requester"]["id"] == customer.id
    assert set(ticket["sla"]) == {"state", "resolution_due_at"}
    assert "assignment" not in ticket
    assert (refused.status, refused.code) == (403, "forbidden_field")


async def test_a_ticket_that_may_not_be_seen_does_not_exist(desk: Desk) -> None:
    owner, other = await desk.customer(), await desk.customer()
    ticket = await owner.ticket()

    for path in ("", "/messages", "/history"):
        hidden = await other.get(f"/api/tickets/{ticket['id']}{path}")
        unknown = await other.get(f"/api/tickets/999{path}")
        assert (hidden.status, unknown.status) == (404, 404)
        hidden.body.pop("request_id"), unknown.body.pop("request_id")
        assert hidden.body == unknown.body | {"detail": hidden.body["detail"]}


async def test_refusals_come_in_the_promised_order(desk: Desk) -> None:
    owner, other = await desk.customer(), await desk.customer()
    ticket = await owner.ticket()
    path = f"/api/tickets/{ticket['id']}/priority"
    nobody = desk.session()

    async with nobody.put(desk.url + path, json={"bad": 1}) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await other.put(path, {"bad": 1})).status == 404
    assert (await owner.put(path, {"bad": 1})).status == 403
    agent = await desk.agent()
    assert (await agent.put(path, {"bad": 1}, headers={"If-Match": '"v9"'})).status == 422
    assert (await agent.put(path, {"priority": "high"}, headers={"If-Match": '"v9"'})).status == 412


@pytest.mark.parametrize("text", ["0", "-1", "01", "1.0", "abc", "9007199254740992", "%00", "1e3", "٣"])
async def test_an_id_that_is_no_plain_number_is_unknown(desk: Desk, text: str) -> None:
    agent = await desk.agent()

    answer = await agent.get(f"/api/tickets/{text}")

    assert (answer.status, answer.code) == (404, "not_found")


async def test_a_closing_slash_makes_no_difference(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()

    for path in (
        f"/api/tickets/{ticket['id']}/",
        f"/api/tickets/{ticket['id']}",
        "/api/tickets",
        "/api/tickets/",
    ):
        assert (await agent.get(path)).status == 200


async def test_head_options_and_unknown_methods_are_answered(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    path = f"/api/tickets/{ticket['id']}"

    assert (await agent.call("HEAD", path)).status == 200
    options = await agent.call("OPTIONS", path)
    assert options.status == 204
    assert options.headers["Allow"] == "GET, HEAD, OPTIONS, PATCH"
    refused = await agent.call("DELETE", path)
    assert (refused.status, refused.code) == (405, "method_not_allowed")
    assert refused.headers["Allow"] == "GET, HEAD, OPTIONS, PATCH"


async def test_a_ticket_has_a_tag_and_an_unchanged_one_is_not_sent_again(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    path = f"/api/tickets/{ticket['id']}"

    tag = (await agent.get(path)).headers["ETag"]
    assert tag.startswith('"v1')
    assert (await agent.get(path, headers={"If-None-Match": tag})).status == 304
    await agent.post(f"{path}/messages", {"body": "Hello", "is_internal": True})
    assert (await agent.get(path, headers={"If-None-Match": tag})).status == 200


async def test_if_match_compares_the_version_alone(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    path = f"/api/tickets/{ticket['id']}"

    assert (await agent.patch(path, {"title": "One"}, headers={"If-Match": '"v1.whatever"'})).status == 200
    stale = await agent.patch(path, {"title": "Two"}, headers={"If-Match": '"v1"'})
    assert (stale.status, stale.code) == (412, "stale")
    assert (stale.body["current"]["title"], stale.body["current"]["version"]) == ("One", 2)
    assert (await agent.patch(path, {"title": "Two"}, headers={"If-Match": "*"})).status == 200


async def test_setting_a_field_to_what_it_is_changes_nothing(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket(tags=["a"], category="Hardware")
    path = f"/api/tickets/{ticket['id']}"
    desk.clock.advance(HOUR)

    await agent.patch(path, {"title": ticket["title"], "tags": ["a"], "category": "Hardware"})
    await agent.put(f"{path}/priority", {"priority": "medium"})
    await agent.put(f"{path}/status", {"status": "new"})
    await agent.put(f"{path}/assign", {"assigned_to": agent.id})

    after = (await agent.get(path)).body
    assert (after["version"], after["updated_at"]) == (1, ticket["updated_at"])
    assert len(await agent.all(f"{path}/history")) == 1


async def test_plain_fields_can_be_changed_and_the_history_tells(desk: Desk) -> None:
    agent = await desk.agent()
    team = await desk.team("Network", agent)
    ticket = await agent.ticket()
    path = f"/api/tickets/{ticket['id']}"
    changed = {
        "title": "Toner",
        "description": "Empty",
        "category": "Hardware",
        "tags": ["a", "A", " b "],
        "required_skills": ["ink"],
        "team_id": team,
    }

    after = (await agent.patch(path, changed)).body
    row = (await agent.all(f"{path}/history"))[-1]

    assert (after["title"], after["tags"], after["team"]["id"]) == ("Toner", ["a", "b"], team)
    assert row["type"] == "updated"
    assert row["actor"] == {"id": agent.id, "name": agent.user.name}
    assert row["changes"]["title"] == {"from": "The printer is on fire", "to": "Toner"}
    assert row["changes"]["team_id"] == {"from": None, "to": team}
    assert (await agent.patch(path, {"team_id": 99})).pointers == ["/team_id"]
    assert (await agent.patch(path, {"status": "open"})).pointers == ["/status"]


# The workflow -----------------------------------------------------------------------------------------------


async def test_a_ticket_moves_through_its_life(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    path = f"/api/tickets/{ticket['id']}"

    for status in ("open", "in_progress", "pending", "resolved", "closed"):
        desk.clock.advance(MINUTE)
        answer = await agent.put(f"{path}/status", {"status": status})
        assert (answer.status, answer.body["status"]) == (200, status)

    ended = (await agent.get(path)).body
    assert ended["resolved_at"] < ended["closed_at"]
    assert ended["sla"]["state"] == "met"
    moves = [row["changes"]["status"]["to"] for row in await agent.all(f"{path}/history")]
    assert moves == ["new", "open", "in_progress", "pending", "resolved", "closed"]


async def test_a_move_that_the_table_has_not_is_refused_with_those_it_has(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    path = f"/api/tickets/{ticket['id']}/status"
    await agent.put(path, {"status": "resolved"})

    answer = await agent.put(path, {"status": "pending"})

    assert (answer.status, answer.code, answer.body["allowed"]) == (
        409,
        "illegal_transition",
        ["open", "closed"],
    )


async def test_rules_stand_beside_the_table(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket(auto_assign=False)
    path = f"/api/tickets/{ticket['id']}/status"

    for body in ({"status": "in_progress"}, {"status": "on_hold"}, {"status": "closed", "comment": "  "}):
        answer = await agent.put(path, body)
        assert (answer.status, answer.code) == (409, "transition_refused")
        assert answer.body["reasons"]
    assert (await agent.put(path, {"status": "on_hold", "comment": "Waiting for parts"})).status == 200


async def test_a_closed_ticket_can_be_reopened_for_fourteen_days(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    path = f"/api/tickets/{ticket['id']}"
    await agent.put(f"{path}/status", {"status": "closed", "comment": "Spam"})

    desk.clock.advance(14 * DAY)
    reopened = await agent.put(f"{path}/status", {"status": "open", "comment": "No spam"})
    assert (reopened.body["reopen_count"], reopened.body["closed_at"]) == (1, None)

    await agent.put(f"{path}/status", {"status": "closed", "comment": "Spam after all"})
    desk.clock.advance(14 * DAY + 1)
    late = await agent.put(f"{path}/status", {"status": "open", "comment": "Hello?"})
    assert (late.status, late.code) == (409, "reopen_window_over")
    assert (await agent.get(path)).body["allowed_transitions"] == []


async def test_a_customer_closes_and_reopens_their_own_and_moves_nothing_else(desk: Desk) -> None:
    await desk.agent()
    customer = await desk.customer()
    ticket = await customer.ticket()
    path = f"/api/tickets/{ticket['id']}"

    assert (await customer.get(path)).body["allowed_transitions"] == ["closed"]
    refused = await customer.put(f"{path}/status", {"status": "in_progress"})
    assert refused.status == 403
    assert (await customer.put(f"{path}/status", {"status": "closed", "comment": "Solved"})).status == 200
    assert (await customer.put(f"{path}/status", {"status": "open", "comment": "Again"})).status == 200
    assert all(row["reason"] is None for row in await customer.all(f"{path}/history"))
    for method, where, body in (
        ("PATCH", path, {"title": "x"}),
        ("PUT", f"{path}/priority", {"priority": "high"}),
        ("PUT", f"{path}/assign", {"auto": True}),
        ("POST", f"{path}/escalate", {"reason": "I am very angry"}),
        ("GET", f"{path}/assignment", None),
        ("GET", "/api/tickets/stats", None),
        ("POST", "/api/tickets/bulk", {"ids": [1], "action": "tag", "add_tags": ["a"]}),
    ):
        assert (await customer.call(method, where, json=body)).status == 403


async def test_what_is_resolved_closes_by_itself_after_a_week(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    path = f"/api/tickets/{ticket['id']}"
    await agent.put(f"{path}/status", {"status": "resolved"})

    desk.clock.advance(7 * DAY - 1)
    await timers.fire(desk.app)
    assert (await agent.get(path)).body["status"] == "resolved"
    desk.clock.advance(1)
    await timers.fire(desk.app)

    assert (await agent.get(path)).body["status"] == "closed"
    assert (await agent.all(f"{path}/history"))[-1]["actor"] is None


async def test_the_workflow_is_data(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()

    document = (await agent.get(f"/api/tickets/workflow/transitions?ticket_id={ticket['id']}")).body

    assert [s["name"] for s in document["statuses"]] == [
        "new", "open", "in_progress", "pending", "on_hold", "resolved", "closed"
    ]  # fmt: skip
    assert document["allowed"] == ["open", "in_progress", "pending", "on_hold", "resolved", "closed"]
    hold = next(t for t in document["transitions"] if (t["from"], t["to"]) == ("open", "on_hold"))
    assert hold["requires"] == ["comment"]
    assert (await agent.get("/api/tickets/workflow/transitions?ticket_id=77")).status == 404
    assert (await agent.get("/api/tickets/workflow/transitions?ticket=1")).code == "bad_parameter"


# Priority, assignment, escalation -----------------------------------------------------------------------------


async def test_a_new_priority_counts_from_the_original_start(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket(priority="low")
    desk.clock.advance(2 * HOUR)

    answer = await agent.put(
        f"/api/tickets/{ticket['id']}/priority", {"priority": "critical", "reason": "The boss called"}
    )

    assert answer.body["sla"]["state"] == "breached"
    assert answer.body["sla"]["resolution_due_at"] > answer.body["created_at"]


async def test_a_ticket_is_given_to_a_person_and_taken_back(desk: Desk) -> None:
    agent, full = await desk.agent(), await desk.agent(max_tickets=0)
    customer, gone = await desk.customer(), await desk.agent(name="Gone")
    admin = await desk.admin()
    await admin.patch(f"/api/users/{gone.id}", {"is_active": False})
    ticket = await agent.ticket(auto_assign=False)
    path = f"/api/tickets/{ticket['id']}/assign"

    assert (await agent.put(path, {"assigned_to": full.id})).body["assigned_to"]["id"] == full.id
    assert (await agent.put(path, {"assigned_to": None})).body["assigned_to"] is None
    for nobody in (customer.id, gone.id, 999):
        refused = await agent.put(path, {"assigned_to": nobody})
        assert (refused.status, refused.pointers) == (422, ["/assigned_to"])
    for body in ({}, {"auto": True, "assigned_to": agent.id}, {"auto": False}):
        assert (await agent.put(path, body)).status == 422


@pytest.mark.parametrize("status", ["in_progress", "resolved"])
async def test_a_ticket_that_somebody_works_on_or_resolved_keeps_its_agent(desk: Desk, status: str) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    path = f"/api/tickets/{ticket['id']}"
    await agent.put(f"{path}/status", {"status": status})

    answer = await agent.put(f"{path}/assign", {"assigned_to": None})

    assert (answer.status, answer.code) == (409, "transition_refused")


async def test_auto_with_nobody_free_answers_with_the_decision_and_the_ticket_waits(desk: Desk) -> None:
    agent = await desk.agent(max_tickets=1)
    admin = await desk.admin()
    first = await agent.ticket()
    second = await agent.ticket()
    assert first["assigned_to"]["id"] == agent.id
    assert second["assigned_to"] is None

    answer = await agent.put(f"/api/tickets/{second['id']}/assign", {"auto": True})

    assert (answer.status, answer.body["assigned_to"]) == (200, None)
    assert answer.body["assignment"]["candidates"][0]["excluded_by"] == ["at_capacity"]

    await agent.put(f"/api/tickets/{first['id']}/status", {"status": "resolved"})
    assert (await admin.get(f"/api/tickets/{second['id']}")).body["assigned_to"]["id"] == agent.id
    causes = [d["trigger"] for d in await admin.all(f"/api/tickets/{second['id']}/assignment")]
    assert causes == ["created", "requested", "became_free"]


@pytest.mark.parametrize("change", ["availability", "max_tickets", "skills", "team"])
async def test_a_waiting_ticket_is_assigned_when_somebody_becomes_free(desk: Desk, change: str) -> None:
    admin, team = await desk.admin(), await desk.team()
    fields: dict[str, Any] = {"max_tickets": 0} if change == "max_tickets" else {}
    agent = await desk.agent(team_ids=() if change == "team" else (team,), **fields)
    if change == "availability":
        await agent.patch(f"/api/users/{agent.id}", {"availability": "away"})
    ticket = await admin.ticket(team_id=team, required_skills=["ink"] if change == "skills" else [])
    assert ticket["assigned_to"] is None

    patch = {
        "availability": {"availability": "available"},
        "max_tickets": {"max_tickets": 3},
        "skills": {"skills": ["Ink"]},
        "team": {"team_ids": [team]},
    }[change]
    assert (await admin.patch(f"/api/users/{agent.id}", patch)).status == 200

    assert (await admin.get(f"/api/tickets/{ticket['id']}")).body["assigned_to"]["id"] == agent.id


async def test_waiting_tickets_are_given_out_by_urgency_then_age(desk: Desk) -> None:
    admin = await desk.admin()
    agent = await desk.agent(max_tickets=0)
    old = await admin.ticket("Old")
    newer = await admin.ticket("Newer")
    urgent = await admin.ticket("Urgent", priority="critical")

    await admin.patch(f"/api/users/{agent.id}", {"max_tickets": 2})

    given = {t["id"]: t["assigned_to"] is not None for t in await admin.all("/api/tickets/")}
    assert given == {old["id"]: True, newer["id"]: False, urgent["id"]: True}


async def test_parallel_creates_never_go_beyond_a_limit(desk: Desk) -> None:
    admin = await desk.admin()
    for _ in range(3):
        await desk.agent(max_tickets=4)

    made = await asyncio.gather(*(admin.ticket(f"Ticket {n}") for n in range(20)))

    holders = [t["assigned_to"]["id"] for t in made if t["assigned_to"]]
    assert len(holders) == 12
    assert {holders.count(who) for who in set(holders)} == {4}


async def test_an_escalation_raises_level_priority_and_goes_to_the_lead(desk: Desk) -> None:
    agent, lead = await desk.agent(), await desk.agent(name="Lead")
    team = await desk.team("Support", agent, lead=lead)
    ticket = await agent.ticket(team_id=team)
    path = f"/api/tickets/{ticket['id']}/escalate"

    answer = await agent.post(path, {"reason": "The customer is very angry"})

    assert answer.status == 200
    assert (answer.body["escalation_level"], answer.body["priority"]) == (1, "high")
    assert answer.body["escalation"] == {
        "level": 1,
        "reason": "The customer is very angry",
        "from": {"id": agent.id, "name": agent.user.name},
        "to": {"id": lead.id, "name": "Lead"},
    }
    assert answer.body["version"] == 2
    assert (await agent.post(path, {"reason": "Too short"})).pointers == ["/reason"]
    again = await agent.post(path, {"reason": "Still no answer", "priority": "low", "assigned_to": agent.id})
    assert (again.body["priority"], again.body["assigned_to"]["id"]) == ("low", agent.id)
    await agent.post(path, {"reason": "For the third time"})
    top = await agent.post(path, {"reason": "For the fourth time"})
    assert (top.status, top.code) == (409, "already_at_top")


async def test_what_is_resolved_cannot_be_escalated(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    await agent.put(f"/api/tickets/{ticket['id']}/status", {"status": "resolved"})

    answer = await agent.post(f"/api/tickets/{ticket['id']}/escalate", {"reason": "I am not satisfied"})

    assert (answer.status, answer.code) == (409, "not_open")


# Bulk and idempotency ------------------------------------------------------------------------------------------


async def test_in_bulk_each_ticket_stands_alone(desk: Desk) -> None:
    agent = await desk.agent(max_tickets=100)
    ids = [(await agent.ticket(f"Ticket {n}"))["id"] for n in range(3)]
    await agent.put(f"/api/tickets/{ids[1]}/status", {"status": "resolved"})

    answer = await agent.post(
        "/api/tickets/bulk", {"ids": [*ids, 999, ids[0]], "action": "status", "status": "pending"}
    )

    assert answer.status == 200
    results = answer.body["results"]
    assert [(r["id"], r["ok"], r["status"]) for r in results] == [
        (ids[0], True, 200),
        (ids[1], False, 409),
        (ids[2], True, 200),
        (999, False, 404),
        (ids[0], True, 200),
    ]
    assert results[1]["error"]["code"] == "illegal_transition"
    assert results[0]["ticket"]["version"] == 2


@pytest.mark.parametrize(
    "body",
    [
        {"ids": [], "action": "tag", "add_tags": ["a"]},
        {"ids": [1] * 101, "action": "tag", "add_tags": ["a"]},
        {"ids": [1], "action": "status"},
        {"ids": [1], "action": "assign"},
        {"ids": [1], "action": "priority"},
        {"ids": [1], "action": "tag"},
        {"ids": [1], "action": "delete"},
        {"ids": ["1"], "action": "tag", "add_tags": ["a"]},
    ],
)
async def test_a_bulk_that_says_too_little_is_refused(desk: Desk, body: dict[str, Any]) -> None:
    agent = await desk.agent()

    assert (await agent.post("/api/tickets/bulk", body)).status == 422


async def test_bulk_assigns_prioritises_and_tags(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket(tags=["old", "Stays"])
    for body in (
        {"action": "assign", "assigned_to": None},
        {"action": "priority", "priority": "critical"},
        {"action": "tag", "add_tags": ["new"], "remove_tags": ["OLD"]},
    ):
        assert (await agent.post("/api/tickets/bulk", {"ids": [ticket["id"]], **body})).body["results"][0][
            "ok"
        ]

    after = (await agent.get(f"/api/tickets/{ticket['id']}")).body
    assert (after["assigned_to"], after["priority"], after["tags"]) == (None, "critical", ["Stays", "new"])


async def test_the_same_key_gives_the_same_answer_once(desk: Desk) -> None:
    agent = await desk.agent()
    key = {"Idempotency-Key": "k-1"}

    first = await agent.post("/api/tickets/", {"title": "Once", "tags": []}, headers=key)
    again = await agent.post("/api/tickets", {"tags": [], "title": "Once"}, headers=key)
    other = await agent.post("/api/tickets/", {"title": "Twice"}, headers=key)

    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert (other.status, other.code) == (422, "idempotency_conflict")
    assert len(await agent.all("/api/tickets/")) == 1


async def test_a_refusal_is_kept_under_its_key_too(desk: Desk) -> None:
    agent = await desk.agent()
    key = {"Idempotency-Key": "k-1"}

    first = await agent.post("/api/tickets/", {"title": ""}, headers=key)
    again = await agent.post("/api/tickets/", {"title": ""}, headers=key)

    assert (first.status, again.status) == (422, 422)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.body["errors"] == first.body["errors"]
    assert again.body["request_id"] == again.headers["X-Request-Id"]
    assert (await agent.post("/api/tickets/", {"title": "x"}, headers=key)).code == "idempotency_conflict"


async def test_a_key_belongs_to_a_person_and_a_path(desk: Desk) -> None:
    one, two = await desk.agent(), await desk.agent()
    key = {"Idempotency-Key": "k-1"}

    await one.post("/api/tickets/", {"title": "One"}, headers=key)

    assert (await two.post("/api/tickets/", {"title": "Two"}, headers=key)).status == 201
    too_long = await one.post("/api/tickets/", {"title": "x"}, headers={"Idempotency-Key": "k" * 256})
    assert too_long.status == 400


async def test_two_requests_with_one_key_at_once_make_one_ticket(desk: Desk) -> None:
    agent = await desk.agent()
    key = {"Idempotency-Key": "k-1"}

    answers = await asyncio.gather(
        *(agent.post("/api/tickets/", {"title": "Once"}, headers=key) for _ in range(10))
    )

    assert {answer.status for answer in answers} <= {201, 409}
    assert all(answer.code == "in_progress" for answer in answers if answer.status == 409)
    assert len(await agent.all("/api/tickets/")) == 1


# Messages ------------------------------------------------------------------------------------------------------


async def conversation(who: Client, ticket_id: int) -> list[str]:
    return [message["body"] for message in await who.all(f"/api/tickets/{ticket_id}/messages?limit=2")]


async def test_a_customer_reads_what_is_public_and_nothing_else(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    path = f"/api/tickets/{ticket['id']}"

    for body, internal in (("One", False), ("Two", True), ("Three", False), ("Four", False)):
        await agent.post(f"{path}/messages", {"body": body, "is_internal": internal})

    assert await conversation(agent, ticket["id"]) == ["One", "Two", "Three", "Four"]
    assert await conversation(customer, ticket["id"]) == ["One", "Three", "Four"]
    assert (await customer.get(path)).body["message_count"] == 3
    assert (await agent.get(path)).body["message_count"] == 4
    refused = await customer.post(f"{path}/messages", {"body": "psst", "is_internal": True})
    assert refused.status == 403


async def test_the_first_public_answer_opens_the_ticket_and_stops_the_response_clock(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    path = f"/api/tickets/{ticket['id']}"
    desk.clock.advance(HOUR)
    await agent.post(f"{path}/messages", {"body": "Looking", "is_internal": True})
    assert (await agent.get(path)).body["first_response_at"] is None

    await agent.post(f"{path}/messages", {"body": "Hello!"})

    after = (await agent.get(path)).body
    assert after["status"] == "open"
    assert after["first_response_at"] == after["updated_at"]
    assert after["sla"]["due_at"] == after["sla"]["resolution_due_at"]


async def test_a_message_of_the_requester_takes_the_ticket_back_to_the_desk(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    path = f"/api/tickets/{ticket['id']}"

    for waiting, reopens in (("pending", 0), ("resolved", 1)):
        await agent.put(f"{path}/status", {"status": waiting})
        await customer.post(f"{path}/messages", {"body": "It still burns"})
        after = (await agent.get(path)).body
        assert (after["status"], after["reopen_count"]) == ("open", reopens)


async def test_a_closed_ticket_takes_notes_only(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    path = f"/api/tickets/{ticket['id']}"
    await agent.put(f"{path}/status", {"status": "closed", "comment": "Spam"})

    answer = await agent.post(f"{path}/messages", {"body": "Hello"})

    assert (answer.status, answer.code) == (409, "ticket_closed")
    assert (await agent.post(f"{path}/messages", {"body": "Hello", "is_internal": True})).status == 201


async def test_a_message_with_a_key_is_said_once(desk: Desk) -> None:
    agent = await desk.agent()
    first_ticket, other_ticket = await agent.ticket(), await agent.ticket()
    path = f"/api/tickets/{first_ticket['id']}/messages"
    key = {"Idempotency-Key": "uuid-1"}

    first = await agent.post(path, {"body": "Hello"}, headers=key)
    again = await agent.post(path, {"body": "Hello"}, headers=key)
    other = await agent.post(path, {"body": "Goodbye"}, headers=key)
    elsewhere = await agent.post(
        f"/api/tickets/{other_ticket['id']}/messages", {"body": "Hello"}, headers=key
    )

    assert first.body["client_msg_id"] == "uuid-1"
    assert (again.status, again.body, again.headers["Idempotent-Replayed"]) == (201, first.body, "true")
    assert [other.code, elsewhere.code] == ["idempotency_conflict"] * 2
    assert await conversation(agent, first_ticket["id"]) == ["Hello"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"body": ""},
        {"body": " \n\t"},
        {"body": "a" * 32_769},
        {"body": 1},
        {"body": "a", "file_ids": ["x"]},
    ],
)
async def test_a_message_that_says_nothing_is_refused(desk: Desk, body: dict[str, Any]) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()

    assert (await agent.post(f"/api/tickets/{ticket['id']}/messages", body)).status == 422
    assert await conversation(agent, ticket["id"]) == []


async def test_text_comes_back_as_it_was_sent(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket(description="  <b>x</b>\r\n\u202e\U0001f600 é e\u0301  ")
    body = "\t<script>alert(1)</script> \u0000".replace("\u0000", "") + "\u2028 end  "

    await agent.post(f"/api/tickets/{ticket['id']}/messages", {"body": body})

    assert (await agent.get(f"/api/tickets/{ticket['id']}")).body["description"] == ticket["description"]
    assert await conversation(agent, ticket["id"]) == [body]
