"""Which SQLite runs: the library that Python was given decides how safe a commit is."""

import sqlite3
from contextlib import closing
from typing import Final

import msgspec

SOUND: Final = (3, 51, 3)
"""Of the older ones, two connections that write or checkpoint in one instant can lose rows that were committed."""
_THREADING: Final = {0: "single-thread", 1: "multi-thread", 3: "serialized"}
"""SQLite's words for the levels of Python's ``threadsafety``."""


class Engine(msgspec.Struct, frozen=True):
    version: str
    source_id: str
    threading: str
    """``serialized``, ``multi-thread`` or ``single-thread``."""
    is_sound: bool
    """Whether it is free of the race that can lose committed rows."""

    @property
    def warning(self) -> str | None:
        """What to tell those who run the desk, None when there is nothing."""
        if self.is_sound:
            return None
        wanted = ".".join(map(str, SOUND))
        return (
            f"SQLite {self.version} is older than {wanted} and has a race that can lose committed rows."
            " The desk keeps out of its way, as long as no other program writes to the database;"
            " the one-file program brings a newer SQLite along."
        )


def engine() -> Engine:
    """Return which SQLite runs."""
    with closing(sqlite3.connect(":memory:")) as conn:
        source_id: str = conn.execute("SELECT sqlite_source_id()").fetchone()[0]
    return Engine(
        version=sqlite3.sqlite_version,
        source_id=source_id,
        threading=_THREADING[sqlite3.threadsafety],
        is_sound=is_sound(sqlite3.sqlite_version),
    )


def is_sound(version: str) -> bool:
    return tuple(map(int, version.split("."))) >= SOUND
