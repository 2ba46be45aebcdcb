"""Files that come in: each call with its ordinary case and its refusals, over a real server."""

import asyncio
import base64
import hashlib
import os
import random
from pathlib import Path
from typing import Any

import pytest

from servicedesk.web.admission import ADMISSION
from servicedesk.web.health import METER
from servicedesk.web.space import GAUGE, Space
from servicedesk.web.uploads import FORM_MAX
from tests import files_made_up as made_up
from tests.served import Client, Desk
from tests.stalls import watched_loop
from tests.web.forms import HEADERS, MARK, form, part, send, settled, upload

UPLOAD = "/api/files/upload"
FILE = part("file", b"1", "a.txt")


class Counter:
    """A ticket, its requester and an agent."""

    def __init__(self, desk: Desk, ada: Client, bob: Client, ticket: Any) -> None:
        self.desk = desk
        self.ada = ada
        self.bob = bob
        self.id = ticket["id"]

    def left(self) -> list[Path]:
        """Return everything that lies in the data folder beside the database."""
        folder = self.desk.settings.data_dir
        return [
            path
            for name in ("blobs", "pictures", "tmp")
            for path in (folder / name).rglob("*")
            if path.is_file()
        ]


@pytest.fixture
async def counter(desk: Desk) -> Counter:
    ada, bob = await desk.customer(name="Ada"), await desk.agent(name="Bob")
    return Counter(desk, ada, bob, await ada.ticket())


@pytest.mark.parametrize("name", made_up.HONEST)
async def test_every_honest_file_is_taken(counter: Counter, name: str) -> None:
    content = made_up.HONEST[name]

    answer = await upload(counter.ada, counter.id, name, content)

    assert answer.status == 201, answer.body
    file = answer.body
    assert answer.headers["Location"] == f"/api/files/{file['id']}"
    assert (file["filename"], file["size"]) == (name, len(content))
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert file["uploaded_by"] == {"id": counter.ada.id, "name": "Ada"}
    assert (file["ticket_id"], file["message_id"], file["is_internal"]) == (counter.id, None, False)
    assert file["download_url"] == f"/api/files/{file['id']}/download"
    assert file["preview_url"] == f"/api/files/{file['id']}/preview"
    if file["category"] == "image":
        assert (file["width"], file["height"]) == (64, 48)
        assert file["thumbnail_url"] == f"/api/files/{file['id']}/thumbnail"
    else:
        assert (file["width"], file["height"], file["thumbnail_url"]) == (None, None, None)
    assert len(file["id"]) >= 22


async def test_the_fields_come_in_any_order(counter: Counter) -> None:
    message = await counter.bob.post(f"/api/tickets/{counter.id}/messages", {"body": "Hello"})

    answer = await send(
        counter.bob,
        UPLOAD,
        part("is_internal", "false"),
        part("file", b"hello", "a.txt"),
        part("message_id", str(message.body["id"])),
        part("ticket_id", str(counter.id)),
    )

    assert (answer.status, answer.body["message_id"]) == (201, message.body["id"])


async def test_what_a_part_says_about_itself_is_ignored(counter: Counter) -> None:
    answer = await send(
        counter.ada,
        UPLOAD,
        part("ticket_id", str(counter.id)),
        part("file", made_up.png(), "a.png", "Content-Type: multipart/mixed; boundary=x", "X-Other: 1"),
    )

    assert (answer.status, answer.body["content_type"]) == (201, "image/png")


