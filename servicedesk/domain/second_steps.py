"""The second step of a log-in: a code that changes every half minute (RFC 6238), or one of a few that work once."""

import base64
import hmac
from hashlib import sha1, sha256
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from servicedesk.domain.times import MINUTE, SECOND, Instant

PERIOD: Final = 30 * SECOND
DIGITS: Final = 6
SECRET_BYTES: Final = 20
"""As long as what the codes are made with: longer secrets are no stronger, shorter ones are weaker."""
DRIFT: Final = 1
"""Half minutes that a phone's clock may be early or late."""
NONCE_BYTES: Final = 16
RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 15
"""120 bits a code: too many to be tried, so a plain hash of it may be kept."""
BEGUN_LASTS: Final = 15 * MINUTE
"""How long a new secret waits for the first code made with it."""
_TAG_BYTES: Final = 32
_GROUP: Final = 6


class Shown(msgspec.Struct, frozen=True):
    """What somebody showed as their second step and what seems right: its half minute, or a recovery code's hash."""

    half_minute: int | None = None
    recovery: bytes | None = None


def half_minute(at: Instant) -> int:
    return at // PERIOD


def code_of(secret: bytes, number: int) -> str:
    """Return the code of a half minute: four bytes of the HMAC, from where its last digit points, as a decimal."""
    digest = hmac.digest(secret, number.to_bytes(8, "big"), sha1)
    start = digest[-1] & 0x0F
    found = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return str(found % 10**DIGITS).zfill(DIGITS)


def matching(secret: bytes, code: str, at: Instant, *, after: int) -> int | None:
    """Return the half minute that the code is of, if it is one around now and later than the last that was used."""
    now = half_minute(at)
    found = None
    for number in range(max(now - DRIFT, after + 1), now + DRIFT + 1):
        if hmac.compare_digest(code_of(secret, number).encode(), code.encode(errors="replace")):
            found = number
    return found


def is_code(typed: str) -> bool:
    """Return whether it looks like a code of the phone, and not like a recovery code."""
    return typed.isascii() and typed.isdecimal() and len(typed) == DIGITS


def plain(typed: str) -> str:
    """Return what was typed without what people put between."""
    return "".join(typed.split()).replace("-", "").lower()


def recovery_code(chance: bytes) -> str:
    """Return the chance as letters and digits that nobody mistakes for each other, in groups."""
    text = base64.b32encode(chance).decode().lower()
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def recovery_hash(typed: str) -> bytes:
    return sha256(plain(typed).encode(errors="replace")).digest()


def spelled(secret: bytes) -> str:
    """Return the secret as people type it into a phone that cannot see the picture."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def address(secret: bytes, account: str, desk: str) -> str:
    """Return what the picture says to a phone."""
    label = quote(f"{desk}:{account}", safe="")
    asked = {
        "secret": base64.b32encode(secret).decode(),
        "issuer": desk,
        "digits": DIGITS,
        "period": PERIOD // SECOND,
    }
    return f"otpauth://totp/{label}?{urlencode(asked, quote_via=quote)}"


def seal(key: str, user_id: int, secret: bytes, nonce: bytes) -> bytes:
    """Return the secret as it is kept: nobody who has the database alone can make codes with it.

    A mask that only the key and the nonce give, and a seal over all of it, the person included, so that none can be
    given to somebody else. A nonce is never used twice.
    """
    masked = _masked(key, nonce, secret)
    return nonce + masked + _tag(key, user_id, nonce + masked)


def opened(key: str, user_id: int, sealed: bytes) -> bytes | None:
    """Return the secret, None when it was sealed with another key or for somebody else."""
    content, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
    if not hmac.compare_digest(tag, _tag(key, user_id, content)):
        return None
    return _masked(key, content[:NONCE_BYTES], content[NONCE_BYTES:])


def _masked(key: str, nonce: bytes, text: bytes) -> bytes:
    mask = hmac.digest(key.encode(), b"second step mask:" + nonce, sha256)
    return bytes(a ^ b for a, b in zip(text, mask[: len(text)], strict=True))


def _tag(key: str, user_id: int, content: bytes) -> bytes:
    return hmac.digest(key.encode(), b"second step seal:%d:" % user_id + content, sha256)
