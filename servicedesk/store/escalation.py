"""Escalation policies, the tier that each ticket has to come, and those that fired."""

from collections.abc import Collection
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from servicedesk.domain.agenda import Kind
from servicedesk.domain.errors import Invalid, NotFound, invalid
from servicedesk.domain.escalation import NEW, Cause, EscalationPolicy, Fired, Policy, Record, Step
from servicedesk.domain.events import Due
from servicedesk.domain.people import PersonRef, fold
from servicedesk.domain.tickets import Status
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store import meta
from servicedesk.store.db import Connection, Tx

_REPLAN: Final = "escalation_replan_after"
_POLICY: Final = "id, version, body"
_STEP: Final = """
SELECT s.id, s.ticket_id, s.policy_id, s.cycle, s.tier, s.cause, s.due_at, s.fired_at, s.body, s.change,
    s.answer_by, s.is_open, s.acknowledged_by, u.name AS acknowledged_by_name, s.acknowledged_at
FROM escalation_steps s LEFT JOIN users u ON u.id = s.acknowledged_by
"""


# Policies --------------------------------------------------


def get(conn: Connection, policy_id: int) -> EscalationPolicy:
    """Return the policy, or raise NotFound."""
    row = conn.execute(f"SELECT {_POLICY} FROM escalation_policies WHERE id = ?", (policy_id,)).fetchone()
    if row is None:
        raise NotFound(say("There is no {what} {id}.", what=say("escalation policy"), id=policy_id))
    return _stored(row)


def page(conn: Connection, *, after: int = 0, limit: int) -> list[EscalationPolicy]:
    """Return policies in the order of their ids, those after the given one."""
    rows = conn.execute(
        f"SELECT {_POLICY} FROM escalation_policies WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
    ).fetchall()
    return [_stored(row) for row in rows]


def count(conn: Connection) -> int:
    return int(conn.execute("SELECT count(*) FROM escalation_policies").fetchone()[0])


def exists(conn: Connection, policy_id: int) -> bool:
    return conn.execute("SELECT 1 FROM escalation_policies WHERE id = ?", (policy_id,)).fetchone() is not None


def of_team(conn: Connection, team_id: int | None) -> EscalationPolicy | None:
    """Return what holds for a team's tickets: its own policy, else the desk's default."""
    row = conn.execute(
        f"SELECT {_POLICY} FROM escalation_policies WHERE id = coalesce("
        "(SELECT escalation_policy_id FROM teams WHERE id = ?),"
        " (SELECT id FROM escalation_policies WHERE is_default = 1))",
        (team_id,),
    ).fetchone()
    return _stored(row) if row else None


def insert(tx: Tx, policy: Policy, *, at: Instant) -> EscalationPolicy:
    """Add a policy; a name that another one has is refused as Invalid."""
    numbered, last = _numbered(policy, 0)
    row = tx.execute(
        "INSERT INTO escalation_policies (name_key, body, last_tier, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (name_key) DO NOTHING RETURNING id",
        (fold(policy.name), _packed(numbered), last, at, at),
    ).fetchone()
    if row is None:
        raise _name_taken()
    _set_default(tx, row["id"], numbered)
    return get(tx, row["id"])


def update(tx: Tx, policy_id: int, policy: Policy, *, at: Instant) -> None:
    """Save the policy as a new version; tiers without an id get new ones."""
    other = tx.execute(
        "SELECT 1 FROM escalation_policies WHERE name_key = ? AND id <> ?", (fold(policy.name), policy_id)
    ).fetchone()
    if other:
        raise _name_taken()
    (last,) = tx.execute("SELECT last_tier FROM escalation_policies WHERE id = ?", (policy_id,)).fetchone()
    numbered, last = _numbered(policy, last)
    tx.execute(
        "UPDATE escalation_policies SET name_key = ?, body = ?, last_tier = ?, version = version + 1,"
        " updated_at = ? WHERE id = ?",
        (fold(policy.name), _packed(numbered), last, at, policy_id),
    )
    _set_default(tx, policy_id, numbered)


def in_use(conn: Connection, policy_id: int) -> bool:
    """Return whether a team has it; the desk's default is in use as well."""
    row = conn.execute(
        "SELECT 1 FROM teams WHERE escalation_policy_id = ?"
        " UNION ALL SELECT 1 FROM escalation_policies WHERE id = ? AND is_default = 1 LIMIT 1",
        (policy_id, policy_id),
    ).fetchone()
    return row is not None


