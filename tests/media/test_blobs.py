"""Bytes on disk, each content once."""

import asyncio
import errno
import hashlib
import os
import resource
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from servicedesk.domain.errors import Busy, UploadStorageFull
from servicedesk.media import proof
from servicedesk.media.blobs import ORPHAN_AGE, PIECE, Blobs, Draft
from servicedesk.media.proof import Damaged, require_sound
from tests.stalls import watched_loop


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    found = Blobs(tmp_path)
    found.prepare()
    return found


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def nothing() -> None:
    return None


def never(_: str) -> bool:
    return False


async def put(blobs: Blobs, content: bytes) -> str:
    async with blobs.draft() as draft:
        await draft.write(content)
        await blobs.place(draft, nothing)
    return hashlib.sha256(content).hexdigest()


async def read(blobs: Blobs, sha256: str, size: int) -> bytes:
    with await blobs.open(sha256, size) as file:
        return file.read()


async def test_bytes_are_kept_under_their_hash(blobs: Blobs, tmp_path: Path) -> None:
    content = os.urandom(3 * PIECE + 17)

    async with blobs.draft() as draft:
        for at in range(0, len(content), 50_000):
            await draft.write(content[at : at + 50_000])
        await blobs.place(draft, nothing)

    sha256 = hashlib.sha256(content).hexdigest()
    assert (draft.sha256, draft.size) == (sha256, len(content))
    assert files_in(tmp_path) == [tmp_path / "blobs" / sha256[:2] / sha256[2:4] / sha256]
    assert await read(blobs, sha256, len(content)) == content


