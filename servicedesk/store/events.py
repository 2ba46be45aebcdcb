"""The log of what was told: rooms, and in each a gapless row of frames."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from servicedesk.domain.events import Told
from servicedesk.domain.times import DAY, Instant, iso
from servicedesk.store import meta
from servicedesk.store.db import Connection, Tx

KEPT: Final = 30 * DAY
KEPT_EVENTS: Final = 1_000
"""What a room keeps at least, however old."""
PRUNED_AT_ONCE: Final = 2_000
CHUNK_EVENTS: Final = 64
CHUNK_BYTES: Final = 65_536

_EPOCH: Final = "epoch"
_EPOCH_OF: Final = "epoch_of"
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


def prune(tx: Tx, at: Instant) -> int:
    """Drop some of what is older than 30 days and not among its room's last 1,000; return how many events went."""
    gone = 0
    for room_id, latest in tx.execute(
        "SELECT id, top FROM rooms WHERE top > ? ORDER BY id", (KEPT_EVENTS,)
    ).fetchall():
        cursor = tx.execute(
            "DELETE FROM events WHERE room_id = ? AND seq IN (SELECT seq FROM events WHERE room_id = ?"
            " AND seq <= ? AND created_at < ? ORDER BY seq LIMIT ?)",
            (room_id, room_id, latest - KEPT_EVENTS, at - KEPT, PRUNED_AT_ONCE - gone),
        )
        gone += cursor.rowcount
        if gone >= PRUNED_AT_ONCE:
            break
    return gone


def epoch(conn: Connection) -> str:
    """Return the name of this log: positions in another one mean nothing here."""
    return meta.get(conn, _EPOCH)


def settle_epoch(tx: Tx, database: str, fresh: str) -> None:
    """Keep the epoch while the log belongs to the same file; a copy in another place gets a fresh one.

    ``database`` identifies the file on this machine, by device and inode.
    """
    if not meta.get(tx, _EPOCH) or meta.get(tx, _EPOCH_OF) != database:
        meta.put(tx, _EPOCH, fresh)
        meta.put(tx, _EPOCH_OF, database)


def _room(conn: Connection, name: str) -> tuple[int, int]:
    row = conn.execute("SELECT id, top FROM rooms WHERE name = ?", (name,)).fetchone()
    return (row[0], row[1]) if row else (0, 0)
