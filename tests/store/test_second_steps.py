"""Second steps as rows: what was used is used, also by somebody who came at the same instant."""

from servicedesk.domain.people import Role, User
from servicedesk.domain.second_steps import Shown, recovery_hash
from servicedesk.store import people, second_steps, sessions
from servicedesk.store.db import Tx

NOON = 1_800_000_000_000


def ada(tx: Tx) -> User:
    return people.insert(tx, email="ada@example.org", name="Ada", role=Role.ADMIN, at=NOON)


def test_two_who_show_the_same_code_do_not_both_get_in(tx: Tx) -> None:
    user = ada(tx)
    second_steps.begin(tx, user.id, b"sealed", NOON)
    second_steps.confirm(tx, user.id, b"sealed", 40, NOON)

    used = [second_steps.use(tx, user.id, Shown(half_minute=number)) for number in (40, 41, 41, 40, 42)]

    assert used == [False, True, False, False, True]


def test_two_who_show_the_same_recovery_code_do_not_both_get_in(tx: Tx) -> None:
    user = ada(tx)
    second_steps.replace_codes(tx, user.id, [recovery_hash("one"), recovery_hash("two")])
    shown = Shown(recovery=recovery_hash("one"))

    assert [second_steps.use(tx, user.id, shown) for _ in range(2)] == [True, False]
    assert second_steps.codes_left(tx, user.id) == 1


def test_what_was_only_begun_opens_nothing_and_what_is_on_is_not_begun_again(tx: Tx) -> None:
    user = ada(tx)
    second_steps.begin(tx, user.id, b"first", NOON)

    assert not second_steps.is_on(tx, user.id)
    assert not second_steps.use(tx, user.id, Shown(half_minute=99))
    assert not second_steps.confirm(tx, user.id, b"another", 1, NOON)
    assert second_steps.confirm(tx, user.id, b"first", 1, NOON)
    assert not second_steps.confirm(tx, user.id, b"first", 2, NOON)
    second_steps.begin(tx, user.id, b"second", NOON)
    found = second_steps.of(tx, user.id)
    assert found is not None
    assert (found.sealed, found.last_used) == (b"first", 1)


def test_asking_who_calls_reads_no_table_as_a_whole(tx: Tx) -> None:
    asked: list[str] = []
    tx._conn.set_trace_callback(asked.append)
    sessions.who(tx, b"x", NOON)
    tx._conn.set_trace_callback(None)

    (sql,) = [each for each in asked if "must_enrol" in each]
    plan = [row["detail"] for row in tx.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert not [step for step in plan if step.startswith("SCAN")], plan
