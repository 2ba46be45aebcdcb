"""The AsyncAPI 3.0 document of the websocket, made from the types that decode commands and encode events."""

import inspect
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final, NamedTuple, get_type_hints

import msgspec
from aiohttp import web

from servicedesk.domain import errors, notifications, views
from servicedesk.domain.errors import FieldError, Reason, Refused
from servicedesk.domain.events import Event
from servicedesk.live import protocol
from servicedesk.live.protocol import ID_MAX, LIMITS, SUBPROTOCOL, TICKET_PREFIX, Close
from servicedesk.version import VERSION
from servicedesk.web import commands
from servicedesk.web.api import Call, encode
from servicedesk.web.openapi import REFERENCE, any_value

MESSAGE: Final = "#/channels/socket/messages/"
CHANNEL: Final = {"$ref": "#/channels/socket"}


class Heard(NamedTuple):
    """An event of the desk: what it says, in which rooms, and the forms of its data."""

    summary: str
    rooms: tuple[str, ...]
    forms: tuple[type[msgspec.Struct], ...]


TICKET_ROOMS: Final = ("ticket:N", "ticket:N:staff", "desk")
STORED: Final[dict[str, Heard]] = {
    Event.NEW_MESSAGE: Heard("Something was said on a ticket.", TICKET_ROOMS[:2], (views.MessageEvent,)),
    Event.TICKET_UPDATED: Heard(
        "A ticket was made or changed, or is no longer this person's to see.",
        (*TICKET_ROOMS, "user:N"),
        (views.TicketEvent, protocol.AccessRevoked),
    ),
    Event.FILE_UPLOADED: Heard("A file was attached to a ticket.", TICKET_ROOMS[:2], (views.FileEvent,)),
    Event.ESCALATION_STEP: Heard(
        "A tier of an escalation was reached or acknowledged.",
        ("ticket:N:staff",),
        (views.EscalationStepEvent,),
    ),
    Event.NOTIFICATION: Heard(
        "The person is told of something.", ("user:N",), (notifications.NotificationEvent,)
    ),
    Event.NOTIFICATIONS_READ: Heard(
        "What the person was told was read.", ("user:N",), (notifications.ReadEvent,)
    ),
}
"""Events that a log keeps: they have a room and a place in it."""
PASSING: Final[dict[str, Heard]] = {
    "connected": Heard(
        "The first frame of every socket, and the answer to `connect`: who and where one is.",
        (),
        (protocol.Connected,),
    ),
    "user_typing": Heard("Somebody types, or has stopped.", TICKET_ROOMS[:2], (protocol.UserTyping,)),
    "presence_update": Heard(
        "A person came, went or is away; or who has a ticket open.",
        ("desk", "ticket:N:staff"),
        (protocol.UserPresence, protocol.Viewers),
    ),
}
"""Events that no log keeps."""

ROOMS: Final = {
    "desk": "All staff, from the start: every ticket's summary, and who is here.",
    "user:N": "The person's own, from the start.",
    "ticket:N": "Whoever joined the ticket: what a customer may hear. It begins with `created` as 1.",
    "ticket:N:staff": "Staff who joined the ticket: notes, typing of notes, viewers, reasons, clocks.",
}
CLOSES: Final = {
    Close.NORMAL: "the client said goodbye",
    Close.TEXT_ONLY: "a binary frame came",
    Close.BAD_FRAMES: f"{LIMITS.bad_frames} bad frames in a row",
    Close.TOO_BIG: f"a frame of more than {LIMITS.frame_bytes} bytes came",
    Close.RESTART: 'the server restarts; the reason `{"retry_ms": n}` says when to come back',
    Close.SLOW: "the client read too slowly: it comes back and resumes",
    Close.NO_PONG: "a ping was not answered: the client comes back",
    Close.TOO_FAST: "too many commands, and too many refusals of them: the client comes back, slower",
    Close.SESSION_ENDED: "the session or token ended: the client does not come back with it",
    Close.DEACTIVATED: "the person was deactivated",
    Close.TOO_MANY: f"the person has {LIMITS.sockets} sockets already",
    Close.VERSION: "the client speaks a version that the server does not",
}
REFUSALS: Final[tuple[type[Refused], ...]] = (
    errors.BadJson,
    protocol.UnknownEvent,
    errors.Invalid,
    errors.RateLimited,
    errors.NotFound,
    errors.Forbidden,
    protocol.NotJoined,
    errors.Stale,
    errors.IllegalTransition,
    errors.TransitionRefused,
    errors.ReopenWindowOver,
    errors.TicketClosed,
    errors.IdempotencyConflict,
    errors.StorageFull,
    commands.Failed,
)


