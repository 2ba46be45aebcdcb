"""Notifications and watchers over HTTP and live."""

from typing import Any

import pytest

from tests.served import Client, Desk
from tests.web.sockets import connect, say


async def notifications(person: Client, query: str = "") -> Any:
    answer = await person.get(f"/api/notifications/{query}")
    assert answer.status == 200, answer.body
    return answer.body


async def kinds(person: Client) -> list[str]:
    return [each["kind"] for each in (await notifications(person))["items"]]


async def watching(person: Client, ticket_id: int) -> list[int]:
    return [each["id"] for each in await person.all(f"/api/tickets/{ticket_id}/watchers")]


async def assigned(desk: Desk, agent: Client, number: int) -> list[int]:
    """Open tickets and give them to the agent; return what they were told, newest first."""
    by, customer = await desk.admin(), await desk.customer()
    for n in range(number):
        ticket_id = (await customer.ticket(f"Fire {n}"))["id"]
        await by.put(f"/api/tickets/{ticket_id}/assign", {"assigned_to": agent.id})
    return [each["id"] for each in await agent.all("/api/notifications/")]


# The list --------------------------------------------------


async def test_a_mention_is_in_the_list_of_who_was_called(desk: Desk) -> None:
    ann, ben, customer = await desk.agent(), await desk.agent(name="Ben Ohr"), await desk.customer()
    ticket = await customer.ticket("The printer is on fire")
    desk.clock.advance(1000)

    note = await say(ann, ticket["id"], "Could you look, @ben.ohr?", is_internal=True)

    body = await notifications(ben, "?unread=true&count=true")
    assert body["unread"] == body["total"] == len(body["items"])
    assert body["next_cursor"] is None
    assert body["items"][0] | {"id": 0} == {
        "id": 0,
        "kind": "mentioned",
        "ticket": {"id": ticket["id"], "reference": ticket["reference"], "title": "The printer is on fire"},
        "actor": {"id": ann.id, "name": ann.user.name},
        "message_id": note["id"],
        "text": "Could you look, @ben.ohr?",
        "times": 1,
        "is_read": False,
        "created_at": note["created_at"],
    }


async def test_the_list_is_walked_newest_first_while_it_grows(desk: Desk) -> None:
    agent = await desk.agent()
    ids = await assigned(desk, agent, 5)
    assert ids == sorted(ids, reverse=True)

    first = await agent.get("/api/notifications/?limit=2")
    await assigned(desk, agent, 1)
    cursor = first.body["next_cursor"]
    second = await agent.get(f"/api/notifications/?limit=9&cursor={cursor}")

    assert [each["id"] for each in first.body["items"] + second.body["items"]] == ids
    assert 'rel="next"' in first.headers["Link"]
    assert second.body["unread"] == 6


async def test_each_sees_only_what_concerns_them(desk: Desk) -> None:
    ann, ben = await desk.agent(), await desk.agent()
    customer, other = await desk.customer(), await desk.customer()
    ticket_id = (await customer.ticket(title="Fire"))["id"]
    await ben.put(f"/api/tickets/{ticket_id}/assign", {"assigned_to": ann.id})
    await say(ann, ticket_id, "A hoax?", is_internal=True)
    await say(ann, ticket_id, "On my way")

    assert await kinds(customer) == ["replied"]
    assert await kinds(other) == []
    assert "hoax" not in str(await notifications(customer))
    assert await kinds(ann) in (["assigned"], [])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/notifications/?unread=maybe", None, 400),
        ("GET", "/api/notifications/?cursor=x", None, 400),
        ("GET", "/api/notifications/?limit=0", None, 400),
        ("PATCH", "/api/notifications/1", {}, 422),
        ("PATCH", "/api/notifications/1", {"read": 1, "kind": "x"}, 422),
        ("PATCH", "/api/notifications/99", {"read": True}, 404),
        ("PATCH", "/api/notifications/99", {}, 404),
        ("PATCH", "/api/notifications/x", {"read": True}, 404),
        ("POST", "/api/notifications/read", {"up_to": -1}, 422),
        ("POST", "/api/notifications/read", {}, 422),
        ("DELETE", "/api/notifications/1", None, 405),
    ],
)
async def test_bad_requests_are_refused(desk: Desk, method: str, path: str, body: Any, status: int) -> None:
    agent = await desk.agent()
    await (await desk.admin()).ticket()

    assert (await agent.call(method, path, json=body)).status == status


async def test_nobody_reads_anothers(desk: Desk) -> None:
    agent, other = await desk.agent(), await desk.agent()
    [number] = await assigned(desk, agent, 1)

    assert (await other.patch(f"/api/notifications/{number}", {"read": True})).status == 404
    assert (await other.post("/api/notifications/read", {"up_to": number})).status == 200

    assert (await notifications(agent))["unread"] == 1


async def test_a_stranger_gets_nothing(desk: Desk) -> None:
    async with desk.session().get("/api/notifications/") as answer:
        assert answer.status == 401


# Read state --------------------------------------------------


async def test_one_is_read_and_unread_again(desk: Desk) -> None:
    agent = await desk.agent()
    latest, _ = await assigned(desk, agent, 2)

    read = await agent.patch(f"/api/notifications/{latest}", {"read": True})

    assert (read.status, read.body["id"], read.body["is_read"]) == (200, latest, True)
    assert latest not in [each["id"] for each in (await notifications(agent, "?unread=true"))["items"]]
    await agent.patch(f"/api/notifications/{latest}", {"read": False})
    assert (await notifications(agent))["unread"] == 2


