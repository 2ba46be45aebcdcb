"""Talking to the desk byte by byte, and what every answer of the contract has in common."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from servicedesk.desk import clocks
from servicedesk.store import policies
from tests.served import Desk

PATIENCE = 10.0


@dataclass(frozen=True)
class Heard:
    """An answer as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> Any:
        return json.loads(self.body)

    @property
    def closes(self) -> bool:
        return self.headers.get("connection") == "close" or "HTTP/1.0" in self.headers[""]


async def say(port: int, request: bytes, *, answers: int = 1, method: str = "GET") -> list[Heard]:
    """Send the bytes as they are and return the answers; a connection that falls silent is a failure."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        writer.write(request)
        async with asyncio.timeout(PATIENCE):
            return [await hear(reader, method) for _ in range(answers)]
    finally:
        writer.close()


async def hear(reader: asyncio.StreamReader, method: str = "GET") -> Heard:
    """Read one answer, past the line that only says to go on."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")[:-2]
    status = int(first.split(" ")[1])
    if status == 100:
        return await hear(reader, method)
    pairs = [line.partition(": ") for line in lines]
    headers = {"": first, **{name.lower(): value for name, _, value in pairs}}
    assert len(headers) == len(pairs) + 1, f"a header comes twice: {head!r}"
    empty = method == "HEAD" or status in (204, 304)
    return Heard(status, headers, b"" if empty else await reader.readexactly(int(headers["content-length"])))


def is_safe(headers: Mapping[str, str]) -> None:
    """Assert the headers that every response carries."""
    known = {name.lower(): value for name, value in headers.items()}
    assert len(known["x-request-id"]) >= 8
    assert known["x-content-type-options"] == "nosniff"
    assert known["referrer-policy"]
    assert "unsafe" not in known["content-security-policy"]


def is_problem(status: int, headers: Mapping[str, str], body: Any) -> None:
    """Assert that a refusal is a problem of the contract, and says nothing about our insides."""
    known = {name.lower(): value for name, value in headers.items()}
    assert known["content-type"].startswith("application/problem+json")
    assert {"type", "title", "status", "detail", "code", "request_id"} <= body.keys()
    assert body["status"] == status
    assert body["request_id"] == known["x-request-id"]
    assert "Traceback" not in json.dumps(body)
    if status == 401:
        assert known["www-authenticate"].startswith("Bearer")
    if status == 405:
        assert "OPTIONS" in known["allow"]
    if status == 422 and body["code"] == "invalid":
        assert body["errors"]
        assert all({"pointer", "code", "message"} == error.keys() for error in body["errors"])


async def settled(desk: Desk) -> None:
    """Do at once what the desk would do soon for changes that were made: wind clocks anew."""
    while desk.db.peek(policies.has_rewinds):
        await desk.db.write(clocks.rewind, desk.clock())


def everything(desk: Desk) -> dict[str, int]:
    """Return how many rows each table has, and how often the tickets have changed.

    The search index and the files' small pictures follow in their own time, whoever asks for what meanwhile.
    """

    def count(conn: Any) -> dict[str, int]:
        tables = conn.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'search%'"
        )
        rows = {name: _one(conn, f"SELECT count(*) FROM {name}") for (name,) in map(tuple, tables.fetchall())}
        return {**rows, "versions": _one(conn, "SELECT total(version) FROM tickets")}

    return desk.db.peek(count)


def _one(conn: Any, sql: str) -> Any:
    return conn.execute(sql).fetchone()[0]
