"""People who write to the desk without an account."""

import html
import io
import re
from typing import Any

from servicedesk.desk import setup
from servicedesk.domain.times import SECOND
from tests.served import Answer, Desk
from tests.web.forms import HEADERS, form, part
from tests.web.test_auth import Visitor

LETTER = {
    "name": "Nora Quist",
    "email": "nora@home.example",
    "title": "The door does not open",
    "description": "It **squeaks**.",
}
File = tuple[str, bytes]


class Guest(Visitor):
    """A browser of somebody without an account, on the public form and under its private link."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.desk = desk

    async def open(self, wait: int = 5 * SECOND) -> dict[str, str]:
        """Look at the form for some time; return what it has hidden, and where it is sent."""
        page = (await self.get("/new")).body.decode()
        self.desk.clock.advance(wait)
        return {"stamp": hidden(page, "stamp"), "address": action(page)}

    async def write(self, *files: File, wait: int = 5 * SECOND, **fields: str) -> Answer:
        """Open the form, fill it in, send it."""
        shown = await self.open(wait)
        return await self.submit(shown, *files, **fields)

    async def submit(self, shown: dict[str, str], *files: File, **fields: str) -> Answer:
        texts = {"stamp": shown["stamp"], **LETTER, **fields}
        return await self.send_parts(shown["address"], *parts(texts, files))

    async def send_parts(self, path: str, *raw: bytes, **more: str) -> Answer:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**HEADERS, "Cookie": cookies, "Origin": self.origin, "Accept": "text/html", **more}
        return await self.call("POST", path, data=io.BytesIO(form(*raw)), headers=headers)

    async def link(self, *files: File, **fields: str) -> str:
        """Write to the desk; return the path of the private link."""
        answer = await self.write(*files, **fields)
        assert answer.status == 200, answer.body.decode()
        return link_of(answer)

    async def page(self, path: str) -> str:
        answer = await self.get(path)
        assert answer.status == 200, answer.body
        return str(answer.body.decode())

    async def reply(self, link: str, text: str = "", *files: File, **fields: str) -> Answer:
        texts = {"key": hidden(await self.page(link), "key"), "reply": text, **fields}
        return await self.send_parts(f"{link}/messages", *parts(texts, files))


async def opened(desk: Desk) -> Guest:
    """Return somebody in front of a desk whose public form is on."""
    await desk.db.write(setup.set_public_form, True)
    return Guest(desk)


def parts(texts: dict[str, Any], files: tuple[File, ...]) -> list[bytes]:
    fields = [part(name, value) for name, value in texts.items()]
    return fields + [part("files", content, name) for name, content in files]


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def action(page: str) -> str:
    found = re.search(r'action="(/new[^"]*)"', page)
    assert found is not None
    return html.unescape(found[1])


def link_of(answer: Answer) -> str:
    found = re.search(r'id="private-link" value="http://[^/"]+(/t/[^"]+)"', answer.body.decode())
    assert found is not None, answer.body.decode()
    return found[1]
