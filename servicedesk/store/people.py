"""People and teams as rows."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from servicedesk.domain.assignment import Candidate, Weights
from servicedesk.domain.calendars import Calendar
from servicedesk.domain.errors import NotFound, invalid
from servicedesk.domain.mentions import Colleague
from servicedesk.domain.people import Availability, Preset, Role, Team, User, fold
from servicedesk.domain.times import MINUTE, Instant
from servicedesk.domain.words import say
from servicedesk.store import calendars
from servicedesk.store.db import Connection, Tx

CAPACITY: Final = 10
"""How many tickets a person takes at a time unless somebody says otherwise."""

_CANDIDATE: Final = (
    "u.id, u.name, u.is_active, u.availability, u.skills, u.open_load, u.max_tickets, u.last_assigned_at,"
    " u.calendar_id"
)
_FAMILIAR_AMONG: Final = 10
TEAMS_OF: Final = "(SELECT group_concat(team_id) FROM team_members WHERE user_id = u.id) AS team_ids"
"""The teams of the user ``u``, as a column: asked for with every request, they are no question of their own."""
_USER: Final = (
    "id, email, name, role, is_active, max_tickets, skills, availability, calendar_id, language, time_zone,"
    " created_at"
)
_TEAM: Final = (
    "id, name, assignment, weights, return_after_minutes, lead_id, sla_policy_id, "
    "escalation_policy_id, created_at"
)


# People --------------------------------------------------


def get(conn: Connection, user_id: int) -> User:
    """Return the person, or raise NotFound."""
    row = conn.execute(f"SELECT {_USER}, {TEAMS_OF} FROM users u WHERE id = ?", (user_id,)).fetchone()
    if row is None:
        raise NotFound(say("There is no {what} {id}.", what=say("user"), id=user_id))
    return user_of(row)


def several(conn: Connection, user_ids: Collection[int]) -> list[User]:
    """Return those of the people that exist, in the order of their ids."""
    if not user_ids:
        return []
    rows = conn.execute(
        f"SELECT {_USER} FROM users WHERE id IN ({_marks(user_ids)}) ORDER BY id", tuple(user_ids)
    ).fetchall()
    teams = _teams_of(conn, [row["id"] for row in rows])
    return [_user(row, tuple(teams.get(row["id"], ()))) for row in rows]


def colleagues(conn: Connection) -> list[Colleague]:
    """Return all of the staff as far as calling them goes, those who left as well: they keep their handles."""
    found = conn.execute(
        "SELECT id, name, email, is_active FROM users WHERE role IN ('admin', 'supervisor', 'agent')"
    )
    return [Colleague(user_id, name, email, bool(active)) for user_id, name, email, active in found]


def by_email(conn: Connection, email: str) -> User | None:
    """Return who has this address, whatever its case."""
    row = conn.execute(
        f"SELECT {_USER}, {TEAMS_OF} FROM users u WHERE email_key = ?", (fold(email),)
    ).fetchone()
    return user_of(row) if row else None


def id_of(conn: Connection, email: str) -> int | None:
    """Return the id of who has this address, whatever its case."""
    row = conn.execute("SELECT id FROM users WHERE email_key = ?", (fold(email),)).fetchone()
    return row["id"] if row else None


def user_of(row: Any) -> User:
    """Return the person of a row that holds a user's columns and :data:`TEAMS_OF`."""
    teams = row["team_ids"]
    return _user(row, () if teams is None else tuple(sorted(map(int, teams.split(",")))))


def page(
    conn: Connection,
    *,
    after: int = 0,
    limit: int,
    roles: Collection[Role] = (),
    is_active: bool | None = None,
    team_id: int | None = None,
    words: str = "",
) -> list[User]:
    """Return people in the order of their ids, those after the given one."""
    where, values = _narrowed(roles, is_active, team_id, words)
    rows = conn.execute(
        f"SELECT {_USER} FROM users WHERE id > ?{where} ORDER BY id LIMIT ?", (after, *values, limit)
    ).fetchall()
    teams = _teams_of(conn, [row["id"] for row in rows])
    return [_user(row, tuple(teams.get(row["id"], ()))) for row in rows]


