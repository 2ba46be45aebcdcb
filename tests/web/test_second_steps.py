"""The second step of a log-in, as people set it up and use it, and what it keeps out."""

import asyncio
import re
import subprocess
from base64 import b32decode
from pathlib import Path

import pytest

from servicedesk.domain import second_steps as rules
from servicedesk.domain.people import Role
from servicedesk.domain.times import MINUTE, SECOND
from servicedesk.store import second_steps as stored
from servicedesk.store.db import Tx
from servicedesk.store.sessions import Kind
from tests.programs import run
from tests.served import Answer, Client, Desk
from tests.web.guests import PASSWORD, Guest, again, log_in, member, opens
from tests.web.sockets import connect
from tests.web.test_auth import LOGIN, Visitor
from tests.web.test_live_access import within_a_second
from tests.web.test_people_pages import sent

HERE = "/settings/second-step"
KEY = b"12345678901234567890"


class Phone:
    """What somebody has in their hand."""

    def __init__(self, desk: Desk, secret: bytes = KEY) -> None:
        self.desk = desk
        self.secret = secret

    @property
    def code(self) -> str:
        return rules.code_of(self.secret, rules.half_minute(self.desk.clock()))


async def with_second_step(desk: Desk, person: Client, *codes: str) -> Phone:
    """Let somebody have a second step, and perhaps recovery codes."""
    sealed = rules.seal(desk.settings.secret_key, person.id, KEY, b"n" * 16)

    def put(tx: Tx) -> None:
        stored.begin(tx, person.id, sealed, desk.clock())
        stored.confirm(tx, person.id, sealed, 0, desk.clock())
        stored.replace_codes(tx, person.id, map(rules.recovery_hash, codes))

    await desk.db.write(put)
    return Phone(desk)


@pytest.fixture
async def ada(desk: Desk) -> Client:
    return await member(desk, "ada@example.org", Role.ADMIN)


async def audited(desk: Desk, path: str = "/settings/audit") -> str:
    answer = await (await desk.admin()).get(path)
    return str(answer.body.decode())


async def with_code(desk: Desk, code: str | None) -> Answer:
    return await Guest(desk).post("/api/auth/login", {**LOGIN, "code": code})


def text(answer: Answer) -> str:
    return str(answer.body.decode())


# Setting it up ---------------------------------------------------------------------------------------------------


async def test_somebody_sets_it_up_and_logs_in_with_it_from_then_on(desk: Desk, ada: Client) -> None:
    other = await again(desk, ada)
    begun = await sent(ada, HERE, password=PASSWORD)
    page = text(await ada.get(HERE))
    key = re.search(r'class="spelled">([A-Z2-7 ]+)<', page)
    assert (begun.status, begun.headers["Location"]) == (303, HERE)
    assert key is not None
    phone = Phone(desk, b32decode(key[1].replace(" ", "")))
    assert 'src="data:image/svg+xml;' in page
    assert (await log_in(desk, "ada@example.org")).status == 200, "it is not on before its first code"

    shown = await sent(ada, f"{HERE}/confirm", code=phone.code)

    codes = re.findall(r"<li><code>([a-z2-7-]+)</code></li>", text(shown))
    assert shown.status == 200
    assert len(set(codes)) == rules.RECOVERY_CODES
    assert (await log_in(desk, "ada@example.org")).code == "code_needed"
    assert not await opens(desk, other.token), "who was logged in with the password alone is logged out"
    assert await opens(desk, ada.token)
    desk.clock.advance(30 * SECOND)
    assert (await with_code(desk, phone.code)).status == 200
    assert (await with_code(desk, codes[3])).status == 200
    again_ = text(await ada.get(HERE))
    assert "9 recovery codes are left." in again_
    assert codes[0] not in again_


async def test_a_session_that_was_left_open_is_not_enough_to_set_it_up(desk: Desk, ada: Client) -> None:
    for password in ("", "another long one"):
        refused = await sent(ada, HERE, password=password)
        assert refused.status == 403
        assert "The present password is wrong." in text(refused)

    assert "data:image" not in text(await ada.get(HERE))


async def test_it_is_not_turned_on_by_a_wrong_code_nor_after_a_quarter_of_an_hour(
    desk: Desk, ada: Client
) -> None:
    await sent(ada, HERE, password=PASSWORD)

    for code in ("", "000000", "abc", "\ud7ff"):
        assert (await sent(ada, f"{HERE}/confirm", code=code)).status == 403
    desk.clock.advance(15 * MINUTE)
    late = await sent(ada, f"{HERE}/confirm", code="000000")

    assert late.status == 409
    assert "That took too long." in text(late)
    assert "data:image" not in text(await ada.get(HERE))
    assert (await log_in(desk, "ada@example.org")).status == 200


