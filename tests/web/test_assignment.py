"""Who gets a ticket: working hours, exclusions, weights, the queue, the return timer and the way back, over HTTP."""

import asyncio
from typing import Any

import pytest

from servicedesk.domain.people import Role
from servicedesk.domain.times import DAY, HOUR, MINUTE
from servicedesk.web import timers
from tests.served import START, Client, Desk
from tests.web.sockets import connect

WEEK = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
# The desk of a test opens on 15 January 2027 at 08:00 UTC.
BEFORE_NINE = START


async def hours(admin: Client, name: str = "Days", **fields: Any) -> int:
    answer = await admin.post("/api/sla/calendars/", {"name": name, "zone": "UTC", "week": WEEK, **fields})
    assert answer.status == 201, answer.body
    return int(answer.body["id"])


async def agent_of(client: Client, ticket_id: int) -> int | None:
    ticket = (await client.get(f"/api/tickets/{ticket_id}")).body
    return ticket["assigned_to"] and int(ticket["assigned_to"]["id"])


async def decisions(client: Client, ticket_id: int) -> list[Any]:
    return await client.all(f"/api/tickets/{ticket_id}/assignment")


async def test_who_does_not_work_now_gets_no_ticket_until_their_hours_begin(desk: Desk) -> None:
    admin, agent = await desk.admin(), await desk.agent()
    await admin.patch(f"/api/users/{agent.id}", {"calendar_id": await hours(admin)})

    ticket = await admin.ticket()
    (decision,) = await decisions(admin, ticket["id"])
    assert decision["candidates"][0]["excluded_by"] == ["outside_hours"]
    desk.clock.now = BEFORE_NINE + HOUR
    await timers.fire(desk.app)

    assert await agent_of(admin, ticket["id"]) == agent.id
    assert [each["trigger"] for each in await decisions(admin, ticket["id"])] == ["created", "became_free"]


async def test_hours_are_set_by_supervisors_and_a_calendar_in_use_stays(desk: Desk) -> None:
    admin, agent, supervisor = await desk.admin(), await desk.agent(), await desk.person(Role.SUPERVISOR)
    calendar = await hours(admin)

    assert (await agent.patch(f"/api/users/{agent.id}", {"calendar_id": calendar})).status == 403
    unknown = await supervisor.patch(f"/api/users/{agent.id}", {"calendar_id": 99})
    assert (unknown.status, unknown.pointers) == (422, ["/calendar_id"])
    assert (await supervisor.patch(f"/api/users/{agent.id}", {"calendar_id": calendar})).body[
        "calendar_id"
    ] == calendar
    assert (await admin.delete(f"/api/sla/calendars/{calendar}")).code == "in_use"
    assert (await admin.patch(f"/api/users/{agent.id}", {"calendar_id": None})).body["calendar_id"] is None


async def test_a_longer_day_gives_out_what_waits(desk: Desk) -> None:
    admin, agent = await desk.admin(), await desk.agent()
    calendar = await hours(admin)
    await admin.patch(f"/api/users/{agent.id}", {"calendar_id": calendar})
    ticket = await admin.ticket()

    early = {day: [["07:00", "17:00"]] for day in WEEK}
    answer = await admin.put(f"/api/sla/calendars/{calendar}", {"name": "Days", "zone": "UTC", "week": early})

    assert answer.status == 200, answer.body
    assert await agent_of(admin, ticket["id"]) == agent.id


async def test_a_lost_connection_is_no_absence(desk: Desk) -> None:
    admin, here, gone = await desk.admin(), await desk.agent(), await desk.agent()
    first, second = await connect(here), await connect(gone)
    await second.close()

    given = {await agent_of(admin, (await admin.ticket())["id"]) for _ in range(2)}

    assert given == {here.id, gone.id}
    await first.close()


async def test_whom_a_ticket_excludes_does_not_get_it_by_itself(desk: Desk) -> None:
    admin, mia, leo = await desk.admin(), await desk.agent(), await desk.agent(availability="away")
    ticket = await admin.ticket()
    assert await agent_of(admin, ticket["id"]) == mia.id
    path = f"/api/tickets/{ticket['id']}"

    answer = await admin.put(f"{path}/exclusions", {"user_ids": [mia.id, mia.id]})
    again = await admin.put(f"{path}/assign", {"auto": True})

    assert [(each["user"]["id"], each["reason"]) for each in answer.body["items"]] == [(mia.id, "by_hand")]
    assert again.body["assigned_to"] is None
    reasons = {c["agent"]["id"]: c["excluded_by"] for c in again.body["assignment"]["candidates"]}
    assert reasons == {mia.id: ["excluded"], leo.id: ["away"]}
    await leo.patch(f"/api/users/{leo.id}", {"availability": "available"})
    assert await agent_of(admin, ticket["id"]) == leo.id
    assert (await admin.put(f"{path}/assign", {"assigned_to": mia.id})).status == 200, "a person may"
    assert (await admin.get(f"{path}/exclusions")).body["items"] == answer.body["items"]


