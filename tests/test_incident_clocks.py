"""A year of a real service desk, judged by its own timestamps: the promise that its own verdicts fit best."""

import csv
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from servicedesk.domain.calendars import ALWAYS, Calendar, Hours
from servicedesk.domain.sla import Entry, Policy, State, Targets, clocks, pausing, state
from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import HOUR
from tests import incidents

pytestmark = incidents.NEEDS_LOG

INCIDENTS = 445
AGREEING = 444
"""Verdicts of the best policy that are the log's own, as seen."""


class Life(NamedTuple):
    number: str
    log: list[Entry]
    made_sla: bool
    """The source desk's own verdict, as it stood in the end."""

    @property
    def priority(self) -> Priority:
        return next(entry.priority for entry in reversed(self.log) if entry.priority is not None)


def weekdays(*hours: tuple[int, int]) -> Calendar:
    day: Hours = tuple((start * 3600, end * 3600) for start, end in hours)
    return Calendar("Weekdays", "UTC", (day, day, day, day, day, (), ()))


CALENDARS = {
    "around the clock": ALWAYS,
    "weekdays, day and night": weekdays((0, 24)),
    "weekdays from 8 to 18": weekdays((8, 18)),
    "weekdays from 9 to 17": weekdays((9, 17)),
}
PAUSES = {
    "without pauses": pausing(),
    "paused while waiting for the caller": pausing(Status.PENDING),
    "paused while waiting for anybody": pausing(Status.PENDING, Status.ON_HOLD),
}
HOURS = (0.25, 1, 4, 8, 16, 24, 36, 48, 72, 90, 96, 120)
"""What a resolution may have been promised in."""


def lives() -> Iterator[Life]:
    with incidents.PATH.open(newline="", encoding="utf-8") as file:
        lines = sorted(csv.DictReader(file), key=lambda line: (line["number"], int(line["sys_mod_count"])))
    verdicts = {line["number"]: line["made_sla"] == "TRUE" for line in lines}
    logs: dict[str, list[Entry]] = {}
    for row in incidents.read():
        status, priority = Status(row.status), Priority(row.priority)
        log = logs.setdefault(row.number, [Entry(row.opened_at, Status.NEW, priority)])
        log.append(Entry(row.at, status, priority, replied=status is not Status.NEW))
    for number, log in logs.items():
        yield Life(number, log, verdicts[number])


def verdict(life: Life, policy: Policy) -> State:
    found, now = clocks(life.log, policy), life.log[-1].at + 1
    return state(found.phase, found.due_at, found.risk_at, found.breach_at, now)


def agrees(life: Life, policy: Policy) -> bool:
    return (verdict(life, policy) is State.MET) == life.made_sla


def best_targets(known: list[Life], policy: Policy) -> dict[Priority, Targets]:
    """Return the resolution target of each priority that fits its incidents best; of equals the shortest."""

    def fitting(priority: Priority, hours: float) -> int:
        one = promising(policy, dict.fromkeys(Priority, Targets(resolution=int(hours * HOUR))))
        return sum(agrees(life, one) for life in known if life.priority is priority)

    best = {p: max(HOURS, key=lambda hours, p=p: (fitting(p, hours), -hours)) for p in Priority}  # type: ignore[misc]
    return {priority: Targets(resolution=int(hours * HOUR)) for priority, hours in best.items()}


def promising(policy: Policy, targets: dict[Priority, Targets]) -> Policy:
    return Policy(policy.name, targets, policy.pauses, policy.calendar)


def test_every_incident_has_a_verdict_and_one_policy_gives_nearly_all_of_the_logs_own() -> None:
    known = list(lives())
    assert len(known) == INCIDENTS

    shares: dict[str, int] = {}
    for (hours, calendar), (waits, pauses) in product(CALENDARS.items(), PAUSES.items()):
        tried = Policy(f"{hours}, {waits}", {}, pauses, calendar)
        fitted = promising(tried, best_targets(known, tried))
        assert {verdict(life, fitted) for life in known} <= {State.MET, State.BREACHED}
        spans = ", ".join(f"{p} {t.resolution / HOUR:g} h" for p, t in fitted.targets.items() if t.resolution)
        shares[f"{fitted.name}: {spans}"] = sum(agrees(life, fitted) for life in known)
    ranked = sorted(shares.items(), key=lambda each: -each[1])
    for name, number in ranked:
        print(f"{number / INCIDENTS:6.1%} of {INCIDENTS} verdicts: {name}")

    assert ranked[0][0].startswith("around the clock, without pauses")
    assert ranked[0][1] >= AGREEING
