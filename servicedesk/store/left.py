"""What a command that ran beside the server leaves for its audit list, where only the server may write."""

import contextlib
import os
from pathlib import Path
from typing import Final

import msgspec

from servicedesk.domain.times import Instant
from servicedesk.store.durable import sync

FOLDER: Final = "left"
_ENDING: Final = ".json"


class ExportNote(msgspec.Struct, frozen=True):
    """An export that somebody made, as it is to stand in the audit list."""

    id: str
    said: str
    at: Instant


def leave(data_dir: Path, note: ExportNote) -> None:
    """Leave a note; when this returns it survives whatever happens. Raises OSError."""
    folder = prepare(data_dir)
    unfinished = folder / note.id
    with unfinished.open("xb") as file:
        # Root may have run the command; the folder is closed to everybody else.
        os.fchmod(file.fileno(), 0o644)
        file.write(msgspec.json.encode(note))
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(folder / (note.id + _ENDING))
    sync(folder)


def notes(data_dir: Path) -> list[ExportNote]:
    """Return what was left, the earliest first. Raises OSError."""
    found = []
    for path in (data_dir / FOLDER).glob(f"*{_ENDING}"):
        with contextlib.suppress(msgspec.MsgspecError, FileNotFoundError):
            note = msgspec.json.decode(path.read_bytes(), type=ExportNote)
            if note.id == path.stem:
                found.append(note)
    return sorted(found, key=lambda note: note.at)


def forget(data_dir: Path, taken: list[ExportNote]) -> None:
    """Remove notes that are in the list. Raises OSError."""
    for note in taken:
        (data_dir / FOLDER / (note.id + _ENDING)).unlink(missing_ok=True)


def prepare(data_dir: Path) -> Path:
    """Return the folder of the notes, which the server makes, so that it is the server's. Raises OSError."""
    folder = data_dir / FOLDER
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        return folder
    sync(data_dir)
    return folder
