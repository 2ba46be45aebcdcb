"""The doctor names what ails a desk, says what to do, and mends what can be worked out again."""

import contextlib
import io
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest

from servicedesk.cli import main
from servicedesk.desk import doctor, keeping
from servicedesk.desk.doctor import CHECKS, Patient, State
from servicedesk.domain.times import DAY, Instant
from servicedesk.settings import Settings
from servicedesk.store.db import reading
from tests.mounts import mounted
from tests.programs import environment, run, serving

NOW: Instant = time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a desk at work."""
    folder = tmp_path_factory.mktemp("company") / "data"
    filled = run("demo", "--password-stdin", "--data-dir", folder, given="tall lamps over water")
    assert filled.returncode == 0, filled.stderr
    with (
        serving("--data-dir", folder) as server,
        by_hand(folder) as conn,
    ):  # which takes the texts into the index
        while conn.execute("SELECT count(*) FROM search_waiting").fetchone()[0]:
            time.sleep(0.05)
        server.signal()
        server.ended()
    backed_up = run("backup", folder.parent / "backups", "--data-dir", folder)
    assert backed_up.returncode == 0, backed_up.stderr
    return folder


@pytest.fixture
def desk(company: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(company, tmp_path / "data"))


def looked_at(desk: Path, *flags: str, **settings: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and, by the name of the check, its line. In this process, for there are many."""
    told = io.StringIO()
    with mock.patch.dict(os.environ, environment(**settings), clear=True), contextlib.redirect_stdout(told):
        code = main(["doctor", "--json", *flags, "--data-dir", str(desk)])
    report = msgspec.json.decode(told.getvalue())
    return code, {line["name"]: line for line in report["lines"]}


def wrong(lines: dict[str, Any]) -> dict[str, str]:
    """Return what is not ok; of which SQLite runs here a test can say nothing."""
    return {name: line["state"] for name, line in lines.items() if line["state"] != "ok" and name != "sqlite"}


@contextlib.contextmanager
def by_hand(desk: Path) -> Iterator[sqlite3.Connection]:
    """Change the database as nobody should."""
    with contextlib.closing(sqlite3.connect(desk / "servicedesk.db", isolation_level=None)) as conn:
        yield conn


def sql(*statements: str) -> Callable[[Path], None]:
    def do(desk: Path) -> None:
        with by_hand(desk) as conn:
            conn.execute("PRAGMA foreign_keys = OFF")
            for statement in statements:
                conn.execute(statement)

    return do


def a_blob(desk: Path) -> Path:
    return next(path for path in sorted(desk.glob("blobs/*/*/*")) if path.stat().st_size > 100)


def cut_a_blob(desk: Path) -> None:
    os.truncate(a_blob(desk), 7)


def turn_a_bit(desk: Path) -> None:
    content = bytearray(a_blob(desk).read_bytes())
    content[50] ^= 1
    a_blob(desk).write_bytes(content)


def leave_something(desk: Path) -> None:
    (desk / "tmp" / "upload-1").write_bytes(b"half")
    os.utime(desk / "tmp" / "upload-1", (1, 1))


def open_to_all(desk: Path) -> None:
    desk.chmod(0o755)
    (desk / "servicedesk.db").chmod(0o644)


