"""The period that could have been: the same choices as the desk's own, and what follows from them."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from servicedesk.domain import assignment
from servicedesk.domain.assignment import Candidate, Wanted, turn
from servicedesk.domain.calendars import Calendar
from servicedesk.domain.people import Availability, Preset
from servicedesk.domain.staffing import Agent, Run, Team, Work, like_the_others, other, staffed
from servicedesk.domain.tickets import Priority
from servicedesk.domain.times import DAY, HOUR, MINUTE

START = 1_800_000_000_000
END = START + 30 * DAY
LATE = Calendar(name="Late", zone="UTC", week=(((12 * 3600, 22 * 3600),),) * 7)
WEEKDAYS = Calendar(name="Days", zone="UTC", week=(((9 * 3600, 17 * 3600),),) * 5 + ((),) * 2)


def agent(number: int, **said: Any) -> Agent:
    usual: dict[str, Any] = {
        "name": f"Agent {number}",
        "teams": frozenset(),
        "takes_any": True,
        "is_available": True,
        "skills": (),
        "max_tickets": 10,
        "hours": None,
    }
    return Agent(id=number, **(usual | said))


def work(at: int, **said: Any) -> Work:
    usual: dict[str, Any] = {
        "team_id": None,
        "priority": Priority.MEDIUM,
        "skills": (),
        "requester_id": 1,
        "handling": HOUR,
        "answer": None,
        "answer_due_at": None,
        "due_at": None,
    }
    return Work(at=at, **(usual | said))


def run(works: list[Work], *agents: Agent, end: int = END, teams: dict[int, Team] | None = None) -> Run:
    return Run(works, teams or {}, agents, None, end)


def played(
    works: list[Work], teams: dict[int, Team], people: list[Agent], end: int
) -> dict[int, tuple[int, int]]:
    """Return who gets which ticket when, as the desk does it: every change asks ``decide`` about all that waits."""
    ends: list[tuple[int, int]] = []
    waiting: list[int] = []
    last: dict[int, int] = {}
    loads = Counter[int]()
    recent: dict[int, list[int]] = {}
    given: dict[int, tuple[int, int]] = {}

    def give(number: int, at: int) -> bool:
        wanted = works[number]
        team = teams.get(wanted.team_id or 0, Team(Preset.BALANCED, None))
        had = recent.setdefault(wanted.requester_id, [])
        asked = [
            Candidate(
                id=each.id,
                name=each.name,
                availability=Availability.AVAILABLE if each.is_available else Availability.AWAY,
                skills=frozenset(each.skills),
                in_team=each.takes_any if wanted.team_id is None else wanted.team_id in each.teams,
                in_hours=each.hours is None or each.hours.is_open(at),
                load=loads[each.id],
                max_tickets=each.max_tickets,
                last_assigned_at=last.get(each.id),
                familiarity=had.count(each.id) / len(had) if had else 0.0,
            )
            for each in people
        ]
        ask = Wanted(skills=frozenset(wanted.skills), preset=team.preset, weights=team.weights)
        winner = assignment.decide(asked, ask, at).winner
        if winner is None:
            return False
        given[number] = winner, at
        last[winner] = at
        loads[winner] += 1
        recent[wanted.requester_id] = [*had, winner][-10:]
        if wanted.handling is not None:
            ends.append((at + wanted.handling, winner))
        return True

    hours = [each.hours for each in people if each.hours]
    at = works[0].at
    coming = list(range(len(works)))
    while True:
        changes = [c for each in hours if (c := each.next_change(at)) is not None]
        moments = [*changes, *(moment for moment, _ in ends), *(works[n].at for n in coming[:1])]
        at = min(moments, default=end + 1)
        if at > end:
            return given
        over = [each for each in ends if each[0] <= at]
        loads.subtract(who for _, who in over)
        ends = [each for each in ends if each[0] > at]
        for number in sorted(waiting, key=lambda n: (turn(works[n].priority, works[n].at), n)):
            if give(number, at):
                waiting.remove(number)
        if not over and at not in changes and coming:
            number = coming.pop(0)
            if not give(number, at):
                waiting.append(number)


def a_period(chance: Random) -> tuple[list[Work], dict[int, Team], list[Agent]]:
    """Return one with people, skills, presets, weights and hours of every kind, and mostly too few hands."""
    skills = ("vpn", "Mail", "sap")
    teams = {
        number: Team(
            chance.choice(list(Preset)),
            chance.choice([None, tuple(chance.randrange(1, 101) for _ in range(4))]),  # type: ignore[arg-type]
        )
        for number in (1, 2)
    }
    people = [
        agent(
            number,
            skills=tuple(chance.sample(skills, chance.randrange(4))),
            max_tickets=chance.randrange(5),
            is_available=chance.random() < 0.9,
            teams=frozenset(chance.sample((1, 2), chance.randrange(3))),
            takes_any=chance.random() < 0.8,
            hours=chance.choice([None, WEEKDAYS, LATE]),
        )
        for number in range(1, 9)
    ]
    moments = sorted(START + chance.randrange(1, 4 * DAY // MINUTE) * MINUTE for _ in range(120))
    works = [
        work(
            at,
            team_id=chance.choice([None, 1, 2]),
            priority=chance.choice(list(Priority)),
            requester_id=chance.randrange(5),
            skills=tuple(chance.sample(skills, chance.choice([0, 0, 1, 2]))),
            handling=chance.choice([None, *(chance.randrange(1, 900) * MINUTE for _ in range(6))]),
        )
        for at in moments
    ]
    return works, teams, people


@pytest.mark.parametrize("seed", range(12))
def test_everybody_gets_the_tickets_that_the_desk_would_give_them_when_it_would(seed: int) -> None:
    works, teams, people = a_period(Random(seed))

    given = Run(works, teams, people, None, START + 6 * DAY).given

    assert given == played(works, teams, people, START + 6 * DAY)
    assert given


def test_a_long_queue_is_played_to_its_end() -> None:
    chance = Random(7)
    skills = [f"skill {n}" for n in range(10)]
    people = [
        agent(number, skills=tuple(chance.sample(skills, 5)), hours=chance.choice([None, WEEKDAYS]))
        for number in range(50)
    ]
    works = [
        work(
            START + n * 4 * MINUTE,
            skills=tuple(chance.sample(skills, chance.randrange(3))),
            requester_id=chance.randrange(500),
            handling=chance.randrange(6000) * MINUTE,
        )
        for n in range(10_000)
    ]

    found = staffed(works, {}, people, people, None, END)

    assert found.before.waiting.never > 1000


def test_what_finds_nobody_waits_until_somebody_is_free() -> None:
    one = agent(1, max_tickets=1)
    side = run(
        [work(START), work(START + MINUTE), work(START + 2 * MINUTE, priority=Priority.CRITICAL)], one
    ).side()

    assert (side.assigned, side.waiting.tickets, side.waiting.never) == (3, 2, 0)
    # The critical one goes first: it waits 58 minutes, the other one hour more.
    assert (side.waiting.median_s, side.waiting.longest_s) == (58 * 60.0, 119 * 60.0)


def test_who_is_off_duty_gets_what_waits_when_the_day_begins() -> None:
    # START is Friday, 08:00 in UTC.
    side = run([work(START, handling=None)], agent(1, hours=WEEKDAYS)).side()

    assert (side.waiting.tickets, side.waiting.longest_s) == (1, 3600.0)


def test_loads_are_what_somebody_had_at_a_time() -> None:
    tried = run(
        [work(START, handling=10 * DAY), work(START + HOUR, handling=None)], agent(1), end=START + 20 * DAY
    )

    share = tried.share(1)

    assert (share.assigned, share.peak_load) == (2, 2)
    assert share.mean_load == round(0.5 + (20 * 24 - 1) / (20 * 24), 2)


def test_late_is_what_would_have_been_answered_or_ended_too_late() -> None:
    in_time = work(START, answer=5 * MINUTE, answer_due_at=START + 10 * MINUTE, due_at=START + HOUR)
    waits = work(START + 1, answer=5 * MINUTE, answer_due_at=START + 10 * MINUTE)

    assert run([in_time, waits], agent(1, max_tickets=1)).side().breached == 1
    assert run([in_time, waits], agent(1, max_tickets=2)).side().breached == 0


def test_what_nobody_answers_or_nobody_gets_is_late_once_it_is_due() -> None:
    silent = work(START, handling=None, answer_due_at=START + HOUR)
    closed = work(START, handling=MINUTE, answer_due_at=START + HOUR)
    stuck = work(START, handling=None, due_at=START + 2 * HOUR)
    nobodys = work(START, answer=MINUTE, answer_due_at=START + 3 * HOUR, skills=("sap",))
    works, one = [closed, silent, stuck, nobodys], agent(1)

    breaches = [run(works, one, end=START + n * HOUR + 1).side().breached for n in range(4)]

    assert breaches == [0, 1, 2, 3]
    assert run(works, one).share(1).breached == 2


def test_what_never_had_an_agent_is_like_half_of_the_others() -> None:
    known = [work(START, handling=n * HOUR, answer=n * MINUTE) for n in (1, 2, 9)]
    lost = work(START, had_agent=False, handling=None, answer=None)

    *same, guessed = like_the_others([*known, lost])

    assert same == known
    assert (guessed.handling, guessed.answer) == (2 * HOUR, 2 * MINUTE)
    assert like_the_others([lost]) == [lost]


def test_both_sides_are_told_for_everybody() -> None:
    before = [agent(1, max_tickets=1), agent(2, max_tickets=1)]
    after = other(before, {2: {"is_available": False}})
    works = [work(START + n, handling=None) for n in range(3)]

    found = staffed(works, {}, before, after, None, END)

    assert (found.tickets, found.before.waiting.never, found.after.waiting.never) == (3, 1, 2)
    assert [(each.before.assigned, each.after.assigned) for each in found.agents] == [(1, 1), (1, 0)]


def test_where_people_choose_nothing_is_given_out() -> None:
    teams = {1: Team(Preset.MANUAL, None)}

    assert (
        run([work(START, team_id=1)], agent(1, teams=frozenset({1})), teams=teams).side().waiting.never == 1
    )
