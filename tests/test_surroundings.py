"""What the world around a desk can do to it: crowds that dawdle, too few descriptors, bad disks, odd clocks."""

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector

from servicedesk.domain.times import DAY, HOUR, MINUTE
from tests import programs
from tests.mounts import mounted
from tests.programs import run, serving
from tests.served import Desk
from tests.web.guests import PASSWORD, log_in, member
from tests.web.sockets import Socket
from tests.web.test_full_disk import ADA, Caller

SLOW = 500
WITHIN = 60.0
_HEAD = b"GET /healthz HTTP/1.1\r\nHost: desk.example\r\nX-Slow: "
_BODY = (
    b"POST /api/auth/login HTTP/1.1\r\nHost: desk.example\r\n"
    b"Content-Type: application/json\r\nContent-Length: 900\r\n\r\n"
)


@asynccontextmanager
async def working(data_dir: Path, program: Sequence[str] = programs.PROGRAM) -> AsyncIterator[Caller]:
    """Serve a desk that has a ticket and a file, to somebody who is logged in."""
    add = ("user", "add", "--email", ADA["email"], "--name", "Ada", "--password-stdin")
    assert run(*add, "--data-dir", data_dir, given=ADA["password"]).returncode == 0
    with serving("--data-dir", data_dir, program=program) as server:
        async with ClientSession(server.url) as guest, guest.post("/api/auth/login", json=ADA) as answer:
            headers = {"Authorization": f"Bearer {(await answer.json())['token']}"}
        async with ClientSession(server.url, headers=headers, connector=TCPConnector(limit=20)) as session:
            ada = Caller(session)
            assert [await ada.create(), await ada.upload()] == [(201, ""), (201, "")]
            yield ada
        server.signal()
        assert server.ended()[0] == 0
        assert "Traceback" not in (server.process.stderr.read() if server.process.stderr else "")


# Crowds -------------------------------------------------------------------------------------------------------------


