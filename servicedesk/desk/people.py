"""Who works here and for whom: people, their teams, and what follows when they change."""

from collections.abc import Collection
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from servicedesk.desk import assignment, audit, clocks, escalation, sessions
from servicedesk.domain.assignment import Weights
from servicedesk.domain.audit import Action, Noun, Subject, changed, person
from servicedesk.domain.calendars import zone_errors
from servicedesk.domain.errors import FieldError, Forbidden, Invalid, LastAdmin, invalid
from servicedesk.domain.events import PersonChanged
from servicedesk.domain.people import SUPERVISORS, Availability, Preset, Role, Team, User
from servicedesk.domain.tickets import distinct
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store import calendars, notifications, people, policies, returns
from servicedesk.store.db import Tx

OWN: Final = frozenset({"name", "availability"})
"""What everybody of the staff may change about themselves."""
BY_SUPERVISORS: Final = frozenset({"availability", "skills", "max_tickets", "team_ids", "calendar_id"})
"""What supervisors may change about anybody; admins may change everything."""
DECIDES_ASSIGNMENT: Final = frozenset(
    {"availability", "skills", "max_tickets", "team_ids", "calendar_id", "role", "is_active"}
)


class NewPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is added. Without a hash they cannot log in yet."""

    email: str
    name: str
    role: Role
    password_hash: str | None = None
    max_tickets: int = people.CAPACITY
    skills: tuple[str, ...] = ()
    availability: Availability = Availability.AVAILABLE
    team_ids: tuple[int, ...] = ()
    calendar_id: int | None = None


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change about a person."""

    email: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    max_tickets: int | UnsetType = UNSET
    skills: tuple[str, ...] | UnsetType = UNSET
    availability: Availability | UnsetType = UNSET
    team_ids: tuple[int, ...] | UnsetType = UNSET
    calendar_id: int | UnsetType | None = UNSET
    password_hash: str | UnsetType = UNSET

    @property
    def values(self) -> dict[str, Any]:
        return {n: getattr(self, n) for n in self.__struct_fields__ if getattr(self, n) is not UNSET}


