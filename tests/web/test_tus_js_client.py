"""Uploads by a client that nobody here wrote: the npm package tus-js-client, over a line that breaks."""

import asyncio
import json
import random
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from yarl import URL

from tests.programs import run, serving
from tests.rail import Rail

NPM = Path(__file__).parents[1] / "npm"
MIB = 1 << 20
PASSWORD = "printer on fire"
ADD = ("user", "add", "--email", "ada@example.org", "--name", "Ada", "--password-stdin")
PATIENCE = 90.0

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (NPM / "node_modules" / "tus-js-client").is_dir(),
    reason="there is no node or no tus-js-client; `make npm` installs the latter",
)


async def log_in(url: URL) -> str:
    async with ClientSession(url) as guest:
        credentials = {"email": "ada@example.org", "password": PASSWORD}
        async with guest.post("/api/auth/login", json=credentials) as answer:
            return str((await answer.json())["token"])


async def a_ticket(url: str, token: str) -> int:
    async with ClientSession(url, headers={"Authorization": f"Bearer {token}"}) as session:
        answer = await session.post("/api/tickets/", json={"title": "Fire"})
        return int((await answer.json())["id"])


async def upload(
    address: str, token: str, path: Path, piece: int, ticket_id: int
) -> asyncio.subprocess.Process:
    said = {"filename": path.name, "filetype": "text/plain", "ticket_id": str(ticket_id)}
    return await asyncio.create_subprocess_exec(
        *(
            "node",
            NPM / "upload.js",
            f"{address}/api/files/resumable/",
            token,
            path,
            str(piece),
            json.dumps(said),
        ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def outcome(process: asyncio.subprocess.Process) -> Any:
    async with asyncio.timeout(PATIENCE):
        out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return json.loads(out)


@pytest.mark.parametrize("piece", [0, 3 * MIB], ids=["in one piece", "in pieces"])
async def test_a_file_arrives_over_a_line_that_breaks_and_a_desk_that_is_killed(
    tmp_path: Path, piece: int
) -> None:
    content = random.Random(piece).randbytes(10 * MIB).hex().encode()
    path = tmp_path / "trace.log"
    path.write_bytes(content)
    data = tmp_path / "data"
    data.mkdir()
    assert run(*ADD, "--data-dir", data, given=PASSWORD).returncode == 0
    rail = Rail([2 * MIB, 5 * MIB, 6 * MIB, 11 * MIB, 15 * MIB])

    async with rail.running() as address:
        with serving("--data-dir", data) as server:
            rail.target = URL(server.url)
            token = await log_in(rail.target)
            ticket_id = await a_ticket(server.url, token)
            process = await upload(address, token, path, piece, ticket_id)
            async with asyncio.timeout(PATIENCE):
                while len(rail.cuts) > 2:
                    rail.cut.clear()
                    await rail.cut.wait()
            server.process.kill()
            server.process.wait()
        with serving("--data-dir", data) as server:
            assert list((data / "tmp").iterdir()) == []
            rail.target = URL(server.url)
            found = await outcome(process)
            async with ClientSession(server.url, headers={"Authorization": f"Bearer {token}"}) as session:
                async with session.get(f"{found['file']}/download") as answer:
                    arrived = await answer.read()
                async with session.get(f"/api/files/ticket/{ticket_id}") as answer:
                    files = (await answer.json())["items"]

    assert sha256(arrived).digest() == sha256(content).digest()
    assert [file["filename"] for file in files] == ["trace.log"]
    assert rail.cuts == []
    assert found["breaks"] >= 4
    assert list((data / "partial").iterdir()) == []


async def test_what_is_refused_at_the_end_is_told_to_the_client(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"no picture at all")
    data = tmp_path / "data"
    data.mkdir()
    assert run(*ADD, "--data-dir", data, given=PASSWORD).returncode == 0

    with serving("--data-dir", data) as server:
        token = await log_in(URL(server.url))
        process = await upload(server.url, token, path, 0, await a_ticket(server.url, token))
        out, errors = await process.communicate()

    assert (process.returncode, out) == (1, b"")
    assert b"type_mismatch" in errors
