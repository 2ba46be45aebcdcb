"""What a list of tickets can be asked for."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Final, NamedTuple, TypeVar

import msgspec

from servicedesk.domain import search
from servicedesk.domain.errors import BadParameter
from servicedesk.domain.people import User, fold
from servicedesk.domain.search import Narrowing, Operator, Term
from servicedesk.domain.sla import State
from servicedesk.domain.tickets import UNRESOLVED, Priority, Status
from servicedesk.domain.times import Instant, parse
from servicedesk.domain.words import say

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

ID_MAX: Final = 2**53 - 1
NOBODY: Final = "none"
ME: Final = "me"
_UNRESOLVED: Final = "unresolved"
"""As a status in a search: any of those."""


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


class Format(StrEnum):
    JSON = "json"
    CSV = "csv"


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
    answered_after: str | None = None
    """The first public answer of staff."""
    answered_before: str | None = None
    resolved_after: str | None = None
    """The latest resolution."""
    resolved_before: str | None = None
    ended_after: str | None = None
    """The latest resolution, or the close of a ticket that was never resolved."""
    ended_before: str | None = None
    open_at: str | None = None
    """What had been opened before this moment and had not ended."""
    q: str | None = None
    """Words that must all occur in the title, the description, the messages or the names of files, and operators:
    ``status: priority: assignee: tag: team: requester: from: before: after: has:file``."""
    sort: Sort | None = None
    """By default what changed last comes first, with ``q`` what matches best."""
    limit: Limit = 50
    cursor: str | None = None
    format: Format = Format.JSON
    """``csv`` is the whole list as a table."""
    count: bool = False
    """Whether to say how many there are on all pages together."""
    snippets: bool = False
    """With words in ``q``: whether to show where they stand."""


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
    more_tags: tuple[tuple[str, ...], ...] = ()
    """Of each of these one is wanted as well."""
    teams: tuple[int | str | None, ...] = ()
    """Ids, and names; None is no team."""
    assignees: tuple[int | str | None, ...] = ()
    """Ids, and names or addresses; None is nobody."""
    requesters: tuple[int | str, ...] = ()
    """Ids, and names or addresses."""
    further: tuple[tuple[str, tuple[int | str | None, ...]], ...] = ()
    """More values of teams, assignees and requesters, by the field's name: both must be met."""
    authors: tuple[tuple[int | str, ...], ...] = ()
    """Of each of these one requested the ticket or said something in it: ids, and names or addresses."""
    with_files: bool = False
    sla: tuple[State, ...] = ()
    escalated: bool | None = None
    created: Span | None = None
    updated: Span | None = None
    due: Span | None = None
    answered: Span | None = None
    resolved: Span | None = None
    ended: Span | None = None
    """Resolved, or closed without a resolution."""
    open_at: Instant | None = None
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
            "due_after" if query.due_after else "due_before", say("Only staff may ask what is due.")
        )
    asked = search.question_of(query.q) if query.q and not query.q.isspace() else None
    wanted = Filter(
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
        answered=_span("answered", query.answered_after, query.answered_before),
        resolved=_span("resolved", query.resolved_after, query.resolved_before),
        ended=_span("ended", query.ended_after, query.ended_before),
        open_at=_moment("open_at", query.open_at),
        terms=asked.terms if asked and asked.is_for_text else None,
        internal=actor.is_staff,
    )
    for narrowing in asked.narrowings if asked else ():
        wanted = _narrowed(wanted, narrowing, actor)
    return wanted


def question_of(query: TicketQuery) -> TicketQuery:
    """Return what is asked, without how much of the answer is wanted: pages of one list have it in common."""
    return msgspec.structs.replace(query, limit=50, cursor=None, count=False, snippets=False)


