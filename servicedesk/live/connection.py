"""One socket from the desk's side: the only task that sends on it, and when it ends."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from servicedesk.domain.times import SECOND, Instant
from servicedesk.live.gate import Gate
from servicedesk.live.outbox import Outbox
from servicedesk.live.protocol import LIMITS, PING_AFTER, PONG_WITHIN, Close
from servicedesk.live.rate import Rate
from servicedesk.live.seat import Seat

log = logging.getLogger(__name__)

Clock = Callable[[], Instant]

REPLY_BYTES: Final = 65_536
"""While more than this waits in replies, the next command of this socket waits too."""
STUCK: Final = 1 * SECOND
"""A send that has not moved for this long is no mere burst."""
FAREWELL: Final = 1 * SECOND
"""How long a closed socket has to say goodbye itself; twice that when it may still read what waits."""
REASON_BYTES: Final = 123
"""What a close frame can hold."""


class Line(Protocol):
    """The wire under a connection. Only the connection's writer sends on it, one thing at a time."""

    async def send(self, frames: Sequence[bytes]) -> None: ...
    async def ping(self) -> None: ...
    async def pong(self, payload: bytes) -> None: ...
    async def close(self, code: int, reason: bytes) -> None: ...
    def waiting(self) -> int:
        """Return how many bytes the network has not taken yet."""

    def abort(self) -> None: ...


class Log(Protocol):
    """Where a seat that is behind reads on."""

    def read_on(self, room: str, seq: int) -> list[bytes] | None:
        """Return the next few frames after ``seq``, none when there are no more, None when they are gone."""


