"""Lists of tickets that people keep under a name."""

from typing import ClassVar, Final

import msgspec

from servicedesk.domain.words import say

VIEWS_MAX: Final = 30
"""As many may be shared, and as many may be one person's own: each is counted whenever the queue shows."""
QUERY_MAX: Final = 2000
ASKED_EACH_TIME: Final = ("limit", "cursor", "count", "format", "snippets")
"""Parameters of a list that say how it is to be read, not what is in it."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What people write down. ``query`` stands as in the address of ``GET /api/tickets/``."""

    name: str
    query: str
    is_shared: bool = False
    """Whether all staff has it; else it is its owner's alone."""
    position: int = 0
    """Where it stands among the others; of equals the older comes first."""


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    noun: ClassVar[str] = say("view")

    id: int
    version: int
    owner_id: int
    content: Content

    @property
    def is_shared(self) -> bool:
        return self.content.is_shared