def spoil_a_page(desk: Path) -> None:
    with by_hand(desk) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = conn.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'messages_by_ticket'"
        ).fetchone()
        size = conn.execute("PRAGMA page_size").fetchone()[0]
    with (desk / "servicedesk.db").open("r+b") as file:
        file.seek((page - 1) * size + size // 2)
        file.write(b"\xff" * (size // 2))


AILMENTS: dict[str, tuple[Callable[[Path], None], tuple[str, ...], dict[str, str], bool]] = {
    "an index is gone": (sql("DROP INDEX messages_by_author"), (), {"schema": "broken"}, False),
    "a table too many": (sql("CREATE TABLE mine (id)"), (), {"schema": "broken"}, False),
    "a migration was another": (
        sql("UPDATE migrations SET checksum = 'x' WHERE number = 3"), (), {"schema": "broken"}, False,
    ),
    "a newer schema": (sql("PRAGMA user_version = 9999"), (), {"schema": "broken"}, False),
    "an older schema": (sql("PRAGMA user_version = 15"), (), {"schema": "warning"}, False),
    "a page is spoilt": (spoil_a_page, (), {"structure": "broken", "counters": "broken"}, False),
    "a user is gone": (
        sql("DELETE FROM users WHERE id = (SELECT min(author_id) FROM messages)"), (),
        {"references": "broken", "counters": "broken"}, False,
    ),
    "the index has another text": (
        sql("UPDATE search_content SET c1 = 'other' WHERE id = 1 << 20"), (), {"search": "broken"}, True,
    ),
    "the index lacks a ticket": (
        sql("DELETE FROM search WHERE rowid = 2 << 20"), (), {"search": "broken"}, True,
    ),
    "an event is gone": (
        sql("DELETE FROM events WHERE room = 1 AND seq = 7"), (), {"events": "broken"}, False,
    ),
    "the first events are gone": (
        sql("DELETE FROM events WHERE room = 1 AND seq < 7"), (), {"events": "broken"}, False,
    ),
    "tickets are counted wrong": (
        sql("UPDATE ticket_counts SET n = n + 1 WHERE status = 'closed'"), (), {"counters": "broken"}, True,
    ),
    "a load is wrong": (sql("UPDATE users SET open_load = open_load + 3"), (), {"counters": "broken"}, True),
    "unread is wrong": (
        sql("UPDATE users SET unread_notifications = 77 WHERE id = 1"), (), {"counters": "broken"}, True,
    ),
    "messages are counted wrong": (
        sql("UPDATE tickets SET public_messages = 5, internal_messages = 4 WHERE id = 3"), (),
        {"counters": "broken"}, True,
    ),
    "files are counted wrong": (
        sql("UPDATE tickets SET public_files = public_files + 1, internal_files = 9 WHERE id < 9"), (),
        {"counters": "broken"}, True,
    ),
    "the audit list was changed": (
        sql("INSERT INTO audit VALUES (1, 1, 1, 'Ada', 'logged_in', 'log_in', 'session', '1', '', '{}', '', '', 'x')"),
        (), {"audit": "broken"}, False,
    ),
    "bytes are lost": (lambda desk: a_blob(desk).unlink(), (), {"files": "broken"}, False),
    "bytes are cut": (cut_a_blob, (), {"files": "broken"}, False),
    "a bit has turned": (turn_a_bit, ("--hashes",), {"hashes": "broken"}, False),
    "something is left of an upload": (leave_something, (), {"leftovers": "warning"}, True),
    "others can read it": (open_to_all, (), {"permissions": "warning"}, True),
    "the clock is behind": (
        sql(f"UPDATE events SET created_at = {NOW + DAY} WHERE id = (SELECT max(id) FROM events)"), (),
        {"clock": "warning"}, False,
    ),
}  # fmt: skip
"""What was done to the desk, what the doctor is asked for, what it says, and whether it can mend that."""


def test_a_desk_at_work_is_well(desk: Path) -> None:
    code, lines = looked_at(desk, "--hashes")

    assert (code, wrong(lines)) == (0, {})
    assert set(lines) == {*(check.name for check in CHECKS), "hashes"}


@pytest.mark.parametrize("ailment", AILMENTS)
def test_what_ails_a_desk_is_named_with_what_to_do_and_mended_where_that_is_safe(
    desk: Path, ailment: str
) -> None:
    harm, flags, expected, can_mend = AILMENTS[ailment]
    harm(desk)

    code, lines = looked_at(desk, *flags)

    assert wrong(lines) == expected
    assert code == (1 if "broken" in expected.values() else 0)
    assert all(lines[name]["advice"] for name in expected)
    assert can_mend == all(lines[name]["can_fix"] for name in expected)
    if can_mend:
        assert wrong(looked_at(desk, "--fix")[1]) == {}
        assert wrong(looked_at(desk)[1]) == {}


def test_what_was_mended_is_what_was_there_before(desk: Path, company: Path) -> None:
    for ailment in (
        "tickets are counted wrong",
        "a load is wrong",
        "unread is wrong",
        "the index lacks a ticket",
    ):
        AILMENTS[ailment][0](desk)

    done = run("doctor", "--fix", "--data-dir", desk)

    assert "Mended: Full-text index, Counters." in done.stdout
    for table in ("ticket_counts", "users", "tickets"):
        found = []
        for folder in (company, desk):
            with by_hand(folder) as conn:
                found.append(conn.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4").fetchall())
        before, after = ([row for row in rows if row[-1] != 0] for rows in found)
        assert before == after
    with serving("--data-dir", desk) as server:  # and what was missing is found again once the desk has run
        server.signal()
        server.ended()
    with by_hand(desk) as conn:
        assert conn.execute("SELECT count(*) FROM search WHERE rowid = 2 << 20").fetchone() == (1,)


def test_beside_a_server_the_doctor_reads_and_writes_nothing(desk: Path) -> None:
    AILMENTS["a load is wrong"][0](desk)
    with serving("--data-dir", desk) as server:
        code, lines = looked_at(desk)
        refused = run("doctor", "--fix", "--data-dir", desk)

        assert (code, wrong(lines)) == (1, {"counters": "broken"})
        assert " of " in lines["open_files"]["said"]  # the server's own
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (3, "", 1)
        assert f"Process {server.process.pid} is working" in refused.stderr
        assert "stop the desk first" in refused.stderr


def test_a_database_that_is_none_is_broken_and_no_folder_is_no_desk(desk: Path, tmp_path: Path) -> None:
    (desk / "servicedesk.db").write_bytes(b"none" * 5000)
    for side in ("-wal", "-shm"):
        (desk / f"servicedesk.db{side}").unlink(missing_ok=True)

    code, lines = looked_at(desk)
    fixed = run("doctor", "--fix", "--data-dir", desk)
    nowhere = run("doctor", "--data-dir", tmp_path / "none")

    assert (code, wrong(lines)) == (1, {"structure": "broken"})
    assert fixed.returncode == 1
    assert (nowhere.returncode, nowhere.stdout) == (3, "")
    assert not (tmp_path / "none").exists()


def test_an_older_schema_is_not_mended_but_left_to_the_next_start(desk: Path) -> None:
    AILMENTS["a load is wrong"][0](desk)
    AILMENTS["an older schema"][0](desk)

    done = run("doctor", "--fix", "--data-dir", desk)

    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "the schema comes first" in done.stderr


def test_lines_are_for_people(desk: Path) -> None:
    AILMENTS["bytes are lost"][0](desk)

    done = run("doctor", "--data-dir", desk)

    lines = done.stdout.splitlines()
    broken = next(number for number, line in enumerate(lines) if line.startswith("broken   Files"))
    assert lines[broken + 1].strip().startswith("→ Copy the blobs from a backup")
    assert lines[-1].startswith(f"{len(CHECKS)} checks in ")


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"TRUSTED_PROXIES": "10.0.0.1"}, "public_url"),
        ({"PUBLIC_URL": "https://desk.example"}, "trusted_proxies"),
        ({"HOST": "0.0.0.0", "INSECURE": "yes"}, "tls_certificate"),
    ],
)
def test_a_way_in_that_is_half_set_up_is_named(desk: Path, settings: dict[str, str], word: str) -> None:
    assert word in looked_at(desk, **settings)[1]["way_in"]["advice"]


