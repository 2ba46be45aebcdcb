"""Files over HTTP: listed, shown, downloaded, deleted."""

import asyncio
import io
import os
import time
from typing import Any

import pytest
from PIL import Image

from servicedesk.domain.files import KINDS
from servicedesk.domain.people import Role
from servicedesk.media.blobs import ORPHAN_AGE
from servicedesk.web.downloads import attachment
from servicedesk.web.files import MEDIA
from servicedesk.web.sweeps import SCRUBBER, sweep
from tests import files_made_up as made_up
from tests.served import Answer, Client, Desk
from tests.stalls import watched_loop
from tests.web.forms import upload
from tests.web.sockets import connect


class Counter:
    """A ticket, its requester and an agent."""

    def __init__(self, desk: Desk, ada: Client, bob: Client, ticket: Any) -> None:
        self.desk = desk
        self.ada = ada
        self.bob = bob
        self.id = ticket["id"]

    async def file(self, name: str = "a.txt", content: bytes = b"0123456789", **fields: Any) -> Any:
        answer = await upload(self.bob, self.id, name, content, **fields)
        assert answer.status == 201, answer.body
        return answer.body

    async def preview(self, name: str, content: bytes) -> Any:
        return (await self.ada.get((await self.file(name, content))["preview_url"])).body


@pytest.fixture
async def counter(desk: Desk) -> Counter:
    ada, bob = await desk.customer(name="Ada"), await desk.agent(name="Bob")
    return Counter(desk, ada, bob, await ada.ticket())


def picture_in(answer: Answer) -> Image.Image:
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "image/webp"
    return Image.open(io.BytesIO(answer.body))


async def test_the_bytes_come_back_as_they_went_in_and_cannot_act(counter: Counter) -> None:
    for name, content in made_up.HONEST.items():
        file = await counter.file(name, content)

        answer = await counter.ada.get(file["download_url"])

        assert answer.status == 200
        assert answer.headers["Content-Length"] == str(len(content))
        assert answer.headers["Content-Type"].split(";")[0] == file["content_type"]
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"].startswith("private")
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert "X-Request-Id" in answer.headers
        if not name.endswith("json"):
            assert answer.body == content


@pytest.mark.parametrize(
    ("name", "content", "content_type"),
    [
        ("a.html", made_up.HTML, "text/plain; charset=utf-8"),
        ("a.svg", made_up.SVG, "text/plain; charset=utf-8"),
        ("a.js", "π".encode("utf-16"), "text/plain; charset=utf-16"),
        ("a.txt", "5 €".encode("cp1252"), "text/plain; charset=windows-1252"),
        ("a.csv", b"a,b", "text/csv; charset=utf-8"),
        ("a.png", made_up.png(), "image/png"),
    ],
)
async def test_pages_and_code_are_served_as_plain_text_with_their_charset(
    counter: Counter, name: str, content: bytes, content_type: str
) -> None:
    file = await counter.file(name, content)

    assert (await counter.ada.get(file["download_url"])).headers["Content-Type"] == content_type
    assert file["content_type"] == content_type.split(";")[0]


