"""A desk that runs as people start it, with its people already there; it can be killed and started again."""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiohttp import ClientSession

from servicedesk.domain.people import Role
from servicedesk.store import people, sessions
from servicedesk.store.db import Database, Tx
from servicedesk.web import auth
from tests.programs import Server
from tests.web.forms import MARK

STILL: Final = 0.05
"""Seconds that the loop may stand still at most."""


class Person(NamedTuple):
    id: int
    token: str


class Desk:
    """The program over a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.people: list[Person] = []
        self.http: ClientSession
        self._server: Server | None = None
        self._log = ""
        self.up = asyncio.Event()
        self.port = 0
        self.stalls: list[float] = []
        """For each run of the program: how long its loop has stood still at most."""

    async def settle(self, agents: int, customers: int) -> None:
        """Let people in, before anybody serves them."""
        self.folder.mkdir(exist_ok=True, mode=0o700)
        async with await Database.open(self.folder / "servicedesk.db") as db:
            self.people = await db.write(_add, [Role.AGENT] * agents + [Role.CUSTOMER] * customers)

    async def start(self) -> None:
        arguments = ("--data-dir", self.folder, "--log-level", "warning")
        self._server = await asyncio.to_thread(Server, *arguments)
        self.port = int(self._server.url.rsplit(":", 1)[1])
        self.up.set()

    @property
    def server(self) -> Server:
        assert self._server is not None, "it does not run"
        return self._server

    async def stop(self, number: int) -> tuple[int, float]:
        """Send a signal and wait for the end; return the exit code and how long it took."""
        await self.note_stall()
        server, self._server = self.server, None
        self.up.clear()
        server.signal(number)
        ended = await asyncio.to_thread(server.ended)
        self._log += server.process.communicate()[1]
        return ended

    async def restart(self) -> None:
        """Kill the program without a word, and start it again."""
        await self.stop(signal.SIGKILL)
        await self.start()

    async def call(self, method: str, path: str, by: Person, body: Any = None, **headers: str) -> Any:
        """Call the API; the answer has to be a success."""
        headers = {"Authorization": f"Bearer {by.token}", **headers}
        async with self.http.request(method, self.server.url + path, json=body, headers=headers) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def ticket(self, by: Person) -> int:
        return int((await self.call("POST", "/api/tickets/", by, {"title": "The printer is on fire"}))["id"])

    async def upload(
        self,
        by: Person,
        ticket_id: int,
        name: str,
        pieces: Sequence[bytes],
        session: ClientSession | None = None,
    ) -> Any:
        """Send a file piece by piece, again when there are too many at once; the answer has to be a success."""
        begin, end = (
            f'--{MARK}\r\nContent-Disposition: form-data; name="ticket_id"\r\n\r\n{ticket_id}\r\n'
            f'--{MARK}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n',
            f"\r\n--{MARK}--\r\n",
        )

        async def body() -> AsyncIterator[bytes]:
            for piece in (begin.encode(), *pieces, end.encode()):
                yield piece

        headers = {
            "Authorization": f"Bearer {by.token}",
            "Content-Type": f"multipart/form-data; boundary={MARK}",
            "Content-Length": str(len(begin) + len(end) + sum(map(len, pieces))),
        }
        while True:
            path = f"http://127.0.0.1:{self.port}/api/files/upload"
            async with (session or self.http).post(path, data=body(), headers=headers) as answer:
                if answer.status != 429:
                    assert answer.status == 201, await answer.text()
                    return await answer.json()
                await asyncio.sleep(int(answer.headers["Retry-After"]))

    async def messages(self, ticket_id: int, by: Person) -> list[Any]:
        """Return all messages of a ticket in their order."""
        found, cursor = [], ""
        while cursor is not None:
            path = f"/api/tickets/{ticket_id}/messages?limit=100" + (f"&cursor={cursor}" if cursor else "")
            page = await self.call("GET", path, by)
            found += page["items"]
            cursor = page["next_cursor"]
        return found

    def memory(self) -> int:
        """Return the bytes that the program holds."""
        return _memory_of(self.server.process.pid)

    def workers_memory(self) -> int:
        """Return the bytes that the processes hold that it has started."""
        pid = self.server.process.pid
        return sum(map(_memory_of, map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())))

    async def metric(self, name: str) -> float:
        async with self.http.get(f"{self.server.url}/metrics") as answer:
            text = await answer.text()
        return float(re.search(rf"^servicedesk_{name} (\S+)$", text, re.MULTILINE)[1])  # type: ignore[index]

    async def note_stall(self) -> None:
        self.stalls.append(await self.metric("loop_stall_seconds_max"))

    def check(self) -> None:
        """The loop never stood still, and nothing went wrong that the log would tell."""
        assert max(self.stalls, default=0.0) <= STILL, self.stalls
        assert "Traceback" not in self._log, self._log


def _memory_of(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


@asynccontextmanager
async def served(folder: Path, *, agents: int = 1, customers: int = 0) -> AsyncIterator[Desk]:
    """Serve a desk with so many people; at the end its loop has never stood still and its log is clean."""
    desk = Desk(folder / "data")
    await desk.settle(agents, customers)
    await desk.start()
    try:
        async with ClientSession() as desk.http:
            yield desk
            await desk.stop(signal.SIGTERM)
        desk.check()
    finally:
        if desk._server is not None:
            desk._server.process.kill()
            desk._server.process.communicate()


def _add(tx: Tx, roles: list[Role]) -> list[Person]:
    now, found = time.time_ns() // 1_000_000, []
    for number, role in enumerate(roles):
        name = f"{role.value.title()} {number}"
        user = people.insert(tx, email=f"{number}@desk.example", name=name, role=role, at=now)
        token = auth.new_token()
        sessions.insert(
            tx,
            hashed=auth.hash_of(token),
            kind=sessions.Kind.TOKEN,
            user_id=user.id,
            at=now,
            expires_at=None,
            name="stress",
        )
        found.append(Person(user.id, token))
    return found
