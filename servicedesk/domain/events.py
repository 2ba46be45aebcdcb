"""What is told: events that are stored in the log, and signals that are not."""

from enum import StrEnum

import msgspec

from servicedesk.domain.agenda import Kind
from servicedesk.domain.times import Instant


class Event(StrEnum):
    NEW_MESSAGE = "new_message"
    TICKET_UPDATED = "ticket_updated"
    FILE_UPLOADED = "file_uploaded"
    ESCALATION_STEP = "escalation_step"
    NOTIFICATION = "notification"
    NOTIFICATIONS_READ = "notifications_read"


class Action(StrEnum):
    """What happened to a ticket: the ``action`` of ``ticket_updated``, and the ``type`` of a history row."""

    CREATED = "created"
    UPDATED = "updated"
    STATUS = "status"
    PRIORITY = "priority"
    ASSIGNED = "assigned"
    ESCALATED = "escalated"
    SLA = "sla"
    FILE_DELETED = "file_deleted"
    ACCESS_REVOKED = "access_revoked"


DESK = "desk"
"""The room of all staff."""


def ticket_room(ticket_id: int) -> str:
    return f"ticket:{ticket_id}"


def staff_room(ticket_id: int) -> str:
    return f"ticket:{ticket_id}:staff"


def user_room(user_id: int) -> str:
    return f"user:{user_id}"


class Told(msgspec.Struct, frozen=True):
    """An event as it stands in the log: its room, its place there, and the whole frame that listeners get."""

    room: str
    seq: int
    frame: bytes


class SessionsEnded(msgspec.Struct, frozen=True):
    """These sessions, or all of the person's, are over; ``code`` is the websocket's close code."""

    user_id: int
    session_ids: frozenset[int] | None
    code: int


class PersonChanged(msgspec.Struct, frozen=True):
    """What this person may see or how they are called may have changed."""

    user_id: int


class Due(msgspec.Struct, frozen=True):
    """An appointment of this kind was made for this moment."""

    kind: Kind
    at: Instant


class SearchBehind(msgspec.Struct, frozen=True):
    """Texts wait for the search index."""


class ReplanAgain(msgspec.Struct, frozen=True):
    """An escalation policy has changed: more tickets have to learn what falls due next."""


class DrainAgain(msgspec.Struct, frozen=True):
    """More waiting tickets may find an agent than one transaction gave out."""


class RewindAgain(msgspec.Struct, frozen=True):
    """Another promise counts for tickets whose clocks are not wound anew yet."""


class CalendarChanged(msgspec.Struct, frozen=True):
    """The desk's hours are others: what was promised by this calendar is due at another time."""

    calendar_id: int
