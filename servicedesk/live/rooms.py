"""The names of rooms, read back."""

import re
from typing import Final, NamedTuple

from servicedesk.domain.events import DESK

_NAME: Final = re.compile(r"desk|user:([1-9][0-9]{0,15})|ticket:([1-9][0-9]{0,15})(:staff)?")


class Room(NamedTuple):
    """What a room's name says: whose it is, or which ticket's; neither for the room of all staff."""

    user_id: int | None = None
    ticket_id: int | None = None
    is_staff: bool = False


def named(name: str) -> Room | None:
    """Return what the name says, None when no room is called so."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    if name == DESK:
        return Room(is_staff=True)
    user, ticket, staff = match.groups()
    return Room(int(user) if user else None, int(ticket) if ticket else None, staff is not None)


def ticket_of(name: str) -> int | None:
    """Return the ticket of a ticket's public room, None for every other room."""
    room = named(name)
    return room.ticket_id if room is not None and not room.is_staff else None
