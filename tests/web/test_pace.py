"""Bodies that come too slowly, or too much."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientSession, web

from servicedesk.web import pace
from servicedesk.web.middleware import answering
from tests.served import Desk

Send = Callable[[AsyncIterator[bytes]], Awaitable[tuple[int, str]]]


@pytest.fixture
async def send() -> AsyncIterator[Send]:
    """Send a body to a server with little patience: 0.3 s of silence, 1000 bytes a second over 0.6 s, 4 s in all."""

    async def read(request: web.Request) -> web.Response:
        body = pace.Body(request, 100_000, idle=0.3, window=0.6, slowest=1000, total=4)
        while await body.read():
            pass
        return web.Response(text=str(body.size))

    app = web.Application(middlewares=[answering])
    app.router.add_post("/api/read", read)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with ClientSession() as session:

        async def post(pieces: AsyncIterator[bytes]) -> tuple[int, str]:
            async with session.post(f"http://{host}:{port}/api/read", data=pieces) as response:
                return response.status, await response.text()

        yield post
    await runner.cleanup()


async def trickle(piece: bytes, pause: float, times: int) -> AsyncIterator[bytes]:
    for _ in range(times):
        yield piece
        await asyncio.sleep(pause)


async def test_an_ordinary_body_is_read(send: Send) -> None:
    assert await send(trickle(b"x" * 1000, 0, 50)) == (200, "50000")


async def test_a_body_that_falls_silent_is_given_up(send: Send) -> None:
    status, text = await send(trickle(b"x" * 1000, 5, 2))

    assert status == 408
    assert '"code":"too_slow"' in text


async def test_a_body_that_trickles_is_given_up(send: Send) -> None:
    status, _ = await send(trickle(b"x", 0.05, 100))

    assert status == 408


async def test_a_slow_but_steady_body_is_read_to_its_end(send: Send) -> None:
    assert await send(trickle(b"x" * 100, 0.05, 40)) == (200, "4000")


async def test_too_much_is_refused_at_once(send: Send) -> None:
    status, text = await send(trickle(b"x" * 60_000, 0.2, 2))

    assert status == 413
    assert '"code":"too_large"' in text


async def test_a_body_that_lies_about_its_length_is_refused(desk: Desk) -> None:
    agent = await desk.agent()
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
    head = f"POST /api/tickets/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {agent.token}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode())

    assert b" 400 " in await reader.readline()
    writer.close()


@pytest.mark.slow
async def test_a_silent_body_of_a_real_call_is_cut_within_a_minute(desk: Desk) -> None:
    agent = await desk.agent()

    async def silent(content_type: str) -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        path = "/api/tickets/" if content_type == "application/json" else "/api/files/upload"
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {agent.token}\r\n"
        writer.write(f"{head}Content-Type: {content_type}\r\nContent-Length: 1000\r\n\r\n{{".encode())
        began = asyncio.get_running_loop().time()
        answer = await reader.read()
        writer.close()
        assert b" 408 " in answer.split(b"\r\n")[0]
        return asyncio.get_running_loop().time() - began

    took = await asyncio.gather(silent("application/json"), silent("multipart/form-data; boundary=x"))

    assert all(15 < seconds < 60 for seconds in took)


async def test_a_body_that_keeps_its_pace_for_ever_is_given_up(send: Send) -> None:
    status, text = await send(trickle(b"x" * 1000, 0.1, 60))

    assert status == 408
    assert '"code":"too_slow"' in text
