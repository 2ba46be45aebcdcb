"""Laws of the choice that hold whoever is there and whatever the ticket asks for."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from servicedesk.domain.assignment import (
    AGEING,
    Candidate,
    Decision,
    Wanted,
    decide,
    kept,
    pack,
    turn,
    unpack,
)
from servicedesk.domain.people import Availability, Preset
from servicedesk.domain.tickets import Priority
from servicedesk.domain.times import HOUR

NOW = 1_800_000_000_000
SKILLS = st.frozensets(st.sampled_from(["vpn", "mail", "sap"]), max_size=3)


def candidates(number: int = 8) -> st.SearchStrategy[list[Candidate]]:
    one = st.builds(
        Candidate,
        id=st.integers(1, 99),
        name=st.just("Somebody"),
        is_active=st.sampled_from([True, True, True, False]),
        availability=st.sampled_from([Availability.AVAILABLE, Availability.AVAILABLE, Availability.AWAY]),
        skills=SKILLS,
        in_team=st.sampled_from([True, True, False]),
        in_hours=st.sampled_from([True, True, False]),
        load=st.integers(0, 5),
        max_tickets=st.integers(0, 8),
        last_assigned_at=st.none() | st.integers(NOW - 20 * HOUR, NOW),
        familiarity=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    )
    return st.lists(one, max_size=number, unique_by=lambda each: each.id)


WANTED = st.builds(
    Wanted,
    skills=SKILLS,
    preset=st.sampled_from([Preset.BALANCED, Preset.ROUND_ROBIN, Preset.SKILLS]),
    weights=st.none() | st.tuples(*[st.integers(0, 100)] * 4).filter(any),
    excluded=st.frozensets(st.integers(1, 99), max_size=10),
)


def judged(decision: Decision, who: int) -> Any:
    return next(each for each in decision.judged if each.id == who)


@given(candidates(), WANTED)
def test_the_winner_could_take_it_and_nobody_who_could_has_more_points(
    people: list[Candidate], wanted: Wanted
) -> None:
    decision = decide(people, wanted, NOW)
    able = [each for each in decision.judged if each.eligible]

    assert {each.id for each in decision.judged} == {each.id for each in people}
    if decision.winner is None:
        assert not able
        return
    winner = judged(decision, decision.winner)
    assert winner.eligible
    assert winner.score == max(each.score for each in able)


@given(candidates(), WANTED, st.randoms())
def test_the_order_in_which_people_are_asked_decides_nothing(
    people: list[Candidate], wanted: Wanted, chance: Any
) -> None:
    shuffled = list(people)
    chance.shuffle(shuffled)

    assert decide(people, wanted, NOW) == decide(shuffled, wanted, NOW)


@given(candidates(), WANTED)
def test_who_cannot_take_it_changes_nothing_for_the_others(people: list[Candidate], wanted: Wanted) -> None:
    decision = decide(people, wanted, NOW)
    able = {each.id for each in decision.judged if each.eligible}

    alone = decide([each for each in people if each.id in able], wanted, NOW)

    assert alone.winner == decision.winner
    assert alone.judged == tuple(each for each in decision.judged if each.eligible)


@given(candidates(), WANTED, st.integers(1, 20))
def test_room_for_more_never_costs_a_point(people: list[Candidate], wanted: Wanted, more: int) -> None:
    decision = decide(people, wanted, NOW)
    if decision.winner is None:
        return
    wider = [
        msgspec.structs.replace(each, max_tickets=each.max_tickets + more)
        if each.id == decision.winner
        else each
        for each in people
    ]

    again = decide(wider, wanted, NOW)

    assert judged(again, decision.winner).score >= judged(decision, decision.winner).score
    assert again.winner == decision.winner


@given(candidates(), WANTED)
def test_points_add_up_and_a_decision_is_kept_as_it_was_made(people: list[Candidate], wanted: Wanted) -> None:
    decision = decide(people, wanted, NOW)

    for each in decision.judged:
        assert round(sum(factor.points for factor in each.factors), 2) == each.score
    names = {each.id: each.name for each in people}
    assert unpack(pack(decision), names) == decision


@given(candidates(), WANTED)
def test_who_had_it_gets_it_back_if_they_can_and_else_nothing_changes(
    people: list[Candidate], wanted: Wanted
) -> None:
    decision = decide(people, wanted, NOW)
    for owner in people:
        again = kept(decision, owner, NOW)
        is_able = (
            owner.is_active
            and owner.availability is Availability.AVAILABLE
            and owner.load < owner.max_tickets
            and owner.in_hours
            and owner.in_team
        )
        assert again.winner == (owner.id if is_able else decision.winner)
        assert again.judged == decision.judged


@given(
    st.sampled_from(Priority),
    st.sampled_from(Priority),
    st.integers(0, 10 * AGEING),
    st.integers(0, 10 * AGEING),
)
def test_age_overtakes_urgency_after_a_day_a_step_and_no_sooner(
    one: Priority, other: Priority, first: int, second: int
) -> None:
    goes_first = turn(one, first) < turn(other, second)

    assert goes_first == (second - first > (other.rank - one.rank) * AGEING)
