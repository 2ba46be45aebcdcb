"""The desk goes out as an export and comes in again: nothing lost, nothing twice, nothing that nobody may have."""

import contextlib
import json
import shutil
import sqlite3
import subprocess
import time
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from servicedesk.domain import parcels
from servicedesk.store import left
from tests.commands import run
from tests.programs import PATIENCE, PROGRAM, environment, is_killed, serving

PASSWORD = "printer on fire"
PARTS = parcels.ORDER


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk that a small company has worked with."""
    folder = tmp_path_factory.mktemp("exported") / "desk"
    done = run("demo", "--data-dir", folder, "--password-stdin", given=PASSWORD + "\n")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def parcel(desk: Path) -> Path:
    folder = desk.parent / "parcel"
    done = run("export", folder, "--data-dir", desk)
    assert done.returncode == 0, done.stderr
    return folder


def lines(parcel: Path, part: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (parcel / f"{part}.jsonl").read_text("utf-8").splitlines()]


def manifest(parcel: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((parcel / "manifest.json").read_text("utf-8"))
    return found


def fresh(tmp_path: Path) -> Path:
    """Return a desk in which somebody is already, so that nobody keeps their number."""
    folder = tmp_path / "other"
    for name in ("ann", "ben"):
        arguments = ("--email", f"{name}@other.example", "--name", name.title(), "--password-stdin")
        done = run("user", "add", *arguments, "--data-dir", folder, given=PASSWORD + "\n")
        assert done.returncode == 0, done.stderr
    return folder


class Told:
    """An export in the words of people: whoever and whatever has a number is called by what it is."""

    def __init__(self, parcel: Path, but: tuple[str, ...] = ()) -> None:
        self.parts = {part: lines(parcel, part) for part in PARTS}
        self._names: dict[tuple[str, int], Any] = {}
        for kind, part, name in (
            ("person", "people", "email"),
            ("team", "teams", "name"),
            ("calendar", "calendars", "name"),
            ("policy", "policies", "name"),
            ("escalation", "escalation_policies", "name"),
        ):
            self._names |= {(kind, line["id"]): line[name] for line in self.parts[part]}
        self._names |= {
            ("ticket", line["id"]): (n, line["title"]) for n, line in enumerate(self.parts["tickets"])
        }
        self._names |= {
            ("message", line["id"]): (n, line["body"]) for n, line in enumerate(self.parts["messages"])
        }
        self.told = {
            part: [self._line(line) for line in found if line.get("email") not in but]
            for part, found in self.parts.items()
        }

    def _line(self, line: dict[str, Any]) -> dict[str, Any]:
        told = {name: self._value(name, value) for name, value in line.items()}
        told.pop("sla", None)  # says what time it is
        told.pop("reference", None)
        if "title" in told or "email" in told or "member_ids" in told or "owner_id" in told:
            told.pop("id", None)
        if "zone" in told or "targets" in told or "tiers" in told or "author" in told:
            told.pop("id", None)
        if "version" in told and "title" not in told:
            told.pop("version")
        for name in ("thumbnail_url", "thumbnail_pending"):  # made anew
            told.pop(name, None)
        return told

    def _value(self, name: str, value: Any) -> Any:
        kind = _KINDS.get(name)
        if isinstance(value, dict) and {"from", "to"} == value.keys():
            return {side: self._value(name, each) for side, each in value.items()}
        if kind is not None and isinstance(value, list):
            return sorted(self._names[kind, each] for each in value)
        if kind is not None and isinstance(value, dict):
            return self._names[kind, value["id"]]
        if kind is not None and isinstance(value, int):
            return self._names[kind, value]
        if isinstance(value, dict):
            return {inner: self._value(inner, each) for inner, each in value.items()}
        if isinstance(value, list):
            return [self._line(each) if isinstance(each, dict) else each for each in value]
        return value


_KINDS = {
    "requester": "person",
    "assigned_to": "person",
    "author": "person",
    "actor": "person",
    "uploaded_by": "person",
    "lead_id": "person",
    "owner_id": "person",
    "user_id": "person",
    "member_ids": "person",
    "watcher_ids": "person",
    "watchers": "person",
    "team": "team",
    "team_id": "team",
    "team_ids": "team",
    "calendar_id": "calendar",
    "sla_policy_id": "policy",
    "escalation_policy_id": "escalation",
    "ticket_id": "ticket",
    "message_id": "message",
}


def test_an_export_taken_in_elsewhere_and_exported_again_tells_the_same(parcel: Path, tmp_path: Path) -> None:
    there = fresh(tmp_path)
    done = run("import", parcel, "--data-dir", there)
    assert done.returncode == 0, done.stderr
    assert run("export", tmp_path / "again", "--data-dir", there).returncode == 0

    strangers = ("ann@other.example", "ben@other.example")
    before, after = Told(parcel).told, Told(tmp_path / "again", but=strangers).told
    for part in PARTS:
        assert before[part], f"nothing to compare in {part}"
        assert after[part] == before[part], part
    assert manifest(tmp_path / "again")["contents"] == manifest(parcel)["contents"]


def test_an_export_holds_nothing_that_opens_a_door(desk: Path, parcel: Path) -> None:
    everything = b"".join(path.read_bytes() for path in parcel.glob("*.json*"))

    assert b"argon2" not in everything
    assert "password_hash" not in lines(parcel, "people")[0]
    assert {path.name for path in parcel.iterdir()} == {
        "files",
        "manifest.json",
        *(f"{p}.jsonl" for p in PARTS),
    }


def test_a_zip_file_holds_what_the_folder_holds(desk: Path, parcel: Path, tmp_path: Path) -> None:
    assert run("export", tmp_path / "desk.zip", "--zip", "--data-dir", desk).returncode == 0

    with zipfile.ZipFile(tmp_path / "desk.zip") as archive:
        assert archive.testzip() is None
        for part in ("messages", "history", "people"):
            assert archive.read(f"{part}.jsonl") == (parcel / f"{part}.jsonl").read_bytes()
    there = fresh(tmp_path)
    assert run("import", tmp_path / "desk.zip", "--data-dir", there).returncode == 0
    assert run("import", tmp_path / "desk.zip", "--data-dir", there, "--dry-run").returncode == 0


def test_what_is_no_export_is_refused_in_one_line(parcel: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("no zip file")
    with zipfile.ZipFile(tmp_path / "locked.zip", "w") as archive:
        archive.write(parcel / "manifest.json", "manifest.json")
    raw = bytearray((tmp_path / "locked.zip").read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + place] |= 1  # says that it has a password
    (tmp_path / "locked.zip").write_bytes(raw)
    for name in ("nothing", "empty", "text.zip", "locked.zip"):
        done = run("import", tmp_path / name, "--data-dir", tmp_path / "there")
        assert (done.returncode, done.stdout) == (3, ""), name
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "there").exists()


def test_a_second_import_of_the_same_adds_nothing(parcel: Path, tmp_path: Path) -> None:
    there = fresh(tmp_path)
    assert run("import", parcel, "--data-dir", there).returncode == 0
    assert run("export", tmp_path / "one", "--data-dir", there).returncode == 0
    done = run("import", parcel, "--data-dir", there)

    assert done.returncode == 0, done.stderr
    assert run("export", tmp_path / "two", "--data-dir", there).returncode == 0
    one, two = manifest(tmp_path / "one")["parts"], manifest(tmp_path / "two")["parts"]
    assert [part["lines"] for part in one] == [part["lines"] for part in two]


def test_the_desk_is_exported_while_it_is_served(desk: Path, tmp_path: Path) -> None:
    with serving("--data-dir", desk, ENV="testing"):
        done = run("export", tmp_path / "parcel", "--data-dir", desk)

    assert done.returncode == 0, done.stderr
    assert run("import", tmp_path / "parcel", "--dry-run", "--data-dir", tmp_path / "nowhere").returncode == 0
    assert not (tmp_path / "nowhere").exists()


def test_one_requester_ticket_or_team_goes_out_with_who_has_to_do_with_it(desk: Path, tmp_path: Path) -> None:
    everything = tmp_path / "everything"
    assert run("export", everything, "--data-dir", desk).returncode == 0
    ticket = max(lines(everything, "tickets"), key=lambda each: each["message_count"])
    email, team = ticket["requester"]["email"], ticket["team"]["name"]
    for name, flags, fits in (
        ("ticket", ("--ticket", ticket["reference"]), lambda each: each["id"] == ticket["id"]),
        ("requester", ("--requester", email.upper()), lambda each: each["requester"]["email"] == email),
        ("team", ("--team", team), lambda each: (each["team"] or {}).get("name") == team),
    ):
        done = run("export", tmp_path / name, *flags, "--data-dir", desk)
        assert done.returncode == 0, done.stderr
        found = lines(tmp_path / name, "tickets")
        expected = [each["id"] for each in lines(everything, "tickets") if fits(each)]
        assert [each["id"] for each in found] == expected
        for part in ("messages", "files", "history"):
            whole = [each for each in lines(everything, part) if each["ticket_id"] in expected]
            assert lines(tmp_path / name, part) == whole, (name, part)
        assert lines(tmp_path / name, "macros") == []
        there = fresh(tmp_path / f"of {name}")
        done = run("import", tmp_path / name, "--data-dir", there)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--ticket", "999999"), "There is no ticket 999999."),
        (("--requester", "nobody@nowhere.example"), "Nobody has the address nobody@nowhere.example."),
        (("--team", "Nobody"), "There is no team Nobody."),
        (("--ticket", "one"), "'one' is no ticket"),
    ],
)
def test_what_is_not_there_is_not_exported(
    desk: Path, tmp_path: Path, flags: tuple[str, ...], words: str
) -> None:
    done = run("export", tmp_path / "parcel", *flags, "--data-dir", desk)

    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_export_overwrites_nothing(desk: Path, tmp_path: Path) -> None:
    (tmp_path / "parcel").mkdir()
    done = run("export", tmp_path / "parcel", "--data-dir", desk)

    assert (done.returncode, list((tmp_path / "parcel").iterdir())) == (2, [])
    assert "is there already" in done.stderr


def _drop_a_line(parcel: Path) -> None:
    path = parcel / "messages.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def _swap_two_lines(parcel: Path) -> None:
    path = parcel / "history.jsonl"
    first, second, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([second, first, *rest]))


def _a_content(parcel: Path) -> Path:
    return next(path for path in (parcel / "files").rglob("*") if path.is_file())


def _drop_a_content(parcel: Path) -> None:
    _a_content(parcel).unlink()


def _change_a_content(parcel: Path) -> None:
    path = _a_content(parcel)
    path.write_bytes(b"!" + path.read_bytes()[1:])


def _add_a_content(parcel: Path) -> None:
    (parcel / "files" / "more").write_bytes(b"more")


def _drop_a_part(parcel: Path) -> None:
    (parcel / "people.jsonl").unlink()


def _drop_the_manifest(parcel: Path) -> None:
    (parcel / "manifest.json").unlink()


def _cut_the_manifest(parcel: Path) -> None:
    path = parcel / "manifest.json"
    path.write_bytes(path.read_bytes()[:-40])


def _from_the_future(parcel: Path) -> None:
    path = parcel / "manifest.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))


@pytest.mark.parametrize(
    "damage",
    [
        _drop_a_line,
        _swap_two_lines,
        _drop_a_content,
        _change_a_content,
        _add_a_content,
        _drop_a_part,
        _drop_the_manifest,
        _cut_the_manifest,
        _from_the_future,
    ],
)
def test_a_damaged_export_is_refused_and_nothing_is_written(
    parcel: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(parcel, damaged)
    damage(damaged)
    done = run("import", damaged, "--data-dir", tmp_path / "there")

    assert done.returncode == 3, done.stdout
    assert done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "there").exists()


def _rewritten(parcel: Path, part: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the first line of a part, and the manifest with it, as somebody would who builds an export by hand."""
    path = parcel / f"{part}.jsonl"
    first, *rest = path.read_text("utf-8").splitlines()
    line = json.loads(first)
    change(line)
    raw = "".join(f"{each}\n" for each in [json.dumps(line), *rest]).encode()
    path.write_bytes(raw)
    whole = manifest(parcel)
    for each in whole["parts"]:
        if each["name"] == part:
            each |= {"size": len(raw), "sha256": sha256(raw).hexdigest()}
    (parcel / "manifest.json").write_text(json.dumps(whole))


