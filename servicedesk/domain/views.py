"""What a person is shown of tickets, messages and changes: the same for REST, pages, websocket and events."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from servicedesk.domain import sla
from servicedesk.domain.assignment import Barred, Decision, Exclusion, Factor
from servicedesk.domain.calendars import Hours, StoredCalendar, time_text
from servicedesk.domain.escalation import EscalationPolicy, Step, Tier, When, Whom
from servicedesk.domain.macros import Actions, Macro
from servicedesk.domain.people import Author, PersonRef, Requester, Role, Team, TeamRef, User
from servicedesk.domain.saved_views import SavedView
from servicedesk.domain.sla import Clock, Clocks, Kind, Policy, Promise, StoredPolicy
from servicedesk.domain.snippets import Snippet
from servicedesk.domain.tickets import Change, FromTo, Message, Priority, Status, Ticket
from servicedesk.domain.times import SECOND, Instant, iso, iso_or_none


class SlaBody(msgspec.Struct, frozen=True):
    """The clocks; a requester is shown the first two alone. ``due_at`` is the next target that is not met yet."""

    state: str
    resolution_due_at: str | None
    policy: str | UnsetType | None = UNSET
    first_response_due_at: str | UnsetType | None = UNSET
    next_response_due_at: str | UnsetType | None = UNSET
    """While the requester waits for another answer."""
    due_at: str | UnsetType | None = UNSET


class TicketBody(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket on the wire. Counts count what the reader can see."""

    id: int
    reference: str
    title: str
    description: str | UnsetType = UNSET
    status: Status
    priority: Priority
    category: str | None
    tags: tuple[str, ...]
    required_skills: tuple[str, ...]
    requester: Requester
    assigned_to: PersonRef | None
    team: TeamRef | None
    escalation_level: int
    version: int
    message_count: int
    file_count: int
    reopen_count: int
    created_at: str
    updated_at: str
    first_response_at: str | None
    resolved_at: str | None
    closed_at: str | None
    sla: SlaBody | UnsetType = UNSET
    allowed_transitions: tuple[Status, ...] | UnsetType = UNSET
    """The moves that the caller may make now; where one ticket is asked for."""
    assignment: "DecisionBody | UnsetType | None" = UNSET
    """Where the desk was to find an agent: how it decided."""
    escalation: "Escalation | UnsetType" = UNSET
    snippet: Snippet | UnsetType = UNSET
    """Where ``snippets`` are asked for: where the words of ``q`` were found."""


class Escalation(msgspec.Struct, frozen=True):
    level: int
    reason: str
    from_: PersonRef | None = msgspec.field(name="from")
    to: PersonRef | None = None


class PolicyRef(msgspec.Struct, frozen=True):
    id: int
    name: str


class ExclusionBody(msgspec.Struct, frozen=True):
    """Somebody whom the desk does not choose for the ticket."""

    user: PersonRef
    reason: str
    created_at: str


class CandidateBody(msgspec.Struct, frozen=True):
    agent: PersonRef
    eligible: bool
    excluded_by: tuple[Exclusion, ...]
    score: float
    factors: tuple[Factor, ...]


class DecisionBody(msgspec.Struct, frozen=True):
    """Who got the ticket and how everybody was judged."""

    policy: str
    winner: PersonRef | None
    candidates: tuple[CandidateBody, ...]
    decided_at: str
    trigger: str


class FileBody(msgspec.Struct, frozen=True, kw_only=True):
    """A file on the wire."""

    id: str
    ticket_id: int
    message_id: int | None
    filename: str
    size: int
    content_type: str
    category: str
    sha256: str
    is_internal: bool
    uploaded_by: PersonRef
    created_at: str
    width: int | None
    height: int | None
    download_url: str
    preview_url: str
    thumbnail_url: str | None
    thumbnail_pending: bool | UnsetType = UNSET
    """Given while the thumbnail is being made: a GET waits for it, and an event tells when it is there."""


