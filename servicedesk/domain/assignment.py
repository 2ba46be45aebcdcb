"""Who should take a ticket, and why: hard filters first, then points."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from servicedesk.domain.people import Availability, PersonRef, Preset, fold
from servicedesk.domain.tickets import Priority
from servicedesk.domain.times import DAY, HOUR, Instant


class Exclusion(StrEnum):
    """Why a person could not be chosen, whatever their points."""

    INACTIVE = "inactive"
    AWAY = "away"
    AT_CAPACITY = "at_capacity"
    MISSING_SKILL = "missing_skill"
    NOT_IN_TEAM = "not_in_team"
    OUTSIDE_HOURS = "outside_hours"
    EXCLUDED = "excluded"


class FactorName(StrEnum):
    """What earns points: room for more, time since the last ticket, the fitting trade, a known requester."""

    SPARE_CAPACITY = "spare_capacity"
    IDLE_TIME = "idle_time"
    SKILLS = "skills"
    CONTINUITY = "continuity"


Weights = tuple[int, int, int, int]
"""What each factor counts, in the order of their names."""

BALANCED: Final[Weights] = (40, 25, 20, 10)
WEIGHTS: Final[dict[Preset, Weights]] = {
    Preset.BALANCED: BALANCED,
    Preset.ROUND_ROBIN: (0, 100, 0, 0),
    Preset.SKILLS: (20, 10, 60, 10),
    # The team's lead chooses; the points are advice.
    Preset.MANUAL: BALANCED,
}

WEIGHT_MAX: Final = 100
AGEING: Final = DAY
"""Waiting so long lifts a ticket by one step of priority."""
RESTED: Final = 8 * HOUR
"""After so long without a new ticket an agent has all points for idle time."""

_ONE: Final = 10_000
"""Values are kept in ten-thousandths and points in hundredths: what is stored is what was decided."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """Who might take the ticket. ``familiarity`` is their share of the requester's last ten tickets."""

    id: int
    name: str
    is_active: bool = True
    availability: Availability = Availability.AVAILABLE
    skills: frozenset[str] = frozenset()
    in_team: bool = True
    in_hours: bool = True
    load: int = 0
    max_tickets: int
    last_assigned_at: Instant | None = None
    familiarity: float = 0.0


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the ticket asks for."""

    skills: frozenset[str] = frozenset()
    preset: Preset = Preset.BALANCED
    weights: Weights | None = None
    """Instead of those of the preset."""
    excluded: frozenset[int] = frozenset()
    """People who must not get this ticket, for example because they have handed it back."""


class BarredBy(StrEnum):
    """Why somebody is on a ticket's list of those who do not get it."""

    RETURNED = "returned"
    """They had it and said nothing for too long."""
    BY_HAND = "by_hand"


class Barred(msgspec.Struct, frozen=True):
    user: PersonRef
    reason: BarredBy
    created_at: Instant


class Factor(msgspec.Struct, frozen=True):
    name: FactorName
    value: float
    weight: int
    points: float


