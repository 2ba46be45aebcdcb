"""People and teams."""

import re
from enum import StrEnum
from typing import Final

import msgspec

from servicedesk.domain.times import Instant


class Role(StrEnum):
    ADMIN = "admin"
    SUPERVISOR = "supervisor"
    AGENT = "agent"
    CUSTOMER = "customer"

    @property
    def is_staff(self) -> bool:
        return self is not Role.CUSTOMER


STAFF: Final = frozenset({Role.ADMIN, Role.SUPERVISOR, Role.AGENT})
SUPERVISORS: Final = frozenset({Role.ADMIN, Role.SUPERVISOR})
ADMINS: Final = frozenset({Role.ADMIN})
EVERYBODY: Final = frozenset(Role)


class Availability(StrEnum):
    AVAILABLE = "available"
    AWAY = "away"


class Preset(StrEnum):
    """How a team's tickets find their agent."""

    BALANCED = "balanced"
    ROUND_ROBIN = "round_robin"
    SKILLS = "skills"
    MANUAL = "manual"


class User(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    email: str
    name: str
    role: Role
    is_active: bool
    max_tickets: int
    skills: tuple[str, ...]
    availability: Availability
    team_ids: tuple[int, ...]
    calendar_id: int | None = None
    """Their own working hours; None is around the clock."""
    language: str | None = None
    """What the console speaks to them; None is the language of their browser."""
    time_zone: str | None = None
    """Where they are, as far as the console shows times; None is the desk's zone."""
    only_ticket: int | None = None
    """All that they may touch, when nothing but a private link stands for them."""
    created_at: Instant

    @property
    def is_staff(self) -> bool:
        return self.role is not Role.CUSTOMER


class Team(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    assignment: Preset
    lead_id: int | None
    member_ids: tuple[int, ...]
    weights: tuple[int, int, int, int] | None = None
    """What each factor of the assignment counts, instead of what the preset says."""
    return_after_minutes: int | None = None
    """Working minutes without a public answer after which a ticket goes to somebody else."""
    sla_policy_id: int | None = None
    """What is promised for its tickets; None follows the desk's default."""
    escalation_policy_id: int | None = None
    """What happens when its tickets are left lying; None follows the desk's default."""
    created_at: Instant


class PersonRef(msgspec.Struct, frozen=True):
    """A person as others see them."""

    id: int
    name: str


class TeamRef(msgspec.Struct, frozen=True):
    id: int
    name: str


class Requester(msgspec.Struct, frozen=True):
    id: int
    name: str
    email: str


class Author(msgspec.Struct, frozen=True):
    id: int
    name: str
    role: Role


def fold(text: str) -> str:
    """Return the form in which e-mail addresses, tags and skills are compared."""
    return text.strip().casefold()


def ref(user: User) -> PersonRef:
    return PersonRef(user.id, user.name)


_EMAIL: Final = re.compile(r"[^\s@<>\"(),:;\\\[\]]{1,64}@[^\s@<>\"(),:;\\\[\]]{1,255}", re.ASCII)


def is_email(text: str) -> bool:
    """Return whether mail could be sent there; what exactly is allowed only the other side knows."""
    match = _EMAIL.fullmatch(text)
    return match is not None and not text.startswith(".") and ".." not in text and text.isprintable()
