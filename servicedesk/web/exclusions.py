"""Whom the desk does not choose for a ticket, over HTTP."""

from typing import Annotated

import msgspec
from msgspec import Meta

from servicedesk.desk import assignment as desk
from servicedesk.domain import views
from servicedesk.domain.views import ExclusionBody
from servicedesk.store import exclusions as stored
from servicedesk.store.db import Connection, Tx
from servicedesk.web.api import Call
from servicedesk.web.fields import Id
from servicedesk.web.lists import Page


class Exclusions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user_ids: Annotated[list[Id], Meta(max_length=1000)]


async def of_ticket(call: Call) -> Page[ExclusionBody]:
    """Return whom the desk does not choose for the ticket."""
    return call.peek(_shown, call.id)


async def replace(call: Call, body: Exclusions) -> Page[ExclusionBody]:
    """Set whom the desk does not choose for the ticket; a person may still give it to them."""
    user_ids = tuple(dict.fromkeys(body.user_ids))

    def job(tx: Tx) -> Page[ExclusionBody]:
        desk.exclude(tx, call.id, user_ids, by=call.actor, at=call.now)
        return _shown(tx, call.id)

    return await call.write(job)


def _shown(conn: Connection, ticket_id: int) -> Page[ExclusionBody]:
    return Page([views.exclusion(each) for each in stored.of_ticket(conn, ticket_id)], None)
