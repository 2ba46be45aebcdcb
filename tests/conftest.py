"""What tests stand on: a transaction on a real file, a desk that is really served."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from servicedesk.store import db
from servicedesk.store.db import Tx


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Tx]:
    """An open write transaction on a fresh database, for desk and store functions."""
    conn = sqlite3.connect(tmp_path / "desk.db", isolation_level=None)
    db._prepare_writer(conn, tmp_path / "desk.db")
    conn.execute("BEGIN IMMEDIATE")
    yield Tx(conn)
    conn.close()
