"""The queue: views of the tickets, and the list that one of them shows."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import msgspec
from multidict import MultiMapping

from servicedesk.desk import saved_views as saving
from servicedesk.domain import views
from servicedesk.domain.errors import BadParameter
from servicedesk.domain.listing import Filter, Format, TicketQuery, filter_of
from servicedesk.domain.people import User
from servicedesk.domain.saved_views import SavedView
from servicedesk.domain.tickets import UNRESOLVED, WORKLOAD, Status, Ticket
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store import listing, naming, reading
from servicedesk.store import saved_views as stored_views
from servicedesk.store.db import Connection
from servicedesk.web import saved_views

STEP: Final = 50
MOST: Final = 500
"""More rows than these are not shown on one page."""
COUNTING: Final = 0.3
"""Seconds that the counts of saved views may take on a page."""

_UNRESOLVED: Final = [status for status in Status if status in UNRESOLVED]
_OURS: Final = [status for status in Status if status in WORKLOAD]
_SINGLE: Final = (
    *(
        f"{what}_{end}"
        for what in ("created", "answered", "resolved", "ended")
        for end in ("after", "before")
    ),
    "open_at",
    "sort",
)
_FILTERS: Final = (
    "status",
    "priority",
    "assigned_to",
    "team",
    "tag",
    "sla",
    "requester",
    "category",
    *_SINGLE,
)

SORTS: Final = [
    ("", say("As the view says")),
    ("-updated_at", say("Latest change first")),
    ("updated_at", say("Oldest change first")),
    ("-created_at", say("Newest first")),
    ("created_at", say("Oldest first")),
    ("-priority", say("Most urgent first")),
    ("due_at", say("Due next first")),
]


class View(NamedTuple):
    """A way to look at the queue."""

    name: str
    label: str
    icon: str
    query: dict[str, Any]
    empty: tuple[str, str]
    """What an empty list says: a title and what to make of it."""
    is_hot: bool = False
    is_saved: bool = False


STAFF_VIEWS: Final = (
    View(
        "all",
        say("All"),
        "list",
        {},
        (say("No tickets"), say("Nothing has come in yet. The first ticket shows here as soon as it does.")),
    ),
    View(
        "mine",
        say("Mine"),
        "user",
        {"assigned_to": ["me"], "status": _UNRESOLVED},
        (say("Inbox zero"), say("Nothing is assigned to you. Take the next one from Unassigned with I.")),
    ),
    View(
        "unassigned",
        say("Unassigned"),
        "nobody",
        {"assigned_to": ["none"], "status": _UNRESOLVED},
        (say("Everything has somebody"), say("Every open ticket has an agent.")),
    ),
    View(
        "waiting",
        say("Waiting on us"),
        "reply",
        {"status": _OURS, "sort": "updated_at"},
        (say("Nobody is waiting on us"), say("The word is with the customers.")),
    ),
    View(
        "due",
        say("Due soon"),
        "alarm",
        {"sla": ["at_risk"], "status": _UNRESOLVED, "sort": "due_at"},
        (say("Nothing is due soon"), say("No promise runs out in the near future.")),
        is_hot=True,
    ),
    View(
        "breached",
        say("Breached"),
        "alert",
        {"sla": ["breached"], "status": _UNRESOLVED, "sort": "due_at"},
        (say("No broken promises"), say("Every open ticket is within its time.")),
        is_hot=True,
    ),
    View(
        "customer",
        say("Waiting on customer"),
        "wait",
        {"status": [Status.PENDING]},
        (say("Nobody owes us an answer"), say("No ticket waits for its requester.")),
    ),
    View(
        "resolved",
        say("Recently resolved"),
        "done",
        {"status": [Status.RESOLVED]},
        (
            say("Nothing resolved of late"),
            say("Resolved tickets stay here for a week, then they close by themselves."),
        ),
    ),
)
CUSTOMER_VIEWS: Final = (
    View("all", say("All"), "list", {}, (say("No tickets"), say("You have not asked for anything yet."))),
    View(
        "open",
        say("Open"),
        "inbox",
        {"status": _UNRESOLVED},
        (say("Nothing open"), say("Everything you asked for is done.")),
    ),
    View(
        "resolved",
        say("Solved"),
        "done",
        {"status": [Status.RESOLVED, Status.CLOSED]},
        (say("Nothing solved yet"), say("Tickets that are resolved or closed show here.")),
    ),
)


_FIRST_DUE: Final = say("First answer due")
_NEXT_DUE: Final = say("Next answer due")
_SOLVED_DUE: Final = say("Resolution due")
_NOTHING: Final = (say("Nothing in this view"), say("No ticket is as this view asks for."))


class Look(NamedTuple):
    """What the address says: the view, the filters beside it, and how many rows."""

    view: View
    query: TicketQuery
    filters: dict[str, str]
    shown: int

    @property
    def suffix(self) -> str:
        """Return the query string that keeps view and filters on the way to a ticket and back."""
        parts = {"view": self.view.name} if self.view.name != "all" else {}
        asked = urlencode(parts | self.filters)
        return f"?{asked}" if asked else ""


def table_href(query: TicketQuery) -> str:
    """Return the address of the same list as a table."""
    return f"/api/tickets/?{query_string(msgspec.structs.replace(query, format=Format.CSV))}"


def views_for(conn: Connection, actor: User) -> tuple[View, ...]:
    """Return the views that this person has: those of every desk, then the saved ones."""
    if not actor.is_staff:
        return CUSTOMER_VIEWS
    return (*STAFF_VIEWS, *filter(None, map(_saved, stored_views.in_order(conn, actor.id))))


def _saved(view: SavedView) -> View | None:
    """Return the saved view as one of the queue's; None when its query is no longer understood."""
    try:
        query = msgspec.to_builtins(saved_views.query_of(view.content.query))
    except BadParameter:
        return None
    return View(f"s{view.id}", view.content.name, "eye", query, _NOTHING, is_saved=True)


