"""Escalation policies as supervisors set them, and the next tier that each ticket has to come."""

from typing import Final

import msgspec

from servicedesk.desk import audit
from servicedesk.domain import views
from servicedesk.domain.audit import Action, Noun, Subject, changed
from servicedesk.domain.errors import FieldError, InUse, Invalid, Stale, invalid
from servicedesk.domain.escalation import NEW, EscalationPolicy, Policy, Standing, Target, next_tier
from servicedesk.domain.events import ReplanAgain
from servicedesk.domain.sla import Clocks
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store import escalation, history, people
from servicedesk.store.db import Connection, Tx

AT_ONCE: Final = 100
"""Tickets whose next tier one transaction works out anew."""


# Policies --------------------------------------------------


def create(tx: Tx, new: Policy, *, at: Instant) -> EscalationPolicy:
    made = escalation.insert(tx, _sound(tx, new, known=frozenset()), at=at)
    replan_all(tx)
    audit.record(tx, Action.MADE, _subject(made))
    return made


def replace(
    tx: Tx, policy_id: int, new: Policy, *, versions: frozenset[int] | None = None, at: Instant
) -> EscalationPolicy:
    """Make the policy another one; tiers that keep their ids do not fire again where they have fired."""
    before = escalation.get(tx, policy_id)
    _require_version(before, versions)
    after = _sound(tx, new, known=frozenset(tier.id for tier in before.policy.tiers))
    if after == before.policy:
        return before
    escalation.update(tx, policy_id, after, at=at)
    replan_all(tx)
    present = escalation.get(tx, policy_id)
    audit.record(tx, Action.CHANGED, _subject(present), {"fields": changed(before.policy, present.policy)})
    return present


def delete(tx: Tx, policy_id: int, *, versions: frozenset[int] | None = None) -> None:
    """Remove a policy that no team has and that is not the default."""
    before = escalation.get(tx, policy_id)
    _require_version(before, versions)
    if escalation.in_use(tx, policy_id):
        raise InUse(say("escalation policy"))
    escalation.delete(tx, policy_id)
    audit.record(tx, Action.DELETED, _subject(before))


def check(conn: Connection, policy_id: int | None) -> None:
    """Raise Invalid unless it is a policy that a team may have."""
    if policy_id is not None and not escalation.exists(conn, policy_id):
        raise invalid("/escalation_policy_id", say("is no escalation policy"), "unknown")


def replan_all(tx: Tx) -> None:
    """Have the next tiers of all unresolved tickets worked out anew, some at a time."""
    escalation.ask_for_replan(tx)
    tx.after_commit(ReplanAgain())


# What is to come --------------------------------------------------


def applies(conn: Connection, team_id: int | None) -> bool:
    """Return whether tickets of this team escalate by themselves."""
    return escalation.of_team(conn, team_id) is not None


def plan(tx: Tx, ticket_id: int, clocks: Clocks) -> None:
    """Work out which tier of the ticket falls due next, from clocks that were just wound."""
    ticket = escalation.facts(tx, ticket_id)
    if not ticket.status.is_unresolved:
        escalation.close_steps(tx, ticket_id)
        escalation.set_coming(tx, ticket_id, None)
        return
    stored = escalation.of_team(tx, ticket.team_id)
    coming = stored and next_tier(stored.policy, standing(tx, ticket_id, stored.id, clocks))
    escalation.set_coming(tx, ticket_id, coming.due_at if coming else None)


def standing(conn: Connection, ticket_id: int, policy_id: int, clocks: Clocks) -> Standing:
    ticket = escalation.facts(conn, ticket_id)
    return Standing(
        clocks=clocks,
        status=ticket.status,
        status_since=history.status_since(conn, ticket_id),
        cycle=ticket.reopen_count + 1,
        fired=escalation.fired(conn, ticket_id, policy_id),
    )


def _subject(kept: EscalationPolicy) -> Subject:
    return Subject(Noun.ESCALATION, kept.id, kept.policy.name)


def _sound(tx: Tx, policy: Policy, known: frozenset[int]) -> Policy:
    """Return the policy as it is kept. Raises Invalid for people and tiers that are not there."""
    errors = []
    for index, tier in enumerate(policy.tiers):
        if tier.id != NEW and tier.id not in known:
            errors.append(FieldError(f"/tiers/{index}/id", "unknown", say("is no tier of this policy")))
        if tier.whom.kind is Target.USER and people.not_staff(tx, [tier.whom.user_id or 0]):
            errors.append(
                FieldError(f"/tiers/{index}/whom/user_id", "unknown", say("is nobody of the staff"))
            )
    if errors:
        raise Invalid(errors)
    tiers = (msgspec.structs.replace(t, tag=t.tag.strip() if t.tag else None) for t in policy.tiers)
    return msgspec.structs.replace(policy, name=policy.name.strip(), tiers=tuple(tiers))


def _require_version(stored: EscalationPolicy, versions: frozenset[int] | None) -> None:
    if versions is not None and stored.version not in versions:
        raise Stale(views.escalation_policy(stored), say("escalation policy"))
