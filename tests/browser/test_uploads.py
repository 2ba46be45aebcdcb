"""Files: dropped, pasted, chosen; judged before a byte is sent; a row for each until it is there."""

import asyncio
import hashlib
import io
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Locator, Page, Request, Route, expect
from yarl import URL

from servicedesk.web.space import GAUGE, Space
from tests import files_made_up as made_up
from tests.browser.windows import Windows, becomes_true, is_live, on_every_screen, press
from tests.rail import Rail
from tests.served import Desk
from tests.stalls import held_up
from tests.web.forms import settled, upload

DROP: Final = """([selector, files]) => {
    const transfer = new DataTransfer();
    for (const [name, type, text] of files) transfer.items.add(new File([text], name, { type }));
    const target = document.querySelector(selector);
    for (const kind of ["dragenter", "dragover", "drop"]) {
        const event = new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
        target.dispatchEvent(event);
        if (kind === "dragover") window.overlaid = document.querySelector(".drop-here")?.innerText ?? "";
        if (kind === "drop") window.stopped = event.defaultPrevented;
    }
}"""


SHIFTS: Final = """
    window.moved = 0;
    new PerformanceObserver((list) => {
        for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.moved += shift.value;
    }).observe({ type: "layout-shift", buffered: true });
"""


def picture(colour: str = "tomato") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "PNG")
    return out.getvalue()


def chosen(name: str, body: bytes = b"hello", kind: str = "text/plain") -> dict[str, Any]:
    return {"name": name, "mimeType": kind, "buffer": body}


async def choose(page: Page, *files: dict[str, Any]) -> None:
    async with page.expect_file_chooser() as chooser:
        await press(page.get_by_role("button", name="Attach files"))
    await (await chooser.value).set_files(list(files))


@on_every_screen
async def test_a_dropped_file_goes_up_at_once_and_is_bound_by_send(desk: Desk, windows: Windows) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    ours = await windows.open(agent, f"/tickets/{ticket['id']}")
    theirs = await windows.open(customer, f"/tickets/{ticket['id']}")

    await ours.evaluate(DROP, ["#log", [["notes.txt", "text/plain", "see here"]]])
    overlaid = await ours.evaluate("window.overlaid")
    assert "TKT-000001" in overlaid
    assert "The printer is on fire" in overlaid
    await expect(ours.locator(".upload")).to_contain_text("ready")
    await expect(theirs.locator("#files")).to_contain_text("notes.txt")
    await ours.get_by_label("Reply").fill("As promised")
    await press(ours.get_by_role("button", name="Send"))

    await expect(theirs.locator("[data-message] .file")).to_contain_text("notes.txt")
    await expect(ours.locator("[data-message] .file")).to_contain_text("notes.txt")
    await expect(ours.locator(".upload")).to_have_count(0)
    assert [f["filename"] for f in (await agent.all("/api/tickets/1/messages"))[0]["files"]] == ["notes.txt"]


async def drop(page: Page, target: Locator, *paths: Path) -> None:
    """Drop files from the desktop there, as a hand would."""
    session = await page.context.new_cdp_session(page)
    box = await target.bounding_box()
    assert box is not None
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + min(box["height"], 80) / 2}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        await session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})


@on_every_screen
async def test_a_drop_elsewhere_leads_nowhere_and_says_where_to_drop(
    desk: Desk, windows: Windows, tmp_path: Path
) -> None:
    agent = await desk.agent()
    await agent.ticket()
    (tmp_path / "a.txt").write_text("x")
    page = await windows.open(agent)

    for path in ("/", "/tickets/1", "/settings"):
        await page.goto(path)
        await is_live(page)
        await page.evaluate("window.isStillHere = true")
        await drop(page, page.get_by_role("search"), tmp_path / "a.txt")
        if path == "/tickets/1":
            await expect(page.locator(".toast")).to_contain_text(
                "Drop files on the conversation to add them."
            )
        assert await page.evaluate("window.isStillHere")
        await expect(page).to_have_url(f"{desk.url}{path}")
        assert len(page.context.pages) == 1
    assert await agent.all("/api/files/ticket/1") == []


