"""Macros: people write them down, look at what one would do to a ticket, and let it be done."""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from msgspec import UNSET

from servicedesk.desk import messages, several, tickets
from servicedesk.desk.changes import require_version
from servicedesk.desk.kept import Keeping
from servicedesk.desk.several import Wanted
from servicedesk.desk.tickets import Versions
from servicedesk.domain import macros as rules
from servicedesk.domain import views
from servicedesk.domain.access import Verb, require
from servicedesk.domain.errors import FieldError, Invalid, NotFound, Refused
from servicedesk.domain.macros import MACROS_MAX, ME, Actions, Content, Macro, Setting
from servicedesk.domain.people import User
from servicedesk.domain.tickets import BODY_MAX, FromTo, Status, Ticket
from servicedesk.domain.times import Instant
from servicedesk.domain.views import MacroPreview, RefusalBody
from servicedesk.domain.words import say
from servicedesk.store import people
from servicedesk.store import tickets as stored
from servicedesk.store.db import Connection, Tx
from servicedesk.store.macros import MACROS


def preview(tx: Tx, macro_id: int, ticket_id: int, *, by: User, at: Instant) -> MacroPreview:
    """Return what the macro would make of the ticket: it is tried out, step by step, and undone again."""
    macro, before = _usable(tx, macro_id, ticket_id, by)
    text = rules.filled(macro.content.body, Setting(before, by))
    refusals: list[RefusalBody] = []
    tried: list[Ticket] = []

    def attempt() -> None:
        for step in _steps(tx, macro, before, text, by, at):
            error = tx.attempt(step)
            if isinstance(error, Refused):
                refusals.append(RefusalBody(error.code, error.detail))
            elif error is not None:
                raise error
        tried.append(stored.get(tx, ticket_id))
        raise _Undone

    error = tx.attempt(attempt)
    if error is not None and not isinstance(error, _Undone):
        raise error
    return MacroPreview(text, macro.content.is_internal, _differences(before, tried[0]), tuple(refusals))


def apply(
    tx: Tx,
    macro_id: int,
    ticket_id: int,
    *,
    body: str | None = None,
    file_ids: tuple[str, ...] = (),
    client_msg_id: str | None = None,
    by: User,
    at: Instant,
    versions: Versions = None,
) -> Ticket:
    """Say the macro's text, or the one that it became under somebody's hands, and do the rest: all of it or nothing."""
    macro, before = _usable(tx, macro_id, ticket_id, by)
    require_version(before, versions, by, at)
    text = rules.filled(macro.content.body, Setting(before, by)) if body is None else body
    for step in _steps(tx, macro, before, text, by, at, file_ids, client_msg_id):
        step()
    return stored.get(tx, ticket_id)


class _Undone(Exception):
    """What was tried out is to leave no trace."""


def _steps(
    tx: Tx,
    macro: Macro,
    before: Ticket,
    text: str,
    by: User,
    at: Instant,
    file_ids: tuple[str, ...] = (),
    client_msg_id: str | None = None,
) -> Iterator[Callable[[], object]]:
    """Yield what is done, in this order: the text first, unless the ticket has to be reopened for it."""

    def speak() -> None:
        if len(text) > BODY_MAX:
            raise Invalid(
                [FieldError("/body", "too_long", say("must have at most {most} characters", most=BODY_MAX))]
            )
        messages.post(
            tx,
            before.id,
            text,
            is_internal=macro.content.is_internal,
            file_ids=file_ids,
            client_msg_id=client_msg_id,
            by=by,
            at=at,
        )

    wanted = _wanted(macro.content.actions, by)
    says = bool(text.strip())
    if file_ids and not says:
        raise Invalid([FieldError("/file_ids", "invalid", say("go with a text, and there is none"))])
    is_late = before.status is Status.CLOSED
    if says and not is_late:
        yield speak
    for step in several.steps(wanted):
        yield lambda step=step: step(tx, before.id, wanted, by, at, None)  # type: ignore[misc]
    if says and is_late:
        yield speak


def _wanted(actions: Actions, by: User) -> Wanted:
    return Wanted(
        status=actions.status,
        priority=actions.priority,
        assigned_to=by.id if actions.assigned_to == ME else actions.assigned_to,
        team_id=actions.team_id,
        add_tags=actions.add_tags,
        remove_tags=actions.remove_tags,
        comment=None if actions.comment is UNSET else actions.comment,
    )


def _differences(before: Ticket, after: Ticket) -> dict[str, FromTo]:
    values = {
        "status": (before.status, after.status),
        "priority": (before.priority, after.priority),
        "assigned_to": (before.assignee_id, after.assignee_id),
        "team_id": (before.team_id, after.team_id),
        "tags": (before.tags, after.tags),
    }
    return {name: FromTo(old, new) for name, (old, new) in values.items() if old != new}


def _usable(tx: Tx, macro_id: int, ticket_id: int, by: User) -> tuple[Macro, Ticket]:
    macro = MACROS.get(tx, macro_id)
    require(by, Verb.USE_MACROS, macro)
    try:
        ticket = tickets.seen(tx, ticket_id, by)
    except NotFound:
        raise Invalid([FieldError("/ticket_id", "unknown", say("is no ticket"))]) from None
    return macro, ticket


def _sound(conn: Connection, content: Content) -> Content:
    """Return the macro as it is kept. Raises Invalid."""
    if errors := [*rules.content_errors(content), *_unknown(conn, content.actions)]:
        raise Invalid(errors)
    return msgspec.structs.replace(content, name=content.name.strip())


def _unknown(conn: Connection, actions: Actions) -> Iterator[FieldError]:
    who, team_id = actions.assigned_to, actions.team_id
    if isinstance(who, int) and not _takes_tickets(conn, who):
        yield FieldError("/actions/assigned_to", "unknown", say("is nobody who could take a ticket"))
    if isinstance(team_id, int) and not _is_team(conn, team_id):
        yield FieldError("/actions/team_id", "unknown", say("is no team"))


def _takes_tickets(conn: Connection, user_id: int) -> bool:
    try:
        person = people.get(conn, user_id)
    except NotFound:
        return False
    return person.is_active and person.is_staff


def _is_team(conn: Connection, team_id: int) -> bool:
    try:
        people.team(conn, team_id)
    except NotFound:
        return False
    return True


_KEEPING: Final = Keeping(MACROS, Verb.EDIT_MACROS, MACROS_MAX, sound=_sound, shown=views.macro)
create = _KEEPING.create
edit = _KEEPING.edit
delete = _KEEPING.delete
