"""Search, with the words that were found marked where they stand."""

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web
from markupsafe import Markup, escape

from servicedesk.domain.errors import BadParameter, Refused
from servicedesk.domain.listing import TicketQuery, filter_of
from servicedesk.domain.people import STAFF, User
from servicedesk.domain.search import Term, terms_of
from servicedesk.domain.tickets import Ticket
from servicedesk.domain.times import Instant
from servicedesk.store import listing, people, search
from servicedesk.store.db import Connection
from servicedesk.web import frame, queue
from servicedesk.web.api import Call
from servicedesk.web.frame import Content

STEP: Final = 20
MOST: Final = 200
AROUND: Final = 90
"""Characters of a snippet on each side of the first word that was found."""
TEXTS: Final = 30
"""Texts of a ticket that are looked at for a snippet."""

_OPERATOR: Final = re.compile(
    r'(?<!\S)(status|priority|assignee|tag|from|before):("[^"]*"|\S+)', re.IGNORECASE
)
_FIELDS: Final = {"status": "status", "priority": "priority", "tag": "tag", "before": "created_before"}


async def page(call: Call) -> web.Response:
    """What is found for ``q``."""
    asked = call.request.query
    typed, shown = asked.get("q", "").strip(), asked.get("shown", "")
    limit = min(MOST, int(shown)) if shown.isdecimal() and len(shown) < 5 else STEP

    def read(conn: Connection) -> Content:
        content: Content = {"query": typed, "hits": [], "next_href": None, "refusal": None}
        try:
            return content | (_found(conn, call.actor, typed, limit, call.now) if typed else {})
        except (Refused, msgspec.ValidationError) as refusal:
            return content | {
                "refusal": refusal.detail if isinstance(refusal, Refused) else _unknown(refusal)
            }

    template = "part_results.html" if asked.get("part") == "results" else "search.html"
    return await frame.show(call, template, read)


def _found(conn: Connection, actor: User, typed: str, limit: int, now: Instant) -> Content:
    query = read_query(conn, actor, typed)
    wanted = filter_of(query, actor, now)
    found = listing.page(conn, wanted, query.sort, None, limit)
    terms = terms_of(query.q) if query.q else ()
    more = urlencode({"q": typed, "shown": limit + STEP})
    return {
        "hits": [_hit(conn, ticket, terms, actor, now) for ticket in found.tickets],
        "next_href": f"/search?{more}" if found.next and limit < MOST else None,
    }


def read_query(conn: Connection, actor: User, typed: str) -> TicketQuery:
    """Take the operators out of what was typed; the rest is looked for. Raises BadParameter."""
    values: dict[str, Any] = {}
    for operator in _OPERATOR.finditer(typed):
        name, text = operator[1].lower(), operator[2].strip('"')
        if name == "assignee":
            values["assigned_to"] = [_who(conn, part, staff=True) for part in text.split(",")]
        elif name == "from":
            values["requester"] = [_who(conn, part, staff=False) for part in text.split(",")]
        elif name == "before":
            values["created_before"] = text
        else:
            values[_FIELDS[name]] = [part.strip().lower() for part in text.split(",")]
    words = _OPERATOR.sub(" ", typed).strip()
    return msgspec.convert(values | ({"q": words} if words else {}), TicketQuery)


def _who(conn: Connection, text: str, *, staff: bool) -> str:
    """Return the id of the first person with this name or address; me, none and ids stay as they are."""
    if text in ("me", "none") or text.isdecimal():
        return text
    found = people.page(conn, limit=1, words=text, roles=STAFF if staff else ())
    if not found:
        raise BadParameter("q", f"Nobody here is called {text[:60]}.")
    return str(found[0].id)


def _unknown(error: msgspec.ValidationError) -> str:
    return f"One of the operators has a value that it does not know: {error}."


def _hit(
    conn: Connection, ticket: Ticket, terms: Sequence[Term], actor: User, now: Instant
) -> dict[str, Any]:
    marker = _marker(terms)
    texts = search.texts(conn, ticket.id, TEXTS, internal=actor.is_staff) if marker else []
    text = next((text for text in texts if marker and marker.search(text)), ticket.description)
    return {
        "ticket": queue.row(ticket, now, staff=actor.is_staff),
        "title": _marked(ticket.title, marker),
        "snippet": _marked(_around(text, marker), marker),
    }


def _marker(terms: Sequence[Term]) -> re.Pattern[str] | None:
    """Return what finds the terms in a text: whole words, or words that begin so."""
    parts = [
        r"\b" + r"\W+".join(map(re.escape, text.split())) + ("" if term.is_prefix else r"\b")
        for term in terms
        for text in term.texts
        if text.split()
    ]
    return re.compile("|".join(parts), re.IGNORECASE) if parts else None


def _around(text: str, marker: re.Pattern[str] | None) -> str:
    """Return the neighbourhood of the first find, or the beginning."""
    text = " ".join(text.split())
    found = marker.search(text) if marker else None
    start = max(0, found.start() - AROUND) if found else 0
    end = start + 2 * AROUND
    return ("…" if start else "") + text[start:end].strip() + ("…" if end < len(text) else "")


def _marked(text: str, marker: re.Pattern[str] | None) -> Markup:
    """Return the text as HTML with the finds marked."""
    if marker is None:
        return escape(text)
    parts, last = [], 0
    for found in marker.finditer(text):
        parts += [escape(text[last : found.start()]), Markup("<mark>%s</mark>") % found[0]]
        last = found.end()
    return Markup("").join([*parts, escape(text[last:])])
