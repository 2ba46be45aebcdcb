"""What changes about people, and what follows from it."""

from typing import Any

import pytest

from servicedesk.desk import people as desk
from servicedesk.desk import sessions as doors
from servicedesk.desk import tickets
from servicedesk.desk.people import Edit, NewPerson, NewTeam, TeamEdit
from servicedesk.desk.tickets import Draft
from servicedesk.domain.errors import Forbidden, Invalid, LastAdmin
from servicedesk.domain.events import PersonChanged, SessionsEnded
from servicedesk.domain.people import Availability, Role, User
from servicedesk.store import people, sessions
from servicedesk.store import tickets as stored
from servicedesk.store.db import Tx
from servicedesk.store.sessions import Kind

NOON = 1_790_000_000_000


def somebody(tx: Tx, name: str, role: Role = Role.AGENT, **fields: Any) -> User:
    return desk.create(tx, NewPerson(email=f"{name}@example.org", name=name, role=role, **fields), at=NOON)


@pytest.fixture
def admin(tx: Tx) -> User:
    return somebody(tx, "admin", Role.ADMIN)


def change(tx: Tx, user: User, by: User, **fields: Any) -> User:
    return desk.edit(tx, user.id, Edit(**fields), by=by, at=NOON)


def a_waiting_ticket(tx: Tx, by: User, **fields: Any) -> int:
    """Open a ticket for which nobody is free."""
    made = tickets.create(tx, Draft(title="The printer is on fire", **fields), by=by, at=NOON)
    assert made.assigned_to is None
    return made.id


def assignee(tx: Tx, ticket_id: int) -> int | None:
    return stored.get(tx, ticket_id).assignee_id


# Who may change what ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "own", "others"),
    [
        (Role.ADMIN, set(Edit.__struct_fields__), set(Edit.__struct_fields__)),
        (
            Role.SUPERVISOR,
            {"name", "availability", "skills", "max_tickets", "team_ids", "calendar_id"},
            {"availability", "skills", "max_tickets", "team_ids", "calendar_id"},
        ),
        (Role.AGENT, {"name", "availability"}, set()),
    ],
)
def test_who_may_change_which_field(tx: Tx, role: Role, own: set[str], others: set[str]) -> None:
    actor, other = somebody(tx, "actor", role), somebody(tx, "other")

    assert desk.editable(actor, actor) == own
    assert desk.editable(actor, other) == others


def test_one_field_too_many_refuses_all(tx: Tx) -> None:
    ann = somebody(tx, "ann")

    with pytest.raises(Forbidden, match="role"):
        change(tx, ann, ann, name="Anne", role=Role.ADMIN)

    assert people.get(tx, ann.id) == ann


def test_an_admins_own_password_is_not_set_this_way(tx: Tx, admin: User) -> None:
    with pytest.raises(Invalid):
        change(tx, admin, admin, password_hash="x")


# The last admin -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{"role": Role.SUPERVISOR}, {"is_active": False}])
def test_the_last_active_admin_stays(tx: Tx, admin: User, fields: dict[str, Any]) -> None:
    retired = somebody(tx, "retired", Role.ADMIN)
    change(tx, retired, admin, is_active=False)

    with pytest.raises(LastAdmin):
        change(tx, admin, admin, **fields)

    change(tx, retired, admin, is_active=True)
    change(tx, admin, admin, **fields)


def test_an_admin_who_is_out_already_may_be_demoted(tx: Tx, admin: User) -> None:
    retired = somebody(tx, "retired", Role.ADMIN)
    change(tx, retired, admin, is_active=False)

    assert change(tx, retired, admin, role=Role.AGENT).role is Role.AGENT


# What ends ----------------------------------------------------------------------------------------------------


def doors_of(tx: Tx, user: User) -> dict[Kind, int]:
    return {
        kind: sessions.insert(
            tx, hashed=f"{user.id}{kind}".encode(), kind=kind, user_id=user.id, at=NOON, expires_at=None
        )
        for kind in Kind
    }


