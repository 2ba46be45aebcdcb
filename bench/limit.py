"""The limit: the same work by a bare aiohttp handler over sqlite3, with nothing of a desk around it.

It knows no people, rules, history, events or search index of its own: it writes one row into the same table, with
its indexes and counters, and commits; or it reads the same rows and answers. Same Python, same durability, same
file system. Run by ``python -m bench`` as a process of its own.
"""

import argparse
import asyncio
import hashlib
import os
import secrets
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

encode: Final = msgspec.json.Encoder().encode
decode: Final = msgspec.json.Decoder().decode
_TICKET: Final = (
    "t.*, r.name AS requester_name, r.email AS requester_email, a.name AS assignee_name, g.name AS team_name"
)
_JOINS: Final = (
    "JOIN users r ON r.id = t.requester_id LEFT JOIN users a ON a.id = t.assigned_to"
    " LEFT JOIN teams g ON g.id = t.team_id"
)
_FROM: Final = f"SELECT {_TICKET} FROM tickets t"
_ONE: Final = f"{_FROM} {_JOINS} WHERE t.id = ?"
_LISTS: Final = {
    "status": f"{_FROM} INDEXED BY tickets_by_status {_JOINS} WHERE t.status = ?"
    " ORDER BY t.updated_at DESC, t.id DESC LIMIT 50",
    "team": f"{_FROM} INDEXED BY limit_by_team {_JOINS} WHERE t.team_id = ? AND t.status = 'closed'"
    " AND t.priority IN ('high', 'critical') ORDER BY t.created_at DESC, t.id DESC LIMIT 50",
    "due": f"{_FROM} INDEXED BY tickets_by_due {_JOINS} WHERE t.due_at > ?"
    " AND t.status NOT IN ('resolved', 'closed') ORDER BY t.due_at, t.id LIMIT 50",
}
_FOUND: Final = (
    "SELECT DISTINCT rowid >> 20 AS id FROM desk.search WHERE search MATCH ? ORDER BY rowid DESC LIMIT 50"
)
_NUMBERS: Final = {
    "by_status": "SELECT status, sum(n) FROM desk.ticket_counts GROUP BY status",
    "by_priority": "SELECT priority, sum(n) FROM desk.ticket_counts"
    " WHERE status NOT IN ('resolved', 'closed') GROUP BY priority",
    "created": "SELECT created_at / 86400000, count(*) FROM desk.tickets WHERE created_at >= ? GROUP BY 1",
    "resolved": "SELECT resolved_at / 86400000, assigned_to, resolved_at - created_at FROM desk.tickets"
    " WHERE resolved_at >= ? ORDER BY 3",
    "answered": "SELECT first_response_at - created_at FROM desk.tickets WHERE first_response_at >= ? ORDER BY 1",
}


_TABLES: Final = ("users", "teams", "tickets", "ticket_counts")


