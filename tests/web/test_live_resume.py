"""Coming back: what was missed, exactly, then what is new."""

import asyncio
from typing import Any

from servicedesk.domain.events import Event
from servicedesk.store import events
from servicedesk.store.db import Tx
from servicedesk.web import timers
from tests.served import Client, Desk
from tests.web.sockets import Socket, connect, say


def epoch_of(socket: Socket) -> str:
    return str(socket.seen[0]["data"]["epoch"])


async def write(desk: Desk, room: str, times: int, size: int = 1) -> None:
    """Write events into a room's log as a change would."""

    def append(tx: Tx) -> None:
        for _ in range(times):
            events.append(
                tx, room, Event.NEW_MESSAGE, {"message": {"body": "x" * size, "author": {"id": 0}}}, 1
            )

    await desk.db.write(append)


async def rejoin(person: Client, ticket_id: int, epoch: str, **seqs: int) -> tuple[Socket, dict[str, Any]]:
    """Open a new socket and join with positions: ``ticket`` and, for staff, ``staff``."""
    names = {"ticket": f"ticket:{ticket_id}", "staff": f"ticket:{ticket_id}:staff"}
    rooms = {names[kind]: {"seq": seq} for kind, seq in seqs.items()}
    socket = await connect(person)
    return socket, await socket.do("join_ticket", ticket_id=ticket_id, rooms=rooms, epoch=epoch)