@pytest.mark.parametrize(
    ("asked", "status", "body", "told"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("bytes=3-1", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=a-b", 200, b"0123456789", None),
        ("lines=0-1", 200, b"0123456789", None),
        (f"bytes=0-{'9' * 400}", 200, b"0123456789", None),
    ],
)
async def test_a_range_of_the_bytes(
    counter: Counter, asked: str, status: int, body: bytes | None, told: str | None
) -> None:
    file = await counter.file()

    answer = await counter.ada.get(file["download_url"], headers={"Range": asked})

    assert answer.status == status
    assert answer.headers.get("Content-Range") == told
    if body is None:
        assert answer.code == "range_not_satisfiable"
    else:
        assert answer.body == body


async def test_a_range_of_something_else_meanwhile_is_the_whole(counter: Counter) -> None:
    file = await counter.file()
    tag = (await counter.ada.get(file["download_url"])).headers["ETag"]

    for if_range, status in ((tag, 206), ('"other"', 200), ("Wed, 21 Oct 2026 07:28:00 GMT", 200)):
        headers = {"Range": "bytes=0-3", "If-Range": if_range}
        assert (await counter.ada.get(file["download_url"], headers=headers)).status == status


async def test_a_head_tells_what_a_get_would(counter: Counter) -> None:
    file = await counter.file()
    got = await counter.ada.get(file["download_url"])

    head = await counter.ada.call("HEAD", file["download_url"], headers={"Range": "bytes=0-3"})

    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Content-Disposition"):
        assert head.headers[name] == got.headers[name]


async def test_what_is_known_is_not_sent_again(counter: Counter) -> None:
    file = await counter.file("a.png", made_up.png())

    for path in (file["download_url"], file["thumbnail_url"]):
        tag = (await counter.ada.get(path)).headers["ETag"]
        for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            answer = await counter.ada.get(path, headers={"If-None-Match": known})
            assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)
        assert (await counter.ada.get(path, headers={"If-None-Match": '"x"'})).status == 200


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a b.txt", "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt"),
        ('a"b\\%.txt', "attachment; filename=\"a_b__.txt\"; filename*=UTF-8''a%22b%5C%25.txt"),
        ("é🎫;=.txt", "attachment; filename=\"__;=.txt\"; filename*=UTF-8''%C3%A9%F0%9F%8E%AB%3B%3D.txt"),
    ],
)
def test_a_browser_saves_the_file_under_its_name(name: str, header: str) -> None:
    assert attachment(name) == header


async def test_a_file_whose_name_would_break_a_header_is_downloaded(counter: Counter) -> None:
    file = await counter.file("%22%0D%0AX-Evil: 1; filename=%22evil.txt")

    answer = await counter.ada.get(file["download_url"])

    assert file["filename"] == '"X-Evil: 1; filename="evil.txt'
    assert answer.status == 200
    assert "X-Evil" not in answer.headers
    assert 'filename="_X-Evil: 1; filename=_evil.txt"' in answer.headers["Content-Disposition"]


async def test_a_large_download_arrives_whole_and_leaves_the_loop_free(counter: Counter) -> None:
    content = os.urandom(6 << 20).hex().encode()
    file = await counter.file("a.log", content)

    async with watched_loop() as longest_stall:
        answers = await asyncio.gather(*(counter.ada.get(file["download_url"]) for _ in range(4)))

    assert all(answer.body == content for answer in answers)
    assert longest_stall() < 0.05


async def test_who_leaves_in_the_middle_of_a_download_costs_nothing(counter: Counter) -> None:
    file = await counter.file("a.log", b"x" * (20 << 20))
    async with counter.ada.session.get(file["download_url"]) as response:
        await response.content.readexactly(1000)
        response.close()

    assert (await counter.ada.get(f"/api/files/{file['id']}")).status == 200


async def test_a_thumbnail_is_small_upright_and_ours(counter: Counter) -> None:
    file = await counter.file("a.jpg", made_up.picture("JPEG", 800, 400, turned=6))

    answer = await counter.ada.get(file["thumbnail_url"])

    assert picture_in(answer).size == (160, 320)
    assert b"camera" not in answer.body
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_a_picture_fills_the_screen(counter: Counter) -> None:
    file = await counter.file("a.jpg", made_up.picture("JPEG", 3000, 1500))
    shown = (await counter.ada.get(file["preview_url"])).body

    assert picture_in(await counter.ada.get(shown["image_url"])).size == (1600, 800)
    assert picture_in(await counter.ada.get(shown["image_url"])).size == (1600, 800)


async def test_a_thumbnail_that_got_lost_is_made_again(counter: Counter) -> None:
    file = await counter.file("a.png", made_up.png())
    for picture in (counter.desk.settings.data_dir / "pictures").rglob("*.webp"):
        picture.unlink()

    assert picture_in(await counter.ada.get(file["thumbnail_url"])).size == (64, 48)