class NewTeam(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    assignment: Preset = Preset.BALANCED
    lead_id: int | None = None
    member_ids: tuple[int, ...] = ()
    weights: Weights | None = None
    return_after_minutes: int | None = None
    sla_policy_id: int | None = None
    escalation_policy_id: int | None = None


class TeamEdit(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change about a team."""

    name: str | UnsetType = UNSET
    assignment: Preset | UnsetType = UNSET
    lead_id: int | UnsetType | None = UNSET
    member_ids: tuple[int, ...] | UnsetType = UNSET
    weights: Weights | UnsetType | None = UNSET
    return_after_minutes: int | UnsetType | None = UNSET
    sla_policy_id: int | UnsetType | None = UNSET
    escalation_policy_id: int | UnsetType | None = UNSET

    @property
    def values(self) -> dict[str, Any]:
        return {n: getattr(self, n) for n in self.__struct_fields__ if getattr(self, n) is not UNSET}


def create(tx: Tx, new: NewPerson, *, at: Instant) -> User:
    """Add a person, who can take a waiting ticket from this moment on."""
    _check_calendar(tx, new.calendar_id)
    added = people.insert(
        tx,
        email=new.email.strip(),
        name=new.name.strip(),
        role=new.role,
        at=at,
        password_hash=new.password_hash,
        max_tickets=new.max_tickets,
        skills=distinct(new.skills),
        availability=new.availability,
        calendar_id=new.calendar_id,
    )
    _join(tx, added, new.team_ids)
    audit.record(tx, Action.MADE, person(added), {"role": added.role})
    assignment.hours_changed(tx, at)
    return people.get(tx, added.id)


def edit(tx: Tx, user_id: int, change: Edit, *, by: User, at: Instant) -> User:
    """Change a person. What ends for them by it ends at once; their tickets stay theirs."""
    before = people.get(tx, user_id)
    _require_fields(by, before, change)
    after = _edited(before, change)
    _check_calendar(tx, after.calendar_id)
    if _is_admin(before) and not _is_admin(after) and not people.another_admin(tx, user_id):
        raise LastAdmin()
    people.update(tx, after)
    _move(tx, before, after, change)
    if change.password_hash is not UNSET:
        sessions.reset_password(tx, user_id, change.password_hash)
    present = people.get(tx, user_id)
    _record(tx, before, present, by)
    _follow_up(tx, before, present, at)
    return present


def choose_words(tx: Tx, *, language: str | None, time_zone: str | None, by: User) -> None:
    """Remember in what language and time zone the person wants the console; None follows browser and desk."""
    if time_zone is not None and (errors := list(zone_errors(time_zone, "/time_zone"))):
        raise Invalid(errors)
    people.set_words(tx, by.id, language=language, time_zone=time_zone)
    if (language, time_zone) != (by.language, by.time_zone):
        tx.after_commit(PersonChanged(by.id))


def create_team(tx: Tx, new: NewTeam, *, at: Instant) -> Team:
    _check_lead(tx, new.lead_id)
    _check_policy(tx, new.sla_policy_id)
    escalation.check(tx, new.escalation_policy_id)
    made = people.insert_team(
        tx,
        name=new.name.strip(),
        assignment=new.assignment,
        lead_id=new.lead_id,
        weights=new.weights,
        return_after_minutes=new.return_after_minutes,
        sla_policy_id=new.sla_policy_id,
        escalation_policy_id=new.escalation_policy_id,
        at=at,
    )
    _set_members(tx, made, new.member_ids)
    audit.record(tx, Action.MADE, _team(made))
    assignment.drain(tx, at)
    return people.team(tx, made.id)


def edit_team(tx: Tx, team_id: int, change: TeamEdit, *, at: Instant) -> Team:
    """Change a team; its waiting tickets may find an agent by it."""
    before = people.team(tx, team_id)
    plain = {name: value for name, value in change.values.items() if name != "member_ids"}
    if "name" in plain:
        plain["name"] = plain["name"].strip()
    _check_lead(tx, plain.get("lead_id"))
    _check_policy(tx, plain.get("sla_policy_id"))
    escalation.check(tx, plain.get("escalation_policy_id"))
    after = msgspec.structs.replace(before, **plain)
    people.update_team(tx, after)
    if after.sla_policy_id != before.sla_policy_id:
        clocks.rewind_teams(tx, [team_id])
    if after.escalation_policy_id != before.escalation_policy_id:
        escalation.replan_all(tx)
    if after.return_after_minutes is None and before.return_after_minutes is not None:
        returns.drop_team(tx, team_id)
    if change.member_ids is not UNSET:
        _set_members(tx, before, change.member_ids)
    present = people.team(tx, team_id)
    if fields := changed(before, present):
        audit.record(tx, Action.CHANGED, _team(present), {"fields": fields})
    assignment.drain(tx, at)
    return people.team(tx, team_id)


def editable(by: User, user: User) -> frozenset[str]:
    """Return the names of the fields that one person may change about another."""
    if by.role is Role.ADMIN:
        return frozenset(Edit.__struct_fields__)
    theirs = OWN if by.id == user.id else frozenset()
    return theirs | BY_SUPERVISORS if by.role in SUPERVISORS else theirs


def _require_fields(by: User, user: User, change: Edit) -> None:
    barred = change.values.keys() - editable(by, user)
    if barred:
        raise Forbidden(say("Your role may not change: {fields}.", fields=", ".join(sorted(barred))))
    if change.password_hash is not UNSET and by.id == user.id:
        raise invalid("/password", say("your own is changed with POST /api/auth/password"))


def _edited(before: User, change: Edit) -> User:
    values = {n: v for n, v in change.values.items() if n not in ("team_ids", "password_hash")}
    for name in values.keys() & {"email", "name"}:
        values[name] = values[name].strip()
    if "skills" in values:
        values["skills"] = distinct(values["skills"])
    return msgspec.structs.replace(before, **values)


def _move(tx: Tx, before: User, after: User, change: Edit) -> None:
    """Set the person's teams; who is no longer staff leaves them, who is no longer here does not lead them."""
    if change.team_ids is not UNSET:
        _join(tx, after, change.team_ids)
    elif before.is_staff and not after.is_staff:
        _join(tx, after, ())
    if not (after.is_staff and after.is_active):
        people.stop_leading(tx, after.id)
    if before.is_staff and not after.is_staff:
        notifications.forget_all(tx, after.id)


def _record(tx: Tx, before: User, after: User, by: User) -> None:
    """Write down what changed. That somebody went away or came back is everyday life."""
    fields = set(changed(before, after)) - ({"availability"} if by.id == after.id else set())
    if not fields:
        return
    weighty: dict[str, Any] = {
        n: [getattr(before, n), getattr(after, n)] for n in ("role", "is_active") if n in fields
    }
    audit.record(tx, Action.CHANGED, person(after), {"fields": sorted(fields), **weighty})


def _team(team: Team) -> Subject:
    return Subject(Noun.TEAM, team.id, team.name)


def _follow_up(tx: Tx, before: User, after: User, at: Instant) -> None:
    changed = {n for n in after.__struct_fields__ if getattr(before, n) != getattr(after, n)}
    if not changed:
        return
    tx.after_commit(PersonChanged(after.id))
    if before.is_active and not after.is_active:
        sessions.end_everything(tx, after.id)
    if changed & DECIDES_ASSIGNMENT:
        assignment.hours_changed(tx, at)


def _join(tx: Tx, user: User, team_ids: Collection[int]) -> None:
    if team_ids and not user.is_staff:
        raise invalid("/team_ids", say("only staff can be in teams"))
    missing = people.missing_teams(tx, team_ids)
    _name_each("/team_ids", team_ids, missing, say("is no team"))
    people.set_teams(tx, user.id, team_ids)


def _set_members(tx: Tx, team: Team, user_ids: Collection[int]) -> None:
    strangers = people.not_staff(tx, user_ids)
    _name_each("/member_ids", user_ids, strangers, say("is nobody of the staff"))
    people.set_members(tx, team.id, user_ids)
    for user_id in sorted(set(user_ids) ^ set(team.member_ids)):
        tx.after_commit(PersonChanged(user_id))


def _check_lead(tx: Tx, lead_id: int | None) -> None:
    if lead_id is not None and (people.not_staff(tx, [lead_id]) or not people.get(tx, lead_id).is_active):
        raise invalid("/lead_id", say("is nobody of the active staff"))


def _check_calendar(tx: Tx, calendar_id: int | None) -> None:
    if calendar_id is not None and not calendars.exists(tx, calendar_id):
        raise invalid("/calendar_id", say("is no calendar"), "unknown_id")


def _check_policy(tx: Tx, policy_id: int | None) -> None:
    if policy_id is not None and not policies.exists(tx, policy_id):
        raise invalid("/sla_policy_id", say("is no policy"), "unknown_id")


def _name_each(pointer: str, ids: Collection[int], wrong: set[int], message: str) -> None:
    if wrong:
        raise Invalid(
            [
                FieldError(f"{pointer}/{n}", "unknown_id", message)
                for n, each in enumerate(ids)
                if each in wrong
            ]
        )


def _is_admin(user: User) -> bool:
    return user.role is Role.ADMIN and user.is_active
