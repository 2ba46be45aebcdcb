"""Take an export in: every line by the rules that the API has, each once, however often it is begun anew."""

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Final, TypeVar, cast

import msgspec
from msgspec import Meta

from servicedesk.desk import audit, calendars, clocks, escalation, policies
from servicedesk.domain import parcels
from servicedesk.domain.audit import COMMAND_LINE, Action, Noun, Occasion, Subject
from servicedesk.domain.errors import FieldError, Refused
from servicedesk.domain.files import Category, NewFile, Picture, Scan, Seen, clean_filename, served_as
from servicedesk.domain.parcels import Manifest
from servicedesk.domain.people import Availability, Preset, Role, fold
from servicedesk.domain.saved_views import Content as ViewContent
from servicedesk.domain.tickets import BODY_MAX, TOP_LEVEL, FromTo, Priority, Status, distinct, reference
from servicedesk.domain.times import Instant, parse
from servicedesk.domain.words import say
from servicedesk.domain.workflow import NEED_AGENT
from servicedesk.media import sniff
from servicedesk.media.blobs import PIECE, Blobs
from servicedesk.media.parcels import Reader, Unfit
from servicedesk.store import calendars as stored_calendars
from servicedesk.store import epoch, files, history, messages, people, search, taken_in, tickets, watchers
from servicedesk.store import escalation as stored_escalation
from servicedesk.store import policies as stored_policies
from servicedesk.store.db import Connection, Database, Tx
from servicedesk.store.macros import MACROS
from servicedesk.store.named import Names
from servicedesk.store.saved_views import VIEWS
from servicedesk.web import decode
from servicedesk.web.calendars import NewCalendar, calendar_of
from servicedesk.web.decode import checked
from servicedesk.web.escalation import NewEscalationPolicy
from servicedesk.web.escalation import policy_of as escalation_of
from servicedesk.web.fields import Category as CategoryWord
from servicedesk.web.fields import Description, Email, FileId, Id, OneLine, Title, Words
from servicedesk.web.macros import NewMacro
from servicedesk.web.macros import content_of as macro_of
from servicedesk.web.people import Capacity, Minutes
from servicedesk.web.policies import NewPolicy, policy_of
from servicedesk.web.saved_views import NewView

