"""Log in and out, change a password, make and end tokens. What ends is told: its sockets close at once."""

from typing import Any, Final

from servicedesk.desk import audit
from servicedesk.domain.audit import Action, Noun, Subject, person
from servicedesk.domain.errors import BadCredentials, CodeNeeded, Conflict, WrongCode, WrongPassword
from servicedesk.domain.events import SessionsEnded
from servicedesk.domain.people import User
from servicedesk.domain.second_steps import Shown
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store import people, second_steps, sessions
from servicedesk.store.db import Connection, Tx
from servicedesk.store.sessions import Kind, Known, Token

SESSION_ENDED: Final = 4501
DEACTIVATED: Final = 4503
"""The websocket's close codes; a client does not come back after them."""

TOKENS_MAX: Final = 100


def open_session(
    tx: Tx,
    user_id: int,
    checked: str,
    hashed: bytes,
    at: Instant,
    expires_at: Instant,
    *,
    renewed: str | None = None,
    second: Shown | None = None,
    address: str = "",
    agent: str = "",
) -> Known:
    """Let the person in whose password fitted the hash ``checked``; ``renewed`` is a stronger one of the same.

    Raises BadCredentials when they were deactivated or got another password while it was being checked, CodeNeeded
    and WrongCode when they have a second step that was not shown, or shown before.
    """
    user = people.get(tx, user_id)
    if not user.is_active or people.password_hash(tx, user_id) != checked:
        raise BadCredentials()
    if second_steps.is_on(tx, user_id):
        if second is None:
            raise CodeNeeded()
        if not second_steps.use(tx, user_id, second):
            raise WrongCode()
    if renewed is not None:
        people.set_password_hash(tx, user_id, renewed)
    session_id = sessions.insert(
        tx,
        hashed=hashed,
        kind=Kind.SESSION,
        user_id=user_id,
        at=at,
        expires_at=expires_at,
        address=address,
        agent=agent,
    )
    details: dict[str, Any] = {"agent": agent}
    if second is not None and second.recovery is not None:
        details["recovery_codes_left"] = second_steps.codes_left(tx, user_id)
    audit.record(tx, Action.LOGGED_IN, person(user), details, by=user)
    return Known(user, session_id, Kind.SESSION, expires_at)


def refuse(tx: Tx, user: User | None, unlisted: int, *, knew_password: bool = False) -> None:
    """Write down that somebody guessed wrong; ``unlisted`` is how often before, without a row of its own.

    What was typed as an address that nobody has is not kept: it may have been a password.
    """
    subject = person(user) if user else Subject(Noun.PERSON)
    details: dict[str, Any] = {"unlisted": unlisted}
    if knew_password:
        details["second_step"] = True
    audit.record(tx, Action.LOG_IN_FAILED, subject, details)


def close_session(tx: Tx, known: Known) -> None:
    """Log out."""
    if known.kind is Kind.TOKEN:
        raise Conflict(
            say(
                "A token does not log out; it ends with DELETE /api/auth/tokens/{session_id}.",
                session_id=known.session_id,
            )
        )
    _end_one(tx, known.user.id, known.session_id)
    audit.record(tx, Action.LOGGED_OUT, person(known.user), by=known.user)


def end(tx: Tx, session_id: int) -> None:
    """End a session or token, whosever it is; its sockets close."""
    ended = sessions.get(tx, session_id)
    _end_one(tx, ended.user_id, session_id)
    if ended.kind is Kind.TOKEN:
        _record_token(tx, Action.DELETED, ended.user_id, ended.owner, session_id, ended.name)
    else:
        subject = Subject(Noun.SESSION, ended.user_id, ended.owner)
        details = {"session": session_id, "agent": ended.agent, "opened_from": ended.address}
        audit.record(tx, Action.ENDED, subject, details)


def end_others(tx: Tx, user: User, *, but: int) -> None:
    """End all of the person's sessions except one; tokens stay."""
    if ended := _end_sessions(tx, user.id, but=but):
        subject = Subject(Noun.SESSION, user.id, user.name)
        audit.record(tx, Action.ENDED_OTHERS, subject, {"sessions": len(ended)})


def change_password(tx: Tx, user_id: int, checked: str, new: str, *, but: int) -> None:
    """Set the password; the person's other sessions end, tokens stay.

    Raises WrongPassword when it was changed elsewhere while ``checked`` was being checked.
    """
    if people.password_hash(tx, user_id) != checked:
        raise WrongPassword()
    people.set_password_hash(tx, user_id, new)
    _end_sessions(tx, user_id, but=but)
    audit.record(tx, Action.PASSWORD_CHANGED, person(people.get(tx, user_id)))


def reset_password(tx: Tx, user_id: int, new: str) -> None:
    """Set the password in the person's stead; all their sessions end, tokens stay."""
    people.set_password_hash(tx, user_id, new)
    _end_sessions(tx, user_id, but=None)
    audit.record(tx, Action.PASSWORD_CHANGED, person(people.get(tx, user_id)))


def create_token(
    tx: Tx, user: User, hashed: bytes, name: str, at: Instant, expires_at: Instant | None
) -> Token:
    if sessions.count_tokens(tx, user.id) >= TOKENS_MAX:
        raise Conflict(say("There are {most} tokens already; delete one first.", most=TOKENS_MAX))
    token_id = sessions.insert(
        tx, hashed=hashed, kind=Kind.TOKEN, user_id=user.id, at=at, expires_at=expires_at, name=name
    )
    _record_token(tx, Action.MADE, user.id, user.name, token_id, name)
    return sessions.token(tx, user.id, token_id)


def delete_token(tx: Tx, user: User, token_id: int) -> None:
    deleted = sessions.token(tx, user.id, token_id)
    _end_one(tx, user.id, token_id)
    _record_token(tx, Action.DELETED, user.id, user.name, token_id, deleted.name)


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


def _end_sessions(tx: Tx, user_id: int, *, but: int | None) -> frozenset[int]:
    if ended := sessions.end_of_user(tx, user_id, kind=Kind.SESSION, but=but):
        tx.after_commit(SessionsEnded(user_id, ended, SESSION_ENDED))
    return ended


def _end_one(tx: Tx, user_id: int, session_id: int) -> None:
    sessions.end(tx, session_id)
    tx.after_commit(SessionsEnded(user_id, frozenset({session_id}), SESSION_ENDED))


def _record_token(tx: Tx, action: Action, user_id: int, owner: str, token_id: int, name: str) -> None:
    audit.record(tx, action, Subject(Noun.TOKEN, user_id, owner), {"token": token_id, "name": name})
