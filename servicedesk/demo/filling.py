"""Let the company live through its last three weeks, by what the desk lets people do."""

import itertools
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple

import msgspec

from servicedesk.demo.company import (
    COLLEAGUES,
    CUSTOMERS,
    GROUPS,
    IN_OFFICE,
    IN_OFFICE_HOURS,
    LEFT_LYING,
    MACROS,
    OFFICE_HOURS,
    OWNER,
    STORIES,
    VIEWS,
    Step,
    Story,
)
from servicedesk.demo.things import content_of
from servicedesk.desk import (
    agenda,
    calendars,
    files,
    macros,
    messages,
    people,
    policies,
    saved_views,
    setup,
    tickets,
    welcome,
)
from servicedesk.desk import escalation as escalations
from servicedesk.desk import notifications as telling
from servicedesk.domain.files import Category, Content, NewFile, Picture, served_as
from servicedesk.domain.people import SUPERVISORS, Availability, Role, User
from servicedesk.domain.tickets import Status
from servicedesk.domain.times import HOUR, MINUTE, Instant, parse
from servicedesk.media.files import Media
from servicedesk.store import calendars as stored_calendars
from servicedesk.store import escalation, notifications
from servicedesk.store import people as stored_people
from servicedesk.store import tickets as stored
from servicedesk.store.db import Connection, Database, Tx

WEEKS: Final = 24 * 21 * HOUR
UNREAD: Final = 24 * HOUR
"""What people were told since then they have not read yet."""
DESK_NAME: Final = "Larkfield Service"
_MOVES: Final = {
    "start": Status.IN_PROGRESS,
    "pending": Status.PENDING,
    "hold": Status.ON_HOLD,
    "resolve": Status.RESOLVED,
    "close": Status.CLOSED,
}


class NotEmpty(Exception):
    """The desk has tickets of its own; a demo would get between them."""


class Filled(NamedTuple):
    """What there is now; ``doors`` are addresses to log in with, each with its role."""

    people: int
    tickets: int
    files: int
    doors: tuple[tuple[str, Role], ...]


class _Event(NamedTuple):
    at: Instant
    number: int
    story: int
    step: Step | None
    """None is the ticket's beginning."""


async def fill(db: Database, media: Media, *, password_hash: str, ids: Iterator[str], now: Instant) -> Filled:
    """Fill a desk without tickets. Everybody gets the same password; ``ids`` are for files.

    Raises NotEmpty. Everything happens in the order of time, so assignment, clocks and history are as if lived.
    """
    if db.peek(_has_tickets):
        raise NotEmpty("This desk has tickets already; the demo is for an empty one.")
    crowd = await db.write(_people, password_hash, at=now - WEEKS)
    await db.write(_promises, at=now - WEEKS)
    await db.write(_escalation, at=now - WEEKS)
    await db.write(_kept, crowd.values(), at=now - WEEKS)
    life = _Life(db, media, crowd, ids)
    lived = now - WEEKS
    for event in sorted(_events(now)):
        # What the desk does by itself it does in its own time, not all at once when it is next served.
        await db.write(agenda.live, lived, event.at)
        await life.happen(event)
        lived = event.at
    await db.write(_read_on, crowd.values(), at=now)
    await db.write(_go_home)
    return Filled(len(crowd), len(STORIES), life.files, _doors(crowd))


def _events(now: Instant) -> Iterator[_Event]:
    """Yield what happens to all tickets; what would be still to come does not happen."""
    numbers = itertools.count()
    for index, story in enumerate(STORIES):
        at = now - int(story.ago * HOUR)
        yield _Event(at, next(numbers), index, None)
        for step in story.steps:
            at += max(int(step.after * HOUR), MINUTE)
            if at < now:
                yield _Event(at, next(numbers), index, step)


