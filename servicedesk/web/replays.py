"""Questions about what would have been, asked of a process of their own, and their addresses."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Final, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta

from servicedesk.desk import policies as desk
from servicedesk.desk import replays, setup
from servicedesk.desk.replays import Answer, OtherPromise, OtherShares, OtherStaff, OtherVerdicts, Question
from servicedesk.domain.calendars import Calendar, problems
from servicedesk.domain.errors import (
    BadParameter,
    FieldError,
    Invalid,
    NotFound,
    Unavailable,
    invalid,
)
from servicedesk.domain.numbers import Day, NumbersQuery, period_of
from servicedesk.domain.people import Availability
from servicedesk.domain.replays import Replayed
from servicedesk.domain.sla import Policy
from servicedesk.domain.staffing import Staffed
from servicedesk.domain.words import say
from servicedesk.media.workers import CannotRender, Workers
from servicedesk.store import calendars as stored_calendars
from servicedesk.store import policies as stored_policies
from servicedesk.store import replays as stored_replays
from servicedesk.store.db import Connection
from servicedesk.web import calendars, people, policies
from servicedesk.web.api import Call
from servicedesk.web.fields import Id, Words
from servicedesk.web.keys import SETTINGS

T = TypeVar("T", bound=msgspec.Struct)

PATIENCE: Final = 30.0
"""Seconds that an answer may take."""
REPLAYS: Final = web.AppKey("replays", Workers)


async def running(app: web.Application) -> AsyncIterator[None]:
    """Have one process ready to be started that answers questions, one at a time."""
    app[REPLAYS] = Workers(1, program=replays.PROGRAM, reports=msgspec.msgpack.Decoder(Answer))
    yield
    await app[REPLAYS].close()


async def ask(call: Call, question: Question, wanted: type[T]) -> T:
    """Have the question answered elsewhere. Raises Unavailable when that takes too long."""
    try:
        return await call.app[REPLAYS].ask(question, wanted, patience=PATIENCE)
    except CannotRender as error:
        raise Unavailable(
            say("This could not be worked out in the time that it may take; ask for less.")
        ) from error


class Simulation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another policy, another calendar or both, each written out or named by its id."""

    from_: str | None = msgspec.field(name="from", default=None)
    """Dates in the desk's time zone, both included; by default the last 30 days."""
    to: str | None = None
    policy: policies.NewPolicy | None = None
    policy_id: Id | None = None
    calendar: calendars.NewCalendar | None = None
    calendar_id: Id | None = None

    def check(self) -> Iterator[FieldError]:
        for name in ("policy", "calendar"):
            if getattr(self, name) is not None and getattr(self, f"{name}_id") is not None:
                yield FieldError(f"/{name}_id", "conflict", say("is one too many beside {name}", name=name))
        if all(getattr(self, name) is None for name in ("policy", "policy_id", "calendar", "calendar_id")):
            yield FieldError("/policy", "missing", say("or policy_id, calendar or calendar_id is required"))


async def simulate_promises(call: Call, body: Simulation) -> Replayed:
    """Work the tickets of a period out again under another policy or calendar.

    Nothing is written. Tickets are those opened in the period, with their real logs; ``before`` is what the present
    policies make of them.
    """
    days, policy, calendar = call.peek(_asked, body, call.now)
    question = OtherPromise(
        database=str(call.app[SETTINGS].database.absolute()),
        start=days[0].start,
        end=days[-1].end,
        now=call.now,
        policy=policy,
        calendar=calendar,
    )
    return (await ask(call, question, OtherVerdicts)).replayed


class OtherAgent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be otherwise about somebody."""

    max_tickets: people.Capacity | None = None
    skills: Words | None = None
    availability: Availability | None = None


class StaffSimulation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Other weights for every team, other people by their ids, or both."""

    from_: str | None = msgspec.field(name="from", default=None)
    """Dates in the desk's time zone, both included; by default the last 30 days."""
    to: str | None = None
    weights: people.SomeWeights | None = None
    agents: Annotated[dict[str, OtherAgent], Meta(max_length=1000)] = {}


async def simulate_staff(call: Call, body: StaffSimulation) -> Staffed:
    """Give the tickets of a period out again, with other people or weights, and compare.

    Nothing is written. Both sides begin with empty hands, and each ticket keeps its agent as busy as it really did.
    """

    def asked(conn: Connection) -> tuple[list[Day], dict[int, OtherAgent]]:
        return _period(conn, body.from_, body.to, call.now), _staff(conn, body.agents)

    days, others = call.peek(asked)
    question = OtherStaff(
        database=str(call.app[SETTINGS].database.absolute()),
        start=days[0].start,
        end=days[-1].end,
        now=call.now,
        weights=None if body.weights is None else msgspec.structs.astuple(body.weights),
        max_tickets={who: each.max_tickets for who, each in others.items() if each.max_tickets is not None},
        skills={who: tuple(each.skills) for who, each in others.items() if each.skills is not None},
        is_available={
            who: each.availability is Availability.AVAILABLE
            for who, each in others.items()
            if each.availability is not None
        },
    )
    return (await ask(call, question, OtherShares)).staffed


def _staff(conn: Connection, agents: dict[str, OtherAgent]) -> dict[int, OtherAgent]:
    known = {str(agent.id): agent.id for agent in stored_replays.agents(conn)}
    if errors := [
        FieldError(f"/agents/{name}", "unknown_id", say("is nobody of the active staff"))
        for name in agents
        if name not in known
    ]:
        raise Invalid(errors)
    return {known[name]: other for name, other in agents.items()}


def _asked(conn: Connection, body: Simulation, now: int) -> tuple[list[Day], Policy | None, Calendar | None]:
    return _period(conn, body.from_, body.to, now), _policy(conn, body), _calendar(conn, body, now)


def _period(conn: Connection, first: str | None, last: str | None, now: int) -> list[Day]:
    try:
        return period_of(NumbersQuery(from_=first, to=last), setup.time_zone(conn), now)
    except BadParameter as error:
        name = error.extras["parameter"]
        raise invalid(f"/{name}", error.said) from None


def _policy(conn: Connection, body: Simulation) -> Policy | None:
    if body.policy is not None:
        new = policies.policy_of(body.policy)
        try:
            return desk.resolved(conn, new.policy, new.calendar_id)
        except Invalid:
            raise invalid("/policy/calendar_id", say("is no calendar"), "unknown_id") from None
    if body.policy_id is None:
        return None
    try:
        return stored_policies.get(conn, body.policy_id).policy
    except NotFound:
        raise invalid("/policy_id", say("is no policy"), "unknown_id") from None


def _calendar(conn: Connection, body: Simulation, now: int) -> Calendar | None:
    if body.calendar is not None:
        calendar = calendars.calendar_of(body.calendar)
        if errors := problems(calendar, now):
            raise Invalid([FieldError(f"/calendar{e.pointer}", e.code, e.message) for e in errors])
        return calendar
    if body.calendar_id is None:
        return None
    try:
        return stored_calendars.get(conn, body.calendar_id).calendar
    except NotFound:
        raise invalid("/calendar_id", say("is no calendar"), "unknown_id") from None
