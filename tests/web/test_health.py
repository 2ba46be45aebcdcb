"""Is the desk alive, can it work, and what has it been doing."""

import asyncio
import re
import sqlite3
import threading
import time
from ipaddress import ip_network
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from servicedesk.domain.people import Role
from servicedesk.web import health, pulse
from servicedesk.web.health import METER
from tests.served import Desk
from tests.web.guests import Guest


async def test_a_desk_that_works_says_so_to_everybody(desk: Desk) -> None:
    nobody = Guest(desk)

    alive, ready = await nobody.get("/healthz"), await nobody.get("/readyz")

    assert (alive.status, alive.body["status"]) == (200, "ok")
    assert (ready.status, ready.body) == (200, {"status": "ready"})
    assert ready.headers["Content-Type"] == "application/json"


async def test_a_desk_that_lives_says_which_sqlite_keeps_its_rows(desk: Desk) -> None:
    sqlite = (await Guest(desk).get("/healthz")).body["sqlite"]

    running = await desk.db.read(lambda conn: conn.execute("SELECT sqlite_source_id()").fetchone()[0])
    assert sqlite["source_id"] == running
    assert sqlite["version"] == sqlite3.sqlite_version
    assert sqlite["threading"] == "serialized"
    assert sqlite["is_sound"] == (sqlite3.sqlite_version_info >= (3, 51, 3))


async def test_a_desk_that_is_shutting_down_is_alive_but_not_ready(desk: Desk) -> None:
    nobody = Guest(desk)
    desk.app[METER].is_draining = True

    ready = await nobody.get("/readyz")

    assert (ready.status, ready.code) == (503, "draining")
    assert (await nobody.get("/healthz")).status == 200


async def test_a_database_that_takes_no_write_is_noticed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody, gate = Guest(desk), asyncio.Event()
    monkeypatch.setattr(health, "WRITE_WITHIN", 0.05)
    loop = asyncio.get_running_loop()
    stuck = asyncio.ensure_future(
        desk.db.write(lambda tx: asyncio.run_coroutine_threadsafe(gate.wait(), loop).result())
    )

    ready = await nobody.get("/readyz")

    assert (ready.status, ready.code) == (503, "database_stuck")
    gate.set()
    await stuck
    assert (await nobody.get("/readyz")).status == 200


async def test_many_questions_are_one_write(desk: Desk) -> None:
    nobody, commits = Guest(desk), 0
    written = desk.db.write

    async def counted(*args: object, **kwargs: object) -> object:
        nonlocal commits
        commits += 1
        return await written(*args, **kwargs)  # type: ignore[arg-type]

    desk.db.write = counted  # type: ignore[method-assign,assignment]
    for _ in range(20):
        await nobody.get("/readyz")

    assert commits <= 2


# Numbers ------------------------------------------------------------------------------------------------------


async def numbers(desk: Desk) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = (await Guest(desk).get("/metrics")).body.decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_requests_are_counted_by_route_and_status(desk: Desk) -> None:
    admin = await desk.admin()
    ticket = await admin.ticket()
    for path in (f"/api/tickets/{ticket['id']}", "/api/tickets/99", "/api/tickets/98", "/no/such/page"):
        await admin.get(path)

    found = await numbers(desk)

    def requests(route: str, status: int) -> float:
        labels = (("method", "GET"), ("route", route), ("status", str(status)))
        return found["servicedesk_http_requests_total", labels]

    assert requests("/api/tickets/{id}", 200) == 1
    assert requests("/api/tickets/{id}", 404) == 2
    assert requests("unknown", 404) == 1
    took = (("method", "GET"), ("route", "/api/tickets/{id}"))
    assert found["servicedesk_http_request_seconds_count", took] == 3
    assert found["servicedesk_http_request_seconds_bucket", (("le", "+Inf"), *took)] == 3
    assert found["servicedesk_http_requests_running", ()] == 1


async def test_tickets_are_counted_by_status(desk: Desk) -> None:
    admin = await desk.admin()
    for title in ("one", "two"):
        await admin.ticket(title)

    found = await numbers(desk)

    assert found["servicedesk_tickets", (("status", "new"),)] == 2
    assert found["servicedesk_disk_free_bytes", ()] > 0


async def test_others_may_add_numbers(desk: Desk) -> None:
    desk.app[METER].gauges["lamps"] = ("Lamps that are on", lambda: 7)

    assert (await numbers(desk))["servicedesk_lamps", ()] == 7


