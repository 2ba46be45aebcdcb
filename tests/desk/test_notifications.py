"""Who is told what, and what they have read of it."""

from typing import Any

import msgspec
import pytest

from servicedesk.desk import messages, tickets
from servicedesk.desk import notifications as desk
from servicedesk.desk import people as staff
from servicedesk.desk import watchers as watching
from servicedesk.desk.people import Edit, NewPerson
from servicedesk.desk.tickets import Draft
from servicedesk.domain.errors import NotFound
from servicedesk.domain.notifications import KEPT, Kind, NotificationBody, excerpt
from servicedesk.domain.people import Role, User
from servicedesk.domain.tickets import Status, Ticket
from servicedesk.domain.times import DAY
from servicedesk.store import events, notifications, watchers
from servicedesk.store import tickets as stored
from servicedesk.store.db import Tx

NOON = 1_790_000_000_000


def somebody(tx: Tx, name: str, role: Role = Role.AGENT, **fields: Any) -> User:
    return staff.create(tx, NewPerson(email=f"{name}@example.org", name=name, role=role, **fields), at=NOON)


@pytest.fixture
def ann(tx: Tx) -> User:
    return somebody(tx, "ann")


@pytest.fixture
def ben(tx: Tx) -> User:
    return somebody(tx, "ben")


@pytest.fixture
def rita(tx: Tx) -> User:
    return somebody(tx, "rita", Role.CUSTOMER)


def a_ticket(tx: Tx, by: User, **fields: Any) -> Ticket:
    made = tickets.create(
        tx, Draft(title="The printer is on fire", auto_assign=False, **fields), by=by, at=NOON
    )
    return stored.get(tx, made.id)


def told(tx: Tx, person: User) -> list[NotificationBody]:
    return notifications.page(tx, person.id, limit=100)


def kinds(tx: Tx, person: User) -> list[Kind]:
    return [each.kind for each in told(tx, person)]


def heard(tx: Tx, person: User) -> list[Any]:
    """Return the frames of the person's own room."""
    rows = tx.execute(
        "SELECT frame FROM events WHERE room = ? ORDER BY seq",
        (events.room_number(f"user:{person.id}"),),
    )
    return [msgspec.json.decode(frame) for (frame,) in rows]


def assert_counted(tx: Tx) -> None:
    """Compare the kept number of each person with what is there."""
    wrong = tx.execute(
        "SELECT u.id FROM users u WHERE u.unread_notifications <>"
        " (SELECT count(*) FROM notifications n WHERE n.user_id = u.id AND n.is_read = 0)"
    ).fetchall()
    assert not wrong


def test_who_is_told_hears_it_in_their_own_room(tx: Tx, ann: User, ben: User, rita: User) -> None:
    ticket = a_ticket(tx, rita)

    desk.notify(tx, [ann.id], Kind.ESCALATED, ticket, by=ben, at=NOON, text="It spreads")

    [one] = told(tx, ann)
    assert (one.kind, one.actor and one.actor.name, one.text, one.is_read) == (
        "escalated",
        "ben",
        "It spreads",
        False,
    )
    [frame] = heard(tx, ann)
    assert frame["event"] == "notification"
    assert frame["data"] == {"notification": msgspec.to_builtins(one), "unread": 1, "replaces": None}


def test_nobody_is_told_of_what_they_did(tx: Tx, ann: User, rita: User) -> None:
    desk.notify(tx, [ann.id], Kind.ASSIGNED, a_ticket(tx, rita), by=ann, at=NOON)

    assert told(tx, ann) == []
    assert heard(tx, ann) == []


def test_nobody_is_told_of_what_they_may_not_see(tx: Tx, ann: User, rita: User) -> None:
    other, ticket = somebody(tx, "other", Role.CUSTOMER), a_ticket(tx, rita)

    for kind in Kind:
        desk.notify(tx, [rita.id, other.id, 999], kind, ticket, by=ann, at=NOON)

    assert told(tx, other) == []
    assert set(kinds(tx, rita)) == {kind for kind in Kind if not kind.is_internal}


def test_who_has_left_is_told_nothing(tx: Tx, ann: User, rita: User) -> None:
    admin = somebody(tx, "admin", Role.ADMIN)
    staff.edit(tx, ann.id, Edit(is_active=False), by=admin, at=NOON)

    desk.notify(tx, [ann.id], Kind.ASSIGNED, a_ticket(tx, rita), by=None, at=NOON)

    assert told(tx, ann) == []


def test_unread_ones_of_a_kind_become_one(tx: Tx, ann: User, rita: User) -> None:
    ticket = a_ticket(tx, rita)

    for minute in range(3):
        desk.notify(tx, [ann.id], Kind.REPLIED, ticket, by=rita, at=NOON + minute, text=str(minute))
    desk.notify(tx, [ann.id], Kind.NOTED, ticket, by=None, at=NOON)

    assert [(each.kind, each.times, each.text) for each in told(tx, ann)] == [
        ("noted", 1, ""),
        ("replied", 3, "2"),
    ]
    first, second, *_ = heard(tx, ann)
    assert second["data"]["replaces"] == first["data"]["notification"]["id"]
    assert_counted(tx)


