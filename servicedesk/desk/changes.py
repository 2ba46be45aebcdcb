"""How a ticket changes, whatever changes it: the row, its history, its clocks, and who is told."""

from collections.abc import Mapping
from typing import Any

from servicedesk.desk import clocks, notifications, returns, telling
from servicedesk.desk.telling import Changes
from servicedesk.domain import views
from servicedesk.domain.errors import Stale
from servicedesk.domain.events import Action
from servicedesk.domain.people import User
from servicedesk.domain.tickets import Ticket
from servicedesk.domain.times import Instant
from servicedesk.store import history, tickets
from servicedesk.store.db import Tx


def require_version(ticket: Ticket, versions: frozenset[int] | None, by: User, at: Instant) -> None:
    """Raise Stale when the caller read another version than the present one."""
    if versions is not None and ticket.version not in versions:
        raise Stale(views.ticket(ticket, at, staff=by.is_staff))


def apply(
    tx: Tx,
    before: Ticket,
    action: Action,
    columns: Mapping[str, Any],
    changes: Changes,
    *,
    by: User | None,
    reason: str | None = None,
    at: Instant,
    quiet: bool = False,
) -> Ticket:
    """Change the ticket's own fields, as one new version, and tell everybody who may know.

    ``by`` is None when the desk itself acts. ``quiet`` keeps the change out of people's notifications.
    """
    tickets.update(tx, before.id, {**columns, "version": before.version + 1, "updated_at": at})
    internal = not views.public_changes(changes)
    history.append(
        tx,
        before.id,
        action,
        changes,
        actor_id=by.id if by else None,
        reason=reason,
        is_internal=internal,
        at=at,
    )
    if changes.keys() & {"status", "priority", "team_id"}:
        clocks.wind(tx, before.id, at)
    after = tickets.get(tx, before.id)
    telling.tell(tx, after, action, changes, by=by, reason=reason, at=at)
    returns.of_change(tx, before, after, changes, at)
    if not quiet:
        notifications.of_change(tx, before, after, action, changes, by=by, reason=reason, at=at)
    return after
