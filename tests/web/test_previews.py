"""What is shown of a file: to programs, on its page without script, and to nobody else."""

import asyncio
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from servicedesk.domain.people import Role
from servicedesk.media.text import TEXT_MAX
from servicedesk.web.file_pages import COLUMNS_MAX
from tests import files_made_up as files
from tests import previews_made_up as made_up
from tests.served import Answer, Client, Desk
from tests.stalls import watched_loop
from tests.web.forms import upload

MAIL = made_up.mail(
    "Content-Type: text/plain\n\nIt burns.\n<script>alert(1)</script>\n",
    'Content-Type: application/pdf; name="report.pdf"\n\nx',
)


class Tags(HTMLParser):
    """What a browser would make of a piece of a page: its elements with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def require_harmless(html: str) -> None:
    for tag, attributes in Tags(html).found:
        assert tag not in ("script", "style", "iframe", "object", "embed", "form", "base", "meta", "link")
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert (attributes.get("src") or "/api/files/").startswith("/api/files/")
        assert (attributes.get("href") or "https:").startswith(
            ("https:", "http:", "mailto:", "/static/", "#")
        )


class Counter:
    """A ticket, its requester and an agent."""

    def __init__(self, desk: Desk, ada: Client, bob: Client, ticket: Any) -> None:
        self.desk = desk
        self.ada = ada
        self.bob = bob
        self.id = ticket["id"]

    async def file(self, name: str, content: bytes, **fields: Any) -> str:
        answer = await upload(self.bob, self.id, name, content, **fields)
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    async def preview(self, name: str, content: bytes) -> Any:
        file_id = await self.file(name, content)
        answer = await self.ada.get(f"/api/files/{file_id}/preview")
        assert answer.status == 200, answer.body
        return answer.body

    async def page(self, name: str, content: bytes) -> str:
        return await page_of(self.ada, await self.file(name, content))


async def view(client: Client, file_id: str, part: str = "") -> Answer:
    return await client.get(f"/files/{file_id}/view{part}", headers={"Accept": "text/html"})


async def page_of(client: Client, file_id: str) -> str:
    answer = await view(client, file_id)
    assert answer.status == 200
    return str(answer.body.decode())


def shown_in(page: str) -> str:
    """Return the piece of the page that shows the file."""
    return page[page.index('<section class="preview"') : page.index("</section>", page.index('id="preview"'))]


def face_of(page: str) -> str:
    return re.findall(r'data-face="(\w+)"', page)[0]


@pytest.fixture
async def counter(desk: Desk) -> Counter:
    ada, bob = await desk.customer(name="Ada"), await desk.agent(name="Bob")
    return Counter(desk, ada, bob, await ada.ticket())


async def test_a_mail_is_text_with_its_head(counter: Counter) -> None:
    shown = await counter.preview("a.eml", MAIL)

    assert shown == {
        "kind": "text",
        "text": "It burns.\n<script>alert(1)</script>\n",
        "truncated": False,
        "encoding": "utf-8",
        "headers": [
            {"name": "From", "value": "Jörg Müller <joerg@example.org>"},
            {"name": "To", "value": "help@desk.example"},
            {"name": "Cc", "value": "ada@example.org"},
            {"name": "Subject", "value": "Der Drucker brännt"},
            {"name": "Date", "value": "Mon, 23 Nov 2026 09:30:00 +0100"},
        ],
        "attachments": ["report.pdf"],
    }


async def test_what_is_no_mail_is_shown_as_text(counter: Counter) -> None:
    assert await counter.preview("a.eml", b"no head at all") == {
        "kind": "text",
        "text": "no head at all",
        "truncated": False,
        "encoding": "utf-8",
    }


async def test_documents_are_text_and_sheets_are_tables(counter: Counter) -> None:
    letter = await counter.preview("a.docx", made_up.word(made_up.paragraphs("Dear all")))
    sheet = await counter.preview("a.xlsx", made_up.excel("<row><c><v>1</v></c></row>"))
    table = await counter.preview("a.tsv", b"a,b\tc\n1,5\t2\n")

    assert letter == {"kind": "text", "text": "Dear all", "truncated": False, "encoding": "utf-8"}
    assert sheet == {"kind": "table", "rows": [["1"]], "truncated": False, "sheet": "Printers", "sheets": 2}
    assert table == {"kind": "table", "rows": [["a,b", "c"], ["1,5", "2"]], "truncated": False}


async def test_text_says_the_charset_in_which_it_was_found(counter: Counter) -> None:
    text = "Здравствуйте, принтер сломался, пришлите мастера как можно скорее.\n"

    file_id = await counter.file("a.txt", text.encode("koi8-r"))

    download = await counter.ada.get(f"/api/files/{file_id}/download")
    assert download.headers["Content-Type"] == "text/plain; charset=koi8-r"
    assert (await counter.ada.get(f"/api/files/{file_id}/preview")).body["text"] == text


async def test_a_bomb_is_listed_with_a_warning_and_a_document_that_is_one_is_left_alone(
    counter: Counter,
) -> None:
    archive = await counter.preview("a.zip", files.zip_bomb(64))
    packed = await counter.preview("a.gz", files.gz(bytes(64 << 20)))
    document = await counter.preview("a.docx", made_up.word(" " * (64 << 20)))

    assert archive["unpacked"] == 64 << 20
    assert archive["warning"].startswith("This archive would unpack to 64.0 MB, ")
    assert packed["warning"].startswith("This archive would unpack to 64.0 MB, ")
    assert document == {"kind": "none", "reason": "This document would unpack to 64.0 MB. It was not opened."}


async def test_an_ordinary_archive_comes_without_a_warning(counter: Counter) -> None:
    assert await counter.preview("a.zip", files.zip_of({"a.txt": b"abc"})) == {
        "kind": "archive",
        "entries": [{"name": "a.txt", "size": 3}],
        "total": 1,
        "truncated": False,
        "unpacked": 3,
    }


FACES = {
    "a.png": (files.png(), "image", "/picture"),
    "a.txt": ("Grüße".encode("cp1252"), "text", "Grüße"),
    "a.log": (b"\x1b[31mERROR\x1b[0m it burns", "text", ">ERROR it burns<"),
    "a.py": (b"def f(): pass", "source", '<span class="w-k">def '),
    "a.json": (b'{"a": 1}', "source", '<span class="w-n">1</span>'),
    "a.html": (files.HTML, "source", "&lt;"),
    "a.svg": (files.SVG, "source", "&lt;"),
    "a.md": (b"# Title\n\n<script>x</script>", "markdown", "<h1>Title</h1>"),
    "a.csv": (b"name,size\nada,1\n", "table", '<th scope="col">name</th>'),
    "a.tsv": (b"name\tsize\n", "table", '<th scope="col">size</th>'),
    "a.pdf": (files.pdf(3), "pdf", "3 pages"),
    "a.zip": (files.zip_of({"a.txt": b"a" * 2048}), "archive", "<td>a.txt</td>"),
    "a.tgz": (files.tar_of({"b.txt": b"a"}, "w:gz"), "archive", "<td>b.txt</td>"),
    "a.eml": (MAIL, "mail", "<dt>Subject</dt><dd>Der Drucker brännt</dd>"),
    "a.docx": (
        made_up.word(made_up.paragraphs("Dear <all>".replace("<", "&lt;"))),
        "text",
        "Dear &lt;all&gt;",
    ),
    "a.xlsx": (made_up.excel("<row><c><v>7</v></c></row>"), "table", "the first of 2"),
    "a.rar": (files.HONEST["a.rar"], "none", "There is no preview of this file"),
}


@pytest.mark.parametrize("name", FACES)
async def test_every_kind_has_its_face_on_a_page_without_script(counter: Counter, name: str) -> None:
    content, face, word = FACES[name]
    file_id = await counter.file(name, content)

    page = await page_of(counter.ada, file_id)

    assert face_of(page) == face
    assert word in shown_in(page)
    assert f'href="/api/files/{file_id}/download"' in page
    assert f'href="/tickets/{counter.id}"' in page
    require_harmless(shown_in(page))


@pytest.mark.parametrize("name", ["a.py", "a.csv", "a.eml"])
async def test_the_lightbox_is_given_the_same_piece(counter: Counter, name: str) -> None:
    file_id = await counter.file(name, FACES[name][0])

    piece = await view(counter.ada, file_id, "?part=preview")

    assert piece.status == 200
    assert piece.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script-src" in piece.headers["Content-Security-Policy"]
    assert (
        piece.body.decode().strip().removesuffix("</section>").strip()
        == shown_in(await page_of(counter.ada, file_id)).strip()
    )


@pytest.mark.parametrize("name", ["a.html", "a.svg", "a.md", "a.eml", "a.txt", "a.csv", "a.json"])
async def test_nothing_of_a_file_becomes_part_of_the_page(counter: Counter, name: str) -> None:
    harm = (
        b'Subject: <img src=x onerror="alert(1)">\n\n<script>alert(1)</script><img src="https://evil.example/x"'
        b' onerror="alert(1)"><a href="javascript:alert(1)">x</a>\n[x](javascript:alert(1))'
        b" ![x](https://evil.example/y)\n"
    )

    shown = shown_in(await counter.page(name, harm))

    require_harmless(shown)
    assert "<script" not in shown
    assert "<img" not in shown


async def test_links_in_markdown_lead_out_without_a_word_of_us(counter: Counter) -> None:
    shown = shown_in(await counter.page("a.md", b"[x](https://example.org/)"))

    assert 'href="https://example.org/"' in shown
    assert 'rel="noopener noreferrer nofollow ugc"' in shown


async def test_what_turns_a_line_around_is_spelled_out(counter: Counter) -> None:
    source = "if admin\u202e and \u2066nobody:\n    pass\n"

    shown = shown_in(await counter.page("a.py", source.encode()))

    assert "⟨U+202E⟩" in shown
    assert "\u202e" not in shown


async def test_json_in_one_line_is_laid_out_and_says_so(counter: Counter) -> None:
    content = json.dumps({"a": list(range(100))}).encode()
    file_id = await counter.file("a.json", content)

    assert "the lines here are ours" in await page_of(counter.ada, file_id)
    assert (await counter.ada.get(f"/api/files/{file_id}/preview")).body["text"] == content.decode()


async def test_a_table_of_countless_columns_is_narrowed(counter: Counter) -> None:
    shown = shown_in(await counter.page("a.csv", b",".join(b"%d" % number for number in range(5000))))

    assert shown.count("<th ") == COLUMNS_MAX
    assert f"The first {COLUMNS_MAX} columns" in shown


async def test_a_name_is_only_a_name(counter: Counter) -> None:
    page = await counter.page("<b onclick=x>.txt", b"x")

    assert "<b onclick" not in page


async def test_a_stranger_finds_neither_page_nor_preview(counter: Counter) -> None:
    file_id = await counter.file("a.txt", b"secret")
    eve, agent = await counter.desk.customer(), await counter.desk.agent()

    for part in ("", "?part=preview"):
        assert (await view(eve, file_id, part)).status == 404
        assert (await view(agent, file_id, part)).status == 200
        async with counter.desk.session().get(
            f"/files/{file_id}/view{part}", allow_redirects=False
        ) as answer:
            assert answer.status == 303
            assert answer.headers["Location"].startswith("/login")
    assert (await eve.get(f"/api/files/{file_id}/preview")).status == 404


async def test_an_internal_file_is_shown_to_staff_alone(counter: Counter) -> None:
    file_id = await counter.file("a.txt", b"between us", is_internal="true")

    for part in ("", "?part=preview"):
        assert (await view(counter.ada, file_id, part)).status == 404
        assert b"between us" in (await view(counter.bob, file_id, part)).body
    assert (await counter.ada.get(f"/api/files/{file_id}/preview")).status == 404


async def test_a_deleted_file_has_no_page(counter: Counter) -> None:
    file_id = await counter.file("a.txt", b"x")
    supervisor = await counter.desk.person(Role.SUPERVISOR)
    assert (await supervisor.delete(f"/api/files/{file_id}")).status == 204

    assert (await view(counter.ada, file_id)).status == 404
    assert (await view(counter.ada, "nothing-of-the-sort")).status == 404


HOSTILE = {
    "entities.docx": made_up.word("<w:p><w:r><w:t>&c;</w:t></w:r></w:p>", made_up.ENTITY_BOMB),
    "bomb.xlsx": made_up.excel(" " * (48 << 20)),
    "deep.eml": b"Subject: deep\n"
    + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3000)),
    "heads.eml": b"Subject: =?x?q?"
    + b"=?" * 20_000
    + b"\nFrom: <<<<>>>,,,;;;:::@@\nTo: =?utf-8?b?/////?=\n\nx",
    "line.json": json.dumps({"a": ["x" * 50] * 20_000}).encode(),
    "deep.json": b"[" * 100_000,
    "slow.xml": b"<!--" * 16_000,
    "slow.html": b"<script>" * 8_000,
    "slow.css": b"a{" * 30_000,
    "wide.csv": b"," * 400_000,
    "quotes.csv": b'"' * 400_001,
    "deep.md": b"> " * 30_000,
    "stars.md": b"*a_" * 20_000,
    "links.md": b"[a](" * 15_000,
    "table.md": b"|a" * 100 + b"|\n" + b"|-" * 100 + b"|\n" + b"|\n" * 20_000,
    "bits.log": b"\x1b[" * 30_000,
    "turned.txt": "\u202e".encode() * 20_000,
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_file_is_shown_somehow_and_holds_nobody_up(counter: Counter, name: str) -> None:
    file_id = await counter.file(name, HOSTILE[name])
    await counter.ada.get(f"/tickets/{counter.id}")  # what is loaded once is no stall of this file

    async with watched_loop() as longest_stall:
        api, page = await asyncio.gather(
            counter.ada.get(f"/api/files/{file_id}/preview"), view(counter.ada, file_id, "?part=preview")
        )

    assert (api.status, page.status) == (200, 200)
    assert longest_stall() < 0.05
    assert len(page.body) < 24 * TEXT_MAX


CUTTABLE = ["a.pdf", "a.zip", "a.tgz", "a.eml", "a.docx", "a.xlsx", "a.png", "a.json", "a.csv", "a.md"]


@pytest.mark.parametrize("name", CUTTABLE)
async def test_a_file_that_came_in_cut_is_shown_as_far_as_it_goes(counter: Counter, name: str) -> None:
    content = FACES[name][0]

    for part in (1, 3, 5, 7):
        answer = await upload(counter.ada, counter.id, name, content[: len(content) * part // 8])
        if answer.status == 415:  # so much was cut that it is no longer what its name says
            continue
        assert answer.status == 201
        assert (await counter.ada.get(answer.body["preview_url"])).status == 200
        assert (await view(counter.ada, answer.body["id"])).status == 200


async def test_a_file_that_the_disk_has_cut_is_not_shown(counter: Counter) -> None:
    content = FACES["a.pdf"][0]
    file_id = await counter.file("a.pdf", content)
    (blob,) = (counter.desk.settings.data_dir / "blobs").glob("*/*/*")

    blob.write_bytes(content[:100])

    assert (await counter.ada.get(f"/api/files/{file_id}/preview")).status == 404
    assert (await view(counter.ada, file_id)).status == 404


async def test_bytes_that_the_disk_lost_are_said_to_be_lost_on_the_page_too(counter: Counter) -> None:
    file_id = await counter.file("a.txt", b"x")
    for blob in (counter.desk.settings.data_dir / "blobs").glob("*/*/*"):
        blob.unlink()

    answer = await view(counter.ada, file_id)

    assert answer.status == 404
    assert b"lost" in answer.body
