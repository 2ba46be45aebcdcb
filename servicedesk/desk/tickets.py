"""What people do with tickets."""

from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from servicedesk.desk import assignment, changes, clocks, escalation, notifications, returns, tiers
from servicedesk.desk.changes import require_version
from servicedesk.desk.telling import Changes
from servicedesk.domain import views, workflow
from servicedesk.domain.access import Verb, require
from servicedesk.domain.assignment import Decision
from servicedesk.domain.errors import (
    AlreadyAtTop,
    FieldError,
    ForbiddenField,
    Invalid,
    NotFound,
    NotOpen,
    Reason,
    TransitionRefused,
)
from servicedesk.domain.events import DESK, Action, Event, staff_room, ticket_room
from servicedesk.domain.people import Role, User, fold, ref
from servicedesk.domain.tickets import (
    TAGS_MAX,
    TOP_LEVEL,
    WORKLOAD,
    FromTo,
    Priority,
    Status,
    Ticket,
    distinct,
    reference,
)
from servicedesk.domain.times import Instant
from servicedesk.domain.views import DecisionBody, Escalation, TicketBody
from servicedesk.domain.words import say
from servicedesk.store import events, history, people, search, tickets
from servicedesk.store.db import Connection, Tx

Versions = frozenset[int] | None

CLOSED_BY_ITSELF: Final = say("Closed by itself after the resolution.")
"""The reason in the history of a ticket that nobody closed; it is kept in English, as programs read it."""


class NewRequester(msgspec.Struct, frozen=True):
    """Whom a ticket is for; unknown addresses become customers who cannot log in yet."""

    email: str
    name: str


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket to be."""

    title: str
    description: str = ""
    priority: Priority = Priority.MEDIUM
    category: str | None = None
    tags: tuple[str, ...] = ()
    required_skills: tuple[str, ...] = ()
    requester: NewRequester | None = None
    team_id: int | None = None
    assigned_to: int | None = None
    auto_assign: bool = True


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """New values of a ticket's plain fields; what is UNSET stays."""

    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    category: str | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    required_skills: tuple[str, ...] | UnsetType = UNSET
    team_id: int | UnsetType | None = UNSET


def seen(conn: Connection, ticket_id: int, by: User) -> Ticket:
    """Return the ticket if this person may see it. Raises NotFound otherwise."""
    ticket = tickets.get(conn, ticket_id)
    require(by, Verb.SEE, ticket)
    return ticket


def shown(conn: Connection, ticket: Ticket, by: User, at: Instant) -> TicketBody:
    """Return the ticket as this person sees it, with the moves that they may make."""
    return views.with_moves(views.ticket(ticket, at, staff=by.is_staff), _moves(ticket, by, at))


def _moves(ticket: Ticket, by: User, at: Instant) -> list[Status]:
    return workflow.allowed(ticket.status, by.is_staff, closed_at=ticket.closed_at, at=at)


def create(tx: Tx, draft: Draft, *, by: User, at: Instant) -> TicketBody:
    """Open a ticket and, unless somebody was named, find an agent for it in the same transaction."""
    require(by, Verb.CREATE_TICKET)
    if not by.is_staff:
        _refuse_staff_fields(draft)
    _require_team(tx, draft.team_id)
    _require_assignee(tx, draft.assigned_to)
    requester_id = _requester(tx, draft.requester, at) if draft.requester else by.id
    decision = _decide(tx, draft, requester_id, at)
    assignee = decision.winner if decision else draft.assigned_to
    ticket_id = _insert(tx, draft, requester_id, assignee, waits=assignment.waits(decision), at=at)
    if assignee is not None:
        people.mark_assigned(tx, assignee, at)
    made = assignment.record(tx, ticket_id, decision, "created", at) if decision else None
    ticket = tickets.get(tx, ticket_id)
    whole = _tell_created(tx, ticket, by, at)
    returns.of_new(tx, ticket, at)
    if escalation.applies(tx, draft.team_id):
        clocks.wind(tx, ticket_id, at)
    if assignee != by.id:
        notifications.of_new(tx, ticket, by=None if decision else by, at=at)
    if not by.is_staff:
        return shown(tx, ticket, by, at)
    return msgspec.structs.replace(views.with_moves(whole, _moves(ticket, by, at)), assignment=made)