def test_backups_are_judged_by_the_last_that_went_well(desk: Path) -> None:
    def states(settings: dict[str, str]) -> list[str]:
        lines = looked_at(desk, **settings)[1]
        return [lines[name]["state"] for name in ("backups", "drill")]

    made = {"BACKUP_DIR": str(desk.parent / "backups")}
    assert states({}) == states(made) == ["ok", "ok"]

    long_ago = NOW - 50 * DAY
    keeping.note_backup(desk, at=long_ago, ended=long_ago)
    keeping.note_drill(desk, at=long_ago, ended=long_ago, path=None, error=None)
    assert states(made) == ["warning", "warning"]

    keeping.note_backup(desk, at=NOW, ended=NOW, error="No space left on device.")
    keeping.note_drill(desk, at=NOW, ended=NOW, path=None, error="A file is missing.")
    assert states(made) == ["broken", "broken"]

    (desk / keeping.BACKUP).unlink()
    (desk / keeping.DRILL).unlink()
    assert states(made) == ["broken", "ok"]
    assert states({}) == ["warning", "ok"]


def test_a_certificate_is_looked_at_before_it_ends(desk: Path, tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    from tests.test_tls import Pair

    pair, found = Pair(tmp_path), []
    for days in (-1, 5, 50):
        pair.put(datetime.now(UTC) + timedelta(days=days))
        found.append(looked_at(desk, **pair.settings)[1]["certificate"]["state"])
    pair.key.write_text("none")
    found.append(looked_at(desk, **pair.settings)[1]["certificate"]["state"])

    assert found == ["broken", "warning", "ok", "broken"]


# What a test cannot do to the machine it tells the patient -----------------------------------------------------------


@contextlib.contextmanager
def patient(desk: Path, **more: Any) -> Iterator[Patient]:
    settings = Settings(data_dir=desk, secret_key="k" * 32)
    with reading(desk / "servicedesk.db", as_it_stands=False) as conn:
        yield Patient(**{"settings": settings, "conn": conn, "now": NOW, "open_files": (20_000, 50), **more})


@pytest.mark.parametrize(
    ("more", "name", "state"),
    [
        ({"now": 1_000}, "clock", State.BROKEN),
        ({"now": NOW - 10 * DAY}, "clock", State.WARNING),
        ({"now": NOW + 10 * DAY}, "clock", State.OK),
        ({"open_files": (1024, 30)}, "open_files", State.WARNING),
        ({"open_files": (20_000, 19_000)}, "open_files", State.BROKEN),
        ({"open_files": (20_000, None)}, "open_files", State.OK),
        ({"came_through": "10.0.0.9"}, "way_in", State.WARNING),
    ],
)
def test_the_machine_is_judged(desk: Path, more: dict[str, Any], name: str, state: State) -> None:
    with patient(desk, **more) as ill:
        report = doctor.examine(ill, doctor.SHORT)

    assert next(line.state for line in report.lines if line.name == name) is state


@pytest.mark.parametrize(("size", "fill", "state"), [("40m", 38, "broken"), ("400m", 340, "warning")])
def test_a_disk_that_fills_up_is_named(
    company: Path, tmp_path: Path, size: str, fill: int, state: str
) -> None:
    with mounted(tmp_path, "-t", "tmpfs", "-o", f"size={size}", "none"):
        shutil.copytree(company, tmp_path / "data")
        with (tmp_path / "ballast").open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, fill * 2**20 - _size(tmp_path / "data"))

        assert wrong(looked_at(tmp_path / "data")[1]) == {"disk": state}


def test_a_disk_that_can_only_be_read_is_named(desk: Path) -> None:
    with mounted(desk, "--bind", str(desk)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(desk)], check=True)

        code, lines = looked_at(desk)

    assert code == 1
    assert lines["permissions"]["state"] == "broken"


def _size(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*"))
