"""What the desk promises, over HTTP."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from servicedesk.desk import clocks
from servicedesk.desk import policies as desk
from servicedesk.domain import views
from servicedesk.domain.errors import FieldError
from servicedesk.domain.sla import PAUSABLE, Policy, Promise, Targets
from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import SECOND
from servicedesk.domain.views import PolicyBody, ReceiptBody
from servicedesk.domain.words import say
from servicedesk.store import policies as stored
from servicedesk.store.db import Connection, Tx
from servicedesk.web import lists
from servicedesk.web.api import Call
from servicedesk.web.decode import checked
from servicedesk.web.fields import Id, OneLine
from servicedesk.web.lists import Paging

TARGET_MAX: Final = 10 * 366 * 86_400
"""Seconds."""


def _pause_errors(statuses: Sequence[str], pointer: str) -> Iterator[FieldError]:
    for index, status in enumerate(statuses):
        if status not in PAUSABLE:
            yield FieldError(f"{pointer}/{index}", "invalid", say("is no status in which a ticket waits"))


Seconds = Annotated[int, Meta(ge=1, le=TARGET_MAX, description="business time")]
Statuses = Annotated[list[Status], Meta(max_length=len(Status)), checked(_pause_errors)]


def _waiting() -> list[Status]:
    return [Status.PENDING, Status.ON_HOLD]


class TargetsIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Null promises nothing."""

    first_response_s: Seconds | None = None
    next_response_s: Seconds | None = None
    resolution_s: Seconds | None = None


class AllTargetsIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    critical: TargetsIn | None = None
    high: TargetsIn | None = None
    medium: TargetsIn | None = None
    low: TargetsIn | None = None


class PausesIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The statuses in which each clock stands still."""

    first_response: Statuses = msgspec.field(default_factory=_waiting)
    next_response: Statuses = msgspec.field(default_factory=_waiting)
    resolution: Statuses = msgspec.field(default_factory=_waiting)


class NewPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: OneLine
    targets: AllTargetsIn
    pauses: PausesIn = PausesIn()
    calendar_id: Id | None = None
    """In whose hours the clocks run; null is around the clock."""
    is_default: bool = False
    """Whether teams without a policy of their own follow it, and tickets without a team."""


async def everything(call: Call, paging: Paging) -> web.Response:
    """Return policies in the order in which they were made."""

    def fetch(after: int, limit: int) -> list[tuple[int, PolicyBody]]:
        return [(p.id, views.policy(p)) for p in call.peek(stored.page, after=after, limit=limit)]

    return lists.numbered(call, paging, fetch, lambda: call.peek(stored.count))


async def create(call: Call, body: NewPolicy) -> PolicyBody:
    """Make a policy; teams follow it once they name it, or all that name none if it is the default."""
    new = policy_of(body)
    return await call.write(lambda tx: views.policy(desk.create(tx, new, at=call.now)))


async def one(call: Call) -> PolicyBody:
    """Return a policy."""
    return views.policy(call.thing)


async def replace(call: Call, body: NewPolicy) -> PolicyBody:
    """Make a policy another one; every ticket under it is worked out anew, old ones too, soon afterwards."""
    new, versions = policy_of(body), call.versions

    def job(tx: Tx) -> PolicyBody:
        return views.policy(desk.replace(tx, call.id, new, versions=versions, at=call.now))

    return await call.write(job)


async def delete(call: Call) -> None:
    """Remove a policy that nobody follows."""
    await call.write(desk.delete, call.id, versions=call.versions)


async def receipt(call: Call) -> ReceiptBody:
    """Return how the ticket's clocks came to stand where they do: what was counted, closed and paused."""

    def read(conn: Connection) -> ReceiptBody:
        return views.receipt(call.thing, *clocks.of_ticket(conn, call.id), call.now)

    return await call.read(read)


def policy_of(body: NewPolicy) -> desk.NewPolicy:
    """Return the policy that a checked body describes, its calendar by number alone."""
    targets = {priority: getattr(body.targets, priority) for priority in Priority}
    return desk.NewPolicy(
        policy=Policy(
            body.name,
            {priority: _targets(given) for priority, given in targets.items() if given is not None},
            {promise: frozenset(getattr(body.pauses, promise)) for promise in Promise},
        ),
        calendar_id=body.calendar_id,
        is_default=body.is_default,
    )


def _targets(given: TargetsIn) -> Targets:
    return Targets(
        _milliseconds(given.first_response_s),
        _milliseconds(given.resolution_s),
        _milliseconds(given.next_response_s),
    )


def _milliseconds(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * SECOND
