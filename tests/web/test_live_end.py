"""Slow readers, broken lines, and the end of the server."""

import asyncio
import gc
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from servicedesk.web.live import HUB
from tests.served import Client, Desk
from tests.web.sockets import Socket, connect, say

LONG = "x" * 30_000


async def deaf(desk: Desk, person: Client, ticket_id: int) -> socket.socket:
    """Join a ticket on a socket from which nothing is ever read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", desk.port))
    lines = (
        "GET /ws HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {person.token}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
    )
    await loop.sock_sendall(sock, "\r\n".join([*lines, "", ""]).encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += await loop.sock_recv(sock, 1)
    await loop.sock_sendall(sock, masked({"event": "join_ticket", "data": {"ticket_id": ticket_id}}))
    return sock


def masked(command: Any) -> bytes:
    """Return a client's frame with a mask of zeros."""
    text = json.dumps(command).encode()
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


async def test_a_socket_that_does_not_read_is_cut_and_nobody_else_notices(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    room = f"ticket:{ticket_id}"
    reader = await connect(customer)
    await reader.do("join_ticket", ticket_id=ticket_id)
    slow = await deaf(desk, customer, ticket_id)
    hub = desk.app[HUB]
    assert len(hub) == 2

    sent = 1
    for n in range(200):
        await say(customer, ticket_id, f"{n} {LONG}")
        sent += 1
        await reader.stored(room, sent)
        if len(hub) == 1:
            break
    else:
        await asyncio.wait_for(_until(lambda: len(hub) == 1), 12)

    assert reader.events(room) == list(range(2, sent + 1))
    epoch = reader.seen[0]["data"]["epoch"]
    back = await connect(customer)
    reply = await back.do("join_ticket", ticket_id=ticket_id, rooms={room: {"seq": sent - 20}}, epoch=epoch)
    assert reply["rooms"][room]["recovered"]
    await back.stored(room, sent)
    assert back.events(room) == list(range(sent - 19, sent + 1))
    slow.close()


async def _until(holds: Any) -> None:
    while not holds():
        await asyncio.sleep(0.05)


async def test_a_line_that_breaks_is_forgotten_at_once(desk: Desk) -> None:
    agent = await desk.agent()
    ws = await agent.session.ws_connect("/ws")
    hub = desk.app[HUB]
    assert len(hub) == 1

    ws._response.connection.transport.abort()

    await asyncio.wait_for(_until(lambda: len(hub) == 0), 1)


@pytest.mark.parametrize("how", ["closed", "broken"])
async def test_a_socket_that_has_ended_leaves_nothing_to_the_garbage_collector(desk: Desk, how: str) -> None:
    agent = await desk.agent()
    ws = await agent.session.ws_connect("/ws")
    await ws.receive()
    assert _sockets() == 1

    gc.disable()
    if how == "closed":
        await ws.close()
    else:
        ws._response.connection.transport.abort()
    try:
        await asyncio.wait_for(_until(lambda: _sockets() == 0), 5)
    finally:
        gc.enable()


def _sockets() -> int:
    return sum(isinstance(thing, web.WebSocketResponse) for thing in gc.get_objects())


async def test_on_shutdown_every_socket_is_closed_with_a_hint_when_to_come_back(desk: Desk) -> None:
    agents = [await desk.agent() for _ in range(5)]
    sockets = [await connect(agent) for agent in agents for _ in range(10)]
    loop = asyncio.get_running_loop()
    began = loop.time()

    stopping = asyncio.create_task(desk._runner.cleanup())
    ends = await asyncio.gather(*(s.closed() for s in sockets))
    await stopping

    assert {code for code, _ in ends} == {1012}
    hints = [json.loads(reason)["retry_ms"] for _, reason in ends]
    assert min(hints) >= 500
    assert len(set(hints)) > 10, "they do not all come back at once"
    assert loop.time() - began < 5


async def test_a_socket_that_does_not_answer_holds_the_shutdown_up_for_two_seconds_at_most(
    desk: Desk,
) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    slow = await deaf(desk, customer, ticket_id)
    loop = asyncio.get_running_loop()
    began = loop.time()

    await desk._runner.cleanup()

    assert loop.time() - began < 5
    slow.close()


async def test_while_it_drains_nobody_new_is_let_in(desk: Desk) -> None:
    agent = await desk.agent()
    desk.app[HUB].draining = True

    answer = await agent.get("/ws", headers={"Upgrade": "websocket", "Connection": "Upgrade"})

    assert (answer.status, answer.code) == (503, "unavailable")


async def test_what_waits_is_sent_before_the_farewell(desk: Desk) -> None:
    customer = await desk.customer()
    ticket_id = (await customer.ticket())["id"]
    socket_ = await connect(customer)
    await socket_.do("join_ticket", ticket_id=ticket_id)
    for n in range(20):
        await say(customer, ticket_id, f"{n}")

    stopping = asyncio.create_task(desk._runner.cleanup())
    await socket_.closed()
    await stopping

    assert socket_.events(f"ticket:{ticket_id}") == list(range(2, 22))


# A server of its own --------------------------------------------------


class Server:
    """The program as it is started on a machine."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def add_admin(self) -> None:
        command = [
            "user",
            "add",
            "--email",
            "a@example.org",
            "--name",
            "A",
            "--role",
            "admin",
            "--password-stdin",
        ]
        subprocess.run(
            [*self._program(*command), "--data-dir", str(self._data_dir)],
            input=b"correct horse battery",
            check=True,
        )

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._program("serve", "--port", str(self._port), "--data-dir", str(self._data_dir)),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "SERVICEDESK_ENV": "production"},
        )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 20)
        assert b"listening" in line, line

    async def kill(self, how: int = signal.SIGKILL) -> int:
        self._process.send_signal(how)
        return await self._process.wait()

    @staticmethod
    def _program(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "servicedesk", *arguments]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@asynccontextmanager
async def started(data_dir: Path) -> AsyncIterator[tuple[Server, ClientSession]]:
    """Run the program and log in."""
    server = Server(data_dir)
    data_dir.mkdir()
    server.add_admin()
    await server.start()
    try:
        async with ClientSession(server.url) as guest:
            login = {"email": "a@example.org", "password": "correct horse battery"}
            async with guest.post("/api/auth/login", json=login) as answer:
                token = (await answer.json())["token"]
        async with ClientSession(server.url, headers={"Authorization": f"Bearer {token}"}) as session:
            yield server, session
    finally:
        if server._process.returncode is None:
            await server.kill()


async def open_(session: ClientSession) -> Socket:
    found = Socket(await session.ws_connect("/ws"))
    await found.next()
    return found


async def test_after_kill_9_a_client_gets_exactly_what_it_missed(tmp_path: Path) -> None:
    async with started(tmp_path / "data") as (server, session):
        async with session.post("/api/tickets/", json={"title": "Fire"}) as answer:
            ticket_id = (await answer.json())["id"]
        listener, speaker = await open_(session), await open_(session)
        epoch = listener.seen[0]["data"]["epoch"]
        places = (await listener.do("join_ticket", ticket_id=ticket_id))["rooms"]
        await listener.close()
        for n in range(10):
            await speaker.do("send_message", ticket_id=ticket_id, body=f"{n}", client_msg_id=f"{n}")

        await server.kill()
        await server.start()
        back = await open_(session)
        rooms = {room: {"seq": place["seq"]} for room, place in places.items()}
        reply = await back.do("join_ticket", ticket_id=ticket_id, rooms=rooms, epoch=epoch)
        again = await back.do("send_message", ticket_id=ticket_id, body="9", client_msg_id="9")

        assert back.seen[0]["data"]["epoch"] == epoch
        assert all(room["recovered"] for room in reply["rooms"].values())
        assert again["duplicate"] is True
        await back.quiet()
        bodies = [f["data"]["message"]["body"] for f in back.seen if f.get("event") == "new_message"]
        assert bodies == [f"{n}" for n in range(10)]
        for room, place in places.items():
            assert back.events(room) == list(range(place["seq"] + 1, reply["rooms"][room]["seq"] + 1))


async def test_a_copy_in_another_place_has_another_epoch(tmp_path: Path) -> None:
    async with started(tmp_path / "data") as (server, session):
        first = await open_(session)
        await server.kill(signal.SIGTERM)
        copy = Server(tmp_path / "copy")
        subprocess.run(["cp", "-r", str(tmp_path / "data"), str(tmp_path / "copy")], check=True)
        await copy.start()
        async with ClientSession(copy.url, headers=session.headers) as there:
            other = await open_(there)
        await copy.kill(signal.SIGTERM)

        assert other.seen[0]["data"]["epoch"] != first.seen[0]["data"]["epoch"]


async def epoch_of(session: ClientSession) -> str:
    socket = await open_(session)
    await socket.close()
    return str(socket.seen[0]["data"]["epoch"])


async def test_an_older_copy_put_back_in_place_has_another_epoch_and_a_killed_desk_has_not(
    tmp_path: Path,
) -> None:
    database = tmp_path / "data" / "servicedesk.db"
    async with started(tmp_path / "data") as (server, session):
        first = await epoch_of(session)
        await server.kill(signal.SIGTERM)
        shutil.copyfile(database, tmp_path / "copy.db")
        await server.start()
        async with session.post("/api/tickets/", json={"title": "Lost"}) as answer:
            assert answer.status == 201
        await server.kill()
        await server.start()
        killed = await epoch_of(session)
        await server.kill()
        for name in ("servicedesk.db-wal", "servicedesk.db-shm"):
            (database.parent / name).unlink()
        shutil.copyfile(tmp_path / "copy.db", database)
        await server.start()
        restored = await epoch_of(session)
        await server.kill()
        await server.start()
        again = await epoch_of(session)

    assert killed == first
    assert restored != first
    assert again == restored


async def test_a_log_that_lost_what_was_not_yet_in_the_database_file_has_another_epoch(
    tmp_path: Path,
) -> None:
    async with started(tmp_path / "data") as (server, session):
        first = await epoch_of(session)
        await server.kill(signal.SIGTERM)
        await server.start()
        async with session.post("/api/tickets/", json={"title": "Lost"}) as answer:
            assert answer.status == 201
        await server.kill()
        (tmp_path / "data" / "servicedesk.db-wal").unlink()
        await server.start()

        assert await epoch_of(session) != first


async def test_on_sigterm_the_program_says_1012_and_ends_within_five_seconds(tmp_path: Path) -> None:
    async with started(tmp_path / "data") as (server, session):
        sockets = [await open_(session) for _ in range(15)]
        loop = asyncio.get_running_loop()
        began = loop.time()

        ending = asyncio.create_task(server.kill(signal.SIGTERM))
        ends = await asyncio.gather(*(s.closed() for s in sockets))

        assert await ending == 0
        assert {code for code, _ in ends} == {1012}
        assert all("retry_ms" in json.loads(reason) for _, reason in ends)
        assert loop.time() - began < 5