def delete(tx: Tx, policy_id: int) -> None:
    """Remove a policy; which of its tiers fired stays known."""
    tx.execute("DELETE FROM escalation_policies WHERE id = ?", (policy_id,))


# What is to come --------------------------------------------------


def coming(conn: Connection, most: int) -> list[tuple[Instant, int]]:
    """Return when tickets' next tiers fall due, the soonest first."""
    found = conn.execute(
        "SELECT due_at, ticket_id FROM escalation_next ORDER BY due_at, ticket_id LIMIT ?", (most,)
    )
    return [(row[0], row[1]) for row in found.fetchall()]


class Facts(NamedTuple):
    """What of a ticket decides its tiers, beside its clocks."""

    team_id: int | None
    status: Status
    reopen_count: int


def facts(conn: Connection, ticket_id: int) -> Facts:
    row = conn.execute(
        "SELECT team_id, status, reopen_count FROM tickets WHERE id = ?", (ticket_id,)
    ).fetchone()
    return Facts(row[0], Status(row[1]), row[2])


def set_coming(tx: Tx, ticket_id: int, due_at: Instant | None) -> None:
    if due_at is None:
        tx.execute("DELETE FROM escalation_next WHERE ticket_id = ?", (ticket_id,))
        return
    tx.execute(
        "INSERT INTO escalation_next (ticket_id, due_at) VALUES (?, ?)"
        " ON CONFLICT (ticket_id) DO UPDATE SET due_at = excluded.due_at",
        (ticket_id, due_at),
    )
    tx.after_commit(Due(Kind.ESCALATION, due_at))


def ask_for_replan(tx: Tx) -> None:
    """Have the next tiers of all unresolved tickets worked out anew."""
    meta.put(tx, _REPLAN, "0")


def wants_replan(conn: Connection) -> bool:
    return meta.get(conn, _REPLAN) != ""


def next_to_replan(conn: Connection, most: int) -> list[int]:
    """Return some of the unresolved tickets whose turn it is, in the order of their ids."""
    after = meta.get(conn, _REPLAN)
    if not after:
        return []
    found = conn.execute(
        "SELECT id FROM tickets WHERE unresolved = 1 AND id > ? ORDER BY id LIMIT ?", (int(after), most)
    )
    return [row[0] for row in found.fetchall()]


def replanned(tx: Tx, last: int | None) -> None:
    """Note up to which ticket all are done; None is the end."""
    meta.put(tx, _REPLAN, "" if last is None else str(last))


# What fired --------------------------------------------------


def begin(
    tx: Tx,
    ticket_id: int,
    policy_id: int,
    cycle: int,
    tier_id: int,
    *,
    cause: Cause,
    due_at: Instant,
    record: Record,
    at: Instant,
) -> int:
    """Write down that the tier fires, before it does anything; return the step's id.

    A tier that has fired before in this cycle raises an error of the database.
    """
    row = tx.execute(
        "INSERT INTO escalation_steps (ticket_id, policy_id, cycle, tier, cause, due_at, fired_at, body, is_open)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0) RETURNING id",
        (ticket_id, policy_id, cycle, tier_id, cause, due_at, at, _pack_record(record)),
    ).fetchone()
    return int(row["id"])


def finish(tx: Tx, step_id: int, record: Record, *, change: int, answer_by: Instant | None) -> None:
    """Add to a step what came of it, and until when somebody must acknowledge it."""
    tx.execute(
        "UPDATE escalation_steps SET body = ?, change = ?, answer_by = ?, is_open = ? WHERE id = ?",
        (_pack_record(record), change, answer_by, int(answer_by is not None), step_id),
    )


def close_steps(tx: Tx, ticket_id: int) -> None:
    """Await no acknowledgement any more."""
    tx.execute("UPDATE escalation_steps SET is_open = 0 WHERE ticket_id = ? AND is_open = 1", (ticket_id,))


def close_unanswered(tx: Tx, ticket_id: int, until: Instant) -> None:
    """Await no acknowledgement any more of those that nobody acknowledged in time."""
    tx.execute(
        "UPDATE escalation_steps SET is_open = 0 WHERE ticket_id = ? AND is_open = 1 AND answer_by <= ?",
        (ticket_id, until),
    )


