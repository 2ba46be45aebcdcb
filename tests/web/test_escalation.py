"""Escalation over HTTP: policies, tiers that fire in their time, and people who answer them or not."""

from typing import Any

import msgspec
import pytest

from servicedesk.domain.people import Role
from servicedesk.domain.times import DAY, HOUR, MINUTE, parse
from servicedesk.web import timers
from tests.served import START, Client, Desk

POLICIES = "/api/escalation/policies/"


def tier(do: str = "notify", whom: Any = "lead", within: int | None = None, **when: Any) -> dict[str, Any]:
    """Return a tier; its moment is a share of the resolution's time unless something else is said."""
    return {
        "when": {"kind": "share", "clock": "resolution", **when} if "kind" not in when else when,
        "whom": {"kind": "user", "user_id": whom} if isinstance(whom, int) else {"kind": whom},
        "do": do.split(),
        "tag": "late" if "tag" in do else None,
        "acknowledge_minutes": within,
    }


MANUAL = {"kind": "manual"}


def heard(desk: Desk) -> list[Any]:
    """Return everything that was told, in the order of the log."""
    rows = desk.db.peek(lambda conn: conn.execute("SELECT frame FROM events ORDER BY id").fetchall())
    return [msgspec.json.decode(frame) for (frame,) in rows]


class Cast:
    """A team with a lead and an agent, and a supervisor who sets its policy."""

    def __init__(self, desk: Desk, lead: Client, agent: Client, boss: Client, team_id: int) -> None:
        self.desk = desk
        self.lead = lead
        self.agent = agent
        self.boss = boss
        self.team_id = team_id

    async def policy(self, *tiers: Any, **fields: Any) -> Any:
        """Make the policy of the team."""
        body = {"name": "Night watch", "tiers": tiers, **fields}
        answer = await self.boss.post(POLICIES, body)
        assert answer.status == 201, answer.body
        await self.boss.patch(f"/api/teams/{self.team_id}", {"escalation_policy_id": answer.body["id"]})
        return answer.body

    async def ticket(self, **fields: Any) -> Any:
        who = {"assigned_to": self.agent.id, "team_id": self.team_id}
        return await self.agent.ticket(**{**who, **fields})

    async def steps(self, ticket: Any) -> list[Any]:
        return await self.agent.all(f"/api/tickets/{ticket['id']}/escalations")

    async def fired(self, ticket: Any) -> list[tuple[int, str, int]]:
        """Return place, cause and moment of each tier that fired."""
        return [(s["place"], s["cause"], parse(s["fired_at"]) - START) for s in await self.steps(ticket)]

    async def now(self, ticket: Any) -> Any:
        return (await self.agent.get(f"/api/tickets/{ticket['id']}")).body

    def told(self, person: Client) -> list[tuple[str, str]]:
        """Return kind and text of what the person was told, oldest first."""
        frames = [frame for frame in heard(self.desk) if frame["room"] == f"user:{person.id}"]
        news = [f["data"]["notification"] for f in frames if f["event"] == "notification"]
        return [(each["kind"], each["text"]) for each in news]


@pytest.fixture
async def cast(desk: Desk) -> Cast:
    lead, agent = await desk.agent(name="Lea"), await desk.agent(name="Ada")
    boss = await desk.person(Role.SUPERVISOR)
    team_id = await desk.team("Support", lead, agent, lead=lead)
    return Cast(desk, lead, agent, boss, team_id)


# Tiers in their time --------------------------------------------------


async def test_tiers_fire_at_their_moments_in_order(cast: Cast) -> None:
    await cast.policy(
        tier(percent=50),
        tier("raise_priority", kind="offset", clock="resolution", minutes=-60),
        tier("tag notify", "team", percent=150),
    )
    ticket = await cast.ticket(priority="low")

    await cast.desk.live(365 * DAY)

    # Raised to medium an hour before 72 hours were over, the ticket has 24 hours, of which 150 percent are past.
    assert await cast.fired(ticket) == [
        (1, "time", 36 * HOUR),
        (2, "time", 71 * HOUR),
        (3, "time", 71 * HOUR),
    ]
    after = await cast.now(ticket)
    assert (after["priority"], after["tags"]) == ("medium", ["late"])


