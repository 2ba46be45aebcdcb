"""What is heard follows what may be seen, from one moment to the next."""

import asyncio
from typing import Any

from servicedesk.domain.events import PersonChanged
from servicedesk.domain.people import Role
from servicedesk.domain.times import SECOND
from servicedesk.store import sessions
from servicedesk.store.db import Tx
from servicedesk.web import auth
from tests.served import Client, Desk
from tests.web.sockets import Socket, connect, say


async def change(desk: Desk, admin: Client, person: Client, **fields: Any) -> None:
    answer = await admin.patch(f"/api/users/{person.id}", fields)
    assert answer.status == 200, answer.body


async def joined(person: Client, ticket_id: int) -> Socket:
    socket = await connect(person)
    await socket.do("join_ticket", ticket_id=ticket_id)
    return socket


async def within_a_second(socket: Socket) -> tuple[int | None, str]:
    return await asyncio.wait_for(socket.closed(), 1)


async def test_a_deactivated_persons_sockets_close_within_a_second(desk: Desk) -> None:
    admin, agent = await desk.admin(), await desk.agent()
    ticket_id = (await admin.ticket())["id"]
    sockets = [await joined(agent, ticket_id) for _ in range(3)]

    await change(desk, admin, agent, is_active=False)
    await say(admin, ticket_id, "after")

    for socket in sockets:
        assert await within_a_second(socket) == (4503, "deactivated")
        assert "after" not in str(socket.seen)


async def test_a_deleted_token_closes_its_own_sockets_alone(desk: Desk) -> None:
    agent = await desk.agent()
    made = (await agent.post("/api/auth/tokens", {"name": "bot"})).body
    bot = desk.client(agent.user, made["token"])
    mine, bots = await connect(agent), await connect(bot)

    await agent.delete(f"/api/auth/tokens/{made['id']}")

    assert await within_a_second(bots) == (4501, "session ended")
    assert await mine.quiet() == []


async def test_logging_out_closes_the_sockets_of_that_session(desk: Desk) -> None:
    agent = await desk.agent()
    browser = await a_session(desk, agent)
    socket, other = await connect(browser), await connect(agent)

    assert (await browser.post("/api/auth/logout")).status == 204

    assert await within_a_second(socket) == (4501, "session ended")
    assert await other.quiet() == []


async def test_a_session_that_runs_out_takes_its_sockets_along(desk: Desk) -> None:
    agent = await desk.agent()
    socket = await connect(await a_session(desk, agent, lasts=5 * SECOND))

    desk.clock.advance(5 * SECOND)

    assert await asyncio.wait_for(socket.closed(), 2) == (4501, "session ended")


async def test_a_session_that_ended_unheard_is_noticed_by_the_next_command(desk: Desk) -> None:
    agent = await desk.agent()
    socket = await connect(agent)
    await desk.db.write(lambda tx: tx.execute("DELETE FROM sessions").rowcount)

    await socket.send("join_ticket", ticket_id=1)

    assert await within_a_second(socket) == (4501, "session ended")


async def test_an_agent_who_becomes_a_customer_loses_rooms_and_is_told(desk: Desk) -> None:
    admin, agent = await desk.admin(), await desk.agent()
    theirs = (await (await desk.customer()).ticket())["id"]
    own = (await agent.ticket())["id"]
    socket = await joined(agent, theirs)
    await socket.do("join_ticket", ticket_id=own)

    await change(desk, admin, agent, role="customer")
    await say(admin, theirs, "secret one")
    await say(admin, own, "secret two", is_internal=True)
    await admin.ticket("secret three")
    await say(admin, own, "to you")

    revoked = await socket.event("ticket_updated", action="access_revoked")
    assert (revoked["room"], revoked["data"]["ticket_id"]) == (f"user:{agent.id}", theirs)
    again = next(f for f in socket.seen[1:] if f.get("event") == "connected")
    assert again["data"]["user"]["role"] == "customer"
    assert again["data"]["rooms"].keys() == {f"user:{agent.id}", f"ticket:{own}"}
    await socket.until(lambda f: "to you" in str(f))
    await socket.quiet()
    assert "secret" not in str(socket.seen)
    assert (await socket.refused("join_ticket", ticket_id=theirs))["code"] == "not_found"


