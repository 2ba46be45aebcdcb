"""Who hears what: people, their sockets and the rooms they are in, in step with what the database tells."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

import msgspec

from servicedesk.domain.events import (
    DESK,
    Event,
    PersonChanged,
    SessionsEnded,
    Told,
    staff_room,
    ticket_room,
)
from servicedesk.domain.people import User
from servicedesk.domain.times import SECOND, Instant
from servicedesk.live import rooms
from servicedesk.live.awareness import Awareness
from servicedesk.live.connection import Clock, Connection, Log
from servicedesk.live.gate import Gate
from servicedesk.live.protocol import LIMITS, Close
from servicedesk.live.seat import Seat

log = logging.getLogger(__name__)

DRAIN_WITHIN: Final = 2.0
"""Seconds that all sockets together have to say goodbye."""
HEARD_AT_ONCE: Final = 1024
"""Events times sockets that are passed on in one turn of the loop: two or three milliseconds."""
_CHECK_EVERY: Final = 1 * SECOND
_REASONS: Final = {Close.SESSION_ENDED: b"session ended", Close.DEACTIVATED: b"deactivated"}
_NEW_MESSAGE: Final = f'{{"event":"{Event.NEW_MESSAGE}"'.encode()


class Desk(Log, Protocol):
    """What the hub asks of the desk behind it. Answers are as of the last commit."""

    epoch: str
    """The name of the log; positions in another one mean nothing here."""

    def person(self, user_id: int) -> User | None: ...
    def may_hear(self, user: User, room: str) -> bool: ...
    def top(self, room: str) -> int: ...
    def access_taken(self, user_id: int, ticket_ids: Sequence[int]) -> None:
        """Tell the person, in their own room, that these tickets are no longer theirs to see."""

    def role_changed(self, connection: Connection) -> None:
        """Tell the client what it is now and which rooms it is in."""


class Hub:
    """All of it happens on the loop, between two commits' notices or two frames: nothing here waits."""

    def __init__(self, desk: Desk, clock: Clock, wall: Clock) -> None:
        self.desk = desk
        self._clock = clock
        self._wall = wall
        self._people: dict[int, _Person] = {}
        self._connections: set[Connection] = set()
        self._rooms: dict[str, set[Seat]] = {}
        self._checked_at: Instant = clock()
        self._nobody: asyncio.Event | None = None
        self._notices: deque[object] = deque()
        self._passing: Iterator[None] | None = None
        self.gate = Gate()
        self.draining = False
        self.awareness = Awareness(self.whisper, clock, wall, self._name_of)

    # Sockets --------------------------------------------------

    def is_full(self, user_id: int) -> bool:
        person = self._people.get(user_id)
        return person is not None and len(person.connections) >= LIMITS.sockets

    def watch(self, connection: Connection) -> None:
        """Look after a socket, whether or not it will be let in."""
        self._connections.add(connection)

    def enter(self, connection: Connection, user: User) -> None:
        """Let a watched socket in; from now on its person is here."""
        self._people.setdefault(user.id, _Person(user)).connections.add(connection)
        self.awareness.arrived(connection)

    def exit(self, connection: Connection) -> None:
        """Forget a socket that is no more."""
        self._connections.discard(connection)
        person = self._people.get(connection.user_id)
        if person is not None and connection in person.connections:
            person.connections.remove(connection)
            if not person.connections:
                del self._people[connection.user_id]
            self.awareness.gone(connection, self.tickets(connection))
        for room in list(connection.seats):
            self.rise(connection, room)
        if self._nobody is not None and not self._connections:
            self._nobody.set()

    def user(self, connection: Connection) -> User:
        """Return whose socket it is, as they are now."""
        return self._people[connection.user_id].user

    def __len__(self) -> int:
        return len(self._connections)

    # Rooms --------------------------------------------------

    def sit(self, connection: Connection, room: str, seq: int) -> Seat:
        """Put the socket into the room, where it hears everything after ``seq``."""
        seat = Seat(connection, room, seq)
        connection.seats[room] = seat
        self._rooms.setdefault(room, set()).add(seat)
        return seat

    def rise(self, connection: Connection, room: str) -> None:
        """Take the socket out of the room; what waits for it from there is not sent any more."""
        seat = connection.seats.pop(room, None)
        if seat is None:
            return
        seat.left = True
        seats = self._rooms[room]
        seats.remove(seat)
        if not seats:
            del self._rooms[room]

    def tickets(self, connection: Connection) -> list[int]:
        """Return the tickets that the socket has joined."""
        return [ticket_id for room in connection.seats if (ticket_id := rooms.ticket_of(room)) is not None]

    def leave_ticket(self, connection: Connection, ticket_id: int) -> None:
        self.awareness.left(connection, ticket_id)
        self.rise(connection, ticket_room(ticket_id))
        self.rise(connection, staff_room(ticket_id))

    def whisper(self, room: str, frame: bytes, *, but: str | None = None) -> None:
        """Tell a room what no log keeps."""
        for seat in self._rooms.get(room, ()):
            if seat.connection.id != but:
                seat.connection.whisper(frame)

    # What the database tells --------------------------------------------------

    def hear(self, notices: Sequence[object]) -> None:
        """Pass on what a commit has to tell, in the order of the log; what is much, in several turns of the loop.

        Whoever lost access or session in it hears nothing that comes after.
        """
        self._notices.extend(notices)
        if self._passing is None:
            self._passing = self._pass_on()
            self._go_on()

    def _go_on(self) -> None:
        passing = self._passing
        assert passing is not None
        try:
            next(passing)
        except StopIteration:
            self._passing = None
        except Exception:
            log.exception("an event was not passed on")
            self._passing = self._pass_on()
            asyncio.get_running_loop().call_soon(self._go_on)
        else:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _pass_on(self) -> Iterator[None]:
        """Pass on everything, with a pause wherever it is enough for one turn."""
        heard = 0
        while self._notices:
            notice = self._notices.popleft()
            if isinstance(notice, Told):
                for seats in self._seats(notice.room):
                    heard += len(seats)
                    if heard > HEARD_AT_ONCE:
                        yield
                        heard = len(seats)
                    for seat in seats:
                        seat.hear(notice.seq, notice.frame)
                if notice.frame.startswith(_NEW_MESSAGE):
                    self._end_typing(notice)
            elif isinstance(notice, SessionsEnded):
                self._end_sessions(notice)
            elif isinstance(notice, PersonChanged):
                self.refresh(notice.user_id)

    def _seats(self, room: str) -> list[tuple[Seat, ...]]:
        """Return who sits in the room now, in parts that are small enough for one turn."""
        seats = tuple(self._rooms.get(room, ()))
        return [seats[n : n + HEARD_AT_ONCE] for n in range(0, len(seats), HEARD_AT_ONCE)]

    def refresh(self, user_id: int) -> None:
        """Look at a person anew: what they may hear, and how they are called."""
        person = self._people.get(user_id)
        if person is None:
            self.awareness.renamed(user_id)  # who has just gone is still shown for a moment
            return
        before, user = person.user, self.desk.person(user_id)
        if user is None or not user.is_active:
            self._end(person.connections, Close.DEACTIVATED)
            return
        if user == before:
            return
        person.user = user
        if user.name != before.name:
            self.awareness.renamed(user_id)
        if user.role is not before.role:
            self._reseat(person)

    def _end_typing(self, told: Told) -> None:
        room = rooms.named(told.room)
        if room is None or room.ticket_id is None or not self.awareness.is_typed_in(room.ticket_id):
            return
        author = _message.decode(told.frame).data.message.author
        self.awareness.typed(author.id, room.ticket_id)

    def _end_sessions(self, ended: SessionsEnded) -> None:
        person = self._people.get(ended.user_id)
        if person is None:
            return
        which = ended.session_ids
        over = [c for c in person.connections if which is None or c.session_id in which]
        self._end(over, Close(ended.code))

    def _end(self, connections: Iterable[Connection], code: Close) -> None:
        for connection in connections:
            connection.end(code, _REASONS.get(code, b""))

    def expel(self, connection: Connection) -> None:
        """End a socket that turned out to have no living session, though nobody has told of it yet."""
        user = self.desk.person(connection.user_id)
        is_here = user is not None and user.is_active
        self._end([connection], Close.SESSION_ENDED if is_here else Close.DEACTIVATED)

    def _reseat(self, person: "_Person") -> None:
        """Leave the rooms that the role no longer opens, and sit down in those that it does now."""
        user, taken = person.user, set[int]()
        for connection in person.connections:
            for room in list(connection.seats):
                if self.desk.may_hear(user, room):
                    continue
                ticket_id = rooms.ticket_of(room)
                if ticket_id is None:
                    self.rise(connection, room)
                else:
                    taken.add(ticket_id)
                    self.leave_ticket(connection, ticket_id)
            if user.is_staff:
                for room in (DESK, *map(staff_room, self.tickets(connection))):
                    if room not in connection.seats:
                        self.sit(connection, room, self.desk.top(room))
            self.desk.role_changed(connection)
        if taken:
            self.desk.access_taken(user.id, sorted(taken))

    # What time brings --------------------------------------------------

    def tick(self) -> None:
        """Announce and look after what time has changed; called a few times a second."""
        self.awareness.tick()
        now = self._clock()
        if now - self._checked_at < _CHECK_EVERY:
            return
        self._checked_at = now
        for connection in self._connections:
            connection.check(now)
        today = self._wall()
        self._end([c for c in self._connections if c.is_over(today)], Close.SESSION_ENDED)

    async def drain(self, reason: Callable[[], bytes]) -> None:
        """Close all sockets at once, each with a hint when to come back, and wait until they are gone."""
        self.draining = True
        if not self._connections:
            return
        self._nobody = asyncio.Event()
        for connection in list(self._connections):
            connection.end(Close.RESTART, reason(), flush=True)
        try:
            async with asyncio.timeout(DRAIN_WITHIN):
                await self._nobody.wait()
        except TimeoutError:
            for connection in list(self._connections):
                connection.cut()

    def joined(self, room: str) -> Iterator[Connection]:
        """Yield who is in the room."""
        for seat in self._rooms.get(room, ()):
            yield seat.connection

    def _name_of(self, user_id: int) -> str:
        person = self._people.get(user_id)
        user = person.user if person is not None else self.desk.person(user_id)
        return user.name if user is not None else ""


class _Person:
    __slots__ = ("connections", "user")

    def __init__(self, user: User) -> None:
        self.user = user
        self.connections: set[Connection] = set()


class _Author(msgspec.Struct):
    id: int


class _Message(msgspec.Struct):
    author: _Author


class _Data(msgspec.Struct):
    message: _Message


class _MessageFrame(msgspec.Struct):
    data: _Data


_message: Final = msgspec.json.Decoder(_MessageFrame)
