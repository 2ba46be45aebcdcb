"""A real log of incidents, and the agents who work through it over HTTP as a desk would have lived it.

Somebody calls and the operator opens a ticket; from then on each update of the log is brought about by the calls that
an agent would make. What the workflow refuses is noted and then done as an agent would do it: a ticket is taken before
it is resolved, a reason is given, work that nobody does is not in progress. Beside the desk a plain account of every
ticket is kept, made of nothing but the log and the status codes of the answers.
"""

import asyncio
import csv
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from servicedesk.domain.times import DAY, MINUTE, Instant
from servicedesk.store import people
from servicedesk.web import timers
from tests.served import Answer, Client, Desk

T = TypeVar("T")

PATH = Path(
    os.environ.get("SERVICEDESK_INCIDENTS")
    or Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "incidents.csv"
)
NEEDS_LOG = pytest.mark.skipif(
    not PATH.exists(),
    reason=f"the log of incidents is not at {PATH}; SERVICEDESK_INCIDENTS may name another place",
)
STATUSES = {
    "New": "new",
    "Active": "in_progress",
    "Awaiting User Info": "pending",
    "Awaiting Problem": "on_hold",
    "Awaiting Vendor": "on_hold",
    "Awaiting Evidence": "on_hold",
    "Resolved": "resolved",
    "Closed": "closed",
}
PRIORITIES = {"1 - Critical": "critical", "2 - High": "high", "3 - Moderate": "medium", "4 - Low": "low"}
DONE = ("resolved", "closed")
CLOSES_AFTER = 7 * DAY
PASSWORD = "tall lamps over quiet water"
AT_ONCE = 16


class Row(NamedTuple):
    """An update of the log; None is what the log does not know."""

    number: str
    at: Instant
    opened_at: Instant
    state: str
    priority: str
    category: str | None
    subcategory: str | None
    team: str | None
    agent: str | None
    caller: str

    @property
    def status(self) -> str:
        return STATUSES[self.state]


class Past(NamedTuple):
    """A change as the history should tell it; ``who`` is None for the desk itself."""

    at: Instant
    type: str
    who: int | None
    changes: dict[str, tuple[Any, Any]]


class Tick(NamedTuple):
    """How a ticket stood from a moment on, as far as its clocks care."""

    at: Instant
    status: str
    priority: str
    replied: bool


@dataclass
class Case:
    """The plain account of a ticket."""

    number: str
    id: int
    title: str
    requester: str
    category: str | None
    priority: str
    created_at: Instant
    updated_at: Instant
    status: str = "new"
    team: str | None = None
    agent: str | None = None
    version: int = 1
    messages: int = 0
    reopen_count: int = 0
    was_resolved: bool = False
    first_response_at: Instant | None = None
    resolved_at: Instant | None = None
    closed_at: Instant | None = None
    history: list[Past] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.status not in DONE

    @property
    def closes_at(self) -> Instant | None:
        """When the desk closes it by itself."""
        return self.resolved_at + CLOSES_AFTER if self.status == "resolved" and self.resolved_at else None

    def change(self, at: Instant, type_: str, who: int | None, **changes: tuple[Any, Any]) -> None:
        self.history.append(Past(at, type_, who, changes))
        self.version += 1
        self.updated_at = at
        self.tick(at)

    def tick(self, at: Instant) -> None:
        self.ticks.append(Tick(at, self.status, self.priority, self.first_response_at is not None))

    def move(self, at: Instant, who: int | None, to: str) -> None:
        here, self.status = self.status, to
        if here in DONE and to == "open":
            self.reopen_count += 1
            self.resolved_at = self.closed_at = None
        if to == "resolved":
            self.resolved_at, self.was_resolved = at, True
        if to == "closed":
            self.closed_at = at
        self.change(at, "status", who, status=(here, to))


def read() -> list[Row]:
    """Return the updates in the order in which they happened; of one minute, in the order of the file."""
    with PATH.open(newline="", encoding="utf-8") as file:
        rows = [_row(line) for line in csv.DictReader(file)]
    return sorted(rows, key=lambda row: row.at)


def _row(line: dict[str, str]) -> Row:
    return Row(
        number=line["number"],
        at=_instant(line["sys_updated_at"]),
        opened_at=_instant(line["opened_at"]),
        state=line["incident_state"],
        priority=PRIORITIES[line["priority"]],
        category=_known(line["category"]),
        subcategory=_known(line["subcategory"]),
        team=_known(line["assignment_group"]),
        agent=_known(line["assigned_to"]),
        caller=line["caller_id"],
    )


def _instant(text: str) -> Instant:
    return int(datetime.strptime(text, "%d-%m-%Y %H:%M").replace(tzinfo=UTC).timestamp()) * 1000


def _known(text: str) -> str | None:
    return None if text == "?" else text


def email_of(name: str) -> str:
    return f"{name.lower().replace(' ', '')}@desk.example"