@on_every_screen
async def test_a_folder_is_refused_with_words_and_the_file_beside_it_goes_up(
    desk: Desk, windows: Windows, tmp_path: Path
) -> None:
    agent = await desk.agent()
    await agent.ticket()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "inside.txt").write_text("x")
    (tmp_path / "beside.txt").write_text("y")
    page = await windows.open(agent, "/tickets/1")

    await drop(page, page.get_by_role("log"), tmp_path / "photos", tmp_path / "beside.txt")

    rows = page.locator(".upload")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(0)).to_contain_text("photos")
    await expect(rows.nth(0).locator(".why")).to_have_text(
        "Folders cannot be added; drop the files in it, or a ZIP."
    )
    await expect(rows.nth(0).get_by_role("button", name="Retry")).to_be_hidden()
    await expect(rows.nth(1)).to_contain_text("ready")
    assert [file["filename"] for file in await agent.all("/api/files/ticket/1")] == ["beside.txt"]


@on_every_screen
async def test_an_eleventh_file_is_one_too_many(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "/upload" in request.url else None)

    await choose(page, *(chosen(f"{n}.txt") for n in range(11)))

    await expect(page.get_by_text("ready")).to_have_count(10)
    await expect(page.locator(".upload").nth(10)).to_contain_text("A message takes at most 10 files.")
    assert len(asked) == 10


@on_every_screen
async def test_what_cannot_be_taken_is_said_before_a_byte_is_sent(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "/upload" in request.url else None)

    big = "x" * (26 * 1024 * 1024)
    await page.evaluate(
        DROP,
        [
            "#log",
            [["film.zip", "application/zip", big], ["tool.exe", "", "MZ"], ["empty.txt", "text/plain", ""]],
        ],
    )

    rows = page.locator(".upload")
    await expect(rows.nth(0)).to_contain_text("26.0 MB; 25.0 MB is the most")
    await expect(rows.nth(1)).to_contain_text(".exe are not accepted")
    await expect(rows.nth(2)).to_contain_text("empty")
    assert asked == []
    await expect(rows.nth(0).get_by_role("button", name="Retry")).to_be_hidden()


