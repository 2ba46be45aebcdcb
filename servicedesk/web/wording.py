"""How values read on a page: moments, sizes, statuses, changes."""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final

from servicedesk.domain.assignment import BarredBy, FactorName
from servicedesk.domain.escalation import Target, Tier, WhenKind
from servicedesk.domain.people import Preset, Role
from servicedesk.domain.sla import State
from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import DAY, HOUR, MINUTE, SECOND, Instant, parse
from servicedesk.domain.words import say
from servicedesk.domain.workflow import FACES

STATUSES: Final = [(str(status), FACES[status].label) for status in Status]
PRIORITIES: Final = [(str(priority), priority.capitalize()) for priority in Priority]

MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"]
_FILE_ICONS: Final = {"image": "image", "archive": "archive", "code": "code", "log": "log"}
_SCANS: Final = {
    "pending": "being checked for viruses",
    "error": "could not be checked for viruses yet",
    "infected": "virus found",
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
    "first_response": "First answer",
    "next_response": "Next answer",
    "resolution": "Resolution",
}
_TARGETS: Final = {
    Target.ASSIGNEE: "the assignee",
    Target.LEAD: "the team's lead",
    Target.TEAM: "the team",
}
_ACTIONS: Final = {
    "notify": ("notify", "notified"),
    "raise_priority": ("raise the priority", "raised the priority"),
    "reassign": ("reassign", "reassigned"),
    "tag": ("tag", "tagged"),
}
_OCCASIONS: Final = {
    "requested": "when somebody asked",
    "became_free": "after it had waited",
    "returned": "after its agent had said nothing for too long",
    "reopened": "when it was reopened",
    "escalated": "when it was escalated",
}
_BARRED: Final = {
    BarredBy.RETURNED: "said nothing for too long",
    BarredBy.BY_HAND: "set by hand",
}
_EXCLUSIONS: Final = {
    "inactive": "deactivated",
    "away": "away",
    "at_capacity": "has as many tickets as they take",
    "missing_skill": "lacks a skill",
    "not_in_team": "not in the team",
    "outside_hours": "outside working hours",
    "excluded": "not to get this ticket",
}


def ago(at: Instant, now: Instant) -> str:
    """Return how long ago it was, short; beyond a month the day."""
    passed = now - at
    if passed < MINUTE:
        return "now"
    if passed < 30 * DAY:
        return span(passed)
    day = datetime.fromtimestamp(at / SECOND, UTC)
    return f"{day.day} {MONTHS[day.month - 1]}"


def span(length: int) -> str:
    """Return a length of time in its largest fitting unit."""
    if length < HOUR:
        return f"{max(1, length // MINUTE)} min"
    return f"{length // HOUR} h" if length < 2 * DAY else f"{length // DAY} d"


def due(at: Instant, now: Instant) -> str:
    """Return how much time is left; what is over has a minus."""
    return span(at - now) if at >= now else f"-{span(now - at)}"


def due_long(at: Instant, now: Instant) -> str:
    return f"{span(at - now)} left" if at >= now else f"{span(now - at)} late"


def full_time(at: Instant, zone: tzinfo) -> str:
    moment = datetime.fromtimestamp(at / SECOND, zone)
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M}"


def instant(text: str | Instant) -> Instant:
    return text if isinstance(text, int) else parse(text)


def stretch(first: date, last: date) -> str:
    """Return a day, or some days in a row, as short as they can be said."""
    if first == last:
        return f"{first.day} {MONTHS[first.month - 1]}"
    if (first.year, first.month) == (last.year, last.month):
        days = f"{first.day}–{last.day} " if (first.day, last.day) != (1, _last_day(last)) else ""
        return f"{days}{MONTHS[last.month - 1]} {last.year}"
    if (first.month, first.day, last.month, last.day) == (1, 1, 12, 31):
        return str(first.year)
    return f"{first.day} {MONTHS[first.month - 1]} – {last.day} {MONTHS[last.month - 1]} {last.year}"


def _last_day(of: date) -> int:
    return monthrange(of.year, of.month)[1]


def duration(seconds: float | None) -> str:
    """Return a length of time with its two largest units."""
    if seconds is None:
        return "–"
    if seconds < 30:
        return "< 1 min"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


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
    label = _PROMISES[promise]
    return label if cycle == 1 else f"{label} {cycle}"


def tier_when(tier: Tier) -> str:
    """Return when a tier falls due."""
    when = tier.when
    promise = promise_label(when.clock).lower() if when.clock else ""
    match when.kind:
        case WhenKind.SHARE:
            return f"{when.percent} % of the time until the {promise}"
        case WhenKind.OFFSET:
            minutes = when.minutes or 0
            side = "before" if minutes < 0 else "after"
            return (
                f"{_minutes(abs(minutes))} {side} the {promise} is due"
                if minutes
                else f"the {promise} is due"
            )
        case WhenKind.STATUS:
            return f"{_minutes(when.minutes or 0)} in {status_label(when.status or Status.NEW)}"
        case WhenKind.MANUAL:
            return "somebody escalates"


def tier_whom(tier: Tier, names: Mapping[int, str]) -> str:
    """Return whom a tier is for; ``names`` are of people."""
    if tier.whom.user_id is not None:
        return names.get(tier.whom.user_id, "somebody")
    return _TARGETS[tier.whom.kind]


