"""Sessions and tokens, as their owners and admins see them."""

from enum import StrEnum
from typing import ClassVar

import msgspec

from servicedesk.domain.times import Instant


class Kind(StrEnum):
    SESSION = "session"
    """Somebody logged in; it ends with the log-out."""
    TOKEN = "token"  # noqa: S105
    """Made for a program; it ends when it is deleted."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    noun: ClassVar[str] = "session"

    id: int
    kind: Kind
    user_id: int
    owner: str
    name: str
    """What a token was called."""
    created_at: Instant
    expires_at: Instant | None
    address: str
    """Where it was opened from; empty for what is older than the note."""
    agent: str
    """How the browser or program called itself then."""
    seen_at: Instant | None
    """When it was last used, to some minutes."""
