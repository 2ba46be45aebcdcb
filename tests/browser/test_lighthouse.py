"""What Lighthouse thinks of the pages that are seen first and longest."""

import asyncio
import json
import shutil
import socket
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import async_playwright

from tests.browser.conftest import FLAGS
from tests.browser.console import a_lived_in_desk
from tests.browser.windows import chromium
from tests.served import Desk

LIGHTHOUSE: Final = Path(__file__).parents[1] / "npm" / "node_modules" / "lighthouse" / "cli" / "index.js"
CATEGORIES: Final = ("performance", "accessibility", "best-practices")
ENOUGH: Final = 95
PATIENCE: Final = 120
"""Seconds for one page."""
LOOKS: Final = 3
"""A page has as many: what else the machine does only ever takes points."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("node") is None or not LIGHTHOUSE.exists(),
        reason="there is no node or no lighthouse; `make npm` installs the latter",
    ),
]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def judge(url: str, port: int, kind: str) -> dict[str, Any]:
    """Return the report on a page, looked at with the browser that listens there."""
    program = await asyncio.create_subprocess_exec(
        *("node", str(LIGHTHOUSE), url, f"--port={port}", "--output=json", "--quiet"),
        *(
            "--disable-storage-reset",
            f"--only-categories={','.join(CATEGORIES)}",
            "--no-enable-error-reporting",
        ),
        *(("--preset=desktop",) if kind == "desktop" else ()),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            report, errors = await program.communicate()
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    assert program.returncode == 0, errors.decode()
    return dict(json.loads(report))


def complaints(report: dict[str, Any]) -> list[str]:
    """Return the categories that have too few points, each with what costs them."""
    found = []
    for category in report["categories"].values():
        points = round(category["score"] * 100)
        costs = [
            f"{audit['title']} {audit.get('displayValue', '')}"
            for ref in category["auditRefs"]
            if (audit := report["audits"][ref["id"]])["score"] is not None
            and audit["score"] < 1
            and ref["weight"]
        ]
        print(report["finalDisplayedUrl"], category["id"], points, costs)
        if points < ENOUGH:
            found.append(f"{report['finalDisplayedUrl']} {category['id']} {points}: {costs}")
    return found


async def look(url: str, port: int, kind: str) -> list[str]:
    """Return the complaints about a page that stay in every look."""
    for _ in range(LOOKS):
        report = await judge(url, port, kind)
        assert report["finalDisplayedUrl"] == url
        if not (found := complaints(report)):
            break
    return found


@pytest.mark.parametrize("kind", ["desktop", "phone"])
async def test_lighthouse_gives_log_in_list_and_ticket_ninety_five_points_or_more(
    desk: Desk, tmp_path: Path, kind: str
) -> None:
    lived = await a_lived_in_desk(desk)
    port = free_port()
    found = []
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=chromium(),
            args=[*FLAGS, f"--remote-debugging-port={port}"],
        )
        found += await look(f"{desk.url}/login", port, kind)
        await context.add_cookies([{"name": "servicedesk", "value": lived.admin.token, "url": desk.url}])
        for address in ("/", f"/tickets/{lived.names['ticket']}"):
            found += await look(f"{desk.url}{address}", port, kind)
        await context.close()

    assert found == []
