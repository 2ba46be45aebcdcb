"""Bodies that come in by turns: who has something at hand waits for a turn, who waits for a client holds up nobody."""

import asyncio

import pytest

from servicedesk.domain.files import Limits
from servicedesk.web.lanes import AT_ONCE, LANES
from tests.served import Client, Desk
from tests.web.forms import HEADERS, form, part, upload


async def begun(desk: Desk, who: Client, ticket_id: int) -> asyncio.StreamWriter:
    """Send half a file, and then nothing."""
    body = form(part("ticket_id", str(ticket_id)), part("file", b"x" * 100_000, "a.log"))
    head = f"POST /api/files/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {who.token}\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", desk.port)
    length = f"Content-Type: {HEADERS['Content-Type']}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(f"{head}{length}".encode() + body[:50_000])
    await writer.drain()
    return writer


async def test_who_stops_in_the_middle_of_an_upload_keeps_no_turn(desk: Desk) -> None:
    agent = await desk.agent()
    ticket_id = (await agent.ticket())["id"]
    stuck = [await begun(desk, agent, ticket_id) for _ in range(3 * AT_ONCE)]

    async with asyncio.timeout(5):
        answers = await asyncio.gather(
            *(upload(agent, ticket_id, content=b"%d" % n * 400_000) for n in range(3))
        )

    assert [answer.status for answer in answers] == [201] * 3
    for writer in stuck:
        writer.transport.abort()


@pytest.mark.parametrize("size", [0, 10, Limits().max_size + 1])
async def test_an_upload_gives_its_turn_back_however_it_ends(desk: Desk, size: int) -> None:
    agent = await desk.agent()
    ticket_id = (await agent.ticket())["id"]

    for _ in range(AT_ONCE + 1):
        answer = await upload(agent, ticket_id, "a.log", bytes(size))
        assert answer.status in (413, 415, 422)

    lanes = desk.app[LANES]
    for _ in range(AT_ONCE):
        assert not lanes.locked()
        await lanes.acquire()
    assert lanes.locked()
