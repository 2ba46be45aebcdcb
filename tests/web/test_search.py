"""What is typed into the search, over HTTP: one grammar for the API and the console."""

from urllib.parse import quote

import pytest
from aiohttp import FormData

from servicedesk.domain.times import DAY, iso
from tests.served import Answer, Client, Desk


async def search(person: Client, typed: str, more: str = "") -> Answer:
    return await person.get(f"/api/tickets/?q={quote(typed, safe='')}&count=true{more}")


async def found(person: Client, typed: str, more: str = "") -> list[int]:
    answer = await search(person, typed, more)
    assert answer.status == 200, answer.body
    assert answer.body["total"] == len(answer.body["items"])
    return sorted(item["id"] for item in answer.body["items"])


async def attach(person: Client, ticket_id: int, name: str, *, internal: bool = False) -> None:
    form = FormData({"ticket_id": str(ticket_id), **({"is_internal": "true"} if internal else {})})
    form.add_field("file", b"all is well", filename=name)
    answer = await person.call("POST", "/api/files/upload", data=form)
    assert answer.status == 201, answer.body


async def test_every_operator_finds_what_it_names_and_nothing_else(desk: Desk) -> None:
    ada, bob = await desk.agent(name="Ada Byron"), await desk.agent(name="Bob")
    rio = await desk.customer(name="Rio", email="rio@example.com")
    team = await desk.team("Network Team", ada)
    fire = (await rio.ticket("Fire", tags=["Hot", "roof"]))["id"]
    await ada.put(f"/api/tickets/{fire}/assign", {"assigned_to": ada.id})
    desk.clock.advance(DAY)
    flood = (await ada.ticket("Flood", priority="critical", team_id=team, assigned_to=bob.id, tags=["Hot"]))[
        "id"
    ]
    wish = (await bob.ticket("Wish", auto_assign=False))["id"]
    await ada.put(f"/api/tickets/{flood}/status", {"status": "pending"})
    await bob.post(f"/api/tickets/{fire}/messages", {"body": "On my way"})
    await attach(ada, wish, "list.txt")
    second_day = iso(desk.clock.now)

    for typed, expected in {
        "status:pending": [flood],
        "status:PENDING,open": [fire, flood],
        "status:unresolved": [fire, flood, wish],
        "priority:critical": [flood],
        "assignee:me": [fire],
        'assignee:"ada byron"': [fire],
        "assignee:bob,none": [flood, wish],
        f"assignee:{bob.id}": [flood],
        "tag:hot": [fire, flood],
        "tag:hot tag:roof": [fire],
        "tag:roof,nothing": [fire],
        'team:"network team"': [flood],
        f"team:{team}": [flood],
        "team:none": [fire, wish],
        "requester:rio@example.com": [fire],
        "requester:rio": [fire],
        "from:rio": [fire],
        "from:bob": [fire, wish],
        "from:bob from:rio": [fire],
        f"before:{second_day}": [fire],
        f"after:{second_day}": [flood, wish],
        f"after:2020-01-01 before:{second_day}": [fire],
        "has:file": [wish],
        "fire status:open": [fire],
        "fire status:pending": [],
        "TKT-000001 tag:hot": [fire],
        "status:open status:pending": [],
        "nobody@example.com": [],
        "requester:nobody@example.com": [],
    }.items():
        assert await found(ada, typed) == expected, typed


