"""Files that a browser might run: whatever the desk takes of them, none comes to life in somebody's session."""

import contextlib
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Dialog, Error, Page, Request, expect

from tests.browser.windows import Windows
from tests.files_made_up import EXE, picture, png, zip_of
from tests.served import Client, Desk
from tests.web.forms import MARK, send

CANARY: Final = "canary"
"""What no page of ours asks for: whoever does is one of the files come to life."""
ACT: Final = "window.pwned=1;top.pwned=1;parent.pwned=1;fetch('/canary');alert('canary')"
SCRIPT: Final = f'<script>{ACT}</script><img src=/canary onerror="{ACT}">'
PAGE: Final = f'<!doctype html><html><body onload="{ACT}">{SCRIPT}<h1>PWNED</h1></body></html>'
DRAWN: Final = f"<svg xmlns='http://www.w3.org/2000/svg' onload=\"{ACT}\"><script>{ACT}</script></svg>"
XHTML: Final = f"<html xmlns='http://www.w3.org/1999/xhtml'><body><script>{ACT}</script></body></html>"
STYLED: Final = (
    "<?xml version='1.0'?><?xml-stylesheet type='text/xsl' href='#s'?><x><xsl:stylesheet id='s' version='1.0'"
    " xmlns:xsl='http://www.w3.org/1999/XSL/Transform'><xsl:template match='/'>"
    f"{XHTML}</xsl:template></xsl:stylesheet></x>"
)
MHTML: Final = (
    "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n"
    f"--b\r\nContent-Type: text/html\r\n\r\n{PAGE}\r\n--b--"
)
PDF: Final = (
    "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>endobj\n"
    "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n"
    "trailer<</Root 1 0 R>>\n%%EOF"
)
TYPES: Final[dict[str, bytes]] = {
    "svg": DRAWN.encode(),
    "html": PAGE.encode(),
    "htm": PAGE.encode(),
    "xhtml": XHTML.encode(),
    "shtml": b'<!--#exec cmd="id" -->' + PAGE.encode(),
    "hta": PAGE.encode(),
    "xml": STYLED.encode(),
    "xsl": STYLED.encode(),
    "mhtml": MHTML.encode(),
    "js": ACT.encode(),
    "ts": ACT.encode(),
    "mjs": ACT.encode(),
    "css": f"body{{background:url(/canary)}} /*{SCRIPT}*/".encode(),
    "swf": b"FWS\x09" + bytes(60),
    "pdf": PDF.encode(),
    "gif": b"GIF89a/*" + picture("GIF")[8:] + f"*/=1;{ACT}//".encode(),
    "png": png() + PAGE.encode(),
    "jpg": picture("JPEG", comment=PAGE.encode()),
    "eml": f"Subject: {SCRIPT}\r\nContent-Type: text/html\r\n\r\n{PAGE}".encode(),
    "md": f"# Hello\n\n{SCRIPT}\n\n[x](javascript:{ACT})\n".encode(),
    "csv": f'=HYPERLINK("javascript:{ACT}"),"{PAGE}",@SUM(1)\n'.encode(),
    "json": PAGE.encode(),
    "txt": PAGE.encode(),
    "log": PAGE.encode("utf-16"),
    "url": b"[InternetShortcut]\r\nURL=javascript:alert(1)\r\n",
    "lnk": b"L\0\0\0\x01\x14\x02\0" + bytes(80),
    "exe": EXE,
    "bat": b"@echo off\r\nstart calc\r\n",
    "jar": zip_of({"META-INF/MANIFEST.MF": b"Main-Class: A"}),
    "docm": zip_of({"[Content_Types].xml": b"", "word/vbaProject.bin": b"macros"}),
    "zip": zip_of({f"{SCRIPT}.html": PAGE.encode()}),
}
SPELLINGS: Final[tuple[tuple[str, str], ...]] = (
    ("a.{0}", "application/octet-stream"),
    ("a.{0}", "text/html"),
    ("a.{0}", "image/svg+xml"),
    ("a.{0}", "text/html; charset=utf-7"),
    ("a.{0}", "application/xhtml+xml"),
    ("A.{1}", "TEXT/HTML"),
    ("a.{0}.png", "image/png"),
    ("a.{0}.txt", "text/html"),
    ("a.txt.{0}", "text/plain"),
    ("a.{0}.", "text/html"),
    ("a.{0} ", "text/html"),
    ("a.{0};.png", "image/png"),
    ("a.{0}%00.txt", "text/html"),
    ("a.{0}\0.png", "image/png"),
    ("a\u202egnp.{0}", "text/html"),
    ("a.{0}\u200b", "text/html"),
    ("a\uff0e{0}", "text/html"),
    ("a.{0}::$DATA", "text/html"),
    ("../../static/a.{0}", "text/javascript"),
    ("<img src=x onerror=window.pwned=1>.{0}", "multipart/mixed; boundary=x"),
)
"""Names, with the extension small and large in them, and what the part says of itself."""
EMBED: Final = """async (paths) => {
    const put = (tag, name, path) => new Promise((done) => {
        const made = document.createElement(tag);
        made.onload = made.onerror = done;
        if (tag === "link") made.rel = "stylesheet";
        made[name] = path;
        document.body.append(made);
        setTimeout(done, 1500);
    });
    const ways = [["img", "src"], ["script", "src"], ["link", "href"]];
    ways.push(["iframe", "src"], ["object", "data"], ["embed", "src"]);
    await Promise.all(paths.flatMap((path) => ways.map(([tag, name]) => put(tag, name, path))));
}"""


