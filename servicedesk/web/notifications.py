"""Notifications over HTTP: a person's own list, and what of it they have read."""

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from servicedesk.desk import notifications as desk
from servicedesk.domain.notifications import NotificationBody
from servicedesk.store import notifications as stored
from servicedesk.store.db import Connection, Tx
from servicedesk.web import lists
from servicedesk.web.api import ID_MAX, Call
from servicedesk.web.lists import Page, Paging

Position = Annotated[int, msgspec.Meta(ge=0, le=ID_MAX)]


class NotificationQuery(Paging, frozen=True, kw_only=True):
    unread: bool = False


class NotificationPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    read: bool


class ReadUpTo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The latest notification that was seen: it and everything before it are read."""

    up_to: Position


class Unread(msgspec.Struct, frozen=True):
    unread: int


class NotificationPage(Page[NotificationBody], frozen=True, kw_only=True):
    """A part of the list, newest first; ``unread`` counts all of the person's unread ones."""

    unread: int


async def listed(call: Call, query: NotificationQuery) -> web.Response:
    """Return what the caller was told, newest first; ``unread=true`` leaves out what they have read."""
    before = None if query.cursor is None else lists.unsealed(call, query.cursor, int)

    def look(conn: Connection) -> tuple[list[NotificationBody], int, int | UnsetType]:
        me = call.actor.id
        found = stored.page(conn, me, before=before, limit=query.limit + 1, unread=query.unread)
        unread = stored.unread(conn, me)
        total = (unread if query.unread else stored.count(conn, me)) if query.count else UNSET
        return found, unread, total

    found, unread, total = await call.db.glance(look)
    kept = found[: query.limit]
    cursor = lists.sealed(call, kept[-1].id) if len(found) > query.limit else None
    return lists.answer(call, NotificationPage(kept, cursor, total, unread=unread))


async def mark(call: Call, body: NotificationPatch) -> NotificationBody:
    """Mark one of the caller's notifications as read or unread."""
    return await call.write(desk.set_read, call.id, body.read, by=call.actor, at=call.now)


async def read(call: Call, body: ReadUpTo) -> Unread:
    """Mark everything up to a notification as read; what came after the caller looked stays unread."""

    def job(tx: Tx) -> Unread:
        return Unread(desk.read_up_to(tx, body.up_to, by=call.actor, at=call.now))

    return await call.write(job)
