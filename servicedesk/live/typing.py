"""Who is typing where: announced once, and ended by the desk when the client does not."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from servicedesk.domain.times import SECOND, Instant
from servicedesk.live.protocol import Mode

ENDS_AFTER: Final = 6 * SECOND


class Typed(NamedTuple):
    """Somebody began or ended typing; the socket where they did need not hear of it."""

    ticket_id: int
    user_id: int
    socket: str
    mode: Mode
    typing: bool


class _Typing(NamedTuple):
    socket: str
    mode: Mode
    until: Instant


class Typing:
    """What it yields is to be announced. Time comes in as an argument."""

    def __init__(self) -> None:
        self._typing: dict[tuple[int, int], _Typing] = {}

    def start(self, ticket_id: int, user_id: int, socket: str, mode: Mode, now: Instant) -> Iterator[Typed]:
        before = self._typing.get((ticket_id, user_id))
        if before is not None and before.mode is not mode:
            yield from self.stop(ticket_id, user_id)
            before = None
        first = before.socket if before is not None else socket
        self._typing[ticket_id, user_id] = _Typing(first, mode, now + ENDS_AFTER)
        if before is None:
            yield Typed(ticket_id, user_id, socket, mode, True)

    def stop(self, ticket_id: int, user_id: int, mode: Mode | None = None) -> Iterator[Typed]:
        typing = self._typing.get((ticket_id, user_id))
        if typing is not None and mode in (None, typing.mode):
            del self._typing[ticket_id, user_id]
            yield Typed(ticket_id, user_id, typing.socket, typing.mode, False)

    def gone(self, socket: str, ticket_id: int | None = None) -> Iterator[Typed]:
        """End what was typed at a socket, in one ticket or in all."""
        for (ticket, user_id), typing in list(self._typing.items()):
            if typing.socket == socket and ticket_id in (None, ticket):
                yield from self.stop(ticket, user_id)

    def due(self, now: Instant) -> Iterator[Typed]:
        """End what was not renewed in time."""
        for (ticket_id, user_id), typing in list(self._typing.items()):
            if now >= typing.until:
                yield from self.stop(ticket_id, user_id)

    def in_ticket(self, ticket_id: int) -> Iterator[Typed]:
        """Yield what is being typed, for somebody who has just come."""
        for (ticket, user_id), typing in self._typing.items():
            if ticket == ticket_id:
                yield Typed(ticket, user_id, typing.socket, typing.mode, True)
