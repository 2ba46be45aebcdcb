"""Lists over HTTP: every parameter, the pages, and what cannot be asked."""

import asyncio
from urllib.parse import quote, urlsplit

import pytest
from yarl import URL

from servicedesk.domain.times import DAY, HOUR, iso
from servicedesk.store import search
from tests.served import START, Client, Desk


async def ids(client: Client, query: str = "") -> list[int]:
    """Turn all the pages of a list."""
    return [item["id"] for item in await client.all(f"/api/tickets/?{query}")]


async def test_a_list_holds_whole_tickets_as_each_of_them_shows_itself(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket("Fire", description="In the cellar", tags=["hot"])

    answer = await agent.get("/api/tickets/?count=true")
    itself = (await agent.get(f"/api/tickets/{ticket['id']}")).body

    del itself["allowed_transitions"]
    assert answer.body == {"items": [itself], "next_cursor": None, "total": 1}
    assert "Link" not in answer.headers
    assert "total" not in (await agent.get("/api/tickets")).body


async def test_every_filter_finds_what_it_names_and_nothing_else(desk: Desk) -> None:
    agent, other = await desk.agent(), await desk.agent()
    admin, rio = await desk.admin(), await desk.customer(email="Rio@Example.com")
    team = (await admin.post("/api/teams/", {"name": "Network", "member_ids": [agent.id]})).body["id"]
    fire = (await agent.ticket("Fire", priority="critical", tags=["Hot"], assigned_to=agent.id))["id"]
    desk.clock.advance(HOUR)
    flood = (await agent.ticket("Flood", category="water", team_id=team, assigned_to=other.id))["id"]
    desk.clock.advance(HOUR)
    his = (await rio.ticket("Wish", priority="low"))["id"]
    await agent.put(f"/api/tickets/{his}/assign", {"assigned_to": None})
    await agent.put(f"/api/tickets/{flood}/status", {"status": "pending"})
    await agent.post(f"/api/tickets/{fire}/escalate", {"reason": "It spreads to the roof."})
    late = quote(iso(START + HOUR))

    for query, expected in {
        "status=pending": [flood],
        "status=pending,new": [fire, flood, his],
        "priority=critical,low": [fire, his],
        "category=water": [flood],
        "tag=HOT": [fire],
        f"team={team}": [flood],
        "team=none": [fire, his],
        "assigned_to=me": [fire],
        "assigned_to=none": [his],
        f"assigned_to=none,{other.id}": [flood, his],
        f"requester={rio.id}": [his],
        "requester=rio%40example.COM": [his],
        "sla=paused": [flood],
        "sla=breached": [fire],
        "sla=ok,paused": [flood, his],
        "escalated=true": [fire],
        "escalated=false": [flood, his],
        f"created_after={late}": [flood, his],
        f"created_before={late}": [fire],
        f"updated_after={late}&sort=id": [fire, flood, his],
        f"updated_before={late}": [],
        "q=flo": [flood],
        "q=water": [],
        "status=new&priority=low": [his],
        f"status=new&team={team}": [],
    }.items():
        assert sorted(await ids(agent, query)) == expected, query
        counted = (await agent.get(f"/api/tickets/?{query}&count=true")).body["total"]
        assert counted == len(expected), query


async def test_a_list_can_be_of_what_happened_in_a_period(desk: Desk) -> None:
    agent, rio = await desk.agent(), await desk.customer()
    moments = []
    answered, solved, dropped, reopened = [
        (await rio.ticket(name))["id"] for name in ("one", "two", "three", "four")
    ]
    for ticket_id, what, body in (
        (answered, "messages", {"body": "On my way"}),
        (solved, "status", {"status": "resolved"}),
        (dropped, "status", {"status": "closed", "comment": "A hoax"}),
        (reopened, "status", {"status": "resolved"}),
        (reopened, "status", {"status": "open", "comment": "Not yet"}),
    ):
        desk.clock.advance(HOUR)
        moments.append(quote(iso(desk.clock.now)))
        call = agent.post if what == "messages" else agent.put
        assert (await call(f"/api/tickets/{ticket_id}/{what}", body)).status in (200, 201)
    answer, solution, drop, _, reopening = moments

    for query, expected in {
        f"answered_after={answer}": [answered],
        f"answered_before={answer}": [],
        f"resolved_after={solution}&resolved_before={drop}": [solved],
        f"resolved_after={drop}": [],
        f"ended_after={solution}": [solved, dropped],
        f"ended_after={drop}&sla=met": [dropped],
        f"ended_before={drop}&sla=met,breached": [solved],
        f"open_at={quote(iso(START))}": [],
        f"open_at={answer}": [answered, solved, dropped, reopened],
        f"open_at={drop}": [answered, dropped, reopened],
        f"open_at={reopening}&status=new,open&count=true": [answered, reopened],
    }.items():
        assert sorted(await ids(agent, query)) == expected, query


async def test_every_order_goes_both_ways_and_what_is_not_due_comes_last(desk: Desk) -> None:
    agent = await desk.agent()
    numbers = {}
    for name, priority in {"a": "low", "b": "critical", "c": "medium", "d": "high"}.items():
        numbers[name] = (await agent.ticket(name, priority=priority, assigned_to=agent.id))["id"]
        desk.clock.advance(HOUR)
    await agent.patch(f"/api/tickets/{numbers['b']}", {"title": "b!"})
    await agent.put(f"/api/tickets/{numbers['d']}/status", {"status": "resolved"})

    for sort, names in {
        "id": "abcd",
        "created_at": "abcd",
        "updated_at": "acbd",
        "priority": "acdb",
        "due_at": "bcad",
        "-id": "dcba",
        "-created_at": "dcba",
        "-updated_at": "dbca",
        "-priority": "bdca",
        "-due_at": "acbd",
    }.items():
        assert await ids(agent, f"sort={sort}&limit=3") == [numbers[name] for name in names], sort
    assert await ids(agent) == await ids(agent, "sort=-updated_at")


async def test_pages_follow_each_other_by_cursor_and_by_link(desk: Desk) -> None:
    agent = await desk.agent()
    created = [(await agent.ticket(f"Ticket {n}", tags=["a b&c"]))["id"] for n in range(5)]

    first = await agent.get("/api/tickets/?sort=id&limit=2&count=true&tag=a%20b%26c")
    link, relation = first.headers["Link"].split("; ")
    second = await agent.call("GET", URL(link.strip("<>"), encoded=True))
    await agent.ticket("One more")
    third = await agent.get(
        f"/api/tickets/?sort=id&limit=9&tag=a%20b%26c&cursor={second.body['next_cursor']}"
    )

    assert relation == 'rel="next"'
    assert urlsplit(link).path.endswith("/api/tickets/")
    assert [item["id"] for page in (first, second, third) for item in page.body["items"]] == created
    assert (first.body["total"], third.body["next_cursor"]) == (5, None)


async def test_a_cursor_holds_only_unchanged_and_for_its_own_list(desk: Desk) -> None:
    agent = await desk.agent()
    for n in range(3):
        await agent.ticket(f"Ticket {n}")
    cursor = (await agent.get("/api/tickets/?limit=1")).body["next_cursor"]
    others = (await agent.get("/api/tickets/?limit=1&q=ticket")).body["next_cursor"]

    assert (await agent.get(f"/api/tickets/?limit=2&count=true&cursor={cursor}")).status == 200
    changed = [cursor[:n] + ("A" if cursor[n] != "A" else "B") + cursor[n + 1 :] for n in range(len(cursor))]
    for bad in [*changed, others, cursor[:-1], cursor + "A", cursor + "=", "", "%00", "é", "x" * 2000]:
        answer = await agent.get(f"/api/tickets/?limit=1&cursor={bad}")
        assert (answer.status, answer.code) == (400, "bad_parameter"), bad
    for query in ("sort=id", "status=new", "q=ticket"):
        answer = await agent.get(f"/api/tickets/?limit=1&{query}&cursor={cursor}")
        assert (answer.status, answer.code) == (400, "bad_parameter"), query


@pytest.mark.parametrize(
    "query",
    [
        "colour=red",
        "status=broken",
        "status=",
        "status=new,",
        "priority=5",
        "sla=late",
        "sort=title",
        "sort=--id",
        "limit=0",
        "limit=101",
        "limit=many",
        "limit=5&limit=6",
        "count=perhaps",
        "escalated=2",
        "assigned_to=you",
        "team=1.5",
        "team=99999999999999999999",
        "requester=Rio",
        "created_after=yesterday",
        "updated_before=2026-02-30",
        "due_before=soon",
        "resolved_after=soon",
        "ended_before=2026-13-01",
        "answered_after=",
        "open_at=always",
        "q=" + "x" * 501,
        "q=a%00b",
    ],
)
async def test_what_cannot_be_asked_is_a_bad_parameter(desk: Desk, query: str) -> None:
    agent = await desk.agent()

    answer = await agent.get(f"/api/tickets/?{query}")

    assert (answer.status, answer.code) == (400, "bad_parameter")


@pytest.mark.parametrize(
    "query",
    [
        "q=%22",
        "q=%ff%fe",
        "q=%ED%A0%80",
        "q=" + quote('NEAR( "" ) ^* {title}: -x'),
        "q=" + quote("🔥 \u202e"),
        "created_after=0001-01-01&created_before=9999-12-31T23:59:59Z",
        "tag=" + quote("ǅ'; DROP TABLE tickets"),
        "category=%F0%9F%94%A5",
        "team=9007199254740991",
    ],
)
async def test_anything_else_has_an_answer(desk: Desk, query: str) -> None:
    agent = await desk.agent()
    await agent.ticket()

    assert (await agent.get(f"/api/tickets/?{query}&count=true")).status == 200


async def test_customers_see_their_own_tickets_without_what_is_for_staff(desk: Desk) -> None:
    agent = await desk.agent()
    mine, other = await desk.customer(), await desk.customer()
    ticket = await mine.ticket("Printer")
    await other.ticket("Printer")
    await agent.post(f"/api/tickets/{ticket['id']}/messages", {"body": "secret fuse", "is_internal": True})

    listed = (await mine.get("/api/tickets/?count=true")).body

    assert [item["id"] for item in listed["items"]] == [ticket["id"]]
    assert listed["total"] == 1
    assert listed["items"][0]["sla"].keys() == {"state", "resolution_due_at"}
    assert listed["items"][0]["message_count"] == 0
    assert await ids(mine, "q=printer") == [ticket["id"]]
    assert await ids(mine, f"requester={other.id}") == []
    assert await ids(mine, "q=secret") == []
    assert await ids(agent, "q=secret") == [ticket["id"]]


async def test_a_search_looks_into_titles_descriptions_and_messages(desk: Desk) -> None:
    agent = await desk.agent()
    by_text = (await agent.ticket("Something", description="The naïve printer"))["id"]
    by_title = (await agent.ticket("Printers"))["id"]
    by_message = (await agent.ticket("Nothing"))["id"]
    await agent.post(f"/api/tickets/{by_message}/messages", {"body": "my PRINTER too"})
    by_title_too = (await agent.ticket("Printer again"))["id"]

    assert await ids(agent, "q=printer") == [by_title_too, by_title, by_message, by_text]
    assert await ids(agent, "q=printer&limit=1") == [by_title_too, by_title, by_message, by_text]
    assert await ids(agent, "q=naive+some") == [by_text]
    assert await ids(agent, f"q=%23{by_text}") == [by_text]
    assert await ids(agent, "q=printer&sort=id") == [by_text, by_title, by_message, by_title_too]
    await agent.patch(f"/api/tickets/{by_title}", {"title": "Scanners"})
    assert await ids(agent, "q=printers") == []


async def test_what_is_written_gets_into_the_index_though_nobody_asks(desk: Desk) -> None:
    await (await desk.agent()).ticket()
    assert desk.db.peek(search.is_behind)

    async with asyncio.timeout(10):
        while desk.db.peek(search.is_behind):
            await asyncio.sleep(0.01)


async def test_walking_the_pages_meets_every_ticket_once_while_others_come_in(desk: Desk) -> None:
    agent = await desk.agent()
    before = {(await agent.ticket(f"Ticket {n}"))["id"] for n in range(12)}
    desk.clock.advance(DAY)

    for sort in ("-updated_at", "created_at", "-priority", "due_at"):
        met: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            path = f"/api/tickets/?sort={sort}&limit=5" + (f"&cursor={cursor}" if cursor else "")
            answer, _ = await asyncio.gather(agent.get(path), agent.ticket("Another", priority="critical"))
            met += [item["id"] for item in answer.body["items"]]
            cursor = answer.body["next_cursor"] if len(met) < 100 else None
        assert len(met) == len(set(met)), sort
        assert before <= set(met), sort


async def test_nobody_lists_without_a_log_in(desk: Desk) -> None:
    agent = await desk.agent()
    answer = await agent.get("/api/tickets/", headers={"Authorization": "Bearer nothing"})

    assert (answer.status, answer.code) == (401, "unauthenticated")


async def test_what_is_due_soon_is_found_by_its_time_and_by_staff_alone(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    urgent = await customer.ticket(priority="critical")
    later = await customer.ticket(priority="low")
    done = await customer.ticket(priority="critical")
    await agent.put(f"/api/tickets/{done['id']}/assign", {"assigned_to": agent.id})
    await agent.put(f"/api/tickets/{done['id']}/status", {"status": "resolved"})
    noon = quote(iso(desk.clock() + 4 * HOUR))

    assert await ids(agent, f"due_before={noon}") == [urgent["id"]]
    assert await ids(agent, f"due_after={noon}&sort=due_at") == [later["id"]]
    refused = await customer.get(f"/api/tickets/?due_before={noon}")
    assert (refused.status, refused.code) == (400, "bad_parameter")
