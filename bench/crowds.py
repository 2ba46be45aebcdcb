"""Crowds on websockets: what one costs to hold, how soon all are back, and how late a room hears what is said."""

import asyncio
import json
import random
import resource
import socket
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from aiohttp import ClientSession

from bench import texts
from bench.filling import AGENTS, HEARERS, token_of
from bench.http import Connection, Unexpected, json_request
from bench.servers import Server
from bench.sockets import Crowd, Listener, come, listen

SPEAKERS: Final = 16
"""Who keeps talking at once when everything is asked of a room."""
A_SECOND: Final = 50
NARROW: Final = 4096
"""What the network keeps, in bytes, for who never reads."""
SAID: Final = texts.words(random.Random(1), 25)
_SETTLED: Final = 1.0


class Place(NamedTuple):
    """A server and how a room of it is entered and spoken in."""

    server: Server
    ticket: int
    is_desk: bool

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def tokens(self) -> list[str]:
        """Return whose sockets they are: somebody may have twenty."""
        return [token_of(number) for number in range(AGENTS + HEARERS)] if self.is_desk else [""]

    @property
    def frames(self) -> tuple[bytes, ...]:
        """Return what a socket says first."""
        if not self.is_desk:
            return ()
        return (
            b'{"event":"connect","data":{"batch":true}}',
            b'{"event":"join_ticket","id":1,"data":{"ticket_id":%d}}' % self.ticket,
        )

    def saying(self, *, thrice: bool = False) -> bytes:
        """Return the request that says something; the bare handler is told how often it has to send."""
        if self.is_desk:
            return json_request("POST", f"/api/tickets/{self.ticket}/messages", {"body": SAID}, token_of(0))
        return json_request("POST", f"/tickets/{self.ticket}/messages", {"body": SAID, "thrice": thrice})


async def with_a_new_ticket(place: Place) -> Place:
    """Return the desk with a room in which nothing has been said yet."""
    connection = await Connection.open(place.port)
    try:
        asked = json_request("POST", "/api/tickets/", {"title": "For a crowd"}, token_of(0))
        answer = await _accepted(connection.ask(asked))
    finally:
        connection.close()
    return place._replace(ticket=json.loads(answer.split(b"\r\n\r\n", 1)[1])["id"])


# Everything that a room can take --------------------------------------------------


class FanOut(NamedTuple):
    """A message for everybody in the room."""

    messages: float
    """Deliveries a second."""
    last_heard_ms: float
    """How long one takes to reach the last of them."""
    events: float
    """The same when all events of a message count, which the bare handler then sends as well."""


async def fan_out(place: Place, seconds: float, listeners: int) -> FanOut:
    """Let everybody sit in the room of a ticket, and say something there."""
    async with _seated(place, listeners) as (crowd, _):
        said = place.saying()
        speakers = [await Connection.open(place.port) for _ in range(SPEAKERS)]
        try:
            delays = [await _one_message(speakers[0], said, crowd, listeners) for _ in range(20)]
            messages, events = await _many_messages(speakers, said, crowd, listeners, seconds)
            if not place.is_desk:
                said = place.saying(thrice=True)
                _, events = await _many_messages(speakers, said, crowd, listeners, seconds)
        finally:
            for speaker in speakers:
                speaker.close()
    return FanOut(messages, statistics.median(delays) * 1000, events)


async def _one_message(speaker: Connection, said: bytes, crowd: Crowd, listeners: int) -> float:
    """Return the seconds from a message's request until the last has heard it."""
    crowd.expect(listeners)
    started = time.perf_counter()
    await _accepted(speaker.ask(said))
    await crowd.wait()
    return time.perf_counter() - started


async def _many_messages(
    speakers: list[Connection], said: bytes, crowd: Crowd, listeners: int, seconds: float
) -> tuple[float, float]:
    """Return how many messages and how many events are heard in a second while all speak."""
    before, events_before, started = crowd.heard, crowd.events, time.perf_counter()

    async def keep_talking(speaker: Connection) -> int:
        count = 0
        while time.perf_counter() < started + seconds:
            await _accepted(speaker.ask(said))
            count += 1
        return count

    counts = await asyncio.gather(*map(keep_talking, speakers))
    missing = sum(counts) * listeners - (crowd.heard - before)
    if missing:
        crowd.expect(missing)
        await crowd.wait()
    took = time.perf_counter() - started
    return (crowd.heard - before) / took, (crowd.events - events_before) / took


