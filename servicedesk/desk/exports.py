"""What of the desk goes into an export: read line by line from one unchanging state, however large the desk is."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from servicedesk.desk import files, messages
from servicedesk.desk.audit import record
from servicedesk.domain import parcels, views
from servicedesk.domain.audit import COMMAND_LINE, Action, Noun, Occasion, Subject
from servicedesk.domain.parcels import HistoryLine, PersonLine, Selection, TeamLine, TicketLine
from servicedesk.domain.people import User
from servicedesk.domain.times import Instant, iso, iso_or_none
from servicedesk.store import (
    audit,
    calendars,
    escalation,
    exports,
    history,
    people,
    policies,
    tickets,
    watchers,
)
from servicedesk.store import files as stored_files
from servicedesk.store import messages as stored_messages
from servicedesk.store.db import Connection, Tx
from servicedesk.store.exports import Wanted
from servicedesk.store.left import ExportNote
from servicedesk.store.macros import MACROS
from servicedesk.store.saved_views import VIEWS

AT_ONCE: Final = 200


class NothingThere(Exception):
    """What is to be exported does not exist; the text is one line."""


def wanted(conn: Connection, selection: Selection) -> Wanted:
    """Return which tickets are meant. Raises NothingThere."""
    if selection.ticket is not None:
        if not exports.has_ticket(conn, selection.ticket):
            raise NothingThere(f"There is no ticket {selection.ticket}.")
        return Wanted("id", selection.ticket)
    if selection.requester is not None:
        user_id = people.id_of(conn, selection.requester)
        if user_id is None:
            raise NothingThere(f"Nobody has the address {selection.requester}.")
        return Wanted("requester_id", user_id)
    if selection.team is not None:
        team = people.team_by_name(conn, selection.team)
        if team is None:
            raise NothingThere(f"There is no team {selection.team}.")
        return Wanted("team_id", team.id)
    return Wanted()


def note_all(tx: Tx, made: Iterable[ExportNote]) -> None:
    """Write exports into the audit list, each once however often it is noted."""
    for note in made:
        if not audit.has(tx, Noun.EXPORT, note.id):
            tx.occasion = Occasion(at=note.at, name=COMMAND_LINE)
            record(tx, Action.EXPORTED, Subject(Noun.EXPORT, note.id, note.said), {})


def lines(conn: Connection, part: str, of: Wanted, at: Instant) -> Iterator[msgspec.Struct]:
    """Yield what a part of the export holds, in the order of ids."""
    if part in parcels.ABOUT_THE_DESK:
        return _ABOUT_THE_DESK[part](conn) if of.is_all else iter(())
    if part == parcels.PEOPLE:
        return map(_person, _people(conn, of))
    if part == parcels.TEAMS:
        return map(_team, _teams(conn, of))
    if part == parcels.TICKETS:
        return (_ticket(conn, ticket_id, at) for ticket_id in exports.ticket_ids(conn, of))
    each = _OF_TICKETS[part]
    return (line for ticket_id in exports.ticket_ids(conn, of) for line in each(conn, ticket_id))


def _walk(page: Callable[..., list[Any]], conn: Connection, *values: Any) -> Iterator[Any]:
    last = 0
    while found := page(conn, *values, after=last, limit=AT_ONCE):
        yield from found
        last = found[-1].id


def _people(conn: Connection, of: Wanted) -> Iterator[User]:
    if of.is_all:
        yield from _walk(people.page, conn)
        return
    ids = sorted(exports.people_of(conn, of))
    for start in range(0, len(ids), AT_ONCE):
        yield from people.several(conn, ids[start : start + AT_ONCE])


def _teams(conn: Connection, of: Wanted) -> Iterator[Any]:
    if of.is_all:
        return _walk(people.teams, conn)
    return (people.team(conn, team_id) for team_id in sorted(exports.teams_of(conn, of)))


def _person(user: User) -> PersonLine:
    return PersonLine(
        **msgspec.structs.asdict(views.user(user)), language=user.language, time_zone=user.time_zone
    )


def _team(team: Any) -> TeamLine:
    return TeamLine(**msgspec.structs.asdict(views.team(team)), created_at=iso(team.created_at))


def _ticket(conn: Connection, ticket_id: int, at: Instant) -> TicketLine:
    ticket = tickets.get(conn, ticket_id)
    return TicketLine(
        **msgspec.structs.asdict(views.ticket(ticket, at, staff=True)),
        first_resolved_at=iso_or_none(ticket.first_resolved_at),
        waits=ticket.waits,
        watcher_ids=tuple(each.id for each in watchers.of_ticket(conn, ticket_id)),
    )


def _messages(conn: Connection, ticket_id: int) -> Iterator[msgspec.Struct]:
    last = 0
    while found := stored_messages.page(conn, ticket_id, after=last, limit=AT_ONCE, internal=True):
        yield from messages.shown(conn, found, staff=True)
        last = found[-1].id


def _files(conn: Connection, ticket_id: int) -> Iterator[msgspec.Struct]:
    last = (-1, "")
    while found := stored_files.page(conn, ticket_id, after=last, limit=AT_ONCE, internal=True):
        yield from map(files.shown, found)
        last = (found[-1].created_at, found[-1].id)


def _history(conn: Connection, ticket_id: int) -> Iterator[msgspec.Struct]:
    last = 0
    while found := history.page(conn, ticket_id, after=last, limit=AT_ONCE, internal=True):
        for change in found:
            body = msgspec.structs.asdict(views.change(change, staff=True))
            yield HistoryLine(**body, ticket_id=ticket_id, is_internal=change.is_internal)
        last = found[-1].seq


_ABOUT_THE_DESK: Final[dict[str, Callable[[Connection], Iterator[msgspec.Struct]]]] = {
    parcels.CALENDARS: lambda conn: map(views.calendar, _walk(calendars.page, conn)),
    parcels.POLICIES: lambda conn: map(views.policy, _walk(policies.page, conn)),
    parcels.ESCALATION: lambda conn: map(views.escalation_policy, _walk(escalation.page, conn)),
    parcels.MACROS: lambda conn: map(views.macro, _walk(MACROS.everybodys, conn)),
    parcels.VIEWS: lambda conn: (views.saved_view(each, None) for each in _walk(VIEWS.everybodys, conn)),
}
_OF_TICKETS: Final[dict[str, Callable[[Connection, int], Iterator[msgspec.Struct]]]] = {
    parcels.MESSAGES: _messages,
    parcels.FILES: _files,
    parcels.HISTORY: _history,
}