@pytest.mark.parametrize("name", ["a.txt", "a.svg", "a.pdf", "a.zip"])
async def test_what_is_no_image_has_no_thumbnail(counter: Counter, name: str) -> None:
    file = await counter.file(name, made_up.HONEST[name])

    answer = await counter.ada.get(f"/api/files/{file['id']}/thumbnail")

    assert (answer.status, answer.code) == (404, "no_thumbnail")


async def test_an_image_is_shown_with_its_sides(counter: Counter) -> None:
    file = await counter.file("a.png", made_up.png())

    assert (await counter.ada.get(file["preview_url"])).body == {
        "kind": "image",
        "width": 64,
        "height": 48,
        "thumbnail_url": file["thumbnail_url"],
        "image_url": f"/api/files/{file['id']}/picture",
    }


async def test_text_and_code_are_shown_as_source(counter: Counter) -> None:
    assert await counter.preview("a.html", made_up.HTML) == {
        "kind": "text",
        "text": made_up.HTML.decode(),
        "truncated": False,
        "encoding": "utf-8",
    }
    long = await counter.preview("a.log", b"x" * 100_000)
    assert (len(long["text"]), long["truncated"]) == (65_536, True)


async def test_a_table_is_shown_by_its_first_rows(counter: Counter) -> None:
    rows = [["name", "size"], *[[f"n{number}", str(number)] for number in range(300)]]

    shown = await counter.preview("a.csv", made_up.csv_of(rows))

    assert shown == {"kind": "table", "rows": rows[:200], "truncated": True}


async def test_a_pdf_is_shown_by_its_first_page(counter: Counter) -> None:
    shown = await counter.preview("a.pdf", made_up.pdf(3))

    assert (shown["kind"], shown["pages"]) == ("pdf", 3)
    assert picture_in(await counter.ada.get(shown["image_url"])).size == (600, 400)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz"])
async def test_an_archive_is_shown_by_its_entries(counter: Counter, name: str) -> None:
    shown = await counter.preview(name, made_up.HONEST[name])

    assert shown["kind"] == "archive"
    assert shown["entries"][0] == {"name": "a.txt", "size": 1}
    assert (shown["total"], shown["truncated"]) == (len(shown["entries"]), False)


async def test_a_bomb_is_listed_and_not_opened(counter: Counter) -> None:
    shown = await counter.preview("a.zip", made_up.zip_bomb(64))

    assert shown["entries"] == [{"name": "zeros.bin", "size": 64 << 20}]


@pytest.mark.parametrize("name", ["a.docx", "a.7z", "a.rar", "a.rtf", "a.xls"])
async def test_of_the_rest_there_is_no_preview(counter: Counter, name: str) -> None:
    assert await counter.preview(name, made_up.HONEST[name]) == {"kind": "none"}


async def test_a_broken_pdf_has_no_preview(counter: Counter) -> None:
    file = await counter.file("a.pdf", b"%PDF-1.7\nnothing of the sort")

    assert (await counter.ada.get(file["preview_url"])).body == {"kind": "none"}
    assert (await counter.ada.get(f"/api/files/{file['id']}/picture")).code == "no_thumbnail"


async def test_the_files_of_a_ticket_are_listed_oldest_first_page_by_page(counter: Counter) -> None:
    ids = []
    for number in range(5):
        ids.append((await counter.file(content=b"%d" % number))["id"])
        counter.desk.clock.advance(1)
    await counter.file(is_internal="true")

    listed = await counter.ada.all(f"/api/files/ticket/{counter.id}?limit=2")

    assert [file["id"] for file in listed] == ids
    first = await counter.ada.get(f"/api/files/ticket/{counter.id}?limit=2&count=true")
    assert first.body["total"] == 5
    assert 'rel="next"' in first.headers["Link"]
    assert len(await counter.bob.all(f"/api/files/ticket/{counter.id}/")) == 6


