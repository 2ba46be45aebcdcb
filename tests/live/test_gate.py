"""Of many who have something to send, a few do so in each turn of the loop."""

import asyncio
from collections import Counter

from servicedesk.live.gate import AT_ONCE, Gate


async def test_a_few_go_on_in_each_turn_and_all_in_the_order_in_which_they_came() -> None:
    gate, gone, turn = Gate(), list[int](), 0
    in_turn: Counter[int] = Counter()

    async def send(number: int) -> None:
        waiting = asyncio.get_running_loop().create_future()
        gate.queue(waiting)
        await waiting
        gone.append(number)
        in_turn[turn] += 1

    sending = [asyncio.create_task(send(number)) for number in range(500)]
    while not all(task.done() for task in sending):
        await asyncio.sleep(0)
        turn += 1

    assert gone == list(range(500))
    assert max(in_turn.values()) == AT_ONCE


async def test_who_gave_up_waiting_keeps_nobody_else_from_going_on() -> None:
    gate = Gate()
    first, second = (asyncio.get_running_loop().create_future() for _ in range(2))
    gate.queue(first)
    gate.queue(second)

    first.cancel()

    assert await asyncio.wait_for(second, 1) is None
