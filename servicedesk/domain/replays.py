"""What would have been: a past period of tickets under other promises."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import msgspec

from servicedesk.domain.sla import Clock, Entry, Policy, Promise, clocks
from servicedesk.domain.tickets import Priority
from servicedesk.domain.times import Instant

CHANGED_MOST: Final = 100
"""Tickets with another verdict that are named."""


class Life(NamedTuple):
    """A ticket with its log, what was said included."""

    ticket_id: int
    team_id: int | None
    log: list[Entry]


class Verdict(msgspec.Struct):
    """How many promises were kept, how many broken, and how many can still go either way."""

    met: int = 0
    breached: int = 0
    open: int = 0


class Verdicts(Verdict):
    """Tickets, each by its worst promise; ``by_clock`` counts the promises themselves."""

    by_clock: dict[str, Verdict] = msgspec.field(default_factory=dict)
    by_priority: dict[str, Verdict] = msgspec.field(default_factory=dict)


class Changed(msgspec.Struct, frozen=True):
    """A ticket that has another verdict: ``met``, ``breached``, ``open`` or ``none``."""

    ticket_id: int
    before: str
    after: str


class Replayed(msgspec.Struct, frozen=True):
    tickets: int
    before: Verdicts
    after: Verdicts
    changed_count: int
    changed: list[Changed]
    """The oldest hundred of them."""


PolicyOf = Callable[[int | None], Policy]
"""Returns the policy of a team's tickets."""


def replay(lives: Iterable[Life], before: PolicyOf, after: PolicyOf, now: Instant) -> Replayed:
    """Work every ticket out under both policies, as they stand now."""
    was, would = _Count(), _Count()
    number = changed = 0
    named: list[Changed] = []
    for life in lives:
        number += 1
        old, new = before(life.team_id), after(life.team_id)
        verdict = was.add(life.log, old, now)
        other = would.add(life.log, new, now)
        if verdict != other:
            changed += 1
            if len(named) < CHANGED_MOST:
                named.append(Changed(life.ticket_id, verdict, other))
    return Replayed(number, was.verdicts, would.verdicts, changed, named)


class _Count:
    def __init__(self) -> None:
        self.verdicts = Verdicts(
            by_clock={str(promise): Verdict() for promise in Promise},
            by_priority={str(priority): Verdict() for priority in reversed(Priority)},
        )

    def add(self, log: list[Entry], policy: Policy, now: Instant) -> str:
        cycles = clocks(log, policy).cycles
        if not cycles:
            return "none"
        words = set()
        for clock in cycles:
            word = _word(clock, now)
            words.add(word)
            _count(self.verdicts.by_clock[clock.name], word)
        worst = next(word for word in ("breached", "open", "met") if word in words)
        priority = next(entry.priority for entry in reversed(log) if entry.priority is not None)
        _count(self.verdicts, worst)
        _count(self.verdicts.by_priority[priority], worst)
        return worst


def _word(clock: Clock, now: Instant) -> str:
    if clock.breach_at is not None and clock.breach_at < now:
        return "breached"
    return "open" if clock.met_at is None else "met"


def _count(verdict: Verdict, word: str) -> None:
    setattr(verdict, word, getattr(verdict, word) + 1)
