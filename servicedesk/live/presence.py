"""Who is here: people counted by their sockets, and who has which ticket open. Time comes in as an argument."""

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from servicedesk.domain.times import SECOND, Instant
from servicedesk.live.protocol import IDLE_AFTER

Status = Literal["online", "away", "offline"]
Announced = tuple[int, Status]
"""A person's id and what they are now."""

GRACE: Final = 10 * SECOND
"""How long after the last socket a person counts as here: a reload is no departure."""
AMNESTY: Final = 15 * SECOND
"""How long after a start nobody is announced as gone: everybody is just coming back."""
LOOK_AWAY: Final = 8 * SECOND
"""How long a viewer whose line was lost is still shown."""


class Presence:
    """Counts each person's sockets. What it returns is to be announced."""

    def __init__(self, started: Instant) -> None:
        self._amnesty_until = started + AMNESTY
        self._here: dict[int, _Here] = {}
        self._to_watch: set[int] = set()

    def arrived(self, user_id: int, socket: str, now: Instant) -> Announced | None:
        here = self._here.setdefault(user_id, _Here())
        here.sockets[socket] = None
        return self._review(user_id, now)

    def left(self, user_id: int, socket: str, now: Instant) -> None:
        """Note that the socket is gone; its person is announced later, by :meth:`due`."""
        here = self._here.get(user_id)
        if here is not None and here.sockets.pop(socket, True) is not True and not here.sockets:
            here.gone_at = now
        self._to_watch.add(user_id)

    def touched(self, user_id: int, socket: str, *, idle: bool, now: Instant) -> Announced | None:
        """Note whether somebody is at this tab."""
        here = self._here.get(user_id)
        if here is None or socket not in here.sockets:
            return None
        if not idle:
            here.sockets[socket] = None
        elif here.sockets[socket] is None:
            here.sockets[socket] = now
            self._to_watch.add(user_id)
        return self._review(user_id, now)

    def due(self, now: Instant) -> Iterator[Announced]:
        """Yield what has changed by the mere passing of time."""
        for user_id in list(self._to_watch):
            if (announced := self._review(user_id, now)) is not None:
                yield announced

    def everybody(self) -> Iterator[Announced]:
        """Yield who is here, as it was announced."""
        for user_id, here in self._here.items():
            yield user_id, here.told

    def is_away(self, user_id: int) -> bool:
        here = self._here.get(user_id)
        return here is not None and here.told == "away"

    def _review(self, user_id: int, now: Instant) -> Announced | None:
        here = self._here.get(user_id)
        if here is None:
            self._to_watch.discard(user_id)
            return None
        status = self._status(here, now)
        if here.sockets and None in here.sockets.values():
            self._to_watch.discard(user_id)
        if status == here.told:
            return None
        here.told = status
        if status == "offline":
            del self._here[user_id]
            self._to_watch.discard(user_id)
        return user_id, status

    def _status(self, here: "_Here", now: Instant) -> Status:
        if not here.sockets:
            over = now >= max(here.gone_at + GRACE, self._amnesty_until)
            return "offline" if over else here.told
        idle = all(since is not None and now - since >= IDLE_AFTER for since in here.sockets.values())
        return "away" if idle else "online"


class _Here:
    __slots__ = ("gone_at", "sockets", "told")

    def __init__(self) -> None:
        self.sockets: dict[str, Instant | None] = {}
        """By socket: since when nobody has touched it."""
        self.gone_at: Instant = 0
        self.told: Status = "offline"


class Viewing:
    """Who has which ticket open; several tabs are one person."""

    def __init__(self) -> None:
        self._sockets: dict[int, dict[int, set[str]]] = {}
        self._lost: dict[tuple[int, int], Instant] = {}
        self._changed: set[int] = set()
        self.changes = 0
        """How often anything about any ticket's viewers has changed."""

    def opened(self, ticket_id: int, user_id: int, socket: str) -> None:
        people = self._sockets.setdefault(ticket_id, {})
        if user_id not in people:
            self._note([ticket_id])
        people.setdefault(user_id, set()).add(socket)
        self._lost.pop((ticket_id, user_id), None)

    def closed(self, ticket_id: int, user_id: int, socket: str, *, lost_at: Instant | None = None) -> None:
        """Note that a socket no longer shows the ticket. One whose line was lost may be back in a moment."""
        sockets = self._sockets.get(ticket_id, {}).get(user_id)
        if sockets is None or socket not in sockets:
            return
        sockets.remove(socket)
        if sockets:
            return
        if lost_at is None:
            self._forget(ticket_id, user_id)
        else:
            self._lost[ticket_id, user_id] = lost_at

    def changed(self, now: Instant) -> set[int]:
        """Return the tickets whose viewers are others than at the last call."""
        for (ticket_id, user_id), lost_at in list(self._lost.items()):
            if now - lost_at >= LOOK_AWAY:
                self._forget(ticket_id, user_id)
        changed, self._changed = self._changed, set()
        return changed

    def look_again(self, user_id: int) -> None:
        """Count the person's tickets as changed: their name or their being away is."""
        self._note(ticket for ticket, people in self._sockets.items() if user_id in people)

    def of(self, ticket_id: int) -> list[int]:
        """Return who has the ticket open, in the order in which they came."""
        return list(self._sockets.get(ticket_id, ()))

    def _forget(self, ticket_id: int, user_id: int) -> None:
        self._lost.pop((ticket_id, user_id), None)
        people = self._sockets.get(ticket_id)
        if people is None or user_id not in people:
            return
        del people[user_id]
        self._note([ticket_id])
        if not people:
            del self._sockets[ticket_id]

    def _note(self, ticket_ids: Iterable[int]) -> None:
        self._changed.update(ticket_ids)
        self.changes += 1
