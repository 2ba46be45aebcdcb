"""Lists of tickets over HTTP."""

from hashlib import blake2b
from typing import NamedTuple

from aiohttp import web
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from servicedesk.domain import views
from servicedesk.domain.errors import BadParameter
from servicedesk.domain.listing import Place, TicketQuery, filter_of, question_of
from servicedesk.domain.views import TicketBody
from servicedesk.store import listing, search
from servicedesk.store.db import Connection
from servicedesk.web import lists
from servicedesk.web.api import Call, encode
from servicedesk.web.lists import Page


class Mark(NamedTuple):
    """Where a page begins, and what the list was asked for."""

    key: int | None
    id: int
    question: bytes


async def tickets(call: Call, query: TicketQuery) -> web.Response:
    """Return the tickets that the caller may see and the query asks for, page by page."""
    wanted = filter_of(query, call.actor, call.now)
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


def _place(call: Call, query: TicketQuery, question: bytes) -> Place | None:
    if query.cursor is None:
        return None
    mark = lists.unsealed(call, query.cursor, Mark)
    if mark.question != question:
        raise BadParameter("cursor", "cursor: is one of another list.")
    return Place(mark.key, mark.id)