async def test_bytes_that_nearly_are_the_boundary_are_kept(counter: Counter) -> None:
    content = f"\r\n--{MARK[:-1]}\r\n-\r\n--\r\n\r".encode() * 20_000

    answer = await upload(counter.ada, counter.id, "a.log", content)

    assert answer.body["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("seed", range(5))
async def test_it_does_not_matter_where_the_network_cuts(counter: Counter, seed: int) -> None:
    chance = random.Random(seed)
    content = os.urandom(3000).hex().encode()
    body = form(part("ticket_id", str(counter.id)), part("file", content, "a.txt"))

    async def pieces() -> Any:
        at = 0
        while at < len(body):
            step = chance.choice([1, 2, 3, 50, 700])
            yield body[at : at + step]
            at += step
            await asyncio.sleep(0)

    answer = await counter.ada.call("POST", UPLOAD, data=pieces(), headers=HEADERS)

    assert answer.status == 201, answer.body
    assert answer.body["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\ada\\report.txt", "report.txt"),
        ('quo\\"ted.txt', 'quo"ted.txt'),
        ("quo%22ted.txt", 'quo"ted.txt'),
        ("r%C3%A9sum%C3%A9%20%28final%29.txt", "résumé (final).txt"),
        ("100% sure.txt", "100% sure.txt"),
        ("50%25 off.txt", "50%25 off.txt"),
        ("%2e%2e%2f%2e%2e%2fpasswd.txt", "passwd.txt"),
        ("zero\u200bwidth\u202etxt.txt", "zerowidthtxt.txt"),
        ("nul\0byte.txt", "nulbyte.txt"),
        ("e\u0301.txt", "é.txt"),
        ("x" * 300 + ".txt", "x" * 146 + ".txt"),
    ],
)
async def test_a_name_is_cleaned(counter: Counter, sent: str, kept: str) -> None:
    answer = await upload(counter.ada, counter.id, sent)

    assert (answer.status, answer.body["filename"]) == (201, kept)


@pytest.mark.parametrize("sent", [b"", b"...", b"a/", b"\xe2\x80\xae", b"caf\xe9.txt", b"\xff\xfe.txt"])
async def test_a_name_of_which_nothing_is_left_is_refused(counter: Counter, sent: bytes) -> None:
    answer = await upload(counter.ada, counter.id, sent)

    assert (answer.status, answer.code) == (422, "bad_name")
    assert counter.left() == []


async def test_the_starred_name_is_ignored(counter: Counter) -> None:
    head = 'Content-Disposition: form-data; name="file"; filename*=UTF-8\'\'evil.exe; filename="good.txt"'
    odd = f"--{MARK}\r\n{head}\r\n\r\nhello\r\n".encode()

    answer = await send(counter.ada, UPLOAD, part("ticket_id", str(counter.id)), odd)

    assert (answer.status, answer.body["filename"]) == (201, "good.txt")


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("a.exe", made_up.EXE, 415, "type_not_allowed"),
        ("a.png.exe", made_up.png(), 415, "type_not_allowed"),
        ("noextension", b"hello", 415, "type_not_allowed"),
        ("a.docm", made_up.office("word"), 415, "type_not_allowed"),
        ("a.png", made_up.EXE, 415, "type_mismatch"),
        ("a.txt", made_up.EXE, 415, "type_mismatch"),
        ("a.png", made_up.HTML, 415, "type_mismatch"),
        ("a.png", made_up.SVG, 415, "type_mismatch"),
        ("a.jpg", made_up.png(), 415, "type_mismatch"),
        ("a.png", made_up.png() + made_up.HTML, 415, "type_mismatch"),
        ("a.pdf", made_up.pdf() + made_up.zip_of({"a": b"a"}), 415, "type_mismatch"),
        ("a.docx", made_up.zip_of({"a": b"a"}), 415, "type_mismatch"),
        ("a.docx", made_up.office("word", **{"word/vbaProject.bin": b""}), 415, "type_mismatch"),
        ("a.zip", made_up.EXE + made_up.zip_of({"a": b"a"}), 415, "type_mismatch"),
        ("a.txt", b"", 422, "empty_file"),
        ("a.png", b"", 422, "empty_file"),
        ("a.png", made_up.png_that_claims(50_000, 50_000), 422, "too_many_pixels"),
        ("a.png", made_up.png_bomb(7_000), 422, "too_many_pixels"),
    ],
)
async def test_a_file_that_is_refused_leaves_nothing_behind(
    counter: Counter, name: str, content: bytes, status: int, code: str
) -> None:
    answer = await upload(counter.ada, counter.id, name, content)

    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert counter.left() == []
    assert await counter.bob.all(f"/api/files/ticket/{counter.id}") == []