class Replay:
    """The desk as it lives through the log."""

    def __init__(self, desk: Desk, rows: Sequence[Row]) -> None:
        self.desk = desk
        self.rows = rows
        self.cases: dict[str, Case] = {}
        self.agents: dict[str, Client] = {}
        self.teams: dict[str, int] = {}
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.admin: Client
        self.operator: Client
        self._latest: dict[str, Row] = {}
        self._openings = {row.number: row for row in reversed(rows)}

    async def open_the_desk(self) -> None:
        """Let an admin add everybody; each logs in and makes a token, since a session would not last the year."""
        self.desk.clock.now = min(row.opened_at for row in self.rows) - MINUTE
        self.admin = await self.desk.admin(name="Admin")
        names = sorted({row.agent for row in self.rows if row.agent})
        for some in batches(names):
            hired = await asyncio.gather(*(self._hire(name, "agent") for name in some))
            self.agents |= zip(some, hired, strict=True)
        self.operator = await self._hire("Operator", "supervisor")
        for team in sorted({row.team for row in self.rows if row.team}):
            members = sorted({row.agent for row in self.rows if row.team == team and row.agent})
            body = {"name": team, "member_ids": [self.agents[name].id for name in members]}
            self.teams[team] = ok(await self.admin.post("/api/teams/", body), 201)["id"]

    async def log_in(self, name: str) -> Client:
        """Return somebody with a token of their own."""
        stranger = Client(self.admin.user, "", self.desk.session())
        login = ok(await stranger.post("/api/auth/login", {"email": email_of(name), "password": PASSWORD}))
        user = self.desk.db.peek(people.get, login["user"]["id"])
        first = self.desk.client(user, login["token"])
        return self.desk.client(
            user, ok(await first.post("/api/auth/tokens", {"name": "Replay"}), 201)["token"]
        )

    async def until(self, end: Instant) -> None:
        """Live through what happens before this moment; tickets of one minute are worked on side by side."""
        for at, numbers in self._minutes(end):
            await self._close_by_itself(at)
            self.desk.clock.now = at
            for some in batches(numbers):
                await asyncio.gather(*(self._work(number, rows, at) for number, rows in some))
        await self._close_by_itself(end)
        self.desk.clock.now = end

    def _minutes(self, end: Instant) -> Iterator[tuple[Instant, list[tuple[str, list[Row]]]]]:
        """Yield what happens to which ticket, minute by minute; a ticket without updates is opened then."""
        start = self.desk.clock.now
        openings = [(row.opened_at, row.number, None) for row in self._openings.values()]
        happening = sorted(
            [*openings, *((row.at, row.number, row) for row in self.rows)], key=lambda each: each[0]
        )
        for at, group in groupby((h for h in happening if start <= h[0] < end), key=lambda each: each[0]):
            rows: dict[str, list[Row]] = {}
            for _, number, row in group:
                rows.setdefault(number, []).extend([row] if row else [])
            yield at, list(rows.items())

    async def _hire(self, name: str, role: str) -> Client:
        body = {"email": email_of(name), "name": name, "role": role, "password": PASSWORD}
        ok(await self.admin.post("/api/users/", body), 201)
        return await self.log_in(name)

    async def _work(self, number: str, rows: Iterable[Row], at: Instant) -> None:
        if number not in self.cases:
            await self._open(self._openings[number], at)
        for row in rows:
            await self._bring_about(self.cases[number], row)

    async def _open(self, row: Row, at: Instant) -> None:
        body = {
            "title": f"{row.subcategory or 'Something else'}: {row.number}",
            "description": f"{row.caller} says that it does not work.",
            "category": row.category,
            "priority": row.priority,
            "requester": {"email": email_of(row.caller), "name": row.caller},
            "auto_assign": False,
        }
        made = ok(await self.operator.post("/api/tickets/", body), 201)
        case = Case(row.number, made["id"], body["title"], row.caller, row.category, row.priority, at, at)
        created = {"status": (None, "new"), "priority": (None, row.priority)}
        case.history.append(Past(at, "created", self.operator.id, created))
        case.tick(at)
        self.cases[row.number] = case
        self.accepted["opened"] += 1

    async def _bring_about(self, case: Case, row: Row) -> None:
        """Do what the log says, and no more than it says: who has the ticket comes before what becomes of it."""
        actor = self.agents.get(row.agent or "", self.operator)
        before = self._latest.get(case.number)
        self._latest[case.number] = row
        await self._edit(case, row, actor)
        if case.priority != row.priority:
            await self._prioritise(case, row.priority, actor)
        stays = before is not None and (before.status, before.agent) == (row.status, row.agent)
        if row.agent is not None and case.agent != row.agent:
            await self._assign(case, row.agent, actor)
        if not stays:
            await self._move(case, row.status, actor)
        if not stays and row.agent is None and case.agent is not None:
            await self._release(case, actor)

    async def _edit(self, case: Case, row: Row, actor: Client) -> None:
        wanted: dict[str, Any] = {}
        changes: dict[str, tuple[Any, Any]] = {}
        if case.category != row.category:
            wanted["category"] = row.category
            changes["category"] = (case.category, row.category)
        if case.team != row.team:
            wanted["team_id"] = self.teams.get(row.team or "")
            changes["team_id"] = (self.teams.get(case.team or ""), wanted["team_id"])
        if not wanted:
            return
        answer = await actor.patch(f"/api/tickets/{case.id}", wanted)
        case.category, case.team = row.category, row.team
        case.change(self.desk.clock.now, "updated", actor.id, **changes)
        self._accept(case, "edited", answer)

    async def _prioritise(self, case: Case, priority: str, actor: Client) -> None:
        answer = await actor.put(f"/api/tickets/{case.id}/priority", {"priority": priority})
        old, case.priority = case.priority, priority
        case.change(self.desk.clock.now, "priority", actor.id, priority=(old, priority))
        self._accept(case, "prioritised", answer)

    async def _assign(self, case: Case, name: str | None, actor: Client) -> None:
        to = self.id_of(name)
        answer = await actor.put(f"/api/tickets/{case.id}/assign", {"assigned_to": to})
        old, case.agent = self.id_of(case.agent), name
        case.change(self.desk.clock.now, "assigned", actor.id, assigned_to=(old, to))
        self._accept(case, "assigned" if name else "released", answer)

    async def _release(self, case: Case, actor: Client) -> None:
        """Take the ticket from its agent: work must have stopped, and who resolved it keeps it until it closes."""
        if case.status in ("in_progress", "resolved"):
            answer = await actor.put(f"/api/tickets/{case.id}/assign", {"assigned_to": None})
            self._refuse(f"released while {case.status}", answer)
        if case.status == "in_progress":
            await self._move(case, "open", actor)
        if case.status != "resolved":
            await self._assign(case, None, actor)

    async def _move(self, case: Case, to: str, actor: Client) -> None:
        if to == "pending" and case.status != to:
            await self._ask(case, actor)
        answer = await self._try(case, to, actor)
        if answer.status == 200:
            return
        here = case.status
        self._refuse(f"{here} → {to}", answer)
        if answer.code == "illegal_transition":
            await self._go_round(case, to, actor)
            return
        reasons = {reason["code"] for reason in answer.body["reasons"]}
        if reasons == {"comment_required"}:
            ok(await self._try(case, to, actor, comment="So says the log"))
        elif reasons == {"assignee_required"} and to == "resolved":
            await self._assign(case, actor.user.name, actor)
            ok(await self._try(case, to, actor))
        elif reasons == {"assignee_required"} and case.status != "open":
            ok(await self._try(case, "open", actor))

    async def _go_round(self, case: Case, to: str, actor: Client) -> None:
        """Work on a ticket again that was done: reopen it first."""
        if to == "in_progress":
            ok(await self._try(case, "open", actor, comment="It came back"))
            await self._move(case, to, actor)

    async def _try(self, case: Case, to: str, actor: Client, **comment: str) -> Answer:
        answer = await actor.put(f"/api/tickets/{case.id}/status", {"status": to, **comment})
        if answer.status == 200:
            here = case.status
            if here != to:
                case.move(self.desk.clock.now, actor.id, to)
            self._accept(case, f"{here} → {to}", answer)
        return answer

    async def _ask(self, case: Case, actor: Client) -> None:
        """Ask the requester, as whoever waits for an answer has done; the first word opens a new ticket."""
        path = f"/api/tickets/{case.id}/messages"
        ok(await actor.post(path, {"body": "Please tell us more."}), 201)
        now = self.desk.clock.now
        case.messages += 1
        case.updated_at = now
        case.first_response_at = case.first_response_at or now
        case.tick(now)
        if case.status == "new":
            case.move(now, None, "open")
        self.accepted["asked"] += 1

    async def _close_by_itself(self, until: Instant) -> None:
        """Let the desk's own time come for every ticket that was resolved a week ago."""
        while due := [case for case in self.cases.values() if (case.closes_at or until + 1) <= until]:
            moment = min(case.closes_at or until for case in due)
            self.desk.clock.now = moment
            await timers.fire(self.desk.app)
            for case in due:
                if case.closes_at == moment:
                    case.move(moment, None, "closed")
                    self.accepted["closed by the desk itself"] += 1

    def id_of(self, name: str | None) -> int | None:
        if name is None:
            return None
        return self.agents.get(name, self.operator).id

    def _accept(self, case: Case, what: str, answer: Answer) -> None:
        assert ok(answer)["version"] == case.version, (case.number, what)
        self.accepted[what] += 1

    def _refuse(self, what: str, answer: Answer) -> None:
        assert answer.status == 409, answer.body
        self.refused[f"{what}: {answer.code}"] += 1


def ok(answer: Answer, status: int = 200) -> Any:
    assert answer.status == status, answer.body
    return answer.body


def batches(things: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(things), AT_ONCE):
        yield things[start : start + AT_ONCE]