async def test_what_is_on_is_not_set_up_a_second_time(desk: Desk, ada: Client) -> None:
    await with_second_step(desk, ada)

    assert (await sent(ada, HERE, password=PASSWORD)).status == 409
    assert (await sent(ada, f"{HERE}/confirm", code="000000")).status == 409


async def test_the_secret_is_not_in_the_database_as_it_is(desk: Desk, ada: Client) -> None:
    await with_second_step(desk, ada)

    found = desk.db.peek(stored.of, ada.id)
    assert found is not None
    assert KEY not in found.sealed


# Logging in ------------------------------------------------------------------------------------------------------


async def test_a_program_sends_the_code_along(desk: Desk, ada: Client) -> None:
    phone = await with_second_step(desk, ada)

    assert (await with_code(desk, None)).code == "code_needed"
    assert (await with_code(desk, "")).code == "code_needed"
    wrong = await with_code(desk, "000000")
    right = await with_code(desk, f" {phone.code[:3]} {phone.code[3:]} ")

    assert (wrong.status, wrong.code) == (401, "wrong_code")
    assert right.status == 200
    assert await opens(desk, right.body["token"])


async def test_a_wrong_password_says_nothing_of_a_second_step(desk: Desk, ada: Client) -> None:
    phone = await with_second_step(desk, ada)
    body = {"email": "ada@example.org", "password": "another long one", "code": phone.code}

    answer = await Guest(desk).post("/api/auth/login", body)

    assert (answer.status, answer.code) == (401, "bad_credentials")


async def test_a_code_opens_the_door_once(desk: Desk, ada: Client) -> None:
    phone = await with_second_step(desk, ada)
    code = phone.code

    first, second = await with_code(desk, code), await with_code(desk, code)
    desk.clock.advance(30 * SECOND)
    late = await with_code(desk, code)

    assert [first.status, second.status, late.status] == [200, 401, 401]
    assert (await with_code(desk, phone.code)).status == 200


async def test_a_recovery_code_opens_the_door_once(desk: Desk, ada: Client) -> None:
    await with_second_step(desk, ada, "aaaaaa-bbbbbb-cccccc-dddddd", "other")

    first = await with_code(desk, "AAAAAA bbbbbb cccccc dddddd")
    second = await with_code(desk, "aaaaaa-bbbbbb-cccccc-dddddd")

    assert [first.status, second.status] == [200, 401]
    assert "a recovery code; 1 is left" in await audited(desk)


async def test_wrong_codes_are_throttled_and_written_down(desk: Desk, ada: Client) -> None:
    phone = await with_second_step(desk, ada)

    statuses = [(await with_code(desk, "000000")).status for _ in range(21)]

    assert statuses == [401] * 20 + [429]
    assert (await with_code(desk, phone.code)).status == 429, "a right guess is not looked at either"
    assert "gave the right password of Ada and a wrong code" in await audited(
        desk, "/settings/audit?area=log_in"
    )
    desk.clock.advance(15 * MINUTE + 30 * SECOND)
    assert (await with_code(desk, phone.code)).status == 200


async def test_a_browser_is_asked_for_the_code_on_a_page_of_its_own(desk: Desk, ada: Client) -> None:
    phone = await with_second_step(desk, ada)
    visitor = Visitor(desk)
    token = await visitor.token("/login")

    asked = await visitor.send("/login", **LOGIN, csrf_token=token, next="/search")
    halfway = re.search(r'name="halfway" value="([^"]+)"', text(asked))
    assert halfway is not None
    fields = {"csrf_token": token, "halfway": halfway[1], "next": "/search"}
    assert asked.status == 200
    assert 'autocomplete="one-time-code"' in text(asked)
    assert "servicedesk" not in visitor.cookies
    empty = await visitor.send("/login/second", **fields, code="")
    wrong = await visitor.send("/login/second", **fields, code="000000")
    assert (empty.status, wrong.status) == (401, 401)
    assert "servicedesk" not in visitor.cookies
    right = await visitor.send("/login/second", **fields, code=phone.code)

    assert (right.status, right.headers["Location"]) == (303, "/search")
    assert (await visitor.get("/api/auth/me")).status == 200
    assert (await visitor.send("/login/second", **fields, code=phone.code)).status == 401


