"""People and teams over HTTP."""

from typing import Any

import pytest

from servicedesk.domain.people import Role
from servicedesk.store.sessions import Kind
from tests.served import Answer, Client, Desk
from tests.web.guests import PASSWORD, Guest, again, log_in, member, opens

NEW = {"email": "eve@example.org", "name": "Eve", "role": "agent", "password": PASSWORD}


async def add(by: Client, **fields: Any) -> Answer:
    return await by.post("/api/users/", NEW | fields)


async def test_an_admin_adds_a_person_who_can_log_in(desk: Desk) -> None:
    admin = await desk.admin()
    team = await desk.team("Network")

    made = await add(admin, name=" Eve ", skills=["VPN", "vpn"], max_tickets=3, team_ids=[team])

    shown = {"email": "eve@example.org", "name": "Eve", "role": "agent", "is_active": True, "max_tickets": 3}
    assert made.status == 201
    assert shown.items() <= made.body.items()
    assert made.body["skills"] == ["VPN"]
    assert made.body["team_ids"] == [team]
    assert made.headers["Location"] == f"/api/users/{made.body['id']}"
    assert (await admin.get(made.headers["Location"])).body == made.body
    assert (await log_in(desk, "EVE@example.org")).body["user"] == made.body


async def test_every_bad_field_of_a_new_person_is_named(desk: Desk) -> None:
    admin = await desk.admin()

    for fields, pointers in (
        ({"email": "eve"}, ["/email"]),
        ({"email": "a@b@c.org", "name": " ", "role": "boss"}, ["/email", "/name", "/role"]),
        ({"password": "short"}, ["/password"]),
        ({"password": "x" * 129}, ["/password"]),
        ({"password": "password123"}, ["/password"]),
        ({"max_tickets": -1, "skills": ["", "ok"]}, ["/max_tickets", "/skills/0"]),
        ({"skills": ["x"] * 21, "team_ids": [0]}, ["/skills", "/team_ids/0"]),
        ({"availability": "lunch", "is_admin": True}, ["/availability", "/is_admin"]),
        ({"name": "Eve\nEvil"}, ["/name"]),
        ({"team_ids": [99]}, ["/team_ids/0"]),
    ):
        answer = await add(admin, **fields)
        assert (answer.status, answer.pointers) == (422, pointers), fields
    answer = await admin.post("/api/users/", {})
    assert answer.pointers == ["/email", "/name", "/password", "/role"]


async def test_two_people_cannot_have_one_address(desk: Desk) -> None:
    admin = await desk.admin()
    await add(admin)

    twice = await add(admin, email="EVE@Example.org")
    taken = await admin.patch(f"/api/users/{admin.id}", {"email": "eve@example.org"})

    assert [(answer.status, answer.pointers) for answer in (twice, taken)] == [(422, ["/email"])] * 2
    assert twice.body["errors"][0]["code"] == "duplicate"


async def test_a_repeated_request_adds_one_person(desk: Desk) -> None:
    admin, key = await desk.admin(), {"Idempotency-Key": "k"}

    first = await admin.post("/api/users/", NEW, headers=key)
    second = await admin.post("/api/users/", NEW, headers=key)

    assert first.body == second.body
    assert second.headers["Idempotent-Replayed"] == "true"
    for file in desk.settings.data_dir.glob("servicedesk.db*"):
        assert PASSWORD.encode() not in file.read_bytes()


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AGENT, Role.CUSTOMER])
async def test_only_admins_add_people(desk: Desk, role: Role) -> None:
    answer = await add(await desk.person(role))

    assert (answer.status, answer.code) == (403, "forbidden")


async def test_without_a_log_in_there_is_nothing_to_see(desk: Desk) -> None:
    nobody = Guest(desk)

    for path in ("/api/users/", "/api/users/1", "/api/teams/", "/api/teams/1"):
        assert (await nobody.get(path)).status == 401


# Seeing -------------------------------------------------------------------------------------------------------


async def test_a_customer_sees_only_themselves(desk: Desk) -> None:
    ann, guest = await desk.agent(), await desk.customer()
    team = await desk.team()

    assert (await guest.get(f"/api/users/{guest.id}")).body["id"] == guest.id
    assert (await guest.get(f"/api/users/{ann.id}")).status == 404
    assert (await guest.patch(f"/api/users/{ann.id}", {"name": "x"})).status == 404
    assert (await guest.patch(f"/api/users/{guest.id}", {"name": "x"})).status == 403
    assert (await guest.get("/api/users/")).status == 403
    assert (await guest.get("/api/teams/")).status == 403
    assert (await guest.get(f"/api/teams/{team}")).status == 404


