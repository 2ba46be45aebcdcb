"""Messages over HTTP."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
from aiohttp import web

from servicedesk.desk import messages as desk
from servicedesk.domain import views
from servicedesk.domain.access import Verb, may
from servicedesk.domain.views import MessageBody
from servicedesk.store import messages as stored
from servicedesk.store.db import Connection
from servicedesk.web import lists
from servicedesk.web.api import Call
from servicedesk.web.fields import FileId, MessageText
from servicedesk.web.lists import Paging


class NewMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    body: MessageText
    is_internal: bool = False
    file_ids: Annotated[list[FileId], msgspec.Meta(max_length=10)] = []


def for_staff(sent: Mapping[str, Any]) -> Iterable[str]:
    """Return what a customer may not say: a note."""
    return ["is_internal"] if sent.get("is_internal") is True else []


async def post(call: Call, body: NewMessage) -> web.Response:
    """Say something on a ticket. The Idempotency-Key is the message's ``client_msg_id``."""
    posted = await call.write(
        desk.post,
        call.id,
        body.body,
        is_internal=body.is_internal,
        file_ids=body.file_ids,
        client_msg_id=call.key,
        by=call.actor,
        at=call.now,
    )
    response = call.answer(posted.message)
    if posted.duplicate:
        response.headers["Idempotent-Replayed"] = "true"
    return response


async def conversation(call: Call, paging: Paging) -> web.Response:
    """Return a ticket's messages, oldest first."""
    staff = may(call.actor, Verb.SEE_INTERNAL, call.thing)

    def rows(conn: Connection, after: int, limit: int) -> list[tuple[int, MessageBody]]:
        found = stored.page(conn, call.id, after=after, limit=limit, internal=staff)
        return [(message.id, message) for message in desk.shown(conn, found, staff=staff)]

    return lists.numbered(
        call,
        paging,
        lambda after, limit: call.peek(rows, after, limit),
        lambda: views.message_count(call.thing, staff=staff),
    )