def edit(tx: Tx, ticket_id: int, edit: Edit, *, by: User, at: Instant, versions: Versions = None) -> Ticket:
    """Change plain fields; those that already have the value do not count."""
    before = _writable(tx, ticket_id, Verb.EDIT_TICKET, by)
    if edit.team_id is not UNSET:
        _require_team(tx, edit.team_id)
    require_version(before, versions, by, at)
    columns, made = _differences(before, edit)
    if not made:
        return before
    if "tags" in made:
        tickets.set_tags(tx, ticket_id, before.tags, made["tags"].to)  # type: ignore[arg-type]
    after = changes.apply(tx, before, Action.UPDATED, columns, made, by=by, at=at)
    if "title" in made or "description" in made:
        search.drop_piece(tx, ticket_id, 0)
        _index(tx, after.id, after.title, after.description)
    if before.waits and ("required_skills" in made or "team_id" in made):
        assignment.drain(tx, at)
        return tickets.get(tx, ticket_id)
    return after


def move(
    tx: Tx,
    ticket_id: int,
    to: Status,
    *,
    comment: str | None = None,
    by: User | None,
    at: Instant,
    versions: Versions = None,
    quiet: bool = False,
) -> Ticket:
    """Move a ticket along the workflow; ``by`` is None when the desk itself does."""
    before = tickets.get(tx, ticket_id)
    if by is not None:
        require(by, Verb.MOVE, before)
        require_version(before, versions, by, at)
    if before.status is to:
        return before
    workflow.check_move(before, to, staff=by is None or by.is_staff, comment=comment, at=at)
    columns, made = _moved(before, to, at)
    # Decided before it counts again as one of theirs.
    again = assignment.choose_again(tx, before, at) if workflow.is_reopen(before.status, to) else None
    after = changes.apply(tx, before, Action.STATUS, columns, made, by=by, reason=comment, at=at, quiet=quiet)
    if again is not None:
        return assignment.take_up(tx, after, again, at)
    if before.status in WORKLOAD and to not in WORKLOAD and before.assigned_to is not None:
        assignment.drain(tx, at)
    return after


def prioritise(
    tx: Tx,
    ticket_id: int,
    priority: Priority,
    *,
    reason: str | None = None,
    by: User,
    at: Instant,
    versions: Versions = None,
) -> Ticket:
    """Give the ticket another priority; its targets follow from the original start."""
    before = _writable(tx, ticket_id, Verb.PRIORITISE, by)
    require_version(before, versions, by, at)
    if before.priority is priority:
        return before
    made = {"priority": FromTo(before.priority, priority)}
    return changes.apply(
        tx, before, Action.PRIORITY, {"priority": priority}, made, by=by, reason=reason, at=at
    )


def assign(
    tx: Tx, ticket_id: int, to: int | None, *, by: User, at: Instant, versions: Versions = None
) -> Ticket:
    """Give the ticket to a person, or to nobody. A person may go beyond somebody's capacity."""
    before = _writable(tx, ticket_id, Verb.ASSIGN, by)
    _require_assignee(tx, to)
    require_version(before, versions, by, at)
    return _assign(tx, before, to, waits=False, by=by, at=at)


def assign_auto(
    tx: Tx, ticket_id: int, *, by: User, at: Instant, versions: Versions = None
) -> tuple[Ticket, DecisionBody]:
    """Let the desk decide; with nobody free the ticket waits."""
    before = _writable(tx, ticket_id, Verb.ASSIGN, by)
    require_version(before, versions, by, at)
    decision = assignment.choose_for(tx, before, at)
    made = assignment.record(tx, ticket_id, decision, "requested", at)
    after = _assign(tx, before, decision.winner, waits=assignment.waits(decision), by=by, at=at)
    return after, made


