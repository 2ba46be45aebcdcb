"""Commands and events over real sockets."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import WSMsgType

from tests.served import Client, Desk
from tests.web.sockets import Socket, connect, say


async def joined(person: Client, ticket_id: int) -> tuple[Socket, Any]:
    """Return a socket that has joined the ticket, and the reply's data."""
    socket = await connect(person)
    return socket, await socket.do("join_ticket", ticket_id=ticket_id)


# The first frame and connect --------------------------------------------------


async def test_the_first_frame_says_who_and_where_one_is(desk: Desk) -> None:
    agent = await desk.agent(name="Ann")

    socket = await connect(agent)

    frame = socket.seen[0]
    data = frame["data"]
    assert (data["protocol"], data["heartbeat_s"], data["user"]["id"]) == (1, 25, agent.id)
    assert data["rooms"].keys() == {"desk", f"user:{agent.id}"}
    assert data["presence"] == [{"user": {"id": agent.id, "name": "Ann"}, "status": "online"}]
    assert data["limits"]["frame_bytes"] == 65536
    assert data["epoch"]
    assert data["connection_id"]
    assert not {"room", "seq"} & frame.keys()


async def test_a_customer_is_in_their_own_room_alone_and_is_not_told_who_is_here(desk: Desk) -> None:
    await connect(await desk.agent())
    customer = await desk.customer()

    data = (await connect(customer)).seen[0]["data"]

    assert data["rooms"].keys() == {f"user:{customer.id}"}
    assert data["presence"] == []


async def test_a_heartbeat_tells_where_the_rooms_stand(desk: Desk) -> None:
    agent = await desk.agent()
    ticket_id = (await agent.ticket())["id"]
    socket, reply = await joined(agent, ticket_id)

    await socket.send("connect", "beat", rooms={f"ticket:{ticket_id}": {"seq": reply["seq"]}})
    answer = await socket.event("connected")
    ok = await socket.next()

    rooms = answer["data"]["rooms"]
    assert rooms[f"ticket:{ticket_id}"] == {"recovered": True, "top": reply["seq"]}
    assert rooms.keys() == {"desk", f"user:{agent.id}", f"ticket:{ticket_id}", f"ticket:{ticket_id}:staff"}
    assert ok == {"reply_to": "beat", "data": {}, "ok": True}


async def test_a_heartbeat_without_an_id_has_no_reply_but_connected(desk: Desk) -> None:
    socket = await connect(await desk.agent())

    await socket.send("connect")

    assert (await socket.next())["event"] == "connected"
    assert await socket.quiet() == []


async def test_a_forbidden_and_an_unknown_room_look_alike(desk: Desk) -> None:
    theirs = (await (await desk.customer()).ticket())["id"]
    me = await desk.customer()
    socket = await connect(me)
    names = [f"ticket:{theirs}", "ticket:999", "desk", "user:1", "cellar", f"ticket:{theirs}:staff"]

    await socket.send("connect", rooms={name: {"seq": 0} for name in names})
    rooms = (await socket.event("connected"))["data"]["rooms"]

    assert [rooms[name] for name in names] == [{"recovered": False}] * len(names)


