"""Lists of tickets, page by page: filtered, sorted, searched."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final, NamedTuple

import msgspec

from servicedesk.domain.listing import Filter, Place, Sort
from servicedesk.domain.search import Term, ticket_named
from servicedesk.domain.sla import State
from servicedesk.domain.tickets import UNRESOLVED, Ticket
from servicedesk.store import naming, search, tickets, walks
from servicedesk.store.db import Connection
from servicedesk.store.walks import Part, Parts, where

BLOCK: Final = 200
"""What was found is compared with the other filters so many at a time."""

_ITSELF: Final = 2
_IN_TITLE: Final = 1
_ELSEWHERE: Final = 0
_COUNTED: Final = frozenset({"status", "priority", "team", "assigned_to"})
"""What ``ticket_counts`` keeps ready."""


class Page(NamedTuple):
    tickets: list[Ticket]
    next: Place | None
    """The last row's place, if more follow."""


def page(conn: Connection, wanted: Filter, sort: Sort | None, after: Place | None, limit: int) -> Page:
    """Return the tickets behind a place. Without a sort the best matches come first, or the latest changes."""
    places = list(islice(_places(conn, naming.with_ids(conn, wanted), sort, after), limit + 1))
    shown = places[:limit]
    return Page(rows(conn, [place.id for place in shown]), shown[-1] if len(places) > limit else None)


def ids(conn: Connection, wanted: Filter, sort: Sort | None) -> Sequence[int]:
    """Return the tickets of the whole list, packed: there may be many."""
    return array("q", (place.id for place in _places(conn, naming.with_ids(conn, wanted), sort, None)))


def count(conn: Connection, wanted: Filter) -> int:
    """Return how many tickets there are on all pages together."""
    wanted = naming.with_ids(conn, wanted)
    if wanted.terms == ():
        return 0
    parts = walks.parts_of(wanted)
    if parts.keys() <= _COUNTED:
        return _sum_of_counts(conn, wanted)
    if _is_told_by_breach(wanted, parts):
        told = walks.told_by_breach(wanted.sla[0], wanted.now)
        return _count(conn, walks.index("tickets_by_breach"), [told, Part(walks.UNDONE)])
    return _count(conn, "tickets t", parts.values())


def rows(conn: Connection, ids: Sequence[int]) -> list[Ticket]:
    """Return these tickets, in this order."""
    if not ids:
        return []
    marks = ", ".join("?" * len(ids))
    found = conn.execute(f"{tickets.SELECT} FROM tickets t {tickets.JOINS} WHERE t.id IN ({marks})", ids)
    by_id = {row[0]: row for row in found}
    return [tickets.from_row(by_id[ticket_id]) for ticket_id in ids]


def _places(conn: Connection, wanted: Filter, sort: Sort | None, after: Place | None) -> Iterator[Place]:
    if wanted.terms == ():
        return iter(())
    if wanted.terms is None or sort is not None:
        return walks.places(conn, wanted, sort or Sort.LAST_UPDATED, after)
    itself = _itself(conn, wanted, wanted.terms)
    if itself is None:
        return _ranked(conn, wanted, wanted.terms, after)
    others = _ranked(conn, wanted, wanted.terms, None if after == itself else after)
    rest = (place for place in others if place.id != itself.id)
    return chain((itself,), rest) if after is None else rest


def _itself(conn: Connection, wanted: Filter, terms: Sequence[Term]) -> Place | None:
    """Return the place of the ticket whose number was typed, if it meets the other conditions."""
    named = ticket_named(terms)
    if named is None:
        return None
    others = walks.parts_of(msgspec.structs.replace(wanted, terms=None)).values()
    sql, values = where([Part("t.id = ?", (named,)), *others])
    found = conn.execute(f"SELECT 1 FROM {walks.TABLE} WHERE {sql}", values).fetchone()
    return Place(_ITSELF, named) if found else None


def _ranked(conn: Connection, wanted: Filter, terms: Sequence[Term], after: Place | None) -> Iterator[Place]:
    parts = walks.parts_of(wanted)
    few = walks.few(conn, wanted, parts) if len(parts) > 1 else None
    if few is None:
        return _best_first(conn, wanted, terms, after)
    places = _titled_first(conn, terms, few)
    return (place for place in places if after is None or place < after)


def _titled_first(conn: Connection, terms: Sequence[Term], found: list[int]) -> Iterator[Place]:
    """Yield those with every term in their title, then the others; both the newest first."""
    titled = set(search.titled(conn, terms, among=found))
    yield from (Place(_IN_TITLE, ticket_id) for ticket_id in found if ticket_id in titled)
    yield from (Place(_ELSEWHERE, ticket_id) for ticket_id in found if ticket_id not in titled)


def _best_first(
    conn: Connection, wanted: Filter, terms: Sequence[Term], after: Place | None
) -> Iterator[Place]:
    """Yield the same order from the index as it stands there, so that a page costs no more than a page."""
    below = None if after is None else after.id
    rest = walks.parts_of(msgspec.structs.replace(wanted, terms=None))
    if after is None or after.key == _IN_TITLE:
        for ticket_id in _kept(conn, rest, search.titled(conn, terms, below)):
            yield Place(_IN_TITLE, ticket_id)
        below = None
    found = search.found(conn, terms, below, internal=wanted.internal)
    for ticket_id in _kept(conn, rest, _without(found, search.titled(conn, terms, below))):
        yield Place(_ELSEWHERE, ticket_id)


def _kept(conn: Connection, parts: Parts, found: Iterator[int]) -> Iterator[int]:
    """Yield those of the found that meet the conditions, in the order in which they come."""
    if not parts:
        yield from found
        return
    while block := list(islice(found, BLOCK)):
        sql, values = where([walks.among(block), *parts.values()])
        kept = {row[0] for row in conn.execute(f"SELECT t.id FROM {walks.TABLE} WHERE {sql}", values)}
        yield from (ticket_id for ticket_id in block if ticket_id in kept)


def _without(found: Iterator[int], others: Iterator[int]) -> Iterator[int]:
    """Yield what is not among the others; both fall."""
    other = next(others, 0)
    for ticket_id in found:
        while other > ticket_id:
            other = next(others, 0)
        if other != ticket_id:
            yield ticket_id


def _is_told_by_breach(wanted: Filter, parts: Parts) -> bool:
    """Return whether all that is late or at risk is meant: every page counts it, and one index tells."""
    return (
        parts.keys() == {"sla", "status"}
        and set(wanted.statuses) == UNRESOLVED
        and wanted.sla in ((State.BREACHED,), (State.AT_RISK,))
    )


def _count(conn: Connection, source: str, parts: Iterable[Part]) -> int:
    sql, values = where(parts)
    return int(conn.execute(f"SELECT count(*) FROM {source} WHERE {sql}", values).fetchone()[0])


def _sum_of_counts(conn: Connection, wanted: Filter) -> int:
    counted: dict[str, Sequence[object]] = {
        "status": wanted.statuses,
        "priority": wanted.priorities,
        "team_id": [team or 0 for team in wanted.teams],
        "assigned_to": [agent or 0 for agent in wanted.assignees],
    }
    asked = [
        Part(f"{column} IN ({', '.join('?' * len(values))})", tuple(values))
        for column, values in counted.items()
        if values
    ]
    sql, values = where(asked)
    found = conn.execute(f"SELECT coalesce(sum(n), 0) FROM ticket_counts WHERE {sql}", values)
    return int(found.fetchone()[0])
