"""What the forms of the pages send. Each does what its call of the API does, and leads back to a page."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from aiohttp import hdrs, web
from multidict import MultiMapping

from servicedesk.desk import notifications as told
from servicedesk.desk import people as desk
from servicedesk.domain.assignment import FactorName
from servicedesk.domain.errors import CodeNeeded, Invalid, NotFound, RateLimited, Refused, WrongCode
from servicedesk.domain.people import Availability
from servicedesk.domain.tickets import BODY_MAX
from servicedesk.domain.words import begun, say
from servicedesk.store import drafts, reading, second_steps
from servicedesk.store.db import Tx
from servicedesk.web import (
    auth,
    decode,
    escalation,
    exclusions,
    files,
    messages,
    notifications,
    pages,
    people,
    people_pages,
    private_links,
    problems,
    sessions,
    setup,
    tickets,
    watchers,
    words,
)
from servicedesk.web.api import Call, identifier
from servicedesk.web.frame import KEYS_COOKIE, local

YEAR: Final = 31_536_000
_TOO_LATE: Final = say("That took too long, or too many codes were wrong. Please log in once more.")
_NOTHING_TYPED: Final = say("Type the code that your phone shows, or a recovery code.")

Values = dict[str, Any]


class Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody has begun to write; an empty text forgets it."""

    kind: Literal["reply", "note"]
    body: Annotated[str, msgspec.Meta(max_length=BODY_MAX)]


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last message that was on the screen for a while."""

    message_id: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


# Tickets ---------------------------------------------------------------------------------------------------------


async def create_ticket(call: Call) -> web.StreamResponse:
    """Open a ticket; what is wrong with it is said beside its fields."""
    fields = await auth.form_fields(call.request)
    values = _new_ticket(call, fields)
    try:
        made = await tickets.create(call, _body(values, tickets.NewTicket))
    except Refused as refusal:
        return await pages.show_new_ticket(
            call,
            dict(fields),
            errors=_by_field(refusal),
            refusal=None if isinstance(refusal, Invalid) else refusal.detail,
            status=problems.status_of(refusal),
        )
    raise web.HTTPSeeOther(f"/tickets/{made.id}")


def _new_ticket(call: Call, fields: MultiMapping[str]) -> Values:
    values: Values = {
        "title": fields.get("title", ""),
        "description": _lines(fields.get("description", "")),
        "priority": fields.get("priority") or "medium",
        "category": fields.get("category", "").strip() or None,
        "tags": _words(fields.get("tags", "")),
    }
    if not call.actor.is_staff:
        return {name: value for name, value in values.items() if value is not None}
    chosen = fields.get("assigned_to", "auto")
    values |= {
        "team_id": _id(fields.get("team_id", "")),
        "required_skills": _words(fields.get("required_skills", "")),
        "assigned_to": None if chosen == "auto" else _id(chosen),
        "auto_assign": chosen == "auto",
    }
    email, name = fields.get("requester_email", "").strip(), fields.get("requester_name", "").strip()
    if email or name:
        values["requester"] = {"email": email, "name": name or email}
    return values


async def post_message(call: Call) -> web.StreamResponse:
    """Send the reply, the note, or both: whichever was written."""
    fields = await auth.form_fields(call.request)
    for name, is_internal in (("reply", False), ("note", True)):
        text = _lines(fields.get(name, ""))
        if text.strip():
            await messages.post(call, _body({"body": text, "is_internal": is_internal}, messages.NewMessage))
            await call.write(drafts.put, call.actor.id, call.id, name, "", call.now)
    return _to_ticket(call)


async def move(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)
    comment = " ".join(text for text in fields.getall("comment", []) if text.strip())
    if not comment and not call.actor.is_staff:
        comment = private_links.by_requester(fields.get("status", ""))
    await tickets.move(
        call, _body({"status": fields.get("status"), "comment": comment or None}, tickets.Move)
    )
    return _to_ticket(call)


async def prioritise(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)
    await tickets.prioritise(call, _body({"priority": fields.get("priority")}, tickets.Prioritise))
    return _to_ticket(call)


async def assign(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)
    chosen = fields.get("assigned_to", "")
    values: Values = {"auto": True} if chosen == "auto" else {"assigned_to": _id(chosen)}
    await tickets.assign(call, _body(values, tickets.Assign))
    return _to_ticket(call)


async def exclude(call: Call) -> web.StreamResponse:
    """Let the desk choose those again who are not ticked any more."""
    fields = await auth.form_fields(call.request)
    user_ids = [identifier(text) for text in fields.getall("user_ids", [])]
    await exclusions.replace(call, _body({"user_ids": user_ids}, exclusions.Exclusions))
    return _to_ticket(call)


async def edit_details(call: Call) -> web.StreamResponse:
    """Change whichever plain fields the form has."""
    fields = await auth.form_fields(call.request)
    readers: dict[str, Callable[[str], Any]] = {
        "title": str,
        "description": _lines,
        "category": lambda text: text.strip() or None,
        "team_id": _id,
        "tags": _words,
        "required_skills": _words,
    }
    values = {name: read(fields[name]) for name, read in readers.items() if name in fields}
    await tickets.edit(call, _body(values, tickets.TicketPatch))
    return _to_ticket(call)


async def escalate(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)
    reason = " ".join(text for text in fields.getall("reason", []) if text.strip())
    await tickets.escalate(call, _body({"reason": reason}, tickets.Escalate))
    return _to_ticket(call)


async def acknowledge(call: Call) -> web.StreamResponse:
    """Say that somebody looks after the escalated ticket."""
    await auth.form_fields(call.request)
    await escalation.acknowledge(call)
    return _to_ticket(call)


async def watch(call: Call) -> web.StreamResponse:
    """Start or stop watching the ticket."""
    fields = await auth.form_fields(call.request)
    if fields.get("watches") == "no":
        await watchers.unwatch(call)
    else:
        await watchers.watch(call)
    return _to_ticket(call)


async def delete_file(call: Call) -> web.StreamResponse:
    await files.delete(call)
    raise web.HTTPSeeOther(f"/tickets/{call.thing.ticket_id}")


async def keep_draft(call: Call, body: Draft) -> None:
    await call.write(drafts.put, call.actor.id, call.id, body.kind, body.body, call.now)


async def read_notifications(call: Call) -> web.StreamResponse:
    """Mark as read what the page had shown."""
    fields = await auth.form_fields(call.request)
    up_to = _id(fields.get("up_to", ""))
    await notifications.read(call, _body({"up_to": up_to}, notifications.ReadUpTo))
    raise web.HTTPSeeOther("/notifications")


async def mark_notification(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)
    wanted = notifications.NotificationPatch(read=fields.get("read") != "no")
    await notifications.mark(call, wanted)
    raise web.HTTPSeeOther(
        f"/notifications{'?show=unread' if call.request.query.get('show') == 'unread' else ''}"
    )


async def mark_read(call: Call, body: Seen) -> None:
    """Note how far the person has read; what they were told of the ticket is read with it."""

    def job(tx: Tx) -> None:
        reading.mark(tx, call.actor.id, call.id, body.message_id)
        told.read_ticket(tx, call.id, by=call.actor, at=call.now)

    await call.write(job)


# Log-in ----------------------------------------------------------------------------------------------------------


async def log_in(call: Call) -> web.StreamResponse:
    """Open the browser's session and go where the person wanted to go."""
    fields = await auth.guest_form(call.request)
    email, back = fields.get("email", ""), local(fields.get("next"))
    response = web.Response(status=303, headers={hdrs.LOCATION: back})
    try:
        proven = await sessions.prove(call, email, fields.get("password", ""))
        if call.peek(second_steps.is_on, proven.user.id):
            return await people_pages.show_second_step(call, call.app[sessions.HALFWAY].note(proven), back)
        await sessions.start_session(call, response, proven, None)
    except Refused as refusal:
        status = problems.status_of(refusal)
        answer = await people_pages.show_login(call, email, back, refusal.detail, status=status)
        return _with_pause(call, answer, refusal)
    return response