def count(
    conn: Connection,
    *,
    roles: Collection[Role] = (),
    is_active: bool | None = None,
    team_id: int | None = None,
    words: str = "",
) -> int:
    where, values = _narrowed(roles, is_active, team_id, words)
    found = conn.execute(f"SELECT count(*) FROM users WHERE id > 0{where}", values).fetchone()
    return int(found[0])


def names(conn: Connection, user_ids: Collection[int]) -> dict[int, str]:
    """Return the names of those of the people that exist."""
    rows = conn.execute(f"SELECT id, name FROM users WHERE id IN ({_marks(user_ids)})", tuple(user_ids))
    return {row["id"]: row["name"] for row in rows}


def loads(conn: Connection, user_ids: Collection[int]) -> dict[int, int]:
    """Return how many tickets each of the people has that count against their ``max_tickets``."""
    rows = conn.execute(f"SELECT id, open_load FROM users WHERE id IN ({_marks(user_ids)})", tuple(user_ids))
    return {row["id"]: row["open_load"] for row in rows}


def anybody(conn: Connection) -> bool:
    return conn.execute("SELECT 1 FROM users LIMIT 1").fetchone() is not None


def another_admin(conn: Connection, user_id: int) -> bool:
    """Return whether an active admin would be left without this one."""
    row = conn.execute(
        "SELECT 1 FROM users WHERE role = 'admin' AND is_active = 1 AND id <> ? LIMIT 1", (user_id,)
    ).fetchone()
    return row is not None


def insert(
    tx: Tx,
    *,
    email: str,
    name: str,
    role: Role,
    at: Instant,
    password_hash: str | None = None,
    max_tickets: int = CAPACITY,
    skills: Iterable[str] = (),
    availability: Availability = Availability.AVAILABLE,
    calendar_id: int | None = None,
) -> User:
    """Add a person; an address that somebody has is refused as Invalid. Without a hash they cannot log in."""
    row = tx.execute(
        "INSERT INTO users (email, email_key, name, role, password_hash, max_tickets, skills, availability,"
        " calendar_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (email_key) DO NOTHING RETURNING id",
        (
            email,
            fold(email),
            name,
            role,
            password_hash,
            max_tickets,
            _packed(skills),
            availability,
            calendar_id,
            at,
        ),
    ).fetchone()
    if row is None:
        raise _taken()
    return get(tx, row["id"])


def update(tx: Tx, user: User) -> None:
    """Save the person's own fields; teams are ``set_teams``."""
    other = by_email(tx, user.email)
    if other and other.id != user.id:
        raise _taken()
    tx.execute(
        "UPDATE users SET email = ?, email_key = ?, name = ?, role = ?, is_active = ?, max_tickets = ?,"
        " skills = ?, availability = ?, calendar_id = ? WHERE id = ?",
        (
            user.email,
            fold(user.email),
            user.name,
            user.role,
            user.is_active,
            user.max_tickets,
            _packed(user.skills),
            user.availability,
            user.calendar_id,
            user.id,
        ),
    )


def set_words(tx: Tx, user_id: int, *, language: str | None, time_zone: str | None) -> None:
    """Remember in what language and time zone the person wants the console; None is no choice."""
    tx.execute("UPDATE users SET language = ?, time_zone = ? WHERE id = ?", (language, time_zone, user_id))


def set_teams(tx: Tx, user_id: int, team_ids: Iterable[int]) -> None:
    """Make these the person's teams; the caller knows that they exist."""
    tx.execute("DELETE FROM team_members WHERE user_id = ?", (user_id,))
    tx.executemany(
        "INSERT INTO team_members (team_id, user_id) VALUES (?, ?)", [(t, user_id) for t in set(team_ids)]
    )


