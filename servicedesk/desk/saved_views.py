"""Saved views: people keep a list under a name, for themselves or for everybody."""

import time
from collections.abc import Iterable

import msgspec

from servicedesk.desk.tickets import Versions
from servicedesk.domain import views
from servicedesk.domain.access import Verb, require
from servicedesk.domain.errors import BadParameter, Stale, TooMany
from servicedesk.domain.listing import Filter
from servicedesk.domain.people import User
from servicedesk.domain.saved_views import VIEWS_MAX, Content, SavedView
from servicedesk.domain.times import Instant
from servicedesk.store import listing
from servicedesk.store.db import Connection, Tx, within
from servicedesk.store.saved_views import VIEWS


def create(tx: Tx, content: Content, *, by: User, at: Instant) -> SavedView:
    """Keep a list: for oneself, or as a supervisor for everybody."""
    content = _kept(content)
    _require_place(tx, content, by.id)
    made = VIEWS.insert(tx, content, owner_id=by.id, at=at)
    require(by, Verb.EDIT_VIEWS, made)
    return made


def edit(
    tx: Tx, view_id: int, content: Content, *, by: User, at: Instant, versions: Versions = None
) -> SavedView:
    """Change a view; the same again changes nothing."""
    before = _writable(tx, view_id, by, versions)
    content = _kept(content)
    if content == before.content:
        return before
    require(by, Verb.EDIT_VIEWS, msgspec.structs.replace(before, content=content))
    if content.is_shared != before.is_shared:
        _require_place(tx, content, before.owner_id)
    return VIEWS.update(tx, view_id, content, at=at)


def delete(tx: Tx, view_id: int, *, by: User, versions: Versions = None) -> None:
    """Forget a view; its tickets stay where they are."""
    _writable(tx, view_id, by, versions)
    VIEWS.delete(tx, view_id)


def counts(conn: Connection, wanted: Iterable[Filter | None], *, seconds: float) -> list[int | None]:
    """Return how many tickets each filter finds.

    None where there is none, where time does not suffice, or where it names somebody who is not here any more.
    """
    until = time.monotonic() + seconds
    return [_count(conn, each, until) for each in wanted]


def _count(conn: Connection, wanted: Filter | None, until: float) -> int | None:
    if wanted is None:
        return None
    try:
        return within(conn, until, lambda conn: listing.count(conn, wanted))
    except BadParameter:
        return None


def _writable(tx: Tx, view_id: int, by: User, versions: Versions) -> SavedView:
    view = VIEWS.get(tx, view_id)
    require(by, Verb.EDIT_VIEWS, view)
    if versions is not None and view.version not in versions:
        raise Stale(views.saved_view(view, None), "view")
    return view


def _require_place(conn: Connection, content: Content, owner_id: int) -> None:
    if VIEWS.kept(conn, None if content.is_shared else owner_id) >= VIEWS_MAX:
        raise TooMany("views", VIEWS_MAX)


def _kept(content: Content) -> Content:
    return msgspec.structs.replace(
        content, name=content.name.strip(), query=content.query.strip().removeprefix("?")
    )
