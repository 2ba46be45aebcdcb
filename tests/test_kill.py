"""The program is killed in the middle of work: what it had answered is there, and nothing is half there."""

import asyncio
import itertools
import os
import secrets
import selectors
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, FormData

from tests.files_made_up import png
from tests.programs import Server, run, serving
from tests.web.sockets import Socket

PASSWORD = "printer on fire"
ENOUGH = {"tickets": 40, "messages": 60, "said": 10, "files": 15}
"""What has to be answered before the program is killed: by then all kinds of work are under way."""
MANY = 640
"""Tickets that another promise takes several transactions to reach."""


@dataclass
class Answered:
    """What the program said was done. Messages are kept by their key, so that they can be sent again."""

    tickets: dict[int, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    said: dict[str, int] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    tried: dict[str, str] = field(default_factory=dict)

    @property
    def is_enough(self) -> bool:
        return all(len(getattr(self, name)) >= number for name, number in ENOUGH.items())


@asynccontextmanager
async def calling(server: Server) -> AsyncIterator[ClientSession]:
    async with ClientSession(server.url) as guest:
        credentials = {"email": "ada@example.org", "password": PASSWORD}
        async with guest.post("/api/auth/login", json=credentials) as answer:
            token = (await answer.json())["token"]
    async with ClientSession(server.url, headers={"Authorization": f"Bearer {token}"}) as session:
        yield session


async def post(session: ClientSession, path: str, body: Any, **options: Any) -> Any:
    async with session.post(path, json=body, **options) as answer:
        assert answer.status == 201, await answer.text()
        return await answer.json()


async def get(session: ClientSession, path: str) -> Any:
    async with session.get(path) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def all_of(session: ClientSession, path: str) -> list[Any]:
    items, cursor = [], ""
    while cursor is not None:
        page = await get(session, f"{path}?limit=100" + (f"&cursor={cursor}" if cursor else ""))
        items += page["items"]
        cursor = page["next_cursor"]
    return items


# A burst of work --------------------------------------------------------------------------------------------------


class Burst:
    """Several people at work on one ticket and beside it, until the line breaks."""

    def __init__(self, session: ClientSession, ticket_id: int) -> None:
        self.answered = Answered()
        self.enough = asyncio.Event()
        self._session = session
        self._ticket_id = ticket_id
        self._numbers = itertools.count(1)

    def start(self) -> list[asyncio.Task[None]]:
        busy = [*[self._open] * 4, *[self._write] * 4, *[self._attach] * 3, self._say]
        return [asyncio.create_task(self._until_cut(work)) for work in busy]

    async def _until_cut(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            while True:
                await work()
                if self.answered.is_enough:
                    self.enough.set()
        except (ClientError, OSError):
            return

    async def _open(self) -> None:
        title = f"Number {next(self._numbers)}"
        ticket = await post(self._session, "/api/tickets/", {"title": title})
        self.answered.tickets[ticket["id"]] = title

    async def _write(self) -> None:
        key, body = secrets.token_hex(8), f"number {next(self._numbers)}"
        self.answered.tried[key] = body
        path = f"/api/tickets/{self._ticket_id}/messages"
        await post(self._session, path, {"body": body}, headers={"Idempotency-Key": key})
        self.answered.messages[key] = body

    async def _attach(self) -> None:
        number = next(self._numbers)
        content = png(40 + number % 7) if number % 2 else secrets.token_hex(100_000).encode()
        form = FormData({"ticket_id": str(self._ticket_id)})
        form.add_field("file", content, filename="shot.png" if number % 2 else "dump.txt")
        async with self._session.post("/api/files/upload", data=form) as answer:
            assert answer.status == 201, await answer.text()
            self.answered.files[(await answer.json())["id"]] = content

    async def _say(self) -> None:
        """Send messages through a socket; it may wait for a reply that never comes, but not for ever."""
        socket = Socket(await self._session.ws_connect("/ws"))
        for _ in range(40):
            key, body = secrets.token_hex(8), f"said {next(self._numbers)}"
            self.answered.tried[key] = body
            await socket.send("send_message", key, ticket_id=self._ticket_id, body=body, client_msg_id=key)
            while not await self._heard(socket, key):
                pass
            self.answered.messages[key] = body

    async def _heard(self, socket: Socket, key: str) -> bool:
        message = await socket.ws.receive()
        if message.type.name != "TEXT":
            raise ClientError("the line is cut")
        for frame in frames_of(message.json()):
            if frame.get("reply_to") == key:
                assert frame["ok"], frame
                self.answered.said[key] = frame["data"]["seq"]
                return True
        return False


def frames_of(sent: Any) -> list[dict[str, Any]]:
    return sent if isinstance(sent, list) else [sent]


class Listener:
    """A colleague who listens to the ticket and is cut off with everybody else."""

    def __init__(self) -> None:
        self.events: dict[int, dict[str, Any]] = {}
        self.epoch = ""

    async def listen(self, session: ClientSession, ticket_id: int) -> asyncio.Task[None]:
        socket = Socket(await session.ws_connect("/ws"))
        self.epoch = (await socket.next())["data"]["epoch"]
        rooms = {f"ticket:{ticket_id}": {"seq": 0}}
        await socket.do("join_ticket", ticket_id=ticket_id, rooms=rooms, epoch=self.epoch)
        await socket.quiet()
        self.keep(socket.seen, ticket_id)
        return asyncio.create_task(self._read(socket, ticket_id))

    async def _read(self, socket: Socket, ticket_id: int) -> None:
        async for message in socket.ws:
            self.keep(frames_of(message.json()), ticket_id)

    async def resume(self, session: ClientSession, ticket_id: int) -> None:
        """Come back to the restarted program and hear what was missed."""
        socket = Socket(await session.ws_connect("/ws"))
        room = f"ticket:{ticket_id}"
        seq = max(self.events, default=0)
        joined = await socket.do(
            "join_ticket", ticket_id=ticket_id, rooms={room: {"seq": seq}}, epoch=self.epoch
        )
        assert joined["rooms"][room]["recovered"], joined["rooms"]
        await socket.quiet()
        missed = [frame for frame in socket.seen if frame.get("room") == room]
        assert [frame["seq"] for frame in missed] == list(range(seq + 1, joined["seq"] + 1))
        self.keep(missed, ticket_id)
        await socket.close()

    def keep(self, frames: list[dict[str, Any]], ticket_id: int) -> None:
        for frame in frames:
            if frame.get("room") == f"ticket:{ticket_id}":
                assert frame["seq"] not in self.events
                self.events[frame["seq"]] = frame

    def told(self, event: str, thing: str, name: str) -> list[Any]:
        """Return a member of what the events of that name were about, in the order of the log."""
        frames = [self.events[seq] for seq in sorted(self.events)]
        return [frame["data"][thing][name] for frame in frames if frame["event"] == event]


# Processes --------------------------------------------------------------------------------------------------------


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for listed in found for child in listed.read_text().split()]


class Watched:
    """Processes whose end can be waited for, whoever started them."""

    def __init__(self, pids: list[int]) -> None:
        self._ends = [os.pidfd_open(pid) for pid in pids]

    def all_ended(self, seconds: float) -> bool:
        try:
            return all(self._has_ended(end, seconds) for end in self._ends)
        finally:
            for end in self._ends:
                os.close(end)

    @staticmethod
    def _has_ended(end: int, seconds: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(end, selectors.EVENT_READ)
            return bool(selector.select(seconds))


# What is there afterwards -----------------------------------------------------------------------------------------


async def check(session: ClientSession, ticket_id: int, answered: Answered, listener: Listener) -> None:
    titles = {ticket["id"]: ticket["title"] for ticket in await all_of(session, "/api/tickets/")}
    assert answered.tickets.items() <= titles.items()

    messages = [each["body"] for each in await all_of(session, f"/api/tickets/{ticket_id}/messages")]
    assert len(set(messages)) == len(messages)
    assert set(answered.messages.values()) <= set(messages) <= set(answered.tried.values())

    files = {each["id"]: each for each in await all_of(session, f"/api/files/ticket/{ticket_id}")}
    assert answered.files.keys() <= files.keys()
    for file in files.values():
        async with session.get(file["download_url"]) as answer:
            content = await answer.read()
        assert answer.status == 200
        assert content == answered.files.get(file["id"], content)
        assert (len(content), sha256(content).hexdigest()) == (file["size"], file["sha256"])

    await listener.resume(session, ticket_id)
    assert listener.told("new_message", "message", "body") == messages
    assert sorted(listener.told("file_uploaded", "file", "id")) == sorted(files)
    assert sorted(listener.events) == list(range(1, len(listener.events) + 1))
    for key, seq in answered.said.items():
        assert listener.events[seq]["data"]["message"]["body"] == answered.tried[key]

    ticket = await get(session, f"/api/tickets/{ticket_id}")
    assert (ticket["message_count"], ticket["file_count"]) == (len(messages), len(files))


async def send_again(session: ClientSession, ticket_id: int, answered: Answered) -> None:
    """Repeat all messages, as a client does that has heard no answer: each is there once."""
    path = f"/api/tickets/{ticket_id}/messages"
    for key, body in answered.tried.items():
        await post(session, path, {"body": body}, headers={"Idempotency-Key": key})
        answered.messages[key] = body
    bodies = [each["body"] for each in await all_of(session, path)]
    assert sorted(bodies) == sorted(answered.tried.values())


def check_folder(data_dir: Path) -> None:
    """Nothing broken is in the database, and each blob is what its name says."""
    with sqlite3.connect(data_dir / "servicedesk.db") as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []
    conn.close()
    for blob in (data_dir / "blobs").rglob("*"):
        assert blob.is_dir() or sha256(blob.read_bytes()).hexdigest() == blob.name
    assert list((data_dir / "tmp").iterdir()) == []


async def test_after_kill_9_in_a_burst_of_work_everything_that_was_answered_is_there(tmp_path: Path) -> None:
    add = ("user", "add", "--email", "ada@example.org", "--name", "Ada", "--password-stdin")
    assert run(*add, "--data-dir", tmp_path, given=PASSWORD).returncode == 0
    listener = Listener()
    with serving("--data-dir", tmp_path) as server:
        async with calling(server) as session:
            ticket_id = (await post(session, "/api/tickets/", {"title": "Fire"}))["id"]
            listening = await listener.listen(session, ticket_id)
            burst = Burst(session, ticket_id)
            busy = burst.start()
            await asyncio.wait_for(burst.enough.wait(), 60)
            workers = Watched(children(server.process.pid))
            server.process.kill()
            await asyncio.wait_for(asyncio.gather(*busy, listening), 20)
        assert workers.all_ended(5)

    with serving("--data-dir", tmp_path) as server:
        async with calling(server) as session:
            await check(session, ticket_id, burst.answered, listener)
            await send_again(session, ticket_id, burst.answered)
        server.signal()
        assert server.ended()[0] == 0
    check_folder(tmp_path)


async def test_a_promise_that_was_changed_before_the_kill_reaches_every_ticket_after_it(
    tmp_path: Path,
) -> None:
    add = ("user", "add", "--email", "ada@example.org", "--name", "Ada", "--password-stdin")
    assert run(*add, "--data-dir", tmp_path, given=PASSWORD).returncode == 0
    policy = {"name": "Other", "targets": {"medium": {"resolution_s": 3600}}, "is_default": True}
    with serving("--data-dir", tmp_path) as server:
        async with calling(server) as session:
            for number in range(MANY // 16):
                titles = [{"title": f"Ticket {number}.{n}", "auto_assign": False} for n in range(16)]
                await asyncio.gather(*(post(session, "/api/tickets/", title) for title in titles))
            await post(session, "/api/sla/policies/", policy)
            server.process.kill()
            server.process.wait()
    left = sqlite3.connect(tmp_path / "servicedesk.db")
    assert left.execute("SELECT count(*) FROM tickets WHERE sla_policy = 'Other'").fetchone()[0] < MANY
    assert left.execute("SELECT count(*) FROM sla_rewinds").fetchone()[0] == 1
    left.close()

    with serving("--data-dir", tmp_path) as server:
        async with calling(server) as session, asyncio.timeout(30):
            socket = Socket(await session.ws_connect("/ws"))
            while {t["sla"]["policy"] for t in await all_of(session, "/api/tickets/")} != {"Other"}:
                await socket.event("ticket_updated", action="sla")
            await socket.close()