async def log_in_second(call: Call) -> web.StreamResponse:
    """Take the code of somebody whose password was right, and open the browser's session."""
    fields = await auth.guest_form(call.request)
    halfway, back = fields.get("halfway", ""), local(fields.get("next"))
    proven = call.app[sessions.HALFWAY].attempt(halfway)
    if proven is None:
        return await people_pages.show_login(call, "", back, _TOO_LATE, status=401)
    response = web.Response(status=303, headers={hdrs.LOCATION: back})
    try:
        shown = await sessions.second_step(call, proven.user, fields.get("code", "")[: sessions.CODE_MAX])
        await sessions.start_session(call, response, proven, shown)
    except CodeNeeded:
        return await people_pages.show_second_step(call, halfway, back, _NOTHING_TYPED, status=401)
    except WrongCode as refusal:
        return await people_pages.show_second_step(call, halfway, back, refusal.detail, status=401)
    except Refused as refusal:
        status = problems.status_of(refusal)
        return _with_pause(
            call, await people_pages.show_login(call, "", back, refusal.detail, status=status), refusal
        )
    call.app[sessions.HALFWAY].done(halfway)
    return response


def _with_pause(call: Call, answer: web.Response, refusal: Refused) -> web.Response:
    """Return the page, which says to programs as well how long to wait."""
    if isinstance(refusal, RateLimited):
        problem = problems.answer(refusal, "", words.of_request(call.request))
        answer.headers[hdrs.RETRY_AFTER] = problem.headers[hdrs.RETRY_AFTER]
    return answer