AT_ONCE: Final = 100
"""Lines that one transaction takes in."""
PROBLEMS: Final = 20
"""Bad lines that are named before the rest is left unread."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def _moment_errors(text: str, pointer: str) -> Iterator[FieldError]:
    try:
        if parse(text) >= 0:
            return
    except ValueError:
        pass
    yield FieldError(pointer, "invalid", say("is no moment such as 2026-11-23T09:30:00Z"))


def _hash_errors(text: str, pointer: str) -> Iterator[FieldError]:
    if not _SHA256.fullmatch(text):
        yield FieldError(pointer, "invalid", say("is no SHA-256 in small hexadecimal digits"))


Moment = Annotated[str, Meta(max_length=40), checked(_moment_errors)]
Hash = Annotated[str, checked(_hash_errors)]
Number = Annotated[int, Meta(ge=0, le=2**53)]
Kept = dict[str, Any]
"""What an export says as well, and the desk works out itself."""


class _Ref(msgspec.Struct, frozen=True):
    """Somebody or something by number; what else is said of it stands in its own line."""

    id: Id


class PersonIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Id
    email: Email
    name: OneLine
    role: Role
    is_active: bool
    max_tickets: Capacity
    skills: Words
    availability: Availability
    team_ids: list[Id]
    calendar_id: Id | None
    created_at: Moment
    language: Annotated[str, Meta(max_length=20)] | None
    time_zone: Annotated[str, Meta(max_length=64)] | None


class WeightsIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    spare_capacity: Annotated[int, Meta(ge=0, le=1000)]
    idle_time: Annotated[int, Meta(ge=0, le=1000)]
    skills: Annotated[int, Meta(ge=0, le=1000)]
    continuity: Annotated[int, Meta(ge=0, le=1000)]


class TeamIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Id
    name: OneLine
    assignment: Preset
    lead_id: Id | None
    member_ids: list[Id]
    weights: WeightsIn | None
    return_after_minutes: Minutes | None
    sla_policy_id: Id | None
    escalation_policy_id: Id | None
    created_at: Moment


class CalendarIn(NewCalendar, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Id
    version: Number


class PolicyIn(NewPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Id
    version: Number


class EscalationIn(NewEscalationPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Id
    version: Number


class MacroIn(NewMacro, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Id
    owner_id: Id
    version: Number


class ViewIn(NewView, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Id
    owner_id: Id
    version: Number
    count: None


class TicketIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Id
    reference: str
    title: Title
    description: Description
    status: Status
    priority: Priority
    category: CategoryWord | None
    tags: Words
    required_skills: Words
    requester: _Ref
    assigned_to: _Ref | None
    team: _Ref | None
    escalation_level: Annotated[int, Meta(ge=0, le=TOP_LEVEL)]
    version: Annotated[int, Meta(ge=1, le=2**53)]
    message_count: Number
    file_count: Number
    reopen_count: Number
    created_at: Moment
    updated_at: Moment
    first_response_at: Moment | None
    first_resolved_at: Moment | None
    resolved_at: Moment | None
    closed_at: Moment | None
    sla: Kept
    waits: bool
    watcher_ids: list[Id]

    def check(self) -> Iterator[FieldError]:
        if self.status in NEED_AGENT and self.assigned_to is None:
            yield FieldError("/assigned_to", "missing", say("is required in this status"))


class MessageIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Id
    ticket_id: Id
    author: _Ref
    body: Annotated[str, Meta(max_length=BODY_MAX)]
    is_internal: bool
    files: list[Kept]
    created_at: Moment
    client_msg_id: Annotated[str, Meta(max_length=200)] | None


class FileIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: FileId
    ticket_id: Id
    message_id: Id | None
    filename: Annotated[str, Meta(min_length=1, max_length=1024)]
    size: Annotated[int, Meta(ge=1)]
    content_type: str
    category: Category
    sha256: Hash
    is_internal: bool
    uploaded_by: _Ref
    created_at: Moment
    width: Number | None
    height: Number | None
    download_url: str
    preview_url: str
    thumbnail_url: str | None
    thumbnail_pending: bool = False
    scan: Scan = Scan.NONE


class HistoryIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    seq: Annotated[int, Meta(ge=1)]
    type: Annotated[str, Meta(min_length=1, max_length=40)]
    actor: _Ref | None
    changes: dict[str, FromTo]
    reason: Annotated[str, Meta(max_length=BODY_MAX)] | None
    created_at: Moment
    ticket_id: Id
    is_internal: bool


LINES: Final[dict[str, type[Any]]] = {
    parcels.CALENDARS: CalendarIn,
    parcels.PEOPLE: PersonIn,
    parcels.POLICIES: PolicyIn,
    parcels.ESCALATION: EscalationIn,
    parcels.TEAMS: TeamIn,
    parcels.MACROS: MacroIn,
    parcels.VIEWS: ViewIn,
    parcels.TICKETS: TicketIn,
    parcels.MESSAGES: MessageIn,
    parcels.FILES: FileIn,
    parcels.HISTORY: HistoryIn,
}
T = TypeVar("T")


class BadLines(Exception):
    """Lines are not what the desk could take in; each is named."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


# Looking at it ----------------------------------------------------------------------------------------------------


def check(reader: Reader) -> dict[str, int]:
    """Look at every line and every content before anything is written; return how many lines each part has.

    Raises Unfit, and BadLines for what no desk would have exported.
    """
    reader.verify()
    problems: list[str] = []
    with Names() as names:
        for part in parcels.ORDER:
            for number, raw in enumerate(reader.lines(part), 1):
                for problem in _problems(part, raw, names, reader):
                    problems.append(f"{parcels.part_path(part)} line {number}: {problem}")
                if len(problems) >= PROBLEMS:
                    raise BadLines(problems)
    if problems:
        raise BadLines(problems)
    return {part.name: part.lines for part in reader.manifest.parts}


def _problems(part: str, raw: bytes, names: Names, reader: Reader) -> Iterator[str]:
    try:
        line = decode.body(raw, LINES[part])
    except Refused as refusal:
        yield str(refusal.detail)
        return
    own = f"{line.ticket_id}/{line.seq}" if part == parcels.HISTORY else line.id
    if not names.add(part, own):
        yield f"{own} comes twice"
    for kind, id_ in _named_by(part, line):
        if not names.has(kind, id_):
            yield f"names {id_} of {parcels.part_path(kind)}, which is not there"
    if part == parcels.FILES and line.sha256 not in reader.manifest.lost:
        yield from _content_problems(line, reader)


