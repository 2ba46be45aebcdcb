"""The pages of macros: one to write them down, and one for each ticket to look at one and apply it."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import web
from multidict import MultiMapping

from servicedesk.desk import macros as desk
from servicedesk.domain import views
from servicedesk.domain.errors import Invalid, NotFound, Refused
from servicedesk.domain.macros import MACROS_MAX, PLACEHOLDERS
from servicedesk.domain.people import SUPERVISORS
from servicedesk.domain.words import say
from servicedesk.store.db import Connection
from servicedesk.store.macros import MACROS
from servicedesk.web import auth, decode, frame, macros, problems, wording
from servicedesk.web.api import Call
from servicedesk.web.frame import Content
from servicedesk.web.settings_forms import number_of

HERE: Final = "/settings/macros"
_DONE: Final = {"saved": say("Saved."), "deleted": say("Deleted.")}


async def page(call: Call) -> web.Response:
    """The macros that one may use; ``edit`` in the address is the one to be changed."""
    return await _show(call, edited=number_of(call.request.query.get("edit", "")))


async def make(call: Call) -> web.StreamResponse:
    """Write a macro down."""
    fields = await auth.form_fields(call.request)
    try:
        await macros.create(call, _body(_values(fields), macros.NewMacro))
    except Refused as refusal:
        return await _show(call, fields=fields, refusal=refusal)
    raise web.HTTPSeeOther(f"{HERE}?done=saved")


async def save(call: Call) -> web.StreamResponse:
    """Write a macro anew."""
    fields = await auth.form_fields(call.request)
    try:
        await macros.edit(call, _body(_values(fields), macros.MacroPatch))
    except Refused as refusal:
        return await _show(call, edited=call.id, fields=fields, refusal=refusal)
    raise web.HTTPSeeOther(f"{HERE}?done=saved")


async def delete(call: Call) -> web.StreamResponse:
    """Throw a macro away."""
    await auth.form_fields(call.request)
    await macros.delete(call)
    raise web.HTTPSeeOther(f"{HERE}?done=deleted")


async def on_ticket(call: Call) -> web.Response:
    """The macros for a ticket; ``macro`` in the address is the one that is looked at."""
    return await _show_on_ticket(call, number_of(call.request.query.get("macro", "")))


async def apply(call: Call) -> web.StreamResponse:
    """Say the text as it was edited and make the changes."""
    fields = await auth.form_fields(call.request)
    macro_id = number_of(fields.get("macro", ""))
    if macro_id is None:
        raise NotFound(say("There is no such macro."))
    text = fields.get("body", "").replace("\r\n", "\n")
    sent = {"ticket_id": call.id, "body": text, "version": number_of(fields.get("version", ""))}
    body = _body(sent, macros.Apply)
    versions = None if body.version is None else frozenset({body.version})
    try:
        await call.db.write(
            desk.apply, macro_id, call.id, body=body.body, by=call.actor, at=call.now, versions=versions
        )
    except Refused as refusal:
        return await _show_on_ticket(call, macro_id, text=text, refusal=refusal)
    raise web.HTTPSeeOther(f"/tickets/{call.id}")


async def _show_on_ticket(
    call: Call, macro_id: int | None, *, text: str | None = None, refusal: Refused | None = None
) -> web.Response:
    preview = None
    if macro_id is not None:
        found = await call.write(desk.preview, macro_id, call.id, by=call.actor, at=call.now)
        preview = msgspec.to_builtins(found, enc_hook=str) | {"refusals": found.refusals}

    def read(conn: Connection) -> Content:
        known = MACROS.page(conn, call.actor.id, limit=2 * MACROS_MAX)
        names = dict(frame.choices(conn, call.actor)["agents"])
        teams = dict(frame.choices(conn, call.actor)["teams"])
        changes = preview["changes"] if preview else {}
        return {
            "macros": [(macro.id, macro.content.name) for macro in known],
            "changes": [
                (_LABELS[name], _shown(name, to["to"], names, teams)) for name, to in changes.items()
            ],
        }

    extra: Content = {
        "ticket": call.thing,
        "macro_id": macro_id,
        "preview": preview,
        "text": text if text is not None or preview is None else preview["body"],
        "refusal": refusal.detail if refusal else None,
    }
    status = problems.status_of(refusal) if refusal else 200
    return await frame.show(call, "ticket_macros.html", read, extra=extra, status=status)


_LABELS: Final = {
    "status": say("Status"),
    "priority": say("Priority"),
    "assigned_to": say("Assignee"),
    "team_id": say("Team"),
    "tags": say("Tags"),
}


_NOBODY: Final = say("nobody")
_NONE: Final = say("none")


def _shown(name: str, value: Any, agents: Mapping[int, str], teams: Mapping[int, str]) -> str:
    if name == "status":
        return wording.status_label(value)
    if name in ("assigned_to", "team_id"):
        known = agents if name == "assigned_to" else teams
        return _NOBODY if value is None else known.get(value, f"#{value}")
    if name == "priority":
        return wording.priority_word(value)
    return ", ".join(value) or _NONE if name == "tags" else str(value)


async def _show(
    call: Call,
    *,
    edited: int | None = None,
    fields: MultiMapping[str] | None = None,
    refusal: Refused | None = None,
) -> web.Response:
    def read(conn: Connection) -> Content:
        found = [views.macro(each) for each in MACROS.page(conn, call.actor.id, limit=2 * MACROS_MAX)]
        one = next((macro for macro in found if macro.id == edited), None)
        shown = dict(fields) if fields is not None else _fields(one) if one else {}
        return frame.choices(conn, call.actor) | {"macros": found, "editing": one, "values": shown}

    errors = [e.message for e in refusal.errors] if isinstance(refusal, Invalid) else []
    extra: Content = {"refusal": refusal.detail if refusal else None, "errors": errors}
    extra["done"] = _DONE.get(call.request.query.get("done", ""))
    extra["may_share"] = call.actor.role in SUPERVISORS
    extra["placeholders"] = list(PLACEHOLDERS)
    status = problems.status_of(refusal) if refusal else 200
    return await frame.show(call, "macros.html", read, extra=extra, status=status)


def _fields(macro: views.MacroBody) -> dict[str, Any]:
    actions: dict[str, Any] = msgspec.to_builtins(macro.actions)
    who, team = actions.get("assigned_to", ""), actions.get("team_id", "")
    return {
        **actions,
        "name": macro.name,
        "body": macro.body,
        "kind": "note" if macro.is_internal else "reply",
        "is_shared": macro.is_shared,
        "assigned_to": "none" if who is None else who,
        "team_id": "none" if team is None else team,
        "add_tags": ", ".join(macro.actions.add_tags),
        "remove_tags": ", ".join(macro.actions.remove_tags),
    }


def _values(fields: MultiMapping[str]) -> dict[str, Any]:
    actions: dict[str, Any] = {
        name: fields[name] for name in ("status", "priority", "comment") if fields.get(name, "").strip()
    }
    for name in ("assigned_to", "team_id"):
        if chosen := fields.get(name, ""):
            actions[name] = None if chosen == "none" else number_of(chosen) or chosen
    for name in ("add_tags", "remove_tags"):
        if words := [word.strip() for word in fields.get(name, "").split(",") if word.strip()]:
            actions[name] = words
    return {
        "name": fields.get("name", ""),
        "body": fields.get("body", "").replace("\r\n", "\n"),
        "is_internal": fields.get("kind") == "note",
        "is_shared": fields.get("is_shared") == "on",
        "actions": actions,
    }


def _body(values: Mapping[str, Any], into: type[Any]) -> Any:
    return decode.body(msgspec.json.encode(values), into)