async def test_taking_somebody_off_the_list_gives_them_what_waits(desk: Desk) -> None:
    admin, mia = await desk.admin(), await desk.agent()
    ticket = await admin.ticket(auto_assign=False)
    path = f"/api/tickets/{ticket['id']}"
    await admin.put(f"{path}/exclusions", {"user_ids": [mia.id]})
    await admin.put(f"{path}/assign", {"auto": True})

    await admin.put(f"{path}/exclusions", {"user_ids": []})

    assert await agent_of(admin, ticket["id"]) == mia.id


async def test_exclusions_are_for_staff_and_name_staff(desk: Desk) -> None:
    admin, rio = await desk.admin(), await desk.customer()
    path = f"/api/tickets/{(await rio.ticket())['id']}/exclusions"

    assert (await rio.get(path)).status == 403
    assert (await rio.put(path, {"user_ids": []})).status == 403
    wrong = await admin.put(path, {"user_ids": [admin.id, rio.id, 99]})
    assert (wrong.status, wrong.pointers) == (422, ["/user_ids/1", "/user_ids/2"])
    assert (await admin.put(path, {"user_ids": "all"})).status == 422
    assert (await admin.get("/api/tickets/99/exclusions")).status == 404


async def test_a_team_weighs_in_its_own_way_and_decisions_keep_how(desk: Desk) -> None:
    admin, mia, leo = await desk.admin(), await desk.agent(max_tickets=4), await desk.agent(max_tickets=20)
    team = await desk.team("Network", mia, leo)
    weights = {"spare_capacity": 0, "idle_time": 0, "skills": 0, "continuity": 70}
    answer = await admin.patch(f"/api/teams/{team}", {"weights": weights})
    assert answer.body["weights"] == weights

    ticket = await admin.ticket(team_id=team)
    await admin.patch(f"/api/teams/{team}", {"weights": None})

    (decision,) = await decisions(admin, ticket["id"])
    assert {f["name"]: f["weight"] for f in decision["candidates"][0]["factors"]} == {"continuity": 70}
    assert (await admin.get(f"/api/teams/{team}")).body["weights"] is None


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"weights": {"spare_capacity": 0, "idle_time": 0, "skills": 0, "continuity": 0}}, "/weights"),
        (
            {"weights": {"spare_capacity": 101, "idle_time": 0, "skills": 0, "continuity": 0}},
            "/weights/spare_capacity",
        ),
        ({"weights": {"spare_capacity": 1}}, "/weights/continuity"),
        ({"return_after_minutes": 0}, "/return_after_minutes"),
    ],
)
async def test_what_no_team_can_have_is_named(desk: Desk, fields: dict[str, Any], pointer: str) -> None:
    admin = await desk.admin()

    answer = await admin.post("/api/teams/", {"name": "Network", **fields})

    assert answer.status == 422
    assert pointer in answer.pointers


async def test_what_waits_is_given_out_oldest_first_but_age_overtakes_urgency(desk: Desk) -> None:
    admin, agent = await desk.admin(), await desk.agent(max_tickets=0)
    old_low = (await admin.ticket(priority="low"))["id"]
    desk.clock.advance(4 * DAY)
    young_low = (await admin.ticket(priority="low"))["id"]
    critical = (await admin.ticket(priority="critical"))["id"]
    high, second_high = [(await admin.ticket(priority="high"))["id"] for _ in range(2)]

    order = []
    for room in range(1, 6):
        await admin.patch(f"/api/users/{agent.id}", {"max_tickets": room})
        mine = {t["id"] for t in await agent.all("/api/tickets/?assigned_to=me")}
        order += sorted(mine - set(order))

    assert order == [old_low, critical, high, second_high, young_low]


