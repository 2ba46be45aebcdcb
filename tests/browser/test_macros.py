"""Macros in the console: written down, looked at, edited and applied."""

from playwright.async_api import expect

from tests.browser.test_uploads import choose, chosen
from tests.browser.windows import Windows
from tests.served import Desk


async def test_a_macro_is_written_previewed_and_applied_without_script(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent(name="Ada")
    ticket = await agent.ticket("No light", requester={"email": "c@shop.example", "name": "Carla Brown"})
    page = await windows.open(agent, "/settings/macros", java_script_enabled=False)
    await page.get_by_label("Name", exact=True).fill("Solved")
    await page.get_by_label("Text").fill("Hello {{requester.first_name}}, done.")
    await page.locator("#status").select_option("resolved")
    await page.locator("#assigned_to").select_option("me")
    await page.get_by_role("button", name="Save macro").click()

    await page.goto(f"/tickets/{ticket['id']}")
    await page.get_by_role("link", name="Macros").click()
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_label("Reply")).to_have_value("Hello Carla, done.")
    await expect(page.get_by_role("listitem").filter(has_text="Status")).to_contain_text("Resolved")
    await page.get_by_label("Reply").fill("Hello Carla, all done.")
    await page.get_by_role("button", name="Apply").click()

    await expect(page.locator("#log")).to_contain_text("Hello Carla, all done.")
    after = (await agent.get(f"/api/tickets/{ticket['id']}")).body
    assert after["status"] == "resolved"


async def test_an_unknown_placeholder_is_named_and_nothing_is_lost(desk: Desk, windows: Windows) -> None:
    page = await windows.open(await desk.agent(), "/settings/macros")
    await page.get_by_label("Name", exact=True).fill("Odd")
    await page.get_by_label("Text").fill("Hello {{requester.shoe}}")
    await page.get_by_role("button", name="Save macro").click()

    await expect(page.get_by_role("alert")).to_contain_text("{{requester.shoe}}")
    await expect(page.get_by_label("Text")).to_have_value("Hello {{requester.shoe}}")


async def test_a_macro_is_chosen_edited_and_sent_from_the_composer(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent(name="Ada")
    ticket = await agent.ticket("No light", requester={"email": "c@shop.example", "name": "Carla Brown"})
    actions = {"status": "pending", "add_tags": ["asked"]}
    await agent.post(
        "/api/macros/", {"name": "Ask", "body": "Which, {{requester.first_name}}?", "actions": actions}
    )
    page = await windows.open(agent, f"/tickets/{ticket['id']}")

    await page.keyboard.press("m")
    await page.get_by_role("option", name="Ask").wait_for()
    await page.keyboard.press("Enter")
    await expect(page.locator("#macro")).to_contain_text("status Pending")
    reply = page.get_by_label("Reply", exact=True)
    await expect(reply).to_have_value("Which, Carla?")
    await reply.fill("Which one, Carla?")
    await page.get_by_role("button", name="Send").click()

    await expect(page.locator("#log")).to_contain_text("Which one, Carla?")
    await expect(reply).to_have_value("")
    await expect(page.locator("#macro")).to_have_count(0)
    after = (await agent.get(f"/api/tickets/{ticket['id']}")).body
    assert (after["status"], after["tags"], after["message_count"]) == ("pending", ["asked"], 1)


async def test_files_that_wait_go_with_the_macro(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent(name="Ada")
    ticket = await agent.ticket("No light")
    await agent.post("/api/macros/", {"name": "Manual", "body": "The manual is attached.", "actions": {}})
    page = await windows.open(agent, f"/tickets/{ticket['id']}")
    await choose(page, chosen("manual.txt"))
    await expect(page.locator(".upload")).to_contain_text("ready")

    await page.keyboard.press("m")
    await page.get_by_role("option", name="Manual").wait_for()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Reply", exact=True)).to_have_value("The manual is attached.")
    await page.get_by_role("button", name="Send").click()

    await expect(page.locator("[data-message] .file")).to_contain_text("manual.txt")
    await expect(page.locator(".upload")).to_have_count(0)
