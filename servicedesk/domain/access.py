"""Who may see and do what. Every door asks here: REST, pages, websocket, search and export."""

from enum import StrEnum
from typing import Final

import msgspec

from servicedesk.domain.calendars import StoredCalendar
from servicedesk.domain.errors import Forbidden, NotFound
from servicedesk.domain.escalation import EscalationPolicy
from servicedesk.domain.macros import Macro
from servicedesk.domain.people import ADMINS, EVERYBODY, STAFF, SUPERVISORS, Role, Team, User
from servicedesk.domain.saved_views import SavedView
from servicedesk.domain.sessions import Session
from servicedesk.domain.sla import StoredPolicy
from servicedesk.domain.tickets import Message, Ticket
from servicedesk.domain.words import say


class Verb(StrEnum):
    ANYTHING = "anything"
    """Being logged in is enough."""
    SEE = "see"
    CREATE_TICKET = "create_ticket"
    EDIT_TICKET = "edit_ticket"
    MOVE = "move"
    PRIORITISE = "prioritise"
    ASSIGN = "assign"
    ESCALATE = "escalate"
    REPLY = "reply"
    NOTE = "note"
    WATCH = "watch"
    SEE_INTERNAL = "see_internal"
    SEE_DECISIONS = "see_decisions"
    BULK = "bulk"
    SEE_NUMBERS = "see_numbers"
    UPLOAD = "upload"
    UPLOAD_INTERNAL = "upload_internal"
    DELETE_FILE = "delete_file"
    SEE_PEOPLE = "see_people"
    CREATE_PERSON = "create_person"
    EDIT_PERSON = "edit_person"
    SEE_TEAMS = "see_teams"
    EDIT_TEAMS = "edit_teams"
    SEE_SLA = "see_sla"
    EDIT_SLA = "edit_sla"
    SEE_ESCALATION = "see_escalation"
    EDIT_ESCALATION = "edit_escalation"
    USE_MACROS = "use_macros"
    EDIT_MACROS = "edit_macros"
    SEE_VIEWS = "see_views"
    EDIT_VIEWS = "edit_views"
    SEE_METRICS = "see_metrics"
    END_SESSION = "end_session"
    SEE_SESSIONS = "see_sessions"
    SEE_AUDIT = "see_audit"
    EDIT_DESK = "edit_desk"
    ADMINISTER = "administer"


ROLES: Final[dict[Verb, frozenset[Role]]] = {
    Verb.ANYTHING: EVERYBODY,
    Verb.SEE: EVERYBODY,
    Verb.CREATE_TICKET: EVERYBODY,
    Verb.EDIT_TICKET: STAFF,
    Verb.MOVE: EVERYBODY,
    Verb.PRIORITISE: STAFF,
    Verb.ASSIGN: STAFF,
    Verb.ESCALATE: STAFF,
    Verb.REPLY: EVERYBODY,
    Verb.NOTE: STAFF,
    Verb.WATCH: STAFF,
    Verb.SEE_INTERNAL: STAFF,
    Verb.SEE_DECISIONS: STAFF,
    Verb.BULK: STAFF,
    Verb.SEE_NUMBERS: STAFF,
    Verb.UPLOAD: EVERYBODY,
    Verb.UPLOAD_INTERNAL: STAFF,
    Verb.DELETE_FILE: EVERYBODY,
    Verb.SEE_PEOPLE: STAFF,
    Verb.CREATE_PERSON: ADMINS,
    Verb.EDIT_PERSON: STAFF,
    Verb.SEE_TEAMS: STAFF,
    Verb.EDIT_TEAMS: SUPERVISORS,
    Verb.SEE_SLA: STAFF,
    Verb.EDIT_SLA: SUPERVISORS,
    Verb.SEE_ESCALATION: STAFF,
    Verb.EDIT_ESCALATION: SUPERVISORS,
    Verb.USE_MACROS: STAFF,
    Verb.EDIT_MACROS: STAFF,
    Verb.SEE_VIEWS: STAFF,
    Verb.EDIT_VIEWS: STAFF,
    Verb.SEE_METRICS: ADMINS,
    Verb.END_SESSION: EVERYBODY,
    Verb.SEE_SESSIONS: ADMINS,
    Verb.SEE_AUDIT: ADMINS,
    Verb.EDIT_DESK: ADMINS,
    Verb.ADMINISTER: ADMINS,
}
"""The roles that may ever do it; what it is done to may narrow that further."""