async def test_an_image_that_cannot_be_rendered_is_kept_without_a_thumbnail(counter: Counter) -> None:
    content = made_up.png(200, 100)

    answer = await upload(counter.ada, counter.id, "a.png", content[: len(content) // 2])

    assert answer.status == 201
    assert (await counter.ada.get(f"/api/files/{answer.body['id']}/thumbnail")).code == "no_thumbnail"
    file = await settled(counter.ada, answer.body)
    assert (file["width"], file["height"], file["thumbnail_url"]) == (200, 100, None)
    assert (await counter.ada.get(answer.body["preview_url"])).body == {"kind": "none"}


async def test_the_sides_are_those_of_the_upright_image(counter: Counter) -> None:
    answer = await upload(counter.ada, counter.id, "a.jpg", made_up.picture("JPEG", 400, 200, turned=6))

    assert (answer.body["width"], answer.body["height"]) == (200, 400)


@pytest.mark.parametrize(
    ("parts", "pointers"),
    [
        ([part("file", b"hello", "a.txt")], ["/ticket_id"]),
        ([part("ticket_id", "1")], ["/file"]),
        ([], ["/file", "/ticket_id"]),
        ([part("ticket_id", "1"), part("file", b"hello")], ["/file"]),
        ([part("ticket_id", "1"), part("file", b"1", "a.txt"), part("file", b"2", "b.txt")], ["/file"]),
        ([part("ticket_id", "1"), part("ticket_id", "1"), FILE], ["/ticket_id"]),
        ([part("ticket_id", "1"), part("colour", "red"), FILE], ["/colour"]),
        (
            [part("ticket_id", "one"), part("is_internal", "yes"), FILE],
            ["/is_internal", "/ticket_id"],
        ),
        (
            [part("ticket_id", "0"), part("message_id", "-1"), FILE],
            ["/message_id", "/ticket_id"],
        ),
        ([part("ticket_id", "1", "id.txt"), FILE], ["/ticket_id"]),
        ([part("ticket_id", "1" * 999), FILE], ["/ticket_id"]),
        ([part("ticket_id", b"\xff"), FILE], ["/ticket_id"]),
        ([part("ticket_id", "1"), part("message_id", "999"), FILE], ["/message_id"]),
    ],
)
async def test_every_bad_field_is_named(counter: Counter, parts: list[bytes], pointers: list[str]) -> None:
    answer = await send(counter.ada, UPLOAD, *parts)

    assert (answer.status, answer.pointers) == (422, pointers)
    assert counter.left() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form at all",
        form(part("ticket_id", "1"), part("file", b"hello", "a.txt"))[:-40],
        f"--{MARK}\r\n\r\nhello\r\n--{MARK}--\r\n".encode(),
        f"--{MARK}\r\nContent-Disposition: form-data\r\n\r\nhello\r\n--{MARK}--\r\n".encode(),
        f"--{MARK}\r\nX: {'x' * 20_000}\r\n\r\nhello\r\n--{MARK}--\r\n".encode(),
        f"--{MARK}junk\r\n\r\nhello\r\n--{MARK}--\r\n".encode(),
        form(*[part(f"f{number}", "x") for number in range(200)]),
    ],
)
async def test_a_form_that_is_none_is_said_to_be_none(counter: Counter, body: bytes) -> None:
    answer = await counter.ada.call("POST", UPLOAD, data=body, headers=HEADERS)

    assert answer.status == 400
    assert counter.left() == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json"}, 415),
        ({"Content-Type": "multipart/mixed; boundary=x"}, 415),
        ({"Content-Type": "multipart/form-data"}, 400),
        ({"Content-Type": f"multipart/form-data; boundary={'x' * 71}"}, 400),
        ({"Content-Encoding": "br"}, 415),
    ],
)
async def test_another_sort_of_body_is_refused(
    counter: Counter, headers: dict[str, str], status: int
) -> None:
    body = form(part("ticket_id", str(counter.id)), part("file", b"hello", "a.txt"))

    answer = await counter.ada.call("POST", UPLOAD, data=body, headers={**HEADERS, **headers})

    assert answer.status == status