async def test_operators_and_parameters_must_both_be_met(desk: Desk) -> None:
    ada, bob = await desk.agent(name="Ada"), await desk.agent(name="Bob")
    first = (await ada.ticket("Fire", assigned_to=ada.id))["id"]
    await ada.ticket("Flood", assigned_to=bob.id, priority="high")

    assert await found(ada, "assignee:ada", "&assigned_to=me") == [first]
    assert await found(ada, "assignee:bob", "&assigned_to=me") == []
    assert await found(ada, "priority:high", "&assigned_to=me") == []
    assert await found(ada, "priority:high,medium", "&priority=medium,low") == [first]


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("status:burning", "status:burning"),
        ("priority:huge", "priority:huge"),
        ("assignee:xavier", "xavier"),
        ("team:nowhere", "nowhere"),
        ("from:xavier", "xavier"),
        ("before:yesterday", "before:yesterday"),
        ("after:2026-01-01,2026-02-01", "one date"),
        ("has:wings", "has:wings"),
        ('tag:""', "empty"),
    ],
)
async def test_a_value_that_an_operator_does_not_know_is_named(desk: Desk, typed: str, word: str) -> None:
    agent = await desk.agent()

    answer = await search(agent, typed)
    page = await agent.get(f"/search?q={quote(typed, safe='')}")

    assert (answer.status, answer.code, answer.body["parameter"]) == (400, "bad_parameter", "q")
    assert word in answer.body["detail"]
    assert page.status == 200
    assert b'role="alert"' in page.body


async def test_a_customer_finds_neither_notes_nor_who_works_here(desk: Desk) -> None:
    rio, ada, bob = await desk.customer(), await desk.agent(name="Ada"), await desk.agent(name="Bob")
    ticket = (await rio.ticket("Fire"))["id"]
    await ada.ticket("Fire elsewhere")
    await ada.post(f"/api/tickets/{ticket}/messages", {"body": "Called the brigade"})
    await bob.post(f"/api/tickets/{ticket}/messages", {"body": "arson suspected", "is_internal": True})
    await attach(ada, ticket, "suspects.txt", internal=True)

    assert (
        await found(ada, "arson")
        == await found(ada, "from:bob fire")
        == await found(ada, "has:file")
        == [ticket]
    )
    assert await found(rio, "fire") == await found(rio, "from:ada") == [ticket]
    for typed in (
        "arson",
        "suspects",
        "from:bob",
        "has:file",
        "assignee:xavier",
        "team:nowhere",
        "from:xavier",
    ):
        assert await found(rio, typed) == [], typed


async def test_snippets_show_where_the_words_stand_and_only_what_may_be_read(desk: Desk) -> None:
    rio, ada = await desk.customer(), await desk.agent()
    ticket = (await rio.ticket("Fire", description="Smoke from the toner. " * 20 + "Flames at last"))["id"]
    await ada.post(
        f"/api/tickets/{ticket}/messages", {"body": "flames seen by arson squad", "is_internal": True}
    )

    def of(answer: Answer) -> str:
        snippet = answer.body["items"][0]["snippet"]
        return "|".join(snippet["text"][start:end] for start, end in snippet["matches"])

    assert of(await search(rio, "flames", "&snippets=true")) == "Flames"
    assert of(await search(ada, "squad", "&snippets=true")) == "squad"
    assert of(await search(rio, "fire", "&snippets=true")) == ""
    assert "snippet" not in (await search(rio, "flames")).body["items"][0]


async def test_a_ticket_is_found_first_by_its_number_however_it_is_typed(desk: Desk) -> None:
    ada, rio = await desk.agent(), await desk.customer()
    wanted = (await ada.ticket("Printer", tags=["hot"]))["id"]
    his = (await rio.ticket("Coffee"))["id"]
    for number in range(4):
        await ada.ticket(f"See TKT-000001, and {wanted}{number} more of 1 kind")

    for typed in ("1", "#1", "TKT-000001", "tkt-1", "0001", "1 tag:hot"):
        answer = await ada.get(f"/api/tickets/?q={quote(typed, safe='')}&limit=2&count=true")
        items = answer.body["items"]
        assert items[0]["id"] == wanted, typed
        listed = await ada.all(f"/api/tickets/?q={quote(typed, safe='')}&limit=2")
        assert len({item["id"] for item in listed}) == len(listed) == answer.body["total"], typed
    assert await found(ada, "#1 printer") == [wanted]
    assert await found(ada, "#1 status:closed") == []
    assert await found(rio, "#1") == []
    assert await found(rio, f"#{his}") == [his]
