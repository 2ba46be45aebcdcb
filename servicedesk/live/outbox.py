"""What waits to be sent on a socket, and how much of it may."""

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from servicedesk.domain.times import Instant
from servicedesk.live.protocol import LIMITS
from servicedesk.live.seat import Seat

SOFT_ITEMS: Final = LIMITS.queue_items // 2
SOFT_BYTES: Final = LIMITS.queue_bytes // 2
"""What waits beyond this costs the socket typing and presence."""
SEND_BYTES: Final = 65_536
SEND_FRAMES: Final = 64
"""What goes out together, about: one call of the network costs more than all else about a frame."""


class Outbox:
    """A queue with bounds. Live events count against them; replies and replays, which the client asked for, do not."""

    __slots__ = ("_bytes", "_counted", "_items", "reply_bytes")

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        """In threes: a frame, the room it comes from, since when it waits if it counts against the limits.

        Laid out flat, since a hundred sockets that do not read would leave memory in shreds.
        """
        self._counted = 0
        self._bytes = 0
        self.reply_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._items)

    def offer(self, seat: Seat, frame: bytes, now: Instant) -> bool:
        """Take a room's event; return False when it does not fit any more."""
        if self._counted >= LIMITS.queue_items or self._bytes + len(frame) > LIMITS.queue_bytes:
            return False
        self._counted += 1
        self._bytes += len(frame)
        self._items += (frame, seat, now)
        return True

    def whisper(self, frame: bytes, now: Instant) -> None:
        """Take what is worth little later, typing and presence, unless much waits already."""
        if self._counted < SOFT_ITEMS and self._bytes + len(frame) <= SOFT_BYTES:
            self._counted += 1
            self._bytes += len(frame)
            self._items += (frame, None, now)

    def reply(self, frame: bytes) -> None:
        """Take the answer to a command."""
        self.reply_bytes += len(frame)
        self._items += (frame, None, None)

    def replay(self, seat: Seat, frames: Iterable[bytes]) -> None:
        """Take events that were read from the log."""
        for frame in frames:
            self._items += (frame, seat, None)

    def take(self, *, batch: bool) -> list[bytes]:
        """Return the next frames, few enough for one send; as a batch they are one array.

        None come from rooms that were left meanwhile.
        """
        frames: list[bytes] = []
        size, pop = 0, self._items.popleft
        while self._items and size < SEND_BYTES and len(frames) < SEND_FRAMES:
            frame: bytes = pop()
            seat: Seat | None = pop()
            self._uncount(frame, seat, counts=pop() is not None)
            if seat is None or not seat.left:
                frames.append(frame)
                size += len(frame)
        if batch and len(frames) > 1:
            return [b"[" + b",".join(frames) + b"]"]
        return frames

    def clear(self) -> None:
        self._items.clear()
        self._counted = self._bytes = self.reply_bytes = 0

    def waits_since(self) -> Instant | None:
        """Return since when the oldest live event waits."""
        return next((since for since in islice(self._items, 2, None, 3) if since is not None), None)

    def _uncount(self, frame: bytes, seat: Seat | None, *, counts: bool) -> None:
        if counts:
            self._counted -= 1
            self._bytes -= len(frame)
        elif seat is None:
            self.reply_bytes -= len(frame)