async def test_who_may_not_see_the_ticket_hears_that_there_is_none(counter: Counter) -> None:
    eve = await counter.desk.customer()

    for ticket_id in (counter.id, 999):
        answer = await upload(eve, ticket_id, "a.exe", is_internal="true", colour="red")
        assert (answer.status, answer.code) == (404, "not_found")
    assert counter.left() == []


async def test_a_customer_uploads_nothing_internal(counter: Counter) -> None:
    answer = await upload(counter.ada, counter.id, "a.exe", is_internal="true", colour="red")

    assert (answer.status, answer.code) == (403, "forbidden")


async def test_without_a_log_in_nothing_is_read(counter: Counter) -> None:
    async with counter.desk.session().post(UPLOAD, data=b"x", headers=HEADERS) as response:
        assert response.status == 401


async def test_an_internal_file_is_for_staff_alone(counter: Counter) -> None:
    file = (await upload(counter.bob, counter.id, is_internal="true")).body

    assert file["is_internal"]
    for path in (f"/api/files/{file['id']}", file["download_url"], file["preview_url"]):
        assert (await counter.ada.get(path)).status == 404
        assert (await counter.bob.get(path)).status == 200
    assert await counter.ada.all(f"/api/files/ticket/{counter.id}") == []
    assert (await counter.ada.get(f"/api/tickets/{counter.id}")).body["file_count"] == 0
    assert (await counter.bob.get(f"/api/tickets/{counter.id}")).body["file_count"] == 1


async def test_a_file_on_a_note_is_internal_whatever_was_sent(counter: Counter) -> None:
    note = await counter.bob.post(f"/api/tickets/{counter.id}/messages", {"body": "Hm", "is_internal": True})

    answer = await upload(counter.bob, counter.id, message_id=note.body["id"], is_internal="false")

    assert (answer.status, answer.body["is_internal"]) == (201, True)
    refused = await upload(counter.ada, counter.id, message_id=note.body["id"])
    assert (refused.status, refused.pointers) == (422, ["/message_id"])


@pytest.mark.parametrize(("name", "limit"), [("a.txt", 25 << 20), ("a.png", 10 << 20)])
async def test_too_much_is_refused_as_soon_as_it_is_passed(counter: Counter, name: str, limit: int) -> None:
    async def endless() -> Any:
        yield part("ticket_id", str(counter.id)) + part("file", b"", name)[:-2]
        for _ in range((limit >> 16) + 1):
            yield bytes(1 << 16)
        await asyncio.sleep(60)

    async with asyncio.timeout(10):
        answer = await counter.ada.call("POST", UPLOAD, data=endless(), headers=HEADERS)

    assert (answer.status, answer.code) == (413, "too_large")
    assert counter.left() == []


async def test_what_announces_itself_as_too_large_is_not_read(counter: Counter) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", counter.desk.port)
    head = f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {counter.ada.token}\r\n"
    length = (25 << 20) + FORM_MAX + 1
    writer.write(
        f"{head}Content-Type: {HEADERS['Content-Type']}\r\nContent-Length: {length}\r\n\r\n".encode()
    )

    assert b" 413 " in await reader.readline()
    writer.close()


async def test_the_largest_file_is_taken(counter: Counter) -> None:
    answer = await upload(counter.ada, counter.id, "a.log", b"x" * (25 << 20))

    assert (answer.status, answer.body["size"]) == (201, 25 << 20)


