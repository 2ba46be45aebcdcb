"""Who watches a ticket, by choice or because they took part."""

from collections.abc import Iterable, Sequence

from servicedesk.desk import telling
from servicedesk.domain.access import Verb, require
from servicedesk.domain.errors import FieldError, Invalid
from servicedesk.domain.events import Action
from servicedesk.domain.people import PersonRef, User
from servicedesk.domain.tickets import FromTo, Ticket
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store import people, tickets, watchers
from servicedesk.store.db import Tx


def watch(tx: Tx, ticket_id: int, *, watches: bool = True, by: User, at: Instant) -> list[PersonRef]:
    """Start or stop watching; who stopped stays out until they, or a colleague, choose otherwise."""
    ticket = _watchable(tx, ticket_id, by)
    before = watchers.of_ticket(tx, ticket_id)
    watchers.put(tx, ticket_id, by.id, watches)
    return _told(tx, ticket, before, by=by, at=at)


def choose(tx: Tx, ticket_id: int, user_ids: Sequence[int], *, by: User, at: Instant) -> list[PersonRef]:
    """Make exactly these people the watchers."""
    ticket = _watchable(tx, ticket_id, by)
    _require_staff(tx, user_ids)
    before = watchers.of_ticket(tx, ticket_id)
    was, now = {person.id for person in before}, set(user_ids)
    for user_id in sorted(was ^ now):
        watchers.put(tx, ticket_id, user_id, user_id in now)
    return _told(tx, ticket, before, by=by, at=at)


def join(tx: Tx, ticket_id: int, user_ids: Iterable[int]) -> telling.Changes:
    """Make watchers of those who took part, unless they stopped once; return the change, to be told."""
    before = _ids(watchers.of_ticket(tx, ticket_id))
    if not watchers.add(tx, ticket_id, sorted(user_ids)):
        return {}
    return {"watchers": FromTo(before, _ids(watchers.of_ticket(tx, ticket_id)))}


def _watchable(tx: Tx, ticket_id: int, by: User) -> Ticket:
    ticket = tickets.get(tx, ticket_id)
    require(by, Verb.WATCH, ticket)
    return ticket


def _require_staff(tx: Tx, user_ids: Sequence[int]) -> None:
    able = {person.id for person in people.several(tx, user_ids) if person.is_active and person.is_staff}
    errors = [
        FieldError(f"/user_ids/{number}", "unknown", say("is nobody who could watch a ticket"))
        for number, user_id in enumerate(user_ids)
        if user_id not in able
    ]
    if errors:
        raise Invalid(errors)


def _told(tx: Tx, ticket: Ticket, before: list[PersonRef], *, by: User, at: Instant) -> list[PersonRef]:
    after = watchers.of_ticket(tx, ticket.id)
    if after != before:
        change = FromTo(_ids(before), _ids(after))
        telling.tell_staff(tx, ticket, Action.UPDATED, {"watchers": change}, by=by, at=at)
    return after


def _ids(watching: Iterable[PersonRef]) -> list[int]:
    return [person.id for person in watching]
