"""Uploads that break off and go on, by the tus protocol, over a real server."""

import asyncio
import base64
import hashlib
import io
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servicedesk.domain.resumable import KEPT, UNFINISHED_MAX
from servicedesk.domain.times import HOUR
from servicedesk.media.resumable import STRAY_AGE
from servicedesk.store import sessions
from servicedesk.web import auth, resumable
from servicedesk.web.health import METER
from servicedesk.web.space import GAUGE, Space
from tests import files_made_up as made_up
from tests.programs import Server, run, serving
from tests.served import Answer, Client, Desk

BEGIN = "/api/files/resumable/"
TUS = {"Tus-Resumable": "1.0.0"}
PIECES = {**TUS, "Content-Type": "application/offset+octet-stream"}
PATIENCE = 10.0
BUFFERED = 1 << 18
"""Bytes that the desk takes before it writes them to the disk."""


def encoded(value: str | bytes) -> str:
    raw = value.encode() if isinstance(value, str) else value
    return base64.b64encode(raw).decode()


def described(**fields: Any) -> str:
    """Return the fields as ``Upload-Metadata``; None is a name without a value."""
    texts = {n: v if isinstance(v, str | bytes | None) else str(v) for n, v in fields.items()}
    return ",".join(name if value is None else f"{name} {encoded(value)}" for name, value in texts.items())


def summed(name: str, content: bytes) -> dict[str, str]:
    return {"Upload-Checksum": f"{name} {encoded(hashlib.new(name, content).digest())}"}


