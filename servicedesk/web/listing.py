"""Lists of tickets over HTTP."""

from hashlib import blake2b
from typing import NamedTuple

from aiohttp import web
from msgspec import UNSET, UnsetType

from servicedesk.domain import views
from servicedesk.domain.errors import BadParameter
from servicedesk.domain.listing import Place, TicketQuery, filter_of, question_of
from servicedesk.store import listing
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

    def look(conn: Connection) -> tuple[listing.Page, int | UnsetType]:
        page = listing.page(conn, wanted, query.sort, after, query.limit)
        return page, listing.count(conn, wanted) if query.count else UNSET

    page, total = await (call.db.glance(look) if wanted.terms is None else call.read(look))
    staff, at = call.actor.is_staff, call.now
    items = [views.ticket(ticket, at, staff=staff) for ticket in page.tickets]
    cursor = lists.sealed(call, Mark(page.next.key, page.next.id, question)) if page.next else None
    return lists.answer(call, Page(items, cursor, total))


def _place(call: Call, query: TicketQuery, question: bytes) -> Place | None:
    if query.cursor is None:
        return None
    mark = lists.unsealed(call, query.cursor, Mark)
    if mark.question != question:
        raise BadParameter("cursor", "cursor: is one of another list.")
    return Place(mark.key, mark.id)
