"""What a tier does when its time has come, when a person escalates, or when nobody answers."""

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from servicedesk.desk import assignment, changes, clocks, escalation, notifications
from servicedesk.domain import views
from servicedesk.domain.access import Verb, require
from servicedesk.domain.errors import NothingToAcknowledge
from servicedesk.domain.escalation import (
    Cause,
    Do,
    EscalationPolicy,
    Next,
    Outcome,
    Record,
    Step,
    Target,
    answer_by,
    manual_tier,
    next_tier,
    superseded,
)
from servicedesk.domain.events import Action, Event, ReplanAgain, staff_room
from servicedesk.domain.notifications import Kind
from servicedesk.domain.people import User
from servicedesk.domain.tickets import TAGS_MAX, WORKLOAD, FromTo, Ticket, distinct
from servicedesk.domain.times import Instant
from servicedesk.store import escalation as stored
from servicedesk.store import events, history, people, tickets
from servicedesk.store.db import Connection, Tx

_ORDER: Final = (Do.REASSIGN, Do.RAISE_PRIORITY, Do.TAG, Do.NOTIFY)


def fire(tx: Tx, ticket_id: int, at: Instant) -> None:
    """Fire the tier of the ticket that is due, if it still is; what comes next is worked out in any case."""
    ticket = tickets.get(tx, ticket_id)
    policy = stored.of_team(tx, ticket.team_id)
    if policy is not None:
        coming = next_tier(
            policy.policy, escalation.standing(tx, ticket_id, policy.id, clocks.of_ticket(tx, ticket_id)[0])
        )
        if coming is not None and coming.due_at <= at:
            _run(tx, ticket, policy, coming, at)
    escalation.plan(tx, ticket_id, clocks.of_ticket(tx, ticket_id)[0])


def escalated(tx: Tx, ticket: Ticket, *, named: Collection[str], at: Instant) -> Ticket:
    """Fire the policy's next tier for people, if it has one: a person has just escalated the ticket.

    ``named`` are the fields that they decided themselves.
    """
    policy = stored.of_team(tx, ticket.team_id)
    if policy is None:
        return ticket
    found = manual_tier(
        policy.policy, escalation.standing(tx, ticket.id, policy.id, clocks.of_ticket(tx, ticket.id)[0])
    )
    if found is None:
        return ticket
    tier, cycle = found
    # The escalation itself has raised the priority by one.
    tier_left = msgspec.structs.replace(tier, do=tuple(do for do in tier.do if do is not Do.RAISE_PRIORITY))
    _run(tx, ticket, policy, Next(at, tier_left, cycle, Cause.MANUAL), at, touched=named)
    escalation.plan(tx, ticket.id, clocks.of_ticket(tx, ticket.id)[0])
    return tickets.get(tx, ticket.id)


def acknowledge(tx: Tx, ticket_id: int, *, by: User, at: Instant) -> Step:
    """Say that somebody looks after it: the next tier does not fire for want of an answer."""
    ticket = tickets.get(tx, ticket_id)
    require(by, Verb.ESCALATE, ticket)
    awaited = stored.open_steps(tx, ticket_id)
    if not awaited:
        raise NothingToAcknowledge()
    stored.acknowledge(tx, [step.id for step in awaited], by.id, at)
    escalation.plan(tx, ticket_id, clocks.of_ticket(tx, ticket_id)[0])
    for step in awaited:
        _tell(tx, step.id, at)
    return stored.step(tx, awaited[-1].id)


def shown(conn: Connection, steps: Iterable[Step]) -> list[views.EscalationStepBody]:
    """Return steps with the names of those who were asked."""
    steps = list(steps)
    names = people.names(conn, {user_id for step in steps for user_id in step.record.asked})
    return [views.escalation_step(step, names) for step in steps]


def replan(tx: Tx, at: Instant) -> None:
    """Work out the next tier of some tickets anew, after their policy has changed; ask again while there are more."""
    due = stored.next_to_replan(tx, escalation.AT_ONCE)
    for ticket_id in due:
        escalation.plan(tx, ticket_id, clocks.of_ticket(tx, ticket_id)[0])
    if due:
        stored.replanned(tx, due[-1])
        tx.after_commit(ReplanAgain())
    else:
        stored.replanned(tx, None)


