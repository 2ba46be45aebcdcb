"""The page of promises: every policy with its targets, the forms that set them, and a try on the past."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec
from aiohttp import web
from multidict import MultiMapping

from servicedesk.desk import policies as desk
from servicedesk.domain.errors import Invalid, Refused
from servicedesk.domain.people import SUPERVISORS
from servicedesk.domain.replays import Replayed
from servicedesk.domain.sla import PAUSABLE, STANDARD, Policy, Promise, StoredPolicy
from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import SECOND
from servicedesk.domain.words import begun, joined, say
from servicedesk.store import calendars as stored_calendars
from servicedesk.store import people
from servicedesk.store import policies as stored
from servicedesk.store.db import Connection
from servicedesk.web import auth, decode, frame, policies, problems, replays, wording
from servicedesk.web.api import Call
from servicedesk.web.frame import Content
from servicedesk.web.settings_forms import lead_back, number_of, versions_of

HERE: Final = "/settings/sla"
MOST: Final = 100
_DONE: Final = {
    "made": say("The policy is made."),
    "saved": say("Saved. Tickets under it are worked out anew."),
    "deleted": say("Deleted."),
}
_HOW: Final = say("Write it like 4 h or 1 h 30 min, up to ten years")
_UNITS: Final = {"h": 3600, "min": 60, "m": 60, "s": 1}
_PART: Final = re.compile(r"(\d{1,9})\s*(h|min|m|s)\b", re.ASCII)
_NEVER: Final = say("never")
_ALL: Final = say("all clocks")
_URGENT_FIRST: Final = tuple(reversed(Priority))

Values = Mapping[str, str | list[str]]


# The page ----------------------------------------------------------------------------------------------------


async def page(call: Call) -> web.Response:
    """What is promised."""
    return await _show(call, edited=number_of(call.request.query.get("edit", "")))


async def _show(
    call: Call,
    *,
    edited: int | None = None,
    values: Values | None = None,
    errors: Mapping[str, str] | None = None,
    refusal: str | None = None,
    tried: Replayed | None = None,
    status: int = 200,
) -> web.Response:
    """Show the page, with what was typed into the form, what is wrong with it or what it would have come to."""
    may_edit = call.actor.role in SUPERVISORS

    def read(conn: Connection) -> Content:
        one = stored.get(conn, edited) if edited is not None and may_edit else None
        found = stored.page(conn, limit=MOST)
        teams = people.teams(conn, limit=frame.PEOPLE_MOST)
        names = {c.id: c.calendar.name for c in stored_calendars.page(conn, limit=MOST)}
        followed = {p.id: [team.name for team in teams if team.sla_policy_id == p.id] for p in found}
        return {
            "policies": [_shown(policy) | {"teams": followed[policy.id]} for policy in found],
            "standard": None if any(p.is_default for p in found) else _drawn(STANDARD),
            "editing": one,
            "calendars": [("", say("Around the clock")), *names.items()],
            "values": values or _values(one.policy if one else STANDARD, one),
        }

    extra: Content = {"may_edit": may_edit, "errors": errors or {}, "refusal": refusal, "tried": tried}
    extra["done"] = _DONE.get(call.request.query.get("done", ""))
    extra["promises"] = [(str(promise), wording.promise_label(promise)) for promise in Promise]
    extra["urgent_first"] = [(str(priority), wording.priority_label(priority)) for priority in _URGENT_FIRST]
    extra["pausable"] = [(str(s), wording.status_label(s)) for s in Status if s in PAUSABLE]
    return await frame.show(call, "policies.html", read, extra=extra, status=status)


def _shown(kept: StoredPolicy) -> Content:
    return _drawn(kept.policy) | {"id": kept.id, "is_default": kept.is_default}


def _drawn(policy: Policy) -> Content:
    """Return a policy as the page draws it: a row for each priority, and what stops the clocks."""
    rows = [
        (
            priority,
            [_span(policy.target(promise, priority)) or "–" for promise in Promise],
        )
        for priority in _URGENT_FIRST
        if priority in policy.targets
    ]
    pauses: dict[str, list[str]] = {}
    for promise in Promise:
        statuses = [s for s in Status if s in policy.pauses.get(promise, ())]
        said = joined(", ", [wording.status_label(s) for s in statuses]) if statuses else _NEVER
        pauses.setdefault(said, []).append(wording.promise_within(promise))
    return {
        "name": policy.name,
        "calendar": wording.calendar_name(policy.calendar),
        "rows": rows,
        "pauses": [
            (said, _ALL if len(which) == len(Promise) else joined(", ", which))
            for said, which in pauses.items()
        ],
    }


# The policy as text --------------------------------------------------------------------------------------------


def _values(policy: Policy, kept: StoredPolicy | None) -> Content:
    """Return the policy as the form's fields have it; a new one starts from the standard."""
    targets = {
        f"{priority}_{promise}": _span(policy.target(promise, priority))
        for priority in Priority
        for promise in Promise
    }
    pauses = {
        f"pause_{promise}": [str(status) for status in policy.pauses.get(promise, ())] for promise in Promise
    }
    return {
        "name": policy.name if kept else "",
        "calendar_id": str(kept.calendar_id or "") if kept else "",
        "is_default": "on" if kept and kept.is_default else "",
        "version": str(kept.version) if kept else "",
        **targets,
        **pauses,
    }


