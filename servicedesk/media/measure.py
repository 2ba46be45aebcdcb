"""How large an image says it is: read from its head, without decoding anything."""

import io
from pathlib import Path
from typing import Final

HEAD: Final = 1 << 20
"""Bytes in which the sides have to be said; what comes before them in honest files is some kilobytes of metadata."""

Sides = tuple[int, int]


def sides(path: Path) -> Sides | None:
    """Return width and height of the upright image, None where the head does not tell. Blocks."""
    import imagesize  # only a desk that gets images needs it

    with path.open("rb") as file:
        head = io.BytesIO(file.read(HEAD))
    try:
        width, height = imagesize.get(head)
    except Exception:  # it raises whatever a damaged head leads it to
        return None
    return (int(width), int(height)) if width > 0 and height > 0 else None
