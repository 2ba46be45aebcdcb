"""Passwords are hashed off the loop, two at a time; whoever would wait too long is asked to come again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from aiohttp import web

from servicedesk.domain.errors import RateLimited
from servicedesk.domain.passwords import MOST, listed, normal
from servicedesk.domain.words import say

if TYPE_CHECKING:
    from argon2 import PasswordHasher

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE: Final = 2
WAITING_MAX: Final = 100
"""At 36 ms each and two at a time the last waits two seconds."""
AGAIN_MS: Final = 2_000


class Hasher:
    """Argon2id; ``cheap`` is for tests, where thousands of people log in."""

    def __init__(self, *, cheap: bool = False) -> None:
        self._cheap = cheap
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        return await self._in_turn(self.hash_now, password)

    async def matches(self, hashed: str | None, password: str) -> bool:
        """Return whether the hash is of this password; without a hash it takes as long to say no."""
        return await self._in_turn(self._matches, hashed, password)

    def is_outdated(self, hashed: str) -> bool:
        """Return whether the hash was made with other parameters than we would use today."""
        return self._argon2.check_needs_rehash(hashed)

    def hash_now(self, password: str) -> str:
        """Hash in place: for where no loop runs."""
        return self._argon2.hash(_bytes(password))

    @property
    def waiting(self) -> int:
        """Passwords that are being hashed, or wait for that."""
        return self._waiting

    async def _in_turn(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._waiting >= WAITING_MAX:
            raise RateLimited(say("Too many people are logging in; try again in a moment."), AGAIN_MS)
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(fn, *args, **kwargs)
        finally:
            self._waiting -= 1

    def _matches(self, hashed: str | None, password: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        nobody = self._nobody
        try:
            self._argon2.verify(hashed or nobody, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False
        return hashed is not None and len(normal(password)) <= MOST

    @cached_property
    def _nobody(self) -> str:
        """The hash that is compared with when there is none."""
        return self.hash_now("nobody has this password")

    @cached_property
    def _argon2(self) -> "PasswordHasher":
        from argon2 import PasswordHasher

        if self._cheap:
            return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


HASHER = web.AppKey("hasher", Hasher)


async def listing(app: web.Application) -> AsyncIterator[None]:
    """Read aside which passwords are tried first, so that nobody waits for it who sets one."""
    reading = asyncio.create_task(asyncio.to_thread(listed))
    yield
    await reading


def _bytes(password: str) -> bytes:
    """Return what is hashed. A longer password than anybody can have is cut: it cannot be right anyway."""
    return normal(password[: 4 * MOST])[: MOST + 1].encode("utf-8", "surrogatepass")
