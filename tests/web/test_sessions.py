"""Log in and out, passwords, tokens, tickets for websockets."""

import asyncio
from typing import Any

from argon2 import extract_parameters

from servicedesk.domain.events import SessionsEnded
from servicedesk.domain.people import Role
from servicedesk.domain.times import DAY, SECOND, iso
from servicedesk.store import people
from servicedesk.store.sessions import Kind
from servicedesk.web import sessions
from servicedesk.web.passwords import WAITING_MAX, Hasher
from servicedesk.web.space import GAUGE, Space
from tests.served import Answer, Client, Desk
from tests.web.guests import PASSWORD, Guest, again, log_in, member, opens, session_id

# Logging in ------------------------------------------------------------


async def test_the_right_password_opens_a_session(desk: Desk) -> None:
    ada = await member(desk, "ada@example.org", Role.ADMIN)

    answer = await log_in(desk, " ADA@example.org")

    assert answer.status == 200
    assert answer.body["user"]["id"] == ada.id
    assert answer.body["expires_at"] == iso(desk.clock() + 14 * DAY)
    assert await opens(desk, answer.body["token"])


async def test_hashes_and_tokens_are_in_no_user(desk: Desk) -> None:
    await member(desk, "ada@example.org")

    user = (await log_in(desk, "ada@example.org")).body["user"]

    shown = {"id", "email", "name", "role", "is_active", "max_tickets", "skills", "availability", "team_ids"}
    assert user.keys() == shown | {"calendar_id", "created_at"}


async def test_every_way_to_be_wrong_is_answered_alike(desk: Desk) -> None:
    await member(desk, "ada@example.org")
    await desk.customer(email="guest@example.org")
    gone, admin = await member(desk, "gone@example.org"), await desk.admin()
    await admin.patch(f"/api/users/{gone.id}", {"is_active": False})

    answers = [
        await log_in(desk, "ada@example.org", "wrong"),
        await log_in(desk, "nobody@example.org"),
        await log_in(desk, "guest@example.org"),
        await log_in(desk, "gone@example.org"),
        await log_in(desk, "ada@example.org", PASSWORD + "x" * 200),
        await log_in(desk, "ada@example.org", ""),
        await log_in(desk, "", ""),
    ]

    assert {answer.status for answer in answers} == {401}
    assert len({(answer.body.pop("request_id"), str(answer.body))[1] for answer in answers}) == 1
    assert len({answer.headers["Content-Length"] for answer in answers}) == 1
    assert answers[0].code == "bad_credentials"
    assert answers[0].headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_body_that_is_no_log_in_is_named_field_by_field(desk: Desk) -> None:
    nobody = Guest(desk)

    answer = await nobody.post("/api/auth/login", {"email": 7, "remember": True})

    assert (answer.status, answer.pointers) == (422, ["/email", "/password", "/remember"])


class Counting:
    """Argon2, and what it was asked to check against."""

    def __init__(self, argon2: Any) -> None:
        self._argon2 = argon2
        self.checked: list[str] = []

    def verify(self, hashed: str, password: bytes) -> bool:
        self.checked.append(hashed)
        return bool(self._argon2.verify(hashed, password))


async def test_for_an_unknown_person_the_same_work_is_done_as_for_a_known_one() -> None:
    hasher = Hasher()
    hashed = await hasher.hash(PASSWORD)
    nobody = hasher._nobody
    hasher._argon2 = counting = Counting(hasher._argon2)  # type: ignore[assignment]

    assert not await hasher.matches(hashed, "wrong guess")
    assert not await hasher.matches(None, "wrong guess")
    assert not await hasher.matches(None, "nobody has this password")

    assert counting.checked == [hashed, nobody, nobody]
    assert extract_parameters(hashed) == extract_parameters(nobody)


async def test_who_would_wait_too_long_is_asked_to_come_again(desk: Desk) -> None:
    await member(desk, "ada@example.org")
    desk.app[sessions.HASHER]._waiting = WAITING_MAX

    answer = await log_in(desk, "ada@example.org")

    assert (answer.status, answer.code) == (429, "rate_limited")
    assert int(answer.headers["Retry-After"]) >= 1


async def test_hashing_leaves_the_loop_free() -> None:
    hasher = Hasher()
    await hasher.hash(PASSWORD)
    turns, hashes = 0, asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(4)))
    while not hashes.done():
        turns += 1
        await asyncio.sleep(0.001)

    assert len(set(await hashes)) == 4
    assert turns > 4


async def test_a_cheap_hash_is_renewed_at_the_next_log_in(desk: Desk) -> None:
    ada = await member(desk, "ada@example.org")
    cheap = desk.db.peek(people.password_hash, ada.id)
    desk.app[sessions.HASHER]._cheap = False
    del desk.app[sessions.HASHER]._argon2

    assert (await log_in(desk, "ada@example.org")).status == 200

    renewed = desk.db.peek(people.password_hash, ada.id)
    assert cheap != renewed
    assert "m=19456,t=2" in str(renewed)
    assert (await log_in(desk, "ada@example.org")).status == 200