# Many who only listen --------------------------------------------------


class Held(NamedTuple):
    """A crowd that listens."""

    kib: float
    """What a socket holds of memory."""
    back: float
    """Seconds until all are back, and in the room, when they come in the same instant."""


async def hold(place: Place, count: int) -> Held:
    """Let a crowd sit down, lose all of it, and let it come back at once."""
    _allow_sockets(2 * count)
    async with _seated(place, min(count, 100)):  # whatever is loaded for the first is loaded
        pass
    before = place.server.memory
    async with _seated(place, count):
        await asyncio.sleep(_SETTLED)
        kib = (place.server.memory - before) * 1024 / count
    frames = [await _resuming(place)] if place.is_desk else []
    began = time.perf_counter()
    async with _seated(place, count, frames):
        back = time.perf_counter() - began
    return Held(kib, back)


async def _resuming(place: Place) -> bytes:
    """Return what somebody says first who comes back to the room and has missed nothing."""
    room = f"ticket:{place.ticket}"
    headers = {"Authorization": f"Bearer {place.tokens[0]}"}
    async with (
        ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{place.port}/ws", headers=headers) as line,
    ):
        await line.send_json({"event": "join_ticket", "id": 1, "data": {"ticket_id": place.ticket}})
        while (frame := await line.receive_json()).get("reply_to") != 1:
            pass
    joined = frame["data"]
    rooms = {name: {"seq": joined["rooms"][name]["seq"]} for name in (room, f"{room}:staff")}
    data = {"batch": True, "epoch": joined["epoch"], "rooms": rooms}
    return json.dumps({"event": "connect", "id": 1, "data": data}).encode()


def _allow_sockets(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 256
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


# How late a room hears --------------------------------------------------


class Heard(NamedTuple):
    """How late what was said fifty times a second was heard, in milliseconds."""

    median: float
    p99: float


async def pace(place: Place, listeners: int, seconds: float, *, beside_deaf: int = 0) -> Heard:
    """Say something fifty times a second, and look when everybody hears it; beside some who never read."""
    async with _seated(place, listeners) as (_, seated):
        deaf = [await _deaf(place, number) for number in range(beside_deaf)]
        said, speaker = place.saying(), await Connection.open(place.port)
        sent: list[float] = []
        try:
            began = time.perf_counter()
            for number in range(round(seconds * A_SECOND)):
                await asyncio.sleep(max(0.0, began + number / A_SECOND - time.perf_counter()))
                sent.append(time.perf_counter())
                await _accepted(speaker.ask(said))
            async with asyncio.timeout(30):
                while any(len(each.heard_at) < len(sent) for each in seated):
                    await asyncio.sleep(0.01)
        finally:
            speaker.close()
            for each in deaf:
                each.abort()
    late = sorted(at - since for each in seated for at, since in zip(each.heard_at, sent, strict=True))
    return Heard(late[len(late) // 2] * 1000, late[len(late) * 99 // 100] * 1000)


async def _deaf(place: Place, number: int) -> asyncio.Transport:
    """Sit down in the room on a narrow line, and read nothing from then on."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)
    line.setblocking(False)
    await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", place.port))
    token = place.tokens[-1 - number % HEARERS]
    listener = await come(place.port, token, Crowd(), place.frames, line)
    listener.transport.pause_reading()
    return listener.transport


# Parts --------------------------------------------------


@asynccontextmanager
async def _seated(
    place: Place, count: int, frames: Sequence[bytes] | None = None
) -> AsyncIterator[tuple[Crowd, list[Listener]]]:
    """Let so many sit in the room, and wait afterwards until the server has noticed that they are gone."""
    crowd = Crowd()
    seated = await listen(place.port, place.tokens, count, crowd, place.frames if frames is None else frames)
    try:
        yield crowd, seated
    finally:
        for each in seated:
            each.close()
        await asyncio.sleep(_SETTLED)


async def _accepted(answer: asyncio.Future[bytes]) -> bytes:
    got = await answer
    if not got.startswith(b"HTTP/1.1 201 "):
        raise Unexpected(got[:2000].decode(errors="replace"))
    return got
