"""Log in and out, change a password, make and end tokens. What ends is told: its sockets close at once."""

from typing import Final

from servicedesk.domain.errors import BadCredentials, Conflict
from servicedesk.domain.events import SessionsEnded
from servicedesk.domain.people import User
from servicedesk.domain.times import Instant
from servicedesk.store import people, sessions
from servicedesk.store.db import Connection, Tx
from servicedesk.store.sessions import Kind, Known, Token

SESSION_ENDED: Final = 4501
DEACTIVATED: Final = 4503
"""The websocket's close codes; a client does not come back after them."""

TOKENS_MAX: Final = 100


def open_session(tx: Tx, user_id: int, hashed: bytes, at: Instant, expires_at: Instant) -> Known:
    """Let the person in. Raises BadCredentials when they were deactivated while the password was checked."""
    user = people.get(tx, user_id)
    if not user.is_active:
        raise BadCredentials()
    session_id = sessions.insert(
        tx, hashed=hashed, kind=Kind.SESSION, user_id=user_id, at=at, expires_at=expires_at
    )
    return Known(user, session_id, Kind.SESSION)


def close_session(tx: Tx, known: Known) -> None:
    """Log out."""
    if known.kind is Kind.TOKEN:
        raise Conflict(f"A token does not log out; it ends with DELETE /api/auth/tokens/{known.session_id}.")
    _end_one(tx, known.user.id, known.session_id)


def change_password(tx: Tx, user_id: int, hashed: str, *, but: int | None) -> None:
    """Set the password; the person's other sessions end, tokens stay."""
    people.set_password_hash(tx, user_id, hashed)
    ended = sessions.end_of_user(tx, user_id, kind=Kind.SESSION, but=but)
    if ended:
        tx.after_commit(SessionsEnded(user_id, ended, SESSION_ENDED))


def renew_hash(tx: Tx, user_id: int, old: str, new: str) -> None:
    """Replace the hash of an unchanged password by a stronger one, unless the password changed meanwhile."""
    if people.password_hash(tx, user_id) == old:
        people.set_password_hash(tx, user_id, new)


def create_token(
    tx: Tx, user: User, hashed: bytes, name: str, at: Instant, expires_at: Instant | None
) -> Token:
    if sessions.count_tokens(tx, user.id) >= TOKENS_MAX:
        raise Conflict(f"There are {TOKENS_MAX} tokens already; delete one first.")
    token_id = sessions.insert(
        tx, hashed=hashed, kind=Kind.TOKEN, user_id=user.id, at=at, expires_at=expires_at, name=name
    )
    return sessions.token(tx, user.id, token_id)


def delete_token(tx: Tx, user: User, token_id: int) -> None:
    sessions.token(tx, user.id, token_id)
    _end_one(tx, user.id, token_id)


def end_everything(tx: Tx, user_id: int) -> None:
    """End what a deactivated person has open: sessions, tokens, sockets."""
    sessions.end_of_user(tx, user_id)
    tx.after_commit(SessionsEnded(user_id, None, DEACTIVATED))


def sweep(tx: Tx, at: Instant) -> None:
    """Clear away what has expired, and close the sockets that still hang on it."""
    for user_id, ended in sessions.sweep(tx, at).items():
        tx.after_commit(SessionsEnded(user_id, ended, SESSION_ENDED))


def credentials(conn: Connection, email: str) -> tuple[User | None, str | None]:
    """Return who has the address, and the hash of their password; no hash when they cannot log in."""
    user = people.by_email(conn, email)
    if user is None or not user.is_active:
        return None, None
    return user, people.password_hash(conn, user.id)


def _end_one(tx: Tx, user_id: int, session_id: int) -> None:
    sessions.end(tx, session_id)
    tx.after_commit(SessionsEnded(user_id, frozenset({session_id}), SESSION_ENDED))
