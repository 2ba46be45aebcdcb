"""The audit list as a chain: whatever is done to it behind the desk's back shows."""

from typing import Any

import msgspec
import pytest

from servicedesk.domain.audit import START, Break, Entry, Flaw, Sealed, first_break, sealed


def a_chain(length: int = 5) -> list[Sealed]:
    rows: list[Sealed] = []
    for number in range(1, length + 1):
        previous = rows[-1].hash if rows else START
        rows.append(
            sealed(
                Entry(
                    id=number,
                    at=1_000 + number,
                    actor_id=1,
                    actor="Ada",
                    action="changed",
                    area="people",
                    noun="person",
                    subject_id="2",
                    subject="Mara",
                    details='{"fields":["role"]}',
                    address="192.0.2.1",
                    previous=previous,
                )
            )
        )
    return rows


def test_a_list_as_it_was_written_is_whole() -> None:
    assert first_break([]) is None
    assert first_break(a_chain()) is None
    assert first_break(a_chain()[2:], after=a_chain()[1]) is None


def test_the_hash_is_that_of_the_rows_canonical_json() -> None:
    row = a_chain(1)[0]

    assert msgspec.json.encode(row.entry, order="sorted") == (
        b'{"action":"changed","actor":"Ada","actor_id":1,"address":"192.0.2.1","area":"people","at":1001,'
        b'"details":"{\\"fields\\":[\\"role\\"]}","id":1,"noun":"person",'
        b'"previous":"' + b"0" * 64 + b'","subject":"Mara","subject_id":"2"}'
    )
    assert row.hash == "aea8f844f11e6a179e4720c7d607b569aea1f4952a177ef5de0010061f9d074d"


@pytest.mark.parametrize("name", [name for name in Entry.__struct_fields__ if name != "id"])
def test_a_row_that_was_changed_breaks_the_chain_there(name: str) -> None:
    rows = a_chain()
    other: Any = {"at": 7, "actor_id": None, "previous": "f" * 64}.get(name, "another")
    rows[2] = Sealed(msgspec.structs.replace(rows[2].entry, **{name: other}), rows[2].hash)

    assert first_break(rows) == Break(3, Flaw.CHANGED)


def test_a_row_that_was_changed_and_sealed_anew_breaks_it_at_the_next() -> None:
    rows = a_chain()
    rows[2] = sealed(msgspec.structs.replace(rows[2].entry, subject="Eve"))

    assert first_break(rows) == Break(4, Flaw.UNLINKED)


def test_a_row_that_was_taken_out_is_named() -> None:
    rows = a_chain()

    assert first_break(rows[:2] + rows[3:]) == Break(3, Flaw.MISSING)
    assert first_break(rows[1:]) == Break(1, Flaw.MISSING)


def test_rows_that_were_swapped_break_it() -> None:
    rows = a_chain()
    rows[1], rows[2] = rows[2], rows[1]

    assert first_break(rows) == Break(2, Flaw.MISSING)


def test_a_row_that_was_put_in_breaks_it() -> None:
    rows = a_chain()
    forged = sealed(msgspec.structs.replace(rows[3].entry, subject="Eve"))

    assert first_break([*rows[:3], forged, *rows[3:]]) == Break(5, Flaw.MISSING)