@pytest.mark.parametrize("query", ["cursor=abc", "limit=0", "limit=101", "colour=red"])
async def test_a_bad_parameter_of_the_list_is_refused(counter: Counter, query: str) -> None:
    answer = await counter.ada.get(f"/api/files/ticket/{counter.id}?{query}")

    assert (answer.status, answer.code) == (400, "bad_parameter")


async def test_a_deleted_file_is_gone_at_once(counter: Counter) -> None:
    file = await counter.file("a.png", made_up.png())

    assert (await counter.bob.delete(f"/api/files/{file['id']}")).status == 204

    for path in (
        f"/api/files/{file['id']}",
        file["download_url"],
        file["thumbnail_url"],
        file["preview_url"],
    ):
        assert (await counter.ada.get(path)).status == 404
    assert (await counter.bob.delete(f"/api/files/{file['id']}")).status == 404
    assert (await counter.ada.get(f"/api/tickets/{counter.id}")).body["file_count"] == 0
    assert list(counter.desk.app[MEDIA].blobs.all()) == []


async def test_another_persons_file_is_taken_away_by_a_supervisor_alone(counter: Counter) -> None:
    file = await counter.file()
    path = f"/api/files/{file['id']}"
    agent, supervisor, stranger = (
        await counter.desk.agent(),
        await counter.desk.person(Role.SUPERVISOR),
        await counter.desk.customer(),
    )

    assert (await counter.ada.delete(path)).status == 403
    assert (await agent.delete(path)).status == 403
    assert (await stranger.delete(path)).status == 404
    assert (await supervisor.delete(path)).status == 204


async def test_a_stranger_sees_no_file(counter: Counter) -> None:
    file = await counter.file("a.png", made_up.png())
    eve = await counter.desk.customer()

    for path in (
        f"/api/files/{file['id']}",
        file["download_url"],
        file["thumbnail_url"],
        file["preview_url"],
        f"/api/files/{file['id']}/picture",
        f"/api/files/ticket/{counter.id}",
    ):
        assert (await eve.get(path)).status == 404
        async with counter.desk.session().get(path) as response:
            assert response.status == 401


@pytest.mark.parametrize(
    "file_id", ["1", "x" * 32, "%00" * 20, "..%2f..%2fetc%2fpasswd", "é" * 20, "%ff" * 20]
)
async def test_an_id_that_is_none_is_unknown(counter: Counter, file_id: str) -> None:
    for path in (f"/api/files/{file_id}", f"/api/files/{file_id}/download"):
        assert (await counter.ada.get(path)).status == 404


async def test_the_limits_are_those_that_are_enforced(counter: Counter) -> None:
    limits = (await counter.ada.get("/api/files/limits")).body

    assert limits["max_size"] == 25 << 20
    assert limits["images"] == {"max_size": 10 << 20, "max_pixels": 40_000_000}
    assert limits["max_files_per_message"] == 10
    assert limits["categories"]["image"]["max_size"] == 10 << 20
    assert {name for each in limits["categories"].values() for name in each["types"]} == set(KINDS)


async def test_bytes_that_the_disk_lost_are_said_to_be_lost(counter: Counter) -> None:
    file = await counter.file()
    for path in counter.desk.app[MEDIA].blobs.all():
        path.unlink()

    answer = await counter.ada.get(file["download_url"])

    assert (answer.status, answer.code) == (404, "not_found")


async def test_the_sweeper_takes_old_orphans_and_nothing_else(counter: Counter) -> None:
    file = await counter.file()
    blobs = counter.desk.app[MEDIA].blobs

    async def nobody() -> None:
        return None

    async with blobs.draft() as draft:
        await draft.write(b"orphan")
        await blobs.place(draft, nobody)

    await sweep(counter.desk.app)
    assert len(list(blobs.all())) == 2

    await sweep(counter.desk.app, time.time() + ORPHAN_AGE + 60)
    assert [path.name for path in blobs.all()] == [file["sha256"]]


