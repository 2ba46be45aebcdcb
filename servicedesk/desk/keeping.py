"""How the last backup and the last drill went, kept beside the desk for whoever wants to know."""

from pathlib import Path
from typing import Final

import msgspec

from servicedesk.desk.backups import Made
from servicedesk.domain.times import Instant
from servicedesk.media import vault

BACKUP: Final = "last-backup.json"
DRILL: Final = "last-drill.json"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How it went: ``error`` is one line, None when it went well. ``good_at`` is when it last did."""

    at: Instant
    seconds: float
    error: str | None = None
    good_at: Instant | None = None
    path: str | None = None
    bytes: int = 0
    lost: int = 0

    @property
    def is_good(self) -> bool:
        return self.error is None


def last_backup(data_dir: Path) -> Outcome | None:
    """Return how the last backup went, None before the first."""
    return _read(data_dir / BACKUP)


def last_drill(data_dir: Path) -> Outcome | None:
    """Return how the last drill went, None before the first."""
    return _read(data_dir / DRILL)


def note_backup(
    data_dir: Path, *, at: Instant, ended: Instant, made: Made | None = None, error: str | None = None
) -> None:
    path = made.path if made else None
    size, lost = (made.bytes, len(made.manifest.lost)) if made else (0, 0)
    _note(data_dir / BACKUP, at=at, ended=ended, error=error, path=path, size=size, lost=lost)


def note_drill(data_dir: Path, *, at: Instant, ended: Instant, path: str | None, error: str | None) -> None:
    _note(data_dir / DRILL, at=at, ended=ended, error=error, path=path)


def _note(
    file: Path,
    *,
    at: Instant,
    ended: Instant,
    error: str | None,
    path: str | None,
    size: int = 0,
    lost: int = 0,
) -> None:
    before = _read(file)
    good_at = ended if error is None else (before.good_at if before else None)
    outcome = Outcome(
        at=ended, seconds=(ended - at) / 1000, error=error, good_at=good_at, path=path, bytes=size, lost=lost
    )
    if file.parent.is_dir():
        vault.replace(file, msgspec.json.encode(outcome))


def _read(file: Path) -> Outcome | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Outcome)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
