"""Saved views over HTTP."""

from collections.abc import Iterator
from typing import Annotated, Final
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType
from multidict import MultiDict

from servicedesk.desk import saved_views as desk
from servicedesk.domain import views
from servicedesk.domain.errors import BadParameter, FieldError, invalid
from servicedesk.domain.listing import Filter, TicketQuery, filter_of
from servicedesk.domain.people import Availability, Role, User
from servicedesk.domain.saved_views import ASKED_EACH_TIME, QUERY_MAX, Content
from servicedesk.domain.times import Instant
from servicedesk.domain.views import SavedViewBody
from servicedesk.domain.words import say
from servicedesk.store import naming
from servicedesk.store.db import Connection, Tx
from servicedesk.store.saved_views import VIEWS
from servicedesk.web import decode, lists
from servicedesk.web.api import Call
from servicedesk.web.decode import checked
from servicedesk.web.fields import OneLine
from servicedesk.web.lists import Paging

COUNTING: Final = 2.0
"""Seconds that the counts of one answer may take together."""


def query_of(text: str) -> TicketQuery:
    """Return what the query string asks for, as a list of tickets would. Raises BadParameter."""
    values = MultiDict(parse_qsl(text.strip().removeprefix("?"), keep_blank_values=True))
    for name in ASKED_EACH_TIME:
        if name in values:
            raise BadParameter.of(name, say("says how a list is read, not what is in it."))
    return decode.parameters(values, TicketQuery)


def filter_for(query: str, actor: User, now: Instant) -> Filter | None:
    """Return which tickets the person gets for it; None for what is no longer understood."""
    try:
        return filter_of(query_of(query), actor, now)
    except BadParameter:
        return None


def _query_errors(text: str, pointer: str) -> Iterator[FieldError]:
    try:
        filter_of(query_of(text), _SOMEBODY, 0)
    except BadParameter as error:
        yield FieldError(pointer, "bad_parameter", str(error))


_SOMEBODY: Final = User(
    id=1,
    email="",
    name="",
    role=Role.AGENT,
    is_active=True,
    max_tickets=0,
    skills=(),
    availability=Availability.AWAY,
    team_ids=(),
    created_at=0,
)
"""Whoever of the staff asks, the grammar is the same; ``me`` is whoever looks."""
Query = Annotated[
    str, Meta(max_length=QUERY_MAX, description="as behind ? of GET /api/tickets/"), checked(_query_errors)
]
Position = Annotated[int, Meta(ge=0, le=1_000_000)]


class NewView(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: OneLine
    query: Query
    is_shared: bool = False
    position: Position = 0


class ViewPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: OneLine | UnsetType = UNSET
    query: Query | UnsetType = UNSET
    is_shared: bool | UnsetType = UNSET
    position: Position | UnsetType = UNSET


async def everything(call: Call, paging: Paging) -> web.Response:
    """Return the views that the caller may use, their own and the shared ones, each with its present count."""
    after, limit = lists.span(call, paging)

    def read(conn: Connection) -> list[tuple[int, SavedViewBody]]:
        found = VIEWS.page(conn, call.actor.id, after=after, limit=limit)
        wanted = [filter_for(view.content.query, call.actor, call.now) for view in found]
        counts = desk.counts(conn, wanted, seconds=COUNTING)
        return [(v.id, views.saved_view(v, n)) for v, n in zip(found, counts, strict=True)]

    shown = await call.read(read)
    return lists.numbered(call, paging, lambda *_: shown, lambda: call.peek(VIEWS.count, call.actor.id))


async def create(call: Call, body: NewView) -> SavedViewBody:
    """Keep a list: for oneself, or as a supervisor for everybody."""
    content = Content(**msgspec.structs.asdict(body))
    _require_known(call, content.query)
    count = await _count(call, content.query)

    def job(tx: Tx) -> SavedViewBody:
        return views.saved_view(desk.create(tx, content, by=call.actor, at=call.now), count)

    return await call.write(job)


async def one(call: Call) -> SavedViewBody:
    """Return a view with its present count."""
    return views.saved_view(call.thing, await _count(call, call.thing.content.query))


async def edit(call: Call, body: ViewPatch) -> SavedViewBody:
    """Change a view."""
    sent = msgspec.structs.asdict(body)
    given = {name: value for name, value in sent.items() if value is not UNSET}
    if "query" in given:
        _require_known(call, given["query"])
    count = await _count(call, given.get("query", call.thing.content.query))

    def job(tx: Tx) -> SavedViewBody:
        content = msgspec.structs.replace(VIEWS.get(tx, call.id).content, **given)
        after = desk.edit(tx, call.id, content, by=call.actor, at=call.now, versions=call.versions)
        return views.saved_view(after, count)

    return await call.write(job)


async def delete(call: Call) -> None:
    """Forget a view; its tickets stay where they are."""
    await call.write(desk.delete, call.id, by=call.actor, versions=call.versions)


def _require_known(call: Call, query: str) -> None:
    """Raise Invalid for a query that names somebody who is not here. Later they may go, and the view is empty."""
    wanted = filter_for(query, call.actor, call.now)
    if wanted is None:
        return
    try:
        call.peek(naming.with_ids, wanted)
    except BadParameter as error:
        raise invalid("/query", error.detail, error.code) from None


async def _count(call: Call, query: str) -> int | None:
    wanted = filter_for(query, call.actor, call.now)
    counted = await call.read(desk.counts, [wanted], seconds=COUNTING)
    return counted[0]