class MessageBody(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    ticket_id: int
    author: Author
    body: str
    is_internal: bool
    files: tuple[FileBody, ...]
    created_at: str
    client_msg_id: str | None


class ChangeBody(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the history on the wire."""

    seq: int
    type: str
    actor: PersonRef | None
    changes: dict[str, FromTo]
    reason: str | None
    created_at: str


class UserBody(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    email: str
    name: str
    role: Role
    is_active: bool
    max_tickets: int
    skills: tuple[str, ...]
    availability: str
    team_ids: tuple[int, ...]
    calendar_id: int | None
    """Their own working hours; null is around the clock."""
    created_at: str


class WeightsBody(msgspec.Struct, frozen=True):
    """What each factor of an assignment counts."""

    spare_capacity: int
    idle_time: int
    skills: int
    continuity: int


class TeamBody(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    assignment: str
    lead_id: int | None
    member_ids: tuple[int, ...]
    weights: WeightsBody | None = None
    """What counts in its assignment; null follows the preset."""
    return_after_minutes: int | None = None
    sla_policy_id: int | None = None
    escalation_policy_id: int | None = None


class TargetsBody(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of business time; null promises nothing."""

    first_response_s: int | None
    next_response_s: int | None
    resolution_s: int | None


class PolicyBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is promised for each priority, and the statuses in which each clock stands still."""

    id: int
    name: str
    is_default: bool
    calendar_id: int | None
    targets: dict[str, TargetsBody]
    pauses: dict[str, tuple[str, ...]]
    version: int


class IntervalBody(msgspec.Struct, frozen=True):
    start: str
    end: str
    kind: str
    """``counted``, ``closed`` (the calendar) or ``paused`` (the ticket's status)."""
    seconds: float


class ClockBody(msgspec.Struct, frozen=True, kw_only=True):
    """One cycle of one promise, and where its time went: ``intervals`` have no gap from its start to its end."""

    name: str
    cycle: int
    state: str
    target_s: float
    started_at: str
    due_at: str
    met_at: str | None
    breached_at: str | None
    counted_s: float
    closed_s: float
    paused_s: float
    intervals: tuple[IntervalBody, ...]


class ReceiptBody(msgspec.Struct, frozen=True, kw_only=True):
    """How the ticket's clocks came to stand where they do."""

    ticket_id: int
    policy: str
    calendar: str
    time_zone: str
    state: str
    due_at: str | None
    computed_at: str
    clocks: tuple[ClockBody, ...]


Times = tuple[tuple[str, str], ...]
"""Hours on the wire: from and until, such as ``09:00``, ``24:00`` as an end."""


class WeekBody(msgspec.Struct, frozen=True):
    mon: Times
    tue: Times
    wed: Times
    thu: Times
    fri: Times
    sat: Times
    sun: Times


class HolidayBody(msgspec.Struct, frozen=True):
    """``date`` is a day, or month and day for every year; ``open`` is what remains of the day's hours."""

    date: str
    name: str
    open: Times


class CalendarBody(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    zone: str
    week: WeekBody
    holidays: tuple[HolidayBody, ...]
    version: int


class TierBody(msgspec.Struct, frozen=True, kw_only=True):
    """A tier on the wire; ``id`` is kept by whoever changes the policy, a new tier has none."""

    id: int
    when: When
    whom: Whom
    do: tuple[str, ...]
    tag: str | None
    acknowledge_minutes: int | None


class EscalationPolicyBody(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    is_default: bool
    tiers: tuple[TierBody, ...]
    version: int


class EscalationStepBody(msgspec.Struct, frozen=True, kw_only=True):
    """A tier that fired for a ticket. ``cause`` is time, manual, or silence: nobody acknowledged the one before.

    While ``is_open``, somebody is to acknowledge it until ``acknowledge_by``. ``outcome`` is superseded when
    the tier left something out because a person had changed it later; ``done`` names what it did.
    """

    id: int
    policy: PolicyRef
    cycle: int
    place: int
    tier: TierBody
    cause: str
    due_at: str
    fired_at: str
    outcome: str
    done: tuple[str, ...]
    asked: tuple[PersonRef, ...]
    is_open: bool
    acknowledge_by: str | None
    acknowledged_by: PersonRef | None
    acknowledged_at: str | None


class EscalationStepEvent(msgspec.Struct, frozen=True):
    """What ``ticket:N:staff`` hears when a tier fired or was acknowledged."""

    ticket_id: int
    step: EscalationStepBody


class MacroBody(msgspec.Struct, frozen=True, kw_only=True):
    """``body`` is the text with its placeholders, a note if ``is_internal``."""

    id: int
    name: str
    body: str
    is_internal: bool
    actions: Actions
    is_shared: bool
    owner_id: int
    version: int


class RefusalBody(msgspec.Struct, frozen=True):
    """What the desk would refuse, in the words in which it would."""

    code: str
    message: str


class MacroPreview(msgspec.Struct, frozen=True):
    """What a macro would say and change. With any of ``refusals`` nothing of it would be done."""

    body: str
    is_internal: bool
    changes: dict[str, FromTo]
    refusals: tuple[RefusalBody, ...]


class SavedViewBody(msgspec.Struct, frozen=True, kw_only=True):
    """``query`` is as in the address of a list; ``count`` is null when counting would take too long."""

    id: int
    name: str
    query: str
    is_shared: bool
    owner_id: int
    position: int
    version: int
    count: int | None


class Counts(msgspec.Struct, frozen=True):
    """What a message or a file changes about its ticket."""

    id: int
    message_count: int
    file_count: int
    updated_at: str
    first_response_at: str | None


class TicketEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The data of ``ticket_updated``."""

    ticket_id: int
    action: str
    changes: dict[str, FromTo]
    version: int
    actor: PersonRef | None
    ticket: TicketBody
    reason: str | UnsetType | None = UNSET
    file: FileBody | UnsetType = UNSET
    """The file that ``changes`` names, where it is still there."""


class MessageEvent(msgspec.Struct, frozen=True):
    """The data of ``new_message``."""

    message: MessageBody
    ticket: Counts


class FileEvent(msgspec.Struct, frozen=True):
    """The data of ``file_uploaded``."""

    file: FileBody
    ticket: Counts


STAFF_ONLY_FIELDS: Final = frozenset({"sla", "watchers"})
"""Fields whose changes customers do not hear of."""


def ticket(shown: Ticket, at: Instant, *, staff: bool) -> TicketBody:
    """Return the ticket as staff or its requester see it."""
    return _ticket(
        shown, staff, staff_sla(shown, at) if staff else customer_sla(shown, at), shown.description
    )


def for_room(shown: Ticket) -> TicketBody:
    """Return the ticket as everybody in its room may hear it: what a customer sees, without clocks."""
    return _ticket(shown, False, UNSET, shown.description)


def summary(body: TicketBody) -> TicketBody:
    """Return what the room of all staff hears: everything but the long text."""
    return msgspec.structs.replace(body, description=UNSET)


def sla_state(shown: Ticket, at: Instant) -> str:
    clocks = shown.sla
    has_policy = clocks.policy is not None
    return str(
        sla.state(clocks.phase, clocks.due_at, clocks.risk_at, clocks.breach_at, at, has_policy=has_policy)
    )


def staff_sla(shown: Ticket, at: Instant) -> SlaBody:
    clocks = shown.sla
    return SlaBody(
        sla_state(shown, at),
        iso_or_none(clocks.resolution_due_at),
        clocks.policy,
        iso_or_none(clocks.first_response_due_at),
        iso_or_none(clocks.next_response_due_at),
        iso_or_none(clocks.due_at),
    )


def customer_sla(shown: Ticket, at: Instant) -> SlaBody:
    return SlaBody(sla_state(shown, at), iso_or_none(shown.sla.resolution_due_at))


def counts(shown: Ticket, *, staff: bool) -> Counts:
    return Counts(
        shown.id,
        message_count(shown, staff=staff),
        file_count(shown, staff=staff),
        iso(shown.updated_at),
        iso_or_none(shown.first_response_at),
    )


def message_count(shown: Ticket, *, staff: bool) -> int:
    return shown.public_messages + (shown.internal_messages if staff else 0)


def file_count(shown: Ticket, *, staff: bool) -> int:
    return shown.public_files + (shown.internal_files if staff else 0)


def message(shown: Message, files: Iterable[FileBody] = ()) -> MessageBody:
    return MessageBody(
        id=shown.id,
        ticket_id=shown.ticket_id,
        author=shown.author,
        body=shown.body,
        is_internal=shown.is_internal,
        files=tuple(files),
        created_at=iso(shown.created_at),
        client_msg_id=shown.client_msg_id,
    )


def change(shown: Change, *, staff: bool) -> ChangeBody:
    """Return a row of the history; customers are not told reasons."""
    return ChangeBody(
        seq=shown.seq,
        type=shown.type,
        actor=shown.actor,
        changes=shown.changes if staff else public_changes(shown.changes),
        reason=shown.reason if staff else None,
        created_at=iso(shown.created_at),
    )


def public_changes(changes: dict[str, FromTo]) -> dict[str, FromTo]:
    return {name: value for name, value in changes.items() if name not in STAFF_ONLY_FIELDS}


def decision(made: Decision, trigger: str, at: Instant) -> DecisionBody:
    candidates = [
        CandidateBody(
            PersonRef(judged.id, judged.name),
            judged.eligible,
            judged.excluded_by,
            judged.score,
            judged.factors,
        )
        for judged in made.judged
    ]
    winner = next((c.agent for c in candidates if c.agent.id == made.winner), None)
    return DecisionBody(str(made.policy), winner, tuple(candidates), iso(at), trigger)


def exclusion(shown: Barred) -> ExclusionBody:
    return ExclusionBody(shown.user, str(shown.reason), iso(shown.created_at))


def user(shown: User) -> UserBody:
    return UserBody(
        id=shown.id,
        email=shown.email,
        name=shown.name,
        role=shown.role,
        is_active=shown.is_active,
        max_tickets=shown.max_tickets,
        skills=shown.skills,
        availability=str(shown.availability),
        team_ids=shown.team_ids,
        calendar_id=shown.calendar_id,
        created_at=iso(shown.created_at),
    )


def team(shown: Team) -> TeamBody:
    return TeamBody(
        id=shown.id,
        name=shown.name,
        assignment=str(shown.assignment),
        lead_id=shown.lead_id,
        member_ids=shown.member_ids,
        weights=WeightsBody(*shown.weights) if shown.weights else None,
        return_after_minutes=shown.return_after_minutes,
        sla_policy_id=shown.sla_policy_id,
        escalation_policy_id=shown.escalation_policy_id,
    )


def escalation_policy(shown: EscalationPolicy) -> EscalationPolicyBody:
    return EscalationPolicyBody(
        id=shown.id,
        name=shown.policy.name,
        is_default=shown.policy.is_default,
        tiers=tuple(map(_tier, shown.policy.tiers)),
        version=shown.version,
    )


def escalation_step(shown: Step, names: Mapping[int, str]) -> EscalationStepBody:
    """Return the step; ``names`` are of those who were asked."""
    record = shown.record
    return EscalationStepBody(
        id=shown.id,
        policy=PolicyRef(shown.policy_id, record.policy),
        cycle=shown.cycle,
        place=record.place,
        tier=_tier(record.tier),
        cause=shown.cause,
        due_at=iso(shown.due_at),
        fired_at=iso(shown.fired_at),
        outcome=record.outcome,
        done=record.done,
        asked=tuple(PersonRef(each, names[each]) for each in record.asked if each in names),
        is_open=shown.is_open,
        acknowledge_by=iso_or_none(shown.answer_by),
        acknowledged_by=shown.acknowledged_by,
        acknowledged_at=iso_or_none(shown.acknowledged_at),
    )


def _tier(tier: Tier) -> TierBody:
    return TierBody(
        id=tier.id,
        when=tier.when,
        whom=tier.whom,
        do=tier.do,
        tag=tier.tag,
        acknowledge_minutes=tier.acknowledge_minutes,
    )


def macro(shown: Macro) -> MacroBody:
    content = shown.content
    return MacroBody(
        id=shown.id,
        name=content.name,
        body=content.body,
        is_internal=content.is_internal,
        actions=content.actions,
        is_shared=content.is_shared,
        owner_id=shown.owner_id,
        version=shown.version,
    )


def saved_view(shown: SavedView, count: int | None) -> SavedViewBody:
    content = shown.content
    return SavedViewBody(
        id=shown.id,
        name=content.name,
        query=content.query,
        is_shared=content.is_shared,
        owner_id=shown.owner_id,
        position=content.position,
        version=shown.version,
        count=count,
    )


def policy(shown: StoredPolicy) -> PolicyBody:
    return PolicyBody(
        id=shown.id,
        name=shown.policy.name,
        is_default=shown.is_default,
        calendar_id=shown.calendar_id,
        targets={
            str(priority): TargetsBody(
                first_response_s=_seconds(targets.first_response),
                next_response_s=_seconds(targets.next_response),
                resolution_s=_seconds(targets.resolution),
            )
            for priority in reversed(Priority)
            if (targets := shown.policy.targets.get(priority)) is not None
        },
        pauses={
            str(promise): tuple(str(s) for s in Status if s in shown.policy.pauses.get(promise, ()))
            for promise in Promise
        },
        version=shown.version,
    )


def receipt(ticket: Ticket, clocks: Clocks, by: Policy, at: Instant) -> ReceiptBody:
    """Return each clock with its counted, closed and paused time, to the millisecond."""
    return ReceiptBody(
        ticket_id=ticket.id,
        policy=by.name,
        calendar=by.calendar.name,
        time_zone=by.calendar.zone,
        state=sla_state(ticket, at),
        due_at=iso_or_none(clocks.due_at),
        computed_at=iso(at),
        clocks=tuple(_clock(clock, at) for clock in clocks.cycles),
    )


def _clock(clock: Clock, at: Instant) -> ClockBody:
    intervals = clock.intervals(at)
    counted, closed, paused = (
        sum(i.end - i.start for i in intervals if i.kind is kind) / SECOND for kind in Kind
    )
    state = clock.state(at)
    return ClockBody(
        name=str(clock.name),
        cycle=clock.cycle,
        state=str(state),
        target_s=clock.target / SECOND,
        started_at=iso(clock.started_at),
        due_at=iso(clock.due_at),
        met_at=iso_or_none(clock.met_at),
        breached_at=iso_or_none(clock.breach_at) if state is sla.State.BREACHED else None,
        counted_s=counted,
        closed_s=closed,
        paused_s=paused,
        intervals=tuple(
            IntervalBody(iso(i.start), iso(i.end), str(i.kind), (i.end - i.start) / SECOND) for i in intervals
        ),
    )


def _seconds(duration: int | None) -> int | None:
    return None if duration is None else duration // SECOND


def calendar(shown: StoredCalendar) -> CalendarBody:
    return CalendarBody(
        id=shown.id,
        name=shown.calendar.name,
        zone=shown.calendar.zone,
        week=WeekBody(*map(_times, shown.calendar.week)),
        holidays=tuple(HolidayBody(h.date, h.name, _times(h.open)) for h in shown.calendar.holidays),
        version=shown.version,
    )


def _times(hours: Hours) -> Times:
    return tuple((time_text(start), time_text(end)) for start, end in hours)


def with_moves(body: TicketBody, moves: Sequence[Status]) -> TicketBody:
    return msgspec.structs.replace(body, allowed_transitions=tuple(moves))


def _ticket(
    shown: Ticket,
    staff: bool,
    clocks: SlaBody | UnsetType,
    description: str | UnsetType,
) -> TicketBody:
    return TicketBody(
        id=shown.id,
        reference=shown.reference,
        title=shown.title,
        description=description,
        status=shown.status,
        priority=shown.priority,
        category=shown.category,
        tags=shown.tags,
        required_skills=shown.required_skills,
        requester=shown.requester,
        assigned_to=shown.assigned_to,
        team=shown.team,
        escalation_level=shown.escalation_level,
        version=shown.version,
        message_count=message_count(shown, staff=staff),
        file_count=file_count(shown, staff=staff),
        reopen_count=shown.reopen_count,
        created_at=iso(shown.created_at),
        updated_at=iso(shown.updated_at),
        first_response_at=iso_or_none(shown.first_response_at),
        resolved_at=iso_or_none(shown.resolved_at),
        closed_at=iso_or_none(shown.closed_at),
        sla=clocks,
    )
