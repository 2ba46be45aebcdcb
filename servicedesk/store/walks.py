"""How tickets are found in order: which index is walked, from where, and what is passed over on the way.

SQLite is told the index by name. It would have to guess, and a wrong guess reads the whole table.
"""

import heapq
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, groupby
from math import isqrt
from typing import Any, Final, NamedTuple

from servicedesk.domain.listing import Filter, Place, Sort, Span
from servicedesk.domain.sla import State
from servicedesk.domain.tickets import UNRESOLVED
from servicedesk.domain.times import Instant
from servicedesk.store import search
from servicedesk.store.db import Connection

_json_text: Final = json.JSONEncoder(separators=(",", ":")).encode

Parts = dict[str, "Part"]


class Part(NamedTuple):
    """A condition on tickets ``t`` and its values."""

    sql: str
    values: tuple[Any, ...] = ()


class Order(NamedTuple):
    """A column, and where it stands in order together with the id: for all tickets, for the unresolved ones."""

    column: str
    source: str
    unresolved: str


class Walk(NamedTuple):
    """A source and the stretches of it to walk: one condition each."""

    source: str
    stretches: tuple[Part, ...]
    dimension: str | None = None
    """The condition that the stretches stand for."""
    implied: str = "1"
    """What the source holds anyway; it is said so that SQLite may use its index."""
    in_order_of: str | None = None
    """The column that each stretch is in order of."""
    held_in: str | None = None
    """Where to count what it holds, if not in the source itself."""
    held: tuple[Part, ...] = ()


def index(name: str) -> str:
    return f"tickets t INDEXED BY {name}"


TABLE: Final = "tickets t NOT INDEXED"
"""The tickets themselves, by id."""
UPDATED: Final = Order("t.updated_at", index("tickets_by_updated"), index("tickets_unresolved_by_updated"))
WITHOUT_DUE: Final = Order("t.id", TABLE, index("tickets_unresolved_without_due"))
ORDERS: Final = {
    "updated_at": UPDATED,
    "created_at": Order("t.created_at", index("tickets_by_created"), index("tickets_unresolved_by_created")),
    "priority": Order(
        "t.priority_rank", index("tickets_by_priority"), index("tickets_unresolved_by_priority")
    ),
    "due_at": Order("t.due_at", index("tickets_by_due"), index("tickets_by_due")),
    "id": Order("t.id", TABLE, index("tickets_unresolved_by_id")),
}
EVERYTHING: Final = Part("1")
_DUE: Final = Part("t.due_at IS NOT NULL")
_UNRESOLVED: Final = "t.unresolved = 1"
UNDONE: Final = "t.sla_phase <> 'done'"
"""The same, told by the clocks."""
_TAGGED: Final = "ticket_tags g CROSS JOIN tickets t ON t.id = g.ticket_id"
_USUAL_PAGE: Final = 51
_FEW_MAX: Final = 2_000
_HAS_FILES: Final = "t.public_files + t.internal_files > 0"
_WROTE: Final = (
    "(SELECT author_id AS author, ticket_id, is_internal FROM messages"
    " UNION ALL SELECT requester_id, id, 0 FROM tickets) w"
)
_ENDED: Final = (
    "(SELECT resolved_at AS at, id FROM tickets INDEXED BY tickets_by_resolved WHERE resolved_at IS NOT NULL"
    " UNION ALL SELECT closed_at, id FROM tickets INDEXED BY tickets_dropped"
    " WHERE closed_at IS NOT NULL AND resolved_at IS NULL) e"
)
_RUNNING_STATES: Final = frozenset({State.OK, State.AT_RISK, State.PAUSED})


def places(conn: Connection, wanted: Filter, sort: Sort, after: Place | None) -> Iterator[Place]:
    """Yield the places of the wanted tickets in order, those behind a place; what has no due time comes last."""
    parts = parts_of(wanted)
    if sort.field != "due_at":
        return _walk(conn, wanted, parts, ORDERS[sort.field], sort.descends, after)
    if after is not None and after.key is None:
        return _without_due(conn, wanted, parts, sort.descends, after)
    return _due_then_the_rest(conn, wanted, parts, sort.descends, after)