async def test_the_bytes_of_another_database_are_left_alone(counter: Counter) -> None:
    blobs = counter.desk.app[MEDIA].blobs
    await counter.file()
    for path in blobs.all():
        path.rename(path.with_name("a" * 64))

    await sweep(counter.desk.app, time.time() + ORPHAN_AGE + 60)

    assert [path.name for path in blobs.all()] == ["a" * 64]


async def test_damaged_bytes_are_named_in_the_log(counter: Counter, caplog: pytest.LogCaptureFixture) -> None:
    file = await counter.file()
    scrubber = counter.desk.app[SCRUBBER]
    assert (await scrubber.scrub()).is_sound

    counter.desk.app[MEDIA].blobs.path(file["sha256"]).write_bytes(b"012345678X")

    assert [found.sha256 for found in (await scrubber.scrub()).damaged] == [file["sha256"]]
    assert file["sha256"] in caplog.text


async def test_a_waiting_file_goes_with_a_message(counter: Counter) -> None:
    file = await counter.file()

    sent = await counter.bob.post(
        f"/api/tickets/{counter.id}/messages", {"body": "Look", "file_ids": [file["id"]]}
    )

    assert [attached["id"] for attached in sent.body["files"]] == [file["id"]]
    talk = await counter.ada.all(f"/api/tickets/{counter.id}/messages")
    assert talk[-1]["files"][0]["message_id"] == sent.body["id"]


async def test_whoever_looks_at_the_ticket_hears_of_files_and_no_more_than_they_may(counter: Counter) -> None:
    requester, agent = await connect(counter.ada), await connect(counter.bob)
    for socket in (requester, agent):
        await socket.do("join_ticket", ticket_id=counter.id)

    public = await counter.file("a.txt")
    internal = await counter.file("b.txt", is_internal="true")
    await counter.bob.delete(f"/api/files/{public['id']}")

    heard = [frame for frame in await requester.quiet() if "room" in frame]
    assert [(frame["room"], frame["event"]) for frame in heard] == [
        (f"ticket:{counter.id}", "file_uploaded"),
        (f"ticket:{counter.id}", "ticket_updated"),
    ]
    assert heard[0]["data"]["file"] == public
    assert (heard[1]["data"]["action"], heard[1]["data"]["ticket"]["file_count"]) == ("file_deleted", 0)
    assert internal["id"] not in str(heard)

    told = await agent.quiet()
    arrived = [frame["data"]["file"] for frame in told if frame["event"] == "file_uploaded"]
    assert arrived == [public, internal]
    summaries = [frame["data"]["ticket"]["file_count"] for frame in told if frame.get("room") == "desk"]
    assert summaries == [1, 2, 1]
    await requester.close()
    await agent.close()


PROMISED = {
    "image": "png jpg jpeg gif webp bmp avif",
    "document": "pdf txt rtf doc docx xls xlsx ppt pptx odt ods odp md eml",
    "archive": "zip tar gz tgz 7z rar",
    "log": "log csv tsv",
    "code": "py js ts css html json xml sql yaml yml toml sh svg",
}


@pytest.mark.parametrize("category", PROMISED)
async def test_every_type_is_in_the_category_that_is_promised(counter: Counter, category: str) -> None:
    limits = (await counter.ada.get("/api/files/limits")).body
    files = [await counter.file(f"a.{end}", made_up.HONEST[f"a.{end}"]) for end in PROMISED[category].split()]

    assert {file["category"] for file in files} == {category}
    assert sorted(limits["categories"][category]["types"]) == sorted(PROMISED[category].split())
    if category == "code":
        assert {file["content_type"] for file in files} == {"text/plain"}


async def test_a_message_takes_as_many_files_as_the_limits_say(counter: Counter) -> None:
    message = (await counter.bob.post(f"/api/tickets/{counter.id}/messages", {"body": "Look"})).body
    most = (await counter.bob.get("/api/files/limits")).body["max_files_per_message"]
    for number in range(most):
        await counter.file(f"{number}.txt", message_id=message["id"])

    answer = await upload(counter.bob, counter.id, "one-more.txt", message_id=message["id"])

    assert (answer.status, answer.pointers) == (422, ["/message_id"])
