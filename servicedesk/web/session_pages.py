"""Where people are logged in: one's own sessions among the settings, and everybody's for admins."""

from typing import Final
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from multidict import MultiMapping

from servicedesk.desk import sessions as desk
from servicedesk.domain.people import STAFF
from servicedesk.domain.sessions import Kind, Session
from servicedesk.domain.times import iso
from servicedesk.domain.words import say
from servicedesk.store import people
from servicedesk.store import sessions as stored
from servicedesk.store.db import Connection
from servicedesk.web import auth, browsers, frame
from servicedesk.web.api import Call
from servicedesk.web.frame import Content
from servicedesk.web.seen import SEEN
from servicedesk.web.settings_forms import number_of

HERE: Final = "/settings/sessions"
STEP: Final = 50
OWN_MOST: Final = 50
DONE: Final = {
    "ended": say("The session has ended."),
    "deleted": say("The token is deleted."),
    "others": say("Your other sessions have ended."),
}
_KINDS: Final = [
    ("", say("Sessions and tokens")),
    (str(Kind.SESSION), say("Sessions")),
    (str(Kind.TOKEN), say("Tokens")),
]


async def page(call: Call) -> web.Response:
    """Everybody's sessions and tokens, newest first."""
    query = call.request.query
    before, person = number_of(query.get("before", "")), number_of(query.get("person", ""))
    kind = Kind(query["kind"]) if query.get("kind") in set(Kind) else None
    extra: Content = {"done": DONE.get(query.get("done", "")), "kinds": _KINDS, "kind": kind or ""}

    def read(conn: Connection) -> Content:
        found = stored.page(conn, call.now, before=before, limit=STEP + 1, kind=kind, user_id=person)
        shown = found[:STEP]
        asked = {"kind": kind or "", "person": person or "", "before": shown[-1].id if shown else 0}
        return {
            "sessions": [row(call, session) for session in shown],
            "person": person or "",
            "people": people_to_choose(conn, person),
            "next_href": f"{HERE}?{urlencode(asked)}" if len(found) > STEP else None,
            "back": call.request.path_qs,
        }

    return await frame.show(call, "sessions.html", read, extra=extra)


async def end(call: Call) -> web.StreamResponse:
    """End the session or token; a desk whose disk is full can still shut somebody out."""
    fields = await auth.form_fields(call.request)
    await call.write_anyway(desk.end, call.thing.id)
    raise web.HTTPSeeOther(_back(fields, "ended" if call.thing.kind is Kind.SESSION else "deleted"))


async def end_others(call: Call) -> web.StreamResponse:
    await auth.form_fields(call.request)
    await call.write_anyway(desk.end_others, call.actor, but=call.session_id)
    raise web.HTTPSeeOther("/settings?done=others#sessions")


def own(conn: Connection, call: Call) -> list[Content]:
    """Return where the caller is logged in: this session first, then the newest."""
    found = stored.page(conn, call.now, limit=OWN_MOST, kind=Kind.SESSION, user_id=call.actor.id)
    return sorted((row(call, session) for session in found), key=lambda each: not each["is_this"])


def row(call: Call, session: Session) -> Content:
    """Return a session or token as pages draw it."""
    seen = call.app[SEEN].latest(session.id, session.seen_at)
    return {
        "id": session.id,
        "is_token": session.kind is Kind.TOKEN,
        "owner": {"id": session.user_id, "name": session.owner},
        "name": session.name,
        "browser": browsers.named(session.agent),
        "agent": session.agent,
        "address": session.address,
        "created_at": iso(session.created_at),
        "seen_at": None if seen is None else iso(seen),
        "expires_at": session.expires_at,
        "is_this": session.id == call.session_id,
    }


def people_to_choose(conn: Connection, chosen: int | None) -> list[tuple[str, str]]:
    """Return the staff to choose from, and who is chosen already."""
    staff = people.page(conn, limit=frame.PEOPLE_MOST, roles=STAFF)
    if chosen is not None and all(user.id != chosen for user in staff):
        staff.append(people.get(conn, chosen))
    named = sorted(((str(user.id), user.name) for user in staff), key=lambda pair: pair[1].casefold())
    return [("", say("Everybody")), *named]


def _back(fields: MultiMapping[str], done: str) -> str:
    """Return the page of the settings that the form was on, with what was done."""
    path, _, query = frame.local(fields.get("next")).partition("?")
    if not path.startswith("/settings"):
        path, query = "/settings", ""
    kept = [(name, value) for name, value in parse_qsl(query) if name != "done"]
    return f"{path}?{urlencode([*kept, ('done', done)])}"
