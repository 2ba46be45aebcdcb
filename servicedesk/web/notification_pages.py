"""The page of what a person was told."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from servicedesk.domain.notifications import Kind, NotificationBody
from servicedesk.domain.words import say
from servicedesk.store import notifications
from servicedesk.store.db import Connection
from servicedesk.web import frame, wording
from servicedesk.web.api import Call
from servicedesk.web.frame import Content

SHOWN: Final = 50

_SAID: Final[dict[Kind, Callable[[str, str], str]]] = {
    Kind.ASSIGNED: lambda who, _: say("{who} gave you a ticket", who=who),
    Kind.RETURNED: lambda who, _: say("{who} gave a ticket back", who=who),
    Kind.MENTIONED: lambda who, _: say("{who} mentioned you", who=who),
    Kind.REPLIED: lambda who, _: say("{who} replied", who=who),
    Kind.NOTED: lambda who, _: say("{who} wrote a note", who=who),
    Kind.STATUS: lambda who, status: say("{who} set the status to {status}", who=who, status=_status(status)),
    Kind.REOPENED: lambda who, _: say("{who} reopened a ticket", who=who),
    Kind.ESCALATED: lambda who, _: say("{who} escalated a ticket", who=who),
    Kind.SLA_AT_RISK: lambda *_: say("A target is at risk"),
    Kind.SLA_BREACHED: lambda *_: say("A target was missed"),
}
_STATUSES: Final = {str(label): label for _, label in wording.STATUSES}
_ICONS: Final = {
    Kind.ASSIGNED: "user",
    Kind.RETURNED: "undo",
    Kind.MENTIONED: "people",
    Kind.REPLIED: "reply",
    Kind.NOTED: "lock",
    Kind.STATUS: "check",
    Kind.REOPENED: "retry",
    Kind.ESCALATED: "escalate",
    Kind.SLA_AT_RISK: "clock",
    Kind.SLA_BREACHED: "alert",
}


def _status(label: str) -> str:
    """Return the status that a notification has under its English name."""
    return _STATUSES.get(label, label)


async def page(call: Call) -> web.Response:
    """The caller's notifications, newest first; ``show=unread`` leaves out the others."""
    query = call.request.query
    unread = query.get("show") == "unread"
    before = query.get("before", "")
    place = int(before) if before.isdecimal() and len(before) <= 15 else None

    def read(conn: Connection) -> Content:
        found = notifications.page(conn, call.actor.id, before=place, limit=SHOWN + 1, unread=unread)
        more = len(found) > SHOWN
        kept = found[:SHOWN]
        asked = {"before": kept[-1].id if kept else 0} | ({"show": "unread"} if unread else {})
        return {
            "notifications": [_row(each) for each in kept],
            "latest": kept[0].id if kept and place is None else None,
            "only_unread": unread,
            "next_href": f"/notifications?{urlencode(asked)}" if more else None,
        }

    return await frame.show(call, "notifications.html", read)


def _row(shown: NotificationBody) -> dict[str, Any]:
    """Return what the page says of a notification, and where it leads."""
    kind = shown.kind
    who = shown.actor.name if shown.actor else say("The desk")
    anchor = f"#message-{shown.message_id}" if shown.message_id else ""
    plain: dict[str, Any] = msgspec.to_builtins(shown)
    return plain | {
        "said": _SAID[kind](who, shown.text),
        "said_more": ""
        if kind is Kind.STATUS
        else _status(shown.text)
        if kind is Kind.REOPENED
        else shown.text,
        "icon": _ICONS[kind],
        "hot": kind in (Kind.SLA_BREACHED, Kind.ESCALATED),
        "href": f"/tickets/{shown.ticket.id}{anchor}",
    }
