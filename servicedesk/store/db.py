"""The database: one connection that writes, a few that read, and a unit of work that is one function."""

import asyncio
import contextlib
import itertools
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, Final, ParamSpec, Protocol, Self, TypeVar
from urllib.parse import quote

import aiosqlite

from servicedesk.domain.audit import Occasion
from servicedesk.domain.errors import SearchTooSlow, StorageFull
from servicedesk.store import upgrade
from servicedesk.store.migrate import Unusable, migrate

log = logging.getLogger(__name__)

P = ParamSpec("P")
A = TypeVar("A")
T = TypeVar("T")
_Outcomes = tuple[list[Any], list[object]]
Listener = Callable[[Sequence[object]], None]

GROUP_MAX: Final = 64
"""Jobs that share one commit."""
READERS: Final = 2
READ_DEADLINE: Final = 5.0
"""Seconds after which a read is given up."""
_LOOKS: Final = 50_000
"""Steps of SQLite's machine after which a read looks at the time."""
_deadline: Final = threading.local()
"""Until when the read on this thread may go on."""
GLANCE_STEPS: Final = 100_000
"""Steps of SQLite's machine, two milliseconds or so, that a statement may take on the loop."""

_WRITER_PRAGMAS: Final = (
    # Most of what a ticket touches is one entry in an index: the less lies around it, the less a commit writes.
    "PRAGMA page_size = 1024",  # of a new file; one that is there keeps its own
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA wal_autocheckpoint = 16000",
    "PRAGMA cache_size = -16384",
    "PRAGMA temp_store = MEMORY",
)
_READER_PRAGMAS: Final = (
    "PRAGMA query_only = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cache_size = -8192",
    "PRAGMA temp_store = MEMORY",
)
_FULL_CODES: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC})


COMMIT_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Commits:
    """How long transactions took on the writer's thread, and how many jobs they did."""

    def __init__(self) -> None:
        self.within = [0] * len(COMMIT_BUCKETS)
        """How many took no longer than each of the buckets says."""
        self.number = 0
        self.seconds = 0.0
        self.jobs = 0

    def note(self, seconds: float, jobs: int) -> None:
        for place, bound in enumerate(COMMIT_BUCKETS):
            self.within[place] += seconds <= bound
        self.number += 1
        self.seconds += seconds
        self.jobs += jobs


class Connection(Protocol):
    """Whatever can be asked: a reader or an open transaction. Rows come as ``sqlite3.Row``."""

    def execute(self, sql: str, parameters: Any = ..., /) -> sqlite3.Cursor: ...


class Tx:
    """An open write transaction. Only the writer makes one, so what takes it cannot run outside."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        self._numbers = itertools.count()
        self.notices: list[object] = []
        self.occasion: Occasion | None = None
        """On whose behalf; None for what the desk does by itself."""
        self.execute = conn.execute
        self.executemany = conn.executemany

    def after_commit(self, notice: object) -> None:
        """Tell it to the listeners when, and only when, this is on disk; in order."""
        self.notices.append(notice)

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what was done inside when it raises, and let the rest stand."""
        name = f"part_{next(self._numbers)}"
        told = len(self.notices)
        self.execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            if self._conn.in_transaction:
                self.execute(f"ROLLBACK TO {name}")
                self.execute(f"RELEASE {name}")
            del self.notices[told:]
            raise
        self.execute(f"RELEASE {name}")

    def attempt(self, fn: Callable[[], object]) -> Exception | None:
        """Run the function; what it raises undoes it alone and is returned. A full disk still stops everything."""
        try:
            with self.savepoint():
                fn()
        except Exception as error:
            if getattr(error, "sqlite_errorcode", None) in _FULL_CODES or not self._conn.in_transaction:
                raise
            return error
        return None


class _Job:
    __slots__ = ("future", "run")

    def __init__(self, run: Callable[[Tx], Any], future: asyncio.Future[Any]) -> None:
        self.run = run
        self.future = future


