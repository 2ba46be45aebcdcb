"""Escalation over HTTP: policies, the tiers that fired for a ticket, and who looks after it."""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from servicedesk.desk import escalation as desk
from servicedesk.desk import tiers
from servicedesk.domain import views
from servicedesk.domain.errors import FieldError
from servicedesk.domain.escalation import (
    MINUTES_MAX,
    NEW,
    PERCENT_MAX,
    TIERS_MAX,
    Do,
    Policy,
    Target,
    Tier,
    When,
    WhenKind,
    Whom,
    tiers_errors,
)
from servicedesk.domain.sla import Promise
from servicedesk.domain.tickets import TAG_MAX, Status
from servicedesk.domain.views import EscalationPolicyBody, EscalationStepBody
from servicedesk.store import escalation as stored
from servicedesk.store.db import Tx
from servicedesk.web import lists
from servicedesk.web.api import Call
from servicedesk.web.decode import checked
from servicedesk.web.fields import Id, OneLine
from servicedesk.web.lists import Paging


class WhenIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``share``: clock, percent. ``offset``: clock, minutes (before the due time if negative).
    ``status``: status, minutes. ``manual``: nothing else."""

    kind: WhenKind
    clock: Promise | None = None
    percent: Annotated[int, Meta(ge=1, le=PERCENT_MAX)] | None = None
    minutes: Annotated[int, Meta(ge=-MINUTES_MAX, le=MINUTES_MAX)] | None = None
    status: Status | None = None


class WhomIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: Target
    user_id: Id | None = None


class TierIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without an ``id`` it is a new tier."""

    when: WhenIn
    whom: WhomIn
    do: Annotated[list[Do], Meta(min_length=1, max_length=len(Do))]
    tag: Annotated[str, Meta(max_length=TAG_MAX)] | None = None
    acknowledge_minutes: Annotated[int, Meta(ge=1, le=MINUTES_MAX)] | None = None
    id: Id | None = None


def _all_tiers_errors(raw: Any, pointer: str) -> Iterator[FieldError]:
    sent = msgspec.convert(raw, list[TierIn], from_attributes=True)
    yield from tiers_errors([_tier(each) for each in sent], pointer)


class NewEscalationPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``is_default``: it holds for tickets whose team has no policy of its own."""

    name: OneLine
    is_default: bool = False
    tiers: Annotated[list[TierIn], Meta(min_length=1, max_length=TIERS_MAX), checked(_all_tiers_errors)]


async def policies(call: Call, paging: Paging) -> web.Response:
    """Return escalation policies in the order in which they were made."""

    def fetch(after: int, limit: int) -> list[tuple[int, EscalationPolicyBody]]:
        found = call.peek(stored.page, after=after, limit=limit)
        return [(each.id, views.escalation_policy(each)) for each in found]

    return lists.numbered(call, paging, fetch, lambda: call.peek(stored.count))


async def create(call: Call, body: NewEscalationPolicy) -> EscalationPolicyBody:
    """Make an escalation policy: tiers in the order in which they follow each other."""
    new = policy_of(body)
    return await call.write(lambda tx: views.escalation_policy(desk.create(tx, new, at=call.now)))


async def one(call: Call) -> EscalationPolicyBody:
    """Return an escalation policy."""
    return views.escalation_policy(call.thing)


async def replace(call: Call, body: NewEscalationPolicy) -> EscalationPolicyBody:
    """Make a policy another one; a tier that keeps its id does not fire again where it has fired."""
    new, versions = policy_of(body), call.versions

    def job(tx: Tx) -> EscalationPolicyBody:
        return views.escalation_policy(desk.replace(tx, call.id, new, versions=versions, at=call.now))

    return await call.write(job)


async def delete(call: Call) -> None:
    """Remove a policy that no team has and that is not the desk's default."""
    await call.write(desk.delete, call.id, versions=call.versions)


async def of_ticket(call: Call, paging: Paging) -> web.Response:
    """Return the tiers that fired for a ticket, oldest first."""

    def fetch(after: int, limit: int) -> list[tuple[int, EscalationStepBody]]:
        found = call.peek(stored.steps, call.id, after=after, limit=limit)
        return [(body.id, body) for body in call.peek(tiers.shown, found)]

    return lists.numbered(call, paging, fetch, lambda: call.peek(stored.count_steps, call.id))


async def acknowledge(call: Call) -> EscalationStepBody:
    """Say that somebody looks after the ticket; return the latest tier that waited for it."""

    def job(tx: Tx) -> EscalationStepBody:
        step = tiers.acknowledge(tx, call.id, by=call.actor, at=call.now)
        return tiers.shown(tx, [step])[0]

    return await call.write(job)


def policy_of(body: NewEscalationPolicy) -> Policy:
    """Return the policy that a checked body describes."""
    return Policy(name=body.name, is_default=body.is_default, tiers=tuple(map(_tier, body.tiers)))


def _tier(sent: TierIn) -> Tier:
    return Tier(
        id=NEW if sent.id is None else sent.id,
        when=msgspec.convert(sent.when, When, from_attributes=True),
        whom=msgspec.convert(sent.whom, Whom, from_attributes=True),
        do=tuple(sent.do),
        tag=sent.tag,
        acknowledge_minutes=sent.acknowledge_minutes,
    )
