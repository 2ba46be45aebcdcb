"""The page of numbers; each leads to its list."""

from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from servicedesk.desk import setup
from servicedesk.domain.errors import BadParameter
from servicedesk.domain.numbers import Day, Numbers, NumbersQuery, period_of, teams_of
from servicedesk.domain.tickets import UNRESOLVED, Priority, Status
from servicedesk.domain.times import iso
from servicedesk.store import numbers as stored
from servicedesk.store.db import Connection
from servicedesk.web import charts, frame, wording
from servicedesk.web.api import Call
from servicedesk.web.frame import Content

_OPEN: Final = ",".join(status for status in Status if status in UNRESOLVED)


async def page(call: Call) -> web.Response:
    """What is open now, and what happened in a period."""
    asked = {
        name: call.request.query[name] for name in ("from", "to", "team") if call.request.query.get(name)
    }

    def read(conn: Connection) -> Content:
        query = _query(asked)
        days = period_of(query, setup.time_zone(conn), call.now)
        found = stored.numbers(conn, teams_of(query), days, call.now)
        return frame.choices(conn, call.actor) | _drawn(found, days, asked.get("team", ""))

    return await frame.show(call, "numbers.html", read)


def _query(asked: dict[str, str]) -> NumbersQuery:
    """Return the question that the address asks. Raises BadParameter."""
    team = [asked["team"]] if "team" in asked else []
    try:
        return msgspec.convert({**asked, "team": team}, NumbersQuery)
    except msgspec.ValidationError as error:
        raise BadParameter("from", str(error)) from None


def _drawn(found: Numbers, days: list[Day], team: str) -> Content:
    labels = [f"{day.date.day} {wording.MONTHS[day.date.month - 1]}" for day in days]
    daily = charts.columns([(day.created, day.resolved) for day in found.daily], labels)
    for drawn, day, numbers in zip(daily["days"], days, found.daily, strict=True):
        drawn |= {"date": day.date, "created": numbers.created, "resolved": numbers.resolved}
        drawn["created_href"] = _list(team, created_after=iso(day.start), created_before=iso(day.end))
        drawn["resolved_href"] = _list(team, resolved_after=iso(day.start), resolved_before=iso(day.end))
    start, end = iso(days[0].start), iso(days[-1].end)
    return {
        "stats": found,
        "created_href": _list(team, created_after=start, created_before=end),
        "resolved_href": _list(team, resolved_after=start, resolved_before=end),
        "met_href": _list(team, ended_after=start, ended_before=end, sla="met"),
        "breached_href": _list(team, ended_after=start, ended_before=end, sla="breached"),
        "csv_href": _csv(days, team),
        "from_date": days[0].date.isoformat(),
        "to_date": days[-1].date.isoformat(),
        "team": team,
        "daily": daily,
        "backlog": charts.line([day.backlog for day in found.daily], labels),
        "tiles": _tiles(found, team),
        "bars": _bars(found, team),
    }


def _tiles(found: Numbers, team: str) -> list[dict[str, Any]]:
    def tile(name: str, label: str, value: int, **filters: str) -> dict[str, Any]:
        return {"name": name, "label": label, "value": value, "href": _list(team, **filters)}

    return [
        tile("open", "open now", found.open, status=_OPEN),
        tile("unassigned", "without an agent", found.unassigned, status=_OPEN, assigned_to="none"),
        tile("overdue", "overdue", found.overdue, status=_OPEN, sla="breached"),
    ]


def _bars(found: Numbers, team: str) -> list[dict[str, Any]]:
    agents = [
        (each.agent.name, each.open, _list(team, status=_OPEN, assigned_to=str(each.agent.id)))
        for each in found.by_agent
    ]
    priorities = [
        (
            priority.capitalize(),
            found.by_priority.get(priority, 0),
            _list(team, status=_OPEN, priority=priority),
        )
        for priority in reversed(Priority)
    ]
    statuses = [
        (wording.status_label(status), found.by_status.get(status, 0), _list(team, status=status))
        for status in Status
    ]
    nothing = "No ticket is open with anybody."
    return [
        {"title": "Open tickets per agent", "rows": charts.shares(agents), "empty": nothing},
        {"title": "Open by priority", "rows": charts.shares(priorities)},
        {"title": "All tickets by status", "rows": charts.shares(statuses)},
    ]


def _list(team: str, **filters: str) -> str:
    """Return the address of the list whose length the number is."""
    return "/?" + urlencode({"view": "all", **filters, **({"team": team} if team else {})})


def _csv(days: list[Day], team: str) -> str:
    period = {"from": days[0].date.isoformat(), "to": days[-1].date.isoformat()}
    return "/api/tickets/stats?" + urlencode({"format": "csv", **period, **({"team": team} if team else {})})
