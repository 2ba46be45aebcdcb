"""The page of escalation policies: their tiers in words, and the form that sets them."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import msgspec
from aiohttp import web
from multidict import MultiMapping

from servicedesk.desk import escalation as desk
from servicedesk.domain.errors import Invalid, Refused
from servicedesk.domain.escalation import TIERS_MAX, Do, EscalationPolicy, Target, Tier, WhenKind
from servicedesk.domain.people import SUPERVISORS
from servicedesk.domain.sla import Promise
from servicedesk.domain.tickets import UNRESOLVED, Status
from servicedesk.domain.words import begun, joined, say
from servicedesk.store import escalation as stored
from servicedesk.store import people
from servicedesk.store.db import Connection
from servicedesk.web import auth, decode, escalation, frame, problems, wording
from servicedesk.web.api import Call
from servicedesk.web.frame import Content
from servicedesk.web.settings_forms import lead_back, number_of, versions_of

HERE: Final = "/settings/escalation"
MOST: Final = 100
SPARE: Final = 2
"""Empty rows of the form for further tiers."""
_DONE: Final = {
    "made": say("The policy is made."),
    "saved": say("Saved. What falls due next is worked out anew."),
    "deleted": say("Deleted."),
}
_KINDS: Final = (
    ("", say("No tier")),
    ("share", say("Share of a clock's time")),
    ("before", say("Before a clock is due")),
    ("after", say("After a clock is due")),
    ("status", say("Time in a status")),
    ("manual", say("When somebody escalates")),
)
_ACTIONS: Final = (
    (Do.NOTIFY, say("Notify")),
    (Do.RAISE_PRIORITY, say("Raise priority")),
    (Do.REASSIGN, say("Reassign")),
)
_TARGETS: Final = (
    (Target.ASSIGNEE, say("The assignee")),
    (Target.LEAD, say("The team's lead")),
    (Target.TEAM, say("The team")),
)
_UNITS: Final = {"d": 1440, "h": 60, "min": 1, "m": 1}
_PART: Final = re.compile(r"(\d{1,6})\s*(d|h|min|m)\b", re.ASCII)
_WORDS: Final = {
    "clock": say("Of which clock or status?"),
    "status": say("Of which clock or status?"),
    "percent": say("How much? Write a share like 75 %, up to 1000 %"),
    "minutes": say("How long? Write a time like 30 min or 1 h 30 min, up to a year"),
    "acknowledge_minutes": say("Write the time to acknowledge like 15 min, up to a year"),
    "whom": say("It has the ticket already: reassign to somebody else"),
    "do": say("Choose what to do"),
    "tag": say("Which tag? 1 to 64 characters"),
}

Values = Mapping[str, str | list[str]]
Row = dict[str, str | list[str]]


# The page ----------------------------------------------------------------------------------------------------


async def page(call: Call) -> web.Response:
    """Who hears of what is left lying."""
    return await _show(call, edited=number_of(call.request.query.get("edit", "")))


async def _show(
    call: Call,
    *,
    edited: int | None = None,
    values: Values | None = None,
    rows: Sequence[Row] | None = None,
    errors: Mapping[str, str] | None = None,
    refusal: str | None = None,
    status: int = 200,
) -> web.Response:
    """Show the page, with what was typed into the form and what is wrong with it."""
    may_edit = call.actor.role in SUPERVISORS

    def read(conn: Connection) -> Content:
        one = stored.get(conn, edited) if edited is not None and may_edit else None
        found = stored.page(conn, limit=MOST)
        teams = people.teams(conn, limit=frame.PEOPLE_MOST)
        named = {t.whom.user_id for p in found for t in p.policy.tiers if t.whom.user_id is not None}
        names = people.names(conn, named)
        followed = {p.id: [team.name for team in teams if team.escalation_policy_id == p.id] for p in found}
        staff = frame.choices(conn, call.actor)["agents"]
        known = {user_id for user_id, _ in staff}
        gone = [(user_id, name) for user_id, name in names.items() if user_id not in known]
        return {
            "policies": [_drawn(policy, names) | {"teams": followed[policy.id]} for policy in found],
            "editing": one,
            "people": [(f"user:{user_id}", name) for user_id, name in [*staff, *gone]],
            "values": values or _values(one),
            "rows": _with_spare(list(rows) if rows is not None else _rows(one)),
        }

    extra: Content = {"may_edit": may_edit, "errors": errors or {}, "refusal": refusal}
    extra["done"] = _DONE.get(call.request.query.get("done", ""))
    extra["kinds"] = _KINDS
    extra["actions"] = [(str(do), label) for do, label in _ACTIONS]
    extra["targets"] = [(str(target), label) for target, label in _TARGETS]
    extra["clocks"] = [(f"clock:{promise}", wording.promise_label(promise)) for promise in Promise]
    extra["waiting_in"] = [(f"status:{s}", wording.status_label(s)) for s in Status if s in UNRESOLVED]
    return await frame.show(call, "escalation.html", read, extra=extra, status=status)


def _drawn(kept: EscalationPolicy, names: Mapping[int, str]) -> Content:
    """Return a policy as the page draws it: each tier in words."""
    tiers = [
        {
            "when": begun(wording.tier_when(tier)),
            "whom": wording.tier_whom(tier, names),
            "does": begun(joined(", ", wording.tier_does(tier.do, tier.tag))),
            "within": _time(tier.acknowledge_minutes),
        }
        for tier in kept.policy.tiers
    ]
    return {"id": kept.id, "name": kept.policy.name, "is_default": kept.policy.is_default, "tiers": tiers}


# The policy as text --------------------------------------------------------------------------------------------


def _values(kept: EscalationPolicy | None) -> Content:
    if kept is None:
        return {"name": "", "is_default": "", "version": ""}
    return {
        "name": kept.policy.name,
        "is_default": "on" if kept.policy.is_default else "",
        "version": str(kept.version),
    }


def _rows(kept: EscalationPolicy | None) -> list[Row]:
    """Return the tiers as the form's fields have them; a new policy starts with a warning and the breach."""
    if kept is not None:
        return [_row(tier) for tier in kept.policy.tiers]
    notify: Row = {"kind": "share", "of": f"clock:{Promise.RESOLUTION}", "do": [str(Do.NOTIFY)]}
    return [
        {**notify, "amount": "75 %", "whom": str(Target.ASSIGNEE)},
        {**notify, "amount": "100 %", "whom": str(Target.LEAD), "within": "30 min"},
    ]


