"""What every page of the console has around its content, and how a page becomes an answer."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp_jinja2
import msgspec
from aiohttp import web

from servicedesk.desk import setup
from servicedesk.domain import views
from servicedesk.domain.events import DESK, staff_room, ticket_room, user_room
from servicedesk.domain.people import STAFF, User
from servicedesk.domain.times import Instant
from servicedesk.store import epoch, events, notifications, people, reading
from servicedesk.store.db import Connection
from servicedesk.web import auth, queue, wording, words
from servicedesk.web.api import Call

T = TypeVar("T")
Content = dict[str, Any]

KEYS_COOKIE = "keys"
PEOPLE_MOST = 500


async def show(
    call: Call,
    template: str,
    read: Callable[[Connection], Content] | None = None,
    *,
    view: str | None = None,
    ticket_id: int | None = None,
    extra: Mapping[str, Any] | None = None,
    status: int = 200,
) -> web.Response:
    """Read the page's content and its frame from one state of the desk, and answer with the page."""

    def look(conn: Connection) -> Content:
        content = read(conn) if read else {}
        return _frame(conn, call.actor, call.now, view, ticket_id) | content

    content = await call.read(look)
    request = call.request
    content |= {
        "me": msgspec.to_builtins(views.user(call.actor)),
        "csrf_token": call.caller.csrf_token if call.caller else "",
        "here_path": request.path,
        "keys_on": request.cookies.get(KEYS_COOKIE) != "off",
        "now": call.now,
        "words": words.of_person(request, call.actor),
    }
    content |= extra or {}
    return await _render(request, template, content, status)


async def show_to_guest(call: Call, template: str, content: Content, *, status: int = 200) -> web.Response:
    """Answer with a page for somebody who is not logged in; its form carries a guest's token."""
    response = web.Response(status=status, content_type="text/html", charset="utf-8")
    token = auth.guest_token(call.request, response)
    shown = {"now": call.now, "zone": call.peek(setup.time_zone), "csrf_token": token}
    shown["desk_name"] = call.peek(setup.desk_name)
    response.text = await _text(call.request, template, shown | content)
    return response


async def show_alone(call: Call, template: str, content: Content, *, status: int = 200) -> web.Response:
    """Answer with a page without the console's frame, on which nothing hangs on a cookie."""
    around = {"now": call.now, "zone": call.peek(setup.time_zone), "desk_name": call.peek(setup.desk_name)}
    return await _render(call.request, template, around | content, status)


def local(path: str | None) -> str:
    """Return the path if it is one of ours, else the queue."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")) or not path.isprintable():
        return "/"
    parts = urlsplit(path)
    return "/" if parts.scheme or parts.netloc or "\\" in path or parts.path == "/login" else path


async def _render(request: web.Request, template: str, content: Content, status: int) -> web.Response:
    text = await _text(request, template, content)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


async def _text(request: web.Request, template: str, content: Content) -> str:
    theme = request.cookies.get("theme")
    known = {"theme": theme if theme in ("light", "dark") else None, "words": words.of_request(request)}
    return aiohttp_jinja2.get_env(request.app).get_template(template).render(known | content)


def _frame(conn: Connection, actor: User, now: Instant, view: str | None, ticket_id: int | None) -> Content:
    known = queue.views_for(conn, actor)
    counts = queue.counts(conn, actor, known, now)
    zone = setup.zone_of(conn, actor)
    return {
        "desk_name": setup.desk_name(conn),
        "zone": zone,
        "own_zone": zone.key if zone.key == actor.time_zone else None,
        "views": [
            {
                "name": each.name,
                "label": each.label,
                "icon": each.icon,
                "href": "/" if each.name == "all" else f"/?view={each.name}",
                "count": counts[each.name],
                "hot": each.is_hot,
                "current": each.name == view,
                "saved": each.is_saved,
            }
            for each in known
        ],
        "unread": reading.count(conn, actor.id, internal=actor.is_staff),
        "unread_notifications": notifications.unread(conn, actor.id),
        "desk_is_empty": counts["all"] == 0,
        "live": _positions(conn, actor, ticket_id),
    }


def _positions(conn: Connection, actor: User, ticket_id: int | None) -> Content:
    """Return up to where the page knows each room: the socket goes on from there."""
    rooms = [user_room(actor.id)]
    if actor.is_staff:
        rooms.append(DESK)
    if ticket_id is not None:
        rooms.append(ticket_room(ticket_id))
        if actor.is_staff:
            rooms.append(staff_room(ticket_id))
    return {
        "epoch": epoch.current(conn),
        "ticket": ticket_id,
        "rooms": {room: events.top(conn, room) for room in rooms},
    }


def choices(conn: Connection, actor: User) -> Content:
    """Return what fields can be set to: agents, teams, statuses, priorities."""
    if not actor.is_staff:
        return {"statuses": wording.STATUSES, "priorities": wording.PRIORITIES, "agents": [], "teams": []}
    staff = people.page(conn, limit=PEOPLE_MOST, roles=STAFF, is_active=True)
    agents = sorted(((user.id, user.name) for user in staff), key=lambda pair: pair[1].casefold())
    return {
        "statuses": wording.STATUSES,
        "priorities": wording.PRIORITIES,
        "agents": agents,
        "agent_ids": {user_id for user_id, _ in agents},
        "teams": [(team.id, team.name) for team in people.teams(conn, limit=PEOPLE_MOST)],
    }
