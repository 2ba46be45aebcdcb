"""Who may open a websocket: everything is decided before the upgrade."""

from typing import Any

import pytest
from aiohttp import WSServerHandshakeError

from servicedesk.domain.times import SECOND
from servicedesk.store import sessions
from servicedesk.web import auth
from tests.served import Client, Desk
from tests.web.sockets import PATIENCE, Socket

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
}


async def refusal(desk: Desk, headers: dict[str, str], path: str = "/ws") -> tuple[int, str]:
    """Knock and return the status and the code of the refusal."""
    async with desk.session().get(path, headers={**UPGRADE, **headers}) as answer:
        assert answer.content_type == "application/problem+json", await answer.text()
        body = await answer.json()
        assert body["status"] == answer.status
        return answer.status, body["code"]


async def welcome(desk: Desk, headers: dict[str, str], **options: Any) -> Socket:
    socket = Socket(await desk.session().ws_connect("/ws", headers=headers, **options))
    assert (await socket.next())["event"] == "connected"
    return socket


async def cookie(desk: Desk, person: Client) -> dict[str, str]:
    token = auth.new_token()
    await desk.db.write(
        sessions.insert,
        hashed=auth.hash_of(token),
        kind=sessions.Kind.SESSION,
        user_id=person.id,
        at=desk.clock(),
        expires_at=desk.clock() + 3600 * SECOND,
    )
    return {"Cookie": f"servicedesk={token}"}


async def ticket(person: Client) -> str:
    answer = await person.post("/api/auth/ws-ticket")
    assert answer.status == 201
    return f"servicedesk.v1, ticket.{answer.body['ticket']}"


async def test_nobody_and_a_dead_token_get_401(desk: Desk) -> None:
    assert await refusal(desk, {}) == (401, "unauthenticated")
    assert await refusal(desk, {"Authorization": "Bearer nobody"}) == (401, "unauthenticated")
    assert await refusal(desk, {"Cookie": "servicedesk=nobody", "Origin": desk.url}) == (
        401,
        "unauthenticated",
    )


async def test_whose_session_was_ended_is_refused_by_every_door(desk: Desk) -> None:
    admin, agent, gone = await desk.admin(), await desk.agent(), await desk.agent()
    browser = await cookie(desk, agent)
    token = browser["Cookie"].removeprefix("servicedesk=")
    made = (await agent.post("/api/auth/tokens", {"name": "bot"})).body
    bot = desk.client(agent.user, made["token"])
    doors = [
        {**browser, "Origin": desk.url},
        {"Authorization": f"Bearer {bot.token}"},
        {"Authorization": f"Bearer {gone.token}"},
        {"Sec-WebSocket-Protocol": await ticket(bot)},
        {"Sec-WebSocket-Protocol": await ticket(gone)},
        {**await cookie(desk, gone), "Origin": desk.url},
    ]

    assert (await desk.client(agent.user, token).post("/api/auth/logout")).status == 204
    assert (await agent.delete(f"/api/auth/tokens/{made['id']}")).status == 204
    assert (await admin.patch(f"/api/users/{gone.id}", {"is_active": False})).status == 200

    assert [await refusal(desk, door) for door in doors] == [(401, "unauthenticated")] * len(doors)


async def test_a_cookie_from_our_own_page_is_let_in(desk: Desk) -> None:
    agent = await desk.agent()

    socket = await welcome(desk, {**await cookie(desk, agent), "Origin": desk.url})

    assert socket.seen[0]["data"]["user"]["id"] == agent.id


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "",
        "https://evil.example",
        "http://127.0.0.1",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}.evil.example",
        "http://localhost:{port}",
        "HTTP://127.0.0.1:{port}",
        "http://evil.example@127.0.0.1:{port}",
        "http://127.0.0.1:{port} http://evil.example",
        "//127.0.0.1:{port}",
        "http://127.0.0.1:{port}, http://127.0.0.1:{port}",
    ],
)
async def test_a_cookie_from_anywhere_else_is_refused(desk: Desk, origin: str | None) -> None:
    headers = await cookie(desk, await desk.agent())
    if origin is not None:
        headers["Origin"] = origin.replace("{port}", str(desk.port))

    assert await refusal(desk, headers) == (403, "csrf")


async def test_a_token_may_come_from_any_page(desk: Desk) -> None:
    agent = await desk.agent()

    await welcome(desk, {"Authorization": f"Bearer {agent.token}", "Origin": "https://elsewhere.example"})