async def test_what_a_tier_does_stands_in_history_in_the_desks_own_name(cast: Cast) -> None:
    await cast.policy(tier("raise_priority reassign tag notify", percent=50))
    ticket = await cast.ticket()

    await cast.desk.live(12 * HOUR)

    rows = (await cast.agent.all(f"/api/tickets/{ticket['id']}/history"))[1:]
    assert [(row["type"], row["actor"], row["reason"]) for row in rows] == [
        ("assigned", None, "Night watch, tier 1"),
        ("priority", None, "Night watch, tier 1"),
        ("updated", None, "Night watch, tier 1"),
    ]
    after = await cast.now(ticket)
    assert (after["assigned_to"]["id"], after["priority"], after["tags"]) == (cast.lead.id, "high", ["late"])
    assert after["version"] == ticket["version"] + 3
    (step,) = await cast.steps(ticket)
    assert step["done"] == ["reassign", "raise_priority", "tag", "notify"]
    assert (step["outcome"], step["asked"]) == ("done", [{"id": cast.lead.id, "name": "Lea"}])
    assert ("escalated", "Night watch, tier 1") in cast.told(cast.lead)


async def test_a_ticket_of_no_policy_never_escalates(cast: Cast) -> None:
    ticket = await cast.ticket()
    await cast.desk.live(30 * DAY)

    assert await cast.steps(ticket) == []


async def test_the_desks_default_holds_for_teams_without_a_policy(cast: Cast) -> None:
    default = {"name": "For all", "is_default": True, "tiers": [tier(percent=10, whom=cast.lead.id)]}
    await cast.boss.post(POLICIES, default)
    await cast.policy(tier(percent=20))
    outside = await cast.agent.ticket(assigned_to=cast.agent.id)
    inside = await cast.ticket()
    await cast.desk.live(DAY)

    assert [s["policy"]["name"] for s in await cast.steps(outside)] == ["For all"]
    assert [s["policy"]["name"] for s in await cast.steps(inside)] == ["Night watch"]


async def test_a_paused_clock_escalates_nothing_and_a_resolved_ticket_never(cast: Cast) -> None:
    await cast.policy(tier(percent=50), tier(percent=100))
    waits, solved = await cast.ticket(), await cast.ticket()
    await cast.agent.put(f"/api/tickets/{waits['id']}/status", {"status": "pending"})
    await cast.agent.put(f"/api/tickets/{solved['id']}/status", {"status": "resolved"})
    await cast.desk.live(100 * HOUR)
    assert await cast.steps(waits) == await cast.steps(solved) == []

    await cast.agent.put(f"/api/tickets/{waits['id']}/status", {"status": "open"})
    await cast.desk.live(12 * HOUR)
    assert await cast.fired(waits) == [(1, "time", 112 * HOUR)]


async def test_a_reopened_ticket_begins_a_new_cycle(cast: Cast) -> None:
    await cast.policy(tier(percent=50))
    ticket = await cast.ticket()
    path = f"/api/tickets/{ticket['id']}/status"
    await cast.desk.live(13 * HOUR)
    await cast.agent.put(path, {"status": "resolved"})
    await cast.desk.live(HOUR)
    await cast.agent.put(path, {"status": "open", "comment": "It is back."})
    await cast.desk.live(5 * DAY)

    # 11 of the 24 hours were left.
    assert [(s["place"], s["cycle"]) for s in await cast.steps(ticket)] == [(1, 1), (1, 2)]
    assert (await cast.fired(ticket))[1][2] == 14 * HOUR + 11 * HOUR // 2


async def test_a_tier_can_wait_for_time_in_a_status(cast: Cast) -> None:
    await cast.policy(tier(kind="status", status="on_hold", minutes=90))
    ticket = await cast.ticket()
    path = f"/api/tickets/{ticket['id']}/status"
    await cast.agent.put(path, {"status": "on_hold", "comment": "The part is ordered."})
    await cast.desk.live(HOUR)
    await cast.agent.put(path, {"status": "open"})
    await cast.desk.live(5 * HOUR)
    assert await cast.steps(ticket) == []

    await cast.agent.put(path, {"status": "on_hold", "comment": "And another one."})
    await cast.desk.live(5 * HOUR)
    assert await cast.fired(ticket) == [(1, "time", 6 * HOUR + 90 * MINUTE)]


async def test_what_fell_due_while_the_desk_was_down_happens_once(cast: Cast) -> None:
    await cast.policy(tier(percent=50), tier("raise_priority", percent=75), tier(percent=100))
    ticket = await cast.ticket()
    cast.desk.clock.advance(10 * DAY)

    await timers.fire(cast.desk.app)
    await timers.fire(cast.desk.app)

    assert [(place, at) for place, _, at in await cast.fired(ticket)] == [(n, 10 * DAY) for n in (1, 2, 3)]
    assert (await cast.now(ticket))["priority"] == "high"


