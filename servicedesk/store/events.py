"""The log of what was told: rooms, and in each a gapless row of frames."""

from collections.abc import Mapping
from typing import Any

import msgspec

from servicedesk.domain.events import Told
from servicedesk.domain.times import Instant, iso
from servicedesk.store.db import Connection, Tx

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
    row = conn.execute("SELECT top FROM rooms WHERE name = ?", (room,)).fetchone()
    return int(row["top"]) if row else 0


def since(conn: Connection, room: str, seq: int, *, most: int, most_bytes: int) -> list[bytes] | None:
    """Return the frames after ``seq``, oldest first; None when some are gone, or they are too many or too big."""
    row = conn.execute("SELECT id, top FROM rooms WHERE name = ?", (room,)).fetchone()
    latest = int(row["top"]) if row else 0
    if seq > latest or latest - seq > most:
        return None
    if seq == latest:
        return []
    found = conn.execute(
        "SELECT frame FROM events WHERE room_id = ? AND seq > ? ORDER BY seq", (row["id"], seq)
    ).fetchall()
    frames = [bytes(event["frame"]) for event in found]
    if len(frames) != latest - seq or sum(map(len, frames)) > most_bytes:
        return None
    return frames
