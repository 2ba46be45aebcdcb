"""One's own second step at the log-in: set it up, renew its recovery codes, turn it off; and help for others."""

import secrets
from typing import Final

from aiohttp import web

from servicedesk.desk import second_steps as desk
from servicedesk.desk import setup
from servicedesk.domain import second_steps as rules
from servicedesk.domain.errors import Refused, WrongCode, WrongPassword, invalid
from servicedesk.domain.second_steps import Shown
from servicedesk.domain.times import iso
from servicedesk.domain.words import say
from servicedesk.store import second_steps as stored
from servicedesk.store.db import Connection
from servicedesk.store.second_steps import SecondStep
from servicedesk.web import auth, frame, problems, sessions
from servicedesk.web.api import SECOND_STEP, Call
from servicedesk.web.frame import Content
from servicedesk.web.settings_forms import lead_back

_DONE: Final = {"off": say("Your second step is turned off.")}
_GONE: Final = say("That took too long. Begin once more.")


async def page(call: Call) -> web.Response:
    """How one's second step stands."""
    return await _show(call)


async def begin(call: Call) -> web.StreamResponse:
    """Make a secret, once the password was typed: a session that somebody left open is not enough."""
    fields = await auth.form_fields(call.request)

    async def act() -> None:
        await sessions.hash_of_present(call, call.actor, fields.get("password", ""), WrongPassword())
        secret, nonce = secrets.token_bytes(rules.SECRET_BYTES), secrets.token_bytes(rules.NONCE_BYTES)
        sealed = rules.seal(call.settings.secret_key, call.actor.id, secret, nonce)
        await call.write(desk.begin, call.actor, sealed, call.now)

    return await lead_back(SECOND_STEP, act, lambda refusal: _refused(call, refusal))


async def confirm(call: Call) -> web.StreamResponse:
    """Turn it on with its first code, and show the recovery codes, this once."""
    fields = await auth.form_fields(call.request)
    found = call.peek(stored.of, call.actor.id)
    secret = _begun(call, found)
    if found is None or secret is None:
        return await _show(call, refusal=_GONE, status=409)
    number = rules.matching(secret, rules.plain(fields.get("code", "")), call.now, after=found.last_used)
    if number is None:
        return await _refused(call, WrongCode())
    codes = _new_codes()
    try:
        await call.write(
            desk.confirm,
            call.actor,
            found.sealed,
            number,
            [rules.recovery_hash(code) for code in codes],
            call.now,
            but=call.session_id,
        )
    except Refused as refusal:
        return await _refused(call, refusal)
    return await _show(call, codes=codes)


async def renew_codes(call: Call) -> web.StreamResponse:
    """Make new recovery codes, and show them this once."""
    fields = await auth.form_fields(call.request)
    codes = _new_codes()
    try:
        hashes = [rules.recovery_hash(code) for code in codes]
        await call.write(desk.renew_codes, call.actor, await _own(call, fields.get("code", "")), hashes)
    except Refused as refusal:
        return await _refused(call, refusal)
    return await _show(call, codes=codes)


async def turn_off(call: Call) -> web.StreamResponse:
    """Turn one's own second step off, with a code."""
    fields = await auth.form_fields(call.request)

    async def act() -> None:
        await call.write(desk.turn_off, call.actor, await _own(call, fields.get("code", "")))

    return await lead_back(f"{SECOND_STEP}?done=off", act, lambda refusal: _refused(call, refusal))


async def take_away(call: Call) -> web.StreamResponse:
    """Turn somebody's second step off, from the page of the people."""
    await auth.form_fields(call.request)
    await take_away_by_call(call)
    raise web.HTTPSeeOther("/people?done=second_step_off")


async def take_away_by_call(call: Call) -> None:
    """Turn somebody's second step off: they lost their phone and their recovery codes."""
    await call.write(desk.take_away, call.id, call.actor)


async def _own(call: Call, typed: str) -> Shown:
    """Return what the caller shows as their own second step. Raises WrongCode, Invalid without one."""
    shown = await sessions.second_step(call, call.actor, typed[: sessions.CODE_MAX] or " ")
    if shown is None:
        raise invalid("/code", say("you have no second step"))
    return shown


async def _refused(call: Call, refusal: Refused) -> web.Response:
    status = problems.status_of(refusal)
    # Who is logged in stays so: it is the code that is wrong, not the session.
    return await _show(call, refusal=refusal.detail, status=403 if status == 401 else status)


async def _show(
    call: Call, *, codes: list[str] | None = None, refusal: str | None = None, status: int = 200
) -> web.Response:
    must = call.caller is not None and call.caller.must_enrol and codes is None
    content: Content = {"codes": codes, "refusal": refusal, "must": must}
    content["done"] = _DONE.get(call.request.query.get("done", ""))

    def read(conn: Connection) -> Content:
        found = stored.of(conn, call.actor.id)
        secret = _begun(call, found)
        shown: Content = {"picture": None}
        if secret is not None:
            account, name = call.actor.email, setup.desk_name(conn)
            shown = {
                "picture": _picture(rules.address(secret, account, name)),
                "spelled": rules.spelled(secret),
                "address": rules.address(secret, account, name),
            }
        on = found is not None and found.confirmed_at is not None
        return shown | {
            "since": iso(found.confirmed_at) if found and found.confirmed_at is not None else None,
            "is_on": on,
            "codes_left": stored.codes_left(conn, call.actor.id) if on else 0,
        }

    if must:  # nothing of the desk is shown around it
        content |= await call.read(read) | {"csrf_token": call.caller.csrf_token if call.caller else ""}
        return await frame.show_alone(call, "second_step_alone.html", content, status=status)
    return await frame.show(call, "second_step.html", read, extra=content, status=status)


def _begun(call: Call, found: SecondStep | None) -> bytes | None:
    """Return the secret that waits for its first code, None without one or when it has waited too long."""
    if found is None or found.is_on or call.now >= found.begun_at + rules.BEGUN_LASTS:
        return None
    return rules.opened(call.settings.secret_key, call.actor.id, found.sealed)


def _new_codes() -> list[str]:
    return [
        rules.recovery_code(secrets.token_bytes(rules.RECOVERY_BYTES)) for _ in range(rules.RECOVERY_CODES)
    ]


def _picture(text: str) -> str:
    """Return the text as a picture for phones, black on white whatever the colours of the page."""
    import segno

    drawn = segno.make(text, error="m", micro=False)
    return drawn.svg_data_uri(scale=4, border=4, dark="#000", light="#fff")