@pytest.mark.parametrize(
    ("part", "field", "value", "words"),
    [
        ("people", "email", "no address", "people.jsonl line 1: /email: must be an e-mail address"),
        ("people", "password_hash", "x", "people.jsonl line 1: /password_hash: is not a field here"),
        ("tickets", "title", "two\nlines", "tickets.jsonl line 1: /title"),
        ("tickets", "status", "lost", "tickets.jsonl line 1: /status"),
        ("tickets", "created_at", "yesterday", "tickets.jsonl line 1: /created_at: is no moment"),
        ("messages", "ticket_id", 9_999_999, "names 9999999 of tickets.jsonl, which is not there"),
        ("files", "filename", "shell.exe", "files.jsonl line 1: shell.exe"),
        ("history", "seq", 0, "history.jsonl line 1: /seq"),
    ],
)
def test_a_line_that_breaks_a_rule_is_named_and_nothing_is_taken_in(
    parcel: Path, tmp_path: Path, part: str, field: str, value: Any, words: str
) -> None:
    made = tmp_path / "made"
    shutil.copytree(parcel, made)
    _rewritten(made, part, lambda line: line.update({field: value}))
    done = run("import", made, "--data-dir", tmp_path / "there")

    assert done.returncode == 3
    assert words in done.stderr
    assert not (tmp_path / "there").exists()


