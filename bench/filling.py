"""A desk that has been in use for a year: some lives are lived through the desk, then stamped out many times.

What is stamped is what the desk itself wrote, row by row and frame by frame, with other ids and later moments.
"""

import hashlib
import random
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, auto
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench import texts
from servicedesk.desk import agenda, messages, people, tickets
from servicedesk.desk.people import NewPerson, NewTeam
from servicedesk.desk.tickets import Draft, NewRequester
from servicedesk.domain.events import DESK
from servicedesk.domain.people import Role, Team, User
from servicedesk.domain.tickets import Priority, Status, reference
from servicedesk.domain.times import DAY, HOUR, MINUTE, Instant, iso, parse
from servicedesk.store import db, search, sessions
from servicedesk.store.db import Tx
from servicedesk.store.events import room_number
from servicedesk.store.migrate import steps

AGENTS: Final = 50
HEARERS: Final = 50
"""More people of the staff, in no team: they only listen."""
TEAMS: Final = 10
CUSTOMERS: Final = 2_000
UNRESOLVED: Final = 0.03
YEAR: Final = 365 * DAY
JUST_NOW: Final = 3 * HOUR
TODAY: Final = 15 * HOUR
"""What came in since then is open."""
SETTLED: Final = 10 * DAY
"""What came in before is closed, or has been open for long."""
QUARTER: Final = 90 * DAY
PLENTY: Final = 100_000
"""Tickets that an agent takes: in a measurement nobody is ever full."""
LIVED: Final = 2_000
"""Lives that are lived; all others are stamped from them."""
# So high that these digits mean a ticket or a message wherever they stand in a frame.
FIRST_TICKET: Final = 7_000_000_001
FIRST_MESSAGE: Final = 8_000_000_001


class End(Enum):
    """How a life has ended."""

    NOT_YET = auto()
    RESOLVED = auto()
    CLOSED = auto()


_ROOMS: Final = (DESK, "ticket:%d", "ticket:%d:staff")
"""Where the life of a ticket is told."""
_END_OF_LIFE: Final = (End.NOT_YET, End.RESOLVED, *[End.CLOSED] * 18)

_TOKENS: Final = re.compile(
    rb"TKT-(?P<reference>7\d{9})|(?P<ticket>\b7\d{9}\b)|(?P<message>\b8\d{9}\b)"
    rb'|(?<="seq":)(?P<seq>\d+)|(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)'
)
_PIECE_BITS: Final = 20


LEAD: Final = "bench-lead"
"""The token of a supervisor."""


def token_of(number: int) -> str:
    """Return the token with which the agent, or beyond them the hearer, of this number calls."""
    return f"bench-agent-{number:04d}"


