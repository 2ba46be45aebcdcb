"""The desk for programs: call it, and listen to it for ever without a gap. It needs no other part of the desk."""

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self, cast

import aiohttp
import msgspec
from aiohttp import ClientError, WSMsgType

log = logging.getLogger(__name__)

HEARTBEAT = 25.0
PATIENCE = 10.0  # seconds without an answer after which a line counts as dead
FIRST, LONGEST = 0.5, 30.0  # the most seconds before the first try to come back, and before any
QUEUE = 1_000  # events that may wait for the program; while there are more, the line is not read
AHEAD = 2**53 - 1  # the claim on a room that begins afresh: a position that nobody has
FINAL = frozenset({1003, 1008, 1009, *range(4500, 5000)})  # close codes after which one does not come back
PASSING = frozenset({408, 429, 502, 503, 504})
CLOSING = aiohttp.ClientWSTimeout(ws_close=1.0)
SNAPSHOT = "snapshot"
"""The event with which a room begins, or begins again: what was before is in its data, or has to be fetched."""


class Refusal(Exception):
    """The desk will not do this. ``status`` is HTTP's, or the code with which a line was closed for good."""

    def __init__(self, status: int | None, said: dict[str, Any]) -> None:
        self.status, self.said = status, said
        self.code = str(said.get("code", "refused"))
        self.detail = str(said.get("detail") or said.get("message") or said.get("title"))
        self.errors: list[dict[str, str]] = said.get("errors", [])
        super().__init__(f"{self.code}: {self.detail}")


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str = msgspec.field(name="event")
    room: str
    seq: int
    ts: str = ""
    data: dict[str, Any] = {}


