"""How often a password may be guessed."""

import asyncio
from ipaddress import ip_network
from pathlib import Path

import pytest

from servicedesk.domain.errors import BadCredentials, RateLimited
from servicedesk.domain.times import MINUTE, SECOND
from servicedesk.web.throttle import GUESSES, KEPT, PAUSE, WINDOW, Throttle
from tests.served import Clock, Desk
from tests.web.guests import PASSWORD, log_in, member


async def guess(throttle: Throttle, account: str, address: str = "10.0.0.1", *, right: bool = False) -> str:
    """Guess once; return how it was answered."""
    try:
        async with throttle.guess(account, address) as attempt:
            await asyncio.sleep(0)
            if not right:
                raise attempt.failed(BadCredentials())
    except BadCredentials:
        return "wrong"
    except RateLimited as refusal:
        return f"wait {refusal.retry_after_ms // SECOND}"
    return "right"


async def spend(throttle: Throttle, account: str, address: str = "10.0.0.1") -> None:
    assert [await guess(throttle, account, address) for _ in range(GUESSES)] == ["wrong"] * GUESSES


async def test_twenty_wrong_guesses_in_a_quarter_of_an_hour_are_looked_at() -> None:
    throttle = Throttle(Clock())

    await spend(throttle, "ada")

    assert await guess(throttle, "ada") == "wait 30"


async def test_after_a_quarter_of_an_hour_all_is_forgotten() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    await spend(throttle, "ada")

    clock.advance(WINDOW)

    await spend(throttle, "ada")


async def test_right_passwords_are_no_guesses() -> None:
    throttle = Throttle(Clock())

    assert {await guess(throttle, "ada", right=True) for _ in range(3 * GUESSES)} == {"right"}
    await spend(throttle, "ada")


async def test_an_owner_gets_in_within_thirty_seconds_whatever_others_try() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    await spend(throttle, "ada", "10.6.6.6")

    clock.advance(PAUSE - 1)
    assert (await guess(throttle, "ada", "10.0.0.2", right=True)).startswith("wait")
    clock.advance(1)
    assert await guess(throttle, "ada", "10.0.0.2", right=True) == "right"
    assert await guess(throttle, "ada", "10.0.0.2", right=True) == "right"


async def test_beyond_the_limit_a_wrong_guess_is_answered_like_one_that_was_not_looked_at() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    await spend(throttle, "ada")

    for _ in range(5):
        clock.advance(PAUSE)
        assert await guess(throttle, "ada") == "wait 30"
        assert await guess(throttle, "ada", right=True) == "wait 30"


async def test_beyond_the_limit_one_guess_is_looked_at_at_a_time() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    await spend(throttle, "ada")
    clock.advance(PAUSE)

    async with throttle.guess("ada", "10.0.0.1"):
        assert await guess(throttle, "ada", "10.0.0.2", right=True) == "wait 30"


async def test_an_address_that_tries_many_accounts_waits_in_full() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for number in range(GUESSES):
        assert await guess(throttle, f"user {number}") == "wrong"

    assert await guess(throttle, "ada", right=True) == "wait 900"
    clock.advance(5 * MINUTE)
    assert await guess(throttle, "ada", right=True) == "wait 600"
    assert await guess(throttle, "ada", "10.0.0.2", right=True) == "right"
    clock.advance(10 * MINUTE)
    assert await guess(throttle, "ada", right=True) == "right"


async def test_guesses_at_the_same_time_are_counted_too() -> None:
    throttle = Throttle(Clock())

    answers = await asyncio.gather(*(guess(throttle, "ada") for _ in range(60)))

    assert answers.count("wrong") == GUESSES
    assert answers.count("wait 30") == 40


async def test_many_right_log_ins_at_the_same_time_all_get_in() -> None:
    throttle = Throttle(Clock())

    answers = await asyncio.gather(*(guess(throttle, "ada", right=True) for _ in range(60)))

    assert set(answers) == {"right"}


async def test_a_guess_that_is_given_up_counts_for_nothing() -> None:
    throttle = Throttle(Clock())
    for _ in range(2 * GUESSES):
        with pytest.raises(TimeoutError):
            async with throttle.guess("ada", "10.0.0.1"):
                raise TimeoutError

    await spend(throttle, "ada")


async def test_only_so_many_accounts_are_remembered() -> None:
    throttle = Throttle(Clock())
    for number in range(KEPT + 100):
        await guess(throttle, f"user {number}", f"address {number}", right=True)

    assert len(throttle._accounts) == len(throttle._addresses) == KEPT


async def test_over_http_the_refusal_says_how_long(desk: Desk) -> None:
    await member(desk, "ada@example.org")
    answers = [await log_in(desk, "ADA@example.org ", "wrong guess") for _ in range(GUESSES)]

    refused = await log_in(desk, "ada@example.org")

    assert {answer.status for answer in answers} == {401}
    assert (refused.status, refused.code, refused.headers["Retry-After"]) == (429, "rate_limited", "30")
    desk.clock.advance(30 * SECOND)
    assert (await log_in(desk, "ada@example.org")).status == 200


async def test_guessing_the_present_password_counts_as_well(desk: Desk) -> None:
    ada = await member(desk, "ada@example.org")
    body = {"current": "wrong guess", "new": "printer put out"}
    answers = [(await ada.post("/api/auth/password", body)).status for _ in range(GUESSES)]

    refused = await ada.post("/api/auth/password", body | {"current": PASSWORD})

    assert (set(answers), refused.status) == ({403}, 429)


async def test_clients_behind_a_trusted_proxy_are_told_apart(tmp_path: Path) -> None:

    async with Desk(tmp_path, trusted_proxies=(ip_network("127.0.0.0/8"),)) as desk:
        await member(desk, "ada@example.org")
        spammer, owner = {"X-Forwarded-For": "1.2.3.4, 6.6.6.6"}, {"X-Forwarded-For": "6.6.6.6, 1.2.3.4"}
        for number in range(GUESSES):
            await log_in(desk, f"user{number}@example.org", "wrong guess", headers=spammer)

        assert (await log_in(desk, "ada@example.org", headers=spammer)).status == 429
        assert (await log_in(desk, "ada@example.org", headers=owner)).status == 200


async def test_nobody_else_is_believed_about_addresses(desk: Desk) -> None:
    await member(desk, "ada@example.org")
    for number in range(GUESSES):
        header = {"X-Forwarded-For": f"6.6.6.{number}"}
        await log_in(desk, f"user{number}@example.org", "wrong guess", headers=header)

    refused = await log_in(desk, "ada@example.org", headers={"X-Forwarded-For": "1.2.3.4"})

    assert refused.status == 429
