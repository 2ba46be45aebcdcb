"""Saved views: people keep a list under a name, for themselves or for everybody."""

import time
from collections.abc import Iterable
from typing import Final

import msgspec

from servicedesk.desk.kept import Keeping
from servicedesk.domain import views
from servicedesk.domain.access import Verb
from servicedesk.domain.errors import BadParameter
from servicedesk.domain.listing import Filter
from servicedesk.domain.saved_views import VIEWS_MAX, Content
from servicedesk.store import listing
from servicedesk.store.db import Connection, within
from servicedesk.store.saved_views import VIEWS


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


def _kept(_: Connection, content: Content) -> Content:
    return msgspec.structs.replace(
        content, name=content.name.strip(), query=content.query.strip().removeprefix("?")
    )


_KEEPING: Final = Keeping(
    VIEWS, Verb.EDIT_VIEWS, VIEWS_MAX, sound=_kept, shown=lambda view: views.saved_view(view, None)
)
create = _KEEPING.create
edit = _KEEPING.edit
delete = _KEEPING.delete
