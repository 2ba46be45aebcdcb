"""The benchmark measures what it says, on a desk that is like one."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bench import __main__ as bench
from bench import filling, report
from servicedesk.domain.events import DESK
from servicedesk.domain.listing import Filter
from servicedesk.domain.search import terms_of
from servicedesk.domain.tickets import UNRESOLVED
from servicedesk.store import listing, search
from servicedesk.store.db import Connection
from servicedesk.store.events import room_number

COUNT = 200
NOW = time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    path = tmp_path_factory.mktemp("bench") / "desk.db"
    filling.fill(path, COUNT, NOW)
    conn = sqlite3.connect(path, isolation_level=None)
    conn.row_factory = sqlite3.Row
    yield conn
    conn.close()


def test_a_stamped_desk_is_whole(filled: Connection) -> None:
    assert filled.execute("SELECT count(*) FROM tickets").fetchone()[0] == COUNT
    assert filled.execute("PRAGMA foreign_key_check").fetchall() == []
    assert filled.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert not search.is_behind(filled)


def test_its_counters_are_what_counting_gives(filled: Connection) -> None:
    grouped = (
        "SELECT coalesce({0}, 0), coalesce({1}, 0), status, priority, {2} FROM {3} {4} ORDER BY 1, 2, 3, 4"
    )
    kept = grouped.format("team_id", "assigned_to", "n", "ticket_counts", "WHERE n > 0")
    counted = grouped.format("team_id", "assigned_to", "count(*)", "tickets", "GROUP BY 1, 2, 3, 4")
    assert [tuple(row) for row in filled.execute(kept)] == [tuple(row) for row in filled.execute(counted)]

    loads = (
        "SELECT assigned_to, count(*) FROM tickets WHERE status IN ('new', 'open', 'in_progress') GROUP BY 1"
    )
    assert dict(filled.execute("SELECT id, open_load FROM users WHERE open_load > 0").fetchall()) == {
        agent: number for agent, number in filled.execute(loads) if agent is not None
    }


def test_few_tickets_are_unresolved_and_nothing_is_still_to_come(filled: Connection) -> None:
    by_status = dict(filled.execute("SELECT status, count(*) FROM tickets GROUP BY 1").fetchall())
    latest = filled.execute("SELECT max(updated_at), max(created_at) FROM tickets").fetchone()

    assert sum(by_status.get(status, 0) for status in UNRESOLVED) == round(COUNT * filling.UNRESOLVED)
    assert by_status["closed"] > 0.9 * COUNT
    assert max(latest) <= NOW


def test_every_room_is_told_without_a_gap_and_each_frame_says_where_it_stands(filled: Connection) -> None:
    told: dict[str, list[int]] = {}
    for room, seq, raw in filled.execute("SELECT room, seq, frame FROM events ORDER BY room, seq"):
        frame = msgspec.json.decode(raw)
        name = frame["room"]
        assert (room_number(name), frame["seq"]) == (room, seq)
        if name.startswith("ticket:"):
            ticket_id = frame["data"].get("ticket_id") or frame["data"]["message"]["ticket_id"]
            assert name.split(":")[1] == str(ticket_id)
        told.setdefault(name, []).append(seq)

    assert told.keys() >= {DESK, "ticket:1", f"ticket:{COUNT}:staff"}
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in told.values())


def test_its_texts_are_found(filled: Connection) -> None:
    title = filled.execute("SELECT title FROM tickets WHERE id = 7").fetchone()["title"]
    wanted = Filter(now=NOW, terms=terms_of(title))

    assert 7 in [ticket.id for ticket in listing.page(filled, wanted, None, None, 50).tickets]
    assert [
        t.id for t in listing.page(filled, Filter(now=NOW, terms=terms_of("#7")), None, None, 50).tickets
    ] == [7]


def test_everything_is_measured_and_told(tmp_path: Path) -> None:
    plan = bench.Plan(
        sizes=(60, 120), rounds=1, seconds=0.05, starts=1, listeners=5, crowd=8, pace_seconds=0.2
    )

    result = bench.run(plan, tmp_path / "cache")

    assert len(result.lines) == 14
    assert [0 < seconds < 60 for once in result.replays for seconds in once.seconds] == [True] * 4
    # What eight sockets hold is less than what memory comes and goes by.
    assert [each.desk > 0 for each in result.live[1:]] == [True] * 4
    assert all(value > 0 for line in result.lines for side in line.sides for value in side)
    assert all(0 < value < 60 for side in result.starts for value in side)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".db", ".db"]
    page = report.document(result, f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")
    assert "old" not in page
    assert all(line.name in page for line in result.lines)
    assert report.text(result).count("\n") > 20
