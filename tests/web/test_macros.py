"""Macros over HTTP: written down, looked at, applied as a whole or not at all."""

from typing import Any

import pytest

from servicedesk.domain.people import Role
from tests.served import Client, Desk
from tests.web.forms import upload

MACROS = "/api/macros/"
SOLVED = {
    "name": "Solved",
    "body": "Hello {{requester.first_name}}, {{ticket.reference}} is solved. {{agent.name}}",
    "actions": {"status": "resolved", "assigned_to": "me", "add_tags": ["solved"], "priority": "low"},
}


async def made(person: Client, **fields: Any) -> Any:
    answer = await person.post(MACROS, {**SOLVED, **fields})
    assert answer.status == 201, answer.body
    return answer.body


async def messages(person: Client, ticket: Any) -> list[tuple[str, bool]]:
    found = await person.all(f"/api/tickets/{ticket['id']}/messages")
    return [(m["body"], m["is_internal"]) for m in found]


async def now(person: Client, ticket: Any) -> Any:
    return (await person.get(f"/api/tickets/{ticket['id']}")).body


def everything(desk: Desk) -> Any:
    """Return what a preview must not touch."""
    tables = ("tickets", "messages", "history", "events", "macros")
    read = desk.db.peek
    return [read(lambda c, t=t: list(map(tuple, c.execute(f"SELECT * FROM {t}")))) for t in tables]


@pytest.fixture
async def agent(desk: Desk) -> Client:
    return await desk.agent(name="Ada Lovelace")


@pytest.fixture
async def ticket(agent: Client) -> Any:
    carla = {"email": "carla@shop.example", "name": "Carla Brown"}
    return await agent.ticket("No light", tags=["lamp"], requester=carla, auto_assign=False)


async def test_a_macro_is_kept_as_it_was_written(agent: Client) -> None:
    answer = await agent.post(MACROS, SOLVED)

    assert answer.status == 201
    expected = {
        **SOLVED,
        "id": 1,
        "is_internal": False,
        "is_shared": False,
        "owner_id": agent.id,
        "version": 1,
    }
    assert answer.body == expected
    assert answer.headers["Location"] == "/api/macros/1"
    assert (await agent.get(f"{MACROS}1")).body == expected
    assert (await agent.get(f"{MACROS}?count=true")).body == {
        "items": [expected],
        "next_cursor": None,
        "total": 1,
    }


async def test_a_preview_shows_text_and_changes_and_leaves_no_trace(
    desk: Desk, agent: Client, ticket: Any
) -> None:
    macro = await made(agent)
    before = everything(desk)

    answer = await agent.post(f"{MACROS}{macro['id']}/preview", {"ticket_id": ticket["id"]})

    assert answer.status == 200, answer.body
    assert answer.body == {
        "body": f"Hello Carla, {ticket['reference']} is solved. Ada Lovelace",
        "is_internal": False,
        "changes": {
            "status": {"from": "new", "to": "resolved"},
            "priority": {"from": "medium", "to": "low"},
            "assigned_to": {"from": None, "to": agent.id},
            "tags": {"from": ["lamp"], "to": ["lamp", "solved"]},
        },
        "refusals": [],
    }
    assert everything(desk) == before


async def test_applying_does_what_the_preview_said(agent: Client, ticket: Any) -> None:
    macro = await made(agent)
    preview = (await agent.post(f"{MACROS}{macro['id']}/preview", {"ticket_id": ticket["id"]})).body

    answer = await agent.post(f"{MACROS}{macro['id']}/apply", {"ticket_id": ticket["id"]})

    assert answer.status == 200, answer.body
    after = await now(agent, ticket)
    assert answer.body["version"] == after["version"]
    assert (after["status"], after["priority"], after["tags"]) == ("resolved", "low", ["lamp", "solved"])
    assert after["assigned_to"]["id"] == agent.id
    assert after["first_response_at"] is not None
    assert await messages(agent, ticket) == [(preview["body"], False)]


async def test_the_edited_text_is_said_as_it_is(agent: Client, ticket: Any) -> None:
    macro = await made(agent, is_internal=True, actions={})
    text = "Not {{agent.name}} but me"

    await agent.post(f"{MACROS}{macro['id']}/apply", {"ticket_id": ticket["id"], "body": text})

    assert await messages(agent, ticket) == [(text, True)]


async def test_files_go_with_the_text(agent: Client, ticket: Any) -> None:
    macro = await made(agent, actions={})
    file = (await upload(agent, ticket["id"])).body

    answer = await agent.post(
        f"{MACROS}{macro['id']}/apply", {"ticket_id": ticket["id"], "file_ids": [file["id"]]}
    )

    assert answer.status == 200, answer.body
    (said,) = await agent.all(f"/api/tickets/{ticket['id']}/messages")
    assert [each["id"] for each in said["files"]] == [file["id"]]


