"""People who are not of the staff: with an account, and without one."""

import re

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from servicedesk.desk import setup
from servicedesk.domain.times import MINUTE, SECOND
from tests.browser.test_plain import PASSWORD, with_password
from tests.browser.windows import Windows
from tests.files_made_up import png
from tests.served import Client, Desk

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
RECEIPT = {"name": "receipt.png", "mimeType": "image/png", "buffer": png(60, 40)}
NOTE = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"hello"}


async def is_steady(page: Page) -> None:
    """Nothing of the page may stick out of a phone."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def write(desk: Desk, page: Page, *files: object) -> str:
    """Fill the public form in and send it; return the private link."""
    await page.goto("/login")
    await page.get_by_role("link", name="Write to us without an account").click()
    await page.get_by_label("Your name").fill("Nora Quist")
    await page.get_by_label("E-mail").fill("nora@home.example")
    await page.get_by_label("Title").fill("Where is my parcel?")
    await page.get_by_label("Description").fill("I ordered on **Monday**.")
    if files:
        await page.get_by_label("Files").set_input_files(files)  # type: ignore[arg-type]
    desk.clock.advance(5 * SECOND)
    await page.get_by_role("button", name="Send").click()
    return await page.get_by_label("Your private link").input_value()


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
async def test_somebody_without_an_account_writes_follows_answers_closes_and_reopens(
    desk: Desk, windows: Windows, scripts: bool, screen: dict[str, object]
) -> None:
    await desk.db.write(setup.set_public_form, True)
    agent = await desk.agent(name="Mara Lind")
    page = await windows.open(None, "/login", java_script_enabled=scripts, **screen)

    link = await write(desk, page, RECEIPT, NOTE)
    if scripts:
        await is_steady(page)
    await page.get_by_role("link", name="Open the page and bookmark it").click()
    await expect(page).to_have_url(link)
    await expect(page.get_by_role("link", name="receipt.png", exact=True)).to_be_visible()
    await agent.post("/api/tickets/1/messages", {"body": "On its way."})
    await page.reload()
    await expect(page.get_by_role("log")).to_contain_text("On its way.")
    await page.get_by_label("Reply").fill("Thank you, it came.")
    await page.get_by_label("Files").set_input_files([NOTE])  # type: ignore[list-item]
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("log")).to_contain_text("Thank you, it came.")
    await page.get_by_role("link", name="receipt.png", exact=True).click()
    await expect(page.get_by_role("img", name="receipt.png")).to_be_visible()
    if scripts:
        await is_steady(page)
    await page.get_by_role("link", name="Back to your ticket").click()
    await page.get_by_role("button", name="Close ticket").click()
    await expect(page.get_by_text("Reopen it to write")).to_be_visible()
    await page.get_by_role("button", name="Reopen").click()
    await expect(page.get_by_label("Reply")).to_be_visible()
    if scripts:
        await is_steady(page)

    ticket = (await agent.get("/api/tickets/1")).body
    assert (ticket["status"], ticket["reopen_count"], ticket["file_count"]) == ("open", 1, 3)
    assert [c["name"] for c in await page.context.cookies()] == ["servicedesk_guest"]


async def test_a_program_that_fills_everything_in_and_a_person_who_sees_no_trap(
    desk: Desk, windows: Windows
) -> None:
    await desk.db.write(setup.set_public_form, True)
    agent = await desk.agent()
    page = await windows.open(None, "/new")

    for key in range(12):
        await page.keyboard.press("Tab")
        focused = await page.evaluate("document.activeElement.id")
        assert focused != "website", key
    box = await page.locator("#website").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 0
    await page.evaluate("document.querySelector('#website').value = 'https://spam.example'")
    link = await write_on(desk, page)

    assert (await agent.all("/api/tickets/")) == []
    answer = await page.goto(link)
    assert answer is not None
    assert answer.status == 404
    await expect(page.get_by_text("This link is not valid")).to_be_visible()


async def write_on(desk: Desk, page: Page) -> str:
    await page.get_by_label("Your name").fill("Nora Quist")
    await page.get_by_label("E-mail").fill("nora@home.example")
    await page.get_by_label("Title").fill("Buy this")
    desk.clock.advance(5 * SECOND)
    await page.get_by_role("button", name="Send").click()
    return await page.get_by_label("Your private link").input_value()


async def test_who_is_too_quick_waits_and_has_lost_nothing(desk: Desk, windows: Windows) -> None:
    await desk.db.write(setup.set_public_form, True)
    agent = await desk.agent()
    page = await windows.open(None, "/new", java_script_enabled=False)
    await page.get_by_label("Your name").fill("Nora Quist")
    await page.get_by_label("E-mail").fill("nora@home.example")
    await page.get_by_label("Title").fill("Quick")
    await page.get_by_label("Description").fill("Two\nlines")
    await page.get_by_role("button", name="Send").click()

    await expect(page.get_by_role("alert")).to_contain_text("Please wait 3 seconds")
    await expect(page.get_by_label("Description")).to_have_value("Two\nlines")
    desk.clock.advance(3 * SECOND)
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("heading", name="Thank you")).to_be_visible()

    [ticket] = await agent.all("/api/tickets/")
    assert ticket["description"] == "Two\nlines"


async def test_new_messages_appear_on_the_private_page_by_themselves(desk: Desk, windows: Windows) -> None:
    await desk.db.write(setup.set_public_form, True)
    agent = await desk.agent(name="Mara Lind")
    page = await windows.open(None, "/login")
    link = await write(desk, page)
    await page.clock.install()
    await page.goto(link)
    await page.get_by_label("Reply").fill("I am writing")

    await agent.post("/api/tickets/1/messages", {"body": "Here it is."})
    await agent.post("/api/tickets/1/messages", {"body": "For us alone", "is_internal": True})
    await page.clock.run_for(21_000)

    await expect(page.get_by_role("log")).to_contain_text("Here it is.")
    await expect(page.get_by_role("log")).not_to_contain_text("For us alone")
    await expect(page.get_by_label("Reply")).to_have_value("I am writing")


async def test_staff_end_a_private_link_where_they_see_the_ticket(desk: Desk, windows: Windows) -> None:
    await desk.db.write(setup.set_public_form, True)
    agent = await desk.agent(name="Mara Lind")
    page = await windows.open(None, "/login")
    link = await write(desk, page)
    console = await windows.open(agent, "/tickets/1")

    await expect(console.get_by_text("Public form", exact=True)).to_be_visible()
    await console.get_by_role("button", name="End private link").click()
    await expect(console.get_by_text("ended", exact=True)).to_be_visible()

    await page.goto(link)
    await expect(page.get_by_text("This link is not valid, or not any more")).to_be_visible()


# With an account --------------------------------------------------------------------------------------------------


async def customer_of(desk: Desk) -> tuple[Client, Client]:
    nora = await desk.customer(
        name="Nora Quist", email="nora@home.example", password_hash=await with_password(desk)
    )
    agent = await desk.agent(name="Mara Lind")
    await nora.ticket("The door squeaks", description="Since Monday.")
    await agent.post("/api/tickets/1/messages", {"body": "Which door?"})
    await agent.post("/api/tickets/1/messages", {"body": "A secret note", "is_internal": True})
    await agent.ticket("A strange ticket")
    return nora, agent


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
async def test_a_customer_logs_in_answers_attaches_closes_and_reopens(
    desk: Desk, windows: Windows, scripts: bool, screen: dict[str, object]
) -> None:
    _, agent = await customer_of(desk)
    page = await windows.open(None, "/", java_script_enabled=scripts, **screen)

    await page.get_by_label("E-mail").fill("nora@home.example")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("link", name="The door squeaks")).to_be_visible()
    await expect(page.get_by_text("A strange ticket")).to_have_count(0)
    await page.get_by_role("link", name="The door squeaks").click()
    log = page.get_by_role("log")
    await expect(log).to_contain_text("Which door?")
    await page.get_by_label("Reply").fill("The front door.")
    if scripts:
        await page.locator("#attach").set_input_files([RECEIPT])  # type: ignore[list-item]
        await expect(page.locator(".upload")).to_contain_text("receipt.png")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(log).to_contain_text("The front door.")
    if not scripts:
        await page.get_by_label("File", exact=True).set_input_files([RECEIPT])  # type: ignore[list-item]
        await page.get_by_role("button", name="Upload file").click()
    await expect(page.locator("#file-count")).to_have_text("1")
    await page.get_by_role("button", name="Close ticket").click()
    await expect(page.get_by_text("This ticket is closed. Reopen it to reply.")).to_be_visible()
    await page.get_by_role("button", name="Reopen").click()
    await expect(page.get_by_label("Reply")).to_be_visible()

    ticket = (await agent.get("/api/tickets/1")).body
    assert (ticket["status"], ticket["reopen_count"], ticket["file_count"]) == ("open", 1, 1)
    bodies = [message["body"] for message in await agent.all("/api/tickets/1/messages")]
    assert bodies == ["Which door?", "A secret note", "The front door."]


INTERNAL = re.compile(
    r"\b(secret|sla|breached|at risk|team|macros?|escalat\w+|assignee|watchers?|internal|note|level \d|"
    r"unassigned|mine|what.if|numbers|people|skills|score)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_nothing_internal_stands_on_any_page_of_a_customer(
    desk: Desk, windows: Windows, screen: dict[str, object]
) -> None:
    nora, agent = await customer_of(desk)
    await agent.put("/api/tickets/1/priority", {"priority": "critical"})
    await agent.post("/api/tickets/1/escalate", {"reason": "Nobody came for days."})
    desk.clock.advance(60 * 24 * MINUTE)
    page = await windows.open(nora, "/", **screen)

    for path in (
        *("/", "/?view=open", "/?view=resolved", "/tickets/1", "/tickets/1#properties", "/tickets/new"),
        *("/search?q=door", "/search?q=secret", "/settings", "/notifications"),
    ):
        await page.goto(path)
        shown = await page.locator("body").inner_text()
        typed = shown.replace("secret", "", 1) if "q=secret" in path else shown
        assert INTERNAL.findall(typed) == [], (path, shown)
        await is_steady(page)
    for path in ("/numbers", "/people", "/settings/sla", "/settings/macros", "/settings/views", "/tickets/2"):
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status in (403, 404), path


async def test_an_empty_view_of_a_customer_who_has_tickets_does_not_say_that_they_have_none(
    desk: Desk, windows: Windows
) -> None:
    nora, agent = await customer_of(desk)
    page = await windows.open(nora, "/?view=resolved")

    await expect(page.get_by_role("heading", name="Nothing solved yet")).to_be_visible()
    await expect(page.get_by_text("Write your first ticket")).to_have_count(0)
    new = await desk.customer()
    other = await windows.open(new, "/")
    await expect(other.get_by_role("link", name="Write your first ticket")).to_be_visible()
    assert agent.id


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_whoever_needs_help_to_read_finds_nothing_in_the_way(
    desk: Desk, windows: Windows, scheme: str
) -> None:
    await desk.db.write(setup.set_public_form, True)
    agent = await desk.agent(name="Mara Lind")
    page = await windows.open(None, "/new", color_scheme=scheme, viewport={"width": 390, "height": 844})
    found = {"form": (await Axe().run(page)).response["violations"]}
    await page.get_by_role("button", name="Send").evaluate("button => button.form.noValidate = true")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    found["refused"] = (await Axe().run(page)).response["violations"]
    link = await write(desk, page, RECEIPT)
    found["sent"] = (await Axe().run(page)).response["violations"]
    await agent.post("/api/tickets/1/messages", {"body": "Here it is."})
    await page.goto(link)
    found["ticket"] = (await Axe().run(page)).response["violations"]
    await page.get_by_role("link", name="receipt.png", exact=True).click()
    await page.get_by_role("img", name="receipt.png").wait_for()
    found["file"] = (await Axe().run(page)).response["violations"]

    assert {name: [v["id"] for v in violations] for name, violations in found.items() if violations} == {}
