"""Looking at files: in the lightbox over the ticket, and on a page that works without script."""

import json
import re
from typing import Any, Final, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, Request, expect

from tests import files_made_up as files
from tests import previews_made_up as made_up
from tests.browser.windows import Windows, on_every_screen, press, show_details
from tests.served import Client, Desk
from tests.web.forms import upload

HARM: Final = (
    b"<script>window.ran = 1</script><img src=x onerror='window.ran = 2'><svg onload='window.ran = 3'></svg>"
)
KINDS: Final = {
    "photo.png": (files.picture("PNG", 1600, 1200), "image", None),
    "notes.txt": ("Grüße".encode("cp1252"), "text", "Grüße"),
    "code.py": (b'def burn():\n    """Why"""\n    return 1  # yes\n', "source", "def burn"),
    "line.json": (json.dumps({"a": list(range(100))}).encode(), "source", "the lines here are ours"),
    "page.html": (
        b"<html><body onload='window.ran = 4'>" + HARM + b"</body></html>",
        "source",
        "window.ran = 1",
    ),
    "drawing.svg": (files.SVG, "source", "alert(1)"),
    "read.md": (b"# Heading\n\n[x](javascript:alert(1))\n" + HARM, "markdown", "Heading"),
    "list.csv": (b"name,age\nAda,36\n", "table", "Ada"),
    "report.pdf": (files.pdf(3), "pdf", "3 pages"),
    "all.zip": (files.zip_of({"inside.txt": b"abc"}), "archive", "inside.txt"),
    "bomb.zip": (files.zip_bomb(), "archive", "would unpack to 64.0 MB"),
    "mail.eml": (
        made_up.mail(f"Content-Type: text/html\n\n<p>It burns.</p>{HARM.decode()}\n"),
        "mail",
        "It burns.",
    ),
    "letter.docx": (made_up.word(made_up.paragraphs("Dear all")), "text", "Dear all"),
    "sheet.xlsx": (made_up.excel("<row><c><v>42</v></c></row>"), "table", "42"),
    "old.xls": (files.HONEST["a.xls"], "none", "There is no preview"),
}

ONE_OF_EACH: Final = list({face: name for name, (_, face, _) in KINDS.items()}.values())


async def with_files(desk: Desk, *names: str) -> tuple[Client, dict[str, str]]:
    """Return an agent with a ticket on which these files wait, and their ids."""
    agent = await desk.agent()
    ticket = await agent.ticket()
    ids = {}
    for name in names:
        answer = await upload(agent, ticket["id"], name, KINDS[name][0])
        assert answer.status == 201, answer.body
        ids[name] = answer.body["id"]
        desk.clock.advance(1)
    return agent, ids


def link(page: Page, name: str) -> Any:
    return page.locator("#files").get_by_role("link", name=name, exact=True)


@on_every_screen
async def test_the_lightbox_shows_every_kind_and_nothing_in_it_runs(desk: Desk, windows: Windows) -> None:
    agent, _ = await with_files(desk, *KINDS)
    page = await windows.open(agent, "/tickets/1")
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))

    await show_details(page)
    await press(link(page, "photo.png"))

    box = page.get_by_role("dialog")
    for name, (_, face, word) in KINDS.items():
        await expect(box.locator("header strong")).to_have_text(name)
        await expect(box.locator(".preview")).to_have_attribute("data-face", face)
        if word:
            await expect(box.locator(".preview")).to_contain_text(word)
        else:
            await expect(box.get_by_role("img")).to_be_visible()
        await page.keyboard.press("ArrowRight")
    await expect(box.locator("header strong")).to_have_text("photo.png")
    assert await page.evaluate("window.ran") is None
    assert all(request.url.startswith(desk.url) for request in asked)


