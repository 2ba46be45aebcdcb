"""Lists and numbers as tables for a spreadsheet."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

from aiohttp import hdrs, web

from servicedesk.desk import audit
from servicedesk.domain.audit import Action, Noun, Subject
from servicedesk.domain.errors import StorageFull
from servicedesk.domain.numbers import Numbers
from servicedesk.domain.tables import Cell, csv_of
from servicedesk.domain.views import TicketBody
from servicedesk.web import auth
from servicedesk.web.api import Call
from servicedesk.web.keys import CLOCK

TYPE: Final = "text/csv"
STALLED: Final = 60.0
"""Seconds that a piece may take to be sent."""
_MARK: Final = "\ufeff"
"""Without it Excel takes UTF-8 for something else."""
TICKET_COLUMNS: Final = (
    *("reference", "title", "status", "priority", "category", "tags", "requester", "requester_email"),
    *("assigned_to", "team", "escalation_level", "messages", "files", "reopened", "created_at", "updated_at"),
    *("first_response_at", "resolved_at", "closed_at", "sla", "resolution_due_at"),
)


def ticket_row(body: TicketBody) -> Sequence[Cell]:
    return (
        *(body.reference, body.title, body.status, body.priority, body.category, ", ".join(body.tags)),
        *(body.requester.name, body.requester.email, body.assigned_to.name if body.assigned_to else None),
        *(body.team.name if body.team else None, body.escalation_level, body.message_count, body.file_count),
        *(body.reopen_count, body.created_at, body.updated_at, body.first_response_at, body.resolved_at),
        body.closed_at,
        *((body.sla.state, body.sla.resolution_due_at) if body.sla else (None, None)),
    )


def numbers(call: Call, found: Numbers, name: str) -> web.Response:
    """Answer with the numbers, one a row: what is counted, of what or when, and the number."""
    rows: list[Sequence[Cell]] = [("measure", "of", "value")]
    rows += [
        (name, "", getattr(found, name)) for name in ("open", "unassigned", "overdue", "created", "resolved")
    ]
    rows += [("by_status", status, number) for status, number in found.by_status.items()]
    rows += [("by_priority", priority, number) for priority, number in found.by_priority.items()]
    rows += [("open_by_agent", each.agent.name, each.open) for each in found.by_agent]
    rows += [("resolved_by_agent", each.agent.name, each.resolved) for each in found.by_agent]
    for what, times in (("first_response", found.first_response), ("resolution", found.resolution)):
        rows += [(f"{what}_s", "median", times.median_s), (f"{what}_s", "p90", times.p90_s)]
    rows += [
        ("sla", "met", found.sla.met),
        ("sla", "breached", found.sla.breached),
        ("sla", "rate", found.sla.rate),
    ]
    for measure in ("created", "resolved", "backlog"):
        rows += [(f"daily_{measure}", day.date.isoformat(), getattr(day, measure)) for day in found.daily]
    return web.Response(text=_MARK + csv_of(rows), content_type=TYPE, charset="utf-8", headers=_named(name))


async def record(call: Call, name: str, **details: int) -> None:
    """Write down that the table leaves the desk."""
    if call.request.method == hdrs.METH_HEAD:
        return
    subject = Subject(Noun.TABLE, name=name)
    with contextlib.suppress(StorageFull):
        await call.write_anyway(lambda tx: audit.record(tx, Action.EXPORTED, subject, details))


async def streamed(
    call: Call, header: Sequence[Cell], pages: AsyncIterator[Sequence[Sequence[Cell]]], name: str
) -> web.StreamResponse:
    """Send a table of any length, a page at a time."""
    response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: f"{TYPE}; charset=utf-8", **_named(name)})
    if call.request.method == hdrs.METH_HEAD:
        return response
    await response.prepare(call.request)
    await _send(call, response, _MARK + csv_of([header]))
    async for page in pages:
        await _send(call, response, csv_of(page))
    await response.write_eof()
    return response


async def _send(call: Call, response: web.StreamResponse, piece: str) -> None:
    """Send on, unless the caller was shut out or stopped reading: better a cut line than a table that seems whole."""
    known = auth.identify(call.request, call.app[CLOCK]())
    try:
        async with asyncio.timeout(STALLED):
            if known is None or known.user.role is not call.actor.role:
                raise TimeoutError
            await response.write(piece.encode())
    except TimeoutError:
        if call.request.transport is not None:
            call.request.transport.abort()
        raise ConnectionResetError("the table was given up") from None


def _named(name: str) -> dict[str, str]:
    return {hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}.csv"'}