class Judged(msgspec.Struct, frozen=True):
    """A candidate as they were judged. Those excluded have no factors and no points."""

    id: int
    name: str
    excluded_by: tuple[Exclusion, ...]
    weights: Weights
    values: tuple[int, ...] = ()

    @property
    def eligible(self) -> bool:
        return not self.excluded_by

    @property
    def score(self) -> float:
        return _score(self.values, self.weights) / 100

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Return what earned points; what does not count in this policy is left out."""
        return tuple(
            [
                Factor(name, value / _ONE, weight, _points(value, weight) / 100)
                for name, value, weight in zip(_FACTORS, self.values, self.weights, strict=False)
                if weight
            ]
        )


class Decision(msgspec.Struct, frozen=True):
    """Who gets the ticket, and how everybody was judged: the best first, those excluded last."""

    policy: Preset
    winner: int | None
    judged: tuple[Judged, ...]


def decide(candidates: Iterable[Candidate], wanted: Wanted, at: Instant) -> Decision:
    """Choose the candidate with the most points.

    On a tie the one who has waited longest for a ticket wins (never had one: longest), then the one with the
    fewest open tickets, then the lowest id.
    """
    weights = wanted.weights or WEIGHTS[wanted.preset]
    needed = frozenset(map(fold, wanted.skills))
    ranked: list[tuple[tuple[int, int, int, int], Judged]] = []
    excluded: list[Judged] = []
    for candidate in candidates:
        skills = frozenset(map(fold, candidate.skills)) if needed else frozenset()
        reasons = _exclusions(candidate, needed, skills, wanted.excluded)
        if reasons:
            excluded.append(Judged(candidate.id, candidate.name, reasons, weights))
            continue
        values = _values(candidate, len(needed), len(skills), at)
        judged = Judged(candidate.id, candidate.name, (), weights, values)
        ranked.append((_rank(candidate, _score(values, weights)), judged))
    ranked.sort(key=lambda pair: pair[0])
    excluded.sort(key=lambda judged: judged.id)
    picks = ranked and wanted.preset is not Preset.MANUAL
    winner = ranked[0][1].id if picks else None
    return Decision(wanted.preset, winner, (*(judged for _, judged in ranked), *excluded))


def turn(priority: Priority, since: Instant) -> int:
    """Return the place of a waiting ticket: the lowest is next. It does not change while others come and go."""
    return since - priority.rank * AGEING


def kept(decision: Decision, owner: Candidate, at: Instant) -> Decision:
    """Return the decision for somebody who has had the ticket before, whatever the points of others.

    It stays as it is if they cannot take it now. They need not be among the candidates.
    """
    if _exclusions(owner, frozenset(), frozenset(), frozenset()):
        return decision
    if any(judged.id == owner.id for judged in decision.judged):
        return msgspec.structs.replace(decision, winner=owner.id)
    weights = _weights(decision)
    judged = Judged(owner.id, owner.name, (), weights, _values(owner, 0, 0, at))
    return Decision(decision.policy, owner.id, (judged, *decision.judged))


def free(decision: Decision) -> set[int]:
    """Return who could take a ticket of this kind, those left out included; where people choose, nobody by itself."""
    if decision.policy is Preset.MANUAL:
        return set()
    return {judged.id for judged in decision.judged if {Exclusion.EXCLUDED}.issuperset(judged.excluded_by)}


def pack(decision: Decision) -> str:
    """Return the decision in few words: values and weights as decided, names left to the list of people."""
    weights = _weights(decision)
    eligible = [(j.id, *j.values) for j in decision.judged if j.eligible]
    excluded = [(j.id, _mask(j.excluded_by)) for j in decision.judged if not j.eligible]
    return _encoder.encode((decision.policy, decision.winner, weights, eligible, excluded)).decode()


def unpack(packed: str, names: Mapping[int, str]) -> Decision:
    """Return the decision as it was packed; someone without a name is called by their number."""
    policy, winner, weights, eligible, excluded = _decoder.decode(packed)
    chosen = (Judged(who, _name(who, names), (), weights, tuple(values)) for who, *values in eligible)
    others = (Judged(who, _name(who, names), _unmask(mask), weights) for who, mask in excluded)
    return Decision(policy, winner, (*chosen, *others))


def people_of(packed: str) -> set[int]:
    """Return the ids whose names a reader of the packed decision needs."""
    _, _, _, eligible, excluded = _decoder.decode(packed)
    return {row[0] for row in eligible} | {row[0] for row in excluded}


def _exclusions(
    candidate: Candidate, needed: frozenset[str], skills: frozenset[str], excluded: frozenset[int]
) -> tuple[Exclusion, ...]:
    facts = (
        not candidate.is_active,
        candidate.availability is not Availability.AVAILABLE,
        candidate.load >= candidate.max_tickets,
        not needed <= skills,
        not candidate.in_team,
        not candidate.in_hours,
        candidate.id in excluded,
    )
    return tuple([code for code, holds in zip(_CODES, facts, strict=True) if holds]) if True in facts else ()


def _values(candidate: Candidate, needed: int, skills: int, at: Instant) -> tuple[int, int, int, int]:
    """Return each factor's value in ten-thousandths."""
    last = candidate.last_assigned_at
    return (
        _ONE * (candidate.max_tickets - candidate.load) // candidate.max_tickets,
        _ONE if last is None else _ONE * min(max(at - last, 0), RESTED) // RESTED,
        # The specialist goes first, so that those who can do more stay free for what only they can do.
        _ONE * needed // skills if needed else 0,
        round(_ONE * candidate.familiarity),
    )


def _rank(candidate: Candidate, score: int) -> tuple[int, int, int, int]:
    last = candidate.last_assigned_at
    return (-score, -1 if last is None else last, candidate.load, candidate.id)


def _points(value: int, weight: int) -> int:
    """Return hundredths of a point, half rounded up."""
    return (value * weight + 50) // 100


def _score(values: tuple[int, ...], weights: Weights) -> int:
    return sum([_points(value, weight) for value, weight in zip(values, weights, strict=False)])


def _weights(decision: Decision) -> Weights:
    return decision.judged[0].weights if decision.judged else WEIGHTS[decision.policy]


def _name(who: int, names: Mapping[int, str]) -> str:
    return names.get(who, f"#{who}")


def _mask(reasons: Iterable[Exclusion]) -> int:
    return sum(1 << _CODES.index(reason) for reason in reasons)


def _unmask(mask: int) -> tuple[Exclusion, ...]:
    return tuple(code for number, code in enumerate(_CODES) if mask >> number & 1)


_Packed = tuple[Preset, int | None, Weights, list[tuple[int, ...]], list[tuple[int, int]]]
_CODES: Final = tuple(Exclusion)
_FACTORS: Final = tuple(FactorName)
_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[_Packed]] = msgspec.json.Decoder(_Packed)
