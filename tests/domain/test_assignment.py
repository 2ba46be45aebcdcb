from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicedesk.domain.assignment import (
    WEIGHTS,
    Candidate,
    Decision,
    Exclusion,
    Wanted,
    decide,
    kept,
    pack,
    people_of,
    unpack,
)
from servicedesk.domain.people import Availability, Preset
from servicedesk.domain.times import DAY, HOUR, Instant, parse

NOON: Instant = parse("2026-11-23T12:00:00Z")


def an_agent(number: int, **said: Any) -> Candidate:
    return Candidate(**{"id": number, "name": f"Agent {number}", "max_tickets": 10, **said})


def points(decision: Decision, number: int) -> dict[str, float]:
    judged = next(j for j in decision.judged if j.id == number)
    return {factor.name.value: factor.points for factor in judged.factors}


def test_the_points_are_spare_room_idle_time_trade_and_familiarity() -> None:
    ada = an_agent(
        1, load=4, last_assigned_at=NOON - 2 * HOUR, skills=frozenset({"VPN", "mail"}), familiarity=0.3
    )

    decision = decide([ada], Wanted(skills=frozenset({"vpn"})), NOON)

    assert points(decision, 1) == {
        "spare_capacity": 24.0,
        "idle_time": 6.25,
        "skills": 10.0,
        "continuity": 3.0,
    }
    assert decision.judged[0].score == 43.25
    assert decision.winner == 1


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"is_active": False}, "inactive"),
        ({"availability": Availability.AWAY}, "away"),
        ({"load": 10}, "at_capacity"),
        ({"max_tickets": 0}, "at_capacity"),
        ({"skills": frozenset({"mail"})}, "missing_skill"),
        ({"in_team": False}, "not_in_team"),
        ({"in_hours": False}, "outside_hours"),
        ({"id": 13}, "excluded"),
    ],
)
def test_whoever_cannot_take_it_is_excluded_for_a_named_reason(said: dict[str, Any], code: str) -> None:
    fitting = an_agent(1, skills=frozenset({"vpn"}), load=9)
    other = an_agent(2, **{"skills": frozenset({"vpn"}), **said})

    decision = decide([other, fitting], Wanted(skills=frozenset({"VPN"}), excluded=frozenset({13})), NOON)

    assert decision.winner == 1
    assert decision.judged[1].excluded_by == (Exclusion(code),)
    assert decision.judged[1].score == 0
    assert decision.judged[1].factors == ()


def test_every_reason_is_named_not_only_the_first() -> None:
    away_and_full = an_agent(1, availability=Availability.AWAY, load=10, max_tickets=10)

    decision = decide([away_and_full], Wanted(), NOON)

    assert decision.judged[0].excluded_by == (Exclusion.AWAY, Exclusion.AT_CAPACITY)
    assert decision.winner is None


def test_with_nobody_there_nobody_wins() -> None:
    assert decide([], Wanted(), NOON) == Decision(Preset.BALANCED, None, ())


def test_of_two_equal_agents_the_one_who_waited_longest_gets_the_ticket() -> None:
    yesterday, today = an_agent(1, last_assigned_at=NOON - DAY), an_agent(2, last_assigned_at=NOON - 9 * HOUR)

    assert decide([today, yesterday], Wanted(), NOON).winner == 1


def test_who_never_had_a_ticket_has_waited_longest() -> None:
    assert decide([an_agent(1, last_assigned_at=NOON - DAY), an_agent(2)], Wanted(), NOON).winner == 2


def test_then_the_one_with_the_fewest_open_tickets_then_the_lowest_id() -> None:
    half_full = [an_agent(1, load=5, max_tickets=10), an_agent(2, load=1, max_tickets=2), an_agent(3, load=5)]

    assert [judged.id for judged in decide(half_full, Wanted(), NOON).judged] == [2, 1, 3]


def test_the_specialist_goes_before_the_generalist() -> None:
    generalist = an_agent(1, skills=frozenset({"vpn", "mail", "print", "sap"}))
    specialist = an_agent(2, skills=frozenset({"vpn"}), load=3)

    wanted = frozenset({"vpn"})
    assert decide([generalist, specialist], Wanted(skills=wanted), NOON).winner == 2


def test_round_robin_only_asks_who_waited_longest() -> None:
    idle_but_full = an_agent(1, load=9, last_assigned_at=NOON - 3 * HOUR)
    free_but_served = an_agent(2, load=0, last_assigned_at=NOON - 2 * HOUR, familiarity=1.0)

    decision = decide([free_but_served, idle_but_full], Wanted(preset=Preset.ROUND_ROBIN), NOON)

    assert decision.winner == 1
    assert points(decision, 1) == {"idle_time": 37.5}


def test_a_manual_team_gets_advice_but_no_choice() -> None:
    decision = decide([an_agent(1)], Wanted(preset=Preset.MANUAL), NOON)

    assert decision.winner is None
    assert decision.judged[0].score == 65.0


