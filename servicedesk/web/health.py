"""Is the desk alive, can it work, and what has it been doing."""

import asyncio
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from servicedesk.domain.access import Verb, require
from servicedesk.domain.errors import Unauthenticated, Unavailable
from servicedesk.domain.words import say
from servicedesk.store import health as stored
from servicedesk.store.db import COMMIT_BUCKETS, Commits
from servicedesk.store.engine import Engine, engine
from servicedesk.version import VERSION
from servicedesk.web import space
from servicedesk.web.api import Call
from servicedesk.web.space import GAUGE

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_Gauges = dict[str, tuple[str, float]]

WRITE_WITHIN: Final = 3.0
"""Seconds in which the database has to take a write."""
FRESH: Final = 2.0
"""Seconds for which one successful write speaks for the next who ask."""
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_FORWARDING: Final = frozenset({"forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip"})


class Draining(Unavailable):
    """The server is on its way out; another one may answer."""

    code = "draining"
    title = say("Shutting down")

    def __init__(self) -> None:
        super().__init__("The desk is shutting down.")


class DatabaseStuck(Unavailable):
    code = "database_stuck"
    title = say("Database does not answer")

    def __init__(self) -> None:
        super().__init__("The database does not take a write.")


class Health(msgspec.Struct, frozen=True):
    status: str


class Alive(msgspec.Struct, frozen=True):
    status: str
    sqlite: Engine
    """Which SQLite keeps the desk's rows."""


class Meter:
    """What the server has done since it started, and what it is doing."""

    def __init__(self) -> None:
        self.is_draining = False
        self.running = 0
        self.answers: dict[tuple[str, str, int], int] = {}
        self.durations: dict[tuple[str, str], list[float]] = {}
        self.gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        """More to show: by name the words that explain it, and what returns the number."""
        self.written_at = float("-inf")
        self.engine = engine()

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        answer = (method, route, status)
        self.answers[answer] = self.answers.get(answer, 0) + 1
        row = self.durations.setdefault((method, route), [0.0] * (len(BUCKETS) + 2))
        for number, bound in enumerate(BUCKETS):
            row[number] += seconds <= bound
        row[-2] += 1
        row[-1] += seconds


METER = web.AppKey("meter", Meter)


@web.middleware
async def measuring(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count the request and how long it took; a websocket's life is no duration."""
    meter = request.app[METER]
    started = time.perf_counter()
    meter.running += 1
    try:
        response = await handler(request)
    finally:
        meter.running -= 1
    if not isinstance(response, web.WebSocketResponse):
        meter.note(_method(request), _route(request), response.status, time.perf_counter() - started)
    return response


async def healthz(call: Call) -> Alive:
    """The process lives."""
    return Alive("ok", call.app[METER].engine)


async def readyz(call: Call) -> Health:
    """The desk can work: it is not shutting down, its database takes writes, there is room."""
    meter = call.app[METER]
    if meter.is_draining:
        raise Draining()
    space.require_room(call.app)
    if time.monotonic() - meter.written_at > FRESH:
        try:
            await asyncio.wait_for(call.db.write(stored.touch, call.now), WRITE_WITHIN)
        except TimeoutError:
            raise DatabaseStuck() from None
        meter.written_at = time.monotonic()
    return Health("ready")


async def metrics(call: Call) -> web.Response:
    """Return numbers for Prometheus, to an admin or to whoever asks on this machine."""
    if not _is_local(call.request):
        if call.caller is None:
            raise Unauthenticated()
        require(call.actor, Verb.SEE_METRICS)
    meter = call.app[METER]
    gauges = {name: (words, read()) for name, (words, read) in meter.gauges.items()}
    gauges["disk_free_bytes"] = ("Room on the disk under the data folder", call.app[GAUGE].space.free)
    by_status = call.peek(stored.tickets_by_status)
    text = await asyncio.to_thread(_rendered, meter, gauges, by_status, call.db.commits)
    return web.Response(body=text, headers={hdrs.CONTENT_TYPE: "text/plain; version=0.0.4; charset=utf-8"})


def _is_local(request: web.Request) -> bool:
    """Return whether the peer is on this machine and speaks for itself, not for somebody behind it."""
    if any(name.lower() in _FORWARDING or name.lower().startswith("x-forwarded") for name in request.headers):
        return False
    try:
        return ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


def _method(request: web.Request) -> str:
    return request.method if request.method in hdrs.METH_ALL else "other"


def _route(request: web.Request) -> str:
    """Return the route's pattern: the ids in a path would make a row of numbers for each."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


def _rendered(meter: Meter, gauges: _Gauges, by_status: dict[str, int], commits: Commits) -> bytes:
    # Imported here: nobody who starts the desk waits for it.
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(_Collector(meter, gauges, by_status, commits))
    return generate_latest(registry)


class _Collector:
    """The numbers as Prometheus wants them."""

    def __init__(self, meter: Meter, gauges: _Gauges, by_status: dict[str, int], commits: Commits) -> None:
        self._commits = commits
        self._meter = meter
        self._gauges = gauges
        self._by_status = by_status

    def collect(self) -> Iterator["Metric"]:
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        yield InfoMetricFamily("servicedesk", "The program", {"version": VERSION})
        yield from self._requests()
        yield from self._writes()
        tickets = GaugeMetricFamily("servicedesk_tickets", "Tickets by status", labels=["status"])
        for status, number in sorted(self._by_status.items()):
            tickets.add_metric([status], number)
        yield tickets
        for name, (words, value) in sorted(self._gauges.items()):
            yield GaugeMetricFamily(f"servicedesk_{name}", words, value)

    def _writes(self) -> Iterator["Metric"]:
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        commits = self._commits
        durations = HistogramMetricFamily(
            "servicedesk_commit_seconds", "How long a transaction took, with what it shares"
        )
        bounds = [*map(str, COMMIT_BUCKETS), "+Inf"]
        numbers = [float(number) for number in (*commits.within, commits.number)]
        durations.add_metric([], list(zip(bounds, numbers, strict=True)), commits.seconds)
        yield durations
        yield CounterMetricFamily(
            "servicedesk_writes", "Writes that were done, many to a transaction", commits.jobs
        )

    def _requests(self) -> Iterator["Metric"]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        answers = CounterMetricFamily(
            "servicedesk_http_requests", "Requests answered", labels=["method", "route", "status"]
        )
        for (method, route, status), number in sorted(self._meter.answers.copy().items()):
            answers.add_metric([method, route, str(status)], number)
        yield answers
        durations = HistogramMetricFamily(
            "servicedesk_http_request_seconds", "How long an answer took", labels=["method", "route"]
        )
        bounds = [*map(str, BUCKETS), "+Inf"]
        for (method, route), row in sorted(self._meter.durations.copy().items()):
            durations.add_metric([method, route], list(zip(bounds, row, strict=False)), row[-1])
        yield durations
        yield GaugeMetricFamily(
            "servicedesk_http_requests_running", "Requests being worked on", self._meter.running
        )
