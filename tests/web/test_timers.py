"""What the desk does by itself: in time, once, in order, and whatever fails beside it."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from servicedesk.desk import agenda
from servicedesk.desk.agenda import Row
from servicedesk.domain.agenda import Kind
from servicedesk.domain.events import Due
from servicedesk.domain.times import DAY, HOUR, MINUTE, SECOND, Instant, iso, parse
from servicedesk.store import events, idempotency
from servicedesk.store.db import Connection, Tx
from servicedesk.web import timers
from servicedesk.web.timers import Timers
from tests.served import START, Client, Desk


async def history(client: Client, ticket: Any) -> list[Any]:
    return await client.all(f"/api/tickets/{ticket['id']}/history")


def told(desk: Desk, room: str) -> list[Any]:
    """Return what a room heard from the beginning."""
    frames = desk.db.peek(
        lambda conn: conn.execute(
            "SELECT frame FROM events WHERE room = ? ORDER BY seq",
            (events.room_number(room),),
        ).fetchall()
    )
    return [msgspec.json.decode(frame) for (frame,) in frames]


# Appointments of a test --------------------------------------------------


class Diary:
    """Appointments of one kind in a table of their own, and what was kept of them."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.kept: list[tuple[int, Instant]] = []
        self.broken: set[int] = set()
        self.row = Row(kind, self._first, self._keep)

    def make(self, *appointments: tuple[Instant, int]) -> Callable[[Tx], None]:
        def job(tx: Tx) -> None:
            tx.execute(f"CREATE TABLE IF NOT EXISTS diary_{self.kind} (due INTEGER, subject INTEGER)")
            for due, subject in appointments:
                tx.execute(f"INSERT INTO diary_{self.kind} VALUES (?, ?)", (due, subject))
                tx.after_commit(Due(self.kind, due))

        return job

    def _first(self, conn: Connection, most: int) -> list[tuple[Instant, int]]:
        return [
            tuple(row)
            for row in conn.execute(
                f"SELECT due, subject FROM diary_{self.kind} ORDER BY due, subject LIMIT ?", (most,)
            )
        ]

    def _keep(self, tx: Tx, subject: int, at: Instant) -> None:
        tx.execute(f"DELETE FROM diary_{self.kind} WHERE subject = ?", (subject,))
        if subject in self.broken:
            raise ZeroDivisionError("a mistake of the programmer")
        self.kept.append((subject, at))


@pytest.fixture
def first() -> Diary:
    return Diary(Kind.CLOSE)


@pytest.fixture
def second(first: Diary) -> Diary:
    diary = Diary(Kind.SLA)
    diary.kept = first.kept
    return diary


async def kept_by(desk: Desk, *diaries: Diary) -> Timers:
    for diary in diaries:
        await desk.db.write(diary.make())
    return Timers(desk.db, desk.clock, tuple(diary.row for diary in diaries))


# In time --------------------------------------------------


async def test_an_appointment_is_kept_within_a_second_of_its_moment(desk: Desk, first: Diary) -> None:
    desk.clock = lambda: time.time_ns() // 1_000_000  # type: ignore[assignment]
    keeper = await kept_by(desk, first)
    desk.db.listen(keeper.hear)
    task = asyncio.create_task(keeper.keep())
    await asyncio.sleep(0)

    due = desk.clock() + 300
    await desk.db.write(first.make((due, 1), (due + 200, 2)))
    async with asyncio.timeout(5):
        while len(first.kept) < 2:
            await asyncio.sleep(0.005)
    task.cancel()

    assert [subject for subject, _ in first.kept] == [1, 2]
    assert all(0 <= at - (due + 200 * n) < SECOND for n, (_, at) in enumerate(first.kept))


async def test_nothing_is_looked_at_while_nothing_is_due(desk: Desk, first: Diary) -> None:
    keeper = await kept_by(desk, first)
    desk.db.listen(keeper.hear)
    await desk.db.write(first.make((START + DAY, 1)))
    looks = 0
    look = keeper.next_at

    def counted() -> Instant | None:
        nonlocal looks
        looks += 1
        return look()

    keeper.next_at = counted  # type: ignore[method-assign]
    task = asyncio.create_task(keeper.keep())
    async with asyncio.timeout(5):
        while looks < 2:
            await asyncio.sleep(0.01)
    before = looks
    for n in range(20):
        await desk.db.write(first.make((START + 2 * DAY + n, n)))
        await asyncio.sleep(0.02)
    task.cancel()

    assert looks == before


async def test_what_fell_due_while_nobody_was_there_happens_once_and_in_order(
    desk: Desk, first: Diary, second: Diary
) -> None:
    await kept_by(desk, first, second)
    await desk.db.write(first.make(*((START + 10 * n, n) for n in range(1, 40, 2))))
    await desk.db.write(second.make(*((START + 10 * n, n) for n in range(2, 40, 2))))
    desk.clock.advance(DAY)

    await (await kept_by(desk, first, second)).fire()
    await (await kept_by(desk, first, second)).fire()

    assert first.kept == [(n, START + DAY) for n in range(1, 40)]


