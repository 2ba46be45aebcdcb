"""What people notice of each other: who is here, who has a ticket open, who is typing. No log keeps it."""

from collections.abc import Callable, Iterable
from typing import Protocol

from servicedesk.domain.events import DESK, staff_room, ticket_room
from servicedesk.domain.times import iso
from servicedesk.live import protocol
from servicedesk.live.connection import Clock, Connection
from servicedesk.live.presence import Announced, Presence, Viewing
from servicedesk.live.protocol import Mode, UserPresence, UserTyping, Viewer, Viewers, Who
from servicedesk.live.typing import Typed, Typing


class Whisper(Protocol):
    def __call__(self, room: str, frame: bytes, *, but: str | None = None) -> None:
        """Tell it to a room, except to one socket."""


class Awareness:
    def __init__(self, whisper: Whisper, clock: Clock, wall: Clock, name_of: Callable[[int], str]) -> None:
        self._whisper = whisper
        self._clock = clock
        self._wall = wall
        self._name_of = name_of
        self._presence = Presence(clock())
        self._viewing = Viewing()
        self._typing = Typing()
        self._everybody: tuple[UserPresence, ...] | None = None
        self._viewers: tuple[tuple[int, int], tuple[Viewer, ...]] = ((0, 0), ())

    def arrived(self, connection: Connection) -> None:
        self._announce(self._presence.arrived(connection.user_id, connection.id, self._clock()))

    def gone(self, connection: Connection, ticket_ids: Iterable[int]) -> None:
        """The line is lost or closed, with these tickets open."""
        now = self._clock()
        self._tell_typing(self._typing.gone(connection.id))
        for ticket_id in ticket_ids:
            self._viewing.closed(ticket_id, connection.user_id, connection.id, lost_at=now)
        self._presence.left(connection.user_id, connection.id, now)

    def opened(self, connection: Connection, ticket_id: int) -> None:
        """A ticket was joined; the others see it."""
        self._viewing.opened(ticket_id, connection.user_id, connection.id)

    def tell_typing(self, connection: Connection, ticket_id: int) -> None:
        """Tell a newcomer who is typing."""
        for typed in self._typing.in_ticket(ticket_id):
            if _typing_room(typed) in connection.seats and typed.socket != connection.id:
                connection.whisper(self._typing_frame(typed))

    def left(self, connection: Connection, ticket_id: int) -> None:
        self._tell_typing(self._typing.gone(connection.id, ticket_id))
        self._viewing.closed(ticket_id, connection.user_id, connection.id)

    def touched(self, connection: Connection, *, idle: bool) -> None:
        self._announce(
            self._presence.touched(connection.user_id, connection.id, idle=idle, now=self._clock())
        )

    def renamed(self, user_id: int) -> None:
        self._everybody = None
        self._viewing.look_again(user_id)

    def typing(self, connection: Connection, ticket_id: int, mode: Mode) -> None:
        self._tell_typing(
            self._typing.start(ticket_id, connection.user_id, connection.id, mode, self._clock())
        )

    def typed(self, user_id: int, ticket_id: int, mode: Mode | None = None) -> None:
        """The typing is over: it was stopped, or the message is there."""
        self._tell_typing(self._typing.stop(ticket_id, user_id, mode))

    def is_typed_in(self, ticket_id: int) -> bool:
        return any(True for _ in self._typing.in_ticket(ticket_id))

    def tick(self) -> None:
        """Announce what time has changed, and viewers, who are announced together."""
        now = self._clock()
        self._tell_typing(self._typing.due(now))
        for announced in self._presence.due(now):
            self._announce(announced)
        for ticket_id in self._viewing.changed(now):
            room = staff_room(ticket_id)
            self._whisper(room, self._frame("presence_update", Viewers(ticket_id, self.viewers(ticket_id))))

    def presence(self) -> tuple[UserPresence, ...]:
        """Return everybody who is here; worked out once for all who come at the same time."""
        if self._everybody is None:
            everybody = self._presence.everybody()
            self._everybody = tuple(UserPresence(self._who(user_id), status) for user_id, status in everybody)
        return self._everybody

    def viewers(self, ticket_id: int) -> tuple[Viewer, ...]:
        """Return who has the ticket open; worked out once for all who come to it at the same time."""
        as_of = (ticket_id, self._viewing.changes)
        if self._viewers[0] != as_of:
            self._viewers = (as_of, tuple(map(self._viewer, self._viewing.of(ticket_id))))
        return self._viewers[1]

    def _viewer(self, user_id: int) -> Viewer:
        is_away = self._presence.is_away(user_id)
        return Viewer(user_id, self._name_of(user_id), "away" if is_away else "viewing")

    def _announce(self, announced: Announced | None) -> None:
        if announced is None:
            return
        user_id, status = announced
        self._everybody = None
        self._viewing.look_again(user_id)
        self._whisper(DESK, self._frame("presence_update", UserPresence(self._who(user_id), status)))

    def _tell_typing(self, all_typed: Iterable[Typed]) -> None:
        for typed in all_typed:
            self._whisper(_typing_room(typed), self._typing_frame(typed), but=typed.socket)

    def _typing_frame(self, typed: Typed) -> bytes:
        data = UserTyping(typed.ticket_id, self._who(typed.user_id), typed.typing, typed.mode)
        return self._frame("user_typing", data)

    def _frame(self, event: str, data: UserPresence | Viewers | UserTyping) -> bytes:
        return protocol.passing(event, iso(self._wall()), data)

    def _who(self, user_id: int) -> Who:
        return Who(user_id, self._name_of(user_id))


def _typing_room(typed: Typed) -> str:
    return staff_room(typed.ticket_id) if typed.mode is Mode.NOTE else ticket_room(typed.ticket_id)
