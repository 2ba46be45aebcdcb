"""Saved views over HTTP: a list under a name, and how many tickets stand behind it now."""

import asyncio
import time
from typing import Any

import pytest

from servicedesk.domain.people import Role
from servicedesk.domain.saved_views import VIEWS_MAX
from servicedesk.store.db import Connection, within
from tests.served import Client, Desk

VIEWS = "/api/views/"
URGENT = {"name": "Urgent", "query": "priority=high,critical&status=new,open&sort=-priority"}


async def made(person: Client, **fields: Any) -> Any:
    answer = await person.post(VIEWS, {**URGENT, **fields})
    assert answer.status == 201, answer.body
    return answer.body


@pytest.fixture
async def agent(desk: Desk) -> Client:
    return await desk.agent()


async def test_a_view_is_kept_with_its_count(agent: Client) -> None:
    await agent.ticket(priority="high")
    await agent.ticket(priority="low")

    answer = await agent.post(VIEWS, URGENT)

    assert answer.status == 201
    expected = {
        **URGENT,
        "id": 1,
        "is_shared": False,
        "owner_id": agent.id,
        "position": 0,
        "version": 1,
        "count": 1,
    }
    assert answer.body == expected
    assert answer.headers["Location"] == "/api/views/1"
    assert (await agent.get(f"{VIEWS}1")).body == expected
    assert (await agent.get(f"{VIEWS}?count=true")).body == {
        "items": [expected],
        "next_cursor": None,
        "total": 1,
    }


@pytest.mark.parametrize(
    "query",
    [
        "",
        "assigned_to=me",
        "assigned_to=none&tag=hot",
        "q=fire",
        "q=priority%3Ahigh+fire",
        "escalated=false&sla=none",
        "created_after=2027-01-15T00:00:00Z&sort=due_at",
    ],
)
async def test_the_count_is_how_long_the_list_is(agent: Client, query: str) -> None:
    for priority in ("high", "low", "low"):
        await agent.ticket("Fire", priority=priority, tags=["hot"], auto_assign=priority == "high")
    view = await made(agent, query=query)

    listed = await agent.get(f"/api/tickets/?{query}")

    assert view["count"] == len(listed.body["items"])
    assert (await agent.get(f"{VIEWS}{view['id']}")).body["count"] == view["count"]


async def test_me_is_whoever_looks(desk: Desk, agent: Client) -> None:
    boss = await desk.person(Role.SUPERVISOR)
    await agent.ticket(assigned_to=agent.id)
    view = await made(boss, query="assigned_to=me", is_shared=True)

    assert view["count"] == 0
    assert (await agent.get(f"{VIEWS}{view['id']}")).body["count"] == 1


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"query": "status=gone"}, ["/query"]),
        ({"query": "colour=red"}, ["/query"]),
        ({"query": "status=new&status=open"}, ["/query"]),
        ({"query": "assigned_to=you"}, ["/query"]),
        ({"query": "q=status%3Agone"}, ["/query"]),
        ({"query": "limit=5"}, ["/query"]),
        ({"query": "cursor=x"}, ["/query"]),
        ({"query": "count=true"}, ["/query"]),
        ({"query": "format=csv"}, ["/query"]),
        ({"query": "q=%00"}, ["/query"]),
        ({"query": "q=" + "x" * 2000, "name": ""}, ["/name", "/query"]),
        ({"position": -1}, ["/position"]),
        ({"query": None, "name": "a\nb", "x": 1}, ["/name", "/query", "/x"]),
    ],
)
async def test_every_bad_field_is_named(agent: Client, fields: Any, pointers: list[str]) -> None:
    answer = await agent.post(VIEWS, {**URGENT, **fields})
    assert (answer.status, answer.pointers) == (422, pointers)


async def test_a_view_is_renamed_and_moved(agent: Client) -> None:
    view = await made(agent)
    path = f"{VIEWS}{view['id']}"

    answer = await agent.patch(path, {"name": " Hot ", "position": 3})
    stale = await agent.patch(path, {"name": "x"}, headers={"If-Match": '"v1"'})

    assert answer.body == {**view, "name": "Hot", "position": 3, "version": 2}
    assert (stale.status, stale.body["current"]["name"]) == (412, "Hot")
    assert (await agent.patch(path, {"query": "status=gone"})).pointers == ["/query"]
    assert (await agent.delete(path)).status == 204
    assert (await agent.get(path)).status == 404


