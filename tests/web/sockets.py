"""Sockets to a served desk."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.served import Client

PATIENCE: Final = 5.0
"""Seconds after which a test gives up waiting for what should come at once."""


class Socket:
    """A client's socket. Replies and events are waited for by name; what else comes is kept in order."""

    def __init__(self, ws: ClientWebSocketResponse) -> None:
        self.ws = ws
        self.seen: list[dict[str, Any]] = []
        self._fresh = 0
        self._numbers = 0

    async def next(self) -> dict[str, Any]:
        """Return the next frame that was not looked at yet."""
        if self._fresh == len(self.seen):
            message = await asyncio.wait_for(self.ws.receive(), PATIENCE)
            assert message.type is WSMsgType.TEXT, f"{message.type.name} {message.data} {self.ws.close_code}"
            frames = message.json()
            self.seen += frames if isinstance(frames, list) else [frames]
        self._fresh += 1
        return self.seen[self._fresh - 1]

    async def until(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first frame that fits, looking at the next ones."""
        while True:
            frame = await self.next()
            if fits(frame):
                return frame

    async def event(self, name: str, **data: Any) -> dict[str, Any]:
        """Return the next event of that name whose data has these members."""
        return await self.until(lambda f: f.get("event") == name and data.items() <= f["data"].items())

    async def stored(self, room: str, seq: int) -> dict[str, Any]:
        """Return the event at that place, whether it was looked at already or is still to come."""
        for frame in self.seen[: self._fresh]:
            if (frame.get("room"), frame.get("seq")) == (room, seq):
                return frame
        return await self.until(lambda f: (f.get("room"), f.get("seq")) == (room, seq))

    async def send(self, event: str, number: Any = None, /, **data: Any) -> None:
        frame: dict[str, Any] = {"event": event, "data": data}
        if number is not None:
            frame["id"] = number
        await self.ws.send_json(frame)

    async def ask(self, event: str, **data: Any) -> dict[str, Any]:
        """Send a command and return the reply, skipping events."""
        self._numbers += 1
        await self.send(event, self._numbers, **data)
        return await self.until(lambda f: f.get("reply_to") == self._numbers)

    async def do(self, event: str, **data: Any) -> dict[str, Any]:
        """Send a command that is to succeed and return the reply's data."""
        reply = await self.ask(event, **data)
        assert reply["ok"], reply
        return reply["data"]

    async def refused(self, event: str, **data: Any) -> dict[str, Any]:
        """Send a command that is to fail and return the error."""
        reply = await self.ask(event, **data)
        assert not reply["ok"], reply
        return reply["error"]

    async def quiet(self) -> list[dict[str, Any]]:
        """Return what came before the answer to a heartbeat: everything that was on its way."""
        start = self._fresh
        await self.do("connect")
        return [f for f in self.seen[start : self._fresh] if f.get("event") not in (None, "connected")]

    def events(self, room: str) -> list[int]:
        """Return the places of all events of a room that came, in the order in which they came."""
        return [f["seq"] for f in self.seen if f.get("room") == room]

    async def closed(self) -> tuple[int | None, str]:
        """Read to the end and return the close code and the reason."""
        while True:
            message = await asyncio.wait_for(self.ws.receive(), PATIENCE)
            if message.type is WSMsgType.TEXT:
                frames = message.json()
                self.seen += frames if isinstance(frames, list) else [frames]
            elif message.type is WSMsgType.CLOSE:
                return message.data, message.extra or ""
            else:
                return self.ws.close_code, ""

    async def close(self) -> None:
        await self.ws.close()


async def dial(person: Client, **options: Any) -> Socket:
    """Open a socket without reading anything."""
    return Socket(await person.session.ws_connect("/ws", **options))


async def connect(person: Client, **options: Any) -> Socket:
    """Open a socket and read its first frame."""
    socket = await dial(person, **options)
    first = await socket.next()
    assert first["event"] == "connected", first
    return socket


async def say(person: Client, ticket_id: int, body: str, **fields: Any) -> Any:
    """Write a message over HTTP and return it."""
    answer = await person.post(f"/api/tickets/{ticket_id}/messages", {"body": body, **fields})
    assert answer.status == 201, answer.body
    return answer.body