def _named_by(part: str, line: Any) -> Iterator[tuple[str, int]]:
    """Yield what the line cannot be taken in without."""
    if part == parcels.TICKETS:
        people_named = [line.requester, line.assigned_to]
    elif part == parcels.MESSAGES:
        people_named = [line.author]
    elif part == parcels.FILES:
        people_named = [line.uploaded_by]
    elif part == parcels.HISTORY:
        people_named = [line.actor]
    else:
        people_named = []
        if part in (parcels.MACROS, parcels.VIEWS):
            yield parcels.PEOPLE, line.owner_id
    yield from ((parcels.PEOPLE, each.id) for each in people_named if each is not None)
    if part == parcels.TICKETS and line.team is not None:
        yield parcels.TEAMS, line.team.id
    if part in (parcels.MESSAGES, parcels.FILES, parcels.HISTORY):
        yield parcels.TICKETS, line.ticket_id
    if part == parcels.FILES and line.message_id is not None:
        yield parcels.MESSAGES, line.message_id


def _content_problems(line: FileIn, reader: Reader) -> Iterator[str]:
    if reader.size(line.sha256) != line.size:
        yield f"the bytes of {line.filename} are not there, or not {line.size}"
        return
    try:
        with reader.open(line.sha256) as file:
            served_as(line.filename, sniff.sniff(cast(Any, file)))
    except Refused as refusal:
        yield f"{line.filename}: {refusal.detail}"


# Taking it in -----------------------------------------------------------------------------------------------------


class Taken(msgspec.Struct, frozen=True):
    """What came of it."""

    new: dict[str, int]
    known: dict[str, int]
    """What was there already, by address or name."""
    lost: int
    """Files whose bytes the export did not have."""


async def take_in(db: Database, blobs: Blobs, reader: Reader, *, at: Instant) -> Taken:
    """Take in what is not in yet. A process that is killed leaves whole lines, and the next one goes on behind them."""
    taking = _Taking(reader.manifest, at)
    for part in parcels.ORDER:
        start = await db.read(taken_in.lines, reader.manifest.id, part)
        for number, batch in _batches(reader.lines(part), start):
            lines = [decode.body(raw, LINES[part]) for raw in batch]
            seen = await _bring(blobs, reader, lines) if part == parcels.FILES else {}
            await db.write(taking.take, part, lines, number, seen)
    after = ""
    while woken := await db.write(taking.wind, after):
        after = woken
    while await db.write(search.catch_up, 1000):
        pass
    await db.write(taking.finish)
    return Taken(dict(taking.new), dict(taking.known), taking.lost)


def _batches(lines: Iterator[bytes], start: int) -> Iterator[tuple[int, list[bytes]]]:
    """Yield lines behind the first ``start``, some at a time, and how many are in with them."""
    batch: list[bytes] = []
    number = 0
    for number, line in enumerate(lines, 1):
        if number > start:
            batch.append(line)
        if len(batch) == AT_ONCE:
            yield number, batch
            batch = []
    if batch:
        yield number, batch


async def _bring(blobs: Blobs, reader: Reader, lines: Sequence[FileIn]) -> dict[str, Seen]:
    """Put the contents in their places and return what each is; what nothing names in the end is swept away."""
    seen: dict[str, Seen] = {}
    for line in lines:
        if line.sha256 in reader.manifest.lost or line.id in seen:
            continue
        async with blobs.draft() as draft:
            with reader.open(line.sha256) as file:
                while piece := file.read(PIECE):
                    await draft.write(piece)
            await draft.flush()
            if draft.sha256 != line.sha256:
                raise Unfit(f"{parcels.content_path(line.sha256)} is not what its name says.")
            with draft.path.open("rb") as come:
                seen[line.id] = sniff.sniff(come)
            await blobs.place(draft, _nothing)
    return seen


async def _nothing() -> None:
    pass


