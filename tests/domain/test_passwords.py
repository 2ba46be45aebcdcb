"""Which passwords are good enough."""

import subprocess
import sys

import pytest

from servicedesk.domain.passwords import LEAST, is_common, listed, password_errors
from tests.served import Desk


def codes(password: str) -> list[str]:
    return [error.code for error in password_errors(password)]


def test_a_password_has_ten_to_a_hundred_and_twenty_eight_characters() -> None:
    assert codes("short-one") == ["too_short"]
    assert codes("long-enough") == []
    assert codes("x-" * 64) == ["too_common"]
    assert codes("x-y z" * 25 + "abc") == []
    assert codes("x-y z" * 25 + "abcd") == ["too_long"]


def test_length_is_counted_in_characters_however_they_are_typed() -> None:
    assert codes("e\u0301" * 5 + "1234") == ["too_short"]
    assert codes("пароль дня") == []


@pytest.mark.parametrize(
    "password",
    [
        "password123",
        "Password123!",
        "P@ssw0rd1234",
        "passwordpassword",
        "iloveyou123",
        "letmein2024",
        "Welcome2024!",
        "Summer2025!",
        "admin12345",
        "administrator",
        "changeme123",
        "1234567890",
        "0123456789",
        "9876543210",
        "1111111111",
        "123123123123",
        "abcabcabcabc",
        "qwertyuiop",
        "qwerty12345",
        "1q2w3e4r5t",
        "1qaz2wsx3edc",
        "qwertz1234",
        "asdfghjkl1",
        "hunter2hunter2",
        "!!dragon!!!",
        "mailcreated5240",
        "NUTTERTOOLS",
        "bigdaddy2026",
        "trustno1!!26",
        "str4wb3rry!!",
        "thunderthunder",
    ],
)
def test_what_is_tried_first_is_refused(password: str) -> None:
    assert is_common(password)
    assert codes(password) == ["too_common"]


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "printer-on-fire",
        "the night shift 7",
        "secret-password-1",
        "agent-password",
        "blue-desk-lamp-42",
        "kX9#mLq2vTz",
        "monkey with a typewriter",
    ],
)
def test_a_phrase_of_ones_own_is_good(password: str) -> None:
    assert codes(password) == []


def test_what_was_used_most_is_known_without_asking_anybody() -> None:
    assert len(listed()) == 30_000
    assert not [password for password in listed() if len(password) >= LEAST and not is_common(password)]


def test_the_list_is_read_without_starting_the_package_it_comes_with() -> None:
    asked = (
        "import sys; from servicedesk.domain.passwords import is_common;"
        "assert is_common('nuttertools'); print(*[n for n in sys.modules if n.startswith('zxcvbn')])"
    )

    found = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60
    )

    assert found.stdout == "\n"


async def test_a_desk_knows_the_list_before_anybody_sets_a_password(desk: Desk) -> None:
    listed.cache_clear()

    async with Desk(desk.settings.data_dir.with_name("another")):
        pass

    assert listed.cache_info().currsize == 1
