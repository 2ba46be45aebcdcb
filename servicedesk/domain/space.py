"""When the disk counts as full: before it is, so that what was begun can still be finished."""

from typing import Final

MB: Final = 1_000_000
RESERVE: Final = 64 * MB
UPLOAD_RESERVE: Final = 512 * MB


def has_room(free: int, total: int) -> bool:
    """Return whether writing may go on; the reserve is 64 MB, on a small disk a tenth of it."""
    return free > min(RESERVE, total // 10)


def has_room_for_upload(free: int, total: int, size: int = 0) -> bool:
    """Return whether a file of this size fits; the reserve is 512 MB, on a small disk a tenth of it."""
    return free - size > min(UPLOAD_RESERVE, total // 10)