async def test_files_without_a_text_are_refused_and_nothing_is_changed(agent: Client, ticket: Any) -> None:
    macro = await made(agent, body="")
    file = (await upload(agent, ticket["id"])).body
    before = await now(agent, ticket)

    answer = await agent.post(
        f"{MACROS}{macro['id']}/apply", {"ticket_id": ticket["id"], "file_ids": [file["id"]]}
    )

    assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, "/file_ids")
    assert await now(agent, ticket) == before


async def test_without_text_only_the_changes_are_made(agent: Client, ticket: Any) -> None:
    macro = await made(agent, body="", actions={"remove_tags": ["LAMP"]})

    await agent.post(f"{MACROS}{macro['id']}/apply", {"ticket_id": ticket["id"]})

    assert (await now(agent, ticket))["tags"] == []
    assert await messages(agent, ticket) == []


async def test_what_is_refused_in_part_is_refused_as_a_whole(desk: Desk, agent: Client, ticket: Any) -> None:
    macro = await made(agent, actions={"priority": "high", "status": "resolved"})
    before = everything(desk)

    preview = await agent.post(f"{MACROS}{macro['id']}/preview", {"ticket_id": ticket["id"]})
    answer = await agent.post(f"{MACROS}{macro['id']}/apply", {"ticket_id": ticket["id"]})

    assert [r["code"] for r in preview.body["refusals"]] == ["transition_refused"]
    assert preview.body["changes"]["priority"] == {"from": "medium", "to": "high"}
    assert (answer.status, answer.code) == (409, "transition_refused")
    assert everything(desk) == before


async def test_a_closed_ticket_is_reopened_before_it_is_answered(agent: Client, ticket: Any) -> None:
    path = f"/api/tickets/{ticket['id']}/status"
    await agent.put(path, {"status": "closed", "comment": "done"})
    macro = await made(agent, body="One more thing", actions={"status": "open", "comment": "again"})

    answer = await agent.post(f"{MACROS}{macro['id']}/apply", {"ticket_id": ticket["id"]})

    assert answer.status == 200, answer.body
    assert answer.body["status"] == "open"
    assert await messages(agent, ticket) == [("One more thing", False)]


async def test_an_answer_on_a_closed_ticket_is_refused(agent: Client, ticket: Any) -> None:
    await agent.put(f"/api/tickets/{ticket['id']}/status", {"status": "closed", "comment": "done"})
    macro = await made(agent, actions={"add_tags": ["late"]})

    answer = await agent.post(f"{MACROS}{macro['id']}/apply", {"ticket_id": ticket["id"]})

    assert (answer.status, answer.code) == (409, "ticket_closed")
    assert (await now(agent, ticket))["tags"] == ["lamp"]


async def test_a_ticket_that_changed_meanwhile_is_left_alone(agent: Client, ticket: Any) -> None:
    macro = await made(agent)
    await agent.put(f"/api/tickets/{ticket['id']}/priority", {"priority": "high"})
    path = f"{MACROS}{macro['id']}/apply"

    by_body = await agent.post(path, {"ticket_id": ticket["id"], "version": ticket["version"]})
    by_header = await agent.post(path, {"ticket_id": ticket["id"]}, headers={"If-Match": '"v1"'})

    assert (by_body.status, by_body.code, by_body.body["current"]["version"]) == (412, "stale", 2)
    assert by_header.status == 412
    assert await messages(agent, ticket) == []


async def test_the_same_key_applies_once(agent: Client, ticket: Any) -> None:
    macro = await made(agent)
    path, body = f"{MACROS}{macro['id']}/apply", {"ticket_id": ticket["id"]}

    first = await agent.post(path, body, headers={"Idempotency-Key": "k"})
    again = await agent.post(path, body, headers={"Idempotency-Key": "k"})

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.body == first.body
    assert len(await messages(agent, ticket)) == 1


async def test_a_text_that_grows_too_long_is_refused(agent: Client, ticket: Any) -> None:
    macro = await made(agent, body="{{ticket.title}}" + "x" * 32_750, actions={})
    await agent.patch(f"/api/tickets/{ticket['id']}", {"title": "y" * 200})

    answer = await agent.post(f"{MACROS}{macro['id']}/apply", {"ticket_id": ticket["id"]})

    assert (answer.status, answer.pointers) == (422, ["/body"])


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"body": "Hi {{requester.shoe}}"}, ["/body"]),
        ({"body": "Hi {{7*7}}", "name": " "}, ["/body", "/name"]),
        ({"body": " ", "actions": {}}, ["/body"]),
        ({"body": "", "actions": {"comment": "why"}}, ["/body"]),
        ({"actions": {"status": "new"}}, ["/actions/status"]),
        ({"actions": {"assigned_to": 99, "team_id": 99}}, ["/actions/assigned_to", "/actions/team_id"]),
        ({"actions": {"assigned_to": "you"}}, ["/actions/assigned_to"]),
        ({"actions": {"status": "gone", "launch": True}}, ["/actions/launch", "/actions/status"]),
        ({"actions": {"add_tags": [" "]}}, ["/actions/add_tags/0"]),
        ({"body": "x" * 32_769}, ["/body"]),
        ({"colour": "red"}, ["/colour"]),
    ],
)
async def test_every_bad_field_is_named(agent: Client, fields: Any, pointers: list[str]) -> None:
    answer = await agent.post(MACROS, {**SOLVED, **fields})
    assert (answer.status, answer.pointers) == (422, pointers)


