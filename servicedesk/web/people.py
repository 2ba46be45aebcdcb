"""People and teams over HTTP."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from servicedesk.desk import people as desk
from servicedesk.domain import mentions, views
from servicedesk.domain.assignment import WEIGHT_MAX
from servicedesk.domain.errors import FieldError
from servicedesk.domain.passwords import password_errors
from servicedesk.domain.people import Availability, Preset, Role, User
from servicedesk.domain.views import TeamBody, UserBody
from servicedesk.domain.words import say
from servicedesk.store import people as stored
from servicedesk.store.db import Connection, Tx
from servicedesk.web import lists
from servicedesk.web.api import Call
from servicedesk.web.decode import checked
from servicedesk.web.fields import Email, Id, OneLine, Words
from servicedesk.web.lists import Paging
from servicedesk.web.passwords import HASHER
from servicedesk.web.words import LANGUAGES

Password = Annotated[str, checked(password_errors)]
Capacity = Annotated[int, Meta(ge=0, le=1000)]
TeamIds = Annotated[list[Id], Meta(max_length=100)]
Minutes = Annotated[int, Meta(ge=1, le=525_600)]
Weight = Annotated[int, Meta(ge=0, le=WEIGHT_MAX)]
MemberIds = Annotated[list[Id], Meta(max_length=1000)]


class NewPerson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Email
    name: OneLine
    role: Role
    password: Password
    max_tickets: Capacity = stored.CAPACITY
    skills: Words = []
    availability: Availability = Availability.AVAILABLE
    team_ids: TeamIds = []
    calendar_id: Id | None = None
    """Their own working hours; null is around the clock."""


class OwnWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In what language and time zone somebody wants the console; nothing follows the browser, or the desk."""

    language: str = ""
    time_zone: Annotated[str, Meta(max_length=64)] = ""

    def check(self) -> Iterator[FieldError]:
        if self.language and self.language not in LANGUAGES:
            yield FieldError("/language", "unknown", say("is no language of this desk"))


class PersonPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Email | UnsetType = UNSET
    name: OneLine | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    max_tickets: Capacity | UnsetType = UNSET
    skills: Words | UnsetType = UNSET
    availability: Availability | UnsetType = UNSET
    team_ids: TeamIds | UnsetType = UNSET
    calendar_id: Id | UnsetType | None = UNSET
    password: Password | UnsetType = UNSET


class PeopleQuery(Paging, frozen=True, kw_only=True):
    role: list[Role] = []
    is_active: bool | None = None
    team: Id | None = None
    q: Annotated[str, Meta(max_length=200)] = ""


class CalledBody(msgspec.Struct, frozen=True):
    """Somebody of the staff, and how a message calls them."""

    id: int
    name: str
    handle: str


class WeightsIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What each factor counts; not all of them nothing."""

    spare_capacity: Weight
    idle_time: Weight
    skills: Weight
    continuity: Weight


def _some_weight(raw: Any, pointer: str) -> Iterator[FieldError]:
    if not any(msgspec.structs.astuple(msgspec.convert(raw, WeightsIn, from_attributes=True))):
        yield FieldError(pointer, "invalid", say("must not all be 0"))


SomeWeights = Annotated[WeightsIn, checked(_some_weight)]


class NewTeam(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: OneLine
    assignment: Preset = Preset.BALANCED
    lead_id: Id | None = None
    member_ids: MemberIds = []
    weights: SomeWeights | None = None
    """What counts in its assignment; null follows the preset."""
    return_after_minutes: Minutes | None = None
    """Working minutes without a public answer after which a ticket goes to somebody else; null is never."""
    sla_policy_id: Id | None = None
    """What is promised for its tickets; null follows the desk's default."""
    escalation_policy_id: Id | None = None


class TeamPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: OneLine | UnsetType = UNSET
    assignment: Preset | UnsetType = UNSET
    lead_id: Id | UnsetType | None = UNSET
    member_ids: MemberIds | UnsetType = UNSET
    weights: SomeWeights | UnsetType | None = UNSET
    return_after_minutes: Minutes | UnsetType | None = UNSET
    sla_policy_id: Id | UnsetType | None = UNSET
    escalation_policy_id: Id | UnsetType | None = UNSET


async def create(call: Call, body: NewPerson) -> UserBody:
    """Add a person, who may log in with the password from now on."""
    values = _given(body)
    values["password_hash"] = await call.app[HASHER].hash(values.pop("password"))
    new = desk.NewPerson(**values)
    return await call.write(lambda tx: views.user(desk.create(tx, new, at=call.now)))


async def everybody(call: Call, query: PeopleQuery) -> web.Response:
    """Return people in the order in which they were added; ``q`` looks into names and addresses."""
    wanted: dict[str, Any] = {
        "roles": query.role,
        "is_active": query.is_active,
        "team_id": query.team,
        "words": query.q,
    }

    def listed(conn: Connection) -> web.Response:
        return lists.numbered(
            call,
            query,
            lambda after, limit: _numbered(stored.page(conn, after=after, limit=limit, **wanted)),
            lambda: stored.count(conn, **wanted),
        )

    return await call.read(listed)


async def called(call: Call, paging: Paging) -> web.Response:
    """Return whom a message of the staff can call by ``@handle``, in the order in which they were added."""

    def listed(conn: Connection) -> web.Response:
        staff = sorted(stored.colleagues(conn))
        own = mentions.handles(staff)
        shown = [CalledBody(each.id, each.name, own[each.id]) for each in staff if each.is_active]

        def fetch(after: int, limit: int) -> list[tuple[int, CalledBody]]:
            return [(each.id, each) for each in shown if each.id > after][:limit]

        return lists.numbered(call, paging, fetch, lambda: len(shown))

    return await call.read(listed)


async def one(call: Call) -> UserBody:
    """Return a person."""
    return views.user(call.thing)


async def edit(call: Call, body: PersonPatch) -> UserBody:
    """Change a person; which fields depends on who asks.

    A deactivated person's sessions, tokens and sockets end at once, a new password ends their sessions.
    """
    values = _given(body)
    if "password" in values:
        values["password_hash"] = await call.app[HASHER].hash(values.pop("password"))
    change = desk.Edit(**values)

    def job(tx: Tx) -> UserBody:
        return views.user(desk.edit(tx, call.id, change, by=call.actor, at=call.now))

    return await call.write(job)


async def create_team(call: Call, body: NewTeam) -> TeamBody:
    """Make a team."""
    new = desk.NewTeam(**_given(body))
    return await call.write(lambda tx: views.team(desk.create_team(tx, new, at=call.now)))


async def teams(call: Call, paging: Paging) -> web.Response:
    """Return teams in the order in which they were made."""

    def fetch(after: int, limit: int) -> list[tuple[int, TeamBody]]:
        return [(t.id, views.team(t)) for t in call.peek(stored.teams, after=after, limit=limit)]

    return lists.numbered(call, paging, fetch, lambda: call.peek(stored.count_teams))


async def team(call: Call) -> TeamBody:
    """Return a team."""
    return views.team(call.thing)


async def edit_team(call: Call, body: TeamPatch) -> TeamBody:
    """Change a team or who is in it."""
    change = desk.TeamEdit(**_given(body))
    return await call.write(lambda tx: views.team(desk.edit_team(tx, call.id, change, at=call.now)))


def _given(body: msgspec.Struct) -> dict[str, Any]:
    """Return the fields that the client sent or that have a default, lists frozen."""
    values = {name: getattr(body, name) for name in body.__struct_fields__}
    if isinstance(weights := values.get("weights"), WeightsIn):
        values["weights"] = msgspec.structs.astuple(weights)
    return {n: tuple(v) if isinstance(v, list) else v for n, v in values.items() if v is not UNSET}


def _numbered(found: Iterable[User]) -> list[tuple[int, UserBody]]:
    return [(user.id, views.user(user)) for user in found]