async def test_halfway_in_is_five_minutes_and_five_codes_and_no_session(desk: Desk, ada: Client) -> None:
    phone = await with_second_step(desk, ada)
    visitor = Visitor(desk)
    token = await visitor.token("/login")

    for spent in ("time", "tries"):
        asked = await visitor.send("/login", **LOGIN, csrf_token=token)
        halfway = re.search(r'name="halfway" value="([^"]+)"', text(asked))
        assert halfway is not None
        fields = {"csrf_token": token, "halfway": halfway[1]}
        if spent == "time":
            desk.clock.advance(5 * MINUTE)
        else:
            for _ in range(5):
                await visitor.send("/login/second", **fields, code="000000")
        over = await visitor.send("/login/second", **fields, code=phone.code)
        assert over.status == 401
        assert "Please log in once more." in text(over)
        assert "servicedesk" not in visitor.cookies
        assert (
            await Guest(desk).get("/api/auth/me", headers={"Authorization": f"Bearer {halfway[1]}"})
        ).status == 401


async def test_the_second_form_comes_from_our_own_page(desk: Desk, ada: Client) -> None:
    await with_second_step(desk, ada)

    assert (await Guest(desk).call("POST", "/login/second", data={"halfway": "x", "code": "1"})).status == 403


async def test_tokens_of_programs_need_no_second_step(desk: Desk, ada: Client) -> None:
    program = await again(desk, ada, Kind.TOKEN)

    await with_second_step(desk, ada)

    assert (await program.get("/api/tickets/")).status == 200


async def test_with_another_secret_key_recovery_codes_still_open_the_door(desk: Desk, ada: Client) -> None:
    sealed = rules.seal("x" * 32, ada.id, KEY, b"n" * 16)
    await with_second_step(desk, ada, "spare")
    await desk.db.write(lambda tx: tx.execute("UPDATE second_steps SET sealed = ?", (sealed,)) and None)

    assert (await with_code(desk, Phone(desk).code)).status == 401
    assert (await with_code(desk, "spare")).status == 200


# Turning it off --------------------------------------------------------------------------------------------------


async def test_it_is_turned_off_and_codes_are_renewed_with_a_code_alone(desk: Desk, ada: Client) -> None:
    phone = await with_second_step(desk, ada, "old")
    for action in ("codes", "off"):
        for code in ("", "000000"):
            assert (await sent(ada, f"{HERE}/{action}", code=code)).status == 403

    renewed = await sent(ada, f"{HERE}/codes", code=phone.code)
    fresh = re.findall(r"<li><code>([a-z2-7-]+)</code></li>", text(renewed))
    assert (await with_code(desk, "old")).status == 401
    desk.clock.advance(30 * SECOND)
    off = await sent(ada, f"{HERE}/off", code=fresh[0])

    assert (off.status, off.headers["Location"]) == (303, f"{HERE}?done=off")
    assert (await log_in(desk, "ada@example.org")).status == 200
    found = await audited(desk, "/settings/audit?area=keys")
    assert "made new recovery codes" in found
    assert "turned off their second step" in found


async def test_an_admin_turns_it_off_for_somebody_who_lost_everything(desk: Desk, ada: Client) -> None:
    mara = await member(desk, "mara@example.org")
    await with_second_step(desk, mara, "spare")
    assert "Second step of Mara" in text(await ada.get(f"/people?edit={mara.id}"))

    done = await sent(ada, f"/people/{mara.id}/second-step/off")

    assert (done.status, done.headers["Location"]) == (303, "/people?done=second_step_off")
    assert (await log_in(desk, "mara@example.org")).status == 200
    assert "turned off the second step of Mara" in await audited(desk, "/settings/audit?area=keys")
    assert (await ada.delete(f"/api/users/{mara.id}/second-step")).status == 409
    await with_second_step(desk, mara)
    assert (await ada.delete(f"/api/users/{mara.id}/second-step")).status == 204


async def test_nobody_takes_their_own_away_like_that_nor_does_anybody_but_admins(
    desk: Desk, ada: Client
) -> None:
    await with_second_step(desk, ada)
    for role in (Role.SUPERVISOR, Role.AGENT, Role.CUSTOMER):
        somebody = await desk.person(role)
        assert (await somebody.delete(f"/api/users/{ada.id}/second-step")).status in (403, 404)

    assert (await ada.delete(f"/api/users/{ada.id}/second-step")).status == 409
    assert desk.db.peek(stored.is_on, ada.id)


# Roles that need one ---------------------------------------------------------------------------------------------


