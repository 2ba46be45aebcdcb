"""The audit list: who changed what about the desk, as a chain in which no row can be changed or left out unseen."""

import re
from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from servicedesk.domain.people import User
from servicedesk.domain.times import Instant

START: Final = "0" * 64
"""What stands before the first row."""


COMMAND_LINE: Final = "the command line"
"""Who did what a command does."""


class Action(StrEnum):
    """What somebody did."""

    SET_UP = "set_up"
    LOGGED_IN = "logged_in"
    LOG_IN_FAILED = "log_in_failed"
    LOGGED_OUT = "logged_out"
    ENDED = "ended"
    ENDED_OTHERS = "ended_others"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    SECOND_STEP_ON = "second_step_on"
    SECOND_STEP_OFF = "second_step_off"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    MADE = "made"
    CHANGED = "changed"
    DELETED = "deleted"
    EXPORTED = "exported"
    IMPORTED = "imported"
    ERASED = "erased"


class Noun(StrEnum):
    """What they did it to."""

    DESK = "desk"
    PERSON = "person"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105
    TEAM = "team"
    POLICY = "policy"
    CALENDAR = "calendar"
    ESCALATION = "escalation"
    MACRO = "macro"
    VIEW = "view"
    FILE = "file"
    TABLE = "table"
    EXPORT = "export"


class Area(StrEnum):
    """Kinds of rows, as somebody who looks for one tells them apart."""

    LOG_IN = "log_in"
    KEYS = "keys"
    PEOPLE = "people"
    RULES = "rules"
    DESK = "desk"
    DATA = "data"


_OF_ACTIONS: Final = {
    Action.LOGGED_IN: Area.LOG_IN,
    Action.LOG_IN_FAILED: Area.LOG_IN,
    Action.LOGGED_OUT: Area.LOG_IN,
    Action.PASSWORD_CHANGED: Area.KEYS,
    Action.SECOND_STEP_ON: Area.KEYS,
    Action.SECOND_STEP_OFF: Area.KEYS,
    Action.RECOVERY_CODES_MADE: Area.KEYS,
}
_OF_NOUNS: Final = {
    Noun.DESK: Area.DESK,
    Noun.PERSON: Area.PEOPLE,
    Noun.SESSION: Area.LOG_IN,
    Noun.TOKEN: Area.KEYS,
    Noun.TEAM: Area.PEOPLE,
    Noun.POLICY: Area.RULES,
    Noun.CALENDAR: Area.RULES,
    Noun.ESCALATION: Area.RULES,
    Noun.MACRO: Area.RULES,
    Noun.VIEW: Area.RULES,
    Noun.FILE: Area.DATA,
    Noun.TABLE: Area.DATA,
    Noun.EXPORT: Area.DATA,
}


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked for a change, from where and when."""

    at: Instant
    by: User | None = None
    address: str = ""
    name: str = ""
    """What asked, where it was nobody who is logged in."""


class Subject(NamedTuple):
    """What something was done to, under the name that it had then."""

    noun: Noun
    id: int | str = ""
    name: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the list, without the hash that seals it."""

    id: int
    at: Instant
    actor_id: int | None
    actor: str
    action: str
    area: str
    noun: str
    subject_id: str
    subject: str
    details: str
    """A JSON object, as it was written down: it is hashed as it stands."""
    address: str
    previous: str
    """The hash of the row before."""


class Sealed(NamedTuple):
    """A row with its hash, as it is kept."""

    entry: Entry
    hash: str


class Flaw(StrEnum):
    """What can be wrong with a row."""

    MISSING = "missing"
    """It is not there, though others behind it are."""
    CHANGED = "changed"
    """It does not say what was sealed."""
    UNLINKED = "unlinked"
    """Its seal is its own, but it was put onto another row than the one that stands before it."""
    CUT_OFF = "cut_off"
    """It was the last one or among the last ones, and they are not there any more."""
    REWRITTEN = "rewritten"
    """It is not what it was when somebody looked: the list was written anew from there or from before."""
    UNGUARDED = "unguarded"
    """Nothing is wrong with the rows, but what keeps them from being changed was taken away."""


class Break(NamedTuple):
    """Where the chain is broken first, and how."""

    number: int
    flaw: Flaw


def area_of(action: Action, noun: Noun) -> Area:
    return _OF_ACTIONS.get(action) or _OF_NOUNS[noun]


def person(user: User) -> Subject:
    return Subject(Noun.PERSON, user.id, user.name)


def sealed(entry: Entry) -> Sealed:
    """Return the row with the SHA-256 of its canonical JSON: keys sorted, nothing between them, UTF-8."""
    return Sealed(entry, sha256(msgspec.json.encode(entry, order="sorted")).hexdigest())


def first_break(rows: Iterable[Sealed], after: Sealed | None = None) -> Break | None:
    """Return the first row that is not the one that was written there, None for a whole chain.

    Rows missing at the very end only the count knows.
    """
    number, hashed = (after.entry.id, after.hash) if after else (0, START)
    for row in rows:
        if row.entry.id != number + 1:
            return Break(number + 1, Flaw.MISSING)
        if not _is_own_seal(row):
            return Break(row.entry.id, Flaw.CHANGED)
        if row.entry.previous != hashed:
            return Break(row.entry.id, Flaw.UNLINKED)
        number, hashed = row.entry.id, row.hash
    return None


def _is_own_seal(row: Sealed) -> bool:
    try:
        return sealed(row.entry).hash == row.hash
    except UnicodeEncodeError:  # bytes that the desk would never have written
        return False


class Head(NamedTuple):
    """How a list ended at some moment: kept elsewhere, it tells a list that was written anew from the one that was."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


def head_of(text: str) -> Head:
    """Return the head that the text spells. Raises ValueError."""
    match = _HEAD.fullmatch(text.strip())
    if match is None:
        raise ValueError
    return Head(int(match[1]), match[2])


_HEAD: Final = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


def changed(before: msgspec.Struct, after: msgspec.Struct) -> list[str]:
    """Return the names of the fields in which two things of one kind differ."""
    return [name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name)]