async def set_up(call: Call) -> web.StreamResponse:
    """Make the first admin under the one-time link, and go on logged in."""
    fields = await auth.guest_form(call.request)
    response = web.Response(status=303, headers={hdrs.LOCATION: "/"})
    try:
        await setup.finish(call, response, dict(fields))
    except Invalid as refusal:
        shown = {name: text for name, text in fields.items() if name != "password"}
        return await people_pages.show_setup(call, shown, errors=_by_field(refusal), status=422)
    return response


async def log_out(call: Call) -> web.StreamResponse:
    response = web.Response(status=303, headers={hdrs.LOCATION: "/login"})
    await sessions.log_out(call, response)
    return response


# One's own things ------------------------------------------------------------------------------------------------


async def edit_me(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)
    change = {"name": fields.get("name", ""), "availability": fields.get("availability", "")}
    return await _settings(call, lambda: _edit_me(call, change), "saved")


async def change_password(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)
    values = {"current": fields.get("current", ""), "new": fields.get("new", "")}

    async def change() -> None:
        await sessions.change_password(call, _body(values, sessions.PasswordChange))

    return await _settings(call, change, "password")


async def make_token(call: Call) -> web.StreamResponse:
    """Make a token and show it, this once."""
    fields = await auth.form_fields(call.request)
    try:
        made = await sessions.create_token(call, _body({"name": fields.get("name", "")}, sessions.NewToken))
    except Refused as refusal:
        return await people_pages.show_settings(
            call, refusal=refusal.detail, status=problems.status_of(refusal)
        )
    return await people_pages.show_settings(call, fresh_token=str(made.token))


async def delete_token(call: Call) -> web.StreamResponse:
    await sessions.delete_token(call)
    raise web.HTTPSeeOther("/settings")


async def set_look(call: Call) -> web.StreamResponse:
    """Remember colours and keys in cookies: they belong to the browser, not to the person."""
    fields = await auth.form_fields(call.request)
    response = web.Response(status=303, headers={hdrs.LOCATION: "/settings?done=saved"})
    _put_theme(call, response, fields.get("theme", "system"))
    _remember(call, response, KEYS_COOKIE, "on" if fields.get("keys") else "off")
    return response


async def choose_words(call: Call) -> web.StreamResponse:
    """Remember in what language and time zone the person wants the console."""
    fields = await auth.form_fields(call.request)
    typed = {name: fields.get(name, "").strip() for name in ("language", "time_zone")}

    async def choose() -> None:
        chosen = _body(typed, people.OwnWords)
        await call.write(
            desk.choose_words,
            language=chosen.language or None,
            time_zone=chosen.time_zone or None,
            by=call.actor,
        )

    return await _settings(call, choose, "saved", typed)


async def set_theme(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)
    response = web.Response(status=303, headers={hdrs.LOCATION: local(fields.get("next"))})
    _put_theme(call, response, fields.get("theme", "system"))
    return response


async def set_availability(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)
    chosen = Availability.AWAY if fields.get("availability") == Availability.AWAY else Availability.AVAILABLE
    await _edit_me(call, {"availability": chosen})
    raise web.HTTPSeeOther(local(fields.get("next")))


# People and teams ------------------------------------------------------------------------------------------------


async def add_person(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)
    values: Values = {
        **{name: fields.get(name, "") for name in ("name", "email", "password", "role")},
        "skills": _words(fields.get("skills", "")),
        "team_ids": [team] if (team := _id(fields.get("team", ""))) else [],
    }
    try:
        await people.create(call, _body(values, people.NewPerson))
    except Refused as refusal:
        shown = {name: text for name, text in fields.items() if name != "password"}
        return await people_pages.show_people(
            call,
            values=shown,
            errors=_by_field(refusal),
            refusal=None if isinstance(refusal, Invalid) else refusal.detail,
            status=problems.status_of(refusal),
        )
    raise web.HTTPSeeOther("/people?done=added")