async def test_an_odd_method_or_path_makes_no_row_of_its_own(desk: Desk) -> None:
    nobody = Guest(desk)
    for number in range(5):
        await nobody.call("PROPFIND", f"/pot/{number}")

    labels = (("method", "other"), ("route", "unknown"), ("status", "404"))
    assert (await numbers(desk))["servicedesk_http_requests_total", labels] == 5


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Via", "X-Real-IP"])
async def test_numbers_are_for_admins_unless_this_machine_asks_itself(desk: Desk, header: str) -> None:
    behind = {header: "1.2.3.4"}

    assert (await Guest(desk).get("/metrics")).status == 200
    assert (await Guest(desk).get("/metrics", headers=behind)).status == 401
    for role in (Role.SUPERVISOR, Role.AGENT, Role.CUSTOMER):
        person = await desk.person(role)
        assert (await person.get("/metrics", headers=behind)).status == 403
    assert (await (await desk.admin()).get("/metrics", headers=behind)).status == 200


async def test_a_trusted_proxy_on_this_machine_is_still_a_proxy(tmp_path: Path) -> None:
    async with Desk(tmp_path, trusted_proxies=(ip_network("127.0.0.1/32"),)) as desk:
        answer = await Guest(desk).get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"})

    assert answer.status == 401


async def test_every_number_on_the_grafana_board_is_told(desk: Desk) -> None:
    board = (Path(__file__).parents[2] / "docs" / "grafana.json").read_text("utf-8")
    admin = await desk.admin()
    await admin.ticket()

    known = {name for name, _ in await numbers(desk)}

    wanted = set(re.findall(r"servicedesk_\w+", board))
    assert len(wanted) >= 20
    assert wanted - known == set()


async def test_commits_are_measured_and_queues_are_told(desk: Desk) -> None:
    admin, gate = await desk.admin(), threading.Event()
    for number in range(5):
        await admin.ticket(str(number))
    before = await numbers(desk)
    held = [asyncio.ensure_future(desk.db.write(lambda tx: gate.wait(10)))]
    held += [asyncio.ensure_future(desk.db.write(lambda tx: None)) for _ in range(3)]
    reads = [asyncio.ensure_future(desk.db.read(lambda conn: gate.wait(10))) for _ in range(4)]
    await asyncio.sleep(0)

    during = await numbers(desk)
    gate.set()
    await asyncio.gather(*held, *reads)
    after = await numbers(desk)

    assert before["servicedesk_commit_seconds_count", ()] >= 5
    assert during["servicedesk_queue_writes", ()] == 4
    assert during["servicedesk_queue_reads", ()] == 4
    assert (after["servicedesk_queue_writes", ()], after["servicedesk_queue_reads", ()]) == (0, 0)
    writes, commits = (
        after[name, ()] - before[name, ()]
        for name in ("servicedesk_writes_total", "servicedesk_commit_seconds_count")
    )
    assert writes >= 4  # the desk may have written by itself as well
    assert 2 <= commits <= writes - 2  # the three that waited shared one
    infinite = (("le", "+Inf"),)
    assert (
        after["servicedesk_commit_seconds_bucket", infinite] == after["servicedesk_commit_seconds_count", ()]
    )
    assert 0 < after["servicedesk_open_files", ()] < after["servicedesk_open_files_max", ()]
    assert after["servicedesk_memory_bytes", ()] > 1_000_000
    assert after["servicedesk_wal_bytes", ()] > 0


async def test_the_longest_stall_is_told_and_forgotten_after_a_while(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(seconds: float) -> None:
        until = time.thread_time() + seconds
        while time.thread_time() < until:
            pass

    work(0.3)
    await asyncio.sleep(0.05)
    found = await numbers(desk)
    assert (
        0.25
        < found["servicedesk_loop_stall_seconds_lately", ()]
        <= found["servicedesk_loop_stall_seconds_max", ()]
    )

    monkeypatch.setattr(pulse, "WINDOW", 0.2)
    async with asyncio.timeout(10):
        while found["servicedesk_loop_stall_seconds_lately", ()] > 0.2:
            await asyncio.sleep(0.1)
            found = await numbers(desk)
    assert found["servicedesk_loop_stall_seconds_max", ()] > 0.25
