"""The pages of the console."""

from itertools import pairwise
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from servicedesk.desk import assignment, clocks, files, tiers
from servicedesk.desk import messages as conversation
from servicedesk.desk import tickets as desk
from servicedesk.domain import mentions, views, workflow
from servicedesk.domain.events import Action
from servicedesk.domain.people import User
from servicedesk.domain.tickets import Status, Ticket
from servicedesk.domain.times import Instant
from servicedesk.domain.words import joined, say
from servicedesk.store import (
    drafts,
    exclusions,
    history,
    messages,
    notifications,
    people,
    private_links,
    reading,
    tickets,
    watchers,
)
from servicedesk.store import escalation as stored_escalation
from servicedesk.store import files as stored_files
from servicedesk.store.db import Connection
from servicedesk.web import frame, queue, wording
from servicedesk.web.api import Call
from servicedesk.web.frame import Content
from servicedesk.web.queue import Look

MESSAGES: Final = 50
CAUGHT_UP: Final = 200
"""So many messages come at once when a page catches up."""
HISTORY: Final = 1000
STEPS: Final = 100
CATEGORIES: Final = 100


async def the_queue(call: Call) -> web.Response:
    """The list of a view; ``part=list`` is only what a live change replaces."""
    wanted = queue.look(call.peek(queue.views_for, call.actor), call.actor, call.request.query)
    template = {"list": "part_list.html", "rail": "part_list.html"}.get(_part(call), "queue.html")
    return await frame.show(
        call, template, lambda conn: _list(conn, call.actor, wanted, call.now), view=wanted.view.name
    )


async def ticket(call: Call) -> web.Response:
    """One ticket beside its list; ``part=ticket`` is what changed after a message."""
    wanted = queue.look(call.peek(queue.views_for, call.actor), call.actor, call.request.query)
    part = _part(call)
    if part in ("list", "rail"):
        return await frame.show(
            call,
            "part_list.html",
            lambda conn: _list(conn, call.actor, wanted, call.now, call.id),
            view=wanted.view.name,
        )
    after = _number(call, "after") if part == "ticket" else None

    def read(conn: Connection) -> Content:
        shown = _ticket(
            conn, call.actor, call.thing.id, call.now, after=after, before=_number(call, "before")
        )
        shown |= frame.choices(conn, call.actor)
        if part == "ticket":
            return shown | {"suffix": wanted.suffix}
        listed = _list(conn, call.actor, wanted, call.now, call.id)
        if shown["earlier"]:
            asked = dict(call.request.query) | {"before": shown["earlier"]}
            shown["earlier_href"] = f"{call.request.path}?{urlencode(asked)}"
        return listed | shown

    template = "part_ticket.html" if part == "ticket" else "ticket.html"
    return await frame.show(call, template, read, view=wanted.view.name, ticket_id=call.id)


async def new_ticket(call: Call) -> web.Response:
    """The form for a new ticket."""
    return await show_new_ticket(call, {})


async def show_new_ticket(
    call: Call,
    values: dict[str, Any],
    *,
    errors: dict[str, str] | None = None,
    refusal: str | None = None,
    status: int = 200,
) -> web.Response:
    """The form for a new ticket, with what was written and what is wrong with it."""
    extra = {"values": values, "errors": errors or {}, "refusal": refusal, "hide_new": True}

    def read(conn: Connection) -> Content:
        known = tickets.categories(conn, CATEGORIES) if call.actor.is_staff else []
        return frame.choices(conn, call.actor) | {"categories": known}

    return await frame.show(call, "new_ticket.html", read, extra=extra, status=status)


