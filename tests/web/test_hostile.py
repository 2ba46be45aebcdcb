"""The desk as an attacker and a picky client meet it: the contract read sentence by sentence."""

import asyncio
import itertools
import json
from typing import Any

import pytest

from servicedesk.domain.people import Role
from servicedesk.domain.times import DAY, HOUR, MINUTE
from servicedesk.web.api import Kind
from servicedesk.web.routes import ROWS
from tests.served import Client, Desk
from tests.web.wire import everything

ADMIN, SUPERVISOR, AGENT, CUSTOMER = Role
SOMEBODY = {"email": "a@b.example", "name": "A"}
NEWCOMER = {"email": "n@b.example", "name": "N", "role": "agent", "password": "tall lamps over water"}


# Who may do what -------------------------------------------------------------------------------------------------

MATRIX: list[tuple[str, str, Any, tuple[int, int, int, int, int]]] = [
    # what                                    body                    admin supervisor agent requester stranger
    ("GET", "/api/tickets/", None, (200, 200, 200, 200, 200)),
    ("POST", "/api/tickets/", {"title": "a"}, (201, 201, 201, 201, 201)),
    ("POST", "/api/tickets/", {"title": "a", "team_id": 1}, (201, 201, 201, 403, 403)),
    ("POST", "/api/tickets/", {"title": "a", "team_id": None}, (201, 201, 201, 403, 403)),
    ("POST", "/api/tickets/", {"title": "a", "auto_assign": False}, (201, 201, 201, 403, 403)),
    ("POST", "/api/tickets/", {"title": "a", "auto_assign": True}, (201, 201, 201, 403, 403)),
    ("POST", "/api/tickets/", {"title": "a", "required_skills": []}, (201, 201, 201, 403, 403)),
    ("POST", "/api/tickets/", {"title": "a", "assigned_to": None}, (201, 201, 201, 403, 403)),
    ("POST", "/api/tickets/", {"title": "a", "requester": SOMEBODY}, (201, 201, 201, 403, 403)),
    ("POST", "/api/tickets/", {"title": "", "team_id": 1}, (422, 422, 422, 403, 403)),
    ("GET", "/api/tickets/{ticket}", None, (200, 200, 200, 200, 404)),
    ("PATCH", "/api/tickets/{ticket}", {"title": "b"}, (200, 200, 200, 403, 404)),
    ("PUT", "/api/tickets/{ticket}/status", {"status": "open"}, (200, 200, 200, 403, 404)),
    ("PUT", "/api/tickets/{ticket}/status", {"status": "closed", "comment": "x"}, (200, 200, 200, 200, 404)),
    ("PUT", "/api/tickets/{ticket}/priority", {"priority": "low"}, (200, 200, 200, 403, 404)),
    ("PUT", "/api/tickets/{ticket}/assign", {"assigned_to": None}, (200, 200, 200, 403, 404)),
    ("POST", "/api/tickets/{ticket}/escalate", {"reason": "It burns brightly"}, (200, 200, 200, 403, 404)),
    ("GET", "/api/tickets/{ticket}/messages", None, (200, 200, 200, 200, 404)),
    ("POST", "/api/tickets/{ticket}/messages", {"body": "a"}, (201, 201, 201, 201, 404)),
    ("POST", "/api/tickets/{ticket}/messages", {"body": "a", "is_internal": True}, (201, 201, 201, 403, 404)),
    ("POST", "/api/tickets/{ticket}/messages", {"body": "", "is_internal": True}, (422, 422, 422, 403, 404)),
    ("GET", "/api/tickets/{ticket}/history", None, (200, 200, 200, 200, 404)),
    ("GET", "/api/tickets/{ticket}/assignment", None, (200, 200, 200, 403, 404)),
    ("POST", "/api/tickets/bulk", {"ids": [1], "action": "tag", "add_tags": ["a"]}, (200, 200, 200, 403, 403)),
    ("GET", "/api/tickets/stats", None, (200, 200, 200, 403, 403)),
    ("GET", "/api/tickets/workflow/transitions", None, (200, 200, 200, 200, 200)),
    ("GET", "/api/tickets/workflow/transitions?ticket_id={ticket}", None, (200, 200, 200, 200, 404)),
    ("GET", "/api/files/ticket/{ticket}", None, (200, 200, 200, 200, 404)),
    ("GET", "/api/files/limits", None, (200, 200, 200, 200, 200)),
    ("GET", "/api/files/nothing", None, (404, 404, 404, 404, 404)),
    ("GET", "/api/auth/me", None, (200, 200, 200, 200, 200)),
    ("GET", "/api/auth/tokens", None, (200, 200, 200, 200, 200)),
    ("POST", "/api/auth/tokens", {"name": "a"}, (201, 201, 201, 201, 201)),
    ("POST", "/api/auth/ws-ticket", None, (201, 201, 201, 201, 201)),
    ("GET", "/api/users/", None, (200, 200, 200, 403, 403)),
    ("POST", "/api/users/", NEWCOMER, (201, 403, 403, 403, 403)),
    ("POST", "/api/users/", {"email": ""}, (422, 403, 403, 403, 403)),
    ("GET", "/api/users/{self}", None, (200, 200, 200, 200, 200)),
    ("GET", "/api/users/{other}", None, (200, 200, 200, 404, 404)),
    ("PATCH", "/api/users/{self}", {"name": "Me"}, (200, 200, 200, 403, 403)),
    ("PATCH", "/api/users/{self}", {"availability": "away"}, (200, 200, 200, 403, 403)),
    ("PATCH", "/api/users/{self}", {"role": "admin"}, (200, 403, 403, 403, 403)),
    ("PATCH", "/api/users/{self}", {"max_tickets": 3}, (200, 200, 403, 403, 403)),
    ("PATCH", "/api/users/{self}", {"email": "me@b.example"}, (200, 403, 403, 403, 403)),
    ("PATCH", "/api/users/{other}", {"name": "You"}, (200, 403, 403, 404, 404)),
    ("PATCH", "/api/users/{other}", {"availability": "away"}, (200, 200, 403, 404, 404)),
    ("PATCH", "/api/users/{other}", {"skills": ["ink"]}, (200, 200, 403, 404, 404)),
    ("PATCH", "/api/users/{other}", {"team_ids": []}, (200, 200, 403, 404, 404)),
    ("PATCH", "/api/users/{other}", {"is_active": False}, (200, 403, 403, 404, 404)),
    ("PATCH", "/api/users/{other}", {"password": "tall lamps over water"}, (200, 403, 403, 404, 404)),
    ("GET", "/api/teams/", None, (200, 200, 200, 403, 403)),
    ("POST", "/api/teams/", {"name": "Team of {self}"}, (201, 201, 403, 403, 403)),
    ("PATCH", "/api/teams/1", {"name": "Other"}, (200, 200, 403, 404, 404)),
    ("GET", "/metrics", None, (200, 200, 200, 200, 200)),
    ("GET", "/api/openapi.json", None, (200, 200, 200, 200, 200)),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "statuses"), MATRIX)