def words(size: int, seed: int = 0) -> bytes:
    """Return text of this size that does not repeat."""
    return random.Random(seed).randbytes(size // 2 + 1).hex().encode()[:size]


class Counter:
    """A ticket, its requester and an agent."""

    def __init__(self, desk: Desk, ada: Client, bob: Client, ticket: Any) -> None:
        self.desk = desk
        self.ada = ada
        self.bob = bob
        self.id = ticket["id"]

    def left(self, *names: str) -> list[Path]:
        """Return what lies in these folders of the data folder; without names, in all that hold files."""
        folder = self.desk.settings.data_dir
        return [
            path
            for name in names or ("blobs", "pictures", "tmp", "partial")
            for path in (folder / name).rglob("*")
            if path.is_file()
        ]

    async def begin(
        self, size: int, filename: str = "a.log", *, by: Client | None = None, **more: Any
    ) -> Answer:
        said = described(filename=filename, **{"ticket_id": self.id, **more})
        headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": said}
        return await (by or self.ada).post(BEGIN, headers=headers)

    async def address(self, size: int, filename: str = "a.log", **more: Any) -> str:
        answer = await self.begin(size, filename, **more)
        assert answer.status == 201, answer.body
        return answer.headers["Location"]

    async def files(self) -> list[Any]:
        return await self.bob.all(f"/api/files/ticket/{self.id}")


@pytest.fixture
async def counter(desk: Desk) -> Counter:
    ada, bob = await desk.customer(name="Ada"), await desk.agent(name="Bob")
    return Counter(desk, ada, bob, await ada.ticket())


async def send(who: Client, address: str, offset: int, content: bytes, **headers: str) -> Answer:
    told = {**PIECES, "Upload-Offset": str(offset), **headers}
    return await who.call("PATCH", address, data=io.BytesIO(content), headers=told)


async def ask(who: Client, address: str, method: str = "HEAD") -> Answer:
    return await who.call(method, address, headers=TUS)


async def offset_of(who: Client, address: str) -> int:
    answer = await ask(who, address)
    assert answer.status == 200
    return int(answer.headers["Upload-Offset"])


@asynccontextmanager
async def sending(desk: Desk, who: Client, address: str, offset: int, announced: int, **headers: str) -> Any:
    """A request whose body is the test's to send, byte by byte."""
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
    told = {
        **PIECES,
        "Host": "desk",
        "Authorization": f"Bearer {who.token}",
        "Upload-Offset": str(offset),
        "Content-Length": str(announced),
        **headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    writer.write(f"PATCH {address} HTTP/1.1\r\n{lines}\r\n".encode())
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def is_cut(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


def arrived(counter: Counter) -> int:
    """Return how many bytes of the only unfinished upload are on the disk."""
    return sum(path.stat().st_size for path in counter.left("partial"))


async def until(true: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.01)


# What goes well --------------------------------------------------------------------------------------------------


async def test_a_file_comes_in_piece_by_piece(counter: Counter) -> None:
    content = words(300_000)

    begun = await counter.begin(len(content), "größe.log")
    address = begun.headers["Location"]
    first = await send(counter.ada, address, 0, content[:100_000])
    asked = await ask(counter.ada, address)
    last = await send(counter.ada, address, 100_000, content[100_000:])

    assert (begun.status, begun.headers["Upload-Offset"], begun.body["offset"]) == (201, "0", 0)
    assert address == f"/api/files/resumable/{begun.body['id']}"
    assert (first.status, first.headers["Upload-Offset"]) == (204, "100000")
    assert "Content-Location" not in first.headers
    assert (asked.status, asked.headers["Upload-Offset"], asked.headers["Upload-Length"]) == (
        200,
        "100000",
        "300000",
    )
    assert asked.headers["Upload-Metadata"] == described(filename="größe.log", ticket_id=counter.id)
    assert asked.headers["Cache-Control"] == "no-store"
    assert (last.status, last.headers["Upload-Offset"]) == (204, "300000")
    file = (await counter.ada.get(last.headers["Content-Location"])).body
    assert (file["filename"], file["ticket_id"], file["size"]) == ("größe.log", counter.id, 300_000)
    assert file["uploaded_by"] == {"id": counter.ada.id, "name": "Ada"}
    assert (await counter.bob.get(file["download_url"])).body == content
    assert [path.name for path in counter.left()] == [hashlib.sha256(content).hexdigest()]


@pytest.mark.parametrize("name", made_up.HONEST)
async def test_every_honest_file_becomes_what_it_becomes_in_one_piece(counter: Counter, name: str) -> None:
    content = made_up.HONEST[name]
    address = await counter.address(len(content), name)

    await send(counter.ada, address, 0, content[: len(content) // 2])
    last = await send(counter.ada, address, len(content) // 2, content[len(content) // 2 :])

    file = (await counter.ada.get(last.headers["Content-Location"])).body
    assert (file["filename"], file["sha256"]) == (name, hashlib.sha256(content).hexdigest())
    if file["category"] == "image":
        assert (file["width"], file["height"]) == (64, 48)
        assert (await counter.ada.get(file["thumbnail_url"])).status == 200


async def test_the_ticket_hears_of_the_file_once_it_is_there(counter: Counter) -> None:
    address = await counter.address(10)
    before = told(counter)

    await send(counter.ada, address, 0, b"hello")
    assert (told(counter), await counter.files()) == (before, [])
    await send(counter.ada, address, 5, b"world")

    assert [b"file_uploaded" in frame for frame in told(counter)[len(before) :]].count(True) == 1
    assert (await counter.ada.get(f"/api/tickets/{counter.id}")).body["file_count"] == 1


def told(counter: Counter) -> list[bytes]:
    found = counter.desk.db.peek(
        lambda conn: conn.execute("SELECT frame FROM events ORDER BY rowid").fetchall()
    )
    return [bytes(row["frame"]) for row in found]


async def test_a_message_an_internal_file_and_a_type_nobody_asked_for_are_understood(
    counter: Counter,
) -> None:
    note = await counter.bob.post(f"/api/tickets/{counter.id}/messages", {"body": "Hm", "is_internal": True})

    address = await counter.address(
        5, by=counter.bob, message_id=note.body["id"], is_internal="true", filetype="text/html"
    )
    last = await send(counter.bob, address, 0, b"hello")

    file = (await counter.bob.get(last.headers["Content-Location"])).body
    assert (file["message_id"], file["is_internal"], file["content_type"]) == (
        note.body["id"],
        True,
        "text/plain",
    )
    assert (await counter.ada.get(last.headers["Content-Location"])).status == 404


async def test_a_body_of_unknown_length_is_counted(counter: Counter) -> None:
    address = await counter.address(10)

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"he", b"llo", b"worl", b"d"):
            yield piece

    told = {**PIECES, "Upload-Offset": "0"}
    answer = await counter.ada.call("PATCH", address, data=pieces(), headers=told)

    assert (answer.status, answer.headers["Upload-Offset"]) == (204, "10")
    assert (await counter.files())[0]["sha256"] == hashlib.sha256(b"helloworld").hexdigest()


async def test_the_desk_says_what_it_can(counter: Counter) -> None:
    async with counter.desk.session().options(BEGIN) as answer:
        assert answer.status == 204
        told = answer.headers
    assert (told["Tus-Version"], told["Tus-Resumable"]) == ("1.0.0", "1.0.0")
    assert told["Tus-Max-Size"] == str((await counter.ada.get("/api/files/limits")).body["max_size"])
    assert set(told["Tus-Extension"].split(",")) == {"creation", "termination", "checksum", "expiration"}
    assert {"sha1", "sha256"} <= set(told["Tus-Checksum-Algorithm"].split(","))
    assert {"POST", "OPTIONS"} <= set(told["Allow"].split(", "))
    one = await counter.ada.call("OPTIONS", await counter.address(5))
    assert {"HEAD", "PATCH", "DELETE", "OPTIONS"} <= set(one.headers["Allow"].split(", "))
    assert one.headers["Tus-Version"] == "1.0.0"


async def test_the_limits_tell_pages_from_when_on_to_upload_so(counter: Counter) -> None:
    told = (await counter.ada.get("/api/files/limits")).body["resumable"]

    assert told == {"endpoint": BEGIN, "above": 5 << 20}


async def test_the_same_key_begins_one_upload(counter: Counter) -> None:
    headers = {
        **TUS,
        "Upload-Length": "5",
        "Upload-Metadata": described(filename="a.txt", ticket_id=counter.id),
        "Idempotency-Key": "k1",
    }

    first, again = [await counter.ada.post(BEGIN, headers=headers) for _ in range(2)]
    other = await counter.ada.post(BEGIN, headers={**headers, "Upload-Length": "6"})

    assert (first.status, again.status) == (201, 201)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status, other.code) == (422, "idempotency_conflict")


# What breaks off -------------------------------------------------------------------------------------------------


async def test_what_came_before_the_line_broke_is_kept(counter: Counter) -> None:
    content = words(800_000)
    address = await counter.address(len(content))

    async with sending(counter.desk, counter.ada, address, 0, len(content)) as (_, writer):
        writer.write(content[:500_000])
        await until(lambda: arrived(counter) >= BUFFERED)
    await until(lambda: not counter.desk.app[METER].running)

    offset = await offset_of(counter.ada, address)
    assert BUFFERED <= offset <= 500_000
    last = await send(counter.ada, address, offset, content[offset:])
    file = (await counter.ada.get(last.headers["Content-Location"])).body
    assert file["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("method", ["HEAD", "PATCH"])
async def test_a_new_request_ends_the_old_one_that_hangs(counter: Counter, method: str) -> None:
    content = words(2 * BUFFERED)
    address = await counter.address(len(content))

    async with sending(counter.desk, counter.ada, address, 0, len(content)) as (reader, writer):
        writer.write(content[:BUFFERED])
        await until(lambda: arrived(counter) == BUFFERED)
        async with asyncio.timeout(5):
            if method == "HEAD":
                assert await offset_of(counter.ada, address) == BUFFERED
            else:
                last = await send(counter.ada, address, BUFFERED, content[BUFFERED:])
                assert (last.status, last.headers["Upload-Offset"]) == (204, str(len(content)))
            assert await is_cut(reader)
        await until(lambda: not counter.desk.app[METER].running)

    if method == "HEAD":
        await send(counter.ada, address, BUFFERED, content[BUFFERED:])
    assert [file["sha256"] for file in await counter.files()] == [hashlib.sha256(content).hexdigest()]


async def test_of_many_that_want_to_go_on_at_once_one_does_and_nothing_is_mixed(counter: Counter) -> None:
    content = words(400_000)
    address = await counter.address(len(content))

    async def try_it() -> int:
        # Who is cut off by a later one hears nothing.
        async with ClientSession(
            counter.desk.url, headers={"Authorization": f"Bearer {counter.ada.token}"}
        ) as session:
            try:
                async with session.patch(
                    address, data=content, headers={**PIECES, "Upload-Offset": "0"}
                ) as answer:
                    return answer.status
            except OSError:
                return 0

    statuses = await asyncio.gather(*(try_it() for _ in range(6)))

    assert statuses.count(204) <= 1
    assert set(statuses) <= {0, 204, 409}
    offset = await offset_of(counter.ada, address)
    if offset < len(content):
        await send(counter.ada, address, offset, content[offset:])
    assert [file["sha256"] for file in await counter.files()] == [hashlib.sha256(content).hexdigest()]


async def test_a_lost_last_answer_is_no_loss(counter: Counter) -> None:
    address = await counter.address(5)
    last = await send(counter.ada, address, 0, b"hello")

    asked = await ask(counter.ada, address)
    told = await ask(counter.ada, address, "GET")
    again = await send(counter.ada, address, 5, b"")

    assert asked.headers["Content-Location"] == last.headers["Content-Location"]
    assert (asked.headers["Upload-Offset"], asked.headers["Upload-Length"]) == ("5", "5")
    assert f"/api/files/{told.body['file_id']}" == last.headers["Content-Location"]
    assert (again.status, again.headers["Content-Location"]) == (204, last.headers["Content-Location"])
    assert len(await counter.files()) == 1


async def test_a_desk_that_starts_anew_goes_on_where_it_stopped(tmp_path: Path) -> None:
    content = words(600_000)
    async with Desk(tmp_path / "data") as desk:
        ada = await desk.customer()
        counter = Counter(desk, ada, ada, await ada.ticket())
        address = await counter.address(len(content))
        async with sending(desk, ada, address, 0, len(content)) as (_, writer):
            writer.write(content[:BUFFERED])
            await until(lambda: arrived(counter) == BUFFERED)

    async with Desk(tmp_path / "data") as desk:
        ada = desk.client(ada.user, ada.token)
        offset = await offset_of(ada, address)
        assert BUFFERED <= offset < len(content)
        last = await send(ada, address, offset, content[offset:])
        file = (await ada.get(last.headers["Content-Location"])).body
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert (await ada.get(file["download_url"])).body == content


async def test_bytes_that_were_all_there_when_the_desk_died_are_judged_when_somebody_asks(
    tmp_path: Path,
) -> None:
    content, refused = words(10_000), made_up.EXE
    async with Desk(tmp_path / "data") as desk:
        ada = await desk.customer()
        counter = Counter(desk, ada, ada, await ada.ticket())
        good, bad = await counter.address(len(content)), await counter.address(len(refused))
        await send(ada, good, 0, content[:4_000])
        await send(ada, bad, 0, refused[:10])
    # As a crash leaves it that comes between the last byte and its judgement.
    for address, rest in ((good, content[4_000:]), (bad, refused[10:])):
        with (tmp_path / "data" / "partial" / address.rsplit("/", 1)[1]).open("ab") as file:
            file.write(rest)

    async with Desk(tmp_path / "data") as desk:
        ada = desk.client(ada.user, ada.token)
        asked = await ask(ada, good)
        file = (await ada.get(asked.headers["Content-Location"])).body
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert (await ask(ada, bad, "GET")).code == "type_mismatch"
        assert (await ask(ada, bad)).status == 404
        assert list((tmp_path / "data" / "partial").iterdir()) == []


ADD = ("user", "add", "--email", "ada@example.org", "--name", "Ada", "--password-stdin")
PASSWORD = "printer on fire"


@asynccontextmanager
async def calling(server: Server) -> AsyncIterator[ClientSession]:
    async with ClientSession(server.url) as guest:
        credentials = {"email": "ada@example.org", "password": PASSWORD}
        async with guest.post("/api/auth/login", json=credentials) as answer:
            token = (await answer.json())["token"]
    async with ClientSession(server.url, headers={"Authorization": f"Bearer {token}"}) as session:
        yield session


async def test_after_kill_9_an_upload_goes_on_and_the_folder_of_plain_uploads_is_empty(
    tmp_path: Path,
) -> None:
    assert run(*ADD, "--data-dir", tmp_path, given=PASSWORD).returncode == 0
    content, partial = words(3_000_000), tmp_path / "partial"

    async def endless() -> AsyncIterator[bytes]:
        yield content[:1_000_000]
        await asyncio.Event().wait()

    with serving("--data-dir", tmp_path) as server:
        async with calling(server) as session:
            async with session.post("/api/tickets/", json={"title": "Fire"}) as answer:
                ticket_id = (await answer.json())["id"]
            told = {
                **TUS,
                "Upload-Length": str(len(content)),
                "Upload-Metadata": described(filename="a.log", ticket_id=ticket_id),
            }
            async with session.post(BEGIN, headers=told) as answer:
                address = answer.headers["Location"]
            going = asyncio.ensure_future(
                session.patch(address, data=endless(), headers={**PIECES, "Upload-Offset": "0"})
            )
            await until(lambda: any(path.stat().st_size >= BUFFERED for path in partial.iterdir()))
            server.process.kill()
            with pytest.raises(ClientError):
                await going

    with serving("--data-dir", tmp_path) as server:
        assert list((tmp_path / "tmp").iterdir()) == []
        async with calling(server) as session:
            async with session.head(address, headers=TUS) as answer:
                offset = int(answer.headers["Upload-Offset"])
            assert BUFFERED <= offset <= 1_000_000
            told = {**PIECES, "Upload-Offset": str(offset)}
            async with session.patch(address, data=io.BytesIO(content[offset:]), headers=told) as answer:
                assert answer.status == 204
                place = answer.headers["Content-Location"]
            async with session.get(f"{place}/download") as answer:
                assert await answer.read() == content
    assert list(partial.iterdir()) == []


# Checksums -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", resumable.ALGORITHMS)
async def test_a_piece_counts_when_it_has_its_checksum(counter: Counter, name: str) -> None:
    address = await counter.address(10)

    right = await send(counter.ada, address, 0, b"hello", **summed(name, b"hello"))
    wrong = await send(counter.ada, address, 5, b"wor1d", **summed(name, b"world"))
    kept = await offset_of(counter.ada, address)
    last = await send(counter.ada, address, 5, b"world", **summed(name, b"world"))

    assert (right.status, wrong.status, wrong.code, kept) == (204, 460, "checksum_mismatch", 5)
    assert (last.status, last.headers["Upload-Offset"]) == (204, "10")
    assert (await counter.files())[0]["sha256"] == hashlib.sha256(b"helloworld").hexdigest()


async def test_a_last_piece_that_is_wrong_makes_no_file(counter: Counter) -> None:
    address = await counter.address(5)

    wrong = await send(counter.ada, address, 0, b"he11o", **summed("sha1", b"hello"))

    assert (wrong.status, await offset_of(counter.ada, address), await counter.files()) == (460, 0, [])


async def test_a_piece_that_broke_off_before_it_could_be_checked_does_not_count(tmp_path: Path) -> None:
    content = words(2 * BUFFERED)
    async with Desk(tmp_path / "data") as desk:
        ada = await desk.customer()
        counter = Counter(desk, ada, ada, await ada.ticket())
        address = await counter.address(5 + len(content))
        await send(ada, address, 0, b"hello")
        checked = summed("sha256", content)
        for _ in range(2):
            async with sending(desk, ada, address, 5, len(content), **checked) as (_, writer):
                writer.write(content[:BUFFERED])
                await until(lambda: arrived(counter) > BUFFERED)
                assert await offset_of(ada, address) == 5
        async with sending(desk, ada, address, 5, len(content), **checked) as (_, writer):
            writer.write(content[:BUFFERED])
            await until(lambda: arrived(counter) > BUFFERED)

    async with Desk(tmp_path / "data") as desk:
        ada = desk.client(ada.user, ada.token)
        assert await offset_of(ada, address) == 5
        last = await send(ada, address, 5, content, **checked)
        file = (await ada.get(last.headers["Content-Location"])).body
        assert file["sha256"] == hashlib.sha256(b"hello" + content).hexdigest()


@pytest.mark.parametrize("header", ["crc32 AAAA", "sha1", "sha1 no base64!", "", "sha1 AAAA"])
async def test_a_checksum_that_is_none_is_refused(counter: Counter, header: str) -> None:
    address = await counter.address(5)

    answer = await send(counter.ada, address, 0, b"hello", **{"Upload-Checksum": header})

    assert (answer.status, answer.code) in [(400, "bad_parameter"), (460, "checksum_mismatch")]
    assert (answer.status == 460) is (header in ("sha1", "sha1 AAAA"))
    assert await offset_of(counter.ada, address) == 0


# What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0.1", "", "1.0.0, 1.0.0"])
async def test_another_version_of_the_protocol_is_refused_everywhere(
    counter: Counter, version: str | None
) -> None:
    address = await counter.address(5)
    headers = {} if version is None else {"Tus-Resumable": version}
    told = {**PIECES, "Upload-Offset": "0", "Upload-Length": "5"}
    del told["Tus-Resumable"]

    for method, path in (("POST", BEGIN), ("HEAD", address), ("PATCH", address), ("DELETE", address)):
        answer = await counter.ada.call(method, path, headers={**told, **headers})
        assert answer.status == 412, method
        assert (answer.headers["Tus-Version"], answer.headers["Tus-Resumable"]) == ("1.0.0", "1.0.0")
    assert await offset_of(counter.ada, address) == 0


async def test_every_refusal_says_which_version_is_spoken(counter: Counter) -> None:
    stranger = counter.desk.session()
    address = await counter.address(5)
    for method, path in (("POST", BEGIN), ("PATCH", address), ("DELETE", address), ("PUT", address)):
        async with stranger.request(method, path, headers=TUS) as answer:
            assert answer.status == (405 if method == "PUT" else 401)
            assert answer.headers["Tus-Resumable"] == "1.0.0"
    async with stranger.get("/api/files/limits") as answer:
        assert "Tus-Resumable" not in answer.headers


@pytest.mark.parametrize(
    ("size", "filename", "status", "code"),
    [
        (5, "a.exe", 415, "type_not_allowed"),
        (5, "noextension", 415, "type_not_allowed"),
        ((25 << 20) + 1, "a.log", 413, "too_large"),
        ((10 << 20) + 1, "a.png", 413, "too_large"),
        (0, "a.log", 422, "empty_file"),
        (5, "...", 422, "bad_name"),
        (5, b"caf\xe9.txt", 422, "bad_name"),
    ],
)
async def test_what_can_be_refused_without_its_bytes_is_refused_at_once(
    counter: Counter, size: int, filename: Any, status: int, code: str
) -> None:
    answer = await counter.begin(size, filename)

    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert unfinished(counter) == 0


def unfinished(counter: Counter) -> int:
    return int(
        counter.desk.db.peek(
            lambda conn: conn.execute("SELECT count(*) FROM resumable_uploads").fetchone()[0]
        )
    )


@pytest.mark.parametrize(
    ("metadata", "pointers"),
    [
        ("", ["/filename", "/ticket_id"]),
        (described(filename="a.txt"), ["/ticket_id"]),
        (described(ticket_id=1), ["/filename"]),
        (described(filename="a.txt", ticket_id="one", is_internal="yes"), ["/is_internal", "/ticket_id"]),
        (described(filename="a.txt", ticket_id=1, message_id=-1), ["/message_id"]),
        (described(filename="a.txt", ticket_id=1, message_id=999), ["/message_id"]),
        (
            described(filename="a.txt", ticket_id=1, colour="red", is_confidential=None),
            ["/colour", "/is_confidential"],
        ),
        (described(filename="a.txt", ticket_id=1) + "," + described(ticket_id=1), ["/ticket_id"]),
    ],
)
async def test_every_bad_field_is_named(counter: Counter, metadata: str, pointers: list[str]) -> None:
    answer = await counter.ada.post(BEGIN, headers={**TUS, "Upload-Length": "5", "Upload-Metadata": metadata})

    assert (answer.status, answer.pointers) == (422, pointers)
    assert unfinished(counter) == 0


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"Upload-Length": "many"}, "Upload-Length"),
        ({"Upload-Length": "-1"}, "Upload-Length"),
        ({"Upload-Length": "9" * 30}, "Upload-Length"),
        ({"Upload-Metadata": "filename not-base64"}, "Upload-Metadata"),
        ({"Upload-Metadata": "filename YQ"}, "Upload-Metadata"),
        ({"Upload-Metadata": ",,"}, "Upload-Metadata"),
        ({"Upload-Metadata": "größe YQ=="}, "Upload-Metadata"),
        ({"Upload-Metadata": "filename " + "A" * 4096}, "Upload-Metadata"),
    ],
)
async def test_a_header_that_cannot_be_read_is_named(
    counter: Counter, headers: dict[str, str], named: str
) -> None:
    good = {**TUS, "Upload-Length": "5", "Upload-Metadata": described(filename="a.txt", ticket_id=counter.id)}

    answer = await counter.ada.post(BEGIN, headers={**good, **headers})

    assert (answer.status, answer.code, answer.body["parameter"]) == (400, "bad_parameter", named)


async def test_an_upload_begins_with_its_length_and_without_bytes(counter: Counter) -> None:
    said = described(filename="a.txt", ticket_id=counter.id)

    without = await counter.ada.post(
        BEGIN, headers={**TUS, "Upload-Defer-Length": "1", "Upload-Metadata": said}
    )
    withal = await counter.ada.call(
        "POST", BEGIN, data=b"hello", headers={**PIECES, "Upload-Length": "5", "Upload-Metadata": said}
    )

    assert (without.status, without.body["parameter"]) == (400, "Upload-Length")
    assert withal.status == 415
    assert unfinished(counter) == 0


async def test_who_may_not_see_the_ticket_hears_that_there_is_none(counter: Counter) -> None:
    eve = await counter.desk.customer()

    for ticket_id in (counter.id, 999):
        answer = await counter.begin(
            5, "a.exe", by=eve, ticket_id=ticket_id, is_internal="true", colour="red"
        )
        assert (answer.status, answer.code) == (404, "not_found")


async def test_a_customer_uploads_nothing_internal(counter: Counter) -> None:
    answer = await counter.begin(5, "a.exe", is_internal="true", colour="red")

    assert (answer.status, answer.code) == (403, "forbidden")


async def test_an_upload_is_known_to_nobody_but_who_began_it(counter: Counter) -> None:
    address = await counter.address(5)
    boss = await counter.desk.admin()

    for other in (counter.bob, boss):
        assert (await ask(other, address)).status == 404
        assert (await send(other, address, 0, b"hello")).code == "not_found"
        assert (await ask(other, address, "DELETE")).status == 404
    unknown = await ask(boss, f"{BEGIN}{'x' * 32}", "GET")
    theirs = await ask(boss, address, "GET")
    assert unknown.body["detail"].replace("x" * 32, "") == theirs.body["detail"].replace(
        address.rsplit("/", 1)[1], ""
    )
    assert (await ask(boss, f"{BEGIN}1")).status == 404
    assert await offset_of(counter.ada, address) == 0


async def test_who_may_no_longer_see_the_ticket_sends_nothing_more(counter: Counter) -> None:
    address = await counter.address(10, by=counter.bob, is_internal="true")
    await send(counter.bob, address, 0, b"hello")
    boss = await counter.desk.admin()
    assert (await boss.patch(f"/api/users/{counter.bob.id}", {"role": "customer"})).status == 200

    assert (await send(counter.bob, address, 5, b"world")).status == 404
    assert (await ask(counter.bob, address)).status == 404
    assert await boss.all(f"/api/files/ticket/{counter.id}") == []
    assert (await ask(counter.bob, address, "DELETE")).status == 204
    assert counter.left() == []


async def test_who_loses_access_while_the_last_bytes_come_in_leaves_no_file(counter: Counter) -> None:
    content = words(BUFFERED + 10)
    address = await counter.address(len(content), by=counter.bob, is_internal="true")
    boss = await counter.desk.admin()

    async with sending(counter.desk, counter.bob, address, 0, len(content)) as (reader, writer):
        writer.write(content[:-1])
        await until(lambda: arrived(counter) >= BUFFERED)
        await boss.patch(f"/api/users/{counter.bob.id}", {"role": "customer"})
        writer.write(content[-1:])
        assert b" 404 " in await reader.readline()

    assert await boss.all(f"/api/files/ticket/{counter.id}") == []
    assert counter.left() == []


async def test_who_is_logged_out_meanwhile_may_finish_after_the_next_log_in(counter: Counter) -> None:
    content = words(BUFFERED + 10)
    address = await counter.address(len(content))
    boss = await counter.desk.admin()

    async with sending(counter.desk, counter.ada, address, 0, len(content)) as (reader, writer):
        writer.write(content[:-1])
        await until(lambda: arrived(counter) >= BUFFERED)
        await boss.patch(f"/api/users/{counter.ada.id}", {"is_active": False})
        writer.write(content[-1:])
        assert b" 401 " in await reader.readline()
    assert await counter.files() == []

    await boss.patch(f"/api/users/{counter.ada.id}", {"is_active": True})
    ada = counter.desk.client(counter.ada.user, await a_new_token(counter.desk, counter.ada))
    assert "Content-Location" in (await ask(ada, address)).headers
    assert [file["sha256"] for file in await counter.files()] == [hashlib.sha256(content).hexdigest()]


async def a_new_token(desk: Desk, person: Client) -> str:
    token = auth.new_token()
    await desk.db.write(
        sessions.insert,
        hashed=auth.hash_of(token),
        kind=sessions.Kind.TOKEN,
        user_id=person.id,
        name="again",
        at=desk.clock(),
        expires_at=None,
    )
    return token


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("a.png", made_up.EXE, 415, "type_mismatch"),
        ("a.txt", made_up.EXE, 415, "type_mismatch"),
        ("a.png", made_up.png() + made_up.HTML, 415, "type_mismatch"),
        ("a.png", made_up.png_bomb(7_000), 422, "too_many_pixels"),
    ],
)
async def test_bytes_that_are_refused_end_the_upload(
    counter: Counter, name: str, content: bytes, status: int, code: str
) -> None:
    address = await counter.address(len(content), name)
    await send(counter.ada, address, 0, content[:20])

    answer = await send(counter.ada, address, 20, content[20:])

    assert (answer.status, answer.code) == (status, code)
    assert (await ask(counter.ada, address)).status == 404
    assert (counter.left(), await counter.files(), unfinished(counter)) == ([], [], 0)