class Connection:
    """Everything here is instantaneous but :meth:`write` and :meth:`room_for_replies`."""

    __slots__ = (
        "_behind",
        "_clock",
        "_done",
        "_ending",
        "_ending_since",
        "_flush",
        "_gate",
        "_held",
        "_line",
        "_log",
        "_outbox",
        "_overfull_since",
        "_ping_due",
        "_pinged_at",
        "_pong",
        "_relief",
        "_sending_since",
        "_unsent",
        "_wake",
        "batch",
        "expires_at",
        "heard_at",
        "id",
        "rate",
        "seats",
        "session_id",
        "user_id",
    )

    def __init__(
        self,
        line: Line,
        log: Log,
        clock: Clock,
        gate: Gate,
        *,
        connection_id: str,
        user_id: int,
        session_id: int,
    ) -> None:
        self.id = connection_id
        self.user_id = user_id
        self.session_id = session_id
        self.expires_at: Instant | None = None
        self.seats: dict[str, Seat] = {}
        self.batch = False
        self.rate = Rate()
        self.heard_at = clock()
        self._line = line
        self._log = log
        self._clock = clock
        self._gate = gate
        self._outbox = Outbox()
        self._behind: list[Seat] = []
        self._held = False
        self._overfull_since: Instant | None = None
        self._sending_since: Instant | None = None
        self._unsent = 0
        self._ping_due = False
        self._pinged_at: Instant | None = None
        self._pong: bytes | None = None
        self._ending: tuple[int, bytes] | None = None
        self._ending_since: Instant | None = None
        self._flush = False
        self._done = False
        self._wake: asyncio.Future[None] | None = None
        self._relief: asyncio.Future[None] | None = None

    # What is to be sent --------------------------------------------------

    def offer(self, seat: Seat, frame: bytes) -> bool:
        """Queue a room's event; return False when it does not fit any more."""
        if self.ending:
            return True
        if self._held or not self._outbox.offer(seat, frame, self._clock()):
            return False
        self._nudge()
        return True

    def whisper(self, frame: bytes) -> None:
        """Queue what is worth little later, unless much waits already."""
        if not self.ending and self._overfull_since is None:
            self._outbox.whisper(frame, self._clock())
            self._nudge()

    def reply(self, frame: bytes) -> None:
        """Queue the answer to a command."""
        if not self.ending:
            self._outbox.reply(frame)
            self._nudge()

    def fall_behind(self, seat: Seat) -> None:
        """Let the seat read from the log from here on, since its event did not fit."""
        if self._overfull_since is None and not self._held:
            self._overfull_since = self._clock()
        self.read_later(seat)

    def read_later(self, seat: Seat) -> None:
        """Feed the seat from the log when nothing else is to be sent."""
        if not seat.behind and not self.ending:
            seat.behind = True
            self._behind.append(seat)
            self._nudge()

    def hold(self) -> None:
        """Keep events back in the log until :meth:`release`: the client may want to resume first."""
        self._held = True

    def release(self) -> None:
        self._held = False
        self._nudge()

    def pong(self, payload: bytes) -> None:
        self._pong = payload
        self._nudge()

    async def room_for_replies(self) -> None:
        """Wait until the replies have gone: who does not read is not answered further."""
        while self._outbox.reply_bytes > REPLY_BYTES and not self._done:
            self._relief = asyncio.get_running_loop().create_future()
            await self._relief

    # Its end --------------------------------------------------

    @property
    def ending(self) -> bool:
        return self._ending is not None or self._done

    def is_over(self, today: Instant) -> bool:
        """Return whether the session behind the socket has run out."""
        return self.expires_at is not None and self.expires_at <= today

    def end(self, code: int, reason: bytes = b"", *, flush: bool = False) -> None:
        """Close the socket: at once, or with ``flush`` after what waits. A line that is blocked is cut."""
        if self.ending:
            return
        self._ending, self._ending_since, self._flush = (code, reason[:REASON_BYTES]), self._clock(), flush
        self._behind.clear()
        if not flush:
            self._outbox.clear()
            if self._sending_since is not None:
                self.cut()
        self._nudge()

    def cut(self) -> None:
        """Drop the line without a word. Whatever is being sent fails."""
        self._done = True
        self._behind.clear()
        self._outbox.clear()
        self._line.abort()
        self._nudge()

    def heard(self) -> None:
        """Note that the client is there."""
        self.heard_at = self._clock()
        self._pinged_at = None

    def check(self, now: Instant) -> None:
        """Look after the socket, about once a second: silence, slowness, and a farewell that nobody answers."""
        if self._ending_since is not None:
            if now - self._ending_since >= (2 * FAREWELL if self._flush else FAREWELL):
                self.cut()
            return
        self._note_progress(now)
        if self._is_slow(now):
            self.end(Close.SLOW, b"reads too slowly")
        elif self._pinged_at is not None and now - self._pinged_at > PONG_WITHIN:
            self.end(Close.NO_PONG, b"no pong")
        elif self._pinged_at is None and now - self.heard_at > PING_AFTER:
            self._pinged_at, self._ping_due = now, True
            self._nudge()

    def _note_progress(self, now: Instant) -> None:
        """A large frame may take long on a thin line: as long as the network takes bytes, it is not stuck."""
        if self._sending_since is None:
            self._unsent = 0
            return
        unsent = self._line.waiting()
        if unsent < self._unsent:
            self._sending_since = now
        self._unsent = unsent

    def _is_slow(self, now: Instant) -> bool:
        longest = LIMITS.queue_seconds * SECOND
        stuck = _age(self._sending_since, now)
        overfull = _age(self._overfull_since, now)
        late = _age(self._outbox.waits_since(), now)
        return max(stuck, overfull, late) > longest or (overfull > 0 and stuck > STUCK)

    # The writer --------------------------------------------------

    async def write(self) -> None:
        """Send what waits until the connection ends. The only task that ever sends on the line."""
        try:
            while await self._send_something():
                pass
            if self._ending is not None and not self._done:
                await self._line.close(*self._ending)
        except ConnectionError:
            self.cut()
        except Exception:
            log.exception("a socket's writer failed")
            self.cut()
        finally:
            self._done = True
            self._nudge()

    async def _send_something(self) -> bool:
        """Send the next thing, or wait for one; return False when there will be no more."""
        if self._done:
            return False
        if self._pong is not None or self._ping_due:
            await self._send_control()
        elif self._outbox:
            await self._send_frames()
        elif self._behind and not self._held:
            self._read_on()
        elif self._ending is not None:
            return False
        else:
            await self._nap()
        return True

    async def _send_frames(self) -> None:
        frames = self._outbox.take(batch=self.batch)
        self._nudge()
        if frames:
            self._sending_since = self._clock()
            await self._line.send(frames)
            self._sending_since = None
        if self._outbox:
            await self._turn()
        if self._overfull_since is not None and not self._outbox and not self._behind:
            self._overfull_since = None

    async def _send_control(self) -> None:
        payload, self._pong = self._pong, None
        self._sending_since = self._clock()
        if payload is not None:
            await self._line.pong(payload)
        if self._ping_due:
            self._ping_due = False
            await self._line.ping()
        self._sending_since = None

    def _read_on(self) -> None:
        """Queue the next few events of a seat that is behind, or let it hear directly again."""
        seat = self._behind.pop(0)
        frames = [] if seat.left else self._log.read_on(seat.room, seat.seq)
        if frames is None:
            self.end(Close.SLOW, b"the log no longer has what was missed")
        elif frames:
            self._outbox.replay(seat, frames)
            seat.seq += len(frames)
            self._behind.append(seat)
        else:
            seat.behind = False

    async def _nap(self) -> None:
        self._overfull_since = None
        self._wake = asyncio.get_running_loop().create_future()
        await self._wake

    async def _turn(self) -> None:
        """Let the others send."""
        turn = asyncio.get_running_loop().create_future()
        self._gate.queue(turn)
        await turn

    def _nudge(self) -> None:
        wake = self._wake
        if wake is not None:
            self._wake = None
            self._gate.queue(wake)
        relief = self._relief
        if relief is not None and (self._done or self._outbox.reply_bytes <= REPLY_BYTES):
            self._relief = None
            relief.set_result(None)


def _age(since: Instant | None, now: Instant) -> int:
    return 0 if since is None else now - since
