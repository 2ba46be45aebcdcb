"""Which rows belong to what is exported."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from servicedesk.store.db import Connection


class Wanted(NamedTuple):
    """The tickets that have this value in this column; without one, all of them."""

    column: str = ""
    value: int = 0

    @property
    def is_all(self) -> bool:
        return not self.column

    @property
    def said(self) -> str:
        """What it is, in words that name nobody."""
        return f"{_SAID[self.column]} {self.value}" if self.column else "everything"


_SAID: Final = {"id": "ticket", "requester_id": "the tickets of person", "team_id": "the tickets of team"}
_WHERE: Final = {
    "": "? = 0",
    "id": "t.id = ?",
    "requester_id": "t.requester_id = ?",
    "team_id": "t.team_id = ?",
}
_OF_ONE: Final = (
    "SELECT requester_id FROM tickets WHERE id = :id UNION SELECT assigned_to FROM tickets WHERE id = :id"
    " UNION SELECT author_id FROM messages WHERE ticket_id = :id"
    " UNION SELECT uploaded_by FROM files WHERE ticket_id = :id"
    " UNION SELECT actor_id FROM history WHERE ticket_id = :id"
    " UNION SELECT user_id FROM ticket_watchers WHERE ticket_id = :id AND watches = 1"
    " UNION SELECT changes ->> '$.assigned_to.from' FROM history WHERE ticket_id = :id"
    " UNION SELECT changes ->> '$.assigned_to.to' FROM history WHERE ticket_id = :id"
)
_TEAMS_OF_ONE: Final = (
    "SELECT team_id FROM tickets WHERE id = :id"
    " UNION SELECT changes ->> '$.team_id.from' FROM history WHERE ticket_id = :id"
    " UNION SELECT changes ->> '$.team_id.to' FROM history WHERE ticket_id = :id"
)


def has_ticket(conn: Connection, ticket_id: int) -> bool:
    return conn.execute("SELECT 1 FROM tickets WHERE id = ?", (ticket_id,)).fetchone() is not None


def ticket_ids(conn: Connection, wanted: Wanted) -> Iterator[int]:
    """Yield the tickets in the order of their ids, as they are asked for."""
    # nosemgrep: packaging.semgrep.values-are-bound -- names of tables and columns, from constants
    found = conn.execute(
        f"SELECT t.id FROM tickets t WHERE {_WHERE[wanted.column]} ORDER BY t.id", (wanted.value,)
    )
    return (ticket_id for (ticket_id,) in found)


def people_of(conn: Connection, wanted: Wanted) -> set[int]:
    """Return everybody who has to do with these tickets, and who asked for them."""
    found = {wanted.value} if wanted.column == "requester_id" else set()
    for ticket_id in ticket_ids(conn, wanted):
        found.update(row[0] for row in conn.execute(_OF_ONE, {"id": ticket_id}) if row[0] is not None)
    return found


def teams_of(conn: Connection, wanted: Wanted) -> set[int]:
    """Return the teams that have or had these tickets, and the one that was asked for."""
    found = {wanted.value} if wanted.column == "team_id" else set()
    for ticket_id in ticket_ids(conn, wanted):
        found.update(row[0] for row in conn.execute(_TEAMS_OF_ONE, {"id": ticket_id}) if row[0] is not None)
    # One that is gone can still stand in a history.
    return {
        team_id
        for team_id in found
        if conn.execute("SELECT 1 FROM teams WHERE id = ?", (team_id,)).fetchone()
    }


def contents_of(conn: Connection, wanted: Wanted) -> Iterator[str]:
    """Yield the hashes of what the files of these tickets hold, each once."""
    rows = conn.execute(
        "SELECT DISTINCT f.sha256 FROM files f JOIN tickets t ON t.id = f.ticket_id"
        f" WHERE {_WHERE[wanted.column]}"
        " ORDER BY f.sha256",
        (wanted.value,),
    )
    return (sha256 for (sha256,) in rows)
