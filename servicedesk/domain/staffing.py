"""Who would have got the tickets of a period, had other people or other weights been there.

Tickets come when they really came, and keep whoever has them as busy as they really did: each counts against its agent
for as long as it did from its first agent to its end, and gets its first answer as long after that as it really did.
One that never had an agent is like half of the others. Everybody begins with empty hands. So the two sides differ by
what was changed alone.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final

import msgspec

from servicedesk.domain.assignment import RESTED, WEIGHTS, Weights, turn
from servicedesk.domain.calendars import Calendar
from servicedesk.domain.numbers import nearest_rank
from servicedesk.domain.people import PersonRef, Preset, fold
from servicedesk.domain.tickets import Priority
from servicedesk.domain.times import SECOND, Instant

Kind = tuple[int | None, tuple[str, ...]]
"""Team and skills: who can take a ticket at all depends on these alone."""
FAMILIAR_AMONG: Final = 10
"""The requester's last tickets, of which somebody has a share."""
_ONE: Final = 10_000


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket as it really came and went."""

    at: Instant
    team_id: int | None
    priority: Priority
    skills: tuple[str, ...]
    requester_id: int
    had_agent: bool = True
    handling: int | None
    """How long it counted against somebody; None if it still does."""
    answer: int | None
    """How long after it had an agent the first public answer came; None if there was none."""
    answer_due_at: Instant | None
    due_at: Instant | None


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    teams: frozenset[int]
    takes_any: bool
    """Whether tickets without a team can be theirs."""
    is_available: bool
    skills: tuple[str, ...]
    max_tickets: int
    hours: Calendar | None


class Team(msgspec.Struct, frozen=True):
    preset: Preset
    weights: Weights | None


class Waiting(msgspec.Struct, frozen=True):
    """How long tickets were without an agent, in seconds. ``never`` counts those that had none to the end."""

    tickets: int
    never: int
    median_s: float | None
    p90_s: float | None
    longest_s: float | None


class Side(msgspec.Struct, frozen=True):
    assigned: int
    waiting: Waiting
    breached: int
    """Tickets whose first answer or resolution came too late."""


class Share(msgspec.Struct, frozen=True):
    """What one agent had. Loads are tickets at a time."""

    assigned: int
    peak_load: int
    mean_load: float
    breached: int


class AgentShares(msgspec.Struct, frozen=True):
    agent: PersonRef
    before: Share
    after: Share


class Staffed(msgspec.Struct, frozen=True):
    tickets: int
    before: Side
    after: Side
    agents: tuple[AgentShares, ...]


def staffed(
    works: Sequence[Work],
    teams: Mapping[int, Team],
    before: Sequence[Agent],
    after: Sequence[Agent],
    weights: Weights | None,
    end: Instant,
) -> Staffed:
    """Run the period twice: with the people as they are, and with the others and, if given, one set of weights."""
    works = like_the_others(works)
    first, second = Run(works, teams, before, None, end), Run(works, teams, after, weights, end)
    shares = [
        AgentShares(PersonRef(agent.id, agent.name), first.share(agent.id), second.share(agent.id))
        for agent in before
    ]
    return Staffed(len(works), first.side(), second.side(), tuple(shares))


class Place:
    """Somebody's place in a run: what they have now, and what they had."""

    __slots__ = (
        *("agent", "skills", "shift", "lines", "is_free", "load", "spare", "last"),
        *("assigned", "breached", "peak", "loaded", "_since"),
    )

    def __init__(self, agent: Agent, shift: "Shift | None", start: Instant) -> None:
        self.agent = agent
        self.skills = frozenset(map(fold, agent.skills))
        self.shift = shift
        self.lines: list[Line] = []
        """What they could take."""
        self.load = self.peak = self.assigned = self.breached = self.loaded = 0
        self.last: Instant | None = None
        self._since = start
        self.look()

    def look(self) -> None:
        """See whether they can take another ticket, and how much of their capacity is left."""
        on_duty, most = self.shift is None or self.shift.is_open, self.agent.max_tickets
        self.is_free = on_duty and self.agent.is_available and self.load < most
        self.spare = _ONE * (most - self.load) // most if self.is_free else 0

    def take(self, at: Instant) -> None:
        self.count(at)
        self.load += 1
        self.assigned += 1
        self.last = at
        self.peak = max(self.peak, self.load)
        self.look()

    def leave(self, at: Instant) -> None:
        self.count(at)
        self.load -= 1
        self.look()

    def count(self, at: Instant) -> None:
        self.loaded += self.load * (at - self._since)
        self._since = at


