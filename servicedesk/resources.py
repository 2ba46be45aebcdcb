"""Where templates, static files and catalogues are: inside an installed package, beside it in a working copy. And how
a module of ours becomes a process of its own, which a program without a Python beside it has to do by itself.
"""

import io
import os
import signal
import struct
import sys
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the folder of that name. Raises FileNotFoundError when the installation lacks it."""
    for place in (_PACKAGE / name, _PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"this installation has no {name} folder")


def templates() -> Path:
    return folder("templates")


def static() -> Path:
    return folder("static")


def words() -> Path:
    return folder("words")


IS_FROZEN: Final = bool(getattr(sys, "frozen", False))
"""Whether this is the one-file program, or what it unpacked: there is no Python, ``sys.executable`` is the desk."""
UNPACKED: Final = Path(getattr(sys, "_MEIPASS", _PACKAGE.parent))
"""Where a program of that kind has its libraries."""
ERRAND: Final = "--errand"
"""The first argument by which the program is told to be one of its modules."""
ZONES: Final = "zones.zip"


def command(module: str) -> list[str]:
    """Return the command that runs a module of ours, ``servicedesk`` itself included, as a process of its own."""
    if IS_FROZEN:
        return [sys.executable, ERRAND, module]
    return [sys.executable, "-P", "-m", module]


def environment() -> dict[str, str]:
    """Return the least that such a process needs to find its modules: nothing else, there may be secrets."""
    found = {"LC_ALL": "C.UTF-8"}
    if IS_FROZEN:
        # The launcher's own: with them it uses what it has unpacked already instead of unpacking it once more.
        return found | {
            name: value for name, value in os.environ.items() if name.startswith(("_PYI_", "LD_LIBRARY_PATH"))
        }
    return found | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def complete() -> None:
    """Let a program of one file find what it leaves packed, the time zones, and end with its launcher."""
    sys.path.append(str(UNPACKED / ZONES))
    if is_one_file() and sys.platform == "linux":
        import ctypes

        tell_me_when_my_parent_ends = 1
        ctypes.CDLL(None).prctl(tell_me_when_my_parent_ends, signal.SIGTERM, 0, 0, 0)


def is_one_file() -> bool:
    """Return whether this is the one file itself, unpacked for as long as it runs, and not installed for good."""
    return IS_FROZEN and UNPACKED.parent != Path(sys.executable).resolve().parent


def unpack_rest(into: Path = UNPACKED) -> None:
    """Unpack what the one-file program does not unpack at a start, unless it is there: the decoders of pictures and
    documents, half of the program, for which nobody waits who starts the desk.
    """
    import fcntl
    import zipfile

    folder = os.open(into, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if (into / _WHOLE).exists():
            return
        with zipfile.ZipFile(_rest()) as rest:
            rest.extractall(into)
        (into / _WHOLE).touch()
    finally:
        os.close(folder)


_WHOLE: Final = "unpacked"
"""Stands beside the libraries when all of them are there."""
_COOKIE: Final = struct.Struct("!8sI76x")
"""How the file ends: a mark, and the length of what is unpacked at a start. The zip with the rest stands before it."""


def _rest() -> io.BytesIO:
    with open(sys.executable, "rb") as file:
        size = file.seek(-_COOKIE.size, os.SEEK_END) + _COOKIE.size
        _, length = _COOKIE.unpack(file.read())
        file.seek(0)
        return io.BytesIO(file.read(size - length))