def test_an_import_that_was_killed_goes_on_and_makes_nothing_twice(parcel: Path, tmp_path: Path) -> None:
    there, tries = fresh(tmp_path), 0
    whole = sum(part["lines"] for part in manifest(parcel)["parts"])
    for after in (0.25, 0.4, 0.6, 0.8):
        tries += is_killed("import", parcel, "--data-dir", there, after=after)
    done = run("import", parcel, "--data-dir", there)
    assert done.returncode == 0, done.stderr
    assert tries
    assert run("export", tmp_path / "again", "--data-dir", there).returncode == 0

    assert sum(part["lines"] for part in manifest(tmp_path / "again")["parts"]) == whole + 2
    strangers = ("ann@other.example", "ben@other.example")
    assert Told(tmp_path / "again", but=strangers).told == Told(parcel).told


def test_an_export_that_was_killed_leaves_no_half_of_it_under_its_name(desk: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "export", str(tmp_path / "parcel"), "--data-dir", str(desk)], env=environment()
    )
    while not list(tmp_path.glob(".parcel.unfinished/*")) and process.poll() is None:
        pass
    process.kill()
    process.wait(PATIENCE)
    assert not (tmp_path / "parcel").exists()
    done = run("export", tmp_path / "parcel", "--data-dir", desk)

    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["parcel"]