async def test_a_client_that_comes_back_gets_what_it_missed_then_what_is_new(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    room = f"ticket:{ticket_id}"
    first = await connect(customer)
    seq = (await first.do("join_ticket", ticket_id=ticket_id))["seq"]
    await first.close()
    for n in range(7):
        await say(customer, ticket_id, f"{n}")

    socket, reply = await rejoin(customer, ticket_id, epoch_of(first), ticket=seq)

    assert reply["rooms"] == {room: {"seq": seq + 7, "recovered": True}}
    assert "snapshot" not in reply
    assert socket.events(room) == [], "the reply comes first"
    await say(customer, ticket_id, "new")
    last = await socket.stored(room, seq + 8)
    assert last["data"]["message"]["body"] == "new"
    assert socket.events(room) == list(range(seq + 1, seq + 9))


async def test_staff_resume_both_rooms(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    first = await connect(agent)
    before = (await first.do("join_ticket", ticket_id=ticket_id))["rooms"]
    await first.close()
    await say(agent, ticket_id, "psst", is_internal=True)
    await say(agent, ticket_id, "hello")

    seqs = {
        "ticket": before[f"ticket:{ticket_id}"]["seq"],
        "staff": before[f"ticket:{ticket_id}:staff"]["seq"],
    }
    socket, reply = await rejoin(agent, ticket_id, epoch_of(first), **seqs)

    assert all(room["recovered"] for room in reply["rooms"].values())
    await socket.quiet()
    for room, state in reply["rooms"].items():
        assert socket.events(room) == list(range(before[room]["seq"] + 1, state["seq"] + 1))


async def test_a_room_that_was_not_named_comes_with_a_snapshot(desk: Desk) -> None:
    agent = await desk.agent()
    ticket_id = (await agent.ticket())["id"]
    first = await connect(agent)

    socket, reply = await rejoin(agent, ticket_id, epoch_of(first), ticket=0)

    assert reply["rooms"][f"ticket:{ticket_id}"]["recovered"]
    assert not reply["rooms"][f"ticket:{ticket_id}:staff"]["recovered"]
    assert reply["snapshot"]["ticket"]["id"] == ticket_id
    await socket.quiet()
    assert socket.events(f"ticket:{ticket_id}") == list(range(1, reply["seq"] + 1))


async def test_from_zero_the_whole_room_comes(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    await write(desk, f"ticket:{ticket_id}", 499)
    first = await connect(customer)

    socket, reply = await rejoin(customer, ticket_id, epoch_of(first), ticket=0)

    assert reply["rooms"][f"ticket:{ticket_id}"] == {"seq": 500, "recovered": True}
    await socket.stored(f"ticket:{ticket_id}", 500)
    assert socket.events(f"ticket:{ticket_id}") == list(range(1, 501))


async def test_more_than_500_behind_is_a_snapshot_and_nothing_else(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    await write(desk, f"ticket:{ticket_id}", 500)
    first = await connect(customer)

    socket, reply = await rejoin(customer, ticket_id, epoch_of(first), ticket=0)

    assert reply["rooms"][f"ticket:{ticket_id}"] == {"seq": 501, "recovered": False}
    assert reply["snapshot"]["ticket"]["id"] == ticket_id
    assert await socket.quiet() == []


async def test_more_than_a_megabyte_behind_is_a_snapshot(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    await write(desk, f"ticket:{ticket_id}", 11, size=100_000)
    first = await connect(customer)

    _, whole = await rejoin(customer, ticket_id, epoch_of(first), ticket=1)
    socket, most = await rejoin(customer, ticket_id, epoch_of(first), ticket=2)

    assert not whole["rooms"][f"ticket:{ticket_id}"]["recovered"]
    assert most["rooms"][f"ticket:{ticket_id}"]["recovered"]
    await socket.stored(f"ticket:{ticket_id}", 12)
    assert socket.events(f"ticket:{ticket_id}") == list(range(3, 13))


async def test_another_epoch_or_none_is_a_snapshot(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]

    _, wrong = await rejoin(customer, ticket_id, "another", ticket=1)
    socket = await connect(customer)
    without = await socket.do("join_ticket", ticket_id=ticket_id, rooms={f"ticket:{ticket_id}": {"seq": 1}})

    for reply in (wrong, without):
        assert not reply["rooms"][f"ticket:{ticket_id}"]["recovered"]
        assert "snapshot" in reply


async def test_a_client_ahead_of_the_server_gets_a_snapshot(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    first = await connect(customer)

    socket, reply = await rejoin(customer, ticket_id, epoch_of(first), ticket=99)

    assert reply["rooms"][f"ticket:{ticket_id}"] == {"seq": 1, "recovered": False}
    assert "snapshot" in reply
    await say(customer, ticket_id, "hello")
    await socket.stored(f"ticket:{ticket_id}", 2)


async def test_a_hole_in_the_log_is_never_replayed(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    await write(desk, f"ticket:{ticket_id}", 10)
    await desk.db.write(lambda tx: tx.execute("DELETE FROM events WHERE seq = 3").rowcount)
    first = await connect(customer)

    _, over = await rejoin(customer, ticket_id, epoch_of(first), ticket=1)
    _, after = await rejoin(customer, ticket_id, epoch_of(first), ticket=3)

    assert not over["rooms"][f"ticket:{ticket_id}"]["recovered"]
    assert after["rooms"][f"ticket:{ticket_id}"]["recovered"]


async def test_the_rooms_of_a_person_are_resumed_by_connect_before_they_flow(desk: Desk) -> None:
    agent = await desk.agent()
    first = await connect(agent)
    top = first.seen[0]["data"]["rooms"]["desk"]["top"]
    await first.close()
    for n in range(3):
        await agent.ticket(f"missed {n}")
    socket = await connect(agent)
    await agent.ticket("while connecting")

    await socket.send("connect", rooms={"desk": {"seq": top}}, epoch=epoch_of(first))
    answer = await socket.event("connected")

    assert answer["data"]["rooms"]["desk"]["recovered"] is True
    await agent.ticket("afterwards")
    await socket.until(lambda f: f.get("room") == "desk" and f["data"]["ticket"]["title"] == "afterwards")
    assert socket.events("desk") == list(range(top + 1, socket.events("desk")[-1] + 1))
    assert len(socket.events("desk")) == 5


async def test_who_says_nothing_hears_the_desk_all_the_same(desk: Desk) -> None:
    agent = await desk.agent()
    socket = await connect(agent)

    await agent.ticket()

    assert (await socket.event("ticket_updated"))["room"] == "desk"


async def test_a_late_resume_of_a_room_that_has_flowed_is_no_silent_gap(desk: Desk) -> None:
    agent = await desk.agent()
    first = await connect(agent)
    await agent.ticket("missed")
    socket = await connect(agent)
    await agent.ticket("heard")
    heard = await socket.event("ticket_updated")

    await socket.send("connect", rooms={"desk": {"seq": heard["seq"] - 2}}, epoch=epoch_of(first))

    assert (await socket.event("connected"))["data"]["rooms"]["desk"]["recovered"] is False
    assert socket.events("desk") == [heard["seq"]]


async def test_joining_again_gives_the_present_state_and_repeats_nothing(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    room = f"ticket:{ticket_id}"
    socket = await connect(customer)
    await socket.do("join_ticket", ticket_id=ticket_id)
    await say(customer, ticket_id, "one")
    await socket.stored(room, 2)

    again = await socket.do("join_ticket", ticket_id=ticket_id)
    named = await socket.do(
        "join_ticket", ticket_id=ticket_id, rooms={room: {"seq": 2}}, epoch=again["epoch"]
    )
    await say(customer, ticket_id, "two")
    await socket.stored(room, 3)

    assert (again["seq"], [m["body"] for m in again["snapshot"]["messages"]]) == (2, ["one"])
    assert named["rooms"][room] == {"seq": 2, "recovered": True}
    assert socket.events(room) == [2, 3]


async def test_what_a_client_has_from_elsewhere_is_not_sent_again(desk: Desk) -> None:
    agent = await desk.agent()
    socket = await connect(agent)
    await agent.ticket()
    top = desk.db.peek(events.top, "desk")

    await socket.send("connect", rooms={"desk": {"seq": top}}, epoch=epoch_of(socket))

    assert (await socket.event("connected"))["data"]["rooms"]["desk"] == {"recovered": True, "top": top}
    assert await socket.quiet() == []


async def test_joining_and_leaving_at_random_among_messages_loses_and_repeats_nothing(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    room = f"ticket:{ticket_id}"
    over = asyncio.Event()

    async def talk() -> None:
        for n in range(150):
            await say(customer, ticket_id, f"{n}")
        over.set()

    async def listen(pause: float) -> list[int]:
        """Come and go until it is over; return every place that was told, by snapshot or event."""
        places: list[int] = []
        epoch = ""
        while True:
            last = over.is_set()
            socket = await connect(customer)
            rooms = {"rooms": {room: {"seq": places[-1]}}, "epoch": epoch} if places else {}
            reply = await socket.do("join_ticket", ticket_id=ticket_id, **rooms)
            if not places:
                places = list(range(1, reply["seq"] + 1))
            epoch = reply["epoch"]
            await asyncio.sleep(pause)
            await socket.quiet()
            places += socket.events(room)
            await socket.close()
            if last:
                return places

    _, *heard = await asyncio.gather(talk(), *(listen(0.01 * n) for n in range(1, 6)))

    assert heard == [list(range(1, 152))] * 5


async def test_old_events_go_but_the_last_thousand_stay(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    room = f"ticket:{ticket_id}"
    await write(desk, room, 1499)

    await timers.fire(desk.app)

    assert desk.db.peek(events.top, room) == 1500
    assert not desk.db.peek(events.can_resume, room, 499, most=5000, most_bytes=10**9)
    assert desk.db.peek(events.can_resume, room, 500, most=5000, most_bytes=10**9)
