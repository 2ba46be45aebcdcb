"""The log holds no token: whoever reads it must not be able to open what people opened."""

import asyncio
import logging
import sqlite3
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from servicedesk import masking
from tests.programs import serving
from tests.served import Desk
from tests.web.letters import opened

TOKEN = "CuLo1GWny1Z0pLY3aI8b68rKRIS3f43dBJFy1x96tnY"


def logged(message: str, *values: object, error: Exception | None = None) -> str:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("servicedesk", logging.ERROR, __file__, 1, message, values, info)
    return masking.Formatter("%(levelname)s %(message)s").format(record)


@pytest.mark.parametrize(
    "said",
    [
        f"GET /t/{TOKEN}",
        f"GET /t/{TOKEN}/files/3/download?x=1",
        f"'/t/{TOKEN}'",
        "/t/short",
        f"Authorization: Bearer {TOKEN}",
        f"servicedesk={TOKEN}; theme=dark",
        f"/setup?token={TOKEN}",
        f"{{'token': '{TOKEN}'}}",
    ],
)
def test_a_token_is_not_in_a_line_of_the_log(said: str) -> None:
    for line in (logged(said), logged("request %s failed", said), logged("failed", error=LookupError(said))):
        assert TOKEN not in line
        assert "short" not in line
        assert masking.HIDDEN in line


def test_what_is_no_token_stays() -> None:
    for said in ("a" * 64, "/api/tickets/42", "request 0123456789abcdef failed", "x" * 42, "the /t page"):
        assert logged(said) == f"ERROR {said}"


def test_what_somebody_sent_makes_no_line_of_its_own() -> None:
    forged = "/a\n2026-11-29 09:00:00 ERROR servicedesk: all is lost\r\x1b[2J\u2028"

    line = logged("request failed: %s", forged)

    assert line == (
        r"ERROR request failed: /a\n2026-11-29 09:00:00 ERROR servicedesk: all is lost\r\x1b[2J\u2028"
    )


def test_a_moment_in_the_log_is_in_universal_time() -> None:
    record = logging.LogRecord("servicedesk", logging.ERROR, __file__, 1, "late", (), None)
    record.created, record.msecs = 0.0, 7.0

    assert masking.Formatter("%(asctime)s %(message)s").format(record) == "1970-01-01 00:00:00.007Z late"


def test_a_traceback_of_a_failing_private_page_says_neither_link_nor_values(tmp_path: Path) -> None:
    folder = tmp_path / "data"

    async def written() -> str:
        async with Desk(folder) as desk:
            desk.clock.now = int(1e3) * 4_000_000_000
            return await (await opened(desk)).link()

    link = asyncio.run(written())
    conn = sqlite3.connect(folder / "servicedesk.db")
    conn.execute("ALTER TABLE messages RENAME COLUMN body TO gone")
    conn.close()

    with serving("--data-dir", folder, "--log-level", "debug", ENV="testing", SECRET_KEY="k" * 32) as server:
        with pytest.raises(urllib.error.HTTPError) as failed:
            urllib.request.urlopen(server.url + link, timeout=20)
        server.signal()
        _, errors = server.process.communicate(timeout=30)

    failed.value.close()
    assert failed.value.code == 500
    assert "Traceback" in errors
    assert "/t/…" in errors
    assert link.rpartition("/")[2] not in errors
