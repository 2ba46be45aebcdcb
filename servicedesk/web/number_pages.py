"""The page of numbers; each leads to its list."""

from datetime import date, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from servicedesk.desk import setup
from servicedesk.domain.errors import BadParameter
from servicedesk.domain.numbers import (
    Day,
    Numbers,
    NumbersQuery,
    Stretch,
    date_at,
    period_of,
    stretches,
    teams_of,
)
from servicedesk.domain.tickets import UNRESOLVED, Priority, Status
from servicedesk.domain.times import Instant, iso
from servicedesk.domain.words import say
from servicedesk.store import numbers as stored
from servicedesk.store.db import Connection
from servicedesk.web import charts, frame, wording
from servicedesk.web.api import Call
from servicedesk.web.frame import Content

_TICK: Final = 9
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
        team = asked.get("team", "")
        today = date_at(call.now, setup.time_zone(conn))
        return (
            frame.choices(conn, call.actor)
            | _drawn(found, days, team)
            | {"periods": _periods(days, today, team)}
        )

    return await frame.show(call, "numbers.html", read)


def _query(asked: dict[str, str]) -> NumbersQuery:
    """Return the question that the address asks. Raises BadParameter."""
    team = [asked["team"]] if "team" in asked else []
    try:
        return msgspec.convert({**asked, "team": team}, NumbersQuery)
    except msgspec.ValidationError as error:
        raise BadParameter("from", str(error)) from None


def _periods(days: list[Day], today: date, team: str) -> list[tuple[str, str, bool]]:
    """Return the usual periods until today: a name, an address, whether it is the one that is shown."""
    shown = (days[0].date, days[-1].date)
    found: list[tuple[str, str, bool]] = []
    for label, number in (
        (say("7 days"), 7),
        (say("30 days"), 30),
        (say("90 days"), 90),
        (say("12 months"), 365),
    ):
        first = today - timedelta(days=number - 1)
        asked = {"from": first.isoformat(), "to": today.isoformat()} | ({"team": team} if team else {})
        found.append((label, f"/numbers?{urlencode(asked)}", shown == (first, today)))
    return found


def _drawn(found: Numbers, days: list[Day], team: str) -> Content:
    parts = stretches(days, found.daily)
    labels = [wording.stretch(part.first, part.last) for part in parts]
    period = Address(team, days[0].start, days[-1].end)
    asked = {"from": days[0].date.isoformat(), "to": days[-1].date.isoformat()} | (
        {"team": team} if team else {}
    )
    # Below an axis there is no room for "27 Oct – 2 Nov 2026".
    ticks = [
        label if len(label) <= _TICK else wording.stretch(part.first, part.first)
        for part, label in zip(parts, labels, strict=True)
    ]
    daily = charts.columns([(part.created, part.resolved) for part in parts], ticks)
    backlog = charts.line([part.backlog for part in parts], ticks)
    points = zip(parts, labels, daily["days"], backlog["steps"], strict=True)
    return {
        "stats": found,
        "from_date": asked["from"],
        "to_date": asked["to"],
        "team": team,
        "csv_href": f"/api/tickets/stats?{urlencode(asked | {'format': 'csv'})}",
        "daily": daily,
        "backlog": backlog,
        "stretches": [_stretch(*point, team) for point in points],
        "tiles": _tiles(found, period),
        "times": [
            (say("the first answer"), found.first_response, period.happened("answered")),
            (say("it is resolved"), found.resolution, period.happened("resolved")),
        ],
        "created_href": period.happened("created"),
        "resolved_href": period.happened("resolved"),
        "verdict_hrefs": {verdict: period.happened("ended", sla=verdict) for verdict in ("met", "breached")},
        "bars": _bars(found, period),
    }


def _stretch(part: Stretch, label: str, column: charts.Drawing, step: charts.Drawing, team: str) -> Content:
    """Return what the charts and the table say of some days, with the list behind each number."""
    address = Address(team, part.start, part.end)
    return {
        "label": label,
        "column": column,
        "step": step,
        "created": (part.created, address.happened("created")),
        "resolved": (part.resolved, address.happened("resolved")),
        "backlog": (part.backlog, address.of(open_at=iso(part.end))),
    }


class Address(NamedTuple):
    """Where the lists behind the numbers of a team and a period are."""

    team: str
    start: Instant
    end: Instant

    def of(self, **filters: str) -> str:
        return "/?" + urlencode({"view": "all", **filters, **({"team": self.team} if self.team else {})})

    def happened(self, what: str, **filters: str) -> str:
        """Return the address of the tickets to which this happened in the period."""
        return self.of(**{f"{what}_after": iso(self.start), f"{what}_before": iso(self.end)}, **filters)


def _tiles(found: Numbers, period: Address) -> list[dict[str, Any]]:
    def tile(name: str, label: str, value: int, href: str) -> dict[str, Any]:
        return {"name": name, "label": label, "value": value, "href": href}

    return [
        tile("open", say("open now"), found.open, period.of(status=_OPEN)),
        tile(
            "unassigned",
            say("without an agent"),
            found.unassigned,
            period.of(status=_OPEN, assigned_to="none"),
        ),
        tile("overdue", say("overdue"), found.overdue, period.of(status=_OPEN, sla="breached")),
    ]


def _bars(found: Numbers, period: Address) -> list[dict[str, Any]]:
    agents = [(each.agent.name, str(each.agent.id), each) for each in found.by_agent]
    load = [(name, each.open, period.of(status=_OPEN, assigned_to=who)) for name, who, each in agents]
    solved = [
        (name, each.resolved, period.happened("resolved", assigned_to=who)) for name, who, each in agents
    ]
    priorities = [
        (wording.priority_label(p), found.by_priority.get(p, 0), period.of(status=_OPEN, priority=p))
        for p in reversed(Priority)
    ]
    statuses = [
        (wording.status_label(status), found.by_status.get(status, 0), period.of(status=status))
        for status in Status
    ]
    nothing = say("No ticket is with anybody.")
    return [
        {"title": say("Open tickets per agent"), "rows": charts.shares(load), "empty": nothing},
        {"title": say("Resolved per agent"), "rows": charts.shares(solved), "empty": nothing},
        {"title": say("Open by priority"), "rows": charts.shares(priorities)},
        {"title": say("All tickets by status"), "rows": charts.shares(statuses)},
    ]