async def test_bytes_go_on_where_they_stopped_and_nowhere_else(counter: Counter) -> None:
    address = await counter.address(10)
    await send(counter.ada, address, 0, b"hello")

    for offset in (0, 4, 6, 10, 11):
        answer = await send(counter.ada, address, offset, b"x")
        assert (answer.status, answer.code, answer.body["offset"]) == (409, "wrong_offset", 5)
    assert await offset_of(counter.ada, address) == 5
    await send(counter.ada, address, 5, b"world")
    assert (await send(counter.ada, address, 0, b"hello")).body["offset"] == 10
    assert len(await counter.files()) == 1


@pytest.mark.parametrize("offset", [None, "-1", "one", "9" * 30, "1.5"])
async def test_an_offset_that_is_none_is_refused(counter: Counter, offset: str | None) -> None:
    address = await counter.address(10)
    told = PIECES if offset is None else {**PIECES, "Upload-Offset": offset}

    answer = await counter.ada.call("PATCH", address, data=b"hello", headers=told)

    assert (answer.status, answer.body["parameter"]) == (400, "Upload-Offset")


async def test_never_more_than_was_announced(counter: Counter) -> None:
    address = await counter.address(5)

    async def endless() -> AsyncIterator[bytes]:
        yield b"hel"
        await asyncio.sleep(0.05)
        while True:
            yield bytes(1000)
            await asyncio.sleep(0)

    announced = await send(counter.ada, address, 0, b"hello!")
    async with asyncio.timeout(PATIENCE):
        counted = await counter.ada.call(
            "PATCH", address, data=endless(), headers={**PIECES, "Upload-Offset": "0"}
        )

    assert (announced.status, announced.code) == (413, "too_large")
    assert (counted.status, counted.code) == (413, "too_large")
    assert await counter.files() == []
    assert await offset_of(counter.ada, address) == 3


