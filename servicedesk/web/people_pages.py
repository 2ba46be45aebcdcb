"""Pages about people: log-in, everybody and the teams, one's own settings."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from servicedesk.desk import setup as setup_of_desk
from servicedesk.domain import views
from servicedesk.domain.assignment import FactorName
from servicedesk.domain.errors import NotFound
from servicedesk.domain.people import STAFF, SUPERVISORS, Preset, Role
from servicedesk.domain.times import iso, iso_or_none
from servicedesk.domain.words import say
from servicedesk.store import calendars, escalation, people, policies, second_steps, sessions
from servicedesk.store.db import Connection
from servicedesk.web import frame, session_pages, wording
from servicedesk.web import setup as first_run
from servicedesk.web.api import Call
from servicedesk.web.frame import Content
from servicedesk.web.seen import SEEN
from servicedesk.web.settings_forms import zones
from servicedesk.web.words import LANGUAGES

STEP: Final = 100
_ROLES: Final = [(str(role), wording.role_label(role)) for role in Role]
_PRESETS: Final = [
    (str(Preset.BALANCED), say("Balanced")),
    (str(Preset.ROUND_ROBIN), say("Round robin")),
    (str(Preset.SKILLS), say("By skills")),
    (str(Preset.MANUAL), say("By hand")),
]
_FACTORS: Final = [
    (str(FactorName.SPARE_CAPACITY), say("Room for more")),
    (str(FactorName.IDLE_TIME), say("Time since the last ticket")),
    (str(FactorName.SKILLS), say("Fitting skills")),
    (str(FactorName.CONTINUITY), say("A known requester")),
]
_DONE_PEOPLE: Final = {
    "saved": say("Saved."),
    "added": say("The person is added."),
    "second_step_off": say("The second step is turned off."),
}
_BROWSERS: Final = say("Follow the browser")
_DONE: Final = {
    "saved": say("Saved."),
    "password": say("The password is changed; your other sessions have ended."),
}


async def login(call: Call) -> web.Response:
    """The log-in page; whoever is logged in goes on."""
    back = frame.local(call.request.query.get("next"))
    if call.caller is not None:
        raise web.HTTPSeeOther(back)
    return await show_login(call, "", back)


async def show_login(
    call: Call, email: str, back: str, refusal: str | None = None, *, status: int = 200
) -> web.Response:
    content: Content = {"email": email, "next": back, "refusal": refusal}
    content["public_form"] = call.peek(setup_of_desk.public_form)
    return await frame.show_to_guest(call, "login.html", content, status=status)


async def show_second_step(
    call: Call, halfway: str, back: str, refusal: str | None = None, *, status: int = 200
) -> web.Response:
    content: Content = {"halfway": halfway, "next": back, "refusal": refusal}
    return await frame.show_to_guest(call, "login_second.html", content, status=status)


async def everybody(call: Call) -> web.Response:
    """People and teams."""
    return await show_people(call)


async def show_people(
    call: Call,
    *,
    values: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
    edited: int | None = None,
    edit_errors: Mapping[str, str] | None = None,
    refusal: str | None = None,
    status: int = 200,
) -> web.Response:
    """People and teams, with what was typed into the form and what is wrong with it."""
    query = call.request.query
    role = query.get("role") if query.get("role") in set(Role) else None
    after = int(query["after"]) if query.get("after", "").isdecimal() and len(query["after"]) < 16 else 0
    shown_for = query.get("edit", "") if edited is None else str(edited)
    extra: Content = {"values": values or {}, "errors": errors or {}, "refusal": refusal}
    extra |= {"edit_errors": edit_errors or {}, "done": _DONE_PEOPLE.get(query.get("done", ""))}
    extra |= {"roles": _ROLES, "presets": _PRESETS, "role": role, "may_edit": call.actor.role in SUPERVISORS}

    def read(conn: Connection) -> Content:
        roles = (Role(role),) if role else ()
        found = people.page(conn, after=after, limit=STEP + 1, roles=roles)
        shown = found[:STEP]
        loads = people.loads(conn, [user.id for user in shown])
        teams = people.teams(conn, limit=frame.PEOPLE_MOST)
        staff = people.page(conn, limit=frame.PEOPLE_MOST, roles=STAFF, is_active=True)
        one = next((user for user in [*staff, *shown] if str(user.id) == shown_for), None)
        if one is None and shown_for.isdecimal() and len(shown_for) < 16:
            one = people.get(conn, int(shown_for))
        team_rows = [msgspec.to_builtins(views.team(team)) for team in teams]
        return {
            "users": [msgspec.to_builtins(views.user(user)) | {"load": loads[user.id]} for user in shown],
            "total": people.count(conn, roles=roles),
            "next_href": _next(role, shown[-1].id) if len(found) > STEP else None,
            "team_rows": team_rows,
            "teams": [(team.id, team.name) for team in teams],
            "team_names": {team.id: team.name for team in teams},
            "calendars": [(c.id, c.calendar.name) for c in calendars.page(conn, limit=frame.PEOPLE_MOST)],
            "tuned": next((row for row in team_rows if str(row["id"]) == query.get("tune")), None),
            "factors": _FACTORS,
            "escalations": [(p.id, p.policy.name) for p in escalation.page(conn, limit=frame.PEOPLE_MOST)],
            "policies": [(p.id, p.policy.name) for p in policies.page(conn, limit=frame.PEOPLE_MOST)],
            "staff": [(user.id, user.name) for user in staff],
            "editing": msgspec.to_builtins(views.user(one)) if one else None,
            "editing_second_step": one is not None and second_steps.is_on(conn, one.id),
        }

    return await frame.show(call, "people.html", read, extra=extra, status=status)


async def settings(call: Call) -> web.Response:
    """One's own settings."""
    return await show_settings(call)