@on_every_screen
async def test_a_pasted_picture_is_an_upload(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")

    await page.get_by_label("Reply").focus()
    await page.evaluate(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "image.png", { type: "image/png" }));
            document.activeElement.dispatchEvent(
                new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true }));
        }""",
        list(picture()),
    )

    await expect(page.locator(".upload")).to_contain_text("ready")
    found = (await agent.all("/api/files/ticket/1"))[0]
    assert found["filename"].startswith("pasted-")
    assert (found["content_type"], found["width"], found["height"]) == ("image/png", 64, 48)


@on_every_screen
async def test_send_waits_for_files_on_their_way_and_says_how_many(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")
    go = asyncio.Event()

    async def hold(route: Route) -> None:
        await go.wait()
        await route.continue_()

    await page.route("**/api/files/upload", hold)
    await choose(page, chosen("same.txt", b"one"), chosen("same.txt", b"two"))
    await page.get_by_label("Reply").fill("Two of them")
    await press(page.get_by_role("button", name="Send"))
    await expect(page.get_by_text("2 files left")).to_be_visible()
    await expect(page.locator("[data-message], [data-bubble]")).to_have_count(0)
    go.set()

    await expect(page.locator("[data-message] .file")).to_have_count(2)
    assert len((await agent.all("/api/tickets/1/messages"))[0]["files"]) == 2


@on_every_screen
async def test_a_failed_upload_keeps_its_row_and_goes_up_with_retry(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")
    await page.route("**/api/files/upload", lambda route: route.fulfill(status=500, body="{}"), times=1)

    await choose(page, chosen("stubborn.txt"))
    await expect(page.locator(".upload")).to_contain_text("500")
    await press(page.get_by_role("button", name="Retry"))

    await expect(page.locator(".upload")).to_contain_text("ready")
    assert len(await agent.all("/api/files/ticket/1")) == 1


@on_every_screen
async def test_files_go_up_three_at_a_time_each_with_its_row(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")
    waiting: list[asyncio.Event] = []

    async def hold(route: Route) -> None:
        waiting.append(go := asyncio.Event())
        await go.wait()
        await route.continue_()

    await page.route("**/api/files/upload", hold)
    await choose(
        page, *(chosen("same.txt", f"Number {n}".encode()) for n in range(4)), chosen("red.png", picture())
    )
    rows = page.locator(".upload")
    await expect(rows.locator(".name")).to_have_text(["same.txt"] * 4 + ["red.png"])
    await expect(rows.locator("progress")).to_have_count(5)
    await expect(rows.last.locator("img")).to_be_visible()
    await expect(rows.first).to_contain_text("8 B")
    await until(lambda: len(waiting) == 3)
    waiting[0].set()
    await until(lambda: len(waiting) == 4)
    await expect(page.get_by_text("ready")).to_have_count(1)
    for n in range(1, 5):
        await until(lambda n=n: len(waiting) > n)  # type: ignore[misc]
        waiting[n].set()

    await expect(page.get_by_text("ready")).to_have_count(5)
    assert len(await agent.all("/api/files/ticket/1")) == 5


@on_every_screen
async def test_on_a_narrow_line_the_bar_moves_and_cancel_cuts_it(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")
    failed: list[Request] = []
    page.on("requestfailed", lambda request: failed.append(request))
    await narrow(page, 200_000)

    await choose(page, chosen("slow.log", b"x" * 3_000_000))
    bar = page.locator(".upload progress")
    await expect(bar).to_have_js_property("max", 100)
    await becomes_true(page, "document.querySelector('.upload progress')?.value > 0")
    first = await bar.evaluate("bar => bar.value")
    await becomes_true(page, f"document.querySelector('.upload progress')?.value > {first}")
    assert first < 100
    await press(page.get_by_role("button", name="Cancel"))

    await expect(page.locator(".upload")).to_have_count(0)
    await until(lambda: len(failed) == 1)
    assert "upload" in failed[0].url
    assert await agent.all("/api/files/ticket/1") == []


@on_every_screen
async def test_trouble_of_the_server_is_tried_three_times_more_and_then_left_to_a_person(
    desk: Desk, windows: Windows
) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent)
    await page.clock.install()
    await page.goto("/tickets/1")
    await is_live(page)
    tries: list[Route] = []

    async def fail(route: Route) -> None:
        tries.append(route)
        await route.fulfill(status=500, body="{}")

    await page.route("**/api/files/upload", fail)
    await choose(page, chosen("stubborn.txt"))
    for number in (1, 2, 3):
        await expect(page.locator(".upload .why")).to_contain_text("Trying again…")
        assert len(tries) == number
        await page.clock.run_for(2000 * 2**number)
        await until(lambda number=number: len(tries) > number)  # type: ignore[misc]
    await expect(page.locator(".upload .why")).not_to_contain_text("Trying again…")
    await page.clock.run_for(60_000)
    assert len(tries) == 4
    await page.unroute("**/api/files/upload")
    await press(page.get_by_role("button", name="Retry"))

    await expect(page.locator(".upload")).to_contain_text("ready")


@on_every_screen
async def test_thumbnails_move_nothing_when_they_come(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    ticket = (await agent.ticket())["id"]
    ids = [
        (await settled(agent, (await upload(agent, ticket, f"{n}.png", picture(colour))).body))["id"]
        for n, colour in enumerate(("tomato", "teal", "gold"))
    ]
    await agent.post(f"/api/tickets/{ticket}/messages", {"body": "See", "file_ids": ids})
    await agent.post(f"/api/tickets/{ticket}/messages", {"body": "Below the pictures"})
    page, go = await windows.open(agent), asyncio.Event()

    async def hold(route: Route) -> None:
        await go.wait()
        await route.continue_()

    await page.route("**/thumbnail*", hold)
    await page.add_init_script(SHIFTS)
    await page.goto("/tickets/1", wait_until="domcontentloaded")
    await is_live(page)
    pictures = page.locator("[data-message] .file-face img")
    await expect(pictures).to_have_count(3)
    before = await page.locator("[data-message]").last.bounding_box()
    await page.evaluate("window.moved = 0")
    go.set()
    await becomes_true(
        page, "[...document.querySelectorAll('[data-message] .file-face img')].every(i => i.naturalWidth)"
    )

    assert await page.locator("[data-message]").last.bounding_box() == before
    assert await page.evaluate("window.moved") == 0


REFUSED: Final = [
    ("tool.exe", made_up.EXE, "Files of type .exe are not accepted."),
    ("notes", b"hello", "A file needs an extension, so that we know what it is."),
    ("empty.txt", b"", "The file is empty."),
    ("photo.png", b"hello", "This is no sound .png file: it looks like plain text."),
    ("photo.jpg", picture(), "This is no sound .jpg file: it looks like a .png file."),
    ("tool.txt", made_up.EXE, "This is no sound .txt file: it looks like a .exe file."),
    (
        "a.png",
        picture() + made_up.HTML,
        "This is no sound .png file: there is a web page or a script in the picture.",
    ),
    ("a.pdf", made_up.pdf() + made_up.zip_of({"a": b"a"}), "there is a ZIP archive hidden behind it."),
    ("a.zip", made_up.zip_of({"a": b"a"})[:-9], "This is no sound .zip file: it is damaged or incomplete."),
    (
        "letter.docx",
        made_up.office("word", **{"word/vbaProject.bin": b"x"}),
        "This is no sound .docx file: it has macros in it, which are not accepted.",
    ),
    ("\u202e\u200b.txt", b"hello", "Files without an extension are not taken."),
    ("\u202e.\u200b", b"hello", "Files of type .\u200b are not accepted."),
    (
        "wall.png",
        made_up.png_that_claims(50_000, 50_000),
        "The image has more than 40 megapixels; make it smaller and try again.",
    ),
]
TECHNICAL: Final = (
    "bytes",
    "MIME",
    "UTF",
    "/file",
    "HTTP",
    "415",
    "422",
    "session",
    "token",
    "undefined",
    "null",
)


@pytest.mark.parametrize(("name", "content", "words"), REFUSED, ids=range(len(REFUSED)))
async def test_why_a_file_is_refused_is_said_in_its_row(
    desk: Desk, windows: Windows, name: str, content: bytes, words: str
) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")

    await choose(page, chosen(name, content, ""))

    why = page.locator(".upload .why")
    await expect(why).to_contain_text(words)
    assert not [word for word in TECHNICAL if word in await why.inner_text()]
    assert await agent.all("/api/files/ticket/1") == []


async def test_a_full_disk_is_said_in_the_row_and_retry_is_enough_when_there_is_room(
    desk: Desk, windows: Windows
) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")
    gauge = desk.app[GAUGE]
    measure, gauge._measure, gauge._asked = gauge._measure, lambda: Space(300_000_000, 10**12), float("-inf")

    await choose(page, chosen("a.txt"))
    await expect(page.locator(".upload .why")).to_have_text(
        "There is no room for files at the moment. Messages can still be written."
    )
    gauge._measure, gauge._asked = measure, float("-inf")
    await press(page.get_by_role("button", name="Retry"))

    await expect(page.locator(".upload")).to_contain_text("ready")


async def test_whose_session_is_over_is_told_so_in_the_row(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")

    async def without_session(route: Route) -> None:
        headers = {**await route.request.all_headers(), "cookie": ""}
        await route.fulfill(response=await route.fetch(headers=headers))

    await page.route("**/api/files/upload", without_session)
    await choose(page, chosen("a.txt"))

    await expect(page.locator(".upload .why")).to_contain_text("You have been logged out.")
    await expect(page.get_by_role("button", name="Retry")).to_be_visible()


@on_every_screen
async def test_a_lost_connection_is_said_in_the_row_and_the_file_goes_up_by_itself_later(
    desk: Desk, windows: Windows
) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")
    await page.route("**/api/files/upload", lambda route: route.abort(), times=1)

    await choose(page, chosen("a.txt"))

    await expect(page.locator(".upload .why")).to_have_text(
        "The connection was lost while the file was on its way. Trying again…"
    )
    await expect(page.locator(".upload")).to_contain_text("ready")


async def test_who_is_told_to_wait_for_others_waits_and_then_goes_on(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")
    detail = "Too many files are on their way at once."
    problem = {"status": 429, "code": "rate_limited", "title": "Too many requests", "detail": detail}
    answer = {"status": 429, "headers": {"Retry-After": "1"}, "json": problem}
    await page.route("**/api/files/upload", lambda route: route.fulfill(**answer), times=1)

    await choose(page, chosen("a.txt"))

    await expect(page.locator(".upload .why")).to_have_text(f"{detail} Trying again…")
    await expect(page.locator(".upload")).to_contain_text("ready")


def large(megabytes: int) -> tuple[bytes, str]:
    """Return text of this size, and its hash."""
    content = random.Random(megabytes).randbytes(megabytes << 19).hex().encode()
    return content, hashlib.sha256(content).hexdigest()


@pytest_asyncio.fixture(loop_scope="session")
async def rail(desk: Desk) -> AsyncIterator[Rail]:
    """The line on which windows reach the desk."""
    line = Rail([])
    line.target = URL(desk.url)
    async with line.running() as address:
        desk.url = address
        yield line


async def narrow(page: Page, upload: int) -> None:
    """Let the page send so many bytes a second."""
    session = await page.context.new_cdp_session(page)
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload}
    await session.send("Network.enable")
    await session.send("Network.emulateNetworkConditions", conditions)


def arrived(desk: Desk) -> int:
    return sum(path.stat().st_size for path in (desk.settings.data_dir / "partial").iterdir())


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.02)


async def test_a_large_file_goes_on_by_itself_where_the_line_broke(
    desk: Desk, windows: Windows, rail: Rail, tmp_path: Path
) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")
    content, digest = large(12)
    (tmp_path / "large.log").write_bytes(content)
    rail.cuts.append(len(content) * 2 // 3)
    rail.stays_open = False
    offsets: list[int] = []
    page.on(
        "request",
        lambda request: (
            offsets.append(int(request.headers["upload-offset"])) if request.method == "PATCH" else None
        ),
    )

    async with page.expect_file_chooser() as chooser:
        await press(page.get_by_role("button", name="Attach files"))
    await (await chooser.value).set_files(tmp_path / "large.log")
    await asyncio.wait_for(rail.cut.wait(), 20)
    await page.context.set_offline(True)
    await expect(page.locator(".upload .why")).to_contain_text("Waiting for the network", timeout=20_000)
    rail.is_open = True
    await page.context.set_offline(False)

    await expect(page.locator(".upload")).to_contain_text("ready", timeout=20_000)
    assert [file["sha256"] for file in await agent.all("/api/files/ticket/1")] == [digest]
    assert offsets[0] == 0
    assert len(offsets) == 2
    assert len(content) // 2 < offsets[1] < len(content)
    await page.get_by_label("Reply").fill("Here it is")
    await press(page.get_by_role("button", name="Send"))
    await expect(page.locator("[data-message] .file")).to_contain_text("large.log")


async def test_a_large_file_that_is_cancelled_leaves_nothing(
    desk: Desk, windows: Windows, tmp_path: Path
) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")
    (tmp_path / "large.log").write_bytes(large(12)[0])

    await narrow(page, 4_000_000)
    async with page.expect_file_chooser() as chooser:
        await press(page.get_by_role("button", name="Attach files"))
    await (await chooser.value).set_files(tmp_path / "large.log")
    await until(lambda: arrived(desk) > 1_000_000)
    assert 0 < await page.locator(".upload progress").evaluate("bar => bar.value") < 100
    await press(page.get_by_role("button", name="Cancel"))

    await expect(page.locator(".upload")).to_have_count(0)
    await until(lambda: arrived(desk) == 0)
    assert await agent.all("/api/files/ticket/1") == []


async def test_a_large_file_that_is_refused_at_its_end_says_why(
    desk: Desk, windows: Windows, tmp_path: Path
) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")
    (tmp_path / "fake.png").write_bytes(b"no picture" * 600_000)

    async with page.expect_file_chooser() as chooser:
        await press(page.get_by_role("button", name="Attach files"))
    await (await chooser.value).set_files(tmp_path / "fake.png")

    await expect(page.locator(".upload .why")).to_contain_text("This is no sound .png file")
    await expect(page.locator(".upload").get_by_role("button", name="Retry")).to_be_visible()
    assert arrived(desk) == 0


@on_every_screen
async def test_cancel_stops_an_upload(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")
    never = asyncio.Event()

    async def hold(route: Route) -> None:
        await never.wait()

    await page.route("**/api/files/upload", hold)
    await choose(page, chosen("slow.txt"))
    await press(page.get_by_role("button", name="Cancel"))

    await expect(page.locator(".upload")).to_have_count(0)
    await expect(page.get_by_role("button", name="Send")).to_have_text("Send")
    never.set()
    assert await agent.all("/api/files/ticket/1") == []


@on_every_screen
async def test_a_file_can_be_looked_at_without_leaving_the_ticket(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")
    await choose(
        page,
        chosen("red.png", picture(), "image/png"),
        chosen("list.csv", b"name,age\nAda,36\n"),
        chosen("a.txt"),
    )
    await expect(page.get_by_text("ready")).to_have_count(3)
    await press(page.get_by_role("button", name="Send"))
    await expect(page.locator("[data-message] .file")).to_have_count(3)

    opened = page.locator("[data-message]").get_by_role("link", name="red.png", exact=True)
    await opened.click()
    box = page.get_by_role("dialog")
    await expect(box.get_by_role("img")).to_be_visible()
    for _ in range(3):
        if await box.get_by_text("Ada").count():
            break
        await page.keyboard.press("ArrowRight")
        await expect(box.get_by_text("Loading…")).to_have_count(0)
    await expect(box.get_by_text("Ada")).to_be_visible()
    await page.keyboard.press("Escape")

    await expect(box).to_have_count(0)
    await expect(opened).to_be_focused()


async def test_a_file_goes_up_without_scripts(desk: Desk, windows: Windows, tmp_path: Path) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1", java_script_enabled=False)

    await page.get_by_label("File", exact=True).set_input_files(chosen("plain.txt"))
    await press(page.get_by_role("button", name="Upload file"))

    await expect(page.locator("#files")).to_contain_text("plain.txt")
    await expect(page).to_have_url(f"{desk.url}/tickets/1")


async def test_a_deleted_file_is_gone_for_everybody_and_staff_see_that_it_was_there(
    desk: Desk, windows: Windows
) -> None:
    agent, customer = await desk.agent(name="Bob"), await desk.customer()
    ticket = (await customer.ticket())["id"]
    file = (await upload(customer, ticket, "secret.txt", b"told to nobody")).body
    await customer.post(f"/api/tickets/{ticket}/messages", {"body": "See here", "file_ids": [file["id"]]})
    ours = await windows.open(agent, f"/tickets/{ticket}")
    theirs = await windows.open(customer, f"/tickets/{ticket}")
    await expect(ours.locator("[data-message] .file")).to_contain_text("secret.txt")

    await customer.delete(f"/api/files/{file['id']}")

    await expect(ours.locator("[data-message] .is-gone")).to_contain_text("deleted by")
    await expect(ours.locator("#files .is-gone")).to_contain_text("secret.txt")
    await expect(theirs.locator("#files")).not_to_contain_text("secret.txt")
    await expect(theirs.locator("[data-message] .file")).to_have_count(0)
    await ours.reload()
    await expect(ours.locator("[data-message] .is-gone")).to_contain_text("secret.txt")
    await theirs.reload()
    await expect(theirs.locator("body")).not_to_contain_text("secret.txt")


@on_every_screen
async def test_a_picture_that_comes_late_shows_by_itself(desk: Desk, windows: Windows) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = (await customer.ticket())["id"]
    await settled(customer, (await upload(customer, ticket, "warm.png", picture())).body)
    page = await windows.open(agent, f"/tickets/{ticket}")

    with held_up(desk):
        file = (await upload(customer, ticket, "late.png", picture("teal"))).body
        await customer.post(f"/api/tickets/{ticket}/messages", {"body": "See", "file_ids": [file["id"]]})
        face = page.locator(f"[data-message] [data-file='{file['id']}'] .file-face")
        await expect(face.locator("svg")).to_have_count(1)

    await expect(face.locator("img")).to_have_count(1)
    await expect(page.locator(f"#files [data-file='{file['id']}'] img")).to_have_count(1)