@pytest.mark.parametrize("kind", [None, "application/octet-stream", "text/plain"])
async def test_bytes_of_another_sort_are_refused(counter: Counter, kind: str | None) -> None:
    address = await counter.address(5)
    told = {**TUS, "Upload-Offset": "0", **({"Content-Type": kind} if kind else {})}

    answer = await counter.ada.call("PATCH", address, data=b"hello", headers=told)

    assert answer.status == 415
    assert await offset_of(counter.ada, address) == 0


async def test_nobody_begins_uploads_without_end(counter: Counter) -> None:
    addresses = [await counter.address(5) for _ in range(UNFINISHED_MAX)]

    refused = await counter.begin(5)
    others = await counter.begin(5, by=counter.bob)
    await send(counter.ada, addresses[0], 0, b"hello")
    again = await counter.begin(5)

    assert (refused.status, refused.code) == (409, "too_many")
    assert (others.status, again.status) == (201, 201)


async def test_announced_bytes_count_until_they_have_come(counter: Counter) -> None:
    gauge = counter.desk.app[GAUGE]
    gauge._measure = lambda: Space(522_000_000, 10**12)
    gauge._asked = float("-inf")
    content = words(6_000_000)

    address = await counter.address(len(content))
    refused = await counter.begin(len(content))
    await send(counter.ada, address, 0, content[:5_000_000])
    taken = await counter.begin(len(content))

    assert (refused.status, refused.code) == (507, "storage_full")
    assert taken.status == 201


