"""The same change on many tickets at once; each stands or falls alone."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from servicedesk.desk import tickets as desk
from servicedesk.domain.errors import FieldError, Refused
from servicedesk.domain.tickets import Priority, Status, Ticket
from servicedesk.domain.views import TicketBody
from servicedesk.domain.words import say
from servicedesk.store.db import Tx
from servicedesk.web import problems, words
from servicedesk.web.api import Call
from servicedesk.web.fields import Comment, Id, Words


class BulkAction(StrEnum):
    STATUS = "status"
    PRIORITY = "priority"
    ASSIGN = "assign"
    TAG = "tag"


class Bulk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    ids: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=100)]
    action: BulkAction
    status: Status | UnsetType = UNSET
    comment: Comment | None = None
    priority: Priority | UnsetType = UNSET
    assigned_to: Id | UnsetType | None = UNSET
    add_tags: Words = []
    remove_tags: Words = []

    def check(self) -> Iterator[FieldError]:
        needed = {
            BulkAction.STATUS: "status",
            BulkAction.PRIORITY: "priority",
            BulkAction.ASSIGN: "assigned_to",
        }
        field = needed.get(self.action)
        if field and getattr(self, field) is UNSET:
            yield FieldError(f"/{field}", "missing", say("is required for {action}", action=self.action))
        if self.action is BulkAction.TAG and not self.add_tags and not self.remove_tags:
            yield FieldError("/add_tags", "missing", say("give add_tags or remove_tags"))


class BulkResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one ticket: itself, or the problem."""

    id: int
    ok: bool
    status: int
    ticket: TicketBody | UnsetType = UNSET
    error: dict[str, Any] | UnsetType = UNSET


class BulkResults(msgspec.Struct, frozen=True):
    results: list[BulkResult]


async def act(call: Call, body: Bulk) -> BulkResults:
    """Do the same to many tickets and say for each what came of it; an id that is repeated acts once."""

    said = words.of_request(call.request)

    def job(tx: Tx) -> BulkResults:
        done: dict[int, BulkResult] = {}
        for ticket_id in dict.fromkeys(body.ids):
            done[ticket_id] = _one(tx, call, ticket_id, body, said)
        return BulkResults([done[ticket_id] for ticket_id in body.ids])

    return await call.write(job)


def _one(tx: Tx, call: Call, ticket_id: int, body: Bulk, said: words.Words) -> BulkResult:
    try:
        with tx.savepoint():
            ticket = _apply(tx, call, ticket_id, body)
    except Refused as refusal:
        error = msgspec.json.decode(problems.body_of(refusal, said))
        return BulkResult(id=ticket_id, ok=False, status=problems.status_of(refusal), error=error)
    return BulkResult(id=ticket_id, ok=True, status=200, ticket=desk.shown(tx, ticket, call.actor, call.now))


def _apply(tx: Tx, call: Call, ticket_id: int, body: Bulk) -> Ticket:
    by, at = call.actor, call.now
    if body.action is BulkAction.STATUS and body.status is not UNSET:
        return desk.move(tx, ticket_id, body.status, comment=body.comment, by=by, at=at)
    if body.action is BulkAction.PRIORITY and body.priority is not UNSET:
        return desk.prioritise(tx, ticket_id, body.priority, reason=body.comment, by=by, at=at)
    if body.action is BulkAction.ASSIGN and body.assigned_to is not UNSET:
        return desk.assign(tx, ticket_id, body.assigned_to, by=by, at=at)
    return desk.retag(tx, ticket_id, add=tuple(body.add_tags), remove=tuple(body.remove_tags), by=by, at=at)
