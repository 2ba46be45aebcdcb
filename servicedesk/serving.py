"""Serve the desk until a signal says stop; then let what runs end, and close everything in order."""

import asyncio
import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web

from servicedesk import resources
from servicedesk.app import build
from servicedesk.notices import Manager
from servicedesk.settings import Settings
from servicedesk.store.engine import engine
from servicedesk.web import setup, turns
from servicedesk.web.health import METER
from servicedesk.web.server import Runner, Site

log = logging.getLogger(__name__)

LET_FINISH: Final = 18.0
"""Seconds that requests in flight have to end by themselves."""
CUT_WITHIN: Final = 1.0
AT_ONCE: Final = 0.7
"""Seconds after a second signal."""
ECHO: Final = 0.2
"""Seconds in which the launcher of the one-file program hands on a signal that the terminal sent to both."""


class CannotListen(Exception):
    """The address is taken, not ours or none at all."""


async def serve(
    settings: Settings, announce: Callable[[str], None], sources: Mapping[str, str] | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; ``announce`` prints a line when the desk can be reached."""
    stop = _Stop()
    runner = Runner(build(settings, sources=sources), shutdown_timeout=CUT_WITHIN)
    manager = Manager()
    try:
        await runner.setup()
        origin = await _listen(runner, settings)
        announce(f"servicedesk listening on {origin}")
        if warning := engine().warning:
            log.warning(warning)
        _invite(runner.app, settings, origin, announce)
        sweeping = asyncio.ensure_future(turns.sweeping())
        manager.ready(f"Serving on {origin}")
        await stop.first.wait()
        manager.leaving()
        sweeping.cancel()
        await _drain(runner, stop.second)
    finally:
        await runner.cleanup()
        manager.close()


class _Stop:
    """The signals: the first asks to stop, a second one to stop now."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()
        self._at = 0.0
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._came)

    def _came(self) -> None:
        now = time.monotonic()
        if not self.first.is_set():
            self._at = now
            self.first.set()
            return
        if resources.IS_FROZEN and now - self._at < ECHO:
            return
        self.second.set()
        # What is on disk is safe; whatever still hangs then may not hold the process.
        hard = threading.Timer(AT_ONCE, os._exit, (0,))
        hard.daemon = True
        hard.start()


async def _listen(runner: Runner, settings: Settings) -> str:
    site = Site(runner, settings.host, settings.port)
    try:
        await site.start()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CannotListen(f"Cannot listen on {settings.host} port {settings.port}: {reason}.") from None
    port = runner.addresses[0][1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{port}"


def _invite(app: web.Application, settings: Settings, origin: str, announce: Callable[[str], None]) -> None:
    if setup.is_needed(app):
        here = settings.public_url or origin.replace("//0.0.0.0:", "//localhost:").replace(
            "//[::]:", "//localhost:"
        )
        announce(
            f"Nobody can log in yet. Set the desk up within 30 minutes: {here}{app[setup.SETUP_LINK].path}"
        )


async def _drain(runner: Runner, at_once: asyncio.Event) -> None:
    """Take nothing new, tell the sockets, and wait for what is in flight."""
    meter = runner.app[METER]
    meter.is_draining = True
    for site in list(runner.sites):
        await site.stop()
    runner.close_idle()
    leaving = asyncio.ensure_future(_until_idle(runner))
    hurry = asyncio.ensure_future(at_once.wait())
    await asyncio.wait((leaving, hurry), timeout=LET_FINISH, return_when=asyncio.FIRST_COMPLETED)
    for task in (leaving, hurry):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _until_idle(runner: Runner) -> None:
    await runner.shutdown()
    while not runner.is_idle:  # noqa: ASYNC110 - connections tell nobody when they fall idle
        await asyncio.sleep(0.02)
