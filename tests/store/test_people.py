"""People and teams as rows."""

import msgspec
import pytest

from servicedesk.domain.errors import Invalid, NotFound
from servicedesk.domain.people import Availability, Preset, Role, Team, User
from servicedesk.store import people
from servicedesk.store.db import Tx

NOON = 1_790_000_000_000


def a_person(tx: Tx, email: str, role: Role = Role.AGENT, **more: object) -> User:
    return people.insert(tx, email=email, name=email.split("@")[0].title(), role=role, at=NOON, **more)  # type: ignore[arg-type]


def a_team(tx: Tx, name: str, *members: User) -> Team:
    team = people.insert_team(tx, name=name, assignment=Preset.BALANCED, lead_id=None, at=NOON)
    people.set_members(tx, team.id, [m.id for m in members])
    return people.team(tx, team.id)


def a_ticket(tx: Tx, requester: User, assignee: User | None, at: int = NOON) -> None:
    tx.execute(
        "INSERT INTO tickets (title, status, priority, requester_id, assigned_to, created_at, updated_at)"
        " VALUES ('Printer', 'open', 'low', ?, ?, ?, ?)",
        (requester.id, assignee.id if assignee else None, at, at),
    )


def test_a_person_comes_back_as_they_were_put_in(tx: Tx) -> None:
    mia = people.insert(
        tx,
        email="Mia@Example.org",
        name="Mia",
        role=Role.SUPERVISOR,
        at=NOON,
        max_tickets=3,
        skills=["VPN", "printers"],
        availability=Availability.AWAY,
    )

    assert people.get(tx, mia.id) == mia
    assert (mia.email, mia.skills, mia.max_tickets) == ("Mia@Example.org", ("VPN", "printers"), 3)
    assert mia.is_active
    assert mia.team_ids == ()


def test_an_address_is_found_whatever_its_case(tx: Tx) -> None:
    mia = a_person(tx, "Mia@Example.org")

    assert people.by_email(tx, " mia@EXAMPLE.org") == mia
    assert people.by_email(tx, "max@example.org") is None


def test_nobody_gets_an_address_that_somebody_has(tx: Tx) -> None:
    a_person(tx, "mia@example.org")
    max_ = a_person(tx, "max@example.org")

    with pytest.raises(Invalid) as refusal:
        a_person(tx, "MIA@example.org")
    assert refusal.value.errors[0].pointer == "/email"
    with pytest.raises(Invalid):
        people.update(tx, msgspec.structs.replace(max_, email="Mia@example.org"))


def test_an_unknown_person_or_team_is_not_found(tx: Tx) -> None:
    with pytest.raises(NotFound):
        people.get(tx, 99)
    with pytest.raises(NotFound):
        people.team(tx, 99)


def test_members_and_teams_are_one_relation_seen_from_two_sides(tx: Tx) -> None:
    mia, max_ = a_person(tx, "mia@example.org"), a_person(tx, "max@example.org")
    network, print_room = a_team(tx, "Network", mia, max_), a_team(tx, "Print room")

    people.set_teams(tx, mia.id, [print_room.id])

    assert people.get(tx, mia.id).team_ids == (print_room.id,)
    assert people.team(tx, network.id).member_ids == (max_.id,)
    assert [team.member_ids for team in people.teams(tx, limit=10)] == [(max_.id,), (mia.id,)]


def test_two_teams_cannot_have_one_name(tx: Tx) -> None:
    a_team(tx, "Network")
    other = a_team(tx, "Print room")

    with pytest.raises(Invalid):
        a_team(tx, "NETWORK ")
    with pytest.raises(Invalid):
        people.update_team(tx, msgspec.structs.replace(other, name="network"))


def test_pages_of_people_follow_each_other_without_a_gap(tx: Tx) -> None:
    everybody = [a_person(tx, f"p{n}@example.org") for n in range(7)]
    a_team(tx, "Network", everybody[3])

    walked: list[User] = []
    while more := people.page(tx, after=walked[-1].id if walked else 0, limit=3):
        walked += more

    assert walked == [people.get(tx, person.id) for person in everybody]
    assert people.count(tx) == 7