async def test_access_that_was_taken_is_told_once_however_many_tabs_are_open(desk: Desk) -> None:
    admin, agent = await desk.admin(), await desk.agent()
    theirs = (await (await desk.customer()).ticket())["id"]
    sockets = [await joined(agent, theirs) for _ in range(3)]

    await change(desk, admin, agent, role="customer")

    for socket in sockets:
        await socket.event("ticket_updated", action="access_revoked")
        await socket.quiet()
        assert len(socket.events(f"user:{agent.id}")) == 1


async def test_a_customer_who_becomes_an_agent_hears_the_desk_and_the_notes(desk: Desk) -> None:
    admin, person = await desk.admin(), await desk.customer()
    ticket_id = (await person.ticket())["id"]
    socket = await joined(person, ticket_id)

    await change(desk, admin, person, role="agent")
    note = await say(admin, ticket_id, "between us", is_internal=True)

    heard = await socket.event("new_message")
    assert (heard["room"], heard["data"]["message"]["id"]) == (f"ticket:{ticket_id}:staff", note["id"])
    again = next(f for f in socket.seen[1:] if f.get("event") == "connected")
    assert again["data"]["rooms"].keys() >= {"desk", f"ticket:{ticket_id}:staff"}


async def test_whoever_lost_access_in_a_commit_hears_nothing_that_comes_after_in_it(desk: Desk) -> None:
    admin, agent = await desk.admin(), await desk.agent()
    theirs = (await (await desk.customer()).ticket())["id"]
    socket = await joined(agent, theirs)

    def demote(tx: Tx) -> None:
        tx.execute("UPDATE users SET role = 'customer' WHERE id = ?", (agent.id,))
        tx.after_commit(PersonChanged(agent.id))

    await asyncio.gather(desk.db.write(demote), say(admin, theirs, "secret"))

    await socket.event("ticket_updated", action="access_revoked")
    await socket.quiet()
    assert "secret" not in str(socket.seen)


async def test_a_new_name_is_seen_by_the_other_viewers(desk: Desk) -> None:
    admin, agent = await desk.admin(), await desk.agent(name="Ann")
    ticket_id = (await admin.ticket())["id"]
    socket = await joined(admin, ticket_id)
    await joined(agent, ticket_id)

    await change(desk, admin, agent, name="Anna")

    await socket.until(lambda f: "viewers" in str(f) and "Anna" in str(f))


async def test_a_write_runs_with_the_role_of_its_own_transaction(desk: Desk) -> None:
    agent = await desk.agent()
    theirs = (await (await desk.customer()).ticket())["id"]
    socket = await joined(agent, theirs)

    def demote(tx: Tx) -> None:
        tx.execute("UPDATE users SET role = ? WHERE id = ?", (Role.CUSTOMER, agent.id))

    await desk.db.write(demote)

    error = await socket.refused("send_message", ticket_id=theirs, body="still me", client_msg_id="m")
    assert error["code"] == "not_found"


async def a_session(desk: Desk, person: Client, lasts: int = 3600 * SECOND) -> Client:
    """Return the person with a browser's session instead of a token."""
    token = auth.new_token()
    await desk.db.write(
        sessions.insert,
        hashed=auth.hash_of(token),
        kind=sessions.Kind.SESSION,
        user_id=person.id,
        at=desk.clock(),
        expires_at=desk.clock() + lasts,
    )
    return desk.client(person.user, token)


async def test_a_command_that_is_quicker_than_the_news_learns_the_same_reason(desk: Desk) -> None:
    """The change is on disk, but nobody was told of it yet: what the command finds is why the socket ends."""
    agent, other = await desk.agent(), await desk.agent()
    deactivated, logged_out = await connect(agent), await connect(other)

    def silently(tx: Tx) -> None:
        tx.execute("UPDATE users SET is_active = 0 WHERE id = ?", (agent.id,))
        tx.execute("DELETE FROM sessions WHERE user_id = ?", (other.id,))

    await desk.db.write(silently)
    for socket in (deactivated, logged_out):
        await socket.send("connect", 1)

    assert [(await within_a_second(socket))[0] for socket in (deactivated, logged_out)] == [4503, 4501]
