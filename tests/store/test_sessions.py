"""Sessions and tokens as rows."""

import msgspec

from servicedesk.domain.people import Preset, Role, User
from servicedesk.store import people, sessions
from servicedesk.store.db import Tx
from servicedesk.store.sessions import Kind

NOON = 1_790_000_000_000


def ann_with(tx: Tx, *kinds: Kind, expires_at: int | None = NOON + 10) -> tuple[User, list[int]]:
    """Return somebody, and the numbers of their sessions; each has its number in words as its hash."""
    ann = people.insert(tx, email="ann@example.org", name="Ann", role=Role.AGENT, at=NOON)
    opened = [
        sessions.insert(
            tx, hashed=b"%d" % n, kind=kind, user_id=ann.id, at=NOON, expires_at=expires_at, name=f"{n}"
        )
        for n, kind in enumerate(kinds)
    ]
    return ann, opened


def test_a_hash_leads_to_the_person_and_their_teams(tx: Tx) -> None:
    ann, (number,) = ann_with(tx, Kind.TOKEN)
    team = people.insert_team(tx, name="Network", assignment=Preset.BALANCED, lead_id=None, at=NOON)
    people.set_members(tx, team.id, [ann.id])

    known = sessions.who(tx, b"0", NOON)

    assert known is not None
    assert (known.user, known.session_id, known.kind) == (people.get(tx, ann.id), number, Kind.TOKEN)
    assert known.user.team_ids == (team.id,)
    assert sessions.alive(tx, number, NOON) == known
    assert sessions.who(tx, b"1", NOON) is None
    assert sessions.alive(tx, number + 1, NOON) is None


def test_what_has_expired_opens_nothing(tx: Tx) -> None:
    _, (number,) = ann_with(tx, Kind.SESSION)

    assert sessions.who(tx, b"0", NOON + 9) is not None
    assert sessions.who(tx, b"0", NOON + 10) is None
    assert sessions.alive(tx, number, NOON + 10) is None


def test_nobody_gets_in_who_is_not_active_whatever_is_still_open(tx: Tx) -> None:
    ann, (number,) = ann_with(tx, Kind.SESSION, expires_at=None)

    people.update(tx, msgspec.structs.replace(ann, is_active=False))

    assert sessions.who(tx, b"0", NOON) is None
    assert sessions.alive(tx, number, NOON) is None


def test_one_kind_ends_and_one_session_may_be_spared(tx: Tx) -> None:
    ann, (one, two, token) = ann_with(tx, Kind.SESSION, Kind.SESSION, Kind.TOKEN)

    assert sessions.end_of_user(tx, ann.id, kind=Kind.SESSION, but=two) == {one}
    assert sessions.end_of_user(tx, ann.id) == {two, token}


def test_only_what_has_expired_is_swept(tx: Tx) -> None:
    ann, opened = ann_with(tx, Kind.SESSION, Kind.TOKEN)
    lasting = sessions.insert(
        tx, hashed=b"x", kind=Kind.TOKEN, user_id=ann.id, at=NOON, expires_at=None, name="lasting"
    )

    assert not sessions.any_expired(tx, NOON + 9)
    assert sessions.sweep(tx, NOON + 9) == {}
    assert sessions.any_expired(tx, NOON + 10)
    assert sessions.sweep(tx, NOON + 10) == {ann.id: set(opened)}
    assert [token.id for token in sessions.tokens(tx, ann.id, limit=9)] == [lasting]


def test_who_calls_is_found_by_index(tx: Tx) -> None:
    ann_with(tx, Kind.SESSION)
    asked: list[str] = []
    tx._conn.set_trace_callback(asked.append)
    sessions.who(tx, b"0", NOON)
    sessions.any_expired(tx, NOON)
    tx._conn.set_trace_callback(None)

    plans = [row["detail"] for sql in asked for row in tx.execute(f"EXPLAIN QUERY PLAN {sql}")]

    assert len(asked) == 2
    assert not [plan for plan in plans if plan.startswith("SCAN")]