async def test_the_queue_moves_with_everything_that_can_make_room(desk: Desk) -> None:
    admin, agent = await desk.admin(), await desk.agent(availability="away", max_tickets=1)
    team = await desk.team("Network")

    async def waits(**fields: Any) -> str:
        ticket = await admin.ticket(**fields)
        assert ticket["assigned_to"] is None
        return f"/api/tickets/{ticket['id']}"

    async def taken(path: str) -> None:
        assert (await admin.get(path)).body["assigned_to"]["id"] == agent.id, path
        await admin.put(f"{path}/status", {"status": "pending"})

    me = f"/api/users/{agent.id}"
    path = await waits()
    await agent.patch(me, {"availability": "available"})
    await taken(path)
    path = await waits(required_skills=["vpn"])
    await admin.patch(me, {"skills": ["VPN"]})
    await taken(path)
    path = await waits(team_id=team)
    await admin.patch(f"/api/teams/{team}", {"member_ids": [agent.id]})
    await taken(path)
    await admin.patch(f"/api/teams/{team}", {"member_ids": []})
    path = await waits(team_id=team)
    await admin.patch(me, {"team_ids": [team]})
    await taken(path)
    await admin.patch(me, {"is_active": False})
    path = await waits()
    await admin.patch(me, {"is_active": True})
    await taken(path)
    busy = await admin.ticket()
    assert busy["assigned_to"]["id"] == agent.id
    path = await waits()
    await admin.put(f"/api/tickets/{busy['id']}/status", {"status": "resolved"})
    await taken(path)
    busy = await admin.ticket()
    path = await waits()
    await admin.put(f"/api/tickets/{busy['id']}/assign", {"assigned_to": admin.id})
    await taken(path)


async def test_whose_last_free_place_the_ticket_has_keeps_it_when_the_desk_decides_again(desk: Desk) -> None:
    admin, mia = await desk.admin(), await desk.agent(max_tickets=1)
    ticket = (await admin.ticket())["id"]

    answer = await admin.put(f"/api/tickets/{ticket}/assign", {"auto": True})

    assert answer.body["assigned_to"]["id"] == mia.id
    assert answer.body["assignment"]["winner"]["id"] == mia.id


# The return timer ------------------------------------------------------------------------------------------


async def returning(desk: Desk, **fields: Any) -> tuple[Client, Client, Client, int]:
    """Return the lead, two agents and the team that wants an answer within half an hour."""
    lead = await desk.admin()
    mia, leo = await desk.agent(**fields), await desk.agent(availability="away")
    team = await desk.team("Network", mia, leo, lead=lead)
    answer = await lead.patch(f"/api/teams/{team}", {"return_after_minutes": 30})
    assert answer.body["return_after_minutes"] == 30
    return lead, mia, leo, team


async def test_who_says_nothing_loses_the_ticket_and_the_lead_hears_of_it(desk: Desk) -> None:
    lead, mia, leo, team = await returning(desk)
    ticket = (await lead.ticket(team_id=team))["id"]
    await leo.patch(f"/api/users/{leo.id}", {"availability": "available"})

    desk.clock.advance(30 * MINUTE - 1)
    await timers.fire(desk.app)
    assert await agent_of(lead, ticket) == mia.id
    desk.clock.advance(1)
    await timers.fire(desk.app)

    assert await agent_of(lead, ticket) == leo.id
    assert [each["trigger"] for each in await decisions(lead, ticket)] == ["created", "returned"]
    excluded = (await lead.get(f"/api/tickets/{ticket}/exclusions")).body["items"]
    assert [(each["user"]["id"], each["reason"]) for each in excluded] == [(mia.id, "returned")]
    kinds = [each["kind"] for each in (await lead.get("/api/notifications/")).body["items"]]
    assert kinds.count("returned") == 1
    desk.clock.advance(30 * MINUTE)
    await timers.fire(desk.app)
    assert await agent_of(lead, ticket) is None, "now both are excluded, and it waits"


async def test_an_answer_a_pause_or_another_agent_stops_the_timer(desk: Desk) -> None:
    lead, mia, leo, team = await returning(desk)
    answered, paused, passed, noted = [(await lead.ticket(team_id=team))["id"] for _ in range(4)]
    await mia.post(f"/api/tickets/{answered}/messages", {"body": "On it"})
    await mia.put(f"/api/tickets/{paused}/status", {"status": "pending"})
    desk.clock.advance(20 * MINUTE)
    await lead.put(f"/api/tickets/{passed}/assign", {"assigned_to": leo.id})
    await mia.post(f"/api/tickets/{noted}/messages", {"body": "Hm", "is_internal": True})

    desk.clock.advance(15 * MINUTE)
    await timers.fire(desk.app)

    assert [await agent_of(lead, each) for each in (answered, paused, passed, noted)] == [
        mia.id,
        mia.id,
        leo.id,
        None,
    ]
    await lead.put(f"/api/tickets/{paused}/status", {"status": "open"})
    desk.clock.advance(30 * MINUTE)
    await timers.fire(desk.app)
    assert await agent_of(lead, paused) is None


