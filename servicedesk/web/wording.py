"""How values read on a page: moments, sizes, statuses, changes."""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Any, Final

from servicedesk.domain.assignment import BarredBy, FactorName
from servicedesk.domain.calendars import ALWAYS, Calendar
from servicedesk.domain.escalation import Target, Tier, WhenKind
from servicedesk.domain.people import Preset, Role
from servicedesk.domain.sla import Promise
from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import DAY, HOUR, MINUTE, SECOND, Instant, parse
from servicedesk.domain.words import begun, joined, say
from servicedesk.domain.workflow import FACES

_PRIORITIES: Final = {
    Priority.LOW: (say("Low"), say("low")),
    Priority.MEDIUM: (say("Medium"), say("medium")),
    Priority.HIGH: (say("High"), say("high")),
    Priority.CRITICAL: (say("Critical"), say("critical")),
}
_ROLES: Final = {
    Role.ADMIN: say("Admin"),
    Role.SUPERVISOR: say("Supervisor"),
    Role.AGENT: say("Agent"),
    Role.CUSTOMER: say("Customer"),
}
STATUSES: Final = [(str(status), FACES[status].label) for status in Status]
PRIORITIES: Final = [(str(priority), _PRIORITIES[priority][0]) for priority in Priority]

MONTHS: Final = (
    say("Jan"),
    say("Feb"),
    say("Mar"),
    say("Apr"),
    say("May"),
    say("Jun"),
    say("Jul"),
    say("Aug"),
    say("Sept"),
    say("Oct"),
    say("Nov"),
    say("Dec"),
)
_NOW: Final = say("now")
_NO_TIME: Final = say("< 1 min")
_FILE_ICONS: Final = {"image": "image", "archive": "archive", "code": "code", "log": "log"}
_SCANS: Final = {
    "pending": say("being checked for viruses"),
    "error": say("could not be checked for viruses yet"),
    "infected": say("virus found"),
}
_CHANGE_ICONS: Final = {
    "created": "plus",
    "status": "status-open",
    "priority": "chart",
    "assigned": "user",
    "escalated": "escalate",
    "file_deleted": "file",
    "sla": "clock",
}
_PROMISES: Final = {
    Promise.FIRST_RESPONSE: (say("First answer"), say("first answer")),
    Promise.NEXT_RESPONSE: (say("Next answer"), say("next answer")),
    Promise.RESOLUTION: (say("Resolution"), say("resolution")),
}
"""What a clock is called: alone, and within a sentence."""
_TARGETS: Final = {
    Target.ASSIGNEE: say("the assignee"),
    Target.LEAD: say("the team's lead"),
    Target.TEAM: say("the team"),
}
_ACTIONS: Final = {
    "notify": (say("notify"), say("notified")),
    "raise_priority": (say("raise the priority"), say("raised the priority")),
    "reassign": (say("reassign"), say("reassigned")),
}
_OCCASIONS: Final = {
    "requested": say("when somebody asked"),
    "became_free": say("after it had waited"),
    "returned": say("after its agent had said nothing for too long"),
    "reopened": say("when it was reopened"),
    "escalated": say("when it was escalated"),
}
_BARRED: Final = {
    BarredBy.RETURNED: say("said nothing for too long"),
    BarredBy.BY_HAND: say("set by hand"),
}
_EXCLUSIONS: Final = {
    "inactive": say("deactivated"),
    "away": say("away"),
    "at_capacity": say("has as many tickets as they take"),
    "missing_skill": say("lacks a skill"),
    "not_in_team": say("not in the team"),
    "outside_hours": say("outside working hours"),
    "excluded": say("not to get this ticket"),
}
_FACTORS: Final = {
    FactorName.SPARE_CAPACITY: (say("Spare capacity"), say("spare capacity")),
    FactorName.IDLE_TIME: (say("Idle time"), say("idle time")),
    FactorName.SKILLS: (say("Skills"), say("skills")),
    FactorName.CONTINUITY: (say("Continuity"), say("continuity")),
}
_PRESETS: Final = {
    Preset.BALANCED: say("balanced"),
    Preset.ROUND_ROBIN: say("round robin"),
    Preset.SKILLS: say("skills"),
    Preset.MANUAL: say("manual"),
}
_CLOCKS: Final = {
    "none": say("none"),
    "ok": say("ok"),
    "at_risk": say("at risk"),
    "breached": say("breached"),
    "paused": say("paused"),
    "met": say("met"),
}
_FIELDS: Final = {
    "title": say("title"),
    "category": say("category"),
    "escalation_level": say("escalation level"),
    "watchers": say("watchers"),
    "tags": say("tags"),
    "required_skills": say("required skills"),
    "files": say("files"),
    "due_at": say("due at"),
}
_NONE: Final = say("none")
_SOMEBODY: Final = say("somebody")
_A_TEAM: Final = say("a team")