def acknowledge(tx: Tx, step_ids: Collection[int], by_id: int, at: Instant) -> None:
    tx.executemany(
        "UPDATE escalation_steps SET is_open = 0, acknowledged_by = ?, acknowledged_at = ? WHERE id = ?",
        [(by_id, at, step_id) for step_id in step_ids],
    )


def step(conn: Connection, step_id: int) -> Step:
    return _step(conn.execute(f"{_STEP} WHERE s.id = ?", (step_id,)).fetchone())


def steps(conn: Connection, ticket_id: int, *, after: int = 0, limit: int) -> list[Step]:
    """Return the ticket's steps, oldest first."""
    found = conn.execute(
        f"{_STEP} WHERE s.ticket_id = ? AND s.id > ? ORDER BY s.id LIMIT ?", (ticket_id, after, limit)
    )
    return [_step(row) for row in found.fetchall()]


def count_steps(conn: Connection, ticket_id: int) -> int:
    row = conn.execute("SELECT count(*) FROM escalation_steps WHERE ticket_id = ?", (ticket_id,)).fetchone()
    return int(row[0])


def open_steps(conn: Connection, ticket_id: int) -> list[Step]:
    """Return those that wait for somebody to acknowledge them, oldest first."""
    found = conn.execute(f"{_STEP} WHERE s.ticket_id = ? AND s.is_open = 1 ORDER BY s.id", (ticket_id,))
    return [_step(row) for row in found.fetchall()]


def fired(conn: Connection, ticket_id: int, policy_id: int) -> tuple[Fired, ...]:
    """Return which tiers of the policy have fired for the ticket."""
    found = conn.execute(
        "SELECT tier, cycle, CASE is_open WHEN 1 THEN answer_by END FROM escalation_steps"
        " WHERE ticket_id = ? AND policy_id = ? ORDER BY id",
        (ticket_id, policy_id),
    )
    return tuple(Fired(*row) for row in found.fetchall())


def _stored(row: Any) -> EscalationPolicy:
    return EscalationPolicy(row["id"], row["version"], _policy(row["body"]))


@lru_cache(maxsize=256)
def _policy(packed: str) -> Policy:
    return msgspec.json.decode(packed, type=Policy)


def _packed(policy: Policy) -> str:
    return msgspec.json.encode(policy).decode()


def _numbered(policy: Policy, last: int) -> tuple[Policy, int]:
    tiers = []
    for tier in policy.tiers:
        if tier.id == NEW:
            last += 1
            tier = msgspec.structs.replace(tier, id=last)
        tiers.append(tier)
    return msgspec.structs.replace(policy, tiers=tuple(tiers)), last


def _set_default(tx: Tx, policy_id: int, policy: Policy) -> None:
    """Make it the desk's default, or no longer; the one that was is not any more."""
    if policy.is_default:
        for row in tx.execute(
            f"SELECT {_POLICY} FROM escalation_policies WHERE is_default = 1 AND id <> ?", (policy_id,)
        ).fetchall():
            other = msgspec.structs.replace(_policy(row["body"]), is_default=False)
            tx.execute(
                "UPDATE escalation_policies SET is_default = 0, body = ?, version = version + 1 WHERE id = ?",
                (_packed(other), row["id"]),
            )
    tx.execute(
        "UPDATE escalation_policies SET is_default = ? WHERE id = ?", (int(policy.is_default), policy_id)
    )


_record: Final = msgspec.json.Decoder(Record).decode


def _pack_record(record: Record) -> str:
    return msgspec.json.encode(record).decode()


def _step(row: Any) -> Step:
    return Step(
        id=row["id"],
        ticket_id=row["ticket_id"],
        policy_id=row["policy_id"],
        cycle=row["cycle"],
        tier_id=row["tier"],
        cause=Cause(row["cause"]),
        due_at=row["due_at"],
        fired_at=row["fired_at"],
        record=_record(row["body"]),
        change=row["change"],
        answer_by=row["answer_by"],
        is_open=bool(row["is_open"]),
        acknowledged_by=None
        if row["acknowledged_by"] is None
        else PersonRef(row["acknowledged_by"], row["acknowledged_by_name"]),
        acknowledged_at=row["acknowledged_at"],
    )


def _name_taken() -> Invalid:
    return invalid("/name", say("is the name of another escalation policy"), "duplicate")
