"""Nobody waits for a crowd: few sockets in a turn of the loop, and a pulse that tells how long it stood still."""

import asyncio
import socket
import time
from collections import Counter

from servicedesk.web import turns
from servicedesk.web.health import METER
from tests.served import Desk


def in_turns(coroutine: object) -> None:
    with asyncio.Runner(loop_factory=turns.loop) as runner:
        runner.run(coroutine)  # type: ignore[arg-type]


def test_of_a_crowd_few_are_served_in_a_turn_and_all_in_the_end() -> None:
    pairs = [socket.socketpair() for _ in range(100)]
    served: Counter[int] = Counter()
    in_turn: list[int] = []

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        for number, (here, there) in enumerate(pairs):
            there.send(b"x")
            loop.add_reader(here, lambda number=number, here=here: here.recv(1) and served.update([number]))
        while len(served) < len(pairs):
            before = served.total()
            await asyncio.sleep(0)
            in_turn.append(served.total() - before)

    in_turns(serve())
    for pair in pairs:
        for end in pair:
            end.close()

    assert set(served.values()) == {1}
    assert max(in_turn) <= turns.AT_ONCE


def test_who_always_has_something_to_say_keeps_nobody_else_from_it() -> None:
    pairs = [socket.socketpair() for _ in range(40)]
    heard: Counter[int] = Counter()

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        for number, (here, there) in enumerate(pairs):
            there.send(b"x")
            loop.add_reader(here, heard.update, [number])  # nothing is taken: they stay ready
        for _ in range(200):
            await asyncio.sleep(0)

    in_turns(serve())
    for pair in pairs:
        for end in pair:
            end.close()

    assert len(heard) == len(pairs)
    assert max(heard.values()) <= 2 * min(heard.values())


async def test_the_pulse_tells_how_long_the_loop_was_at_work_and_not_how_long_it_had_nothing_to_do(
    desk: Desk,
) -> None:
    gauges = desk.app[METER].gauges
    longest, stalls = gauges["loop_stall_seconds_max"][1], gauges["loop_stalls"][1]
    await asyncio.sleep(0.3)
    idle, before = longest(), stalls()

    until = time.thread_time() + 0.15
    while time.thread_time() < until:
        pass
    await asyncio.sleep(0.03)

    assert idle < 0.15 <= longest()
    assert stalls() == before + 1
    text = await (await desk.session().get("/metrics")).text()
    assert "servicedesk_loop_stall_seconds_max 0." in text
