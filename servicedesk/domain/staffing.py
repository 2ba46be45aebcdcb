"""Who would have got the tickets of a period, had other people or other weights been there.

Tickets come when they really came, and keep whoever has them as busy as they really did: each counts against its agent
for as long as it did from its first agent to its end, and gets its first answer as long after that as it really did.
Everybody begins with empty hands. So the two sides differ by what was changed alone.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
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
    first, second = Run(works, teams, before, None, end), Run(works, teams, after, weights, end)
    shares = [
        AgentShares(PersonRef(agent.id, agent.name), first.share(agent.id), second.share(agent.id))
        for agent in before
    ]
    return Staffed(len(works), first.side(), second.side(), tuple(shares))


class Desk:
    """Somebody's place in a run: what they have now, and what they had."""

    __slots__ = (
        *(
            "agent",
            "assigned",
            "breached",
            "last",
            "load",
            "loaded",
            "peak",
            "shift",
            "since",
            "skills",
            "spare",
        ),
    )

    def __init__(self, agent: Agent, shift: "Shift | None") -> None:
        self.agent = agent
        self.skills = frozenset(map(fold, agent.skills))
        self.shift = shift
        self.load = self.peak = self.assigned = self.breached = self.loaded = 0
        self.since: Instant = 0
        self.last: Instant | None = None
        self.spare = _ONE

    def take(self, at: Instant) -> None:
        self._count(at)
        self.load += 1
        self.assigned += 1
        self.last = at
        self.peak = max(self.peak, self.load)
        self._room()

    def leave(self, at: Instant) -> None:
        self._count(at)
        self.load -= 1
        self._room()

    def _count(self, at: Instant) -> None:
        self.loaded += self.load * (at - self.since)
        self.since = at

    def _room(self) -> None:
        most = self.agent.max_tickets
        self.spare = _ONE * (most - self.load) // most


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
        self._desks = {a.id: Desk(a, self._shifts[a.hours] if a.hours else None) for a in agents}
        for desk in self._desks.values():
            desk.since = self._start
        able = [d for d in self._desks.values() if d.agent.is_available and d.agent.max_tickets > 0]
        self._of_team: dict[int | None, list[Desk]] = {
            team_id: [desk for desk in able if team_id in desk.agent.teams] for team_id in teams
        }
        self._of_team[None] = [desk for desk in able if desk.agent.takes_any]
        self._recent: dict[int, deque[int]] = {}
        self._queues: dict[Kind, list[tuple[int, int]]] = {}
        self._ends: list[tuple[Instant, int]] = []
        self._waits: list[int] = []
        self._breached = 0
        self._go()

    def side(self) -> Side:
        waited = sorted(self._waits)
        never = sum(map(len, self._queues.values()))
        assigned = sum(desk.assigned for desk in self._desks.values())
        at = [
            waited[nearest_rank(percent, len(waited)) - 1] / SECOND if waited else None
            for percent in (50, 90, 100)
        ]
        return Side(assigned, Waiting(len(waited) + never, never, *at), self._breached)

    def share(self, agent_id: int) -> Share:
        desk = self._desks[agent_id]
        length = max(1, self._end - self._start)
        return Share(desk.assigned, desk.peak, round(desk.loaded / length, 2), desk.breached)

    def _go(self) -> None:
        for number, work in enumerate(self._works):
            self._until(work.at)
            if not self._give(number, work.at):
                queue = self._queues.setdefault((work.team_id, work.skills), [])
                heapq.heappush(queue, (turn(work.priority, work.at), number))
        self._until(self._end)
        for desk in self._desks.values():
            desk._count(self._end)

    def _until(self, at: Instant) -> None:
        """Let tickets end and shifts begin up to the moment, and give out what waits each time."""
        while True:
            opens = min((s.until for s in self._shifts.values() if s.until is not None), default=None)
            ends = self._ends[0][0] if self._ends else None
            moment = min((m for m in (opens, ends) if m is not None), default=None)
            if moment is None or moment > at:
                return
            while self._ends and self._ends[0][0] <= moment:
                self._desks[heapq.heappop(self._ends)[1]].leave(moment)
            for shift in self._shifts.values():
                shift.move(moment)
            self._drain(moment)

    def _drain(self, at: Instant) -> None:
        """Give out what waits, in turn; of tickets of one kind the first tells whether any can be given."""
        heads = [(*queue[0], kind) for kind, queue in self._queues.items()]
        heapq.heapify(heads)
        while heads:
            _, number, kind = heapq.heappop(heads)
            if not self._give(number, at):
                continue
            queue = self._queues[kind]
            heapq.heappop(queue)
            if queue:
                heapq.heappush(heads, (*queue[0], kind))
            else:
                del self._queues[kind]

    def _give(self, number: int, at: Instant) -> bool:
        work = self._works[number]
        desk = self._choose(work, at)
        if desk is None:
            return False
        desk.take(at)
        self._recent.setdefault(work.requester_id, deque(maxlen=FAMILIAR_AMONG)).append(desk.agent.id)
        if at > work.at:
            self._waits.append(at - work.at)
        if work.handling is not None and at + work.handling < self._end:
            heapq.heappush(self._ends, (at + work.handling, desk.agent.id))
        if _is_late(work, at):
            self._breached += 1
            desk.breached += 1
        return True

    def _choose(self, work: Work, at: Instant) -> Desk | None:
        """Return whom ``assignment.decide`` would choose, worked out in one pass."""
        team = self._teams.get(work.team_id) if work.team_id is not None else None
        preset = team.preset if team else Preset.BALANCED
        if preset is Preset.MANUAL:
            return None
        spare, idle, skill, known = self._weights or (team and team.weights) or WEIGHTS[preset]
        needed = frozenset(map(fold, work.skills))
        recent = self._recent.get(work.requester_id, ())
        best, chosen = None, None
        for desk in self._of_team.get(work.team_id, ()):
            if desk.load >= desk.agent.max_tickets or (desk.shift is not None and not desk.shift.is_open):
                continue
            if needed and not needed <= desk.skills:
                continue
            last = desk.last
            rested = _ONE if last is None else _ONE * min(at - last, RESTED) // RESTED
            score = (desk.spare * spare + 50) // 100 + (rested * idle + 50) // 100
            if needed:
                score += (_ONE * len(needed) // len(desk.skills) * skill + 50) // 100
            if recent:
                score += (round(_ONE * (recent.count(desk.agent.id) / len(recent))) * known + 50) // 100
            if best is None or score >= best[0]:
                rank = (score, 1 if last is None else -last, -desk.load, -desk.agent.id)
                if best is None or rank > best:
                    best, chosen = rank, desk
        return chosen


def _is_late(work: Work, at: Instant) -> bool:
    answered = None if work.answer is None else at + work.answer
    ended = None if work.handling is None else at + work.handling
    return any(
        moment is not None and due is not None and moment > due
        for moment, due in ((answered, work.answer_due_at), (ended, work.due_at))
    )


def other(agents: Iterable[Agent], changes: Mapping[int, Mapping[str, object]]) -> list[Agent]:
    """Return the agents with what is changed about some of them."""
    return [msgspec.structs.replace(agent, **changes.get(agent.id, {})) for agent in agents]
