"""Answers what would have been, in a process of its own: the desk itself must not stand still for it.

This is the program behind ``web/replays.py``. A question is a tagged struct that says all it needs; it is answered
from a connection that cannot write. Whoever has another kind of question adds it to ``Question`` and to ``answer``,
and its answer to ``Answer``.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from servicedesk.domain import staffing
from servicedesk.domain.assignment import Weights
from servicedesk.domain.calendars import Calendar
from servicedesk.domain.replays import Replayed, replay
from servicedesk.domain.sla import Policy
from servicedesk.domain.staffing import Staffed
from servicedesk.domain.times import Instant
from servicedesk.media import errands
from servicedesk.media.jobs import Failed
from servicedesk.store import policies, replays
from servicedesk.store.db import Connection, reading

PROGRAM: Final = __name__


class OtherPromise(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How the tickets of a period would stand under another policy, or in the hours of another calendar."""

    database: str
    start: Instant
    end: Instant
    now: Instant
    policy: Policy | None
    """None leaves each ticket the one of its team."""
    calendar: Calendar | None
    """None leaves the policy its own."""


class OtherVerdicts(msgspec.Struct, frozen=True, tag=True):
    replayed: Replayed


class OtherStaff(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Who would have got the tickets of a period, with other people or other weights."""

    database: str
    start: Instant
    end: Instant
    now: Instant
    weights: Weights | None
    max_tickets: dict[int, int]
    skills: dict[int, tuple[str, ...]]
    is_available: dict[int, bool]


class OtherShares(msgspec.Struct, frozen=True, tag=True):
    staffed: Staffed


Question = OtherPromise | OtherStaff
Answer = OtherVerdicts | OtherShares | Failed


def answer(question: Question) -> Answer:
    with reading(Path(question.database)) as conn:
        if isinstance(question, OtherStaff):
            return other_staff(conn, question)
        return other_promise(conn, question)


def other_promise(conn: Connection, asked: OtherPromise) -> OtherVerdicts:
    before = _policies(conn)

    @cache
    def after(team_id: int | None) -> Policy:
        policy = before(team_id) if asked.policy is None else asked.policy
        return policy if asked.calendar is None else msgspec.structs.replace(policy, calendar=asked.calendar)

    words = any(policy.awaits_next_responses for policy in (asked.policy, *policies.all_of(conn)) if policy)
    lives = replays.lives(conn, asked.start, asked.end, words=words)
    return OtherVerdicts(replay(lives, before, after, asked.now))


def other_staff(conn: Connection, asked: OtherStaff) -> OtherShares:
    works, agents = replays.works(conn, asked.start, asked.end), replays.agents(conn)
    changes: dict[int, dict[str, object]] = {}
    for name in ("max_tickets", "skills", "is_available"):
        for user_id, value in getattr(asked, name).items():
            changes.setdefault(user_id, {})[name] = value
    others, end = staffing.other(agents, changes), min(asked.end, asked.now)
    return OtherShares(staffing.staffed(works, replays.teams(conn), agents, others, asked.weights, end))


def _policies(conn: Connection) -> Callable[[int | None], Policy]:
    @cache
    def of_team(team_id: int | None) -> Policy:
        return policies.of_team(conn, team_id)

    return of_team


if __name__ == "__main__":
    errands.main(Question, answer)
