"""A disk that is really full: a small one, mounted for the test and filled up."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, FormData

from tests import files_made_up as made_up
from tests.programs import Server, run, serving
from tests.web.sockets import Socket

SIZE = "64m"
IN_RESERVE = 4_000_000
"""Bytes left free: less than the tenth of the disk that is kept back."""
ADA = {"email": "ada@example.org", "password": "printer on fire"}
TICKET = {"title": "The printer is on fire"}


class Disk:
    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "data"
        self._folder = folder
        self._ballast = folder / "ballast"

    @property
    def free(self) -> int:
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize

    def fill(self, leave: int) -> None:
        with self._ballast.open("ab") as ballast:
            os.posix_fallocate(ballast.fileno(), self._ballast.stat().st_size, self.free - leave)

    def empty(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(tmp_path)]
    done = subprocess.run(mounted, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield Disk(tmp_path)
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


class Caller:
    """Somebody with a token, who looks at statuses and codes."""

    def __init__(self, session: ClientSession) -> None:
        self.session = session

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        async with self.session.request(method, path, **options) as answer:
            if not answer.content_type.endswith("json"):
                return answer.status, ""
            body = await answer.json()
            return answer.status, body.get("code", "")

    async def create(self, **more: Any) -> tuple[int, str]:
        return await self.call("POST", "/api/tickets/", json={**TICKET, **more})

    async def upload(
        self, content: bytes = b"It smokes.\n" * 20_000, name: str = "what.txt"
    ) -> tuple[int, str]:
        form = FormData({"ticket_id": "1"})
        form.add_field("file", content, filename=name)
        return await self.call("POST", "/api/files/upload", data=form)

    async def json(self, path: str) -> Any:
        async with self.session.get(path) as answer:
            assert answer.status == 200
            return await answer.json()

    async def seconds_until_writing_is_back(self) -> float:
        began = time.monotonic()
        while await self.create() != (201, ""):
            assert time.monotonic() - began < 15
            await asyncio.sleep(0.1)
        return time.monotonic() - began


@asynccontextmanager
async def working(disk: Disk) -> AsyncIterator[tuple[Server, Caller]]:
    """Serve from the disk; a ticket and a file are there already. At the end nothing may be broken."""
    add = ("user", "add", "--email", ADA["email"], "--name", "Ada", "--password-stdin")
    assert run(*add, "--data-dir", disk.data_dir, given=ADA["password"]).returncode == 0
    with serving("--data-dir", disk.data_dir) as server:
        async with ClientSession(server.url) as guest, guest.post("/api/auth/login", json=ADA) as answer:
            headers = {"Authorization": f"Bearer {(await answer.json())['token']}"}
        async with ClientSession(server.url, headers=headers) as session:
            ada = Caller(session)
            assert [await ada.create(), await ada.upload()] == [(201, ""), (201, "")]
            yield server, ada
        server.signal()
        assert server.ended()[0] == 0
        assert "Traceback" not in (server.process.stderr.read() if server.process.stderr else "")
    with contextlib.closing(sqlite3.connect(disk.data_dir / "servicedesk.db")) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert list((disk.data_dir / "tmp").iterdir()) == []


async def readiness(ada: Caller, status: int) -> None:
    """Wait until the desk says so; it looks at the disk once a second."""
    async with asyncio.timeout(10):
        while (await ada.call("GET", "/readyz"))[0] != status:
            await asyncio.sleep(0.1)


async def test_in_the_reserve_nothing_is_written_but_people_log_in_and_read(disk: Disk) -> None:
    async with working(disk) as (_, ada):
        socket = Socket(await ada.session.ws_connect("/ws"))
        disk.fill(IN_RESERVE)
        await readiness(ada, 503)

        refused = [
            await ada.call("GET", "/readyz"),
            await ada.create(),
            await ada.call("POST", "/api/tickets/1/messages", json={"body": "On our way."}),
            await ada.call("PATCH", "/api/tickets/1", json={"title": "It smokes"}),
        ]
        said = await socket.refused("send_message", ticket_id=1, body="On our way.", client_msg_id="1")
        files = await ada.json("/api/files/ticket/1")
        read = [
            await ada.call("GET", "/healthz"),
            await ada.call("GET", "/api/tickets/?q=printer"),
            await ada.call("GET", "/api/tickets/1"),
            await ada.call("GET", files["items"][0]["download_url"]),
            await ada.call("POST", "/api/auth/login", json=ADA),
        ]

        assert refused == [(503, "storage_full")] * 4
        assert said["code"] == "storage_full"
        assert await ada.upload() == (507, "storage_full")
        assert read == [(200, "")] * 5
        disk.empty()
        assert await ada.seconds_until_writing_is_back() <= 10
        assert await ada.upload() == (201, "")
        assert (await ada.json("/api/tickets/1"))["title"] == TICKET["title"]
        await socket.close()


async def test_a_disk_that_is_full_to_the_last_byte_is_no_error_of_ours(disk: Disk) -> None:
    """The desk looked a moment ago and there was room: the refusal comes from the file system itself."""
    async with working(disk) as (_, ada):
        await ada.create()
        disk.fill(0)

        created = await asyncio.gather(*(ada.create(description="It smokes. " * 5000) for _ in range(60)))
        uploaded = await asyncio.gather(*(ada.upload() for _ in range(5)))

        assert set(created) <= {(201, ""), (503, "storage_full")}
        assert (503, "storage_full") in created
        assert set(uploaded) == {(507, "storage_full")}
        disk.empty()
        assert await ada.seconds_until_writing_is_back() <= 10
        await readiness(ada, 200)
        tickets = (await ada.json("/api/tickets/?count=true"))["total"]
        assert tickets == 2 + created.count((201, "")) + 1


@pytest.mark.parametrize("free", [0, IN_RESERVE])
async def test_files_are_downloaded_and_looked_at_while_the_disk_is_full_and_taken_again_when_there_is_room(
    disk: Disk, free: int
) -> None:
    async with working(disk) as (_, ada):
        picture = made_up.png(500, 400)
        assert await ada.upload(picture, "a.png") == (201, "")
        assert await ada.upload(made_up.pdf(), "a.pdf") == (201, "")
        listed = (await ada.json("/api/files/ticket/1"))["items"]
        disk.fill(free)
        async with asyncio.timeout(10):
            while await ada.upload() != (507, "storage_full"):
                await asyncio.sleep(0.1)

        seen = [
            await ada.call("GET", f"/api/files/{file['id']}/{what}")
            for file in listed
            for what in ("download", "preview", "thumbnail", "picture")
        ]
        async with ada.session.get(listed[1]["download_url"], headers={"Range": "bytes=1-3"}) as answer:
            assert (answer.status, await answer.read()) == (206, b"PNG")

        missing = (404, "no_thumbnail")
        assert seen == [
            *((200, ""), (200, ""), missing, missing),
            *((200, ""),) * 4,
            *((200, ""), (200, ""), missing, (200, "")),
        ]
        assert list((disk.data_dir / "tmp").iterdir()) == []
        disk.empty()
        assert await ada.seconds_until_writing_is_back() <= 10
        again = made_up.png(501, 400)
        assert await ada.upload(again, "b.png") == (201, "")
        last = (await ada.json("/api/files/ticket/1"))["items"][-1]
        assert await ada.call("GET", last["thumbnail_url"]) == (200, "")


@pytest.mark.parametrize("is_restored", [False, True])
async def test_a_desk_starts_on_a_full_disk_and_shows_what_it_has(disk: Disk, is_restored: bool) -> None:
    async with working(disk) as (first, ada):
        first.signal()
        assert first.ended()[0] == 0
        if is_restored:  # and its log needs another name
            (disk.data_dir / "epoch.mark").unlink()
        disk.fill(IN_RESERVE)
        with serving("--data-dir", disk.data_dir) as second:
            async with ClientSession(second.url, headers=ada.session.headers) as session:
                again = Caller(session)

                assert await again.call("GET", "/api/tickets/1") == (200, "")
                assert await again.create() == (503, "storage_full")
                disk.empty()
                assert await again.seconds_until_writing_is_back() <= 10
            second.signal()
            assert second.ended()[0] == 0


@pytest.mark.parametrize("free", [0, 4096, 100_000])
def test_a_disk_without_room_for_a_desk_is_said_in_one_line(disk: Disk, free: int) -> None:
    disk.fill(free)

    done = run("serve", "--port", "0", "--data-dir", disk.data_dir)

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr or "disk is full" in done.stderr
