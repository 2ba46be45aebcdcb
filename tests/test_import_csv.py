"""Tables of other programs come in: good rows are taken, each bad one is named, and nothing comes twice."""

import csv
import os
import signal
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Done, run
from tests.incidents import NEEDS_LOG
from tests.incidents import PATH as INCIDENTS
from tests.programs import PATIENCE, PROGRAM, environment, serving

PASSWORD = "printer on fire"
PEOPLE = "Voller Name;Mail;Rolle\nJürgen Groß;juergen@desk.example;agent\nŽofie;zofie@desk.example;customer\n"
MAP = "Voller Name=name,Mail=email,Rolle=role"
LOG_MAP = (
    "number=key,number=title,incident_state=status,priority=priority,category=category,"
    "caller_id=requester_name,assignment_group=team,opened_at=created_at,resolved_at=resolved_at,"
    "closed_at=closed_at"
)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    who = ("--email", "ada@desk.example", "--name", "Ada", "--password-stdin")
    assert run("user", "add", *who, "--data-dir", folder, given=PASSWORD + "\n").returncode == 0
    return folder


def rows(desk: Path, sql: str) -> list[Any]:
    conn = sqlite3.connect(f"file:{desk / 'servicedesk.db'}?mode=ro", uri=True)
    try:
        return [row[0] if len(row) == 1 else row for row in conn.execute(sql)]
    finally:
        conn.close()


def bring(desk: Path, kind: str, content: str | bytes, *flags: str) -> Done:
    path = desk.parent / f"{kind}.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return run("import-csv", kind, path, *flags, "--data-dir", desk)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_people_come_in_whatever_their_table_is_written_in(desk: Path, encoding: str, separator: str) -> None:
    done = bring(desk, "people", PEOPLE.replace(";", separator).encode(encoding), "--map", MAP)

    assert (done.returncode, done.stdout) == (0, "2 people taken in, 0 rows are wrong\n"), done.stderr
    assert rows(desk, "SELECT name, role, password_hash FROM users WHERE id > 1") == [
        ("Jürgen Groß", "agent", None),
        ("Žofie", "customer", None),
    ]


def test_a_table_that_is_not_utf_8_is_read_as_what_western_windows_writes(desk: Path) -> None:
    done = bring(desk, "people", "name;email\nJürgen Groß – Büro;j@desk.example\n".encode("cp1252"))

    assert done.returncode == 0, done.stderr
    assert rows(desk, "SELECT name FROM users WHERE id > 1") == ["Jürgen Groß – Büro"]


def test_every_bad_row_is_named_with_its_column_and_the_good_ones_are_taken(desk: Path) -> None:
    table = (
        "name,email,role,teams\n"
        "Bea,bea@desk.example,agent,\n"
        "Cem,no address,agent,\n"
        ",dan@desk.example,boss,\n"
        "Eve,eve@desk.example,agent,Nobody\n"
        "Too,few\n"
        "\n"
        "Fay,fay@desk.example,Supervisor,\n"
        "Bea again,BEA@desk.example,agent,\n"
    )
    done = bring(desk, "people", table)

    assert done.returncode == 1
    assert done.stdout == "2 people taken in, 1 were known already, 4 rows are wrong\n"
    assert done.stderr.splitlines() == [
        "servicedesk: row 3, column 'email': must be an e-mail address (not 'no address')",
        "servicedesk: row 4, column 'name': is required (not '')",
        "servicedesk: row 4, column 'role': invalid enum value 'boss' (not 'boss')",
        "servicedesk: row 5, column 'teams': is no team (not 'Nobody')",
        "servicedesk: row 6: has 2 columns, the header has 4",
    ]
    assert rows(desk, "SELECT email FROM users WHERE id > 1") == ["bea@desk.example", "fay@desk.example"]


def test_all_or_nothing_takes_nothing_when_a_row_is_wrong(desk: Path) -> None:
    table = "name,email\nBea,bea@desk.example\nCem,no address\n"
    done = bring(desk, "people", table, "--all-or-nothing")

    assert (done.returncode, done.stdout) == (1, "0 people taken in, 1 rows are wrong\n")
    assert rows(desk, "SELECT count(*) FROM users") == [1]
    done = bring(desk, "people", table.replace("no address", "cem@desk.example"), "--all-or-nothing")
    assert (done.returncode, rows(desk, "SELECT count(*) FROM users")) == (0, [3])