async def test_the_list_is_walked_page_by_page(desk: Desk) -> None:
    admin = await desk.admin()
    everybody = [admin.id] + [(await desk.customer()).id for _ in range(6)]

    walked = [user["id"] for user in await admin.all("/api/users/?limit=3")]
    counted = await admin.get("/api/users/?limit=1&count=true")

    assert walked == everybody
    assert counted.body["total"] == 7
    assert 'rel="next"' in counted.headers["Link"]


async def test_the_list_can_be_narrowed(desk: Desk) -> None:
    admin, ann = await desk.admin(name="Ada"), await desk.agent(name="Ann Smith", email="ann@smith.example")
    team = await desk.team("Network", ann)
    gone = await desk.agent(name="Gone")
    await admin.patch(f"/api/users/{gone.id}", {"is_active": False})

    async def ids(query: str) -> list[int]:
        return [user["id"] for user in await admin.all(f"/api/users/?{query}")]

    assert await ids("role=admin,agent") == [admin.id, ann.id, gone.id]
    assert await ids("role=agent&is_active=true") == [ann.id]
    assert await ids(f"team={team}") == [ann.id]
    assert await ids("q=SMITH+ann") == [ann.id]
    for bad in ("role=boss", "is_active=maybe", "team=x", "colour=red", "limit=0", "limit=101", "cursor=x"):
        answer = await admin.get(f"/api/users/?{bad}")
        assert (answer.status, answer.code) == (400, "bad_parameter"), bad


async def test_an_id_that_is_none_is_not_found(desk: Desk) -> None:
    admin = await desk.admin()

    for odd in ("0", "-1", "99", "x", "9007199254740992", "1e3", "%00"):
        assert (await admin.get(f"/api/users/{odd}")).status == 404, odd
        assert (await admin.get(f"/api/teams/{odd}")).status == 404, odd


# Changing -----------------------------------------------------------------------------------------------------


async def test_an_agent_changes_their_own_name_and_availability(desk: Desk) -> None:
    ann, bob = await desk.agent(), await desk.agent()
    own = f"/api/users/{ann.id}"

    after = await ann.patch(own, {"name": "Anne", "availability": "away"})

    assert (after.status, after.body["name"], after.body["availability"]) == (200, "Anne", "away")
    for field, value in {
        "role": "admin",
        "email": "x@y.org",
        "skills": [],
        "max_tickets": 1,
        "team_ids": [],
        "is_active": False,
        "password": "new and long",
    }.items():
        assert (await ann.patch(own, {field: value})).code == "forbidden", field
    assert (await ann.patch(f"/api/users/{bob.id}", {"name": "x"})).code == "forbidden"


async def test_a_supervisor_changes_what_decides_about_work(desk: Desk) -> None:
    boss, ann = await desk.person(Role.SUPERVISOR), await desk.agent()
    team = await desk.team()
    work = {"availability": "away", "skills": ["vpn"], "max_tickets": 2, "team_ids": [team]}

    after = await boss.patch(f"/api/users/{ann.id}", work)

    assert after.status == 200
    assert work.items() <= after.body.items()
    for field in ({"role": "admin"}, {"is_active": False}, {"email": "x@y.org"}, {"name": "x"}):
        assert (await boss.patch(f"/api/users/{ann.id}", field)).status == 403, field


async def test_a_change_with_bad_fields_names_them_all(desk: Desk) -> None:
    admin = await desk.admin()

    answer = await admin.patch(
        f"/api/users/{admin.id}", {"name": "", "role": None, "id": 3, "max_tickets": "2"}
    )

    assert (answer.status, answer.pointers) == (422, ["/id", "/max_tickets", "/name", "/role"])


async def test_the_last_admin_stays(desk: Desk) -> None:
    admin = await desk.admin()

    for change in ({"role": "agent"}, {"is_active": False}):
        answer = await admin.patch(f"/api/users/{admin.id}", change)
        assert (answer.status, answer.code) == (409, "last_admin")


