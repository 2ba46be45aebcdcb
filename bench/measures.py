"""What is asked: for each line of the table, the requests to the desk and those to the bare handler."""

import json
import os
import random
import time
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final, NamedTuple

from bench import texts
from bench.filling import AGENTS, CUSTOMERS, LEAD, TEAMS, token_of
from bench.http import Connection, Unexpected, json_request, rate, request

MEGABYTE: Final = 1 << 20

Requests = Callable[[int], bytes]


class Measure(NamedTuple):
    """Requests a second that are answered with a status."""

    name: str
    desk: Callable[[int], Requests]
    limit: Callable[[int], Requests]
    status: int = 200
    connections: int = 8


def _ticket(number: int) -> dict[str, object]:
    rng = random.Random(number)
    customer = number % CUSTOMERS
    return {
        "title": texts.words(rng, 6).capitalize(),
        "description": texts.words(rng, 40),
        "priority": ("low", "medium", "high", "critical")[number % 4],
        "category": texts.CATEGORIES[number % len(texts.CATEGORIES)],
        "tags": ["printer", "office"],
        "requester": {"email": f"customer{customer}@bench.example", "name": f"Customer {customer}"},
        "team_id": 1 + number % TEAMS,
    }


# Made beforehand: to make them while the clock runs would take the client's time.
_TICKETS: Final = [_ticket(number) for number in range(2_000)]


def _desk_creates(count: int) -> Requests:
    made = [
        json_request("POST", "/api/tickets/", ticket, token_of(n % AGENTS))
        for n, ticket in enumerate(_TICKETS)
    ]
    return lambda number: made[number % len(made)]


def _limit_creates(count: int) -> Requests:
    made = [json_request("POST", "/tickets", ticket) for ticket in _TICKETS]
    return lambda number: made[number % len(made)]


def _asks(path: Callable[[int, int], str], *, is_desk: bool) -> Callable[[int], Requests]:
    """Return the requests for paths that depend on a number and on how many tickets there are."""

    def prepare(count: int) -> Requests:
        tokens = [token_of(n) if is_desk else "" for n in range(AGENTS)]
        made = [request("GET", path(n, count), token=tokens[n % AGENTS]) for n in range(500)]
        return lambda number: made[number % len(made)]

    return prepare


def _reads(name: str, desk: Callable[[int, int], str], limit: Callable[[int, int], str]) -> Measure:
    return Measure(name, _asks(desk, is_desk=True), _asks(limit, is_desk=False))


def _somewhere(number: int, count: int) -> int:
    return 1 + number * 7919 % count


READS: Final = (
    _reads(
        "list: one status, latest change first",
        lambda number, count: "/api/tickets/?status=closed&sort=-updated_at",
        lambda number, count: "/lists/status?value=closed",
    ),
    _reads(
        "list: a team's urgent closed ones, newest first",
        lambda number, count: (
            f"/api/tickets/?team={1 + number % TEAMS}&status=closed&priority=high,critical&sort=-created_at"
        ),
        lambda number, count: f"/lists/team?value={1 + number % TEAMS}",
    ),
    _reads(
        "list: unresolved, next due first",
        lambda number, count: "/api/tickets/?status=new,open,in_progress,pending,on_hold&sort=due_at",
        lambda number, count: "/lists/due?value=0",
    ),
    _reads(
        "one ticket",
        lambda number, count: f"/api/tickets/{_somewhere(number, count)}",
        lambda number, count: f"/tickets/{_somewhere(number, count)}",
    ),
    _reads(
        "search: two common words",
        lambda number, count: f"/api/tickets/?q={_pair(number, '%20')}",
        lambda number, count: f"/search?q={_pair(number, '%20')}",
    ),
    _reads(
        "stats: the last 30 days",
        lambda number, count: "/api/tickets/stats",
        lambda number, count: "/numbers",
    ),
)
WRITES: Final = (
    Measure("create, 1 connection", _desk_creates, _limit_creates, 201, 1),
    Measure("create, 32 connections", _desk_creates, _limit_creates, 201, 32),
)


def _pair(number: int, between: str) -> str:
    words = ("printer", "vpn", "invoice", "battery", "calendar", "wifi")
    return f"{words[number % 6]}{between}{words[(number + 1 + number // 6 % 5) % 6]}"


