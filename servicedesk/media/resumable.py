"""Bytes that come in over several requests; they outlive them, and the desk's own restarts."""

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Final

from servicedesk.media.blobs import Draft, age_of, full_disk, sync_folder

UNKNOWN: Final = -1
STRAY_AGE: Final = 24 * 3600.0
"""Seconds for which bytes that belong to no upload are left alone."""


class Partial(Draft):
    """What has come of an upload. Its size is what the disk has; its hash is remembered as long as it fits that."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._hashed = 0

    async def sync(self) -> None:
        """Make what has come last through a power cut. Raises UploadStorageFull."""
        await self.flush()
        await asyncio.to_thread(self._sync)

    def _append(self, chunks: Collection[bytes]) -> None:
        hashed, self._hashed = self._hashed, UNKNOWN  # if it fails in the middle
        super()._append(chunks)
        self._hashed = hashed + sum(map(len, chunks))

    def _sync(self) -> None:
        assert self._file is not None
        with full_disk():
            os.fsync(self._file.fileno())

    def _take_up(self, sure: int | None) -> None:
        """Go by the disk, but not beyond where it is sure."""
        is_new = not self.path.exists()
        number = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(number, "r+b", 0)
        if is_new:
            sync_folder(self.path.parent)
        if sure is not None and os.fstat(number).st_size > sure:
            self._file.truncate(sure)
        self._waiting, self._waiting_size = [], 0
        self.size = os.fstat(number).st_size
        if self.size != self._hashed:
            self._file.seek(0)
            self._hash, self._hashed = hashlib.file_digest(self._file, "sha256"), self.size

    def _leaving(self) -> Path:
        """Keep the bytes here as well until they have a name: a desk that is killed before that finishes the job."""
        twin = _twin(self.path)
        twin.unlink(missing_ok=True)
        try:
            os.link(self.path, twin)
        except OSError:  # not every file system lets a file have two names
            return self.path
        return twin

    def _settled(self) -> None:
        """Stay open: who had it placed still has it, and may have to do so again."""

    def _drop(self) -> None:
        self._let_go()
        _twin(self.path).unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


class Partials:
    """The bytes of all unfinished uploads, in ``partial``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "partial"
        self._known: dict[str, Partial] = {}

    def prepare(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextlib.asynccontextmanager
    async def taken_up(self, name: str, sure: int | None) -> AsyncIterator[Partial]:
        """Open what has come of an upload, to go on with it; what lies beyond ``sure`` is cut off.

        Only one may do so at a time.
        """
        partial = self._known.setdefault(name, Partial(self._folder / name))
        try:
            with full_disk():
                await asyncio.to_thread(partial._take_up, sure)
            yield partial
        finally:
            await asyncio.shield(asyncio.to_thread(partial._let_go))

    async def drop(self, name: str) -> None:
        """Remove what has come of an upload."""
        partial = self._known.pop(name, None) or Partial(self._folder / name)
        await asyncio.shield(asyncio.to_thread(partial._drop))

    async def old(self, now: float | None = None) -> list[str]:
        """Return the names of all that has not grown for a day."""
        before = (time.time() if now is None else now) - STRAY_AGE
        return await asyncio.to_thread(
            lambda: [path.name for path in self._folder.iterdir() if age_of(path) < before]
        )


def _twin(path: Path) -> Path:
    return path.with_name(f"{path.name}.twin")