class _Life:
    def __init__(self, db: Database, media: Media, crowd: dict[str, User], ids: Iterator[str]) -> None:
        self.db = db
        self.media = media
        self.crowd = crowd
        self.ids = ids
        self.files = 0
        self._tickets: dict[int, int] = {}

    async def happen(self, event: _Event) -> None:
        story, step, at = STORIES[event.story], event.step, event.at
        if step is None:
            body = await self.db.write(
                tickets.create, self._draft(story), by=self.crowd[story.customer], at=at
            )
            self._tickets[event.story] = body.id
            return
        ticket_id = self._tickets[event.story]
        if step.what.startswith("file"):
            await self._attach(story, ticket_id, step, at)
        else:
            await self.db.write(self._act, story, ticket_id, step, at)

    def _draft(self, story: Story) -> tickets.Draft:
        return tickets.Draft(
            title=story.title,
            description=story.text,
            priority=story.priority,
            category=story.category,
            tags=story.tags,
            auto_assign=False,
        )

    def _act(self, tx: Tx, story: Story, ticket_id: int, step: Step, at: Instant) -> None:
        agent = self._agent(tx, story, ticket_id, at)
        if step.what in ("reply", "note"):
            messages.post(tx, ticket_id, step.text, is_internal=step.what == "note", by=agent, at=at)
        elif step.what == "customer":
            messages.post(tx, ticket_id, step.text, by=self.crowd[story.customer], at=at)
        elif step.what == "assign":
            tickets.assign(tx, ticket_id, self.crowd[step.text].id, by=agent, at=at)
        elif step.what == "escalate":
            tickets.escalate(tx, ticket_id, reason=step.text, by=agent, at=at)
        else:
            tickets.move(tx, ticket_id, _MOVES[step.what], comment=step.text or None, by=agent, at=at)

    def _agent(self, tx: Tx, story: Story, ticket_id: int, at: Instant) -> User:
        """Return who deals with the ticket; the lead sorts out what came in without a team."""
        group = next(group for group in GROUPS if group.name == story.team)
        ticket = stored.get(tx, ticket_id)
        if ticket.team is None:
            team = stored_people.team_by_name(tx, story.team)
            sorting = tickets.Edit(team_id=team.id if team else None, required_skills=story.skills)
            tickets.edit(tx, ticket_id, sorting, by=self.crowd[group.lead], at=at)
            tickets.assign_auto(tx, ticket_id, by=self.crowd[group.lead], at=at)
            ticket = stored.get(tx, ticket_id)
        if ticket.assigned_to is None:
            return self.crowd[group.lead]
        return stored_people.get(tx, ticket.assigned_to.id)

    async def _attach(self, story: Story, ticket_id: int, step: Step, at: Instant) -> None:
        content, blobs = content_of(step.text), self.media.blobs
        by = self.crowd[story.customer]
        if step.what != "filecustomer":
            by = await self.db.write(self._agent, story, ticket_id, at)
        async with blobs.draft() as draft:
            await draft.write(content)
            await draft.flush()
            seen = await self.media.look(draft.path)
            new = NewFile(
                id=next(self.ids),
                ticket_id=ticket_id,
                is_internal=step.what == "filenote",
                filename=step.text,
                size=len(content),
                content_type=served_as(step.text, seen),
                sha256=draft.sha256,
            )
            await blobs.place(draft, partial(self._name, new, seen.content, by, at))
        self.files += 1

    async def _name(self, new: NewFile, content: Content, by: User, at: Instant) -> None:
        if new.category is Category.IMAGE:
            found = await self.media.inspect(new.sha256, content, urgent=False)
            picture = Picture.MADE if found.thumbnail else Picture.FAILED
            new = msgspec.structs.replace(new, picture=picture, width=found.width, height=found.height)
        await self.db.write(files.add, new, by=by, at=at)


