"""What happens when a ticket is left lying: tiers, when each falls due, and what a person's change forbids."""

from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from typing import ClassVar, Final

import msgspec

from servicedesk.domain.errors import FieldError
from servicedesk.domain.people import PersonRef
from servicedesk.domain.sla import Clock, Clocks, Promise
from servicedesk.domain.tickets import TAG_MAX, Status, has_control_character
from servicedesk.domain.times import DAY, MINUTE, Instant
from servicedesk.domain.words import say

NEW: Final = 0
"""The id of a tier that gets one of its own when it is stored."""
TIERS_MAX: Final = 10
PERCENT_MAX: Final = 1_000
MINUTES_MAX: Final = 365 * DAY // MINUTE


class WhenKind(StrEnum):
    SHARE = "share"
    """When this much of a clock's time is used up: ``clock`` and ``percent``."""
    OFFSET = "offset"
    """So long after a clock's due time, before it if ``minutes`` is negative."""
    STATUS = "status"
    """When the ticket has been in ``status`` for ``minutes``."""
    MANUAL = "manual"
    """When a person escalates, or nobody acknowledged the tier before."""


class Target(StrEnum):
    """Whom a tier is for."""

    ASSIGNEE = "assignee"
    LEAD = "lead"
    TEAM = "team"
    USER = "user"


class Do(StrEnum):
    NOTIFY = "notify"
    RAISE_PRIORITY = "raise_priority"
    REASSIGN = "reassign"
    TAG = "tag"


class Cause(StrEnum):
    """Why a tier fired."""

    TIME = "time"
    MANUAL = "manual"
    SILENCE = "silence"
    """Nobody acknowledged the tier before in time."""


class Outcome(StrEnum):
    DONE = "done"
    SUPERSEDED = "superseded"
    """What a person did later stands; the tier left out what would have undone it."""


class When(msgspec.Struct, frozen=True, kw_only=True):
    kind: WhenKind
    clock: Promise | None = None
    percent: int | None = None
    minutes: int | None = None
    status: Status | None = None


class Whom(msgspec.Struct, frozen=True, kw_only=True):
    kind: Target
    user_id: int | None = None


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a policy. ``id`` stays its own when the tiers around it change, so that it never fires again."""

    id: int
    when: When
    whom: Whom
    do: tuple[Do, ...]
    tag: str | None = None
    acknowledge_minutes: int | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Tiers in order. The default is for tickets whose team has none of its own."""

    name: str
    is_default: bool = False
    tiers: tuple[Tier, ...]

    def place(self, tier_id: int) -> int | None:
        """Return where the tier stands, counted from 1."""
        return next((place for place, tier in enumerate(self.tiers, 1) if tier.id == tier_id), None)

    def after(self, tier_id: int) -> Tier | None:
        """Return the next tier."""
        place = self.place(tier_id)
        return self.tiers[place] if place is not None and place < len(self.tiers) else None


class EscalationPolicy(msgspec.Struct, frozen=True):
    noun: ClassVar[str] = say("escalation policy")

    id: int
    version: int
    policy: Policy


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A tier as it was when it fired, and what came of it."""

    policy: str
    place: int
    tier: Tier
    done: tuple[Do, ...] = ()
    outcome: Outcome = Outcome.DONE
    asked: tuple[int, ...] = ()
    """Who was told, and is to acknowledge it if somebody must."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A tier that fired for a ticket. ``change`` is the last row of the ticket's history that it knew or made."""

    id: int
    ticket_id: int
    policy_id: int
    cycle: int
    tier_id: int
    cause: Cause
    due_at: Instant
    fired_at: Instant
    record: Record
    change: int
    answer_by: Instant | None
    is_open: bool
    acknowledged_by: PersonRef | None
    acknowledged_at: Instant | None


class Fired(msgspec.Struct, frozen=True):
    """A tier that fired, as far as the next one cares."""

    tier_id: int
    cycle: int
    answer_by: Instant | None
    """Until when somebody must acknowledge it; None if nobody must, or somebody did."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a ticket stands: all that decides which tier falls due when."""

    clocks: Clocks
    status: Status
    status_since: Instant
    cycle: int
    """Counted from 1, one more with each reopening."""
    fired: tuple[Fired, ...]


class Next(msgspec.Struct, frozen=True):
    """A tier that falls due, if nothing changes until then."""

    due_at: Instant
    tier: Tier
    cycle: int
    cause: Cause


def next_tier(policy: Policy, standing: Standing) -> Next | None:
    """Return what falls due first; of several at one moment the tier that stands first."""
    if not standing.status.is_unresolved:
        return None
    return min(_coming(policy, standing), key=lambda each: each.due_at, default=None)


def manual_tier(policy: Policy, standing: Standing) -> tuple[Tier, int] | None:
    """Return the first tier for people that has not fired in this cycle, and the cycle."""
    fired = {(each.tier_id, each.cycle) for each in standing.fired}
    for tier in policy.tiers:
        if tier.when.kind is WhenKind.MANUAL and (tier.id, standing.cycle) not in fired:
            return tier, standing.cycle
    return None


