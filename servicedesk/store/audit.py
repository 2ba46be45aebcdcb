"""The audit list as rows that are only ever added."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from servicedesk.domain import audit
from servicedesk.domain.audit import (
    START,
    Action,
    Area,
    Break,
    Entry,
    Flaw,
    Head,
    Noun,
    Occasion,
    Sealed,
    Subject,
    area_of,
)
from servicedesk.store.db import Connection, Tx

AT_ONCE: Final = 500
"""Rows that a check reads at a time."""
_COLUMNS: Final = (
    "id, at, actor_id, actor, action, area, noun, subject_id, subject, details, address, previous, hash"
)
_THEIRS: Final = (Noun.PERSON, Noun.SESSION, Noun.TOKEN)
"""Of these the subject's number is a person's."""
_DONE_TO: Final = "noun = '{noun}' AND subject_id = :subject AND actor_id IS NOT :person"
_GUARDS: Final = {"audit_is_not_changed", "audit_is_not_deleted", "audit_goes_on_at_its_end"}
_FIELDS: Final = Entry.__struct_fields__


def append(tx: Tx, action: Action, subject: Subject, details: Mapping[str, Any], occasion: Occasion) -> None:
    """Add a row at the end, sealed onto the one before."""
    last = tx.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    by = occasion.by
    row = audit.sealed(
        Entry(
            id=last["id"] + 1 if last else 1,
            at=occasion.at,
            actor_id=by.id if by else None,
            actor=by.name if by else occasion.name,
            action=action,
            area=area_of(action, subject.noun),
            noun=subject.noun,
            subject_id=str(subject.id),
            subject=subject.name,
            details=msgspec.json.encode(details, order="sorted").decode(),
            address=occasion.address,
            previous=last["hash"] if last else START,
        )
    )
    values = (*msgspec.structs.astuple(row.entry), row.hash)
    tx.execute(f"INSERT INTO audit ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)


def has(conn: Connection, noun: Noun, subject_id: str) -> bool:
    """Return whether anything is said about the subject."""
    sql = "SELECT 1 FROM audit WHERE noun = ? AND subject_id = ? LIMIT 1"
    return conn.execute(sql, (noun, subject_id)).fetchone() is not None


def page(
    conn: Connection,
    *,
    before: int | None = None,
    limit: int,
    area: Area | None = None,
    person_id: int | None = None,
) -> list[Entry]:
    """Return rows, newest first: those of one kind, those that a person did or that were done to them."""
    values: dict[str, Any] = {"before": 2**62 if before is None else before, "limit": limit, "area": area}
    wanted = "id < :before" + (" AND area = :area" if area else "")
    if person_id is None:
        found = f"SELECT {_COLUMNS} FROM audit WHERE {wanted}"
    else:
        values |= {"person": person_id, "subject": str(person_id)}
        # A walk along an index for each, newest first, instead of one over everything.
        found = " UNION ALL ".join(
            f"SELECT {_COLUMNS} FROM audit WHERE {whose} AND {wanted}"
            for whose in ("actor_id = :person", *(_DONE_TO.format(noun=noun) for noun in _THEIRS))
        )
    rows = conn.execute(f"{found} ORDER BY id DESC LIMIT :limit", values)
    return [_sealed(row).entry for row in rows]


class Checked(NamedTuple):
    """What a walk along the whole list found: how far it is whole, how it ends there, and where it breaks."""

    rows: int
    head: Head | None
    broken: Break | None


def check(conn: Connection, expected: Head | None = None) -> Checked:
    """Walk along the whole list, which may grow meanwhile; ``expected`` is how it ended when somebody looked before.

    Whoever can write to the file can also seal a whole list anew: then only what was kept elsewhere tells.
    """
    written = _ever_written(conn)
    last: Sealed | None = None
    kept = expected
    while rows := list(_walk(conn, last.entry.id if last else 0)):
        broken = audit.first_break(rows, last)
        whole = rows if broken is None else [row for row in rows if row.entry.id < broken.number]
        for row in whole:
            if kept is not None and row.entry.id == kept.number:
                if row.hash != kept.hash:
                    return _checked(last, Break(kept.number, Flaw.REWRITTEN))
                kept = None
            last = row
        if broken is not None:
            return _checked(last, broken)
    number = last.entry.id if last else 0
    if written > number or kept is not None:
        return _checked(last, Break(number + 1, Flaw.CUT_OFF))
    if not _is_guarded(conn):
        return _checked(last, Break(number, Flaw.UNGUARDED))
    return _checked(last, None)


def first_break(conn: Connection) -> int | None:
    """Return the number of the first row that is not what was written there, or is missing; None for a whole list."""
    broken = check(conn).broken
    return None if broken is None or broken.flaw is Flaw.UNGUARDED else broken.number


def _checked(last: Sealed | None, broken: Break | None) -> Checked:
    return (
        Checked(last.entry.id, Head(last.entry.id, last.hash), broken) if last else Checked(0, None, broken)
    )


def _ever_written(conn: Connection) -> int:
    """Return the number of the last row that was ever added."""
    counted = conn.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
    return int(counted["seq"]) if counted else 0


def _is_guarded(conn: Connection) -> bool:
    found = conn.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'")
    return {row["name"] for row in found} >= _GUARDS


def _walk(conn: Connection, after: int) -> Iterator[Sealed]:
    sql = f"SELECT {_COLUMNS} FROM audit WHERE id > ? ORDER BY id LIMIT ?"
    return (_sealed(row) for row in conn.execute(sql, (after, AT_ONCE)))


def _sealed(row: Any) -> Sealed:
    return Sealed(Entry(**{name: row[name] for name in _FIELDS}), row["hash"])