async def test_with_an_authorization_header_the_cookie_is_not_looked_at(desk: Desk) -> None:
    headers = {**await cookie(desk, await desk.agent()), "Origin": desk.url}

    assert await refusal(desk, {**headers, "Authorization": "Bearer nobody"}) == (401, "unauthenticated")


async def test_a_ws_ticket_opens_one_socket(desk: Desk) -> None:
    agent = await desk.agent()
    shown = await ticket(agent)

    socket = await welcome(desk, {"Origin": "https://elsewhere.example"}, protocols=shown.split(", "))

    assert socket.ws.protocol == "servicedesk.v1"
    assert socket.seen[0]["data"]["user"]["id"] == agent.id
    assert await refusal(desk, {"Sec-WebSocket-Protocol": shown}) == (401, "unauthenticated")


async def test_a_ws_ticket_lasts_thirty_seconds(desk: Desk) -> None:
    shown = await ticket(await desk.agent())

    desk.clock.advance(30 * SECOND)

    assert await refusal(desk, {"Sec-WebSocket-Protocol": shown}) == (401, "unauthenticated")


async def test_a_ws_ticket_dies_with_its_session(desk: Desk) -> None:
    admin, agent = await desk.admin(), await desk.agent()
    shown = await ticket(agent)

    assert (await admin.patch(f"/api/users/{agent.id}", {"is_active": False})).status == 200

    assert await refusal(desk, {"Sec-WebSocket-Protocol": shown}) == (401, "unauthenticated")


async def test_a_socket_opened_with_a_ticket_closes_with_the_ticket_s_session(desk: Desk) -> None:
    agent = await desk.agent()
    made = (await agent.post("/api/auth/tokens", {"name": "bot"})).body
    shown = await ticket(desk.client(agent.user, made["token"]))
    socket = await welcome(desk, {}, protocols=shown.split(", "))

    await agent.delete(f"/api/auth/tokens/{made['id']}")

    assert (await socket.closed())[0] == 4501


@pytest.mark.parametrize("offered", ["servicedesk.v2", "chat", "ticket", "servicedesk.v1x, chat"])
async def test_an_unknown_subprotocol_is_refused(desk: Desk, offered: str) -> None:
    agent = await desk.agent()
    headers = {"Authorization": f"Bearer {agent.token}", "Sec-WebSocket-Protocol": offered}

    assert (await refusal(desk, headers))[0] == 400


async def test_our_subprotocol_is_chosen_and_none_is_fine_too(desk: Desk) -> None:
    agent = await desk.agent()
    headers = {"Authorization": f"Bearer {agent.token}"}

    chosen = await welcome(desk, headers, protocols=["servicedesk.v1", "other"])
    without = await welcome(desk, headers)

    assert (chosen.ws.protocol, without.ws.protocol) == ("servicedesk.v1", None)


@pytest.mark.parametrize(
    ("missing", "instead"),
    [
        ("Upgrade", None),
        ("Upgrade", "h2c"),
        ("Sec-WebSocket-Version", "99"),
        ("Sec-WebSocket-Key", None),
        ("Sec-WebSocket-Key", "short"),
    ],
)
async def test_what_is_no_handshake_is_a_problem(desk: Desk, missing: str, instead: str | None) -> None:
    agent = await desk.agent()
    headers = {**UPGRADE, "Authorization": f"Bearer {agent.token}"}
    del headers[missing]
    if instead is not None:
        headers[missing] = instead

    async with desk.session().get("/ws", headers=headers) as answer:
        assert answer.status == 400
        assert answer.content_type == "application/problem+json"


async def test_a_plain_get_and_a_head_are_refused_and_a_post_is_405(desk: Desk) -> None:
    agent = await desk.agent()

    assert (await agent.get("/ws")).status == 400
    assert (await agent.call("HEAD", "/ws")).status == 400
    assert (await agent.post("/ws")).status == 405


async def test_the_closing_slash_is_optional(desk: Desk) -> None:
    agent = await desk.agent()

    ws = await agent.session.ws_connect("/ws/")

    assert (await ws.receive_json(timeout=PATIENCE))["event"] == "connected"


async def test_the_upgrade_carries_a_request_id_and_no_compression(desk: Desk) -> None:
    agent = await desk.agent()

    ws = await agent.session.ws_connect("/ws", compress=15)

    assert ws.compress == 0
    assert ws._response.headers["X-Request-Id"]
    with pytest.raises(WSServerHandshakeError):
        await desk.session().ws_connect("/ws")
