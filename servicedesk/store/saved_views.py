"""Saved views as rows."""

from typing import Final

from servicedesk.domain.saved_views import VIEWS_MAX, Content, SavedView
from servicedesk.store.db import Connection
from servicedesk.store.kept import Shelf

VIEWS: Final[Shelf[SavedView, Content]] = Shelf("saved_views", SavedView.noun, Content, SavedView)


def in_order(conn: Connection, user_id: int) -> list[SavedView]:
    """Return all that the person may use as they stand in the rail: the shared ones first."""
    found = VIEWS.page(conn, user_id, limit=2 * VIEWS_MAX)
    return sorted(found, key=lambda view: (not view.is_shared, view.content.position, view.id))