def test_a_dry_run_says_the_same_and_writes_nothing(desk: Path) -> None:
    before = rows(desk, "SELECT count(*) FROM users UNION ALL SELECT count(*) FROM audit")
    done = bring(desk, "people", "name,email\nBea,bea@desk.example\nCem,no address\n", "--dry-run")

    assert (done.returncode, done.stdout) == (1, "1 people could be taken in, 1 rows are wrong\n")
    assert "row 3, column 'email'" in done.stderr
    assert rows(desk, "SELECT count(*) FROM users UNION ALL SELECT count(*) FROM audit") == before


TICKETS = (
    "Ref,Subject,State,Prio,From,Agent,Opened,Solved,Closed\n"
    "A-1,Printer,Closed,P2,bea@x.example,Ada,2024-02-01T09:00,2024-02-02T10:00,2024-02-03T11:00\n"
    "A-2,Mouse,waiting,3 - Moderate,cem@x.example,,2024-02-01T09:00,,\n"
    "A-3,Desk,Active,low,cem@x.example,,2024-02-01T09:00,,\n"
    "A-4,Lamp,New,1,BEA@x.example,,2024-02-01T09:00,2023-01-01T00:00,\n"
    "A-5,Chair,Solved,urgent,bea@x.example,ada@desk.example,2024-03-01T09:00,2024-03-01T10:00,\n"
)
TICKET_MAP = (
    "Ref=key,Subject=title,State=status,Prio=priority,From=requester_email,Agent=assigned_to,"
    "Opened=created_at,Solved=resolved_at,Closed=closed_at"
)


def test_tickets_come_in_with_their_past_and_only_as_the_workflow_allows(desk: Path) -> None:
    done = bring(desk, "tickets", TICKETS, "--map", TICKET_MAP, "--zone", "Europe/Berlin")

    assert done.returncode == 1
    assert done.stdout == "3 tickets taken in, 2 rows are wrong\n"
    assert done.stderr.splitlines() == [
        "servicedesk: row 4: Assign the ticket to somebody first.",
        "servicedesk: row 5, column 'Solved': is before what came earlier (not '2023-01-01T00:00')",
    ]
    moment = "strftime('%Y-%m-%dT%H:%M', {} / 1000, 'unixepoch')"
    found = rows(
        desk,
        f"SELECT title, status, priority, assigned_to, {moment.format('created_at')},"
        f" {moment.format('resolved_at')}, {moment.format('closed_at')} FROM tickets ORDER BY id",
    )
    assert found == [
        ("Printer", "closed", "high", 1, "2024-02-01T08:00", "2024-02-02T09:00", "2024-02-03T10:00"),
        ("Mouse", "pending", "medium", None, "2024-02-01T08:00", None, None),
        ("Chair", "resolved", "critical", 1, "2024-03-01T08:00", "2024-03-01T09:00", None),
    ]
    history = rows(desk, "SELECT type, created_at FROM history WHERE ticket_id = 1 ORDER BY seq")
    assert [type_ for type_, _ in history] == ["created", "status", "status"]
    assert rows(desk, "SELECT count(*) FROM notifications") == [0]


def test_the_same_table_again_and_a_mended_one_make_nothing_twice(desk: Path) -> None:
    bring(desk, "tickets", TICKETS, "--map", TICKET_MAP)
    again = bring(desk, "tickets", TICKETS, "--map", TICKET_MAP)
    mended = TICKETS.replace("2023-01-01T00:00", "").replace("Active,low", "open,low")
    third = bring(desk, "tickets", mended, "--map", TICKET_MAP)

    assert again.stdout == "0 tickets taken in, 3 were known already, 2 rows are wrong\n"
    assert third.stdout == "2 tickets taken in, 3 were known already, 0 rows are wrong\n", third.stderr
    assert rows(desk, "SELECT count(*) FROM tickets") == [5]


def test_rows_without_a_key_are_known_by_what_they_say(desk: Path) -> None:
    table = "title,requester_email\nTwin,bea@x.example\nTwin,bea@x.example\nOther,bea@x.example\n"
    first = bring(desk, "tickets", table)
    second = bring(desk, "tickets", table + "New,bea@x.example\n")

    assert first.stdout == "3 tickets taken in, 0 rows are wrong\n"
    assert second.stdout == "1 tickets taken in, 3 were known already, 0 rows are wrong\n"


