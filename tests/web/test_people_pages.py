"""People and teams in the console: working hours, points and patience, as plain forms."""

import re
from typing import Any

from servicedesk.domain.people import Role
from tests.served import Answer, Client, Desk
from tests.web.test_assignment import hours


async def sent(client: Client, path: str, **fields: Any) -> Answer:
    return await client.call("POST", path, data=fields)


async def test_a_supervisor_sets_somebodys_working_hours(desk: Desk) -> None:
    boss, agent = await desk.person(Role.SUPERVISOR), await desk.agent()
    days = await hours(boss)

    assert "Working hours" in (await boss.get(f"/people?edit={agent.id}")).body.decode()
    assert (await sent(boss, f"/people/{agent.id}", calendar_id=str(days))).status == 303
    assert (await boss.get(f"/api/users/{agent.id}")).body["calendar_id"] == days
    await sent(boss, f"/people/{agent.id}", calendar_id="")

    assert (await boss.get(f"/api/users/{agent.id}")).body["calendar_id"] is None


async def test_a_supervisor_sets_what_counts_in_a_team_and_leaves_the_rest(desk: Desk) -> None:
    boss = await desk.person(Role.SUPERVISOR)
    team = (await boss.post("/api/teams/", {"name": "Network", "assignment": "skills"})).body["id"]
    weights = {"spare_capacity": 10, "idle_time": 20, "skills": 30, "continuity": 0}
    empty = dict.fromkeys(weights, "")

    form = {name: str(each) for name, each in weights.items()} | {"return_after_minutes": "45"}
    assert (await sent(boss, f"/teams/{team}", **form)).status == 303
    found = (await boss.get(f"/api/teams/{team}")).body
    assert (found["weights"], found["return_after_minutes"], found["assignment"]) == (weights, 45, "skills")
    page = (await boss.get(f"/people?tune={team}")).body.decode()
    for name, value in form.items():
        assert re.search(rf'name="{name}" type="number" value="{value}"', page), "nought is a number as well"
    assert (await sent(boss, f"/teams/{team}", **empty, return_after_minutes="")).status == 303

    found = (await boss.get(f"/api/teams/{team}")).body
    assert (found["weights"], found["return_after_minutes"], found["name"]) == (None, None, "Network")


async def test_what_cannot_count_is_refused_on_the_page(desk: Desk) -> None:
    boss = await desk.person(Role.SUPERVISOR)
    team = (await boss.post("/api/teams/", {"name": "Network"})).body["id"]
    nothing = dict.fromkeys(("spare_capacity", "idle_time", "skills", "continuity"), "0")

    for form in (
        nothing,
        nothing | {"skills": "much"},
        nothing | {"skills": ""},
        {"return_after_minutes": "0"},
    ):
        assert (await sent(boss, f"/teams/{team}", **form)).status == 422


async def test_a_refused_change_is_said_beside_its_field_in_the_form_that_it_came_from(desk: Desk) -> None:
    admin, agent = await desk.admin(), await desk.agent()

    refused = await sent(
        admin, f"/people/{agent.id}", name="Bo", email="no address", max_tickets="3", role="agent"
    )
    saved = await sent(
        admin, f"/people/{agent.id}", name="Bo", email="bo@example.org", role="agent", is_active="yes"
    )

    page = refused.body.decode()
    assert refused.status == 422
    assert f'id="edit" action="/people/{agent.id}"' in page
    assert re.search(r'name="email" type="email"[^>]* aria-invalid="true"', page)
    assert "Must be an e-mail address" in page
    assert saved.headers["Location"] == "/people?done=saved"
    assert "Saved." in (await admin.get("/people?done=saved")).body.decode()
