"""Frames of every kind, well and badly made: each gets its answer, and none of them troubles the log."""

import logging
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from tests.served import Desk
from tests.stress import wires
from tests.stress.wires import Wire, masked
from tests.web.sockets import connect

HEARTBEAT = '{"event":"connect","id":1,"data":{"epoch":"%s"}}'
ROOM = 65_536 - len(HEARTBEAT) + 2
"""What fits into the largest frame."""


@pytest.fixture(autouse=True)
def _nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    said = [*caplog.get_records("setup"), *caplog.get_records("call")]
    assert [record.getMessage() for record in said if record.levelno >= logging.WARNING] == []


async def wire(desk: Desk) -> Wire:
    return await wires.connect(desk.port, (await desk.agent()).token)


# Text that means nothing to us --------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "to"),
    [
        ("nonsense", "bad_json", None),
        ("", "bad_json", None),
        (" ", "bad_json", None),
        ("{", "bad_json", None),
        ('{"event":"connect","id":1', "bad_json", None),
        ('{"event":"connect","id":1}}', "bad_json", None),
        ('{"event":"connect",}', "bad_json", None),
        ("{'event':'connect'}", "bad_json", None),
        ('{"event":"connect"} {"event":"connect"}', "bad_json", None),
        ("\ufeff{}", "bad_json", None),
        ("\0", "bad_json", None),
        ("[" * 10_000, "bad_json", None),
        ('{"event":"connect","id":1,"data":{"epoch":NaN}}', "bad_json", None),
        ('{"event":"connect","id":1,"data":' + '{"rooms":' * 80 + "{}" + "}" * 80 + "}", "bad_json", 1),
        ('{"event":"connect","id":1,"data":{"epoch":"\\ud800"}}', "bad_json", None),
        ("[]", "invalid", None),
        ('[{"event":"connect","id":1}]', "invalid", None),
        ("null", "invalid", None),
        ("7", "invalid", None),
        ('"connect"', "invalid", None),
        ("{}", "invalid", None),
        ('{"id":1}', "invalid", 1),
        ('{"event":null,"id":1}', "invalid", 1),
        ('{"event":["connect"],"id":1}', "invalid", 1),
        ('{"event":"connect","id":1.5}', "invalid", None),
        ('{"event":"connect","id":[1]}', "invalid", None),
        ('{"event":"connect","id":"' + "x" * 65 + '"}', "invalid", None),
        ('{"event":"connect","id":1,"extra":1}', "invalid", 1),
        ('{"event":"","id":1}', "unknown_event", 1),
        ('{"event":"coffee","id":1}', "unknown_event", 1),
        ('{"event":"connected","id":"x"}', "unknown_event", "x"),
        ('{"event":"__class__","id":1}', "unknown_event", 1),
        ('{"event":"connect","id":1,"data":null}', "invalid", 1),
        ('{"event":"connect","id":1,"data":[]}', "invalid", 1),
        ('{"event":"connect","id":1,"data":{"rooms":{"desk":5}}}', "invalid", 1),
        ('{"event":"connect","id":1,"data":{"rooms":{"desk":{"seq":-1}}}}', "invalid", 1),
        ('{"event":"join_ticket","id":1}', "invalid", 1),
        ('{"event":"join_ticket","id":1,"data":{"ticket_id":1.5}}', "invalid", 1),
        ('{"event":"join_ticket","data":{"ticket_id":true}}', "invalid", None),
        ('{"event":"join_ticket","id":1,"data":{"ticket_id":1' + "0" * 400 + "}}", "not_found", 1),
    ],
)
async def test_a_bad_frame_gets_one_precise_error_and_the_socket_stays(
    desk: Desk, text: str, code: str, to: Any
) -> None:
    socket = await connect(await desk.agent())

    await socket.ws.send_str(text)

    reply = await socket.next()
    assert (reply["ok"], reply["error"]["code"], reply["reply_to"]) == (False, code, to)
    assert reply["error"]["message"]
    assert await socket.quiet() == []


