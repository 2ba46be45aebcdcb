"""Numbers over HTTP."""

from servicedesk.domain.times import DAY, HOUR, SECOND, iso
from tests.served import START, Desk


async def test_the_numbers_tell_what_is_open_and_what_happened(desk: Desk) -> None:
    agent, other = await desk.agent(name="Ada"), await desk.agent(name="Bob")
    rio = await desk.customer()
    answered = (await rio.ticket("Answered", priority="critical"))["id"]
    solved = (await rio.ticket("Solved", priority="low"))["id"]
    await rio.ticket("Waiting", priority="low")
    await agent.put(f"/api/tickets/{answered}/assign", {"assigned_to": other.id})
    await agent.put(f"/api/tickets/{solved}/assign", {"assigned_to": agent.id})
    desk.clock.advance(30 * SECOND)
    await agent.post(f"/api/tickets/{answered}/messages", {"body": "We are on it"})
    desk.clock.advance(HOUR)
    await agent.put(f"/api/tickets/{solved}/status", {"status": "resolved"})
    desk.clock.advance(5 * HOUR)

    stats = (await agent.get("/api/tickets/stats")).body

    assert (stats["open"], stats["created"], stats["resolved"], stats["overdue"]) == (2, 3, 1, 1)
    assert stats["by_status"] == {
        **dict.fromkeys(("in_progress", "pending", "on_hold", "closed"), 0),
        "new": 1,
        "open": 1,
        "resolved": 1,
    }
    assert stats["by_priority"] == {"low": 1, "medium": 0, "high": 0, "critical": 1}
    assert stats["first_response"] == {"median_s": 30.0, "p90_s": 30.0}
    assert stats["resolution"] == {"median_s": 3630.0, "p90_s": 3630.0}
    assert stats["sla"] == {"met": 1, "breached": 0, "rate": 1.0}
    assert len(stats["daily"]) == 30
    assert stats["daily"][-1] == {"date": iso(START)[:10], "created": 3, "resolved": 1, "backlog": 2}
    resolved = {row["agent"]["name"]: row["resolved"] for row in stats["by_agent"]}
    assert resolved.get("Ada") == 1
    assert sum(row["open"] for row in stats["by_agent"]) == 2 - stats["unassigned"]


async def test_counts_equal_what_the_lists_behind_them_show(desk: Desk) -> None:
    agent = await desk.agent(max_tickets=3)
    for n in range(9):
        ticket = await agent.ticket(f"Ticket {n}", priority=("low", "medium", "critical")[n % 3])
        if n % 4 == 0:
            await agent.put(f"/api/tickets/{ticket['id']}/status", {"status": "pending"})
    desk.clock.advance(9 * HOUR)
    unresolved = "status=new,open,in_progress,pending,on_hold"

    async def listed(query: str) -> int:
        return int((await agent.get(f"/api/tickets/?limit=1&count=true&{query}")).body["total"])

    stats = (await agent.get("/api/tickets/stats")).body

    assert stats["open"] == await listed(unresolved)
    assert stats["unassigned"] == await listed(f"{unresolved}&assigned_to=none")
    assert stats["overdue"] == await listed(f"{unresolved}&sla=breached") > 0
    for status, number in stats["by_status"].items():
        assert number == await listed(f"status={status}")
    for priority, number in stats["by_priority"].items():
        assert number == await listed(f"{unresolved}&priority={priority}")
    for row in stats["by_agent"]:
        assert row["open"] == await listed(f"{unresolved}&assigned_to={row['agent']['id']}")


async def test_a_period_and_a_team_can_be_named(desk: Desk) -> None:
    admin, agent = await desk.admin(), await desk.agent()
    team = (await admin.post("/api/teams/", {"name": "Network", "member_ids": [agent.id]})).body["id"]
    await agent.ticket("One", team_id=team)
    await agent.ticket("Other")
    desk.clock.advance(2 * DAY)
    first = iso(START)[:10]

    ours = (await agent.get(f"/api/tickets/stats?team={team}&from={first}&to={first}")).body
    others = (await agent.get("/api/tickets/stats?team=none")).body
    none = (await agent.get(f"/api/tickets/stats?from={iso(START + DAY)[:10]}")).body

    assert (ours["open"], ours["created"], len(ours["daily"])) == (1, 1, 1)
    assert (others["open"], others["created"]) == (1, 1)
    assert (none["open"], none["created"], none["daily"][0]["backlog"]) == (2, 0, 2)


async def test_bad_periods_are_refused_and_customers_get_no_numbers(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()

    for query in (
        "from=x",
        "to=2026-02-30",
        "from=2027-02-02&to=2027-01-01",
        "team=me",
        "day=1",
        "from=1900-01-01",
    ):
        answer = await agent.get(f"/api/tickets/stats?{query}")
        assert (answer.status, answer.code) == (400, "bad_parameter"), query
    assert (await customer.get("/api/tickets/stats")).status == 403
