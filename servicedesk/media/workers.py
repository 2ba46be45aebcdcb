"""Processes that do for us what may take long or be fatal: started when first needed, ended when idle, replaced when
they die. Without further word they look into files; ``errands.py`` tells how another program is made.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final, TypeVar

import msgspec

from servicedesk import resources
from servicedesk.domain.errors import Busy
from servicedesk.media.jobs import LENGTH, Failed, Order, Report

log = logging.getLogger(__name__)

T = TypeVar("T", bound=msgspec.Struct)

RENDER: Final = "servicedesk.media.render"
"""The program that looks into files. The server never imports it, nor the decoders that it needs."""
MOST: Final = 2
PATIENCE: Final = 10.0
"""Seconds that a job may take."""
GRACE: Final = 2.0
"""Seconds past its time after which a worker is ended from outside; by itself it ends earlier."""
IDLE: Final = 30.0
"""Seconds after which a worker without a job is ended, since it holds some 40 MB."""
WAITING_MAX: Final = 256
"""Jobs that may wait for a worker."""
_REPORT_MAX: Final = 64 << 20
_encode: Final = msgspec.msgpack.Encoder().encode
_REPORTS: Final[msgspec.msgpack.Decoder[Report]] = msgspec.msgpack.Decoder(Report)


class CannotRender(Exception):
    """The job broke its worker, took too long, or its file is not what it seemed."""


class _Died(Exception):
    pass


class _Worker:
    """One process and its two pipes; it has one job at a time."""

    def __init__(self, process: asyncio.subprocess.Process, reports: msgspec.msgpack.Decoder[Any]) -> None:
        self._process = process
        self._reports = reports
        self.leave: asyncio.TimerHandle | None = None

    @classmethod
    async def start(cls, program: str, reports: msgspec.msgpack.Decoder[Any]) -> "_Worker":
        # Nothing of our own environment, which may hold secrets, goes along to a process that reads hostile files.
        return cls(
            await asyncio.create_subprocess_exec(
                *resources.command(program),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=resources.environment(),
                start_new_session=True,
            ),
            reports,
        )

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def do(self, job: msgspec.Struct, seconds: float) -> Any:
        """Have the job done. Raises _Died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = _encode(Order(job, seconds))
        try:
            self._process.stdin.write(len(order).to_bytes(LENGTH, "big") + order)
            await self._process.stdin.drain()
            length = int.from_bytes(await self._process.stdout.readexactly(LENGTH), "big")
            if length > _REPORT_MAX:
                raise _Died
            return self._reports.decode(await self._process.stdout.readexactly(length))
        except (OSError, asyncio.IncompleteReadError, msgspec.MsgspecError) as error:
            raise _Died from error

    async def end(self) -> None:
        """Kill the process and wait until it is gone: nothing it could have written is lost."""
        if self.leave is not None:
            self.leave.cancel()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()


class _Turns:
    """Who may have a worker: so many at a time, whom somebody waits for before the others, each in order."""

    def __init__(self, most: int, waiting_max: int) -> None:
        self._free = most
        self._waiting_max = waiting_max
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._urgent) + len(self._others)

    @contextlib.asynccontextmanager
    async def turn(self, *, urgent: bool) -> AsyncIterator[None]:
        """Wait for a turn and hold it. Raises Busy at once when too many wait."""
        await self._take(urgent)
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self, urgent: bool) -> None:
        if self._free:
            self._free -= 1
            return
        if self.waiting >= self._waiting_max:
            raise Busy()
        line, mine = self._urgent if urgent else self._others, asyncio.get_running_loop().create_future()
        line.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # it was given the turn in the same moment
                self._pass_on()
            with contextlib.suppress(ValueError):
                line.remove(mine)
            raise

    def _pass_on(self) -> None:
        for line in (self._urgent, self._others):
            while line:
                next_one = line.popleft()
                if not next_one.done():
                    next_one.set_result(None)
                    return
        self._free += 1


class Workers:
    """A few workers and the queue before them."""

    def __init__(
        self,
        most: int = MOST,
        idle: float = IDLE,
        *,
        waiting_max: int = WAITING_MAX,
        program: str = RENDER,
        reports: msgspec.msgpack.Decoder[Any] = _REPORTS,
    ) -> None:
        self._turns = _Turns(most, waiting_max)
        self._program = program
        self._reports = reports
        self._idle_time = idle
        self._waiting: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._starting: set[asyncio.Future[_Worker]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def waiting(self) -> int:
        """Jobs that wait for a worker."""
        return self._turns.waiting

    async def ask(
        self, job: msgspec.Struct, wanted: type[T], *, patience: float = PATIENCE, urgent: bool = True
    ) -> T:
        """Have a job done and return its report; one that is not urgent lets those go first that are.

        Raises CannotRender, and Busy when too many wait.
        """
        async with self._turns.turn(urgent=urgent):
            report = await self._done(job, patience)
        if isinstance(report, wanted):
            return report
        raise CannotRender(report.why if isinstance(report, Failed) else "the worker did something else")

    async def _done(self, job: msgspec.Struct, patience: float) -> Any:
        """Do the job; a worker that was killed from elsewhere is no fault of the job, so it has a second try."""
        deadline = asyncio.get_running_loop().time() + patience
        for _ in range(2):
            left = deadline - asyncio.get_running_loop().time()
            if left <= patience / 2:
                break
            with contextlib.suppress(_Died):
                return await self._try(job, left)
        log.warning("a job was too much for its worker: %.300s", job)
        raise CannotRender("the worker died of it")

    async def _try(self, job: msgspec.Struct, seconds: float) -> Any:
        worker = await self._take()
        try:
            async with asyncio.timeout(seconds + GRACE):
                report = await worker.do(job, seconds)
        except TimeoutError:
            await self._end(worker)
            raise _Died from None
        except BaseException:
            await self._end(worker)
            raise
        self._give_back(worker)
        return report

    async def _take(self) -> _Worker:
        if self._closed:
            raise CannotRender("the desk is closing")
        while self._waiting:
            worker = self._waiting.pop()
            if worker.leave is not None:
                worker.leave.cancel()
            if worker.is_alive:
                return worker
            await self._end(worker)
        return await self._started()

    async def _started(self) -> _Worker:
        # A start goes on to its end when the asker leaves: half of it would leave a process that nobody knows.
        starting = asyncio.ensure_future(_Worker.start(self._program, self._reports))
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)
        try:
            worker = await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(self._keep)
            raise
        except OSError as error:  # no memory, no descriptors: that passes
            log.warning("no worker can be started: %s", error)
            raise Busy() from None
        self._all.add(worker)
        return worker

    def _keep(self, starting: "asyncio.Future[_Worker]") -> None:
        """Let a worker whose asker left before it was there wait for the next one."""
        if not starting.cancelled() and starting.exception() is None:
            self._all.add(starting.result())
            self._give_back(starting.result())

    def _give_back(self, worker: _Worker) -> None:
        loop = asyncio.get_running_loop()
        worker.leave = loop.call_later(self._idle_time, self._dismiss, worker)
        self._waiting.append(worker)

    def _dismiss(self, worker: _Worker) -> None:
        self._waiting.remove(worker)
        task = asyncio.get_running_loop().create_task(self._end(worker))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self, worker: _Worker) -> None:
        await asyncio.shield(asyncio.ensure_future(worker.end()))
        self._all.discard(worker)

    async def close(self) -> None:
        """End every worker now, also those at work."""
        self._closed = True
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.sleep(0)  # whoever waited for the start has its worker now
        self._waiting.clear()
        await asyncio.gather(*(worker.end() for worker in self._all), *self._ending)
        self._all.clear()
