"""The scrub: every byte is read again, and what is damaged or lost is named, beside a desk that works."""

import asyncio
import json
import os
import stat
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from servicedesk.domain.times import DAY
from servicedesk.media.proof import mark_of
from servicedesk.web import sweeps
from servicedesk.web.files import MEDIA
from servicedesk.web.sweeps import SCRUBBER, next_night
from tests.programs import run, serving
from tests.served import Client, Desk
from tests.stalls import watched_loop
from tests.web.forms import upload


class Shelf:
    """A ticket with files on it."""

    def __init__(self, desk: Desk, ada: Client, ticket: Any) -> None:
        self.desk = desk
        self.ada = ada
        self.ticket = ticket

    async def file(self, name: str, content: bytes) -> Any:
        answer = await upload(self.ada, self.ticket["id"], name, content)
        assert answer.status == 201, answer.body
        return answer.body

    def blob(self, file: Any) -> Path:
        return self.desk.app[MEDIA].blobs.path(file["sha256"])

    async def scrub(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command as a process of its own."""
        return await asyncio.to_thread(
            run, "scrub", "--data-dir", self.desk.settings.data_dir, *arguments, ENV="testing"
        )


@pytest.fixture
async def shelf(desk: Desk) -> Shelf:
    ada = await desk.customer(name="Ada")
    return Shelf(desk, ada, await ada.ticket())


async def test_a_sound_desk_is_told_to_be_sound(shelf: Shelf) -> None:
    await shelf.file("a.txt", b"same")
    await shelf.file("b.txt", b"same")
    await shelf.file("c.txt", b"other")

    done = await shelf.scrub()

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Read 3 files, 2 contents, 9 bytes in ")
    assert done.stdout.endswith(" s: all sound, 0 orphans.\n")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(b"01234X6789"), "does not have the bytes any more that came in"),
        (lambda path: path.write_bytes(b"0123"), "has 4 bytes instead of 10"),
        (lambda path: path.unlink(), "is lost"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot be opened: Is a directory"),
    ],
)
async def test_what_is_damaged_is_named_with_its_tickets_and_names(
    shelf: Shelf, damage: Any, words: str
) -> None:
    files = [await shelf.file(name, b"0123456789") for name in ("a.txt", "b ü.log")]
    await shelf.file("c.txt", b"sound")
    damage(shelf.blob(files[0]))

    done = await shelf.scrub()

    assert (done.returncode, done.stderr) == (1, "")
    *lines, summary = done.stdout.splitlines()
    reference, path = shelf.ticket["reference"], shelf.blob(files[0])
    assert sorted(lines) == sorted(
        f"damaged  {reference}  {file['filename']}  (file {file['id']}): {path} {words}" for file in files
    )
    assert summary.endswith(": 2 files damaged or lost, 0 orphans.")


async def test_a_row_with_another_size_is_damage(shelf: Shelf) -> None:
    file, twin = await shelf.file("a.txt", b"0123456789"), await shelf.file("b.txt", b"0123456789")

    await shelf.desk.db.write(lambda tx: tx.execute("UPDATE files SET size = 11 WHERE id = ?", (twin["id"],)))
    assert "is said to have 10 and 11 bytes" in (await shelf.scrub()).stdout

    await shelf.desk.db.write(lambda tx: tx.execute("UPDATE files SET size = 11 WHERE id = ?", (file["id"],)))
    done = await shelf.scrub()
    assert done.returncode == 1
    assert "has 10 bytes instead of 11" in done.stdout


async def test_an_orphan_is_told_with_its_age_and_is_no_damage_while_it_is_sound(shelf: Shelf) -> None:
    file = await shelf.file("a.txt", b"0123456789")
    path = shelf.blob(file)
    await shelf.desk.db.write(lambda tx: tx.execute("DELETE FROM files"))
    week_ago = path.stat().st_mtime - 7 * 86_400
    os.utime(path, (week_ago, week_ago))

    done = await shelf.scrub()
    assert done.returncode == 0
    assert f"orphan   {file['sha256']}  10 bytes, 7 days old\n" in done.stdout

    path.write_bytes(b"01234X6789")
    done = await shelf.scrub()
    assert done.returncode == 1
    assert f"damaged  no file's  {path} does not have the bytes" in done.stdout


async def test_the_report_is_a_document_as_well(shelf: Shelf) -> None:
    file = await shelf.file("a.txt", b"0123456789")
    shelf.blob(file).unlink()

    done = await shelf.scrub("--json")

    report = json.loads(done.stdout)
    assert report.pop("seconds") >= 0
    assert report == {
        "is_sound": False,
        "files": 1,
        "contents": 1,
        "bytes": 10,
        "damaged": [
            {
                "sha256": file["sha256"],
                "path": str(shelf.blob(file)),
                "what": "is lost",
                "files": [{"id": file["id"], "ticket": shelf.ticket["reference"], "filename": "a.txt"}],
            }
        ],
        "orphans": [],
    }
    assert done.returncode == 1


def test_it_runs_beside_a_server_and_without_one(tmp_path: Path) -> None:
    with serving("--data-dir", tmp_path):
        beside = run("scrub", "--data-dir", tmp_path)

    without = run("scrub", "--data-dir", tmp_path)

    for done in (beside, without):
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Read 0 files")
    # What SQLite lays beside the database for its readers is nobody else's, and does not hinder the next start.
    for path in tmp_path.glob("servicedesk.db*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with serving("--data-dir", tmp_path) as server:
        assert server.url


def test_a_folder_without_a_desk_is_said_to_be_none(tmp_path: Path) -> None:
    done = run("scrub", "--data-dir", tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"servicedesk: There is no desk in the folder {tmp_path}.\n"
    assert list(tmp_path.iterdir()) == []

    (tmp_path / "servicedesk.db").write_bytes(b"no database at all" * 100)
    done = run("scrub", "--data-dir", tmp_path)
    assert done.returncode == 3
    assert "cannot be read" in done.stderr


async def test_the_desk_works_on_while_it_is_scrubbed(shelf: Shelf) -> None:
    for number in range(3):
        await shelf.file(f"{number}.log", b"%d" % number * (20 << 20))

    async with watched_loop() as longest_stall:
        report = await shelf.desk.app[SCRUBBER].scrub()

    assert (report.is_sound, report.bytes) == (True, 60 << 20)
    assert longest_stall() < 0.05


async def test_a_scrub_ends_with_the_desk(shelf: Shelf) -> None:
    await shelf.file("a.log", b"x" * (20 << 20))
    scrubber = shelf.desk.app[SCRUBBER]

    scrubbing = asyncio.create_task(scrubber.scrub())
    await asyncio.sleep(0)
    scrubber.close()

    with pytest.raises(sweeps._Stopped):
        await scrubbing


async def test_what_the_disk_damaged_behind_our_back_is_not_served_after_the_scrub(shelf: Shelf) -> None:
    file = await shelf.file("a.txt", b"0123456789")
    blobs, path = shelf.desk.app[MEDIA].blobs, shelf.blob(file)
    path.write_bytes(b"01234X6789")
    blobs._trust(file["sha256"], mark_of(path))  # as if nobody had touched it

    await shelf.desk.app[SCRUBBER].scrub()

    assert (await shelf.ada.get(file["download_url"])).status == 404


@pytest.mark.parametrize(
    ("now", "night"),
    [
        ("2026-11-23 02:59:59", "2026-11-23 03:00:00"),
        ("2026-11-23 03:00:00", "2026-11-24 03:00:00"),
        ("2026-11-23 17:30:00", "2026-11-24 03:00:00"),
        ("2026-12-31 23:00:00", "2027-01-01 03:00:00"),
    ],
)
def test_the_scrub_comes_at_its_hour_of_the_night(now: str, night: str) -> None:
    assert next_night(datetime.fromisoformat(now)) == datetime.fromisoformat(night)


async def test_the_scrub_comes_by_itself_and_is_seen_in_the_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "LOOK_EVERY", 0.01)
    async with Desk(tmp_path) as desk:
        ada = await desk.customer()
        shelf = Shelf(desk, ada, await ada.ticket())
        shelf.blob(await shelf.file("a.txt", b"0123456789")).unlink()
        assert (await numbers(desk))["files_scrubbed_timestamp_seconds"] == 0

        desk.clock.advance(DAY)

        async with asyncio.timeout(10):
            while not (found := await numbers(desk))["files_scrubbed_timestamp_seconds"]:
                await asyncio.sleep(0.01)
        assert found["files_damaged"] == 1
        assert found["files_scrubbed_timestamp_seconds"] == desk.clock() / 1000
        assert found["files_scrub_duration_seconds"] > 0


async def numbers(desk: Desk) -> dict[str, float]:
    """Return what the metrics say about files."""
    async with desk.session().get("/metrics") as answer:
        lines = (await answer.text()).splitlines()
    pairs = [
        line.removeprefix("servicedesk_").split() for line in lines if line.startswith("servicedesk_files")
    ]
    return {name: float(value) for name, value in pairs}
