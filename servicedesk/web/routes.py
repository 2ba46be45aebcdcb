"""Every address of the desk: what it takes, who may call it, what it answers."""

from typing import Final

from servicedesk.domain.access import Verb
from servicedesk.domain.views import ChangeBody, DecisionBody, MessageBody, TicketBody
from servicedesk.store import tickets as stored
from servicedesk.web import bulk, messages, openapi, tickets
from servicedesk.web.api import Row, by_number, get, patch, post, put
from servicedesk.web.lists import Page, Paging

TICKET: Final = by_number(stored.get)

TICKETS: Final = (
    post(
        "/api/tickets/",
        tickets.create,
        body=tickets.NewTicket,
        returns=TicketBody,
        status=201,
        who=Verb.CREATE_TICKET,
        location="/api/tickets/{id}",
    ),
    post("/api/tickets/bulk", bulk.act, body=bulk.Bulk, returns=bulk.BulkResults, who=Verb.BULK),
    get(
        "/api/tickets/workflow/transitions",
        tickets.transitions,
        query=tickets.WorkflowQuery,
        returns=tickets.WorkflowBody,
        who=Verb.ANYTHING,
    ),
    get("/api/tickets/{id}", tickets.one, returns=TicketBody, who=Verb.SEE, on=TICKET, etag=True),
    patch(
        "/api/tickets/{id}",
        tickets.edit,
        body=tickets.TicketPatch,
        returns=TicketBody,
        who=Verb.EDIT_TICKET,
        on=TICKET,
    ),
    put(
        "/api/tickets/{id}/status",
        tickets.move,
        body=tickets.Move,
        returns=TicketBody,
        who=Verb.MOVE,
        on=TICKET,
    ),
    put(
        "/api/tickets/{id}/priority",
        tickets.prioritise,
        body=tickets.Prioritise,
        returns=TicketBody,
        who=Verb.PRIORITISE,
        on=TICKET,
    ),
    put(
        "/api/tickets/{id}/assign",
        tickets.assign,
        body=tickets.Assign,
        returns=TicketBody,
        who=Verb.ASSIGN,
        on=TICKET,
    ),
    post(
        "/api/tickets/{id}/escalate",
        tickets.escalate,
        body=tickets.Escalate,
        returns=TicketBody,
        who=Verb.ESCALATE,
        on=TICKET,
    ),
    get(
        "/api/tickets/{id}/history",
        tickets.changes,
        query=Paging,
        returns=Page[ChangeBody],
        who=Verb.SEE,
        on=TICKET,
    ),
    get(
        "/api/tickets/{id}/assignment",
        tickets.decisions,
        query=Paging,
        returns=Page[DecisionBody],
        who=Verb.SEE_DECISIONS,
        on=TICKET,
    ),
)

MESSAGES: Final = (
    get(
        "/api/tickets/{id}/messages",
        messages.conversation,
        query=Paging,
        returns=Page[MessageBody],
        who=Verb.SEE,
        on=TICKET,
    ),
    post(
        "/api/tickets/{id}/messages",
        messages.post,
        body=messages.NewMessage,
        returns=MessageBody,
        status=201,
        who=Verb.REPLY,
        on=TICKET,
        own_key=True,
    ),
)

DOCUMENTS: Final = (get("/api/openapi.json", openapi.document, who=None),)

ROWS: Final[tuple[Row, ...]] = (*TICKETS, *MESSAGES, *DOCUMENTS)
