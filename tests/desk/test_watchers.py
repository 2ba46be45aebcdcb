"""Who watches a ticket, and who is told that they do."""

from typing import Any

import msgspec
import pytest

from servicedesk.desk import messages, tickets
from servicedesk.desk import people as staff
from servicedesk.desk import watchers as desk
from servicedesk.desk.people import Edit, NewPerson
from servicedesk.domain.errors import Forbidden, Invalid, NotFound
from servicedesk.domain.people import Role, User
from servicedesk.store import events, watchers
from servicedesk.store.db import Tx

NOON = 1_790_000_000_000


def somebody(tx: Tx, name: str, role: Role = Role.AGENT) -> User:
    return staff.create(tx, NewPerson(email=f"{name}@example.org", name=name, role=role), at=NOON)


@pytest.fixture
def ann(tx: Tx) -> User:
    return somebody(tx, "ann")


@pytest.fixture
def rita(tx: Tx) -> User:
    return somebody(tx, "rita", Role.CUSTOMER)


@pytest.fixture
def ticket_id(tx: Tx, rita: User) -> int:
    return tickets.create(tx, tickets.Draft(title="Fire", auto_assign=False), by=rita, at=NOON).id


def watching(tx: Tx, ticket_id: int) -> list[str]:
    return [person.name for person in watchers.of_ticket(tx, ticket_id)]


def heard(tx: Tx, room: str) -> list[Any]:
    rows = tx.execute(
        "SELECT frame FROM events WHERE room = ? ORDER BY seq",
        (events.room_number(room),),
    )
    return [msgspec.json.decode(frame)["data"] for (frame,) in rows]


def test_watching_and_not(tx: Tx, ann: User, ticket_id: int) -> None:
    version = heard(tx, "desk")[-1]["version"]

    for watches in (True, True, False, False):
        desk.watch(tx, ticket_id, watches=watches, by=ann, at=NOON)

    told = heard(tx, f"ticket:{ticket_id}:staff")[1:]
    assert [(each["action"], each["changes"], each["version"]) for each in told] == [
        ("updated", {"watchers": {"from": [], "to": [ann.id]}}, version),
        ("updated", {"watchers": {"from": [ann.id], "to": []}}, version),
    ]
    assert len(heard(tx, "desk")) == len(heard(tx, f"ticket:{ticket_id}")) == 1


def test_who_takes_part_watches_until_they_stop(tx: Tx, ann: User, ticket_id: int) -> None:
    messages.post(tx, ticket_id, "I look at it", by=ann, at=NOON)
    assert watching(tx, ticket_id) == ["ann"]
    desk.watch(tx, ticket_id, watches=False, by=ann, at=NOON)

    messages.post(tx, ticket_id, "Still looking", is_internal=True, by=ann, at=NOON)

    assert watching(tx, ticket_id) == []


def test_taking_part_is_told_with_the_counts(tx: Tx, ann: User, ticket_id: int) -> None:
    messages.post(tx, ticket_id, "A hoax?", is_internal=True, by=ann, at=NOON)

    changes = heard(tx, f"ticket:{ticket_id}:staff")[-1]["changes"]
    assert changes == {"watchers": {"from": [], "to": [ann.id]}, "message_count": {"from": 0, "to": 1}}
    assert heard(tx, "desk")[-1]["changes"] == {"message_count": {"from": 0, "to": 1}}


def test_a_colleague_chooses_who_watches(tx: Tx, ann: User, ticket_id: int) -> None:
    ben, carl = somebody(tx, "ben"), somebody(tx, "carl", Role.SUPERVISOR)
    desk.watch(tx, ticket_id, by=ann, at=NOON)
    desk.watch(tx, ticket_id, watches=False, by=ben, at=NOON)

    desk.choose(tx, ticket_id, [ben.id, carl.id, ben.id], by=carl, at=NOON)

    assert watching(tx, ticket_id) == ["ben", "carl"]


def test_each_who_could_not_watch_is_named(tx: Tx, ann: User, rita: User, ticket_id: int) -> None:
    gone = somebody(tx, "gone")
    staff.edit(tx, gone.id, Edit(is_active=False), by=somebody(tx, "admin", Role.ADMIN), at=NOON)

    with pytest.raises(Invalid) as refusal:
        desk.choose(tx, ticket_id, [ann.id, rita.id, gone.id, 999], by=ann, at=NOON)

    assert [error.pointer for error in refusal.value.errors] == ["/user_ids/1", "/user_ids/2", "/user_ids/3"]
    assert watching(tx, ticket_id) == []


def test_customers_do_not_watch(tx: Tx, rita: User, ticket_id: int) -> None:
    with pytest.raises(Forbidden):
        desk.watch(tx, ticket_id, by=rita, at=NOON)
    with pytest.raises(NotFound):
        desk.watch(tx, ticket_id, by=somebody(tx, "other", Role.CUSTOMER), at=NOON)
