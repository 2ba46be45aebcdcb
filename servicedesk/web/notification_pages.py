"""The page of what a person was told."""

from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from servicedesk.domain.notifications import Kind, NotificationBody
from servicedesk.store import notifications
from servicedesk.store.db import Connection
from servicedesk.web import frame
from servicedesk.web.api import Call
from servicedesk.web.frame import Content

SHOWN: Final = 50

_SAID: Final = {
    Kind.ASSIGNED: "{who} gave you a ticket",
    Kind.RETURNED: "{who} gave a ticket back",
    Kind.MENTIONED: "{who} mentioned you",
    Kind.REPLIED: "{who} replied",
    Kind.NOTED: "{who} wrote a note",
    Kind.STATUS: "{who} set the status to {text}",
    Kind.REOPENED: "{who} reopened a ticket",
    Kind.ESCALATED: "{who} escalated a ticket",
    Kind.SLA_AT_RISK: "A target is at risk",
    Kind.SLA_BREACHED: "A target was missed",
}
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
    who = shown.actor.name if shown.actor else "The desk"
    anchor = f"#message-{shown.message_id}" if shown.message_id else ""
    plain: dict[str, Any] = msgspec.to_builtins(shown)
    return plain | {
        "said": _SAID[kind].format(who=who, text=shown.text),
        "said_more": "" if kind is Kind.STATUS else shown.text,
        "icon": _ICONS[kind],
        "hot": kind in (Kind.SLA_BREACHED, Kind.ESCALATED),
        "href": f"/tickets/{shown.ticket.id}{anchor}",
    }