async def test_every_folder_on_the_way_is_brought_to_the_disk_and_a_known_one_not_again(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    opened: dict[int, str] = {}
    open_, fsync = os.open, os.fsync

    def opening(path: str | Path, *options: int) -> int:
        opened[number := open_(path, *options)] = str(path)
        return number

    def syncing(number: int) -> None:
        fsync(number)
        synced.append(Path(opened[number]))

    monkeypatch.setattr(os, "open", opening)
    monkeypatch.setattr(os, "fsync", syncing)

    sha256 = await put(blobs, b"same")
    first, again = synced.copy(), len(synced)
    await put(blobs, b"same")

    place = tmp_path / "blobs" / sha256[:2] / sha256[2:4]
    assert first[0].parent == tmp_path / "tmp"
    assert first[1:] == [place, *list(place.parents)[:3]]
    assert [path for path in synced[again:] if path.parent != tmp_path / "tmp"] == [place]


async def test_the_same_bytes_are_kept_once(blobs: Blobs, tmp_path: Path) -> None:
    assert await put(blobs, b"same") == await put(blobs, b"same")

    assert len(files_in(tmp_path)) == 1


async def test_an_upload_of_the_same_bytes_mends_damaged_ones(blobs: Blobs) -> None:
    sha256 = await put(blobs, b"sound")
    blobs.path(sha256).write_bytes(b"s0und")

    with pytest.raises(Damaged):
        await blobs.open(sha256, 5)
    await put(blobs, b"sound")
    assert await read(blobs, sha256, 5) == b"sound"


@pytest.mark.parametrize("damage", [b"s0und", b"sound and more", b"sou", b""])
async def test_damaged_bytes_are_not_opened(blobs: Blobs, damage: bytes) -> None:
    sha256 = await put(blobs, b"sound")
    assert await read(blobs, sha256, 5) == b"sound"

    blobs.path(sha256).write_bytes(damage)

    with pytest.raises(Damaged):
        await blobs.open(sha256, 5)


async def test_bytes_are_proven_once_and_again_when_somebody_touched_or_doubts_them(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256, proofs = await put(blobs, b"sound"), []

    def prove(file: BinaryIO, sha256: str) -> None:
        proofs.append(sha256)
        require_sound(file, sha256)

    monkeypatch.setattr(proof, "require_sound", prove)
    await read(blobs, sha256, 5)
    assert proofs == []

    again = Blobs(blobs.path(sha256).parents[3])
    await asyncio.gather(*(read(again, sha256, 5) for _ in range(5)))
    assert len(proofs) == 1

    os.utime(blobs.path(sha256))
    await read(again, sha256, 5)
    await read(again, sha256, 5)
    assert len(proofs) == 2

    again.doubt(sha256)
    await read(again, sha256, 5)
    assert len(proofs) == 3


async def test_what_is_remembered_of_sound_bytes_is_bounded(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicedesk.media.blobs.KNOWN_SOUND", 3)

    hashes = [await put(blobs, b"%d" % number) for number in range(5)]

    assert list(blobs._sound) == hashes[-3:]


async def test_a_damaged_picture_is_as_good_as_none(blobs: Blobs, tmp_path: Path) -> None:
    await blobs.keep_picture("ab" * 32, "thumbnail", b"small")
    (path,) = files_in(tmp_path)
    kept = path.read_bytes()

    for damaged in (b"smell" + kept[5:], kept[:-1], b"small", b""):
        path.write_bytes(damaged)
        assert await blobs.picture("ab" * 32, "thumbnail") is None
    path.write_bytes(kept)
    assert await blobs.picture("ab" * 32, "thumbnail") == b"small"


async def test_a_broken_upload_leaves_nothing_behind(blobs: Blobs, tmp_path: Path) -> None:
    async def upload() -> None:
        async with blobs.draft() as draft:
            await draft.write(bytes(2 * PIECE))
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await upload()

    assert files_in(tmp_path) == []


async def test_an_upload_that_a_crash_cut_is_gone_after_the_next_start(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "tmp" / "upload-0123").write_bytes(b"half")

    blobs.prepare()

    assert files_in(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
async def test_a_full_disk_is_said_in_the_words_of_the_desk(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(code, "full")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(UploadStorageFull):
        await put(blobs, b"too much")
    assert files_in(tmp_path) == []


async def test_bytes_that_nothing_names_go_with_their_pictures(blobs: Blobs, tmp_path: Path) -> None:
    sha256 = await put(blobs, b"picture")
    await blobs.keep_picture(sha256, "thumbnail", b"small")
    assert await blobs.picture(sha256, "thumbnail") == b"small"

    assert not await blobs.remove(sha256, lambda _: True)
    assert await blobs.picture(sha256, "thumbnail") == b"small"

    assert await blobs.remove(sha256, never)
    assert files_in(tmp_path) == []
    assert await blobs.picture(sha256, "thumbnail") is None


async def test_a_removal_waits_for_an_upload_of_the_same_bytes_and_then_finds_them_named(
    blobs: Blobs,
) -> None:
    sha256 = await put(blobs, b"shared")
    named, placed, go_on = set[str](), asyncio.Event(), asyncio.Event()

    async def name() -> None:
        placed.set()
        await go_on.wait()
        named.add(sha256)

    async with blobs.draft() as draft:
        await draft.write(b"shared")
        upload = asyncio.create_task(blobs.place(draft, name))
        await placed.wait()
        removal = asyncio.create_task(blobs.remove(sha256, named.__contains__))
        go_on.set()
        await upload

    assert not await removal
    assert blobs.path(sha256).exists()


async def test_an_upload_waits_for_a_removal_of_the_same_bytes_and_then_puts_them_there_again(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = await put(blobs, b"shared")
    asked = asyncio.Event()

    def is_named(_: str) -> bool:
        asked.set()
        return False

    removal = asyncio.create_task(blobs.remove(sha256, is_named))
    await asked.wait()
    await put(blobs, b"shared")

    assert await removal
    assert blobs.path(sha256).exists()


async def test_who_leaves_while_bytes_are_placed_does_not_tear_them_from_their_name(blobs: Blobs) -> None:
    placed, go_on, named = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def name() -> None:
        placed.set()
        await go_on.wait()
        named.set()

    async def upload() -> None:
        async with blobs.draft() as draft:
            await draft.write(b"mine")
            await blobs.place(draft, name)

    task = asyncio.create_task(upload())
    await placed.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    sha256 = hashlib.sha256(b"mine").hexdigest()
    removal = asyncio.create_task(blobs.remove(sha256, lambda _: named.is_set()))
    go_on.set()

    assert not await removal
    assert blobs.path(sha256).exists()


async def test_only_bytes_of_yesterday_can_be_orphans(blobs: Blobs) -> None:
    sha256 = await put(blobs, b"fresh")

    assert await blobs.old() == []
    assert await blobs.old(time.time() + ORPHAN_AGE + 60) == [sha256]


async def test_a_picture_whose_bytes_are_gone_goes_too(blobs: Blobs, tmp_path: Path) -> None:
    sha256 = await put(blobs, b"kept")
    await blobs.keep_picture(sha256, "thumbnail", b"kept")
    await blobs.keep_picture("00" * 32, "thumbnail", b"stray")

    await blobs.drop_stray_pictures()

    assert sorted(path.name[:64] for path in files_in(tmp_path)) == sorted([sha256, sha256])


async def test_taking_bytes_leaves_the_loop_free(blobs: Blobs) -> None:
    content = os.urandom(1 << 16)

    async with watched_loop() as longest_stall, blobs.draft() as draft:
        for _ in range(25 << 4):
            await draft.write(content)
        await blobs.place(draft, nothing)

    assert draft.size == 25 << 20
    assert longest_stall() < 0.05


async def test_nobody_else_can_read_what_was_uploaded(blobs: Blobs) -> None:
    sha256 = await put(blobs, b"secret")

    assert blobs.path(sha256).stat().st_mode & 0o077 == 0


def test_a_draft_that_nothing_was_written_to_needs_no_file(tmp_path: Path) -> None:
    draft = Draft(tmp_path / "none")
    draft._drop()

    assert files_in(tmp_path) == []


async def test_a_desk_without_a_free_descriptor_calls_no_file_damaged(blobs: Blobs) -> None:
    sha256 = await put(blobs, b"hello")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(Busy):
            await blobs.open(sha256, 5)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    with await blobs.open(sha256, 5) as file:
        assert file.read() == b"hello"