def password_hash(conn: Connection, user_id: int) -> str | None:
    row = conn.execute("SELECT password_hash FROM users WHERE id = ?", (user_id,)).fetchone()
    return row["password_hash"] if row else None


def set_password_hash(tx: Tx, user_id: int, hashed: str) -> None:
    tx.execute("UPDATE users SET password_hash = ? WHERE id = ?", (hashed, user_id))


# Teams --------------------------------------------------


def team(conn: Connection, team_id: int) -> Team:
    """Return the team, or raise NotFound."""
    row = conn.execute(f"SELECT {_TEAM} FROM teams WHERE id = ?", (team_id,)).fetchone()
    if row is None:
        raise NotFound(say("There is no {what} {id}.", what=say("team"), id=team_id))
    members = conn.execute("SELECT user_id FROM team_members WHERE team_id = ? ORDER BY user_id", (team_id,))
    return _team(row, tuple([user_id for (user_id,) in members]))


class Way(NamedTuple):
    """How a team's tickets find their agent."""

    preset: Preset
    weights: Weights | None
    return_after: int | None
    """Working time without a public answer after which a ticket goes to somebody else."""


def way(conn: Connection, team_id: int) -> Way:
    """Return how the team gets its tickets, or raise NotFound."""
    row = conn.execute(
        "SELECT assignment, weights, return_after_minutes FROM teams WHERE id = ?", (team_id,)
    ).fetchone()
    if row is None:
        raise NotFound(say("There is no {what} {id}.", what=say("team"), id=team_id))
    preset, weights, minutes = row
    return Way(Preset(preset), _weights(weights), None if minutes is None else minutes * MINUTE)


def teams(conn: Connection, *, after: int = 0, limit: int) -> list[Team]:
    """Return teams in the order of their ids, those after the given one."""
    rows = conn.execute(
        f"SELECT {_TEAM} FROM teams WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
    ).fetchall()
    ids = [row["id"] for row in rows]
    members: dict[int, list[int]] = {}
    for team_id, user_id in conn.execute(
        f"SELECT team_id, user_id FROM team_members WHERE team_id IN ({_marks(ids)}) ORDER BY user_id", ids
    ):
        members.setdefault(team_id, []).append(user_id)
    return [_team(row, tuple(members.get(row["id"], ()))) for row in rows]


def count_teams(conn: Connection) -> int:
    return int(conn.execute("SELECT count(*) FROM teams").fetchone()[0])


def team_by_name(conn: Connection, name: str) -> Team | None:
    row = conn.execute("SELECT id FROM teams WHERE name_key = ?", (fold(name),)).fetchone()
    return team(conn, row["id"]) if row else None


def missing_teams(conn: Connection, team_ids: Collection[int]) -> set[int]:
    """Return those of the ids that are no team."""
    found = conn.execute(f"SELECT id FROM teams WHERE id IN ({_marks(team_ids)})", tuple(team_ids))
    return set(team_ids) - {team_id for (team_id,) in found}


def not_staff(conn: Connection, user_ids: Collection[int]) -> set[int]:
    """Return those of the ids that are nobody of the staff."""
    found = conn.execute(
        f"SELECT id FROM users WHERE role <> 'customer' AND id IN ({_marks(user_ids)})", tuple(user_ids)
    )
    return set(user_ids) - {user_id for (user_id,) in found}


def insert_team(
    tx: Tx,
    *,
    name: str,
    assignment: Preset,
    lead_id: int | None,
    weights: Weights | None = None,
    return_after_minutes: int | None = None,
    sla_policy_id: int | None = None,
    escalation_policy_id: int | None = None,
    at: Instant,
) -> Team:
    """Add a team without members; a name that another team has is refused as Invalid."""
    row = tx.execute(
        "INSERT INTO teams (name, name_key, assignment, weights, return_after_minutes, lead_id, sla_policy_id,"
        " escalation_policy_id, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name_key) DO NOTHING RETURNING id",
        (
            name,
            fold(name),
            assignment,
            _packed_weights(weights),
            return_after_minutes,
            lead_id,
            sla_policy_id,
            escalation_policy_id,
            at,
        ),
    ).fetchone()
    if row is None:
        raise _name_taken()
    return team(tx, row["id"])


