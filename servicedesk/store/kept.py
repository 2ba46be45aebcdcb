"""What people keep for themselves or share: rows with an owner whose content is a JSON text."""

from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from servicedesk.domain.errors import NotFound
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store.db import Connection, Tx


class Content(Protocol):
    @property
    def is_shared(self) -> bool: ...


C = TypeVar("C", bound=Content)
T = TypeVar("T")

_COLUMNS: Final = "id, version, owner_id, content"


class Shelf(Generic[T, C]):
    """A table of such rows; ``make`` puts a row together."""

    def __init__(self, table: str, noun: str, content: type[C], make: Callable[..., T]) -> None:
        self._table = table
        self.noun = noun
        self._decode = msgspec.json.Decoder(content).decode
        self._make = make
        # Two walks along an index each, instead of one over what everybody has.
        self._visible = (
            f"SELECT {_COLUMNS} FROM {table} WHERE is_shared = 1 AND id > :after"
            f" UNION ALL SELECT {_COLUMNS} FROM {table} WHERE owner_id = :user AND is_shared = 0 AND id > :after"
        )

    def get(self, conn: Connection, thing_id: int) -> T:
        """Return the thing, or raise NotFound."""
        row = conn.execute(f"SELECT {_COLUMNS} FROM {self._table} WHERE id = ?", (thing_id,)).fetchone()
        if row is None:
            raise NotFound(say("There is no {what} {id}.", what=self.noun, id=thing_id))
        return self._thing(row)

    def page(self, conn: Connection, user_id: int, *, after: int = 0, limit: int) -> list[T]:
        """Return what the person may use, in the order of ids: what is shared, and what is their own."""
        rows = conn.execute(
            f"{self._visible} ORDER BY id LIMIT :limit", {"user": user_id, "after": after, "limit": limit}
        )
        return [self._thing(row) for row in rows]

    def everybodys(self, conn: Connection, *, after: int = 0, limit: int) -> list[T]:
        """Return what anybody has kept, in the order of ids: for whoever takes all of the desk along."""
        rows = conn.execute(
            f"SELECT {_COLUMNS} FROM {self._table} WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
        )
        return [self._thing(row) for row in rows]

    def count(self, conn: Connection, user_id: int) -> int:
        """Return how many things the person may use."""
        return sum(self.kept(conn, owner_id) for owner_id in (None, user_id))

    def kept(self, conn: Connection, owner_id: int | None) -> int:
        """Return how many are the person's own, or with None, how many are shared."""
        if owner_id is None:
            sql, values = f"SELECT count(*) FROM {self._table} WHERE is_shared = 1", ()
        else:
            sql = f"SELECT count(*) FROM {self._table} WHERE owner_id = ? AND is_shared = 0"
            values = (owner_id,)  # type: ignore[assignment]
        return int(conn.execute(sql, values).fetchone()[0])

    def draft(self, content: C, owner_id: int) -> T:
        """Return the thing as it would be, before it is kept."""
        return self._make(id=0, version=0, owner_id=owner_id, content=content)

    def insert(self, tx: Tx, content: C, *, owner_id: int, at: Instant) -> T:
        row = tx.execute(
            f"INSERT INTO {self._table} (owner_id, is_shared, content, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?) RETURNING id",
            (owner_id, content.is_shared, _packed(content), at, at),
        ).fetchone()
        return self.get(tx, row["id"])

    def update(self, tx: Tx, thing_id: int, content: C, *, at: Instant) -> T:
        """Save the content as a new version."""
        tx.execute(
            f"UPDATE {self._table} SET is_shared = ?, content = ?, version = version + 1, updated_at = ?"
            " WHERE id = ?",
            (content.is_shared, _packed(content), at, thing_id),
        )
        return self.get(tx, thing_id)

    def delete(self, tx: Tx, thing_id: int) -> None:
        tx.execute(f"DELETE FROM {self._table} WHERE id = ?", (thing_id,))

    def _thing(self, row: Any) -> T:
        return self._make(
            id=row["id"],
            version=row["version"],
            owner_id=row["owner_id"],
            content=self._decode(row["content"]),
        )


def _packed(content: object) -> str:
    return msgspec.json.encode(content).decode()