def test_what_was_read_is_not_added_to(tx: Tx, ann: User, rita: User) -> None:
    ticket = a_ticket(tx, rita)
    desk.notify(tx, [ann.id], Kind.REPLIED, ticket, by=rita, at=NOON)
    desk.set_read(tx, told(tx, ann)[0].id, True, by=ann, at=NOON)

    desk.notify(tx, [ann.id], Kind.REPLIED, ticket, by=rita, at=NOON + 1)

    assert [(each.times, each.is_read) for each in told(tx, ann)] == [(1, False), (1, True)]


def test_the_same_news_at_one_moment_is_told_once(tx: Tx, ann: User, rita: User) -> None:
    ticket = a_ticket(tx, rita)

    for _ in range(2):
        desk.notify(tx, [ann.id], Kind.SLA_BREACHED, ticket, by=None, at=NOON)

    assert len(heard(tx, ann)) == 1
    assert told(tx, ann)[0].times == 1


def test_reading_and_unreading(tx: Tx, ann: User, rita: User) -> None:
    desk.notify(tx, [ann.id], Kind.ASSIGNED, a_ticket(tx, rita), by=None, at=NOON)
    number = told(tx, ann)[0].id

    assert desk.set_read(tx, number, True, by=ann, at=NOON).is_read
    desk.set_read(tx, number, True, by=ann, at=NOON)
    assert notifications.unread(tx, ann.id) == 0
    assert not desk.set_read(tx, number, False, by=ann, at=NOON).is_read

    assert notifications.unread(tx, ann.id) == 1
    assert [frame["data"] for frame in heard(tx, ann)[1:]] == [
        {"ids": [number], "up_to": None, "is_read": True, "unread": 0},
        {"ids": [number], "up_to": None, "is_read": False, "unread": 1},
    ]


def test_everybody_reads_only_their_own(tx: Tx, ann: User, ben: User, rita: User) -> None:
    desk.notify(tx, [ann.id], Kind.ASSIGNED, a_ticket(tx, rita), by=None, at=NOON)
    number = told(tx, ann)[0].id

    with pytest.raises(NotFound):
        desk.set_read(tx, number, True, by=ben, at=NOON)
    desk.read_up_to(tx, number, by=ben, at=NOON)

    assert notifications.unread(tx, ann.id) == 1


def test_what_comes_after_the_last_seen_stays_unread(tx: Tx, ann: User, rita: User) -> None:
    for _ in range(3):
        desk.notify(tx, [ann.id], Kind.ASSIGNED, a_ticket(tx, rita), by=None, at=NOON)
    latest, seen, _ = told(tx, ann)

    assert desk.read_up_to(tx, seen.id, by=ann, at=NOON) == 1

    assert [each.id for each in notifications.page(tx, ann.id, limit=9, unread=True)] == [latest.id]
    assert_counted(tx)


def test_a_ticket_that_was_seen_has_nothing_unread(tx: Tx, ann: User, rita: User) -> None:
    ticket, other = a_ticket(tx, rita), a_ticket(tx, rita)
    for kind in (Kind.ASSIGNED, Kind.MENTIONED):
        desk.notify(tx, [ann.id], kind, ticket, by=None, at=NOON)
    desk.notify(tx, [ann.id], Kind.ASSIGNED, other, by=None, at=NOON)

    for _ in range(2):
        desk.read_ticket(tx, ticket.id, by=ann, at=NOON)

    assert notifications.unread(tx, ann.id) == 1
    assert len(heard(tx, ann)) == 4
    assert_counted(tx)


def test_what_was_read_is_forgotten_after_ninety_days(tx: Tx, ann: User, rita: User) -> None:
    for _ in range(2):
        desk.notify(tx, [ann.id], Kind.ASSIGNED, a_ticket(tx, rita), by=None, at=NOON)
    unread, read = told(tx, ann)
    assert desk.next_forgetting_at(tx) is None
    desk.set_read(tx, read.id, True, by=ann, at=NOON)

    due = desk.next_forgetting_at(tx)

    assert due == NOON + KEPT + 1
    assert desk.forget_old(tx, due - 1) == 0
    assert desk.forget_old(tx, due) == 1
    assert told(tx, ann) == [unread]
    assert_counted(tx)


# What is told of what happens ------------------------------------------------------------------------------------


def say(tx: Tx, ticket: Ticket, by: User, body: str = "Well?", **fields: Any) -> None:
    messages.post(tx, ticket.id, body, by=by, at=NOON, **fields)


def test_a_new_agent_is_told_by_whomever_it_was_given(tx: Tx, ann: User, ben: User, rita: User) -> None:
    ticket = a_ticket(tx, rita)

    tickets.assign(tx, ticket.id, ann.id, by=ben, at=NOON)
    tickets.assign(tx, ticket.id, ben.id, by=ben, at=NOON)

    assert kinds(tx, ann) == ["assigned"]
    assert kinds(tx, ben) == []


