"""What the desk promises, as supervisors set it. Tickets under a promise that changes are wound anew."""

import msgspec

from servicedesk.desk import audit, clocks
from servicedesk.domain import views
from servicedesk.domain.audit import Action, Noun, Subject, changed
from servicedesk.domain.errors import FieldError, InUse, Invalid, NotFound, Stale
from servicedesk.domain.sla import Policy, StoredPolicy
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store import calendars, policies
from servicedesk.store.db import Connection, Tx

Versions = frozenset[int] | None


class NewPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy to be; its own calendar is the one of ``calendar_id``, None is around the clock."""

    policy: Policy
    calendar_id: int | None = None
    is_default: bool = False


def create(tx: Tx, new: NewPolicy, *, at: Instant) -> StoredPolicy:
    _require_calendar(tx, new.calendar_id)
    made = policies.insert(tx, _trimmed(new.policy), new.calendar_id, is_default=new.is_default, at=at)
    if made.is_default:
        clocks.rewind_teams(tx, policies.teams_by_default(tx))
    audit.record(tx, Action.MADE, _subject(made))
    return made


def replace(
    tx: Tx, policy_id: int, new: NewPolicy, *, versions: Versions = None, at: Instant
) -> StoredPolicy:
    """Make the policy another one; the same again changes nothing."""
    before = policies.get(tx, policy_id)
    _require_version(before, versions)
    _require_calendar(tx, new.calendar_id)
    after = _trimmed(new.policy)
    kept = msgspec.structs.replace(before.policy, calendar=after.calendar)
    if (kept, before.calendar_id, before.is_default) == (after, new.calendar_id, new.is_default):
        return before
    policies.update(tx, policy_id, after, new.calendar_id, is_default=new.is_default, at=at)
    stored = policies.get(tx, policy_id)
    affected = policies.teams_following(tx, before) | policies.teams_following(tx, stored)
    if affected:
        clocks.rewind_teams(tx, affected)
    fields = [
        *changed(kept, after),
        *(n for n in ("calendar_id", "is_default") if _differ(n, before, stored)),
    ]
    audit.record(tx, Action.CHANGED, _subject(stored), {"fields": fields})
    return stored


def delete(tx: Tx, policy_id: int, *, versions: Versions = None) -> None:
    """Remove a policy that nobody follows."""
    before = policies.get(tx, policy_id)
    _require_version(before, versions)
    if policies.teams_following(tx, before):
        raise InUse(say("policy"))
    policies.delete(tx, policy_id)
    audit.record(tx, Action.DELETED, _subject(before))


def resolved(conn: Connection, policy: Policy, calendar_id: int | None) -> Policy:
    """Return the policy with the desk's calendar of this number. Raises Invalid."""
    if calendar_id is None:
        return policy
    _require_calendar(conn, calendar_id)
    return msgspec.structs.replace(policy, calendar=calendars.get(conn, calendar_id).calendar)


def _require_calendar(conn: Connection, calendar_id: int | None) -> None:
    if calendar_id is None:
        return
    try:
        calendars.get(conn, calendar_id)
    except NotFound:
        raise Invalid([FieldError("/calendar_id", "unknown_id", say("is no calendar"))]) from None


def _require_version(policy: StoredPolicy, versions: Versions) -> None:
    if versions is not None and policy.version not in versions:
        raise Stale(views.policy(policy), say("policy"))


def _subject(kept: StoredPolicy) -> Subject:
    return Subject(Noun.POLICY, kept.id, kept.policy.name)


def _differ(name: str, before: StoredPolicy, after: StoredPolicy) -> bool:
    return bool(getattr(before, name) != getattr(after, name))


def _trimmed(policy: Policy) -> Policy:
    return msgspec.structs.replace(policy, name=policy.name.strip())
