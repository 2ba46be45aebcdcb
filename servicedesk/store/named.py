"""What an import has named so far."""

import sqlite3
from typing import Self


class Names:
    """What has been named so far, in a file that SQLite throws away: of a large desk it is too much to remember."""

    def __enter__(self) -> Self:
        self._conn = sqlite3.connect("", isolation_level=None)
        self._conn.execute("CREATE TABLE named (kind TEXT, id, PRIMARY KEY (kind, id)) WITHOUT ROWID")
        self._conn.execute("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self._conn.close()

    def add(self, kind: str, id_: int | str) -> bool:
        """Return whether it is new."""
        return self._conn.execute("INSERT OR IGNORE INTO named VALUES (?, ?)", (kind, id_)).rowcount == 1

    def has(self, kind: str, id_: int | str) -> bool:
        found = self._conn.execute("SELECT 1 FROM named WHERE kind = ? AND id = ?", (kind, id_))
        return found.fetchone() is not None
