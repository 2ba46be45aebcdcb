"""How many uploads may come in at once, and whether the disk has room for all that they announce together."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from servicedesk.domain.errors import RateLimited
from servicedesk.domain.people import User
from servicedesk.domain.words import say
from servicedesk.web.space import require_room_for_upload

AT_ONCE: Final = 256
"""Uploads of everybody: each holds some hundred kilobytes of memory and two descriptors."""
A_CUSTOMER: Final = 20
"""Uploads of one customer, so that none of them keeps everybody else out."""
RETRY_MS: Final = 2000


class Admission:
    """The uploads that are coming in."""

    def __init__(self, app: web.Application, at_once: int = AT_ONCE, a_customer: int = A_CUSTOMER) -> None:
        self._app = app
        self._at_once = at_once
        self._a_customer = a_customer
        self._running = Counter[Hashable]()
        self._announced = 0

    @property
    def running(self) -> int:
        return self._running.total()

    @contextmanager
    def one(self, by: User | str, announced: int) -> Iterator[None]:
        """Let an upload of so many bytes in until it ends. Raises RateLimited and UploadStorageFull.

        Whoever is nobody is known by their address, and who has a private link is not the person it stands for.
        """
        if self.running >= self._at_once:
            raise RateLimited(say("Too many files are coming in; try again in a moment."), RETRY_MS)
        who = by if isinstance(by, str) else (by.id, by.only_ticket)
        is_staff = isinstance(by, User) and by.is_staff
        if not is_staff and self._running[who] >= self._a_customer:
            raise RateLimited(say("At most {n} files at a time, please.", n=self._a_customer), RETRY_MS)
        require_room_for_upload(self._app, self._announced + announced)
        self._running[who] += 1
        self._announced += announced
        try:
            yield
        finally:
            self._announced -= announced
            self._running[who] -= 1
            if not self._running[who]:
                del self._running[who]


ADMISSION = web.AppKey("admission", Admission)
