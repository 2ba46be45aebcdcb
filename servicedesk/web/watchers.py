"""Watchers over HTTP."""

from typing import Annotated

import msgspec
from aiohttp import web

from servicedesk.desk import watchers as desk
from servicedesk.domain.people import PersonRef
from servicedesk.store import watchers as stored
from servicedesk.store.db import Connection, Tx
from servicedesk.web import lists
from servicedesk.web.api import Call
from servicedesk.web.fields import Id
from servicedesk.web.lists import Page, Paging


class Watchers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everybody who is to watch the ticket."""

    user_ids: Annotated[list[Id], msgspec.Meta(max_length=100)]


async def listed(call: Call, paging: Paging) -> web.Response:
    """Return who watches a ticket, in the order of their ids."""

    def listed_from(conn: Connection) -> web.Response:
        watching = stored.of_ticket(conn, call.id)

        def fetch(after: int, limit: int) -> list[tuple[int, PersonRef]]:
            return [(person.id, person) for person in watching if person.id > after][:limit]

        return lists.numbered(call, paging, fetch, lambda: len(watching))

    return call.peek(listed_from)


async def choose(call: Call, body: Watchers) -> Page[PersonRef]:
    """Make exactly these people of the staff the watchers of a ticket."""

    def job(tx: Tx) -> Page[PersonRef]:
        return Page(desk.choose(tx, call.id, body.user_ids, by=call.actor, at=call.now), None)

    return await call.write(job)


async def watch(call: Call) -> Page[PersonRef]:
    """Watch a ticket oneself; the answer is who watches it now."""
    return await call.write(lambda tx: Page(desk.watch(tx, call.id, by=call.actor, at=call.now), None))


async def unwatch(call: Call) -> None:
    """Stop watching a ticket; taking part in it does not make one a watcher again."""
    await call.write(_stop, call)


def _stop(tx: Tx, call: Call) -> None:
    desk.watch(tx, call.id, watches=False, by=call.actor, at=call.now)
