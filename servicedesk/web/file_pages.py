"""The page that shows a file. The console's lightbox shows a piece of the same."""

import asyncio
import re
from typing import Any, Final

import aiohttp_jinja2
import msgspec
from aiohttp import web
from markupsafe import Markup, escape

from servicedesk.desk import files as desk
from servicedesk.domain.files import Category, Content, StoredFile, extension_of, kind_of
from servicedesk.media.jobs import Highlighted
from servicedesk.store import tickets
from servicedesk.store.db import Connection
from servicedesk.web import frame, previews, words
from servicedesk.web.api import Call
from servicedesk.web.files import MEDIA
from servicedesk.web.previews import TablePreview, TextPreview

COLUMNS_MAX: Final = 60
"""Columns that a browser is asked to lay out."""
_CLASS: Final = re.compile(r"[a-z]")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]{0,30}[A-Za-z]")
_TURNING: Final = {
    code: f"\u27e8U+{code:04X}\u27e9" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
"""The characters that make a line read otherwise than it is, spelled out."""


async def view(call: Call) -> web.Response:
    """Show a file beside what is known of it; ``part=preview`` is only what is shown of it."""
    seen = await _seen(call, await previews.preview(call))
    if call.request.query.get("part") == "preview":
        return web.Response(text=seen["drawn"], content_type="text/html", charset="utf-8")

    def read(conn: Connection) -> frame.Content:
        return seen | {"ticket": tickets.get(conn, call.thing.ticket_id)}

    return await frame.show(call, "view.html", read)


async def seen_under(call: Call, address: str) -> frame.Content:
    """Return what a page shows of the file, whose pictures it finds under this address."""
    return await _seen(call, previews.under(await previews.preview(call), call.thing, address))


async def _seen(call: Call, preview: previews.Preview) -> frame.Content:
    face, more = await _face(call, preview)
    body = msgspec.to_builtins(desk.shown(call.thing))
    content = {"file": body, "shown": preview, "face": face, **more}
    content["words"] = words.of_person(call.request, call.actor)
    drawn = await asyncio.to_thread(_drawn, call.request.app, content)
    return {"file": body, "type": extension_of(call.thing.filename).upper(), "drawn": drawn}


def _drawn(app: web.Application, content: dict[str, Any]) -> Markup:
    """Return the preview as HTML. A long table takes its time: this is done on a thread."""
    template = aiohttp_jinja2.get_env(app).get_template("parts/preview.html")
    rendered = template.render(content)
    return Markup(rendered)  # noqa: S704 -- a template escapes what it is given  # nosec B704


async def _face(call: Call, preview: previews.Preview) -> tuple[str, dict[str, Any]]:
    """Return by which part of the templates the preview is drawn, and what that needs beside it."""
    file: StoredFile = call.thing
    match preview:
        case TextPreview() if isinstance(preview.headers, list):
            return "mail", {"text": plain(preview.text)}
        case TextPreview():
            return await _text_face(call, file, preview)
        case TablePreview():
            cut = any(len(row) > COLUMNS_MAX for row in preview.rows)
            return "table", {"rows": [row[:COLUMNS_MAX] for row in preview.rows], "is_narrowed": cut}
    return str(preview.__struct_config__.tag), {}


async def _text_face(call: Call, file: StoredFile, preview: TextPreview) -> tuple[str, dict[str, Any]]:
    kept = call.app[MEDIA]
    if extension_of(file.filename) == "md" and (marked := await kept.marked(file)):
        # Cleaned here, not where it was made: what made it reads files that may have broken it.
        from servicedesk.media import markdown  # see serving.LATER

        return "markdown", {"html": await asyncio.to_thread(markdown.clean, marked.html)}
    if file.category == Category.CODE and (found := await kept.source(file)):
        html = await asyncio.to_thread(coloured, found)
        return "source", {"html": html, "is_laid_out": found.is_laid_out}
    return "text", {
        "text": plain(preview.text),
        "is_document": Content.TEXT not in kind_of(file.filename).contents,
    }


def coloured(found: Highlighted) -> Markup:
    """Return source with a class on each word that has a sort."""
    out = []
    for sort, piece in found.pieces:
        escaped = escape(plain(piece))
        out.append(f'<span class="w-{sort}">{escaped}</span>' if _CLASS.fullmatch(sort) else escaped)
    joined = "".join(out)
    return Markup(joined)  # noqa: S704 -- every piece was escaped  # nosec B704


def plain(text: str) -> str:
    """Return text as it reads, without the colours that terminals know and with what turns lines spelled out."""
    return _COLOURS.sub("", text).translate(_TURNING)