def escalate(
    tx: Tx,
    ticket_id: int,
    *,
    reason: str,
    team_id: int | None = None,
    assigned_to: int | None = None,
    priority: Priority | None = None,
    by: User,
    at: Instant,
    versions: Versions = None,
) -> tuple[Ticket, Escalation]:
    """Take the ticket one level up: one step more urgent and to the team's lead, unless told otherwise."""
    before = _writable(tx, ticket_id, Verb.ESCALATE, by)
    _require_team(tx, team_id)
    _require_assignee(tx, assigned_to)
    require_version(before, versions, by, at)
    if not before.status.is_unresolved:
        raise NotOpen(before.status)
    if before.escalation_level >= TOP_LEVEL:
        raise AlreadyAtTop(TOP_LEVEL)
    team = team_id or before.team_id
    lead = people.team(tx, team).lead_id if team else None
    assignee = assigned_to or lead or before.assignee_id
    values = {
        "escalation_level": (before.escalation_level, before.escalation_level + 1),
        "priority": (before.priority, priority or before.priority.raised()),
        "assigned_to": (before.assignee_id, assignee),
        "team_id": (before.team_id, team),
    }
    columns: dict[str, Any] = {name: new for name, (old, new) in values.items() if old != new}
    made = {name: FromTo(old, new) for name, (old, new) in values.items() if old != new}
    if "assigned_to" in columns:
        columns["waits"] = 0
        people.mark_assigned(tx, columns["assigned_to"], at)
    after = changes.apply(tx, before, Action.ESCALATED, columns, made, by=by, reason=reason, at=at)
    if "assigned_to" in columns and before.assigned_to is not None:
        assignment.drain(tx, at)
    after = tiers.escalated(tx, after, named={"assigned_to"} if assigned_to else set(), at=at)
    return after, Escalation(after.escalation_level, reason, before.assigned_to, after.assigned_to)


def retag(
    tx: Tx,
    ticket_id: int,
    *,
    add: tuple[str, ...] = (),
    remove: tuple[str, ...] = (),
    by: User,
    at: Instant,
    versions: Versions = None,
) -> Ticket:
    """Add and remove tags, whatever others the ticket has."""
    before = _writable(tx, ticket_id, Verb.EDIT_TICKET, by)
    gone = set(map(fold, remove))
    tags = distinct([*(tag for tag in before.tags if fold(tag) not in gone), *add])
    if len(tags) > TAGS_MAX:
        raise Invalid(
            [FieldError("/add_tags", "too_many", say("would make more than {most} tags", most=TAGS_MAX))]
        )
    return edit(tx, ticket_id, Edit(tags=tags), by=by, at=at, versions=versions)


def to_close(conn: Connection, most: int) -> list[tuple[Instant, int]]:
    """Return when the next resolved tickets close by themselves."""
    return [(workflow.closes_at(at), ticket_id) for at, ticket_id in tickets.longest_resolved(conn, most)]


def close_by_itself(tx: Tx, ticket_id: int, at: Instant) -> None:
    """Close what has been resolved for long enough."""
    move(tx, ticket_id, Status.CLOSED, comment=str(CLOSED_BY_ITSELF), by=None, at=at, quiet=True)


def _writable(tx: Tx, ticket_id: int, verb: Verb, by: User) -> Ticket:
    ticket = tickets.get(tx, ticket_id)
    require(by, verb, ticket)
    return ticket


def _refuse_staff_fields(draft: Draft) -> None:
    fields = {
        "requester": draft.requester,
        "team_id": draft.team_id,
        "assigned_to": draft.assigned_to,
        "required_skills": draft.required_skills,
    }
    if forbidden := [name for name, value in fields.items() if value]:
        raise ForbiddenField(forbidden)


def _require_team(conn: Connection, team_id: int | None) -> None:
    if team_id is not None and not assignment.team_exists(conn, team_id):
        raise Invalid([FieldError("/team_id", "unknown", say("is no team"))])


def _require_assignee(conn: Connection, user_id: int | None) -> None:
    if user_id is None:
        return
    try:
        person = people.get(conn, user_id)
    except NotFound:
        person = None
    if person is None or not person.is_active or not person.is_staff:
        raise Invalid([FieldError("/assigned_to", "unknown", say("is nobody who could take a ticket"))])


def _requester(tx: Tx, wanted: NewRequester, at: Instant) -> int:
    known = people.id_of(tx, wanted.email)
    if known is not None:
        return known
    return people.insert(tx, email=wanted.email, name=wanted.name, role=Role.CUSTOMER, at=at).id


def _decide(tx: Tx, draft: Draft, requester_id: int, at: Instant) -> Decision | None:
    if draft.assigned_to is not None or not draft.auto_assign:
        return None
    return assignment.choose(
        tx, team_id=draft.team_id, requester_id=requester_id, skills=draft.required_skills, at=at
    )


