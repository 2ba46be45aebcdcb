"""One socket over a real wire: what waits, what is dropped, and when the line is cut."""

import asyncio
import json

from servicedesk.domain.times import SECOND
from servicedesk.live.connection import Connection
from servicedesk.live.outbox import SOFT_ITEMS
from servicedesk.live.protocol import LIMITS
from tests.live.lines import MemoryLog, Time, Wire, served, thin, wire

BIG = b'"' + b"x" * 200_000 + b'"'


async def blocked(line: Wire) -> None:
    """Send to a client that does not read until the network takes no more."""
    seat = line.seat("desk")
    while line.connection._sending_since is None:
        if not line.connection._outbox:
            line.tell(seat, BIG)
        await asyncio.sleep(0)


async def test_events_come_in_order_each_once() -> None:
    async with wire() as line:
        seat = line.seat("desk")

        for _ in range(1000):
            line.tell(seat)

        assert await line.read(1000) == [str(n) for n in range(1, 1001)]


async def test_a_burst_that_does_not_fit_is_read_from_the_log_and_nobody_is_cut() -> None:
    async with wire() as line:
        desk, ticket = line.seat("desk"), line.seat("ticket:1")

        for _ in range(LIMITS.queue_items * 2):
            line.tell(desk, b"1")
            line.tell(ticket, b"2")
        got = await line.read(LIMITS.queue_items * 4)

        assert sorted(got) == ["1"] * (LIMITS.queue_items * 2) + ["2"] * (LIMITS.queue_items * 2)
        line.tell(desk, b"3")
        assert await line.read(1) == ["3"]
        assert not desk.behind


async def test_a_resumed_room_is_replayed_after_the_reply_and_before_what_is_new() -> None:
    async with wire() as line:
        for n in range(1, 301):
            line.log.append("ticket:1", b"%d" % n)
        seat = line.seat("ticket:1", 100)

        seat.resume(100)
        line.connection.reply(b'"reply"')
        line.tell(seat, b"301")

        assert await line.read(202) == ['"reply"', *(str(n) for n in range(101, 302))]


async def test_a_gap_is_filled_from_the_log() -> None:
    async with wire() as line:
        seat = line.seat("desk")
        line.log.append("desk", b"1")
        line.log.append("desk", b"2")

        seat.hear(2, b"2")

        assert await line.read(2) == ["1", "2"]


async def test_what_was_told_already_is_not_told_again() -> None:
    async with wire() as line:
        seat = line.seat("desk", 5)

        seat.hear(5, b"5")
        line.connection.reply(b'"end"')

        assert await line.read(1) == ['"end"']


async def test_what_waits_goes_out_as_one_array_to_those_who_asked_for_it() -> None:
    async with wire() as line:
        line.connection.batch = True
        seat = line.seat("desk")

        for _ in range(3):
            line.tell(seat)
        line.connection.reply(b'"reply"')

        assert json.loads((await line.read(1))[0]) == [1, 2, 3, "reply"]
        line.tell(seat)
        assert await line.read(1) == ["4"], "one alone needs no array"


async def test_nothing_comes_from_a_room_that_was_left() -> None:
    async with wire() as line:
        seat = line.seat("ticket:1")
        line.tell(seat)

        seat.left = True
        line.connection.reply(b'"end"')

        assert await line.read(1) == ['"end"']


async def test_typing_and_presence_are_dropped_first() -> None:
    async with wire() as line:
        seat = line.seat("desk")
        for _ in range(SOFT_ITEMS):
            line.tell(seat, b"1")

        line.connection.whisper(b'"typing"')
        line.tell(seat, b"2")

        assert (await line.read(SOFT_ITEMS + 1))[-1] == "2"


async def test_held_events_wait_for_the_release() -> None:
    async with wire() as line:
        seat = line.seat("desk")
        line.connection.hold()
        line.tell(seat, b"1")
        line.connection.reply(b'"first"')
        assert await line.read(1) == ['"first"']

        line.connection.release()

        assert await line.read(1) == ["1"]


