"""Keeps the desk's agenda: sleeps until the next appointment, and does what is asked for in between."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from servicedesk.desk import agenda as desk
from servicedesk.desk import assignment, clocks, tiers
from servicedesk.domain.agenda import Agenda
from servicedesk.domain.errors import StorageFull
from servicedesk.domain.events import DrainAgain, Due, ReplanAgain, RewindAgain, SearchBehind
from servicedesk.domain.times import SECOND, Instant
from servicedesk.store import escalation, policies, search, tickets
from servicedesk.store.db import Connection, Database, Tx
from servicedesk.web.keys import CLOCK, DB

log = logging.getLogger(__name__)

_LONGEST: Final = 60.0
"""Seconds after which the wall clock is looked at again, in case it was set."""
_PAUSE: Final = 0.2
"""Seconds between two looks, however much happens: what comes meanwhile is done together."""
_SHORTEST: Final = 0.01
_ERRANDS_AT_ONCE: Final = 32
"""Transactions for errands, then what is due has its turn."""
_AFTER_FAILURE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Errand:
    """What has no moment of its own but is done soon after it was asked for."""

    is_wanted: Callable[[Connection], bool]
    do: Callable[[Tx, Instant], object]
    """Does a bounded part of it, and asks again if there is more."""


ERRANDS: Final[Mapping[type, Errand]] = {
    DrainAgain: Errand(tickets.any_waiting, assignment.drain),
    RewindAgain: Errand(policies.has_rewinds, clocks.rewind),
    ReplanAgain: Errand(escalation.wants_replan, tiers.replan),
    SearchBehind: Errand(search.is_behind, lambda tx, at: search.catch_up(tx)),
}


class Timers:
    """The agenda in memory, rebuilt from the database at the start and told of every commit."""

    def __init__(
        self, db: Database, clock: Callable[[], Instant], rows: Sequence[desk.Row] = desk.ROWS
    ) -> None:
        self._db = db
        self._clock = clock
        self._rows = rows
        self._agenda = Agenda()
        self._asked: set[type] = set(ERRANDS)  # a process that was killed may have left some undone
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()

    def hear(self, notices: Sequence[object]) -> None:
        """Take in what a commit has made due or asked for."""
        for notice in notices:
            if type(notice) is Due:
                if self._agenda.hear(notice.kind, notice.at):
                    self._wake.set()
            elif type(notice) in ERRANDS:
                self._asked.add(type(notice))
                self._wake.set()

    async def keep(self) -> None:
        """Keep every appointment within a second, for ever."""
        while True:
            try:
                await self.fire()
                await self._rest()
            except StorageFull:
                await asyncio.sleep(_AFTER_FAILURE)
            except Exception:
                log.exception("the desk's own appointments failed; they are tried again")
                await asyncio.sleep(_AFTER_FAILURE)

    async def fire(self) -> None:
        """Run the errands, then keep all that is due now, in transactions of bounded size."""
        async with self._turn:
            await self._fire()

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Let nothing happen by itself meanwhile: for whoever writes down what has long been."""
        async with self._turn:
            yield
        self._wake.set()

    async def _fire(self) -> None:
        for _ in range(_ERRANDS_AT_ONCE):
            if self._asked:
                await self._run(self._asked.pop())
        while (due := self.next_at()) is not None and due <= self._clock():
            at = self._clock()
            kept = await self._db.write(desk.keep, at, self._agenda.postponed(at), self._rows)
            for outcome in kept:
                self._settle(outcome, at)
            if not kept:
                return

    def next_at(self) -> Instant | None:
        """Look up what is due next and return when; what failed before counts when it is tried again."""
        now = self._clock()
        near = self._db.peek(desk.nearest, self._agenda.postponed(now), self._rows)
        due = {each.kind: each.due for each in near}
        for row in self._rows:
            self._agenda.put(row.kind, due.get(row.kind))
        first, retry_at = self._agenda.first(), self._agenda.retry_at(now)
        return min((m for m in (first and first[0], retry_at) if m is not None), default=None)

    async def _rest(self) -> None:
        """Sleep until something is due, or nearer than that, or asked for."""
        self._wake.clear()
        due = self.next_at()
        if self._asked:
            await asyncio.sleep(_PAUSE)
            return
        wait = _LONGEST if due is None else (due - self._clock()) / SECOND
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), min(max(wait, _SHORTEST), _LONGEST))
            await asyncio.sleep(_PAUSE)

    async def _run(self, errand: type) -> None:
        if not self._db.peek(ERRANDS[errand].is_wanted):
            return
        try:
            await self._db.write(ERRANDS[errand].do, self._clock())
        except StorageFull:
            self._asked.add(errand)
            raise
        except Exception:
            log.exception("%s failed; it is tried again", errand.__name__)
            asyncio.get_running_loop().call_later(_AFTER_FAILURE, self.hear, [errand()])

    def _settle(self, outcome: desk.Outcome, at: Instant) -> None:
        kind, subject = outcome.appointment.kind, outcome.appointment.subject
        if outcome.error is None:
            self._agenda.settle(kind, subject)
            return
        log.error("%s of %d failed; it is tried again", kind, subject, exc_info=outcome.error)
        self._agenda.postpone(kind, subject, at)


TIMERS: Final = web.AppKey("timers", Timers)


async def running(app: web.Application) -> AsyncIterator[None]:
    """Keep the desk's own appointments for as long as the application runs."""
    app[TIMERS] = timers = Timers(app[DB], app[CLOCK])
    app[DB].listen(timers.hear)
    task = asyncio.create_task(timers.keep(), name="timers")
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def fire(app: web.Application) -> None:
    """Do everything that is due now: for whoever has set the clock."""
    await app[TIMERS].fire()


def next_at(app: web.Application) -> Instant | None:
    """Return when something is due next."""
    return app[TIMERS].next_at()
