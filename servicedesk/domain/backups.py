"""What a backup consists of, what it is called, and which ones are kept."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from servicedesk.domain.times import SECOND, Instant

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SEAL: Final = "manifest.sha256"
DATABASE: Final = "servicedesk.db"
PLAIN: Final = (DATABASE, "secret.key", "servicedesk.toml")
"""What a backup has beside the files' bytes; all but the database may be missing."""
_BLOB: Final = re.compile(r"blobs/([0-9a-f]{2})/(\1[0-9a-f]{62})")
_NAME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d{6})Z(?:-\d{1,4})?")
_SHAPE: Final = "%Y-%m-%dT%H%M%S"


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of a backup, with the hash that it must have."""

    path: str
    size: int
    sha256: str

    @property
    def is_allowed(self) -> bool:
        """Whether a backup can have a file there at all, so that nothing is read or written elsewhere."""
        found = _BLOB.fullmatch(self.path)
        return self.path in PLAIN or (found is not None and found[2] == self.sha256)

    @property
    def is_blob(self) -> bool:
        return self.path not in PLAIN


class Counts(msgspec.Struct, frozen=True):
    """How much a desk holds."""

    tickets: int = 0
    messages: int = 0
    files: int = 0
    people: int = 0

    def __str__(self) -> str:
        return f"{self.tickets} tickets, {self.messages} messages and {self.files} files"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a backup. ``lost`` are contents that the desk itself had lost before."""

    format: int = FORMAT
    version: str
    schema: int
    at: Instant
    counts: Counts
    lost: list[str]
    items: list[Item]


def blob_path(sha256: str) -> str:
    return f"blobs/{sha256[:2]}/{sha256}"


def name_at(at: Instant) -> str:
    """Return what a backup that starts now is called: names sort like the moments."""
    return f"{datetime.fromtimestamp(at // SECOND, UTC):{_SHAPE}}Z"


def begun(name: str) -> datetime | None:
    """Return when the backup of that name was begun, None for what is no backup's name."""
    found = _NAME.fullmatch(name)
    try:
        return datetime.strptime(found[1], _SHAPE).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


class Keep(msgspec.Struct, frozen=True):
    """For how many days, weeks and months one backup each is kept."""

    daily: int = 7
    weekly: int = 4
    monthly: int = 12

    def __str__(self) -> str:
        return f"{self.daily},{self.weekly},{self.monthly}"


def kept(names: Iterable[str], keep: Keep) -> frozenset[str]:
    """Return those that stay: the newest of each of the last days, weeks and months that have one.

    The newest of all stays whatever the numbers say, and so does what is no backup's name.
    """
    dated = sorted(((at, name) for name in names if (at := begun(name)) is not None), reverse=True)
    stay = {name for _, name in dated[:1]} | {name for name in names if begun(name) is None}
    for limit, period in ((keep.daily, _day), (keep.weekly, _week), (keep.monthly, _month)):
        newest: dict[object, str] = {}
        for at, name in dated:
            newest.setdefault(period(at), name)
        stay |= set(list(newest.values())[:limit])
    return frozenset(stay)


_Period = Callable[[datetime], object]


def _day(at: datetime) -> date:
    return at.date()


def _week(at: datetime) -> tuple[int, int]:
    return at.isocalendar()[:2]


def _month(at: datetime) -> tuple[int, int]:
    return at.year, at.month


def next_run(now: datetime, hour: int, minute: int) -> datetime:
    """Return when it is next that time of the day, by the same clock on the wall."""
    today = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return today if now < today else today + timedelta(days=1)
