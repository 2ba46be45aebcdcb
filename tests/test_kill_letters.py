"""The program is killed while people write without an account: a letter came in whole, or not at all."""

import asyncio
import contextlib
import re
import sqlite3
from pathlib import Path

from aiohttp import ClientError, ClientSession, CookieJar, FormData

from servicedesk.web.throttle import LETTERS
from tests.programs import Server, serving

ENOUGH = 12
"""Letters that are answered before the program is killed."""
WRITERS = 6
FILES = 3


async def letters(server: Server, address: str, links: list[str], enough: asyncio.Event) -> None:
    """Write one letter after the other, until the program is gone."""
    headers = {"X-Forwarded-For": address}
    async with ClientSession(server.url, headers=headers, cookie_jar=CookieJar(unsafe=True)) as session:
        shown = [await form(session) for _ in range(LETTERS)]
        await asyncio.sleep(3.1)  # as the form asks of everybody
        with contextlib.suppress(ClientError):
            for number, (where, stamp) in enumerate(shown):
                links.append(await write(session, where, stamp, f"n{number}@{address}.example"))
                if len(links) >= ENOUGH:
                    enough.set()


async def form(session: ClientSession) -> tuple[str, str]:
    async with session.get("/new") as answer:
        page = await answer.text()
    return found(r'action="(/new[^"]*)"', page), found(r'name="stamp" value="([^"]+)"', page)


async def write(session: ClientSession, where: str, stamp: str, email: str) -> str:
    letter = FormData({"stamp": stamp, "name": "Nora", "email": email, "title": "A letter"})
    for number in range(FILES):
        letter.add_field("files", f"{stamp} {number}\n".encode() * 2000, filename=f"{number}.txt")
    async with session.post(where, data=letter) as answer:
        return found(r'id="private-link" value="http://[^/]+(/t/[^"]+)"', await answer.text())


def found(pattern: str, page: str) -> str:
    match = re.search(pattern, page)
    assert match is not None, page
    return match[1]


async def test_a_letter_is_there_with_its_files_and_its_link_or_not_at_all(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving("--data-dir", data):
        pass
    with sqlite3.connect(data / "servicedesk.db") as db:
        db.execute("INSERT INTO meta (name, value) VALUES ('public_form', 'on')")
    links: list[str] = []
    enough = asyncio.Event()

    with serving("--data-dir", data, TRUSTED_PROXIES="127.0.0.1/32") as server:
        writing = [asyncio.create_task(letters(server, f"10.0.0.{n}", links, enough)) for n in range(WRITERS)]
        async with asyncio.timeout(60):
            await enough.wait()
        server.process.kill()
        await asyncio.gather(*writing)

    with serving("--data-dir", data) as server:
        async with ClientSession(server.url) as session:
            for link in links:
                async with session.get(link) as answer:
                    page = await answer.text()
                    assert answer.status == 200
                    for address in re.findall(rf'href="({link}/files/[^"]+/download)"', page):
                        async with session.get(address) as file:
                            assert (file.status, len(await file.read()) > 2000) == (200, True)
                    assert page.count("/download") == FILES
    with sqlite3.connect(data / "servicedesk.db") as db:
        rows = db.execute(
            "SELECT t.public_files, (SELECT count(*) FROM files f WHERE f.ticket_id = t.id),"
            " (SELECT count(*) FROM private_links l WHERE l.ticket_id = t.id) FROM tickets t"
        ).fetchall()
    assert len(rows) >= len(links)
    assert set(rows) == {(FILES, FILES, 1)}