def test_an_import_that_was_killed_goes_on_and_makes_nothing_twice(desk: Path) -> None:
    table = "title,requester_email\n" + "".join(f"Number {n},p{n % 50}@x.example\n" for n in range(1500))
    (desk.parent / "many.csv").write_text(table)
    arguments = ("import-csv", "tickets", desk.parent / "many.csv", "--data-dir", desk)
    process = subprocess.Popen(
        [*PROGRAM, *map(str, arguments)], env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    deadline = 400
    while not rows(desk, "SELECT 1 FROM tickets LIMIT 1") and process.poll() is None and deadline:
        deadline -= 1
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    conn = sqlite3.connect(desk / "servicedesk.db")
    (before,) = conn.execute("SELECT count(*) FROM tickets").fetchone()
    conn.close()
    assert 0 < before < 1500
    done = run(*arguments)

    assert done.stdout == f"{1500 - before} tickets taken in, {before} were known already, 0 rows are wrong\n"
    assert rows(desk, "SELECT count(*), count(DISTINCT title) FROM tickets") == [(1500, 1500)]


@NEEDS_LOG
def test_a_log_of_another_desk_comes_in_as_tickets(desk: Path) -> None:
    with INCIDENTS.open(newline="", encoding="utf-8") as file:
        last = {row["number"]: row for row in csv.DictReader(file)}
    flags = ("--map", LOG_MAP, "--empty", "?", "--dates", "%d-%m-%Y %H:%M", "--domain", "callers.example")
    done = run("import-csv", "tickets", INCIDENTS, *flags, "--new-teams", "--data-dir", desk)

    assert done.returncode == 0, done.stderr[:2000]
    assert done.stdout == f"{len(last)} tickets taken in, 0 rows are wrong\n"
    found = rows(
        desk, "SELECT t.title, t.status, r.name, g.name FROM tickets t JOIN users r ON r.id = t.requester_id"
        " LEFT JOIN teams g ON g.id = t.team_id"
    )  # fmt: skip
    expected = {
        (
            number,
            "closed",
            row["caller_id"],
            None if row["assignment_group"] == "?" else row["assignment_group"],
        )
        for number, row in last.items()
    }
    assert set(found) == expected


@pytest.mark.parametrize(
    ("content", "flags", "words"),
    [
        ("", (), "has no header"),
        ("a,a\n1,2\n", (), "has the column 'a' twice"),
        ("name,email\nBea,b@x.example\n", ("--map", "Nom=name"), "There is no column 'Nom'"),
        ("name,email\nBea,b@x.example\n", ("--map", "name=nom"), "people have no field 'nom'"),
        ("name,email\nBea,b@x.example\n", ("--map", "name=name,email=name"), "'name' is mapped twice"),
        ("x,y\n1,2\n", (), "Say with --map what the columns are: x, y."),
        ("name,email\nBea,b@x.example\n", ("--encoding", "martian"), "unknown encoding: martian"),
        ("name,email\nBea,b@x.example\n", ("--delimiter", "ab"), "is not one character"),
        ("name,email\nBea,b@x.example\n", ("--zone", "Mars/Base"), "Mars/Base is no time zone."),
        ('name,email\n"Bea,b@x.example\n', (), "cannot be read behind row 1"),
        (b"name,email\n\xff\xfe,b@x.example\n", ("--encoding", "utf-8"), "is not utf-8"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(
    desk: Path, content: str | bytes, flags: tuple[str, ...], words: str
) -> None:
    done = bring(desk, "people", content, *flags)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert rows(desk, "SELECT count(*) FROM users") == [1]


def test_nothing_comes_in_beside_a_server_nor_in_the_name_of_nobody(desk: Path) -> None:
    with serving("--data-dir", desk, ENV="testing"):
        done = bring(desk, "people", PEOPLE, "--map", MAP)
    assert (done.returncode, "stop it first" in done.stderr) == (3, True)
    done = bring(desk, "tickets", TICKETS, "--map", TICKET_MAP, "--as", "nobody@desk.example")
    assert (done.returncode, "Nobody of the active staff" in done.stderr) == (2, True)
    assert rows(desk, "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM tickets)") == [(1, 0)]
