"""The files that wait for the virus scanner: one or two at a time, behind everybody's back."""

import asyncio
import contextlib
import heapq
import logging
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from servicedesk.desk import files as desk
from servicedesk.domain.errors import Refused
from servicedesk.domain.files import Scan
from servicedesk.media.antivirus import NotChecked, Scanner, Unreachable, Verdict
from servicedesk.media.proof import Damaged
from servicedesk.store import files as stored
from servicedesk.web.files import MEDIA
from servicedesk.web.health import METER
from servicedesk.web.keys import CLOCK, DB, SETTINGS

log = logging.getLogger(__name__)

AT_ONCE: Final = 2
FIRST_WAIT: Final = 10.0
LONGEST_WAIT: Final = 3600.0
"""Seconds until what could not be checked is checked again: twice as long each time, up to an hour."""
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
"""Seconds until the next file is tried while the scanner cannot be reached."""
A_STEP: Final = 100
"""Files that are written down in one transaction."""


class Checks:
    """What is checked now, and what will be checked again."""

    def __init__(self, app: web.Application, scanner: Scanner) -> None:
        self.is_reachable = True
        self._app = app
        self._scanner = scanner
        self._running: set[str] = set()
        self._tries: dict[str, int] = {}
        self._put_off: list[tuple[float, str]] = []
        self._pause = FIRST_PAUSE
        self._news = asyncio.Event()
        self._back = asyncio.Event()

    def nudge(self) -> None:
        """Say that something waits."""
        self._news.set()

    async def run(self) -> None:
        """Check for ever what waits: also what an earlier run could not check, and what nobody ever did."""
        await _turn(self._app, {Scan.NONE, Scan.ERROR}, Scan.PENDING)
        async with asyncio.TaskGroup() as workers:
            for number in range(AT_ONCE):
                workers.create_task(self._work(), name=f"virus check {number}")

    async def _work(self) -> None:
        while True:
            self._news.clear()
            sha256 = self._next()
            if sha256 is None:
                await _heard(self._news, self._until_next())
                continue
            self._running.add(sha256)
            try:
                await self._check(sha256)
            except Exception:  # a full disk, or a defect: neither may end the checks
                log.exception("the virus check of the content %s failed", sha256)
                self._put_off_again(sha256)
            finally:
                self._running.discard(sha256)
            if not self.is_reachable:
                await _heard(self._back, self._pause)

    def _next(self) -> str | None:
        """Return a content to check: what was put off until now, else what has waited longest."""
        if self._put_off and self._until_next() == 0:
            return heapq.heappop(self._put_off)[1]
        taken = self._running.union(sha256 for _, sha256 in self._put_off)
        return self._app[DB].peek(stored.next_to_scan, taken)

    def _until_next(self) -> float | None:
        return max(0.0, self._put_off[0][0] - _now()) if self._put_off else None

    async def _check(self, sha256: str) -> None:
        files = self._app[DB].peek(stored.of_content, sha256)
        if not files:  # they were deleted
            self._tries.pop(sha256, None)
            return
        try:
            with await self._app[MEDIA].blobs.open(sha256, files[0].size) as file:
                verdict = await self._scanner.scan(file)
        except Unreachable as trouble:
            self._lost(trouble)
        except NotChecked as trouble:
            self._found()
            self._complain(sha256, f"the scanner said {str(trouble)!r}")
        except (FileNotFoundError, Damaged) as trouble:
            self._complain(sha256, f"its bytes are lost or damaged: {trouble}")
        else:
            self._found()
            self._tries.pop(sha256, None)
            await self._write_down(sha256, verdict)
            return
        self._put_off_again(sha256)
        await self._write_down(sha256, Verdict(Scan.ERROR))

    async def _write_down(self, sha256: str, verdict: Verdict) -> None:
        if verdict.scan is Scan.INFECTED:
            log.warning("a virus was found in the content %s: %s", sha256, verdict.signature)
        more = True
        while more:
            at = self._app[CLOCK]()
            more = await self._app[DB].write(
                desk.scanned, sha256, verdict.scan, verdict.signature, limit=A_STEP, at=at
            )

    def _put_off_again(self, sha256: str) -> None:
        tries = self._tries[sha256] = self._tries.get(sha256, 0) + 1
        heapq.heappush(self._put_off, (_now() + wait_after(tries), sha256))
        self._news.set()  # who waits may have to wait less

    def _complain(self, sha256: str, why: str) -> None:
        if sha256 not in self._tries:
            log.warning("the content %s could not be checked for viruses: %s", sha256, why)

    def _lost(self, trouble: Unreachable) -> None:
        """Note that the scanner is gone: it is said once, however many files wait for it."""
        if self.is_reachable:
            log.error("the virus scanner at %s is out of reach: %s", self._scanner.address, trouble)
            self.is_reachable, self._pause = False, FIRST_PAUSE
            self._back.clear()
        else:
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _found(self) -> None:
        """Note that the scanner answers; when it was gone, what was put off is tried at once."""
        if not self.is_reachable:
            log.warning("the virus scanner at %s answers again", self._scanner.address)
            self.is_reachable = True
            self._put_off = sorted((0.0, sha256) for _, sha256 in self._put_off)
            self._back.set()
            self._news.set()


def wait_after(tries: int) -> float:
    """Return for how many seconds to leave alone what could not be checked so often."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(tries - 1, 20))


CHECKS = web.AppKey("checks", Checks)


async def running(app: web.Application) -> AsyncIterator[None]:
    """Check files while the desk runs, where it has a scanner; elsewhere nothing waits for one."""
    address = app[SETTINGS].clamd
    if address is None:
        work = _turn(app, {Scan.PENDING, Scan.ERROR}, Scan.NONE)
    else:
        checks = app[CHECKS] = Checks(app, Scanner(address))
        work = checks.run()
        app[METER].gauges |= {
            "scanner_reachable": (
                "Whether the virus scanner answered last time",
                lambda: checks.is_reachable,
            ),
            "files_not_scanned": (
                "Files that wait for their virus check, or for another one",
                lambda: app[DB].peek(stored.count_to_scan),
            ),
        }
    task = asyncio.create_task(work, name="virus checks")
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def first_state(app: web.Application) -> Scan:
    """Return what a file is to the scanner when it has just come."""
    return Scan.PENDING if CHECKS in app else Scan.NONE


def nudge(app: web.Application) -> None:
    """Say that a file has come and waits to be checked."""
    if CHECKS in app:
        app[CHECKS].nudge()


async def _turn(app: web.Application, given: set[Scan], to: Scan) -> None:
    """Put all files of some states into another, a few at a time: what they are was decided at the start."""
    last = ""
    try:
        while found := await app[DB].read(stored.ids_by_scan, given, after=last, limit=A_STEP):
            await app[DB].write(stored.set_scan, found, to)
            last = found[-1]
    except Refused as refusal:  # the next start goes on
        log.warning("not all files are known to wait for the virus scanner, or to do without: %s", refusal)


async def _heard(event: asyncio.Event, within: float | None) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            await event.wait()


def _now() -> float:
    return asyncio.get_running_loop().time()
