"""Serve the desk until a signal says stop; then let what runs end, and close everything in order."""

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Final

from aiohttp import web

from servicedesk import resources
from servicedesk.app import build
from servicedesk.notices import Manager
from servicedesk.settings import Settings
from servicedesk.store import upgrade
from servicedesk.store.engine import engine
from servicedesk.store.migrate import Unusable
from servicedesk.web import descriptors, setup, turns
from servicedesk.web.health import METER
from servicedesk.web.server import Runner, Site
from servicedesk.web.tls import BadCertificate, Certificate

log = logging.getLogger(__name__)

LET_FINISH: Final = 18.0
"""Seconds that requests in flight have to end by themselves."""
CUT_WITHIN: Final = 1.0
AT_ONCE: Final = 0.7
"""Seconds after a second signal."""
ECHO: Final = 0.2
"""Seconds in which the launcher of the one-file program hands on a signal that the terminal sent to both."""


LATER: Final = "servicedesk.media.markdown"
"""What the first page with a message needs, and the start does not: a twentieth of the time to it."""


class CannotListen(Exception):
    """The address is taken, not ours or none at all."""


async def serve(
    settings: Settings, announce: Callable[[str], None], sources: Mapping[str, str] | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; ``announce`` prints a line when the desk can be reached."""
    require_privacy(settings)
    certificate = _certificate(settings)
    descriptors.raise_limit()
    stop = _Stop()
    runner = Runner(build(settings, sources=sources), shutdown_timeout=CUT_WITHIN)
    manager = Manager()
    try:
        await _set_up(runner, settings)
        origin = await _listen(runner, settings, certificate)
        announce(f"servicedesk listening on {origin}")
        if warning := engine().warning:
            log.warning(warning)
        _invite(runner.app, settings, origin, announce)
        manager.ready(f"Serving on {origin}")
        await asyncio.to_thread(importlib.import_module, LATER)
        chores = [asyncio.ensure_future(turns.sweeping())]
        if certificate is not None:
            chores.append(asyncio.ensure_future(certificate.watching()))
        await stop.first.wait()
        manager.leaving()
        for chore in chores:
            chore.cancel()
        await _drain(runner, stop.second)
    finally:
        await runner.cleanup()
        manager.close()


async def _set_up(runner: Runner, settings: Settings) -> None:
    """Start everything but the doors. What cannot start with an upgraded database gets the old one back."""
    try:
        await runner.setup()
    except Exception as error:
        await runner.cleanup()
        upgraded = upgrade.take_back(settings.database)
        if upgraded is None:
            raise
        log.exception("the desk did not start with the upgraded database")
        why = f"{type(error).__name__}: {error}"
        raise Unusable(
            f"The desk did not start after the upgrade to schema {upgraded.after} ({why}); its data is as it was"
            f" before, with schema {upgraded.before}: start the version from before."
        ) from error
    upgrade.confirm(settings.database)


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


def require_privacy(settings: Settings) -> None:
    """Raise CannotListen where passwords would cross a network that others can read, unless that is wanted."""
    if settings.tls_certificate or settings.trusted_proxies or settings.insecure or is_here(settings.host):
        return
    raise CannotListen(
        f"Will not listen on {settings.host} without TLS: set tls_certificate, or trusted_proxies to the proxy that"
        " speaks TLS, or --insecure where nobody else can read along."
    )


def is_here(host: str) -> bool:
    """Return whether only this machine reaches the address; a name that nobody knows is refused elsewhere."""
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return True
    return all(ip_address(address.partition("%")[0]).is_loopback for address in found)


def _certificate(settings: Settings) -> Certificate | None:
    if settings.tls_certificate is None:
        return None
    try:
        return Certificate(settings.tls_certificate, settings.tls_key)
    except BadCertificate as error:
        raise CannotListen(f"Cannot speak TLS: {error}.") from None


async def _listen(runner: Runner, settings: Settings, certificate: Certificate | None) -> str:
    site = Site(runner, settings.host, settings.port, certificate.context if certificate else None)
    try:
        await site.start()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CannotListen(f"Cannot listen on {settings.host} port {settings.port}: {reason}.") from None
    port = runner.addresses[0][1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if certificate else 'http'}://{host}:{port}"


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
