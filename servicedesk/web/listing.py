"""Lists of tickets over HTTP."""

from collections.abc import AsyncIterator, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from aiohttp import web
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from servicedesk.domain import views
from servicedesk.domain.errors import BadParameter
from servicedesk.domain.listing import Filter, Format, Place, TicketQuery, filter_of, question_of
from servicedesk.domain.tables import Cell
from servicedesk.domain.times import iso
from servicedesk.domain.views import TicketBody
from servicedesk.store import listing, search
from servicedesk.store.db import Connection
from servicedesk.web import lists, tables
from servicedesk.web.api import Call, encode
from servicedesk.web.lists import Page

AT_ONCE: Final = 200
"""Rows of a table that are read and sent together."""


class Mark(NamedTuple):
    """Where a page begins, and what the list was asked for."""

    key: int | None
    id: int
    question: bytes


async def tickets(call: Call, query: TicketQuery) -> web.StreamResponse:
    """Return the tickets that the caller may see and the query asks for, page by page or as one table."""
    wanted = filter_of(query, call.actor, call.now)
    if query.format is Format.CSV:
        return await _table(call, query, wanted)
    question = blake2b(encode(question_of(query)), digest_size=9).digest()
    after = _place(call, query, question)

    staff, at, terms = call.actor.is_staff, call.now, wanted.terms

    def look(conn: Connection) -> tuple[listing.Page, list[TicketBody], int | UnsetType]:
        page = listing.page(conn, wanted, query.sort, after, query.limit)
        items = [views.ticket(ticket, at, staff=staff) for ticket in page.tickets]
        if terms and query.snippets:
            pieces = (search.snippet(conn, ticket, terms, internal=staff) for ticket in page.tickets)
            items = [replace(item, snippet=piece) for item, piece in zip(items, pieces, strict=True)]
        return page, items, listing.count(conn, wanted) if query.count else UNSET

    page, items, total = await (call.db.glance(look) if terms is None else call.read(look))
    cursor = lists.sealed(call, Mark(page.next.key, page.next.id, question)) if page.next else None
    return lists.answer(call, Page(items, cursor, total))


async def _table(call: Call, query: TicketQuery, wanted: Filter) -> web.StreamResponse:
    for name in ("cursor", "count", "limit", "snippets"):
        if name in call.request.query:
            raise BadParameter(name, f"{name}: a table is the whole list.")

    # Which tickets they are is settled first: what changes its place meanwhile is neither missed nor sent twice.
    ids = await call.read(listing.ids, wanted, query.sort)

    def rows(conn: Connection, start: int) -> list[Sequence[Cell]]:
        found = listing.rows(conn, ids[start : start + AT_ONCE])
        shown = (views.ticket(each, call.now, staff=call.actor.is_staff) for each in found)
        return [tables.ticket_row(body) for body in shown]

    async def pages() -> AsyncIterator[list[Sequence[Cell]]]:
        for start in range(0, len(ids), AT_ONCE):
            yield await call.db.read(rows, start)

    name = f"tickets-{iso(call.now)[:10]}"
    await tables.record(call, name, tickets=len(ids))
    return await tables.streamed(call, tables.TICKET_COLUMNS, pages(), name)


def _place(call: Call, query: TicketQuery, question: bytes) -> Place | None:
    if query.cursor is None:
        return None
    mark = lists.unsealed(call, query.cursor, Mark)
    if mark.question != question:
        raise BadParameter("cursor", "cursor: is one of another list.")
    return Place(mark.key, mark.id)
