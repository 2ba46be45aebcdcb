"""Without scripts every form has its button, and first of all: log in, and set up a desk."""

import pytest
from playwright.async_api import expect

from servicedesk.web import auth
from servicedesk.web.passwords import HASHER
from servicedesk.web.setup import SETUP_LINK
from tests.browser.windows import Windows, choose, on_every_screen, press
from tests.served import Desk

PASSWORD = "correct horse battery"


async def with_password(desk: Desk) -> str:
    """Return the hash of the password that people of these tests have."""
    return await desk.app[HASHER].hash(PASSWORD)


@on_every_screen
@pytest.mark.parametrize("scripts", [True, False])
async def test_people_log_in_go_where_they_wanted_and_log_out(
    desk: Desk, windows: Windows, scripts: bool
) -> None:
    agent = await desk.agent(password_hash=await with_password(desk))
    ticket = await agent.ticket()
    page = await windows.open(None, f"/tickets/{ticket['id']}", java_script_enabled=scripts)
    await expect(page).to_have_url(f"{desk.url}/login?next=/tickets/{ticket['id']}")

    await page.get_by_label("E-mail").fill(agent.user.email)
    await page.get_by_label("Password").fill("a wrong password")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_contain_text("e-mail address or the password is wrong")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page).to_have_url(f"{desk.url}/tickets/{ticket['id']}")
    await page.get_by_role("button", name="You: ").click()
    await page.get_by_role("button", name="Log out").click()

    await expect(page).to_have_url(f"{desk.url}/login")
    await page.goto("/")
    await expect(page).to_have_url(f"{desk.url}/login")


async def test_a_log_in_leads_nowhere_else(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent(password_hash=await with_password(desk))
    page = await windows.open(None, "/login?next=//evil.example/")

    await page.get_by_label("E-mail").fill(agent.user.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()

    await expect(page).to_have_url(f"{desk.url}/")


@on_every_screen
async def test_a_desk_is_set_up_by_its_link_and_gets_its_first_ticket(desk: Desk, windows: Windows) -> None:
    page = await windows.open(None, desk.app[SETUP_LINK].path, timezone_id="Europe/Lisbon")
    await expect(page.get_by_label("Time zone")).to_have_value("Europe/Lisbon")

    await page.get_by_label("E-mail").fill("ada@desk.example")
    await page.get_by_label("Name", exact=True).fill("Ada")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_label("Desk name").fill("Ada’s desk")
    await page.get_by_label("First team").fill("Support")
    await press(page.get_by_role("button", name="Skip"))
    await expect(page.get_by_role("link", name="Ada’s desk")).to_be_visible()
    await press(page.get_by_role("button", name="New ticket"))
    await page.get_by_label("Title").fill("The very first")
    await page.get_by_label("Description").fill("It works.")
    await press(page.get_by_role("button", name="Create ticket"))

    await expect(page.get_by_role("heading", name="The very first")).to_be_visible()
    await page.goto(desk.app[SETUP_LINK].path)
    await expect(page.get_by_text("This link is used up")).to_be_visible()


async def test_a_ticket_is_written_answered_and_moved_without_scripts(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent(name="Mara Lind")
    page = await windows.open(agent, java_script_enabled=False)

    await page.get_by_role("button", name="New ticket").click()
    await page.get_by_label("Title").fill("   ")
    await page.get_by_role("button", name="Create ticket").click()
    await expect(page.get_by_text("Must not be empty")).to_be_visible()
    await page.get_by_label("Title").fill("Plain and simple")
    await choose(page, "Assignee", "Nobody")
    await page.get_by_role("button", name="Create ticket").click()
    await expect(page.get_by_role("heading", name="Plain and simple")).to_be_visible()
    await page.get_by_label("Reply").fill("A public word.\nOn two lines.")
    await page.get_by_label("Internal note").fill("And a note.")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("[data-message]")).to_have_count(2)
    await choose(page, "Assignee", "Mara Lind")
    await page.get_by_role("button", name="Assign").click()
    await choose(page, "Status", "In progress")
    await page.get_by_role("button", name="Set status").click()
    await choose(page, "Priority", "High")
    await page.get_by_role("button", name="Set priority").click()
    await page.get_by_label("Reason").fill("Nobody came for three days.")
    await page.get_by_role("button", name="Escalate").click()
    await expect(page.get_by_text("Level 1", exact=True)).to_be_visible()

    ticket = (await agent.get("/api/tickets/1")).body
    assert (ticket["status"], ticket["assigned_to"]["name"]) == ("in_progress", "Mara Lind")
    assert (ticket["priority"], ticket["escalation_level"]) == ("critical", 1)
    messages = await agent.all("/api/tickets/1/messages")
    assert [(m["body"], m["is_internal"]) for m in messages] == [
        ("A public word.\nOn two lines.", False),
        ("And a note.", True),
    ]


async def test_a_refusal_without_scripts_is_a_page_that_says_why(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    await agent.ticket(auto_assign=False)
    page = await windows.open(agent, "/tickets/1", java_script_enabled=False)

    await choose(page, "Status", "Resolved")
    await page.get_by_role("button", name="Set status").click()

    await expect(page.get_by_text("Assign the ticket to somebody first.")).to_be_visible()


async def test_people_teams_and_tokens_are_made_without_scripts(desk: Desk, windows: Windows) -> None:
    admin = await desk.admin()
    page = await windows.open(admin, "/people", java_script_enabled=False)

    await page.get_by_label("Name of the new team").fill("Night shift")
    await page.get_by_role("button", name="Add team").click()
    await page.get_by_label("Name", exact=True).fill("Noor Haddad")
    await page.get_by_label("E-mail").fill("noor@desk.example")
    await page.get_by_label("Password").fill("password12")
    await choose(page, "Team", "Night shift")
    await page.get_by_role("button", name="Add person").click()
    await expect(page.locator(".wrong")).to_be_visible()
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Add person").click()
    await page.get_by_role("link", name="Change Noor Haddad").click()
    await page.get_by_label("Skills", exact=True).first.fill("vpn, mail")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.goto("/settings")
    await page.get_by_label("Name of the new token").fill("backup")
    await page.get_by_role("button", name="Make a token").click()
    token = await page.get_by_label("New token", exact=True).input_value()

    users = await admin.all("/api/users/")
    assert [(u["name"], u["skills"], u["team_ids"]) for u in users[1:]] == [
        ("Noor Haddad", ["vpn", "mail"], [1])
    ]
    assert len(auth.hash_of(token)) == 32
    assert (await desk.client(admin.user, token).get("/api/auth/me")).body["id"] == admin.id
