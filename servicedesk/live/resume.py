"""Where a socket begins to hear a room: after what its client has already, or after a snapshot."""

from typing import Protocol

from servicedesk.live.connection import Connection
from servicedesk.live.hub import Hub
from servicedesk.live.protocol import RoomState
from servicedesk.live.seat import Seat


class State(Protocol):
    """The log at one moment: the moment of the snapshot, if one is taken."""

    def top(self, room: str) -> int: ...
    def can_resume(self, room: str, seq: int) -> bool:
        """Return whether everything after ``seq`` is there and can be sent."""


def afresh(hub: Hub, connection: Connection, room: str, state: State) -> RoomState:
    """Let the socket hear what comes from now on; what is now is in a snapshot."""
    top, seat = state.top(room), connection.seats.get(room)
    if seat is None:
        hub.sit(connection, room, top)
    else:
        seat.skip_to(top)
    return RoomState(False, top)


def after(
    hub: Hub, connection: Connection, room: str, claim: int, *, ours: bool | None, state: State
) -> RoomState:
    """Let the socket hear everything after ``claim``, if that can be done exactly, else what comes from now on.

    ``ours`` says whether the claim is about this log, None that the client did not say.
    """
    seat, top = connection.seats.get(room), state.top(room)
    if seat is None:
        if ours and claim == top:  # as after any short break: nothing was missed
            hub.sit(connection, room, top)
            return RoomState(True, top)
        if ours and state.can_resume(room, claim):
            hub.sit(connection, room, claim).resume(claim)
            return RoomState(True, top)
    elif ours is not False and seat.start <= claim <= top:
        # It was told everything since, or is about to be; what it has from elsewhere is not sent again.
        seat.seq = max(seat.seq, claim)
        return standing(seat, state)
    elif ours and claim < seat.start == seat.seq and state.can_resume(room, claim):
        seat.resume(claim)
        return RoomState(True, top)
    return afresh(hub, connection, room, state)


def standing(seat: Seat, state: State) -> RoomState:
    """Return how a room stands that goes on without a gap: all up to ``top`` was sent, or is about to be."""
    return RoomState(True, state.top(seat.room) if seat.behind else seat.seq)
