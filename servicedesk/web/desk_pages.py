"""What the desk is called and where it stands, and what the machine it runs on was told."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from servicedesk.desk import setup as desk
from servicedesk.domain.errors import Invalid, Refused
from servicedesk.domain.people import Role
from servicedesk.domain.words import begun, say
from servicedesk.settings import Loaded, Settings
from servicedesk.store.db import Connection
from servicedesk.web import auth, decode, frame, problems, wording
from servicedesk.web.api import Call
from servicedesk.web.decode import checked
from servicedesk.web.fields import one_line
from servicedesk.web.frame import Content
from servicedesk.web.keys import SOURCES
from servicedesk.web.settings_forms import lead_back, zones

HERE: Final = "/settings/desk"
NAME_MAX: Final = 80
_DONE: Final = {"saved": say("Saved.")}
_UNKNOWN: Final = say("set by the program")
_SOURCES: Final = {
    "default": say("default"),
    "development": say("because env is development"),
    "made at the first start": say("made at the first start"),
}


class DeskForm(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of the form."""

    desk_name: Annotated[str, Meta(max_length=NAME_MAX), checked(one_line)]
    time_zone: Annotated[str, Meta(max_length=64)]
    public_form: bool = False
    second_step: Annotated[list[Role], Meta(max_length=len(Role))] = []


async def page(call: Call) -> web.Response:
    """The desk as a whole."""
    return await _show(call)


async def index(call: Call) -> web.Response:
    """What can be set about the desk, for those who may."""
    return await frame.show(call, "settings_desk.html")


async def save(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)
    values: dict[str, Any] = {name: fields.get(name, "").strip() for name in ("desk_name", "time_zone")}
    values["public_form"] = fields.get("public_form") == "on"
    values["second_step"] = fields.getall("second_step", [])

    async def act() -> None:
        form = decode.body(msgspec.json.encode(values), DeskForm)
        await call.write(desk.change, _facts(form))

    return await lead_back(f"{HERE}?done=saved", act, partial(_refused, call, values))


def _facts(form: DeskForm) -> desk.Facts:
    values = msgspec.structs.asdict(form)
    chosen = frozenset(values.pop("second_step"))
    return desk.Facts(**values, second_step=tuple(role for role in Role if role in chosen))


async def _refused(call: Call, values: Mapping[str, Any], refusal: Refused) -> web.Response:
    errors = {}
    if isinstance(refusal, Invalid):
        errors = {each.pointer.strip("/"): begun(each.message) for each in refusal.errors}
    return await _show(
        call,
        values=values,
        errors=errors,
        refusal=None if errors else refusal.detail,
        status=problems.status_of(refusal),
    )


async def _show(
    call: Call,
    *,
    values: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
    refusal: str | None = None,
    status: int = 200,
) -> web.Response:
    extra: Content = {"errors": errors or {}, "refusal": refusal, "zones": zones()}
    extra["roles"] = [(str(role), wording.role_label(role)) for role in Role]
    extra["done"] = _DONE.get(call.request.query.get("done", ""))
    extra["machine"] = [(name, value, _source(source)) for name, value, source in _machine(call)]

    def read(conn: Connection) -> Content:
        return {"values": values or msgspec.to_builtins(desk.facts(conn))}

    return await frame.show(call, "desk.html", read, extra=extra, status=status)


def _machine(call: Call) -> list[tuple[str, str, str]]:
    """Return what the process was started with: name, value and where it came from."""
    found = call.app[SOURCES]
    sources = {name: found.get(name, "") for name in Settings.__struct_fields__}
    return Loaded(call.settings, sources).rows()


def _source(source: str) -> str:
    return _SOURCES.get(source, source) if source else _UNKNOWN