# What lets one in ------------------------------------------------------------


async def test_without_a_live_credential_there_is_401(desk: Desk) -> None:
    ada, nobody = await member(desk, "ada@example.org"), Guest(desk)
    odd = ["Bearer", "Bearer ", f"Basic {ada.token}", f"Bearer {ada.token} x", "Bearer " + "x" * 5000, "é"]

    assert (await nobody.get("/api/auth/me")).status == 401
    for header in odd:
        answer = await nobody.get("/api/auth/me", headers={"Authorization": header})
        assert (answer.status, answer.code) == (401, "unauthenticated"), header
    assert (await nobody.get(f"/api/auth/me?token={ada.token}")).status == 401
    assert (await nobody.get(f"/api/auth/me?access_token={ada.token}")).status == 401


async def test_a_session_ends_by_itself(desk: Desk) -> None:
    ada = await member(desk, "ada@example.org")

    desk.clock.advance(DAY - 1)
    assert (await ada.get("/api/auth/me")).status == 200
    desk.clock.advance(1)
    assert (await ada.get("/api/auth/me")).status == 401


async def test_the_scheme_is_read_whatever_its_case(desk: Desk) -> None:
    ada, nobody = await member(desk, "ada@example.org"), Guest(desk)

    answer = await nobody.get("/api/auth/me", headers={"Authorization": f"bearer  {ada.token}"})

    assert answer.status == 200


async def test_a_log_out_ends_this_session_alone(desk: Desk) -> None:
    ada = await member(desk, "ada@example.org")
    other, program = await again(desk, ada), await again(desk, ada, Kind.TOKEN)

    assert (await ada.post("/api/auth/logout")).status == 204

    assert [await opens(desk, who.token) for who in (ada, other, program)] == [False, True, True]


async def test_a_token_does_not_log_out(desk: Desk) -> None:
    program = await again(desk, await member(desk, "ada@example.org"), Kind.TOKEN)

    answer = await program.post("/api/auth/logout")

    assert (answer.status, answer.code) == (409, "conflict")
    assert await opens(desk, program.token)


async def test_whoever_listens_hears_which_sessions_ended(desk: Desk) -> None:
    told: list[object] = []
    ada = await member(desk, "ada@example.org")
    number = await session_id(desk, ada)
    desk.db.listen(told.extend)

    await ada.post("/api/auth/logout")

    assert told == [SessionsEnded(ada.id, frozenset({number}), 4501)]


async def test_expired_sessions_are_cleared_away(desk: Desk) -> None:
    told: list[object] = []
    ada = await member(desk, "ada@example.org")
    number = await session_id(desk, ada)
    desk.db.listen(told.extend)
    desk.clock.advance(2 * DAY)

    await desk.db.write(sessions.desk.sweep, desk.clock())

    assert told == [SessionsEnded(ada.id, frozenset({number}), 4501)]
    assert not desk.db.peek(sessions.stored.any_expired, desk.clock())


# Passwords ------------------------------------------------------------


async def change(by: Client, current: str, new: str) -> Answer:
    return await by.post("/api/auth/password", {"current": current, "new": new})


async def test_a_new_password_ends_the_other_sessions_but_no_token(desk: Desk) -> None:
    ada = await member(desk, "ada@example.org")
    other, program = await again(desk, ada), await again(desk, ada, Kind.TOKEN)

    assert (await change(ada, PASSWORD, "printer put out")).status == 204

    assert [await opens(desk, who.token) for who in (ada, other, program)] == [True, False, True]
    assert (await log_in(desk, "ada@example.org")).status == 401
    assert (await log_in(desk, "ada@example.org", "printer put out")).status == 200


async def test_a_new_password_needs_the_present_one(desk: Desk) -> None:
    ada = await member(desk, "ada@example.org")

    answer = await change(ada, "not that", "printer put out")

    assert (answer.status, answer.code) == (403, "bad_credentials")
    assert (await log_in(desk, "ada@example.org")).status == 200


async def test_a_weak_password_is_refused(desk: Desk) -> None:
    ada = await member(desk, "ada@example.org")

    for weak in ("tooshort!", "password123", "x" * 129):
        answer = await change(ada, PASSWORD, weak)
        assert (answer.status, answer.pointers) == (422, ["/new"]), weak
        assert weak not in str(answer.body)


# Tokens ------------------------------------------------------------


async def test_a_token_is_shown_once_and_kept_as_a_hash(desk: Desk) -> None:
    ada = await member(desk, "ada@example.org")
    before = (await ada.get("/api/auth/tokens")).body["items"]

    made = await ada.post("/api/auth/tokens", {"name": " backup ", "expires_at": "2199-01-01"})
    listed = (await ada.get("/api/auth/tokens?count=true")).body

    token = made.body.pop("token")
    assert made.status == 201
    assert made.headers["Location"] == f"/api/auth/tokens/{made.body['id']}"
    assert await opens(desk, token)
    assert (made.body["name"], made.body["expires_at"]) == ("backup", "2199-01-01T00:00:00.000Z")
    assert (listed["total"], listed["items"]) == (len(before) + 1, [*before, made.body])
    assert (await ada.get(made.headers["Location"])).body == made.body
    for file in desk.settings.data_dir.glob("servicedesk.db*"):
        assert token.encode() not in file.read_bytes()


