"""Processes that look into files: what they make of them, and that they may die of it."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from PIL import Image

from servicedesk.domain.errors import Busy
from servicedesk.domain.files import Content
from servicedesk.media import archives, errands
from servicedesk.media.jobs import Draw, Drawn, Inspect, Inspected, Listed, ListEntries, PdfRead, ReadPdf
from servicedesk.media.workers import CannotRender, Workers
from tests import files_made_up as made_up
from tests.stalls import watched_loop

PIXELS = 40_000_000


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    found = Workers()
    yield found
    await found.close()


@pytest.fixture
async def one_worker() -> AsyncIterator[Workers]:
    found = Workers(1, waiting_max=4)
    yield found
    await found.close()


@pytest.fixture
def put(tmp_path: Path) -> Callable[[bytes], str]:
    def write(content: bytes) -> str:
        path = tmp_path / f"file-{len(list(tmp_path.iterdir()))}"
        path.write_bytes(content)
        return str(path)

    return write


def image(path: str, content: Content = Content.PNG) -> Inspect:
    return Inspect(path, content=content, max_pixels=PIXELS)


def listing(path: str, content: Content, name: str = "a.gz") -> ListEntries:
    return ListEntries(path, content=content, name=name)


def pids(workers: Workers) -> set[int]:
    return {worker._process.pid for worker in workers._all}


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while is_running(pid):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "AVIF"])
async def test_an_image_is_measured_and_has_a_thumbnail(
    workers: Workers, put: Callable[[bytes], str], form: str
) -> None:
    path = put(made_up.picture(form, 800, 400))

    found = await workers.ask(image(path, Content(form.lower())), Inspected)

    assert (found.width, found.height) == (800, 400)
    assert found.thumbnail is not None
    with Image.open(io.BytesIO(found.thumbnail)) as small:
        assert (small.format, small.size) == ("WEBP", (320, 160))


@pytest.mark.parametrize("turned", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
async def test_the_picture_is_upright_and_tells_nothing_else(
    workers: Workers, put: Callable[[bytes], str], form: str, turned: int
) -> None:
    path = put(made_up.picture(form, 640, 320, turned=turned, icc_profile=b"", comment="made at home"))

    found = await workers.ask(image(path, Content(form.lower())), Inspected)

    lies = turned >= 5
    assert (found.width, found.height) == ((320, 640) if lies else (640, 320))
    assert found.thumbnail is not None
    assert b"EXIF" not in found.thumbnail
    assert b"camera" not in found.thumbnail
    with Image.open(io.BytesIO(found.thumbnail)) as small:
        assert small.size == ((160, 320) if lies else (320, 160))
        assert not small.getexif()


async def test_a_small_image_is_not_blown_up(workers: Workers, put: Callable[[bytes], str]) -> None:
    found = await workers.ask(image(put(made_up.png(20, 10))), Inspected)

    assert found.thumbnail is not None
    with Image.open(io.BytesIO(found.thumbnail)) as small:
        assert small.size == (20, 10)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
async def test_every_sort_of_colour_is_rendered(
    workers: Workers, put: Callable[[bytes], str], mode: str
) -> None:
    form = "JPEG" if mode == "CMYK" else "PNG"
    out = io.BytesIO()
    Image.new(mode, (400, 300)).save(out, form)

    found = await workers.ask(image(put(out.getvalue()), Content(form.lower())), Inspected)

    assert found.thumbnail


async def test_of_a_film_the_first_frame_counts(workers: Workers, put: Callable[[bytes], str]) -> None:
    found = await workers.ask(image(put(made_up.gif_of_frames(30)), Content.GIF), Inspected)

    assert (found.width, found.height) == (40, 30)
    assert found.thumbnail


async def test_an_image_for_a_whole_screen(workers: Workers, put: Callable[[bytes], str]) -> None:
    path = put(made_up.picture("JPEG", 3000, 2000))

    found = await workers.ask(Draw(path, content=Content.JPEG, max_pixels=PIXELS), Drawn)

    with Image.open(io.BytesIO(found.picture)) as picture:
        assert (picture.format, picture.size) == ("WEBP", (1600, 1067))


@pytest.mark.parametrize("sides", [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (40_001, 1_000)])
async def test_a_few_bytes_that_claim_to_be_enormous_are_not_unpacked(
    workers: Workers, put: Callable[[bytes], str], sides: tuple[int, int]
) -> None:
    found = await workers.ask(image(put(made_up.png_that_claims(*sides))), Inspected)

    assert found == Inspected()


async def test_a_real_bomb_is_not_unpacked_either(workers: Workers, put: Callable[[bytes], str]) -> None:
    content = made_up.png_bomb(12_000)
    assert len(content) < 200_000

    found = await workers.ask(image(put(content)), Inspected)

    assert found == Inspected()


async def test_exactly_40_megapixels_are_fine(workers: Workers, put: Callable[[bytes], str]) -> None:
    out = io.BytesIO()
    Image.new("P", (8000, 5000)).save(out, "PNG")

    found = await workers.ask(image(put(out.getvalue())), Inspected)

    assert (found.width, found.height) == (8000, 5000)
    assert found.thumbnail


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
async def test_of_a_cut_image_at_most_the_sides_are_known(
    workers: Workers, put: Callable[[bytes], str], form: str
) -> None:
    content = made_up.picture(form, 200, 100)

    try:
        found = await workers.ask(image(put(content[: len(content) // 2]), Content(form.lower())), Inspected)
    except CannotRender:
        return

    assert found.thumbnail is None
    assert (found.width, found.height) in {(200, 100), (None, None)}


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n" + os.urandom(500), made_up.HTML]
)
async def test_what_is_no_image_is_said_to_be_none(
    workers: Workers, put: Callable[[bytes], str], content: bytes
) -> None:
    with pytest.raises(CannotRender):
        await workers.ask(image(put(content)), Inspected)


async def test_only_the_decoder_of_its_own_type_sees_an_image(
    workers: Workers, put: Callable[[bytes], str]
) -> None:
    with pytest.raises(CannotRender):
        await workers.ask(image(put(made_up.picture("TIFF")), Content.PNG), Inspected)


async def test_the_pages_of_a_pdf_are_counted_and_the_first_is_drawn(
    workers: Workers, put: Callable[[bytes], str]
) -> None:
    found = await workers.ask(ReadPdf(put(made_up.pdf(3, 300, 200))), PdfRead)

    assert found.pages == 3
    assert found.picture is not None
    with Image.open(io.BytesIO(found.picture)) as picture:
        assert picture.size == (600, 400)


async def test_a_page_of_enormous_size_is_drawn_small(workers: Workers, put: Callable[[bytes], str]) -> None:
    found = await workers.ask(ReadPdf(put(made_up.pdf(1, 1_000_000, 500_000))), PdfRead)

    assert found.picture is not None
    with Image.open(io.BytesIO(found.picture)) as picture:
        assert max(picture.size) <= 1601


async def test_what_is_no_pdf_is_said_to_be_none(workers: Workers, put: Callable[[bytes], str]) -> None:
    with pytest.raises(CannotRender):
        await workers.ask(ReadPdf(put(b"%PDF-1.7\n" + os.urandom(200))), PdfRead)


async def test_the_entries_of_an_archive_are_listed(workers: Workers, put: Callable[[bytes], str]) -> None:
    entries = {"a.txt": b"abc", "folder/b.txt": b"", "../../etc/passwd": b"x", "bidi\u202e.txt": b""}
    wanted = [("a.txt", 3), ("folder/b.txt", 0), ("../../etc/passwd", 1), ("bidi\ufffd.txt", 0)]

    for content, kind in (
        (made_up.zip_of(entries), Content.ZIP),
        (made_up.tar_of(entries), Content.TAR),
        (made_up.tar_of(entries, "w:gz"), Content.GZIP),
    ):
        found = await workers.ask(listing(put(content), kind), Listed)
        assert [(entry.name, entry.size) for entry in found.entries] == wanted
        assert (found.total, found.truncated) == (4, False)


async def test_a_packed_file_is_one_entry(workers: Workers, put: Callable[[bytes], str]) -> None:
    found = await workers.ask(listing(put(made_up.gz(b"x" * 1000)), Content.GZIP, "system.log.gz"), Listed)

    assert [(entry.name, entry.size) for entry in found.entries] == [("system.log", 1000)]


async def test_a_long_archive_is_listed_in_part(workers: Workers, put: Callable[[bytes], str]) -> None:
    entries = {f"{number}.txt": b"" for number in range(1500)}

    for content, kind in ((made_up.zip_of(entries), Content.ZIP), (made_up.tar_of(entries), Content.TAR)):
        found = await workers.ask(listing(put(content), kind), Listed)
        assert (len(found.entries), found.total, found.truncated) == (1000, 1500, True)


async def test_a_bomb_of_an_archive_is_only_listed(workers: Workers, put: Callable[[bytes], str]) -> None:
    began = time.monotonic()

    found = await workers.ask(listing(put(made_up.zip_bomb()), Content.ZIP), Listed)

    assert [(entry.name, entry.size) for entry in found.entries] == [("zeros.bin", 64 << 20)]
    assert time.monotonic() - began < 5


async def test_a_packed_bomb_is_left_at_the_bound(workers: Workers, put: Callable[[bytes], str]) -> None:
    bomb = made_up.tar_of({"zeros.bin": bytes(archives.UNPACKED_MAX + (64 << 20))}, "w:gz")

    found = await workers.ask(listing(put(bomb), Content.GZIP), Listed)

    assert [entry.name for entry in found.entries] == ["zeros.bin"]
    assert found.truncated


async def test_a_damaged_archive_is_listed_as_far_as_it_goes(
    workers: Workers, put: Callable[[bytes], str]
) -> None:
    content = made_up.tar_of({"a.txt": b"a" * 2000, "b.txt": b"b"})

    found = await workers.ask(listing(put(content[:1500]), Content.TAR), Listed)

    assert [entry.name for entry in found.entries] == ["a.txt"]
    assert found.truncated


async def test_no_process_is_started_before_there_is_a_file(workers: Workers) -> None:
    assert pids(workers) == set()


async def test_a_worker_is_used_again(workers: Workers, put: Callable[[bytes], str]) -> None:
    path = put(made_up.png())

    await workers.ask(image(path), Inspected)
    first = pids(workers)
    await workers.ask(image(path), Inspected)

    assert pids(workers) == first
    assert len(first) == 1


async def test_a_worker_without_a_job_goes_after_a_while(put: Callable[[bytes], str]) -> None:
    workers = Workers(idle=0.05)
    await workers.ask(image(put(made_up.png())), Inspected)
    (pid,) = pids(workers)

    await gone(pid)

    await workers.ask(image(put(made_up.png())), Inspected)
    await workers.close()


async def test_there_are_never_more_workers_than_allowed(
    workers: Workers, put: Callable[[bytes], str]
) -> None:
    path = put(made_up.png())

    await asyncio.gather(*(workers.ask(image(path), Inspected) for _ in range(20)))

    assert len(pids(workers)) == 2


async def test_a_worker_that_was_killed_meanwhile_is_replaced(
    workers: Workers, put: Callable[[bytes], str]
) -> None:
    path = put(made_up.png())
    await workers.ask(image(path), Inspected)
    (pid,) = pids(workers)

    os.kill(pid, signal.SIGKILL)
    found = await workers.ask(image(path), Inspected)

    assert found.thumbnail
    assert pid not in pids(workers)


async def test_beyond_a_bound_nobody_waits_for_a_worker(
    one_worker: Workers, tmp_path: Path, put: Callable[[bytes], str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    workers, good = one_worker, put(made_up.png())
    stuck = asyncio.create_task(workers.ask(image(str(tmp_path / "pipe")), Inspected, patience=1))
    waiting = [asyncio.create_task(workers.ask(image(good), Inspected)) for _ in range(4)]
    await asyncio.sleep(0)

    with pytest.raises(Busy):
        await workers.ask(image(good), Inspected)

    assert all(found.thumbnail for found in await asyncio.gather(*waiting))
    with pytest.raises(CannotRender):
        await stuck


async def test_who_is_waited_for_goes_first_and_who_left_is_passed_over(
    one_worker: Workers, tmp_path: Path, put: Callable[[bytes], str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    workers, order, good = one_worker, list[str](), put(made_up.png())

    async def ask(name: str, *, urgent: bool) -> None:
        await workers.ask(image(good), Inspected, urgent=urgent)
        order.append(name)

    stuck = asyncio.create_task(workers.ask(image(str(tmp_path / "pipe")), Inspected, patience=0.5))
    await asyncio.sleep(0)
    waiting = [
        asyncio.create_task(ask(name, urgent=urgent))
        for name, urgent in [("later", False), ("left", True), ("now", True), ("last", False)]
    ]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.gather(stuck, *waiting, return_exceptions=True)

    assert order == ["now", "later", "last"]


async def test_a_worker_holds_no_file_of_the_server(
    workers: Workers, put: Callable[[bytes], str], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("told to nobody")
    with secret.open() as held:
        os.set_inheritable(held.fileno(), True)
        await workers.ask(image(put(made_up.png())), Inspected)

    (pid,) = pids(workers)
    links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    assert not any(str(tmp_path) in link for link in links)


async def test_a_worker_may_not_compute_longer_than_its_job_may_take(
    workers: Workers, put: Callable[[bytes], str]
) -> None:
    await workers.ask(image(put(made_up.png())), Inspected, patience=7)

    (pid,) = pids(workers)
    (line,) = [
        row for row in Path(f"/proc/{pid}/limits").read_text().splitlines() if row.startswith("Max cpu time")
    ]
    assert 7 <= int(line.split()[3]) <= 10


async def test_a_file_that_takes_too_long_costs_only_its_own_worker(
    workers: Workers, tmp_path: Path, put: Callable[[bytes], str]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    good = put(made_up.png())

    slow = asyncio.create_task(workers.ask(image(str(pipe)), Inspected, patience=0.5))
    others = await asyncio.gather(*(workers.ask(image(good), Inspected) for _ in range(10)))

    assert all(found.thumbnail for found in others)
    with pytest.raises(CannotRender):
        await slow
    assert (await workers.ask(image(good), Inspected)).thumbnail


async def test_who_leaves_takes_the_worker_along(
    workers: Workers, tmp_path: Path, put: Callable[[bytes], str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    task = asyncio.create_task(workers.ask(image(str(tmp_path / "pipe")), Inspected))
    while not pids(workers):
        await asyncio.sleep(0.01)
    (pid,) = pids(workers)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not is_running(pid)
    assert (await workers.ask(image(put(made_up.png())), Inspected)).thumbnail


async def test_closing_in_the_moment_of_a_start_leaves_no_process(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    workers, before = Workers(), children()
    tasks = [asyncio.create_task(workers.ask(image(str(tmp_path / "pipe")), Inspected)) for _ in range(2)]
    await asyncio.sleep(0)
    tasks[1].cancel()

    await workers.close()

    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in found] == [CannotRender, asyncio.CancelledError]
    assert children() <= before


async def test_closing_does_not_wait_for_a_job(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    workers = Workers()
    task = asyncio.create_task(workers.ask(image(str(tmp_path / "pipe")), Inspected))
    while not pids(workers):
        await asyncio.sleep(0.01)
    (pid,) = pids(workers)

    began = time.monotonic()
    await workers.close()

    assert time.monotonic() - began < 1
    assert not is_running(pid)
    with pytest.raises(CannotRender):
        await task


async def test_a_worker_knows_none_of_our_secrets(
    workers: Workers, put: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICEDESK_SECRET_KEY", "told-to-nobody")

    await workers.ask(image(put(made_up.png())), Inspected)
    (pid,) = pids(workers)

    assert b"told-to-nobody" not in Path(f"/proc/{pid}/environ").read_bytes()
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert f"Max address space         {errands.MEMORY_MAX}" in limits


@pytest.mark.parametrize("at_work", [False, True])
async def test_workers_die_with_a_server_that_is_killed(
    tmp_path: Path, put: Callable[[bytes], str], at_work: bool
) -> None:
    os.mkfifo(tmp_path / "pipe")
    server = textwrap.dedent(
        """
        import asyncio, sys
        from servicedesk.domain.files import Content
        from servicedesk.media.jobs import Inspect, Inspected
        from servicedesk.media.workers import Workers

        async def main(path, pipe):
            workers = Workers()
            await workers.ask(Inspect(path, content=Content.PNG, max_pixels=10**7), Inspected)
            print(*(worker._process.pid for worker in workers._all), flush=True)
            if pipe:
                await workers.ask(Inspect(pipe, content=Content.PNG, max_pixels=10**7), Inspected)
            await asyncio.sleep(60)

        asyncio.run(main(*sys.argv[1:]))
        """
    )
    arguments = [put(made_up.png()), str(tmp_path / "pipe") if at_work else ""]
    with subprocess.Popen([sys.executable, "-c", server, *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(await asyncio.to_thread(process.stdout.readline))
        assert is_running(pid)
        process.kill()

    await gone(pid)


async def test_a_large_image_leaves_the_loop_free(workers: Workers, put: Callable[[bytes], str]) -> None:
    content = made_up.picture("JPEG", 7000, 5000)
    assert len(content) > 10_000_000
    path = put(content)

    async with watched_loop() as longest_stall:
        found = await workers.ask(image(path, Content.JPEG), Inspected)

    assert found.thumbnail
    assert longest_stall() < 0.05


def test_the_server_itself_knows_no_decoder() -> None:
    code = (
        "import sys, servicedesk.app;"
        "no = {'PIL', 'pypdfium2', 'filetype', 'pygments', 'charset_normalizer', 'xml.parsers.expat'};"
        "no |= {f'servicedesk.media.{name}' for name in"
        " ('render', 'pictures', 'archives', 'documents', 'mail', 'source')};"
        "print(*no & set(sys.modules))"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == ""
