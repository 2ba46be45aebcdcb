"""The second step of a log-in: the codes are those of the standard, and the secret is nobody's who lacks the key."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicedesk.domain import second_steps as rules
from servicedesk.domain.times import SECOND

# The key and the moments of appendix B of RFC 6238; six digits are the last six of its eight.
KEY = b"12345678901234567890"
VECTORS = {
    59: "94287082",
    1_111_111_109: "07081804",
    1_111_111_111: "14050471",
    1_234_567_890: "89005924",
    2_000_000_000: "69279037",
    20_000_000_000: "65353130",
}
NOON = 1_800_000_000_000
NOW = rules.half_minute(NOON)


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_a_code_is_the_one_that_the_standard_gives(seconds: int, code: str) -> None:
    assert rules.code_of(KEY, rules.half_minute(seconds * SECOND)) == code[-6:]


def test_a_phone_may_be_half_a_minute_early_or_late_and_no_more() -> None:
    found = [rules.matching(KEY, rules.code_of(KEY, NOW + n), NOON, after=0) for n in range(-3, 4)]

    assert found == [None, None, NOW - 1, NOW, NOW + 1, None, None]


def test_a_code_that_was_used_and_all_before_it_are_no_good_any_more() -> None:
    codes = {n: rules.code_of(KEY, NOW + n) for n in (-1, 0, 1)}

    assert rules.matching(KEY, codes[0], NOON, after=NOW) is None
    assert rules.matching(KEY, codes[-1], NOON, after=NOW) is None
    assert rules.matching(KEY, codes[1], NOON, after=NOW) == NOW + 1


@pytest.mark.parametrize("typed", ["", "0", "abcdef", "１２３４５６", "\ud800", "0" * 1000])
def test_what_is_no_code_fits_nothing(typed: str) -> None:
    assert rules.matching(KEY, typed, NOON, after=0) is None
    assert not rules.is_code(typed)


def test_a_recovery_code_is_read_however_it_is_typed() -> None:
    code = rules.recovery_code(bytes(range(15)))

    assert code == "aaaqea-yeauda-ocajbi-fqydio"
    for typed in (code, code.upper(), code.replace("-", " "), f"  {code.replace('-', '')}\n"):
        assert rules.recovery_hash(typed) == rules.recovery_hash(code)
    assert rules.recovery_hash(code[:-1]) != rules.recovery_hash(code)


def test_the_picture_says_what_authenticator_apps_expect() -> None:
    said = rules.address(KEY, "ada@desk.example", "Café & Söhne: Desk")

    assert said == (
        "otpauth://totp/Caf%C3%A9%20%26%20S%C3%B6hne%3A%20Desk%3Aada%40desk.example"
        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Caf%C3%A9%20%26%20S%C3%B6hne%3A%20Desk&digits=6&period=30"
    )
    assert base64.b32decode(rules.spelled(KEY).replace(" ", "")) == KEY


@given(
    st.binary(min_size=rules.SECRET_BYTES, max_size=rules.SECRET_BYTES),
    st.binary(min_size=rules.NONCE_BYTES, max_size=rules.NONCE_BYTES),
)
def test_a_sealed_secret_opens_with_its_key_for_its_person_alone(secret: bytes, nonce: bytes) -> None:
    sealed = rules.seal("k" * 32, 7, secret, nonce)

    assert rules.opened("k" * 32, 7, sealed) == secret
    assert rules.opened("x" * 32, 7, sealed) is None
    assert rules.opened("k" * 32, 8, sealed) is None
    assert secret not in sealed


def test_a_sealed_secret_that_was_changed_anywhere_does_not_open() -> None:
    sealed = rules.seal("k" * 32, 7, KEY, b"n" * 16)

    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        assert rules.opened("k" * 32, 7, bytes(changed)) is None
    for length in (0, 1, 31, 32, len(sealed) - 1):
        assert rules.opened("k" * 32, 7, sealed[:length]) is None