class _Taking:
    def __init__(self, manifest: Manifest, at: Instant) -> None:
        self._manifest = manifest
        self._source = manifest.id
        self._at = at
        self.new: Counter[str] = Counter()
        self.known: Counter[str] = Counter()
        self.lost = 0
        self._seen: dict[str, Seen] = {}
        self._takers: dict[str, Callable[[Tx, Any], object]] = {
            parcels.CALENDARS: self._calendar,
            parcels.PEOPLE: self._person,
            parcels.POLICIES: self._policy,
            parcels.ESCALATION: self._escalation,
            parcels.TEAMS: self._team,
            parcels.MACROS: self._macro,
            parcels.VIEWS: self._view,
            parcels.TICKETS: self._ticket,
            parcels.MESSAGES: self._message,
            parcels.FILES: self._file,
            parcels.HISTORY: self._change,
        }

    def take(self, tx: Tx, part: str, lines: Sequence[Any], number: int, seen: dict[str, Seen]) -> None:
        """Take the lines in, and write down that the part is in up to this one."""
        self._seen = seen
        for line in lines:
            self._takers[part](tx, line)
        taken_in.set_lines(tx, self._source, part, number)

    def wind(self, tx: Tx, after: str) -> str:
        """Wind the clocks of some of the tickets, now that their histories are here; return the last one's name."""
        found = taken_in.some(tx, self._source, parcels.TICKETS, after=after, limit=AT_ONCE)
        for _, ours in found:
            clocks.wind(tx, int(ours), self._at)
        return found[-1][0] if found else ""

    def finish(self, tx: Tx) -> None:
        tx.occasion = Occasion(at=self._at, name=COMMAND_LINE)
        details = {"export": self._source, "desk": self._manifest.desk, **self.new}
        audit.record(tx, Action.IMPORTED, Subject(Noun.EXPORT, self._source, self._manifest.desk), details)
        epoch.end(tx)

    def _is_here(self, tx: Tx, kind: str, line: Any, ours: int | None) -> bool:
        """Return whether it is here under another number, and remember under which."""
        if ours is None:
            return False
        taken_in.put(tx, self._source, kind, str(line.id), str(ours))
        self.known[kind] += 1
        return True

    def _came(self, tx: Tx, kind: str, line: Any, ours: int | str) -> None:
        taken_in.put(tx, self._source, kind, str(line.id), str(ours))
        self.new[kind] += 1

    def _ours(self, tx: Connection, kind: str, theirs: int | None) -> int | None:
        found = None if theirs is None else taken_in.ours(tx, self._source, kind, str(theirs))
        return None if found is None else int(found)

    def _must(self, tx: Connection, kind: str, theirs: int) -> int:
        found = self._ours(tx, kind, theirs)
        if found is None:
            raise Unfit(f"{theirs} of {parcels.part_path(kind)} is not in; the export has changed.")
        return found

    def _calendar(self, tx: Tx, line: CalendarIn) -> None:
        there = stored_calendars.by_name(tx, line.name)
        if not self._is_here(tx, parcels.CALENDARS, line, there.id if there else None):
            self._came(tx, parcels.CALENDARS, line, calendars.create(tx, calendar_of(line), at=self._at).id)

    def _person(self, tx: Tx, line: PersonIn) -> None:
        if self._is_here(tx, parcels.PEOPLE, line, people.id_of(tx, line.email)):
            return
        added = people.insert(
            tx,
            email=line.email.strip(),
            name=line.name.strip(),
            role=line.role,
            at=parse(line.created_at),
            max_tickets=line.max_tickets,
            skills=distinct(line.skills),
            availability=line.availability,
            calendar_id=self._ours(tx, parcels.CALENDARS, line.calendar_id),
        )
        if not line.is_active:
            people.update(tx, msgspec.structs.replace(added, is_active=False))
        people.set_words(tx, added.id, language=line.language, time_zone=line.time_zone)
        self._came(tx, parcels.PEOPLE, line, added.id)

    def _policy(self, tx: Tx, line: PolicyIn) -> None:
        everything = stored_policies.page(tx, limit=10_000)
        there = next((p.id for p in everything if fold(p.policy.name) == fold(line.name)), None)
        if self._is_here(tx, parcels.POLICIES, line, there):
            return
        new = msgspec.structs.replace(
            policy_of(line),
            calendar_id=self._ours(tx, parcels.CALENDARS, line.calendar_id),
            is_default=line.is_default and not any(p.is_default for p in everything),
        )
        self._came(tx, parcels.POLICIES, line, policies.create(tx, new, at=self._at).id)

    def _escalation(self, tx: Tx, line: EscalationIn) -> None:
        everything = stored_escalation.page(tx, limit=10_000)
        there = next((p.id for p in everything if fold(p.policy.name) == fold(line.name)), None)
        if self._is_here(tx, parcels.ESCALATION, line, there):
            return
        tiers = [
            msgspec.structs.replace(
                tier,
                id=None,
                whom=msgspec.structs.replace(
                    tier.whom, user_id=self._ours(tx, parcels.PEOPLE, tier.whom.user_id)
                ),
            )
            for tier in line.tiers
        ]
        is_default = line.is_default and not any(p.policy.is_default for p in everything)
        new = escalation_of(msgspec.structs.replace(line, tiers=tiers, is_default=is_default))
        self._came(tx, parcels.ESCALATION, line, escalation.create(tx, new, at=self._at).id)

    def _team(self, tx: Tx, line: TeamIn) -> None:
        there = people.team_by_name(tx, line.name)
        if self._is_here(tx, parcels.TEAMS, line, there.id if there else None):
            return
        made = people.insert_team(
            tx,
            name=line.name.strip(),
            assignment=line.assignment,
            lead_id=self._ours(tx, parcels.PEOPLE, line.lead_id),
            weights=msgspec.structs.astuple(line.weights) if line.weights else None,
            return_after_minutes=line.return_after_minutes,
            sla_policy_id=self._ours(tx, parcels.POLICIES, line.sla_policy_id),
            escalation_policy_id=self._ours(tx, parcels.ESCALATION, line.escalation_policy_id),
            at=parse(line.created_at),
        )
        members = [self._ours(tx, parcels.PEOPLE, each) for each in line.member_ids]
        known = {each for each in members if each is not None}
        people.set_members(tx, made.id, sorted(known - people.not_staff(tx, known)))
        self._came(tx, parcels.TEAMS, line, made.id)

    def _macro(self, tx: Tx, line: MacroIn) -> None:
        owner, content = self._must(tx, parcels.PEOPLE, line.owner_id), macro_of(line)
        actions = {
            name: self._ours(tx, kind, value)
            for name, kind in (("assigned_to", parcels.PEOPLE), ("team_id", parcels.TEAMS))
            if isinstance(value := getattr(content.actions, name), int)
        }
        content = msgspec.structs.replace(
            content, actions=msgspec.structs.replace(content.actions, **actions)
        )
        there = next((m.id for m in MACROS.page(tx, owner, limit=10_000) if m.content == content), None)
        if not self._is_here(tx, parcels.MACROS, line, there):
            self._came(tx, parcels.MACROS, line, MACROS.insert(tx, content, owner_id=owner, at=self._at).id)

    def _view(self, tx: Tx, line: ViewIn) -> None:
        owner = self._must(tx, parcels.PEOPLE, line.owner_id)
        content = ViewContent(
            name=line.name, query=line.query, is_shared=line.is_shared, position=line.position
        )
        there = next((v.id for v in VIEWS.page(tx, owner, limit=10_000) if v.content == content), None)
        if not self._is_here(tx, parcels.VIEWS, line, there):
            self._came(tx, parcels.VIEWS, line, VIEWS.insert(tx, content, owner_id=owner, at=self._at).id)

    def _ticket(self, tx: Tx, line: TicketIn) -> None:
        title, tags = line.title.strip(), distinct(line.tags)
        ticket_id = tickets.insert(
            tx,
            {
                "title": title,
                "description": line.description,
                "status": line.status,
                "priority": line.priority,
                "category": line.category.strip() if line.category else None,
                "tags": tickets.words(tags),
                "required_skills": tickets.words(distinct(line.required_skills)),
                "requester_id": self._must(tx, parcels.PEOPLE, line.requester.id),
                "assigned_to": self._must(tx, parcels.PEOPLE, line.assigned_to.id)
                if line.assigned_to
                else None,
                "team_id": self._must(tx, parcels.TEAMS, line.team.id) if line.team else None,
                "escalation_level": line.escalation_level,
                "version": line.version,
                "reopen_count": line.reopen_count,
                "waits": int(line.waits and line.assigned_to is None and line.status.is_unresolved),
                "created_at": parse(line.created_at),
                "updated_at": parse(line.updated_at),
                **{
                    name: None if (text := getattr(line, name)) is None else parse(text)
                    for name in ("first_response_at", "first_resolved_at", "resolved_at", "closed_at")
                },
            },
            tags,
        )
        search.index_piece(
            tx, ticket_id, 0, reference=reference(ticket_id), title=title, body=line.description
        )
        found = [self._ours(tx, parcels.PEOPLE, each) for each in line.watcher_ids]
        watchers.add(tx, ticket_id, [each for each in found if each is not None])
        self._came(tx, parcels.TICKETS, line, ticket_id)

    def _message(self, tx: Tx, line: MessageIn) -> None:
        ticket_id = self._must(tx, parcels.TICKETS, line.ticket_id)
        author = self._must(tx, parcels.PEOPLE, line.author.id)
        key = line.client_msg_id
        if key is not None and messages.by_client_id(tx, author, key) is not None:
            key = None  # the desk takes in what is its own
        message_id = messages.insert(
            tx,
            ticket_id=ticket_id,
            author_id=author,
            body=line.body,
            is_internal=line.is_internal,
            client_msg_id=key,
            at=parse(line.created_at),
        )
        tickets.count_up(tx, ticket_id, "internal_messages" if line.is_internal else "public_messages")
        _index(tx, ticket_id, tickets.next_piece(tx, ticket_id), line.body, line.is_internal)
        self._came(tx, parcels.MESSAGES, line, message_id)

    def _file(self, tx: Tx, line: FileIn) -> None:
        seen = self._seen.get(line.id)
        if seen is None:
            self.lost += 1
            return
        ticket_id = self._must(tx, parcels.TICKETS, line.ticket_id)
        file_id = line.id
        with contextlib.suppress(Refused):
            files.get(tx, file_id)
            file_id = f"{line.id[:40]}-{self._source[:16]}"  # the desk takes in what is its own
        name = clean_filename(line.filename)
        is_image = line.category is Category.IMAGE
        new = NewFile(
            id=file_id,
            ticket_id=ticket_id,
            message_id=None if line.message_id is None else self._must(tx, parcels.MESSAGES, line.message_id),
            is_internal=line.is_internal,
            filename=name,
            size=line.size,
            content_type=served_as(name, seen),
            sha256=line.sha256,
            picture=Picture.PENDING if is_image else Picture.NONE,
            scan=line.scan if line.scan is not Scan.ERROR else Scan.PENDING,
            width=line.width,
            height=line.height,
        )
        piece = tickets.next_piece(tx, ticket_id)
        by = self._must(tx, parcels.PEOPLE, line.uploaded_by.id)
        files.insert(tx, new, uploaded_by=by, piece=piece, at=parse(line.created_at))
        tickets.count_up(tx, ticket_id, "internal_files" if line.is_internal else "public_files")
        _index(tx, ticket_id, piece, name, line.is_internal)
        self._came(tx, parcels.FILES, line, file_id)

    def _change(self, tx: Tx, line: HistoryIn) -> None:
        history.append(
            tx,
            self._must(tx, parcels.TICKETS, line.ticket_id),
            line.type,
            {
                name: FromTo(self._renamed(tx, name, change.from_), self._renamed(tx, name, change.to))
                for name, change in line.changes.items()
            },
            actor_id=self._must(tx, parcels.PEOPLE, line.actor.id) if line.actor else None,
            reason=line.reason,
            is_internal=line.is_internal,
            at=parse(line.created_at),
        )
        self.new[parcels.HISTORY] += 1

    def _renamed(self, tx: Tx, name: str, value: object) -> object:
        """Return a value of the history as it is called here; who and what did not come along is nobody and nothing."""
        kind = _KINDS.get(name)
        if kind is None or value is None:
            return value
        if isinstance(value, list):
            found = [self._renamed(tx, name, each) for each in value]
            return [each for each in found if each is not None]
        if kind == parcels.FILES:  # of a deleted file only this is left
            return taken_in.ours(tx, self._source, kind, str(value)) or value
        return self._ours(tx, kind, value) if isinstance(value, int) else None


_KINDS: Final = {
    "assigned_to": parcels.PEOPLE,
    "watchers": parcels.PEOPLE,
    "team_id": parcels.TEAMS,
    "files": parcels.FILES,
}
"""Fields whose values in a history are numbers of something else."""


def _index(tx: Tx, ticket_id: int, piece: int, text: str, is_internal: bool) -> None:
    if is_internal:
        search.index_piece(tx, ticket_id, piece, note=text)
    else:
        search.index_piece(tx, ticket_id, piece, body=text)