BY_LINK: Final = frozenset({Verb.SEE, Verb.REPLY, Verb.MOVE, Verb.UPLOAD})
"""What a private link lets its holder do, and always to something: whatever says nothing of a ticket is not theirs."""


class Notification(msgspec.Struct, frozen=True):
    """Something that one person was told, as access sees it."""

    id: int
    user_id: int


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """Something of a ticket, as access sees it: a file or a message."""

    ticket_id: int
    requester_id: int
    is_internal: bool
    owner_id: int


class Private(msgspec.Struct, frozen=True, kw_only=True):
    """Something that nobody knows of but the person whose it is."""

    user_id: int


def may(actor: User, verb: Verb, thing: object | None = None) -> bool:
    """Return whether the person may do it to the thing, or without a thing, whether their role ever may."""
    if not actor.is_active or actor.role not in ROLES[verb]:
        return False
    if actor.only_ticket is not None and (thing is None or verb not in BY_LINK):
        return False
    return thing is None or (_sees(actor, thing) and _owns_enough(actor, verb, thing))


def require(actor: User, verb: Verb, thing: object | None = None) -> None:
    """Raise NotFound when the thing may not be seen, else Forbidden when the verb may not be done to it."""
    if thing is not None and not (actor.is_active and _sees(actor, thing)):
        raise _missing(thing)
    if not may(actor, verb, thing):
        raise Forbidden()


def _sees(actor: User, thing: object) -> bool:
    if actor.only_ticket is not None and _ticket_of(thing) != actor.only_ticket:
        return False
    match thing:
        case Ticket():
            return actor.is_staff or thing.requester.id == actor.id
        case Owned():
            return actor.is_staff or (thing.requester_id == actor.id and not thing.is_internal)
        case Message():
            return actor.is_staff or not thing.is_internal
        case Notification() | Private():
            return thing.user_id == actor.id
        case Session():
            return thing.user_id == actor.id or actor.role in ADMINS
        case User():
            return actor.is_staff or thing.id == actor.id
        case Team() | StoredCalendar() | StoredPolicy() | EscalationPolicy():
            return actor.is_staff
        case Macro() | SavedView():
            return actor.is_staff and (thing.is_shared or thing.owner_id == actor.id)
    raise TypeError(f"access knows no {type(thing).__name__}")


def _ticket_of(thing: object) -> int | None:
    match thing:
        case Ticket():
            return thing.id
        case Owned() | Message():
            return thing.ticket_id
    return None


_NOUNS: Final[dict[type, str]] = {
    Ticket: say("ticket"),
    Message: say("message"),
    User: say("user"),
    Team: say("team"),
}


def _missing(thing: object) -> NotFound:
    """Return the very refusal that the store has for what does not exist: the words must not give it away."""
    if isinstance(thing, Owned):
        return NotFound(say("There is no such file."))
    kind = type(thing)
    noun = getattr(thing, "noun", None) or _NOUNS.get(kind) or kind.__name__.lower()
    return NotFound(say("There is no {what} {id}.", what=noun, id=getattr(thing, "id", "")))


def _owns_enough(actor: User, verb: Verb, thing: object) -> bool:
    if verb is Verb.DELETE_FILE and isinstance(thing, Owned):
        return thing.owner_id == actor.id or actor.role in SUPERVISORS
    if verb is Verb.EDIT_PERSON and isinstance(thing, User):
        return thing.id == actor.id or actor.role in SUPERVISORS
    if verb in (Verb.EDIT_MACROS, Verb.EDIT_VIEWS) and isinstance(thing, Macro | SavedView):
        return not thing.is_shared or actor.role in SUPERVISORS
    return True
