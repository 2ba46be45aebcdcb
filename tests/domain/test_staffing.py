"""The period that could have been: the same choices as the desk's own, and what follows from them."""

from random import Random
from typing import Any

from servicedesk.domain import assignment
from servicedesk.domain.assignment import Candidate, Wanted
from servicedesk.domain.calendars import Calendar
from servicedesk.domain.people import Availability, Preset
from servicedesk.domain.staffing import Agent, Run, Team, Work, other, staffed
from servicedesk.domain.tickets import Priority
from servicedesk.domain.times import DAY, HOUR, MINUTE

START = 1_800_000_000_000
END = START + 30 * DAY
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


def test_it_chooses_whom_the_desk_would_choose() -> None:
    """Ticket by ticket beside ``decide``, over people, skills, presets and weights of every kind."""
    chance = Random(7)
    for case in range(60):
        skills = ("vpn", "Mail", "sap")
        people = [
            agent(
                number,
                skills=tuple(chance.sample(skills, chance.randrange(4))),
                max_tickets=chance.randrange(0, 6),
                is_available=chance.random() < 0.9,
                teams=frozenset({1}),
            )
            for number in range(1, 9)
        ]
        weights = chance.choice([None, tuple(chance.randrange(0, 101) for _ in range(4))])
        preset = chance.choice([Preset.BALANCED, Preset.ROUND_ROBIN, Preset.SKILLS])
        tried = Run([], {1: Team(preset, weights)}, people, None, END)  # type: ignore[arg-type]
        at = START
        for _ in range(40):
            at += chance.randrange(1, 3 * HOUR)
            wanted = work(
                at,
                team_id=1,
                requester_id=chance.randrange(3),
                skills=tuple(chance.sample(skills, chance.randrange(2))),
            )
            chosen = tried._choose(wanted, at)
            decided = assignment.decide(
                [as_candidate(tried, each, wanted.requester_id) for each in people],
                Wanted(skills=frozenset(wanted.skills), preset=preset, weights=weights),  # type: ignore[arg-type]
                at,
            )
            assert (chosen and chosen.agent.id) == decided.winner, (case, decided)
            if chosen is not None:
                tried._works = [wanted]
                tried._give(0, at)
            if chance.random() < 0.3 and tried._ends:
                tried._desks[tried._ends.pop(0)[1]].leave(at)


def as_candidate(tried: Run, each: Agent, requester_id: int) -> Candidate:
    desk, recent = tried._desks[each.id], tried._recent.get(requester_id, ())
    return Candidate(
        id=each.id,
        name=each.name,
        availability=Availability.AVAILABLE if each.is_available else Availability.AWAY,
        skills=frozenset(each.skills),
        load=desk.load,
        max_tickets=each.max_tickets,
        last_assigned_at=desk.last,
        familiarity=recent.count(each.id) / len(recent) if recent else 0.0,
    )


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
