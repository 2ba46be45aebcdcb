"""The program is killed again and again, or told to go, while people write: what was answered is there, once."""

import asyncio
import json
import signal
import time
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from tests.stress.desks import Desk, Person, served
from tests.stress.readers import Reader
from tests.stress.wires import Cut, Wire, come_back, crowd

pytestmark = pytest.mark.slow

MESSAGES: Final = 1_000
"""What each of the senders says."""
KILLS: Final = 10
AT_A_TIME: Final = 10
BURST: Final = 50
PAUSE: Final = 0.05
"""Seconds between two messages after the first burst: the desk takes twenty in a second."""


class Sender:
    """Says one thing after the other, and says again what was not answered."""

    def __init__(self, desk: Desk, person: Person, ticket_id: int, name: str) -> None:
        self.answered: dict[str, dict[str, Any]] = {}
        self._unanswered: dict[str, None] = {}
        self._desk = desk
        self._person = person
        self._ticket_id = ticket_id
        self._name = name
        self._numbers = iter(range(MESSAGES))

    async def talk(self) -> None:
        while len(self.answered) < MESSAGES:
            wire = await come_back(self._desk, self._person.token)
            try:
                await self._talk(wire)
            except Cut:
                continue
            wire.close()

    async def _talk(self, wire: Wire) -> None:
        waiting: set[asyncio.Task[None]] = set()
        again = list(self._unanswered)
        for said in count():
            body = again.pop(0) if again else next((f"{self._name} {n}" for n in self._numbers), None)
            if body is None:
                break
            self._unanswered[body] = None
            waiting.add(asyncio.create_task(self._say(wire, body)))
            if said >= BURST:
                await asyncio.sleep(PAUSE)
            if len(waiting) >= AT_A_TIME:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                await _all(done)
        await _all(waiting)

    async def _say(self, wire: Wire, body: str) -> None:
        sent = await wire.do("send_message", ticket_id=self._ticket_id, body=body, client_msg_id=body)
        self.answered[body] = sent
        del self._unanswered[body]


async def _all(tasks: set[asyncio.Task[None]]) -> None:
    """Wait for all, also when one of them fails."""
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def test_three_people_talk_while_the_desk_is_killed_ten_times(tmp_path: Path) -> None:
    async with served(tmp_path, agents=4, customers=1) as desk:
        *senders, second_agent, customer = desk.people
        ticket_id = await desk.ticket(customer)
        talkers = [Sender(desk, person, ticket_id, name) for person, name in zip(senders, "abc", strict=True)]
        readers = [Reader(desk, person, ticket_id) for person in (senders[0], second_agent, customer)]
        for reader in readers:
            await reader.begin()
        staying = [asyncio.create_task(reader.stay()) for reader in readers]

        async def kill() -> None:
            for number in range(1, KILLS + 1):
                enough = number * MESSAGES * len(talkers) // (KILLS + 1)
                while sum(len(talker.answered) for talker in talkers) < enough:
                    await asyncio.sleep(0.01)
                await desk.restart()

        await asyncio.gather(kill(), *(talker.talk() for talker in talkers))
        answered = {body: sent for talker in talkers for body, sent in talker.answered.items()}
        async with asyncio.timeout(30):
            while any(len(reader.messages) < len(answered) for reader in readers):
                await asyncio.sleep(0.05)
        for task in staying:
            task.cancel()
        kept = [(message["id"], message["body"]) for message in await desk.messages(ticket_id, customer)]

    assert len(desk.stalls) == KILLS + 1
    assert [reader.faults for reader in readers] == [[], [], []]
    for reader in readers:
        assert reader.messages == readers[0].messages, "everybody heard the same in the same order"
    heard = readers[0].messages
    assert [(id_, body) for _, id_, body in heard] == kept
    assert sorted(body for _, body in kept) == sorted(answered), "nothing is lost, and nothing is there twice"
    for seq, id_, body in heard:
        assert (answered[body]["message_id"], answered[body]["seq"]) == (id_, seq)
    for name in "abc":
        mine = [int(body[2:]) for _, body in kept if body.startswith(name)]
        assert mine == list(range(MESSAGES)), "each sender's own order is kept"


async def test_who_is_told_to_go_says_goodbye_to_500_sockets_and_keeps_what_was_answered(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, agents=25) as desk:
        ticket_id = await desk.ticket(desk.people[0])
        wires = await crowd(desk.port, [person.token for person in desk.people] * 20)
        await asyncio.gather(*(wire.do("join_ticket", ticket_id=ticket_id) for wire in wires))
        answered: dict[str, int] = {}
        tried: list[str] = []

        async def talk(wire: Wire, name: str) -> None:
            for number in count():
                body = f"{name} {number}"
                tried.append(body)
                try:
                    data = {"ticket_id": ticket_id, "body": body, "client_msg_id": body}
                    answered[body] = (await wire.do("send_message", **data))["message_id"]
                except Cut:
                    return
                await asyncio.sleep(PAUSE)

        talking = [asyncio.create_task(talk(wire, f"{number}")) for number, wire in enumerate(wires[:25])]
        while len(answered) < 100:
            await asyncio.sleep(0.01)
        stopping = time.monotonic()
        code, _ = await desk.stop(signal.SIGTERM)
        stopped = time.monotonic()
        await asyncio.gather(*talking, *(wire.ended for wire in wires))
        await desk.start()
        kept = {m["body"]: m["id"] for m in await desk.messages(ticket_id, desk.people[0])}
        count_kept = (await desk.call("GET", f"/api/tickets/{ticket_id}", desk.people[0]))["message_count"]

    assert code == 0
    assert stopped - stopping <= 5
    assert {wire.code for wire in wires} == {1012}
    assert all(json.loads(wire.reason)["retry_ms"] >= 500 for wire in wires)
    assert answered.items() <= kept.items()
    assert kept.keys() <= set(tried)
    assert count_kept == len(kept)