async def test_everybody_may_do_what_their_role_may_and_no_more(
    desk: Desk, method: str, path: str, body: Any, statuses: tuple[int, ...]
) -> None:
    await desk.team()
    other = await desk.agent()
    requester, stranger = await desk.customer(), await desk.customer()
    people = [await desk.admin(), await desk.person(SUPERVISOR), await desk.agent(), requester, stranger]

    found = []
    for client in people:
        ticket = await requester.ticket()
        ids = {"ticket": ticket["id"], "self": client.id, "other": other.id}
        sent = (
            {name: v.format(**ids) if isinstance(v, str) else v for name, v in body.items()} if body else body
        )
        found.append((await client.call(method, path.format(**ids), json=sent)).status)

    assert tuple(found) == statuses


async def test_what_may_not_be_seen_and_what_is_not_there_look_the_same_to_every_call(desk: Desk) -> None:
    owner, other = await desk.customer(), await desk.customer()
    ticket = await owner.ticket()
    for row in ROWS:
        if row.kind is not Kind.API or not row.path.startswith("/api/tickets/{id}"):
            continue
        seen = [
            await other.call(row.method, row.path.format(id=id_), json={}) for id_ in (ticket["id"], 999_999)
        ]
        assert [answer.status for answer in seen] == [404, 404], row.path
        assert [set(answer.body) for answer in seen] == [set(seen[0].body)] * 2
        assert seen[0].body["detail"].replace(str(ticket["id"]), "N") == seen[1].body["detail"].replace(
            "999999", "N"
        )


async def test_no_answer_to_anybody_holds_a_hash_or_a_token(desk: Desk) -> None:
    admin = await desk.admin()
    made = await admin.post("/api/auth/tokens", {"name": "Program"})
    await admin.post(
        "/api/users/",
        NEWCOMER,
    )
    await admin.ticket()
    secrets = [made.body["token"], admin.token, "argon2", "tall lamps", "password_hash", "secret"]

    for row in ROWS:
        if row.method == "GET" and row.kind is Kind.API and row.path != "/api/openapi.json":
            answer = await admin.get(row.path.format(id=1))
            text = json.dumps(answer.body) if isinstance(answer.body, dict) else str(answer.body)
            assert not [secret for secret in secrets if secret in text], row.path