def ago(at: Instant, now: Instant) -> str:
    """Return how long ago it was, short; beyond a month the day."""
    passed = now - at
    if passed < MINUTE:
        return _NOW
    if passed < 30 * DAY:
        return span(passed)
    day = datetime.fromtimestamp(at / SECOND, UTC)
    return _day(day)


def _day(day: date) -> str:
    return say("{day} {month}", day=day.day, month=MONTHS[day.month - 1])


def _day_of_year(day: date) -> str:
    return say("{day} {month} {year}", day=day.day, month=MONTHS[day.month - 1], year=day.year)


def span(length: int) -> str:
    """Return a length of time in its largest fitting unit."""
    if length < HOUR:
        return say("{n} min", n=max(1, length // MINUTE))
    return say("{n} h", n=length // HOUR) if length < 2 * DAY else say("{n} d", n=length // DAY)


def due(at: Instant, now: Instant) -> str:
    """Return how much time is left; what is over has a minus."""
    return span(at - now) if at >= now else joined("", ("-", span(now - at)))


def due_long(at: Instant, now: Instant) -> str:
    if at >= now:
        return say("{time} left", time=span(at - now))
    return say("{time} late", time=span(now - at))


@lru_cache(8192)
def full_time(at: Instant, zone: tzinfo) -> str:
    """Return day and time of day; kept, since the same rows are shown again and again."""
    moment = datetime.fromtimestamp(at / SECOND, zone)
    return joined(", ", (_day_of_year(moment), f"{moment:%H:%M}"))


@lru_cache(8192)
def instant(text: str | Instant) -> Instant:
    return text if isinstance(text, int) else parse(text)


def stretch(first: date, last: date) -> str:
    """Return a day, or some days in a row, as short as they can be said."""
    if first == last:
        return _day(first)
    if (first.year, first.month) == (last.year, last.month):
        month = MONTHS[last.month - 1]
        if (first.day, last.day) == (1, _last_day(last)):
            return say("{month} {year}", month=month, year=last.year)
        return say(
            "{first}–{last} {month} {year}", first=first.day, last=last.day, month=month, year=last.year
        )
    if (first.month, first.day, last.month, last.day) == (1, 1, 12, 31):
        return str(first.year)
    return joined(" – ", (_day(first), _day_of_year(last)))


def _last_day(of: date) -> int:
    return monthrange(of.year, of.month)[1]


def duration(seconds: float | None) -> str:
    """Return a length of time with its two largest units."""
    if seconds is None:
        return "–"
    if seconds < 30:
        return _NO_TIME
    minutes = round(seconds / 60)
    if minutes < 60:
        return say("{n} min", n=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        whole = say("{n} h", n=hours)
        return joined(" ", (whole, say("{n} min", n=minutes))) if minutes else whole
    days, hours = divmod(hours, 24)
    whole = say("{n} d", n=days)
    return joined(" ", (whole, say("{n} h", n=hours))) if hours else whole


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.0f} %"


def file_size(size: int) -> str:
    if size < 1024:
        return f"{size} B"
    if size < 1024 * 1024:
        return f"{round(size / 1024)} KB"
    return f"{size / (1 << 20):.1f} MB" if size < 1 << 30 else f"{size / (1 << 30):.1f} GB"


def scan_label(scan: str) -> str:
    """Return what a row says of a file that the virus scanner has to do with; of a clean one nothing."""
    return _SCANS.get(scan, "")


def file_icon(category: str) -> str:
    return _FILE_ICONS.get(category, "file")


def initials(name: str) -> str:
    words = name.split()
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper() if words else "?"


def status_label(status: str) -> str:
    return FACES[Status(status)].label


def promise_label(promise: str, cycle: int = 1) -> str:
    """Return what a clock is called; later cycles have their number."""
    label = _PROMISES[Promise(promise)][0]
    return label if cycle == 1 else joined(" ", (label, str(cycle)))


def promise_within(promise: str, cycle: int = 1) -> str:
    """Return what a clock is called within a sentence."""
    word = _PROMISES[Promise(promise)][1]
    return word if cycle == 1 else joined(" ", (word, str(cycle)))


def tier_when(tier: Tier) -> str:
    """Return when a tier falls due."""
    when = tier.when
    promise = promise_within(when.clock) if when.clock else ""
    match when.kind:
        case WhenKind.SHARE:
            return say("{percent} % of the time until the {clock}", percent=when.percent, clock=promise)
        case WhenKind.OFFSET:
            minutes = when.minutes or 0
            if not minutes:
                return say("the {clock} is due", clock=promise)
            time = _minutes(abs(minutes))
            if minutes < 0:
                return say("{time} before the {clock} is due", time=time, clock=promise)
            return say("{time} after the {clock} is due", time=time, clock=promise)
        case WhenKind.STATUS:
            return say(
                "{time} in {status}",
                time=_minutes(when.minutes or 0),
                status=status_label(when.status or Status.NEW),
            )
        case WhenKind.MANUAL:
            return say("somebody escalates")


def tier_whom(tier: Tier, names: Mapping[int, str]) -> str:
    """Return whom a tier is for; ``names`` are of people."""
    if tier.whom.user_id is not None:
        return names.get(tier.whom.user_id, _SOMEBODY)
    return _TARGETS[tier.whom.kind]


def tier_does(actions: Iterable[str], tag: str | None = None, *, done: bool = False) -> list[str]:
    """Return what a tier does, or what it has done."""
    return [_tagged(tag, done) if action == "tag" else _ACTIONS[action][done] for action in actions]


def _tagged(tag: str | None, done: bool) -> str:
    return say("tagged {tag}", tag=tag) if done else say("tag {tag}", tag=tag)


def tier_cause(cause: str, tier: Tier, place: int) -> str:
    """Return why a tier fired."""
    if cause == "silence":
        return say("Nobody acknowledged tier {n}", n=place - 1)
    return begun(tier_when(tier)) if cause == "time" else say("Somebody escalated")


def _minutes(minutes: int) -> str:
    return duration(minutes * 60) if minutes else say("{n} min", n=0)


def factor_label(name: str) -> str:
    return _FACTORS[FactorName(name)][0]


def factor_word(name: str) -> str:
    return _FACTORS[FactorName(name)][1]


def preset_word(preset: str) -> str:
    return _PRESETS[Preset(preset)]


def priority_label(priority: str) -> str:
    return _PRIORITIES[Priority(priority)][0]


def priority_word(priority: str) -> str:
    """Return the priority within a sentence."""
    return _PRIORITIES[Priority(priority)][1]


def role_label(role: str) -> str:
    return _ROLES[Role(role)]


def clock_word(state: str) -> str:
    """Return how a clock stands, within a sentence."""
    return _CLOCKS.get(state, state.replace("_", " "))


def clock_label(state: str) -> str:
    return begun(clock_word(state))


def calendar_name(calendar: Calendar) -> str:
    return say("Around the clock") if calendar == ALWAYS else calendar.name


def decision_text(made: Mapping[str, Any]) -> str:
    """Return who was chosen and what for, or why nobody was, and what the occasion was."""
    winner = made["winner"]
    if winner:
        able = {each["agent"]["id"]: each["score"] for each in made["candidates"] if each["eligible"]}
        if able.get(winner["id"]) != max(able.values(), default=None):
            return say("{name} had it before it was reopened", name=winner["name"])
        said = say("{name} had the most points", name=winner["name"])
    elif made["policy"] == Preset.MANUAL:
        said = say("People choose here; the points are advice")
    else:
        said = say("Nobody was free")
    occasion = _OCCASIONS.get(made["trigger"])
    return say("{what} {occasion}", what=said, occasion=occasion) if occasion else said


def barred_label(reason: str) -> str:
    return _BARRED[BarredBy(reason)]


def exclusion_label(code: str) -> str:
    return _EXCLUSIONS.get(code, code.replace("_", " "))


def change_icon(type_: str) -> str:
    return _CHANGE_ICONS.get(type_, "pencil")


def change_text(change: Mapping[str, Any], names: Mapping[str, Mapping[int, str]]) -> str:
    """Return what a row of the history says; ``names`` has people and teams by id."""
    changes = change["changes"]
    match change["type"]:
        case "created":
            return say("opened the ticket")
        case "escalated":
            level = changes.get("escalation_level", {}).get("to", "")
            return say("escalated to level {level}", level=level) if level else say("escalated")
        case "file_deleted":
            return say("deleted a file")
    said = [_field_text(name, value, names) for name, value in changes.items()]
    return joined(", ", said) if said else say("changed the ticket")


def _field_text(name: str, value: Mapping[str, Any], names: Mapping[str, Mapping[int, str]]) -> str:
    before, after = value.get("from"), value.get("to")
    match name:
        case "status":
            now = status_label(str(after))
            if not before:
                return say("set {status}", status=now)
            return say("set {before} → {after}", before=status_label(str(before)), after=now)
        case "priority":
            return say(
                "set priority {before} → {after}",
                before=priority_word(str(before)) if before else before,
                after=priority_word(str(after)) if after else after,
            )
        case "assigned_to":
            if not after:
                return say("took the assignee off")
            return say("assigned {name}", name=names["people"].get(after, _SOMEBODY))
        case "team_id" | "team":
            if not after:
                return say("took it from its team")
            return say("gave it to {team}", team=names["teams"].get(after, _A_TEAM))
        case "tags" | "required_skills":
            return say("set {field} to {value}", field=_FIELDS[name], value=", ".join(after or ()) or _NONE)
        case "description":
            return say("changed the description")
        case "infected_file":
            return say("found a virus in {file}", file=after)
        case "sla":
            return say("clock: {state}", state=clock_word(str(after)))
    field = _FIELDS.get(name, name.replace("_", " "))
    if after in (None, ""):
        return say("cleared {field}", field=field)
    return say("set {field} to {value}", field=field, value=after)


# What values are called -----------------------------------------------------------------------------------------

_PRIORITIES_SAID: Final = {
    Priority.LOW: say("Low priority"),
    Priority.MEDIUM: say("Medium priority"),
    Priority.HIGH: say("High priority"),
    Priority.CRITICAL: say("Critical priority"),
}
_VERDICT_LABELS: Final = {
    "met": say("met"),
    "breached": say("breached"),
    "open": say("still open"),
    "none": say("no promise"),
}


def priority_said(priority: str) -> str:
    """Return the priority so that it says by itself what it is."""
    return _PRIORITIES_SAID[Priority(priority)]


def verdict_label(verdict: str) -> str:
    """Return how a promise ended, in the middle of a sentence."""
    return _VERDICT_LABELS[verdict]