async def test_a_disk_that_fills_up_keeps_what_came_and_goes_on_when_there_is_room(counter: Counter) -> None:
    gauge = counter.desk.app[GAUGE]
    address = await counter.address(10)
    await send(counter.ada, address, 0, b"hello")

    gauge._measure = lambda: Space(512_000_000, 10**12)
    gauge._asked = float("-inf")
    refused = await send(counter.ada, address, 5, b"world")
    gauge._measure = lambda: Space(10**12, 10**12)
    gauge._asked = float("-inf")

    assert (refused.status, refused.code) == (507, "storage_full")
    assert await offset_of(counter.ada, address) in (5, 10)
    await send(counter.ada, address, 5, b"world")
    assert len(await counter.files()) == 1


# How it ends -----------------------------------------------------------------------------------------------------


async def test_an_upload_that_is_given_up_leaves_nothing(counter: Counter) -> None:
    content = words(2 * BUFFERED)
    address = await counter.address(len(content))

    async with sending(counter.desk, counter.ada, address, 0, len(content)) as (_, writer):
        writer.write(content[:BUFFERED])
        await until(lambda: arrived(counter) == BUFFERED)
        ended = await ask(counter.ada, address, "DELETE")

    assert (ended.status, ended.headers["Tus-Resumable"]) == (204, "1.0.0")
    assert (counter.left(), unfinished(counter)) == ([], 0)
    for answer in (
        await ask(counter.ada, address),
        await send(counter.ada, address, 0, b"x"),
        await ask(counter.ada, address, "DELETE"),
    ):
        assert answer.status == 404