async def test_in_a_team_that_can_wait_the_timer_stops(desk: Desk) -> None:
    lead, mia, _, team = await returning(desk)
    patient = await desk.team("Patient", mia, lead=lead)
    ticket = (await lead.ticket(team_id=team))["id"]
    await lead.patch(f"/api/tickets/{ticket}", {"team_id": patient})

    desk.clock.advance(DAY)
    await timers.fire(desk.app)

    assert await agent_of(lead, ticket) == mia.id


async def test_the_timer_counts_the_agents_own_hours(desk: Desk) -> None:
    lead, mia, _, team = await returning(desk)
    ticket_before = (await lead.ticket(team_id=team))["id"]
    await lead.patch(f"/api/users/{mia.id}", {"calendar_id": await hours(lead)})
    ticket = (await lead.ticket(team_id=team, assigned_to=mia.id))["id"]

    desk.clock.advance(HOUR + 29 * MINUTE)
    await timers.fire(desk.app)
    assert [await agent_of(lead, each) for each in (ticket_before, ticket)] == [None, mia.id]
    desk.clock.advance(MINUTE)
    await timers.fire(desk.app)

    assert await agent_of(lead, ticket) is None


async def test_what_is_in_progress_changes_hands_only_if_somebody_else_is_free(desk: Desk) -> None:
    lead, mia, _, team = await returning(desk)
    ticket = (await lead.ticket(team_id=team))["id"]
    await mia.put(f"/api/tickets/{ticket}/status", {"status": "in_progress"})

    desk.clock.advance(30 * MINUTE)
    await timers.fire(desk.app)

    assert await agent_of(lead, ticket) == mia.id
    assert (await decisions(lead, ticket))[-1]["winner"] is None


async def test_a_team_that_wants_it_no_longer_takes_nothing_back(desk: Desk) -> None:
    lead, mia, _, team = await returning(desk)
    ticket = (await lead.ticket(team_id=team))["id"]
    others = await desk.team("Telephony", mia)
    await lead.patch(f"/api/teams/{others}", {"return_after_minutes": 30})
    theirs = (await lead.ticket(team_id=others))["id"]

    await lead.patch(f"/api/teams/{team}", {"return_after_minutes": None})
    desk.clock.advance(30 * MINUTE)
    await timers.fire(desk.app)

    assert [await agent_of(lead, each) for each in (ticket, theirs)] == [mia.id, None]


async def test_the_tickets_page_names_who_is_left_out_and_takes_them_back(desk: Desk) -> None:
    lead, mia, leo, team = await returning(desk)
    ticket = (await lead.ticket(team_id=team))["id"]
    await lead.put(f"/api/tickets/{ticket}/exclusions", {"user_ids": [leo.id]})
    desk.clock.advance(30 * MINUTE)
    await timers.fire(desk.app)

    page = (await lead.get(f"/tickets/{ticket}")).body.decode()
    assert "Nobody was free after its agent had said nothing for too long" in page
    assert "not to get this ticket" in page
    assert [who in page for who in ("said nothing for too long</span>", "set by hand</span>")] == [True, True]
    form = {"user_ids": str(leo.id)}
    assert (await mia.call("POST", f"/tickets/{ticket}/exclusions", data=form)).status == 303

    excluded = (await lead.get(f"/api/tickets/{ticket}/exclusions")).body["items"]
    assert [each["user"]["id"] for each in excluded] == [leo.id]
    assert await agent_of(lead, ticket) == mia.id


# The way back ----------------------------------------------------------------------------------------------


async def reopened(desk: Desk, owner: Client, by: Client, **change: Any) -> tuple[int, Any]:
    ticket = (await by.ticket(assigned_to=owner.id))["id"]
    await by.put(f"/api/tickets/{ticket}/status", {"status": "resolved"})
    if change:
        await by.patch(f"/api/users/{owner.id}", change)
    answer = await by.put(f"/api/tickets/{ticket}/status", {"status": "open", "comment": "It is back."})
    assert answer.status == 200, answer.body
    return ticket, answer.body["assigned_to"]


