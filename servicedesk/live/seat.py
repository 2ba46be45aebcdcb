"""A socket's place in a room."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servicedesk.live.connection import Connection


class Seat:
    """Up to which event a socket was told of a room, and whether it hears the next one directly.

    One that is behind is fed from the log when its socket has nothing else to send: after a resume, and after
    a burst that did not fit the queue. So nothing is skipped, nothing comes twice, and memory stays bounded.
    """

    __slots__ = ("behind", "connection", "left", "room", "seq", "start")

    def __init__(self, connection: "Connection", room: str, seq: int) -> None:
        self.connection = connection
        self.room = room
        self.start = seq
        """The position with which it sat down; nothing before it was ever sent here."""
        self.seq = seq
        """The last event that was put into the socket's queue."""
        self.behind = False
        self.left = False

    def hear(self, seq: int, frame: bytes) -> None:
        """Take the room's next event. It must not wait."""
        if self.behind or seq <= self.seq:
            return
        if seq == self.seq + 1 and self.connection.offer(self, frame):
            self.seq = seq
        else:
            self.connection.fall_behind(self)

    def resume(self, seq: int) -> None:
        """Start over after this event; what came since is read from the log."""
        self.start = self.seq = seq
        self.connection.read_later(self)

    def skip_to(self, seq: int) -> None:
        """Count everything up to this event as told: a snapshot holds it, or the client has it already."""
        self.start = self.seq = seq