async def test_a_team_as_target_shares_out_the_ticket_and_leaves_its_agent_out(cast: Cast) -> None:
    await cast.policy(tier("reassign", "team", percent=50))
    ticket = await cast.ticket(assigned_to=cast.lead.id)

    await cast.desk.live(12 * HOUR)

    assert (await cast.now(ticket))["assigned_to"]["id"] == cast.agent.id
    decision = (await cast.agent.all(f"/api/tickets/{ticket['id']}/assignment"))[-1]
    assert (decision["trigger"], decision["winner"]["id"]) == ("escalated", cast.agent.id)


async def test_an_agents_tier_goes_to_the_lead_while_there_is_no_agent(cast: Cast) -> None:
    await cast.policy(tier(whom="assignee", percent=50))
    ticket = await cast.ticket(assigned_to=None, auto_assign=False)
    await cast.desk.live(12 * HOUR)

    assert [person["id"] for person in (await cast.steps(ticket))[0]["asked"]] == [cast.lead.id]


# People answer, or not --------------------------------------------------


async def test_who_does_not_answer_in_time_is_passed_over(cast: Cast) -> None:
    await cast.policy(
        tier(percent=25, within=30), tier("notify raise_priority", cast.boss.id, 15, kind="manual")
    )
    ticket = await cast.ticket()

    await cast.desk.live(7 * HOUR)

    assert await cast.fired(ticket) == [(1, "time", 6 * HOUR), (2, "silence", 6 * HOUR + 30 * MINUTE)]
    first, second = await cast.steps(ticket)
    assert (first["is_open"], second["is_open"]) == (False, True)
    assert parse(second["acknowledge_by"]) - START == 6 * HOUR + 45 * MINUTE
    assert cast.told(cast.boss) == [("escalated", "Night watch, tier 2")]


async def test_an_answer_stops_the_next_tier(cast: Cast) -> None:
    await cast.policy(tier(percent=25, within=30), tier(kind="manual"))
    ticket = await cast.ticket()
    path = f"/api/tickets/{ticket['id']}/acknowledge"
    assert (await cast.agent.post(path)).code == "nothing_to_acknowledge"
    await cast.desk.live(6 * HOUR + 29 * MINUTE)

    answer = await cast.agent.post(path)

    assert (answer.status, answer.body["acknowledged_by"]) == (200, {"id": cast.agent.id, "name": "Ada"})
    assert answer.body["is_open"] is False
    again = await cast.agent.post(path)
    assert (again.status, again.code) == (409, "nothing_to_acknowledge")
    await cast.desk.live(DAY)
    assert [place for place, *_ in await cast.fired(ticket)] == [1]


async def test_resolving_is_answer_enough(cast: Cast) -> None:
    await cast.policy(tier(percent=25, within=30), tier(kind="manual"))
    ticket = await cast.ticket()
    await cast.desk.live(6 * HOUR)
    await cast.agent.put(f"/api/tickets/{ticket['id']}/status", {"status": "resolved"})
    await cast.desk.live(DAY)

    assert [(s["place"], s["is_open"]) for s in await cast.steps(ticket)] == [(1, False)]


async def test_a_person_who_took_it_in_hand_is_not_escalated_over(cast: Cast) -> None:
    await cast.policy(tier(percent=25, within=30), tier("notify reassign", kind="manual"))
    ticket = await cast.ticket()
    await cast.desk.live(6 * HOUR + MINUTE)
    await cast.agent.put(f"/api/tickets/{ticket['id']}/priority", {"priority": "critical", "reason": "Now."})

    await cast.desk.live(HOUR)

    second = (await cast.steps(ticket))[1]
    assert (second["cause"], second["outcome"], second["done"]) == ("silence", "superseded", [])
    assert (await cast.now(ticket))["assigned_to"]["id"] == cast.agent.id
    assert cast.told(cast.lead) == [("escalated", "Night watch, tier 1")]