async def test_a_reopened_ticket_goes_back_to_who_had_it(desk: Desk) -> None:
    admin, mia = await desk.admin(), await desk.agent(max_tickets=1)
    await desk.agent()

    ticket, agent = await reopened(desk, mia, admin)

    assert agent["id"] == mia.id
    (decision,) = await decisions(admin, ticket)
    assert (decision["trigger"], decision["winner"]["id"]) == ("reopened", mia.id)


@pytest.mark.parametrize("change", [{"availability": "away"}, {"is_active": False}, {"max_tickets": 0}])
async def test_without_its_agent_a_reopened_ticket_is_decided_anew(
    desk: Desk, change: dict[str, Any]
) -> None:
    admin, mia, leo = await desk.admin(), await desk.agent(), await desk.agent()

    _, agent = await reopened(desk, mia, admin, **change)

    assert agent["id"] == leo.id
    await admin.patch(f"/api/users/{leo.id}", {"availability": "away"})
    _, nobody = await reopened(desk, leo, admin)
    assert nobody is None


async def test_somebody_who_is_no_candidate_keeps_what_was_theirs(desk: Desk) -> None:
    admin = await desk.admin()
    await desk.agent()

    _, agent = await reopened(desk, admin, admin)

    assert agent["id"] == admin.id


async def test_a_decision_for_somebody_who_is_no_candidate_keeps_the_teams_weights(desk: Desk) -> None:
    admin, agent = await desk.admin(), await desk.agent()
    team = await desk.team("Network", agent)
    weights = {"spare_capacity": 0, "idle_time": 0, "skills": 0, "continuity": 70}
    await admin.patch(f"/api/teams/{team}", {"weights": weights})
    ticket = (await admin.ticket(team_id=team, assigned_to=admin.id))["id"]
    await admin.put(f"/api/tickets/{ticket}/status", {"status": "resolved"})

    await admin.put(f"/api/tickets/{ticket}/status", {"status": "open", "comment": "It is back."})

    (decision,) = await decisions(admin, ticket)
    assert [c["agent"]["id"] for c in decision["candidates"]] == [admin.id, agent.id]
    assert [[f["weight"] for f in c["factors"]] for c in decision["candidates"]] == [[70], [70]]


# Everybody at once -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("places", [7, 11, 20])
async def test_fifty_creates_and_fifty_claims_at_once_respect_every_limit(desk: Desk, places: int) -> None:
    admin = await desk.admin()
    agents = [await desk.agent(max_tickets=places) for _ in range(5)]
    ready = [(await admin.ticket(f"Ready {n}", auto_assign=False))["id"] for n in range(50)]

    answers = await asyncio.gather(
        *(
            call
            for n, ticket in enumerate(ready)
            for call in (
                admin.post("/api/tickets/", {"title": f"New {n}"}),
                admin.put(f"/api/tickets/{ticket}/assign", {"auto": True}),
            )
        )
    )

    assert {answer.status for answer in answers} == {200, 201}
    tickets = await admin.all("/api/tickets/?limit=100")
    loads = [sum(t["assigned_to"] == {"id": a.id, "name": a.user.name} for t in tickets) for a in agents]
    assert sum(loads) == min(100, places * 5)
    assert max(loads) <= places
    for ticket in tickets:
        history = await admin.all(f"/api/tickets/{ticket['id']}/history")
        given = [each["changes"]["assigned_to"] for each in history if "assigned_to" in each["changes"]]
        assert [each["from"] for each in given] == [None] * (ticket["assigned_to"] is not None)


async def test_of_fifty_claims_of_what_somebody_has_seen_one_succeeds(desk: Desk) -> None:
    admin = await desk.admin()
    agents = [await desk.agent() for _ in range(10)]
    ticket = await admin.ticket(auto_assign=False)
    path = f"/api/tickets/{ticket['id']}"

    answers = await asyncio.gather(
        *(
            agent.put(f"{path}/assign", {"assigned_to": agent.id}, headers={"If-Match": '"v1"'})
            for agent in agents * 5
        )
    )

    won = [answer for answer in answers if answer.status == 200]
    assert len(won) == 1
    assert {answer.code for answer in answers if answer is not won[0]} == {"stale"}
    history = await admin.all(f"{path}/history")
    assert sum("assigned_to" in change["changes"] for change in history) == 1