def parts(ticket_id: int, name: str, content_type: str, content: bytes) -> bytes:
    fields = f'--{MARK}\r\nContent-Disposition: form-data; name="ticket_id"\r\n\r\n{ticket_id}\r\n'
    head = f'--{MARK}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    return f"{fields}{head}Content-Type: {content_type}\r\n\r\n".encode() + content + b"\r\n"


def spelled(end: str) -> Iterator[tuple[str, str]]:
    for name, content_type in SPELLINGS:
        yield name.format(end, end.upper()), content_type


async def taken(agent: Client, ticket_id: int, end: str) -> list[Any]:
    """Upload a file of this type under all names; return what the desk took, and see that it refused the rest."""
    found = []
    for name, content_type in spelled(end):
        answer = await send(agent, "/api/files/upload", parts(ticket_id, name, content_type, TYPES[end]))
        assert answer.status in (201, 415, 422), (name, answer.body)
        if answer.status == 201:
            found.append(answer.body)
    return found


class Watch:
    """Sees whatever comes to life in a page: what it asks for, what it says, what it leaves behind."""

    def __init__(self, page: Page) -> None:
        self.signs: list[str] = []
        self._page = page
        page.on("dialog", self._said)
        page.context.on("request", self._asked)
        page.context.on("page", lambda other: self.signs.append(f"a window: {other.url}"))

    async def _said(self, dialog: Dialog) -> None:
        self.signs.append(f"a dialog: {dialog.message}")
        await dialog.dismiss()

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).path.endswith(CANARY):
            self.signs.append(f"a request: {request.url}")

    async def look(self) -> list[str]:
        if await self._page.evaluate("window.pwned !== undefined"):
            self.signs.append(f"a mark in {self._page.url}")
        return self.signs


def paths_of(file: Any) -> list[str]:
    path = f"/api/files/{file['id']}"
    return [f"{path}/{what}" for what in ("download", "preview", "picture", "thumbnail")]


async def shown(page: Page, path: str) -> None:
    """Go where the path leads. What is saved instead of shown leaves the page where it was."""
    with contextlib.suppress(Error):  # so says Playwright of what is saved
        await page.goto(path, wait_until="commit", timeout=4_000)
    if urlsplit(page.url).path == path:
        kind = await page.evaluate("document.contentType")
        assert kind in ("application/json", "application/problem+json", "image/webp"), (path, kind)


@pytest.mark.slow
async def test_nothing_that_can_be_uploaded_comes_to_life_in_the_console(
    desk: Desk, windows: Windows
) -> None:
    assert len(TYPES) >= 30
    assert len(SPELLINGS) == 20
    agent = await desk.agent()
    tickets = {end: (await agent.ticket(f"About {end}"))["id"] for end in TYPES}
    files = {end: await taken(agent, tickets[end], end) for end in TYPES}
    assert sum(map(len, files.values())) > 100
    page = await windows.open(agent, "/")
    watch = Watch(page)

    for end, found in files.items():
        kinds = {file["filename"].rpartition(".")[2].lower(): file for file in found}
        for file in kinds.values():
            for path in paths_of(file):
                await shown(page, path)
        await page.goto(f"/tickets/{tickets[end]}")
        # The policy refuses most of it, and says so: nothing of that is the console's own doing.
        await page.evaluate(EMBED, [path for file in kinds.values() for path in paths_of(file)])
        assert await watch.look() == [], end
    windows.troubles.clear()


async def test_no_name_and_no_content_comes_to_life_where_files_are_listed_and_looked_at(
    desk: Desk, windows: Windows
) -> None:
    agent = await desk.agent()
    ticket_id = (await agent.ticket())["id"]
    for end in TYPES:
        for name, content_type in (SPELLINGS[0], SPELLINGS[7], SPELLINGS[19]):
            await send(
                agent, "/api/files/upload", parts(ticket_id, name.format(end), content_type, TYPES[end])
            )
    page = await windows.open(agent, f"/tickets/{ticket_id}")
    watch = Watch(page)
    rows = page.locator("#files [data-file]")
    await expect(rows.first).to_be_visible()
    number = await rows.count()
    assert number > 20

    await rows.first.get_by_role("link").first.click()
    box = page.get_by_role("dialog")
    for _ in range(number):
        await expect(box.get_by_text("Loading…")).to_have_count(0)
        assert await box.locator("script, iframe, object, embed, [onerror], [onload]").count() == 0
        await page.keyboard.press("ArrowRight")

    assert await watch.look() == []
    assert await page.locator("h1", has_text="PWNED").count() == 0
