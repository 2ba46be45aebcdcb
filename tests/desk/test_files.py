"""What people do with files, in one transaction each."""

from typing import Any

import msgspec
import pytest

from servicedesk.desk import files, messages, tickets
from servicedesk.domain.errors import Forbidden, Invalid, NotFound
from servicedesk.domain.events import DESK, Told, staff_room, ticket_room
from servicedesk.domain.files import A_MESSAGE, NewFile, Picture
from servicedesk.domain.people import Role, User
from servicedesk.domain.views import FileBody
from servicedesk.store import files as stored
from servicedesk.store import history, people, search
from servicedesk.store import tickets as stored_tickets
from servicedesk.store.db import Tx

NINE = 1_800_000_000_000
LATER = NINE + 60_000


class House:
    """A ticket of one customer, and the people around it."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.ada = self.person(Role.CUSTOMER, "Ada")
        self.eve = self.person(Role.CUSTOMER, "Eve")
        self.bob = self.person(Role.AGENT, "Bob")
        self.sue = self.person(Role.SUPERVISOR, "Sue")
        self.ticket_id = tickets.create(tx, tickets.Draft(title="Fire"), by=self.ada, at=NINE).id
        self.made = 0
        tx.notices.clear()

    def person(self, role: Role, name: str) -> User:
        return people.insert(self.tx, email=f"{name}@desk.example", name=name, role=role, at=NINE)

    def new(self, **fields: Any) -> NewFile:
        self.made += 1
        plain = {
            "filename": "a.txt",
            "size": 1,
            "content_type": "text/plain; charset=utf-8",
            "sha256": "0" * 64,
        }
        return NewFile(**{"id": f"file-{self.made:020}", "ticket_id": self.ticket_id, **plain, **fields})

    def add(self, by: User, **fields: Any) -> FileBody:
        return files.add(self.tx, self.new(**fields), by=by, at=LATER)

    def say(self, by: User, body: str = "Look", **fields: Any) -> messages.Posted:
        return messages.post(self.tx, self.ticket_id, body, by=by, at=LATER, **fields)

    def heard(self) -> list[tuple[str, str, Any]]:
        """Return what was told since the last look: room, event and data."""
        frames = [notice for notice in self.tx.notices if isinstance(notice, Told)]
        self.tx.notices.clear()
        return [
            (told.room, (frame := msgspec.json.decode(told.frame))["event"], frame["data"]) for told in frames
        ]

    def is_found(self, word: str, *, internal: bool) -> bool:
        search.catch_up(self.tx)
        terms = [search.Term((word,), is_prefix=False)]
        return list(search.found(self.tx, terms, None, internal=internal)) == [self.ticket_id]


@pytest.fixture
def house(tx: Tx) -> House:
    return House(tx)


def test_a_file_of_the_requester_is_told_to_its_room_and_counted_for_staff(house: House) -> None:
    file = house.add(house.ada, filename="invoice.txt")

    room, staff, desk = house.heard()
    assert room[:2] == (ticket_room(house.ticket_id), "file_uploaded")
    assert room[2]["file"]["id"] == file.id
    assert room[2]["ticket"]["file_count"] == 1
    for told, name in ((staff, staff_room(house.ticket_id)), (desk, DESK)):
        assert told[:2] == (name, "ticket_updated")
        assert told[2]["action"] == "updated"
        assert told[2]["changes"] == {"file_count": {"from": 0, "to": 1}}

    ticket = stored_tickets.get(house.tx, house.ticket_id)
    assert (ticket.public_files, ticket.internal_files, ticket.version, ticket.updated_at) == (1, 0, 1, LATER)


def test_an_internal_file_is_told_to_staff_alone(house: House) -> None:
    house.add(house.bob, is_internal=True)

    assert {room for room, _, _ in house.heard()} == {staff_room(house.ticket_id), DESK}
    ticket = stored_tickets.get(house.tx, house.ticket_id)
    assert (ticket.public_files, ticket.internal_files, ticket.updated_at) == (0, 1, NINE)
    assert files.of_ticket(house.tx, house.ticket_id, staff=False) == []
    assert len(files.of_ticket(house.tx, house.ticket_id, staff=True)) == 1


def test_nobody_hangs_files_on_what_they_may_not_see(house: House) -> None:
    with pytest.raises(NotFound):
        house.add(house.eve)
    with pytest.raises(NotFound):
        house.add(house.bob, ticket_id=99)
    with pytest.raises(Forbidden):
        house.add(house.ada, is_internal=True)


def test_a_file_hangs_on_a_message_of_its_own_ticket_alone(house: House) -> None:
    note = house.say(house.bob, is_internal=True).message.id
    other = tickets.create(house.tx, tickets.Draft(title="Water"), by=house.ada, at=NINE).id
    elsewhere = messages.post(house.tx, other, "Help", by=house.ada, at=NINE).message.id

    for message_id in (note, elsewhere, 999):
        with pytest.raises(Invalid, match="message_id"):
            house.add(house.ada, message_id=message_id)


def test_a_file_on_a_note_is_internal_whatever_was_sent(house: House) -> None:
    note = house.say(house.bob, is_internal=True).message.id

    assert house.add(house.bob, message_id=note, is_internal=False).is_internal


def test_a_message_carries_ten_files(house: House) -> None:
    message_id = house.say(house.ada).message.id
    for _ in range(A_MESSAGE):
        house.add(house.ada, message_id=message_id)

    with pytest.raises(Invalid, match="10 files"):
        house.add(house.ada, message_id=message_id)


def test_a_waiting_file_goes_with_the_message(house: House) -> None:
    file = house.add(house.ada)

    message = house.say(house.ada, file_ids=[file.id]).message

    assert [attached.id for attached in message.files] == [file.id]
    assert message.files[0].message_id == message.id


@pytest.mark.parametrize("who", ["bob", "sue"])
def test_only_ones_own_waiting_files_go_with_a_message(house: House, who: str) -> None:
    file = house.add(house.ada)

    with pytest.raises(Invalid, match="file_ids/0"):
        house.say(getattr(house, who), file_ids=[file.id])


def test_an_internal_file_does_not_leave_with_a_reply(house: House) -> None:
    file = house.add(house.bob, is_internal=True)

    with pytest.raises(Invalid, match="internal"):
        house.say(house.bob, file_ids=[file.id])


def test_a_public_file_that_goes_with_a_note_is_gone_for_the_requester(house: House) -> None:
    file = house.add(house.bob, filename="secretplan.txt")
    house.heard()

    house.say(house.bob, is_internal=True, file_ids=[file.id])

    told = house.heard()
    gone = next(data for room, event, data in told if room == ticket_room(house.ticket_id))
    assert gone["action"] == "file_deleted"
    assert gone["changes"] == {"files": {"from": file.id, "to": None}}
    assert gone["ticket"]["file_count"] == 0
    arrived = next(data for room, event, data in told if event == "file_uploaded")
    assert arrived["file"]["is_internal"]
    ticket = stored_tickets.get(house.tx, house.ticket_id)
    assert (ticket.public_files, ticket.internal_files) == (0, 1)
    assert not house.is_found("secretplan", internal=False)
    assert house.is_found("secretplan", internal=True)
    with pytest.raises(NotFound):
        files.delete(house.tx, file.id, by=house.ada, at=LATER)


def test_a_file_is_found_by_its_name_until_it_goes(house: House) -> None:
    file = house.add(house.ada, filename="broken_printer.txt")
    assert house.is_found("printer", internal=False)

    files.delete(house.tx, file.id, by=house.ada, at=LATER)

    assert not house.is_found("printer", internal=True)


def test_who_uploaded_a_file_or_supervises_takes_it_away(house: House) -> None:
    for uploader, remover in ((house.ada, house.ada), (house.ada, house.sue), (house.bob, house.bob)):
        file = house.add(uploader)
        files.delete(house.tx, file.id, by=remover, at=LATER)
        with pytest.raises(NotFound):
            stored.get(house.tx, file.id)

    file = house.add(house.bob)
    with pytest.raises(Forbidden):
        files.delete(house.tx, file.id, by=house.ada, at=LATER)
    with pytest.raises(NotFound):
        files.delete(house.tx, file.id, by=house.eve, at=LATER)


def test_a_deletion_is_told_and_written_down(house: House) -> None:
    file = house.add(house.ada)
    house.heard()

    files.delete(house.tx, file.id, by=house.sue, at=LATER + 1)

    room, staff, desk = house.heard()
    assert (room[0], room[2]["action"]) == (ticket_room(house.ticket_id), "file_deleted")
    assert room[2]["changes"] == {"files": {"from": file.id, "to": None}}
    assert room[2]["actor"] == {"id": house.sue.id, "name": "Sue"}
    assert [told[2]["changes"] for told in (staff, desk)] == [{"file_count": {"from": 1, "to": 0}}] * 2
    last = history.page(house.tx, house.ticket_id, after=0, limit=99, internal=False)[-1]
    assert (last.type, last.changes["files"].from_) == ("file_deleted", file.id)
    assert stored_tickets.get(house.tx, house.ticket_id).updated_at == LATER + 1


def test_a_customer_does_not_hear_that_an_internal_file_went(house: House) -> None:
    file = house.add(house.bob, is_internal=True)
    house.heard()

    files.delete(house.tx, file.id, by=house.bob, at=LATER)

    assert {room for room, _, _ in house.heard()} == {staff_room(house.ticket_id), DESK}
    changes = history.page(house.tx, house.ticket_id, after=0, limit=99, internal=False)
    assert "file_deleted" not in [change.type for change in changes]


def test_bytes_are_named_as_long_as_one_file_has_them(house: House) -> None:
    first, second = house.add(house.ada, sha256="1" * 64), house.add(house.bob, sha256="1" * 64)

    files.delete(house.tx, first.id, by=house.ada, at=LATER)
    assert stored.is_named(house.tx, "1" * 64)

    files.delete(house.tx, second.id, by=house.bob, at=LATER)
    assert not stored.is_named(house.tx, "1" * 64)


def test_of_a_deleted_file_a_line_remains(house: House) -> None:
    message = house.say(house.ada, file_ids=[house.add(house.ada, filename="plan.pdf").id])
    (file,) = stored.of_ticket(house.tx, house.ticket_id, internal=True)

    files.delete(house.tx, file.id, by=house.sue, at=LATER)

    (gone,) = stored.deleted_of_ticket(house.tx, house.ticket_id, limit=10)
    assert (gone.id, gone.filename, gone.message_id) == (file.id, "plan.pdf", message.message.id)
    assert (gone.deleted_by.name, gone.deleted_at) == ("Sue", LATER)
    assert not stored.is_named(house.tx, file.sha256)


def test_what_became_of_a_picture_is_told_once(house: House) -> None:
    body = house.add(house.ada, filename="a.png", picture=Picture.PENDING, sha256="1" * 64)
    house.heard()

    for _ in range(2):
        files.finish_pictures(house.tx, "1" * 64, sides=(20, 10), is_made=True, at=LATER)

    ((room, event, data),) = house.heard()
    assert (room, event) == (ticket_room(house.ticket_id), "ticket_updated")
    assert data["changes"] == {"files": {"from": body.id, "to": body.id}}
    assert (data["file"]["width"], data["file"]["height"]) == (20, 10)
    assert "thumbnail_pending" not in data["file"]
