"""Bytes on disk, each content once, under its own SHA-256. Names never touch the disk."""

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TypeVar
from weakref import WeakValueDictionary

from servicedesk.domain.errors import UploadStorageFull
from servicedesk.media import proof
from servicedesk.media.proof import Mark

T = TypeVar("T")

PIECE: Final = 1 << 18
"""Bytes that are written, hashed or read in one go on a thread."""
SYNCING: Final = 4
"""Uploads that are brought to the disk at a time."""
ORPHAN_AGE: Final = 24 * 3600.0
"""Seconds for which bytes that no file names are kept: their row may still be on its way."""
HOT: Final = 30.0
"""Seconds in which the system still knows where bytes are that were open: to open them again then needs no thread."""
KNOWN_SOUND: Final = 10_000
"""Contents of which is remembered that they were read and found sound."""
_HASH: Final = re.compile(r"[0-9a-f]{64}")


class Draft:
    """A file that is coming in. It is gone at the end of :meth:`Blobs.draft`, unless it was placed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.is_over = False
        """Whether nothing is left of it to be removed."""
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._waiting: list[bytes] = []
        self._waiting_size = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes. Raises UploadStorageFull."""
        self.size += len(chunk)
        self._waiting.append(chunk)
        self._waiting_size += len(chunk)
        if self._waiting_size >= PIECE:
            await self.flush()

    async def flush(self) -> None:
        """Bring what was taken into the file, so that it can be looked at under :attr:`path`."""
        if self._waiting or self._file is None:
            chunks, self._waiting, self._waiting_size = self._waiting, [], 0
            await asyncio.to_thread(self._append, chunks)

    def _append(self, chunks: Collection[bytes]) -> None:
        with full_disk():
            if self._file is None:
                number = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                self._file = os.fdopen(number, "wb", 0)
            for chunk in chunks:
                self._hash.update(chunk)
                rest = memoryview(chunk)
                while rest:
                    rest = rest[self._file.write(rest) :]

    def _settle(self, target: Path, folders: "_Folders") -> None:
        """Give the bytes their lasting place; the same bytes there, sound or not, are replaced."""
        assert self._file is not None
        with full_disk():
            # Made before the bytes are synced, which on most file systems brings new folders to the disk as well.
            folders.make(target.parent)
            os.fsync(self._file.fileno())
            os.replace(self._leaving(), target)
            folders.sync(target.parent)
        self._settled()

    def _settled(self) -> None:
        """Let go of what has its lasting place, since nothing is left here."""
        self._let_go()
        self.is_over = True

    def _let_go(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _leaving(self) -> Path:
        """Return what is moved to the lasting place."""
        return self.path

    def _drop(self) -> None:
        self._let_go()
        self.path.unlink(missing_ok=True)


class _Sound(NamedTuple):
    """What bytes looked like when they were found sound, and when they were last open."""

    mark: Mark
    at: float


class Blobs:
    """The bytes of all files, in ``blobs``, with the pictures made of them, in ``pictures``.

    One process owns the folder. Placing bytes together with what names them, and removing bytes that nothing names
    any more, take turns for each content: an upload of the same bytes cannot lose them to a removal.
    """

    def __init__(self, folder: Path) -> None:
        self._blobs = folder / "blobs"
        self._pictures = folder / "pictures"
        self._tmp = folder / "tmp"
        self._folders = _Folders(folder)
        # Of their own: whoever waits for the disk here keeps none of the threads from all others.
        self._syncing = ThreadPoolExecutor(SYNCING, "sync")
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._sound: OrderedDict[str, _Sound] = OrderedDict()

    def prepare(self) -> None:
        """Make the folders, and drop what broken uploads of an earlier run left behind."""
        for folder in (self._blobs, self._pictures, self._tmp):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._tmp.iterdir():
            if left.is_file():
                left.unlink(missing_ok=True)

    def close(self) -> None:
        self._syncing.shutdown(wait=False)

    @contextlib.asynccontextmanager
    async def draft(self) -> AsyncIterator[Draft]:
        """Open a place for bytes that come in; whatever happens, it is empty afterwards."""
        draft = Draft(self._tmp / f"upload-{secrets.token_hex(16)}")
        try:
            yield draft
        finally:
            if not draft.is_over:
                await asyncio.shield(asyncio.to_thread(draft._drop))

    async def place(self, draft: Draft, name: Callable[[], Awaitable[T]]) -> T:
        """Make the draft's bytes last through a power cut, then have ``name`` write down whose they are.

        Goes on to its end when the caller is cancelled: half of it would leave a name without bytes.
        """
        return await asyncio.shield(asyncio.ensure_future(self._place(draft, name)))

    async def _place(self, draft: Draft, name: Callable[[], Awaitable[T]]) -> T:
        await draft.flush()
        async with self._turn(draft.sha256):
            loop = asyncio.get_running_loop()
            self._trust(draft.sha256, await loop.run_in_executor(self._syncing, self._settle, draft))
            return await name()

    def _settle(self, draft: Draft) -> Mark:
        target = self.path(draft.sha256)
        draft._settle(target, self._folders)
        return proof.mark_of(target)

    async def remove(self, sha256: str, is_named: Callable[[str], bool]) -> bool:
        """Remove bytes and their pictures unless something names them after all; return whether they went."""
        return await asyncio.shield(asyncio.ensure_future(self._remove(sha256, is_named)))

    async def _remove(self, sha256: str, is_named: Callable[[str], bool]) -> bool:
        async with self._turn(sha256):
            if is_named(sha256):
                return False
            await asyncio.to_thread(self._unlink, sha256)
            return True

    def _unlink(self, sha256: str) -> None:
        self.path(sha256).unlink(missing_ok=True)
        for picture in self._picture_folder(sha256).glob(f"{sha256}.*"):
            picture.unlink(missing_ok=True)

    def _turn(self, sha256: str) -> asyncio.Lock:
        return self._turns.setdefault(sha256, asyncio.Lock())

    def path(self, sha256: str) -> Path:
        """Return where the bytes of this hash are, or would be."""
        return self._blobs / sha256[:2] / sha256[2:4] / sha256

    async def open(self, sha256: str, size: int) -> BinaryIO:
        """Open the bytes for reading; what was not read since somebody touched it is read and hashed first.

        Raises FileNotFoundError, and Damaged for what are no longer the bytes that came in.
        """
        known = self._sound.get(sha256)
        if known is not None and time.monotonic() - known.at < HOT:
            file, mark = proof.opened(self.path(sha256), size)
        else:
            file, mark = await asyncio.to_thread(proof.opened, self.path(sha256), size)
        try:
            if known is None or known.mark != mark:
                await self._prove(sha256, file, mark)
            else:
                self._trust(sha256, mark)
        except BaseException:
            file.close()
            raise
        return file

    async def _prove(self, sha256: str, file: BinaryIO, mark: Mark) -> None:
        async with self._turn(sha256):  # of several who ask at once one reads for all
            known = self._sound.get(sha256)
            if known is None or known.mark != mark:
                await asyncio.to_thread(proof.require_sound, file, sha256)
                self._trust(sha256, mark)

    def _trust(self, sha256: str, mark: Mark) -> None:
        self._sound[sha256] = _Sound(mark, time.monotonic())
        self._sound.move_to_end(sha256)
        if len(self._sound) > KNOWN_SOUND:
            self._sound.popitem(last=False)

    def doubt(self, sha256: str) -> None:
        """Have the bytes read before they are given out again: the disk may have changed them behind our back."""
        self._sound.pop(sha256, None)

    async def picture(self, sha256: str, name: str) -> bytes | None:
        """Return a picture that was made of these bytes before; one that got damaged is as good as none."""
        return await asyncio.to_thread(_content, self._picture(sha256, name))

    async def keep_picture(self, sha256: str, name: str, content: bytes) -> None:
        """Keep a picture of these bytes. It can be made again, so a full disk or a power cut may take it."""
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._write_picture, sha256, name, content)

    def _write_picture(self, sha256: str, name: str, content: bytes) -> None:
        target = self._picture(sha256, name)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        draft = self._tmp / f"picture-{secrets.token_hex(16)}"
        try:
            draft.write_bytes(proof.sealed(content))
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)

    def _picture_folder(self, sha256: str) -> Path:
        return self._pictures / sha256[:2]

    def _picture(self, sha256: str, name: str) -> Path:
        return self._picture_folder(sha256) / f"{sha256}.{name}.webp"

    async def old(self, now: float | None = None) -> list[str]:
        """Return the hashes of all bytes that have been here for a day: what nothing names of them is orphaned."""
        before = (time.time() if now is None else now) - ORPHAN_AGE
        return await asyncio.to_thread(lambda: [path.name for path in self.all() if age_of(path) < before])

    async def drop_stray_pictures(self) -> None:
        """Remove pictures whose bytes are gone."""
        await asyncio.to_thread(self._drop_stray_pictures)

    def _drop_stray_pictures(self) -> None:
        for picture in self._pictures.glob("*/*.webp"):
            if not self.path(picture.name.partition(".")[0]).exists():
                picture.unlink(missing_ok=True)

    def all(self) -> Iterator[Path]:
        """Yield the path of everything that is kept."""
        for path in self._blobs.glob("*/*/*"):
            if _HASH.fullmatch(path.name):
                yield path


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Say in the desk's words that there is no room. Raises UploadStorageFull."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise UploadStorageFull() from error
        raise


class _Folders:
    """The folders under one folder, and which of them are known to outlive a power cut."""

    def __init__(self, root: Path) -> None:
        self._lasting = {root}

    def make(self, folder: Path) -> None:
        if not folder.is_dir():
            self.make(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)

    def sync(self, folder: Path) -> None:
        """Make what was put into the folder last, and the folder itself, and those above it."""
        sync_folder(folder)
        if folder not in self._lasting:
            # Not only by whom they were made: another upload may rely on them before that one is so far.
            self.sync(folder.parent)
            self._lasting.add(folder)


def sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _content(path: Path) -> bytes | None:
    try:
        return proof.unsealed(path.read_bytes())
    except FileNotFoundError:
        return None


def age_of(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
