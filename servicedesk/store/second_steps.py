"""Second steps and recovery codes as rows: what can be seen in them opens nothing by itself."""

from collections.abc import Iterable
from typing import Final

import msgspec

from servicedesk.domain.people import Role
from servicedesk.domain.second_steps import Shown
from servicedesk.domain.times import Instant
from servicedesk.store import meta
from servicedesk.store.db import Connection, Tx

DEMANDED: Final = "second_step:"
"""Before a role's name: whether the desk wants a second step of everybody who has that role."""


class SecondStep(msgspec.Struct, frozen=True):
    """Somebody's second step."""

    sealed: bytes
    begun_at: Instant
    confirmed_at: Instant | None
    """None while it was only begun."""
    last_used: int

    @property
    def is_on(self) -> bool:
        return self.confirmed_at is not None


def of(conn: Connection, user_id: int) -> SecondStep | None:
    row = conn.execute(
        "SELECT sealed, begun_at, confirmed_at, last_used FROM second_steps WHERE user_id = ?", (user_id,)
    ).fetchone()
    return SecondStep(*row) if row else None


def is_on(conn: Connection, user_id: int) -> bool:
    found = of(conn, user_id)
    return found is not None and found.is_on


def begin(tx: Tx, user_id: int, sealed: bytes, at: Instant) -> None:
    """Keep a secret that waits for its first code, in the place of one that waited before."""
    tx.execute(
        "INSERT INTO second_steps (user_id, sealed, begun_at) VALUES (?, ?, ?)"
        " ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed, begun_at = excluded.begun_at"
        " WHERE confirmed_at IS NULL",
        (user_id, sealed, at),
    )


def confirm(tx: Tx, user_id: int, sealed: bytes, half_minute: int, at: Instant) -> bool:
    """Turn it on, unless another secret was begun meanwhile or it is on already; return whether it was done."""
    done = tx.execute(
        "UPDATE second_steps SET confirmed_at = ?, last_used = ?"
        " WHERE user_id = ? AND sealed = ? AND confirmed_at IS NULL",
        (at, half_minute, user_id, sealed),
    )
    return done.rowcount == 1


def use(tx: Tx, user_id: int, shown: Shown) -> bool:
    """Use up what was shown; return whether it was still good. A code of a half minute is good once."""
    if shown.recovery is not None:
        return has_code(tx, user_id, shown.recovery) and _forget_code(tx, user_id, shown.recovery)
    done = tx.execute(
        "UPDATE second_steps SET last_used = ?1 WHERE user_id = ?2 AND confirmed_at IS NOT NULL AND last_used < ?1",
        (shown.half_minute, user_id),
    )
    return done.rowcount == 1


def has_code(conn: Connection, user_id: int, hashed: bytes) -> bool:
    found = conn.execute("SELECT 1 FROM recovery_codes WHERE user_id = ? AND hash = ?", (user_id, hashed))
    return found.fetchone() is not None


def codes_left(conn: Connection, user_id: int) -> int:
    row = conn.execute("SELECT count(*) FROM recovery_codes WHERE user_id = ?", (user_id,)).fetchone()
    return int(row[0])


def replace_codes(tx: Tx, user_id: int, hashes: Iterable[bytes]) -> None:
    """Make these the person's recovery codes; those that were left are no good any more."""
    tx.execute("DELETE FROM recovery_codes WHERE user_id = ?", (user_id,))
    tx.executemany(
        "INSERT INTO recovery_codes (user_id, hash) VALUES (?, ?)", [(user_id, each) for each in hashes]
    )


def forget(tx: Tx, user_id: int) -> bool:
    """Take the second step and its recovery codes away; return whether it was on."""
    was_on = is_on(tx, user_id)
    tx.execute("DELETE FROM second_steps WHERE user_id = ?", (user_id,))
    tx.execute("DELETE FROM recovery_codes WHERE user_id = ?", (user_id,))
    return was_on


def demanded(conn: Connection) -> tuple[Role, ...]:
    """Return the roles of which the desk wants a second step."""
    return tuple(role for role in Role if meta.get(conn, DEMANDED + role) == "on")


def demand(tx: Tx, roles: Iterable[Role]) -> None:
    wanted = frozenset(roles)
    for role in Role:
        meta.put(tx, DEMANDED + role, "on" if role in wanted else "off")


def _forget_code(tx: Tx, user_id: int, hashed: bytes) -> bool:
    tx.execute("DELETE FROM recovery_codes WHERE user_id = ? AND hash = ?", (user_id, hashed))
    return True