def few(conn: Connection, wanted: Filter, parts: Parts) -> list[int] | None:
    """Return the ids of the wanted tickets if some index tells at once that there are only a few, else None."""
    most = few_of(conn)
    walk = next((walk for walk in _narrow(wanted, parts) if _holds_at_most(conn, walk, most)), None)
    if walk is None:
        return None
    found = [_stretch(conn, walk, part, parts, ORDERS["id"], True, None) for part in walk.stretches]
    return sorted({place.id for place in chain.from_iterable(found)}, reverse=True)


def parts_of(wanted: Filter) -> Parts:
    """Return what the filter asks of a ticket, one condition for each thing that it names."""
    parts: dict[str, Part | None] = {
        "mine": None if wanted.requester is None else Part("t.requester_id = ?", (wanted.requester,)),
        "status": any_of("t.status", wanted.statuses),
        "priority": any_of("t.priority", wanted.priorities),
        "category": any_of("t.category", wanted.categories),
        "tag": _tagged(wanted.tags),
        "team": any_of("t.team_id", wanted.teams),
        "assigned_to": any_of("t.assigned_to", wanted.assignees),
        "requester": any_of("t.requester_id", wanted.requesters),
        "sla": _in_state(wanted.sla, wanted.now),
        "escalated": _escalated(wanted.escalated),
        "created": _within("t.created_at", wanted.created),
        "updated": _within("t.updated_at", wanted.updated),
        "due within": _within("t.due_at", wanted.due),
        "answered": _within("t.first_response_at", wanted.answered),
        "resolved": _within("t.resolved_at", wanted.resolved),
        "ended": _ended(wanted.ended),
        "open at": _open_at(wanted.open_at),
    }
    found = {f"found {asked}": _found(asked) for asked in _asked(wanted)}
    tagged = {f"tag {number}": _tagged(tags) for number, tags in enumerate(wanted.more_tags, 2)}
    wrote = {f"wrote {number}": _wrote(who, wanted) for number, who in enumerate(wanted.authors, 1)}
    every = parts | tagged | wrote | {"files": _with_files(wanted)}
    return {name: part for name, part in every.items() if part is not None} | found


def where(parts: Iterable[Part]) -> Part:
    """Return all the conditions as one."""
    parts = list(parts)
    if not parts:
        return EVERYTHING
    return Part(" AND ".join(part.sql for part in parts), tuple(chain.from_iterable(p.values for p in parts)))


def one_of(ids: Collection[int]) -> Part:
    return Part("t.id IN (SELECT value FROM json_each(?))", (_json_text(list(ids)),))


def told_by_breach(state: State, now: Instant) -> Part:
    """Return what is breached or at risk, said so that the index of breaches alone can tell."""
    if state is State.BREACHED:
        return Part("t.breach_at < ?", (now,))
    return Part("t.breach_at >= ? AND t.risk_at <= ? AND t.sla_phase = 'running'", (now, now))


def among(ids: Collection[int]) -> Part:
    return Part("t.id IN (SELECT value FROM json_each(?))", (_json_text(list(ids)),))


def choose(conn: Connection, wanted: Filter, parts: Parts, order: Order) -> Walk:
    """Choose where to walk: what holds few of the tickets, else what is in order, else the order's own index."""
    if parts.keys() <= {"due"}:
        return _whole(wanted, parts, order)
    in_order = None
    most = few_of(conn)
    for walk in _narrow(wanted, parts):
        fits = walk.in_order_of == order.column
        if fits and parts.keys() == {walk.dimension}:
            return walk
        if _holds_at_most(conn, walk, most):
            return walk
        in_order = in_order or (walk if fits else None)
    return in_order or _whole(wanted, parts, order)


def _walk(
    conn: Connection, wanted: Filter, parts: Parts, order: Order, descends: bool, after: Place | None
) -> Iterator[Place]:
    walk = choose(conn, wanted, parts, order)
    found = [_stretch(conn, walk, part, parts, order, descends, after) for part in walk.stretches]
    if len(found) == 1:
        return found[0]
    merged = heapq.merge(*found, key=_both, reverse=descends)
    return (place for place, _ in groupby(merged))