# The order of refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "good", "bad"),
    [
        ("PATCH", "", {"title": "b"}, {"title": ""}),
        ("PUT", "/status", {"status": "new"}, {"status": "?"}),
        ("PUT", "/priority", {"priority": "low"}, {"priority": "?"}),
        ("PUT", "/assign", {"assigned_to": None}, {"assigned_to": 999}),
        ("POST", "/escalate", {"reason": "It burns brightly"}, {"reason": "short"}),
    ],
)
async def test_each_refusal_comes_before_the_next(
    desk: Desk, method: str, path: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    """401, 404, 403, 422, 412, 409: each request is wrong in every way that comes later as well."""
    agent, owner, stranger = await desk.agent(), await desk.customer(), await desk.customer()
    ticket = await owner.ticket()
    await agent.put(f"/api/tickets/{ticket['id']}/status", {"status": "resolved"})
    where = f"/api/tickets/{ticket['id']}{path}"
    stale, nobody = {"If-Match": '"v1"'}, desk.client(agent.user, "nobody")

    answers = [
        await nobody.call(method, where, json=bad, headers=stale),
        await stranger.call(method, where, json=bad, headers=stale),
        await agent.call(method, where, json=bad, headers=stale),
        await agent.call(method, where, json=good, headers=stale),
    ]

    assert [answer.status for answer in answers] == [401, 404, 422, 412]
    if path != "/status":
        assert (await owner.call(method, where, json=bad, headers=stale)).status == 403
    if path in ("/status", "/escalate", "/assign"):
        assert (await agent.call(method, where, json=good, headers={"If-Match": '"v2"'})).status == 409


async def test_a_body_is_read_before_its_version_is_compared_and_a_query_as_well(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    path = f"/api/tickets/{ticket['id']}"

    assert (await agent.patch(f"{path}?x=1", {"title": "b"})).code == "bad_parameter"
    assert (await agent.patch(path, {"titel": "b"}, headers={"If-Match": '"v9"'})).pointers == ["/titel"]
    assert (await agent.get(path)).body["version"] == 1


# Versions --------------------------------------------------------------------------------------------------------

CHANGES: list[tuple[str, str, Any]] = [
    ("PATCH", "", {"title": "b"}),
    ("PUT", "/status", {"status": "open"}),
    ("PUT", "/priority", {"priority": "low"}),
    ("PUT", "/assign", {"assigned_to": None}),
    ("PUT", "/assign", {"auto": True}),
    ("POST", "/escalate", {"reason": "It burns brightly"}),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_every_change_compares_the_version_in_any_spelling(
    desk: Desk, method: str, path: str, body: Any
) -> None:
    agent = await desk.agent()

    for header, status in (
        ('"v2"', 412),
        ('"v0"', 412),
        ('"v1x"', 412),
        ("v1", 412),
        ('"1"', 412),
        ('"v2", "v3.abc"', 412),
        ("", 412),
        ('"v1"', 200),
        ('"v1.anything-else"', 200),
        ('"v9", "v1"', 200),
        ("*", 200),
    ):
        ticket = await agent.ticket()
        where = f"/api/tickets/{ticket['id']}"
        answer = await agent.call(method, where + path, json=body, headers={"If-Match": header})
        assert answer.status == status, header
        if status == 412:
            assert answer.code == "stale"
            assert (answer.body["current"]["id"], answer.body["current"]["version"]) == (ticket["id"], 1)
            assert (await agent.get(where)).body["version"] == 1


async def test_of_two_who_read_the_same_version_one_is_told(desk: Desk) -> None:
    one, two = await desk.agent(), await desk.agent()
    ticket = await one.ticket()
    path, read = f"/api/tickets/{ticket['id']}", {"If-Match": '"v1"'}

    answers = await asyncio.gather(
        *(who.patch(path, {"title": f"By {who.id}"}, headers=read) for who in [one, two] * 5)
    )

    assert sorted(answer.status for answer in answers) == [200] + [412] * 9
    assert (await one.get(path)).body["version"] == 2


async def test_a_tag_covers_all_that_the_caller_sees_and_no_more(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    path = f"/api/tickets/{ticket['id']}"

    async def tags() -> tuple[str, str]:
        return (await agent.get(path)).headers["ETag"], (await customer.get(path)).headers["ETag"]

    before = await tags()
    await agent.post(f"{path}/messages", {"body": "psst", "is_internal": True})
    noted = await tags()
    assert noted[0] != before[0]
    assert noted[1] == before[1], "a note shows in what the customer is shown"
    unchanged = await customer.get(path, headers={"If-None-Match": f'"x", W/{before[1]}'})
    assert (unchanged.status, unchanged.body, unchanged.headers["ETag"]) == (304, b"", before[1])
    assert (await customer.get(path, headers={"If-None-Match": '"v1"'})).status == 200
    assert all(tag.startswith('"v1') for tag in (*before, *noted))


# Idempotency -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        ("/api/tickets/", {"title": "a"}, {"title": "b"}),
        ("/api/tickets/1/messages", {"body": "a"}, {"body": "b"}),
        ("/api/tickets/1/escalate", {"reason": "It burns brightly"}, {"reason": "It burns no more"}),
        ("/api/tickets/bulk", {"ids": [1], "action": "tag", "add_tags": ["a"]}, {"ids": [1]}),
        ("/api/users/", NEWCOMER, {}),
        ("/api/teams/", {"name": "New"}, {"name": "Newer"}),
    ],
)
async def test_every_post_is_done_once_under_its_key(desk: Desk, path: str, body: Any, other: Any) -> None:
    admin = await desk.admin()
    await admin.ticket()
    key = {"Idempotency-Key": "k " * 100}

    first = await admin.post(path, body, headers=key)
    after = everything(desk)
    again = await admin.post(path, dict(reversed(body.items())), headers=key)
    conflict = await admin.post(path, other, headers=key)

    assert first.status in (200, 201)
    assert "Idempotent-Replayed" not in first.headers
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers.get("Location") == first.headers.get("Location")
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert (conflict.status, conflict.code) == (422, "idempotency_conflict")
    assert everything(desk) == after


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/tickets/", b'{"title": ', 400),
        ("/api/tickets/", b'{"title": ""}', 422),
        ("/api/tickets/?x=1", b'{"title": "a"}', 400),
        ("/api/tickets/1/escalate", b'{"reason": "It burns brightly"}', 409),
        ("/api/users/", json.dumps({**NEWCOMER, "email": "twice@b.example"}).encode(), 409),
    ],
)
async def test_a_refusal_is_replayed_though_it_would_pass_by_now(
    desk: Desk, path: str, body: bytes, status: int
) -> None:
    admin = await desk.admin()
    twin = await desk.agent(email="twice@b.example")
    await admin.ticket(assigned_to=admin.id)
    await admin.put("/api/tickets/1/status", {"status": "resolved"})
    options = {"data": body, "headers": {"Idempotency-Key": "k", "Content-Type": "application/json"}}

    first = await admin.call("POST", path, **options)
    await admin.put("/api/tickets/1/status", {"status": "open", "comment": "It came back"})
    await admin.patch(f"/api/users/{twin.id}", {"email": "other@b.example"})
    again = await admin.call("POST", path, **options)

    assert first.status == again.status
    assert first.status in (status, 422)
    assert again.headers.get("Idempotent-Replayed") == "true"
    assert {**again.body, "request_id": 0} == {**first.body, "request_id": 0}
    assert again.body["request_id"] == again.headers["X-Request-Id"] != first.body["request_id"]
    assert again.headers["Content-Type"] == first.headers["Content-Type"]