def _list(conn: Connection, actor: User, wanted: Look, now: Instant, open_id: int | None = None) -> Content:
    listed = queue.rows(conn, actor, wanted, now)
    view = wanted.view
    content = {
        **listed,
        "view_name": view.name,
        "view_label": view.label,
        "view_empty": {"icon": view.icon, "title": view.empty[0], "text": view.empty[1]},
        "filters": wanted.filters,
        "filtered": any(name != "sort" for name in wanted.filters),
        "suffix": wanted.suffix,
        "view_query": queue.query_string(wanted.query),
        "open_id": open_id,
        "sorts": queue.SORTS,
        "table_href": queue.table_href(wanted.query),
    }
    if listed["more"]:
        asked = {"view": view.name, **wanted.filters, "shown": wanted.shown + queue.STEP}
        content["next_href"] = f"/?{urlencode(asked)}"
    if open_id is None:
        return content | frame.choices(conn, actor)
    return content | _neighbours([row["id"] for row in listed["tickets"]], open_id, wanted.suffix)


def _neighbours(ids: list[int], here: int, suffix: str) -> Content:
    """Return the addresses of the tickets before and after this one in the list."""
    around: Content = {"prev_href": None, "next_ticket_href": None}
    for before, after in pairwise(ids):
        if after == here:
            around["prev_href"] = f"/tickets/{before}{suffix}"
        if before == here:
            around["next_ticket_href"] = f"/tickets/{after}{suffix}"
    if here not in ids and ids:
        around["next_ticket_href"] = f"/tickets/{ids[0]}{suffix}"
    return around


def _ticket(
    conn: Connection, actor: User, ticket_id: int, now: Instant, *, after: int | None, before: int | None
) -> Content:
    found = desk.seen(conn, ticket_id, actor)
    staff = actor.is_staff
    shown = queue.row(found, now, staff=staff) | {"description": found.description}
    body = desk.shown(conn, found, actor, now)
    talk = _messages(conn, ticket_id, staff, after=after, before=before)
    seen = reading.last_seen(conn, actor.id, ticket_id)
    changes = _history(conn, ticket_id, staff)
    made = assignment.decisions(conn, ticket_id, after=0, limit=HISTORY) if staff else []
    kept = drafts.of_ticket(conn, actor.id, ticket_id)
    attached = [msgspec.to_builtins(each) for each in files.of_ticket(conn, ticket_id, staff=staff)]
    return {
        "ticket": shown,
        "allowed": _moves(found, body.allowed_transitions or ()),
        "reply_allowed": found.status is not Status.CLOSED,
        **talk,
        "read_up_to": -1 if seen is None or notifications.has_unread(conn, actor.id, ticket_id) else seen,
        "first_unread": _first_unread(talk["messages"], seen, actor.id),
        **(_watching(conn, actor, ticket_id) if staff else {}),
        "callable": _callable(conn, talk["messages"]),
        "history": changes,
        "names": _names(conn, changes, staff),
        "decision": msgspec.to_builtins(made[-1][1]) if made else None,
        "barred": exclusions.of_ticket(conn, ticket_id) if staff else [],
        "drafts": {kind: body for kind, (body, _) in kept.items()},
        "draft_times": {kind: at for kind, (_, at) in kept.items()},
        "files": attached,
        "deleted_files": stored_files.deleted_of_ticket(conn, ticket_id, limit=HISTORY) if staff else [],
        **(_receipt(conn, found, now) if staff else {}),
        "escalations": _escalations(conn, ticket_id) if staff else [],
        "private_link": private_links.of_ticket(conn, ticket_id) if staff else None,
    }


def _messages(
    conn: Connection, ticket_id: int, staff: bool, *, after: int | None, before: int | None
) -> Content:
    """Return the latest messages, those before one, or those that came after one."""
    if after is not None:
        found = messages.page(conn, ticket_id, after=after, limit=CAUGHT_UP + 1, internal=staff)
        more, found = len(found) > CAUGHT_UP, found[:CAUGHT_UP]
        earlier = None
    else:
        found = messages.latest(conn, ticket_id, before=before, limit=MESSAGES + 1, internal=staff)
        more = False
        earlier = found[1].id if len(found) > MESSAGES else None
        found = found[-MESSAGES:]
    shown = [msgspec.to_builtins(message) for message in conversation.shown(conn, found, staff=staff)]
    return {"messages": shown, "more_messages": more, "earlier": earlier, "earlier_href": None}


def _watching(conn: Connection, actor: User, ticket_id: int) -> Content:
    found = watchers.of_ticket(conn, ticket_id)
    return {"watchers": found, "watching": any(person.id == actor.id for person in found)}


