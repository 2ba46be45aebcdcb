"""What the console is made of: each component in each of its states. There is no such page outside development."""

import itertools
import re
from typing import Any, Final

from aiohttp import web

from servicedesk.domain.errors import NotFound
from servicedesk.domain.sla import State
from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import DAY, HOUR, MINUTE, Instant, iso
from servicedesk.web import frame
from servicedesk.web.api import Call
from servicedesk.web.assets import ASSETS
from servicedesk.web.frame import Content

_COLOUR: Final = re.compile(r"--([a-z0-9-]+): light-dark\(")
_MARA: Final = {"id": 1, "name": "Mara Lind", "role": "agent"}
_CARLA: Final = {"id": 8, "name": "Carla Weiss", "role": "customer"}
_LONG: Final = (
    "A title that goes on and on because somebody has put the whole of their story into it, from the first cable on"
)


async def page(call: Call) -> web.Response:
    """The style guide."""
    if not call.settings.is_development:
        raise NotFound()
    assets = call.app[ASSETS]
    extra: Content = {
        "icons": re.findall(r'<symbol id="([^"]+)"', assets.find("icons.svg").body.decode()),
        "colours": _COLOUR.findall(assets.find("css/tokens.css").body.decode()),
        "tickets": list(_tickets(call.now)),
        "clocks": [_sla(state, call.now) for state in State],
        "moments": [iso(call.now - ago) for ago in (0, 5 * MINUTE, 3 * HOUR, 4 * DAY, 90 * DAY)],
        "dues": [iso(call.now + left) for left in (20 * MINUTE, 5 * HOUR, 3 * DAY, -10 * MINUTE, -2 * DAY)],
        "entries": list(_entries(call.now)),
        "files": list(_files()),
        "gone": {"id": "gone", "filename": "salaries.xlsx", "deleted_by": _MARA},
        "changes": list(_changes(call.now)),
        "names": {"people": {1: "Mara Lind"}, "teams": {}},
        "bars": [{"href": "#charts", "label": label, "share": n, "value": n} for label, n in _BARS],
    }
    return await frame.show(call, "styleguide.html", lambda conn: frame.choices(conn, call.actor), extra=extra)


_BARS: Final = (("Mara Lind", 62), ("A colleague with a very long name indeed", 31), ("Nobody", 0))


def _tickets(now: Instant) -> Any:
    """Every status with every priority and state of the clock, so that each is there, and a few special ones."""
    states = itertools.cycle(State)
    for number, (status, priority) in enumerate(itertools.product(Status, Priority), start=1):
        yield _ticket(number, now, status=status, priority=priority, sla=_sla(next(states), now))
    yield _ticket(90, now, title="One that has something new", unread=True)
    yield _ticket(91, now, title=_LONG, tags=["vpn", "hardware", "a-rather-long-tag", "fourth"])
    yield _ticket(92, now, title="One that nobody has", assigned_to=None)


def _ticket(number: int, now: Instant, **fields: Any) -> dict[str, Any]:
    return {
        "id": number,
        "reference": f"TKT-{number:06}",
        "title": f"Ticket {number}",
        "status": Status.OPEN,
        "priority": Priority.MEDIUM,
        "requester": _CARLA,
        "assigned_to": _MARA,
        "updated_at": iso(now - number * 7 * MINUTE),
        "tags": [],
        "unread": False,
        "sla": _sla(State.OK, now),
        "resolved_at": None,
        "closed_at": None,
        **fields,
    }


def _sla(state: State, now: Instant) -> dict[str, Any]:
    late = state is State.BREACHED
    due = None if state in (State.NONE, State.MET, State.PAUSED) else iso(now + (-HOUR if late else 2 * HOUR))
    return {"state": str(state), "due_at": due, "due_what": "Resolution due"}


def _entries(now: Instant) -> Any:
    texts = (
        (_CARLA, False, "The printer **burns**. What now?\n\n```\nlp0 on fire\n```"),
        (_MARA, False, "Please leave the room. Somebody is on the way."),
        (_MARA, True, "It is the one on floor 4 again."),
    )
    for number, (author, is_internal, body) in enumerate(texts, start=1):
        yield {
            "id": number,
            "author": author,
            "is_internal": is_internal,
            "body": body,
            "created_at": iso(now - (60 - number) * MINUTE),
            "files": [],
        }


def _files() -> Any:
    kinds = (
        ("report.pdf", "document", "clean"),
        ("floor-4.png", "image", "pending"),
        ("a-name-that-is-far-too-long-for-the-place-it-has-to-stand-in.log", "log", "error"),
        ("free-money.zip", "archive", "infected"),
    )
    for filename, category, scan in kinds:
        yield {
            "id": filename.partition(".")[0],
            "filename": filename,
            "category": category,
            "scan": scan,
            "size": 45_000,
            "download_url": "#files",
            "is_internal": category == "log",
            "uploaded_by": _MARA,
        }


def _changes(now: Instant) -> Any:
    made: tuple[tuple[str, dict[str, Any], str | None], ...] = (
        ("created", {}, None),
        ("assigned", {"assigned_to": {"from": None, "to": 1}}, None),
        ("status", {"status": {"from": "open", "to": "on_hold"}}, "Waiting for a part"),
    )
    for seq, (kind, changes, reason) in enumerate(made, start=1):
        yield {
            "seq": seq,
            "type": kind,
            "changes": changes,
            "actor": _MARA,
            "reason": reason,
            "created_at": iso(now - (9 - seq) * HOUR),
        }
