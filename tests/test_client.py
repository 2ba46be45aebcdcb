"""Programs that call the desk and listen to it, through restarts of either."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from servicedesk import client as module
from servicedesk.client import SNAPSHOT, Client, Event, Line, Positions, Refusal
from servicedesk.domain.people import Role
from servicedesk.store import people
from servicedesk.web.passwords import HASHER
from tests.programs import PROGRAM, environment, run, serving
from tests.served import Client as Person
from tests.served import Desk
from tests.web.sockets import say

PASSWORD = "printer on fire"


async def some(line: Line, number: int) -> list[Event]:
    """Return the next events, without the snapshots with which rooms begin."""
    found: list[Event] = []
    async with asyncio.timeout(15):
        async for event in line:
            if event.name != SNAPSHOT:
                found.append(event)
            if len(found) == number:
                break
    return found


async def begun(line: Line, *rooms: str) -> dict[str, Event]:
    """Return the snapshots with which these rooms begin."""
    found: dict[str, Event] = {}
    async with asyncio.timeout(15):
        async for event in line:
            assert event.name == SNAPSHOT, event
            found[event.room] = event
            if found.keys() >= set(rooms):
                break
    return found


def bodies(events: list[Event]) -> list[str]:
    return [event.data["message"]["body"] for event in events]


# Calling --------------------------------------------------


async def test_a_program_logs_in_and_calls(desk: Desk) -> None:
    hashed = await desk.app[HASHER].hash(PASSWORD)
    await desk.db.write(
        people.insert,
        email="ada@desk.example",
        name="Ada",
        role=Role.ADMIN,
        password_hash=hashed,
        at=desk.clock(),
    )

    async with await Client.login(desk.url, "ada@desk.example", PASSWORD) as ada:
        ticket = await ada.call("POST", "/api/tickets/", {"title": "Fire"}, key="once")
        again = await ada.call("POST", "/api/tickets/", {"title": "Fire"}, key="once")

        assert (ticket["title"], again["id"]) == ("Fire", ticket["id"])
        assert await ada.call("POST", "/api/auth/logout") is None


async def test_a_wrong_password_and_bad_fields_are_refusals_that_say_what_is_wrong(desk: Desk) -> None:
    agent = await desk.agent()

    with pytest.raises(Refusal) as wrong:
        await Client.login(desk.url, "nobody@desk.example", PASSWORD)
    async with Client(desk.url, token=agent.token) as program:
        with pytest.raises(Refusal) as invalid:
            await program.call("POST", "/api/tickets/", {"title": "", "colour": "red"})

    assert (wrong.value.status, wrong.value.code) == (401, "bad_credentials")
    assert (invalid.value.status, invalid.value.code) == (422, "invalid")
    assert {error["pointer"] for error in invalid.value.errors} == {"/title", "/colour"}


async def test_a_list_is_walked_to_its_end(desk: Desk) -> None:
    agent = await desk.agent()
    for n in range(5):
        await agent.ticket(f"Number {n}")

    async with Client(desk.url, token=agent.token) as program:
        found = [ticket["title"] async for ticket in program.pages("/api/tickets/", limit=2, sort="id")]

    assert found == [f"Number {n}" for n in range(5)]


async def test_a_message_with_a_key_is_said_once(desk: Desk) -> None:
    agent = await desk.agent()
    ticket_id = (await agent.ticket())["id"]

    async with Client(desk.url, token=agent.token) as program:
        first = await program.send_message(ticket_id, "Hello", client_msg_id="hello")
        second = await program.send_message(ticket_id, "Hello", client_msg_id="hello")

    assert first["id"] == second["id"]
    assert len(await agent.all(f"/api/tickets/{ticket_id}/messages")) == 1


# Listening --------------------------------------------------


async def test_a_ticket_begins_with_a_snapshot_and_goes_on_with_events(desk: Desk) -> None:
    agent = await desk.agent()
    ticket_id = (await agent.ticket("Fire"))["id"]
    room = f"ticket:{ticket_id}"

    async with Client(desk.url, token=agent.token) as program, program.listen(room) as line:
        rooms = await begun(line, room, f"{room}:staff")
        for n in range(3):
            await say(agent, ticket_id, f"{n}")
        events = [
            event for event in await some(line, 6) if event.room == room and event.name == "new_message"
        ]

    held = [rooms[name].data for name in (room, f"{room}:staff") if rooms[name].data]
    assert held[0]["ticket"]["title"] == "Fire"
    assert bodies(events) == ["0", "1", "2"]


async def test_without_a_room_named_a_program_hears_what_is_its_own(desk: Desk) -> None:
    agent = await desk.agent()

    async with Client(desk.url, token=agent.token) as program, program.listen() as line:
        await begun(line, "desk", f"user:{agent.id}")
        ticket = await agent.ticket("Fire")
        (event,) = await some(line, 1)

    assert (event.room, event.data["ticket_id"], event.data["action"]) == ("desk", ticket["id"], "created")


async def test_a_room_that_is_not_there_is_a_refusal(desk: Desk) -> None:
    customer = await desk.customer()

    async with Client(desk.url, token=customer.token) as program, program.listen("ticket:9") as line:
        with pytest.raises(Refusal) as refusal:
            await some(line, 1)

    assert refusal.value.code == "not_found"


async def test_a_dead_token_is_refused_and_a_session_that_ends_is_the_end(desk: Desk) -> None:
    agent, admin = await desk.agent(), await desk.admin()

    async with Client(desk.url, token="dead") as program, program.listen() as line:
        with pytest.raises(Refusal) as dead:
            await some(line, 1)
    async with Client(desk.url, token=agent.token) as program, program.listen() as line:
        await begun(line, "desk")
        await admin.patch(f"/api/users/{agent.id}", {"is_active": False})
        with pytest.raises(Refusal) as ended:
            await some(line, 1)

    assert (dead.value.status, ended.value.status) == (401, 4503)


async def test_an_address_that_is_none_is_not_tried_for_ever() -> None:
    async with Client("desk", token="any") as program, program.listen() as line:
        with pytest.raises(ValueError, match="desk"):
            await some(line, 1)


async def test_positions_that_were_kept_are_where_the_next_run_begins(desk: Desk, tmp_path: Path) -> None:
    agent = await desk.agent()
    ticket_id = (await agent.ticket())["id"]
    room, place = f"ticket:{ticket_id}", tmp_path / "place.json"
    async with Client(desk.url, token=agent.token) as program:
        async with program.listen(room, positions=Positions.load(place)) as line:
            await begun(line, room)
            await say(agent, ticket_id, "first")
            await say(agent, ticket_id, "second")
            async for event in line:
                if event.name == "new_message" and event.data["message"]["body"] == "second":
                    break  # not asked for another: this one is not done with
        await say(agent, ticket_id, "third")

        async with program.listen(room, positions=Positions.load(place)) as line:
            heard = [event for event in await some(line, 2) if event.name == "new_message"]

    assert bodies(heard)[0] == "second"


async def test_who_was_away_too_long_is_told_to_look_anew(desk: Desk) -> None:
    agent = await desk.agent()
    ticket_id = (await agent.ticket())["id"]
    room = f"ticket:{ticket_id}"
    positions = Positions()
    async with Client(desk.url, token=agent.token) as program:
        async with program.listen(room, positions=positions) as line:
            await begun(line, room, f"{room}:staff")
            await say(agent, ticket_id, "one")
            await some(line, 2)
        for n in range(510):
            await say(agent, ticket_id, f"{n}")

        async with program.listen(room, positions=positions) as line:
            async with asyncio.timeout(15):
                first = await anext(aiter(line))

    assert (first.name, first.room) == (SNAPSHOT, room)
    assert first.data["messages"][-1]["body"] == "509"


class Wire:
    """A line to the desk that the test can make dead without closing it, and cut."""

    def __init__(self, port: int) -> None:
        self.is_dead = False
        self.dialled = 0
        self._port = port
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server

    async def __aenter__(self) -> "Wire":
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.dialled += 1
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += (writer, back)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(self._copy(reader, back), self._copy(there, writer))

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        dead = self.is_dead
        while data := await source.read(65_536):
            if not (dead or self.is_dead):
                sink.write(data)
        sink.transport.abort()


async def test_a_line_that_is_cut_again_and_again_loses_and_repeats_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST", 0.05)
    agent = await desk.agent()
    ticket_id = (await agent.ticket())["id"]
    room = f"ticket:{ticket_id}"

    async with (
        Wire(desk.port) as wire,
        Client(wire.url, token=agent.token) as program,
        program.listen(room) as line,
    ):
        await begun(line, room, f"{room}:staff")
        heard: list[Event] = []
        for n in range(60):
            await say(agent, ticket_id, f"{n}")
            if n % 9 == 8:
                wire.cut()
            heard += await some(line, 1)
        while len([event for event in heard if event.name == "new_message"]) < 60:
            heard += await some(line, 1)

    assert bodies([event for event in heard if event.name == "new_message"]) == [f"{n}" for n in range(60)]
    assert wire.dialled > 3
    for name in {event.room for event in heard}:
        places = [event.seq for event in heard if event.room == name]
        assert places == list(range(places[0], places[0] + len(places))), places


async def test_a_line_on_which_nothing_answers_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST", 0.05)
    monkeypatch.setattr(module, "PATIENCE", 0.3)
    monkeypatch.setattr(module, "HEARTBEAT", 0.2)
    agent = await desk.agent()

    async with (
        Wire(desk.port) as wire,
        Client(wire.url, token=agent.token) as program,
        program.listen("desk") as line,
    ):
        await begun(line, "desk")
        wire.is_dead = True
        await agent.ticket("Fire")
        async with asyncio.timeout(15):
            while wire.dialled < 2:
                await asyncio.sleep(0.05)
        wire.is_dead = False
        (event,) = await some(line, 1)

    assert event.data["ticket"]["title"] == "Fire"


async def test_a_program_that_does_not_ask_for_a_while_misses_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE", 5)
    agent = await desk.agent()
    ticket_id = (await agent.ticket())["id"]
    room = f"ticket:{ticket_id}"

    async with Client(desk.url, token=agent.token) as program, program.listen(room) as line:
        await begun(line, room, f"{room}:staff")
        for n in range(50):
            await say(agent, ticket_id, f"{n}")
        heard: list[Event] = []
        while len(heard) < 50:
            heard += [event for event in await some(line, 1) if event.name == "new_message"]

    assert bodies(heard) == [f"{n}" for n in range(50)]


# Through a restart of the desk --------------------------------------------------


def founded(folder: Path) -> None:
    add = ("user", "add", "--email", "ada@example.org", "--name", "Ada", "--password-stdin")
    assert run(*add, "--data-dir", folder, given=PASSWORD).returncode == 0


def port_of(url: str) -> str:
    return url.rsplit(":", 1)[1]


async def test_after_kill_9_of_the_desk_a_program_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST", 0.5)
    founded(tmp_path)
    with serving("--data-dir", tmp_path) as server:
        program = await Client.login(server.url, "ada@example.org", PASSWORD)
        async with program, contextlib.AsyncExitStack() as stack:
            ticket_id = (await program.call("POST", "/api/tickets/", {"title": "Fire"}))["id"]
            room = f"ticket:{ticket_id}"
            line = await stack.enter_async_context(program.listen(room))
            await begun(line, room)
            for n in range(5):
                await program.send_message(ticket_id, f"{n}")
            server.process.kill()
            server.ended()
            saying = asyncio.create_task(program.send_message(ticket_id, "said while the desk was down"))
            with serving("--data-dir", tmp_path, "--port", port_of(server.url)):
                await saying
                for n in range(5, 10):
                    await program.send_message(ticket_id, f"{n}")
                heard: list[Event] = []
                while not heard or bodies(heard)[-1] != "9":
                    heard += [event for event in await some(line, 1) if event.name == "new_message"]

    said = ["0", "1", "2", "3", "4", "said while the desk was down", "5", "6", "7", "8", "9"]
    assert bodies(heard) == said


class Tail:
    """A running ``servicedesk tail``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def next(self) -> Any:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), 20)
        assert line, self.process.stderr and await self.process.stderr.read()
        return json.loads(line)

    async def begins(self) -> None:
        while (await self.next())["event"] == SNAPSHOT:
            return

    async def messages(self, last: str) -> list[str]:
        found: list[str] = []
        while last not in found:
            event = await self.next()
            if event["event"] == "new_message":
                found.append(event["data"]["message"]["body"])
        return found

    async def ended(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 10)