def _upload(path: str, ticket: int, token: str, size: int = MEGABYTE) -> Requests:
    """Return uploads of a megabyte of log, or of another size, each with other bytes."""
    boundary = b"----------------bench"
    lines = b"\n".join(b"2026-11-23 09:30:%02d worker %d: all is well" % (n % 60, n) for n in range(30_000))
    lines *= 1 + size // len(lines)

    def make(number: int) -> bytes:
        content = b"%s %d\n%s" % (os.urandom(8).hex().encode(), number, lines)
        fields = b'--%b\r\nContent-Disposition: form-data; name="ticket_id"\r\n\r\n%d\r\n' % (
            boundary,
            ticket,
        )
        head = (
            b'--%b\r\nContent-Disposition: form-data; name="file"; filename="worker.log"\r\n\r\n' % boundary
        )
        body = fields + head + content[:size] + b"\r\n--%b--\r\n" % boundary
        content_type = f"multipart/form-data; boundary={boundary.decode()}"
        return request("POST", path, token=token, body=body, content_type=content_type)

    return make


UPLOAD: Final = Measure(
    "upload of 1 MB, 2 connections",
    lambda count: _upload("/api/files/upload", count, token_of(0)),
    lambda count: _upload("/files", count, ""),
    201,
    2,
)


DOWNLOADS: Final = (1, 10)
"""Megabytes of the files that are downloaded."""


async def download(megabytes: int, ports: Mapping[int, tuple[int, int]]) -> Measure:
    """Return the measure of a file that was put on the desk and on the limit of each size before."""
    kept: dict[int, tuple[str, str]] = {}
    for count, (desk, limit) in ports.items():
        there = _upload("/api/files/upload", count, token_of(0), megabytes * MEGABYTE)
        here = _upload("/files", count, "", megabytes * MEGABYTE)
        kept[count] = await _kept(desk, there(0)), await _kept(limit, here(0))
    return Measure(
        f"download of {megabytes} MB, 2 connections",
        lambda count: _always(
            request("GET", f"/api/files/{kept[count][0]}/download", token=token_of(0)),
        ),
        lambda count: _always(request("GET", f"/files/{kept[count][1]}")),
        200,
        2,
    )


async def _kept(port: int, upload: bytes) -> str:
    """Upload a file and return its id."""
    connection = await Connection.open(port)
    try:
        answer = await connection.ask(upload)
    finally:
        connection.close()
    if not answer.startswith(b"HTTP/1.1 201 "):
        raise Unexpected(answer[:2000].decode(errors="replace"))
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["id"])


def _always(asked: bytes) -> Requests:
    return lambda number: asked


class Replay(NamedTuple):
    """A question about a period, answered once by a process of its own."""

    name: str
    path: str
    asks: dict[str, object]


_WEIGHTS: Final = {"spare_capacity": 60, "idle_time": 20, "skills": 20, "continuity": 0}
_FEWER: Final = {str(number): {"max_tickets": 12} for number in range(1, AGENTS + 1)}
_TARGETS: Final = {
    level: {"first_response_s": 3_600, "next_response_s": 7_200, "resolution_s": 86_400}
    for level in ("low", "medium", "high", "critical")
}
REPLAYS: Final = (
    Replay(
        "what if: other weights and capacities over 10,000 tickets",
        "/api/assignment/simulate",
        {"weights": _WEIGHTS, "agents": _FEWER},
    ),
    Replay(
        "what if: another policy over 10,000 tickets",
        "/api/sla/simulate",
        {"policy": {"name": "Other", "targets": _TARGETS}},
    ),
)
REPLAYED: Final = 10_000


async def once(replay: Replay, port: int, count: int) -> float:
    """Return the seconds until the second answer; the first starts the process."""
    days = max(1, round(365 * min(1.0, REPLAYED / count)))
    first = date.fromtimestamp(time.time() - days * 86_400).isoformat()
    asked = json_request("POST", replay.path, {**replay.asks, "from": first}, LEAD)
    connection = await Connection.open(port)
    try:
        for _ in range(2):
            began = time.perf_counter()
            answer = await connection.ask(asked)
            took = time.perf_counter() - began
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise Unexpected(answer[:2000].decode(errors="replace"))
        return took
    finally:
        connection.close()


async def one_rate(measure: Measure, requests: Requests, port: int, seconds: float) -> float:
    return await rate(port, requests, measure.status, measure.connections, seconds)
