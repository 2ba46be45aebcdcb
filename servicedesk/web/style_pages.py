"""The style guide: each component in each of its states, made up for those who build the console."""

import re
from typing import Any, Final

from aiohttp import web

from servicedesk.domain.errors import NotFound
from servicedesk.domain.sla import State
from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import DAY, HOUR, MINUTE, Instant, iso
from servicedesk.web import charts, frame
from servicedesk.web.api import Call
from servicedesk.web.assets import ASSETS

Sample = dict[str, Any]

_MARA: Final[Sample] = {"id": 1, "name": "Mara Lind", "role": "agent", "status": "online"}
_TOM: Final[Sample] = {"id": 2, "name": "Tom Ash", "role": "customer", "status": "away"}
_LONG: Final = (
    "The printer of the second floor prints every page twice since the update of last night, and "
    "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverordnung.docx only from the middle onwards"
)
_UNTIL: Final = {"ok": 5 * HOUR, "at_risk": 20 * MINUTE, "breached": -2 * DAY}
"""How far off the target of a running clock is."""


async def page(call: Call) -> web.Response:
    """What the console is made of; there is no such page outside development."""
    if not call.settings.is_development:
        raise NotFound()
    assets = call.app[ASSETS]
    drawn = {
        "icons": re.findall(r'<symbol id="([^"]+)"', assets.find("icons.svg").body.decode()),
        "colours": re.findall(r"--([\w-]+): (?:light-dark\(|#)", assets.find("css/tokens.css").body.decode()),
    }
    return await frame.show(
        call,
        "styleguide.html",
        lambda conn: frame.choices(conn, call.actor),
        extra=drawn | samples(call.now),
    )


def samples(now: Instant) -> Sample:
    """Return what the components show, every moment seen from now."""
    return {
        "long": _LONG,
        "people": [{**_MARA, "id": n, "name": name} for n, name in enumerate(_NAMES)],
        "clocks": [_sla(state, now) for state in State],
        "rows": _rows(now),
        "messages": _messages(now),
        "gone": _file(9, "old-contract.pdf", deleted_by=_MARA, message_id=2),
        "loose": [_file(n, name, **more) for n, (name, more) in enumerate(_FILES)],
        "changes": _changes(now),
        "moments": [iso(now - before) for before in (0, 5 * MINUTE, 3 * HOUR, 6 * DAY, 300 * DAY)],
        "dues": [iso(now + after) for after in (3 * DAY, 2 * HOUR, 4 * MINUTE, -3 * MINUTE, -5 * DAY)],
        "bars": charts.shares([("Support", 12, "/"), (_LONG, 5, "/"), ("Nobody", 0, "/")]),
        "line": charts.line([3, 9, 4, 7], ["1 Mar", "2 Mar", "3 Mar", "4 Mar"]),
        "names": {"people": {1: "Mara Lind"}, "teams": {}},
    }


_NAMES: Final = ("Mara Lind", "Tom Ash", "Ida", "Bo van der Berg", "Øystein Åker", "李 明")
_FILES: Final[tuple[tuple[str, Sample], ...]] = (
    ("notes.txt", {}),
    ("screen.png", {"category": "image", "thumbnail_url": "/static/0/favicon.svg"}),
    ("waiting.zip", {"category": "archive", "scan": "pending"}),
    ("not-checked.log", {"category": "log", "scan": "error"}),
    ("invoice.exe", {"scan": "infected"}),
    (_LONG.rsplit(" ", 4)[0], {"category": "code", "is_internal": True}),
)


def _sla(state: str, now: Instant) -> Sample:
    left = _UNTIL.get(state)
    due = iso(now + left) if left is not None else None
    return {"state": str(state), "due_at": due, "due_what": "First answer"}


def _ticket(number: int, now: Instant, **more: Any) -> Sample:
    return {
        "id": number,
        "reference": f"#{number}",
        "title": "The printer prints twice",
        "description": "Since the update of **last night**, on `floor-2`.",
        "status": Status.OPEN,
        "priority": Priority.MEDIUM,
        "tags": [],
        "requester": _TOM,
        "assigned_to": _MARA,
        "created_at": iso(now - 2 * DAY),
        "updated_at": iso(now - HOUR),
        "resolved_at": None,
        "closed_at": None,
        "sla": _sla("ok", now),
        **more,
    }


def _rows(now: Instant) -> list[tuple[Sample, bool]]:
    """Return rows of a list and whether each is selected; the last but one is the ticket beside the list."""
    kinds: list[Sample] = [
        {},
        {"unread": True, "tags": ["vpn", "mail"], "sla": _sla("at_risk", now)},
        {"title": "Selected with X", "assigned_to": None, "status": Status.NEW},
        {"status": Status.RESOLVED, "sla": _sla("met", now), "priority": Priority.LOW},
        {"title": "Beside the list", "sla": _sla("breached", now), "priority": Priority.CRITICAL},
        {"title": _LONG, "tags": ["a-tag", "of-three", "and-more"], "requester": {"id": 3, "name": _LONG}},
    ]
    return [(_ticket(n + 1, now, **kind), n == 2) for n, kind in enumerate(kinds)]


def _message(number: int, author: Sample, body: str, now: Instant, **more: Any) -> Sample:
    return {
        "id": number,
        "author": author,
        "body": body,
        "is_internal": False,
        "created_at": iso(now - number * HOUR),
        "files": [],
        **more,
    }


def _messages(now: Instant) -> list[Sample]:
    return [
        _message(1, _TOM, "It still prints twice.\n\n- on paper\n- and in *colour*", now),
        _message(2, _MARA, f"Thank you. {_LONG}", now, files=[_file(8, "driver.zip", category="archive")]),
        _message(3, _MARA, "The driver is older than the printer.", now, is_internal=True),
    ]


def _file(number: int, name: str, **more: Any) -> Sample:
    return {
        "id": number,
        "filename": name,
        "size": 48_213,
        "category": "other",
        "is_internal": False,
        "uploaded_by": _MARA,
        "download_url": f"/files/{number}",
        **more,
    }


def _changes(now: Instant) -> list[Sample]:
    kinds: list[tuple[str, Sample, str | None]] = [
        ("created", {}, None),
        ("status", {"status": {"from": "open", "to": "on_hold"}}, "Waits for a part"),
        ("priority", {"priority": {"from": "low", "to": "high"}}, None),
        ("assigned", {"assigned_to": {"from": None, "to": 1}}, None),
        ("sla", {"sla": {"from": "ok", "to": "at_risk"}}, None),
        ("escalated", {"escalation_level": {"from": 0, "to": 1}}, None),
    ]
    return [
        {
            "seq": n,
            "type": kind,
            "changes": changes,
            "actor": _MARA if n % 2 else None,
            "reason": reason,
            "created_at": iso(now - n * HOUR),
        }
        for n, (kind, changes, reason) in enumerate(kinds)
    ]
