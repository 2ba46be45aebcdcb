"""What a person is told of: the kinds, what each reads like on the wire, and how many become one."""

from enum import StrEnum
from typing import Final

import msgspec

from servicedesk.domain.people import PersonRef
from servicedesk.domain.tickets import Ticket, reference
from servicedesk.domain.times import DAY, Instant, iso

KEPT: Final = 90 * DAY
"""A read notification is forgotten after this."""
TEXT_MAX: Final = 160


class Kind(StrEnum):
    """Why a person is told."""

    ASSIGNED = "assigned"
    RETURNED = "returned"
    MENTIONED = "mentioned"
    REPLIED = "replied"
    NOTED = "noted"
    STATUS = "status"
    REOPENED = "reopened"
    ESCALATED = "escalated"
    SLA_AT_RISK = "sla_at_risk"
    SLA_BREACHED = "sla_breached"

    @property
    def is_internal(self) -> bool:
        """True for what only staff may be told of."""
        return self not in _PUBLIC


_PUBLIC: Final = frozenset({Kind.REPLIED, Kind.STATUS, Kind.REOPENED})


class TicketRef(msgspec.Struct, frozen=True):
    """A ticket as a notification names it."""

    id: int
    reference: str
    title: str


class NotificationBody(msgspec.Struct, frozen=True, kw_only=True):
    """A notification on the wire. ``actor`` is None for the desk itself.

    ``times`` tells how many of its kind it stands for since it was read last.
    """

    id: int
    kind: Kind
    ticket: TicketRef
    actor: PersonRef | None
    message_id: int | None
    text: str
    times: int
    is_read: bool
    created_at: str


class NotificationEvent(msgspec.Struct, frozen=True):
    """What ``user:N`` hears: the notification, the one that went into it, and how many are unread now."""

    notification: NotificationBody
    unread: int
    replaces: int | None = None


class ReadEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What ``user:N`` hears when notifications became read or unread: these, or all up to one."""

    ids: tuple[int, ...] = ()
    up_to: int | None = None
    is_read: bool
    unread: int


def ticket_ref(ticket: Ticket) -> TicketRef:
    return TicketRef(ticket.id, reference(ticket.id), ticket.title)


def fresh(
    number: int,
    kind: Kind,
    ticket: Ticket,
    *,
    actor: PersonRef | None,
    message_id: int | None,
    text: str,
    times: int,
    at: Instant,
) -> NotificationBody:
    """Return a notification that has just been written."""
    return NotificationBody(
        id=number,
        kind=kind,
        ticket=ticket_ref(ticket),
        actor=actor,
        message_id=message_id,
        text=text,
        times=times,
        is_read=False,
        created_at=iso(at),
    )


def excerpt(text: str) -> str:
    """Return the beginning of a text on one line, cut between words where that is possible."""
    line = " ".join(text.split())
    if len(line) <= TEXT_MAX:
        return line
    cut = line[: TEXT_MAX - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut[TEXT_MAX // 2 :] else cut) + "…"