class Error(msgspec.Struct, frozen=True, kw_only=True):
    """Why a command was not done; what else is there depends on the code."""

    code: str
    message: str
    errors: list[FieldError] | msgspec.UnsetType = msgspec.UNSET
    """Every bad field, with `invalid`."""
    retry_after_ms: int | msgspec.UnsetType = msgspec.UNSET
    """When to try again, with `rate_limited`."""
    current: views.TicketBody | msgspec.UnsetType = msgspec.UNSET
    """The ticket as it stands, with `stale`."""
    allowed: list[str] | msgspec.UnsetType = msgspec.UNSET
    """The moves that there are, with `illegal_transition`."""
    reasons: list[Reason] | msgspec.UnsetType = msgspec.UNSET
    """What stands against it, with `transition_refused`."""


async def document(call: Call) -> web.Response:
    """Return the AsyncAPI document of the websocket."""
    return web.Response(
        body=_encoded(), content_type="application/json", headers={"Cache-Control": "public, max-age=300"}
    )


@cache
def describe() -> dict[str, Any]:
    """Return the document as plain values."""
    messages = dict(_messages())
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Service desk, live",
            "version": VERSION,
            "description": _INTRODUCTION,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "desk": {
                "host": "{host}",
                "protocol": "ws",
                "description": "`wss` where the desk is served with TLS.",
                "variables": {"host": {"default": "127.0.0.1:8080"}},
                "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY],
            }
        },
        "channels": {
            "socket": {
                "address": "/ws",
                "title": "The websocket",
                "description": "Text frames, each one JSON object; with `batch` what waits may come as one array.",
                "servers": [{"$ref": "#/servers/desk"}],
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
                "x-rooms": ROOMS,
            }
        },
        "operations": dict(_operations()),
        "components": {
            "schemas": _schemas(),
            "messages": messages,
            "securitySchemes": _SECURITY,
        },
        "x-limits": msgspec.to_builtins(LIMITS),
        "x-error-codes": {refused.code: str(refused.title) for refused in REFUSALS},
        "x-close-codes": {str(int(code)): words for code, words in CLOSES.items()},
    }


@cache
def _encoded() -> bytes:
    return encode(describe())


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, kind in protocol.COMMANDS.items():
        answers = [f"{name}_reply", "refusal", *(["connected"] if name == "connect" else [])]
        yield (
            name,
            {
                "action": "receive",
                "channel": CHANNEL,
                "summary": _words(commands.TABLE[kind]),
                "messages": [{"$ref": f"{MESSAGE}{name}"}],
                "reply": {"channel": CHANNEL, "messages": [{"$ref": f"{MESSAGE}{each}"} for each in answers]},
            },
        )
    for name, heard in (STORED | PASSING).items():
        yield (
            name,
            {
                "action": "send",
                "channel": CHANNEL,
                "summary": heard.summary,
                "messages": [{"$ref": f"{MESSAGE}{name}"}],
                "x-rooms": list(heard.rooms),
            },
        )