def update_team(tx: Tx, team: Team) -> None:
    """Save the team's own fields; members are ``set_members``."""
    other = team_by_name(tx, team.name)
    if other and other.id != team.id:
        raise _name_taken()
    tx.execute(
        "UPDATE teams SET name = ?, name_key = ?, assignment = ?, weights = ?, return_after_minutes = ?,"
        " lead_id = ?, sla_policy_id = ?, escalation_policy_id = ? WHERE id = ?",
        (
            team.name,
            fold(team.name),
            team.assignment,
            _packed_weights(team.weights),
            team.return_after_minutes,
            team.lead_id,
            team.sla_policy_id,
            team.escalation_policy_id,
            team.id,
        ),
    )


def set_members(tx: Tx, team_id: int, user_ids: Iterable[int]) -> None:
    """Make these the team's members; the caller knows that they exist."""
    tx.execute("DELETE FROM team_members WHERE team_id = ?", (team_id,))
    tx.executemany(
        "INSERT INTO team_members (team_id, user_id) VALUES (?, ?)", [(team_id, u) for u in set(user_ids)]
    )


def stop_leading(tx: Tx, user_id: int) -> None:
    """Leave the teams that this person leads without a lead."""
    tx.execute("UPDATE teams SET lead_id = NULL WHERE lead_id = ?", (user_id,))


# Assignment --------------------------------------------------


def candidates(conn: Connection, team_id: int | None, requester_id: int, at: Instant) -> list[Candidate]:
    """Return who might take a ticket: the team's active staff, or without a team every active agent.

    Those who cannot take it right now are among them, so that a decision can say why.
    """
    familiar = _familiarity(conn, requester_id)
    if team_id is None:
        rows = conn.execute(f"SELECT {_CANDIDATE} FROM users u WHERE u.role = 'agent' AND u.is_active = 1")
    else:
        rows = conn.execute(
            f"SELECT {_CANDIDATE} FROM team_members m JOIN users u ON u.id = m.user_id"
            " WHERE m.team_id = ? AND u.role <> 'customer' AND u.is_active = 1",
            (team_id,),
        )
    is_open = _open_calendars(conn, at)
    return [_candidate(row, familiar, is_open) for row in rows.fetchall()]


def candidate(conn: Connection, user_id: int, requester_id: int, at: Instant) -> Candidate:
    """Return somebody as a candidate, whether or not they would be among those who are asked."""
    row = conn.execute(f"SELECT {_CANDIDATE} FROM users u WHERE u.id = ?", (user_id,)).fetchone()
    return _candidate(row, _familiarity(conn, requester_id), _open_calendars(conn, at))


def _candidate(row: Any, familiar: Mapping[int, float], is_open: Callable[[int], bool]) -> Candidate:
    user_id, name, is_active, availability, skills, load, most, last, calendar_id = row
    return Candidate(
        id=user_id,
        name=name,
        is_active=bool(is_active),
        availability=_AVAILABILITY[availability],
        skills=_skill_set(skills),
        in_hours=calendar_id is None or is_open(calendar_id),
        load=load,
        max_tickets=most,
        last_assigned_at=last,
        familiarity=familiar.get(user_id, 0.0),
    )


def _open_calendars(conn: Connection, at: Instant) -> Callable[[int], bool]:
    @cache
    def is_open(calendar_id: int) -> bool:
        return calendars.get(conn, calendar_id).calendar.is_open(at)

    return is_open


def hours_in_use(conn: Connection) -> list[Calendar]:
    """Return the working hours of those who may get tickets."""
    found = conn.execute(
        "SELECT DISTINCT calendar_id FROM users WHERE calendar_id IS NOT NULL AND is_active = 1"
    ).fetchall()
    return [calendars.get(conn, calendar_id).calendar for (calendar_id,) in found]