@contextlib.asynccontextmanager
async def tailing(*arguments: str | Path, **settings: str) -> AsyncIterator[Tail]:
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "tail", *map(str, arguments), stdout=-1, stderr=-1, env=environment(**settings)
    )
    try:
        yield Tail(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_tail_prints_every_event_once_through_restarts_of_the_desk_and_of_itself(
    tmp_path: Path,
) -> None:
    founded(tmp_path)
    with serving("--data-dir", tmp_path) as server:
        program = await Client.login(server.url, "ada@example.org", PASSWORD)
        token = tmp_path / "token"
        token.write_text(program.token + "\n")
        async with program:
            ticket_id = (await program.call("POST", "/api/tickets/", {"title": "Fire"}))["id"]
            arguments = ("--url", server.url, "--token-file", token, "--room", f"ticket:{ticket_id}")
            arguments += ("--state", tmp_path / "place.json")
            async with tailing(*arguments) as tail:
                await tail.begins()
                await program.send_message(ticket_id, "before")
                heard = await tail.messages("before")
                server.signal()
                assert server.ended()[0] == 0
                with serving("--data-dir", tmp_path, "--port", port_of(server.url)) as again:
                    await program.send_message(ticket_id, "after")
                    heard += await tail.messages("after")
                    assert await tail.ended(signal.SIGINT) == 0
                    await program.send_message(ticket_id, "meanwhile")
                    async with tailing(*arguments) as second:
                        heard += await second.messages("meanwhile")
                        await program.send_message(ticket_id, "at the end")
                        heard += await second.messages("at the end")
                        assert await second.ended() == 0
                    again.signal()

    assert heard == ["before", "after", "meanwhile", "at the end"]


async def refused(*arguments: str | Path, **settings: str) -> str:
    async with tailing(*arguments, **settings) as tail:
        out, err = await asyncio.wait_for(tail.process.communicate(), 20)
        assert (tail.process.returncode, out) == (2, b""), err
        assert err.startswith(b"servicedesk: ")
        assert err.count(b"\n") == 1
        return err.decode()


async def test_tail_says_in_one_line_why_it_cannot(desk: Desk, tmp_path: Path) -> None:
    agent = await desk.agent()
    broken = tmp_path / "broken"
    broken.write_text("no json")
    here = ("--url", desk.url)

    assert "token" in await refused(*here)
    assert "does not know this token" in await refused(*here, TOKEN="dead")
    assert "no/such" in await refused(*here, TOKEN_FILE="no/such")
    assert "ticket:9" in await refused(*here, "--room", "ticket:9", TOKEN=agent.token)
    assert "broken" in await refused(*here, "--state", broken, TOKEN=agent.token)
    assert "no address" in await refused("--url", "desk", TOKEN=agent.token)


async def test_tail_ends_quietly_when_nobody_reads_any_more(desk: Desk) -> None:
    agent = await desk.agent()
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "tail", stdout=writing, stderr=-1, env=environment(TOKEN=agent.token, URL=desk.url)
    )
    os.close(writing)
    await asyncio.to_thread(os.read, reading, 1)
    os.close(reading)

    await agent.ticket()
    _, err = await asyncio.wait_for(process.communicate(), 20)

    assert (process.returncode, err) == (0, b"")


