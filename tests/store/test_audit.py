"""The audit list as a table that nothing is taken from."""

import sqlite3

import pytest

from servicedesk.domain.audit import Action, Area, Noun, Occasion, Subject
from servicedesk.domain.people import Role, User
from servicedesk.store import audit, people
from servicedesk.store.db import Tx

NOON = 1_800_000_000_000


def person(tx: Tx, name: str) -> User:
    return people.insert(tx, email=f"{name}@example.org".lower(), name=name, role=Role.ADMIN, at=NOON)


def written(tx: Tx, action: Action, noun: Noun, by: User | None, subject: User | None = None) -> None:
    of = Subject(noun, subject.id, subject.name) if subject else Subject(noun, 1, "thing")
    audit.append(tx, action, of, {"fields": ["name"]}, Occasion(at=NOON, by=by, address="192.0.2.7"))


def numbers(tx: Tx, **wanted: object) -> list[int]:
    return [entry.id for entry in audit.page(tx, limit=100, **wanted)]  # type: ignore[arg-type]


def test_a_row_says_who_did_what_from_where(tx: Tx) -> None:
    ada = person(tx, "Ada")

    written(tx, Action.CHANGED, Noun.TEAM, ada)

    (row,) = audit.page(tx, limit=9)
    assert (row.id, row.at, row.actor_id, row.actor, row.address) == (1, NOON, ada.id, "Ada", "192.0.2.7")
    assert (row.action, row.area, row.noun, row.subject_id, row.subject) == (
        "changed",
        "people",
        "team",
        "1",
        "thing",
    )
    assert row.details == '{"fields":["name"]}'


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET actor = 'Eve' WHERE id = 1",
        "DELETE FROM audit WHERE id = 2",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE id = 1",
        "INSERT INTO audit SELECT 7, at, actor_id, actor, action, area, noun, subject_id, subject, details, address,"
        " previous, hash FROM audit WHERE id = 1",
    ],
)
def test_nothing_is_changed_taken_out_or_put_in_between(tx: Tx, sql: str) -> None:
    ada = person(tx, "Ada")
    for _ in range(2):
        written(tx, Action.LOGGED_IN, Noun.PERSON, ada, ada)

    with pytest.raises(sqlite3.IntegrityError, match="only added to"):
        tx.execute(sql)

    assert audit.first_break(tx) is None
    assert len(audit.page(tx, limit=9)) == 2


def test_what_was_undone_was_never_written(tx: Tx) -> None:
    ada = person(tx, "Ada")
    written(tx, Action.LOGGED_IN, Noun.PERSON, ada, ada)

    def failing() -> None:
        written(tx, Action.LOGGED_OUT, Noun.PERSON, ada, ada)
        raise LookupError

    assert isinstance(tx.attempt(failing), LookupError)

    written(tx, Action.CHANGED, Noun.DESK, ada)

    assert [row.action for row in audit.page(tx, limit=9)] == ["changed", "logged_in"]
    assert audit.first_break(tx) is None


def test_a_list_that_was_tampered_with_tells_where(tx: Tx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "AT_ONCE", 3)
    ada = person(tx, "Ada")
    for _ in range(10):
        written(tx, Action.LOGGED_IN, Noun.PERSON, ada, ada)
    assert audit.first_break(tx) is None
    for trigger in ("audit_is_not_changed", "audit_is_not_deleted", "audit_goes_on_at_its_end"):
        tx.execute(f"DROP TRIGGER {trigger}")

    for sql, broken in (
        ("UPDATE audit SET address = '' WHERE id = 4", 4),
        ("DELETE FROM audit WHERE id = 4", 4),
        ("DELETE FROM audit WHERE id > 7", 8),
        ("DELETE FROM audit", 1),
        ("UPDATE audit SET hash = upper(hash) WHERE id = 10", 10),
    ):
        tx.execute("SAVEPOINT whole")
        tx.execute(sql)
        assert audit.first_break(tx) == broken, sql
        tx.execute("ROLLBACK TO whole")


def test_rows_are_found_by_person_and_by_kind(tx: Tx) -> None:
    ada, mara = person(tx, "Ada"), person(tx, "Mara")
    written(tx, Action.LOGGED_IN, Noun.PERSON, ada, ada)  # 1
    written(tx, Action.CHANGED, Noun.PERSON, ada, mara)  # 2
    written(tx, Action.LOGGED_IN, Noun.PERSON, mara, mara)  # 3
    written(tx, Action.DELETED, Noun.FILE, mara)  # 4
    written(tx, Action.ENDED, Noun.SESSION, ada, mara)  # 5
    written(tx, Action.LOG_IN_FAILED, Noun.PERSON, None, mara)  # 6
    written(tx, Action.DELETED, Noun.TOKEN, ada, mara)  # 7

    assert numbers(tx) == [7, 6, 5, 4, 3, 2, 1]
    assert numbers(tx, person_id=ada.id) == [7, 5, 2, 1]
    assert numbers(tx, person_id=mara.id) == [7, 6, 5, 4, 3, 2]
    assert numbers(tx, area=Area.LOG_IN) == [6, 5, 3, 1]
    assert numbers(tx, area=Area.LOG_IN, person_id=mara.id) == [6, 5, 3]
    assert numbers(tx, area=Area.DATA) == [4]
    assert numbers(tx, before=4) == [3, 2, 1]
    assert numbers(tx, person_id=mara.id, before=5) == [4, 3, 2]


def test_every_page_is_found_by_index(tx: Tx) -> None:
    asked: list[str] = []
    tx._conn.set_trace_callback(asked.append)
    for area in (None, Area.KEYS):
        for person_id in (None, 7):
            audit.page(tx, limit=50, before=1_000, area=area, person_id=person_id)
    ada = person(tx, "Ada")
    written(tx, Action.CHANGED, Noun.TEAM, ada)
    tx._conn.set_trace_callback(None)

    questions = [sql for sql in asked if "FROM audit" in sql]
    plans = [row["detail"] for sql in questions for row in tx.execute(f"EXPLAIN QUERY PLAN {sql}")]

    assert len(questions) >= 5
    assert not [plan for plan in plans if "TEMP B-TREE" in plan]
    assert not [plan for plan in plans if plan.startswith("SCAN") and plan != "SCAN audit"], plans
