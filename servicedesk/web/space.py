"""How full the disk is, asked at most once a second, and the refusals that follow from it."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from aiohttp import web

from servicedesk.domain import space as rules
from servicedesk.domain.errors import StorageFull, UploadStorageFull

FRESH: Final = 1.0
"""Seconds for which an answer of the file system is good."""


class Space(NamedTuple):
    free: int
    total: int


def disk_space(folder: Path) -> Space:
    """Return what the folder's file system has for us."""
    found = os.statvfs(folder)
    return Space(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


class Gauge:
    """The disk under the data folder."""

    def __init__(self, measure: Callable[[], Space], clock: Callable[[], float] = time.monotonic) -> None:
        self._measure = measure
        self._clock = clock
        self._space = measure()
        self._asked = clock()

    @property
    def space(self) -> Space:
        now = self._clock()
        if now - self._asked >= FRESH:
            self._space, self._asked = self._measure(), now
        return self._space

    @property
    def has_room(self) -> bool:
        return rules.has_room(*self.space)

    def has_room_for_upload(self, size: int = 0) -> bool:
        return rules.has_room_for_upload(*self.space, size)


GAUGE = web.AppKey("gauge", Gauge)


def require_room(app: web.Application) -> None:
    """Raise StorageFull when nothing may be written any more."""
    if not app[GAUGE].has_room:
        raise StorageFull()


def require_room_for_upload(app: web.Application, size: int) -> None:
    """Raise UploadStorageFull when a file of the announced size would eat into the reserve."""
    if not app[GAUGE].has_room_for_upload(size):
        raise UploadStorageFull()