async def test_what_was_forbidden_is_not_kept_under_its_key(desk: Desk) -> None:
    admin, agent = await desk.admin(), await desk.agent()
    key = {"Idempotency-Key": "k"}
    nobody = desk.client(agent.user, "nobody")

    assert (await nobody.post("/api/teams/", {"name": "a"}, headers=key)).status == 401
    assert (await agent.post("/api/teams/", {"name": "a"}, headers=key)).status == 403
    await admin.patch(f"/api/users/{agent.id}", {"role": "supervisor"})

    assert (await agent.post("/api/teams/", {"name": "a"}, headers=key)).status == 201


async def test_a_key_belongs_to_a_path_and_lasts_a_day(desk: Desk) -> None:
    agent = await desk.agent()
    key = {"Idempotency-Key": "k"}
    one, two = await agent.ticket(), await agent.ticket()
    reason = {"reason": "It burns brightly"}

    first = await agent.post(f"/api/tickets/{one['id']}/escalate", reason, headers=key)
    other = await agent.post(f"/api/tickets/{two['id']}/escalate", reason, headers=key)
    desk.clock.advance(DAY)
    again = await agent.post(f"/api/tickets/{one['id']}/escalate/", reason, headers=key)

    assert (first.status, other.status) == (200, 200)
    assert other.body["id"] == two["id"]
    assert again.body == first.body
    assert (await agent.get(f"/api/tickets/{one['id']}")).body["escalation_level"] == 1


async def test_of_many_bodies_under_one_key_at_once_one_is_done(desk: Desk) -> None:
    agent = await desk.agent()
    key = {"Idempotency-Key": "k"}

    answers = await asyncio.gather(
        *(agent.post("/api/tickets/", {"title": f"Ticket {n % 3}"}, headers=key) for n in range(24))
    )

    made = {answer.body["id"] for answer in answers if answer.status == 201}
    assert len(made) == 1
    assert {answer.status for answer in answers} <= {201, 409, 422}
    assert {answer.code for answer in answers if answer.status > 201} <= {
        "in_progress",
        "idempotency_conflict",
    }
    assert len(await agent.all("/api/tickets/")) == 1


async def test_who_may_no_longer_do_it_gets_no_replay(desk: Desk) -> None:
    admin, supervisor = await desk.admin(), await desk.person(SUPERVISOR)
    key = {"Idempotency-Key": "k"}
    assert (await supervisor.post("/api/teams/", {"name": "New"}, headers=key)).status == 201

    await admin.patch(f"/api/users/{supervisor.id}", {"role": "agent"})
    assert (await supervisor.post("/api/teams/", {"name": "New"}, headers=key)).status == 403
    await admin.patch(f"/api/users/{supervisor.id}", {"is_active": False})
    assert (await supervisor.post("/api/teams/", {"name": "New"}, headers=key)).status == 401


