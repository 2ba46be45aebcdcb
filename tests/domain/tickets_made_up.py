"""Tickets for tests of rules: only what matters is said."""

from typing import Any

from servicedesk.domain.people import PersonRef, Requester
from servicedesk.domain.tickets import Priority, Sla, Status, Ticket
from servicedesk.domain.times import Instant, parse

MONDAY: Instant = parse("2026-11-23T09:00:00Z")
ADA = PersonRef(7, "Ada")
RIO = Requester(9, "Rio", "rio@example.com")
NO_CLOCKS = Sla(
    policy=None,
    phase="running",
    first_response_due_at=None,
    resolution_due_at=None,
    due_at=None,
    risk_at=None,
    breach_at=None,
)


def a_ticket(status: Status = Status.OPEN, **said: Any) -> Ticket:
    return Ticket(**{**_USUAL, "status": status, **said})


_USUAL: dict[str, Any] = {
    "id": 42,
    "title": "The printer is on fire",
    "description": "",
    "priority": Priority.MEDIUM,
    "category": None,
    "tags": (),
    "required_skills": (),
    "requester": RIO,
    "assigned_to": None,
    "team": None,
    "escalation_level": 0,
    "version": 1,
    "public_messages": 0,
    "internal_messages": 0,
    "public_files": 0,
    "internal_files": 0,
    "reopen_count": 0,
    "waits": False,
    "created_at": MONDAY,
    "updated_at": MONDAY,
    "first_response_at": None,
    "first_resolved_at": None,
    "resolved_at": None,
    "closed_at": None,
    "sla": NO_CLOCKS,
}
