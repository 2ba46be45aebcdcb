"""The log of what was told: rooms, and in each a gapless row of frames."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from servicedesk.domain.events import Told
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

_encode = msgspec.json.Encoder().encode


def append(tx: Tx, room: str, event: str, data: msgspec.Struct | Mapping[str, Any], at: Instant) -> int:
    """Write the event into the room's log, have it told after the commit, and return its place."""
    room_id, seq = tx.execute(
        "INSERT INTO rooms (name, top) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET top = top + 1"
        " RETURNING id, top",
        (room,),
    ).fetchone()
    frame = b'{"event":"%b","room":"%b","seq":%d,"ts":"%b","data":%b}' % (
        event.encode(),
        room.encode(),
        seq,
        iso(at).encode(),
        _encode(data),
    )
    tx.execute(
        "INSERT INTO events (room_id, seq, created_at, frame) VALUES (?, ?, ?, ?)", (room_id, seq, at, frame)
    )
    tx.after_commit(Told(room, seq, frame))
    return int(seq)


def top(conn: Connection, room: str) -> int:
    """Return the place of the room's latest event, 0 before the first."""
    return _room(conn, room)[1]


def can_resume(conn: Connection, room: str, seq: int, *, most: int, most_bytes: int) -> bool:
    """Return whether everything after ``seq`` is still there and neither too many nor too big to be sent."""
    room_id, latest = _room(conn, room)
    if seq > latest or latest - seq > most:
        return False
    if seq == latest:
        return True
    count, size = conn.execute(
        "SELECT count(*), sum(length(frame)) FROM events WHERE room_id = ? AND seq > ?", (room_id, seq)
    ).fetchone()
    return bool(count == latest - seq and size <= most_bytes)


def read_on(conn: Connection, room: str, seq: int) -> list[bytes] | None:
    """Return the next few frames after ``seq``, none when there are no more, None when they are gone."""
    room_id, latest = _room(conn, room)
    if seq >= latest:
        return []
    found = conn.execute(
        "SELECT seq, frame FROM events WHERE room_id = ? AND seq > ? ORDER BY seq LIMIT ?",
        (room_id, seq, CHUNK_EVENTS),
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
    for room_id, latest in _big_rooms(conn):
        due = conn.execute(
            "SELECT created_at FROM events WHERE room_id = ? AND seq <= ? ORDER BY seq LIMIT 1 OFFSET ?",
            (room_id, latest - KEPT_EVENTS, PRUNED_TOGETHER - 1),
        ).fetchone()
        if due is not None:
            moments.append(due[0] + KEPT + 1)
    return min(moments, default=None)


def prune(tx: Tx, at: Instant) -> int:
    """Drop some of what is older than 30 days and not among its room's last 1,000; return how many events went."""
    gone = 0
    for room_id, latest in _big_rooms(tx):
        oldest = tx.execute(
            "SELECT seq, created_at FROM events WHERE room_id = ? AND seq <= ? ORDER BY seq LIMIT ?",
            (room_id, latest - KEPT_EVENTS, PRUNED_AT_ONCE - gone),
        )
        old = [(room_id, seq) for seq, created_at in oldest.fetchall() if created_at < at - KEPT]
        tx.executemany("DELETE FROM events WHERE room_id = ? AND seq = ?", old)
        gone += len(old)
        if gone >= PRUNED_AT_ONCE:
            break
    return gone


def _big_rooms(conn: Connection) -> list[tuple[int, int]]:
    """Return the rooms that have more events than are always kept, each with its latest place."""
    return conn.execute(f"SELECT id, top FROM rooms WHERE top > {KEPT_EVENTS} ORDER BY id").fetchall()


def _room(conn: Connection, name: str) -> tuple[int, int]:
    row = conn.execute("SELECT id, top FROM rooms WHERE name = ?", (name,)).fetchone()
    return (row[0], row[1]) if row else (0, 0)