async def test_a_ticket_can_be_joined_by_connect(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    socket = await connect(customer)
    epoch = socket.seen[0]["data"]["epoch"]
    room = f"ticket:{ticket_id}"

    await socket.send("connect", rooms={room: {"seq": 0}}, epoch=epoch)
    answer = await socket.event("connected")

    assert answer["data"]["rooms"][room] == {"recovered": True, "top": 1}
    assert (await socket.stored(room, 1))["data"]["action"] == "created"


# Joining --------------------------------------------------


async def test_joining_gives_a_snapshot_and_the_rooms(desk: Desk) -> None:
    agent, customer = await desk.agent(name="Ann"), await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    for n in range(60):
        await say(customer, ticket_id, f"{n}")
    await say(agent, ticket_id, "secret", is_internal=True)

    _, reply = await joined(agent, ticket_id)

    assert reply["rooms"].keys() == {f"ticket:{ticket_id}", f"ticket:{ticket_id}:staff"}
    assert reply["room"] == f"ticket:{ticket_id}"
    assert reply["seq"] == reply["rooms"][reply["room"]]["seq"] == 61
    snapshot = reply["snapshot"]
    assert [m["body"] for m in snapshot["messages"]] == [*map(str, range(11, 60)), "secret"]
    assert snapshot["ticket"] == (await agent.get(f"/api/tickets/{ticket_id}")).body
    assert snapshot["viewers"] == [{"id": agent.id, "name": "Ann", "state": "viewing"}]
    assert snapshot["files"] == []


async def test_a_customers_snapshot_has_no_notes_and_no_viewers(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    await say(agent, ticket_id, "secret", is_internal=True)

    _, reply = await joined(customer, ticket_id)

    assert reply["rooms"].keys() == {f"ticket:{ticket_id}"}
    assert reply["snapshot"]["messages"] == []
    assert "viewers" not in reply["snapshot"]
    assert reply["snapshot"]["ticket"] == (await customer.get(f"/api/tickets/{ticket_id}")).body


@pytest.mark.parametrize("ticket_id", [999, 0, -1, 2**53, 2**70])
async def test_a_ticket_that_is_not_there_cannot_be_joined(desk: Desk, ticket_id: int) -> None:
    socket = await connect(await desk.agent())

    error = await socket.refused("join_ticket", ticket_id=ticket_id)

    assert error["code"] == "not_found"


async def test_a_ticket_that_may_not_be_seen_is_refused_like_one_that_is_not_there(desk: Desk) -> None:
    theirs = (await (await desk.customer()).ticket())["id"]
    socket = await connect(await desk.customer())
    commands: list[tuple[str, dict[str, Any]]] = [
        ("join_ticket", {}),
        ("send_message", {"body": "x", "client_msg_id": "x"}),
        ("typing_start", {}),
        ("typing_stop", {}),
        ("ticket_update", {"changes": {"status": "closed", "comment": "x"}}),
    ]

    for event, data in commands:
        hidden = await socket.refused(event, ticket_id=theirs, **data)
        missing = await socket.refused(event, ticket_id=999, **data)
        assert hidden["code"] == missing["code"] == "not_found"
        assert hidden["message"].replace(str(theirs), "?") == missing["message"].replace("999", "?")


async def test_after_leaving_nothing_is_heard_and_leaving_twice_is_fine(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    socket, _ = await joined(customer, ticket_id)

    assert await socket.do("leave_ticket", ticket_id=ticket_id) == {}
    assert await socket.do("leave_ticket", ticket_id=ticket_id) == {}
    await say(customer, ticket_id, "anybody?")

    assert await socket.quiet() == []


async def test_the_sixty_fifth_ticket_is_refused(desk: Desk) -> None:
    agent = await desk.agent()
    tickets = [(await agent.ticket(f"{n}"))["id"] for n in range(65)]
    socket = await connect(agent)
    for half in (tickets[:32], tickets[32:64]):
        await socket.send("connect", rooms={f"ticket:{t}": {"seq": 0} for t in half})
        await socket.event("connected")

    error = await socket.refused("join_ticket", ticket_id=tickets[64])

    assert error["code"] == "rate_limited"
    assert error["retry_after_ms"] > 0
    await socket.do("join_ticket", ticket_id=tickets[0])
    await socket.do("leave_ticket", ticket_id=tickets[0])
    await socket.do("join_ticket", ticket_id=tickets[64])


# Messages --------------------------------------------------


async def test_a_message_is_heard_by_those_who_joined(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    (here, _), (there, _) = await joined(agent, ticket_id), await joined(customer, ticket_id)

    sent = await here.do("send_message", ticket_id=ticket_id, body="On my way", client_msg_id="m1")

    heard = await there.event("new_message")
    assert (heard["room"], heard["seq"]) == (sent["room"], sent["seq"])
    assert heard["data"]["message"]["id"] == sent["message_id"]
    assert heard["data"]["message"]["body"] == "On my way"
    assert sent["duplicate"] is False
    assert (await here.quiet(), here.events(sent["room"]).count(sent["seq"])) == ([], 1)


async def test_sending_needs_access_but_no_join(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    socket = await connect(customer)

    sent = await socket.do("send_message", ticket_id=ticket_id, body="hello", client_msg_id="m1")

    messages = await customer.all(f"/api/tickets/{ticket_id}/messages")
    assert [m["id"] for m in messages] == [sent["message_id"]]


async def test_a_repeat_answers_with_the_first_and_nobody_hears_it_twice(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    socket, _ = await joined(customer, ticket_id)
    other = await connect(customer)
    data = {"ticket_id": ticket_id, "body": "once", "client_msg_id": "m1"}
    first = await socket.do("send_message", **data)

    again = await other.do("send_message", **data)
    rest = await customer.post(
        f"/api/tickets/{ticket_id}/messages", {"body": "once"}, headers={"Idempotency-Key": "m1"}
    )

    assert again == {**first, "duplicate": True}
    assert rest.body["id"] == first["message_id"]
    await socket.quiet()
    assert [f.get("event") for f in socket.seen].count("new_message") == 1


async def test_a_hundred_repeats_at_once_through_both_doors_are_one_message(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    sockets = [(await joined(customer, ticket_id))[0] for _ in range(5)]
    path, key = f"/api/tickets/{ticket_id}/messages", {"Idempotency-Key": "m1"}

    async def over_socket(socket: Socket) -> list[dict[str, Any]]:
        data = {"ticket_id": ticket_id, "body": "once", "client_msg_id": "m1"}
        for number in range(10):
            await socket.send("send_message", number, **data)
        return [(await socket.until(lambda f: "reply_to" in f))["data"] for _ in range(10)]

    *answers, first, second, third, fourth, fifth = await asyncio.gather(
        *(customer.post(path, {"body": "once"}, headers=key) for _ in range(50)),
        *(over_socket(socket) for socket in sockets),
    )

    replies = [*first, *second, *third, *fourth, *fifth]
    message = answers[0].body
    assert [answer.body for answer in answers] == [message] * 50
    assert sum(not reply.pop("duplicate") for reply in replies) <= 1
    assert replies == [{"message_id": message["id"], "room": f"ticket:{ticket_id}", "seq": 2}] * 50
    assert [each["id"] for each in await customer.all(path)] == [message["id"]]
    for socket in sockets:
        await socket.quiet()
        assert socket.events(f"ticket:{ticket_id}") == [2]


async def test_a_key_with_another_text_is_a_conflict(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    socket = await connect(customer)
    await socket.do("send_message", ticket_id=ticket_id, body="one", client_msg_id="m1")

    error = await socket.refused("send_message", ticket_id=ticket_id, body="two", client_msg_id="m1")

    assert error["code"] == "idempotency_conflict"


async def test_a_note_is_heard_by_staff_alone_and_leaves_no_hole_in_the_customers_room(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    room = f"ticket:{ticket_id}"
    (staff, _), (outside, reply) = await joined(agent, ticket_id), await joined(customer, ticket_id)

    note = await staff.do(
        "send_message", ticket_id=ticket_id, body="a fraud?", is_internal=True, client_msg_id="n"
    )
    await staff.do("ticket_update", ticket_id=ticket_id, changes={"priority": "high"})
    await staff.do("send_message", ticket_id=ticket_id, body="We look at it", client_msg_id="m")

    assert note["room"] == f"{room}:staff"
    assert (await staff.stored(f"{room}:staff", note["seq"]))["data"]["message"]["body"] == "a fraud?"
    await outside.quiet()
    assert outside.events(room) == list(range(reply["seq"] + 1, reply["seq"] + len(outside.events(room)) + 1))
    assert {f.get("room") for f in outside.seen} == {None, room, f"user:{customer.id}"}
    told = json.dumps(outside.seen)
    assert "fraud" not in told
    assert all("sla" not in f["data"]["ticket"] for f in outside.seen if f.get("event") == "ticket_updated")


async def test_a_customer_writes_no_notes(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    socket = await connect(customer)

    error = await socket.refused(
        "send_message", ticket_id=ticket_id, body="psst", is_internal=True, client_msg_id="n"
    )

    assert error["code"] == "forbidden"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"body": ""}, "body"),
        ({"body": " \n"}, "body"),
        ({"body": "x" * 32769}, "body"),
        ({"body": 7}, "body"),
        ({"body": "a\0b"}, "body"),
        ({"client_msg_id": ""}, "client_msg_id"),
        ({"client_msg_id": "x" * 256}, "client_msg_id"),
        ({"is_internal": "yes"}, "is_internal"),
        ({"ticket_id": "1"}, "ticket_id"),
        ({"more": 1}, "more"),
    ],
)
async def test_a_bad_field_is_named(desk: Desk, data: dict[str, Any], field: str) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    socket = await connect(customer)

    error = await socket.refused(
        "send_message", **{"ticket_id": ticket_id, "body": "x", "client_msg_id": "m", **data}
    )

    assert error["code"] == "invalid"
    assert [e["pointer"] for e in error["errors"]] == [f"/{field}"]


async def test_every_bad_field_is_named_at_once(desk: Desk) -> None:
    socket = await connect(await desk.agent())

    error = await socket.refused("send_message", ticket_id=None, is_internal=1)

    assert {e["pointer"] for e in error["errors"]} == {
        "/ticket_id",
        "/body",
        "/client_msg_id",
        "/is_internal",
    }


# ticket_update --------------------------------------------------


async def test_several_changes_are_one_transaction_with_an_event_for_each(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    socket, before = await joined(agent, ticket["id"])
    changes = {
        "assigned_to": agent.id,
        "status": "in_progress",
        "priority": "high",
        "title": "Fire",
        "tags": ["hot"],
    }

    done = await socket.do(
        "ticket_update", ticket_id=ticket["id"], version=ticket["version"], changes=changes
    )

    assert done["ticket"]["status"] == "in_progress"
    assert (done["ticket"]["title"], done["ticket"]["tags"]) == ("Fire", ["hot"])
    assert done["version"] == done["ticket"]["version"]
    assert done["room"] == f"ticket:{ticket['id']}"
    await socket.quiet()
    actions = [f["data"]["action"] for f in socket.seen if f.get("room") == done["room"]]
    assert sorted(actions) == sorted({"status", "priority", "updated"} | set(actions))
    assert socket.events(done["room"])[-1] == done["seq"] > before["seq"]


async def test_one_change_that_is_refused_undoes_the_others(desk: Desk) -> None:
    agent = await desk.agent(max_tickets=0)
    ticket = await agent.ticket()
    socket, reply = await joined(agent, ticket["id"])

    error = await socket.refused(
        "ticket_update", ticket_id=ticket["id"], changes={"priority": "critical", "status": "in_progress"}
    )

    assert error["code"] == "transition_refused"
    assert error["reasons"]
    assert (await agent.get(f"/api/tickets/{ticket['id']}")).body["priority"] == "medium"
    assert await socket.quiet() == []
    assert socket.events(reply["room"]) == []


async def test_a_stale_version_is_refused_with_the_ticket_as_it_stands(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    socket = await connect(agent)
    await socket.do("ticket_update", ticket_id=ticket["id"], changes={"title": "First"})

    error = await socket.refused(
        "ticket_update", ticket_id=ticket["id"], version=ticket["version"], changes={"title": "Second"}
    )

    assert error["code"] == "stale"
    assert error["current"]["title"] == "First"


async def test_an_illegal_move_names_the_legal_ones(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    socket = await connect(agent)
    await socket.do("ticket_update", ticket_id=ticket["id"], changes={"status": "open"})

    error = await socket.refused("ticket_update", ticket_id=ticket["id"], changes={"status": "new"})

    assert error["code"] == "illegal_transition"
    assert "resolved" in error["allowed"]


async def test_a_customer_may_close_but_not_prioritise(desk: Desk) -> None:
    customer = await desk.customer()
    ticket = await customer.ticket()
    socket = await connect(customer)

    error = await socket.refused(
        "ticket_update", ticket_id=ticket["id"], changes={"priority": "critical", "status": "closed"}
    )
    done = await socket.do(
        "ticket_update", ticket_id=ticket["id"], changes={"status": "closed", "comment": "It works again"}
    )

    assert error["code"] == "forbidden"
    assert done["ticket"]["status"] == "closed"


async def test_an_agent_is_taken_off_after_the_work_has_stopped(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket(assigned_to=agent.id)
    socket = await connect(agent)
    await socket.do("ticket_update", ticket_id=ticket["id"], changes={"status": "in_progress"})

    done = await socket.do(
        "ticket_update", ticket_id=ticket["id"], changes={"status": "open", "assigned_to": None}
    )

    assert (done["ticket"]["status"], done["ticket"]["assigned_to"]) == ("open", None)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({}, "/changes"),
        ({"comment": "why"}, "/changes"),
        ({"status": "done"}, "/changes/status"),
        ({"title": " "}, "/changes/title"),
        ({"title": "a\nb"}, "/changes/title"),
        ({"tags": ["x" * 65]}, "/changes/tags/0"),
        ({"colour": "red"}, "/changes/colour"),
        ({"assigned_to": 999}, "/assigned_to"),
    ],
)
async def test_a_bad_change_is_named(desk: Desk, changes: dict[str, Any], pointer: str) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    socket = await connect(agent)

    error = await socket.refused("ticket_update", ticket_id=ticket["id"], changes=changes)

    assert error["code"] == "invalid"
    assert pointer in [e["pointer"] for e in error["errors"]]


async def test_a_change_by_rest_is_heard_in_every_room_it_belongs_to(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    (staff, _), (outside, _) = await joined(agent, ticket_id), await joined(customer, ticket_id)
    listener = await connect(agent)

    answer = await agent.put(f"/api/tickets/{ticket_id}/priority", {"priority": "high", "reason": "A fire"})

    version = answer.body["version"]
    public = await outside.event("ticket_updated", action="priority")
    assert public["data"]["changes"] == {"priority": {"from": "medium", "to": "high"}}
    assert "reason" not in public["data"]
    internal = await staff.until(
        lambda f: f.get("room") == f"ticket:{ticket_id}:staff" and "action" in f["data"]
    )
    assert internal["data"]["reason"] == "A fire"
    everywhere = await listener.event("ticket_updated", action="priority")
    assert everywhere["room"] == "desk"
    assert {f["data"]["version"] for f in (public, internal, everywhere)} == {version}


# Typing, viewers, presence --------------------------------------------------


async def test_typing_is_seen_by_the_others_once_and_ends_when_stopped(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer(name="Cleo")
    ticket_id = (await customer.ticket())["id"]
    (staff, _), (outside, _) = await joined(agent, ticket_id), await joined(customer, ticket_id)

    for _ in range(3):
        await outside.do("typing_start", ticket_id=ticket_id)
    await outside.do("typing_stop", ticket_id=ticket_id)

    said = [f["data"] for f in await staff.quiet() if f["event"] == "user_typing"]
    who = {"id": customer.id, "name": "Cleo"}
    assert said == [
        {"ticket_id": ticket_id, "user": who, "typing": typing, "mode": "reply"} for typing in (True, False)
    ]
    assert [f for f in outside.seen if f.get("event") == "user_typing"] == []


async def test_typing_a_note_is_seen_by_staff_alone(desk: Desk) -> None:
    ann, ben, customer = await desk.agent(), await desk.agent(), await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    (here, _), (there, _) = await joined(ann, ticket_id), await joined(ben, ticket_id)
    outside, _ = await joined(customer, ticket_id)

    await here.do("typing_start", ticket_id=ticket_id, mode="note")

    assert (await there.event("user_typing"))["data"]["mode"] == "note"
    assert await outside.quiet() == []
    assert (await outside.refused("typing_start", ticket_id=ticket_id, mode="note"))["code"] == "forbidden"


@pytest.mark.parametrize("end", ["message", "rest", "leave", "close"])
async def test_typing_ends_with_the_message_on_leaving_and_with_the_socket(desk: Desk, end: str) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    (staff, _), (outside, _) = await joined(agent, ticket_id), await joined(customer, ticket_id)
    await outside.do("typing_start", ticket_id=ticket_id)
    await staff.event("user_typing", typing=True)

    if end == "message":
        await outside.do("send_message", ticket_id=ticket_id, body="done", client_msg_id="m")
    elif end == "rest":
        await say(customer, ticket_id, "done")
    elif end == "leave":
        await outside.do("leave_ticket", ticket_id=ticket_id)
    else:
        await outside.close()

    await staff.event("user_typing", typing=False)


async def test_typing_ends_by_itself(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    (staff, _), (outside, _) = await joined(agent, ticket_id), await joined(customer, ticket_id)
    await outside.do("typing_start", ticket_id=ticket_id)
    began = asyncio.get_running_loop().time()

    await asyncio.wait_for(_typing_over(staff), 15)

    assert 5.9 < asyncio.get_running_loop().time() - began < 9


async def _typing_over(socket: Socket) -> None:
    async for message in socket.ws:
        frame = message.json()
        if frame.get("event") == "user_typing" and not frame["data"]["typing"]:
            return


async def test_typing_needs_a_join(desk: Desk) -> None:
    agent = await desk.agent()
    ticket_id = (await agent.ticket())["id"]
    socket = await connect(agent)

    for event in ("typing_start", "typing_stop"):
        assert (await socket.refused(event, ticket_id=ticket_id))["code"] == "not_joined"
    assert (await socket.refused("typing_start", ticket_id=ticket_id, mode="song"))["code"] == "invalid"


async def test_a_newcomer_is_told_who_is_typing_after_the_reply(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    outside, _ = await joined(customer, ticket_id)
    await outside.do("typing_start", ticket_id=ticket_id)

    staff, _ = await joined(agent, ticket_id)

    assert (await staff.next())["data"]["typing"] is True


async def test_viewers_come_and_go_before_the_eyes_of_staff(desk: Desk) -> None:
    ann, ben, customer = await desk.agent(name="Ann"), await desk.agent(name="Ben"), await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    here, _ = await joined(ann, ticket_id)
    outside, _ = await joined(customer, ticket_id)
    there, reply = await joined(ben, ticket_id)
    assert {v["name"] for v in reply["snapshot"]["viewers"]} >= {"Ann", "Ben"}

    seen = await here.until(lambda f: _names(f) >= {"Ann", "Ben"})
    assert not {"room", "seq"} & seen.keys()
    await there.do("leave_ticket", ticket_id=ticket_id)

    await here.until(lambda f: "Ann" in _names(f) and "Ben" not in _names(f))
    assert [f for f in await outside.quiet() if f["event"] == "presence_update"] == []


def _names(frame: dict[str, Any]) -> set[str]:
    is_viewers = frame.get("event") == "presence_update" and "viewers" in frame["data"]
    return {v["name"] for v in frame["data"]["viewers"]} if is_viewers else set()


async def test_staff_hear_who_comes_online_and_customers_do_not(desk: Desk) -> None:
    outside, staff = await connect(await desk.customer()), await connect(await desk.agent())
    newcomer = await desk.agent(name="Ben")

    await connect(newcomer)
    await connect(newcomer)

    update = await staff.event("presence_update")
    assert update["data"] == {"user": {"id": newcomer.id, "name": "Ben"}, "status": "online"}
    assert await staff.quiet() == []
    assert await outside.quiet() == []


# Limits --------------------------------------------------


async def test_too_many_commands_are_refused_with_the_time_to_wait(desk: Desk) -> None:
    socket = await connect(await desk.agent())

    for number in range(70):
        await socket.send("leave_ticket", number, ticket_id=1)
    replies = [await socket.next() for _ in range(70)]

    refused = [r for r in replies if not r["ok"]]
    assert 0 < len(refused) <= 10
    assert {r["error"]["code"] for r in refused} == {"rate_limited"}
    assert [r["reply_to"] for r in replies] == list(range(70))
    await asyncio.sleep(max(r["error"]["retry_after_ms"] for r in refused) / 1000)
    assert await socket.do("leave_ticket", ticket_id=1) == {}


async def test_two_hundred_refusals_close_the_socket(desk: Desk) -> None:
    socket = await connect(await desk.agent())

    for _ in range(330):
        await socket.send("leave_ticket", ticket_id=1)

    assert (await socket.closed())[0] == 4013


async def test_the_twenty_first_socket_is_let_in_and_closed_at_once(desk: Desk) -> None:
    agent = await desk.agent()
    sockets = [await connect(agent) for _ in range(20)]

    extra = Socket(await agent.session.ws_connect("/ws"))

    assert (await extra.closed())[0] == 4504
    assert extra.seen == []
    await sockets[0].close()
    await connect(agent)


async def test_pings_are_answered(desk: Desk) -> None:
    agent = await desk.agent()
    ws = await agent.session.ws_connect("/ws", autoping=False)
    await ws.receive()

    await ws.ping(b"hello")

    pong = await ws.receive(timeout=5)
    assert (pong.type, bytes(pong.data)) == (WSMsgType.PONG, b"hello")


async def test_a_clean_close_is_answered(desk: Desk) -> None:
    socket = await connect(await desk.agent())

    await socket.ws.close(code=1000)

    assert socket.ws.close_code == 1000


async def test_what_waits_comes_as_one_array_for_who_asked(desk: Desk) -> None:
    agent = await desk.agent()
    ids = [(await agent.ticket(f"{n}"))["id"] for n in range(20)]
    socket = await connect(agent)
    await socket.send("connect", batch=True)
    await socket.event("connected")

    await agent.post("/api/tickets/bulk", {"ids": ids, "action": "priority", "priority": "high"})

    message = await socket.ws.receive(timeout=5)
    frames = message.json()
    assert isinstance(frames, list)
    assert len(frames) == 20
