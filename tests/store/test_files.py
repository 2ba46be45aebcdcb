"""Files as they are stored."""

import pytest

from servicedesk.domain.files import Scan
from servicedesk.store import files
from servicedesk.store.db import Tx


class Noted:
    """A connection that notes how SQLite would answer."""

    def __init__(self, tx: Tx) -> None:
        self.plan: list[str] = []
        self._tx = tx

    def execute(self, sql: str, parameters: object = (), /) -> object:
        found = self._tx.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
        self.plan += [row["detail"] for row in found]
        return self._tx.execute(sql, parameters)


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda conn: files.next_to_scan(conn, set()), "files_not_scanned_yet"),
        (files.count_to_scan, "files_not_scanned_yet"),
        (lambda conn: files.contents(conn, after="", limit=10), "files_by_content"),
        (lambda conn: files.of_content(conn, "ab" * 32), "files_by_content"),
        (lambda conn: files.ids_by_scan(conn, {Scan.NONE, Scan.ERROR}, after="", limit=10), "PRIMARY KEY"),
    ],
)
def test_what_the_scanner_and_the_scrub_ask_has_an_index(tx: Tx, ask: object, index: str) -> None:
    noted = Noted(tx)

    ask(noted)  # type: ignore[operator]

    assert any(index in step for step in noted.plan), noted.plan
    assert not any(step == "SCAN f" or step == "SCAN files" for step in noted.plan), noted.plan