def test_a_new_ticket_tells_its_agent_once(tx: Tx, ann: User, rita: User) -> None:
    tickets.create(tx, Draft(title="Smoke"), by=rita, at=NOON)
    tickets.create(tx, Draft(title="My own"), by=ann, at=NOON)

    [one] = told(tx, ann)
    assert (one.kind, one.actor, one.ticket.title) == ("assigned", None, "Smoke")


def test_a_message_reaches_those_who_take_part(tx: Tx, ann: User, ben: User, rita: User) -> None:
    ticket = a_ticket(tx, ann, requester=tickets.NewRequester(rita.email, rita.name), assigned_to=ben.id)
    say(tx, ticket, rita, "It **burns**")
    say(tx, ticket, ann, "Really?")

    assert [(each.kind, each.actor and each.actor.name) for each in told(tx, ben)] == [
        ("replied", "ann"),
        ("assigned", "ann"),
    ]
    assert [(each.kind, each.text) for each in told(tx, rita)] == [("replied", "Really?")]


def test_a_note_is_told_to_staff_alone(tx: Tx, ann: User, ben: User, rita: User) -> None:
    ticket = a_ticket(tx, rita)
    say(tx, ticket, ann)
    say(tx, ticket, ben, "A hoax, @ann?", is_internal=True)
    say(tx, ticket, ann, "No", is_internal=True)

    assert kinds(tx, ann) == ["mentioned"]
    assert kinds(tx, ben) == ["noted"]
    assert kinds(tx, rita) == ["replied"]


def test_who_is_called_watches_from_then_on(tx: Tx, ann: User, ben: User, rita: User) -> None:
    ticket = a_ticket(tx, rita)

    say(tx, ticket, ann, "Could you, @ben?")
    say(tx, ticket, rita, "Hello?")

    assert [person.name for person in watchers.of_ticket(tx, ticket.id)] == ["ann", "ben"]
    assert kinds(tx, ben) == ["replied", "mentioned"]


def test_a_customer_calls_nobody_and_is_not_called(tx: Tx, ann: User, rita: User) -> None:
    ticket = a_ticket(tx, rita)

    say(tx, ticket, rita, "@ann help")
    say(tx, ticket, ann, "@rita yes", is_internal=True)

    assert told(tx, ann) == told(tx, rita) == []


def test_a_message_that_moves_the_ticket_is_told_once(tx: Tx, ann: User, rita: User) -> None:
    ticket = a_ticket(tx, rita)
    tickets.assign(tx, ticket.id, ann.id, by=ann, at=NOON)
    say(tx, ticket, ann)
    tickets.move(tx, ticket.id, Status.RESOLVED, by=ann, at=NOON)
    say(tx, ticket, rita, "Again")

    assert [(each.kind, each.text) for each in told(tx, ann)] == [("reopened", "Again")]
    assert [(each.kind, each.text) for each in told(tx, rita)] == [
        ("status", "Resolved"),
        ("replied", "Well?"),
    ]


def test_an_escalation_tells_the_lead_and_who_watches_why(tx: Tx, ann: User, ben: User, rita: User) -> None:
    team = staff.create_team(tx, staff.NewTeam(name="Field", lead_id=ben.id), at=NOON)
    ticket = a_ticket(tx, ann, team_id=team.id)
    watching.watch(tx, ticket.id, by=ann, at=NOON)
    carl = somebody(tx, "carl")

    tickets.escalate(tx, ticket.id, reason="It still burns", by=carl, at=NOON)

    assert [(each.kind, each.text) for each in told(tx, ann) + told(tx, ben)] == [
        ("escalated", "It still burns")
    ] * 2


def test_what_closes_by_itself_is_no_news(tx: Tx, ann: User, rita: User) -> None:
    ticket = a_ticket(tx, rita)
    tickets.assign(tx, ticket.id, ann.id, by=ann, at=NOON)
    tickets.move(tx, ticket.id, Status.RESOLVED, by=ann, at=NOON)

    tickets.close_by_itself(tx, ticket.id, NOON + 8 * DAY)

    assert (kinds(tx, ann), kinds(tx, rita)) == ([], ["status"])


def test_who_is_no_longer_staff_keeps_nothing_of_it(tx: Tx, ann: User, rita: User) -> None:
    admin = somebody(tx, "admin", Role.ADMIN)
    ticket = a_ticket(tx, rita)
    say(tx, ticket, admin, "Psst, @ann", is_internal=True)

    staff.edit(tx, ann.id, Edit(role=Role.CUSTOMER), by=admin, at=NOON)
    say(tx, ticket, admin, "And?", is_internal=True)

    assert told(tx, ann) == []
    assert [person.name for person in watchers.of_ticket(tx, ticket.id)] == ["admin"]
    assert_counted(tx)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("Two\n\n lines", "Two lines"),
        ("x" * 160, "x" * 160),
        ("x" * 161, "x" * 159 + "…"),
        ("word " * 40, ("word " * 31).strip() + "…"),
    ],
)
def test_an_excerpt_is_one_line(text: str, short: str) -> None:
    assert excerpt(text) == short