async def edit_person(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)
    values: Values = {
        name: fields[name] for name in ("name", "email", "role", "availability") if name in fields
    }
    if "max_tickets" in fields:
        values["max_tickets"] = int(fields["max_tickets"]) if fields["max_tickets"].isdecimal() else -1
    if "skills" in fields:
        values["skills"] = _words(fields["skills"])
    if "calendar_id" in fields:
        values["calendar_id"] = _id(fields["calendar_id"])
    if call.thing.is_staff:
        values["team_ids"] = [identifier(text) for text in fields.getall("team_ids", [])]
    if "role" in fields:
        values["is_active"] = "is_active" in fields

    async def change() -> None:
        await people.edit(call, _body(values, people.PersonPatch))

    return await _people(call, change, edited=call.thing.id)


async def add_team(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)

    async def add() -> None:
        await people.create_team(call, _body({"name": fields.get("name", "")}, people.NewTeam))

    return await _people(call, add)


async def edit_team(call: Call) -> web.StreamResponse:
    fields = await auth.form_fields(call.request)
    values: Values = {name: fields[name] for name in ("name", "assignment") if name in fields}
    references = ("lead_id", "sla_policy_id", "escalation_policy_id")
    values |= {name: _id(fields[name]) for name in references if name in fields}
    if "return_after_minutes" in fields:
        values["return_after_minutes"] = _count(fields["return_after_minutes"])
    if FactorName.SKILLS in fields:
        values["weights"] = _weights(fields)

    async def change() -> None:
        await people.edit_team(call, _body(values, people.TeamPatch))

    return await _people(call, change)


# Pieces ----------------------------------------------------------------------------------------------------------


def _body(values: Mapping[str, Any], into: type[Any]) -> Any:
    """Return the body that the API's call takes. Raises Invalid, naming every bad field."""
    return decode.body(msgspec.json.encode(values), into)


def _weights(fields: Mapping[str, str]) -> dict[str, int | None] | None:
    """Return what the factors count; nothing filled in follows the preset."""
    found = {str(name): _count(fields.get(name, "")) for name in FactorName}
    return None if all(each is None for each in found.values()) else found


def _count(text: str) -> int | None:
    """Return a number that may be left out; what is none is refused as -1."""
    text = text.strip()
    if not text:
        return None
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


def _by_field(refusal: Refused) -> dict[str, str]:
    """Return what is wrong by the name of the form's field."""
    if not isinstance(refusal, Invalid):
        return {}
    said = {}
    for error in refusal.errors:
        name = error.pointer.strip("/").replace("requester/", "requester_").split("/")[0]
        said[name] = begun(error.message)
    return said


async def _edit_me(call: Call, values: Values) -> None:
    wanted = _body(values, people.PersonPatch)
    change = desk.Edit(name=wanted.name, availability=wanted.availability)
    await call.write(desk.edit, call.actor.id, change, by=call.actor, at=call.now)


async def _settings(
    call: Call, act: Callable[[], Awaitable[None]], done: str, typed: Mapping[str, str] | None = None
) -> web.StreamResponse:
    try:
        await act()
    except Refused as refusal:
        return await people_pages.show_settings(
            call,
            refusal=refusal.detail,
            errors=_by_field(refusal),
            typed=typed,
            status=problems.status_of(refusal),
        )
    raise web.HTTPSeeOther(f"/settings?done={done}")


async def _people(
    call: Call, act: Callable[[], Awaitable[None]], edited: int | None = None
) -> web.StreamResponse:
    try:
        await act()
    except Refused as refusal:
        return await people_pages.show_people(
            call,
            edited=edited,
            edit_errors=_by_field(refusal) if edited is not None else None,
            refusal=refusal.detail,
            status=problems.status_of(refusal),
        )
    raise web.HTTPSeeOther("/people?done=saved")


def _to_ticket(call: Call) -> web.StreamResponse:
    query = f"?{call.request.query_string}" if call.request.query_string else ""
    raise web.HTTPSeeOther(f"/tickets/{call.id}{query}")


def _put_theme(call: Call, response: web.StreamResponse, theme: str) -> None:
    if theme in ("light", "dark"):
        _remember(call, response, "theme", theme)
    else:
        response.del_cookie("theme", path="/")


def _remember(call: Call, response: web.StreamResponse, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=YEAR, path="/", samesite="Lax", secure=call.settings.is_https)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _lines(text: str) -> str:
    """Return the text with the line breaks that were typed, not those that forms send."""
    return text.replace("\r\n", "\n")


def _id(text: str) -> int | None:
    """Return the id that was chosen, None for nothing. Raises NotFound for nonsense."""
    if not text:
        return None
    if not text.isdecimal():
        raise NotFound()
    return identifier(text)