async def test_a_personal_view_is_nobody_elses(desk: Desk, agent: Client) -> None:
    view = await made(agent)
    boss = await desk.person(Role.SUPERVISOR)
    path = f"{VIEWS}{view['id']}"

    assert (await boss.get(path)).status == 404
    assert (await boss.patch(path, {"name": "x"})).status == 404
    assert (await boss.delete(path)).status == 404
    assert await boss.all(VIEWS) == []


async def test_shared_views_are_written_by_supervisors(desk: Desk, agent: Client) -> None:
    boss = await desk.person(Role.SUPERVISOR)
    path = f"{VIEWS}{(await made(boss, is_shared=True))['id']}"

    assert len(await agent.all(VIEWS)) == 1
    assert (await agent.patch(path, {"name": "x"})).status == 403
    assert (await agent.delete(path)).status == 403
    assert (await agent.post(VIEWS, {**URGENT, "is_shared": True})).status == 403
    assert await agent.all(VIEWS) == [(await agent.get(path)).body]


async def test_customers_have_no_saved_views(desk: Desk) -> None:
    customer = await desk.customer()
    assert (await customer.get(VIEWS)).status == 403
    assert (await customer.post(VIEWS, URGENT)).status == 403
    assert (await customer.get(f"{VIEWS}1")).status == 404


async def test_there_is_an_end_to_views(agent: Client) -> None:
    for _ in range(VIEWS_MAX):
        await made(agent)
    answer = await agent.post(VIEWS, URGENT)
    assert (answer.status, answer.code) == (409, "too_many")


async def test_the_same_key_makes_one_view(agent: Client) -> None:
    first = await agent.post(VIEWS, URGENT, headers={"Idempotency-Key": "k"})
    again = await agent.post(VIEWS, URGENT, headers={"Idempotency-Key": "k"})
    assert again.body == first.body
    assert len(await agent.all(VIEWS)) == 1


async def test_a_count_that_takes_too_long_is_given_up_alone(desk: Desk) -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

    def read(conn: Connection) -> tuple[object, object]:
        slow = within(conn, time.monotonic() + 0.05, lambda c: c.execute(endless).fetchone())
        return slow, conn.execute("SELECT 1").fetchone()[0]

    assert await asyncio.wait_for(desk.db.read(read), 4) == (None, 1)


async def test_a_view_of_somebody_who_is_gone_is_empty_and_stops_nobody(desk: Desk, agent: Client) -> None:
    boss, bob = await desk.admin(), await desk.agent(name="Bob")
    view = await made(boss, query="q=assignee:Bob", is_shared=True)
    await bob.patch(f"/api/users/{bob.id}", {"name": "Robert"})

    for path in ("/", f"/?view=s{view['id']}", "/settings/views", "/tickets/new"):
        answer = await agent.get(path, headers={"Accept": "text/html"})
        assert answer.status == 200, path
    assert b"Nobody here is called Bob" in (await agent.get(f"/?view=s{view['id']}")).body
    assert (await agent.get(f"{VIEWS}{view['id']}")).body["count"] is None
    assert [each["count"] for each in await agent.all(VIEWS)] == [None]
    assert (await boss.delete(f"{VIEWS}{view['id']}")).status == 204


async def test_a_view_of_nobody_is_not_kept(agent: Client) -> None:
    view = await made(agent)

    for answer in (
        await agent.post(VIEWS, {**URGENT, "query": "q=assignee:xavier"}),
        await agent.patch(f"{VIEWS}{view['id']}", {"query": "q=team:nowhere"}),
    ):
        assert (answer.status, answer.pointers) == (422, ["/query"])


async def test_a_shared_view_that_is_taken_back_is_its_owners_alone(desk: Desk) -> None:
    owner, boss = await desk.person(Role.SUPERVISOR), await desk.admin()
    path = f"{VIEWS}{(await made(owner, is_shared=True))['id']}"

    assert (await boss.patch(path, {"is_shared": False})).status == 200
    assert (await boss.get(path)).status == 404
    assert (await owner.get(path)).body["is_shared"] is False


async def test_who_may_not_share_is_told_so_before_anything_else(desk: Desk) -> None:
    agent = await desk.agent()
    own = f"{VIEWS}{(await made(agent))['id']}"

    assert (await agent.post(VIEWS, {**URGENT, "is_shared": True})).status == 403
    assert (await agent.patch(own, {"is_shared": True}, headers={"If-Match": '"v9"'})).status == 403