def _due_then_the_rest(
    conn: Connection, wanted: Filter, parts: Parts, descends: bool, after: Place | None
) -> Iterator[Place]:
    dated = {**parts, "due": _DUE}
    yield from _walk(conn, wanted, dated, ORDERS["due_at"], descends, after)
    yield from _without_due(conn, wanted, parts, descends, None)


def _without_due(
    conn: Connection, wanted: Filter, parts: Parts, descends: bool, after: Place | None
) -> Iterator[Place]:
    undated = {**parts, "due": Part("t.due_at IS NULL")}
    for place in _walk(conn, wanted, undated, WITHOUT_DUE, descends, after):
        yield Place(None, place.id)


def _both(place: Place) -> tuple[int | None, int]:
    return (place.key, place.id)


def _stretch(
    conn: Connection, walk: Walk, part: Part, parts: Parts, order: Order, descends: bool, after: Place | None
) -> Iterator[Place]:
    others = (other for name, other in parts.items() if name != walk.dimension)
    sql, values = where([part, *others, Part(walk.implied), *_behind(order, descends, after)])
    way = "DESC" if descends else "ASC"
    ordering = f"{order.column} {way}" if order.column == "t.id" else f"{order.column} {way}, t.id {way}"
    cursor = conn.execute(
        f"SELECT {order.column}, t.id FROM {walk.source} WHERE {sql} ORDER BY {ordering}", values
    )
    return (Place(key, ticket_id) for key, ticket_id in cursor)


def _behind(order: Order, descends: bool, after: Place | None) -> Sequence[Part]:
    if after is None:
        return ()
    beyond = "<" if descends else ">"
    if order.column == "t.id":
        return (Part(f"t.id {beyond} ?", (after.id,)),)
    return (Part(f"({order.column}, t.id) {beyond} (?, ?)", (after.key, after.id)),)


def _narrow(wanted: Filter, parts: Parts) -> Iterator[Walk]:
    """Yield the walks that the filter itself offers, those that usually hold the fewest tickets first."""
    unresolved = _only_unresolved(wanted, parts)
    if "mine" in parts:
        yield _by_value("mine", "t.requester_id", "tickets_by_requester", [wanted.requester])
    for asked in _asked(wanted):
        held = (Part("search MATCH ?", (asked,)),)
        yield Walk(TABLE, (_found(asked),), f"found {asked}", held_in="search", held=held)
    if "requester" in parts:
        yield _by_value("requester", "t.requester_id", "tickets_by_requester", wanted.requesters)
    if "assigned_to" in parts and unresolved:
        source = index("tickets_unresolved_by_assignee")
        yield Walk(source, _each("t.assigned_to", wanted.assignees), "assigned_to", _UNRESOLVED)
    if "assigned_to" in parts:
        yield _by_value("assigned_to", "t.assigned_to", "tickets_by_assignee", wanted.assignees)
    if "tag" in parts:
        yield Walk(_TAGGED, _each("g.tag_key", wanted.tags), "tag", held_in="ticket_tags g")
    if wanted.escalated:
        source = index("tickets_escalated")
        yield Walk(source, (parts["escalated"],), "escalated", in_order_of=UPDATED.column)
    if wanted.sla == (State.AT_RISK,) or (wanted.sla == (State.BREACHED,) and unresolved):
        yield Walk(index("tickets_by_breach"), (told_by_breach(wanted.sla[0], wanted.now),), "sla", UNDONE)
    for number, who in enumerate(wanted.authors, 1):
        if len(who) == 1:
            yield _by_author(f"wrote {number}", who[0], wanted)
    if wanted.with_files and wanted.internal:
        yield Walk(index("tickets_with_files"), (EVERYTHING,), "files", _HAS_FILES, UPDATED.column)
    if "category" in parts:
        yield _by_value("category", "t.category", "tickets_by_category", wanted.categories)
    if "created" in parts:
        yield Walk(index("tickets_by_created"), (parts["created"],), "created", in_order_of="t.created_at")
    if "updated" in parts:
        yield Walk(index("tickets_by_updated"), (parts["updated"],), "updated", in_order_of=UPDATED.column)
    if "due within" in parts:
        within = (parts["due within"],)
        yield Walk(index("tickets_by_due"), within, "due within", _DUE.sql, in_order_of="t.due_at")
    if "answered" in parts:
        yield Walk(
            index("tickets_by_answer"), (parts["answered"],), "answered", "t.first_response_at IS NOT NULL"
        )
    if "resolved" in parts:
        yield Walk(
            index("tickets_by_resolved"), (parts["resolved"],), "resolved", "t.resolved_at IS NOT NULL"
        )
    if wanted.ended is not None:
        yield _by_end(wanted.ended)
    if "team" in parts:
        yield _by_value("team", "t.team_id", "tickets_by_team", wanted.teams)
    if "status" in parts and (len(wanted.statuses) == 1 or not unresolved):
        yield _by_value("status", "t.status", "tickets_by_status", wanted.statuses)
    elif unresolved:
        yield Walk(UPDATED.unresolved, (EVERYTHING,), None, _UNRESOLVED, UPDATED.column)