async def test_a_client_that_leaves_leaves_nothing_behind(counter: Counter) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", counter.desk.port)
    head = f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {counter.ada.token}\r\n"
    body = form(part("ticket_id", str(counter.id)), part("file", bytes(1 << 20), "a.log"))
    writer.write(
        f"{head}Content-Type: {HEADERS['Content-Type']}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    )
    writer.write(body[:-1000])
    await writer.drain()
    async with asyncio.timeout(5):
        while not counter.left():
            await asyncio.sleep(0.01)

    writer.transport.abort()

    async with asyncio.timeout(5):
        while counter.left():
            await asyncio.sleep(0.01)
    assert await counter.bob.all(f"/api/files/ticket/{counter.id}") == []


async def test_the_same_bytes_are_stored_once(counter: Counter) -> None:
    first = (await upload(counter.ada, counter.id, "a.txt", b"same")).body
    second = (await upload(counter.bob, counter.id, "b.txt", b"same", is_internal="true")).body
    assert len(counter.left()) == 1

    assert (await counter.ada.delete(f"/api/files/{first['id']}")).status == 204
    assert (await counter.bob.get(second["download_url"])).body == b"same"

    assert (await counter.bob.delete(f"/api/files/{second['id']}")).status == 204
    assert counter.left() == []


async def test_uploads_and_deletions_of_the_same_bytes_at_once_lose_nothing(counter: Counter) -> None:
    async def come_and_go() -> None:
        file = (await upload(counter.ada, counter.id, "a.txt", b"contested")).body
        assert (await counter.ada.get(file["download_url"])).body == b"contested"
        await counter.ada.delete(f"/api/files/{file['id']}")

    await asyncio.gather(*(come_and_go() for _ in range(12)))

    assert counter.left() == []


async def test_a_repeated_upload_is_one_upload(counter: Counter) -> None:
    key = {"Idempotency-Key": "k1"}

    first = await upload(counter.ada, counter.id, headers=key)
    again = await send(
        counter.ada, UPLOAD, part("file", b"hello", "a.txt"), part("ticket_id", str(counter.id)), headers=key
    )

    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(await counter.ada.all(f"/api/files/ticket/{counter.id}")) == 1


@pytest.mark.parametrize("other", [{"content": b"other"}, {"filename": "b.txt"}, {"is_internal": "false"}])
async def test_the_same_key_with_another_upload_is_a_conflict(
    counter: Counter, other: dict[str, Any]
) -> None:
    key = {"Idempotency-Key": "k1"}
    await upload(counter.ada, counter.id, headers=key)

    answer = await upload(counter.ada, counter.id, headers=key, **other)

    assert (answer.status, answer.code) == (422, "idempotency_conflict")
    assert len(await counter.ada.all(f"/api/files/ticket/{counter.id}")) == 1


async def test_a_refused_upload_is_refused_alike_again(counter: Counter) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await upload(counter.ada, counter.id, "a.exe", made_up.EXE, headers=key)

    again = await upload(counter.ada, counter.id, "a.exe", made_up.EXE, headers=key)

    assert (again.status, again.code) == (first.status, first.code) == (415, "type_not_allowed")
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_who_is_logged_out_meanwhile_does_not_upload(counter: Counter) -> None:
    body = form(part("ticket_id", str(counter.id)), part("file", b"hello", "a.txt"))
    sent, go_on = asyncio.Event(), asyncio.Event()

    async def pieces() -> Any:
        yield body[:-20]
        sent.set()
        await go_on.wait()
        yield body[-20:]

    task = asyncio.create_task(counter.ada.call("POST", UPLOAD, data=pieces(), headers=HEADERS))
    await sent.wait()
    async with asyncio.timeout(5):
        while not counter.desk.app[METER].running:
            await asyncio.sleep(0.01)
    admin = await counter.desk.admin()
    assert (await admin.patch(f"/api/users/{counter.ada.id}", {"is_active": False})).status == 200
    go_on.set()

    assert (await task).status == 401
    assert counter.left() == []


async def test_beyond_so_many_at_once_an_upload_is_told_when_to_come_again(counter: Counter) -> None:
    counter.desk.app[ADMISSION]._at_once = 1
    cut = asyncio.Event()

    async def slowly() -> Any:
        yield form(part("ticket_id", str(counter.id)), FILE)[:40]
        await cut.wait()
        yield form(part("ticket_id", str(counter.id)), FILE)[40:]

    first = asyncio.create_task(counter.bob.call("POST", UPLOAD, data=slowly(), headers=HEADERS))
    async with asyncio.timeout(5):
        while not counter.desk.app[ADMISSION].running:
            await asyncio.sleep(0.01)
    refused = await upload(counter.ada, counter.id, "a.txt")
    cut.set()

    assert (refused.status, refused.code) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) >= 1
    assert (await first).status == 201
    assert (await upload(counter.ada, counter.id, "a.txt")).status == 201
    assert counter.desk.app[ADMISSION].running == 0


