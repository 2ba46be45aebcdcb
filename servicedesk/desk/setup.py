"""The first quarter of an hour: the first admin, the desk's name and time zone, a first team."""

from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from servicedesk.desk import audit
from servicedesk.desk import people as desk
from servicedesk.desk.welcome import Welcome, greet
from servicedesk.domain.audit import Action, Noun, Subject, changed
from servicedesk.domain.errors import AlreadySetUp, invalid
from servicedesk.domain.people import Role, User
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store import meta, people, second_steps
from servicedesk.store.db import Connection, Tx

DESK_NAME: Final = "desk_name"
TIME_ZONE: Final = "time_zone"
PUBLIC_FORM: Final = "public_form"
DEFAULT_NAME: Final = "Service desk"
DEFAULT_ZONE: Final = "UTC"


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What the first person says; without a team's name there is none yet."""

    email: str
    name: str
    password_hash: str
    desk_name: str = DEFAULT_NAME
    time_zone: str = DEFAULT_ZONE
    team: str = ""
    welcome: Welcome | None = None
    """What the first ticket says; without it there is none."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What admins set about the desk as a whole."""

    desk_name: str
    time_zone: str
    public_form: bool
    second_step: tuple[Role, ...] = ()
    """The roles of which a second step is wanted at the log-in."""


def begin(tx: Tx, start: Start, *, at: Instant) -> User:
    """Set the desk up, once. Raises AlreadySetUp."""
    if people.anybody(tx):
        raise AlreadySetUp(say("This desk has its first user already; please log in."))
    name_desk(tx, start.desk_name)
    set_time_zone(tx, start.time_zone)
    if tx.occasion is not None:
        tx.occasion = msgspec.structs.replace(tx.occasion, name=start.name.strip())
    audit.record(tx, Action.SET_UP, Subject(Noun.DESK, name=desk_name(tx)))
    admin = desk.create(
        tx,
        desk.NewPerson(
            email=start.email, name=start.name, role=Role.ADMIN, password_hash=start.password_hash
        ),
        at=at,
    )
    if start.team.strip():
        desk.create_team(tx, desk.NewTeam(name=start.team, member_ids=(admin.id,)), at=at)
    if start.welcome is not None:
        greet(tx, start.welcome, admin, at=at)
    return people.get(tx, admin.id)


def facts(conn: Connection) -> Facts:
    return Facts(
        desk_name=desk_name(conn),
        time_zone=time_zone(conn).key,
        public_form=public_form(conn),
        second_step=second_steps.demanded(conn),
    )


def change(tx: Tx, wanted: Facts) -> Facts:
    """Set what admins set about the desk. Raises Invalid."""
    before = facts(tx)
    name_desk(tx, wanted.desk_name)
    set_time_zone(tx, wanted.time_zone)
    set_public_form(tx, wanted.public_form)
    second_steps.demand(tx, wanted.second_step)
    after = facts(tx)
    if fields := changed(before, after):
        values = {name: [getattr(before, name), getattr(after, name)] for name in fields}
        audit.record(
            tx, Action.CHANGED, Subject(Noun.DESK, name=after.desk_name), {"fields": fields, **values}
        )
    return after


def desk_name(conn: Connection) -> str:
    return meta.get(conn, DESK_NAME, DEFAULT_NAME)


def time_zone(conn: Connection) -> ZoneInfo:
    """Return the zone in which the desk's days begin and end."""
    name = meta.get(conn, TIME_ZONE, DEFAULT_ZONE)
    return ZoneInfo(name if is_time_zone(name) else DEFAULT_ZONE)


def zone_of(conn: Connection, person: User) -> ZoneInfo:
    """Return the zone in which somebody reads times: their own, if it is known here, else the desk's."""
    own = person.time_zone
    return ZoneInfo(own) if own and is_time_zone(own) else time_zone(conn)


def name_desk(tx: Tx, name: str) -> None:
    meta.put(tx, DESK_NAME, name.strip() or DEFAULT_NAME)


def set_time_zone(tx: Tx, name: str) -> None:
    if not is_time_zone(name):
        raise invalid("/time_zone", say("is no time zone like Europe/Berlin"))
    meta.put(tx, TIME_ZONE, name)


def public_form(conn: Connection) -> bool:
    """Return whether people may write to the desk without an account."""
    return meta.get(conn, PUBLIC_FORM, "off") == "on"


def set_public_form(tx: Tx, on: bool) -> None:
    meta.put(tx, PUBLIC_FORM, "on" if on else "off")


def is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, outside the folder of zones, or a folder itself
        return False
    return True