async def dawdle(port: int, begin: bytes) -> float:
    """Send a byte now and then until one is cut; return after how many seconds that was."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begin)
    with contextlib.suppress(ConnectionError):
        while time.monotonic() - began < 2 * WITHIN:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3):
                    await reader.read()
                    break
            writer.write(b"a")
    took = time.monotonic() - began
    writer.close()
    return took


@pytest.mark.slow
async def test_five_hundred_who_dawdle_are_cut_within_a_minute_and_others_notice_nothing(
    tmp_path: Path,
) -> None:
    async with working(tmp_path / "data") as ada:
        url = ada.session._base_url
        assert url is not None
        assert url.port is not None
        crowd = [
            asyncio.create_task(dawdle(url.port, _HEAD if number % 2 else _BODY)) for number in range(SLOW)
        ]
        took, done = [], []
        while not all(one.done() for one in crowd):
            began = time.monotonic()
            done += [await ada.create(), await ada.call("GET", "/api/tickets/1")]
            took.append(time.monotonic() - began)
            await asyncio.sleep(0.2)
        cut = [one.result() for one in crowd]

    assert max(cut) <= WITHIN
    assert set(done) == {(201, ""), (200, "")}
    assert len(took) > 50
    assert sorted(took)[int(0.99 * len(took))] < 1.0


async def test_with_few_descriptors_the_idle_go_and_those_who_work_are_served(tmp_path: Path) -> None:
    narrow = ("sh", "-c", 'ulimit -n 120; exec "$@"', "sh", *programs.PROGRAM)
    async with working(tmp_path / "data", narrow) as ada:
        url = ada.session._base_url
        assert url is not None
        assert url.port is not None
        socket = Socket(await ada.session.ws_connect("/ws"))
        lines = [await asyncio.open_connection("127.0.0.1", url.port) for _ in range(300)]

        async with asyncio.timeout(30):
            done = [await ada.create(), await ada.upload(b"More smoke.\n" * 9000, "more.txt")]
            done += [
                await ada.call("GET", path) for path in ("/readyz", "/api/tickets/?q=fire", "/api/tickets/2")
            ]
            async with ClientSession(str(url)) as guest, guest.post("/api/auth/login", json=ADA) as answer:
                done.append((answer.status, ""))
            files = await ada.json("/api/files/ticket/1")
            done.append(await ada.call("GET", files["items"][0]["download_url"]))
            await socket.event("ticket_updated", action="created")

        assert [status for status, _ in done] == [201, 201, 200, 200, 200, 200, 200]
        gone = sum(reader.at_eof() or reader.exception() is not None for reader, _ in lines)
        assert gone >= 200
        for _, writer in lines:
            writer.close()
        await socket.close()


# Disks that can only be read -----------------------------------------------------------------------------------------


def test_a_desk_on_a_disk_that_can_only_be_read_says_so_in_one_line(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    filled = run("demo", "--password-stdin", "--data-dir", data_dir, given="tall lamps over water")
    assert filled.returncode == 0
    with mounted(data_dir, "--bind", str(data_dir)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(data_dir)], check=True)

        done = run("serve", "--port", "0", "--data-dir", data_dir)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert "Read-only file system" in done.stderr


async def test_when_the_disk_turns_read_only_nothing_is_written_and_all_is_read(tmp_path: Path) -> None:
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    image.write_bytes(b"")
    os.truncate(image, 128 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    with mounted(place, "-o", "loop", str(image)):
        async with working(place / "data") as ada:
            # What Linux does by itself when a disk fails.
            subprocess.run(["mount", "-o", "remount,abort", str(place)], check=True)

            refused = [await ada.create() for _ in range(3)]
            refused.append(await ada.call("PATCH", "/api/tickets/1", json={"title": "It smokes"}))
            uploaded = await ada.upload(b"More smoke.\n" * 9000, "more.txt")
            files = await ada.json("/api/files/ticket/1")
            read = [
                await ada.call("GET", "/healthz"),
                await ada.call("GET", "/api/tickets/1"),
                await ada.call("GET", "/api/tickets/?status=new"),
                await ada.call("GET", files["items"][0]["download_url"]),
            ]
            async with asyncio.timeout(10):
                while (ready := await ada.call("GET", "/readyz")) == (200, ""):
                    await asyncio.sleep(0.2)

    assert set(refused) == {(503, "storage_full")}
    assert uploaded == (507, "storage_full")
    assert read == [(200, "")] * 4
    assert ready == (503, "storage_full")


# Clocks that jump ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [DAY, -DAY])
async def test_a_clock_that_jumps_a_day_stops_nobodys_work(desk: Desk, jump: int) -> None:
    await member(desk, "bob@desk.example")
    ada = await desk.agent()
    first = await ada.ticket()
    line = Socket(await ada.session.ws_connect("/ws"))
    desk.clock.advance(jump)
    await desk.live(0)

    second = await ada.ticket("It smokes")
    said = await ada.post(f"/api/tickets/{first['id']}/messages", {"body": "On our way."})
    moved = await ada.patch(f"/api/tickets/{second['id']}", {"title": "It smokes still"})
    entered = await log_in(desk, "bob@desk.example")

    assert (said.status, moved.status, entered.status) == (201, 200, 200)
    await line.event("ticket_updated", ticket_id=second["id"], action="created")
    listed = await ada.all("/api/tickets/?sort=id")
    assert {ticket["id"] for ticket in listed} == {first["id"], second["id"]}
    desk.clock.advance(-jump)
    await desk.live(0)
    assert (await ada.get("/api/auth/me")).status == 200
    await line.close()


async def test_what_fell_due_in_a_jump_is_done_once_though_the_clock_goes_back(desk: Desk) -> None:
    ada = await member(desk, "ada@desk.example")
    ticket = await ada.ticket()
    at = f"/api/tickets/{ticket['id']}"
    await ada.put(f"{at}/assignment", {"assigned_to": ada.id})
    for status in ("in_progress", "resolved"):
        answer = await ada.put(f"{at}/status", {"status": status, "comment": "Done."})
        assert answer.status == 200, answer.body
    week = 30 * DAY

    for _ in range(3):
        desk.clock.advance(week)
        await desk.live(0)
        desk.clock.advance(-week)
        await desk.live(0)

    assert (await ada.get(at)).body["status"] == "closed"
    closed = [
        each
        for each in (await ada.all(f"{at}/history"))
        if (each["changes"].get("status") or {}).get("to") == "closed"
    ]
    assert len(closed) == 1


async def test_nobody_is_locked_out_until_tomorrow_by_guesses_from_a_clock_that_was_ahead(desk: Desk) -> None:
    await member(desk, "ada@desk.example")
    desk.clock.advance(DAY)
    for _ in range(21):
        await log_in(desk, "ada@desk.example", "a wrong password")
    assert (await log_in(desk, "bob@desk.example")).status == 429
    desk.clock.advance(-DAY)

    assert (await log_in(desk, "ada@desk.example", PASSWORD)).status == 200
    for _ in range(20):
        await log_in(desk, "ada@desk.example", "a wrong password")
    assert (await log_in(desk, "bob@desk.example")).status == 429  # and guessing costs as much as ever
    desk.clock.advance(HOUR + MINUTE)
    assert (await log_in(desk, "ada@desk.example", PASSWORD)).status == 200
