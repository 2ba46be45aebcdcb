"""What an export holds: the parts in the order in which they are written and taken in, and the list of them all."""

from typing import Final

import msgspec

from servicedesk.domain.views import ChangeBody, TeamBody, TicketBody, UserBody

FORMAT: Final = "servicedesk export"
VERSION: Final = 1

PEOPLE: Final = "people"
TEAMS: Final = "teams"
CALENDARS: Final = "calendars"
POLICIES: Final = "policies"
ESCALATION: Final = "escalation_policies"
MACROS: Final = "macros"
VIEWS: Final = "views"
TICKETS: Final = "tickets"
MESSAGES: Final = "messages"
FILES: Final = "files"
HISTORY: Final = "history"

ORDER: Final = (
    CALENDARS,
    PEOPLE,
    POLICIES,
    ESCALATION,
    TEAMS,
    MACROS,
    VIEWS,
    TICKETS,
    MESSAGES,
    FILES,
    HISTORY,
)
"""Each names only what comes before it."""
ABOUT_THE_DESK: Final = frozenset({CALENDARS, POLICIES, ESCALATION, MACROS, VIEWS})
"""Left out when not the whole desk is wanted."""


class PersonLine(UserBody, frozen=True, kw_only=True):
    """A person as the API shows them, and how the console speaks to them. No hash, session or token."""

    language: str | None
    time_zone: str | None


class TeamLine(TeamBody, frozen=True, kw_only=True):
    created_at: str


class TicketLine(TicketBody, frozen=True, kw_only=True):
    """A ticket as staff see it, and what only the desk itself knows of it."""

    first_resolved_at: str | None
    waits: bool
    watcher_ids: tuple[int, ...]


class HistoryLine(ChangeBody, frozen=True, kw_only=True):
    ticket_id: int
    is_internal: bool


class Selection(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of the desk is wanted; nothing named is all of it."""

    team: str | None = None
    requester: str | None = None
    ticket: int | None = None


class Part(msgspec.Struct, frozen=True):
    """A file of lines."""

    name: str
    lines: int
    size: int
    sha256: str


class Contents(msgspec.Struct, frozen=True):
    """The bytes of files, each content once."""

    count: int
    size: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs to an export, so that nothing can be missing or exchanged unseen."""

    format: str
    version: int
    id: str
    """Chosen for each export: who takes it in a second time knows it again."""
    made_at: str
    desk: str
    program: str
    selection: Selection
    parts: tuple[Part, ...]
    contents: Contents
    lost: tuple[str, ...] = ()
    """Hashes of contents that could not be read, or were no longer what had come in."""


def part_path(name: str) -> str:
    return f"{name}.jsonl"


def content_path(sha256: str) -> str:
    return f"files/{sha256[:2]}/{sha256}"