async def test_a_file_outlives_the_upload_that_it_came_from(counter: Counter) -> None:
    address = await counter.address(5)
    last = await send(counter.ada, address, 0, b"hello")

    assert (await ask(counter.ada, address, "DELETE")).status == 204
    assert (await counter.ada.get(last.headers["Content-Location"])).status == 200


async def test_a_deleted_file_takes_its_upload_along(counter: Counter) -> None:
    address = await counter.address(5)
    last = await send(counter.ada, address, 0, b"hello")

    assert (await counter.ada.delete(last.headers["Content-Location"])).status == 204

    assert (await ask(counter.ada, address)).status == 404
    assert counter.left() == []


async def test_an_upload_waits_a_day_for_more(counter: Counter) -> None:
    address = await counter.address(10)
    counter.desk.clock.advance(KEPT - HOUR)
    await send(counter.ada, address, 0, b"hello")
    counter.desk.clock.advance(KEPT - HOUR)
    asked = await ask(counter.ada, address)
    assert asked.headers["Upload-Expires"] == time.strftime(
        "%a, %d %b %Y %H:%M:%S GMT", time.gmtime((counter.desk.clock.now + HOUR) / 1000)
    )
    counter.desk.clock.advance(HOUR)

    assert (await ask(counter.ada, address)).status == 404
    assert (await send(counter.ada, address, 5, b"world")).status == 404
    await resumable.sweep(counter.desk.app)

    assert (counter.left(), unfinished(counter)) == ([], 0)


