"""Rooms and people over a real database, by a clock that the test turns."""

import asyncio
import json
from itertools import count
from typing import Any

import pytest

from servicedesk.domain.events import DESK, SessionsEnded, Told, ticket_room
from servicedesk.domain.times import MINUTE, SECOND
from servicedesk.live.connection import Connection
from servicedesk.live.hub import HEARD_AT_ONCE, Hub
from servicedesk.live.outbox import Outbox
from servicedesk.live.protocol import Close, Mode
from servicedesk.store import events
from servicedesk.web.live import Desk as LiveDesk
from tests.live.lines import Nowhere, Time
from tests.served import Client, Desk


class House:
    """A hub beside the served desk's own, with sockets that nobody writes to."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.time = Time()
        self.hub = Hub(LiveDesk(desk.app, "epoch"), self.time, desk.clock)
        desk.db.listen(self.hub.hear)
        self._numbers = count(1)

    def enter(self, person: Client, *rooms: str) -> Connection:
        socket = Connection(
            Nowhere(),
            self.hub.desk,
            self.time,
            self.hub.gate,
            connection_id=f"c{next(self._numbers)}",
            user_id=person.id,
            session_id=0,
        )
        self.hub.watch(socket)
        self.hub.enter(socket, person.user)
        for room in rooms:
            self.hub.sit(socket, room, self.desk.db.peek(events.top, room))
        return socket

    def pass_(self, milliseconds: int) -> None:
        """Let the time pass in steps, as the hub's beat does."""
        for _ in range(0, milliseconds, 250):
            self.time.pass_(250)
            self.hub.awareness.tick()


def read(connection: Connection) -> list[Any]:
    """Take what waits for a socket out of its queue."""
    outbox: Outbox = connection._outbox
    frames = []
    while outbox:
        frames += map(json.loads, outbox.take(batch=False))
    return frames


def statuses(connection: Connection) -> list[str]:
    return [f["data"]["status"] for f in read(connection) if "status" in f["data"]]


@pytest.fixture
def house(desk: Desk) -> House:
    return House(desk)


async def test_a_person_is_offline_ten_seconds_after_the_last_of_three_tabs(house: House) -> None:
    ann, ben = await house.desk.agent(), await house.desk.agent()
    watcher = house.enter(ann, DESK)
    house.pass_(MINUTE)
    tabs = [house.enter(ben) for _ in range(3)]
    assert statuses(watcher) == ["online"]

    for tab in tabs:
        house.hub.exit(tab)
    house.pass_(9 * SECOND)
    assert statuses(watcher) == []
    house.pass_(2 * SECOND)

    assert statuses(watcher) == ["offline"]


async def test_after_a_restart_nobody_is_announced_offline_while_all_come_back(house: House) -> None:
    watcher = house.enter(await house.desk.agent(), DESK)
    people = [await house.desk.agent() for _ in range(50)]
    sockets = [house.enter(person) for person in people]
    read(watcher)

    for person, socket in zip(people, sockets, strict=True):
        house.hub.exit(socket)
        house.enter(person)
    house.pass_(MINUTE)

    assert statuses(watcher) == []


async def test_viewers_who_lost_their_line_go_within_ten_seconds_and_who_leave_at_once(house: House) -> None:
    ann, ben = await house.desk.agent(), await house.desk.agent()
    ticket_id = (await ann.ticket())["id"]
    rooms = (ticket_room(ticket_id), f"{ticket_room(ticket_id)}:staff")
    here, there = house.enter(ann, *rooms), house.enter(ben, *rooms)
    for socket in (here, there):
        house.hub.awareness.opened(socket, ticket_id)
    house.pass_(SECOND)
    assert [len(f["data"]["viewers"]) for f in read(here)] == [2]

    house.hub.exit(there)
    house.pass_(7 * SECOND)
    assert read(here) == []
    house.pass_(3 * SECOND)
    assert [len(f["data"]["viewers"]) for f in read(here)] == [1]

    again = house.enter(ben, *rooms)
    house.hub.awareness.opened(again, ticket_id)
    house.pass_(SECOND)
    house.hub.leave_ticket(again, ticket_id)
    house.pass_(SECOND)
    assert [len(f["data"]["viewers"]) for f in read(here)] == [2, 1]


async def test_typing_ends_six_seconds_after_it_was_last_said(house: House) -> None:
    ann, ben = await house.desk.agent(), await house.desk.agent()
    ticket_id = (await ann.ticket())["id"]
    here, there = house.enter(ann, ticket_room(ticket_id)), house.enter(ben, ticket_room(ticket_id))

    house.hub.awareness.typing(there, ticket_id, Mode.REPLY)
    house.pass_(5 * SECOND)
    house.hub.awareness.typing(there, ticket_id, Mode.REPLY)
    house.pass_(5 * SECOND)
    assert [f["data"]["typing"] for f in read(here)] == [True]
    house.pass_(SECOND)

    assert [f["data"]["typing"] for f in read(here)] == [False]
    assert read(there) == []


async def test_who_is_idle_everywhere_is_away_among_the_viewers_too(house: House) -> None:
    ann, ben = await house.desk.agent(), await house.desk.agent()
    ticket_id = (await ann.ticket())["id"]
    watcher = house.enter(ann, DESK, f"{ticket_room(ticket_id)}:staff")
    idler = house.enter(ben)
    house.hub.awareness.opened(idler, ticket_id)
    house.pass_(SECOND)
    read(watcher)

    house.hub.awareness.touched(idler, idle=True)
    house.pass_(5 * MINUTE)

    told = [f["data"] for f in read(watcher)]
    assert told[0]["status"] == "away"
    assert told[1]["viewers"][0]["state"] == "away"


async def test_what_is_much_is_told_in_several_turns_of_the_loop_in_the_order_of_the_log(
    house: House,
) -> None:
    agent = await house.desk.agent()
    sockets = [house.enter(agent, DESK) for _ in range(HEARD_AT_ONCE)]
    top = house.desk.db.peek(events.top, DESK)

    told = [Told(DESK, top + n, b'{"seq":%d}' % n) for n in range(1, 5)]

    house.hub.hear([*told[:3], SessionsEnded(agent.id, None, Close.SESSION_ENDED), told[3]])
    heard = [[frame["seq"] for frame in read(socket)] for socket in sockets]
    assert heard == [[1]] * len(sockets), "this is enough for one turn"
    while not sockets[0].ending:
        await asyncio.sleep(0)
        for mine, socket in zip(heard, sockets, strict=True):
            mine += [frame["seq"] for frame in read(socket)]

    assert all(socket.ending for socket in sockets)
    assert heard == [[1, 2]] * len(sockets), "whose session ended hears no more, also of what waited"
