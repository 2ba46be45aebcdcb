"""What the desk does by itself when its time has come: a row for each kind of appointment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from servicedesk.desk import assignment, clocks, notifications, tickets, tiers
from servicedesk.domain.agenda import Kind
from servicedesk.domain.times import Instant
from servicedesk.store import escalation, events, idempotency
from servicedesk.store.db import Connection, Tx

AT_ONCE: Final = 20
"""Appointments that one transaction keeps: others want to write meanwhile."""
Postponed = Mapping[Kind, frozenset[int]]


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of appointment. Whatever sets a moment of it also tells ``Due(kind, moment)`` after the commit."""

    kind: Kind
    first: Callable[[Connection, int], Sequence[tuple[Instant, int]]]
    """Returns the nearest ones from an index: when each is due, and the number of what it is about."""
    keep: Callable[[Tx, int, Instant], object]
    """Does what is due for one of them, which must not be due at the same moment afterwards."""


@dataclass(frozen=True, slots=True)
class Appointment:
    due: Instant
    kind: Kind
    subject: int
    keep: Callable[[Tx, int, Instant], object]


@dataclass(frozen=True, slots=True)
class Outcome:
    appointment: Appointment
    error: Exception | None


class Stuck(Exception):
    """It was kept and is due again at once, which would go on for ever."""


def chore(
    kind: Kind, next_at: Callable[[Connection], Instant | None], do: Callable[[Tx, Instant], int]
) -> Row:
    """Return the row of what is not about one thing: ``do`` does a bounded part of it and says how much."""

    def first(conn: Connection, most: int) -> Sequence[tuple[Instant, int]]:
        due = next_at(conn)
        return [] if due is None else [(due, 0)]

    def keep(tx: Tx, subject: int, at: Instant) -> None:
        if not do(tx, at):
            raise Stuck("It was due, but nothing was to be done.")

    return Row(kind, first, keep)


ROWS: Final = (
    Row(Kind.ESCALATION, escalation.coming, tiers.fire),
    Row(Kind.RETURN, assignment.to_return, assignment.give_back),
    chore(Kind.SHIFT, assignment.next_shift_at, assignment.begin_shift),
    Row(Kind.CLOSE, tickets.to_close, tickets.close_by_itself),
    Row(Kind.SLA, clocks.to_warn, clocks.warn),
    chore(Kind.NOTIFICATIONS, notifications.next_forgetting_at, notifications.forget_old),
    chore(Kind.IDEMPOTENCY, idempotency.next_forgetting_at, idempotency.forget_old),
    chore(Kind.EVENTS, events.next_pruning_at, events.prune),
)


def nearest(conn: Connection, postponed: Postponed, rows: Sequence[Row] = ROWS) -> list[Appointment]:
    """Return the first appointment of each kind that has one, the postponed left out."""
    found = []
    for row in rows:
        but = postponed.get(row.kind, frozenset())
        for due, subject in row.first(conn, len(but) + 1):
            if subject not in but:
                found.append(Appointment(due, row.kind, subject, row.keep))
                break
    return found


def keep(
    tx: Tx, at: Instant, postponed: Postponed, rows: Sequence[Row] = ROWS, most: int = AT_ONCE
) -> list[Outcome]:
    """Keep some of the appointments that are due, in the order of their moments; return what came of each.

    One that fails is undone alone and passed over. None left that is due: fewer than ``most`` are returned.
    """
    outcomes: list[Outcome] = []
    passed = {kind: set(subjects) for kind, subjects in postponed.items()}
    while len(outcomes) < most:
        left_out = {kind: frozenset(subjects) for kind, subjects in passed.items()}
        first = min(nearest(tx, left_out, rows), key=lambda each: each.due, default=None)
        if first is None or first.due > at:
            break
        error = tx.attempt(lambda: _keep(tx, first, at, rows))  # noqa: B023
        if error is not None:
            passed.setdefault(first.kind, set()).add(first.subject)
        outcomes.append(Outcome(first, error))
    return outcomes


def live(tx: Tx, since: Instant, until: Instant) -> None:
    """Keep every appointment between two moments, each at its own: time passes as if the desk had been served."""
    at = since
    while (first := min(nearest(tx, {}), key=lambda each: each.due, default=None)) and first.due <= until:
        at = max(at, first.due)
        _keep(tx, first, at, ROWS)


def _keep(tx: Tx, appointment: Appointment, at: Instant, rows: Sequence[Row]) -> None:
    appointment.keep(tx, appointment.subject, at)
    row = next(row for row in rows if row.kind is appointment.kind)
    if appointment.subject and (appointment.due, appointment.subject) in row.first(tx, 1):
        raise Stuck("It was kept and is still due.")
