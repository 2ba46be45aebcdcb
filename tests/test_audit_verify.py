"""``servicedesk audit verify``: what was done to the list behind the desk's back, and what only a kept head tells."""

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
import pytest

from servicedesk import auditing
from servicedesk.domain.audit import Action, Entry, Noun, Occasion, Sealed, Subject, sealed
from servicedesk.store import audit, db
from servicedesk.store.db import Tx
from tests.programs import run, serving

GUARDS = sorted(audit._GUARDS)
ROWS = 7


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder whose list has seven rows."""
    for number in range(ROWS):
        add(tmp_path, f"Person {number}")
    return tmp_path


def add(folder: Path, name: str) -> None:
    """Let the desk write a row."""
    conn = sqlite3.connect(folder / "servicedesk.db", isolation_level=None)
    db._prepare_writer(conn)
    conn.execute("BEGIN IMMEDIATE")
    subject = Subject(Noun.PERSON, 1, name)
    audit.append(Tx(conn), Action.CHANGED, subject, {"fields": ["name"]}, Occasion(at=1_800_000_000_000))
    conn.execute("COMMIT")
    conn.close()


def found(folder: Path, kept: str | None = None) -> tuple[int, str]:
    """Return the row that is named and what is wrong with it."""
    broken = auditing.verify(folder / "servicedesk.db", kept).broken
    return (broken.row, broken.flaw) if broken else (0, "")


def head(folder: Path) -> str:
    return str(auditing.verify(folder / "servicedesk.db", None).head)


def verify(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return run("audit", "verify", "--data-dir", folder, *more)


@contextmanager
def behind_the_desks_back(folder: Path, *, guarded_again: bool = True) -> Iterator[sqlite3.Connection]:
    """Open the file as somebody does who may write to it, without what keeps the list from being changed."""
    conn = sqlite3.connect(folder / "servicedesk.db", isolation_level=None)
    conn.row_factory = sqlite3.Row
    names = ", ".join(f"'{name}'" for name in GUARDS)
    guards = [row[0] for row in conn.execute(f"SELECT sql FROM sqlite_master WHERE name IN ({names})")]
    for name in GUARDS:
        conn.execute(f"DROP TRIGGER {name}")
    yield conn
    for sql in guards if guarded_again else ():
        conn.execute(sql)
    conn.close()


def sealed_anew(conn: sqlite3.Connection, first: int) -> None:
    """Do what somebody does who knows how the list is made: seal it again from a row on."""
    fields = Entry.__struct_fields__
    previous = conn.execute("SELECT hash FROM audit WHERE id = ?", (first - 1,)).fetchone()["hash"]
    for row in conn.execute("SELECT * FROM audit WHERE id >= ? ORDER BY id", (first,)).fetchall():
        entry = Entry(**{name: row[name] for name in fields} | {"previous": previous})
        anew: Sealed = sealed(entry)
        conn.execute("UPDATE audit SET previous = ?, hash = ? WHERE id = ?", (previous, anew.hash, row["id"]))
        previous = anew.hash


def test_a_list_as_it_was_written_is_whole_and_says_how_it_ends(folder: Path) -> None:
    done = verify(folder)

    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "The audit list is whole: 7 rows."
    assert second == f"head {head(folder)}"
    assert head(folder).startswith("7:")


TAMPERED = {
    "a row says another name": ("UPDATE audit SET subject = 'Eve' WHERE id = 3", 3, "changed"),
    "a row has another moment": ("UPDATE audit SET at = at + 1 WHERE id = 3", 3, "changed"),
    "a row was done by somebody else": ("UPDATE audit SET actor_id = 9 WHERE id = 3", 3, "changed"),
    "a seal has one other digit": (
        "UPDATE audit SET hash = substr(hash, 1, 63) || 'x' WHERE id = 3",
        3,
        "changed",
    ),
    "a row has bytes that are no text": (
        "UPDATE audit SET actor = CAST(x'ff41' AS TEXT) WHERE id = 3",
        3,
        "changed",
    ),
    "the first row is gone": ("DELETE FROM audit WHERE id = 1", 1, "missing"),
    "a row in the middle is gone": ("DELETE FROM audit WHERE id = 3", 3, "missing"),
    "a row is gone and the rest moved up": (
        "DELETE FROM audit WHERE id = 3; UPDATE audit SET id = id - 1 WHERE id > 3",
        3,
        "changed",
    ),
    "the last row is gone": ("DELETE FROM audit WHERE id = 7", 7, "cut_off"),
    "the last three are gone": ("DELETE FROM audit WHERE id > 4", 5, "cut_off"),
    "all rows are gone": ("DELETE FROM audit", 1, "cut_off"),
}


@pytest.mark.parametrize(("sql", "row", "flaw"), TAMPERED.values(), ids=TAMPERED.keys())
def test_what_was_done_to_the_file_is_named_by_row(folder: Path, sql: str, row: int, flaw: str) -> None:
    with behind_the_desks_back(folder) as conn:
        conn.executescript(sql)

    assert found(folder) == (row, flaw)


def test_a_broken_list_ends_with_a_code_that_a_script_can_ask_for(folder: Path) -> None:
    with behind_the_desks_back(folder) as conn:
        conn.execute("DELETE FROM audit WHERE id = 3")

    done = verify(folder)

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(
        "The audit list is broken at row 3: it is not there, though later rows are.\nhead 2:"
    )
    assert verify(folder, "--json").returncode == 1


def test_a_row_that_was_sealed_anew_breaks_the_link_of_the_next(folder: Path) -> None:
    with behind_the_desks_back(folder) as conn:
        conn.execute("UPDATE audit SET subject = 'Eve' WHERE id = 3")
        row = conn.execute("SELECT * FROM audit WHERE id = 3").fetchone()
        entry = Entry(**{name: row[name] for name in Entry.__struct_fields__})
        conn.execute("UPDATE audit SET hash = ? WHERE id = 3", (sealed(entry).hash,))

    assert found(folder) == (4, "unlinked")


def test_that_the_guards_are_gone_is_said_though_the_rows_are_whole(folder: Path) -> None:
    with behind_the_desks_back(folder, guarded_again=False):
        pass

    assert found(folder) == (7, "unguarded")


def test_a_list_that_was_sealed_anew_to_its_end_shows_only_against_a_kept_head(folder: Path) -> None:
    kept = head(folder)
    with behind_the_desks_back(folder) as conn:
        conn.execute("UPDATE audit SET subject = 'Eve' WHERE id = 3")
        sealed_anew(conn, 3)

    assert found(folder) == (0, "")
    assert found(folder, kept) == (7, "rewritten")


def test_a_tail_that_was_cut_off_with_its_count_shows_only_against_a_kept_head(folder: Path) -> None:
    kept = head(folder)
    with behind_the_desks_back(folder) as conn:
        conn.execute("DELETE FROM audit WHERE id > 5")
        conn.execute("UPDATE sqlite_sequence SET seq = 5 WHERE name = 'audit'")

    assert found(folder) == (0, "")
    assert found(folder, kept) == (6, "cut_off")


def test_a_list_that_has_grown_still_fits_the_head_that_was_kept(folder: Path) -> None:
    kept = head(folder)
    add(folder, "another@desk.example")

    assert found(folder, kept) == (0, "")
    assert head(folder).startswith("8:")


def test_the_list_is_read_beside_a_running_desk_which_goes_on_writing(folder: Path) -> None:
    kept = head(folder)
    with serving("--data-dir", folder, ENV="testing") as server:
        for _ in range(2):
            wrong = json.dumps({"email": "nobody@desk.example", "password": "x"}).encode()
            asked = Request(f"{server.url}/api/auth/login", wrong, {"Content-Type": "application/json"})
            with pytest.raises(HTTPError, match="401"):
                urlopen(asked, timeout=20)
            assert verify(folder, "--expect", kept).returncode == 0
        server.signal()
        assert server.ended()[0] == 0
    assert head(folder).startswith("8:")


@pytest.mark.parametrize("kept", ["", "7", "7:abc", "0:" + "a" * 64, "7:" + "A" * 64, "x:" + "a" * 64])
def test_a_head_that_is_none_is_refused(folder: Path, kept: str) -> None:
    with pytest.raises(auditing.BadHead, match="a number, a colon and 64 hex digits"):
        auditing.verify(folder / "servicedesk.db", kept)


def test_a_head_that_is_none_is_refused_in_one_line_on_the_command_line(folder: Path) -> None:
    done = verify(folder, "--expect", "7")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("servicedesk: --expect takes a head")
    assert done.stderr.count("\n") == 1


def test_where_no_list_can_be_read_that_is_said(tmp_path: Path) -> None:
    assert verify(tmp_path).returncode == 3
    (tmp_path / "servicedesk.db").write_bytes(b"no database" * 1000)

    done = verify(tmp_path)

    assert done.returncode == 3
    assert "cannot be read" in done.stderr


def test_the_report_is_one_document(folder: Path) -> None:
    report = msgspec.json.decode(verify(folder, "--json").stdout)

    assert report == {"is_whole": True, "rows": 7, "head": head(folder), "broken": None}
