"""The command line, as a process of its own."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from servicedesk.version import VERSION
from tests.programs import PROGRAM, Server, environment, run, serving

PASSWORD = "printer on fire"
ADA = ("--email", "ada@example.org", "--name", "Ada")


def add(data_dir: Path, *more: str, given: str = PASSWORD + "\n") -> subprocess.CompletedProcess[str]:
    return run("user", "add", *ADA, "--password-stdin", "--data-dir", data_dir, *more, given=given)


def ask(url: str, body: object = None) -> tuple[int, dict[str, object]]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def log_in(server: Server) -> int:
    return ask(f"{server.url}/api/auth/login", {"email": "ada@example.org", "password": PASSWORD})[0]


def said_in_one_line(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("servicedesk: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


# Words --------------------------------------------------------------------------------------------------------


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"servicedesk {VERSION}\n"


def test_the_version_command_says_which_sqlite_runs() -> None:
    about = json.loads(run("version", "--json").stdout)
    lines = run("version").stdout

    assert about["version"] == VERSION
    assert about["sqlite"]["version"] == sqlite3.sqlite_version
    assert f"servicedesk {VERSION} " in lines
    assert about["sqlite"]["source_id"] in lines


def test_help_names_the_commands() -> None:
    done = run("--help")

    assert done.returncode == 0
    for command in ("serve", "user", "config"):
        assert command in done.stdout
    assert "--password-stdin" in run("user", "add", "--help").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["serve", "--prot", "1"],
        ["serve", "--port"],
        ["serve", "--port", "eighty"],
        ["serve", "--env", "staging"],
        ["serve", "--public-url", "desk"],
        ["config", "--host", ""],
        ["user"],
        ["user", "add"],
        ["user", "add", *ADA, "--role", "boss", "--password-stdin"],
        ["user", "add", *ADA],
    ],
)
def test_bad_usage_is_said_in_one_line(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment() | {"PYTHONPATH": str(Path(__file__).parent.parent)},
        stdin=subprocess.DEVNULL,
        timeout=20,
    )

    said_in_one_line(done, 2)


def test_a_bad_variable_is_named(tmp_path: Path) -> None:
    assert "SERVICEDESK_PORT" in said_in_one_line(run("serve", "--data-dir", tmp_path, PORT="x"), 2)


def test_config_shows_values_sources_and_no_secret(tmp_path: Path) -> None:
    done = run("config", "--data-dir", tmp_path / "none", "--port", "1", SECRET_KEY="s" * 40)

    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert "port = 1  (flag --port)" in lines
    assert "host = 127.0.0.1  (default)" in lines
    assert "secret_key = ********  (environment SERVICEDESK_SECRET_KEY)" in lines
    assert not (tmp_path / "none").exists()


# The first user -----------------------------------------------------------------------------------------------


def test_the_first_user_is_added_to_an_empty_folder_and_can_log_in(tmp_path: Path) -> None:
    done = add(tmp_path / "new", "--role", "admin")

    assert (done.returncode, done.stdout) == (0, "added user 1: ada@example.org (admin)\n")
    with serving("--data-dir", tmp_path / "new") as server:
        assert log_in(server) == 200


@pytest.mark.parametrize(
    ("more", "given", "word"),
    [
        ([], "short\n", "password"),
        ([], "password123\n", "password"),
        ([], "\n", "password"),
        (["--email", "ada"], PASSWORD, "email"),
        (["--name", " "], PASSWORD, "name"),
    ],
)
def test_a_user_who_cannot_be_is_refused(tmp_path: Path, more: list[str], given: str, word: str) -> None:
    line = said_in_one_line(add(tmp_path, *more, given=given), 2)

    assert word in line
    assert given.strip() not in line or not given.strip()


def test_nobody_is_added_twice(tmp_path: Path) -> None:
    add(tmp_path)

    assert "somebody else" in said_in_one_line(add(tmp_path), 2)


def test_while_a_server_runs_users_are_added_there(tmp_path: Path) -> None:
    with serving("--data-dir", tmp_path) as server:
        line = said_in_one_line(add(tmp_path), 3)

        assert str(server.process.pid) in line
        assert "POST /api/users/" in line
        other = said_in_one_line(run("serve", "--port", "0", "--data-dir", tmp_path), 3)
        assert "--data-dir" in other
        server.signal()
        server.ended()
    assert add(tmp_path).returncode == 0


def test_a_killed_server_leaves_no_lock_behind(tmp_path: Path) -> None:
    with serving("--data-dir", tmp_path) as server:
        server.process.kill()
        server.ended()

        assert add(tmp_path).returncode == 0


# A folder that cannot be used -----------------------------------------------------------------------------------


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    said_in_one_line(run("serve", "--port", "0", "--data-dir", tmp_path / "file" / "data"), 3)
    said_in_one_line(run("serve", "--port", "0", "--data-dir", tmp_path / "file"), 3)


def test_a_folder_on_which_nothing_can_be_written_is_refused() -> None:
    said_in_one_line(run("serve", "--port", "0", "--data-dir", "/proc/servicedesk"), 3)


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    add(tmp_path)
    with sqlite3.connect(tmp_path / "servicedesk.db") as conn:
        conn.execute("PRAGMA user_version = 999")
    conn.close()

    assert "newer version" in said_in_one_line(run("serve", "--port", "0", "--data-dir", tmp_path), 3)
    said_in_one_line(add(tmp_path), 3)


def test_a_database_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "servicedesk.db").write_text("a shopping list, and rather a long one at that" * 100)

    said_in_one_line(run("serve", "--port", "0", "--data-dir", tmp_path), 3)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--data-dir", tmp_path, "--port", str(port))

    assert str(port) in said_in_one_line(done, 2)


def test_a_host_that_is_none_is_named(tmp_path: Path) -> None:
    done = run("serve", "--data-dir", tmp_path, "--port", "0", "--host", "192.0.2.1")

    assert "192.0.2.1" in said_in_one_line(done, 2)


# Serving ------------------------------------------------------------------------------------------------------


def test_the_desk_is_ready_soon_and_says_where(tmp_path: Path) -> None:
    with serving("--data-dir", tmp_path) as server:
        assert server.url.startswith("http://127.0.0.1:")
        status, alive = ask(f"{server.url}/healthz")
        assert (status, alive["status"]) == (200, "ok")
        assert ask(f"{server.url}/readyz") == (200, {"status": "ready"})
        assert server.ready_after < 3


def test_an_sqlite_that_may_lose_rows_is_named_at_the_start(tmp_path: Path) -> None:
    with serving("--data-dir", tmp_path) as server:
        server.signal()
        server.ended()
        assert server.process.stderr is not None
        said = server.process.stderr.read()

    is_old = sqlite3.sqlite_version_info < (3, 51, 3)
    assert (f"SQLite {sqlite3.sqlite_version} is older than 3.51.3" in said) == is_old


def test_a_desk_without_users_prints_a_link_that_is_new_at_each_start(tmp_path: Path) -> None:
    links = []
    for _ in range(2):
        with serving("--data-dir", tmp_path) as server:
            line = server.line()
            links.append(line.split("token=")[1])
            assert f"{server.url}/setup?token=" in line
            with urllib.request.urlopen(line.split()[-1]) as page:
                assert page.status == 200
    assert links[0] != links[1]


def test_with_a_public_url_the_link_names_it(tmp_path: Path) -> None:
    with serving("--data-dir", tmp_path, PUBLIC_URL="https://desk.example.org") as server:
        assert "https://desk.example.org/setup?token=" in server.line()


def test_a_desk_with_users_prints_no_link(tmp_path: Path) -> None:
    add(tmp_path)
    with serving("--data-dir", tmp_path) as server:
        server.signal()
        server.ended()
        assert server.process.stdout is not None
        assert server.process.stdout.read() == ""


def test_what_the_desk_keeps_is_for_its_owner_alone(tmp_path: Path) -> None:
    add(tmp_path / "data")
    with serving("--data-dir", tmp_path / "data"):
        found = {path.name: path.stat().st_mode for path in (tmp_path / "data").rglob("*")}

    assert {"secret.key", "servicedesk.db", "servicedesk.lock"} <= found.keys()
    assert not [name for name, mode in found.items() if stat.S_IMODE(mode) & 0o077]


def test_sessions_survive_a_restart(tmp_path: Path) -> None:
    add(tmp_path)
    with serving("--data-dir", tmp_path) as server:
        _, opened = ask(f"{server.url}/api/auth/login", {"email": "ada@example.org", "password": PASSWORD})
    with serving("--data-dir", tmp_path) as server:
        request = urllib.request.Request(
            f"{server.url}/api/auth/me", headers={"Authorization": f"Bearer {opened['token']}"}
        )
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["email"] == "ada@example.org"


def test_a_desk_for_testing_leaves_nothing_behind(tmp_path: Path) -> None:
    before = {path for place in ("/dev/shm", "/tmp") for path in Path(place).glob("servicedesk-*")}
    with serving(ENV="testing", TMPDIR="/tmp") as server:
        during = {path for place in ("/dev/shm", "/tmp") for path in Path(place).glob("servicedesk-*")}
        assert len(during - before) == 1
        assert ask(f"{server.url}/readyz")[0] == 200
        server.signal()
        assert server.ended()[0] == 0
    assert not [path for path in during - before if path.exists()]


def test_a_desk_for_testing_uses_the_folder_that_is_named(tmp_path: Path) -> None:
    add(tmp_path)
    with serving("--data-dir", tmp_path, ENV="testing") as server:
        assert log_in(server) == 200


# Stopping -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_an_idle_desk_at_once(tmp_path: Path, number: int) -> None:
    with serving("--data-dir", tmp_path) as server:
        address = ("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
        with socket.create_connection(address) as idle:
            idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            idle.recv(4096)
            server.signal(number)
            code, seconds = server.ended()
        stderr = server.process.stderr.read() if server.process.stderr else ""

    assert code == 0
    assert seconds < 5
    assert "Traceback" not in stderr


class Slow:
    """A request whose body does not come to an end by itself."""

    def __init__(self, server: Server) -> None:
        body = json.dumps({"email": "ada@example.org", "password": PASSWORD}).encode()
        self._rest = body[-1:]
        self.socket = socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])))
        head = (
            b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        self.socket.sendall(head + body[:-1])

    def finish(self) -> bytes:
        with self.socket:
            self.socket.sendall(self._rest)
            self.socket.settimeout(10)
            return self.socket.recv(65536)


def test_a_request_in_flight_may_end(tmp_path: Path) -> None:
    add(tmp_path)
    with serving("--data-dir", tmp_path) as server:
        slow = Slow(server)
        _in_flight(server)
        server.signal()
        _refuses_connections(server)

        answer = slow.finish()

        assert answer.startswith(b"HTTP/1.1 200 ")
        code, seconds = server.ended()
        assert code == 0
        assert seconds < 5


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    add(tmp_path)
    with serving("--data-dir", tmp_path) as server:
        slow = Slow(server)
        _in_flight(server)
        server.signal()
        _refuses_connections(server)
        server.signal()

        code, seconds = server.ended()

        slow.socket.close()
        assert code == 0
        assert seconds < 1.2


async def test_a_signal_tells_open_sockets_to_come_back_later(tmp_path: Path) -> None:
    add(tmp_path)
    with serving("--data-dir", tmp_path) as server:
        async with aiohttp.ClientSession(server.url) as client:
            ws = await client.ws_connect("/ws", headers=await _credentials(client))
            await ws.receive(5)

            server.signal()
            closed = await ws.receive(5)

            assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 1012)
            assert json.loads(closed.extra or "")["retry_ms"] > 0
        code, seconds = await asyncio.to_thread(server.ended)
        assert code == 0
        assert seconds < 5


async def test_an_upload_in_flight_comes_to_its_end(tmp_path: Path) -> None:
    add(tmp_path)
    with serving("--data-dir", tmp_path) as server:
        async with aiohttp.ClientSession(server.url, headers={"Connection": "close"}) as client:
            headers = await _credentials(client)
            async with client.post("/api/tickets/", json={"title": "Printer"}, headers=headers) as made:
                ticket = (await made.json())["id"]
            signalled = asyncio.Event()

            async def lines() -> AsyncIterator[bytes]:
                yield b"first line\n" * 10_000
                await signalled.wait()
                yield b"last line\n" * 10_000

            form = aiohttp.FormData({"ticket_id": str(ticket)})
            form.add_field("file", aiohttp.AsyncIterablePayload(lines()), filename="printer.log")
            upload = asyncio.ensure_future(client.post("/api/files/upload", data=form, headers=headers))
            await asyncio.to_thread(_in_flight, server)
            server.signal()
            await asyncio.to_thread(_refuses_connections, server)
            signalled.set()

            async with await upload as answer:
                assert (answer.status, (await answer.json())["size"]) == (201, 210_000)
        code, seconds = await asyncio.to_thread(server.ended)
        assert code == 0
        assert seconds < 5


async def _credentials(client: aiohttp.ClientSession) -> dict[str, str]:
    async with client.post(
        "/api/auth/login", json={"email": "ada@example.org", "password": PASSWORD}
    ) as answer:
        return {"Authorization": f"Bearer {(await answer.json())['token']}"}


@pytest.mark.slow
def test_a_request_that_never_ends_is_cut_in_time(tmp_path: Path) -> None:
    add(tmp_path)
    with serving("--data-dir", tmp_path) as server:
        slow = Slow(server)
        _in_flight(server)
        server.signal()

        code, seconds = server.ended()

        slow.socket.close()
        assert code == 0
        assert seconds < 25


def _in_flight(server: Server) -> None:
    """Wait until two requests run: the slow one, and the one that asks."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with urllib.request.urlopen(f"{server.url}/metrics") as answer:
            if b"servicedesk_http_requests_running 2.0" in answer.read():
                return
        time.sleep(0.02)
    raise AssertionError("the slow request never arrived")


def _refuses_connections(server: Server) -> None:
    """Wait until the signal has been heard."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1]))).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)
    raise AssertionError("the server still listens")


def test_the_lock_is_let_go_when_the_work_is_done(tmp_path: Path) -> None:
    from servicedesk.store import lock

    with lock.hold(tmp_path):
        assert (tmp_path / lock.NAME).read_text() == f"{os.getpid()}\n"
        with pytest.raises(lock.Locked, match=str(os.getpid())), lock.hold(tmp_path):
            pass
    with lock.hold(tmp_path):
        pass
