"""Backups: one set of the database and all bytes that it names, whole and verified before it gets its name."""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from servicedesk.domain import backups as rules
from servicedesk.domain.backups import DATABASE, MANIFEST, PLAIN, SEAL, Item, Keep, Manifest, blob_path
from servicedesk.domain.times import Instant
from servicedesk.media import vault
from servicedesk.media.blobs import Blobs, sync_folder
from servicedesk.store import snapshot

Pause = Callable[[float], None]

UNFINISHED: Final = ".unfinished-"
LEAVING: Final = ".leaving-"
_LEFT: Final = (UNFINISHED, LEAVING)
_LOCK: Final = ".lock"
_LOOKS: Final = 5
"""How often a backup looks again at a desk on which files were deleted while it looked."""
_SEVERAL: Final = 5
"""Faults that are named; the rest are counted."""
_MANIFEST_MAX: Final = 1 << 30
_IS_LOST: Final = frozenset({errno.ENOENT, errno.EIO, errno.ELOOP, vault.NO_FILE})
"""What reading says of bytes that are gone, in contrast to bytes that cannot be read just now."""


class CannotBackUp(Exception):
    """No backup was made; the text is one line that says why."""


class Unsound(Exception):
    """What is there is no whole backup; the text is one line that says what is wrong with it."""


class Made(msgspec.Struct, frozen=True):
    """A backup that was made, and what went for it."""

    path: str
    manifest: Manifest
    new_bytes: int
    seconds: float
    removed: list[str]

    @property
    def bytes(self) -> int:
        return sum(item.size for item in self.manifest.items)

    @property
    def lines(self) -> Iterator[str]:
        for sha256 in self.manifest.lost:
            yield f"lost     {sha256}: the desk has no sound copy of these bytes; servicedesk scrub names the files"
        for name in self.removed:
            yield f"removed  {name}"
        size = f"{self.bytes} bytes, {self.new_bytes} of them new, in {self.seconds:.1f} s"
        yield f"Backed up {self.manifest.counts} to {self.path}: {size}."


def make(data_dir: Path, place: Path, *, version: str, at: Instant, keep: Keep | None, pause: Pause) -> Made:
    """Make a backup in a folder of its own under ``place``, beside a desk that works or one that does not.

    Everything that was answered before the call is in it. What ``keep`` no longer asks for is removed afterwards.
    Raises CannotBackUp, and Unsound when what was written does not read back.
    """
    began = time.monotonic()
    with _explained(), _alone(place, data_dir):
        clean(place)
        name = _free_name(place, rules.name_at(at))
        work = place / f"{UNFINISHED}{name}"
        work.mkdir(mode=0o700)
        try:
            making = _Making(data_dir, work, newest(place), pause)
            manifest = making.make(version=version, at=at)
            verify(work, pause)
            vault.sync_tree(work)
            work.rename(place / name)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
        sync_folder(place)
        removed = [] if keep is None else prune(place, keep)
    return Made(str(place / name), manifest, making.new_bytes, round(time.monotonic() - began, 3), removed)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise CannotBackUp("There is no room left for the backup.") from error
        where = f" ({error.filename})" if error.filename else ""
        raise CannotBackUp(f"The backup cannot be written: {error.strerror or error}{where}.") from error
    except sqlite3.Error as error:
        raise CannotBackUp(f"The database cannot be read: {error}.") from error
    except snapshot.TooBusy as error:
        raise CannotBackUp(f"The backup was given up: {error}.") from error