class Positions(msgspec.Struct):
    """The last event of each room that the program is done with; kept in the file that it came from."""

    epoch: str = ""
    rooms: dict[str, int] = {}
    path: str = ""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return what was kept, or a beginning. Raises ValueError when the file holds something else."""
        held = Path(path).read_bytes() if Path(path).exists() else b"{}"
        return msgspec.structs.replace(msgspec.json.decode(held, type=cls), path=str(path))

    def done(self, event: Event, epoch: str) -> None:
        if epoch != self.epoch:
            self.epoch, self.rooms = epoch, {}
        self.rooms[event.room] = event.seq
        if self.path:
            Path(f"{self.path}.new").write_bytes(msgspec.json.encode(self))
            Path(f"{self.path}.new").replace(self.path)


class _Socket(aiohttp.ClientWebSocketResponse):
    def abort(self) -> None:
        """Drop the line without a word. A send is never cancelled or timed out: that would take others along."""
        if self._conn is not None and self._conn.transport is not None:
            self._conn.transport.abort()


class Client:
    """A way to the desk at ``url``: ``async with Client(url, token=…) as desk``."""

    session: aiohttp.ClientSession

    def __init__(self, url: str, *, token: str) -> None:
        self.url, self.token = url.rstrip("/"), token

    @classmethod
    async def login(cls, url: str, email: str, password: str) -> Self:
        """Return a client with a session of its own. Raises Refusal."""
        async with cls(url, token="") as guest:
            credentials = {"email": email, "password": password}
            return cls(url, token=(await guest.call("POST", "/api/auth/login", credentials))["token"])

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self.token}"} if self.token else {},
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=60, connect=PATIENCE),
            ws_response_class=_Socket,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def call(self, method: str, path: str, json: Any = None, *, key: str = "", **query: Any) -> Any:
        """Return the answer's JSON, if any. Raises Refusal and aiohttp's ClientError; with a key it is done once."""
        options = {"json": json, "params": query, "headers": {"Idempotency-Key": key} if key else {}}
        async with self.session.request(method, self.url + path, **options) as answer:
            raw = await answer.read()
            said = msgspec.json.decode(raw) if raw and answer.content_type.endswith("json") else None
            if answer.status >= 400:
                raise Refusal(answer.status, said or {"title": answer.reason})
            return said

    async def pages(self, path: str, **query: Any) -> AsyncIterator[Any]:
        """Yield every item of a list, page by page."""
        while True:
            page = await self.call("GET", path, **query)
            for item in page["items"]:
                yield item
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    async def send_message(self, ticket_id: int, body: str, *, client_msg_id: str = "", **more: Any) -> Any:
        """Say something, once for each ``client_msg_id``, trying until the desk is there. ``is_internal`` is a note."""
        path, key = f"/api/tickets/{ticket_id}/messages", client_msg_id or secrets.token_hex(16)
        while True:
            try:
                return await self.call("POST", path, {"body": body, **more}, key=key)
            except (ClientError, OSError, Refusal) as error:
                _raise_if_final(error)
            await asyncio.sleep(_jitter(2))

    def listen(self, *rooms: str, positions: Positions | None = None) -> "Line":
        """Return a line to these rooms, or to all of one's own: ``async with desk.listen() as line``.

        ``ticket:42`` brings ``ticket:42:staff`` along for staff. With positions it goes on where the program was.
        """
        return Line(self, set(rooms), positions or Positions())


class Line:
    """Events of the rooms, each once and in order, whatever happens to the network or the desk."""

    def __init__(self, client: Client, rooms: set[str], positions: Positions) -> None:
        self._client, self._rooms, self._all_mine = client, rooms, not rooms
        self._positions, self._epoch = positions, positions.epoch
        self._heard = {room: seq for room, seq in positions.rooms.items() if self._wants(room)}
        self._queue: deque[tuple[Event, str]] = deque()
        self._moved = asyncio.Event()
        self._greeted = self._settled = self._unanswered = False
        self._asked_at, self._tries = 0.0, 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep(), name="line")
        self._task.add_done_callback(lambda _: self._moved.set())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield the events; by asking for the next one the program is done with the one before."""
        while True:
            await self._until(lambda: bool(self._queue))
            event, epoch = self._queue.popleft()
            self._moved.set()
            yield event
            self._positions.done(event, epoch)

    async def _until(self, fits: Callable[[], bool]) -> None:
        while not fits():
            if self._task.done():
                self._task.result()
            self._moved.clear()
            await self._moved.wait()

    async def _keep(self) -> None:
        while True:
            pause = _jitter(self._tries)
            try:
                code, reason = await self._converse()
                if code in FINAL:
                    raise Refusal(code, {"title": f"the desk closed the line: {reason} ({code})"})
                why, pause = f"closed with {code}", _advice(reason) or pause
            except (ClientError, OSError) as error:
                _raise_if_final(error)
                why = str(error) or type(error).__name__
            self._tries += 1
            log.warning("no line to %s (%s); trying again in %.1f s", self._client.url, why, pause)
            await asyncio.sleep(pause)

    async def _converse(self) -> tuple[int, str]:
        """Talk over one socket to its end; return why it was closed."""
        url, dial = f"{self._client.url}/ws", self._client.session.ws_connect
        async with asyncio.timeout(PATIENCE):
            found = await dial(url, autoclose=False, autoping=False, max_msg_size=0, timeout=CLOSING)
        ws = cast(_Socket, found)
        self._greeted, self._unanswered, self._asked_at = False, True, time.monotonic()
        try:
            return await self._read(ws)
        finally:
            self._settled = False
            with contextlib.suppress(ClientError, OSError):
                await ws.close()
            ws.abort()

    async def _read(self, ws: _Socket) -> tuple[int, str]:
        # The one task that sends: two sends at a time would share the fate of the first.
        while True:
            await self._until(lambda: len(self._queue) < QUEUE)
            due = self._asked_at + (PATIENCE if self._unanswered else HEARTBEAT)
            try:
                message = await ws.receive(max(due - time.monotonic(), 0.01))
            except TimeoutError:
                if self._unanswered:
                    raise
                await self._ask_where(ws)
                continue
            if message.type is WSMsgType.TEXT:
                frames = msgspec.json.decode(message.data)
                for frame in frames if isinstance(frames, list) else [frames]:
                    self._take(frame)
            elif message.type is WSMsgType.PING:
                await ws.pong(message.data)
            elif message.type is WSMsgType.CLOSE:
                return message.data, message.extra or ""
            elif message.type is not WSMsgType.PONG:
                return ws.close_code or 1006, ""

    async def _ask_where(self, ws: _Socket) -> None:
        """Claim what was heard, and what is to be heard from now on: heartbeat, resume and join in one."""
        self._unanswered, self._asked_at = True, time.monotonic()
        claims = {room: {"seq": self._heard.get(room, AHEAD)} for room in self._rooms | self._heard.keys()}
        data = {"rooms": claims, "epoch": self._epoch, "batch": True}
        await ws.send_str(msgspec.json.encode({"event": "connect", "id": "where", "data": data}).decode())

    def _take(self, frame: dict[str, Any]) -> None:
        if frame.get("reply_to") == "where" and frame["ok"]:
            self._unanswered, self._settled, self._tries = False, True, 0
        elif frame.get("event") == "connected":
            self._stand(frame["data"])
        elif "seq" in frame:  # typing and presence have none, and no log keeps them
            event = msgspec.convert(frame, Event)
            heard = self._heard.get(event.room, event.seq)
            if event.seq == heard + 1:
                self._put(event)
            elif event.seq > heard and self._settled:
                raise ConnectionError(f"an event of {event.room} is missing")

    def _stand(self, data: dict[str, Any]) -> None:
        """Take up the rooms as the desk says that they stand; its first frame does not know yet what was heard."""
        if data["epoch"] != self._epoch:
            self._epoch, self._heard = data["epoch"], {}
        for room, state in data["rooms"].items():
            if "top" not in state and room in self._rooms:
                raise Refusal(None, {"code": "not_found", "title": f"there is no room {room} for you"})
            is_lost = self._greeted and not state["recovered"]
            if "top" not in state:
                self._heard.pop(room, None)
            elif self._wants(room) and (is_lost or room not in self._heard):
                self._put(Event(name=SNAPSHOT, room=room, seq=state["top"], data=state.get("snapshot", {})))
        if not self._greeted:
            self._greeted, self._unanswered, self._asked_at = True, False, -HEARTBEAT

    def _wants(self, room: str) -> bool:
        base = room.removesuffix(":staff")
        return base in self._rooms or (self._all_mine and not base.startswith("ticket:"))

    def _put(self, event: Event) -> None:
        self._heard[event.room] = event.seq
        self._queue.append((event, self._epoch))
        self._moved.set()


def _jitter(tries: int) -> float:
    return random.uniform(0, min(LONGEST, FIRST * 2 ** min(tries, 10)))  # noqa: S311 -- a pause  # nosec B311


def _advice(reason: str) -> float | None:
    """Return in how many seconds to come back, if the desk said so."""
    with contextlib.suppress(msgspec.DecodeError, LookupError, TypeError, ValueError):
        return float(msgspec.json.decode(reason)["retry_ms"]) / 1_000
    return None


def _raise_if_final(error: Exception) -> None:
    """Raise it again when the same would not succeed a little later: a refusal, a bad address."""
    if isinstance(error, aiohttp.WSServerHandshakeError):
        error = Refusal(error.status, {"title": f"the desk refuses the line ({error.status})"})
    is_final = isinstance(error, Refusal) and error.status not in PASSING and error.code != "in_progress"
    if is_final or isinstance(error, ValueError):
        raise error
