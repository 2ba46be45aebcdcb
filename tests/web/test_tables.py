"""Lists and numbers as tables for a spreadsheet."""

import asyncio
import csv
import io
import re
from collections.abc import Sequence
from html import unescape

import pytest
from aiohttp import ClientError

from servicedesk.domain.tickets import Ticket
from servicedesk.domain.times import DAY, HOUR
from servicedesk.store import listing as stored
from servicedesk.store import sessions
from servicedesk.store.db import Connection
from servicedesk.web import listing
from tests.served import Answer, Desk


def table(answer: Answer) -> list[dict[str, str]]:
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    return list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))


async def test_a_list_as_a_table_holds_every_row_of_it_in_its_order(desk: Desk) -> None:
    agent = await desk.agent(max_tickets=1000)
    for number in range(450):
        await agent.ticket(f"Number {number}", priority=("low", "high")[number % 2])

    rows = table(await agent.get("/api/tickets/?format=csv&priority=low&sort=id"))
    found = table(await agent.get("/api/tickets/?format=csv&q=number%20priority:high"))

    listed = await agent.all("/api/tickets/?priority=low&sort=id&limit=100")
    assert [row["reference"] for row in rows] == [each["reference"] for each in listed]
    assert rows[0]["title"] == "Number 0"
    assert rows[0]["sla"] == "ok"
    assert len(found) == 225


async def test_a_table_holds_what_its_reader_may_see_and_no_formula(desk: Desk) -> None:
    rio, agent = await desk.customer(), await desk.agent()
    await agent.ticket("Not for Rio")
    ticket = await rio.ticket("=HYPERLINK(1)", tags=["+1"])
    await agent.post(f"/api/tickets/{ticket['id']}/messages", {"body": "A note", "is_internal": True})

    (row,) = table(await rio.get("/api/tickets/?format=csv"))

    assert (row["title"], row["tags"], row["messages"]) == ("'=HYPERLINK(1)", "'+1", "0")
    both = {row["title"]: row for row in table(await agent.get("/api/tickets/?format=csv"))}
    assert (both["'=HYPERLINK(1)"]["messages"], both["'=HYPERLINK(1)"]["files"]) == ("1", "0")
    assert both["Not for Rio"]["messages"] == "0"


async def test_a_table_is_the_whole_list_and_cannot_be_asked_for_in_parts(desk: Desk) -> None:
    agent = await desk.agent()

    for query in ("limit=5", "count=true", "cursor=x", "snippets=true", "q=status:burning"):
        answer = await agent.get(f"/api/tickets/?format=csv&{query}")
        assert (answer.status, answer.code) == (400, "bad_parameter"), query
    assert (await agent.get("/api/tickets/?format=pdf")).status == 400
    head = await agent.call("HEAD", "/api/tickets/?format=csv")
    assert (head.status, head.body) == (200, b"")
    assert table(await agent.get("/api/tickets/?format=csv")) == []


async def test_what_changes_its_place_meanwhile_is_neither_missed_nor_sent_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "AT_ONCE", 1)
    agent = await desk.agent()
    numbers = [(await agent.ticket())["id"] for _ in range(5)]
    read, loop = stored.rows, asyncio.get_running_loop()

    def read_and_change(conn: Connection, ids: Sequence[int]) -> list[Ticket]:
        change = agent.patch(f"/api/tickets/{numbers[0]}", {"title": f"after {ids[0]}"})
        asyncio.run_coroutine_threadsafe(change, loop).result()
        return read(conn, ids)

    desk.clock.advance(HOUR)
    monkeypatch.setattr(stored, "rows", read_and_change)
    rows = table(await agent.get("/api/tickets/?format=csv"))

    assert [int(row["reference"][4:]) for row in rows] == numbers[::-1]


async def test_who_is_shut_out_gets_no_more_rows(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "AT_ONCE", 1)
    agent = await desk.agent()
    for _ in range(5):
        await agent.ticket()
    read, loop = stored.rows, asyncio.get_running_loop()

    def read_and_leave(conn: Connection, ids: Sequence[int]) -> list[Ticket]:
        if ids[0] == 3:
            asyncio.run_coroutine_threadsafe(desk.db.write(sessions.end_of_user, agent.id), loop).result()
        return read(conn, ids)

    monkeypatch.setattr(stored, "rows", read_and_leave)
    async with agent.session.get("/api/tickets/?format=csv&sort=id") as response:
        with pytest.raises(ClientError):
            await response.read()


async def test_numbers_of_many_years_are_one_answer(desk: Desk) -> None:
    agent = await desk.agent()
    await agent.ticket()
    desk.clock.advance(400 * DAY)

    stats = (await agent.get("/api/tickets/stats?from=1970-01-01")).body
    rows = table(await agent.get("/api/tickets/stats?from=1970-01-01&format=csv&team=none"))

    assert len(stats["daily"]) > 20_000
    assert sum(day["created"] for day in stats["daily"]) == stats["created"] == 1
    assert [row["value"] for row in rows if row["measure"] == "created"] == ["1"]


async def test_the_list_in_the_console_leads_to_the_same_list_as_a_table(desk: Desk) -> None:
    ada, rio = await desk.agent(), await desk.customer()
    hot = await ada.ticket("Hot", tags=["a b&c"], assigned_to=ada.id)
    await ada.ticket("Cold", assigned_to=ada.id)
    await ada.ticket("Nobody's", tags=["a b&c"], auto_assign=False)

    page = (await ada.get("/?view=mine&tag=a%20b%26c&sort=created_at")).body.decode()
    (href,) = re.findall(r'href="(/api/tickets/[^"]*)"', page)

    assert [row["reference"] for row in table(await ada.get(unescape(href)))] == [hot["reference"]]
    assert "/api/tickets/?" not in (await rio.get("/")).body.decode()


async def test_the_numbers_as_a_table_are_the_numbers(desk: Desk) -> None:
    agent = await desk.agent(name="-Ada")
    ticket = await agent.ticket(priority="critical")
    desk.clock.advance(HOUR)
    await agent.put(f"/api/tickets/{ticket['id']}/status", {"status": "resolved"})

    rows = table(await agent.get("/api/tickets/stats?format=csv"))
    stats = (await agent.get("/api/tickets/stats")).body

    values = {(row["measure"], row["of"]): row["value"] for row in rows}
    assert values["created", ""] == str(stats["created"]) == "1"
    assert values["resolved_by_agent", "'-Ada"] == "1"
    assert values["resolution_s", "median"] == "3600.0"
    assert [row["value"] for row in rows if row["measure"] == "daily_backlog"] == [
        str(day["backlog"]) for day in stats["daily"]
    ]
    assert (await (await desk.customer()).get("/api/tickets/stats?format=csv")).status == 403