async def test_the_sweep_leaves_alone_what_may_go_on(counter: Counter) -> None:
    address = await counter.address(10)
    await send(counter.ada, address, 0, b"hello")
    stray = counter.desk.settings.data_dir / "partial" / ("x" * 32)
    stray.write_bytes(b"nobody's")

    await resumable.sweep(counter.desk.app)
    assert stray.exists()
    await resumable.sweep(counter.desk.app, time.time() + STRAY_AGE + 60)

    assert not stray.exists()
    assert await offset_of(counter.ada, address) == 5
    await send(counter.ada, address, 5, b"world")
    assert (await counter.files())[0]["sha256"] == hashlib.sha256(b"helloworld").hexdigest()


# However it is cut -----------------------------------------------------------------------------------------------


@st.composite
def steps(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """What happens on the way: how the next bytes are sent, how many, and how many of those arrive."""
    ways = st.sampled_from(["whole", "checked", "wrong", "cut", "cut while checked", "asked", "forgotten"])
    sizes = st.sampled_from([0, 1, 2, 100, 4_000, BUFFERED, BUFFERED + 1]) | st.integers(0, 400_000)
    return draw(st.lists(st.tuples(ways, sizes, sizes), max_size=8))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(size=st.integers(1, 700_000), steps=steps())
async def test_however_it_is_cut_the_same_bytes_arrive(
    counter: Counter, size: int, steps: list[tuple[str, int, int]]
) -> None:
    content = words(size, seed=size)
    address = await counter.address(size)
    offset = 0
    for way, wanted, arriving in steps:
        piece = content[offset : offset + wanted]
        if offset == size:
            break
        offset = await one_step(counter, address, offset, piece, way, arriving)
    last = await send(counter.ada, address, offset, content[offset:])

    assert last.status == 204, last.body
    file = (await counter.ada.get(last.headers["Content-Location"])).body
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert (await counter.ada.get(file["download_url"])).body == content
    assert counter.left("partial") == []


async def one_step(counter: Counter, address: str, offset: int, piece: bytes, way: str, arriving: int) -> int:
    """Send a piece in this way; return where it goes on, having made sure that it is where it must be."""
    after = offset + len(piece)
    if way in ("cut", "cut while checked"):
        checked = summed("sha1", piece) if way == "cut while checked" else {}
        sent = piece[:-1][:arriving]
        async with sending(counter.desk, counter.ada, address, offset, len(piece), **checked) as (
            reader,
            writer,
        ):
            writer.write(sent)
            writer.write_eof()
            await reader.read()
        found = await offset_of(counter.ada, address)
        assert offset <= found <= (offset if checked else offset + len(sent))
        return found
    if way == "forgotten":  # as after a restart: nothing is remembered of the hash
        counter.desk.app[resumable.PARTIALS]._known.clear()
    if way == "wrong":
        answer = await send(counter.ada, address, offset, piece, **summed("sha1", piece + b"x"))
        assert answer.status == 460
        return offset
    if way == "asked":
        assert await offset_of(counter.ada, address) == offset
        return offset
    answer = await send(
        counter.ada, address, offset, piece, **(summed("sha256", piece) if way == "checked" else {})
    )
    assert (answer.status, answer.headers["Upload-Offset"]) == (204, str(after))
    return after


async def test_a_large_upload_leaves_the_loop_free(counter: Counter) -> None:
    from tests.stalls import watched_loop

    content = os.urandom(12 << 20).hex().encode()
    address = await counter.address(len(content))
    half = len(content) // 2
    await send(counter.ada, address, 0, content[:half])
    counter.desk.app[resumable.PARTIALS]._known.clear()

    async with watched_loop() as longest_stall:
        last = await send(counter.ada, address, half, content[half:])

    assert last.status == 204
    assert longest_stall() < 0.05
