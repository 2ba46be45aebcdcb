"""The page that asks what other people or other weights would have come to."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import web
from multidict import MultiMapping

from servicedesk.domain.assignment import WEIGHT_MAX, FactorName
from servicedesk.domain.errors import Invalid, Refused
from servicedesk.domain.people import Availability
from servicedesk.domain.staffing import Agent, Staffed
from servicedesk.domain.words import begun, say
from servicedesk.store import replays as stored
from servicedesk.store.db import Connection
from servicedesk.web import auth, decode, frame, problems, replays, wording
from servicedesk.web.api import Call, encode
from servicedesk.web.frame import Content

_AVAILABILITIES: Final = (
    (str(Availability.AVAILABLE), say("Available")),
    (str(Availability.AWAY), say("Away")),
)

_SEE_BELOW: Final = say("Something below makes no sense as it is.")


async def page(call: Call) -> web.Response:
    """What can be asked."""
    return await _show(call, {})


async def ask(call: Call) -> web.StreamResponse:
    """Show what would have been; nothing is saved."""
    fields = await auth.form_fields(call.request)
    typed = {name: fields[name] for name in fields}
    people = {agent.id: agent for agent in call.peek(stored.agents)}
    try:
        asked = decode.body(encode(_asked(fields, people)), replays.StaffSimulation)
        found = await replays.simulate_staff(call, asked)
    except Refused as refusal:
        return await _show(call, typed, refusal=refusal, status=problems.status_of(refusal))
    return await _show(call, typed, found=found)


def _asked(fields: MultiMapping[str], people: Mapping[int, Agent]) -> dict[str, Any]:
    """Return what the form asks, as a program would; what is as it is now is left out."""
    asked: dict[str, Any] = {name: text for name in ("from", "to") if (text := fields.get(name, "").strip())}
    weights = {name: fields.get(f"weight_{name}", "").strip() for name in map(str, FactorName)}
    if any(weights.values()):
        asked["weights"] = {name: _number(text or "0") for name, text in weights.items()}
    agents = {str(agent.id): _changed(fields, agent) for agent in people.values()}
    return asked | {"agents": {who: change for who, change in agents.items() if change}}


def _changed(fields: MultiMapping[str], agent: Agent) -> dict[str, Any]:
    now = _present(agent)
    typed = {name: fields.get(f"{name}_{agent.id}", str(value)).strip() for name, value in now.items()}
    change: dict[str, Any] = {name: text for name, text in typed.items() if text != now[name]}
    if "max_tickets" in change:
        change["max_tickets"] = _number(change["max_tickets"])
    if "skills" in change:
        change["skills"] = [skill.strip() for skill in change["skills"].split(",") if skill.strip()]
    return change


def _present(agent: Agent) -> dict[str, str]:
    availability = Availability.AVAILABLE if agent.is_available else Availability.AWAY
    return {
        "max_tickets": str(agent.max_tickets),
        "skills": ", ".join(agent.skills),
        "availability": str(availability),
    }


def _number(text: str) -> int | str:
    """Return the number, or what was typed for the refusal to name."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text


async def _show(
    call: Call,
    typed: Mapping[str, str],
    *,
    found: Staffed | None = None,
    refusal: Refused | None = None,
    status: int = 200,
) -> web.Response:
    def read(conn: Connection) -> Content:
        able = [agent for agent in stored.agents(conn) if agent.takes_any or agent.teams]
        return {"agents": [_row(agent, typed) for agent in able]}

    errors = _by_field(refusal)
    extra: Content = {
        "found": msgspec.to_builtins(found) if found else None,
        "errors": errors,
        "refusal": errors.get("weights", _SEE_BELOW if errors else refusal.detail) if refusal else None,
        "typed": typed,
        "availabilities": _AVAILABILITIES,
        "weights": [(str(name), wording.factor_label(name)) for name in FactorName],
    }
    return await frame.show(call, "what_if.html", read, extra=extra, status=status)


def _row(agent: Agent, typed: Mapping[str, str]) -> Content:
    now = _present(agent)
    shown = {name: typed.get(f"{name}_{agent.id}", value) for name, value in now.items()}
    return {"id": agent.id, "name": agent.name, **shown, "is_changed": shown != now}


def _number_to(most: int) -> str:
    return say("a number from 0 to {most}", most=most)


def _by_field(refusal: Refused | None) -> dict[str, str]:
    """Return what is wrong by the name of the form's field."""
    if not isinstance(refusal, Invalid):
        return {}
    said = {}
    for error in refusal.errors:
        name, *rest = error.pointer.strip("/").split("/")
        message = error.message
        if name == "weights" and rest:
            name, message = f"weight_{rest[0]}", _number_to(WEIGHT_MAX)
        elif name == "weights":
            message = say("the weights {wrong}", wrong=message)
        elif name == "agents" and len(rest) > 1:
            name = f"{rest[1]}_{rest[0]}"
            message = _number_to(1000) if rest[1] == "max_tickets" else message
        said[name] = begun(message)
    return said
