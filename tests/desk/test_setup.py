"""The first quarter of an hour."""

from typing import Any

import pytest

from servicedesk.desk import setup
from servicedesk.desk.setup import Start
from servicedesk.domain.errors import AlreadySetUp, Invalid
from servicedesk.domain.people import Role
from servicedesk.store import people
from servicedesk.store.db import Tx

NOON = 1_790_000_000_000


def start(tx: Tx, **fields: Any) -> Any:
    who = {"email": "ada@example.org", "name": "Ada", "password_hash": "hash"}
    return setup.begin(tx, Start(**(who | fields)), at=NOON)


def test_the_first_person_is_an_admin_with_a_team(tx: Tx) -> None:
    ada = start(tx, desk_name=" Help at Acme ", time_zone="Europe/Berlin", team="Support")

    assert (ada.role, ada.email) == (Role.ADMIN, "ada@example.org")
    assert [people.team(tx, team_id).name for team_id in ada.team_ids] == ["Support"]
    assert setup.desk_name(tx) == "Help at Acme"
    assert setup.time_zone(tx).key == "Europe/Berlin"


def test_name_zone_and_team_may_be_left_out(tx: Tx) -> None:
    ada = start(tx)

    assert ada.team_ids == ()
    assert (setup.desk_name(tx), setup.time_zone(tx).key) == ("Service desk", "UTC")


def test_a_desk_is_set_up_once(tx: Tx) -> None:
    start(tx)

    with pytest.raises(AlreadySetUp):
        start(tx, email="eve@example.org")


@pytest.mark.parametrize(
    "zone", ["Mars/Base", "", "../../etc/passwd", "/etc/passwd", "Europe", "x" * 300, "a\0b"]
)
def test_a_zone_that_is_none_is_refused(tx: Tx, zone: str) -> None:
    with pytest.raises(Invalid) as refusal:
        start(tx, time_zone=zone)

    assert refusal.value.errors[0].pointer == "/time_zone"
