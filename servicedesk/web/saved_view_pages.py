"""The page of saved views, and the forms that keep, change and forget them."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import web
from multidict import MultiMapping

from servicedesk.domain import views
from servicedesk.domain.errors import Invalid, Refused
from servicedesk.domain.people import SUPERVISORS
from servicedesk.domain.words import say
from servicedesk.store import saved_views as stored
from servicedesk.store.db import Connection
from servicedesk.web import auth, decode, frame, problems, saved_views
from servicedesk.web.api import Call
from servicedesk.web.frame import Content

HERE: Final = "/settings/views"
_DONE: Final = {"saved": say("Saved."), "deleted": say("Deleted.")}


async def page(call: Call) -> web.Response:
    """The views that one may use; ``query`` in the address is the one to be saved."""
    return await _show(call, {"query": call.request.query.get("query", "")})


async def make(call: Call) -> web.StreamResponse:
    """Keep a list under a name."""
    fields = await auth.form_fields(call.request)
    values = _values(fields)
    try:
        made = await saved_views.create(call, _body(values, saved_views.NewView))
    except Refused as refusal:
        return await _refused(call, values, refusal)
    raise web.HTTPSeeOther(f"/?view=s{made.id}")


async def save(call: Call) -> web.StreamResponse:
    """Change a view."""
    values = _values(await auth.form_fields(call.request))
    try:
        await saved_views.edit(call, _body(values, saved_views.ViewPatch))
    except Refused as refusal:
        return await _refused(call, {}, refusal)
    raise web.HTTPSeeOther(f"{HERE}?done=saved")


async def delete(call: Call) -> web.StreamResponse:
    """Forget a view."""
    await auth.form_fields(call.request)
    await saved_views.delete(call)
    raise web.HTTPSeeOther(f"{HERE}?done=deleted")


async def _refused(call: Call, values: Mapping[str, Any], refusal: Refused) -> web.Response:
    errors = {e.pointer[1:]: e.message for e in refusal.errors} if isinstance(refusal, Invalid) else {}
    return await _show(
        call,
        values,
        errors=errors if values else {},
        refusal=None if errors and values else refusal.detail,
        status=problems.status_of(refusal),
    )


async def _show(
    call: Call,
    values: Mapping[str, Any],
    *,
    errors: Mapping[str, str] | None = None,
    refusal: str | None = None,
    status: int = 200,
) -> web.Response:
    def read(conn: Connection) -> Content:
        found = stored.in_order(conn, call.actor.id)
        return {"saved": [views.saved_view(view, None) for view in found]}

    extra: Content = {"values": values, "errors": errors or {}, "refusal": refusal}
    extra["done"] = _DONE.get(call.request.query.get("done", ""))
    extra["may_share"] = call.actor.role in SUPERVISORS
    return await frame.show(call, "views.html", read, extra=extra, status=status)


def _values(fields: MultiMapping[str]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": fields.get("name", ""),
        "query": fields.get("query", ""),
        "is_shared": fields.get("is_shared") == "on",
    }
    place = fields.get("position", "")
    return values | {"position": int(place)} if place.isdecimal() and len(place) < 10 else values


def _body(values: Mapping[str, Any], into: type[Any]) -> Any:
    return decode.body(msgspec.json.encode(values), into)