def mark_assigned(tx: Tx, user_id: int, at: Instant) -> None:
    """Note that the person got a ticket just now."""
    tx.execute("UPDATE users SET last_assigned_at = ? WHERE id = ?", (at, user_id))


def _familiarity(conn: Connection, requester_id: int) -> dict[int, float]:
    """Return who has what share of the requester's last tickets, those with nobody left out."""
    rows = conn.execute(
        "SELECT assigned_to FROM tickets WHERE requester_id = ? ORDER BY updated_at DESC, id DESC LIMIT ?",
        (requester_id, _FAMILIAR_AMONG),
    )
    agents = [agent for (agent,) in rows if agent is not None]
    return {agent: agents.count(agent) / len(agents) for agent in set(agents)}


# Rows --------------------------------------------------


def _narrowed(
    roles: Collection[Role], is_active: bool | None, team_id: int | None, words: str
) -> tuple[str, list[object]]:
    where, values = "", list[object]()
    if roles:
        where += f" AND role IN ({_marks(roles)})"
        values += roles
    if is_active is not None:
        where += " AND is_active = ?"
        values.append(is_active)
    if team_id is not None:
        where += " AND id IN (SELECT user_id FROM team_members WHERE team_id = ?)"
        values.append(team_id)
    for word in words.split():
        pattern = "%" + fold(word).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        where += " AND (email_key LIKE ? ESCAPE '\\' OR lower(name) LIKE ? ESCAPE '\\')"
        values += [pattern, pattern]
    return where, values


def _teams_of(conn: Connection, user_ids: Collection[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for user_id, team_id in conn.execute(
        f"SELECT user_id, team_id FROM team_members WHERE user_id IN ({_marks(user_ids)}) ORDER BY team_id",
        tuple(user_ids),
    ):
        found.setdefault(user_id, []).append(team_id)
    return found


def _user(row: Any, team_ids: tuple[int, ...]) -> User:
    return User(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        role=_ROLE[row["role"]],
        is_active=bool(row["is_active"]),
        max_tickets=row["max_tickets"],
        skills=_skills(row["skills"]),
        availability=_AVAILABILITY[row["availability"]],
        team_ids=team_ids,
        calendar_id=row["calendar_id"],
        language=row["language"],
        time_zone=row["time_zone"],
        created_at=row["created_at"],
    )


def _team(row: Any, member_ids: tuple[int, ...]) -> Team:
    return Team(
        id=row["id"],
        name=row["name"],
        assignment=Preset(row["assignment"]),
        weights=_weights(row["weights"]),
        return_after_minutes=row["return_after_minutes"],
        lead_id=row["lead_id"],
        member_ids=member_ids,
        sla_policy_id=row["sla_policy_id"],
        escalation_policy_id=row["escalation_policy_id"],
        created_at=row["created_at"],
    )


def _packed(skills: Iterable[str]) -> str:
    return msgspec.json.encode(list(skills)).decode()


@lru_cache(maxsize=1024)
def _skills(packed: str) -> tuple[str, ...]:
    return msgspec.json.decode(packed, type=tuple[str, ...])


@lru_cache(maxsize=1024)
def _skill_set(packed: str) -> frozenset[str]:
    return frozenset(_skills(packed))


def _packed_weights(weights: Weights | None) -> str | None:
    return None if weights is None else msgspec.json.encode(weights).decode()


def _weights(packed: str | None) -> Weights | None:
    return None if packed is None else msgspec.json.decode(packed, type=Weights)


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


def _taken() -> Exception:
    return invalid("/email", say("is the address of somebody else"), "duplicate")


def _name_taken() -> Exception:
    return invalid("/name", say("is the name of another team"), "duplicate")


_ROLE: Final = {role.value: role for role in Role}
_AVAILABILITY: Final = {availability.value: availability for availability in Availability}
