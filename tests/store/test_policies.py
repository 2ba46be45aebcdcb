"""Policies as rows, and the walk along the tickets that are to hear of a change."""

import pytest

from servicedesk.domain.calendars import Calendar
from servicedesk.domain.errors import Invalid, NotFound
from servicedesk.domain.sla import STANDARD, Policy, Promise, Targets, pausing
from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import DAY, HOUR, MINUTE
from servicedesk.store import calendars, policies, replays
from servicedesk.store.db import Tx
from tests.store import desks_made_up as made_up
from tests.store.desks_made_up import NOW
from tests.store.test_listing import Watched

FAST = Policy("Fast", {Priority.HIGH: Targets(MINUTE, HOUR, next_response=MINUTE)}, pausing(Status.PENDING))
SLOW = Policy(
    "Slow",
    {Priority.LOW: Targets(resolution=9 * DAY)},
    {p: frozenset({Status.ON_HOLD, Status.NEW}) for p in Promise},
)


@pytest.fixture
def desk(tx: Tx) -> Tx:
    made_up.people(tx)
    return tx


def given_to(tx: Tx, team_id: int, policy_id: int) -> None:
    tx.execute("UPDATE teams SET sla_policy_id = ? WHERE id = ?", (policy_id, team_id))


def test_a_policy_comes_back_as_it_was_put_in(desk: Tx) -> None:
    for policy in (FAST, SLOW):
        made = policies.insert(desk, policy, None, is_default=False, at=NOW)
        assert (made.policy, made.version, made.is_default) == (policy, 1, False)
        assert policies.get(desk, made.id) == made
    with pytest.raises(NotFound):
        policies.get(desk, 77)


def test_a_name_is_taken_whatever_its_case(desk: Tx) -> None:
    policies.insert(desk, FAST, None, is_default=False, at=NOW)
    slow = policies.insert(desk, SLOW, None, is_default=False, at=NOW)
    shouted = Policy("FAST", {}, {})

    with pytest.raises(Invalid):
        policies.insert(desk, shouted, None, is_default=False, at=NOW)
    with pytest.raises(Invalid):
        policies.update(desk, slow.id, shouted, None, is_default=False, at=NOW)


def test_a_teams_own_policy_goes_before_the_default_and_that_before_the_standard(desk: Tx) -> None:
    assert policies.of_team(desk, 1) is policies.of_team(desk, None) is STANDARD

    fast = policies.insert(desk, FAST, None, is_default=False, at=NOW)
    given_to(desk, 1, fast.id)
    policies.insert(desk, SLOW, None, is_default=True, at=NOW)

    assert [policies.of_team(desk, team).name for team in (1, 2, None, 77)] == [
        "Fast",
        "Slow",
        "Slow",
        "Slow",
    ]
    assert policies.teams_following(desk, policies.get(desk, fast.id)) == {1}
    assert policies.teams_following(desk, policies.get(desk, 2)) == {2, policies.NO_TEAM}


def test_a_policy_is_read_once_and_a_changed_one_or_its_calendar_anew(desk: Tx) -> None:
    def hours(until: int) -> Calendar:
        return Calendar("Office", "UTC", (((9 * 3600, until * 3600),),) * 7)

    office = calendars.insert(desk, hours(17), at=NOW)
    policies.insert(desk, FAST, office.id, is_default=True, at=NOW)
    first = policies.of_team(desk, None)
    assert policies.of_team(desk, None) is first

    calendars.update(desk, office.id, hours(12), at=NOW)
    second = policies.of_team(desk, None)
    policies.update(desk, 1, SLOW, office.id, is_default=True, at=NOW)

    assert (first.calendar.week[0], second.calendar.week[0]) == (((32400, 61200),), ((32400, 43200),))
    assert policies.of_team(desk, None).name == "Slow"
    assert policies.get(desk, 1).version == 2


def test_another_default_takes_the_place_of_the_first(desk: Tx) -> None:
    one = policies.insert(desk, FAST, None, is_default=True, at=NOW)
    two = policies.insert(desk, SLOW, None, is_default=True, at=NOW)

    assert [policies.get(desk, p.id).is_default for p in (one, two)] == [False, True]


# What is wound anew --------------------------------------------------


def walk(tx: Tx, most: int) -> list[int]:
    """Take every step that is left; return the tickets in the order in which they are met."""
    met: list[int] = []
    while (step := policies.next_rewind(tx, most)) is not None:
        assert len(step.tickets) <= most
        met += step.tickets
        policies.rewound(tx, step)
    return met


def some_tickets(tx: Tx) -> list[int]:
    """Write tickets of no team, the first and the second in turn; every fourth is resolved."""
    return [
        made_up.ticket(
            tx,
            team_id=(None, 1, 2)[number % 3],
            status=Status.RESOLVED if number % 4 == 3 else Status.OPEN,
            assigned_to=1,
            resolved_at=NOW if number % 4 == 3 else None,
        )
        for number in range(24)
    ]


@pytest.mark.parametrize("most", [1, 2, 5, 100])
def test_the_unresolved_come_first_the_newest_of_them_at_the_head(desk: Tx, most: int) -> None:
    found = some_tickets(desk)
    theirs = [ticket_id for number, ticket_id in enumerate(found) if number % 3 == 1]
    done = [ticket_id for number, ticket_id in enumerate(found) if number % 3 == 1 and number % 4 == 3]

    policies.rewind_from_the_top(desk, [1])

    assert walk(desk, most) == [*reversed([t for t in theirs if t not in done]), *reversed(done)]
    assert not policies.has_rewinds(desk)


@pytest.mark.parametrize("steps", range(1, 14))
def test_whoever_comes_later_is_walked_from_the_top_and_the_rest_together(desk: Tx, steps: int) -> None:
    found = some_tickets(desk)
    policies.rewind_from_the_top(desk, [1])
    met: list[int] = []
    for _ in range(steps):
        step = policies.next_rewind(desk, 1)
        if step is None:
            break
        met += step.tickets
        policies.rewound(desk, step)

    policies.rewind_from_the_top(desk, [2, policies.NO_TEAM])
    met += walk(desk, 3)

    assert sorted(met) == found


def test_a_change_in_between_begins_at_the_top_again(desk: Tx) -> None:
    found = some_tickets(desk)
    policies.rewind_from_the_top(desk, [policies.NO_TEAM])
    step = policies.next_rewind(desk, 2)
    assert step is not None
    policies.rewound(desk, step)

    policies.rewind_from_the_top(desk, [policies.NO_TEAM])

    assert sorted(walk(desk, 100)) == [ticket_id for number, ticket_id in enumerate(found) if number % 3 == 0]


def test_what_is_asked_for_every_ticket_is_found_by_an_index(desk: Tx) -> None:
    fast = policies.insert(desk, FAST, None, is_default=True, at=NOW)
    some_tickets(desk)
    policies.rewind_from_the_top(desk, [1, 2])
    watched = Watched(desk)

    policies.of_team(watched, 1)
    policies.next_rewind(watched, 10)
    policies.teams_under(watched, fast.id)
    policies.counting_in(watched, 1)
    list(replays.lives(watched, NOW - DAY, NOW + DAY, words=True))

    plans = [plan for sql, plan in watched.plans if "sla_rewinds" not in sql]
    assert not [plan for plan in plans if "SCAN" in plan or "TEMP B-TREE" in plan], plans
