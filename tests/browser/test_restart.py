"""The server is killed and comes back: a window goes on where it was."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from playwright.async_api import Browser, expect

from tests.browser.windows import is_live

PASSWORD = "correct horse battery"


async def servicedesk(folder: Path, *arguments: str, **options: Any) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "servicedesk", *arguments, "--data-dir", str(folder), stdout=-1, **options
    )


@asynccontextmanager
async def serving(folder: Path, port: int = 0) -> AsyncIterator[str]:
    """Serve the folder in a process of its own, which is killed at the end without a word."""
    process = await servicedesk(folder, "serve", "--port", str(port))
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    try:
        yield line.split()[-1]
    finally:
        process.kill()
        await process.wait()


async def test_a_window_outlives_a_server_that_is_killed(tmp_path: Path, browser: Browser) -> None:
    folder = tmp_path / "data"
    adding = await servicedesk(
        folder,
        *(
            "user",
            "add",
            "--email",
            "ada@desk.example",
            "--name",
            "Ada",
            "--role",
            "admin",
            "--password-stdin",
        ),
        stdin=-1,
    )
    await adding.communicate(PASSWORD.encode())
    async with serving(folder) as url:
        async with ClientSession(url) as session:
            body = {"email": "ada@desk.example", "password": PASSWORD}
            token = (await (await session.post("/api/auth/login", json=body)).json())["token"]
            mine = {"Authorization": f"Bearer {token}"}
            await session.post("/api/tickets/", json={"title": "Power cut"}, headers=mine)
        context = await browser.new_context(base_url=url)
        await context.add_cookies([{"name": "servicedesk", "value": token, "url": url}])
        page = await context.new_page()
        await page.goto("/tickets/1")
        await is_live(page)
    await page.get_by_label("Reply").fill("Written in the dark")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".is-waiting, .is-failed")).to_contain_text("Written in the dark")

    async with serving(folder, int(url.rsplit(":", 1)[1])), ClientSession(url, headers=mine) as session:
        for n in range(5):
            await session.post("/api/tickets/1/messages", json={"body": f"Number {n}"})

        await expect(page.locator("[data-message]")).to_have_count(6, timeout=20_000)
        await is_live(page)
        await expect(page.locator("[data-bubble]")).to_have_count(0)
        shown = await page.locator("[data-message] .entry-body").all_inner_texts()
        assert sorted(shown) == [*(f"Number {n}" for n in range(5)), "Written in the dark"]
    await context.close()