def tier_does(actions: Iterable[str], tag: str | None = None, *, done: bool = False) -> list[str]:
    """Return what a tier does, or what it has done."""
    said = {action: _ACTIONS[action][done] for action in actions}
    return [f"{words} {tag}" if action == "tag" else words for action, words in said.items()]


def tier_cause(cause: str, tier: Tier, place: int) -> str:
    """Return why a tier fired."""
    if cause == "silence":
        return f"Nobody acknowledged tier {place - 1}"
    said = tier_when(tier) if cause == "time" else "Somebody escalated"
    return said[:1].upper() + said[1:]


def _minutes(minutes: int) -> str:
    return duration(minutes * 60) if minutes else "0 min"


def factor_label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def decision_text(made: Mapping[str, Any]) -> str:
    """Return who was chosen and what for, or why nobody was, and what the occasion was."""
    winner = made["winner"]
    if winner:
        able = {each["agent"]["id"]: each["score"] for each in made["candidates"] if each["eligible"]}
        if able.get(winner["id"]) != max(able.values(), default=None):
            return f"{winner['name']} had it before it was reopened"
        said = f"{winner['name']} had the most points"
    elif made["policy"] == Preset.MANUAL:
        said = "People choose here; the points are advice"
    else:
        said = "Nobody was free"
    occasion = _OCCASIONS.get(made["trigger"])
    return f"{said} {occasion}" if occasion else said


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
            return "opened the ticket"
        case "escalated":
            level = changes.get("escalation_level", {}).get("to", "")
            return f"escalated to level {level}" if level else "escalated"
        case "file_deleted":
            return "deleted a file"
    said = [_field_text(name, value, names) for name, value in changes.items()]
    return ", ".join(said) or "changed the ticket"


def _field_text(name: str, value: Mapping[str, Any], names: Mapping[str, Mapping[int, str]]) -> str:
    before, after = value.get("from"), value.get("to")
    match name:
        case "status":
            came_from = f"{status_label(str(before))} → " if before else ""
            return f"set {came_from}{status_label(str(after))}"
        case "priority":
            return f"set priority {before} → {after}"
        case "assigned_to":
            return f"assigned {names['people'].get(after, 'somebody')}" if after else "took the assignee off"
        case "team_id" | "team":
            return f"gave it to {names['teams'].get(after, 'a team')}" if after else "took it from its team"
        case "tags" | "required_skills":
            return f"set {name.replace('_', ' ')} to {', '.join(after or ()) or 'none'}"
        case "description":
            return "changed the description"
        case "infected_file":
            return f"found a virus in {after}"
        case "sla":
            return f"clock: {str(after).replace('_', ' ')}"
    field = name.replace("_", " ")
    return f"cleared {field}" if after in (None, "") else f"set {field} to {after}"


# What values are called -----------------------------------------------------------------------------------------

_PRIORITY_LABELS: Final = {
    Priority.LOW: say("Low"),
    Priority.MEDIUM: say("Medium"),
    Priority.HIGH: say("High"),
    Priority.CRITICAL: say("Critical"),
}
_PRIORITIES_SAID: Final = {
    Priority.LOW: say("Low priority"),
    Priority.MEDIUM: say("Medium priority"),
    Priority.HIGH: say("High priority"),
    Priority.CRITICAL: say("Critical priority"),
}
_ROLE_LABELS: Final = {
    Role.ADMIN: say("Admin"),
    Role.SUPERVISOR: say("Supervisor"),
    Role.AGENT: say("Agent"),
    Role.CUSTOMER: say("Customer"),
}
_SLA_LABELS: Final = {
    State.OK: say("In time"),
    State.AT_RISK: say("At risk"),
    State.BREACHED: say("Breached"),
    State.PAUSED: say("Paused"),
    State.MET: say("Met"),
    State.NONE: say("No target"),
}
_VERDICT_LABELS: Final = {
    "met": say("met"),
    "breached": say("breached"),
    "open": say("still open"),
    "none": say("no promise"),
}
_PRESET_LABELS: Final = {
    Preset.BALANCED: say("balanced"),
    Preset.ROUND_ROBIN: say("round robin"),
    Preset.SKILLS: say("by skills"),
    Preset.MANUAL: say("by hand"),
}
_FACTORS_SAID: Final = {
    FactorName.SPARE_CAPACITY: say("spare capacity"),
    FactorName.IDLE_TIME: say("idle time"),
    FactorName.SKILLS: say("skills"),
    FactorName.CONTINUITY: say("continuity"),
}


def priority_label(priority: str) -> str:
    return _PRIORITY_LABELS[Priority(priority)]


def priority_said(priority: str) -> str:
    """Return the priority so that it says by itself what it is."""
    return _PRIORITIES_SAID[Priority(priority)]


def role_label(role: str) -> str:
    return _ROLE_LABELS[Role(role)]


def sla_label(state: str) -> str:
    return _SLA_LABELS[State(state)]


def verdict_label(verdict: str) -> str:
    """Return how a promise ended, in the middle of a sentence."""
    return _VERDICT_LABELS[verdict]


def preset_label(preset: str) -> str:
    """Return how a team's tickets find their agent, in the middle of a sentence."""
    return _PRESET_LABELS[Preset(preset)]


def factor_said(name: str) -> str:
    """Return what earned points, in the middle of a sentence."""
    return _FACTORS_SAID[FactorName(name)]