async def test_a_change_is_judged_like_a_new_one(agent: Client) -> None:
    macro = await made(agent)
    path = f"{MACROS}{macro['id']}"

    renamed = await agent.patch(path, {"name": "Done "})
    emptied = await agent.patch(path, {"body": "", "actions": {}})
    stale = await agent.patch(path, {"name": "x"}, headers={"If-Match": '"v1"'})

    assert (renamed.body["name"], renamed.body["version"]) == ("Done", 2)
    assert renamed.body["actions"] == SOLVED["actions"]
    assert (emptied.status, emptied.pointers) == (422, ["/body"])
    assert (stale.status, stale.body["current"]["name"]) == (412, "Done")
    assert (await agent.patch(path, {"name": "Done"})).body["version"] == 2


async def test_a_personal_macro_is_nobody_elses(desk: Desk, agent: Client, ticket: Any) -> None:
    macro = await made(agent)
    boss = await desk.person(Role.SUPERVISOR)
    path = f"{MACROS}{macro['id']}"

    assert (await boss.get(path)).status == 404
    assert (await boss.patch(path, {"name": "x"})).status == 404
    assert (await boss.delete(path)).status == 404
    assert (await boss.post(f"{path}/apply", {"ticket_id": ticket["id"]})).status == 404
    assert (await boss.get(path)).body["detail"] == (await boss.get(f"{MACROS}99")).body["detail"].replace(
        "99", "1"
    )
    assert await boss.all(MACROS) == []


async def test_shared_macros_are_everybodys_and_written_by_supervisors(
    desk: Desk, agent: Client, ticket: Any
) -> None:
    boss = await desk.person(Role.SUPERVISOR)
    macro = await made(boss, is_shared=True)
    path = f"{MACROS}{macro['id']}"

    assert [m["id"] for m in await agent.all(MACROS)] == [macro["id"]]
    assert (await agent.patch(path, {"name": "x"})).status == 403
    assert (await agent.delete(path)).status == 403
    assert (await agent.post(MACROS, {**SOLVED, "is_shared": True})).status == 403
    own = await made(agent)
    assert (await agent.patch(f"{MACROS}{own['id']}", {"is_shared": True})).status == 403
    assert (await agent.post(f"{path}/apply", {"ticket_id": ticket["id"]})).status == 200
    assert (await boss.delete(path)).status == 204
    assert (await agent.get(path)).status == 404


async def test_customers_have_no_macros(desk: Desk, agent: Client, ticket: Any) -> None:
    customer = await desk.customer()
    macro = await made(await desk.person(Role.SUPERVISOR), is_shared=True)

    assert (await customer.get(MACROS)).status == 403
    assert (await customer.post(MACROS, SOLVED)).status == 403
    assert (await customer.post(f"{MACROS}{macro['id']}/apply", {"ticket_id": ticket["id"]})).status == 404


async def test_an_unknown_ticket_is_a_bad_field(agent: Client) -> None:
    macro = await made(agent)
    for what in ("preview", "apply"):
        answer = await agent.post(f"{MACROS}{macro['id']}/{what}", {"ticket_id": 99})
        assert (answer.status, answer.pointers) == (422, ["/ticket_id"])


async def test_macros_come_page_by_page(desk: Desk, agent: Client) -> None:
    boss = await desk.person(Role.SUPERVISOR)
    for number in range(5):
        await made(boss if number % 2 else agent, name=str(number), is_shared=bool(number % 2))
    await made(boss, name="not mine")

    assert [m["name"] for m in await agent.all(f"{MACROS}?limit=2")] == list("01234")
    assert (await agent.get(f"{MACROS}?count=true")).body["total"] == 5


async def test_a_shared_macro_that_is_taken_back_is_its_owners_alone(desk: Desk) -> None:
    owner, boss = await desk.person(Role.SUPERVISOR), await desk.admin()
    path = f"{MACROS}{(await made(owner, is_shared=True))['id']}"

    assert (await boss.patch(path, {"is_shared": False})).status == 200
    assert (await boss.get(path)).status == 404
    assert (await owner.get(path)).body["is_shared"] is False


async def test_who_may_not_share_is_told_so_before_anything_else(desk: Desk) -> None:
    agent = await desk.agent()
    own = f"{MACROS}{(await made(agent))['id']}"

    assert (await agent.post(MACROS, {**SOLVED, "actions": {"team_id": 99}, "is_shared": True})).status == 403
    assert (await agent.patch(own, {"is_shared": True}, headers={"If-Match": '"v9"'})).status == 403