def superseded(tier: Tier, cause: Cause, touched: Collection[str]) -> frozenset[Do]:
    """Return what the tier must leave out, since a person changed these fields later.

    A tier that fires by its own moment does not undo an assignment or a priority. One that fires because
    nobody acknowledged does nothing at all if somebody took the ticket in hand in the meantime.
    """
    if cause is Cause.SILENCE:
        return frozenset(tier.do) if {"assigned_to", "priority", "status"} & set(touched) else frozenset()
    undone = {Do.REASSIGN: "assigned_to", Do.RAISE_PRIORITY: "priority"}
    return frozenset(do for do in tier.do if undone.get(do) in touched)


def answer_by(tier: Tier, fired_at: Instant) -> Instant | None:
    """Return until when somebody must acknowledge a tier that fired."""
    return None if tier.acknowledge_minutes is None else fired_at + tier.acknowledge_minutes * MINUTE


def tiers_errors(tiers: Sequence[Tier], pointer: str) -> Iterator[FieldError]:
    """Yield what is wrong with the tiers of a policy, beside their types."""
    for index, tier in enumerate(tiers):
        yield from _tier_errors(tier, f"{pointer}/{index}")
    seen: set[int] = set()
    for index, tier in enumerate(tiers):
        if tier.id in seen:
            yield FieldError(f"{pointer}/{index}/id", "duplicate", say("is the id of another tier"))
        seen |= {tier.id} - {NEW}


def _coming(policy: Policy, standing: Standing) -> Iterator[Next]:
    fired = {(each.tier_id, each.cycle): each for each in standing.fired}
    for tier in policy.tiers:
        cycle = _cycle(tier, standing)
        due_at = _due_at(tier.when, standing)
        if due_at is not None and (tier.id, cycle) not in fired:
            yield Next(due_at, tier, cycle, Cause.TIME)
    for each in standing.fired:
        following = policy.after(each.tier_id)
        if each.answer_by is None or following is None:
            continue
        cycle = _cycle(following, standing)
        if (following.id, cycle) not in fired:
            yield Next(each.answer_by, following, cycle, Cause.SILENCE)


def _due_at(when: When, standing: Standing) -> Instant | None:
    if when.kind is WhenKind.STATUS:
        return standing.status_since + _time(when) if standing.status is when.status else None
    clock = _clock(when, standing.clocks)
    if clock is None or not clock.is_running:
        return None
    if when.kind is WhenKind.SHARE:
        return clock.at_share(when.percent or 0)
    return clock.due_at + _time(when)


def _clock(when: When, clocks: Clocks) -> Clock | None:
    """Return the latest cycle of the clock that the tier looks at."""
    return next((c for c in reversed(clocks.cycles) if c.name is when.clock), None)


def _cycle(tier: Tier, standing: Standing) -> int:
    clock = _clock(tier.when, standing.clocks)
    return standing.cycle if clock is None else clock.cycle


def _time(when: When) -> int:
    return (when.minutes or 0) * MINUTE


_NEEDS: Final = {
    WhenKind.SHARE: {"clock", "percent"},
    WhenKind.OFFSET: {"clock", "minutes"},
    WhenKind.STATUS: {"status", "minutes"},
    WhenKind.MANUAL: set[str](),
}


def _tier_errors(tier: Tier, pointer: str) -> Iterator[FieldError]:
    yield from _when_errors(tier.when, f"{pointer}/when")
    needs_user = tier.whom.kind is Target.USER
    if needs_user and tier.whom.user_id is None:
        yield FieldError(f"{pointer}/whom/user_id", "missing", say("is required for a user"))
    if not needs_user and tier.whom.user_id is not None:
        yield FieldError(f"{pointer}/whom/user_id", "unknown", say("belongs to a user alone"))
    if len(set(tier.do)) < len(tier.do):
        yield FieldError(f"{pointer}/do", "duplicate", say("must name each action once"))
    if Do.REASSIGN in tier.do and tier.whom.kind is Target.ASSIGNEE:
        yield FieldError(
            f"{pointer}/whom", "invalid", say("has the ticket already: reassign to somebody else")
        )
    yield from _tag_errors(tier, f"{pointer}/tag")


def _when_errors(when: When, pointer: str) -> Iterator[FieldError]:
    needed = _NEEDS[when.kind]
    for name in ("clock", "percent", "minutes", "status"):
        is_given = getattr(when, name) is not None
        if name in needed and not is_given:
            yield FieldError(f"{pointer}/{name}", "missing", say("is required for {kind}", kind=when.kind))
        if name not in needed and is_given:
            yield FieldError(f"{pointer}/{name}", "unknown", say("does not belong to {kind}", kind=when.kind))
    if when.status is not None and not when.status.is_unresolved:
        yield FieldError(f"{pointer}/status", "invalid", say("must be a status of an unresolved ticket"))
    if when.kind is WhenKind.STATUS and when.minutes is not None and when.minutes < 1:
        yield FieldError(f"{pointer}/minutes", "invalid", say("must be at least 1"))


def _tag_errors(tier: Tier, pointer: str) -> Iterator[FieldError]:
    if Do.TAG not in tier.do:
        if tier.tag is not None:
            yield FieldError(pointer, "unknown", say("belongs to the action tag"))
        return
    tag = (tier.tag or "").strip()
    if not 1 <= len(tag) <= TAG_MAX or has_control_character(tag):
        yield FieldError(pointer, "invalid", say("must have 1 to {most} printable characters", most=TAG_MAX))
