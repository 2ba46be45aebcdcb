"""``servicedesk audit verify``: whether the audit list is the one that was written, also beside a running server."""

import sqlite3
from pathlib import Path
from typing import Any, Final

import msgspec

from servicedesk.domain.audit import Flaw, Head, head_of
from servicedesk.store import audit
from servicedesk.store.db import reading
from servicedesk.store.migrate import Unusable

_SAYS: Final = {
    Flaw.MISSING: "it is not there, though later rows are",
    Flaw.CHANGED: "what it says is not what was sealed",
    Flaw.UNLINKED: "it was sealed onto another row than the one before it, which was replaced",
    Flaw.CUT_OFF: "it was written once, and the list ends before it",
    Flaw.REWRITTEN: "it is not the row that was there when the head was kept: the list was written anew",
    Flaw.UNGUARDED: "the rows are whole, but the triggers that keep them from being changed are gone",
}


class BadHead(Exception):
    """What was given as a kept head is none; the text is one line."""


class Broken(msgspec.Struct, frozen=True):
    """Where the chain breaks first."""

    row: int
    flaw: Flaw
    says: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    is_whole: bool
    rows: int
    """How many rows from the first one on are what was written."""
    head: str | None
    """How the whole part ends, as ``--expect`` takes it."""
    broken: Broken | None = None

    @property
    def lines(self) -> list[str]:
        head = [f"head {self.head}"] if self.head else []
        if self.broken is None:
            return [f"The audit list is whole: {self.rows} rows.", *head]
        return [f"The audit list is broken at row {self.broken.row}: {self.broken.says}.", *head]


def verify(database: Path, expect: str | None) -> Report:
    """Read the list from its first row to its last. Raises BadHead, Unusable."""
    kept = _head(expect) if expect is not None else None
    if not database.is_file():
        raise Unusable(f"There is no desk in the folder {database.parent}.")
    try:
        # A state that is kept for long would keep a running server from folding its log in.
        with reading(database, as_it_stands=False) as conn:
            _take_any_bytes(conn)
            found = audit.check(conn, kept)
    except sqlite3.Error as error:
        raise Unusable(f"The audit list of {database} cannot be read: {error}.") from None
    broken = found.broken and Broken(found.broken.number, found.broken.flaw, _SAYS[found.broken.flaw])
    head = str(found.head) if found.head else None
    return Report(is_whole=broken is None, rows=found.rows, head=head, broken=broken)


def _take_any_bytes(conn: Any) -> None:
    """Let texts in that are no UTF-8: the desk never writes them, so the row says itself that it was changed."""
    conn.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")


def _head(text: str) -> Head:
    try:
        return head_of(text)
    except ValueError:
        raise BadHead(
            "--expect takes a head as this command prints it: a number, a colon and 64 hex digits."
        ) from None