def _insert(
    tx: Tx, draft: Draft, requester_id: int, assignee: int | None, *, waits: bool, at: Instant
) -> int:
    title, tags = draft.title.strip(), distinct(draft.tags)
    ticket_id = tickets.insert(
        tx,
        {
            "title": title,
            "description": draft.description,
            "status": Status.NEW,
            "priority": draft.priority,
            "category": _trimmed(draft.category),
            "tags": tickets.words(tags),
            "required_skills": tickets.words(distinct(draft.required_skills)),
            "requester_id": requester_id,
            "assigned_to": assignee,
            "team_id": draft.team_id,
            "waits": int(waits),
            "created_at": at,
            "updated_at": at,
            **clocks.of_new(tx, draft.priority, draft.team_id, at),
        },
        tags,
    )
    _index(tx, ticket_id, title, draft.description)
    return ticket_id


def _tell_created(tx: Tx, ticket: Ticket, by: User, at: Instant) -> TicketBody:
    """Write down and tell that the ticket is there; return it as staff see it."""
    made: Changes = {
        "status": FromTo(None, ticket.status),
        "priority": FromTo(None, ticket.priority),
    }
    if ticket.assigned_to is not None:
        made["assigned_to"] = FromTo(None, ticket.assigned_to.id)
    history.append(tx, ticket.id, Action.CREATED, made, actor_id=by.id, reason=None, is_internal=False, at=at)
    actor, whole = ref(by), views.ticket(ticket, at, staff=True)
    for room, shown_there in (
        (ticket_room(ticket.id), views.for_room(ticket)),
        (staff_room(ticket.id), whole),
        (DESK, views.summary(whole)),
    ):
        event = views.TicketEvent(
            ticket_id=ticket.id,
            action=Action.CREATED,
            changes=made,
            version=ticket.version,
            actor=actor,
            ticket=shown_there,
        )
        events.append(tx, room, Event.TICKET_UPDATED, event, at)
    return whole


def _index(tx: Tx, ticket_id: int, title: str, description: str) -> None:
    search.index_piece(tx, ticket_id, 0, reference=reference(ticket_id), title=title, body=description)


def _differences(before: Ticket, edit: Edit) -> tuple[dict[str, Any], Changes]:
    """Return the columns to set and the changes to tell."""
    made: Changes = {}
    for name in ("title", "description", "category", "tags", "required_skills", "team_id"):
        old, new = getattr(before, name), getattr(edit, name)
        if new is UNSET:
            continue
        if name in ("title", "category"):
            new = _trimmed(new)
        elif name in ("tags", "required_skills"):
            new = distinct(new)
        if new != old:
            made[name] = FromTo(old, new)
    lists = ("tags", "required_skills")
    columns = {n: tickets.words(c.to) if n in lists else c.to for n, c in made.items()}  # type: ignore[arg-type]
    return columns, made


def _moved(before: Ticket, to: Status, at: Instant) -> tuple[dict[str, Any], Changes]:
    columns: dict[str, Any] = {"status": to}
    if to is Status.RESOLVED:
        columns |= {"resolved_at": at, "first_resolved_at": before.first_resolved_at or at}
    if to is Status.CLOSED:
        columns["closed_at"] = at
    if not to.is_unresolved:
        columns["waits"] = 0
    if workflow.is_reopen(before.status, to):
        columns |= {"resolved_at": None, "closed_at": None, "reopen_count": before.reopen_count + 1}
    return columns, {"status": FromTo(before.status, to)}


def _assign(tx: Tx, before: Ticket, to: int | None, *, waits: bool, by: User, at: Instant) -> Ticket:
    if before.assignee_id == to:
        if before.waits != waits:
            tickets.update(tx, before.id, {"waits": int(waits)})
        return before
    if to is None and before.status in workflow.NEED_AGENT:
        detail = say("A ticket that is in progress or resolved needs its agent.")
        raise TransitionRefused([Reason("assignee_required", detail)])
    if to is not None:
        people.mark_assigned(tx, to, at)
    after = changes.apply(
        tx,
        before,
        Action.ASSIGNED,
        {"assigned_to": to, "waits": int(waits)},
        {"assigned_to": FromTo(before.assignee_id, to)},
        by=by,
        at=at,
    )
    if before.assigned_to is not None and before.status in WORKLOAD:
        assignment.drain(tx, at)
    return after


def _trimmed(text: str | None) -> str | None:
    return None if text is None else text.strip()
