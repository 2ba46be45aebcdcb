"""Tickets over HTTP."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from servicedesk.desk import assignment
from servicedesk.desk import tickets as desk
from servicedesk.desk.tickets import Draft, Edit, NewRequester
from servicedesk.domain import views, workflow
from servicedesk.domain.access import Verb, may
from servicedesk.domain.errors import FieldError
from servicedesk.domain.tickets import Priority, Status, Ticket
from servicedesk.domain.views import ChangeBody, TicketBody
from servicedesk.domain.words import say
from servicedesk.domain.workflow import Workflow
from servicedesk.store import history
from servicedesk.store.db import Tx
from servicedesk.web import lists
from servicedesk.web.api import Call
from servicedesk.web.fields import (
    Category,
    Comment,
    Description,
    Email,
    Id,
    LongReason,
    OneLine,
    Title,
    Words,
)
from servicedesk.web.lists import Paging

STAFF_FIELDS: Final = frozenset({"requester", "team_id", "assigned_to", "required_skills", "auto_assign"})


class RequesterBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom the ticket is for."""

    email: Email
    name: OneLine


class NewTicket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: Title
    description: Description = ""
    priority: Priority = Priority.MEDIUM
    category: Category | None = None
    tags: Words = []
    required_skills: Words = []
    requester: RequesterBody | None = None
    team_id: Id | None = None
    assigned_to: Id | None = None
    auto_assign: bool = True


class TicketPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: Title | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    category: Category | UnsetType | None = UNSET
    tags: Words | UnsetType = UNSET
    required_skills: Words | UnsetType = UNSET
    team_id: Id | UnsetType | None = UNSET


class Move(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status: Status
    comment: Comment | None = None


class Prioritise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    priority: Priority
    reason: Comment | None = None


class Assign(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either a person or nobody, or ``auto`` for the desk's own choice."""

    assigned_to: Id | UnsetType | None = UNSET
    auto: bool = False

    def check(self) -> Iterator[FieldError]:
        if self.auto == (self.assigned_to is not UNSET):
            yield FieldError("/assigned_to", "invalid", say("give either assigned_to or auto: true"))


class Escalate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: LongReason
    team_id: Id | None = None
    assigned_to: Id | None = None
    priority: Priority | None = None


class WorkflowBody(msgspec.Struct, frozen=True):
    """The workflow as data; ``allowed`` for the ticket that was named."""

    statuses: tuple[workflow.StatusView, ...]
    transitions: tuple[workflow.MoveView, ...]
    allowed: tuple[Status, ...] | UnsetType = UNSET


class WorkflowQuery(msgspec.Struct, frozen=True):
    ticket_id: Id | None = None


def for_staff(sent: Mapping[str, Any]) -> Iterable[str]:
    """Return which fields of a new ticket a customer may not send, whatever is in them."""
    return STAFF_FIELDS & sent.keys()


async def create(call: Call, body: NewTicket) -> TicketBody:
    """Open a ticket; unless somebody is named, the desk finds an agent and explains its choice."""
    requester = NewRequester(body.requester.email, body.requester.name) if body.requester else None
    draft = Draft(
        title=body.title,
        description=body.description,
        priority=body.priority,
        category=body.category,
        tags=tuple(body.tags),
        required_skills=tuple(body.required_skills),
        requester=requester,
        team_id=body.team_id,
        assigned_to=body.assigned_to,
        auto_assign=body.auto_assign,
    )
    return await call.write(desk.create, draft, by=call.actor, at=call.now)


async def one(call: Call) -> TicketBody:
    """Return a ticket with the moves that the caller may make."""
    return call.peek(desk.shown, call.thing, call.actor, call.now)


async def edit(call: Call, body: TicketPatch) -> TicketBody:
    """Change plain fields of a ticket."""
    values: dict[str, Any] = {name: _frozen(getattr(body, name)) for name in body.__struct_fields__}
    return await _change(
        call,
        lambda tx: desk.edit(tx, call.id, Edit(**values), by=call.actor, at=call.now, versions=call.versions),
    )


async def move(call: Call, body: Move) -> TicketBody:
    """Move a ticket along the workflow."""
    return await _change(
        call,
        lambda tx: desk.move(
            tx, call.id, body.status, comment=body.comment, by=call.actor, at=call.now, versions=call.versions
        ),
    )


async def prioritise(call: Call, body: Prioritise) -> TicketBody:
    """Give a ticket another priority."""
    return await _change(
        call,
        lambda tx: desk.prioritise(
            tx, call.id, body.priority, reason=body.reason, by=call.actor, at=call.now, versions=call.versions
        ),
    )


async def assign(call: Call, body: Assign) -> TicketBody:
    """Give a ticket to somebody, to nobody, or to whom the desk chooses."""
    if not body.auto:
        to = None if body.assigned_to is UNSET else body.assigned_to
        return await _change(
            call, lambda tx: desk.assign(tx, call.id, to, by=call.actor, at=call.now, versions=call.versions)
        )

    def decide(tx: Tx) -> TicketBody:
        ticket, made = desk.assign_auto(tx, call.id, by=call.actor, at=call.now, versions=call.versions)
        return msgspec.structs.replace(desk.shown(tx, ticket, call.actor, call.now), assignment=made)

    return await call.write(decide)


async def escalate(call: Call, body: Escalate) -> TicketBody:
    """Take a ticket one level up."""

    def job(tx: Tx) -> TicketBody:
        ticket, escalation = desk.escalate(
            tx,
            call.id,
            reason=body.reason.strip(),
            team_id=body.team_id,
            assigned_to=body.assigned_to,
            priority=body.priority,
            by=call.actor,
            at=call.now,
            versions=call.versions,
        )
        return msgspec.structs.replace(desk.shown(tx, ticket, call.actor, call.now), escalation=escalation)

    return await call.write(job)


async def transitions(call: Call, query: WorkflowQuery) -> WorkflowBody:
    """Return statuses and moves as data."""
    document: Workflow = workflow.transitions_document()
    if query.ticket_id is None:
        return WorkflowBody(document.statuses, document.transitions)
    ticket = call.peek(desk.seen, query.ticket_id, call.actor)
    moves = workflow.allowed(ticket.status, call.actor.is_staff, closed_at=ticket.closed_at, at=call.now)
    return WorkflowBody(document.statuses, document.transitions, tuple(moves))


async def changes(call: Call, paging: Paging) -> web.Response:
    """Return every change of a ticket, oldest first."""
    staff = may(call.actor, Verb.SEE_INTERNAL, call.thing)

    def rows(after: int, limit: int) -> list[tuple[int, ChangeBody]]:
        found = call.peek(history.page, call.id, after=after, limit=limit, internal=staff)
        return [(change.seq, views.change(change, staff=staff)) for change in found]

    return lists.numbered(call, paging, rows, lambda: call.peek(history.count, call.id, internal=staff))


async def decisions(call: Call, paging: Paging) -> web.Response:
    """Return how the desk decided who gets the ticket, oldest first."""
    return lists.numbered(
        call,
        paging,
        lambda after, limit: call.peek(assignment.decisions, call.id, after=after, limit=limit),
        lambda: call.peek(history.count_decisions, call.id),
    )


async def _change(call: Call, change: Callable[[Tx], Ticket]) -> TicketBody:
    return await call.write(lambda tx: desk.shown(tx, change(tx), call.actor, call.now))


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