def test_a_deactivated_persons_sessions_and_tokens_end(tx: Tx, admin: User) -> None:
    ann = somebody(tx, "ann")
    doors_of(tx, ann)
    tx.notices.clear()

    change(tx, ann, admin, is_active=False)

    assert SessionsEnded(ann.id, None, 4503) in tx.notices
    assert sessions.end_of_user(tx, ann.id) == frozenset()


def test_a_password_that_an_admin_sets_ends_the_sessions_but_no_token(tx: Tx, admin: User) -> None:
    ann = somebody(tx, "ann")
    opened = doors_of(tx, ann)
    tx.notices.clear()

    change(tx, ann, admin, password_hash="new")

    assert tx.notices == [SessionsEnded(ann.id, frozenset({opened[Kind.SESSION]}), 4501)]
    assert sessions.end_of_user(tx, ann.id) == {opened[Kind.TOKEN]}
    assert people.password_hash(tx, ann.id) == "new"


def test_a_log_in_loses_against_a_password_that_changed_meanwhile(tx: Tx) -> None:
    ann = somebody(tx, "ann", password_hash="old")
    people.set_password_hash(tx, ann.id, "new")

    with pytest.raises(doors.BadCredentials):
        doors.open_session(tx, ann.id, "old", b"hash", NOON, NOON + 1)
    with pytest.raises(doors.WrongPassword):
        doors.change_password(tx, ann.id, "old", "newer", but=0)


def test_a_change_is_told_and_no_change_is_not(tx: Tx, admin: User) -> None:
    ann = somebody(tx, "ann", skills=("vpn",))
    tx.notices.clear()

    change(tx, ann, admin, name="ann", skills=("vpn",), is_active=True)
    assert tx.notices == []
    change(tx, ann, admin, name="Anne")
    assert tx.notices == [PersonChanged(ann.id)]


def test_the_tickets_of_a_deactivated_agent_stay_theirs(tx: Tx, admin: User) -> None:
    ann = somebody(tx, "ann")
    made = tickets.create(tx, Draft(title="Printer"), by=admin, at=NOON)
    assert made.assigned_to is not None
    assert made.assigned_to.id == ann.id

    change(tx, ann, admin, is_active=False)

    assert assignee(tx, made.id) == ann.id


# Waiting tickets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "fields"),
    [
        ({"availability": Availability.AWAY}, {"availability": Availability.AVAILABLE}),
        ({"max_tickets": 0}, {"max_tickets": 1}),
        ({"role": Role.CUSTOMER}, {"role": Role.AGENT}),
        ({"skills": ("vpn",)}, {"skills": ("vpn", "Printers")}),
    ],
)
def test_a_waiting_ticket_goes_to_whoever_becomes_free(
    tx: Tx, admin: User, before: dict[str, Any], fields: dict[str, Any]
) -> None:
    ann = somebody(tx, "ann", **before)
    wanted = ("printers",) if "skills" in fields else ()
    ticket_id = a_waiting_ticket(tx, admin, required_skills=wanted)

    change(tx, ann, admin, **fields)

    assert assignee(tx, ticket_id) == ann.id


def test_a_waiting_ticket_goes_to_whoever_is_taken_on_or_comes_back(tx: Tx, admin: User) -> None:
    first = a_waiting_ticket(tx, admin)
    ann = somebody(tx, "ann", max_tickets=1)
    second = a_waiting_ticket(tx, admin)
    bob = somebody(tx, "bob", availability=Availability.AWAY)
    change(tx, bob, admin, is_active=False, availability=Availability.AVAILABLE)

    assert assignee(tx, first) == ann.id
    assert assignee(tx, second) is None
    change(tx, bob, admin, is_active=True)
    assert assignee(tx, second) == bob.id


