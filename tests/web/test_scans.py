"""Files that a virus scanner looks at: what each state means on every road."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from servicedesk.domain.people import Role
from servicedesk.web import scans
from servicedesk.web.files import MEDIA
from tests import files_made_up as made_up
from tests.scanners import EICAR, INSTALLED, SIGNATURE, STREAM_MAX, Clamd, our_clamd, real_clamd
from tests.served import Client, Desk
from tests.web.forms import upload
from tests.web.sockets import connect

PATIENCE = 10.0


class Counter:
    """A ticket with its requester and an agent, at a desk with a scanner."""

    def __init__(self, desk: Desk, clamd: Clamd, ada: Client, bob: Client, ticket: Any) -> None:
        self.desk = desk
        self.clamd = clamd
        self.ada = ada
        self.bob = bob
        self.id = ticket["id"]

    async def file(self, name: str = "a.txt", content: bytes = b"hello", **fields: Any) -> Any:
        answer = await upload(self.bob, self.id, name, content, **fields)
        assert answer.status == 201, answer.body
        return answer.body

    async def becomes(self, file: Any, state: str) -> Any:
        """Wait until the file is in that state, and return it."""
        return await becomes(self.bob, file, state)


async def becomes(who: Client, file: Any, state: str | None) -> Any:
    async with asyncio.timeout(PATIENCE):
        while (body := (await who.get(f"/api/files/{file['id']}")).body).get("scan") != state:
            await asyncio.sleep(0.01)
    return body


@contextlib.asynccontextmanager
async def a_counter(folder: Path, clamd: Clamd, **settings: Any) -> AsyncIterator[Counter]:
    async with Desk(folder / "data", clamd=clamd.address, **settings) as desk:
        ada, bob = await desk.customer(name="Ada"), await desk.agent(name="Bob")
        yield Counter(desk, clamd, ada, bob, await ada.ticket())


@pytest.fixture
async def clamd(tmp_path: Path) -> AsyncIterator[Clamd]:
    async with our_clamd(tmp_path) as listening:
        yield listening


@pytest.fixture
async def counter(tmp_path: Path, clamd: Clamd) -> AsyncIterator[Counter]:
    async with a_counter(tmp_path, clamd) as made:
        yield made


@pytest.fixture
async def closed(tmp_path: Path, clamd: Clamd) -> AsyncIterator[Counter]:
    """A desk where nobody reads what was not found clean."""
    async with a_counter(tmp_path, clamd, unscanned="closed") as made:
        yield made


def roads(file: Any) -> list[str]:
    return [f"/api/files/{file['id']}/{road}" for road in ("download", "thumbnail", "picture", "preview")]


async def test_an_upload_is_answered_at_once_and_checked_behind_its_back(counter: Counter) -> None:
    counter.clamd.open.clear()

    file = await counter.file()
    await counter.clamd.came.wait()
    assert file["scan"] == "pending"
    assert (await counter.ada.get(file["download_url"])).body == b"hello"

    counter.clamd.open.set()
    assert (await counter.becomes(file, "clean"))["download_url"] == file["download_url"]
    assert (await counter.ada.get(file["download_url"])).body == b"hello"


@pytest.mark.parametrize("which", INSTALLED)
async def test_what_is_infected_nobody_reads_and_its_owner_can_delete(
    tmp_path: Path, clamd: Clamd, which: str
) -> None:
    with contextlib.ExitStack() as stack:
        if which == "clamd":
            (tmp_path / "real").mkdir()
            clamd.address = stack.enter_context(real_clamd(tmp_path / "real"))
        async with a_counter(tmp_path, clamd) as counter:
            clean, file = await counter.file(), await counter.file("b.txt", EICAR)
            await counter.becomes(clean, "clean")
            await counter.becomes(file, "infected")

            for who in (counter.ada, counter.bob, await counter.desk.admin()):
                for path in roads(file):
                    for headers in ({}, {"Range": "bytes=0-3"}, {"If-None-Match": "*"}):
                        answer = await who.get(path, headers=headers)
                        assert (answer.status, answer.code) == (403, "infected")
                        assert answer.body["detail"] == (
                            "A virus was found in this file; it can only be deleted."
                        )
                assert (await who.get(clean["download_url"])).body == b"hello"
            assert (await counter.bob.delete(f"/api/files/{file['id']}")).status == 204


async def test_of_an_infected_image_there_is_no_picture(counter: Counter) -> None:
    image = made_up.png()
    file = await counter.file("a.png", image)
    assert (await counter.ada.get((await counter.becomes(file, "clean"))["thumbnail_url"])).status == 200

    await counter.desk.db.write(lambda tx: tx.execute("UPDATE files SET scan = 'infected'"))

    assert (await counter.ada.get(f"/api/files/{file['id']}")).body["thumbnail_url"] is None
    for path in roads(file):
        assert (await counter.ada.get(path)).code == "infected"


async def test_a_virus_stands_in_the_history_and_the_ticket_hears_of_it(counter: Counter) -> None:
    requester, agent = await connect(counter.ada), await connect(counter.bob)
    for socket in (requester, agent):
        await socket.do("join_ticket", ticket_id=counter.id)
    counter.clamd.open.clear()

    public = await counter.file("a.txt", EICAR)
    internal = await counter.file("b.txt", EICAR, is_internal="true")
    counter.clamd.open.set()
    await counter.becomes(internal, "infected")
    await counter.becomes(public, "infected")

    def changed(frames: list[Any]) -> list[Any]:
        told = [frame for frame in frames if frame.get("event") == "ticket_updated" and "room" in frame]
        files = [(f["room"], f["data"]) for f in told if "files" in f["data"]["changes"]]
        return [(room, data["action"], data["changes"], data["actor"]) for room, data in files]

    room, staff_room = f"ticket:{counter.id}", f"ticket:{counter.id}:staff"
    of_public = (room, "updated", {"files": {"from": public["id"], "to": public["id"]}}, None)
    of_internal = (staff_room, "updated", {"files": {"from": internal["id"], "to": internal["id"]}}, None)
    assert changed(await requester.quiet()) == [of_public]
    assert sorted(changed(await agent.quiet())) == sorted([of_public, of_internal])
    for socket in (requester, agent):
        await socket.close()

    def viruses(rows: list[Any]) -> list[Any]:
        return [
            (row["changes"]["infected_file"]["to"], row["actor"])
            for row in rows
            if "infected_file" in row["changes"]
        ]

    path = f"/api/tickets/{counter.id}/history"
    assert viruses(await counter.ada.all(path)) == [(f"a.txt ({SIGNATURE})", None)]
    assert sorted(viruses(await counter.bob.all(path))) == [
        (f"a.txt ({SIGNATURE})", None),
        (f"b.txt ({SIGNATURE})", None),
    ]


async def test_a_closed_desk_gives_out_only_what_was_found_clean(closed: Counter) -> None:
    closed.clamd.open.clear()
    file = await closed.file("a.png", made_up.png())

    for path in roads(file):
        answer = await closed.ada.get(path)
        assert (answer.status, answer.code) == (403, "not_scanned")
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.body["detail"] == "This file waits for its virus check; try again in a moment."

    closed.clamd.open.set()
    await closed.becomes(file, "clean")
    for path in roads(file):
        assert (await closed.ada.get(path)).status == 200


async def test_at_a_closed_desk_what_could_not_be_checked_stays_closed(closed: Counter) -> None:
    file = await closed.file("a.log", b"x" * (STREAM_MAX + 1))
    await closed.becomes(file, "error")

    answer = await closed.ada.get(file["download_url"])

    assert (answer.status, answer.code) == (403, "not_scanned")
    assert "could not be checked for viruses yet" in answer.body["detail"]


async def test_what_cannot_be_checked_is_tried_again_and_said_once(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scans, "FIRST_WAIT", 0.001)
    counter.clamd.does = "babble"
    file = await counter.file()
    await counter.becomes(file, "error")
    assert (await counter.ada.get(file["download_url"])).status == 200

    async with asyncio.timeout(PATIENCE):
        while counter.clamd.scans < 4:
            await asyncio.sleep(0.01)
    counter.clamd.does = "answer"
    await counter.becomes(file, "clean")

    complaints = [each for each in caplog.messages if "could not be checked" in each]
    assert len(complaints) == 1
    assert file["sha256"] in complaints[0]
    assert "HTTP/1.1 400 Bad Request" in complaints[0]


def test_the_waits_grow_and_end_growing() -> None:
    waits = [scans.wait_after(tries) for tries in range(1, 100)]

    assert waits[:4] == [10, 20, 40, 80]
    assert waits[-1] == scans.LONGEST_WAIT


async def test_a_scanner_that_is_gone_is_complained_of_once_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scans, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(scans, "LONGEST_PAUSE", 0.02)
    gone = Clamd()
    gone.address = f"unix:{tmp_path / 'clamd.ctl'}"
    async with a_counter(tmp_path, gone) as counter:
        files = [await counter.file(content=b"%d" % number) for number in range(5)]
        for file in files:
            await counter.becomes(file, "error")
            assert (await counter.ada.get(file["download_url"])).status == 200
        assert (await metrics(counter.desk))["scanner_reachable"] == 0
        assert (await metrics(counter.desk))["files_not_scanned"] == 5

        async with our_clamd(tmp_path):
            await counter.file(content=b"another")
            for file in files:
                await counter.becomes(file, "clean")  # at once, not when their time would have come

    told = [each for each in caplog.messages if "the virus scanner" in each]
    assert len(told) == 2
    assert told[0].endswith("is out of reach: No such file or directory")
    assert told[1].endswith("answers again")


async def metrics(desk: Desk) -> dict[str, float]:
    async with desk.session().get("/metrics") as answer:
        lines = (await answer.text()).splitlines()
    pairs = [line.removeprefix("servicedesk_").split() for line in lines if " " in line and line[0] != "#"]
    return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2}


async def test_after_a_restart_what_waits_is_checked_and_what_nobody_ever_checked(
    tmp_path: Path, clamd: Clamd
) -> None:
    async with Desk(tmp_path / "data") as desk:
        ada = await desk.customer()
        ticket = await ada.ticket()
        old = (await upload(ada, ticket["id"], "old.txt", b"from before")).body
        assert "scan" not in old

    clamd.open.clear()
    async with Desk(tmp_path / "data", clamd=clamd.address) as desk:
        ada = desk.client(ada.user, ada.token)
        await becomes(ada, old, "pending")
        new = (await upload(ada, ticket["id"], "new.txt", EICAR)).body

    clamd.open.set()
    async with Desk(tmp_path / "data", clamd=clamd.address) as desk:
        ada = desk.client(ada.user, ada.token)
        await becomes(ada, old, "clean")
        await becomes(ada, new, "infected")

    clamd.open.clear()
    async with Desk(tmp_path / "data", clamd=clamd.address) as desk:
        ada = desk.client(ada.user, ada.token)
        waits = (await upload(ada, ticket["id"], "waits.txt", b"waits")).body
        assert waits["scan"] == "pending"

    async with Desk(tmp_path / "data", unscanned="closed") as desk:
        ada = desk.client(ada.user, ada.token)
        await becomes(ada, waits, None)
        assert (await ada.get(waits["download_url"])).body == b"waits"
        assert (await ada.get(new["download_url"])).code == "infected"


async def test_the_same_bytes_are_looked_at_once(counter: Counter) -> None:
    counter.clamd.open.clear()
    first = await counter.file("a.txt", EICAR)
    await counter.clamd.came.wait()
    files = [first, await counter.file("b.txt", EICAR), await counter.file("c.txt", EICAR)]
    counter.clamd.open.set()

    for file in files:
        await counter.becomes(file, "infected")
    assert counter.clamd.scans == 1


async def test_a_virus_that_the_scanner_has_learnt_of_bars_the_file_of_long_ago(counter: Counter) -> None:
    old = await counter.file("a.txt", EICAR)
    await counter.becomes(old, "infected")
    await counter.desk.db.write(lambda tx: tx.execute("UPDATE files SET scan = 'clean'"))
    assert (await counter.ada.get(old["download_url"])).status == 200

    await counter.becomes(await counter.file("b.txt", EICAR), "infected")

    assert (await counter.ada.get(old["download_url"])).code == "infected"


async def test_two_files_are_checked_at_once_and_no_more(counter: Counter) -> None:
    counter.clamd.open.clear()
    files = [await counter.file(content=b"%d" % number) for number in range(6)]
    counter.clamd.open.set()

    for file in files:
        await counter.becomes(file, "clean")
    assert counter.clamd.most_at_once == 2


async def test_a_file_that_is_deleted_while_it_is_checked_is_no_trouble(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    counter.clamd.open.clear()
    file = await counter.file()
    await counter.clamd.came.wait()

    assert (await counter.bob.delete(f"/api/files/{file['id']}")).status == 204
    counter.clamd.open.set()

    await counter.becomes(await counter.file("b.txt", b"other"), "clean")
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


async def test_bytes_that_are_damaged_are_not_shown_to_the_scanner(counter: Counter) -> None:
    counter.clamd.open.clear()
    blocking = [await counter.file(content=b"%d" % number) for number in range(2)]
    file = await counter.file("b.txt", EICAR)
    counter.desk.app[MEDIA].blobs.path(file["sha256"]).write_bytes(b"x" * len(EICAR))
    counter.clamd.open.set()

    await counter.becomes(file, "error")
    for each in blocking:
        await counter.becomes(each, "clean")
    assert counter.clamd.scans == 2


async def test_a_supervisor_deletes_what_is_infected(counter: Counter) -> None:
    file = await counter.file("a.txt", EICAR)
    await counter.becomes(file, "infected")

    assert (await counter.ada.delete(f"/api/files/{file['id']}")).status == 403
    supervisor = await counter.desk.person(Role.SUPERVISOR)
    assert (await supervisor.delete(f"/api/files/{file['id']}")).status == 204


async def test_the_console_says_how_far_the_check_is(counter: Counter) -> None:
    counter.clamd.open.clear()
    file = await counter.file("a.txt", EICAR)
    assert "being checked for viruses" in await page(counter)
    assert f'href="{file["download_url"]}"' in await page(counter)

    counter.clamd.open.set()
    await counter.becomes(file, "infected")
    shown = await page(counter)
    assert "· virus found" in shown
    assert f'href="{file["download_url"]}"' not in shown
    assert f"found a virus in a.txt ({SIGNATURE})" in shown

    await counter.desk.db.write(lambda tx: tx.execute("UPDATE files SET scan = 'error'"))
    assert "could not be checked for viruses yet" in await page(counter)
    await counter.desk.db.write(lambda tx: tx.execute("UPDATE files SET scan = 'clean'"))
    shown = await page(counter)
    assert "· virus found" not in shown
    assert "checked for viruses" not in shown


async def page(counter: Counter) -> str:
    answer = await counter.bob.get(f"/tickets/{counter.id}", headers={"Accept": "text/html"})
    assert answer.status == 200
    return str(answer.body.decode())
