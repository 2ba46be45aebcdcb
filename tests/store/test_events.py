"""The log of what was told: gapless, in order, and known by the file that it lies in."""

import pytest

from servicedesk.domain.events import Told
from servicedesk.domain.times import DAY, Instant
from servicedesk.store import events
from servicedesk.store.db import Tx
from servicedesk.store.events import KEPT, KEPT_EVENTS, PRUNED_TOGETHER


def write(tx: Tx, room: str, times: int = 1, size: int = 1) -> None:
    for _ in range(times):
        events.append(tx, room, "new_message", {"text": "x" * size}, 0)


def test_each_room_counts_from_one_without_a_gap(tx: Tx) -> None:
    told = ("ticket:1", "ticket:1:staff", "ticket:1", "ticket:1", "user:1", "desk", "ticket:1:staff")
    places = [events.append(tx, room, "new_message", {}, 0) for room in told]

    assert places == [1, 1, 2, 3, 1, 1, 2]
    tops = [events.top(tx, room) for room in ("ticket:1", "ticket:1:staff", "user:1", "desk", "ticket:2")]
    assert tops == [3, 2, 1, 1, 0]


def test_no_two_rooms_share_a_number() -> None:
    names = ["desk"]
    for number in range(1, 50):
        names += [f"ticket:{number}", f"ticket:{number}:staff", f"user:{number}"]

    assert len({events.room_number(name) for name in names}) == len(names)
    assert events.room_number("nowhere") == events.room_number("ticket:x") == 0


def test_a_frame_says_where_it_stands_and_is_what_listeners_get(tx: Tx) -> None:
    events.append(tx, "desk", "new_message", {"n": 1}, 1_000)

    frame = b'{"event":"new_message","room":"desk","seq":1,"ts":"1970-01-01T00:00:01.000Z","data":{"n":1}}'
    assert tx.notices == [Told("desk", 1, frame)]
    assert events.read_on(tx, "desk", 0) == [frame]


def test_what_is_undone_leaves_no_gap(tx: Tx) -> None:
    write(tx, "desk")
    try:
        with tx.savepoint():
            write(tx, "desk", 3)
            raise KeyError
    except KeyError:
        write(tx, "desk")

    assert events.top(tx, "desk") == 2
    assert len(tx.notices) == 2


def test_reading_on_takes_some_at_a_time_and_ends_with_nothing(tx: Tx) -> None:
    write(tx, "desk", 150)

    places, seq = [], 0
    while frames := events.read_on(tx, "desk", seq):
        places.append(len(frames))
        seq += len(frames)

    assert places == [64, 64, 22]
    assert events.read_on(tx, "desk", 150) == []
    assert events.read_on(tx, "nowhere", 0) == []


def test_reading_on_takes_a_large_event_alone(tx: Tx) -> None:
    write(tx, "desk", 3, size=100_000)

    assert len(events.read_on(tx, "desk", 0) or []) == 1


def test_reading_on_over_a_hole_says_so(tx: Tx) -> None:
    write(tx, "desk", 5)
    tx.execute("DELETE FROM events WHERE seq <= 2")

    assert events.read_on(tx, "desk", 0) is None
    assert len(events.read_on(tx, "desk", 2) or []) == 3


def write_at(tx: Tx, room: str, at: Instant, times: int) -> None:
    for _ in range(times):
        events.append(tx, room, "new_message", {}, at)


def kept(tx: Tx, room: str) -> list[int]:
    found = tx.execute("SELECT seq FROM events WHERE room = ? ORDER BY seq", (events.room_number(room),))
    return [row[0] for row in found]


def test_a_room_keeps_what_is_young_and_its_last_thousand(tx: Tx) -> None:
    write_at(tx, "ticket:1", 0, 1_300)
    write_at(tx, "ticket:2", 0, 250)
    write_at(tx, "ticket:2", 10 * DAY, 1_050)
    write_at(tx, "ticket:3", 0, 1_000)

    assert events.next_pruning_at(tx) == KEPT + 1
    assert events.prune(tx, KEPT) == 0
    assert events.prune(tx, KEPT + 1) == 300 + 250
    assert (kept(tx, "ticket:1"), kept(tx, "ticket:2")) == ([*range(301, 1_301)], [*range(251, 1_301)])
    assert kept(tx, "ticket:3") == [*range(1, 1_001)]
    assert events.next_pruning_at(tx) is None


def test_few_that_are_old_wait_for_others(tx: Tx) -> None:
    write_at(tx, "desk", 0, KEPT_EVENTS + PRUNED_TOGETHER - 1)
    assert events.next_pruning_at(tx) is None

    write_at(tx, "desk", 5, 1)

    assert events.next_pruning_at(tx) == KEPT + 1
    assert events.prune(tx, KEPT + 1) == PRUNED_TOGETHER


def test_much_goes_a_piece_at_a_time(tx: Tx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PRUNED_AT_ONCE", 300)
    write_at(tx, "ticket:1", 0, 1_500)
    write_at(tx, "ticket:2", 0, 1_500)

    pieces = []
    while (due := events.next_pruning_at(tx)) is not None:
        pieces.append(events.prune(tx, due))

    assert pieces == [300, 300, 300]
    assert (len(kept(tx, "ticket:1")), len(kept(tx, "ticket:2"))) == (1_000, 1_100)


def test_the_pruner_looks_at_busy_rooms_alone_and_at_few_of_their_events(tx: Tx) -> None:
    write_at(tx, "ticket:1", 0, KEPT_EVENTS - 1)
    write_at(tx, "ticket:2", 0, KEPT_EVENTS)
    sql = "SELECT seq, created_at FROM events WHERE room = 1 AND seq <= 5 ORDER BY seq LIMIT 10"

    assert [row[0] for row in tx.execute("SELECT room FROM busy_rooms")] == [events.room_number("ticket:2")]
    assert "events_by_place" in tx.execute(f"EXPLAIN QUERY PLAN {sql}").fetchone()["detail"]
