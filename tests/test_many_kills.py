"""Killed again and again in the middle of work, the desk neither repeats nor skips what it does by itself."""

import asyncio
import secrets
import sqlite3
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from aiohttp import ClientError, ClientSession

from tests.programs import Server, run, serving

PASSWORD = "printer on fire"
KILLS = 50
AGENTS = 3
CAPACITY = 4
RESOLUTION_S = 4
SHARES = (20, 40, 60)
"""Percent of the resolution's time after which the tiers fall due: 0.8, 1.6 and 2.4 seconds."""


class Work:
    """Tickets come in and are resolved, so that agents become free for those that wait."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.answered: set[int] = set()
        self.open: set[int] = set()

    async def until_cut(self, session: ClientSession) -> None:
        try:
            while True:
                await self._step(session)
        except (ClientError, OSError):
            return

    async def _step(self, session: ClientSession) -> None:
        if len(self.open) > AGENTS * CAPACITY and self.random.random() < 0.5:
            await self.resolve(session, self.random.choice(sorted(self.open)))
            return
        key = {"Idempotency-Key": secrets.token_hex(8)}
        ticket = await ask(session, "POST", "/api/tickets/", {"title": "Left lying", "priority": "low"}, key)
        self.answered.add(ticket["id"])
        self.open.add(ticket["id"])

    async def resolve(self, session: ClientSession, ticket_id: int) -> None:
        path = f"/api/tickets/{ticket_id}"
        if (await ask(session, "GET", path))["assigned_to"] is not None:
            await ask(session, "PUT", f"{path}/status", {"status": "resolved"})
        self.open.discard(ticket_id)


async def ask(
    session: ClientSession, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> Any:
    async with session.request(method, path, json=body, headers=headers) as answer:
        assert answer.status < 300, await answer.text()
        return await answer.json()


async def log_in(server: Server) -> str:
    async with ClientSession(server.url) as guest:
        credentials = {"email": "ada@example.org", "password": PASSWORD}
        return str((await ask(guest, "POST", "/api/auth/login", credentials))["token"])


def calling(server: Server, token: str) -> ClientSession:
    return ClientSession(server.url, headers={"Authorization": f"Bearer {token}"})


async def furnish(session: ClientSession) -> None:
    """Promise a resolution within seconds, have it escalate on the way there, and hire few agents."""
    targets = {priority: {"resolution_s": RESOLUTION_S} for priority in ("low", "medium", "high", "critical")}
    await ask(
        session, "POST", "/api/sla/policies/", {"name": "Hasty", "targets": targets, "is_default": True}
    )
    lead = {"kind": "assignee"}
    actions = (
        {"do": ["tag"], "tag": "first"},
        {"do": ["raise_priority"]},
        {"do": ["tag", "notify"], "tag": "last"},
    )
    tiers = [
        {"when": {"kind": "share", "clock": "resolution", "percent": share}, "whom": lead, **action}
        for share, action in zip(SHARES, actions, strict=True)
    ]
    policy = {"name": "Impatient", "is_default": True, "tiers": tiers}
    await ask(session, "POST", "/api/escalation/policies/", policy)
    for number in range(AGENTS):
        agent = {"email": f"agent{number}@example.org", "name": f"Agent {number}", "role": "agent"}
        await ask(
            session, "POST", "/api/users/", {**agent, "max_tickets": CAPACITY, "password": "a long password"}
        )


async def live_and_die(work: Work, token: str, data_dir: Path) -> None:
    with serving("--data-dir", data_dir) as server:
        async with calling(server, token) as session:
            busy = [asyncio.create_task(work.until_cut(session)) for _ in range(4)]
            await asyncio.sleep(work.random.uniform(0.05, 0.6))
            server.process.kill()
            await asyncio.wait_for(asyncio.gather(*busy), 20)


async def settle(work: Work, token: str, data_dir: Path) -> None:
    """Set some agents free, let the desk do all that is due, and stop it in order."""
    with serving("--data-dir", data_dir) as server:
        async with calling(server, token) as session:
            for ticket_id in sorted(work.open):
                await work.resolve(session, ticket_id)
            ticket = await ask(session, "POST", "/api/tickets/", {"title": "The last one", "priority": "low"})
            while len((await ask(session, "GET", f"/api/tickets/{ticket['id']}/escalations"))["items"]) < len(
                SHARES
            ):
                await asyncio.sleep(0.1)
        server.signal()
        assert server.ended()[0] == 0


# What is there afterwards -----------------------------------------------------------------------------------------


def check_tiers(conn: sqlite3.Connection) -> None:
    """Every tier of a ticket fired once, and did once what it is there for."""
    steps: dict[int, list[int]] = {}
    for ticket_id, tier in conn.execute("SELECT ticket_id, tier FROM escalation_steps ORDER BY id"):
        steps.setdefault(ticket_id, []).append(tier)
    tiers = max(steps.values(), key=len)
    assert len(tiers) == len(SHARES)
    for ticket_id, unresolved in conn.execute("SELECT id, unresolved FROM tickets").fetchall():
        fired = steps.get(ticket_id, [])
        assert fired == tiers[: len(fired)]
        assert len(fired) == len(tiers) or not unresolved, ticket_id
        assert acted(conn, ticket_id) == len(fired), ticket_id


def acted(conn: sqlite3.Connection, ticket_id: int) -> int:
    """Return how often the desk itself tagged the ticket or raised its priority."""
    rows = conn.execute("SELECT changes FROM history WHERE ticket_id = ? AND actor_id IS NULL", (ticket_id,))
    changes = [msgspec.json.decode(raw) for (raw,) in rows]
    return sum("tags" in change or "priority" in change for change in changes)


def check_assignments(conn: sqlite3.Connection) -> None:
    """No ticket was given away twice or without a decision, nobody has too many, and none waits for someone free."""
    given = Counter[int]()
    for ticket_id, raw in conn.execute("SELECT ticket_id, changes FROM history"):
        given[ticket_id] += "assigned_to" in msgspec.json.decode(raw)
    decided = conn.execute("SELECT ticket_id, count(winner_id) FROM decisions GROUP BY 1").fetchall()
    assert {ticket_id: count for ticket_id, count in given.items() if count} == {
        t: n for t, n in decided if n
    }
    assert max(given.values()) == 1
    loads = conn.execute(
        "SELECT u.open_load, u.max_tickets, (SELECT count(*) FROM tickets t WHERE t.assigned_to = u.id"
        " AND t.status IN ('new', 'open', 'in_progress')) FROM users u WHERE u.role = 'agent'"
    ).fetchall()
    assert all(load == counted <= most for load, most, counted in loads), loads
    (waiting,) = conn.execute("SELECT count(*) FROM tickets WHERE waits = 1").fetchone()
    assert not waiting or all(load == most for load, most, _ in loads)


def check_log(conn: sqlite3.Connection) -> None:
    rooms = conn.execute("SELECT room, min(seq), max(seq), count(*) FROM events GROUP BY room").fetchall()
    assert all((first, last) == (1, count) for _, first, last, count in rooms)


@pytest.mark.slow
async def test_fifty_kills_neither_repeat_nor_skip_a_tier_or_an_assignment(tmp_path: Path) -> None:
    add = ("user", "add", "--email", "ada@example.org", "--name", "Ada", "--password-stdin")
    assert run(*add, "--data-dir", tmp_path, given=PASSWORD).returncode == 0
    with serving("--data-dir", tmp_path) as server:
        token = await log_in(server)
        async with calling(server, token) as session:
            await furnish(session)
    work = Work(seed=20)

    for _ in range(KILLS):
        await live_and_die(work, token, tmp_path)
    await settle(work, token, tmp_path)

    with sqlite3.connect(tmp_path / "servicedesk.db") as conn:
        check_tiers(conn)
        check_assignments(conn)
        check_log(conn)
        kept = {row[0] for row in conn.execute("SELECT id FROM tickets")}
    conn.close()
    assert work.answered <= kept
    assert len(work.answered) > KILLS