async def test_a_persons_later_change_wins(cast: Cast) -> None:
    await cast.policy(tier("reassign raise_priority notify", percent=50))
    ticket = await cast.ticket()
    cast.desk.clock.advance(13 * HOUR)  # an hour after the tier's moment, which nobody has noticed yet
    path = f"/api/tickets/{ticket['id']}/assign"
    await cast.agent.put(path, {"assigned_to": cast.boss.id})

    await timers.fire(cast.desk.app)

    after, (step,) = await cast.now(ticket), await cast.steps(ticket)
    assert (after["assigned_to"]["id"], after["priority"]) == (cast.boss.id, "high")
    assert (step["outcome"], step["done"]) == ("superseded", ["raise_priority", "notify"])


async def test_a_person_escalates_to_the_tier_for_people(cast: Cast) -> None:
    await cast.policy(tier("notify tag", cast.boss.id, 10, **MANUAL), tier(percent=100), tier(**MANUAL))
    ticket = await cast.ticket()
    path = f"/api/tickets/{ticket['id']}/escalate"

    answer = await cast.agent.post(path, {"reason": "The customer is on fire"})

    assert (answer.status, answer.body["tags"], answer.body["priority"]) == (200, ["late"], "high")
    assert cast.told(cast.boss)[-1] == ("escalated", "Night watch, tier 1")
    await cast.agent.post(path, {"reason": "The customer still is on fire"})
    await cast.agent.post(path, {"reason": "The customer was on fire"})
    assert [(place, cause) for place, cause, _ in await cast.fired(ticket)] == [(1, "manual"), (3, "manual")]


async def test_whom_a_person_named_keeps_the_ticket(cast: Cast) -> None:
    await cast.policy(tier("reassign", cast.boss.id, **MANUAL))
    ticket = await cast.ticket()

    answer = await cast.agent.post(
        f"/api/tickets/{ticket['id']}/escalate",
        {"reason": "Ada knows this best", "assigned_to": cast.agent.id},
    )

    assert answer.body["assigned_to"]["id"] == cast.agent.id
    assert (await cast.steps(ticket))[0]["outcome"] == "superseded"


async def test_staff_hear_of_tiers_and_customers_do_not(cast: Cast) -> None:
    await cast.policy(tier(percent=50, within=10))
    customer = await cast.desk.customer()
    ticket = await customer.ticket()
    await cast.boss.patch(f"/api/tickets/{ticket['id']}", {"team_id": cast.team_id})
    await cast.desk.live(12 * HOUR)
    await cast.lead.post(f"/api/tickets/{ticket['id']}/acknowledge")

    steps = [
        (f["room"], f["data"]["step"]["is_open"]) for f in heard(cast.desk) if f["event"] == "escalation_step"
    ]
    assert steps == [(f"ticket:{ticket['id']}:staff", True), (f"ticket:{ticket['id']}:staff", False)]
    for path in ("escalations", "acknowledge"):
        method = "GET" if path == "escalations" else "POST"
        assert (await customer.call(method, f"/api/tickets/{ticket['id']}/{path}")).status == 403


async def test_warnings_go_to_the_agent_else_to_the_lead(cast: Cast) -> None:
    await cast.ticket()
    await cast.ticket(assigned_to=None, auto_assign=False)
    await cast.desk.live(9 * HOUR)

    news = [kind for kind, _ in cast.told(cast.agent) if kind.startswith("sla")]
    assert news == ["sla_at_risk", "sla_breached"]
    assert [kind for kind, _ in cast.told(cast.lead)] == ["sla_at_risk", "sla_breached"]


# Policies --------------------------------------------------


async def test_a_policy_is_made_read_changed_and_removed(cast: Cast) -> None:
    made = (await cast.boss.post(POLICIES, {"name": "Soon", "tiers": [tier(percent=50)]})).body
    path = f"{POLICIES}{made['id']}"
    assert (await cast.agent.get(path)).body == made
    assert [p["id"] for p in await cast.agent.all(POLICIES)] == [made["id"]]
    assert made["tiers"][0]["id"] == 1

    changed = {**made, "tiers": [tier(percent=25), made["tiers"][0]]}
    del changed["id"], changed["version"]
    answer = await cast.boss.put(path, changed, headers={"If-Match": '"v1"'})
    assert (answer.status, [t["id"] for t in answer.body["tiers"]]) == (200, [2, 1])
    stale = await cast.boss.put(path, changed, headers={"If-Match": '"v1"'})
    assert (stale.status, stale.code) == (412, "stale")
    assert (await cast.boss.delete(path)).status == 204
    assert (await cast.boss.get(path)).status == 404