def test_a_teams_waiting_ticket_goes_to_whoever_joins(tx: Tx, admin: User) -> None:
    ann, bob = somebody(tx, "ann"), somebody(tx, "bob")
    team = desk.create_team(tx, NewTeam(name="Network"), at=NOON)
    first = a_waiting_ticket(tx, admin, team_id=team.id)

    change(tx, ann, admin, team_ids=(team.id,))
    assert assignee(tx, first) == ann.id

    change(tx, ann, admin, team_ids=())
    second = a_waiting_ticket(tx, admin, team_id=team.id)
    desk.edit_team(tx, team.id, TeamEdit(member_ids=(bob.id,)), at=NOON)
    assert assignee(tx, second) == bob.id


# Teams --------------------------------------------------------------------------------------------------------


def test_members_of_a_team_are_staff_and_teams_exist(tx: Tx, admin: User) -> None:
    ann, guest = somebody(tx, "ann"), somebody(tx, "guest", Role.CUSTOMER)
    team = desk.create_team(tx, NewTeam(name="Network"), at=NOON)

    with pytest.raises(Invalid) as refusal:
        desk.edit_team(tx, team.id, TeamEdit(member_ids=(ann.id, guest.id, 999)), at=NOON)
    assert [error.pointer for error in refusal.value.errors] == ["/member_ids/1", "/member_ids/2"]
    with pytest.raises(Invalid) as refusal:
        change(tx, ann, admin, team_ids=(team.id, 999))
    assert [error.pointer for error in refusal.value.errors] == ["/team_ids/1"]
    with pytest.raises(Invalid):
        change(tx, guest, admin, team_ids=(team.id,))


def test_a_team_is_led_by_active_staff(tx: Tx, admin: User) -> None:
    guest, ann = somebody(tx, "guest", Role.CUSTOMER), somebody(tx, "ann")
    change(tx, ann, admin, is_active=False)

    for lead_id in (guest.id, ann.id, 999):
        with pytest.raises(Invalid) as refusal:
            desk.create_team(tx, NewTeam(name="Network", lead_id=lead_id), at=NOON)
        assert refusal.value.errors[0].pointer == "/lead_id"


def test_who_leaves_does_not_lead_any_more_but_may_come_back_as_a_member(tx: Tx, admin: User) -> None:
    ann = somebody(tx, "ann")
    team = desk.create_team(tx, NewTeam(name="Network", lead_id=ann.id, member_ids=(ann.id,)), at=NOON)

    change(tx, ann, admin, is_active=False)

    assert people.team(tx, team.id).lead_id is None
    assert people.team(tx, team.id).member_ids == (ann.id,)


def test_who_becomes_a_customer_leaves_the_teams(tx: Tx, admin: User) -> None:
    ann = somebody(tx, "ann")
    team = desk.create_team(tx, NewTeam(name="Network", lead_id=ann.id, member_ids=(ann.id,)), at=NOON)

    change(tx, ann, admin, role=Role.CUSTOMER)

    assert (people.team(tx, team.id).lead_id, people.team(tx, team.id).member_ids) == (None, ())


def test_those_who_join_and_leave_hear_of_it(tx: Tx, admin: User) -> None:
    ann, bob, cat = somebody(tx, "ann"), somebody(tx, "bob"), somebody(tx, "cat")
    team = desk.create_team(tx, NewTeam(name="Network", member_ids=(ann.id, bob.id)), at=NOON)
    tx.notices.clear()

    desk.edit_team(tx, team.id, TeamEdit(member_ids=(bob.id, cat.id)), at=NOON)

    assert tx.notices == [PersonChanged(ann.id), PersonChanged(cat.id)]


def test_a_name_is_kept_trimmed_and_skills_once(tx: Tx, admin: User) -> None:
    ann = somebody(tx, "ann")

    after = change(tx, ann, admin, name="  Anne ", skills=(" VPN", "vpn", "Printers"), email=" A@x.org ")

    assert (after.name, after.skills, after.email) == ("Anne", ("VPN", "Printers"), "A@x.org")