async def test_a_deactivated_person_is_out_at_once(desk: Desk) -> None:
    admin, ann = await desk.admin(), await member(desk, "ann@example.org")
    program = await again(desk, ann, Kind.TOKEN)

    await admin.patch(f"/api/users/{ann.id}", {"is_active": False})

    assert not await opens(desk, ann.token)
    assert not await opens(desk, program.token)
    assert (await log_in(desk, "ann@example.org")).status == 401
    await admin.patch(f"/api/users/{ann.id}", {"is_active": True})
    assert not await opens(desk, ann.token)
    assert (await log_in(desk, "ann@example.org")).status == 200


async def test_an_admin_sets_a_forgotten_password_anew(desk: Desk) -> None:
    admin, ann = await desk.admin(), await member(desk, "ann@example.org")

    answer = await admin.patch(f"/api/users/{ann.id}", {"password": "a new beginning"})
    own = await admin.patch(f"/api/users/{admin.id}", {"password": "a new beginning"})

    assert answer.status == 200
    assert not await opens(desk, ann.token)
    assert (await log_in(desk, "ann@example.org", "a new beginning")).status == 200
    assert (own.status, own.pointers) == (422, ["/password"])


async def test_a_role_that_changes_counts_from_the_next_request_on(desk: Desk) -> None:
    admin, ann = await desk.admin(), await desk.agent()

    await admin.patch(f"/api/users/{ann.id}", {"role": "customer"})

    assert (await ann.get("/api/users/")).status == 403


# Teams --------------------------------------------------------------------------------------------------------


async def test_supervisors_make_and_change_teams(desk: Desk) -> None:
    boss, ann, bob = await desk.person(Role.SUPERVISOR), await desk.agent(), await desk.agent()

    made = await boss.post("/api/teams/", {"name": " Network ", "member_ids": [bob.id, ann.id]})
    path = f"/api/teams/{made.body['id']}"
    after = await boss.patch(path, {"lead_id": ann.id, "assignment": "skills", "member_ids": [bob.id]})

    assert (made.status, made.headers["Location"]) == (201, path)
    assert made.body == {
        "weights": None,
        "return_after_minutes": None,
        "id": made.body["id"],
        "name": "Network",
        "assignment": "balanced",
        "lead_id": None,
        "member_ids": [ann.id, bob.id],
        "sla_policy_id": None,
        "escalation_policy_id": None,
    }
    assert after.body == made.body | {"lead_id": ann.id, "assignment": "skills", "member_ids": [bob.id]}
    assert (await ann.get(path)).body == after.body
    assert (await ann.get("/api/teams/?count=true")).body["items"] == [after.body]
    assert (await boss.get(f"/api/users/{bob.id}")).body["team_ids"] == [made.body["id"]]
    assert (await boss.get(f"/api/users/{ann.id}")).body["team_ids"] == []
    assert (await boss.patch(path, {"lead_id": None})).body["lead_id"] is None


async def test_agents_change_no_teams(desk: Desk) -> None:
    ann, team = await desk.agent(), await desk.team()

    assert (await ann.post("/api/teams/", {"name": "x"})).status == 403
    assert (await ann.patch(f"/api/teams/{team}", {"name": "x"})).status == 403


async def test_bad_fields_of_a_team_are_named(desk: Desk) -> None:
    admin, guest = await desk.admin(), await desk.customer()
    team = await desk.team("Network")

    for fields, pointers in (
        ({}, ["/name"]),
        ({"name": "network"}, ["/name"]),
        ({"name": "x", "assignment": "dice", "colour": 1}, ["/assignment", "/colour"]),
        ({"name": "x", "lead_id": guest.id}, ["/lead_id"]),
        ({"name": "x", "member_ids": [admin.id, guest.id, 99]}, ["/member_ids/1", "/member_ids/2"]),
        ({"name": "x", "lead_id": "1"}, ["/lead_id"]),
    ):
        answer = await admin.post("/api/teams/", fields)
        assert (answer.status, answer.pointers) == (422, pointers), fields
    other = await admin.post("/api/teams/", {"name": "Print room"})
    assert (await admin.patch(f"/api/teams/{other.body['id']}", {"name": "NETWORK"})).pointers == ["/name"]
    assert (await admin.patch(f"/api/teams/{team}", {"name": "NETWORK"})).body["name"] == "NETWORK"


async def test_the_slash_may_be_left_out(desk: Desk) -> None:
    admin = await desk.admin()

    assert (await admin.get("/api/users")).body == (await admin.get("/api/users/")).body
    assert (await admin.post("/api/teams", {"name": "x"})).status == 201
