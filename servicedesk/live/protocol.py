"""What goes over a websocket: the commands, the frames, the codes and the limits. The API document reads them here."""

from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from servicedesk.domain.errors import BadJson, FieldError, Invalid, Refused
from servicedesk.domain.people import PersonRef
from servicedesk.domain.tickets import BODY_MAX, Priority, Status, title_errors, word_errors
from servicedesk.domain.times import MINUTE, SECOND
from servicedesk.domain.views import FileBody, MessageBody, TicketBody, UserBody
from servicedesk.domain.words import say

VERSION: Final = 1
SUBPROTOCOL: Final = "servicedesk.v1"
TICKET_PREFIX: Final = "ticket."
"""What comes before a ws-ticket in ``Sec-WebSocket-Protocol``."""

ID_MAX: Final = 64
KEY_MAX: Final = 255
ROOMS_NAMED: Final = 200
"""Rooms that one ``connect`` may name: those of 64 tickets and the person's own."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a socket may do; told to every client in ``connected``."""

    frame_bytes: int = 65_536
    commands_per_second: int = 20
    burst: int = 60
    rooms: int = 64
    sockets: int = 20
    bad_frames: int = 5
    queue_items: int = 512
    queue_bytes: int = 1_048_576
    queue_seconds: int = 10
    resume_events: int = 500
    resume_bytes: int = 1_048_576
    body_length: int = BODY_MAX


LIMITS: Final = Limits()
HEARTBEAT: Final = 25
"""Seconds between two ``connect`` of a client."""
PING_AFTER: Final = 20 * SECOND
"""Silence after which we ask whether anybody is there."""
PONG_WITHIN: Final = 10 * SECOND
REFUSALS_MOST: Final = 200
REFUSALS_WITHIN: Final = 10 * SECOND
IDLE_AFTER: Final = 5 * MINUTE


class Close(IntEnum):
    """Why a socket is closed: from 4000 the client comes back, from 4500 it does not."""

    NORMAL = 1000
    TEXT_ONLY = 1003
    BAD_FRAMES = 1008
    TOO_BIG = 1009
    RESTART = 1012
    SLOW = 4008
    NO_PONG = 4009
    TOO_FAST = 4013
    SESSION_ENDED = 4501
    DEACTIVATED = 4503
    TOO_MANY = 4504
    VERSION = 4506


class UnknownEvent(Refused):
    code = "unknown_event"
    title = "Unknown event"


class NotJoined(Refused):
    code = "not_joined"
    title = "Not joined"

    def __init__(self) -> None:
        super().__init__("Join the ticket first.")


class Mode(StrEnum):
    """What is being typed."""

    REPLY = "reply"
    NOTE = "note"


# What a client sends --------------------------------------------------


class Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A client's frame; ``data`` is one of the commands below."""

    event: str
    id: Annotated[str, Meta(max_length=ID_MAX)] | int | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last event of a room that the client has."""

    seq: Annotated[int, Meta(ge=0)]


Rooms = Annotated[dict[str, Position], Meta(max_length=ROOMS_NAMED)]


class Connect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Resume rooms after a break, and show from time to time that somebody is there."""

    rooms: Rooms = {}
    epoch: str | None = None
    batch: bool | None = None
    """Whether what waits may come as one array frame."""
    idle: bool | None = None
    """Whether nobody has touched this tab of late; without it the socket counts as active."""


class JoinTicket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hear a ticket; with positions of its rooms only what was missed is sent."""

    ticket_id: int
    rooms: Rooms = {}
    epoch: str | None = None


class LeaveTicket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ticket_id: int


class SendMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Say something on a ticket, once for each ``client_msg_id``."""

    ticket_id: int
    body: str
    client_msg_id: Annotated[str, Meta(min_length=1, max_length=KEY_MAX)]
    is_internal: bool = False

    def check(self) -> Iterator[FieldError]:
        if not self.body.strip():
            yield FieldError("/body", "too_short", say("must not be empty"))
        if len(self.body) > BODY_MAX:
            yield FieldError("/body", "too_long", say("must have at most {most} characters", most=BODY_MAX))


class TypingStart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ticket_id: int
    mode: Mode = Mode.REPLY


class TypingStop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ticket_id: int
    mode: Mode | None = None


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """New values; what is not named stays. ``comment`` is the reason of a move."""

    status: Status | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    assigned_to: int | UnsetType | None = UNSET
    title: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    comment: Annotated[str, Meta(max_length=BODY_MAX)] | None = None


class TicketUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Change a ticket, all of it or nothing; with a ``version`` only as the client knows it."""

    ticket_id: int
    changes: Changes
    version: Annotated[int, Meta(ge=1)] | None = None

    def check(self) -> Iterator[FieldError]:
        changes = self.changes
        if all(getattr(changes, name) is UNSET for name in changes.__struct_fields__ if name != "comment"):
            yield FieldError("/changes", "too_short", say("must name at least one change"))
        if changes.title is not UNSET:
            yield from title_errors(changes.title, "/changes/title")
        if changes.tags is not UNSET:
            yield from word_errors(changes.tags, "/changes/tags")


Command = Connect | JoinTicket | LeaveTicket | SendMessage | TypingStart | TypingStop | TicketUpdate
COMMANDS: Final[Mapping[str, type[Command]]] = {
    "connect": Connect,
    "join_ticket": JoinTicket,
    "leave_ticket": LeaveTicket,
    "send_message": SendMessage,
    "typing_start": TypingStart,
    "typing_stop": TypingStop,
    "ticket_update": TicketUpdate,
}


# What the server sends --------------------------------------------------

ReplyTo = str | int | None


class Reply(msgspec.Struct, frozen=True):
    """The answer to a command that had an ``id``."""

    reply_to: ReplyTo
    data: Any
    ok: Literal[True] = True


class Refusal(msgspec.Struct, frozen=True):
    """Why a command was not done: ``code``, ``message`` and, by code, what helps."""

    reply_to: ReplyTo
    error: dict[str, Any]
    ok: Literal[False] = False


class Viewer(msgspec.Struct, frozen=True):
    id: int
    name: str
    state: Literal["viewing", "away"]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket as the person sees it now; ``viewers`` and ``watchers`` are for staff."""

    ticket: TicketBody
    messages: list[MessageBody]
    files: list[FileBody]
    viewers: tuple[Viewer, ...] | UnsetType = UNSET
    watchers: list[PersonRef] | UnsetType = UNSET


class Nothing(msgspec.Struct, frozen=True):
    """The data of a reply that has none."""


class RoomState(msgspec.Struct, frozen=True):
    """A room in ``connected``: whether the client's position was resumed, and where the room stands."""

    recovered: bool
    top: int | UnsetType = UNSET
    snapshot: Snapshot | UnsetType = UNSET


class Joined(msgspec.Struct, frozen=True):
    """A room in the reply to ``join_ticket``."""

    seq: int
    recovered: bool


class JoinedTicket(msgspec.Struct, frozen=True):
    """The data of the reply to ``join_ticket``."""

    room: str
    seq: int
    rooms: dict[str, Joined]
    epoch: str
    snapshot: Snapshot | UnsetType = UNSET


class Sent(msgspec.Struct, frozen=True):
    """The data of the reply to ``send_message``."""

    message_id: int
    room: str
    seq: int
    duplicate: bool


class Updated(msgspec.Struct, frozen=True):
    """The data of the reply to ``ticket_update``."""

    ticket: TicketBody
    version: int
    room: str
    seq: int


class Who(msgspec.Struct, frozen=True):
    id: int
    name: str


class UserPresence(msgspec.Struct, frozen=True):
    """The data of ``presence_update`` about a person."""

    user: Who
    status: Literal["online", "away", "offline"]


class Viewers(msgspec.Struct, frozen=True):
    """The data of ``presence_update`` about a ticket: who has it open."""

    ticket_id: int
    viewers: tuple[Viewer, ...]


class UserTyping(msgspec.Struct, frozen=True):
    """The data of ``user_typing``."""

    ticket_id: int
    user: Who
    typing: bool
    mode: Mode


class AccessRevoked(msgspec.Struct, frozen=True):
    """The data of ``ticket_updated`` in the person's own room: the ticket is no longer theirs to see."""

    ticket_id: int
    action: str
    changes: dict[str, object] = {}
    version: None = None
    actor: None = None
    ticket: None = None


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """The data of ``connected``, the first frame of every socket and the answer to ``connect``."""

    protocol: int = VERSION
    connection_id: str
    epoch: str
    user: UserBody
    server_time: str
    heartbeat_s: int = HEARTBEAT
    limits: Limits = LIMITS
    presence: tuple[UserPresence, ...]
    rooms: dict[str, RoomState]


class Passing(msgspec.Struct, frozen=True):
    """An event that no log keeps: it has neither ``room`` nor ``seq``."""

    event: str
    ts: str
    data: msgspec.Struct


encode: Final = msgspec.json.Encoder().encode
_frame: Final = msgspec.json.Decoder(Frame)


class _OnlyId(msgspec.Struct):
    id: Any = None


_id: Final = msgspec.json.Decoder(_OnlyId)


def frame(text: str) -> Frame:
    """Return the client's frame, its data still undecoded. Raises BadJson, UnknownEvent or Invalid."""
    try:
        try:
            return _frame.decode(text)
        except msgspec.ValidationError as error:
            msgspec.json.decode(text)  # what is no JSON at all is called so, whatever its beginning says
            raise _mistyped(error) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise BadJson(f"The frame is not JSON: {error}.") from None


def reply_to(text: str) -> ReplyTo:
    """Return the ``id`` of a frame that may be bad in every other way, None when it has none that is fit."""
    try:
        found = _id.decode(text).id
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    if isinstance(found, str):
        return found if len(found) <= ID_MAX else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def command_type(event: str) -> type[Command]:
    """Return what the event's data must be. Raises UnknownEvent."""
    try:
        return COMMANDS[event]
    except KeyError:
        raise UnknownEvent(f"There is no event {event[:64]!r}.") from None


def refusal(to: ReplyTo, refused: Refused, said: Callable[[str], str] = str) -> bytes:
    """Return the frame of a refusal; ``said`` puts its texts into the language of whoever reads it."""
    error = {"code": refused.code, "message": refused.detail, **refused.extras}
    return msgspec.json.encode(Refusal(to, error), enc_hook=said)


def passing(event: str, ts: str, data: msgspec.Struct) -> bytes:
    return encode(Passing(event, ts, data))


def _mistyped(error: msgspec.ValidationError) -> Invalid:
    message, _, place = str(error).partition(" - at `$")
    pointer = "/" + place.strip("`").lstrip(".").replace(".", "/") if place else ""
    return Invalid([FieldError(pointer, "invalid", message[:1].lower() + message[1:])])