async def test_an_error_comes_also_to_a_command_without_an_id(desk: Desk) -> None:
    socket = await connect(await desk.agent())

    await socket.send("join_ticket", ticket_id=999)

    reply = await socket.next()
    assert (reply["reply_to"], reply["error"]["code"]) == (None, "not_found")


async def test_five_bad_frames_in_a_row_close_the_socket(desk: Desk) -> None:
    socket = await connect(await desk.agent())

    for _ in range(5):
        await socket.ws.send_str("nonsense")

    assert (await socket.closed())[0] == 1008
    assert [f["error"]["code"] for f in socket.seen[1:]] == ["bad_json"] * 5


async def test_an_accepted_command_resets_the_count_of_bad_frames(desk: Desk) -> None:
    socket = await connect(await desk.agent())

    for _ in range(3):
        for _ in range(4):
            await socket.ws.send_str("nonsense")
        await socket.refused("join_ticket", ticket_id=999)

    assert not socket.ws.closed


# Frames that are too large, in pieces, or none --------------------------------------------------


async def test_64_kib_pass_and_one_byte_more_is_1009(desk: Desk) -> None:
    agent = await desk.agent()
    large, fits = await connect(agent), await connect(agent)

    await large.ws.send_str(HEARTBEAT % ("e" * (ROOM + 1)))
    await fits.ws.send_str(HEARTBEAT % ("e" * ROOM))

    assert (await large.closed())[0] == 1009
    assert (await fits.until(lambda f: "reply_to" in f))["ok"] is True


async def test_pieces_count_together(desk: Desk) -> None:
    line = await wire(desk)
    for number in range(17):
        line.transport.write(piece(b"x" * 4_000, first=number == 0, last=False))

    assert await wires.within(line.ended) == 1009


async def test_an_announced_giant_is_refused_without_waiting_for_it_and_without_memory(desk: Desk) -> None:
    line = await wire(desk)

    tracemalloc.start()
    line.transport.write(bytes((0x81, 0xFF)) + (1 << 40).to_bytes(8, "big") + bytes(4) + b"x" * 1_000)
    code = await wires.within(line.ended)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert code == 1009
    assert most < 1_000_000


async def test_one_byte_fragments_are_put_together(desk: Desk) -> None:
    line = await wire(desk)
    text = b'{"event":"leave_ticket","id":1,"data":{"ticket_id":1}}'

    reply = line.expect(1)
    for number, byte in enumerate(text):
        first, last = number == 0, number == len(text) - 1
        line.transport.write(piece(bytes((byte,)), first=first, last=last))

    assert (await wires.within(reply)).ok


async def test_a_ping_between_two_pieces_is_answered_and_disturbs_nothing(desk: Desk) -> None:
    line = await wire(desk)
    text = b'{"event":"leave_ticket","id":1,"data":{"ticket_id":1}}'

    reply = line.expect(1)
    line.transport.write(piece(text[:9], first=True, last=False) + masked(b"", 9))
    line.transport.write(piece(text[9:], first=False, last=True))

    assert (await wires.within(reply)).ok


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (masked(b"{}", 2), 1003),
        (masked(b'{"event":"\xff"}'), 1007),
        (masked(b"\xc0\x80"), 1007),
        (masked(b"\xed\xa0\x80"), 1007),
        (masked(b"{}", 3), 1002),
        (masked(b"{}", 11), 1002),
        (b"\xc1\x82\0\0\0\0{}", 1002),  # a reserved bit
        (b"\x80\x82\0\0\0\0{}", 1002),  # goes on with what never began
        (b"\x09\x80\0\0\0\0", 1002),  # a ping in pieces
        (b"\x89\xfe\0\x7e\0\0\0\0" + b"x" * 126, 1002),  # a ping that is too long
    ],
)
async def test_what_is_no_text_frame_ends_the_socket_as_the_standard_says(
    desk: Desk, frame: bytes, code: int
) -> None:
    line = await wire(desk)

    line.transport.write(frame)

    assert await wires.within(line.ended) == code


def piece(payload: bytes, *, first: bool, last: bool) -> bytes:
    """Return a part of a text frame."""
    head = masked(payload, 1 if first else 0)
    return bytes((head[0] if last else head[0] & 0x7F,)) + head[1:]
