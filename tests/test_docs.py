"""Every command and snippet of the README and of docs/ is run, or stands in a table here with a reason.

A block of shell runs as it is written, in a folder of its own, the blocks of a document one after the other. Only
addresses and folders of the reader's are put in their place, and `curl` ends with an error when it is refused.
"""

import ast
import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from servicedesk import settings
from servicedesk.client import Client
from servicedesk.store.db import Database
from tests.commands import run
from tests.files_made_up import png
from tests.programs import PATIENCE, environment, serving
from tests.served import Desk
from tests.store.test_upgrade import desk as desk_of_before
from tests.web.test_second_steps import with_second_step

ROOT: Final = Path(__file__).parents[1]
ADA: Final = {"email": "ada@example.org", "password": "correct horse"}
"""The admin of the README's example."""


class Block(NamedTuple):
    document: str
    line: int
    language: str
    text: str

    @property
    def lines(self) -> list[str]:
        return [line.strip() for line in self.text.splitlines() if line.strip()]

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


def blocks_of(document: str, text: str) -> list[Block]:
    """Return the fenced blocks of a document; raises AssertionError for one without an end."""
    found, begun = [], None
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        fence = re.match(r" *```(.*)$", line)
        if fence is None:
            continue
        if begun is None:
            begun = (number, fence[1].strip())
        else:
            start, language = begun
            found.append(Block(document, start, language, "\n".join(lines[start : number - 1]) + "\n"))
            begun = None
    assert begun is None, f"{document}: a block has no end"
    return found


