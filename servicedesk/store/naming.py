"""The people and teams that a filter names, found by their ids."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from servicedesk.domain.errors import BadParameter
from servicedesk.domain.listing import Filter, meeting
from servicedesk.domain.people import STAFF
from servicedesk.domain.words import say
from servicedesk.store import people
from servicedesk.store.db import Connection

NOBODY_AT_ALL: Final = 0
"""An id that nobody has."""


def with_ids(conn: Connection, wanted: Filter) -> Filter:
    """Return the filter with ids instead of names and addresses.

    An address that is not known is nobody's. A name that is not known is refused with BadParameter to staff;
    customers, who may not ask who works here, find nothing.
    """
    if not (wanted.further or wanted.authors) and all(
        not isinstance(each, str) for each in (*wanted.teams, *wanted.assignees, *wanted.requesters)
    ):
        return wanted
    further = wanted.further
    wanted = msgspec.structs.replace(
        wanted,
        **{field: _each(conn, wanted, field, getattr(wanted, field)) for field in _FIND},
        authors=tuple(_each(conn, wanted, "requesters", group) for group in wanted.authors),
        further=(),
    )
    for field, values in further:
        wanted = meeting(wanted, field, _each(conn, wanted, field, values))
    return wanted


def _each(conn: Connection, wanted: Filter, field: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        _FIND[field](conn, value, wanted.internal) if isinstance(value, str) else value for value in values
    )


def _team(conn: Connection, name: str, is_staff: bool) -> int:
    found = people.team_by_name(conn, name)
    return found.id if found else _missing(say("No team here is called {name}.", name=name[:60]), is_staff)


def _agent(conn: Connection, name: str, is_staff: bool) -> int:
    return _person(conn, name, is_staff, STAFF)


def _anybody(conn: Connection, name: str, is_staff: bool) -> int:
    return _person(conn, name, is_staff, ())


def _person(conn: Connection, name: str, is_staff: bool, roles: Any) -> int:
    known = people.id_of(conn, name)
    if known is not None or "@" in name:
        return known or NOBODY_AT_ALL
    found = people.page(conn, limit=1, words=name, roles=roles)
    return found[0].id if found else _missing(say("Nobody here is called {name}.", name=name[:60]), is_staff)


def _missing(said: str, is_staff: bool) -> int:
    if is_staff:
        raise BadParameter.of("q", said)
    return NOBODY_AT_ALL


_FIND: Final[dict[str, Callable[[Connection, str, bool], int]]] = {
    "teams": _team,
    "assignees": _agent,
    "requesters": _anybody,
}
