"""The audit list: who changed what about the desk, as a chain in which no row can be changed or left out unseen."""

from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from servicedesk.domain.people import User
from servicedesk.domain.times import Instant

START: Final = "0" * 64
"""What stands before the first row."""


class Action(StrEnum):
    """What somebody did."""

    SET_UP = "set_up"
    LOGGED_IN = "logged_in"
    LOG_IN_FAILED = "log_in_failed"
    LOGGED_OUT = "logged_out"
    ENDED = "ended"
    ENDED_OTHERS = "ended_others"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
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


def area_of(action: Action, noun: Noun) -> Area:
    return _OF_ACTIONS.get(action) or _OF_NOUNS[noun]


def person(user: User) -> Subject:
    return Subject(Noun.PERSON, user.id, user.name)


def sealed(entry: Entry) -> Sealed:
    """Return the row with the SHA-256 of its canonical JSON: keys sorted, nothing between them, UTF-8."""
    return Sealed(entry, sha256(msgspec.json.encode(entry, order="sorted")).hexdigest())


def first_break(rows: Iterable[Sealed], after: Sealed | None = None) -> int | None:
    """Return the number of the first row that is not the one that was written there, None for a whole chain.

    Of a row that was taken out it is the number of the next one; rows missing at the very end only the count knows.
    """
    number, hashed = (after.entry.id, after.hash) if after else (0, START)
    for row in rows:
        if (row.entry.id, row.entry.previous) != (number + 1, hashed) or sealed(row.entry).hash != row.hash:
            return row.entry.id
        number, hashed = row.entry.id, row.hash
    return None


def changed(before: msgspec.Struct, after: msgspec.Struct) -> list[str]:
    """Return the names of the fields in which two things of one kind differ."""
    return [name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name)]
