"""Answers kept ready: a text with placeholders, and what is to be done with the ticket besides."""

import re
from collections.abc import Callable, Iterator
from typing import ClassVar, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from servicedesk.domain.errors import FieldError
from servicedesk.domain.people import User
from servicedesk.domain.tickets import Priority, Status, Ticket
from servicedesk.domain.words import say

ME: Final = "me"
MACROS_MAX: Final = 200
"""As many may be shared, and as many may be one person's own."""
_PLACEHOLDER: Final = re.compile(r"\{\{([^{}\n]*)\}\}")


class Actions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What changes about the ticket; what is UNSET stays. ``comment`` is the reason."""

    status: Status | UnsetType = UNSET
    comment: str | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    assigned_to: int | Literal["me"] | UnsetType | None = UNSET
    team_id: int | UnsetType | None = UNSET
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is to change; a reason alone changes nothing."""
        return msgspec.structs.replace(self, comment=UNSET) == Actions()


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What people write down: the text may be empty if something is done, and the other way round."""

    name: str
    body: str = ""
    is_internal: bool = False
    """Whether the text becomes a note instead of a reply."""
    actions: Actions = Actions()
    is_shared: bool = False
    """Whether it is everybody's; else it is its owner's alone."""


class Macro(msgspec.Struct, frozen=True, kw_only=True):
    noun: ClassVar[str] = say("macro")

    id: int
    version: int
    owner_id: int
    content: Content

    @property
    def is_shared(self) -> bool:
        return self.content.is_shared


class Setting(msgspec.Struct, frozen=True):
    """Where a macro is used: on this ticket, by this agent."""

    ticket: Ticket
    agent: User


PLACEHOLDERS: Final[dict[str, Callable[[Setting], str]]] = {
    "requester.name": lambda s: s.ticket.requester.name,
    "requester.first_name": lambda s: _first(s.ticket.requester.name),
    "requester.email": lambda s: s.ticket.requester.email,
    "ticket.reference": lambda s: s.ticket.reference,
    "ticket.title": lambda s: s.ticket.title,
    "ticket.status": lambda s: s.ticket.status.replace("_", " "),
    "ticket.priority": lambda s: str(s.ticket.priority),
    "ticket.category": lambda s: s.ticket.category or "",
    "assignee.name": lambda s: s.ticket.assigned_to.name if s.ticket.assigned_to else "",
    "team.name": lambda s: s.ticket.team.name if s.ticket.team else "",
    "agent.name": lambda s: s.agent.name,
    "agent.first_name": lambda s: _first(s.agent.name),
    "agent.email": lambda s: s.agent.email,
}
"""What may stand between ``{{`` and ``}}``."""


def filled(text: str, setting: Setting) -> str:
    """Return the text with the values in it, each as it is: nothing in a value is looked at again."""

    def value(found: re.Match[str]) -> str:
        of = PLACEHOLDERS.get(found[1].strip())
        return of(setting) if of else found[0]

    return _PLACEHOLDER.sub(value, text)


def text_errors(text: str, pointer: str) -> Iterator[FieldError]:
    """Yield each placeholder that nobody knows, once."""
    names = dict.fromkeys(found.strip() for found in _PLACEHOLDER.findall(text))
    for name in names:
        if name not in PLACEHOLDERS:
            yield FieldError(
                pointer, "unknown_placeholder", say("knows no placeholder {{{{{name}}}}}", name=name[:60])
            )


def content_errors(content: Content) -> Iterator[FieldError]:
    """Yield what no single field shows."""
    if not content.body.strip() and content.actions.is_empty:
        yield FieldError("/body", "empty", say("must say something, or actions must do something"))
    if content.actions.status is Status.NEW:
        yield FieldError("/actions/status", "invalid", say("is a status that nothing returns to"))


def _first(name: str) -> str:
    return name.split(maxsplit=1)[0] if name.strip() else ""
