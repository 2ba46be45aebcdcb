"""A desk that is really served on 127.0.0.1, and people who call it."""

import asyncio
import itertools
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientSession, web
from multidict import CIMultiDictProxy

from servicedesk import app as application
from servicedesk.domain.people import Preset, Role, User
from servicedesk.domain.times import Instant
from servicedesk.settings import Environment, Settings
from servicedesk.store import people, sessions
from servicedesk.store.db import Database, Tx
from servicedesk.web import auth, timers
from servicedesk.web.keys import DB
from servicedesk.web.server import Runner

START: Instant = 1_800_000_000_000
"""When the desk of a test opens: the clock stands unless the test moves it."""


class Clock:
    """A clock that the test moves by hand."""

    def __init__(self, now: Instant = START) -> None:
        self.now = now

    def __call__(self) -> Instant:
        return self.now

    def advance(self, milliseconds: int) -> None:
        self.now += milliseconds


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: CIMultiDictProxy[str]

    @property
    def code(self) -> str:
        return str(self.body["code"])

    @property
    def pointers(self) -> list[str]:
        return sorted(error["pointer"] for error in self.body["errors"])


class Client:
    """A person with a token."""

    def __init__(self, user: User, token: str, session: ClientSession) -> None:
        self.user = user
        self.id = user.id
        self.token = token
        self.session = session

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        async with self.session.request(method, path, allow_redirects=False, **options) as response:
            is_json = response.content_type.endswith("json")
            body = await response.json() if is_json else await response.read()
            return Answer(response.status, body, response.headers)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.call("GET", path, **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> Answer:
        return await self.call("POST", path, json=json, **options)

    async def put(self, path: str, json: Any = None, **options: Any) -> Answer:
        return await self.call("PUT", path, json=json, **options)

    async def patch(self, path: str, json: Any = None, **options: Any) -> Answer:
        return await self.call("PATCH", path, json=json, **options)

    async def delete(self, path: str, **options: Any) -> Answer:
        return await self.call("DELETE", path, **options)

    async def ticket(self, title: str = "The printer is on fire", **fields: Any) -> Any:
        """Open a ticket and return its body."""
        answer = await self.post("/api/tickets/", {"title": title, **fields})
        assert answer.status == 201, answer.body
        return answer.body

    async def all(self, path: str) -> list[Any]:
        """Return a whole list, page by page."""
        items, cursor = [], ""
        while cursor is not None:
            mark = "&" if "?" in path else "?"
            answer = await self.get(f"{path}{mark}cursor={cursor}" if cursor else path)
            assert answer.status == 200, answer.body
            items += answer.body["items"]
            cursor = answer.body["next_cursor"]
        return items


class Desk:
    """The desk under test, with its clock in the test's hand."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.clock = Clock()
        self.settings = Settings(
            **{"env": Environment.TESTING, "data_dir": folder, "secret_key": "k" * 32, "port": 0, **settings}
        )
        self.app: web.Application
        self.url = ""
        self._numbers = itertools.count(1)
        self._sessions: list[ClientSession] = []

    async def __aenter__(self) -> Self:
        self.settings.data_dir.mkdir(exist_ok=True)
        self.app = application.build(self.settings, self.clock)
        self._runner = Runner(self.app, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(session.close() for session in self._sessions))
        await self._runner.cleanup()

    @property
    def db(self) -> Database:
        return self.app[DB]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    async def live(self, milliseconds: int) -> None:
        """Let time pass: whatever falls due meanwhile happens at its own moment."""
        until = self.clock.now + milliseconds
        await timers.fire(self.app)
        while (due := timers.next_at(self.app)) is not None and due <= until:
            self.clock.now = max(self.clock.now, due)
            await timers.fire(self.app)
        self.clock.now = until

    async def person(self, role: Role = Role.AGENT, name: str = "", **fields: Any) -> Client:
        """Return somebody new with a token of their own."""
        number = next(self._numbers)
        name = name or f"{role.value.title()} {number}"
        token = auth.new_token()
        teams = fields.pop("team_ids", ())

        def add(tx: Tx) -> User:
            email = fields.pop("email", f"{role.value}{number}@desk.example")
            user = people.insert(tx, email=email, name=name, role=role, at=self.clock(), **fields)
            people.set_teams(tx, user.id, teams)
            self._let_in(tx, user.id, token)
            return people.get(tx, user.id)

        return self.client(await self.db.write(add), token)

    async def token_for(self, user: User) -> Client:
        """Return somebody who is there already, with a token of their own."""
        token = auth.new_token()
        await self.db.write(self._let_in, user.id, token)
        return self.client(user, token)

    def _let_in(self, tx: Tx, user_id: int, token: str) -> None:
        sessions.insert(
            tx,
            hashed=auth.hash_of(token),
            kind=sessions.Kind.TOKEN,
            user_id=user_id,
            name="test",
            at=self.clock(),
            expires_at=None,
        )

    def client(self, user: User, token: str) -> Client:
        session = self.session(headers={"Authorization": f"Bearer {token}"})
        return Client(user, token, session)

    def session(self, **options: Any) -> ClientSession:
        """Return a client session that the desk closes at the end of the test."""
        session = ClientSession(self.url, **options)
        self._sessions.append(session)
        return session

    async def admin(self, **fields: Any) -> Client:
        return await self.person(Role.ADMIN, **fields)

    async def agent(self, **fields: Any) -> Client:
        return await self.person(Role.AGENT, **fields)

    async def customer(self, **fields: Any) -> Client:
        return await self.person(Role.CUSTOMER, **fields)

    async def team(
        self, name: str = "Support", *members: Client, lead: Client | None = None, **fields: Any
    ) -> int:
        """Return the id of a new team."""

        def add(tx: Tx) -> int:
            preset = Preset(fields.get("assignment", "balanced"))
            team = people.insert_team(
                tx, name=name, assignment=preset, lead_id=lead.id if lead else None, at=self.clock()
            )
            people.set_members(tx, team.id, [member.id for member in members])
            return team.id

        return await self.db.write(add)
