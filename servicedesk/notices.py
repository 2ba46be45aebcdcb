"""What a desk that runs as a service tells its manager: that it is ready, that it lives, that it is leaving."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Mapping
from typing import Final, Self

log = logging.getLogger(__name__)

_PER_PATIENCE: Final = 3
"""Signs of life in the time after which the manager would take the desk for dead."""


class Manager:
    """The service manager that started this process; nobody listens when it was started by hand.

    The signs of life come from the event loop itself: a loop that hangs gives none, and is started anew.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._every = _patience(environ) / _PER_PATIENCE
        self._next: asyncio.TimerHandle | None = None

    def ready(self, status: str) -> None:
        """Say that people can come, and from now on that the loop turns."""
        self._tell(f"READY=1\nSTATUS={status}")
        if self._every and self._address:
            self._beat(asyncio.get_running_loop())

    def leaving(self) -> None:
        """Say that the end was asked for; the signs of life go on until it has come."""
        self._tell("STOPPING=1\nSTATUS=Letting what runs end")

    def close(self) -> None:
        if self._next is not None:
            self._next.cancel()

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._tell("WATCHDOG=1")
        self._next = loop.call_later(self._every, self._beat, loop)

    def _tell(self, text: str) -> None:
        if not self._address:
            return
        with contextlib.closing(
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        ) as out:
            out.setblocking(False)
            try:
                out.sendto(text.encode(), self._address)
            except OSError as error:  # a manager that does not read is no reason to stop serving
                log.warning("the service manager does not hear %r: %s", text.partition("\n")[0], error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _address(given: str) -> str:
    """Return the socket's address; an @ stands for the first byte of one that is in no file system."""
    if given.startswith("@"):
        return "\0" + given[1:]
    return given if given.startswith("/") else ""


def _patience(environ: Mapping[str, str]) -> float:
    """Return the seconds after which the manager gives up on this process, 0 when it does not look."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    try:
        return max(0, int(environ.get("WATCHDOG_USEC", "0"))) / 1e6
    except ValueError:
        return 0.0