async def test_a_key_means_nothing_where_nothing_is_posted(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    path, key = f"/api/tickets/{ticket['id']}", {"Idempotency-Key": "k"}

    assert (await agent.patch(path, {"title": "b"}, headers=key)).body["title"] == "b"
    assert (await agent.patch(path, {"title": "c"}, headers=key)).body["title"] == "c"


# Lists -----------------------------------------------------------------------------------------------------------

COLLECTIONS = [
    "/api/tickets/",
    "/api/tickets/1/messages",
    "/api/tickets/1/history",
    "/api/tickets/1/assignment",
    "/api/files/ticket/1",
    "/api/users/",
    "/api/teams/",
    "/api/auth/tokens",
]


async def filled(desk: Desk) -> Client:
    """Return an admin of a desk where every list has more than one page of two."""
    admin = await desk.admin()
    for n in range(5):
        await desk.agent()
        await desk.team(f"Team {n}")
        await admin.ticket(f"Ticket {n}", category="Hardware")
        await admin.post("/api/tickets/1/messages", {"body": f"Message {n}"})
        await admin.patch("/api/tickets/1", {"title": f"Title {n}"})
        await admin.put("/api/tickets/1/assign", {"auto": True})
        await admin.post("/api/auth/tokens", {"name": f"Token {n}"})
    return admin


@pytest.mark.parametrize("path", COLLECTIONS)
async def test_every_list_has_the_shape_of_a_list(desk: Desk, path: str) -> None:
    admin = await filled(desk)

    whole = await admin.get(f"{path}?limit=100&count=true")
    walked = await admin.all(f"{path}?limit=2")
    slashed = await admin.get((path[:-1] if path.endswith("/") else path + "/") + "?limit=100&count=true")

    assert whole.body.keys() == {"items", "next_cursor", "total"}
    assert whole.body["total"] == len(whole.body["items"])
    assert "total" not in (await admin.get(path)).body
    assert whole.body["next_cursor"] is None
    assert "Link" not in whole.headers
    assert walked == whole.body["items"]
    assert slashed.body == whole.body
    for bad in (
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=",
        "limit=1&limit=2",
        "count=maybe",
        "cursor=x",
        "colour=red",
    ):
        refused = await admin.get(f"{path}?{bad}")
        assert (refused.status, refused.code) == (400, "bad_parameter"), bad


@pytest.mark.parametrize("path", [path for path in COLLECTIONS if not path.startswith("/api/files")])
async def test_a_link_leads_from_page_to_page(desk: Desk, path: str) -> None:
    admin = await filled(desk)

    found, where = [], f"{path}?limit=2&count=true"
    while where:
        answer = await admin.get(where)
        found += answer.body["items"]
        link = answer.headers.get("Link", "")
        assert bool(link) == bool(answer.body["next_cursor"])
        assert not link or link.endswith('>; rel="next"')
        where = link.removeprefix("<").partition(">")[0]

    assert found == (await admin.get(f"{path}?limit=100")).body["items"]


async def test_a_cursor_that_was_changed_in_any_place_is_refused(desk: Desk) -> None:
    admin = await filled(desk)
    for path in ("/api/tickets/", "/api/tickets/1/history"):
        cursor = (await admin.get(f"{path}?limit=2")).body["next_cursor"]
        forged = [
            cursor[:n] + ("A" if cursor[n] != "A" else "B") + cursor[n + 1 :] for n in range(len(cursor) - 1)
        ]
        for each in [*forged, cursor + "A", cursor[:-4], cursor * 2, "", "%00", "AAAA", "é", "=" * 9]:
            answer = await admin.get(f"{path}?limit=2&cursor={each}")
            assert (answer.status, answer.code) == (400, "bad_parameter"), each


async def test_a_cursor_opens_no_other_list(desk: Desk) -> None:
    admin = await filled(desk)
    cursors = {path: (await admin.get(f"{path}?limit=2")).body["next_cursor"] for path in COLLECTIONS}

    for (_, cursor), (path, own) in itertools.permutations(cursors.items(), 2):
        if cursor and own:
            assert (await admin.get(f"{path}?limit=2&cursor={cursor}")).status == 400, path


async def test_a_cursor_gives_a_customer_nothing_of_others(desk: Desk) -> None:
    admin, customer = await filled(desk), await desk.customer()
    await customer.ticket("Mine")
    cursor = (await admin.get("/api/tickets/?limit=2&sort=id")).body["next_cursor"]

    answer = await customer.get(f"/api/tickets/?limit=2&sort=id&cursor={cursor}")

    assert answer.status in (200, 400)
    assert [ticket["title"] for ticket in answer.body.get("items", [])] in ([], ["Mine"])


@pytest.mark.parametrize(
    "sort", ["id", "-id", "created_at", "-created_at", "priority", "-priority", "due_at", "-due_at", ""]
)
async def test_walking_meets_each_ticket_once_while_others_come_and_change(desk: Desk, sort: str) -> None:
    agent = await desk.agent(max_tickets=500)
    old = [await agent.ticket(f"Old {n}", priority=["low", "critical"][n % 2]) for n in range(12)]
    query = f"/api/tickets/?limit=3&sort={sort}" if sort else "/api/tickets/?limit=3&q=old"

    seen: list[int] = []
    cursor = ""
    while cursor is not None:
        answer = await agent.get(f"{query}&cursor={cursor}" if cursor else query)
        seen += [ticket["id"] for ticket in answer.body["items"]]
        cursor = answer.body["next_cursor"]
        desk.clock.advance(MINUTE)
        await asyncio.gather(*(agent.ticket(f"New old {n}", priority="high") for n in range(2)))
        assert len(seen) < 100

    assert sorted(set(seen) & {ticket["id"] for ticket in old}) == sorted(ticket["id"] for ticket in old)
    assert len(seen) == len(set(seen))


# Customers -------------------------------------------------------------------------------------------------------


async def test_a_customer_learns_nothing_of_notes_by_any_way(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket("Printer")
    path = f"/api/tickets/{ticket['id']}"
    before = (await customer.get(path)).body
    desk.clock.advance(HOUR)

    await agent.post(f"{path}/messages", {"body": "xylophone", "is_internal": True})

    assert (await customer.get(path)).body == before
    assert (await customer.get("/api/tickets/")).body["items"][0] | {
        "allowed_transitions": None
    } == before | {"allowed_transitions": None}
    assert (await customer.get("/api/tickets/?q=xylophone&count=true")).body["total"] == 0
    assert (await agent.get("/api/tickets/?q=xylophone&count=true")).body["total"] == 1
    messages = (await customer.get(f"{path}/messages?count=true")).body
    assert (messages["items"], messages["total"]) == ([], 0)
    assert "xylophone" not in json.dumps((await customer.get(f"{path}/history")).body)


async def test_a_customers_history_has_no_reason(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    path = f"/api/tickets/{ticket['id']}"
    await agent.put(f"{path}/priority", {"priority": "high", "reason": "zebra"})
    await agent.patch(path, {"title": "Other"})
    await agent.put(f"{path}/status", {"status": "on_hold", "comment": "zebra"})
    await agent.post(f"{path}/escalate", {"reason": "zebra zebra"})

    told = (await customer.get(f"{path}/history?count=true&limit=2")).body
    rows = await customer.all(f"{path}/history?limit=2")

    assert told["total"] == len(rows) == len(await agent.all(f"{path}/history"))
    assert "zebra" not in json.dumps(rows)
    assert {row["reason"] for row in rows} == {None}
    assert all(row["changes"] for row in rows)
    assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)


async def test_a_customers_ticket_says_of_the_clocks_what_it_may(desk: Desk) -> None:
    await desk.agent()
    customer = await desk.customer()
    ticket = await customer.ticket()
    path = f"/api/tickets/{ticket['id']}"
    closed = await customer.put(f"{path}/status", {"status": "closed", "comment": "Solved"})

    for body in (
        ticket,
        (await customer.get(path)).body,
        (await customer.get("/api/tickets/")).body["items"][0],
        closed.body,
    ):
        assert body["sla"].keys() == {"state", "resolution_due_at"}
        assert not body.keys() & {"assignment", "escalation"}


async def test_a_customer_finds_only_their_own_whatever_they_ask_for(desk: Desk) -> None:
    agent, mine, yours = await desk.agent(), await desk.customer(), await desk.customer()
    own, other = await mine.ticket("Red printer"), await yours.ticket("Red scanner")
    assert other["id"] != own["id"]

    for query in (
        "",
        "q=red",
        f"requester={yours.id}",
        f"requester={yours.user.email}",
        f"assigned_to={agent.id}",
        "status=new",
    ):
        answer = await mine.get(f"/api/tickets/?{query}&count=true" if query else "/api/tickets/?count=true")
        expected = [] if "requester" in query else [own["id"]]
        assert [ticket["id"] for ticket in answer.body["items"]] == expected, query
        assert answer.body["total"] == len(expected), query


# The workflow ----------------------------------------------------------------------------------------------------

STATUSES = ["new", "open", "in_progress", "pending", "on_hold", "resolved", "closed"]
TABLE = {status: [s for s in STATUSES[1:] if s != status] for status in STATUSES[:5]}
TABLE |= {"resolved": ["open", "closed"], "closed": ["open"]}


async def bring_to(agent: Client, status: str) -> str:
    ticket = await agent.ticket()
    path = f"/api/tickets/{ticket['id']}"
    if status != "new":
        assert (await agent.put(f"{path}/status", {"status": status, "comment": "x"})).status == 200
    return path


@pytest.mark.parametrize("here", STATUSES)
async def test_the_table_of_moves_is_the_contracts(desk: Desk, here: str) -> None:
    agent = await desk.agent(max_tickets=100)
    shown = await agent.get(await bring_to(agent, here))
    assert sorted(shown.body["allowed_transitions"]) == sorted(TABLE[here])

    for there in STATUSES:
        path = await bring_to(agent, here)
        answer = await agent.put(f"{path}/status", {"status": there, "comment": "x"})
        if there in (*TABLE[here], here):
            assert (answer.status, answer.body["status"]) == (200, there)
        else:
            assert (answer.status, answer.code) == (409, "illegal_transition")
            assert sorted(answer.body["allowed"]) == sorted(TABLE[here])


@pytest.mark.parametrize("here", STATUSES)
async def test_which_moves_need_a_word_or_an_agent(desk: Desk, here: str) -> None:
    agent = await desk.agent(max_tickets=100)
    for there in TABLE[here]:
        path = await bring_to(agent, here)
        answer = await agent.put(f"{path}/status", {"status": there})
        speaks = there == "on_hold" or (there == "open" and here in ("resolved", "closed"))
        speaks = speaks or (there == "closed" and here != "resolved")
        assert answer.status == (409 if speaks else 200), (here, there)
        if speaks:
            assert answer.code == "transition_refused"
            assert answer.body["reasons"]
    if here in ("in_progress", "resolved"):
        return
    for there in TABLE[here]:
        path = await bring_to(agent, here)
        await agent.put(f"{path}/assign", {"assigned_to": None})
        answer = await agent.put(f"{path}/status", {"status": there, "comment": "x"})
        assert answer.status == (409 if there in ("in_progress", "resolved") else 200), (here, there)


async def test_what_was_resolved_once_closes_without_a_word_and_counts_its_reopens(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    path = f"/api/tickets/{ticket['id']}"

    for body in (
        {"status": "resolved"},
        {"status": "open", "comment": "It came back"},
        {"status": "closed"},
        {"status": "open", "comment": "Again"},
        {"status": "resolved"},
    ):
        assert (await agent.put(f"{path}/status", body)).status == 200
    await customer.post(f"{path}/messages", {"body": "It burns"})

    after = (await agent.get(path)).body
    assert (after["status"], after["reopen_count"]) == ("open", 3)
    assert (after["resolved_at"], after["closed_at"]) == (None, None)


# Numbers ---------------------------------------------------------------------------------------------------------


async def test_the_numbers_are_what_the_lists_show(desk: Desk) -> None:
    agent, other, admin = (
        await desk.agent(max_tickets=50),
        await desk.agent(max_tickets=50),
        await desk.admin(),
    )
    team = await desk.team("Support", agent)
    for n in range(21):
        ticket = await admin.ticket(
            f"Ticket {n}",
            priority=["low", "medium", "high", "critical"][n % 4],
            assigned_to=[agent.id, other.id, None][n % 3],
            auto_assign=False,
            team_id=team if n % 2 else None,
        )
        desk.clock.advance(HOUR)
        status = STATUSES[n % 7]
        if status != "new":
            path = f"/api/tickets/{ticket['id']}/status"
            await admin.put(path, {"status": status, "comment": "x"})

    for scope in ("", f"team={team}", "team=none"):
        stats = (await admin.get(f"/api/tickets/stats?{scope}" if scope else "/api/tickets/stats")).body

        async def total(query: str, scope: str = scope) -> int:
            answer = await admin.get(f"/api/tickets/?{query}&{scope}&count=true&limit=1".replace("&&", "&"))
            assert answer.status == 200, answer.body
            return int(answer.body["total"])

        unresolved = "status=new,open,in_progress,pending,on_hold"
        assert stats["by_status"] == {s: await total(f"status={s}") for s in STATUSES}
        assert stats["open"] == await total(unresolved)
        assert stats["unassigned"] == await total(f"{unresolved}&assigned_to=none")
        assert stats["overdue"] == await total(f"{unresolved}&sla=breached")
        for priority, number in stats["by_priority"].items():
            assert number == await total(f"{unresolved}&priority={priority}")
        for row in stats["by_agent"]:
            assert row["open"] == await total(f"{unresolved}&assigned_to={row['agent']['id']}")
    assert (await admin.get("/api/tickets/stats?from=2000-01-01&to=2000-01-02")).body["created"] == 0


# Text ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "title",
    [
        "",
        " ",
        "\t\n",
        "a\nb",
        "a\rb",
        "a\tb",
        "a\u2028b",
        "a\u0085b",
        "a\x7fb",
        "\x1b[31m",
        "a" * 201,
        "\u3000",
        5,
        None,
        ["a"],
    ],
)
async def test_a_title_has_one_line_and_says_something(desk: Desk, title: Any) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()

    assert (await agent.post("/api/tickets/", {"title": title})).pointers == ["/title"]
    assert (await agent.patch(f"/api/tickets/{ticket['id']}", {"title": title})).pointers == ["/title"]


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "x" * 200,
        "\u202e",
        "e\u0301",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "<b>&amp;",
        "'; --",
        "{{7*7}}",
        "\ufffd",
    ],
)
async def test_other_text_is_kept_as_it_was_sent(desk: Desk, text: str) -> None:
    agent = await desk.agent()

    ticket = await agent.ticket(
        f"\u2003{text} ", description=f" {text}\r\n\t", tags=[f" {text[:64]} "], category=text[:64]
    )

    shown = (await agent.get(f"/api/tickets/{ticket['id']}")).body
    assert (shown["title"], shown["description"]) == (text.strip(), f" {text}\r\n\t")
    assert (shown["tags"], shown["category"]) == ([text[:64].strip()], text[:64])


