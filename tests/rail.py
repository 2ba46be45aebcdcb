"""A line that breaks, as on a train."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from yarl import URL


class Rail:
    """A proxy that is cut each time a number of bytes has gone through, and leads to whichever desk runs."""

    def __init__(self, cuts: list[int]) -> None:
        self.target: URL
        self.cuts = cuts
        self.is_open = self.stays_open = True
        self.cut = asyncio.Event()
        self._gone = 0
        self._lines: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self._cut_all()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        try:
            if not self.is_open:
                raise ConnectionRefusedError
            there, back = await asyncio.open_connection(self.target.host, self.target.port)
        except OSError:
            writer.transport.abort()
            return
        self._lines.add(back)
        for task in (self._pump(reader, back, counted=True), self._pump(there, writer, counted=False)):
            started = asyncio.ensure_future(task)
            self._tasks.add(started)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool
    ) -> None:
        try:
            while piece := await reader.read(1 << 16):
                writer.write(piece)
                await writer.drain()
                self._gone += len(piece) * counted
                if self.cuts and self._gone >= self.cuts[0]:
                    self.cuts.pop(0)
                    self._cut_all()
        except OSError:
            pass
        finally:
            writer.close()

    def _cut_all(self) -> None:
        self.is_open = self.stays_open
        for line in self._lines:
            line.transport.abort()
        self._lines.clear()
        self.cut.set()
