"""What the desk promises, as rows; and which tickets are still to hear of a change of it."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from servicedesk.domain.calendars import ALWAYS, Calendar
from servicedesk.domain.errors import Invalid, NotFound, invalid
from servicedesk.domain.people import fold
from servicedesk.domain.sla import STANDARD, Policy, Promise, StoredPolicy, Targets
from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store import calendars
from servicedesk.store.db import Connection, Tx

NO_TEAM: Final = 0
"""Stands for the tickets without a team."""
_COLUMNS: Final = "id, version, name, calendar_id, rules, is_default"
_ABOVE_ALL: Final = 2**62
_WALKED_MOST: Final = 1_000
"""Tickets that are passed in one step, those of other teams among them."""
_ROUNDS: Final = (
    "SELECT id, team_id FROM tickets INDEXED BY tickets_unresolved_by_id"
    " WHERE unresolved = 1 AND id >= ? AND id < ? ORDER BY id DESC LIMIT ?",
    "SELECT id, team_id FROM tickets NOT INDEXED WHERE id >= ? AND id < ? AND unresolved = 0"
    " ORDER BY id DESC LIMIT ?",
)
"""The unresolved tickets, then the others."""


class _Rules(msgspec.Struct, frozen=True):
    targets: dict[Priority, Targets]
    pauses: dict[Promise, frozenset[Status]]


def get(conn: Connection, policy_id: int) -> StoredPolicy:
    """Return the policy, or raise NotFound."""
    row = conn.execute(f"SELECT {_COLUMNS} FROM sla_policies WHERE id = ?", (policy_id,)).fetchone()
    if row is None:
        raise NotFound(say("There is no {what} {id}.", what=say("policy"), id=policy_id))
    return _stored(conn, row)


def page(conn: Connection, *, after: int = 0, limit: int) -> list[StoredPolicy]:
    """Return policies in the order of their ids, those after the given one."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM sla_policies WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
    ).fetchall()
    return [_stored(conn, row) for row in rows]


def count(conn: Connection) -> int:
    return int(conn.execute("SELECT count(*) FROM sla_policies").fetchone()[0])


def exists(conn: Connection, policy_id: int) -> bool:
    return conn.execute("SELECT 1 FROM sla_policies WHERE id = ?", (policy_id,)).fetchone() is not None


def of_team(conn: Connection, team_id: int | None) -> Policy:
    """Return what is promised for the team's tickets: its own policy, else the default, else the standard."""
    row = conn.execute(
        f"SELECT {_COLUMNS} FROM sla_policies WHERE id = coalesce("
        "(SELECT sla_policy_id FROM teams WHERE id = ?), (SELECT id FROM sla_policies WHERE is_default = 1))",
        (team_id,),
    ).fetchone()
    return STANDARD if row is None else _policy(conn, row)


def all_of(conn: Connection) -> list[Policy]:
    rows = conn.execute(f"SELECT {_COLUMNS} FROM sla_policies ORDER BY id").fetchall()
    return [_policy(conn, row) for row in rows]


def insert(tx: Tx, policy: Policy, calendar_id: int | None, *, is_default: bool, at: Instant) -> StoredPolicy:
    """Add a policy; a name that another one has is refused as Invalid."""
    if is_default:
        _no_default(tx)
    row = tx.execute(
        "INSERT INTO sla_policies (name, name_key, calendar_id, rules, is_default, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name_key) DO NOTHING RETURNING id",
        (policy.name, fold(policy.name), calendar_id, _packed(policy), int(is_default), at, at),
    ).fetchone()
    if row is None:
        raise _name_taken()
    return get(tx, row["id"])


def update(
    tx: Tx, policy_id: int, policy: Policy, calendar_id: int | None, *, is_default: bool, at: Instant
) -> None:
    """Save the policy as a new version."""
    key = fold(policy.name)
    other = tx.execute("SELECT id FROM sla_policies WHERE name_key = ?", (key,)).fetchone()
    if other and other["id"] != policy_id:
        raise _name_taken()
    if is_default:
        _no_default(tx, but=policy_id)
    tx.execute(
        "UPDATE sla_policies SET name = ?, name_key = ?, calendar_id = ?, rules = ?, is_default = ?,"
        " version = version + 1, updated_at = ? WHERE id = ?",
        (policy.name, key, calendar_id, _packed(policy), int(is_default), at, policy_id),
    )


def delete(tx: Tx, policy_id: int) -> None:
    tx.execute("DELETE FROM sla_policies WHERE id = ?", (policy_id,))


def teams_under(conn: Connection, policy_id: int) -> set[int]:
    """Return the teams that have chosen the policy."""
    found = conn.execute("SELECT id FROM teams WHERE sla_policy_id = ?", (policy_id,))
    return {team_id for (team_id,) in found}