@on_every_screen
async def test_the_keys_lead_on_and_back_and_the_focus_returns(desk: Desk, windows: Windows) -> None:
    agent, ids = await with_files(desk, "notes.txt", "code.py", "photo.png")
    page = await windows.open(agent, "/tickets/1")
    box, title = page.get_by_role("dialog"), page.locator(".lightbox header strong")

    await show_details(page)
    await link(page, "code.py").press("Enter")
    await expect(box.locator("pre")).to_be_focused()
    await expect(box.get_by_role("status")).to_have_text("2 of 3")
    await expect(box.get_by_role("link", name="Download")).to_have_attribute(
        "href", f"/api/files/{ids['code.py']}/download"
    )
    await page.keyboard.press("ArrowLeft")
    await expect(title).to_have_text("notes.txt")
    await page.keyboard.press("ArrowLeft")
    await expect(title).to_have_text("photo.png")
    picture = box.get_by_role("img")
    await expect(picture).to_be_visible()
    small = await picture.bounding_box()
    assert small is not None
    assert small["height"] < page.viewport_size["height"]  # type: ignore[index]
    assert small["width"] <= page.viewport_size["width"]  # type: ignore[index]
    await page.keyboard.press("z")
    zoomed = await picture.bounding_box()
    assert zoomed is not None
    assert zoomed["width"] == 1600
    await page.keyboard.press("z")
    assert await picture.bounding_box() == small
    async with page.expect_download() as saved:
        await page.keyboard.press("d")
    assert (await saved.value).suggested_filename == "photo.png"
    await page.keyboard.press("Escape")

    await expect(box).to_have_count(0)
    await expect(link(page, "code.py")).to_be_focused()
    await expect(page).to_have_url(re.compile(rf"^{desk.url}/tickets/1(#properties)?$"))


async def test_a_file_that_is_gone_is_said_to_be_and_leads_on(desk: Desk, windows: Windows) -> None:
    agent, ids = await with_files(desk, "notes.txt", "code.py")
    page = await windows.open(agent, "/tickets/1")
    await page.route(
        f"**/files/{ids['notes.txt']}/view*", lambda route: route.fulfill(status=404, body="gone")
    )

    await link(page, "notes.txt").click()
    box = page.get_by_role("dialog")
    await expect(box).to_contain_text("cannot be shown at present")
    await page.keyboard.press("ArrowRight")

    await expect(box.locator("pre")).to_contain_text("def burn")


async def test_without_script_a_file_has_a_page_that_leads_back(desk: Desk, windows: Windows) -> None:
    agent, _ = await with_files(desk, *ONE_OF_EACH)
    page = await windows.open(agent, "/tickets/1", java_script_enabled=False)

    for name in ONE_OF_EACH:
        _, face, word = KINDS[name]
        await link(page, name).click()
        await expect(page.locator(".file-title")).to_have_text(name)
        await expect(page.locator(".preview")).to_have_attribute("data-face", face)
        if word:
            await expect(page.locator(".preview")).to_contain_text(word)
        await page.get_by_role("link", name="Back to TKT-000001").click()
        await expect(page).to_have_url(f"{desk.url}/tickets/1")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everybody_can_read_what_is_shown(
    desk: Desk, windows: Windows, scheme: Literal["light", "dark"]
) -> None:
    agent, ids = await with_files(desk, *ONE_OF_EACH)
    page = await windows.open(agent, "/tickets/1", color_scheme=scheme)
    await link(page, ONE_OF_EACH[0]).click()

    box = page.get_by_role("dialog")
    for name in ONE_OF_EACH:
        await expect(box.locator("header strong")).to_have_text(name)
        await expect(box.locator(".preview")).to_have_attribute("data-face", KINDS[name][1])
        await require_accessible(page, ".lightbox")
        await page.keyboard.press("ArrowRight")
    for file_id in ids.values():
        await page.goto(f"/files/{file_id}/view")
        await require_accessible(page, "main")


async def require_accessible(page: Page, where: str) -> None:
    found = (await Axe().run(page, context=where)).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []


async def test_on_a_phone_everything_fits_and_can_be_closed(desk: Desk, windows: Windows) -> None:
    agent, ids = await with_files(desk, "list.csv", "code.py", "mail.eml", "photo.png")
    page = await windows.open(agent, "/tickets/1", viewport={"width": 390, "height": 844})

    for file_id in ids.values():
        await page.goto(f"/files/{file_id}/view")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.goto("/tickets/1")
    await page.get_by_role("link", name="Details").click()
    await link(page, "list.csv").click()
    box = page.get_by_role("dialog")
    await expect(box.locator(".preview")).to_be_visible()
    await box.get_by_role("button", name="Close").click()

    await expect(box).to_have_count(0)
