"""The audit list as admins read it: every row a sentence, what lies behind it unfolded."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from servicedesk.domain.audit import Action, Area, Entry, Noun
from servicedesk.domain.people import Role
from servicedesk.domain.times import iso
from servicedesk.domain.words import Text, count, say
from servicedesk.store import audit as stored
from servicedesk.store.db import Connection
from servicedesk.web import browsers, frame
from servicedesk.web.api import Call
from servicedesk.web.frame import Content
from servicedesk.web.session_pages import people_to_choose
from servicedesk.web.settings_forms import number_of

HERE: Final = "/settings/audit"
STEP: Final = 50
_AREAS: Final = [
    ("", say("Everything")),
    (str(Area.LOG_IN), say("Log-ins and sessions")),
    (str(Area.KEYS), say("Passwords and tokens")),
    (str(Area.PEOPLE), say("People and teams")),
    (str(Area.RULES), say("Promises, hours, macros and views")),
    (str(Area.DESK), say("The desk itself")),
    (str(Area.DATA), say("Deleted files, tables, exports and imports")),
]
_ICONS: Final = {
    Area.LOG_IN: "user",
    Area.KEYS: "key",
    Area.PEOPLE: "people",
    Area.RULES: "clock",
    Area.DESK: "sliders",
    Area.DATA: "file",
}
_FIELDS: Final = {
    "actions": say("what it does"),
    "assignment": say("assignment"),
    "availability": say("availability"),
    "body": say("text"),
    "calendar": say("business hours"),
    "calendar_id": say("business hours"),
    "desk_name": say("name"),
    "email": say("e-mail address"),
    "escalation_policy_id": say("escalation"),
    "holidays": say("holidays"),
    "is_active": say("may log in"),
    "is_default": say("default"),
    "is_internal": say("note or reply"),
    "is_shared": say("shared"),
    "language": say("language"),
    "lead_id": say("lead"),
    "max_tickets": say("most tickets at once"),
    "member_ids": say("members"),
    "name": say("name"),
    "pauses": say("what stops the clocks"),
    "position": say("place"),
    "public_form": say("public form"),
    "query": say("query"),
    "return_after_minutes": say("time until somebody else gets it"),
    "role": say("role"),
    "second_step": say("second step wanted of"),
    "skills": say("skills"),
    "sla_policy_id": say("promises"),
    "targets": say("targets"),
    "team_ids": say("teams"),
    "tiers": say("tiers"),
    "time_zone": say("time zone"),
    "week": say("weekly hours"),
    "weights": say("points"),
    "zone": say("time zone"),
}

_IN_SENTENCES: Final = frozenset({"role", "is_active"})

Details = Mapping[str, Any]


async def page(call: Call) -> web.Response:
    """Who changed what, newest first."""
    query = call.request.query
    before, person = number_of(query.get("before", "")), number_of(query.get("person", ""))
    area = Area(query["area"]) if query.get("area") in set(Area) else None

    def read(conn: Connection) -> Content:
        found = stored.page(conn, before=before, limit=STEP + 1, area=area, person_id=person)
        shown = found[:STEP]
        asked = {"area": area or "", "person": person or "", "before": shown[-1].id if shown else 0}
        return {
            "entries": [row(entry) for entry in shown],
            "people": people_to_choose(conn, person),
            "next_href": f"{HERE}?{urlencode(asked)}" if len(found) > STEP else None,
        }

    is_narrowed = area is not None or person is not None or before is not None
    extra = {"areas": _AREAS, "area": area or "", "person": person or "", "is_narrowed": is_narrowed}
    return await frame.show(call, "audit.html", read, extra=extra)


def row(entry: Entry) -> Content:
    """Return the row as the page draws it."""
    details = msgspec.json.decode(entry.details)
    return {
        "id": entry.id,
        "at": iso(entry.at),
        "said": said(entry, details),
        "icon": "alert" if entry.action == Action.LOG_IN_FAILED else _ICONS[Area(entry.area)],
        "fields": [_field(name) for name in details.get("fields", ()) if name not in _IN_SENTENCES],
        "facts": list(_facts(entry, details)),
    }


def said(entry: Entry, details: Details) -> Text:
    """Return the row as a sentence."""
    who, name = entry.actor or say("Somebody"), entry.subject
    is_own = entry.actor_id is not None and str(entry.actor_id) == entry.subject_id
    match Action(entry.action):
        case Action.SET_UP:
            return say("{who} set the desk up", who=who)
        case Action.LOGGED_IN:
            return say("{who} logged in", who=who)
        case Action.LOGGED_OUT:
            return say("{who} logged out", who=who)
        case Action.LOG_IN_FAILED:
            return _failed(entry, details)
        case Action.PASSWORD_CHANGED if is_own:
            return say("{who} changed their password", who=who)
        case Action.PASSWORD_CHANGED:
            return say("{who} gave {name} a new password", who=who, name=name)
        case Action.SECOND_STEP_ON:
            return say("{who} turned on a second step at the log-in", who=who)
        case Action.SECOND_STEP_OFF if is_own:
            return say("{who} turned off their second step at the log-in", who=who)
        case Action.SECOND_STEP_OFF:
            return say("{who} turned off the second step of {name} at the log-in", who=who, name=name)
        case Action.RECOVERY_CODES_MADE:
            return say("{who} made new recovery codes", who=who)
        case Action.ENDED_OTHERS:
            return say("{who} ended all their other sessions", who=who)
        case Action.ENDED if is_own:
            return say("{who} ended a session of their own", who=who)
        case Action.ENDED:
            return say("{who} ended a session of {name}", who=who, name=name)
        case Action.EXPORTED if entry.noun == Noun.EXPORT:
            return say("{who} exported {name}", who=who, name=name)
        case Action.IMPORTED if entry.noun == Noun.TABLE:
            return say("{who} imported the table “{name}”", who=who, name=name)
        case Action.IMPORTED:
            return say("{who} imported an export of the desk “{name}”", who=who, name=name)
        case Action.ERASED:
            return say("{who} erased a person, now called “{name}”", who=who, name=name)
        case Action.EXPORTED:
            return say("{who} exported the table “{name}”", who=who, name=name)
        case Action.MADE:
            return _made(entry, details, who)
        case Action.CHANGED:
            return _changed(entry, details, who, is_own=is_own)
        case Action.DELETED:
            return _deleted(entry, details, who, is_own=is_own)


def _failed(entry: Entry, details: Details) -> Text:
    if details.get("second_step"):
        return say("Somebody gave the right password of {name} and a wrong code", name=entry.subject)
    if entry.actor:
        return say("{who} gave a wrong password", who=entry.actor)
    if entry.subject:
        return say("Somebody gave a wrong password for {name}", name=entry.subject)
    return say("Somebody gave a wrong password for an address that nobody has")


def _made(entry: Entry, details: Details, who: str) -> Text:
    name = entry.subject
    match Noun(entry.noun):
        case Noun.PERSON:
            return _added(Role(details["role"]), who, name)
        case Noun.TOKEN:
            return say("{who} made the token “{name}”", who=who, name=details["name"])
        case Noun.TEAM:
            return say("{who} made the team “{name}”", who=who, name=name)
        case Noun.POLICY:
            return say("{who} made the promises “{name}”", who=who, name=name)
        case Noun.CALENDAR:
            return say("{who} made the business hours “{name}”", who=who, name=name)
        case Noun.ESCALATION:
            return say("{who} made the escalation “{name}”", who=who, name=name)
        case Noun.MACRO:
            return say("{who} made the macro “{name}” for all staff", who=who, name=name)
        case Noun.VIEW:
            return say("{who} made the view “{name}” for all staff", who=who, name=name)
    return say("{who} made {name}", who=who, name=name)


def _added(role: Role, who: str, name: str) -> Text:
    match role:
        case Role.ADMIN:
            return say("{who} added {name} as an admin", who=who, name=name)
        case Role.SUPERVISOR:
            return say("{who} added {name} as a supervisor", who=who, name=name)
        case Role.AGENT:
            return say("{who} added {name} as an agent", who=who, name=name)
        case Role.CUSTOMER:
            return say("{who} added {name} as a customer", who=who, name=name)


def _changed(entry: Entry, details: Details, who: str, *, is_own: bool) -> Text:
    name = entry.subject
    match Noun(entry.noun):
        case Noun.PERSON:
            return _changed_person(details, who, name, is_own=is_own)
        case Noun.DESK:
            return say("{who} changed the desk's settings", who=who)
        case Noun.TEAM:
            return say("{who} changed the team “{name}”", who=who, name=name)
        case Noun.POLICY:
            return say("{who} changed the promises “{name}”", who=who, name=name)
        case Noun.CALENDAR:
            return say("{who} changed the business hours “{name}”", who=who, name=name)
        case Noun.ESCALATION:
            return say("{who} changed the escalation “{name}”", who=who, name=name)
        case Noun.MACRO:
            return say("{who} changed the macro “{name}”", who=who, name=name)
        case Noun.VIEW:
            return say("{who} changed the view “{name}”", who=who, name=name)
    return say("{who} changed {name}", who=who, name=name)


def _changed_person(details: Details, who: str, name: str, *, is_own: bool) -> Text:
    if "is_active" in details:
        is_back = details["is_active"][1]
        if is_back:
            return say("{who} let {name} log in again", who=who, name=name)
        return say("{who} deactivated {name}", who=who, name=name)
    if "role" in details:
        return _became(Role(details["role"][1]), who, name)
    if is_own:
        return say("{who} changed their own profile", who=who)
    return say("{who} changed {name}", who=who, name=name)


def _became(role: Role, who: str, name: str) -> Text:
    match role:
        case Role.ADMIN:
            return say("{who} made {name} an admin", who=who, name=name)
        case Role.SUPERVISOR:
            return say("{who} made {name} a supervisor", who=who, name=name)
        case Role.AGENT:
            return say("{who} made {name} an agent", who=who, name=name)
        case Role.CUSTOMER:
            return say("{who} made {name} a customer", who=who, name=name)


def _deleted(entry: Entry, details: Details, who: str, *, is_own: bool) -> Text:
    name = entry.subject
    match Noun(entry.noun):
        case Noun.TOKEN if is_own:
            return say("{who} deleted the token “{name}”", who=who, name=details["name"])
        case Noun.TOKEN:
            return say(
                "{who} deleted the token “{name}” of {owner}", who=who, name=details["name"], owner=name
            )
        case Noun.FILE:
            return say("{who} deleted the file “{name}”", who=who, name=name)
        case Noun.POLICY:
            return say("{who} deleted the promises “{name}”", who=who, name=name)
        case Noun.CALENDAR:
            return say("{who} deleted the business hours “{name}”", who=who, name=name)
        case Noun.ESCALATION:
            return say("{who} deleted the escalation “{name}”", who=who, name=name)
        case Noun.MACRO:
            return say("{who} deleted the macro “{name}”", who=who, name=name)
        case Noun.VIEW:
            return say("{who} deleted the view “{name}”", who=who, name=name)
    return say("{who} deleted {name}", who=who, name=name)


def _facts(entry: Entry, details: Details) -> Iterator[tuple[str, str]]:
    """Yield what lies behind the sentence: from where, with what, from what to what."""
    if entry.address:
        yield say("From"), entry.address
    if details.get("agent"):
        yield say("With"), browsers.named(details["agent"])
    if details.get("opened_from"):
        yield say("Opened from"), details["opened_from"]
    if details.get("sessions"):
        yield say("Sessions"), str(details["sessions"])
    if "recovery_codes_left" in details:
        left = details["recovery_codes_left"]
        yield (
            say("Second step"),
            count("a recovery code; {n} is left", "a recovery code; {n} are left", left),
        )
    if details.get("unlisted"):
        number = details["unlisted"]
        yield (
            say("Besides"),
            count("{n} wrong password without a row", "{n} wrong passwords without a row", number),
        )
    if "ticket" in details:
        yield say("Ticket"), f"#{details['ticket']}"
    if "tickets" in details:
        yield say("Tickets"), str(details["tickets"])
    if "sha256" in details:
        yield "SHA-256", details["sha256"]
    for name in details.get("fields", ()):
        if isinstance(moved := details.get(name), list):
            yield _field(name), say("{before} → {after}", before=_value(moved[0]), after=_value(moved[1]))


def _field(name: str) -> str:
    return _FIELDS.get(name) or name.replace("_", " ")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    return str(value)
