"""Bytes that come in over several requests, on a real disk."""

import hashlib
from pathlib import Path

import pytest

from servicedesk.domain.errors import StorageFull
from servicedesk.media.blobs import Blobs
from servicedesk.media.resumable import Partials

NAME = "n" * 32
WHOLE = b"hello, world"


async def test_what_has_come_is_found_again_with_its_hash(tmp_path: Path) -> None:
    for beginning, rest in ((WHOLE[:5], WHOLE[5:]), (WHOLE, b"")):
        partials = Partials(tmp_path)
        partials.prepare()
        async with partials.taken_up(NAME, None) as partial:
            await partial.write(beginning)
            await partial.sync()

        later = Partials(tmp_path)
        for known in (partials, later):
            async with known.taken_up(NAME, None) as partial:
                assert (partial.size, partial.sha256) == (
                    len(beginning),
                    hashlib.sha256(beginning).hexdigest(),
                )
        async with later.taken_up(NAME, None) as partial:
            await partial.write(rest)
            await partial.sync()
            assert partial.sha256 == hashlib.sha256(WHOLE).hexdigest()
        await later.drop(NAME)


async def test_what_is_not_sure_is_cut_off(tmp_path: Path) -> None:
    partials = Partials(tmp_path)
    partials.prepare()
    async with partials.taken_up(NAME, None) as partial:
        await partial.write(b"hello, w0rld")
        await partial.sync()

    async with partials.taken_up(NAME, 5) as partial:
        assert partial.size == 5
        await partial.write(WHOLE[5:])
        await partial.sync()
        assert partial.sha256 == hashlib.sha256(WHOLE).hexdigest()
        assert partial.path.read_bytes() == WHOLE


async def test_bytes_stay_until_somebody_has_named_them(tmp_path: Path) -> None:
    """Whoever dies between the bytes' last place and their name, or finds the disk full there, tries again."""
    partials, blobs = Partials(tmp_path), Blobs(tmp_path)
    partials.prepare()
    blobs.prepare()
    lasting = blobs.path(hashlib.sha256(WHOLE).hexdigest())

    async def unnamed() -> None:
        raise StorageFull

    async def named() -> str:
        return "a name"

    async with partials.taken_up(NAME, None) as partial:
        await partial.write(WHOLE)
        await partial.sync()
        for _ in range(2):
            with pytest.raises(StorageFull):
                await blobs.place(partial, unnamed)
    assert lasting.read_bytes() == WHOLE

    async with Partials(tmp_path).taken_up(NAME, None) as partial:
        assert partial.size == len(WHOLE)
        assert await blobs.place(partial, named) == "a name"
    await partials.drop(NAME)
    assert lasting.read_bytes() == WHOLE
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [lasting.name]