def _people(tx: Tx, password_hash: str, *, at: Instant) -> dict[str, User]:
    """Add everybody, or take those that are there already; return them by name."""
    if setup.desk_name(tx) == setup.DEFAULT_NAME:
        setup.name_desk(tx, DESK_NAME)
    crowd: dict[str, User] = {}
    has_admin = stored_people.another_admin(tx, 0)
    for colleague in COLLEAGUES if has_admin else (OWNER, *COLLEAGUES):
        new = people.NewPerson(
            email=colleague.email,
            name=colleague.name,
            role=colleague.role,
            password_hash=password_hash,
            max_tickets=colleague.most,
            skills=colleague.skills,
        )
        crowd[colleague.name] = stored_people.by_email(tx, new.email) or people.create(tx, new, at=at)
    for customer in CUSTOMERS:
        asking = people.NewPerson(
            email=customer.email, name=customer.name, role=Role.CUSTOMER, password_hash=password_hash
        )
        crowd[customer.name] = stored_people.by_email(tx, asking.email) or people.create(tx, asking, at=at)
    for group in GROUPS:
        if stored_people.team_by_name(tx, group.name) is None:
            members = tuple(crowd[name].id for name in group.members)
            team = people.NewTeam(
                name=group.name, assignment=group.preset, lead_id=crowd[group.lead].id, member_ids=members
            )
            people.create_team(tx, team, at=at)
    return {name: stored_people.get(tx, user.id) for name, user in crowd.items()}


def _promises(tx: Tx, *, at: Instant) -> None:
    """Promise one team's answers in office hours; for all others the desk's standard holds."""
    if stored_calendars.by_name(tx, OFFICE_HOURS.name) is not None:
        return
    hours = calendars.create(tx, OFFICE_HOURS, at=at)
    made = policies.create(tx, policies.NewPolicy(policy=IN_OFFICE_HOURS, calendar_id=hours.id), at=at)
    team = stored_people.team_by_name(tx, IN_OFFICE)
    if team is not None:
        people.edit_team(tx, team.id, people.TeamEdit(sla_policy_id=made.id), at=at)


def _escalation(tx: Tx, *, at: Instant) -> None:
    """Have all teams' late tickets escalate; what the stories tell of assignments stays as it is told."""
    if not escalation.page(tx, limit=1):
        escalations.create(tx, LEFT_LYING, at=at)


def _kept(tx: Tx, everybody: Iterable[User], *, at: Instant) -> None:
    """Have somebody who may share it write down what everybody uses."""
    boss = next((user for user in everybody if user.role in SUPERVISORS), None)
    if boss is None:
        return
    for content in MACROS:
        macros.create(tx, content, by=boss, at=at)
    for view in VIEWS:
        saved_views.create(tx, view, by=boss, at=at)


def _doors(crowd: dict[str, User]) -> tuple[tuple[str, Role], ...]:
    shown = (OWNER.name, COLLEAGUES[0].name, COLLEAGUES[1].name, CUSTOMERS[0].name)
    return tuple((crowd[name].email, crowd[name].role) for name in shown if name in crowd)


def _read_on(tx: Tx, everybody: Iterable[User], *, at: Instant) -> None:
    """Let everybody have read what they were told before the last few hours."""
    for person in everybody:
        told = notifications.page(tx, person.id, limit=1000)
        old = next((each.id for each in told if parse(each.created_at) < at - UNREAD), None)
        if old is not None:
            telling.read_up_to(tx, old, by=person, at=at)


def _go_home(tx: Tx) -> None:
    """Send those away who are away; until now they were at work."""
    for colleague in COLLEAGUES:
        user = stored_people.by_email(tx, colleague.email)
        if user is not None and colleague.availability is Availability.AWAY:
            stored_people.update(tx, msgspec.structs.replace(user, availability=Availability.AWAY))


def _has_tickets(conn: Connection) -> bool:
    """Return whether there is any ticket but the tour that every desk begins with."""
    return (
        conn.execute("SELECT 1 FROM tickets WHERE id <> ? LIMIT 1", (welcome.ticket_id(conn),)).fetchone()
        is not None
    )
