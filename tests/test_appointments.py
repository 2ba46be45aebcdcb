"""The program is killed while its appointments fall due: none is kept twice, none is left out."""

import contextlib
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from servicedesk.app import wall_clock
from servicedesk.desk import escalation, people, tickets
from servicedesk.desk.people import NewPerson, NewTeam
from servicedesk.desk.tickets import Draft
from servicedesk.domain.escalation import NEW, Do, Policy, Target, Tier, When, WhenKind, Whom
from servicedesk.domain.people import Role
from servicedesk.domain.tickets import Status
from servicedesk.domain.times import HOUR, SECOND, Instant
from servicedesk.store import people as stored
from servicedesk.store.db import Database, Tx
from tests.programs import PATIENCE, PROGRAM, environment, serving

TICKETS = 60
KILLS = 4
ACTIONS = (Do.RAISE_PRIORITY, Do.REASSIGN, Do.TAG)


def a_tier(minutes: int, do: Do) -> Tier:
    return Tier(
        id=NEW,
        when=When(kind=WhenKind.STATUS, status=Status.NEW, minutes=minutes),
        whom=Whom(kind=Target.TEAM),
        do=(do, Do.NOTIFY),
        tag="late" if do is Do.TAG else None,
    )


def furnish(tx: Tx, now: Instant) -> None:
    """Leave a desk whose tickets have fallen due one after the other while nobody was there."""
    opened = now - 9 * HOUR
    boss, ann, bob = (
        people.create(
            tx,
            NewPerson(email=f"{name}@example.org", name=name, role=Role.SUPERVISOR, max_tickets=1000),
            at=opened,
        )
        for name in ("boss", "ann", "bob")
    )
    team = people.create_team(tx, NewTeam(name="Support", member_ids=(ann.id, bob.id)), at=opened)
    tiers = tuple(a_tier(60 + place, do) for place, do in enumerate(ACTIONS))
    escalation.create(tx, Policy(name="Watch", is_default=True, tiers=tiers), at=opened)
    for n in range(TICKETS):
        draft = Draft(title="The printer is on fire", team_id=team.id, assigned_to=ann.id)
        tickets.create(tx, draft, by=boss, at=now - 2 * HOUR + n * SECOND)


def hire(tx: Tx, now: Instant) -> None:
    """Leave waiting tickets and an agent who is free, as a process does that is killed between the two."""
    boss = people.create(tx, NewPerson(email="boss@example.org", name="Boss", role=Role.SUPERVISOR), at=now)
    for _ in range(3 * TICKETS):
        tickets.create(tx, Draft(title="The printer is on fire"), by=boss, at=now)
    stored.insert(tx, email="ann@example.org", name="Ann", role=Role.AGENT, max_tickets=10 * TICKETS, at=now)


async def left(folder: Path, make: Callable[[Tx, Instant], Any]) -> Any:
    async with await Database.open(folder / "servicedesk.db") as db:
        return await db.write(make, wall_clock())


def ask(folder: Path, sql: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(f"file:{folder}/servicedesk.db?mode=ro", uri=True)) as conn:
        return conn.execute(sql).fetchall()


def killed_in_between(folder: Path, progress: str) -> None:
    """Start the program, and kill it as soon as it has done some more of its work."""
    before = ask(folder, progress)
    process = subprocess.Popen(
        [*PROGRAM, "serve", "--port", "0", "--data-dir", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    until = time.monotonic() + PATIENCE
    while ask(folder, progress) == before and time.monotonic() < until:
        time.sleep(0.001)
    process.kill()
    process.wait(PATIENCE)


def come_to_an_end(folder: Path, is_done: Callable[[], bool]) -> None:
    with serving("--data-dir", folder) as server:
        until = time.monotonic() + PATIENCE
        while not is_done() and time.monotonic() < until:
            time.sleep(0.02)
        server.signal()
        assert server.ended()[0] == 0


async def test_tiers_fire_once_and_in_order_however_often_the_program_is_killed(tmp_path: Path) -> None:
    await left(tmp_path, furnish)
    steps = "SELECT count(*) FROM escalation_steps"
    for _ in range(KILLS):
        killed_in_between(tmp_path, steps)
    assert [(0,)] < ask(tmp_path, steps) < [(3 * TICKETS,)]
    come_to_an_end(tmp_path, lambda: ask(tmp_path, steps) >= [(3 * TICKETS,)])

    fired = ask(tmp_path, "SELECT ticket_id, tier, due_at FROM escalation_steps ORDER BY id")
    each = [(ticket_id, tier) for ticket_id in range(1, TICKETS + 1) for tier in (1, 2, 3)]
    assert sorted(step[:2] for step in fired) == each
    assert [due_at for *_, due_at in fired] == sorted(due_at for *_, due_at in fired)

    frames = [
        msgspec.json.decode(frame) for (frame,) in ask(tmp_path, "SELECT frame FROM events ORDER BY id")
    ]
    told = [frame["data"]["step"] for frame in frames if frame["event"] == "escalation_step"]
    assert [step["id"] for step in told] == list(range(1, len(fired) + 1))
    done = ask(
        tmp_path, "SELECT type, count(*) FROM history WHERE actor_id IS NULL GROUP BY type ORDER BY type"
    )
    assert done == [("assigned", TICKETS), ("priority", TICKETS), ("updated", TICKETS)]


async def test_waiting_tickets_find_their_agent_once_however_often_the_program_is_killed(
    tmp_path: Path,
) -> None:
    await left(tmp_path, hire)
    waiting = "SELECT count(*) FROM tickets WHERE waits = 1"
    for _ in range(2):
        killed_in_between(tmp_path, waiting)
    come_to_an_end(tmp_path, lambda: ask(tmp_path, waiting) == [(0,)])

    assigned = ask(
        tmp_path, "SELECT ticket_id, count(*) FROM history WHERE type = 'assigned' GROUP BY ticket_id"
    )
    assert assigned == [(ticket_id, 1) for ticket_id in range(1, 3 * TICKETS + 1)]