def _row(tier: Tier) -> Row:
    when, whom = tier.when, tier.whom
    kind = str(when.kind)
    if when.kind is WhenKind.OFFSET:
        kind = "before" if (when.minutes or 0) < 0 else "after"
    return {
        "id": str(tier.id),
        "kind": kind,
        "amount": f"{when.percent} %" if when.percent else _time(when.minutes),
        "of": f"clock:{when.clock}" if when.clock else f"status:{when.status}" if when.status else "",
        "whom": str(whom.kind) if whom.user_id is None else f"user:{whom.user_id}",
        "do": [str(do) for do in tier.do],
        "tag": tier.tag or "",
        "within": _time(tier.acknowledge_minutes),
    }


def _with_spare(rows: list[Row]) -> list[Row]:
    empty: Row = {"kind": "", "do": [], "whom": str(Target.LEAD)}
    rows = [*rows, *[empty] * SPARE][: max(TIERS_MAX, len(rows))]
    return [{**row, "place": str(place)} for place, row in enumerate(rows, 1)]


def _time(minutes: int | None) -> str:
    """Return for example ``1 h 30 min``."""
    if minutes is None:
        return ""
    hours, rest = divmod(abs(minutes), 60)
    return " ".join(f"{number} {unit}" for number, unit in ((hours, "h"), (rest, "min")) if number) or "0 min"


def minutes_of(text: str) -> int | str | None:
    """Return the minutes that ``1 h 30 min`` is, None for nothing, and what cannot be read as it is."""
    text = text.strip().lower()
    if not text:
        return None
    if _PART.sub("", text).strip():
        return text
    return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def _typed_rows(fields: MultiMapping[str]) -> list[Row]:
    """Return the rows as they were sent, in the order of their places; those that are no tier are left out."""
    numbers = [n for n in range(1, TIERS_MAX + 1) if fields.get(f"kind_{n}")]
    numbers.sort(key=lambda n: number_of(fields.get(f"place_{n}", "")) or n)
    names = ("id", "kind", "amount", "of", "whom", "tag", "within")
    return [
        {name: fields.get(f"{name}_{n}", "") for name in names} | {"do": fields.getall(f"do_{n}", [])}
        for n in numbers
    ]


