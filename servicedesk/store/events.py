"""The log of what was told: rooms, and in each a gapless row of frames."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from servicedesk.domain.events import DESK, Told
from servicedesk.domain.times import DAY, Instant, iso
from servicedesk.store.db import Connection, Tx

KEPT: Final = 30 * DAY
KEPT_EVENTS: Final = 1_000
"""What a room keeps at least, however old."""
PRUNED_AT_ONCE: Final = 2_000
PRUNED_TOGETHER: Final = 200
"""Events of a room that wait for each other before they go: one by one they would cost a transaction each."""
CHUNK_EVENTS: Final = 64
CHUNK_BYTES: Final = 65_536

# People's rooms lie together, and so do those of new tickets: what is written often shares pages.
_NUMBERED: Final[Mapping[tuple[str, str], Callable[[int], int]]] = {
    ("user", ""): lambda user_id: -user_id,
    ("ticket", ""): lambda ticket_id: 2 * ticket_id,
    ("ticket", "staff"): lambda ticket_id: 2 * ticket_id + 1,
}
_encode = msgspec.json.Encoder().encode


def append(tx: Tx, room: str, event: str, data: msgspec.Struct | Mapping[str, Any], at: Instant) -> int:
    """Write the event into the room's log, have it told after the commit, and return its place."""
    number = room_number(room)
    seq = _top(tx, number) + 1
    frame = b'{"event":"%b","room":"%b","seq":%d,"ts":"%b","data":%b}' % (
        event.encode(),
        room.encode(),
        seq,
        iso(at).encode(),
        _encode(data),
    )
    tx.execute(
        "INSERT INTO events (room, seq, created_at, frame) VALUES (?, ?, ?, ?)", (number, seq, at, frame)
    )
    if seq % KEPT_EVENTS == 0:
        tx.execute("INSERT INTO busy_rooms (room) VALUES (?) ON CONFLICT (room) DO NOTHING", (number,))
    tx.after_commit(Told(room, seq, frame))
    return seq


def top(conn: Connection, room: str) -> int:
    """Return the place of the room's latest event, 0 before the first."""
    return _top(conn, room_number(room))


def can_resume(conn: Connection, room: str, seq: int, *, most: int, most_bytes: int) -> bool:
    """Return whether everything after ``seq`` is still there and neither too many nor too big to be sent."""
    number = room_number(room)
    latest = _top(conn, number)
    if seq > latest or latest - seq > most:
        return False
    if seq == latest:
        return True
    count, size = conn.execute(
        "SELECT count(*), sum(length(frame)) FROM events WHERE room = ? AND seq > ?", (number, seq)
    ).fetchone()
    return bool(count == latest - seq and size <= most_bytes)


def read_on(conn: Connection, room: str, seq: int) -> list[bytes] | None:
    """Return the next few frames after ``seq``, none when there are no more, None when they are gone."""
    number = room_number(room)
    if seq >= _top(conn, number):
        return []
    found = conn.execute(
        "SELECT seq, frame FROM events WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?",
        (number, seq, CHUNK_EVENTS),
    )
    frames: list[bytes] = []
    size = 0
    for place, frame in found:
        if place != seq + len(frames) + 1:
            return None
        frames.append(frame)
        size += len(frame)
        if size >= CHUNK_BYTES:
            break
    return frames or None


def next_pruning_at(conn: Connection) -> Instant | None:
    """Return when some events of a room are to go."""
    moments = []
    for room, latest in _busy_rooms(conn):
        due = conn.execute(
            "SELECT created_at FROM events WHERE room = ? AND seq <= ? ORDER BY seq LIMIT 1 OFFSET ?",
            (room, latest - KEPT_EVENTS, PRUNED_TOGETHER - 1),
        ).fetchone()
        if due is not None:
            moments.append(due[0] + KEPT + 1)
    return min(moments, default=None)


def prune(tx: Tx, at: Instant) -> int:
    """Drop some of what is older than 30 days and not among its room's last 1,000; return how many events went."""
    gone = 0
    for room, latest in _busy_rooms(tx):
        oldest = tx.execute(
            "SELECT seq, created_at FROM events WHERE room = ? AND seq <= ? ORDER BY seq LIMIT ?",
            (room, latest - KEPT_EVENTS, PRUNED_AT_ONCE - gone),
        )
        old = [(room, seq) for seq, created_at in oldest.fetchall() if created_at < at - KEPT]
        tx.executemany("DELETE FROM events WHERE room = ? AND seq = ?", old)
        gone += len(old)
        if gone >= PRUNED_AT_ONCE:
            break
    return gone


def length(conn: Connection) -> int:
    """Return how many events were ever appended, whether or not they are still kept."""
    # They are numbered without a gap, and the latest is never pruned.
    return int(conn.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0])


def room_number(name: str) -> int:
    """Return the number under which the room's events are kept, 0 for what is called like no room."""
    if name == DESK:
        return 1
    kind, _, rest = name.partition(":")
    number, _, suffix = rest.partition(":")
    numbered = _NUMBERED.get((kind, suffix))
    return numbered(int(number)) if numbered is not None and number.isdecimal() else 0


def _top(conn: Connection, number: int) -> int:
    # The latest of a room is never pruned.
    row = conn.execute(
        "SELECT seq FROM events WHERE room = ? ORDER BY seq DESC LIMIT 1", (number,)
    ).fetchone()
    return int(row[0]) if row else 0


def _busy_rooms(conn: Connection) -> list[tuple[int, int]]:
    """Return the rooms that may have more events than are always kept, each with its latest place."""
    rooms = conn.execute("SELECT room FROM busy_rooms ORDER BY room").fetchall()
    return [(room, _top(conn, room)) for (room,) in rooms]