def teams_by_default(conn: Connection) -> set[int]:
    """Return the teams that follow whatever is the default, tickets without a team among them."""
    found = conn.execute("SELECT id FROM teams WHERE sla_policy_id IS NULL")
    return {team_id for (team_id,) in found} | {NO_TEAM}


def teams_following(conn: Connection, policy: StoredPolicy) -> set[int]:
    """Return the teams for whose tickets the policy counts, by choice or by default."""
    return teams_under(conn, policy.id) | (teams_by_default(conn) if policy.is_default else set())


def counting_in(conn: Connection, calendar_id: int) -> list[StoredPolicy]:
    """Return the policies that count in the calendar's time."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM sla_policies WHERE calendar_id = ? ORDER BY id", (calendar_id,)
    ).fetchall()
    return [_stored(conn, row) for row in rows]


# What is to be wound anew --------------------------------------------------


class Rewind(NamedTuple):
    """The next tickets to be wound anew, and the work that they are a part of."""

    teams: tuple[int, ...]
    round: int
    tickets: list[int]
    left_below: int | None
    """None when the round is over."""


def rewind_from_the_top(tx: Tx, teams: Iterable[int]) -> None:
    tx.executemany(
        "INSERT INTO sla_rewinds (team_id, round, below) VALUES (?, 0, ?)"
        " ON CONFLICT (team_id) DO UPDATE SET round = 0, below = excluded.below",
        [(team_id, _ABOVE_ALL) for team_id in teams],
    )


def has_rewinds(conn: Connection) -> bool:
    return conn.execute("SELECT 1 FROM sla_rewinds LIMIT 1").fetchone() is not None


def next_rewind(conn: Connection, most: int) -> Rewind | None:
    """Return what is furthest behind; what others wait for further down is taken along when it is reached."""
    rows = conn.execute("SELECT team_id, round, below FROM sla_rewinds").fetchall()
    if not rows:
        return None
    positions = sorted({(row["round"], -row["below"]) for row in rows})
    round_, below = positions[0][0], -positions[0][1]
    teams = tuple(row["team_id"] for row in rows if (row["round"], row["below"]) == (round_, below))
    above = -positions[1][1] if len(positions) > 1 and positions[1][0] == round_ else 0
    found: list[int] = []
    walked = conn.execute(_ROUNDS[round_], (above, below, _WALKED_MOST))
    for passed, (ticket_id, team_id) in enumerate(walked.fetchall(), 1):
        if (team_id or NO_TEAM) in teams:
            found.append(ticket_id)
        if len(found) == most or passed == _WALKED_MOST:
            return Rewind(teams, round_, found, ticket_id)
    return Rewind(teams, round_, found, above or None)


def rewound(tx: Tx, done: Rewind) -> None:
    """Note how far it came: down to an id, to the end of a round, or to its end."""
    marks = ", ".join("?" * len(done.teams))
    if done.left_below is not None:
        tx.execute(
            f"UPDATE sla_rewinds SET below = ? WHERE team_id IN ({marks})", (done.left_below, *done.teams)
        )
    elif done.round == 0:
        tx.execute(
            f"UPDATE sla_rewinds SET round = 1, below = ? WHERE team_id IN ({marks})",
            (_ABOVE_ALL, *done.teams),
        )
    else:
        tx.execute(f"DELETE FROM sla_rewinds WHERE team_id IN ({marks})", done.teams)


# Rows --------------------------------------------------


def _stored(conn: Connection, row: Any) -> StoredPolicy:
    return StoredPolicy(
        id=row["id"],
        version=row["version"],
        policy=_policy(conn, row),
        calendar_id=row["calendar_id"],
        is_default=bool(row["is_default"]),
    )


def _policy(conn: Connection, row: Any) -> Policy:
    calendar_id = row["calendar_id"]
    calendar = ALWAYS if calendar_id is None else calendars.get(conn, calendar_id).calendar
    return _compiled(row["name"], row["rules"], calendar)


@lru_cache(maxsize=256)
def _compiled(name: str, rules: str, calendar: Calendar) -> Policy:
    """Return the policy; what it is made of is the key, so no change can leave an old one behind."""
    found = msgspec.json.decode(rules, type=_Rules)
    return Policy(name, found.targets, found.pauses, calendar)


def _packed(policy: Policy) -> str:
    targets: Mapping[Priority, Targets] = policy.targets
    rules = {"targets": targets, "pauses": {p: sorted(statuses) for p, statuses in policy.pauses.items()}}
    return msgspec.json.encode(rules, order="sorted").decode()


def _no_default(tx: Tx, but: int = 0) -> None:
    tx.execute(
        "UPDATE sla_policies SET is_default = 0, version = version + 1 WHERE is_default = 1 AND id <> ?",
        (but,),
    )


def _name_taken() -> Invalid:
    return invalid("/name", say("is the name of another policy"), "duplicate")
