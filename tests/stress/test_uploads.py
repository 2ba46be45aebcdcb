"""Uploads by the hundred, and a program that is killed in the middle of them: what was answered is there, whole."""

import asyncio
import hashlib
import json
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from aiohttp import ClientError, ClientSession, TCPConnector

from servicedesk.domain.files import Limits
from servicedesk.media.blobs import ORPHAN_AGE, Blobs
from servicedesk.web.sweeps import sweep
from tests import files_made_up as made_up
from tests.served import Desk as Program
from tests.stress.desks import Desk, Person, served

pytestmark = pytest.mark.slow

KILLS: Final = 30
AT_A_TIME: Final = 32
PARALLEL: Final = 200
LARGE: Final = 10_000_000
GROWTH: Final = 150 << 20
OTHERS_WITHIN: Final = 0.5
"""Seconds in which 99 of 100 other requests are answered meanwhile."""
PIECE: Final = 1 << 16


class Made:
    """A file made from its number while it is sent, so that two hundred of them take no memory here."""

    def __init__(self, number: int, size: int) -> None:
        self.number = number
        self.head = b"%016d\n" % number
        self.size = size

    def pieces(self) -> list[bytes]:
        line = self.head * (PIECE // len(self.head))
        whole, rest = divmod(self.size, len(line))
        return [line] * whole + [line[:rest]]

    @property
    def sha256(self) -> str:
        found = hashlib.sha256()
        for piece in self.pieces():
            found.update(piece)
        return found.hexdigest()


def pieces_of(content: bytes) -> list[bytes]:
    return [content[at : at + PIECE] for at in range(0, len(content), PIECE)]


# Killed --------------------------------------------------------------------------------------------------------------


class Uploader:
    """Sends one file after the other, and remembers what was answered."""

    def __init__(self, desk: Desk, person: Person, ticket_id: int, seed: int) -> None:
        self.answered: dict[str, str] = {}
        """By the id of a file, the hash of what was sent."""
        self._desk = desk
        self._person = person
        self._ticket_id = ticket_id
        self._chance = Random(seed)

    async def until_cut(self) -> None:
        try:
            async with ClientSession() as session:
                while True:
                    await self._one(session)
        except (ClientError, OSError):
            return

    async def _one(self, session: ClientSession) -> None:
        if self._chance.random() < 0.3:
            name, content = (
                "a.png",
                made_up.png(self._chance.randrange(8, 200), self._chance.randrange(8, 200)),
            )
        else:
            name, content = (
                "a.log",
                self._chance.randbytes(self._chance.choice((50, 5_000, 300_000))).hex().encode(),
            )
        file = await self._desk.upload(self._person, self._ticket_id, name, pieces_of(content), session)
        sent = hashlib.sha256(content).hexdigest()
        assert file["sha256"] == sent
        self.answered[file["id"]] = sent


async def test_thirty_kills_among_32_uploads_lose_no_file_that_was_answered(tmp_path: Path) -> None:
    chance = Random(5)
    async with served(tmp_path, agents=4) as desk:
        blobs = Blobs(desk.folder)
        ticket_id = await desk.ticket(desk.people[0])
        uploaders = [Uploader(desk, desk.people[n % 4], ticket_id, n) for n in range(AT_A_TIME)]
        broken = 0
        for number in range(1, KILLS + 1):
            sending = [asyncio.create_task(each.until_cut()) for each in uploaders]
            before = sum(len(each.answered) for each in uploaders)
            async with asyncio.timeout(60):
                while sum(len(each.answered) for each in uploaders) < before + chance.randrange(
                    1, 3 * AT_A_TIME
                ):
                    await asyncio.sleep(0.001)
            await desk.stop(signal.SIGKILL)
            await asyncio.gather(*sending)
            broken += left_in(desk.folder / "tmp")
            await desk.start()

            assert left_in(desk.folder / "tmp") == 0
            answered = {id_: sha256 for each in uploaders for id_, sha256 in each.answered.items()}
            kept = named(desk.folder)
            assert answered.items() <= kept.items(), number
            assert damaged(blobs) == [], "a name on the disk is the hash of the bytes"
            assert set(kept.values()) <= {path.name for path in blobs.all()}, (
                "whoever has a name has its bytes"
            )

        one = next(iter(answered))
        async with desk.http.get(
            f"{desk.server.url}/api/files/{one}/download",
            headers={"Authorization": f"Bearer {desk.people[0].token}"},
        ) as answer:
            assert hashlib.sha256(await answer.read()).hexdigest() == answered[one]

    assert broken > KILLS, "the kills met uploads that were under way"
    async with Program(desk.folder) as again:
        await sweep(again.app, time.time() + ORPHAN_AGE + 60)
    assert {path.name for path in blobs.all()} == set(kept.values()), (
        "nothing is orphaned, and nothing too much went"
    )


def damaged(blobs: Blobs) -> list[str]:
    """Return the names of bytes whose hash is another."""
    return [path.name for path in blobs.all() if hash_of(path) != path.name]


def hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def left_in(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


def named(folder: Path) -> dict[str, str]:
    """Return what the database names: by a file's id its hash."""
    with closing(sqlite3.connect(f"file:{folder}/servicedesk.db?mode=ro", uri=True)) as conn:
        return dict(conn.execute("SELECT id, sha256 FROM files").fetchall())


# Two hundred at once -------------------------------------------------------------------------------------------------


async def test_two_hundred_uploads_at_once_are_right_and_leave_the_others_their_turn(tmp_path: Path) -> None:
    image = made_up.picture("JPEG", 6000, 4000, quality=85)
    assert 9_000_000 < len(image) < Limits().max_image_size
    async with served(tmp_path, agents=21) as desk:
        *senders, onlooker = desk.people
        ticket_id = await desk.ticket(onlooker)
        await desk.upload(senders[0], ticket_id, "warm.png", [made_up.png()])
        before, grown, workers = desk.memory(), [0], [0]
        async with looking_on(desk, onlooker, ticket_id) as seen:
            watching = asyncio.create_task(watch(desk, before, grown, workers))
            began = time.monotonic()
            async with ClientSession(connector=TCPConnector(limit=0)) as many:
                sending = [send(desk, senders[n % 20], ticket_id, n, many) for n in range(PARALLEL)]
                *answers, picture = await asyncio.gather(
                    *sending, desk.upload(senders[0], ticket_id, "large.jpg", pieces_of(image), many)
                )
            seconds = time.monotonic() - began
            watching.cancel()
        wrong = [made.number for made, answer in answers if made.sha256 != answer["sha256"]]
        kept = named(desk.folder)
        broken = damaged(Blobs(desk.folder))
        await desk.note_stall()
        every = seen["read"] + seen["write"]
        late = " s, ".join(f"{p99(each):.3f}" for each in (seen["read"], seen["write"], every))
        print(
            f"{PARALLEL} uploads in {seconds:.0f} s: memory grew by {max(grown) >> 20} MiB, workers held"
            f" {max(workers) >> 20} MiB; 99 % of reads, writes and both within {late} s; stalls {desk.stalls}"
        )

    assert wrong == []
    assert broken == []
    assert {answer["sha256"] for _, answer in answers} | {picture["sha256"]} <= set(kept.values())
    assert (picture["width"], picture["height"]) == (6000, 4000)
    assert max(grown) <= GROWTH
    assert p99(every) <= OTHERS_WITHIN


async def send(
    desk: Desk, person: Person, ticket_id: int, number: int, session: ClientSession
) -> tuple[Made, Any]:
    made = Made(number, LARGE)
    return made, await desk.upload(person, ticket_id, f"{number}.log", made.pieces(), session)


async def watch(desk: Desk, before: int, grown: list[int], workers: list[int]) -> None:
    while True:
        grown.append(desk.memory() - before)
        workers.append(desk.workers_memory())
        await asyncio.sleep(0.05)


@asynccontextmanager
async def looking_on(desk: Desk, person: Person, ticket_id: int) -> AsyncIterator[dict[str, list[float]]]:
    """Have somebody work on in a process of their own; at the end it is known how long each answer took."""
    command = ("-m", "tests.stress.onlooker", desk.server.url, person.token, str(ticket_id))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    seen: dict[str, list[float]] = {}
    try:
        yield seen
        said, _ = await asyncio.wait_for(process.communicate(b""), 30)
        seen.update(json.loads(said))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def p99(found: list[float]) -> float:
    return sorted(found)[len(found) * 99 // 100]