async def test_one_that_fails_holds_up_nobody_and_is_tried_again(
    desk: Desk, first: Diary, second: Diary, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = await kept_by(desk, first, second)
    await desk.db.write(first.make((START + 1, 1), (START + 2, 2)))
    await desk.db.write(second.make((START + 3, 3)))
    first.broken = {1}
    desk.clock.advance(SECOND)

    with caplog.at_level(logging.ERROR):
        await keeper.fire()
    assert [subject for subject, _ in first.kept] == [2, 3]
    assert "close of 1 failed" in caplog.text
    assert "a mistake of the programmer" in caplog.text
    caplog.clear()
    await keeper.fire()
    assert not caplog.records
    assert keeper.next_at() == desk.clock() + 5 * SECOND

    first.broken = set()
    desk.clock.advance(5 * SECOND)
    await keeper.fire()
    assert [subject for subject, _ in first.kept] == [2, 3, 1]


async def test_one_that_stays_due_is_not_kept_for_ever(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    times = []
    row = Row(Kind.SLA, lambda conn, most: [(START, 7)], lambda tx, subject, at: times.append(at))
    idle = agenda.chore(Kind.CLOSE, lambda conn: START, lambda tx, at: 0)

    with caplog.at_level(logging.ERROR):
        await Timers(desk.db, desk.clock, (row, idle)).fire()

    assert len(times) == 1
    assert "still due" in caplog.text
    assert "nothing was to be done" in caplog.text


# The desk's own --------------------------------------------------


async def test_a_year_passes_in_a_moment(desk: Desk) -> None:
    agent = await desk.agent()
    forgotten = await agent.ticket("Forgotten")
    solved = [await agent.ticket(f"Solved {n}") for n in range(50)]
    for ticket in solved:
        await desk.live(HOUR)
        await agent.put(f"/api/tickets/{ticket['id']}/status", {"status": "resolved"})

    await desk.live(365 * DAY)

    warned = [e for e in told(desk, f"ticket:{forgotten['id']}:staff") if e["data"]["action"] == "sla"]
    assert [(e["data"]["changes"]["sla"]["to"], parse(e["ts"]) - START) for e in warned] == [
        ("at_risk", 6 * HOUR),
        ("breached", 8 * HOUR + 1),
    ]
    for n, ticket in enumerate(solved, 1):
        closed = (await history(agent, ticket))[-1]
        assert (closed["actor"], closed["changes"]["status"]["to"]) == (None, "closed")
        assert parse(closed["created_at"]) == START + n * HOUR + 7 * DAY


async def test_the_desk_catches_up_in_the_order_of_due_times(desk: Desk) -> None:
    agent = await desk.agent()
    solved, critical, late = (
        await agent.ticket(),
        await agent.ticket(priority="critical"),
        await agent.ticket(),
    )
    await agent.put(f"/api/tickets/{solved['id']}/status", {"status": "resolved"})
    desk.clock.advance(30 * DAY)

    await timers.fire(desk.app)
    await timers.fire(desk.app)

    late_told = [e["data"] for e in told(desk, "desk") if e["ts"] == iso(START + 30 * DAY)]
    assert [(data["ticket_id"], data["action"]) for data in late_told] == [
        (critical["id"], "sla"),
        (late["id"], "sla"),
        (solved["id"], "status"),
    ]


async def test_whatever_makes_an_appointment_tells_of_it(desk: Desk) -> None:
    heard: set[Due] = set()
    desk.db.listen(lambda notices: heard.update(n for n in notices if isinstance(n, Due)))
    boss = await desk.admin()
    late = {"when": {"kind": "share", "clock": "resolution", "percent": 50}, "whom": {"kind": "assignee"}}
    policy = {"name": "Watch", "is_default": True, "tiers": [{**late, "do": ["notify"]}]}
    await boss.post("/api/escalation/policies/", policy)
    path = f"/api/tickets/{(await boss.ticket(assigned_to=boss.id))['id']}"

    for what, body in (
        ("priority", {"priority": "critical"}),
        ("status", {"status": "pending"}),
        ("status", {"status": "in_progress"}),
        ("status", {"status": "resolved"}),
        ("status", {"status": "open", "comment": "It is back."}),
    ):
        desk.clock.advance(MINUTE)
        assert (await boss.put(f"{path}/{what}", body)).status == 200
        near = [each for each in desk.db.peek(agenda.nearest, {}) if each.subject]
        assert near or body["status"] == "pending"
        assert {Due(each.kind, each.due) for each in near} <= heard, body
    assert {notice.kind for notice in heard} >= {Kind.SLA, Kind.CLOSE, Kind.ESCALATION}


async def test_kept_answers_are_forgotten_after_two_days(desk: Desk) -> None:
    agent = await desk.agent()
    await agent.ticket()
    await agent.post("/api/tickets/", {"title": "Once"}, headers={"Idempotency-Key": "k"})

    def kept() -> int:
        return desk.db.peek(lambda conn: conn.execute("SELECT count(*) FROM idempotency").fetchone()[0])

    await desk.live(idempotency.KEPT)
    assert kept() == 1
    await desk.live(HOUR + MINUTE)
    assert kept() == 0
