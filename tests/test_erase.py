"""Somebody asks to be forgotten: no byte of the desk names them any more, and everything else stays as it was."""

import json
import secrets
import sqlite3
import urllib.request
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.commands import run
from tests.programs import PATIENCE, is_killed, serving

PASSWORD = "printer on fire"
EMAIL = "Zora.Quillfeather@markers.example"
NAME = 'Zora "Zo" Quillfeather'
MARKERS = (
    "quillfeather",
    "markers.example",
    "wobblegong",
    "snickerdoodle",
    "plumbworthy",
    "frobnitz",
    "xylograph",
)


def call(url: str, token: str, path: str, body: Any = None, method: str = "POST") -> Any:
    request = urllib.request.Request(
        url + path,
        None if body is None else json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": secrets.token_hex(8),
        },
        method=method,
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.loads(answer.read() or b"null")


def upload(url: str, token: str, ticket_id: int, name: str, content: bytes) -> None:
    line = b"--xx\r\nContent-Disposition: form-data; "
    body = (
        line
        + b'name="ticket_id"\r\n\r\n%d\r\n' % ticket_id
        + line
        + b'name="file"; filename="%b"\r\n\r\n%b\r\n--xx--\r\n' % (name.encode(), content)
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "multipart/form-data; boundary=xx"}
    request = urllib.request.Request(f"{url}/api/files/upload", body, headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        assert answer.status == 201


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A desk on which the person asked, was answered, came back, and somebody else asked as well."""
    folder = tmp_path / "desk"
    who = ("--email", "ada@desk.example", "--name", "Ada", "--password-stdin")
    assert run("user", "add", *who, "--data-dir", folder, given=PASSWORD + "\n").returncode == 0
    with serving("--data-dir", folder, ENV="testing") as server:
        url = server.url

        def log_in(email: str) -> str:
            body = {"email": email, "password": PASSWORD}
            token: str = call(url, "", "/api/auth/login", body)["token"]
            return token

        ada = log_in("ada@desk.example")
        for email, name in ((EMAIL, NAME), ("bea@elsewhere.example", "Bea Other")):
            person = {"email": email, "name": name, "role": "customer", "password": PASSWORD}
            call(url, ada, "/api/users/", person)
        zora, bea = log_in(EMAIL), log_in("bea@elsewhere.example")
        body = {"title": "My wobblegong", "description": "It is a snickerdoodle.", "tags": ["broken"]}
        ticket = call(url, zora, "/api/tickets/", body)["id"]
        messages = f"/api/tickets/{ticket}/messages"
        call(url, zora, messages, {"body": "Also the plumbworthy is gone"})
        call(url, ada, messages, {"body": f"Dear {NAME}, turn it off. We wrote to {EMAIL.lower()}."})
        call(
            url, ada, messages, {"body": "note about zora.quillfeather@markers.example", "is_internal": True}
        )
        upload(url, zora, ticket, "frobnitz.txt", b"the xylograph in bytes " * 50)
        call(url, ada, f"/api/tickets/{ticket}/assign", {"assigned_to": 1}, "PUT")
        call(url, ada, f"/api/tickets/{ticket}/status", {"status": "resolved"}, "PUT")
        call(url, zora, messages, {"body": "No, the plumbworthy again"})
        other = call(url, bea, "/api/tickets/", {"title": "Bea's own", "description": "Ask Quillmaker."})[
            "id"
        ]
        call(url, bea, f"/api/tickets/{other}/messages", {"body": f"As {EMAIL} told me"})
        call(url, ada, f"/api/tickets/{other}/messages", {"body": "Thank you, Bea."})
        found = call(url, ada, "/api/tickets/?q=plumbworthy", method="GET")
        assert [each["id"] for each in found["items"]] == [ticket]
        server.signal()
        server.ended()
    return folder


def everything(desk: Path) -> Iterator[tuple[str, bytes]]:
    for path in desk.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes().lower()


def holders(desk: Path, *markers: str) -> set[tuple[str, str]]:
    return {
        (marker, name)
        for name, content in everything(desk)
        for marker in markers
        if marker.encode() in content
    }


def rows(desk: Path, sql: str) -> list[Any]:
    conn = sqlite3.connect(f"file:{desk / 'servicedesk.db'}?mode=ro", uri=True)
    try:
        return [row[0] if len(row) == 1 else row for row in conn.execute(sql)]
    finally:
        conn.close()


def without_audit(desk: Path) -> None:
    """Take the audit list out of the file: it is the one place that keeps names, and the receipt says so."""
    conn = sqlite3.connect(desk / "servicedesk.db", isolation_level=None)
    for name in ("audit_is_not_changed", "audit_is_not_deleted"):
        conn.execute(f"DROP TRIGGER {name}")
    conn.execute("DELETE FROM audit")
    conn.execute("VACUUM")
    conn.close()


def test_no_byte_of_the_desk_names_who_was_erased(desk: Path) -> None:
    assert {marker for marker, _ in holders(desk, *MARKERS)} == set(MARKERS)
    done = run("erase", EMAIL.upper(), "--data-dir", desk)
    assert done.returncode == 0, done.stderr

    receipt = json.loads(done.stdout)
    assert receipt["called"] == f"Erased person {receipt['person']}"
    assert receipt["email_sha256"] == sha256(EMAIL.casefold().encode()).hexdigest()
    assert (receipt["tickets"], receipt["messages"], receipt["files"]) == (1, 2, 1)
    assert (receipt["sessions"], receipt["kept_messages"]) == (1, False)
    assert receipt["events"] > 5
    assert holders(desk, *MARKERS[1:]) == set()
    # Written anew, whether or not this SQLite wipes by itself: but for where the erasure itself was noted.
    assert rows(desk, "PRAGMA freelist_count")[0] <= 2
    assert rows(desk, "SELECT value FROM meta WHERE name = 'erasing'") == [""]
    named = rows(
        desk, "SELECT count(*) FROM audit WHERE subject LIKE '%quillfeather%' OR actor LIKE '%quillf%'"
    )
    assert named == [receipt["audit_rows_that_name_them"]]
    kept = json.loads(rows(desk, f"SELECT details FROM audit WHERE id = {receipt['audit_row']}")[0])
    assert kept == receipt
    without_audit(desk)
    assert holders(desk, *MARKERS) == set()


def test_what_others_wrote_and_what_the_desk_counts_stays(desk: Path) -> None:
    assert run("erase", EMAIL, "--data-dir", desk).returncode == 0

    bodies = rows(desk, "SELECT body FROM messages ORDER BY id")
    person = rows(desk, "SELECT name FROM users WHERE email LIKE 'erased-%'")[0]
    assert bodies == [
        "(erased)",
        f"Dear {person}, turn it off. We wrote to {person}.",
        f"note about {person}",
        "(erased)",
        f"As {person} told me",
        "Thank you, Bea.",
    ]
    assert rows(
        desk, "SELECT title, public_messages, public_files, reopen_count FROM tickets ORDER BY id"
    ) == [
        ("Erased", 3, 0, 1),
        ("Bea's own", 2, 0, 0),
    ]
    assert rows(desk, "PRAGMA integrity_check") == ["ok"]
    assert rows(desk, "PRAGMA foreign_key_check") == []
    for first, last, count in rows(desk, "SELECT min(seq), max(seq), count(*) FROM events GROUP BY room"):
        assert count == last - first + 1
    with serving("--data-dir", desk, ENV="testing") as server:
        ada = call(server.url, "", "/api/auth/login", {"email": "ada@desk.example", "password": PASSWORD})[
            "token"
        ]
        for words, found in (("plumbworthy", 0), ("quillfeather", 0), ("told", 1), ("turn", 1)):
            answer = call(server.url, ada, f"/api/tickets/?q={words}", method="GET")
            assert len(answer["items"]) == found, words
        ticket = call(server.url, ada, "/api/tickets/1", method="GET")
        assert ticket["requester"]["name"] == person
        history = call(server.url, ada, "/api/tickets/1/history", method="GET")["items"]
        assert any(change["type"] == "status" for change in history)
        assert "plumbworthy" not in json.dumps(history)


def test_messages_can_be_kept_without_the_name(desk: Path) -> None:
    done = run("erase", EMAIL, "--keep-messages", "--data-dir", desk)
    assert done.returncode == 0, done.stderr

    assert json.loads(done.stdout)["messages"] == 0
    assert "Also the plumbworthy is gone" in rows(desk, "SELECT body FROM messages")
    assert rows(desk, "SELECT filename FROM files") == ["frobnitz.txt"]
    without_audit(desk)
    assert holders(desk, "quillfeather", "markers.example") == set()


def test_an_erasure_that_was_killed_is_finished_by_the_next_one(desk: Path) -> None:
    killed = 0
    for after in (0.3, 0.5, 0.7, 0.9, 1.1):
        killed += is_killed("erase", EMAIL, "--data-dir", desk, after=after)
    assert killed
    run("erase", EMAIL, "--data-dir", desk)

    without_audit(desk)
    assert holders(desk, *MARKERS) == set()
    assert rows(desk, "SELECT value FROM meta WHERE name = 'erasing'") == [""]


def test_between_rows_and_disk_a_cut_off_erasure_is_taken_up_again(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are gone and the power with them: the bytes still lie there until the same is asked for again."""
    from servicedesk.media.blobs import Blobs

    class PowerCut(BaseException):
        pass

    def cut(*_: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(Blobs, "remove", cut)
        with pytest.raises(PowerCut):
            run("erase", EMAIL, "--data-dir", desk)
    assert holders(desk, "xylograph")
    other = run("erase", "bea@elsewhere.example", "--data-dir", desk)
    assert (other.returncode, "was cut off" in other.stderr) == (3, True)
    done = run("erase", EMAIL, "--data-dir", desk)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tickets"] == 1
    without_audit(desk)
    assert holders(desk, *MARKERS) == set()


def test_who_cannot_be_erased_stays_and_it_is_said_why(desk: Path) -> None:
    before = rows(desk, "SELECT email FROM users")
    for email, code, words in (
        ("nobody@nowhere.example", 2, "Nobody has the address nobody@nowhere.example."),
        ("ada@desk.example", 2, "Ada is of the staff; deactivate them first"),
    ):
        done = run("erase", email, "--data-dir", desk)
        assert (done.returncode, done.stdout) == (code, "")
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
    with serving("--data-dir", desk, ENV="testing"):
        done = run("erase", EMAIL, "--data-dir", desk)
    assert (done.returncode, "stop it first" in done.stderr) == (3, True)
    assert rows(desk, "SELECT email FROM users") == before


def test_a_colleague_who_left_is_erased_and_their_answers_are_the_desk_s(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    who = ("--email", "ada@desk.example", "--name", "Ada", "--password-stdin")
    assert run("user", "add", *who, "--data-dir", desk, given=PASSWORD + "\n").returncode == 0
    with serving("--data-dir", desk, ENV="testing") as server:
        url = server.url
        login = {"email": "ada@desk.example", "password": PASSWORD}
        ada = call(url, "", "/api/auth/login", login)["token"]
        person = {"email": EMAIL, "name": NAME, "role": "agent", "password": PASSWORD}
        agent = call(url, ada, "/api/users/", person)["id"]
        call(
            url,
            ada,
            "/api/users/",
            {**person, "email": "bea@elsewhere.example", "role": "customer", "name": "Bea"},
        )
        call(url, ada, "/api/users/1", {"availability": "away"}, "PATCH")
        bea = call(url, "", "/api/auth/login", {**login, "email": "bea@elsewhere.example"})["token"]
        ticket = call(url, bea, "/api/tickets/", {"title": "Door"})["id"]
        zora = call(url, "", "/api/auth/login", {**login, "email": EMAIL})["token"]
        call(url, zora, f"/api/tickets/{ticket}/messages", {"body": "Turn the key."})
        call(url, ada, f"/api/tickets/{ticket}/assign", {"assigned_to": 1}, "PUT")
        call(url, ada, f"/api/users/{agent}", {"is_active": False}, "PATCH")
        server.signal()
        server.ended()
    assert {marker for marker, _ in holders(desk, "quillfeather", "markers.example")} != set()
    done = run("erase", EMAIL, "--data-dir", desk)
    assert done.returncode == 0, done.stderr

    assert rows(desk, "SELECT body FROM messages") == ["Turn the key."]
    assert rows(desk, f"SELECT name, is_active FROM users WHERE id = {agent}") == [
        (f"Erased person {agent}", 0)
    ]
    without_audit(desk)
    assert holders(desk, "quillfeather", "markers.example") == set()
