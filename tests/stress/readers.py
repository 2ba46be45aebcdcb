"""Somebody who reads a ticket and never lets a gap or a repeat pass."""

import contextlib
from typing import Any

from tests.stress.desks import Desk, Person
from tests.stress.wires import Cut, Frame, Wire, come_back, connect, said


class Reader:
    """Goes on where it was, however often its line is cut."""

    def __init__(self, desk: Desk, person: Person, ticket_id: int) -> None:
        self.messages: list[tuple[int, int, str]] = []
        """What was said, as it was heard: place in the room, id and text."""
        self.faults: list[Any] = []
        self.places: dict[str, int] = {}
        self.room = f"ticket:{ticket_id}"
        self._desk = desk
        self._person = person
        self._ticket_id = ticket_id
        self._epoch = ""
        self.wire: Wire

    async def begin(self, **line: Any) -> None:
        """Sit down while it is quiet: from here on everything has to be heard."""
        self.wire = await connect(self._desk.port, self._person.token, self._hear, **line)
        self._epoch = self.wire.greeting["epoch"]
        self.places = {room: state["top"] for room, state in self.wire.greeting["rooms"].items()}
        joined = await self.wire.do("join_ticket", ticket_id=self._ticket_id)
        self.places |= {room: state["seq"] for room, state in joined["rooms"].items()}

    async def stay(self) -> None:
        """Come back whenever the line is cut."""
        while True:
            await self.wire.ended
            with contextlib.suppress(Cut):
                await self.resume()

    async def resume(self) -> None:
        self.wire = await come_back(self._desk, self._person.token, self._hear)
        rooms = {room: {"seq": seq} for room, seq in self.places.items()}
        await self.wire.do("connect", rooms=rooms, epoch=self._epoch)

    def _hear(self, frame: Frame) -> None:
        if frame.event == "connected":
            lost = [room for room, state in frame.all["rooms"].items() if not state["recovered"]]
            self.faults += lost
        if not frame.room:
            return
        if frame.seq != self.places[frame.room] + 1:
            self.faults.append((frame.room, self.places[frame.room], frame.seq))
        self.places[frame.room] = frame.seq
        if frame.event == "new_message":
            self.messages.append((frame.seq, *said(frame)))
