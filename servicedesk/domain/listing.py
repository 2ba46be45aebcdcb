"""What a list of tickets can be asked for."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Final, NamedTuple, TypeVar

import msgspec

from servicedesk.domain.errors import BadParameter
from servicedesk.domain.people import User, fold
from servicedesk.domain.search import Term, terms_of
from servicedesk.domain.sla import State
from servicedesk.domain.tickets import UNRESOLVED, Priority, Status
from servicedesk.domain.times import Instant, parse

T = TypeVar("T")

ID_MAX: Final = 2**53 - 1
NOBODY: Final = "none"
ME: Final = "me"


class Sort(StrEnum):
    """What a list is ordered by; ``-`` is descending. Of equals the lower id comes first, descending last."""

    CREATED = "created_at"
    UPDATED = "updated_at"
    PRIORITY = "priority"
    DUE = "due_at"
    ID = "id"
    LAST_CREATED = "-created_at"
    LAST_UPDATED = "-updated_at"
    HIGHEST_PRIORITY = "-priority"
    LAST_DUE = "-due_at"
    HIGHEST_ID = "-id"

    @property
    def field(self) -> str:
        return self.removeprefix("-")

    @property
    def descends(self) -> bool:
        return self.startswith("-")


Limit = Annotated[int, msgspec.Meta(ge=1, le=100)]


class TicketQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The parameters of a list as they stand in its address. Of several values, each will do."""

    status: list[Status] = []
    priority: list[Priority] = []
    category: list[str] = []
    tag: list[str] = []
    team: list[str] = []
    """Ids, or ``none``."""
    assigned_to: list[str] = []
    """Ids, ``me`` or ``none``."""
    requester: list[str] = []
    """Ids or e-mail addresses."""
    sla: list[State] = []
    escalated: bool | None = None
    created_after: str | None = None
    """From this moment on."""
    created_before: str | None = None
    """Before this moment."""
    updated_after: str | None = None
    updated_before: str | None = None
    due_after: str | None = None
    """The next target that is not met yet; staff alone may ask for it."""
    due_before: str | None = None
    q: str | None = None
    """Words that must all occur in the title, the description, the messages or the names of files."""
    sort: Sort | None = None
    """By default what changed last comes first, with ``q`` what matches best."""
    limit: Limit = 50
    cursor: str | None = None
    count: bool = False


class Span(msgspec.Struct, frozen=True):
    """From a moment on, before another; either end may be open."""

    after: Instant | None
    before: Instant | None


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tickets are wanted: every field that is not empty must be met by any of its values."""

    now: Instant
    requester: int | None = None
    """Only the tickets of this person, whatever else is asked for."""
    statuses: tuple[Status, ...] = ()
    priorities: tuple[Priority, ...] = ()
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    teams: tuple[int | None, ...] = ()
    assignees: tuple[int | None, ...] = ()
    requesters: tuple[int | str, ...] = ()
    """Ids, and addresses as they are compared."""
    sla: tuple[State, ...] = ()
    escalated: bool | None = None
    created: Span | None = None
    updated: Span | None = None
    due: Span | None = None
    terms: tuple[Term, ...] | None = None
    """What must be found in the text; an empty tuple can be found nowhere."""
    internal: bool = True
    """Whether internal text is looked at as well."""

    @property
    def is_unresolved(self) -> bool:
        """Return whether only unresolved tickets can be meant."""
        return bool(self.statuses) and UNRESOLVED.issuperset(self.statuses)


class Place(NamedTuple):
    """A row's place in the order of its list: the last one of a page is where the next page begins."""

    key: int | None
    id: int


def filter_of(query: TicketQuery, actor: User, now: Instant) -> Filter:
    """Return which tickets this person gets for the query. Raises BadParameter."""
    due = _span("due", query.due_after, query.due_before)
    if due is not None and not actor.is_staff:
        raise BadParameter(
            "due_after" if query.due_after else "due_before", "Only staff may ask what is due."
        )
    return Filter(
        now=now,
        requester=None if actor.is_staff else actor.id,
        statuses=_distinct(query.status),
        priorities=_distinct(query.priority),
        categories=_words("category", query.category),
        tags=tuple(dict.fromkeys(map(fold, _words("tag", query.tag)))),
        teams=tuple(_team(text) for text in query.team),
        assignees=tuple(_assignee(text, actor) for text in query.assigned_to),
        requesters=tuple(_requester(text) for text in query.requester),
        sla=_distinct(query.sla),
        escalated=query.escalated,
        created=_span("created", query.created_after, query.created_before),
        updated=_span("updated", query.updated_after, query.updated_before),
        due=due,
        terms=terms_of(query.q) if query.q and not query.q.isspace() else None,
        internal=actor.is_staff,
    )


def question_of(query: TicketQuery) -> TicketQuery:
    """Return what is asked, without how much of the answer is wanted: pages of one list have it in common."""
    return msgspec.structs.replace(query, limit=50, cursor=None, count=False)


def number_of(name: str, text: str) -> int:
    """Return the id that a parameter spells. Raises BadParameter."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 16 and 1 <= int(text) <= ID_MAX):
        raise BadParameter(name, f"{name}: {text[:40]!r} is no id.")
    return int(text)


def _distinct(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


def _words(name: str, values: list[str]) -> tuple[str, ...]:
    words = _distinct(value.strip() for value in values)
    if "" in words:
        raise BadParameter(name, f"{name}: a value is empty.")
    return words


def _team(text: str) -> int | None:
    return None if text == NOBODY else number_of("team", text)


def _assignee(text: str, actor: User) -> int | None:
    if text == ME:
        return actor.id
    return None if text == NOBODY else number_of("assigned_to", text)


def _requester(text: str) -> int | str:
    return fold(text) if "@" in text else number_of("requester", text)


def _span(name: str, after: str | None, before: str | None) -> Span | None:
    if after is None and before is None:
        return None
    return Span(_moment(f"{name}_after", after), _moment(f"{name}_before", before))


def _moment(name: str, text: str | None) -> Instant | None:
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError:
        raise BadParameter(name, f"{name}: {text[:40]!r} is no ISO 8601 time.") from None