async def demand(admin: Client, *roles: str) -> None:
    fields = [("desk_name", "Desk"), ("time_zone", "UTC"), *(("second_step", role) for role in roles)]
    answer = await admin.call("POST", "/settings/desk", data=fields)
    assert answer.status == 303, text(answer)


async def test_whoever_has_a_role_that_needs_one_gets_nowhere_else_first(desk: Desk, ada: Client) -> None:
    mara = await member(desk, "mara@example.org")
    program, customer = (
        await again(desk, mara, Kind.TOKEN),
        await member(desk, "nora@example.org", Role.CUSTOMER),
    )
    await demand(await again(desk, ada, Kind.TOKEN), "agent", "supervisor")

    for path in ("/", "/settings", "/search", "/people"):
        answer = await mara.get(path)
        assert (answer.status, answer.headers["Location"]) == (303, HERE)
    assert (await mara.get("/api/tickets/")).code == "second_step_needed"
    assert (await mara.post("/api/auth/ws-ticket")).code == "second_step_needed"
    assert (await mara.get("/api/auth/me")).status == 200
    page = text(await mara.get(HERE))
    assert "Your role needs a second step" in page
    assert "/tickets" not in page
    assert (await program.get("/api/tickets/")).status == 200
    assert (await customer.get("/api/tickets/")).status == 200
    assert (await ada.get("/api/tickets/")).status == 200

    await sent(mara, HERE, password=PASSWORD)
    key = re.search(r'class="spelled">([A-Z2-7 ]+)<', text(await mara.get(HERE)))
    assert key is not None
    phone = Phone(desk, b32decode(key[1].replace(" ", "")))
    await sent(mara, f"{HERE}/confirm", code=phone.code)

    assert (await mara.get("/")).status == 200
    assert (await mara.get("/api/tickets/")).status == 200


async def test_no_socket_opens_before_the_second_step_that_is_needed(desk: Desk, ada: Client) -> None:
    mara = await member(desk, "mara@example.org")
    await demand(await again(desk, ada, Kind.TOKEN), "agent")

    with pytest.raises(Exception, match="403"):
        await connect(mara)


async def test_an_admin_sees_what_is_demanded_and_the_list_keeps_it(desk: Desk, ada: Client) -> None:
    program = await again(desk, ada, Kind.TOKEN)

    await demand(program, "admin", "agent")

    page = text(await program.get("/settings/desk"))
    assert 'name="second_step" value="admin" checked' in page
    assert 'name="second_step" value="customer">' in page
    assert "– → admin, agent" in await audited(desk, "/settings/audit?area=desk")
    nonsense = [("desk_name", "Desk"), ("time_zone", "UTC"), ("second_step", "king")]
    assert (await program.call("POST", "/settings/desk", data=nonsense)).status == 422


async def test_the_socket_of_a_session_that_ends_by_it_closes(desk: Desk, ada: Client) -> None:
    other = await again(desk, ada)
    socket = await connect(other)
    await sent(ada, HERE, password=PASSWORD)
    key = re.search(r'class="spelled">([A-Z2-7 ]+)<', text(await ada.get(HERE)))
    assert key is not None

    phone = Phone(desk, b32decode(key[1].replace(" ", "")))
    await sent(ada, f"{HERE}/confirm", code=phone.code)

    assert await within_a_second(socket) == (4501, "session ended")


# Locked out ------------------------------------------------------------------------------------------------------


async def test_the_last_admin_gets_in_again_from_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with Desk(folder) as desk:
        ada = await member(desk, "ada@example.org", Role.ADMIN)
        await with_second_step(desk, ada, "spare")

    nobody = await asyncio.to_thread(reset, folder, "eve@example.org")
    done = await asyncio.to_thread(reset, folder, "ADA@example.org")
    twice = await asyncio.to_thread(reset, folder, "ada@example.org")
    nowhere = await asyncio.to_thread(reset, tmp_path / "nothing", "ada@example.org")

    assert (done.returncode, done.stdout) == (0, "Ada logs in with the password alone.\n")
    for refused, code in ((nobody, 2), (twice, 2), (nowhere, 3)):
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (code, "", 1)
    async with Desk(folder) as desk:
        assert (await log_in(desk, "ada@example.org")).status == 200
        assert "the command line turned off the second step of Ada" in await audited(desk)


def reset(folder: Path, email: str) -> subprocess.CompletedProcess[str]:
    return run("user", "reset-second-step", "--email", email, "--data-dir", folder)