@contextlib.contextmanager
def _alone(place: Path, data_dir: Path) -> Iterator[None]:
    """Make the folder if need be, and keep every other backup out of it."""
    if not (data_dir / DATABASE).is_file():
        raise CannotBackUp(f"There is no desk in the folder {data_dir}.")
    own = {data_dir, *(data_dir / name for name in ("blobs", "pictures", "partial", "tmp"))}
    if {place.resolve(), *place.resolve().parents} & {folder.resolve() for folder in own - {data_dir}}:
        raise CannotBackUp(f"{place} is a folder that the desk itself uses.")
    if place.resolve() == data_dir.resolve():
        raise CannotBackUp("A backup needs a folder of its own, best on another disk.")
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = os.open(place / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotBackUp(f"Another backup to {place} is under way.") from None
        yield
    finally:
        os.close(number)


def clean(place: Path) -> None:
    """Remove what backups that were killed left behind; nobody else may be at work there."""
    for left in place.iterdir():
        if left.name.startswith(_LEFT):
            shutil.rmtree(left)


def _free_name(place: Path, name: str) -> str:
    tries = (name, *(f"{name}-{number}" for number in range(2, 10_000)))
    return next(free for free in tries if not (place / free).exists())


def all_in(place: Path) -> list[Path]:
    """Return the backups in a folder, oldest first."""
    try:
        found = [path for path in place.iterdir() if rules.begun(path.name) and (path / MANIFEST).is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(found, key=lambda path: path.name)


def newest(place: Path) -> Path | None:
    return next(reversed(all_in(place)), None)


def prune(place: Path, keep: Keep) -> list[str]:
    """Remove the backups that are no longer kept, and return their names."""
    names = [path.name for path in all_in(place)]
    stay = rules.kept(names, keep)
    gone = [name for name in names if name not in stay]
    for name in gone:
        leaving = place / f"{LEAVING}{name}"
        (place / name).rename(leaving)  # from now on nobody takes what is left of it for a backup
        shutil.rmtree(leaving)
    return gone


class _Making:
    """A backup on its way: the bytes first, then the database, then what came in between."""

    def __init__(self, data_dir: Path, work: Path, previous: Path | None, pause: Pause) -> None:
        self.new_bytes = 0
        self._data_dir = data_dir
        self._database = data_dir / DATABASE
        self._work = work
        self._previous = previous
        self._pause = pause
        self._blobs = Blobs(data_dir)
        self._items: dict[str, Item] = {}

    def make(self, *, version: str, at: Instant) -> Manifest:
        try:
            return self._make(version, at)
        finally:
            self._blobs.close()

    def _make(self, version: str, at: Instant) -> Manifest:
        (self._work / "blobs").mkdir(mode=0o700)
        # Before the database is copied, so that what is deleted from now on is here all the same.
        for path in self._blobs.all():
            self._take(path.name)
        named, lost = self._database_and_bytes()
        for sha256 in self._items.keys() - named:
            (self._work / self._items.pop(sha256).path).unlink()
        items = [*self._plain(), *(self._items[sha256] for sha256 in sorted(self._items))]
        with snapshot.at_rest(self._work / DATABASE) as conn:
            manifest = Manifest(
                version=version,
                schema=snapshot.schema(conn),
                at=at,
                counts=snapshot.counts(conn),
                lost=lost,
                items=items,
            )
        self._seal(manifest)
        return manifest

    def _database_and_bytes(self) -> tuple[set[str], list[str]]:
        """Copy the database and what bytes it names beyond those that are here; return them, and what is lost."""
        for look in range(_LOOKS):
            copy = self._work / DATABASE
            copy.unlink(missing_ok=True)
            snapshot.take(self._database, copy, self._pause)
            with snapshot.at_rest(copy) as conn:
                named = {sha256 for sha256, _ in snapshot.contents(conn)}
            missing = sorted(sha256 for sha256 in named if not self._take(sha256))
            lost = [sha256 for sha256 in missing if snapshot.still_named(self._database, sha256)]
            if lost == missing or look == _LOOKS - 1:
                break
            # Somebody deleted a file that had just come: the database is looked at again.
        return named, missing

    def _take(self, sha256: str) -> bool:
        """Have the bytes in the backup; return whether there were sound ones."""
        if sha256 in self._items:
            return True
        path = blob_path(sha256)
        target = self._work / path
        target.parent.mkdir(mode=0o700, exist_ok=True)
        size = self._shared(path, target, sha256)
        if size is None:
            size = self._copied(target, sha256)
        if size is None:
            return False
        self._items[sha256] = Item(path, size, sha256)
        return True

    def _shared(self, path: str, target: Path, sha256: str) -> int | None:
        if self._previous is None or not vault.share(self._previous / path, target):
            return None
        return self._if_sound(target, sha256, lambda: vault.look(target, self._pause))

    def _copied(self, target: Path, sha256: str) -> int | None:
        size = self._if_sound(
            target, sha256, lambda: vault.copy(self._blobs.path(sha256), target, self._pause)
        )
        self.new_bytes += size or 0
        return size

    @staticmethod
    def _if_sound(target: Path, sha256: str, read: Callable[[], vault.Bytes]) -> int | None:
        try:
            found = read()
        except OSError as error:
            if error.errno not in _IS_LOST:
                raise
            found = None
        if found is not None and found.sha256 == sha256:
            return found.size
        target.unlink(missing_ok=True)
        return None

    def _plain(self) -> Iterator[Item]:
        for name in PLAIN:
            if name == DATABASE:
                found = vault.look(self._work / name, self._pause)
            elif (self._data_dir / name).is_file():
                found = vault.copy((self._data_dir / name).resolve(), self._work / name, self._pause)
            else:
                continue
            self.new_bytes += found.size
            yield Item(name, found.size, found.sha256)

    def _seal(self, manifest: Manifest) -> None:
        text = msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"
        vault.write(self._work / MANIFEST, text)
        vault.write(self._work / SEAL, _sealed(text))


def _sealed(text: bytes) -> bytes:
    """Return the line that ``sha256sum`` writes and checks."""
    return f"{hashlib.sha256(text).hexdigest()}  {MANIFEST}\n".encode()


# Verifying ---------------------------------------------------------


def verify(backup: Path, pause: Pause) -> Manifest:
    """Read all of a backup and return what is in it; nothing is changed. Raises Unsound, Unusable for a newer one."""
    manifest = read_manifest(backup)
    faults = [fault for item in manifest.items if (fault := _fault(backup, item, pause))]
    if not faults:
        faults = list(_of_the_database(backup, manifest))
    if faults:
        more = f", and {len(faults) - _SEVERAL} more" if len(faults) > _SEVERAL else ""
        raise Unsound(f"The backup {backup} is damaged: {'; '.join(faults[:_SEVERAL])}{more}.")
    return manifest


def read_manifest(backup: Path) -> Manifest:
    """Return what a backup says of itself, when that is what was written. Raises Unsound."""
    text, seal = _content(backup, MANIFEST), _content(backup, SEAL)
    if seal != _sealed(text):
        raise Unsound(f"The backup {backup} is damaged: {MANIFEST} is not what {SEAL} says.")
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unsound(f"The backup {backup} is damaged: {MANIFEST} cannot be read: {error}.") from None
    paths = [item.path for item in manifest.items]
    if manifest.format != rules.FORMAT:
        raise Unsound(
            f"The backup {backup} has the format {manifest.format}, this program knows {rules.FORMAT}."
        )
    if (
        not all(item.is_allowed for item in manifest.items)
        or len(set(paths)) < len(paths)
        or DATABASE not in paths
    ):
        raise Unsound(f"The backup {backup} is damaged: {MANIFEST} lists what a backup cannot have.")
    return manifest


def _content(backup: Path, name: str) -> bytes:
    path = backup / name
    try:
        if path.is_symlink() or path.stat().st_size > _MANIFEST_MAX:
            raise Unsound(f"The backup {backup} is damaged: {name} is not what a backup writes.")
        return path.read_bytes()
    except OSError as error:
        raise Unsound(f"{backup} is no whole backup: {name} cannot be read: {error.strerror}.") from None


def _fault(backup: Path, item: Item, pause: Pause) -> str | None:
    """Return what is wrong with a file of the backup, in words that begin with its name."""
    path = backup / item.path
    try:
        if path.parent.is_symlink():
            return f"{item.path} is elsewhere"
        size = os.lstat(path).st_size
        if size != item.size:
            return f"{item.path} has {size} bytes instead of {item.size}"
        if vault.look(path, pause).sha256 != item.sha256:
            return f"{item.path} has other bytes"
    except FileNotFoundError:
        return f"{item.path} is missing"
    except OSError as error:
        return f"{item.path} cannot be read: {error.strerror}"
    return None


def _of_the_database(backup: Path, manifest: Manifest) -> Iterator[str]:
    """Yield what is wrong with the database, by itself and against the bytes beside it."""
    sizes = {item.sha256: item.size for item in manifest.items if item.is_blob}
    try:
        with snapshot.at_rest(backup / DATABASE) as conn:
            found = snapshot.faults(conn)
            yield from found
            if found:
                return
            if (snapshot.known_schema(conn), snapshot.counts(conn)) != (manifest.schema, manifest.counts):
                yield f"{DATABASE} holds something else than {MANIFEST} says"
            for sha256, size in snapshot.contents(conn):
                if sizes.get(sha256, size) != size:
                    yield f"{sha256} is said to have {size} bytes"
                if sha256 not in sizes and sha256 not in manifest.lost:
                    yield f"the bytes {sha256} of a file are in no list"
    except sqlite3.Error as error:
        yield f"the database cannot be read: {error}"
