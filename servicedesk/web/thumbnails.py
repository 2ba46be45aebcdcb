"""Small pictures of images: made at once if that is quick, else after the upload was answered."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final

from aiohttp import web

from servicedesk.desk import files as desk
from servicedesk.domain.errors import Busy, StorageFull
from servicedesk.domain.files import Content, StoredFile
from servicedesk.domain.times import Instant
from servicedesk.media.files import THUMBNAIL, Media, image_of
from servicedesk.media.jobs import Inspected
from servicedesk.store import files as stored
from servicedesk.web.files import MEDIA
from servicedesk.web.keys import CLOCK, DB

log = logging.getLogger(__name__)

SOON: Final = 0.3
"""Seconds that the answer to an upload waits for its picture."""
PATIENCE: Final = 5.0
"""Seconds that somebody who asks for a picture waits for it."""
AT_ONCE: Final = 8
"""Pictures that ask the workers for their turn; the others wait here, where nothing bounds them but memory."""
RETRY: Final = 10.0
"""Seconds after which what could not be written down is tried again."""
_SOME: Final = 100


class Thumbnails:
    """The pictures that are being made, one task for each content however many files have it."""

    def __init__(self, app: web.Application, media: Media) -> None:
        self._app = app
        self._media = media
        self._making: dict[str, asyncio.Task[Inspected]] = {}
        self._follow_ups: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def soon(self, sha256: str, content: Content) -> Inspected | None:
        """Return what became of the picture, None when that takes longer than an upload should."""
        making = self._begin(sha256, content)
        await asyncio.wait({making}, timeout=SOON)
        return making.result() if making.done() else None

    async def of(self, file: StoredFile) -> bytes | None:
        """Return the picture of a file, None when it has none. Raises Busy for one that is not ready in time."""
        kept = await self._media.blobs.picture(file.sha256, THUMBNAIL)
        if kept is not None:
            return kept
        making = self._begin(file.sha256, image_of(file))
        await asyncio.wait({making}, timeout=PATIENCE)
        if not making.done():
            raise Busy()
        return making.result().thumbnail

    def finish(self, sha256: str, content: Content) -> None:
        """See to it that the files of this content hear of their picture once it is there."""
        self._spawn(self._finish(sha256, content))

    async def go_on(self) -> None:
        """Make what an earlier run of the desk still owed."""
        after: tuple[Instant, str] = (0, "")
        while owed := self._app[DB].peek(stored.without_picture_yet, after=after, limit=_SOME):
            for file in owed:
                await self._finish(file.sha256, image_of(file))
            after = (owed[-1].created_at, owed[-1].id)

    async def close(self) -> None:
        """Give up what is not finished; the next run goes on with it."""
        tasks = [*self._follow_ups, *self._making.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def start(self) -> None:
        self._spawn(self.go_on())

    def _begin(self, sha256: str, content: Content) -> asyncio.Task[Inspected]:
        if sha256 not in self._making:
            task = asyncio.create_task(self._made(sha256, content), name="thumbnail")
            self._making[sha256] = task
            task.add_done_callback(lambda _: self._making.pop(sha256))
        return self._making[sha256]

    async def _made(self, sha256: str, content: Content) -> Inspected:
        kept = await self._media.blobs.picture(sha256, THUMBNAIL)
        if kept is not None:
            return Inspected(thumbnail=kept)
        async with self._turns:
            while True:
                with contextlib.suppress(Busy):
                    return await self._media.inspect(sha256, content, urgent=False)
                await asyncio.sleep(SOON)

    async def _finish(self, sha256: str, content: Content) -> None:
        found = await self._begin(sha256, content)
        while True:
            try:
                await self._app[DB].write(
                    desk.finish_pictures,
                    sha256,
                    sides=found.sides,
                    is_made=found.thumbnail is not None,
                    at=self._app[CLOCK](),
                )
                return
            except StorageFull:
                await asyncio.sleep(RETRY)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="thumbnails")
        self._follow_ups.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._follow_ups.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a picture could not be finished", exc_info=error)


THUMBNAILS = web.AppKey("thumbnails", Thumbnails)


async def running(app: web.Application) -> AsyncIterator[None]:
    """Make pictures while the desk runs."""
    thumbnails = app[THUMBNAILS] = Thumbnails(app, app[MEDIA])
    thumbnails.start()
    yield
    await thumbnails.close()