async def test_a_deleted_or_expired_token_opens_nothing(desk: Desk) -> None:
    ada = await member(desk, "ada@example.org")
    soon = iso(desk.clock() + DAY // 2)
    one = (await ada.post("/api/auth/tokens", {"name": "one"})).body
    two = (await ada.post("/api/auth/tokens", {"name": "two", "expires_at": soon})).body

    assert (await ada.delete(f"/api/auth/tokens/{one['id']}")).status == 204
    assert (await ada.delete(f"/api/auth/tokens/{one['id']}")).status == 404
    assert (await opens(desk, one["token"]), await opens(desk, two["token"])) == (False, True)

    desk.clock.advance(DAY // 2)
    assert not await opens(desk, two["token"])


async def test_nobody_reaches_the_tokens_or_sessions_of_others(desk: Desk) -> None:
    ada, bob = await member(desk, "ada@example.org", Role.ADMIN), await member(desk, "bob@example.org")
    token = (await bob.post("/api/auth/tokens", {"name": "x"})).body

    assert (await ada.delete(f"/api/auth/tokens/{token['id']}")).status == 404
    assert (await ada.get(f"/api/auth/tokens/{token['id']}")).status == 404
    assert (await ada.delete(f"/api/auth/tokens/{await session_id(desk, ada)}")).status == 404
    assert await opens(desk, token["token"])
    assert await opens(desk, ada.token)


async def test_a_bad_token_is_named_field_by_field(desk: Desk) -> None:
    ada = await member(desk, "ada@example.org")

    for body, pointers in (
        ({}, ["/name"]),
        ({"name": " "}, ["/name"]),
        ({"name": "x", "expires_at": "tomorrow"}, ["/expires_at"]),
        ({"name": "x", "expires_at": "2001-01-01T00:00:00Z"}, ["/expires_at"]),
        ({"name": "x", "expires_at": "9999-12-31T23:59:59.999-12:00"}, ["/expires_at"]),
        ({"name": 1, "scope": "all"}, ["/name", "/scope"]),
    ):
        answer = await ada.post("/api/auth/tokens", body)
        assert (answer.status, answer.pointers) == (422, pointers)


async def test_a_person_has_so_many_tokens_and_no_more(desk: Desk) -> None:
    ada = await member(desk, "ada@example.org")
    for _ in range(sessions.desk.TOKENS_MAX - 1):
        await again(desk, ada, Kind.TOKEN)

    answer = await ada.post("/api/auth/tokens", {"name": "one more"})

    assert answer.status == 409


async def test_an_idempotency_key_is_not_looked_at_where_credentials_are_made(desk: Desk) -> None:
    ada, key = await member(desk, "ada@example.org"), {"Idempotency-Key": "k1"}

    one = await ada.post("/api/auth/tokens", {"name": "x"}, headers=key)
    two = await ada.post("/api/auth/tokens", {"name": "x"}, headers=key)

    assert (one.status, two.status) == (201, 201)
    assert one.body["token"] != two.body["token"]


# Tickets for websockets ------------------------------------------------------------


async def test_a_ticket_opens_one_socket_within_thirty_seconds(desk: Desk) -> None:
    ada = await member(desk, "ada@example.org")
    number, store = await session_id(desk, ada), desk.app[sessions.WS_TICKETS]

    made = await ada.post("/api/auth/ws-ticket")
    late, ends = store.issue(number)

    assert made.status == 201
    assert made.body["expires_at"] == iso(desk.clock() + 30 * SECOND) == iso(ends)
    assert store.redeem(made.body["ticket"]) == number
    assert store.redeem(made.body["ticket"]) is None
    assert store.redeem("made up") is None
    desk.clock.advance(30 * SECOND)
    assert store.redeem(late) is None


async def test_old_tickets_do_not_pile_up(desk: Desk) -> None:
    store = sessions.WsTickets(desk.clock)
    for _ in range(sessions.TICKETS_MAX + 10):
        store.issue(1)
    assert len(store._tickets) == sessions.TICKETS_MAX

    desk.clock.advance(31 * SECOND)
    store.issue(1)

    assert len(store._tickets) == 1


# On a full disk ------------------------------------------------------------


async def test_a_full_disk_keeps_nobody_from_logging_in_and_reading(desk: Desk) -> None:
    ada = await member(desk, "ada@example.org", Role.ADMIN)
    gauge = desk.app[GAUGE]
    gauge._measure, gauge._asked = (lambda: Space(1, 10**9)), float("-inf")

    assert (await log_in(desk, "ada@example.org")).status == 200
    assert (await ada.get("/api/users/")).status == 200
    refused = await ada.patch(f"/api/users/{ada.id}", {"name": "A"})
    assert (refused.status, refused.code) == (503, "storage_full")
    assert (await ada.post("/api/auth/logout")).status == 204