async def test_every_bad_field_of_a_policy_is_named(cast: Cast) -> None:
    bad = [
        {"when": {"kind": "share", "percent": 0}, "whom": {"kind": "lead"}, "do": ["notify"]},
        {"when": {"kind": "share", "clock": "resolution"}, "whom": {"kind": "user"}, "do": ["notify"]},
        {
            "when": {"kind": "status", "status": "closed", "minutes": -5, "percent": 5},
            "whom": {"kind": "assignee", "user_id": 1},
            "do": ["reassign", "reassign", "tag"],
        },
        {"when": {"kind": "manual"}, "whom": {"kind": "lead"}, "do": [], "id": 77},
    ]
    types = await cast.boss.post(POLICIES, {"name": "", "tiers": bad})
    assert types.pointers == ["/name", "/tiers/0/when/percent", "/tiers/3/do"]

    bad[0]["when"], bad[3]["do"] = {"kind": "manual"}, ["notify"]
    rules = await cast.boss.post(POLICIES, {"name": "Bad", "tiers": bad})
    assert rules.pointers == [
        "/tiers/1/when/percent",
        "/tiers/1/whom/user_id",
        "/tiers/2/do",
        "/tiers/2/tag",
        "/tiers/2/when/minutes",
        "/tiers/2/when/percent",
        "/tiers/2/when/status",
        "/tiers/2/whom",
        "/tiers/2/whom/user_id",
    ]
    strangers = [{**tier(percent=5, whom=999_999), "id": 77}]
    unknown = await cast.boss.post(POLICIES, {"name": "Bad", "tiers": strangers})
    assert unknown.pointers == ["/tiers/0/id", "/tiers/0/whom/user_id"]
    assert (await cast.boss.post(POLICIES, {"name": "Bad", "tiers": []})).pointers == ["/tiers"]


async def test_who_may_do_what_with_policies(cast: Cast) -> None:
    body = {"name": "Soon", "tiers": [tier(percent=50)]}
    customer = await cast.desk.customer()
    assert (await cast.agent.post(POLICIES, body)).status == 403
    assert (await customer.get(POLICIES)).status == 403
    made = (await cast.boss.post(POLICIES, body)).body
    assert (await cast.boss.post(POLICIES, {**body, "name": "SOON "})).pointers == ["/name"]
    for method in ("PUT", "DELETE"):
        assert (await cast.agent.call(method, f"{POLICIES}{made['id']}", json=body)).status == 403
    there = await customer.get(f"{POLICIES}{made['id']}")
    assert (there.status, there.body["detail"]) == (404, f"There is no escalation policy {made['id']}.")


async def test_a_policy_that_is_in_use_stays(cast: Cast) -> None:
    made = await cast.policy(tier(percent=50))
    path = f"{POLICIES}{made['id']}"
    assert (await cast.boss.delete(path)).code == "in_use"
    team = f"/api/teams/{cast.team_id}"
    assert (await cast.boss.get(team)).body["escalation_policy_id"] == made["id"]
    await cast.boss.patch(team, {"escalation_policy_id": None})
    assert (await cast.boss.delete(path)).status == 204
    wrong = await cast.boss.patch(team, {"escalation_policy_id": made["id"]})
    assert wrong.pointers == ["/escalation_policy_id"]


async def test_there_is_one_default(cast: Cast) -> None:
    bodies = [{"name": name, "is_default": True, "tiers": [tier(percent=50)]} for name in ("One", "Two")]
    for body in bodies:
        await cast.boss.post(POLICIES, body)

    assert [(p["name"], p["is_default"]) for p in await cast.boss.all(POLICIES)] == [
        ("One", False),
        ("Two", True),
    ]


async def test_another_policy_holds_for_tickets_that_are_there_already(cast: Cast) -> None:
    many = [await cast.ticket(auto_assign=False, assigned_to=None) for _ in range(130)]
    made = await cast.policy(tier(percent=50))
    await cast.desk.live(12 * HOUR)
    for ticket in (many[0], many[-1]):
        assert await cast.fired(ticket) == [(1, "time", 12 * HOUR)]

    # The first tier keeps its id, so it has fired; the new one in front of it is in the past and fires now.
    tiers = [tier(percent=25), *made["tiers"]]
    await cast.boss.put(f"{POLICIES}{made['id']}", {"name": "Night watch", "tiers": tiers})
    await cast.desk.live(HOUR)
    for ticket in (many[0], many[-1]):
        assert [s["tier"]["id"] for s in await cast.steps(ticket)] == [1, 2]
