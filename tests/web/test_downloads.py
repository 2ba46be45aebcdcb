"""Downloads: what is sent under which conditions, with which headers, and never other bytes than came in."""

import asyncio
import contextlib
import io
import os
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from aiohttp import ClientPayloadError, ClientSession, web

from servicedesk.web import sending
from servicedesk.web.files import MEDIA
from tests import files_made_up as made_up
from tests.served import START, Answer, Client, Desk
from tests.web.forms import upload
from tests.web.wire import is_safe

CONTENT = b"0123456789"
CAME = datetime.fromtimestamp(START // 1000, UTC)
EARLIER, LATER = (format_datetime(CAME + timedelta(seconds=by), usegmt=True) for by in (-1, 1))
THEN = format_datetime(CAME, usegmt=True)
TAG = "the file's own tag"


class Shelf:
    """A ticket with files on it, and its requester."""

    def __init__(self, desk: Desk, ada: Client, ticket_id: int) -> None:
        self.desk = desk
        self.ada = ada
        self.id = ticket_id

    async def file(self, name: str = "a.txt", content: bytes = CONTENT) -> Any:
        answer = await upload(self.ada, self.id, name, content)
        assert answer.status == 201, answer.body
        return answer.body

    def blob(self, file: Any) -> Path:
        return self.desk.app[MEDIA].blobs.path(file["sha256"])


@pytest.fixture
async def shelf(desk: Desk) -> Shelf:
    ada = await desk.customer(name="Ada")
    return Shelf(desk, ada, (await ada.ticket())["id"])


def roads(file: Any) -> list[str]:
    return [f"/api/files/{file['id']}/{road}" for road in ("download", "thumbnail", "picture", "preview")]


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        ({"If-Match": TAG}, 200),
        ({"If-Match": f'"x", {TAG}'}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"x"'}, 412),
        ({"If-Match": f"W/{TAG}"}, 412),
        ({"If-Match": ""}, 412),
        ({"If-Unmodified-Since": THEN}, 200),
        ({"If-Unmodified-Since": LATER}, 200),
        ({"If-Unmodified-Since": EARLIER}, 412),
        ({"If-Unmodified-Since": "yesterday"}, 200),
        ({"If-Match": TAG, "If-Unmodified-Since": EARLIER}, 200),
        ({"If-Modified-Since": THEN}, 304),
        ({"If-Modified-Since": LATER}, 304),
        ({"If-Modified-Since": EARLIER}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-None-Match": '"x"', "If-Modified-Since": LATER}, 200),
        ({"If-None-Match": TAG, "If-Modified-Since": EARLIER}, 304),
        ({"If-Match": '"x"', "If-None-Match": TAG}, 412),
        ({"If-Match": '"x"', "Range": "bytes=0-3"}, 412),
        ({"If-None-Match": TAG, "Range": "bytes=0-3"}, 304),
        ({"If-Match": TAG, "Range": "bytes=0-3"}, 206),
        ({"If-Range": THEN, "Range": "bytes=0-3"}, 206),
        ({"If-Range": LATER, "Range": "bytes=0-3"}, 200),
        ({"If-Range": f"W/{TAG}", "Range": "bytes=0-3"}, 200),
    ],
)
async def test_what_is_asked_for_under_a_condition(
    shelf: Shelf, conditions: dict[str, str], status: int
) -> None:
    file = await shelf.file()
    headers = {name: value.replace(TAG, f'"{file["sha256"]}"') for name, value in conditions.items()}

    answer = await shelf.ada.get(file["download_url"], headers=headers)
    head = await shelf.ada.call("HEAD", file["download_url"], headers=headers)

    assert answer.status == status
    assert head.status == (200 if status == 206 else status)
    assert (answer.headers["ETag"], answer.headers["Last-Modified"]) == (f'"{file["sha256"]}"', THEN)
    assert (head.headers["ETag"], head.headers["Last-Modified"]) == (f'"{file["sha256"]}"', THEN)
    if status == 412:
        assert answer.code == "precondition_failed"
    else:
        assert answer.body == {200: CONTENT, 206: CONTENT[:4], 304: b""}[status]


async def test_pictures_know_conditions_as_well(shelf: Shelf) -> None:
    file = await shelf.file("a.png", made_up.png())
    for path in (file["thumbnail_url"], f"/api/files/{file['id']}/picture"):
        for headers, status in (
            ({"If-Modified-Since": THEN}, 304),
            ({"If-Match": '"x"'}, 412),
            ({"If-Unmodified-Since": THEN}, 200),
        ):
            assert (await shelf.ada.get(path, headers=headers)).status == status


def is_harmless(answer: Answer) -> None:
    """Assert what keeps a browser from doing anything with the answer but showing or saving it."""
    is_safe(answer.headers)
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"].split(",")[0] in ("private", "no-store")
    assert "public" not in answer.headers["Cache-Control"]


async def test_every_answer_about_a_file_is_harmless(shelf: Shelf) -> None:
    file, picture = await shelf.file(), await shelf.file("a.png", made_up.png())
    eve, agent = await shelf.desk.customer(), await shelf.desk.agent()
    lost = await shelf.file("b.txt", b"lost")
    shelf.blob(lost).unlink()
    answers: list[Answer] = []

    async def ask(who: Client, method: str, path: str, **headers: str) -> None:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        answers.append(await who.call(method, path, headers=names))

    for each in (file, picture, lost):
        for path in (f"/api/files/{each['id']}", *roads(each), f"/api/files/{each['id']}/nowhere"):
            for method in ("GET", "HEAD", "PUT", "OPTIONS"):
                await ask(shelf.ada, method, path)
            await ask(eve, "GET", path)
            await ask(shelf.ada, "GET", path, Range="bytes=0-3")
            await ask(shelf.ada, "GET", path, Range="bytes=999999-")
            await ask(shelf.ada, "GET", path, If_None_Match="*")
            await ask(shelf.ada, "GET", path, If_Match='"x"')
            await ask(shelf.ada, "GET", f"{path}?colour=red")
            await ask(shelf.ada, "GET", path, Content_Encoding="gzip")
            await ask(shelf.ada, "GET", path, Authorization="Bearer none")
    await ask(agent, "DELETE", f"/api/files/{file['id']}")
    await ask(shelf.ada, "GET", "/api/files/limits")
    await ask(shelf.ada, "GET", f"/api/files/ticket/{shelf.id}")
    await ask(shelf.ada, "GET", "/api/files/ticket/999999")
    await ask(shelf.ada, "POST", "/api/files/upload")
    await ask(shelf.ada, "DELETE", f"/api/files/{lost['id']}")
    await shelf.desk.db.write(lambda tx: tx.execute("ALTER TABLE files RENAME TO elsewhere"))
    await ask(shelf.ada, "GET", file["download_url"])

    for answer in answers:
        is_harmless(answer)
    found = {answer.status for answer in answers}
    assert found == {200, 204, 206, 304, 400, 401, 403, 404, 405, 412, 415, 416, 500}


@pytest.mark.parametrize("damage", [b"012345678X", b"01234567890", b"0", b""])
async def test_damaged_bytes_are_never_served(
    shelf: Shelf, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = await shelf.file()
    assert (await shelf.ada.get(file["download_url"])).body == CONTENT

    shelf.blob(file).write_bytes(damage)

    for path in (file["download_url"], file["preview_url"]):
        for headers in ({}, {"Range": "bytes=0-3"}, {"If-None-Match": "*"}):
            answer = await shelf.ada.get(path, headers=headers)
            assert (answer.status, answer.code) == (404, "not_found")
            assert answer.body["detail"] == "The bytes of this file are damaged; upload it again."
    assert f"the blob {file['sha256']} of file {file['id']} is damaged" in caplog.text

    again = await shelf.file()
    assert again["sha256"] == file["sha256"]
    assert (await shelf.ada.get(file["download_url"])).body == CONTENT


@pytest.mark.parametrize(("name", "content"), [("a.png", made_up.png()), ("a.pdf", made_up.pdf())])
async def test_nothing_is_made_of_damaged_bytes(shelf: Shelf, name: str, content: bytes) -> None:
    file = await shelf.file(name, content)
    shelf.blob(file).write_bytes(bytes([content[0] ^ 1]) + content[1:])

    for path in roads(file):
        answer = await shelf.ada.get(path)
        assert (answer.status, answer.body["detail"]) == (
            404,
            "The bytes of this file are damaged; upload it again.",
        )


async def test_bytes_of_an_earlier_run_are_proven_before_they_are_served(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        ada = await desk.customer()
        file = (await upload(ada, (await ada.ticket())["id"], "a.txt", CONTENT)).body
        path = desk.app[MEDIA].blobs.path(file["sha256"])
    path.write_bytes(b"012345678X")

    async with Desk(tmp_path) as desk:
        assert (await desk.client(ada.user, ada.token).get(file["download_url"])).status == 404
        path.write_bytes(CONTENT)
        assert (await desk.client(ada.user, ada.token).get(file["download_url"])).body == CONTENT


async def test_a_damaged_picture_is_made_again(shelf: Shelf) -> None:
    file = await shelf.file("a.png", made_up.png())
    for path in (file["thumbnail_url"], f"/api/files/{file['id']}/picture"):
        sound = (await shelf.ada.get(path)).body
        for picture in (shelf.desk.settings.data_dir / "pictures").rglob("*.webp"):
            kept = bytearray(picture.read_bytes())
            kept[len(kept) // 2] ^= 1
            picture.write_bytes(kept)

        assert (await shelf.ada.get(path)).body == sound


async def test_a_file_that_shrinks_while_it_is_sent_is_cut_and_not_filled_up(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    file = await shelf.file("a.log", b"x" * (24 << 20))

    async with shelf.ada.session.get(file["download_url"]) as response:
        await response.content.readexactly(1000)
        os.truncate(shelf.blob(file), 20 << 20)
        with pytest.raises(ClientPayloadError):
            await response.content.read()

    assert "the disk has lost the rest of the file" in caplog.text
    assert (await shelf.ada.get(file["download_url"])).status == 404


async def test_the_system_sends_what_it_can(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    content = os.urandom(3 << 20).hex().encode()
    file = await shelf.file("a.log", content)

    async def by_hand(*_: object) -> None:
        raise AssertionError("the bytes went through the process")

    monkeypatch.setattr(sending, "_by_hand", by_hand)

    assert (await shelf.ada.get(file["download_url"])).body == content
    part = await shelf.ada.get(file["download_url"], headers={"Range": "bytes=1000000-4999999"})
    assert part.body == content[1_000_000:5_000_000]


# How a connection is dealt with ----------------------------------------------------------------------------------

LARGE = 24 << 20
Open = Callable[[], BinaryIO]


class Sender:
    """A bare server that sends one file, and what came of each time."""

    def __init__(self, source: Open, stalled: float) -> None:
        self.ended: asyncio.Queue[BaseException | None] = asyncio.Queue()
        self.port = 0
        self._source = source
        self._stalled = stalled

    async def answer(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = LARGE
        await response.prepare(request)
        try:
            with self._source() as source:
                await sending.send(request, response, source, 0, LARGE, stalled=self._stalled)
        except ConnectionResetError as error:
            self.ended.put_nowait(error)
            raise
        self.ended.put_nowait(None)
        return response


@contextlib.asynccontextmanager
async def a_sender(source: Open, stalled: float) -> AsyncIterator[Sender]:
    sender, app = Sender(source, stalled), web.Application()
    app.router.add_get("/", sender.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sender.port = runner.addresses[0][1]
    try:
        yield sender
    finally:
        await runner.cleanup()


@pytest.fixture(params=["by the system", "by hand"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Return what opens the bytes: a file, or something that the system cannot send, as with TLS."""
    if request.param == "by hand":
        return lambda: io.BytesIO(bytes(LARGE))
    path = tmp_path / "large"
    path.write_bytes(bytes(LARGE))
    return lambda: path.open("rb")


def ask(port: int) -> socket.socket:
    """Ask for the file on a connection that takes little at a time."""
    asking = socket.socket()
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
    asking.connect(("127.0.0.1", port))
    asking.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    asking.setblocking(False)
    return asking


async def test_both_ways_send_the_same(source: Open) -> None:
    async with a_sender(source, 5.0) as sender, ClientSession() as session:
        for _ in range(2):  # on one connection: nothing may be left over or missing
            async with session.get(f"http://127.0.0.1:{sender.port}/") as response:
                assert await response.read() == bytes(LARGE)
            assert await sender.ended.get() is None


async def test_who_takes_nothing_is_given_up(source: Open) -> None:
    async with a_sender(source, 0.2) as sender:
        with ask(sender.port):
            async with asyncio.timeout(10):
                assert isinstance(await sender.ended.get(), sending.Stalled)


async def test_who_takes_little_at_a_time_gets_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(LARGE))
    async with a_sender(lambda: path.open("rb"), 1.0) as sender:
        loop, came = asyncio.get_running_loop(), 0
        with ask(sender.port) as asking:
            while came < LARGE:
                came += len(await loop.sock_recv(asking, 1 << 18))
                await asyncio.sleep(0.02)  # more than two seconds in all, and never nothing for one

        assert await sender.ended.get() is None


async def test_who_leaves_is_let_go_at_once(source: Open) -> None:
    async with a_sender(source, 60.0) as sender:
        with ask(sender.port) as asking:
            await asyncio.get_running_loop().sock_recv(asking, 1000)
        async with asyncio.timeout(10):
            assert isinstance(await sender.ended.get(), ConnectionResetError)


async def test_a_disk_that_fails_cuts_the_line(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    async with (
        a_sender(lambda: Failing(bytes(LARGE)), 5.0) as sender,
        ClientSession() as session,
        session.get(f"http://127.0.0.1:{sender.port}/") as response,
    ):
        with pytest.raises(ClientPayloadError):
            await response.read()
    assert "Input/output error" in caplog.text
