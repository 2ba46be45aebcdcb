"""People who log in themselves, and requests that nobody stands behind."""

from typing import Any

from aiohttp import DummyCookieJar

from servicedesk.domain.people import Role
from servicedesk.domain.times import DAY
from servicedesk.store import sessions
from servicedesk.store.sessions import Kind
from servicedesk.web import auth
from servicedesk.web.passwords import HASHER
from tests.served import Answer, Client, Desk

PASSWORD = "printer on fire"


class Guest(Client):
    """A client without any credential, that keeps no cookies either."""

    def __init__(self, desk: Desk) -> None:
        self.session = desk.session(cookie_jar=DummyCookieJar())


async def member(desk: Desk, email: str, role: Role = Role.AGENT, **fields: Any) -> Client:
    """Return somebody who knows their password and is logged in with a session."""
    hashed = await desk.app[HASHER].hash(PASSWORD)
    made = await desk.person(
        role, email=email, name=email.split("@")[0].title(), password_hash=hashed, **fields
    )
    return await again(desk, made)


async def again(desk: Desk, person: Client, kind: Kind = Kind.SESSION, lasts: int = DAY) -> Client:
    """Return the same person with one more session or token."""
    token = auth.new_token()
    await desk.db.write(
        sessions.insert,
        hashed=auth.hash_of(token),
        kind=kind,
        user_id=person.id,
        at=desk.clock(),
        expires_at=desk.clock() + lasts,
    )
    return desk.client(person.user, token)


async def session_id(desk: Desk, person: Client) -> int:
    known = desk.db.peek(sessions.who, auth.hash_of(person.token), desk.clock())
    assert known is not None
    return known.session_id


async def log_in(desk: Desk, email: str, password: str = PASSWORD, **options: Any) -> Answer:
    nobody = Guest(desk)
    return await nobody.post("/api/auth/login", {"email": email, "password": password}, **options)


async def opens(desk: Desk, token: str) -> bool:
    """Return whether the token lets one in."""
    nobody = Guest(desk)
    answer = await nobody.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status in (200, 401)
    return answer.status == 200