def test_a_clock_that_went_back_gives_no_negative_points() -> None:
    assert points(decide([an_agent(1, last_assigned_at=NOON + HOUR)], Wanted(), NOON), 1)["idle_time"] == 0


mostly = st.sampled_from([True, True, True, False])
agents = st.builds(
    Candidate,
    id=st.integers(1, 60),
    name=st.just("Somebody"),
    is_active=mostly,
    availability=mostly.map(lambda here: Availability.AVAILABLE if here else Availability.AWAY),
    skills=st.frozensets(st.sampled_from(["VPN", "vpn", "mail", "sap"])),
    in_team=mostly,
    in_hours=mostly,
    load=st.integers(0, 12),
    max_tickets=st.integers(0, 12),
    last_assigned_at=st.none() | st.integers(NOON - 2 * DAY, NOON),
    familiarity=st.floats(0, 1),
)
crowds = st.lists(agents, max_size=50, unique_by=lambda agent: agent.id)
weights = st.tuples(*[st.integers(0, 100)] * 4).filter(any)
wishes = st.builds(
    Wanted,
    skills=st.frozensets(st.sampled_from(["vpn", "Mail"])),
    preset=st.sampled_from(Preset),
    weights=st.none() | weights,
    excluded=st.frozensets(st.integers(1, 60), max_size=5),
)


@given(crowds, wishes)
def test_the_best_of_the_eligible_wins_whatever_the_order_of_asking(
    crowd: list[Candidate], wanted: Wanted
) -> None:
    decision = decide(crowd, wanted, NOON)

    assert decide(reversed(crowd), wanted, NOON) == decision
    assert {judged.id for judged in decision.judged} == {agent.id for agent in crowd}
    eligible = [judged for judged in decision.judged if judged.eligible]
    assert [judged.score for judged in eligible] == sorted((j.score for j in eligible), reverse=True)
    assert decision.winner == (eligible[0].id if eligible and wanted.preset is not Preset.MANUAL else None)


def may_take(agent: Candidate, wanted: Wanted) -> bool:
    return (
        agent.is_active
        and agent.availability is Availability.AVAILABLE
        and agent.load < agent.max_tickets
        and {skill.lower() for skill in wanted.skills} <= {skill.lower() for skill in agent.skills}
        and agent.in_team
        and agent.in_hours
        and agent.id not in wanted.excluded
    )


@given(crowds, wishes)
def test_whoever_may_take_it_is_judged_and_nobody_else(crowd: list[Candidate], wanted: Wanted) -> None:
    decision = decide(crowd, wanted, NOON)

    able = {agent.id for agent in crowd if may_take(agent, wanted)}
    assert {judged.id for judged in decision.judged if judged.eligible} == able
    assert decision.winner in able or (
        decision.winner is None and (not able or wanted.preset is Preset.MANUAL)
    )


@given(crowds, wishes, agents)
def test_who_had_it_before_gets_it_back_if_they_can_take_it(
    crowd: list[Candidate], wanted: Wanted, owner: Candidate
) -> None:
    crowd = [agent for agent in crowd if agent.id != owner.id]
    crowd += [owner] if owner.id % 2 else []
    decision = decide(crowd, wanted, NOON)

    again = kept(decision, owner, NOON)

    able = may_take(owner, Wanted())
    assert again.winner == (owner.id if able else decision.winner)
    assert [j for j in again.judged if j.id != owner.id] == [j for j in decision.judged if j.id != owner.id]
    assert unpack(pack(again), {c.id: c.name for c in [*crowd, owner]}) == again


@given(crowds, wishes)
def test_the_score_is_the_sum_of_the_points_to_the_hundredth(crowd: list[Candidate], wanted: Wanted) -> None:
    for judged in decide(crowd, wanted, NOON).judged:
        assert judged.score == round(sum(factor.points for factor in judged.factors), 2)
        assert all(0 <= factor.value <= 1 for factor in judged.factors)
        assert all(abs(f.points - f.value * f.weight) <= 0.005001 for f in judged.factors)
        assert [f.weight for f in judged.factors] == [
            w for w in wanted.weights or WEIGHTS[wanted.preset] if w and judged.eligible
        ]


@given(crowds, wishes)
def test_a_packed_decision_comes_back_as_it_was(crowd: list[Candidate], wanted: Wanted) -> None:
    decision = decide(crowd, wanted, NOON)

    packed = pack(decision)

    assert unpack(packed, {agent.id: agent.name for agent in crowd}) == decision
    assert people_of(packed) == {agent.id for agent in crowd}
    assert len(packed.encode()) <= 4096


def test_someone_without_a_name_is_called_by_their_number() -> None:
    packed = pack(decide([an_agent(5)], Wanted(), NOON))

    assert unpack(packed, {}).judged[0].name == "#5"
