"""What each person is told of, as rows."""

from typing import Any, Final, NamedTuple

from servicedesk.domain.access import Notification
from servicedesk.domain.errors import NotFound
from servicedesk.domain.notifications import Kind, NotificationBody, TicketRef
from servicedesk.domain.people import PersonRef
from servicedesk.domain.tickets import reference
from servicedesk.domain.times import Instant, iso
from servicedesk.domain.words import say
from servicedesk.store.db import Connection, Tx

PRUNED_AT_ONCE: Final = 2_000

_SELECT: Final = (
    "SELECT n.id, n.kind, n.ticket_id, t.title, n.actor_id, a.name AS actor_name, n.message_id, n.text, n.times,"
    " n.is_read, n.created_at FROM notifications n JOIN tickets t ON t.id = n.ticket_id"
    " LEFT JOIN users a ON a.id = n.actor_id"
)


class Unread(NamedTuple):
    """An unread notification that one of its kind may go into."""

    id: int
    times: int
    actor_id: int | None
    message_id: int | None
    text: str
    created_at: Instant


# Notifications --------------------------------------------------


def get(conn: Connection, user_id: int, notification_id: int) -> NotificationBody:
    """Return the person's notification, or raise NotFound."""
    row = conn.execute(f"{_SELECT} WHERE n.id = ? AND n.user_id = ?", (notification_id, user_id)).fetchone()
    if row is None:
        raise NotFound(say("There is no {what} {id}.", what=say("notification"), id=notification_id))
    return _notification(row)


def addressed(conn: Connection, notification_id: int) -> Notification:
    """Return whose notification it is, or raise NotFound."""
    row = conn.execute("SELECT user_id FROM notifications WHERE id = ?", (notification_id,)).fetchone()
    if row is None:
        raise NotFound(say("There is no {what} {id}.", what=say("notification"), id=notification_id))
    return Notification(notification_id, row[0])


def page(
    conn: Connection, user_id: int, *, before: int | None = None, limit: int, unread: bool = False
) -> list[NotificationBody]:
    """Return the person's notifications before one, or the latest, newest first."""
    only = " AND n.is_read = 0" if unread else ""
    found = conn.execute(
        f"{_SELECT} WHERE n.user_id = ? AND n.id < ?{only} ORDER BY n.id DESC LIMIT ?",
        (user_id, before if before is not None else 2**62, limit),
    )
    return [_notification(row) for row in found.fetchall()]


def count(conn: Connection, user_id: int) -> int:
    return int(conn.execute("SELECT count(*) FROM notifications WHERE user_id = ?", (user_id,)).fetchone()[0])


def unread(conn: Connection, user_id: int) -> int:
    """Return how many are unread: kept, not counted."""
    row = conn.execute("SELECT unread_notifications FROM users WHERE id = ?", (user_id,)).fetchone()
    return int(row[0]) if row else 0


def has_unread(conn: Connection, user_id: int, ticket_id: int) -> bool:
    """Return whether the person has not read something that they were told of the ticket."""
    row = conn.execute(
        "SELECT 1 FROM notifications WHERE user_id = ? AND ticket_id = ? AND is_read = 0 LIMIT 1",
        (user_id, ticket_id),
    ).fetchone()
    return row is not None


def latest_unread(conn: Connection, user_id: int, ticket_id: int, kind: Kind) -> Unread | None:
    row = conn.execute(
        "SELECT id, times, actor_id, message_id, text, created_at FROM notifications"
        " WHERE user_id = ? AND ticket_id = ? AND kind = ? AND is_read = 0 ORDER BY id DESC LIMIT 1",
        (user_id, ticket_id, kind),
    ).fetchone()
    return Unread(*row) if row else None


def insert(
    tx: Tx,
    user_id: int,
    kind: Kind,
    ticket_id: int,
    *,
    actor_id: int | None,
    message_id: int | None,
    text: str,
    times: int,
    at: Instant,
) -> int:
    cursor = tx.execute(
        "INSERT INTO notifications (user_id, ticket_id, kind, actor_id, message_id, text, times, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (user_id, ticket_id, kind, actor_id, message_id, text, times, at),
    )
    return int(cursor.lastrowid or 0)


def delete(tx: Tx, notification_id: int) -> None:
    tx.execute("DELETE FROM notifications WHERE id = ?", (notification_id,))


def set_read(tx: Tx, notification_id: int, is_read: bool) -> None:
    tx.execute("UPDATE notifications SET is_read = ? WHERE id = ?", (int(is_read), notification_id))


def read_ticket(tx: Tx, user_id: int, ticket_id: int) -> tuple[int, ...]:
    """Mark what is unread about the ticket as read; return what that was."""
    found = tx.execute(
        "UPDATE notifications SET is_read = 1 WHERE user_id = ? AND ticket_id = ? AND is_read = 0 RETURNING id",
        (user_id, ticket_id),
    )
    return tuple(sorted([number for (number,) in found.fetchall()]))


def read_up_to(tx: Tx, user_id: int, notification_id: int) -> int:
    """Mark the person's notifications up to this one as read; return how many were unread."""
    cursor = tx.execute(
        "UPDATE notifications SET is_read = 1 WHERE user_id = ? AND is_read = 0 AND id <= ?",
        (user_id, notification_id),
    )
    return cursor.rowcount


def forget_all(tx: Tx, user_id: int) -> None:
    """Forget everything that the person was told, who may not know it any more."""
    tx.execute("DELETE FROM notifications WHERE user_id = ?", (user_id,))


def forget_ticket(tx: Tx, ticket_id: int) -> None:
    """Forget what was told of a ticket that is no news."""
    tx.execute(
        "DELETE FROM notifications WHERE is_read = 0 AND ticket_id = ?",
        (ticket_id,),
    )


def prune(tx: Tx, before: Instant) -> int:
    """Forget some of what was read and is older; return how many that were."""
    cursor = tx.execute(
        "DELETE FROM notifications WHERE id IN"
        " (SELECT id FROM notifications WHERE is_read = 1 AND created_at < ? ORDER BY created_at LIMIT ?)",
        (before, PRUNED_AT_ONCE),
    )
    return cursor.rowcount


def oldest_read_at(conn: Connection) -> Instant | None:
    row = conn.execute(
        "SELECT created_at FROM notifications WHERE is_read = 1 ORDER BY created_at LIMIT 1"
    ).fetchone()
    return row[0] if row else None


# Rows --------------------------------------------------


def _notification(row: Any) -> NotificationBody:
    actor = PersonRef(row["actor_id"], row["actor_name"]) if row["actor_id"] is not None else None
    return NotificationBody(
        id=row["id"],
        kind=Kind(row["kind"]),
        ticket=TicketRef(row["ticket_id"], reference(row["ticket_id"]), row["title"]),
        actor=actor,
        message_id=row["message_id"],
        text=row["text"],
        times=row["times"],
        is_read=bool(row["is_read"]),
        created_at=iso(row["created_at"]),
    )
