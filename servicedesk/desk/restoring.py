"""Restoring a backup: everything is verified before the first byte is written, and nothing is ever overwritten."""

import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from servicedesk.desk import backups
from servicedesk.desk.backups import Pause, Unsound
from servicedesk.domain.backups import DATABASE, MANIFEST, SEAL, Manifest
from servicedesk.media import vault
from servicedesk.media.blobs import Blobs, sync_folder
from servicedesk.store import lock, snapshot
from servicedesk.store.migrate import Unusable

WORK: Final = ".restoring"
"""Where a restore puts everything until it is whole, inside the folder that it restores into."""
_READY: Final = "ready"
_OURS: Final = frozenset({WORK, lock.NAME})


class CannotRestore(Exception):
    """Nothing was restored; the text is one line that says why."""


class Restored(msgspec.Struct, frozen=True):
    backup: str
    data_dir: str
    manifest: Manifest

    @property
    def lines(self) -> Iterator[str]:
        if self.manifest.lost:
            yield f"{len(self.manifest.lost)} contents of files were lost before this backup was made already."
        if not any(item.path == "secret.key" for item in self.manifest.items):
            yield "The backup has no secret.key: the desk makes a new one, unless the environment has it."
        yield f"Restored {self.manifest.counts} from {self.backup} to {self.data_dir}."


def chosen(source: Path) -> Path:
    """Return the backup that is meant: the folder itself, or the newest of those in it."""
    if (source / MANIFEST).is_file() or (source / SEAL).is_file():
        return source
    return backups.newest(source) or source


def restore(backup: Path, data_dir: Path, pause: Pause, *, beside_others: bool = False) -> Restored:
    """Verify the backup, and only then put it into the folder, which must be empty or not there yet.

    ``beside_others`` brings it to the disk bit by bit, which takes longer, so that nobody else waits for the disk.

    Whatever ends it early, the folder holds nothing or everything, or is recognised as half restored.
    Raises CannotRestore, Unsound and Unusable, with the folder as it was.
    """
    _require_empty(data_dir)
    manifest = backups.verify(backup, pause)
    was_there = data_dir.exists()
    with lock.hold(data_dir):
        if _is_ready(data_dir):
            finish(data_dir)
        _require_empty(data_dir)
        work = data_dir / WORK
        try:
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(mode=0o700)
            _fill(backup, manifest, work, pause, synced=beside_others)
            snapshot.forget_epoch(work / DATABASE)
            if beside_others:
                vault.sync_tree(work)
            else:
                os.sync()
            vault.write(work / _READY, b"")
            sync_folder(work)
            finish(data_dir)
        except BaseException as error:
            if not (work / _READY).exists():
                _undo(data_dir, was_there=was_there)
            if isinstance(error, OSError | sqlite3.Error):
                raise CannotRestore(_why(error)) from error
            raise
    return Restored(str(backup), str(data_dir), manifest)


def _why(error: OSError | sqlite3.Error) -> str:
    if isinstance(error, sqlite3.Error):
        return f"The restored database cannot be used: {error}."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "There is no room left for what is restored."
    return f"The folder cannot be written to: {error.strerror or error}."


def _require_empty(data_dir: Path) -> None:
    try:
        if {entry.name for entry in data_dir.iterdir()} - _OURS:
            raise CannotRestore(f"{data_dir} is not empty; nothing is ever overwritten: name another folder.")
    except FileNotFoundError:
        return
    except OSError as error:
        raise CannotRestore(f"{data_dir} cannot be restored into: {error.strerror}.") from None


def _undo(data_dir: Path, *, was_there: bool) -> None:
    shutil.rmtree(data_dir / WORK, ignore_errors=True)
    with contextlib.suppress(OSError):
        (data_dir / lock.NAME).unlink()
        if not was_there:
            data_dir.rmdir()


def _fill(backup: Path, manifest: Manifest, work: Path, pause: Pause, *, synced: bool) -> None:
    blobs = Blobs(work)
    try:
        for item in manifest.items:
            target = blobs.path(item.sha256) if item.is_blob else work / item.path
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = vault.copy(backup / item.path, target, pause, synced=synced)
            if found != (item.sha256, item.size):
                raise Unsound(f"{item.path} of the backup {backup} changed while it was read.")
    finally:
        blobs.close()


# After a restore that was killed ----------------------------------------


def finish(data_dir: Path) -> None:
    """Put what a restore has made ready into its place, however often it was killed at that. Raises Unusable.

    For whoever holds the folder. A restore that was killed before is none: the folder waits for another one.
    """
    work = data_dir / WORK
    if not work.is_dir():
        return
    if not _is_ready(data_dir):
        if (data_dir / DATABASE).exists():  # it had ended, but for the clearing up
            shutil.rmtree(work)
            return
        raise Unusable(f"A restore into {data_dir} was broken off: run servicedesk restore again.")
    # The database last: until it is there, the folder is nobody's desk.
    for entry in sorted(work.iterdir(), key=lambda path: path.name == DATABASE):
        if entry.name != _READY:
            entry.rename(data_dir / entry.name)
    sync_folder(data_dir)
    shutil.rmtree(work)
    sync_folder(data_dir)


def _is_ready(data_dir: Path) -> bool:
    return (data_dir / WORK / _READY).exists()