def test_people_can_be_narrowed_to_roles_teams_and_words(tx: Tx) -> None:
    mia = a_person(tx, "mia@example.org", Role.ADMIN)
    max_ = a_person(tx, "max_50%@example.org", Role.CUSTOMER)
    team = a_team(tx, "Network", mia)

    assert [u.id for u in people.page(tx, limit=9, roles=[Role.ADMIN])] == [mia.id]
    assert [u.id for u in people.page(tx, limit=9, team_id=team.id)] == [mia.id]
    assert [u.id for u in people.page(tx, limit=9, words="MAX example")] == [max_.id]
    assert [u.id for u in people.page(tx, limit=9, words="50%")] == [max_.id]
    assert people.page(tx, limit=9, is_active=False) == []
    assert people.count(tx, words="example") == 2


def test_a_teams_candidates_are_its_active_staff(tx: Tx) -> None:
    mia, lead = a_person(tx, "mia@example.org"), a_person(tx, "lead@example.org", Role.SUPERVISOR)
    gone, guest = a_person(tx, "gone@example.org"), a_person(tx, "guest@example.org", Role.CUSTOMER)
    away = a_person(tx, "away@example.org", availability=Availability.AWAY)
    outsider = a_person(tx, "outsider@example.org")
    team = a_team(tx, "Network", mia, lead, gone, guest, away)
    people.update(tx, msgspec.structs.replace(gone, is_active=False))

    of_team = {c.id for c in people.candidates(tx, team.id, guest.id, NOON)}
    of_desk = {c.id for c in people.candidates(tx, None, guest.id, NOON)}

    assert of_team == {mia.id, lead.id, away.id}
    assert of_desk == {mia.id, away.id, outsider.id}


def test_a_candidate_knows_their_load_their_last_ticket_and_the_requester(tx: Tx) -> None:
    mia, max_ = a_person(tx, "mia@example.org", skills=["vpn"]), a_person(tx, "max@example.org")
    ada = a_person(tx, "ada@example.org", Role.CUSTOMER)
    for n, agent in enumerate([max_] * 9 + [mia] * 3 + [max_] * 5 + [None, None]):
        a_ticket(tx, ada, agent, NOON + n)
    people.mark_assigned(tx, mia.id, NOON + 99)

    by_id = {c.id: c for c in people.candidates(tx, None, ada.id, NOON)}

    assert (by_id[mia.id].load, by_id[max_.id].load) == (3, 14)
    assert (by_id[mia.id].last_assigned_at, by_id[max_.id].last_assigned_at) == (NOON + 99, None)
    assert by_id[mia.id].skills == {"vpn"}
    assert (by_id[mia.id].familiarity, by_id[max_.id].familiarity) == (3 / 8, 5 / 8)


def test_candidates_are_read_by_index(tx: Tx) -> None:
    asked: list[str] = []
    tx._conn.set_trace_callback(asked.append)
    people.candidates(tx, 1, 1, NOON)
    people.candidates(tx, None, 1, NOON)
    tx._conn.set_trace_callback(None)

    plans = [row["detail"] for sql in asked for row in tx.execute(f"EXPLAIN QUERY PLAN {sql}")]

    assert plans
    assert not [plan for plan in plans if plan.startswith("SCAN") or "TEMP B-TREE" in plan]


def test_the_last_admin_has_nobody_beside_them(tx: Tx) -> None:
    mia = a_person(tx, "mia@example.org", Role.ADMIN)
    max_ = a_person(tx, "max@example.org", Role.ADMIN)
    assert people.another_admin(tx, mia.id)

    people.update(tx, msgspec.structs.replace(max_, is_active=False))

    assert not people.another_admin(tx, mia.id)