def _body(fields: MultiMapping[str], rows: Sequence[Row]) -> Content:
    """Return what the API's call takes; what cannot be read is left for it to refuse."""
    return {
        "name": fields.get("name", ""),
        "is_default": "is_default" in fields,
        "tiers": [_tier(row) for row in rows],
    }


def _tier(row: Row) -> Content:
    kind, amount, of = str(row["kind"]), str(row["amount"]), str(row["of"])
    when: Content = {"kind": WhenKind.OFFSET if kind in ("before", "after") else kind}
    if kind == WhenKind.SHARE:
        share = amount.strip().removesuffix("%").strip()
        when["percent"] = int(share) if number_of(share) is not None else share or None
    elif kind != WhenKind.MANUAL:
        minutes = minutes_of(amount)
        when["minutes"] = -minutes if kind == "before" and isinstance(minutes, int) else minutes
    what, _, name = of.partition(":")
    if kind != WhenKind.MANUAL and what == ("status" if kind == WhenKind.STATUS else "clock"):
        when[what] = name
    target, _, user_id = str(row["whom"]).partition(":")
    whom: Content = {"kind": target}
    if user_id:
        whom["user_id"] = number_of(user_id)
    do = list(row["do"])
    tag = str(row["tag"]) if Do.TAG in do else None
    tier: Content = {"when": when, "whom": whom, "do": do, "tag": tag}
    tier["acknowledge_minutes"] = minutes_of(str(row["within"]))
    return tier | ({"id": number_of(str(row["id"]))} if row["id"] else {})


# The forms -----------------------------------------------------------------------------------------------------


async def make(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)

    async def act() -> None:
        await escalation.create(call, _checked(fields))

    return await lead_back(f"{HERE}?done=made", act, partial(_refused, call, fields))


async def save(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)

    async def act() -> None:
        new = escalation.policy_of(_checked(fields))
        await call.write(desk.replace, call.id, new, versions=versions_of(fields), at=call.now)

    return await lead_back(f"{HERE}?done=saved", act, partial(_refused, call, fields))


async def delete(call: Call) -> web.StreamResponse:
    async def act() -> None:
        await call.write(desk.delete, call.id)

    return await lead_back(f"{HERE}?done=deleted", act, partial(_refused, call, None))


async def _refused(call: Call, fields: MultiMapping[str] | None, refusal: Refused) -> web.Response:
    edited = call.thing.id if call.thing else None
    values = None if fields is None else {name: fields[name] for name in fields}
    if values is not None and edited is not None:
        # Who has read the refusal and saves again means it.
        values["version"] = str(call.peek(stored.get, edited).version)
    errors = _by_field(refusal)
    return await _show(
        call,
        edited=edited,
        values=values,
        rows=None if fields is None else _typed_rows(fields),
        errors=errors,
        refusal=None if errors else refusal.detail,
        status=problems.status_of(refusal),
    )


def _checked(fields: MultiMapping[str]) -> escalation.NewEscalationPolicy:
    raw = msgspec.json.encode(_body(fields, _typed_rows(fields)))
    return decode.body(raw, escalation.NewEscalationPolicy)


def _by_field(refusal: Refused) -> dict[str, str]:
    """Return what is wrong by the name of the form's field, for a tier by its row."""
    if not isinstance(refusal, Invalid):
        return {}
    said: dict[str, list[str]] = {}
    for error in refusal.errors:
        name, *rest = error.pointer.strip("/").split("/")
        if name == "tiers" and rest:
            name = f"tier_{int(rest[0]) + 1}"
        message = _WORDS.get(rest[-1] if rest else "", error.message)
        said.setdefault(name, []).append(begun(message))
    return {name: joined(". ", dict.fromkeys(texts)) for name, texts in said.items()}
