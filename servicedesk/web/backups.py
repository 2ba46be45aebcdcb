"""The desk backs itself up every day and tries a backup every month, in processes that give way to everything."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from aiohttp import web

from servicedesk import resources
from servicedesk.desk import keeping
from servicedesk.desk.keeping import Outcome
from servicedesk.domain.backups import next_run
from servicedesk.domain.times import DAY, SECOND
from servicedesk.web.health import METER
from servicedesk.web.keys import CLOCK, SETTINGS

log = logging.getLogger(__name__)

DRILL_EVERY: Final = 30 * DAY
OVERDUE: Final = 25 * 3600 * SECOND
"""Milliseconds without a good backup after which a desk that starts makes one at once."""
LOOK_EVERY: Final = 60.0
"""Seconds between two looks at the clock: a machine that slept has missed nothing but these."""
AFTER_START: Final = 60.0
"""Seconds that a desk has to itself before it catches up on a backup."""
_STOP_WITHIN: Final = 5.0


class Keeper:
    """Makes the backups, one thing at a time, and knows how the last ones went."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._data_dir = app[SETTINGS].data_dir

    def last_backup(self) -> Outcome | None:
        return keeping.last_backup(self._data_dir)

    def last_drill(self) -> Outcome | None:
        return keeping.last_drill(self._data_dir)

    async def look_after(self) -> None:
        """Back up for ever, every day at its time; what is overdue now comes at once."""
        due = None if self.is_overdue() else self._next()
        while True:
            if due is not None:
                await self._until(due)
            due = self._next()
            await self.back_up()
            if self.drill_is_due():
                await self.drill()

    async def _until(self, due: datetime) -> None:
        while (left := (due - self._wall()).total_seconds()) > 0:  # noqa: ASYNC110 - a clock tells nobody when it is set
            await asyncio.sleep(min(LOOK_EVERY, left))

    async def back_up(self) -> bool:
        """Make a backup now, and remove those that are no longer kept; return whether it went well."""
        settings = self._app[SETTINGS]
        return await self._run("backup", str(settings.backup_dir), "--keep", str(settings.backup_keep))

    async def drill(self) -> bool:
        """Try the newest backup now; return whether it would do."""
        return await self._run("drill", str(self._app[SETTINGS].backup_dir))

    def is_overdue(self) -> bool:
        return self._is_older(self.last_backup(), OVERDUE)

    def drill_is_due(self) -> bool:
        """Return whether the last drill that went well is a month ago; one that did not is repeated every day."""
        return self._is_older(self.last_drill(), DRILL_EVERY)

    def _is_older(self, outcome: Outcome | None, age: int) -> bool:
        now, good_at = self._app[CLOCK](), None if outcome is None else outcome.good_at
        # A moment to come was noted by a clock that went wrong.
        return good_at is None or good_at > now or good_at <= now - age

    async def _run(self, *command: str) -> bool:
        process = await asyncio.create_subprocess_exec(
            *resources.command("servicedesk"),
            *command,
            "--data-dir",
            str(self._data_dir),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # What it is to do is set where this process found it as well.
            env=os.environ | resources.environment(),
        )
        try:
            said = (await process.communicate())[0].decode(errors="replace").strip()
        finally:
            await _end(process)
        log.log(logging.ERROR if process.returncode else logging.INFO, "%s: %s", command[0], said)
        return process.returncode == 0

    def _next(self) -> datetime:
        return next_run(self._wall(), *self._app[SETTINGS].backup_at)

    def _wall(self) -> datetime:
        return datetime.fromtimestamp(self._app[CLOCK]() / SECOND)  # noqa: DTZ006 - the machine's own clock


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_WITHIN)
    except TimeoutError:
        process.kill()
        await process.wait()


KEEPER: Final = web.AppKey("keeper", Keeper)


async def running(app: web.Application) -> AsyncIterator[None]:
    """Look after the backups while the desk runs, if they have a place."""
    keeper = app[KEEPER] = Keeper(app)
    _show(app, keeper)
    if app[SETTINGS].backup_dir is None:
        yield
        return
    looking = asyncio.create_task(_look_after(keeper), name="keeper of backups")
    yield
    looking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking


async def _look_after(keeper: Keeper) -> None:
    if keeper.is_overdue():
        await asyncio.sleep(AFTER_START)
    while True:
        try:
            await keeper.look_after()
        except OSError:
            log.exception("a backup could not be begun")
            await asyncio.sleep(LOOK_EVERY)


def _show(app: web.Application, keeper: Keeper) -> None:
    def good_at(outcome: Outcome | None) -> float:
        return 0.0 if outcome is None or outcome.good_at is None else outcome.good_at / SECOND

    def went_well(outcome: Outcome | None) -> float:
        return float(outcome is not None and outcome.is_good)

    app[METER].gauges |= {
        "backup_timestamp_seconds": (
            "When the last backup that went well ended, 0 before the first",
            lambda: good_at(keeper.last_backup()),
        ),
        "backup_ok": ("Whether the last backup went well", lambda: went_well(keeper.last_backup())),
        "backup_drill_timestamp_seconds": (
            "When a backup was last restored for trial and would do, 0 before the first time",
            lambda: good_at(keeper.last_drill()),
        ),
        "backup_drill_ok": ("Whether the last trial went well", lambda: went_well(keeper.last_drill())),
    }