def _whole(wanted: Filter, parts: Parts, order: Order) -> Walk:
    """Return the walk along the whole order, of the unresolved tickets alone where only they can be meant."""
    unresolved = _only_unresolved(wanted, parts)
    source, implied = (order.unresolved, _UNRESOLVED) if unresolved else (order.source, "1")
    if order.column == "t.priority_rank" and wanted.priorities:
        ranks = _each(order.column, [priority.rank for priority in wanted.priorities])
        return Walk(source, ranks, "priority", implied, order.column)
    return Walk(source, (EVERYTHING,), None, implied, order.column)


def _only_unresolved(wanted: Filter, parts: Parts) -> bool:
    """Return whether unresolved tickets alone can be meant: only they are due, only their clocks run."""
    named = bool(wanted.statuses) and UNRESOLVED.issuperset(wanted.statuses)
    running = bool(wanted.sla) and _RUNNING_STATES.issuperset(wanted.sla)
    return named or running or parts.get("due") is _DUE or "due within" in parts


def few_of(conn: Connection) -> int:
    """Return how many tickets are rather gathered and sorted than met here and there along an index of all."""
    (newest,) = conn.execute("SELECT max(id) FROM tickets").fetchone()
    return min(isqrt(_USUAL_PAGE * (newest or 0)) + _USUAL_PAGE, _FEW_MAX)


def _holds_at_most(conn: Connection, walk: Walk, most: int) -> bool:
    held = 0
    for part in walk.held or walk.stretches:
        sql, values = where([part, Part(walk.implied)])
        found = conn.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {walk.held_in or walk.source} WHERE {sql} LIMIT ?)",
            (*values, most + 1 - held),
        )
        held += found.fetchone()[0]
        if held > most:
            return False
    return True


def _by_value(dimension: str, column: str, name: str, values: Iterable[Any]) -> Walk:
    """Return the walk along an index whose entries of one value are in the order of their last update."""
    return Walk(index(name), _each(column, values), dimension, in_order_of=UPDATED.column)


def _by_author(dimension: str, author: Any, wanted: Filter) -> Walk:
    theirs = Part("w.author = ? AND w.is_internal <= ?", (author, int(wanted.internal)))
    listed = Part(f"t.id IN (SELECT w.ticket_id FROM {_WROTE} WHERE {theirs.sql})", theirs.values)
    return Walk(TABLE, (listed,), dimension, held_in=_WROTE, held=(theirs,))


def _by_end(span: Span) -> Walk:
    """Return the walk along two indexes: of what was resolved, of what was closed without it."""
    inside = _inside("e.at", span)
    listed = Part(f"t.id IN (SELECT e.id FROM {_ENDED} WHERE {inside.sql})", inside.values)
    return Walk(TABLE, (listed,), "ended", held_in=_ENDED, held=(inside,))


def _asked(wanted: Filter) -> list[str]:
    return [search.asked(term, internal=wanted.internal) for term in wanted.terms or ()]


