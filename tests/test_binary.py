"""The one file, in a root where there is nothing but the C library: no Python, no SQLite, no time zones."""

import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, FormData

from servicedesk.version import VERSION
from tests.files_made_up import png
from tests.programs import Server, environment, serving

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[1]
FILE = PROJECT / "dist" / "servicedesk"
MOST = 45_000_000
SOON = 1.5
PASSWORD = "printer on fire"
CALENDAR = {"name": "Office hours", "zone": "Europe/Berlin", "week": {"mon": [["09:00", "17:00"]]}}

# Runs a program with a folder as its root; mounts that nobody else sees make the few devices and /proc.
IN_ROOT = """
set -e
cd "$0"
mount --rbind /proc proc
for name in null zero urandom; do mount --bind /dev/$name dev/$name; done
exec chroot . "$@"
"""


@pytest.fixture(scope="session")
def file() -> Path:
    """The program, built when it is not there or older than what it is made of."""
    done = subprocess.run(
        ["make", "binary"], cwd=PROJECT, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return FILE


class Bare:
    """A root with the C library and whatever is copied into it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("proc", "dev", "tmp", "var/lib", "etc"):
            (root / name).mkdir(parents=True)
        for name in ("null", "zero", "urandom"):
            (root / "dev" / name).touch()
        for library in c_library():
            target = root / library.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)

    def command(self, *arguments: str | Path) -> list[str]:
        """Return the command that runs a program of the root inside it."""
        return [*alone(), "sh", "-c", IN_ROOT, str(self.root), *map(str, arguments)]

    def run(self, *arguments: str | Path, given: str = "") -> str:
        done = subprocess.run(
            self.command(*arguments),
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=plain(),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def alone() -> list[str]:
    """Return what gives a command mounts of its own, also to somebody who is not root."""
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return (
        ["unshare", "--mount"]
        if done.returncode == 0
        else ["unshare", "--user", "--map-root-user", "--mount"]
    )


def plain() -> dict[str, str]:
    return {name: value for name, value in environment().items() if name in ("PATH", "HOME", "LANG")}


def c_library() -> list[Path]:
    """Return the files of glibc that the launcher and Python name: the loader, and what stands beside libc."""
    shown = subprocess.run(["ldd", FILE], capture_output=True, text=True, check=True).stdout
    libc = Path(re.findall(r"libc\.so\.6 => (\S+)", shown)[0])
    names = ("c.so.6", "m.so.6", "dl.so.2", "pthread.so.0", "rt.so.1", "util.so.1", "resolv.so.2")
    loader = Path(re.findall(r"(/lib\S*/ld-linux\S+)", shown)[0])
    return [loader, *(path for name in names if (path := libc.with_name(f"lib{name}")).exists())]


@pytest.fixture
def bare(file: Path, tmp_path: Path) -> Bare:
    bare = Bare(tmp_path / "root")
    shutil.copy(file, bare.root / "servicedesk")
    return bare


class Ada:
    """An admin who talks to the desk."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    async def ask(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        async with self._session.request(method, path, **options) as answer:
            body = await answer.read()
            assert answer.status == status, (path, answer.status, body[:500])
            return msgspec.json.decode(body) if answer.content_type.endswith("json") else body

    async def log_in(self) -> None:
        login = {"email": "ada@example.org", "password": PASSWORD}
        token = (await self.ask("POST", "/api/auth/login", json=login))["token"]
        self._session.headers["Authorization"] = f"Bearer {token}"


def test_the_file_is_small_enough_to_be_carried_about(file: Path) -> None:
    assert file.stat().st_size <= MOST


async def test_in_a_bare_root_the_file_does_all_the_work_of_a_desk(bare: Bare) -> None:
    about = msgspec.json.decode(bare.run("/servicedesk", "version", "--json"))
    assert about["version"] == VERSION
    assert tuple(map(int, about["sqlite"]["version"].split("."))) >= (3, 51, 3)
    assert about["sqlite"]["is_sound"]
    assert about["sqlite"]["threading"] == "serialized"
    person = ("--email", "ada@example.org", "--name", "Ada", "--role", "admin", "--data-dir", "/var/lib/desk")
    bare.run("/servicedesk", "user", "add", "--password-stdin", *person, given=f"{PASSWORD}\n")

    fire = png()
    with serving("--data-dir", "/var/lib/desk", program=bare.command("/servicedesk")) as server:
        async with ClientSession(server.url) as session:
            ada = Ada(session)
            assert (await ada.ask("GET", "/healthz"))["sqlite"] == about["sqlite"]
            assert bare.run("/servicedesk", "healthy", "--url", server.url)
            await ada.log_in()
            ticket = await ada.ask(
                "POST",
                "/api/tickets/",
                201,
                json={"title": "The printer is on fire", "description": "Really."},
            )
            form = FormData({"ticket_id": str(ticket["id"])})
            form.add_field("file", fire, filename="fire.png")
            upload = await ada.ask("POST", "/api/files/upload", 201, data=form)
            thumbnail = await ada.ask("GET", f"/api/files/{upload['id']}/thumbnail")
            assert (thumbnail[:4], thumbnail[8:12]) == (b"RIFF", b"WEBP")
            found = await ada.ask("GET", "/api/tickets/?q=printer")
            assert [one["id"] for one in found["items"]] == [ticket["id"]]
            await ada.ask("POST", "/api/sla/calendars/", 201, json=CALENDAR)
            await ada.ask("POST", "/api/sla/calendars/", 422, json=CALENDAR | {"zone": "Europe/Nowhere"})
            assert b"<title>" in await ada.ask("GET", f"/tickets/{ticket['id']}")
            bare.run("/servicedesk", "backup", "/var/lib/backups", "--data-dir", "/var/lib/desk")
        server.signal()
        assert server.ended()[0] == 0
    (backup,) = (path for path in (bare.root / "var/lib/backups").iterdir() if (path / "blobs").is_dir())
    restored = ("restore", f"/var/lib/backups/{backup.name}", "--data-dir", "/var/lib/again")
    bare.run("/servicedesk", *restored)
    for data in ("/var/lib/desk", "/var/lib/again"):
        await it_is_all_there(bare, data, ticket, upload, fire)
    assert list((bare.root / "tmp").iterdir()) == []


async def it_is_all_there(bare: Bare, data: str, ticket: Any, upload: Any, content: bytes) -> None:
    with serving("--data-dir", data, program=bare.command("/servicedesk")) as server:
        async with ClientSession(server.url) as session:
            ada = Ada(session)
            await ada.log_in()
            assert await ada.ask("GET", f"/api/files/{upload['id']}/download") == content
            assert (await ada.ask("GET", f"/api/tickets/{ticket['id']}"))["title"] == ticket["title"]
        server.signal()
        assert server.ended()[0] == 0


def soonest(bare: Bare, *program: str, tries: int = 8) -> float:
    """Return the seconds to the first answer in a new folder, at the best of so many starts.

    A start is one thing after the other. So on a machine that is busy with other things, what the processes worked
    is what they would have needed on one that is not.
    """
    best = float("inf")
    for number in range(tries):
        with serving("--data-dir", f"/var/lib/desk-{number}", program=bare.command(*program)) as server:
            best = min(best, server.ready_after, worked(server.process.pid))
            server.signal()
            server.ended()
        if best <= SOON:
            break
    return best


def worked(process: int) -> float:
    """Return the seconds of the processor that a process and its children have taken."""
    stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return sum(map(int, stat[11:15])) / os.sysconf("SC_CLK_TCK") + sum(
        worked(int(child)) for child in children
    )


def test_in_a_bare_root_the_file_serves_soon(bare: Bare) -> None:
    assert soonest(bare, "/servicedesk") <= SOON


def test_a_file_that_is_killed_takes_the_desk_with_it(bare: Bare) -> None:
    with serving("--data-dir", "/var/lib/desk", program=bare.command("/servicedesk")) as server:
        server.process.kill()
        server.ended()
        assert server.process.stdout is not None
        server.process.stdout.read()  # until the last who holds it is gone
    with serving("--data-dir", "/var/lib/desk", program=bare.command("/servicedesk")) as server:
        server.signal()
        assert server.ended()[0] == 0


def test_ctrl_c_which_the_terminal_sends_to_both_processes_is_one_signal(bare: Bare) -> None:
    program = ["setsid", *bare.command("/servicedesk")]
    with serving("--data-dir", "/var/lib/desk", program=program) as server:
        request = unfinished(server)
        os.killpg(server.process.pid, signal.SIGINT)

        with pytest.raises(subprocess.TimeoutExpired):  # a second signal would have ended it by then
            server.process.wait(1.5)
        request.close()
        assert server.ended()[0] == 0


def unfinished(server: Server) -> socket.socket:
    """Return a connection on which half a request is under way."""
    host, port = server.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(
        b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    with urllib.request.urlopen(f"{server.url}/healthz", timeout=10):  # by now the other was read as well
        return connection


@pytest.fixture
def installed(bare: Bare) -> Iterator[Bare]:
    """A bare root into which the file has put itself; the file is not there any more."""
    subprocess.run(
        [bare.root / "servicedesk", "install-service", "--root", bare.root],
        check=True,
        capture_output=True,
        timeout=60,
    )
    (bare.root / "servicedesk").unlink()
    return bare


async def test_an_installed_file_serves_sooner_in_one_process_and_unpacks_nothing(installed: Bare) -> None:
    program = "/usr/local/bin/servicedesk"
    with serving("--data-dir", "/var/lib/desk", program=installed.command(program)) as server:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
        assert children == ""
        assert list((installed.root / "tmp").iterdir()) == []
        server.signal()
        assert server.ended()[0] == 0
    assert soonest(installed, program) <= SOON


async def test_an_installed_file_draws_pictures(installed: Bare) -> None:
    program = "/opt/servicedesk/current/servicedesk"
    person = ("--email", "ada@example.org", "--name", "Ada", "--data-dir", "/var/lib/desk")
    installed.run(program, "user", "add", "--password-stdin", *person, given=f"{PASSWORD}\n")
    with serving("--data-dir", "/var/lib/desk", program=installed.command(program)) as server:
        async with ClientSession(server.url) as session:
            ada = Ada(session)
            await ada.log_in()
            ticket = await ada.ask("POST", "/api/tickets/", 201, json={"title": "The printer is on fire"})
            form = FormData({"ticket_id": str(ticket["id"])})
            form.add_field("file", png(), filename="fire.png")
            upload = await ada.ask("POST", "/api/files/upload", 201, data=form)
            assert (await ada.ask("GET", f"/api/files/{upload['id']}/thumbnail"))[:4] == b"RIFF"


def test_an_installed_file_that_installs_itself_again_changes_nothing(installed: Bare) -> None:
    folder = installed.root / "opt/servicedesk" / VERSION
    before = folder.stat().st_ino

    subprocess.run(
        [folder / "servicedesk", "install-service", "--root", installed.root],
        check=True,
        capture_output=True,
        timeout=60,
    )

    assert folder.stat().st_ino == before


# Runs a script in a copy of this machine that is thrown away, on which systemd seems to run but does not answer.
IN_COPY = """
set -e
mount -t tmpfs tmpfs "$0"
cd "$0"
mkdir over work root
mount -t overlay overlay -o lowerdir=/,upperdir=over,workdir=work root
mount --rbind /proc root/proc
mount --rbind /dev root/dev
mkdir -p root/run/systemd/system
exec chroot root sh -c "$1"
"""


def test_where_systemd_does_not_answer_everything_is_as_it_was(file: Path, tmp_path: Path) -> None:
    program = tmp_path / "servicedesk"
    shutil.copy(file, program)
    place = tmp_path / "copy"
    place.mkdir()
    look = "find /opt/servicedesk /usr/local/bin/servicedesk /etc/servicedesk.env /etc/systemd/system/servicedesk.*"

    done = subprocess.run(
        [
            *alone(),
            "sh",
            "-c",
            IN_COPY,
            place,
            f"{program} install-service; echo exit $?; {look} 2>/dev/null",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=plain(),
    )

    assert done.stdout == "exit 3\n"
    assert done.stderr.startswith("servicedesk: systemctl daemon-reload: ")
    assert done.stderr.count("\n") == 1
