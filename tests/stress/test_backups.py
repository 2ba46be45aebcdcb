"""A backup is made while fifty people a second write: nobody notices, and all they had been told is in it."""

import asyncio
import hashlib
import os
import re
import sqlite3
import statistics
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from servicedesk.media.blobs import Blobs
from servicedesk.store import snapshot
from tests.programs import PROGRAM, environment, run, serving
from tests.test_kill import calling, post

RATE = 50
P99 = 0.250
STALL = 0.050
LOG_MAX = 128 << 20
OLD = {"messages": 30_000, "files": 60}
PASSWORD = "printer on fire"

pytestmark = pytest.mark.slow


def grown(folder: Path) -> None:
    """Give the desk a past: 37 MB of messages and 36 MB of files."""
    blobs = Blobs(folder)
    with closing(sqlite3.connect(folder / "servicedesk.db")) as conn:
        conn.executemany(
            "INSERT INTO messages (ticket_id, author_id, body, is_internal, created_at) VALUES (1, 1, ?, 0, ?)",
            ((f"Message {number}: {'words ' * 190}", number) for number in range(OLD["messages"])),
        )
        for number in range(OLD["files"]):
            content = os.urandom(600_000)
            name = hashlib.sha256(content).hexdigest()
            blobs.path(name).parent.mkdir(parents=True, exist_ok=True)
            blobs.path(name).write_bytes(content)
            conn.execute(
                "INSERT INTO files (id, ticket_id, uploaded_by, filename, size, content_type, category, sha256,"
                " is_internal, piece, created_at) VALUES (?, 1, 1, 'a.bin', ?, 'text/plain', 'text', ?, 0, 3, 1)",
                (f"f{number}", len(content), name),
            )
        conn.commit()
    blobs.close()


class Writers:
    """So many writes a second, whether or not those before were answered."""

    def __init__(self, session: ClientSession, ticket_id: int) -> None:
        self.answered: list[int] = []
        self.took: list[float] = []
        self._session = session
        self._path = f"/api/tickets/{ticket_id}/messages"

    async def write(self, until: "asyncio.Event", at_least: float) -> None:
        began, number = time.monotonic(), 0
        async with asyncio.TaskGroup() as group:
            while not until.is_set() or time.monotonic() - began < at_least:
                group.create_task(self._one(number))
                number += 1
                await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))

    async def _one(self, number: int) -> None:
        began = time.monotonic()
        answer = await post(self._session, self._path, {"body": f"new {number} {began}"})
        self.took.append(time.monotonic() - began)
        self.answered.append(answer["id"])

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.took, n=100)[98]


async def stall(session: ClientSession) -> float:
    async with session.get("/metrics") as answer:
        found = re.search(r"^servicedesk_loop_stall_seconds_max (\S+)$", await answer.text(), re.M)
    assert found is not None
    return float(found[1])


async def log_of(data_dir: Path, until: asyncio.Event) -> int:
    """Return how large the log of changes became."""
    most = 0
    while not until.is_set():
        most = max(most, (data_dir / "servicedesk.db-wal").stat().st_size)
        await asyncio.sleep(0.05)
    return most


async def backed_up(place: Path, data_dir: Path, done: asyncio.Event) -> None:
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "backup", str(place), "--data-dir", str(data_dir), env=environment()
    )
    assert await process.wait() == 0
    done.set()


async def measured(session: ClientSession, ticket_id: int, data_dir: Path, place: Path) -> dict[str, Any]:
    before = await undisturbed(session, ticket_id)
    busy, done = Writers(session, ticket_id), asyncio.Event()
    began = time.monotonic()
    log, *_ = await asyncio.gather(
        log_of(data_dir, done), backed_up(place, data_dir, done), busy.write(done, 0)
    )
    seconds = time.monotonic() - began
    after = await undisturbed(session, ticket_id)
    return {
        "quiet p99": max(before.p99, after.p99),
        "busy p99": busy.p99,
        "writes": len(busy.took),
        "seconds": seconds,
        "log": log,
        "stall": await stall(session),
        "before": before.answered,
    }


async def undisturbed(session: ClientSession, ticket_id: int) -> Writers:
    writers, nothing = Writers(session, ticket_id), asyncio.Event()
    nothing.set()
    await writers.write(nothing, 5)
    return writers


async def test_nobody_who_writes_notices_a_backup_and_all_they_were_told_is_in_it(tmp_path: Path) -> None:
    data_dir, place = tmp_path / "desk", tmp_path / "backups"
    add = ("user", "add", "--email", "ada@example.org", "--name", "Ada", "--password-stdin")
    assert run(*add, "--data-dir", data_dir, given=PASSWORD).returncode == 0
    with serving("--data-dir", data_dir) as server:
        async with calling(server) as session:
            ticket_id = (await post(session, "/api/tickets/", {"title": "Busy"}))["id"]
        server.signal()
        server.ended()
    grown(data_dir)
    with serving("--data-dir", data_dir) as server:
        async with calling(server) as session:
            found = await measured(session, ticket_id, data_dir, place)
        server.signal()
        assert server.ended()[0] == 0

    print({name: value for name, value in found.items() if name != "before"})

    assert found["writes"] > 3 * RATE
    # Where others keep the disk so busy that writers wait without a backup as well, that is not our doing.
    assert found["busy p99"] <= max(P99, 3 * found["quiet p99"])
    assert found["stall"] <= STALL
    assert found["log"] <= LOG_MAX
    assert run("restore", place, "--data-dir", tmp_path / "new").returncode == 0
    with snapshot.at_rest(tmp_path / "new" / "servicedesk.db") as conn:
        there = {row[0] for row in conn.execute("SELECT id FROM messages")}
        assert set(found["before"]) <= there
        assert len(there) >= OLD["messages"]
        named = dict(snapshot.contents(conn))
    blobs = Blobs(tmp_path / "new")
    assert len(named) == OLD["files"]
    for sha256, size in named.items():
        content = blobs.path(sha256).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (sha256, size)
    blobs.close()