def _callable(conn: Connection, shown: list[dict[str, Any]]) -> frozenset[str]:
    """Return the names by which the messages may call somebody; they are looked up if one has an ``@``."""
    if not any("@" in message["body"] for message in shown):
        return frozenset()
    return frozenset(mentions.directory(people.colleagues(conn)))


def _first_unread(shown: list[dict[str, Any]], seen: int | None, me: int) -> int | None:
    if seen is None:
        return None
    return next((m["id"] for m in shown if m["id"] > seen and m["author"]["id"] != me), None)


def _history(conn: Connection, ticket_id: int, staff: bool) -> list[dict[str, Any]]:
    found = history.page(conn, ticket_id, after=0, limit=HISTORY, internal=staff)
    shown = [
        msgspec.to_builtins(views.change(change, staff=staff))
        for change in found
        if staff or change.type != Action.ESCALATED  # how urgent the desk takes it is its own affair
    ]
    for change in shown:
        if change["reason"] == desk.CLOSED_BY_ITSELF:  # the text can be said otherwise, its copy cannot
            change["reason"] = desk.CLOSED_BY_ITSELF
    return shown


def _names(conn: Connection, changes: list[dict[str, Any]], staff: bool) -> dict[str, dict[int, str]]:
    """Return what the people and teams are called whom the history names by id."""
    ids = {c["changes"]["assigned_to"]["to"] for c in changes if "assigned_to" in c["changes"]} - {None}
    teams = {team.id: team.name for team in people.teams(conn, limit=frame.PEOPLE_MOST)} if staff else {}
    return {"people": people.names(conn, ids), "teams": teams}


def _moves(found: Ticket, allowed: tuple[Status, ...]) -> list[dict[str, Any]]:
    return [
        {"name": str(to), "comment": workflow.Need.COMMENT in workflow.needs_of(found, to)} for to in allowed
    ]


def _receipt(conn: Connection, found: Ticket, now: Instant) -> Content:
    """Say how the clocks came to stand where they do: in a sentence, and clock by clock."""
    wound, policy = clocks.of_ticket(conn, found.id)
    receipt: dict[str, Any] = msgspec.to_builtins(views.receipt(found, wound, policy, now))
    if not receipt["clocks"]:
        return {"sla_receipt": receipt, "sla_explained": say("Nothing is promised for this ticket.")}
    for clock in receipt["clocks"]:
        clock["label"] = wording.promise_label(clock["name"], clock["cycle"])
    promised = joined(
        ", ",
        [
            say(
                "{clock} within {time}",
                clock=wording.promise_within(clock["name"], clock["cycle"]),
                time=wording.duration(clock["target_s"]),
            )
            for clock in receipt["clocks"]
        ],
    )
    paused = max(clock["paused_s"] for clock in receipt["clocks"])
    explained = say(
        "{policy}, {priority} priority: {promised}. {pauses}",
        policy=receipt["policy"],
        priority=wording.priority_word(found.priority),
        promised=promised,
        pauses=say("Pauses of {time} are left out.", time=wording.duration(paused))
        if paused
        else say("No pauses so far."),
    )
    return {"sla_receipt": receipt, "sla_explained": explained}


def _escalations(conn: Connection, ticket_id: int) -> list[dict[str, Any]]:
    """Return the tiers that fired for the ticket, the latest first, each with why and what it did."""
    steps = stored_escalation.steps(conn, ticket_id, limit=STEPS)
    shown = [
        msgspec.to_builtins(body)
        | {
            "why": wording.tier_cause(step.cause, step.record.tier, step.record.place),
            "did": wording.tier_does(step.record.done, step.record.tier.tag, done=True),
        }
        for step, body in zip(steps, tiers.shown(conn, steps), strict=True)
    ]
    return shown[::-1]


def _part(call: Call) -> str:
    return call.request.query.get("part", "")


def _number(call: Call, name: str) -> int | None:
    text = call.request.query.get(name, "")
    return int(text) if text.isdecimal() and len(text) <= 15 else None