def number_of(name: str, text: str) -> int:
    """Return the id that a parameter spells. Raises BadParameter."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 16 and 1 <= int(text) <= ID_MAX):
        raise BadParameter.of(name, say("{text!r} is no id.", text=text[:40]))
    return int(text)


def _narrowed(wanted: Filter, narrowing: Narrowing, actor: User) -> Filter:
    """Return the filter that asks for this as well. Raises BadParameter for a value that the operator does not know."""
    operator, values = narrowing.operator, narrowing.values
    if "" in values:
        raise _unknown(operator, "", say("a value is empty"))
    match operator:
        case Operator.STATUS:
            return _both(wanted, "statuses", _statuses(values))
        case Operator.PRIORITY:
            return _both(wanted, "priorities", tuple(_member(operator, Priority, value) for value in values))
        case Operator.ASSIGNEE:
            return _both(wanted, "assignees", tuple(_person(value, actor) for value in values))
        case Operator.TEAM:
            return _both(wanted, "teams", tuple(_named(value) for value in values))
        case Operator.REQUESTER:
            return _both(wanted, "requesters", tuple(_somebody(value, actor) for value in values))
        case Operator.FROM:
            authors = tuple(_somebody(value, actor) for value in values)
            return msgspec.structs.replace(wanted, authors=(*wanted.authors, authors))
        case Operator.TAG:
            tags = tuple(dict.fromkeys(map(fold, values)))
            return msgspec.structs.replace(wanted, more_tags=(*wanted.more_tags, tags))
        case Operator.AFTER | Operator.BEFORE:
            return _spanned(wanted, operator, values)
        case Operator.HAS:
            for value in values:
                if value.lower() not in ("file", "files"):
                    raise _unknown(operator, value, say("a ticket can have file"))
            return msgspec.structs.replace(wanted, with_files=True)


def _both(wanted: Filter, field: str, values: tuple[int | str | None, ...]) -> Filter:
    """Return the filter with what meets both; names are compared where they are known."""
    present = getattr(wanted, field)
    if not present:
        return msgspec.structs.replace(wanted, **{field: values})
    if field in ("teams", "assignees", "requesters"):
        return msgspec.structs.replace(wanted, further=(*wanted.further, (field, values)))
    return meeting(wanted, field, values)


def meeting(wanted: Filter, field: str, values: tuple[object, ...]) -> Filter:
    """Return the filter for what the field and the values have in common; where that is nothing, it is for nothing."""
    left = tuple(value for value in values if value in getattr(wanted, field))
    return msgspec.structs.replace(wanted, **({field: left} if left else {"terms": ()}))


def _statuses(values: tuple[str, ...]) -> tuple[Status, ...]:
    found: list[Status] = []
    for value in values:
        if value.lower() == _UNRESOLVED:
            found += (status for status in Status if status.is_unresolved)
        else:
            found.append(_member(Operator.STATUS, Status, value))
    return _distinct(found)


def _member(operator: Operator, kind: type[E], value: str) -> E:
    try:
        return kind(value.lower().replace(" ", "_").replace("-", "_"))
    except ValueError:
        raise _unknown(operator, value, say("it is none of {values}", values=", ".join(kind))) from None


def _person(value: str, actor: User) -> int | str | None:
    return None if value.lower() == NOBODY else _somebody(value, actor)


def _somebody(value: str, actor: User) -> int | str:
    if value.lower() == ME:
        return actor.id
    named = _named(value)
    return value if named is None else named


def _named(value: str) -> int | str | None:
    """Return an id, or a name as it was typed; None for ``none``."""
    if value.lower() == NOBODY:
        return None
    is_id = value.isascii() and value.isdecimal() and len(value) <= 16 and 1 <= int(value) <= ID_MAX
    return int(value) if is_id else value


def _spanned(wanted: Filter, operator: Operator, values: tuple[str, ...]) -> Filter:
    if len(values) > 1:
        raise _unknown(operator, ",".join(values), say("one date is enough"))
    try:
        moment = parse(values[0])
    except ValueError:
        raise _unknown(operator, values[0], say("it is no date such as 2026-11-23")) from None
    span = wanted.created or Span(None, None)
    if operator is Operator.AFTER:
        span = Span(moment if span.after is None else max(span.after, moment), span.before)
    else:
        span = Span(span.after, moment if span.before is None else min(span.before, moment))
    return msgspec.structs.replace(wanted, created=span)


def _unknown(operator: Operator, value: str, why: str) -> BadParameter:
    return BadParameter.of(
        "q", say("{operator}:{value} is not understood: {why}.", operator=operator, value=value[:40], why=why)
    )


def _distinct(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


def _words(name: str, values: list[str]) -> tuple[str, ...]:
    words = _distinct(value.strip() for value in values)
    if "" in words:
        raise BadParameter.of(name, say("a value is empty."))
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
        raise BadParameter.of(name, say("{text!r} is no ISO 8601 time.", text=text[:40])) from None
