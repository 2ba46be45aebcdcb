"""Take people and tickets in from a table, row by row, by the rules that the API has; each row once."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from servicedesk.desk import audit
from servicedesk.desk import people as desk_people
from servicedesk.desk import tickets as desk_tickets
from servicedesk.domain.audit import COMMAND_LINE, Action, Noun, Occasion, Subject
from servicedesk.domain.errors import Invalid, Refused, invalid
from servicedesk.domain.people import Role, User, fold
from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import Instant, parse
from servicedesk.domain.words import say
from servicedesk.media.spreadsheets import Line, Sheet
from servicedesk.store import notifications, people, taken_in
from servicedesk.store.db import Connection, Database, Tx
from servicedesk.web import decode
from servicedesk.web.fields import Category, Description, Email, OneLine, Title, Words
from servicedesk.web.people import Capacity

AT_ONCE: Final = 50
"""Rows that share a transaction; each stands or falls alone."""
SOURCE: Final = "table"
FIELDS: Final = {
    "people": ("email", "name", "role", "max_tickets", "skills", "teams"),
    "tickets": (
        "key",
        "title",
        "description",
        "status",
        "priority",
        "category",
        "tags",
        "requester_email",
        "requester_name",
        "assigned_to",
        "team",
        "created_at",
        "resolved_at",
        "closed_at",
    ),
}
_LISTS: Final = frozenset({"skills", "teams", "tags"})
_STATUSES: Final = {
    "active": Status.IN_PROGRESS,
    "assigned": Status.OPEN,
    "work in progress": Status.IN_PROGRESS,
    "waiting": Status.PENDING,
    "awaiting user info": Status.PENDING,
    "awaiting customer": Status.PENDING,
    "waiting for customer": Status.PENDING,
    "hold": Status.ON_HOLD,
    "awaiting problem": Status.ON_HOLD,
    "awaiting vendor": Status.ON_HOLD,
    "awaiting evidence": Status.ON_HOLD,
    "solved": Status.RESOLVED,
    "done": Status.RESOLVED,
    "canceled": Status.CLOSED,
    "cancelled": Status.CLOSED,
}
"""What other desks call the statuses; the desk's own words are known anyway."""
_PRIORITIES: Final = {
    "p1": Priority.CRITICAL,
    "p2": Priority.HIGH,
    "p3": Priority.MEDIUM,
    "p4": Priority.LOW,
    "1": Priority.CRITICAL,
    "2": Priority.HIGH,
    "3": Priority.MEDIUM,
    "4": Priority.LOW,
    "5": Priority.LOW,
    "urgent": Priority.CRITICAL,
    "highest": Priority.CRITICAL,
    "moderate": Priority.MEDIUM,
    "normal": Priority.MEDIUM,
    "lowest": Priority.LOW,
    "planning": Priority.LOW,
}
_NUMBERED: Final = re.compile(r"p?\d\s*[-–:.]?\s*(?=\D)", re.IGNORECASE)
"""``1 - Critical``: the word tells."""
_COMMENT: Final = "Imported from a table."


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How the table is to be read."""

    columns: tuple[tuple[str, str], ...]
    """Headers, and the fields that they are."""
    empty: frozenset[str] = frozenset({""})
    """Cells that say nothing."""
    dates: str | None = None
    zone: str = "UTC"
    domain: str | None = None
    """Where those get an address who have but a name."""
    new_teams: bool = False


class Problem(msgspec.Struct, frozen=True):
    """Why a row was not taken in; without a column it is the whole row."""

    row: int
    column: str | None
    message: str

    def __str__(self) -> str:
        where = f"row {self.row}" if self.column is None else f"row {self.row}, column {self.column!r}"
        return f"{where}: {self.message}"


class Outcome(msgspec.Struct):
    taken: int = 0
    known: int = 0
    """Rows that were in already, or whose person has an account."""
    problems: int = 0


class PersonRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Email
    name: OneLine
    role: Role = Role.CUSTOMER
    max_tickets: Capacity = people.CAPACITY
    skills: Words = []
    teams: list[str] = []


class TicketRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: Title
    description: Description = ""
    status: Status = Status.NEW
    priority: Priority = Priority.MEDIUM
    category: Category | None = None
    tags: Words = []
    requester_email: Email
    requester_name: OneLine
    assigned_to: str | None = None
    team: str | None = None
    created_at: int
    resolved_at: int | None = None
    closed_at: int | None = None


class _Undone(Exception):
    """All of it is to be undone."""


async def take_in(
    db: Database,
    kind: str,
    sheet: Sheet,
    way: Way,
    *,
    by: User | None,
    at: Instant,
    name: str,
    whole: bool = False,
    dry_run: bool = False,
    tell: Callable[[Problem], None],
) -> Outcome:
    """Take the rows in and tell what is wrong with those that are not; with ``whole``, all or none of them."""
    taking = _Taking(kind, sheet, way, by, at, name)
    if not (whole or dry_run):
        for batch in _batches(taking.rows()):
            for problem in await db.write(taking.take, batch):
                tell(problem)
        await db.write(taking.note)
        return taking.outcome

    def at_once(tx: Tx) -> None:
        for batch in _batches(taking.rows()):
            for problem in taking.take(tx, batch):
                tell(problem)
        if dry_run or taking.outcome.problems:
            raise _Undone
        taking.note(tx)

    try:
        await db.write(at_once)
    except _Undone:
        if not dry_run:
            taking.outcome.taken = 0
    return taking.outcome


class _Row(msgspec.Struct, frozen=True):
    line: Line
    key: str


def _batches(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


class _Taking:
    def __init__(self, kind: str, sheet: Sheet, way: Way, by: User | None, at: Instant, name: str) -> None:
        self._kind = kind
        self._sheet = sheet
        self._way = way
        self._by = by
        self._at = at
        self._name = name
        self._columns = {field: header for header, field in way.columns}
        self._take_row: Callable[[Tx, _Row], bool] = self._person if kind == "people" else self._ticket
        self.outcome = Outcome()

    def rows(self) -> Iterator[_Row]:
        """Yield each row under the name by which it is known again; of several with one key only the last."""
        key = self._columns.get("key")
        last: dict[str, int] = {}
        if key is not None:
            for line in self._sheet.lines():
                if line.cells is not None and (said := line.cells[key].strip()) not in self._way.empty:
                    last[said] = line.number
        times: Counter[str] = Counter()
        for line in self._sheet.lines():
            said = line.cells[key].strip() if key is not None and line.cells is not None else ""
            if said and last.get(said, line.number) != line.number:
                continue
            if not said or said in self._way.empty:
                said = _hash_of([line.cells[header] for header, _ in self._way.columns] if line.cells else [])
                times[said] += 1
                said = f"{said}#{times[said]}"
            yield _Row(line, said)

    def take(self, tx: Tx, batch: Sequence[_Row]) -> list[Problem]:
        """Take these rows in; return what is wrong with those that had to stay outside."""
        tx.occasion = Occasion(at=self._at, by=self._by, name=COMMAND_LINE)
        found: list[Problem] = []
        for row in batch:
            taken: list[bool] = []
            error = tx.attempt(lambda row=row, taken=taken: taken.append(self._take_row(tx, row)))  # type: ignore[misc]
            if error is None:
                self.outcome.taken += taken[0]
                self.outcome.known += not taken[0]
            elif isinstance(error, Refused):
                self.outcome.problems += 1
                found += self._problems(row.line, error)
            else:
                raise error
        return found

    def note(self, tx: Tx) -> None:
        tx.occasion = Occasion(at=self._at, by=self._by, name=COMMAND_LINE)
        details = {"rows": self.outcome.taken, "kind": self._kind}
        audit.record(tx, Action.IMPORTED, Subject(Noun.TABLE, name=self._name), details)

    def _problems(self, line: Line, refusal: Refused) -> Iterator[Problem]:
        if not isinstance(refusal, Invalid):
            yield Problem(line.number, None, str(refusal.detail))
            return
        for error in refusal.errors:
            field = error.pointer.split("/")[1] if error.pointer else ""
            column = self._columns.get(field)
            message = str(error.message) if column or not field else f"{field}: {error.message}"
            got = f" (not {_short(line.cells[column])})" if column and line.cells else ""
            yield Problem(line.number, column, f"{message}{got}")

    def _values(self, line: Line) -> dict[str, Any]:
        """Return what the row says, by field; cells that say nothing are left out."""
        if line.cells is None:
            raise invalid(
                "",
                say("has {n} columns, the header has {most}", n=line.width, most=len(self._sheet.header)),
            )
        values: dict[str, Any] = {}
        for header, field in self._way.columns:
            text = line.cells[header].strip()
            if text not in self._way.empty:
                values[field] = (
                    [w.strip() for w in re.split("[;,]", text) if w.strip()] if field in _LISTS else text
                )
        return values

    def _person(self, tx: Tx, row: _Row) -> bool:
        values = self._values(row.line)
        if "role" in values:
            values["role"] = fold(values["role"])
        if values.get("max_tickets", "").isdecimal():
            values["max_tickets"] = int(values["max_tickets"])
        self._give_address(values, "email", "name")
        sent = decode.body(msgspec.json.encode(values), PersonRow)
        if people.id_of(tx, sent.email) is not None:
            return False
        new = desk_people.NewPerson(
            email=sent.email,
            name=sent.name,
            role=sent.role,
            max_tickets=sent.max_tickets,
            skills=tuple(sent.skills),
            team_ids=tuple(self._team(tx, name, "/teams") for name in sent.teams),
        )
        desk_people.create(tx, new, at=self._at)
        return True

    def _ticket(self, tx: Tx, row: _Row) -> bool:
        if taken_in.ours(tx, SOURCE, "tickets", row.key) is not None:
            return False
        assert self._by is not None
        values = self._values(row.line)
        values.pop("key", None)
        values |= self._in_our_words(values)
        self._give_address(values, "requester_email", "requester_name")
        values.setdefault("requester_name", values.get("requester_email"))
        sent = decode.body(msgspec.json.encode(values), TicketRow)
        self._require_order(sent)
        draft = desk_tickets.Draft(
            title=sent.title,
            description=sent.description,
            priority=sent.priority,
            category=sent.category,
            tags=tuple(sent.tags),
            requester=desk_tickets.NewRequester(sent.requester_email.strip(), sent.requester_name.strip()),
            team_id=None if sent.team is None else self._team(tx, sent.team, "/team"),
            assigned_to=None if sent.assigned_to is None else _agent(tx, sent.assigned_to),
            auto_assign=False,
        )
        ticket_id = desk_tickets.create(tx, draft, by=self._by, at=sent.created_at).id
        for status, moment in _moves(sent):
            desk_tickets.move(tx, ticket_id, status, comment=_COMMENT, by=self._by, at=moment, quiet=True)
        notifications.forget_ticket(tx, ticket_id)  # it is no news
        taken_in.put(tx, SOURCE, "tickets", row.key, str(ticket_id))
        return True

    def _in_our_words(self, values: Mapping[str, Any]) -> dict[str, Any]:
        ours: dict[str, Any] = {"created_at": self._at}
        if "status" in values:
            ours["status"] = _word(values["status"], _STATUSES)
        if "priority" in values:
            ours["priority"] = _word(_NUMBERED.sub("", values["priority"], count=1), _PRIORITIES)
        for name in ("created_at", "resolved_at", "closed_at"):
            if name in values:
                ours[name] = self._moment(values[name], f"/{name}")
        return ours

    def _moment(self, text: str, pointer: str) -> Instant:
        """Return the moment; what names no zone is in that of the desk. Raises Invalid."""
        try:
            read = (
                datetime.strptime(text, self._way.dates)  # noqa: DTZ007 - it gets its zone below
                if self._way.dates
                else datetime.fromisoformat(text)
            )
            if read.tzinfo is None:
                read = read.replace(tzinfo=ZoneInfo(self._way.zone))
            moment = parse(read.astimezone(UTC).isoformat())
        except (ValueError, OverflowError):
            wanted = self._way.dates or "2026-11-23T09:30"
            raise invalid(pointer, say("is no moment such as {wanted}", wanted=wanted)) from None
        if moment > self._at or moment < 0:
            raise invalid(pointer, say("has not come yet, or is too long ago"))
        return moment

    def _require_order(self, sent: TicketRow) -> None:
        before = sent.created_at
        for name in ("resolved_at", "closed_at"):
            moment = getattr(sent, name)
            if moment is not None and moment < before:
                raise invalid(f"/{name}", say("is before what came earlier"))
            before = moment or before

    def _give_address(self, values: dict[str, Any], email: str, name: str) -> None:
        if self._way.domain and email not in values and name in values:
            slug = re.sub(r"[^a-z0-9]+", ".", fold(values[name])).strip(".")
            values[email] = f"{slug or _hash_of([values[name]])[:12]}@{self._way.domain}"

    def _team(self, tx: Tx, name: str, pointer: str) -> int:
        team = people.team_by_name(tx, name)
        if team is None and self._way.new_teams:
            sent = decode.body(msgspec.json.encode({"name": name}), _Name)
            team = desk_people.create_team(tx, desk_people.NewTeam(name=sent.name), at=self._at)
        if team is None:
            raise invalid(pointer, say("is no team"))
        return team.id


class _Name(msgspec.Struct, frozen=True):
    name: OneLine


def _moves(sent: TicketRow) -> Iterator[tuple[Status, Instant]]:
    """Yield how the ticket comes to its status: what was resolved before it was closed is so here as well."""
    if sent.status is Status.NEW:
        return
    latest = sent.resolved_at or sent.created_at
    if sent.status is Status.CLOSED:
        if sent.resolved_at is not None and sent.assigned_to is not None:
            yield Status.RESOLVED, sent.resolved_at
        latest = sent.closed_at or latest
    yield sent.status, latest


def _agent(conn: Connection, said: str) -> int:
    """Return who of the staff has this address, or alone has this name. Raises Invalid."""
    by_email = people.by_email(conn, said)
    if by_email is not None:
        return by_email.id
    named = [each.id for each in people.colleagues(conn) if fold(each.name) == fold(said)]
    if len(named) != 1:
        raise invalid("/assigned_to", say("is nobody who could take a ticket"))
    return named[0]


def _word(text: str, words: Mapping[str, str]) -> str:
    said = " ".join(re.split(r"[\s_-]+", fold(text)))
    return words.get(said, said.replace(" ", "_"))


def _hash_of(cells: Sequence[str]) -> str:
    return hashlib.sha256("\x1f".join(cells).encode()).hexdigest()


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
