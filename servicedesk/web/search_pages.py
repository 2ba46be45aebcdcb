"""Search, with the words that were found marked where they stand."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup, escape

from servicedesk.domain import snippets
from servicedesk.domain.errors import BadParameter
from servicedesk.domain.listing import TicketQuery, filter_of
from servicedesk.domain.people import User
from servicedesk.domain.search import Term
from servicedesk.domain.tickets import Ticket
from servicedesk.domain.times import Instant
from servicedesk.store import listing, search
from servicedesk.store.db import Connection
from servicedesk.web import frame, queue
from servicedesk.web.api import Call
from servicedesk.web.frame import Content

STEP: Final = 20
MOST: Final = 200


async def page(call: Call) -> web.Response:
    """What is found for ``q``."""
    asked = call.request.query
    typed, shown = asked.get("q", "").strip(), asked.get("shown", "")
    limit = min(MOST, int(shown)) if shown.isdecimal() and len(shown) < 5 else STEP

    def read(conn: Connection) -> Content:
        content: Content = {"query": typed, "hits": [], "next_href": None, "refusal": None}
        try:
            return content | (_found(conn, call.actor, typed, limit, call.now) if typed else {})
        except BadParameter as refusal:
            return content | {"refusal": refusal.said}

    template = "part_results.html" if asked.get("part") == "results" else "search.html"
    return await frame.show(call, template, read)


def _found(conn: Connection, actor: User, typed: str, limit: int, now: Instant) -> Content:
    wanted = filter_of(TicketQuery(q=typed), actor, now)
    found = listing.page(conn, wanted, None, None, limit)
    terms = wanted.terms or ()
    more = urlencode({"q": typed, "shown": limit + STEP})
    return {
        "hits": [_hit(conn, ticket, terms, actor, now) for ticket in found.tickets],
        "next_href": f"/search?{more}" if found.next and limit < MOST else None,
    }


def _hit(
    conn: Connection, ticket: Ticket, terms: Sequence[Term], actor: User, now: Instant
) -> dict[str, Any]:
    snippet = search.snippet(conn, ticket, terms, internal=actor.is_staff)
    return {
        "ticket": queue.row(ticket, now, staff=actor.is_staff),
        "title": _marked(ticket.title, snippets.matches(ticket.title, terms)),
        "snippet": _marked(snippet.text, snippet.matches),
    }


def _marked(text: str, matches: Sequence[tuple[int, int]]) -> Markup:
    """Return the text as HTML with the finds marked."""
    parts, last = [], 0
    for start, end in matches:
        parts += [escape(text[last:start]), Markup("<mark>%s</mark>") % text[start:end]]
        last = end
    return Markup("").join([*parts, escape(text[last:])])
