"""What tests stand on: a transaction on a real file, a desk that is really served."""

import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from servicedesk.store import db
from servicedesk.store.db import Tx

if TYPE_CHECKING:
    from tests.served import Desk

# The same examples in every run, however crowded the machine is; ``--hypothesis-profile=default`` looks for others.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


UNTIL = float(os.environ.get("TESTS_UNTIL", "inf"))
"""When, in seconds of the epoch, no other test is begun: CI ends in time, and says what it did not get to."""
_NOT_BEGUN: list[str] = []


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    if time.time() < UNTIL:
        return None
    _NOT_BEGUN.append(item.nodeid)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name in _NOT_BEGUN:
        terminalreporter.write_line(f"NOT RUN for want of time: {name}")


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Tx]:
    """An open write transaction on a fresh database, for desk and store functions."""
    conn = sqlite3.connect(tmp_path / "desk.db", isolation_level=None)
    db._prepare_writer(conn)
    conn.execute("BEGIN IMMEDIATE")
    yield Tx(conn)
    conn.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator["Desk"]:
    """A desk that is really served, with nobody in it yet."""
    from tests.served import Desk  # not for those who test a rule

    async with Desk(tmp_path / "data") as served:
        yield served