class Limit:
    """One connection, used on the loop: the quickest way there is for so little work."""

    def __init__(self, folder: Path, filled: Path) -> None:
        self.folder = folder
        self.conn = sqlite3.connect(f"file:{folder}/limit.db", uri=True, isolation_level=None)
        self.conn.row_factory = sqlite3.Row
        self.conn.execute("PRAGMA journal_mode = WAL")
        self.conn.execute("PRAGMA synchronous = FULL")
        self.conn.execute("ATTACH ? AS desk", (f"file:{filled}?immutable=1",))
        self.sockets: list[web.WebSocketResponse] = []
        if self.conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            self._prepare()

    def _prepare(self) -> None:
        """Take over the desk's table of tickets with its indexes and counters, and who and what it names."""
        self.conn.execute("BEGIN")
        for kind in ("table", "index"):
            self._copy_schema(kind)
        for table in _TABLES:
            names = ", ".join(row["name"] for row in self.conn.execute(f"PRAGMA table_info({table})"))
            self.conn.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM desk.{table}")
        self._copy_schema("trigger")
        for sql in (
            "CREATE INDEX limit_by_team ON tickets (team_id, created_at, id)",
            "CREATE TABLE messages (id INTEGER PRIMARY KEY, ticket_id, author_id, body, created_at)",
            "CREATE TABLE files (id TEXT PRIMARY KEY, name, size, created_at)",
            "COMMIT",
        ):
            self.conn.execute(sql)

    def _copy_schema(self, kind: str) -> None:
        marks = ", ".join("?" * len(_TABLES))
        found = self.conn.execute(
            f"SELECT sql FROM desk.sqlite_master WHERE type = ? AND tbl_name IN ({marks}) AND sql IS NOT NULL",
            (kind, *_TABLES),
        )
        for (sql,) in found.fetchall():
            self.conn.execute(sql)

    async def create(self, request: web.Request) -> web.Response:
        body = decode(await request.read())
        now = time.time_ns() // 1_000_000
        row = {name: body[name] for name in ("title", "description", "priority", "category", "team_id")}
        row |= {"tags": encode(body["tags"]).decode(), "status": "new", "requester_id": 51, "assigned_to": 1}
        row |= {"created_at": now, "updated_at": now, "first_response_due_at": now, "resolution_due_at": now}
        row |= {
            "due_at": now,
            "risk_at": now,
            "breach_at": now,
            "sla_policy": "Standard",
            "sla_wakes_at": now,
        }
        marks = ", ".join("?" * len(row))
        self.conn.execute("BEGIN IMMEDIATE")
        cursor = self.conn.execute(
            f"INSERT INTO tickets ({', '.join(row)}) VALUES ({marks})", tuple(row.values())
        )
        self.conn.execute("COMMIT")
        return _json({"id": cursor.lastrowid, **row}, 201)

    async def one(self, request: web.Request) -> web.Response:
        row = self.conn.execute(_ONE, (int(request.match_info["id"]),)).fetchone()
        return _json(dict(row))

    async def list(self, request: web.Request) -> web.Response:
        sql, text = _LISTS[request.match_info["by"]], request.query["value"]
        value = int(text) if text.isdecimal() else text
        return _json({"items": [dict(row) for row in self.conn.execute(sql, (value,))]})

    async def search(self, request: web.Request) -> web.Response:
        words = " AND ".join(f'"{word}"' for word in request.query["q"].split())
        ids = [row["id"] for row in self.conn.execute(_FOUND, (words,))]
        rows = [self.conn.execute(_ONE, (id_,)).fetchone() for id_ in ids]
        return _json({"items": [dict(row) for row in rows]})

    async def numbers(self, request: web.Request) -> web.Response:
        since = time.time_ns() // 1_000_000 - 30 * 86_400_000
        found = {}
        for name, sql in _NUMBERS.items():
            rows = self.conn.execute(sql, (since,) if "?" in sql else ()).fetchall()
            found[name] = [tuple(row) for row in rows[:: max(1, len(rows) // 100)]]
        return _json(found)

    async def upload(self, request: web.Request) -> web.Response:
        name, size, filename, hashed = secrets.token_hex(16), 0, "", hashlib.sha256()
        async for part in await request.multipart():
            if part.name != "file":
                await part.read()
                continue
            filename = part.filename or ""
            with (self.folder / name).open("wb") as file:
                while chunk := await part.read_chunk(1 << 16):
                    size += len(chunk)
                    hashed.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        self.conn.execute("BEGIN IMMEDIATE")
        self.conn.execute("INSERT INTO files VALUES (?, ?, ?, ?)", (name, filename, size, time.time_ns()))
        self.conn.execute("COMMIT")
        return _json({"id": name, "filename": filename, "size": size, "sha256": hashed.hexdigest()}, 201)

    async def download(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(self.folder / request.match_info["id"])

    async def say(self, request: web.Request) -> web.Response:
        """Write a message and send it to every socket, serialised once.

        Asked to do so ``thrice`` it also sends the ticket twice, since the desk has three events for a message.
        """
        body = decode(await request.read())
        row = (int(request.match_info["id"]), 1, body["body"], time.time_ns() // 1_000_000)
        self.conn.execute("BEGIN IMMEDIATE")
        cursor = self.conn.execute(
            "INSERT INTO messages (ticket_id, author_id, body, created_at) VALUES (?, ?, ?, ?)", row
        )
        self.conn.execute("COMMIT")
        message = {"id": cursor.lastrowid, "ticket_id": row[0], "author_id": 1, "body": row[2]}
        told: list[dict[str, Any]] = [{"event": "new_message", "data": {"message": message}}]
        if body["thrice"]:
            ticket = dict(self.conn.execute(_ONE, (row[0],)).fetchone())
            told += [{"event": "ticket_updated", "data": {"ticket": ticket}} for _ in range(2)]
        for frame in [encode(each).decode() for each in told]:
            for socket in list(self.sockets):
                await socket.send_str(frame)
        return _json(message, 201)

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self.sockets.append(socket)
        try:
            async for _ in socket:
                pass
        finally:
            self.sockets.remove(socket)
        return socket


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=encode(body), status=status, content_type="application/json")


async def _serve(limit: Limit) -> None:
    app = web.Application(client_max_size=1 << 26)
    app.add_routes(
        [
            web.post("/tickets", limit.create),
            web.get("/tickets/{id}", limit.one),
            web.post("/tickets/{id}/messages", limit.say),
            web.get("/lists/{by}", limit.list),
            web.get("/search", limit.search),
            web.get("/numbers", limit.numbers),
            web.post("/files", limit.upload),
            web.get("/files/{id}", limit.download),
            web.get("/ws", limit.listen),
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print(f"limit listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--filled", type=Path, required=True)
    arguments = parser.parse_args()
    asyncio.run(_serve(Limit(arguments.folder, arguments.filled)))


if __name__ == "__main__":
    main()
