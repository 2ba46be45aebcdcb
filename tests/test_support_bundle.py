"""What somebody who helps gets to see holds nothing of what is in the desk."""

import asyncio
import io
import json
import logging
import os
import re
import sqlite3
import stat
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData

from servicedesk import logbook
from servicedesk.domain.people import Role
from servicedesk.web.status import PHYSICIAN
from tests.programs import run
from tests.served import Client, Desk
from tests.web.guests import member
from tests.web.test_people_pages import sent

MARK = "zyxmarkxyz"
"""Stands in everything that people can write."""


async def lived_in(desk: Desk) -> Client:
    """Fill a desk with the mark everywhere, and return its admin."""
    mail = f"{MARK}@{MARK}.example"
    admin = await member(desk, mail, Role.ADMIN)
    customer = await desk.customer(name=f"Name {MARK}", email=f"customer-{MARK}@{MARK}.example")
    await desk.team(f"Team {MARK}")
    ticket = await customer.ticket(f"Title {MARK}", description=f"Text {MARK}", category=MARK)
    at = f"/api/tickets/{ticket['id']}"
    done = [
        await admin.patch(at, {"tags": [MARK], "required_skills": [MARK]}),
        await admin.patch("/api/tickets/1", {"category": f"{MARK}2"}),
        await admin.post(f"{at}/messages", {"body": f"Reply {MARK}"}),
        await admin.post(f"{at}/messages", {"body": f"Note {MARK}", "is_internal": True}),
        await admin.post(
            "/api/macros/", {"name": f"Macro {MARK}", "actions": [{"do": "reply", "text": MARK}]}
        ),
        await admin.post("/api/views/", {"name": f"View {MARK}", "query": f"tag={MARK}"}),
        await admin.post("/api/auth/tokens", {"name": f"Token {MARK}"}),
        await admin.post("/api/auth/login", {"email": mail, "password": f"wrong {MARK}"}),
    ]
    form = FormData({"ticket_id": str(ticket["id"])})
    form.add_field("file", f"Content {MARK}\n".encode() * 99, filename=f"{MARK}.txt")
    done.append(await admin.call("POST", "/api/files/upload", data=form))
    assert sum(answer.status < 300 for answer in done) >= 6, [(a.status, a.body) for a in done]
    return admin


def logged(token: str) -> None:
    """Write into the log as the desk and what it stands on do, with values of all kinds."""
    log = logging.getLogger("servicedesk.web.test")
    log.error("the file %s of %s is lost", f"{MARK}.txt", f"a@{MARK}.example")
    log.warning("a line with an address: who@%s.example" % MARK)  # noqa: UP031 - as a careless line would
    try:
        raise ValueError(f"it says {MARK} {token}")
    except ValueError:
        log.exception("a job failed for %s", MARK)
        logging.getLogger("asyncio").exception("Exception in callback <Handle f('%s')>", MARK)
        logging.getLogger("asyncio").error(f"Task exception: {MARK}\ntask: {token}")


def parts(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name.rpartition("/")[2]: archive.read(name).decode() for name in archive.namelist()}


async def test_the_bundle_from_the_page_holds_no_word_of_the_desks_people(tmp_path: Path) -> None:
    async with Desk(
        tmp_path / f"data-{MARK}", secret_key=f"{MARK}{'k' * 40}", public_url=f"https://{MARK}.example"
    ) as desk:
        admin = await lived_in(desk)
        logged(admin.token)
        # Also what a look at everything says of a desk that is ill.
        next((tmp_path / f"data-{MARK}").glob("blobs/*/*/*")).unlink()
        desk.app[PHYSICIAN].begin(None)
        while desk.app[PHYSICIAN].is_looking:
            await asyncio.sleep(0.01)

        answer = await sent(admin, "/settings/status/bundle")

        assert answer.status == 200, answer.body
        assert "servicedesk-support.zip" in answer.headers["Content-Disposition"]
        found = parts(answer.body)
        secrets = [MARK, admin.token, *_hashes(desk.settings.database)]
    assert [(name, s) for name, text in found.items() for s in secrets if s.lower() in text.lower()] == []
    assert set(found) == {
        "README.txt", "about.json", "settings.txt", "doctor.json", "counts.json", "schema.sql", "log.txt",
    }  # fmt: skip
    assert "the file %s of %s is lost" in found["log.txt"]
    assert re.search(
        r"ERROR asyncio: … \[ValueError at test_support_bundle\.py:\d+ logged\]", found["log.txt"]
    )
    states = {line["name"]: line["state"] for line in json.loads(found["doctor.json"])}
    assert states["files"] == "broken"
    assert json.loads(found["counts.json"])["tickets"] == 1
    assert "CREATE TABLE tickets" in found["schema.sql"]
    assert "public_url = …" in found["settings.txt"]
    assert json.loads(found["about.json"])["sqlite"] == sqlite3.sqlite_version


def _hashes(database: Path) -> list[str]:
    """Return the passwords' hashes and those of tokens, as they are stored."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as conn:
        hashes = [row[0] for row in conn.execute("SELECT password_hash FROM users WHERE password_hash <> ''")]
        return hashes + [row[0].hex() for row in conn.execute("SELECT hash FROM sessions")]


async def test_the_bundle_from_the_command_line_holds_none_either(tmp_path: Path) -> None:
    data_dir, target = tmp_path / "data", tmp_path / "bundle.zip"
    async with Desk(data_dir) as desk:
        await lived_in(desk)
        done = await asyncio.to_thread(
            run, "support-bundle", target, "--data-dir", data_dir, PUBLIC_URL=f"https://{MARK}.example"
        )  # while the desk runs

    assert (done.returncode, done.stderr) == (0, "")
    found = parts(target.read_bytes())
    assert [name for name, text in found.items() if MARK in text.lower()] == []
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert "public_url = …" in found["settings.txt"]


def test_a_bundle_takes_no_files_place(tmp_path: Path) -> None:
    filled = run("user", "add", "--email", "a@b.example", "--name", "A", "--password-stdin", "--data-dir", tmp_path,
                 given="tall lamps over water")  # fmt: skip
    assert filled.returncode == 0, filled.stderr
    target = tmp_path / "mine.zip"
    target.write_text("mine")

    for where in (target, tmp_path / "no" / "folder.zip"):
        done = run("support-bundle", where, "--data-dir", tmp_path)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert target.read_text() == "mine"
    assert run("support-bundle", tmp_path / "b", "--data-dir", tmp_path / "none").returncode == 3
    assert not os.path.exists(tmp_path / "b")


@pytest.mark.parametrize("message", ["%s", "a@b.example wrote", 7, None])
def test_a_line_is_told_without_what_was_filled_in(message: Any) -> None:
    record = logging.LogRecord("servicedesk.web", logging.ERROR, "x.py", 1, message, (MARK,), None)

    told = logbook.told(record)

    assert MARK not in told
    assert "a@b" not in told
    assert " ERROR servicedesk.web: " in told