class _Runner(aiosqlite.Connection):
    """An aiosqlite connection that runs a whole function on its thread: one hop a unit of work."""

    async def run(
        self, fn: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        result: T = await self._execute(fn, self._conn, *args, **kwargs)  # type: ignore[no-untyped-call]
        return result

    def submit(
        self,
        fn: Callable[[sqlite3.Connection, A], T],
        argument: A,
        done: Callable[[T | BaseException], object],
    ) -> None:
        """Run the function on the thread as well, and tell ``done``, on the loop, what it returned or raised.

        Neither a future nor a task stands between: each would cost another turn of the loop.
        """
        self._tx.put_nowait((None, partial(self._answer, fn, argument, done, asyncio.get_running_loop())))

    def _answer(
        self,
        fn: Callable[[sqlite3.Connection, A], T],
        argument: A,
        done: Callable[[T | BaseException], object],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        try:
            answer: T | BaseException = fn(self._conn, argument)
        except BaseException as error:
            answer = error
        loop.call_soon_threadsafe(done, answer)


class Database:
    """The desk's one SQLite file, opened by :meth:`open`; no other process may write to it meanwhile."""

    def __init__(self, writer: _Runner, readers: list[_Runner], here: sqlite3.Connection) -> None:
        self._writer = writer
        self._readers = readers
        self._here = here
        self._jobs: deque[_Job] = deque()
        self._group: list[_Job] = []
        self._idle = asyncio.Event()
        self._idle.set()
        self._free: asyncio.Queue[_Runner] = asyncio.Queue()
        for reader in readers:
            self._free.put_nowait(reader)
        self._listeners: list[Listener] = []
        self._closing = False
        self._reading = 0
        self._began = 0.0
        self.commits = Commits()

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or create the database and bring it to the present schema. Raises Unusable."""
        await asyncio.to_thread(upgrade.bring_up, path)
        opened: list[_Runner] = []
        try:
            writer = await _connect(path, "rwc", opened)
            await writer.run(_prepare_writer)
            readers = [await _connect(path, "ro", opened) for _ in range(READERS)]
            for reader in readers:
                await reader.run(_prepare, _READER_PRAGMAS)
        except BaseException as error:
            for runner in opened:
                await runner.close()
            if isinstance(error, sqlite3.Error):
                raise Unusable(f"The database {path} cannot be used: {error}.") from error
            raise
        here = sqlite3.connect(uri(path, "ro"), uri=True, isolation_level=None, cached_statements=512)
        _prepare(here, _READER_PRAGMAS)
        return cls(writer, readers, here)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish the jobs that wait, then let go of the file."""
        self._closing = True
        await self._idle.wait()
        self._here.close()
        for reader in self._readers:
            await reader.close()
        await self._writer.close()

    @property
    def writes_waiting(self) -> int:
        """Jobs whose transaction has not ended."""
        return len(self._jobs) + len(self._group)

    @property
    def reads_waiting(self) -> int:
        """Reads that wait for one of the readers, or are being answered."""
        return self._reading

    def listen(self, listener: Listener) -> None:
        """Call it, on the loop, with the notices of each commit, in the order of the log. It must not wait."""
        self._listeners.append(listener)

    async def write(self, fn: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the function in a transaction and answer when it is on disk.

        What it raises undoes it alone. A caller that is cancelled does not take its job along. Raises
        StorageFull when the disk has no room.
        """
        if self._closing:
            raise RuntimeError("the database is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.append(_Job(lambda tx: fn(tx, *args, **kwargs), future))
        if not self._group:
            self._next_group()
        # A caller that is cancelled takes this future along, not the job: nobody else waits for it.
        return await future

    async def read(
        self, fn: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run the function on a reader's thread, over one unchanging state. Raises SearchTooSlow at the deadline."""
        self._reading += 1
        try:
            reader = await self._free.get()
            task = asyncio.ensure_future(reader.run(_read, lambda conn: fn(conn, *args, **kwargs)))
            task.add_done_callback(lambda done: self._free.put_nowait(reader))
            return await asyncio.shield(task)
        finally:
            self._reading -= 1

    def peek(self, fn: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a short indexed read in place: cheaper than a thread's hop, but the loop stands still for it."""
        # Who is asked on the way may look as well: it sees the state that is being looked at.
        if self._here.in_transaction:
            return fn(self._here, *args, **kwargs)
        self._here.execute("BEGIN")
        try:
            return fn(self._here, *args, **kwargs)
        finally:
            self._here.execute("COMMIT")

    async def glance(
        self, fn: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Ask in place what is usually short; what turns out to be long starts again on a reader's thread."""
        self._here.set_progress_handler(lambda: 1, GLANCE_STEPS)
        try:
            return self.peek(fn, *args, **kwargs)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
        finally:
            self._here.set_progress_handler(None, 0)
        return await self.read(fn, *args, **kwargs)

    def _next_group(self) -> None:
        """Hand what waits to the writer's thread, as one commit."""
        self._group = [self._jobs.popleft() for _ in range(min(len(self._jobs), GROUP_MAX))]
        if self._group:
            self._idle.clear()
            self._began = time.perf_counter()
            self._writer.submit(_commit, self._group, self._committed)
        else:
            self._idle.set()

    def _committed(self, done: _Outcomes | BaseException) -> None:
        group = self._group
        self.commits.note(time.perf_counter() - self._began, len(group))
        if isinstance(done, BaseException):
            log.error("a commit failed", exc_info=done)
            outcomes, notices = [done] * len(group), list[object]()
        else:
            outcomes, notices = done
        self._next_group()
        self._tell(notices)
        for job, outcome in zip(group, outcomes, strict=True):
            _settle(job.future, outcome)

    def _tell(self, notices: list[object]) -> None:
        if not notices:
            return
        for listener in self._listeners:
            try:
                listener(notices)
            except Exception:
                log.exception("a listener failed")


@contextlib.contextmanager
def reading(path: Path, *, as_it_stands: bool = True) -> Iterator[Connection]:
    """Open the database as it stands now, for another process than the desk's: nothing can be written.

    What takes long asks for each question to see what is there by then: one state kept for so long would keep the
    log of changes from being folded in.
    """
    conn = sqlite3.connect(uri(path, "ro"), uri=True, isolation_level=None)
    try:
        _prepare(conn, _READER_PRAGMAS)
        if as_it_stands:
            conn.execute("BEGIN")
        yield conn
    finally:
        conn.close()


class _Done:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _commit(conn: sqlite3.Connection, group: list[_Job]) -> _Outcomes:
    """Run the jobs in one transaction; each stands or falls alone, unless the disk fails all of them."""
    outcomes: list[Any] = []
    notices: list[object] = []
    try:
        conn.execute("BEGIN IMMEDIATE")
        for job in group:
            tx = Tx(conn)
            try:
                with tx.savepoint() if len(group) > 1 else contextlib.nullcontext():
                    outcomes.append(_Done(job.run(tx)))
                notices += tx.notices
            except Exception as error:
                # Alone it needs no savepoint, for which SQLite would copy every page: it falls with the transaction.
                if len(group) == 1 or not conn.in_transaction:
                    raise
                outcomes.append(error)
        conn.execute("COMMIT")
    except Exception as error:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        return [_refusal(error)] * len(group), []
    return [_refusal(o) if isinstance(o, sqlite3.Error) else o for o in outcomes], notices


def _refusal(error: Exception) -> Exception:
    if getattr(error, "sqlite_errorcode", None) in _FULL_CODES:
        return StorageFull()
    return error


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():
        return
    if isinstance(outcome, _Done):
        future.set_result(outcome.value)
        return
    future.set_exception(outcome)
    future.exception()  # the caller may have left; then nobody else would fetch it


def _read(conn: sqlite3.Connection, fn: Callable[[Connection], T]) -> T:
    _deadline.until = time.monotonic() + READ_DEADLINE
    _interrupt_after(conn, _deadline.until)
    conn.execute("BEGIN")
    try:
        return fn(conn)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise SearchTooSlow() from None
        raise
    finally:
        conn.set_progress_handler(None, 0)
        if conn.in_transaction:
            conn.execute("COMMIT")


def within(conn: Connection, until: float, fn: Callable[[Connection], T]) -> T | None:
    """Run a part of a read that may take long, on its thread: None when that moment comes before its end."""
    assert isinstance(conn, sqlite3.Connection)
    _interrupt_after(conn, min(until, _deadline.until))
    try:
        return fn(conn)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT or time.monotonic() > _deadline.until:
            raise
        return None
    finally:
        _interrupt_after(conn, _deadline.until)


def _interrupt_after(conn: sqlite3.Connection, until: float) -> None:
    conn.set_progress_handler(lambda: int(time.monotonic() > until), _LOOKS)


async def _connect(path: Path, mode: str, opened: list[_Runner]) -> _Runner:
    runner = _Runner(
        lambda: sqlite3.connect(
            uri(path, mode), uri=True, isolation_level=None, cached_statements=512, check_same_thread=False
        ),
        iter_chunk_size=64,
    )
    await runner
    opened.append(runner)
    return runner


def uri(path: Path, mode: str) -> str:
    """Return how SQLite is told to open the file: ``ro`` cannot write, whatever is asked of it."""
    return f"file:{quote(str(path.absolute()))}?mode={mode}"


def _prepare(conn: sqlite3.Connection, pragmas: Iterable[str]) -> None:
    conn.row_factory = sqlite3.Row
    for pragma in pragmas:
        conn.execute(pragma)


def _prepare_writer(conn: sqlite3.Connection) -> None:
    _prepare(conn, _WRITER_PRAGMAS)
    migrate(conn)
    conn.execute("BEGIN IMMEDIATE")  # fails here and now when the file may only be read
    conn.execute("ROLLBACK")
