"""Turn the second step of a log-in on and off, use it, make recovery codes, and help those who lost both."""

from collections.abc import Sequence

from servicedesk.desk import audit, sessions
from servicedesk.domain.audit import Action, person
from servicedesk.domain.errors import Conflict, WrongCode
from servicedesk.domain.people import User
from servicedesk.domain.second_steps import Shown
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store import people, second_steps
from servicedesk.store.db import Tx


def begin(tx: Tx, user: User, sealed: bytes, at: Instant) -> None:
    """Keep a new secret until its first code comes. Raises Conflict when there is a second step already."""
    if second_steps.is_on(tx, user.id):
        raise _is_on()
    second_steps.begin(tx, user.id, sealed, at)


def confirm(
    tx: Tx, user: User, sealed: bytes, half_minute: int, codes: Sequence[bytes], at: Instant, *, but: int
) -> None:
    """Turn it on, with recovery codes; whoever was logged in elsewhere with the password alone is logged out."""
    if not second_steps.confirm(tx, user.id, sealed, half_minute, at):
        raise _is_on()
    second_steps.replace_codes(tx, user.id, codes)
    audit.record(tx, Action.SECOND_STEP_ON, person(user))
    sessions.end_others(tx, user, but=but)


def renew_codes(tx: Tx, user: User, shown: Shown, codes: Sequence[bytes]) -> None:
    """Make new recovery codes in the place of all that are left. Raises WrongCode."""
    _use(tx, user, shown)
    second_steps.replace_codes(tx, user.id, codes)
    audit.record(tx, Action.RECOVERY_CODES_MADE, person(user))


def turn_off(tx: Tx, user: User, shown: Shown) -> None:
    """Turn one's own second step off. Raises WrongCode."""
    _use(tx, user, shown)
    second_steps.forget(tx, user.id)
    audit.record(tx, Action.SECOND_STEP_OFF, person(user))


def take_away(tx: Tx, user_id: int, by: User | None = None) -> None:
    """Turn somebody's second step off for them: their phone is gone, and so are their recovery codes.

    Raises Conflict for one's own, which wants a code, and when there is none.
    """
    user = people.get(tx, user_id)
    if by is not None and by.id == user_id:
        raise Conflict(say("Your own second step is turned off on your settings page, with a code."))
    if not second_steps.forget(tx, user_id):
        raise Conflict(say("{name} has no second step.", name=user.name))
    audit.record(tx, Action.SECOND_STEP_OFF, person(user))


def _use(tx: Tx, user: User, shown: Shown) -> None:
    if not second_steps.use(tx, user.id, shown):
        raise WrongCode()


def _is_on() -> Conflict:
    return Conflict(say("You have a second step already; turn it off first."))