def key() -> str:
    """Return what a filled database depends on."""
    parts = [step.checksum for step in steps()]
    parts += [Path(module.__file__ or "").read_text("utf-8") for module in (texts, tickets, messages)]
    parts.append(Path(__file__).read_text("utf-8"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def keep(path: Path, count: int) -> int:
    """Fill a desk as of now, and put it in its place when it is whole."""
    draft = path.with_suffix(f".{time.time_ns()}")
    fill(draft, count, time.time_ns() // 1_000_000)
    draft.rename(path)
    return count


def fill(path: Path, count: int, now: Instant) -> None:
    """Write the database of a desk with so many tickets; the same every time, up to its moments."""
    conn = sqlite3.connect(path, isolation_level=None, cached_statements=512)
    db._prepare_writer(conn)
    # Nobody else needs this file before it is whole.
    for pragma in (
        "synchronous = OFF",
        "journal_mode = MEMORY",
        "cache_size = -262144",
        "foreign_keys = OFF",
    ):
        conn.execute(f"PRAGMA {pragma}")
    conn.execute("BEGIN")
    _fill(conn, count, now)
    conn.execute("COMMIT")
    conn.execute("PRAGMA optimize")
    conn.execute("PRAGMA journal_mode = WAL")
    conn.close()


def _fill(conn: sqlite3.Connection, count: int, now: Instant) -> None:
    rng = random.Random(20)
    tx = Tx(conn)
    start = now - YEAR
    company = _company(tx, start)
    _number_from(conn, FIRST_TICKET, FIRST_MESSAGE)
    ends = [_END_OF_LIFE[number % len(_END_OF_LIFE)] for number in range(min(LIVED, count))]
    for end in ends:
        _live(tx, company, rng, start, end)
        tx.notices.clear()
    while search.catch_up(tx):
        pass
    _sort_events(conn)
    stamps: dict[End, list[_Stamp]] = {end: [] for end in End}
    for number, end in enumerate(ends):
        stamps[end].append(_Stamp(conn, FIRST_TICKET + number))
    _forget_lives(conn)
    _number_from(conn, 1, 1)
    press = _Press(conn)
    for number, (age, end) in enumerate(_ages(count)):
        press.stamp(stamps[end][number % len(stamps[end])], now - age - start)
    press.finish()
    while agenda.keep(tx, now, {}):
        tx.notices.clear()


def _ages(count: int) -> Iterator[tuple[int, End]]:
    """Yield how long ago each ticket came in, the oldest first, and how it has ended.

    Of the latest half are open, and some of the last three months.
    """
    ages = [JUST_NOW + (YEAR - JUST_NOW) * (count - number) // count for number in range(count)]
    old, quarter = [age for age in ages if age >= SETTLED], [age for age in ages if SETTLED <= age < QUARTER]
    open_lately = sum(_is_open_lately(number, age) for number, age in enumerate(ages))
    missing = round(count * UNRESOLVED) - open_lately
    first = len(old) - len(quarter)
    still_open = {first + len(quarter) * number // missing for number in range(missing)}
    for number, age in enumerate(ages):
        if age >= SETTLED:
            yield age, End.NOT_YET if number in still_open else End.CLOSED
        else:
            yield age, End.NOT_YET if _is_open_lately(number, age) else End.RESOLVED


def _is_open_lately(number: int, age: int) -> bool:
    return age < SETTLED and (age < TODAY or number % 2 == 0)


class _Company(NamedTuple):
    agents: list[User]
    teams: list[Team]
    customers: list[User]


def _company(tx: Tx, at: Instant) -> _Company:
    agents = [_person(tx, Role.AGENT, number, at, max_tickets=PLENTY) for number in range(AGENTS)]
    each = AGENTS // TEAMS
    teams = []
    for number in range(TEAMS):
        members = tuple(agent.id for agent in agents[number * each : (number + 1) * each])
        teams.append(people.create_team(tx, NewTeam(name=f"Team {number + 1}", member_ids=members), at=at))
    customers = [_person(tx, Role.CUSTOMER, number, at) for number in range(CUSTOMERS)]
    lead = _person(tx, Role.SUPERVISOR, 0, at)
    hearers = [_person(tx, Role.AGENT, AGENTS + number, at) for number in range(HEARERS)]
    staff = [*agents, *hearers]
    for token, person in [(LEAD, lead), *((token_of(n), person) for n, person in enumerate(staff))]:
        sessions.insert(
            tx,
            hashed=hashlib.sha256(token.encode()).digest(),
            kind=sessions.Kind.TOKEN,
            user_id=person.id,
            name="bench",
            at=at,
            expires_at=None,
        )
    return _Company(agents, teams, customers)


def _person(tx: Tx, role: Role, number: int, at: Instant, **fields: int) -> User:
    new = NewPerson(
        email=f"{role}{number}@bench.example", name=f"{role.title()} {number}", role=role, **fields
    )
    return people.create(tx, new, at=at)


def _live(tx: Tx, company: _Company, rng: random.Random, at: Instant, end: End) -> None:
    """Let a ticket come in, be talked about, and mostly be resolved and closed."""
    customer = rng.choice(company.customers)
    draft = Draft(
        title=texts.words(rng, 6).capitalize(),
        description=texts.words(rng, 40),
        priority=rng.choice(tuple(Priority)),
        category=rng.choice(texts.CATEGORIES),
        tags=tuple(rng.sample(texts.TAGS, rng.randrange(3))),
        requester=NewRequester(customer.email, customer.name),
        team_id=rng.choice(company.teams).id,
    )
    body = tickets.create(tx, draft, by=rng.choice(company.agents), at=at)
    assert body.assigned_to is not None
    agent = next(agent for agent in company.agents if agent.id == body.assigned_to.id)
    if end is End.NOT_YET and rng.random() < 0.3:
        return
    at += rng.randrange(10 * MINUTE, HOUR)
    messages.post(tx, body.id, texts.words(rng, 30), by=agent, at=at)
    if rng.random() < 0.5:
        at += rng.randrange(MINUTE, HOUR // 2)
        messages.post(tx, body.id, texts.words(rng, 20), by=customer, at=at)
    if rng.random() < 0.3:
        messages.post(tx, body.id, texts.words(rng, 12), is_internal=True, by=agent, at=at + MINUTE)
    if end is End.NOT_YET:
        if rng.random() < 0.6:
            to = rng.choice((Status.IN_PROGRESS, Status.PENDING))
            tickets.move(tx, body.id, to, by=agent, at=at + 2 * MINUTE)
        return
    at += rng.randrange(2 * MINUTE, 10 * HOUR if end is End.RESOLVED else 2 * DAY)
    tickets.move(tx, body.id, Status.RESOLVED, by=agent, at=at)
    if end is End.CLOSED:
        comment = "Closed by itself after the resolution."
        tickets.move(tx, body.id, Status.CLOSED, comment=comment, by=None, at=at + 7 * DAY)


def _number_from(conn: sqlite3.Connection, ticket: int, message: int) -> None:
    """Let the next ticket and message have these ids."""
    for table, first in (("tickets", ticket), ("messages", message)):
        conn.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        conn.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, first - 1))


def _sort_events(conn: sqlite3.Connection) -> None:
    """Put every event beside the ticket that it is about."""
    conn.execute(
        "CREATE TEMP TABLE lived_events AS SELECT room, seq, created_at, frame,"
        " coalesce(text ->> '$.data.ticket_id', text ->> '$.data.message.ticket_id') AS ticket_id"
        " FROM (SELECT *, CAST(frame AS TEXT) AS text FROM events)"
    )
    conn.execute("CREATE INDEX temp.lived_events_by_ticket ON lived_events (ticket_id)")


def _forget_lives(conn: sqlite3.Connection) -> None:
    for table in (
        "events", "busy_rooms", "history", "decisions", "notifications", "ticket_watchers", "ticket_tags", "messages",
        "tickets", "ticket_counts", "search",
    ):  # fmt: skip
        conn.execute(f"DELETE FROM {table}")
    conn.execute("DROP TABLE temp.lived_events")
    conn.execute("UPDATE users SET open_load = 0")


class _Frame:
    """A frame of the log with holes where a copy differs; the values for them are asked for by place."""

    def __init__(self, frame: bytes, values: "_Values") -> None:
        places: list[int] = []

        def hole(match: re.Match[bytes]) -> bytes:
            places.append(values.place_of(match.lastgroup or "", match[match.lastgroup or 0]))
            return b"TKT-%b" if match.lastgroup == "reference" else b"%b"

        self._text = _TOKENS.sub(hole, frame.replace(b"%", b"%%"))
        self._pick = itemgetter(*places)

    def filled(self, values: Sequence[bytes]) -> bytes:
        return self._text % self._pick(values)


class _Values:
    """What the holes in the frames of one life are filled with."""

    SEQ, TICKET, REFERENCE, FIRST = range(4)

    def __init__(self, first_message: int) -> None:
        self._first_message = first_message
        self._others: dict[tuple[str, int], int] = {}

    def place_of(self, kind: str, text: bytes) -> int:
        if kind in ("seq", "ticket", "reference"):
            return {"seq": self.SEQ, "ticket": self.TICKET, "reference": self.REFERENCE}[kind]
        number = parse(text.decode()) if kind == "moment" else int(text) - self._first_message
        return self._others.setdefault((kind, number), self.FIRST + len(self._others))

    def of(self, ticket: int, message: int, later: int) -> list[bytes]:
        """Return the values of a copy; the place in the room is still missing."""
        values = [b"", b"%d" % ticket, b"%06d" % ticket]
        for kind, number in self._others:
            values.append(iso(number + later).encode() if kind == "moment" else b"%d" % (message + number))
        return values


class _Stamp:
    """Everything that the desk wrote about one ticket."""

    def __init__(self, conn: sqlite3.Connection, ticket_id: int) -> None:
        own = f"ticket_id = {ticket_id}"
        self.ticket = _rows(conn, "tickets", f"id = {ticket_id}")[0]
        self.tags = _rows(conn, "ticket_tags", own)
        self.messages = _rows(conn, "messages", f"{own} ORDER BY id")
        self.history = _rows(conn, "history", f"{own} ORDER BY seq")
        self.decisions = _rows(conn, "decisions", f"{own} ORDER BY id")
        first, last = ticket_id << _PIECE_BITS, (ticket_id + 1) << _PIECE_BITS
        self.texts = [
            tuple(row)
            for row in conn.execute(
                "SELECT rowid, reference <> '', title, body, note FROM search WHERE rowid >= ? AND rowid < ?",
                (first, last),
            )
        ]
        self.values = _Values(self.messages[0]["id"] if self.messages else 0)
        self.rooms: dict[str, list[tuple[Instant, _Frame]]] = {}
        by_number = {room_number(name.replace("%d", str(ticket_id))): name for name in _ROOMS}
        for number, at, frame in conn.execute(
            "SELECT room, created_at, frame FROM lived_events WHERE ticket_id = ? ORDER BY room, seq",
            (ticket_id,),
        ):
            if number in by_number:
                self.rooms.setdefault(by_number[number], []).append((at, _Frame(frame, self.values)))


class _Press:
    """Writes copies, table by table, some thousand rows at a time."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        self._waiting: dict[str, list[tuple[Any, ...]]] = {}
        self._sql: dict[str, str] = {}
        self._ticket = 0
        self._message = 1
        self._desk_seq = 0

    def stamp(self, stamp: _Stamp, later: int) -> None:
        """Write a copy of the life, so many milliseconds later."""
        self._ticket += 1
        ticket = self._ticket
        self._put("tickets", _moved(stamp.ticket, later, id=ticket))
        for table, rows in (
            ("ticket_tags", stamp.tags),
            ("history", stamp.history),
            ("decisions", stamp.decisions),
            ("messages", stamp.messages),
        ):
            for number, row in enumerate(rows):
                own = {"id": self._message + number} if table == "messages" else {}
                self._put(table, _moved(row, later, ticket_id=ticket, **own))
        for rowid, has_reference, title, body, note in stamp.texts:
            piece = rowid & ((1 << _PIECE_BITS) - 1)
            named = reference(ticket) if has_reference else ""
            columns = {"rowid": (ticket << _PIECE_BITS) + piece, "reference": named}
            self._put("search", {**columns, "title": title, "body": body, "note": note})
        self._tell(stamp, stamp.values.of(ticket, self._message, later), later)
        self._message += len(stamp.messages)
        if ticket % 2_000 == 0:
            self._flush()

    def finish(self) -> None:
        self._flush()
        self._conn.execute("INSERT INTO busy_rooms (room) VALUES (?)", (room_number(DESK),))

    def _tell(self, stamp: _Stamp, values: list[bytes], later: int) -> None:
        for name, frames in stamp.rooms.items():
            before = 0
            if name == DESK:
                before, self._desk_seq = self._desk_seq, self._desk_seq + len(frames)
            room = room_number(name.replace("%d", str(self._ticket)))
            for seq, (at, frame) in enumerate(frames, start=before + 1):
                values[_Values.SEQ] = b"%d" % seq
                row = {"room": room, "seq": seq, "created_at": at + later, "frame": frame.filled(values)}
                self._put("events", row)

    def _put(self, table: str, row: Mapping[str, Any]) -> None:
        if table not in self._sql:
            marks = ", ".join("?" * len(row))
            self._sql[table] = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"
        self._waiting.setdefault(table, []).append(tuple(row.values()))

    def _flush(self) -> None:
        for table, rows in self._waiting.items():
            self._conn.executemany(self._sql[table], rows)
        self._waiting.clear()


def _moved(row: Mapping[str, Any], later: int, **own: int) -> dict[str, Any]:
    """Return the row with its moments later and its own ids."""
    moved = {
        name: value + later if name.endswith("_at") and value is not None else value
        for name, value in row.items()
    }
    return {**moved, **own}


def _rows(conn: sqlite3.Connection, table: str, where: str) -> list[dict[str, Any]]:
    """Return rows as they were inserted: without what SQLite works out, and without ids that nothing names."""
    names = [row["name"] for row in conn.execute(f"PRAGMA table_info({table})")]
    if table == "decisions":
        names.remove("id")
    return [dict(row) for row in conn.execute(f"SELECT {', '.join(names)} FROM {table} WHERE {where}")]
