"""A drill: the newest backup is restored to a folder of its own, brought up, asked, and thrown away."""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from servicedesk.desk import backups, restoring
from servicedesk.desk.backups import Pause, Unsound
from servicedesk.desk.restoring import CannotRestore, Restored
from servicedesk.domain.backups import DATABASE
from servicedesk.store import snapshot, upgrade
from servicedesk.store.migrate import Unusable

PREFIX: Final = ".drill-"
SPARE: Final = 256 << 20
"""Bytes that stay free beside what a drill restores."""


class Failed(Exception):
    """The drill did not succeed; the text is one line that says why."""


class Drilled(msgspec.Struct, frozen=True):
    """A backup that would do."""

    backup: str
    restored: Restored

    @property
    def line(self) -> str:
        return f"{self.backup} would do: {self.restored.manifest.counts} came back from it and the desk can be opened."


def drill(place: Path, pause: Pause) -> Drilled:
    """Try the newest backup in a folder; nothing of that stays. Raises Failed."""
    newest = backups.newest(place)
    if newest is None:
        raise Failed(f"There is no backup in {place}.")
    try:
        with _thrown_away(place) as folder:
            _require_room(newest, folder)
            restored = restoring.restore(newest, folder, pause, beside_others=True)
            _open(folder / DATABASE, restored)
    except (CannotRestore, Unsound, Unusable) as error:
        raise Failed(str(error)) from error
    except (OSError, sqlite3.Error) as error:
        raise Failed(f"The backup {newest} cannot be tried: {error}.") from error
    return Drilled(str(newest), restored)


@contextlib.contextmanager
def _thrown_away(place: Path) -> Iterator[Path]:
    for left in place.glob(f"{PREFIX}*"):  # of a drill that was killed
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _require_room(backup: Path, folder: Path) -> None:
    size = sum(item.size for item in backups.read_manifest(backup).items)
    if shutil.disk_usage(folder).free < size + SPARE:
        raise Failed(f"There is no room to try the backup {backup}: {(size + SPARE) >> 20} MB are needed.")


def _open(database: Path, restored: Restored) -> None:
    """Do with it what a start does, and count what is there then."""
    upgrade.bring_up(database)
    with snapshot.at_rest(database) as conn:
        if snapshot.counts(conn) != restored.manifest.counts:
            raise Failed(f"Of {restored.manifest.counts} only {snapshot.counts(conn)} came back.")