async def test_tags_are_one_without_regard_to_case_and_twenty_at_most(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket(tags=["Straße", "STRASSE", " straße ", "É", "é"])
    path = f"/api/tickets/{ticket['id']}"

    assert ticket["tags"] == ["Straße", "É"]
    assert (await agent.get("/api/tickets/?tag=strasse&count=true")).body["total"] == 1
    same = await agent.patch(path, {"tags": ["Straße", "STRASSE", "É"]})
    assert same.body["version"] == 1
    for tags in (["a"] * 21, ["a" * 65], [" "], [1], "a", None, ["a\nb"]):
        assert (await agent.patch(path, {"tags": tags})).status == 422, tags
    added = [str(n) for n in range(20)]
    body = {"ids": [ticket["id"]], "action": "tag", "add_tags": added}
    refused = (await agent.post("/api/tickets/bulk", body)).body["results"][0]
    assert (refused["status"], refused["error"]["errors"][0]["pointer"]) == (422, "/add_tags")
    assert (await agent.get(path)).body["tags"] == ["Straße", "É"]


# Small print -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "id_", ["0", "-1", "01", "+1", "1.0", "1e3", "abc", "9007199254740992", "1" * 40, "%20", "%F0%9F%98%80"]
)
async def test_an_id_that_is_none_is_unknown_to_every_call(desk: Desk, id_: str) -> None:
    admin = await desk.admin()
    for row in ROWS:
        if row.kind is Kind.API and "{id}" in row.path:
            answer = await admin.call(row.method, row.path.replace("{id}", id_), json={})
            assert (answer.status, answer.code) == (404, "not_found"), row.path


