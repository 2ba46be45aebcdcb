"""Where templates, static files and catalogues are: inside an installed package, beside it in a working copy."""

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
