"""Tickets and messages, and the rules of their text."""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

import msgspec

from servicedesk.domain.errors import FieldError
from servicedesk.domain.people import Author, PersonRef, Requester, TeamRef, fold
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say


class Status(StrEnum):
    NEW = "new"
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    PENDING = "pending"
    ON_HOLD = "on_hold"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @property
    def is_unresolved(self) -> bool:
        return self not in (Status.RESOLVED, Status.CLOSED)


UNRESOLVED: Final = frozenset(s for s in Status if s.is_unresolved)
WORKLOAD: Final = frozenset({Status.NEW, Status.OPEN, Status.IN_PROGRESS})
"""What counts against an agent's ``max_tickets``."""


class Priority(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return _RANK[self]

    def raised(self) -> "Priority":
        """Return one step up; critical stays."""
        return _BY_RANK[min(self.rank + 1, len(_BY_RANK) - 1)]


_BY_RANK: Final = tuple(Priority)
_RANK: Final = {priority: rank for rank, priority in enumerate(_BY_RANK)}

TITLE_MAX: Final = 200
DESCRIPTION_MAX: Final = 65_536
BODY_MAX: Final = 32_768
TAG_MAX: Final = 64
TAGS_MAX: Final = 20
TOP_LEVEL: Final = 3
REASON_MIN: Final = 10
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Unicode's categories Cc, Zl and Zp."""


class Sla(msgspec.Struct, frozen=True, kw_only=True):
    """What the clocks came to at the ticket's last change; the state also needs the time (``domain/sla.py``)."""

    policy: str | None
    phase: str
    first_response_due_at: Instant | None
    resolution_due_at: Instant | None
    next_response_due_at: Instant | None = None
    """While the requester waits for another answer and one is promised."""
    due_at: Instant | None
    risk_at: Instant | None
    breach_at: Instant | None


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket with the names that a reader wants to see. Counts are of what everybody sees, and of the rest."""

    id: int
    title: str
    description: str
    status: Status
    priority: Priority
    category: str | None
    tags: tuple[str, ...]
    required_skills: tuple[str, ...]
    requester: Requester
    assigned_to: PersonRef | None
    team: TeamRef | None
    escalation_level: int
    version: int
    public_messages: int
    internal_messages: int
    public_files: int
    internal_files: int
    reopen_count: int
    waits: bool
    """True while it waits for an agent to become free."""
    created_at: Instant
    updated_at: Instant
    first_response_at: Instant | None
    first_resolved_at: Instant | None
    """Set once for ever; ``resolved_at`` is taken back by a reopen."""
    resolved_at: Instant | None
    closed_at: Instant | None
    sla: Sla

    @property
    def reference(self) -> str:
        return reference(self.id)

    @property
    def assignee_id(self) -> int | None:
        return self.assigned_to.id if self.assigned_to else None

    @property
    def team_id(self) -> int | None:
        return self.team.id if self.team else None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    ticket_id: int
    author: Author
    body: str
    is_internal: bool
    client_msg_id: str | None
    created_at: Instant


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a ticket's history. ``actor`` is None for the desk itself."""

    ticket_id: int
    seq: int
    type: str
    actor: PersonRef | None
    changes: dict[str, "FromTo"]
    reason: str | None
    is_internal: bool
    created_at: Instant


class FromTo(msgspec.Struct, frozen=True):
    """A field's value before and after: plain values, ids for people and teams."""

    from_: object = msgspec.field(name="from")
    to: object = None


def reference(ticket_id: int) -> str:
    return f"TKT-{ticket_id:06d}"


def has_control_character(text: str) -> bool:
    """Return True for line breaks and other control characters, the invisible separators included."""
    return _CONTROL.search(text) is not None


def title_errors(title: str, pointer: str = "/title") -> Iterator[FieldError]:
    text = title.strip()
    if not text:
        yield FieldError(pointer, "too_short", say("must not be empty"))
    if len(text) > TITLE_MAX:
        yield FieldError(pointer, "too_long", say("must have at most {most} characters", most=TITLE_MAX))
    if has_control_character(text):
        yield FieldError(
            pointer, "control_character", say("must not contain line breaks or control characters")
        )


def word_errors(words: Iterable[str], pointer: str) -> Iterator[FieldError]:
    """Yield what is wrong with a list of tags or skills."""
    words = list(words)
    if len(words) > TAGS_MAX:
        yield FieldError(pointer, "too_many", say("must have at most {most} entries", most=TAGS_MAX))
    for number, word in enumerate(words):
        if not 1 <= len(word.strip()) <= TAG_MAX or has_control_character(word.strip()):
            yield FieldError(
                f"{pointer}/{number}",
                "invalid",
                say("must have 1 to {most} printable characters", most=TAG_MAX),
            )


def distinct(words: Iterable[str]) -> tuple[str, ...]:
    """Return the words trimmed, in order, each once without regard to case; the first spelling stays."""
    seen: dict[str, str] = {}
    for word in words:
        seen.setdefault(fold(word), word.strip())
    return tuple(seen.values())