async def test_no_call_takes_a_parameter_that_it_does_not_know(desk: Desk) -> None:
    admin = await filled(desk)
    for row in ROWS:
        if row.method != "GET" or row.kind is not Kind.API or not row.path.startswith("/api/"):
            continue
        path = row.path.replace("{id}", "1")
        if (await admin.get(path)).status == 200:
            answer = await admin.get(f"{path}?colour=red")
            assert (answer.status, answer.code) == (400, "bad_parameter"), path


async def test_a_closing_slash_changes_nothing_anywhere(desk: Desk) -> None:
    agent = await desk.agent()
    await agent.ticket()
    for row in ROWS:
        path = row.path.rstrip("/").replace("{id}", "1")
        if row.method == "GET" and path and "{" not in path and row.kind is not Kind.SOCKET:
            plain, slashed = await agent.get(path), await agent.get(path + "/")
            assert plain.status == slashed.status, path
            assert plain.headers["Content-Type"] == slashed.headers["Content-Type"], path


async def test_every_address_says_what_can_be_done_with_it(desk: Desk) -> None:
    agent = await desk.agent()
    methods: dict[str, set[str]] = {}
    for row in ROWS:
        if row.kind is Kind.LINK:  # without the link there is nothing at its address
            continue
        methods.setdefault(row.path, {"OPTIONS"}).update(
            ["GET", "HEAD"] if row.method == "GET" else [row.method]
        )

    for path, allowed in methods.items():
        where = path.replace("{id}", "1").replace("{version}", "1").replace("{name:.+}", "a")
        answer = await agent.call("OPTIONS", where)
        assert answer.status == 204, path
        assert allowed <= set(answer.headers["Allow"].split(", ")), path
        refused = await agent.call("PROPFIND", where)
        assert (refused.status, refused.headers["Allow"]) == (405, answer.headers["Allow"]), path


