"""Who is here, in real time: tabs, flapping lines, and everybody coming back after a crash."""

import asyncio
import random
import time
from pathlib import Path
from typing import Any, Final

import pytest

from tests.stress.desks import Desk, Person, served
from tests.stress.wires import Frame, Wire, come_back, connect

pytestmark = pytest.mark.slow

FLAPS: Final = 20
PEOPLE: Final = 50


class Watcher:
    """A colleague who notes what is announced of the others."""

    def __init__(self) -> None:
        self.news: list[tuple[float, int, str]] = []
        self.typing: list[tuple[float, bool]] = []

    async def watch(self, desk: Desk, person: Person) -> Wire:
        return await come_back(desk, person.token, self._hear)

    def of(self, person: Person) -> list[str]:
        return [status for _, user_id, status in self.news if user_id == person.id]

    async def until(self, person: Person, status: str, seconds: float) -> float:
        """Return when it was announced."""
        async with asyncio.timeout(seconds):
            while status not in self.of(person):
                await asyncio.sleep(0.02)
        return next(at for at, user_id, said in self.news if (user_id, said) == (person.id, status))

    def _hear(self, frame: Frame) -> None:
        if frame.event == "presence_update":
            data: Any = frame.all
            if "status" in data:
                self.news.append((time.monotonic(), data["user"]["id"], data["status"]))
        elif frame.event == "user_typing":
            self.typing.append((time.monotonic(), frame.all["typing"]))


async def test_tabs_flaps_and_typing_are_told_as_promised(tmp_path: Path) -> None:
    async with served(tmp_path, agents=4) as desk:
        observer, ann, ben, cid = desk.people
        ticket_id = await desk.ticket(observer)
        watcher = Watcher()
        wire = await watcher.watch(desk, observer)
        await wire.do("join_ticket", ticket_id=ticket_id)
        await asyncio.sleep(15)  # from here on departures are announced

        async def close_three_tabs() -> float:
            tabs = [await connect(desk.port, ann.token) for _ in range(3)]
            await watcher.until(ann, "online", 5)
            for tab in tabs[:2]:
                tab.close()
            await asyncio.sleep(12)
            assert watcher.of(ann) == ["online"]
            tabs[2].close()
            left = time.monotonic()
            return await watcher.until(ann, "offline", 20) - left

        async def flap() -> None:
            for _ in range(FLAPS):
                tab = await connect(desk.port, ben.token)
                await asyncio.sleep(5 / FLAPS)
                tab.close()
            await connect(desk.port, ben.token)

        async def type_() -> float:
            tab = await connect(desk.port, cid.token)
            await tab.do("join_ticket", ticket_id=ticket_id)
            await tab.do("typing_start", ticket_id=ticket_id)
            async with asyncio.timeout(15):
                while len(watcher.typing) < 2:
                    await asyncio.sleep(0.02)
            (began, _), (ended, _) = watcher.typing
            return ended - began

        gone_after, _, typed_for = await asyncio.gather(close_three_tabs(), flap(), type_())
        await wire.do("connect")

    assert watcher.of(ann) == ["online", "offline"]
    assert 9.5 <= gone_after <= 15
    assert watcher.of(ben) == ["online"], "twenty breaks in five seconds are nobody's news"
    assert [typing for _, typing in watcher.typing] == [True, False]
    assert 5.5 <= typed_for <= 10


async def test_after_a_crash_fifty_people_come_back_and_nobody_was_gone(tmp_path: Path) -> None:
    chance = random.Random(3)
    async with served(tmp_path, agents=1 + PEOPLE) as desk:
        observer, *people = desk.people
        for person in people:
            await connect(desk.port, person.token)
        await desk.restart()
        watcher = Watcher()
        wire = await watcher.watch(desk, observer)

        async def come(person: Person) -> None:
            await asyncio.sleep(chance.uniform(0, 8))
            first = await connect(desk.port, person.token)
            await asyncio.sleep(chance.uniform(0, 2))
            first.close()  # a page that is loaded again
            await asyncio.sleep(chance.uniform(0, 2))
            await connect(desk.port, person.token)

        await asyncio.gather(*map(come, people))
        await asyncio.sleep(16)  # the amnesty is over, and so is the grace of who was last seen in it
        await wire.do("connect")

    assert sorted(user_id for _, user_id, _ in watcher.news) == [person.id for person in people]
    assert {status for _, _, status in watcher.news} == {"online"}
