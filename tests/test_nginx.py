"""The desk behind Debian's nginx, set up as docs/proxies.md says."""

import asyncio
import contextlib
import os
import re
import shutil
import socket
import sqlite3
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import ClientSession, FormData, TCPConnector

from tests.programs import Server, run, serving
from tests.test_tls import ADA, Pair

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
DOCS = Path(__file__).parents[1] / "docs" / "proxies.md"
SILENT = 75.0
"""Seconds: longer than the proxy waits for a word."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NGINX is None, reason="there is no nginx, and none could be installed"),
]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def written(folder: Path, pair: Pair, port: int, desk: str) -> Path:
    """Write nginx's settings: those of the docs, with the places of this test in them."""
    found = re.search(r"```nginx\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert found is not None
    text = found[1]
    for before, after in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/letsencrypt/live/desk.example.org/fullchain.pem", str(pair.certificate)),
        ("/etc/letsencrypt/live/desk.example.org/privkey.pem", str(pair.key)),
        ("http://127.0.0.1:8080", desk),
    ):
        assert before in text
        text = text.replace(before, after)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    path = folder / "nginx.conf"
    path.write_text(
        f"pid {folder}/pid;\ndaemon off;\nmaster_process off;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{places}{text}}}\n"
    )
    return path


@contextmanager
def proxy(folder: Path, pair: Pair, port: int, desk: str) -> Iterator[None]:
    folder.mkdir()
    process = subprocess.Popen([str(NGINX), "-p", str(folder), "-c", str(written(folder, pair, port, desk))])
    try:
        deadline = time.monotonic() + 20
        while True:
            assert process.poll() is None, "nginx did not start"
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)


class Behind:
    """A desk behind nginx, and somebody logged in there."""

    def __init__(self, server: Server, url: str, session: ClientSession, database: Path) -> None:
        self.server = server
        self.url = url
        self.session = session
        self.database = database


@asynccontextmanager
async def behind(tmp_path: Path) -> AsyncIterator[Behind]:
    pair, port, data_dir = Pair(tmp_path), free_port(), tmp_path / "data"
    url = f"https://127.0.0.1:{port}"
    add = ("user", "add", "--email", ADA["email"], "--name", "Ada", "--password-stdin")
    assert run(*add, "--data-dir", data_dir, given=ADA["password"]).returncode == 0
    settings = {"PUBLIC_URL": url, "TRUSTED_PROXIES": "127.0.0.1"}
    with (
        serving("--data-dir", data_dir, **settings) as server,
        proxy(tmp_path / "nginx", pair, port, server.url),
    ):
        # From an address of its own, so that it can be told from the proxy's.
        line = TCPConnector(ssl=trusting(pair), local_addr=("127.0.0.5", 0))
        async with ClientSession(url, connector=line) as session:
            spoofed = {"X-Forwarded-For": "203.0.113.66"}
            async with session.post("/api/auth/login", json=ADA, headers=spoofed) as answer:
                assert answer.status == 200, await answer.text()
                session.headers["Authorization"] = f"Bearer {(await answer.json())['token']}"
            async with session.post("/api/tickets/", json={"title": "It smokes"}) as answer:
                assert answer.status == 201
            yield Behind(server, url, session, data_dir / "servicedesk.db")


def trusting(pair: Pair) -> ssl.SSLContext:
    return pair.context()


async def test_a_socket_that_nobody_uses_outlives_the_proxys_patience(tmp_path: Path) -> None:
    async with behind(tmp_path) as desk:
        line = await desk.session.ws_connect("/ws", origin=desk.url)
        assert (await line.receive_json(timeout=10))["event"]
        quiet = asyncio.ensure_future(line.receive())  # which answers the desk's pings
        came, _ = await asyncio.wait((quiet,), timeout=SILENT)
        assert not came

        async with desk.session.post("/api/tickets/", json={"title": "It still smokes"}) as answer:
            assert answer.status == 201

        assert "It still smokes" in str((await asyncio.wait_for(quiet, 10)).data)
        await line.close()


async def test_large_files_go_through_and_parts_of_them_come_back(tmp_path: Path) -> None:
    async with behind(tmp_path) as desk:
        content = b"It smokes.\n" * (25 * 2**20 // 11)
        form = FormData({"ticket_id": "1"})
        form.add_field("file", BytesIO(content), filename="smoke.txt")
        async with desk.session.post("/api/files/upload", data=form) as answer:
            assert answer.status == 201, await answer.text()
            where = (await answer.json())["download_url"]

        async with desk.session.get(where) as answer:
            assert await answer.read() == content
        async with desk.session.get(where, headers={"Range": "bytes=20000000-20000099"}) as answer:
            assert (answer.status, await answer.read()) == (206, content[20_000_000:20_000_100])
            assert answer.headers["Content-Range"] == f"bytes 20000000-20000099/{len(content)}"
            tag = answer.headers["ETag"]
        async with desk.session.get(where, headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304


async def test_the_clients_own_address_counts_and_nothing_it_made_up(tmp_path: Path) -> None:
    async with behind(tmp_path) as desk:
        async with desk.session.get("/login", headers={"Authorization": ""}) as answer:
            cookie = next(iter(answer.cookies.values()))
            assert (cookie.key[:7], bool(cookie["secure"])) == ("__Host-", True)
            assert answer.headers["Strict-Transport-Security"]
        async with desk.session.get("/metrics", headers={"Authorization": ""}) as answer:
            assert answer.status == 401  # a stranger's, though it comes from this machine
        with contextlib.closing(sqlite3.connect(f"file:{desk.database}?mode=ro", uri=True)) as conn:
            addresses = {row[0] for row in conn.execute("SELECT address FROM sessions")}

    assert addresses == {"127.0.0.5"}
