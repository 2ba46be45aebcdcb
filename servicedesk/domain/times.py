"""Moments: whole milliseconds since the epoch inside, ISO 8601 in UTC at the edge."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

Instant = int

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
LATEST: Final[Instant] = 253_402_300_799_999
"""The last millisecond of the year 9999, the latest that ISO 8601 can spell in four digits."""


@lru_cache(maxsize=8192)
def iso(at: Instant) -> str:
    """Return for example ``2026-11-23T09:30:00.123Z``."""
    moment = _EPOCH + timedelta(milliseconds=at)
    return f"{moment.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def iso_or_none(at: Instant | None) -> str | None:
    return None if at is None else iso(at)


def parse(text: str) -> Instant:
    """Return the moment; a date alone is its midnight and a time without an offset is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return (moment - _EPOCH) // _MILLISECOND
    except OverflowError:
        raise ValueError(f"{text} is out of range") from None