async def test_a_blocked_line_with_a_full_queue_is_cut_after_a_second() -> None:
    async with wire() as line:
        await blocked(line)
        seat = line.seat("ticket:1")
        for _ in range(LIMITS.queue_items + 1):
            line.tell(seat, b"1")
        line.connection.check(line.time())
        assert not line.connection.ending, "it may be a mere burst"

        line.time.pass_(SECOND + 1)
        line.connection.check(line.time())

        assert line.connection.ending
        assert await line.ended() in (1006, 4008)


async def test_a_line_that_takes_nothing_for_ten_seconds_is_cut() -> None:
    async with wire() as line:
        await blocked(line)

        line.time.pass_(10 * SECOND)
        line.connection.check(line.time())
        assert not line.connection.ending
        line.time.pass_(1)
        line.connection.check(line.time())

        assert line.connection.ending


async def test_a_thin_line_that_moves_is_not_cut() -> None:
    log, time = MemoryLog(), Time()
    async with served(log, time) as (port, made):
        client = await thin(port)
        connection = await made
        connection.reply(b'"' + b"x" * 20_000_000 + b'"')
        while connection._sending_since is None:
            await asyncio.sleep(0)

        for _ in range(5):
            connection.check(time())
            time.pass_(9 * SECOND)
            taken = 0
            while taken < 500_000:
                taken += len(await asyncio.get_running_loop().sock_recv(client, 100_000))

        assert connection._sending_since is not None
        assert not connection.ending
        connection.cut()
        client.close()


async def test_who_does_not_read_is_not_answered_further() -> None:
    async with wire() as line:
        await blocked(line)
        line.connection.reply(BIG)

        waiting = asyncio.create_task(line.connection.room_for_replies())
        await asyncio.sleep(0)
        assert not waiting.done()
        line.connection.cut()

        await asyncio.wait_for(waiting, 5)


async def test_a_silent_client_is_asked_and_closed_when_it_does_not_answer() -> None:
    async with wire(autoping=False) as line:
        line.time.pass_(20 * SECOND + 1)
        line.connection.check(line.time())
        ping = await line.client.receive(timeout=5)
        line.time.pass_(10 * SECOND + 1)

        line.connection.check(line.time())

        assert ping.type.name == "PING"
        assert await line.ended() == 4009


async def test_a_client_that_answers_stays() -> None:
    async with wire() as line:
        for _ in range(3):
            line.time.pass_(20 * SECOND + 1)
            line.connection.check(line.time())
            await _answered(line.connection, line)

        line.connection.check(line.time())

        assert not line.connection.ending


async def _answered(connection: Connection, line: Wire) -> None:
    reading = asyncio.create_task(line.client.receive())
    while connection._pinged_at is not None:
        await asyncio.sleep(0)
    reading.cancel()


async def test_an_end_drops_what_waits_and_says_why() -> None:
    async with wire() as line:
        seat = line.seat("desk")
        line.tell(seat)

        line.connection.end(4501, b"session ended")
        line.tell(seat)

        message = await line.client.receive(timeout=5)
        assert (message.data, message.extra) == (4501, "session ended")


async def test_an_end_with_flush_sends_what_waits_first() -> None:
    async with wire() as line:
        seat = line.seat("desk")
        line.tell(seat)

        line.connection.end(1012, b"{}", flush=True)
        line.tell(seat)

        assert await line.read(1) == ["1"]
        assert await line.ended() == 1012


async def test_a_reason_never_exceeds_what_a_close_frame_holds() -> None:
    async with wire() as line:
        line.connection.end(4501, b"x" * 200)

        message = await line.client.receive(timeout=5)
        assert (message.data, len(message.extra)) == (4501, 123)


async def test_a_farewell_that_nobody_answers_is_cut_after_a_second() -> None:
    async with wire(autoclose=False) as line:
        line.connection.end(4501)
        await line.client.receive(timeout=5)
        line.time.pass_(SECOND)

        line.connection.check(line.time())

        assert (await line.client.receive(timeout=5)).type.name in ("CLOSED", "CLOSING", "ERROR")