def _run(
    tx: Tx,
    ticket: Ticket,
    policy: EscalationPolicy,
    coming: Next,
    at: Instant,
    touched: Collection[str] | None = None,
) -> None:
    tier, cause = coming.tier, coming.cause
    if touched is None:
        touched = _touched(tx, ticket.id, policy.id, coming)
    record = Record(policy=policy.policy.name, place=policy.policy.place(tier.id) or 0, tier=tier)
    # Written before it acts: whatever happens now happens once.
    step_id = stored.begin(
        tx,
        ticket.id,
        policy.id,
        coming.cycle,
        tier.id,
        cause=cause,
        due_at=coming.due_at,
        record=record,
        at=at,
    )
    if cause is Cause.SILENCE:
        stored.close_unanswered(tx, ticket.id, coming.due_at)
    left_out = superseded(tier, cause, touched)
    acting = _Acting(tx, ticket, record, at)
    done = tuple(do for do in _ORDER if do in tier.do and do not in left_out and acting.do(do))
    acts = len(left_out) < len(tier.do) or not tier.do
    record = msgspec.structs.replace(
        record,
        done=done,
        asked=tuple(acting.targets()) if acts else (),
        outcome=Outcome.SUPERSEDED if left_out else Outcome.DONE,
    )
    stored.finish(
        tx,
        step_id,
        record,
        change=history.last(tx, ticket.id),
        answer_by=answer_by(tier, at) if acts else None,
    )
    _tell(tx, step_id, at)


def _touched(conn: Connection, ticket_id: int, policy_id: int, coming: Next) -> set[str]:
    """Return which fields a person has changed since the tier's moment, or since the one that nobody answered."""
    if coming.cause is Cause.TIME:
        return history.touched(conn, ticket_id, since=coming.due_at)
    unanswered = [s for s in stored.open_steps(conn, ticket_id) if s.answer_by == coming.due_at]
    after = max((s.change for s in unanswered if s.policy_id == policy_id), default=0)
    return history.touched(conn, ticket_id, after=after)


class _Acting:
    """The actions of one tier on one ticket, in the desk's own name. Each says whether it did anything."""

    def __init__(self, tx: Tx, ticket: Ticket, record: Record, at: Instant) -> None:
        self.tx = tx
        self.ticket = ticket
        self.tier = record.tier
        self.reason = f"{record.policy}, tier {record.place}"
        self.at = at

    def do(self, action: Do) -> bool:
        match action:
            case Do.REASSIGN:
                return self._reassign()
            case Do.RAISE_PRIORITY:
                return self._raise_priority()
            case Do.TAG:
                return self._tag()
            case Do.NOTIFY:
                return self._notify()

    def targets(self) -> list[int]:
        """Return whom the tier is for now; an agent's tier goes to the lead while the ticket has no agent."""
        kind, team_id = self.tier.whom.kind, self.ticket.team_id
        if kind is Target.USER:
            wanted = [self.tier.whom.user_id]
        elif kind is Target.ASSIGNEE and self.ticket.assignee_id is not None:
            wanted = [self.ticket.assignee_id]
        elif team_id is None:
            wanted = []
        else:
            team = people.team(self.tx, team_id)
            wanted = list(team.member_ids) if kind is Target.TEAM else [team.lead_id]
        found = people.several(self.tx, [user_id for user_id in wanted if user_id is not None])
        return [person.id for person in found if person.is_active and person.is_staff]

    def _reassign(self) -> bool:
        before = self.ticket
        winner = self._winner()
        if winner is None or winner == before.assignee_id:
            return False
        self.ticket = assignment.hand_over(self.tx, before, winner, self.at, reason=self.reason)
        if before.assigned_to is not None and before.status in WORKLOAD:
            assignment.drain(self.tx, self.at)
            self.ticket = tickets.get(self.tx, before.id)
        return True

    def _winner(self) -> int | None:
        if self.tier.whom.kind is not Target.TEAM:
            return next(iter(self.targets()), None)
        present = self.ticket.assignee_id
        excluded = frozenset() if present is None else frozenset({present})
        decision = assignment.choose_for(self.tx, self.ticket, self.at, excluded=excluded)
        assignment.record(self.tx, self.ticket.id, decision, "escalated", self.at)
        return decision.winner

    def _raise_priority(self) -> bool:
        old, new = self.ticket.priority, self.ticket.priority.raised()
        if new is old:
            return False
        self._apply(Action.PRIORITY, {"priority": new}, {"priority": FromTo(old, new)})
        return True

    def _tag(self) -> bool:
        old, new = self.ticket.tags, distinct([*self.ticket.tags, self.tier.tag or ""])
        if len(new) == len(old) or len(new) > TAGS_MAX:
            return False
        tickets.set_tags(self.tx, self.ticket.id, old, new)
        self._apply(Action.UPDATED, {"tags": tickets.words(new)}, {"tags": FromTo(old, new)})
        return True

    def _notify(self) -> bool:
        told = self.targets()
        notifications.notify(
            self.tx, told, Kind.ESCALATED, self.ticket, by=None, at=self.at, text=self.reason
        )
        return bool(told)

    def _apply(self, action: Action, columns: dict[str, object], made: dict[str, FromTo]) -> None:
        self.ticket = changes.apply(
            self.tx, self.ticket, action, columns, made, by=None, reason=self.reason, at=self.at
        )


def _tell(tx: Tx, step_id: int, at: Instant) -> None:
    step = stored.step(tx, step_id)
    event = views.EscalationStepEvent(step.ticket_id, shown(tx, [step])[0])
    events.append(tx, staff_room(step.ticket_id), Event.ESCALATION_STEP, event, at)