def _messages() -> Iterator[tuple[str, dict[str, Any]]]:
    number = {"anyOf": [{"type": "string", "maxLength": ID_MAX}, {"type": "integer"}]}
    number_or_none = {"anyOf": [*number["anyOf"], {"type": "null"}]}
    for name, kind in protocol.COMMANDS.items():
        command = commands.TABLE[kind]
        needed = (
            ["event", "data"] if msgspec.json.schema(kind)["$defs"][kind.__name__]["required"] else ["event"]
        )
        yield (
            name,
            _message(name, _words(command), needed, event=_is(name), id=number_or_none, data=_ref(kind)),
        )
        answer = _ref(get_type_hints(command)["return"])
        words = f"The answer to `{name}`, if that had an id."
        needed = ["reply_to", "ok", "data"]
        yield (
            f"{name}_reply",
            _message(f"{name}_reply", words, needed, reply_to=number, ok=_is(True), data=answer),
        )
    yield (
        "refusal",
        _message(
            "refusal",
            "Why a command was not done; one without an id is answered with `reply_to` null.",
            ["reply_to", "ok", "error"],
            reply_to=number_or_none,
            ok=_is(False),
            error=_ref(Error),
        ),
    )
    time = {"type": "string", "format": "date-time"}
    for name, heard in STORED.items():
        place = {"room": {"type": "string"}, "seq": {"type": "integer", "minimum": 1}}
        yield name, _event(name, heard, ["event", "room", "seq", "ts", "data"], **place, ts=time)
    for name, heard in PASSING.items():
        yield name, _event(name, heard, ["event", "ts", "data"], ts=time)


def _event(name: str, heard: Heard, needed: list[str], **properties: Any) -> dict[str, Any]:
    forms = [_ref(form) for form in heard.forms]
    data = forms[0] if len(forms) == 1 else {"anyOf": forms}
    return _message(name, heard.summary, needed, event=_is(name), **properties, data=data)


def _message(name: str, words: str, needed: list[str], **properties: Any) -> dict[str, Any]:
    payload = {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}
    message = {"name": name, "summary": words, "payload": payload}
    number = next((each for each in ("id", "reply_to") if each in properties), None)
    return (
        message
        if number is None
        else {**message, "correlationId": {"location": f"$message.payload#/{number}"}}
    )


def _schemas() -> dict[str, Any]:
    replies = [get_type_hints(command)["return"] for command in commands.TABLE.values()]
    heard = [form for each in (STORED | PASSING).values() for form in each.forms]
    types = [*protocol.COMMANDS.values(), *replies, *heard, Error]
    return msgspec.json.schema_components(types, ref_template=REFERENCE, schema_hook=any_value)[1]


def _ref(kind: type) -> dict[str, Any]:
    return {"$ref": REFERENCE.format(name=kind.__name__)}


def _is(value: str | bool) -> dict[str, Any]:
    return {"type": "boolean" if isinstance(value, bool) else "string", "const": value}


def _words(command: Callable[..., Any]) -> str:
    return " ".join((inspect.getdoc(command) or "").split()).replace("``", "`")


_SECURITY: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "`Authorization` with the token of a log-in or an API token.",
    },
    "cookie": {
        "type": "httpApiKey",
        "in": "cookie",
        "name": "servicedesk",
        "description": "The desk's own pages; `Origin` must come along. With https its name is `__Host-servicedesk`.",
    },
    "wsTicket": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": f"`{SUBPROTOCOL}, {TICKET_PREFIX}…` with a ticket of `POST /api/auth/ws-ticket`, for 30 s.",
    },
}
_INTRODUCTION: Final = f"""
Events come as they happen; whoever was away gets exactly what was missed.

- Stored events carry `room` and `seq`, gapless from 1 in each room. An event is written together with its change and told after the commit.
- Remember the `epoch` and the last `seq` of each room, and send them with `connect` after a lost line. A room that is at most
  {LIMITS.resume_events} events behind is `recovered`: exactly the missed events come, then live ones. Otherwise there is a snapshot.
- Send `connect` every {protocol.HEARTBEAT} seconds: heartbeat and position check in one.
- A command with an `id` is answered, after it is on disk. `client_msg_id` is unique per person for ever: a repeat is answered with the first message.
- At most {LIMITS.commands_per_second} commands a second with a burst of {LIMITS.burst}, {LIMITS.rooms} tickets a socket, {LIMITS.sockets} sockets a person.
- Close codes from 4000 and 1012: come back. From 4500: do not.
""".strip()  # noqa: E501