async def show_settings(
    call: Call,
    *,
    refusal: str | None = None,
    errors: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    fresh_token: str | None = None,
    status: int = 200,
) -> web.Response:
    """One's own settings, with what was typed into a form and what is wrong with it."""
    extra: Content = {"refusal": refusal, "errors": errors or {}, "fresh_token": fresh_token}
    extra["languages"] = [("", _BROWSERS), *LANGUAGES.items()]
    extra["zones"] = zones()
    extra["own_words"] = typed or {
        "language": call.actor.language or "",
        "time_zone": call.actor.time_zone or "",
    }
    done = call.request.query.get("done", "")
    extra["done"] = _DONE.get(done) or session_pages.DONE.get(done)

    def read(conn: Connection) -> Content:
        tokens = sessions.tokens(conn, call.actor.id, after=0, limit=STEP)
        return {
            "tokens": [
                {
                    "id": t.id,
                    "name": t.name,
                    "created_at": iso(t.created_at),
                    "expires_at": t.expires_at,
                    "seen_at": iso_or_none(call.app[SEEN].latest(t.id, t.seen_at)),
                }
                for t in tokens
            ],
            "sessions": session_pages.own(conn, call),
            "second_step": second_steps.is_on(conn, call.actor.id),
        }

    return await frame.show(call, "settings.html", read, extra=extra, status=status)


def _next(role: str | None, after: int) -> str:
    return f"/people?role={role or ''}&after={after}"


# Setup -----------------------------------------------------------------------------------------------------------


async def setup(call: Call) -> web.Response:
    """The form under the one-time link."""
    if not first_run.is_needed(call.app):
        return await _setup_over(call, say("The desk has been set up already."))
    try:
        first_run.require_link(call)
    except NotFound as refusal:
        return await _setup_over(call, refusal.detail)
    return await show_setup(call, {})


async def show_setup(
    call: Call,
    values: Mapping[str, str],
    *,
    errors: Mapping[str, str] | None = None,
    refusal: str | None = None,
    status: int = 200,
) -> web.Response:
    content: Content = {
        "token": call.request.query.get("token", ""),
        "values": values,
        "errors": errors or {},
        "refusal": refusal,
        "zones": zones(),
    }
    return await frame.show_to_guest(call, "setup.html", content, status=status)


async def _setup_over(call: Call, why: str) -> web.Response:
    return await frame.show_to_guest(call, "setup.html", {"over": why}, status=404)