def all_blocks() -> list[Block]:
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [
        block
        for path in paths
        for block in blocks_of(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    ]


BLOCKS: Final = all_blocks()


def these(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


CANNOT_RUN: Final = {
    (
        "docs/start.md",
        "./servicedesk install-service",
    ): "changes the machine; tests/test_service.py does it in a root of its own",
    (
        "docs/start.md",
        "servicedesk uninstall-service",
    ): "changes the machine; tests/test_service.py does it in a root of its own",
    ("docs/start.md", "systemctl enable servicedesk"): "needs a machine that systemd runs",
    ("docs/start.md", "systemctl restart servicedesk"): "needs a machine that systemd runs",
    (
        "docs/start.md",
        "journalctl --unit servicedesk --output cat --lines 20",
    ): "needs a machine that systemd runs",
    (
        "docs/start.md",
        "docker build --tag servicedesk .",
    ): "needs Docker and its registry; tests/test_packages.py reads the recipe",
    (
        "docs/start.md",
        "docker run --detach --name desk --read-only --cap-drop ALL --publish 127.0.0.1:8080:8080"
        " --volume desk:/data servicedesk",
    ): "needs Docker",
    ("docs/start.md", "docker logs desk"): "needs Docker",
    (
        "docs/operate.md",
        "python3 -m venv /opt/servicedesk",
    ): "an environment and all its packages anew take minutes",
    (
        "docs/operate.md",
        "/opt/servicedesk/bin/pip install servicedesk-0.1.0-py3-none-any.whl",
    ): "needs the release's wheel; tests/test_packages.py builds one and looks at it",
}
"""Lines of shell that are left out here, and why."""

DRY: Final = "make"
"""Its targets are looked up and what they would do is worked out, without doing it: `make test` runs this test."""

DRAWN: Final = {
    ("README.md", "servicedesk/"): "a drawing of the folders",
    ("docs/architecture.md", "browser · program"): "a drawing",
    ("docs/api.md", '→ {"event": "join_ticket"'): "frames, decoded below",
    ("docs/live.md", "POST /api/auth/ws-ticket"): "heads of HTTP; tests/web/test_live_door.py",
    ("docs/live.md", '← {"event": "connected"'): "a frame of the desk; tests/web/test_live.py",
    ("docs/live.md", '→ {"event": "join_ticket"'): "frames, decoded below",
    ("docs/live.md", '→ {"event": "connect"'): "frames, decoded below",
    ("docs/live.md", '→ {"event": "send_message"'): "frames, decoded below",
    (
        "docs/live.md",
        '← {"reply_to": "c3", "ok": false',
    ): "a frame of the desk; tests/web/test_live_frames.py",
    ("docs/files.md", "damaged  TKT-000042  invoice.pdf"): "what a command prints; tests/web/test_scrub.py",
    ("docs/macros-and-views.md", "POST /api/macros/"): "a request, sent below",
    ("docs/macros-and-views.md", "POST /api/views/"): "a request, sent below",
    (
        "docs/notifications.md",
        "GET   /api/notifications/?unread=true",
    ): "requests; tests/web/test_notifications.py",
    (
        "docs/notifications.md",
        '{"event": "notification"',
    ): "frames of the desk; tests/web/test_notifications.py",
}
"""Blocks without a language, by how they begin, and what they are."""

ELSEWHERE: Final = {
    "nginx": "tests/test_nginx.py runs the desk behind nginx with this very block",
    "caddyfile": "Caddy is no package of every system; the headers that it sets are those of tests/test_nginx.py",
}

PLACES: Final = (
    ("/opt/servicedesk/bin/servicedesk", "servicedesk"),
    ("/var/lib/servicedesk", "var"),
)
"""Folders of the reader's machine, and what stands for them."""

ADDRESSES: Final = ("https://desk.example.org", "http://127.0.0.1:8080")

RUN: Final = {"sh", "python", "json", "ini", "yaml"}


def drawn(block: Block) -> set[tuple[str, str]]:
    """Return the rows of the table that mean this block."""
    return {
        (document, beginning)
        for document, beginning in DRAWN
        if not block.language and block.document == document and block.lines[0].startswith(beginning)
    }


def test_each_block_is_run_or_stands_in_a_table_with_its_reason() -> None:
    known = RUN | ELSEWHERE.keys()

    assert [block.place for block in BLOCKS if block.language not in known and not drawn(block)] == []


def test_a_table_names_nothing_that_is_not_in_the_documents() -> None:
    shell_lines = {(block.document, line) for block in these("sh") for line in block.lines}
    bodies = {(block.document, json.loads(block.text).get("name")) for block in these("json")}

    assert CANNOT_RUN.keys() - shell_lines == set()
    assert DRAWN.keys() - {row for block in BLOCKS for row in drawn(block)} == set()
    assert (RUN | ELSEWHERE.keys()) - {block.language for block in BLOCKS} == set()
    assert (PREPARED.keys() | SERVED) - {block.document for block in these("sh")} == set()
    assert SENT.keys() | ANSWERS.keys() == bodies


def test_a_test_that_a_table_names_is_there() -> None:
    reasons = " ".join((*CANNOT_RUN.values(), *DRAWN.values(), *ELSEWHERE.values()))
    named = set(re.findall(r"tests/[\w/]+\.py", reasons))

    assert named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_a_link_between_documents_leads_to_one() -> None:
    paths = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    dead = [
        f"{path.name}: {target}"
        for path in paths
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
        if not (path.parent / target).exists()
    ]

    assert dead == []


def prose() -> str:
    """Return the README and the documents without their blocks."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return "\n".join(re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL) for path in paths)


def test_a_command_that_is_named_in_a_sentence_is_one() -> None:
    named = set(re.findall(r"`(?:\./)?servicedesk ([a-z][a-z-]+)", prose()))
    known = set(re.findall(r"^    ([a-z][a-z-]+) ", run("--help").stdout, re.MULTILINE))

    assert len(named) > 8
    assert named - known == set()


async def test_an_address_that_is_named_in_a_sentence_is_one(desk: Desk) -> None:
    paths = (await (await desk.admin()).get("/api/openapi.json")).body["paths"]
    known = {
        (method.upper(), re.sub(r"{\w+}", "{}", path.rstrip("/")))
        for path, row in paths.items()
        for method in row
    }
    named = {
        (method, re.sub(r"{\w+}|\b\d+\b", "{}", path.rstrip("/")))
        for methods, path in re.findall(r"((?:`?[A-Z]{3,6}`?,? )*`?[A-Z]{3,6}) (/api/[^`?\s]*)", prose())
        for method in re.findall(r"GET|POST|PUT|PATCH|DELETE|HEAD", methods)
    }

    pages = {
        ("GET", "/api/docs"),
        ("GET", "/api/docs/live"),
        ("GET", "/api/openapi.json"),
        ("GET", "/api/asyncapi.json"),
    }

    assert len(named) > 25
    assert named - known - pages == set()


def test_the_keys_of_the_page_for_users_are_those_of_the_help() -> None:
    sheet = (ROOT / "static" / "help.js").read_text("utf-8").partition("const KEYS = {")[2].partition("};")[0]
    keys = re.findall(r"^  \"?([^\s\":]+)\"?: t\(", sheet, re.MULTILINE)
    caps = {key if len(key) > 1 else f"Shift {key}" if key != key.lower() else key.upper() for key in keys}
    text = (ROOT / "docs" / "use.md").read_text("utf-8")
    table = text.partition("| key | does")[2].partition("\n\n")[0]

    assert set(re.findall(r"`([^`]+)`", table)) - {"Ctrl Enter", "Esc"} == caps - {"?"}


# The desk that the documents' readers have


class Home(NamedTuple):
    """A data folder with a person, a ticket and a file in it, and a token of hers."""

    folder: Path
    token: str


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("furnished") / "data"
    add = ("user", "add", "--email", ADA["email"], "--name", "Ada", "--role", "admin", "--password-stdin")
    done = run(*add, "--data-dir", folder, given=ADA["password"])
    assert done.returncode == 0, done.stderr

    async def furnish(url: str) -> str:
        async with await Client.login(url, **ADA) as desk:
            made = await desk.call("POST", "/api/auth/tokens", {"name": "a program"})
            ticket = await desk.call("POST", "/api/tickets/", {"title": "The kettle is cold"})
            await desk.send_message(ticket["id"], "We look into it.")
            return str(made["token"])

    with serving("--data-dir", folder) as server:
        token = asyncio.run(furnish(server.url))
        server.signal()
        assert server.ended()[0] == 0
    return Home(folder, token)


SERVED_UNTIL_READY: Final = f"""#!{sys.executable}
import os, signal, subprocess, sys

os.environ["SERVICEDESK_ENV"] = "testing"
command = [sys.executable, "-m", "servicedesk", *sys.argv[1:]]
if "serve" not in sys.argv[1:2]:
    with open(os.environ["PIDS"], "a") as pids:
        pids.write(f"{{os.getpid()}}\\n")
    os.execv(sys.executable, command)
server = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True)
line = server.stdout.readline()
print(line, end="")
server.send_signal(signal.SIGTERM)
sys.exit(server.wait() if "listening" in line else 1)
"""
"""The command: the desk of this checkout. What is served is stopped as soon as it listens, and ends as it ends then."""


def tool(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def shell(document: str, url: str) -> str:
    """Return the shell of a document, with what cannot run left out and the reader's places put in theirs."""
    text = ""
    for block in these("sh"):
        if block.document == document:
            kept = [line for line in block.text.splitlines() if (document, line.strip()) not in CANNOT_RUN]
            text += f"echo 'in {block.place}' >&2\n" + "\n".join(kept) + "\n"
    for before, after in (*PLACES, *((address, url) for address in ADDRESSES)):
        text = text.replace(before, after)
    return text


class Shell:
    """A reader's terminal in a folder of its own."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.folder = folder
        self.bin = folder.parent / "bin"
        self.bin.mkdir()
        self.pids = folder.parent / "pids"
        tool(self.bin / "servicedesk", SERVED_UNTIL_READY)
        tool(self.bin / "curl", f'#!/bin/sh\nexec {shutil.which("curl")} --fail-with-body "$@"\n')
        tool(self.bin / "make", f'#!/bin/sh\nexec {shutil.which("make")} --dry-run -C {ROOT} "$@"\n')
        tool(folder / "servicedesk", SERVED_UNTIL_READY)
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        self.environ = environment() | {"PATH": path, "PIDS": str(self.pids), "PYTHONPATH": str(ROOT)} | more

    @contextmanager
    def begun(self, script: str) -> Iterator[subprocess.Popen[str]]:
        """Begin it, in a group of processes of its own that ends with the test."""
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def run(self, script: str) -> str:
        """Run it to its end and return what it printed; raises AssertionError when it fails."""
        with self.begun(script) as process:
            out, err = process.communicate(timeout=150)
            assert process.returncode == 0, f"{out}\n{err}"
            return out


def with_nothing(_: Path, __: Home) -> None:
    """Prepare nothing: the document makes what it needs."""


def with_data(*names: str) -> Callable[[Path, Home], None]:
    def prepare(folder: Path, home: Home) -> None:
        for name in names:
            shutil.copytree(home.folder, folder / name)

    return prepare


def with_an_upgrade(folder: Path, _: Home) -> None:
    """Prepare a desk whose database was upgraded a moment ago."""

    database = desk_of_before(folder / "data")
    with closing(sqlite3.connect(database)) as conn, conn:
        conn.execute("DELETE FROM files")  # whose bytes never were

    async def upgrade() -> None:
        async with await Database.open(database):
            pass

    asyncio.run(upgrade())


def with_a_second_step_of_ada(folder: Path, _: Home) -> None:
    async def furnish() -> None:
        async with Desk(folder / "data") as desk:
            await with_second_step(desk, await desk.admin(email=ADA["email"]))

    asyncio.run(furnish())


PREPARED: Final[Mapping[str, Callable[[Path, Home], None]]] = {
    "docs/backup.md": with_an_upgrade,
    "docs/files.md": with_data("var"),
    "docs/in-and-out.md": with_data("data", "other"),
    "docs/operate.md": with_data("var"),
    "docs/security.md": with_a_second_step_of_ada,
}
"""What a document takes for granted; the others make it themselves."""

SERVED: Final = {"README.md", "docs/resumable.md", "docs/programs.md"}
"""Documents that speak to a desk that runs; each has a test of its own."""

LONG: Final = {"docs/in-and-out.md", "docs/start.md"}
"""They start the program seven times or more, or fill a desk."""


def documents() -> Iterator[Any]:
    for document in sorted({block.document for block in these("sh")} - SERVED):
        marks = [pytest.mark.slow] if document in LONG else []
        yield pytest.param(document, marks=marks)


@pytest.mark.parametrize("document", [*documents()])
def test_the_commands_of_a_document_do_what_they_say(document: str, furnished: Home, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    PREPARED.get(document, with_nothing)(folder, furnished)

    Shell(folder).run(shell(document, "http://127.0.0.1:8080"))


@contextmanager
def reader(home: Home, tmp_path: Path) -> Iterator[tuple[Shell, str]]:
    """A terminal beside a desk that is served."""
    folder = tmp_path / "here"
    folder.mkdir()
    shutil.copytree(home.folder, tmp_path / "served")
    with serving("--data-dir", tmp_path / "served") as server:
        yield Shell(folder, SERVICEDESK_TOKEN=home.token, token=home.token, desk=server.url), server.url
        server.signal()
        assert server.ended()[0] == 0


def asked(url: str, token: str, method: str, path: str, body: Any = None) -> Any:
    async def ask() -> Any:
        async with Client(url, token=token) as desk:
            return await desk.call(method, path, body)

    return asyncio.run(ask())


def until(is_so: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until a program has come so far."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_readmes_calls_carry_a_ticket_to_its_end(furnished: Home, tmp_path: Path) -> None:
    with reader(furnished, tmp_path) as (terminal, url):
        (terminal.folder / "screenshot.png").write_bytes(png(40, 30))
        terminal.run(shell("README.md", url))
        ticket = asked(url, furnished.token, "GET", "/api/tickets/1")
        files = asked(url, furnished.token, "GET", "/api/files/ticket/1")
        titles = asked(url, furnished.token, "GET", "/api/tickets/?sort=-created_at")["items"]

    assert ticket["status"] == "resolved"
    assert [file["filename"] for file in files["items"]] == ["screenshot.png"]
    assert titles[0]["title"] == "The printer is on fire"


def test_an_upload_goes_on_as_the_document_says(furnished: Home, tmp_path: Path) -> None:
    with reader(furnished, tmp_path) as (terminal, url):
        (terminal.folder / "trace.log").write_text("one line\n" * 50)
        said = terminal.run(shell("docs/resumable.md", url))
        files = asked(url, furnished.token, "GET", "/api/files/ticket/1")["items"]

    assert [(file["filename"], file["size"]) for file in files] == [("trace.log", 450)]
    assert files[0]["id"] in said


def test_a_pipe_prints_what_is_said_in_a_ticket(furnished: Home, tmp_path: Path) -> None:
    with reader(furnished, tmp_path) as (terminal, url):
        (terminal.folder / "token").write_text(furnished.token)
        place = terminal.folder / "place.json"
        with terminal.begun(shell("docs/programs.md", url).replace("ticket:42", "ticket:1")) as process:
            until(place.exists, process)
            before = place.read_text()
            asked(url, furnished.token, "POST", "/api/tickets/1/messages", {"body": "On our way."})
            until(lambda: place.read_text() != before, process)
            os.kill(int(terminal.pids.read_text()), signal.SIGTERM)
            out, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0, err
    assert '"On our way."' in out.splitlines()


def program(document: str, number: int) -> str:
    return [block.text for block in these("python") if block.document == document][number]


@contextmanager
def running(terminal: Shell, text: str, url: str) -> Iterator[subprocess.Popen[str]]:
    for address in ADDRESSES:
        text = text.replace(address, url)
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", text],
        cwd=terminal.folder,
        env=terminal.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_readmes_bot_greets_each_new_ticket_once(furnished: Home, tmp_path: Path) -> None:
    with reader(furnished, tmp_path) as (terminal, url):
        place = terminal.folder / "bot.json"
        tickets = []
        for title in ("Before the bot is killed", "After it"):
            with running(terminal, program("README.md", 0), url) as process:
                until(place.exists, process)
                ticket = asked(url, furnished.token, "POST", "/api/tickets/", {"title": title})["id"]
                tickets.append(ticket)
                path = f"/api/tickets/{ticket}/messages"
                until(lambda path=path: asked(url, furnished.token, "GET", path)["items"] != [], process)  # type: ignore[misc]
        said = [
            [
                message["body"]
                for message in asked(url, furnished.token, "GET", f"/api/tickets/{each}/messages")["items"]
            ]
            for each in tickets
        ]

    assert said == [["Thank you, we are on it."]] * 2


AROUND: Final = """
import asyncio, os
from servicedesk.client import Client, Positions

token = os.environ["SERVICEDESK_TOKEN"]

async def main():
{inside}

asyncio.run(main())
"""


def test_the_programs_of_a_document_speak_to_a_desk(furnished: Home, tmp_path: Path) -> None:
    first, second = program("docs/programs.md", 0), program("docs/programs.md", 1)
    opening = first.splitlines()[0]
    listening = f"{opening}\n" + textwrap.indent(second.replace("ticket:42", "ticket:1"), "    ")
    with reader(furnished, tmp_path) as (terminal, url):
        with running(terminal, AROUND.format(inside=textwrap.indent(first, "    ")), url) as process:
            out, err = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, err
        titles = asked(url, furnished.token, "GET", "/api/tickets/")["items"]
        with running(terminal, AROUND.format(inside=textwrap.indent(listening, "    ")), url) as process:
            assert process.stdout is not None
            heard = [process.stdout.readline().split()[:2] for _ in range(2)]
            asked(url, furnished.token, "POST", "/api/tickets/1/messages", {"body": "On our way."})
            while heard[-1][0] != "new_message":
                heard.append(process.stdout.readline().split()[:2])

    assert len(out.split()) == 2
    assert "Fire" in {ticket["title"] for ticket in titles}
    assert heard[-1] == ["new_message", "ticket:1"]


@pytest.mark.parametrize("block", these("python"), ids=lambda block: block.place)
def test_a_program_is_run_by_a_test(block: Block) -> None:
    inside = f"async def main():\n{textwrap.indent(block.text, '    ')}"
    run_above = {"README.md": 1, "docs/programs.md": 2}

    ast.parse(inside)
    assert len([each for each in these("python") if each.document == block.document]) == run_above.get(
        block.document
    )


# Bodies and settings

SENT: Final = {
    ("docs/escalation.md", "Night watch"): ("/api/escalation/policies/", 201),
    ("docs/sla.md", "Support"): ("/api/sla/policies/", 201),
    ("docs/sla.md", "Office hours"): ("/api/sla/calendars/", 201),
    ("docs/assignment.md", None): ("/api/assignment/simulate", 200),
}
"""Which bodies are sent where, by the name in them."""

ANSWERS: Final = {("docs/sla.md", "resolution"): "part of an answer"}


@pytest.mark.parametrize("block", these("json"), ids=lambda block: block.place)
async def test_a_body_is_one_that_the_desk_takes(block: Block, desk: Desk) -> None:
    body = json.loads(block.text)
    key = (block.document, body.get("name"))
    if key in ANSWERS:
        return
    admin = await desk.admin()
    # The bodies name calendar 1 and people 7 and 9.
    await admin.post(
        "/api/sla/calendars/", {"name": "Any", "zone": "UTC", "week": {"mon": [["08:00", "12:00"]]}}
    )
    for _ in range(9):
        await desk.agent()
    path, status = SENT[key]
    answer = await admin.post(path, body)

    assert answer.status == status, answer.body


WRITTEN_OUT: Final = [block for block in these("") if re.match(r"POST \S+\n\{", block.text)]


@pytest.mark.parametrize("block", WRITTEN_OUT, ids=lambda block: block.place)
async def test_a_request_that_is_written_out_is_taken(block: Block, desk: Desk) -> None:
    head, _, body = block.text.partition("\n")
    method, path = head.split()
    admin = await desk.admin()
    answer = await admin.call(method, path, json=json.loads(body))

    assert answer.status == 201, answer.body


def frames() -> list[Any]:
    """Return what the documents show a client to send."""
    found = []
    for block in these(""):
        for line in block.lines:
            if line.startswith("→ {"):
                found.append(json.loads(line.removeprefix("→ ")))
    return found


async def test_a_frame_that_a_client_sends_is_known(desk: Desk) -> None:
    admin = await desk.admin()
    known = str((await admin.get("/api/asyncapi.json")).body)
    shown = frames()

    assert len(shown) > 4
    assert [frame["event"] for frame in shown if frame["event"] not in known] == []


def test_the_board_for_the_metrics_is_json() -> None:
    assert json.loads((ROOT / "docs" / "grafana.json").read_text("utf-8"))["panels"]


@pytest.mark.parametrize("block", these("ini"), ids=lambda block: block.place)
def test_settings_that_are_shown_are_settings(block: Block, tmp_path: Path) -> None:
    written = dict(line.split("=", 1) for line in block.lines if not line.startswith("#"))
    loaded = settings.load({"data_dir": str(tmp_path)}, written)

    assert {name.removeprefix("SERVICEDESK_").lower() for name in written} <= set(
        settings.Settings.__struct_fields__
    )
    assert loaded


@pytest.mark.parametrize("block", these("yaml"), ids=lambda block: block.place)
def test_yaml_can_be_read_and_names_a_desk(block: Block) -> None:
    read = import_module("yaml").safe_load(block.text)

    assert isinstance(read, dict)
    assert "http://127.0.0.1:8080" in str(read)