def _found(asked: str) -> Part:
    return Part(f"t.id IN (SELECT rowid >> {search.PIECE_BITS} FROM search WHERE search MATCH ?)", (asked,))


def _each(column: str, values: Iterable[Any]) -> tuple[Part, ...]:
    return tuple(Part(f"{column} IS NULL") if v is None else Part(f"{column} = ?", (v,)) for v in values)


def any_of(column: str, values: Sequence[Any]) -> Part | None:
    if len(values) <= 1:
        return _each(column, values)[0] if values else None
    given = tuple(value for value in values if value is not None)
    among = f"{column} IN ({', '.join('?' * len(given))})"
    return Part(among if len(given) == len(values) else f"({among} OR {column} IS NULL)", given)


def _tagged(tags: Sequence[str]) -> Part | None:
    if not tags:
        return None
    marks = ", ".join("?" * len(tags))
    return Part(
        f"EXISTS (SELECT 1 FROM ticket_tags g WHERE g.tag_key IN ({marks}) AND g.ticket_id = t.id)",
        tuple(tags),
    )


def _wrote(people: Sequence[Any], wanted: Filter) -> Part:
    """Return whether one of them requested the ticket or said something in it that may be read."""
    marks = ", ".join("?" * len(people))
    said = (
        f"EXISTS (SELECT 1 FROM messages m WHERE m.author_id IN ({marks}) AND m.ticket_id = t.id"
        " AND m.is_internal <= ?)"
    )
    return Part(f"(t.requester_id IN ({marks}) OR {said})", (*people, *people, int(wanted.internal)))


def _with_files(wanted: Filter) -> Part | None:
    if not wanted.with_files:
        return None
    return Part(_HAS_FILES if wanted.internal else "t.public_files > 0")


def _escalated(escalated: bool | None) -> Part | None:
    if escalated is None:
        return None
    return Part("t.escalation_level > 0" if escalated else "t.escalation_level = 0")


def _ended(span: Span | None) -> Part | None:
    if span is None:
        return None
    resolved, closed = _inside("t.resolved_at", span), _inside("t.closed_at", span)
    return Part(
        f"({resolved.sql} OR (t.resolved_at IS NULL AND {closed.sql}))", (*resolved.values, *closed.values)
    )


def _open_at(moment: Instant | None) -> Part | None:
    if moment is None:
        return None
    lasted = "(t.unresolved = 1 OR coalesce(t.resolved_at, t.closed_at) >= ?)"
    return Part(f"t.created_at < ? AND {lasted}", (moment, moment))


def _within(column: str, span: Span | None) -> Part | None:
    return None if span is None else _inside(column, span)


def _inside(column: str, span: Span) -> Part:
    ends = []
    if span.after is not None:
        ends.append(Part(f"{column} >= ?", (span.after,)))
    if span.before is not None:
        ends.append(Part(f"{column} < ?", (span.before,)))
    return where(ends)


_UNBROKEN: Final = "t.sla_policy IS NOT NULL AND (t.breach_at IS NULL OR t.breach_at >= :now)"
_STATES: Final = {
    State.BREACHED: "t.breach_at < :now",
    State.MET: f"(t.sla_phase = 'done' OR t.due_at IS NULL) AND {_UNBROKEN}",
    State.PAUSED: f"t.sla_phase = 'paused' AND {_UNBROKEN}",
    State.AT_RISK: f"t.sla_phase = 'running' AND t.due_at >= :now AND t.risk_at <= :now AND {_UNBROKEN}",
    State.OK: f"t.sla_phase = 'running' AND t.due_at >= :now AND t.risk_at > :now AND {_UNBROKEN}",
    State.NONE: "t.sla_policy IS NULL",
}
"""What ``domain/sla.py`` says of a ticket, as SQL says it. A clock that runs and is not broken is due later."""


def _in_state(states: Sequence[State], now: int) -> Part | None:
    if not states:
        return None
    sql = " OR ".join(f"({_STATES[state]})" for state in states)
    return Part(f"({sql.replace(':now', '?')})", (now,) * sql.count(":now"))