def look(known: Sequence[View], actor: User, asked: MultiMapping[str]) -> Look:
    """Read view and filters from the address; what makes no sense there is left out, not refused."""
    view = next((view for view in known if view.name == asked.get("view")), known[0])
    filters = {name: asked[name] for name in _FILTERS if asked.get(name)}
    try:
        query = _narrowed(view, filters)
        filter_of(query, actor, 0)
    except (BadParameter, msgspec.ValidationError):
        filters, query = {}, _narrowed(view, {})
    shown = asked.get("shown", "")
    rows = int(shown) if shown.isdecimal() and len(shown) < 6 else STEP
    return Look(view, query, filters, min(MOST, max(STEP, rows)))


def _narrowed(view: View, filters: dict[str, str]) -> TicketQuery:
    """Return the view's query with the filters; a filter on a field that the view sets takes its place."""
    values: dict[str, Any] = dict(view.query)
    for name, text in filters.items():
        values[name] = text if name in _SINGLE else text.split(",")
    return msgspec.convert(values, TicketQuery, strict=False)


def counts(conn: Connection, actor: User, known: Sequence[View], now: Instant) -> dict[str, int | None]:
    """Return how many tickets each view holds; None for a saved one that takes too long to count."""
    saved = [view for view in known if view.is_saved]
    counted = saving.counts(conn, [_filter(view, actor, now) for view in saved], seconds=COUNTING)
    ours = {
        view.name: listing.count(conn, filter_of(_narrowed(view, {}), actor, now))
        for view in known
        if not view.is_saved
    }
    return ours | dict(zip((view.name for view in saved), counted, strict=True))


def _filter(saved: View, actor: User, now: Instant) -> Filter | None:
    """Return what a saved view asks for, None for what is no longer understood."""
    try:
        return filter_of(_narrowed(saved, {}), actor, now)
    except BadParameter:
        return None


def query_string(query: TicketQuery) -> str:
    """Return the query as it stands in the address of a list."""
    values = {name: _text(value) for name, value in msgspec.to_builtins(query).items()}
    return urlencode({name: text for name, text in values.items() if text}, safe=",:@")


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def rows(conn: Connection, actor: User, wanted: Look, now: Instant) -> dict[str, Any]:
    """Return what the list shows: its tickets, how many there are in all, and whether more follow.

    What asks for somebody who is not here any more shows nothing and says so.
    """
    try:
        asked = naming.with_ids(conn, filter_of(wanted.query, actor, now))
    except BadParameter as refusal:
        return {"tickets": [], "total": 0, "more": False, "refusal": refusal.said}
    page = listing.page(conn, asked, wanted.query.sort, None, wanted.shown)
    new = reading.unread(conn, actor.id, [t.id for t in page.tickets], internal=actor.is_staff)
    return {
        "tickets": [
            row(ticket, now, staff=actor.is_staff, unread=ticket.id in new) for ticket in page.tickets
        ],
        "total": listing.count(conn, asked),
        "more": page.next is not None,
        "refusal": None,
    }


def row(ticket: Ticket, now: Instant, *, staff: bool, unread: bool = False) -> dict[str, Any]:
    """Return a ticket as the templates draw it."""
    shown: dict[str, Any] = msgspec.to_builtins(views.ticket(ticket, now, staff=staff))
    shown["sla"] = clock(ticket, shown["sla"])
    shown["unread"] = unread
    return shown


def clock(ticket: Ticket, sla: dict[str, Any]) -> dict[str, Any]:
    """Return the clocks with what is due next in words."""
    clocks = ticket.sla
    if ticket.first_response_at is None and clocks.due_at == clocks.first_response_due_at:
        what = _FIRST_DUE
    elif clocks.due_at == clocks.next_response_due_at:
        what = _NEXT_DUE
    else:
        what = _SOLVED_DUE
    return {"due_at": sla.get("resolution_due_at"), **sla, "due_what": what}
