"""The audit list as rows that are only ever added."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from servicedesk.domain import audit
from servicedesk.domain.audit import START, Action, Area, Entry, Noun, Occasion, Sealed, Subject, area_of
from servicedesk.store.db import Connection, Tx

AT_ONCE: Final = 500
"""Rows that a check reads at a time."""
_COLUMNS: Final = (
    "id, at, actor_id, actor, action, area, noun, subject_id, subject, details, address, previous, hash"
)
_THEIRS: Final = (Noun.PERSON, Noun.SESSION, Noun.TOKEN)
"""Of these the subject's number is a person's."""
_DONE_TO: Final = "noun = '{noun}' AND subject_id = :subject AND actor_id IS NOT :person"
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


def first_break(conn: Connection) -> int | None:
    """Return the number of the first row that is not what was written there, or is missing; None for a whole list."""
    last: Sealed | None = None
    while rows := list(_walk(conn, last.entry.id if last else 0)):
        if (broken := audit.first_break(rows, last)) is not None:
            return broken
        last = rows[-1]
    number = last.entry.id if last else 0
    counted = conn.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
    return number + 1 if counted and counted["seq"] > number else None


def _walk(conn: Connection, after: int) -> Iterator[Sealed]:
    sql = f"SELECT {_COLUMNS} FROM audit WHERE id > ? ORDER BY id LIMIT ?"
    return (_sealed(row) for row in conn.execute(sql, (after, AT_ONCE)))


def _sealed(row: Any) -> Sealed:
    return Sealed(Entry(**{name: row[name] for name in _FIELDS}), row["hash"])