async def test_all_that_was_seen_is_read_at_once(desk: Desk) -> None:
    agent = await desk.agent()
    _, seen, _ = await assigned(desk, agent, 3)

    answer = await agent.post("/api/notifications/read", {"up_to": seen})

    assert answer.body == {"unread": 1}
    assert [each["is_read"] for each in (await notifications(agent))["items"]] == [False, True, True]


async def test_who_has_seen_a_ticket_has_read_what_is_told_of_it(desk: Desk) -> None:
    agent = await desk.agent()
    await assigned(desk, agent, 2)
    ticket_id = (await notifications(agent))["items"][0]["ticket"]["id"]

    answer = await agent.post(f"/tickets/{ticket_id}/read", {"message_id": 0})

    assert answer.status == 204
    assert [each["is_read"] for each in (await notifications(agent))["items"]] == [True, False]


# Live --------------------------------------------------


async def test_it_is_heard_at_once_in_every_window(desk: Desk) -> None:
    agent, by = await desk.agent(), await desk.admin()
    ticket_id = (await (await desk.customer()).ticket(title="Fire"))["id"]
    windows = [await connect(agent) for _ in range(2)]

    await say(by, ticket_id, "@agent.1 look", is_internal=True)

    for window in windows:
        heard = await window.event("notification")
        assert heard["room"] == f"user:{agent.id}"
        assert heard["data"]["notification"] == (await notifications(agent))["items"][0]
    number = (await notifications(agent))["items"][0]["id"]
    await agent.patch(f"/api/notifications/{number}", {"read": True})
    for window in windows:
        unread = (await notifications(agent))["unread"]
        assert (await window.event("notifications_read", ids=[number], is_read=True))["data"][
            "unread"
        ] == unread
    await agent.post("/api/notifications/read", {"up_to": number})
    assert (await notifications(agent))["unread"] == 0


async def test_what_was_missed_comes_after_all(desk: Desk) -> None:
    agent = await desk.agent()
    socket = await connect(agent)
    epoch, room = socket.seen[0]["data"]["epoch"], f"user:{agent.id}"
    await socket.close()
    await assigned(desk, agent, 3)
    await agent.post("/api/notifications/read", {"up_to": 2})

    again = await connect(agent)
    await again.send("connect", rooms={room: {"seq": 0}}, epoch=epoch)
    await again.event("notifications_read", up_to=2)
    await again.quiet()

    told = [f for f in again.seen if f.get("room") == room]
    assert [f["seq"] for f in told] == [1, 2, 3, 4]
    assert [f["data"]["unread"] for f in told] == [1, 2, 3, 1]


# Watchers --------------------------------------------------


async def test_watching_is_told_of_what_happens(desk: Desk) -> None:
    ann, ben, customer = await desk.agent(), await desk.agent(), await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    await ben.post("/api/notifications/read", {"up_to": 99})

    answer = await ben.put(f"/api/tickets/{ticket_id}/watch")
    await say(customer, ticket_id, "Hurry")

    assert (answer.status, answer.body) == (
        200,
        {"items": [{"id": ben.id, "name": ben.user.name}], "next_cursor": None},
    )
    assert (await kinds(ben))[0] == "replied"
    assert (await ben.delete(f"/api/tickets/{ticket_id}/watch")).status == 204
    assert await watching(ann, ticket_id) == []


async def test_a_supervisor_makes_others_watch(desk: Desk) -> None:
    ann, ben, boss = await desk.agent(), await desk.agent(), await desk.admin()
    ticket_id = (await (await desk.customer()).ticket())["id"]

    for ids in ([ann.id, ben.id], [ben.id], [ben.id]):
        answer = await boss.put(f"/api/tickets/{ticket_id}/watchers", {"user_ids": ids})
        assert [each["id"] for each in answer.body["items"]] == ids

    assert (await ann.get(f"/api/tickets/{ticket_id}/watchers?limit=1&count=true")).body["total"] == 1


async def test_who_watches_is_for_staff(desk: Desk) -> None:
    customer, other = await desk.customer(), await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    path = f"/api/tickets/{ticket_id}"

    for person, status in ((customer, 403), (other, 404)):
        assert (await person.get(f"{path}/watchers")).status == status
        assert (await person.put(f"{path}/watchers", {"user_ids": []})).status == status
        assert (await person.put(f"{path}/watch")).status == status
        assert (await person.delete(f"{path}/watch")).status == status


async def test_each_bad_watcher_is_named(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    path = f"/api/tickets/{(await customer.ticket())['id']}/watchers"

    answer = await agent.put(path, {"user_ids": [agent.id, customer.id, 999]})
    assert (answer.status, answer.pointers) == (422, ["/user_ids/1", "/user_ids/2"])
    answer = await agent.put(path, {"user_ids": [0], "watch": True})
    assert (answer.status, answer.pointers) == (422, ["/user_ids/0", "/watch"])
    assert (await agent.put("/api/tickets/999/watchers", {"user_ids": []})).status == 404


# Handles --------------------------------------------------


async def test_the_staff_have_handles(desk: Desk) -> None:
    ann, twin = await desk.agent(name="Ann Lee"), await desk.agent(name="Ann Lee")
    gone, customer = await desk.agent(name="Otto"), await desk.customer()
    await (await desk.admin(name="Boss")).patch(f"/api/users/{gone.id}", {"is_active": False})

    answer = await ann.get("/api/users/handles")

    handles = {each["id"]: each["handle"] for each in answer.body["items"]}
    assert handles.items() >= {ann.id: "ann.lee", twin.id: "ann.lee2"}.items()
    assert gone.id not in handles
    assert (await customer.get("/api/users/handles")).status == 403
