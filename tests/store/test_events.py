"""The log of what was told: gapless, in order, and known by the file that it lies in."""

from servicedesk.domain.events import Told
from servicedesk.store import events
from servicedesk.store.db import Tx


def write(tx: Tx, room: str, times: int = 1, size: int = 1) -> None:
    for _ in range(times):
        events.append(tx, room, "new_message", {"text": "x" * size}, 0)


def test_each_room_counts_from_one_without_a_gap(tx: Tx) -> None:
    places = [events.append(tx, room, "new_message", {}, 0) for room in ("a", "b", "a", "a", "b")]

    assert places == [1, 1, 2, 3, 2]
    assert (events.top(tx, "a"), events.top(tx, "b"), events.top(tx, "c")) == (3, 2, 0)


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


def test_the_epoch_stays_with_the_file_and_changes_with_another(tx: Tx) -> None:
    events.settle_epoch(tx, "8:1", "first")
    events.settle_epoch(tx, "8:1", "second")
    assert events.epoch(tx) == "first"

    events.settle_epoch(tx, "8:2", "third")

    assert events.epoch(tx) == "third"
