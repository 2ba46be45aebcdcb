"""How often somebody may guess a password, and how often write without an account."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from servicedesk.domain.errors import RateLimited, Refused
from servicedesk.domain.times import MINUTE, SECOND, Instant
from servicedesk.domain.words import count, say

GUESSES: Final = 20
WINDOW: Final = 15 * MINUTE
PAUSE: Final = 30 * SECOND
LETTERS: Final = 10
"""What one address may send to the public form in a window; what was refused for a mistake counts as well."""
LETTERS_OF_ALL: Final = 200
KEPT: Final = 20_000
"""Accounts, and addresses, that are remembered at a time."""


class _Tries:
    """The wrong guesses of the last 15 minutes, and those still being looked at."""

    __slots__ = ("latest", "running", "wrong")

    def __init__(self) -> None:
        self.wrong: deque[Instant] = deque(maxlen=GUESSES)
        self.running = 0
        self.latest: Instant = 0
        """When a guess beyond the limit was looked at last."""

    @property
    def is_spent(self) -> bool:
        return len(self.wrong) >= GUESSES

    @property
    def may_be_spent(self) -> bool:
        return len(self.wrong) + self.running >= GUESSES

    def forget(self, now: Instant) -> None:
        _forget(self.wrong, now)
        self.latest = min(self.latest, now)


def _forget(moments: deque[Instant], now: Instant) -> None:
    """Drop what is long past, and what lies ahead: it is from before the clock was set back."""
    while moments and moments[0] <= now - WINDOW:
        moments.popleft()
    while moments and moments[-1] > now:
        moments.pop()


class Guess:
    """A guess that is being looked at."""

    def __init__(self, *, beyond: bool) -> None:
        self.beyond = beyond
        self.was_wrong = False

    def failed(self, refusal: Refused) -> Refused:
        """Note that it was wrong; return what to tell the guesser."""
        self.was_wrong = True
        return _paused(PAUSE) if self.beyond else refusal


class Throttle:
    """Admits 20 wrong guesses in 15 minutes for an account, and from an address.

    An account that has had its guesses can still be opened by its owner: one guess in 30 seconds is looked at,
    and what is wrong is answered like what was not looked at. An address that tries many accounts waits in full.
    """

    def __init__(self, clock: Callable[[], Instant]) -> None:
        self._clock = clock
        self._accounts: OrderedDict[str, _Tries] = OrderedDict()
        self._addresses: OrderedDict[str, _Tries] = OrderedDict()
        self._settled = asyncio.Condition()

    @asynccontextmanager
    async def guess(self, account: str, address: str) -> AsyncIterator[Guess]:
        """Admit a guess, or raise RateLimited; a right password is no guess."""
        both = _tries(self._accounts, account), _tries(self._addresses, address)
        guess = await self._admitted(*both)
        for tries in both:
            tries.running += 1
        try:
            yield guess
            if guess.beyond and not guess.was_wrong:
                both[0].latest = 0
        finally:
            for tries in both:
                tries.running -= 1
                if guess.was_wrong:
                    tries.wrong.append(self._clock())
            async with self._settled:
                self._settled.notify_all()

    async def _admitted(self, account: _Tries, address: _Tries) -> Guess:
        async with self._settled:
            while True:
                now = self._clock()
                account.forget(now)
                address.forget(now)
                if account.is_spent:
                    return _beyond_the_limit(account, now)
                if address.is_spent:
                    raise _paused(address.wrong[0] + WINDOW - now)
                if not (account.may_be_spent or address.may_be_spent):
                    return Guess(beyond=False)
                await self._settled.wait()


def _beyond_the_limit(account: _Tries, now: Instant) -> Guess:
    rest = max(account.latest, account.wrong[-1]) + PAUSE - now
    if rest > 0:
        raise _paused(rest)
    account.latest = now
    return Guess(beyond=True)


def _tries(known: OrderedDict[str, _Tries], key: str) -> _Tries:
    tries = known.setdefault(key, _Tries())
    known.move_to_end(key)
    if len(known) > KEPT:
        known.popitem(last=False)
    return tries


class Letters:
    """Admits so much that guests send in 15 minutes: from an address, and from all of them."""

    def __init__(self, clock: Callable[[], Instant]) -> None:
        self._clock = clock
        self._all: deque[Instant] = deque()
        self._addresses: OrderedDict[str, deque[Instant]] = OrderedDict()

    def admit(self, address: str) -> None:
        """Count what somebody sends from there. Raises RateLimited, and then counts nothing."""
        now = self._clock()
        theirs = self._addresses.setdefault(address, deque())
        self._addresses.move_to_end(address)
        if len(self._addresses) > KEPT:
            self._addresses.popitem(last=False)
        for sent, most in ((theirs, LETTERS), (self._all, LETTERS_OF_ALL)):
            _forget(sent, now)
            if len(sent) >= most:
                raise _too_many_letters(sent[0] + WINDOW - now)
        theirs.append(now)
        self._all.append(now)


def _too_many_letters(milliseconds: int) -> RateLimited:
    minutes = -(-milliseconds // MINUTE)
    words = count(
        "Too much was sent from where you are. Please try again in {n} minute.",
        "Too much was sent from where you are. Please try again in {n} minutes.",
        minutes,
    )
    return RateLimited(words, milliseconds)


def _paused(milliseconds: int) -> RateLimited:
    seconds = -(-milliseconds // SECOND)
    return RateLimited(
        say("Too many wrong guesses; try again in {seconds} s.", seconds=seconds), milliseconds
    )


THROTTLE = web.AppKey("throttle", Throttle)
LETTER_BOX = web.AppKey("letter_box", Letters)