def _span(duration: int | None) -> str:
    """Return for example ``2 h 30 min``; nothing for what is not promised."""
    if duration is None:
        return ""
    hours, rest = divmod(duration // SECOND, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def seconds_of(text: str) -> int | str | None:
    """Return the seconds that ``2 h 30 min`` is, None for nothing, and what cannot be read as it is."""
    text = text.strip().lower()
    if text in ("", "-", "–"):
        return None
    if _PART.sub("", text).strip():
        return text
    return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def body_of(fields: MultiMapping[str]) -> Content:
    """Return what the API's call takes, from the fields; what cannot be read is left for it to refuse."""
    targets: dict[str, dict[str, int | str]] = {}
    for priority in _URGENT_FIRST:
        spans = {promise: seconds_of(fields.get(f"{priority}_{promise}", "")) for promise in Promise}
        given = {f"{promise}_s": span for promise, span in spans.items() if span is not None}
        if given:
            targets[priority] = given
    calendar = fields.get("calendar_id", "")
    return {
        "name": fields.get("name", ""),
        "targets": targets,
        "pauses": {str(promise): fields.getall(f"pause_{promise}", []) for promise in Promise},
        "calendar_id": int(calendar) if number_of(calendar) else None,
        "is_default": "is_default" in fields,
    }


# The forms -----------------------------------------------------------------------------------------------------


async def make(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)

    async def act() -> None:
        await policies.create(call, _checked(fields))

    return await lead_back(f"{HERE}?done=made", act, partial(_refused, call, fields))


async def save(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)

    async def act() -> None:
        new = policies.policy_of(_checked(fields))
        await call.write(desk.replace, call.id, new, versions=versions_of(fields), at=call.now)

    return await lead_back(f"{HERE}?done=saved", act, partial(_refused, call, fields))


async def delete(call: Call) -> web.StreamResponse:
    async def act() -> None:
        await call.write(desk.delete, call.id)

    return await lead_back(f"{HERE}?done=deleted", act, partial(_refused, call, None))


async def try_out(call: Call) -> web.StreamResponse:
    """Show what the policy in the form would have come to in the last 30 days; nothing is saved."""
    fields = await auth.form_fields(call.request)
    try:
        found = await replays.simulate_promises(call, replays.Simulation(policy=_checked(fields)))
    except Refused as refusal:
        return await _refused(call, fields, refusal)
    edited = number_of(fields.get("edited", ""))
    return await _show(call, edited=edited, values=_typed(fields), tried=found)


async def _refused(call: Call, fields: MultiMapping[str] | None, refusal: Refused) -> web.Response:
    typed = None if fields is None else _typed(fields)
    edited = call.thing.id if call.thing else number_of(fields.get("edited", "")) if fields else None
    if typed is not None and edited is not None:
        # Who has read the refusal and saves again means it.
        typed["version"] = str(call.peek(stored.get, edited).version)
    errors = _by_field(refusal)
    return await _show(
        call,
        edited=edited,
        values=typed,
        errors=errors,
        refusal=None if errors else refusal.detail,
        status=problems.status_of(refusal),
    )


def _typed(fields: MultiMapping[str]) -> dict[str, str | list[str]]:
    pauses = {f"pause_{promise}": fields.getall(f"pause_{promise}", []) for promise in Promise}
    return {**{name: fields[name] for name in fields}, **pauses}


def _checked(fields: MultiMapping[str]) -> policies.NewPolicy:
    return decode.body(msgspec.json.encode(body_of(fields)), policies.NewPolicy)


def _by_field(refusal: Refused) -> dict[str, str]:
    """Return what is wrong by the name of the form's field."""
    if not isinstance(refusal, Invalid):
        return {}
    said: dict[str, str] = {}
    for error in refusal.errors:
        name, *rest = error.pointer.strip("/").split("/")
        if name == "policy" and rest:  # of a try
            name, *rest = rest
        if name == "targets" and len(rest) > 1:
            said[f"{rest[0]}_{rest[1].removesuffix('_s')}"] = _HOW
        else:
            said["pauses" if name == "pauses" else name] = begun(error.message)
    return said
