"""The names of rooms."""

import pytest

from servicedesk.live.rooms import Room, named, ticket_of


@pytest.mark.parametrize(
    ("name", "room"),
    [
        ("desk", Room(is_staff=True)),
        ("user:7", Room(user_id=7)),
        ("ticket:42", Room(ticket_id=42)),
        ("ticket:42:staff", Room(ticket_id=42, is_staff=True)),
    ],
)
def test_a_name_says_whose_room_it_is(name: str, room: Room) -> None:
    assert named(name) == room


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Desk",
        "ticket:0",
        "ticket:042",
        "ticket:1:",
        "ticket:1:customer",
        "user:-1",
        "ticket:٤٢",
        "ticket:1\n",
    ],
)
def test_whatever_is_no_name_of_ours_is_no_room(name: str) -> None:
    assert named(name) is None


def test_only_the_public_room_stands_for_the_ticket() -> None:
    assert ticket_of("ticket:42") == 42
    assert ticket_of("ticket:42:staff") is None