class Shift:
    """A calendar asked at moments that never go back."""

    def __init__(self, hours: Calendar, start: Instant) -> None:
        self._hours = hours
        self.is_open = hours.is_open(start)
        self.until = hours.next_change(start)

    def move(self, at: Instant) -> None:
        while self.until is not None and self.until <= at:
            self.is_open = self._hours.is_open(self.until)
            self.until = self._hours.next_change(self.until)


class Line:
    """Tickets that the same people can take; those that wait are in their turns."""

    __slots__ = ("_continuity", "_full_rest", "_idle", "_people", "_spare", "waiting")

    def __init__(self, people: Iterable[Place], needed: frozenset[str], weights: Weights) -> None:
        self._spare, self._idle, skill, self._continuity = weights
        self._full_rest = _points(_ONE, self._idle)
        self._people = [
            (
                place,
                place.agent.id,
                _points(_ONE * len(needed) // len(place.skills), skill) if needed else 0,
            )
            for place in people
        ]
        self.waiting: list[tuple[int, int]] = []
        """Turns and numbers, as a heap."""
        for place, *_ in self._people:
            place.lines.append(self)

    def choose(self, recent: Sequence[int], at: Instant) -> Place | None:
        """Return whom ``assignment.decide`` would choose, worked out in one pass."""
        weight, idle, full_rest = self._spare, self._idle, self._full_rest
        known = _familiar(recent, self._continuity)
        best, chosen = (-1, 0, 0, 0), None
        for place, number, skill in self._people:
            if not place.is_free:
                continue
            last = place.last
            score = _points(place.spare, weight) + skill
            if last is None or at - last >= RESTED:
                score += full_rest
            else:
                score += (_ONE * (at - last) // RESTED * idle + 50) // 100
            if number in known:
                score += known[number]
            if score >= best[0]:
                rank = (score, 1 if last is None else -last, -place.load, -number)
                if rank > best:
                    best, chosen = rank, place
        return chosen


class Run:
    """One way in which the period could have gone."""

    def __init__(
        self,
        works: Sequence[Work],
        teams: Mapping[int, Team],
        agents: Sequence[Agent],
        weights: Weights | None,
        end: Instant,
    ) -> None:
        self._works = works
        self._teams = teams
        self._weights = weights
        self._end = end
        self._start = works[0].at if works else end
        self._shifts = {a.hours: Shift(a.hours, self._start) for a in agents if a.hours is not None}
        self._places = {
            a.id: Place(a, self._shifts[a.hours] if a.hours else None, self._start) for a in agents
        }
        self._lines: dict[Kind, Line] = {}
        self._recent: dict[int, deque[int]] = {}
        self._ends: list[tuple[Instant, int]] = []
        self._waits: list[int] = []
        self._breached = 0
        self.given: dict[int, tuple[int, Instant]] = {}
        """Who got which ticket when, by the tickets' numbers in the period."""
        self._go()

    def side(self) -> Side:
        waited = sorted(self._waits)
        never = sum(len(line.waiting) for line in self._lines.values())
        at = [
            waited[nearest_rank(percent, len(waited)) - 1] / SECOND if waited else None
            for percent in (50, 90, 100)
        ]
        return Side(len(self.given), Waiting(len(waited) + never, never, *at), self._breached)

    def share(self, agent_id: int) -> Share:
        place = self._places[agent_id]
        length = max(1, self._end - self._start)
        return Share(place.assigned, place.peak, round(place.loaded / length, 2), place.breached)

    def _go(self) -> None:
        for number, work in enumerate(self._works):
            self._until(work.at)
            line = self._line(work)
            # While one of its kind waits, nobody is free for this one either.
            place = None if line.waiting else self._choice(line, number, work.at)
            if place is None:
                heapq.heappush(line.waiting, (turn(work.priority, work.at), number))
            else:
                self._give(number, place, work.at)
        self._until(self._end)
        for place in self._places.values():
            place.count(self._end)
        left = (number for line in self._lines.values() for _, number in line.waiting)
        self._breached += sum(_is_late(self._works[number], self._end, self._end) for number in left)

    def _line(self, work: Work) -> Line:
        kind = (work.team_id, work.skills)
        if kind not in self._lines:
            team = None if work.team_id is None else self._teams.get(work.team_id)
            preset = team.preset if team else Preset.BALANCED
            needed = frozenset(map(fold, work.skills))
            people = [
                place
                for place in self._places.values()
                if needed <= place.skills
                and (place.agent.takes_any if work.team_id is None else work.team_id in place.agent.teams)
                and preset is not Preset.MANUAL
            ]
            weights = self._weights or (team and team.weights) or WEIGHTS[preset]
            self._lines[kind] = Line(people, needed, weights)
        return self._lines[kind]

    def _until(self, at: Instant) -> None:
        """Let tickets end and shifts begin up to the moment, and give out what waits each time."""
        while True:
            changes = (s.until for s in self._shifts.values() if s.until is not None)
            moment = min(changes, default=at + 1)
            if self._ends and self._ends[0][0] < moment:
                moment = self._ends[0][0]
            if moment > at:
                return
            self._drain(self._freed(moment), moment)

    def _freed(self, moment: Instant) -> list[Place]:
        """Let happen what happens at the moment, and return whom it leaves free."""
        touched: dict[int, Place] = {}
        while self._ends and self._ends[0][0] <= moment:
            place = self._places[heapq.heappop(self._ends)[1]]
            place.leave(moment)
            touched[place.agent.id] = place
        for shift in self._shifts.values():
            if shift.until is not None and shift.until <= moment:
                shift.move(moment)
                touched |= {place.agent.id: place for place in self._places.values() if place.shift is shift}
        for place in touched.values():
            place.look()
        return [place for place in touched.values() if place.is_free]

    def _drain(self, freed: Sequence[Place], at: Instant) -> None:
        """Give out what waits, in turn. Before this nobody could take any of it, so only those just freed can."""
        if len(freed) == 1:
            self._serve(freed[0], at)
            return
        lines = {id(line): line for place in freed for line in place.lines if line.waiting}
        heads = [(*line.waiting[0], each) for each, line in lines.items()]
        heapq.heapify(heads)
        while heads and any(place.is_free for place in freed):
            _, number, each = heapq.heappop(heads)
            line = lines[each]
            place = self._choice(line, number, at)
            if place is None:
                continue  # and so it is for all of its line
            self._give(number, place, at)
            heapq.heappop(line.waiting)
            if line.waiting:
                heapq.heappush(heads, (*line.waiting[0], each))

    def _serve(self, place: Place, at: Instant) -> None:
        """Give the only one who is free what waits for them."""
        while place.is_free:
            waiting = min((line.waiting for line in place.lines if line.waiting), default=None)
            if waiting is None:
                return
            self._give(heapq.heappop(waiting)[1], place, at)

    def _choice(self, line: Line, number: int, at: Instant) -> Place | None:
        return line.choose(self._recent.get(self._works[number].requester_id, ()), at)

    def _give(self, number: int, place: Place, at: Instant) -> None:
        work, who = self._works[number], place.agent.id
        place.take(at)
        self.given[number] = who, at
        self._recent.setdefault(work.requester_id, deque(maxlen=FAMILIAR_AMONG)).append(who)
        if at > work.at:
            self._waits.append(at - work.at)
        if work.handling is not None and at + work.handling < self._end:
            heapq.heappush(self._ends, (at + work.handling, who))
        if _is_late(work, at, self._end):
            self._breached += 1
            place.breached += 1


def like_the_others(works: Sequence[Work]) -> list[Work]:
    """Return the tickets, those that never had an agent as they might have gone: at the median of the rest."""
    handling = _median(w.handling for w in works if w.had_agent)
    answer = _median(w.answer for w in works if w.had_agent)
    usual = {"handling": handling, "answer": answer}
    return [work if work.had_agent else msgspec.structs.replace(work, **usual) for work in works]


def _median(lengths: Iterable[int | None]) -> int | None:
    known = sorted(length for length in lengths if length is not None)
    return known[nearest_rank(50, len(known)) - 1] if known else None


def _is_late(work: Work, at: Instant, end: Instant) -> bool:
    """Return whether a promise was broken before the end, had the ticket found its agent at the moment."""
    # What ends without a word needs no answer any more.
    answer = work.handling if work.answer is None else work.answer
    return any(
        due is not None and due < end and (length is None or at + length > due)
        for length, due in ((answer, work.answer_due_at), (work.handling, work.due_at))
    )


def _points(value: int, weight: int) -> int:
    return (value * weight + 50) // 100


def _familiar(recent: Sequence[int], weight: int) -> dict[int, int]:
    """Return the points of those who had some of the requester's last tickets."""
    return {who: _shared(recent.count(who), len(recent), weight) for who in set(recent)} if weight else {}


@cache
def _shared(had: int, of: int, weight: int) -> int:
    return _points(round(_ONE * (had / of)), weight)


def other(agents: Iterable[Agent], changes: Mapping[int, Mapping[str, object]]) -> list[Agent]:
    """Return the agents with what is changed about some of them."""
    return [msgspec.structs.replace(agent, **changes.get(agent.id, {})) for agent in agents]