async def test_one_customer_does_not_keep_everybody_else_out(counter: Counter) -> None:
    counter.desk.app[ADMISSION]._a_customer = 0

    assert (await upload(counter.ada, counter.id, "a.txt")).status == 429
    assert (await upload(counter.bob, counter.id, "a.txt")).status == 201


async def test_uploads_under_way_count_against_the_disk(counter: Counter) -> None:
    total = 100_000_000
    counter.desk.app[GAUGE]._measure = lambda: Space(25_000_000, total)  # 10 MB are the reserve
    counter.desk.app[GAUGE]._space = Space(25_000_000, total)
    admission = counter.desk.app[ADMISSION]

    with admission.one(counter.bob.user, 14_900_000):
        refused = await upload(counter.ada, counter.id, "a.txt", b"x" * 200_000)

    assert refused.status == 507
    assert (await upload(counter.ada, counter.id, "a.txt", b"x" * 200_000)).status == 201


async def test_a_full_disk_refuses_uploads_by_their_announced_size(counter: Counter) -> None:
    gauge = counter.desk.app[GAUGE]
    gauge._measure = lambda: Space(513_000_000, 10**12)
    gauge._asked = float("-inf")

    assert (await upload(counter.ada, counter.id)).status == 201
    answer = await upload(counter.ada, counter.id, "a.log", b"x" * 2_000_000)

    assert (answer.status, answer.code) == (507, "storage_full")
    assert len(counter.left()) == 1


async def test_a_file_is_found_by_its_name(counter: Counter) -> None:
    await upload(counter.bob, counter.id, "quarterly_flamingo.txt")

    found = await counter.bob.get("/api/tickets/?q=flamingo")

    assert [ticket["id"] for ticket in found.body["items"]] == [counter.id]


async def test_uploads_leave_the_loop_free(counter: Counter) -> None:
    image = made_up.picture("JPEG", 6400, 4800)
    assert 9_000_000 < len(image) < 10 << 20
    await upload(counter.ada, counter.id, "warm.png", made_up.png())

    async with watched_loop() as longest_stall:
        answers = await asyncio.gather(
            upload(counter.ada, counter.id, "a.log", b"x" * (1 << 20)),
            upload(counter.ada, counter.id, "a.jpg", image),
        )

    assert [answer.status for answer in answers] == [201, 201]
    assert longest_stall() < 0.05


# Judged beforehand -----------------------------------------------------------------------------------------------


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


async def test_files_are_judged_before_a_byte_is_sent(counter: Counter) -> None:
    answer = await counter.ada.post(
        "/api/files/validate",
        {
            "ticket_id": counter.id,
            "files": [
                {
                    "filename": "a.png",
                    "size": 1000,
                    "content_type": "image/png",
                    "head": encoded(made_up.png()[:64]),
                },
                {"filename": "a.exe", "size": 1000},
                {"filename": "big.log", "size": 26 << 20},
                {"filename": "big.png", "size": 11 << 20},
                {"filename": "a.png", "size": 5000, "head": encoded(made_up.HTML)},
                {"filename": "empty.txt", "size": 0},
                {"filename": "...", "size": 1},
                {"filename": "a.docx", "size": 5000, "head": encoded(made_up.office("word")[:100])},
            ],
        },
    )

    assert answer.status == 200
    codes = [[error["code"] for error in file["errors"]] for file in answer.body["files"]]
    assert codes == [
        [],
        ["type_not_allowed"],
        ["too_large"],
        ["too_large"],
        ["type_mismatch"],
        ["empty_file"],
        ["bad_name"],
        [],
    ]
    assert [file["valid"] for file in answer.body["files"]] == [not found for found in codes]
    categories = [file["category"] for file in answer.body["files"]]
    assert categories == ["image", "other", "log", "image", "image", "document", "other", "document"]
    assert all(error["message"] for file in answer.body["files"] for error in file["errors"])
    assert (answer.body["valid_files"], answer.body["total_files"]) == (2, 8)
    assert answer.body["total_size"] == sum(file["size"] for file in answer.body["files"])
    assert counter.left() == []


