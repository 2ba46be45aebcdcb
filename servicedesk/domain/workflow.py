"""How a ticket moves: one table, and a few rules that stand beside it."""

from enum import StrEnum
from typing import Final

import msgspec

from servicedesk.domain.errors import (
    Forbidden,
    IllegalTransition,
    Reason,
    ReopenWindowOver,
    TransitionRefused,
)
from servicedesk.domain.people import EVERYBODY, STAFF, Role
from servicedesk.domain.tickets import Status, Ticket
from servicedesk.domain.times import DAY, Instant
from servicedesk.domain.words import say

NEW, OPEN, IN_PROGRESS, PENDING, ON_HOLD, RESOLVED, CLOSED = Status

MOVES: Final[dict[Status, tuple[Status, ...]]] = {
    NEW: (OPEN, IN_PROGRESS, PENDING, ON_HOLD, RESOLVED, CLOSED),
    OPEN: (IN_PROGRESS, PENDING, ON_HOLD, RESOLVED, CLOSED),
    IN_PROGRESS: (OPEN, PENDING, ON_HOLD, RESOLVED, CLOSED),
    PENDING: (OPEN, IN_PROGRESS, ON_HOLD, RESOLVED, CLOSED),
    ON_HOLD: (OPEN, IN_PROGRESS, PENDING, RESOLVED, CLOSED),
    RESOLVED: (OPEN, CLOSED),
    CLOSED: (OPEN,),
}
"""Where a ticket may go from each status. Nothing returns to new."""

NEED_AGENT: Final = (IN_PROGRESS, RESOLVED)
"""A ticket gets there, and stays there, only with somebody who has it."""
REOPEN_DAYS: Final = 14
AUTO_CLOSE: Final = 7 * DAY
"""How long a resolved ticket waits for a word of the requester before it closes by itself."""


class Need(StrEnum):
    """What a move needs beside the table."""

    ASSIGNEE = "assignee"
    COMMENT = "comment"


class Face(msgspec.Struct, frozen=True):
    """How a status shows itself. ``category`` says who has the word."""

    label: str
    category: str
    verb: str
    """What the button says that moves a ticket there."""


FACES: Final[dict[Status, Face]] = {
    NEW: Face(say("New"), "active", say("Set to new")),
    OPEN: Face(say("Open"), "active", say("Set to open")),
    IN_PROGRESS: Face(say("In progress"), "active", say("Start work")),
    PENDING: Face(say("Pending"), "waiting", say("Wait for the requester")),
    ON_HOLD: Face(say("On hold"), "waiting", say("Put on hold")),
    RESOLVED: Face(say("Resolved"), "done", say("Resolve")),
    CLOSED: Face(say("Closed"), "done", say("Close")),
}
_REOPEN: Final = say("Reopen")

REASONS: Final = {
    Need.ASSIGNEE: Reason("assignee_required", say("Assign the ticket to somebody first.")),
    Need.COMMENT: Reason("comment_required", say("Say why, in a comment.")),
}


class StatusView(msgspec.Struct, frozen=True):
    name: Status
    label: str
    category: str
    order: int


class MoveView(msgspec.Struct, frozen=True):
    """A row of the table as a client reads it."""

    from_: Status = msgspec.field(name="from")
    to: Status
    label: str
    requires: tuple[Need, ...]
    roles: tuple[Role, ...]


class Workflow(msgspec.Struct, frozen=True):
    """The whole table, for those who draw it."""

    statuses: tuple[StatusView, ...]
    transitions: tuple[MoveView, ...]


def is_reopen(here: Status, there: Status) -> bool:
    return not here.is_unresolved and there is OPEN


def allowed(
    status: Status, staff: bool, *, closed_at: Instant | None = None, at: Instant | None = None
) -> list[Status]:
    """Return the moves to offer, in the order of the table; none once a closed ticket is past reopening."""
    if status is CLOSED and closed_at is not None and at is not None and reopen_window_over(closed_at, at):
        return []
    return [there for there in MOVES[status] if staff or _is_for_customers(status, there)]


def reopen_window_over(closed_at: Instant, at: Instant) -> bool:
    return at - closed_at > REOPEN_DAYS * DAY


def check_move(ticket: Ticket, to: Status, *, staff: bool, comment: str | None, at: Instant) -> None:
    """Refuse a move that this side never makes, that is not in the table, or that a rule stands against."""
    here = ticket.status
    if not staff and not (to in MOVES[here] and _is_for_customers(here, to)):
        raise Forbidden(say("You can reopen or close your tickets; other moves are made by the desk."))
    if to not in MOVES[here]:
        raise IllegalTransition(here, to, allowed(here, staff, closed_at=ticket.closed_at, at=at))
    if here is CLOSED and ticket.closed_at is not None and reopen_window_over(ticket.closed_at, at):
        raise ReopenWindowOver(REOPEN_DAYS)
    missing = [need for need in needs_of(ticket, to) if not _is_met(need, ticket, comment)]
    if missing:
        raise TransitionRefused([REASONS[need] for need in missing])


def needs(here: Status, there: Status) -> tuple[Need, ...]:
    """Return what the move needs by its place in the table."""
    if there in NEED_AGENT:
        return (Need.ASSIGNEE,)
    if there is ON_HOLD or is_reopen(here, there) or (there is CLOSED and here is not RESOLVED):
        return (Need.COMMENT,)
    return ()


def after_staff_reply(status: Status) -> Status | None:
    """Return where the first public staff reply takes the ticket by itself."""
    return OPEN if status is NEW else None


def after_requester_message(status: Status) -> Status | None:
    """Return where a message of the requester takes the ticket by itself: the desk has the word again."""
    return OPEN if status in (PENDING, RESOLVED) else None


def closes_at(resolved_at: Instant) -> Instant:
    return resolved_at + AUTO_CLOSE


def move_label(here: Status, there: Status) -> str:
    return _REOPEN if is_reopen(here, there) else FACES[there].verb


def transitions_document() -> Workflow:
    """Return statuses and moves as data."""
    return _DOCUMENT


def _is_for_customers(here: Status, there: Status) -> bool:
    return there is CLOSED or is_reopen(here, there)


def needs_of(ticket: Ticket, to: Status) -> tuple[Need, ...]:
    # What was resolved once has been explained once: closing it later needs no further word.
    if to is CLOSED and ticket.first_resolved_at is not None:
        return ()
    return needs(ticket.status, to)


def _is_met(need: Need, ticket: Ticket, comment: str | None) -> bool:
    if need is Need.ASSIGNEE:
        return ticket.assigned_to is not None
    return bool(comment and comment.strip())


def _roles(here: Status, there: Status) -> tuple[Role, ...]:
    wanted = EVERYBODY if _is_for_customers(here, there) else STAFF
    return tuple(role for role in Role if role in wanted)


_DOCUMENT: Final = Workflow(
    tuple(StatusView(s, str(FACES[s].label), FACES[s].category, n) for n, s in enumerate(Status, start=1)),
    tuple(
        MoveView(here, there, str(move_label(here, there)), needs(here, there), _roles(here, there))
        for here, targets in MOVES.items()
        for there in targets
    ),
)