def test_lost_bytes_are_named_and_everything_else_goes_out_and_in(
    desk: Path, parcel: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "desk"
    shutil.copytree(desk, damaged)
    one, other, *_ = sorted(path for path in (damaged / "blobs").rglob("*") if path.is_file())
    one.unlink()
    other.write_bytes(b"!" + other.read_bytes()[1:])
    done = run("export", tmp_path / "parcel", "--data-dir", damaged)

    assert done.returncode == 1
    assert done.stderr.count("gone or damaged") == 2
    assert manifest(tmp_path / "parcel")["lost"] == [one.name, other.name]
    done = run("import", tmp_path / "parcel", "--data-dir", tmp_path / "there")
    left_out = [
        each for each in lines(tmp_path / "parcel", "files") if each["sha256"] in (one.name, other.name)
    ]
    assert done.returncode == 1
    assert f"{len(left_out)} files are left out" in done.stderr
    assert run("export", tmp_path / "again", "--data-dir", tmp_path / "there").returncode == 0
    assert len(lines(tmp_path / "again", "files")) == len(lines(parcel, "files")) - len(left_out)
    assert len(lines(tmp_path / "again", "messages")) == len(lines(parcel, "messages"))


def test_nothing_is_taken_in_while_the_desk_is_served(desk: Path, parcel: Path) -> None:
    with serving("--data-dir", desk, ENV="testing"):
        done = run("import", parcel, "--data-dir", desk)

    assert done.returncode == 3
    assert "stop it first" in done.stderr


def test_an_export_beside_the_server_stands_in_its_audit_list(desk: Path, tmp_path: Path) -> None:
    before = exported(desk)
    with serving("--data-dir", desk, ENV="testing"):
        done = run("export", tmp_path / "parcel", "--data-dir", desk)
        until = time.monotonic() + PATIENCE
        while exported(desk) == before and time.monotonic() < until:
            time.sleep(0.2)

    assert (done.returncode, done.stderr) == (0, "")
    assert exported(desk) == [*before, manifest(tmp_path / "parcel")["id"]]


def test_an_export_that_nobody_could_note_is_noted_once_when_the_desk_starts(
    desk: Path, tmp_path: Path
) -> None:
    note = left.ExportNote("0123abcd", "everything", 1_700_000_000_000)
    before = exported(desk)
    for _ in range(2):  # as after a kill between the commit and the end of the note
        left.leave(desk, note)
        (desk / left.FOLDER / "torn.json").write_text("{")
        with serving("--data-dir", desk, ENV="testing"):
            until = time.monotonic() + PATIENCE
            while left.notes(desk) and time.monotonic() < until:
                time.sleep(0.1)

    assert exported(desk) == [*before, note.id]
    assert run("audit", "verify", "--data-dir", desk).returncode == 0


def exported(desk: Path) -> list[str]:
    """Return the exports that the audit list knows."""
    with contextlib.closing(sqlite3.connect(desk / "servicedesk.db")) as conn:
        return [
            row[0]
            for row in conn.execute("SELECT subject_id FROM audit WHERE action = 'exported' ORDER BY id")
        ]


def test_exports_and_imports_stand_in_the_audit_list(parcel: Path, tmp_path: Path) -> None:
    there = fresh(tmp_path)
    assert run("import", parcel, "--data-dir", there).returncode == 0
    assert run("export", tmp_path / "again", "--data-dir", there).returncode == 0
    conn = sqlite3.connect(there / "servicedesk.db")
    found = [row[0] for row in conn.execute("SELECT action FROM audit ORDER BY id")]
    conn.close()

    assert found[-2:] == ["imported", "exported"]