async def test_a_bulk_answers_in_the_order_given_and_hides_what_may_not_be_told(desk: Desk) -> None:
    agent = await desk.agent()
    ids = [(await agent.ticket(f"Ticket {n}"))["id"] for n in range(3)]
    order = [ids[2], 2**53 - 1, ids[0], ids[2]]

    body = {"ids": order, "action": "assign", "assigned_to": 999}
    refused = (await agent.post("/api/tickets/bulk", body)).body["results"]
    done = (await agent.post("/api/tickets/bulk", {"ids": order, "action": "tag", "add_tags": ["a"]})).body[
        "results"
    ]

    assert [(r["id"], r["ok"], r["status"]) for r in refused] == [
        (i, False, 404 if i == order[1] else 422) for i in order
    ]
    assert all({"code", "status", "title", "detail"} <= r["error"].keys() for r in refused)
    assert [(r["id"], r["ok"]) for r in done] == [(i, i != order[1]) for i in order]
    assert [r["ticket"]["version"] for r in done if r["ok"]] == [2, 2, 2]


async def test_setting_anything_to_what_it_is_changes_nothing_in_the_whole_desk(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    team = await desk.team("Support", agent)
    ticket = await customer.ticket(tags=["a"], category="Hardware")
    path = f"/api/tickets/{ticket['id']}"
    await agent.patch(path, {"team_id": team, "required_skills": ["ink"]})
    shown = (await agent.get(path)).body
    before = everything(desk)
    desk.clock.advance(HOUR)

    same = {name: shown[name] for name in ("title", "description", "category", "tags", "required_skills")}
    for method, where, body in (
        ("PATCH", "", {**same, "team_id": team}),
        ("PATCH", "", {}),
        ("PUT", "/status", {"status": shown["status"], "comment": "again"}),
        ("PUT", "/priority", {"priority": shown["priority"], "reason": "again"}),
        ("PUT", "/assign", {"assigned_to": agent.id}),
    ):
        answer = await agent.call(method, path + where, json=body)
        assert (answer.status, answer.body["version"]) == (200, shown["version"])
        assert answer.body["updated_at"] == shown["updated_at"]

    assert everything(desk) == before