# The README --------------------------------------------------


async def test_the_bot_of_the_readme_greets_every_ticket_once(desk: Desk, tmp_path: Path) -> None:
    bot_user, customer = await desk.agent(), await desk.customer()
    bot = tmp_path / "bot.py"
    (found,) = re.findall(r"```python\n(.*?)```", Path("README.md").read_text("utf-8"), re.DOTALL)
    bot.write_text(found.replace("http://127.0.0.1:8080", desk.url))
    assert len([line for line in found.splitlines() if line.strip()]) <= 12

    async def greeted(person: Person, ticket_id: int) -> list[Any]:
        room = f"ticket:{ticket_id}"
        async with Client(desk.url, token=person.token) as watching, watching.listen(room) as line:
            async with asyncio.timeout(15):
                async for event in line:
                    if event.name == "new_message" or event.data.get("messages"):
                        break
        return [each["body"] for each in await person.all(f"/api/tickets/{ticket_id}/messages")]

    for _ in range(2):  # the second run goes on where the first was killed
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            bot,
            cwd=tmp_path,
            env={**environment(TOKEN=bot_user.token), "PYTHONPATH": os.getcwd()},
        )
        try:
            if not (tmp_path / "bot.json").exists():
                async with asyncio.timeout(15):
                    while not (tmp_path / "bot.json").exists():
                        await asyncio.sleep(0.05)
            ticket_id = (await customer.ticket())["id"]
            assert await greeted(customer, ticket_id) == ["Thank you, we are on it."]
        finally:
            process.kill()
            await process.wait()
