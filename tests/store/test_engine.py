"""Which SQLite runs."""

import sqlite3

import pytest

from servicedesk.store import engine
from servicedesk.store.engine import Engine, is_sound


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ("3.40.1", False),
        ("3.51.2", False),
        ("3.51.3", True),
        ("3.52.0", True),
        ("3.100.0", True),
        ("4.0.0", True),
        ("3.9.0", False),
    ],
)
def test_a_library_is_sound_from_the_version_that_ended_the_race(version: str, sound: bool) -> None:
    assert is_sound(version) == sound


def test_an_older_library_is_named_and_a_newer_one_is_not() -> None:
    old = Engine("3.40.1", "2022-12-28 df5c", "serialized", is_sound=False)
    new = Engine("3.54.1", "2026-10-16 555e", "serialized", is_sound=True)

    assert old.warning is not None
    assert old.warning.startswith("SQLite 3.40.1 is older than 3.51.3")
    assert new.warning is None


def test_what_is_told_is_the_library_that_runs() -> None:
    told = engine.engine()

    conn = sqlite3.connect(":memory:")
    assert conn.execute("SELECT sqlite_version(), sqlite_source_id()").fetchone() == (
        told.version,
        told.source_id,
    )
    conn.close()