async def test_files_are_judged_from_a_form_too(counter: Counter) -> None:
    answer = await send(
        counter.ada,
        "/api/files/validate",
        part("files", made_up.png(), "a.png"),
        part("files", made_up.HTML, "b.png"),
        part("ticket_id", str(counter.id)),
        part("files", made_up.EXE, "c.exe"),
        part("files", b"x" * (26 << 20), "d.log"),
    )

    assert answer.status == 200, answer.body
    codes = [[error["code"] for error in file["errors"]] for file in answer.body["files"]]
    assert codes == [[], ["type_mismatch"], ["type_not_allowed"], ["too_large"]]
    assert counter.left() == []


@pytest.mark.parametrize("name", made_up.HONEST)
async def test_what_is_judged_fit_is_taken(counter: Counter, name: str) -> None:
    content = made_up.HONEST[name]
    wanted = {"filename": name, "size": len(content), "head": encoded(content[:4096])}

    answer = await counter.ada.post("/api/files/validate", {"files": [wanted]})

    assert answer.body["files"][0]["valid"], answer.body


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"files": []}, ["/files"]),
        ({"files": [{"filename": "a.txt", "size": 1}] * 51}, ["/files"]),
        ({}, ["/files"]),
        ({"files": [{"filename": "a.txt", "size": -1}], "colour": 1}, ["/colour", "/files/0/size"]),
        ({"files": [{"filename": "a.txt", "size": 1, "head": "no base64!"}]}, ["/files/0/head"]),
        ({"files": [{"filename": "a.txt", "size": 9999, "head": encoded(bytes(4097))}]}, ["/files/0/head"]),
    ],
)
async def test_every_bad_field_of_a_question_is_named(
    counter: Counter, body: Any, pointers: list[str]
) -> None:
    answer = await counter.ada.post("/api/files/validate", body)

    assert (answer.status, answer.pointers) == (422, pointers)


async def test_a_form_without_files_or_with_others_is_refused(counter: Counter) -> None:
    answer = await send(counter.ada, "/api/files/validate", part("colour", "red"), part("ticket_id", "x"))

    assert (answer.status, answer.pointers) == (422, ["/colour", "/files", "/ticket_id"])


async def test_nobody_asks_about_tickets_that_they_may_not_see(counter: Counter) -> None:
    eve = await counter.desk.customer()

    answer = await eve.post(
        "/api/files/validate", {"ticket_id": counter.id, "files": [{"filename": "a.txt", "size": 1}]}
    )

    assert answer.status == 404


async def test_a_question_is_answered_alike_under_its_key(counter: Counter) -> None:
    key = {"Idempotency-Key": "k1"}
    body = {"files": [{"filename": "a.txt", "size": 1}]}

    first = await counter.ada.post("/api/files/validate", body, headers=key)
    again = await counter.ada.post("/api/files/validate", body, headers=key)

    assert again.body == first.body
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_the_form_of_the_page_takes_a_file(counter: Counter) -> None:
    answer = await send(counter.ada, f"/tickets/{counter.id}/files", part("file", b"hello", "a.txt"))

    assert (answer.status, answer.headers["Location"]) == (303, f"/tickets/{counter.id}")
    assert len(await counter.ada.all(f"/api/files/ticket/{counter.id}")) == 1
