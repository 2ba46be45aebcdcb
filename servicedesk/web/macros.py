"""Macros over HTTP."""

from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from servicedesk.desk import macros as desk
from servicedesk.desk import tickets
from servicedesk.domain import views
from servicedesk.domain.macros import Actions, Content, text_errors
from servicedesk.domain.tickets import BODY_MAX, Priority, Status
from servicedesk.domain.views import MacroBody, MacroPreview, TicketBody
from servicedesk.store.db import Tx
from servicedesk.store.macros import MACROS
from servicedesk.web import lists
from servicedesk.web.api import Call
from servicedesk.web.decode import checked
from servicedesk.web.fields import Comment, FileId, Id, OneLine, Words
from servicedesk.web.lists import Paging

Text = Annotated[
    str,
    Meta(max_length=BODY_MAX, description="with placeholders such as {{requester.first_name}}"),
    checked(text_errors),
]
Said = Annotated[str, Meta(max_length=BODY_MAX)]
Ever = Annotated[int, Meta(ge=1)]


class ActionsIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes about the ticket; what is left out stays. ``comment`` is the reason."""

    status: Status | UnsetType = UNSET
    comment: Comment | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    assigned_to: Id | Literal["me"] | UnsetType | None = UNSET
    team_id: Id | UnsetType | None = UNSET
    add_tags: Words = []
    remove_tags: Words = []


class NewMacro(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: OneLine
    body: Text = ""
    is_internal: bool = False
    actions: ActionsIn = ActionsIn()
    is_shared: bool = False


class MacroPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``actions`` are replaced as a whole."""

    name: OneLine | UnsetType = UNSET
    body: Text | UnsetType = UNSET
    is_internal: bool | UnsetType = UNSET
    actions: ActionsIn | UnsetType = UNSET
    is_shared: bool | UnsetType = UNSET


class Preview(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ticket_id: Id


class Apply(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``body`` is the text as it was edited; without one the macro's own is said. ``version`` is the ticket's.

    ``file_ids`` are the files that go with the text.
    """

    ticket_id: Id
    body: Said | None = None
    file_ids: Annotated[list[FileId], Meta(max_length=10)] = []
    version: Ever | None = None


async def everything(call: Call, paging: Paging) -> web.Response:
    """Return the macros that the caller may use: their own and the shared ones."""

    def fetch(after: int, limit: int) -> list[tuple[int, MacroBody]]:
        found = call.peek(MACROS.page, call.actor.id, after=after, limit=limit)
        return [(macro.id, views.macro(macro)) for macro in found]

    return lists.numbered(call, paging, fetch, lambda: call.peek(MACROS.count, call.actor.id))


async def create(call: Call, body: NewMacro) -> MacroBody:
    """Write a macro down: for oneself, or as a supervisor for everybody."""
    content = content_of(body)
    return await call.write(lambda tx: views.macro(desk.create(tx, content, by=call.actor, at=call.now)))


async def one(call: Call) -> MacroBody:
    """Return a macro."""
    return views.macro(call.thing)


async def edit(call: Call, body: MacroPatch) -> MacroBody:
    """Change a macro."""
    sent = {name: getattr(body, name) for name in body.__struct_fields__}
    given = {name: value for name, value in sent.items() if value is not UNSET}
    if "actions" in given:
        given["actions"] = _actions(given["actions"])

    def job(tx: Tx) -> MacroBody:
        before = MACROS.get(tx, call.id)
        content = msgspec.structs.replace(before.content, **given)
        after = desk.edit(tx, call.id, content, by=call.actor, at=call.now, versions=call.versions)
        return views.macro(after)

    return await call.write(job)


async def delete(call: Call) -> None:
    """Throw a macro away."""
    await call.write(desk.delete, call.id, by=call.actor, versions=call.versions)


async def preview(call: Call, body: Preview) -> MacroPreview:
    """Return what the macro would say and change on a ticket, and what would be refused. Nothing is changed."""
    return await call.write(desk.preview, call.id, body.ticket_id, by=call.actor, at=call.now)


async def apply(call: Call, body: Apply) -> TicketBody:
    """Say the text and make the changes: all of it, or nothing."""
    versions = call.versions if body.version is None else frozenset({body.version})

    def job(tx: Tx) -> TicketBody:
        ticket = desk.apply(
            tx,
            call.id,
            body.ticket_id,
            body=body.body,
            file_ids=tuple(body.file_ids),
            by=call.actor,
            at=call.now,
            versions=versions,
        )
        return tickets.shown(tx, ticket, call.actor, call.now)

    return await call.write(job)


def content_of(body: NewMacro) -> Content:
    return Content(
        name=body.name,
        body=body.body,
        is_internal=body.is_internal,
        actions=_actions(body.actions),
        is_shared=body.is_shared,
    )


def _actions(sent: ActionsIn) -> Actions:
    return Actions(
        status=sent.status,
        comment=sent.comment,
        priority=sent.priority,
        assigned_to=sent.assigned_to,
        team_id=sent.team_id,
        add_tags=tuple(sent.add_tags),
        remove_tags=tuple(sent.remove_tags),
    )
