"""Everything within two keys, and none of them while somebody types."""

import asyncio
from typing import Final

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.windows import Windows, is_live, on_every_screen, press
from tests.served import Client, Desk

pytestmark = on_every_screen

MANY_PEOPLE: Final = """() => {
    const names = ["Printer", "Lift", "Mail", "Door", "Light"];
    document.querySelector("#assignee").append(
        ...Array.from({ length: 2000 }, (_, n) => new Option(`${names[n % 5]} Person ${n}`, String(9000 + n))));
}"""
TIMED: Final = """() => {
    window.took = [];
    let began = 0;
    addEventListener("input", () => { began = performance.now(); }, true);
    addEventListener("input", () => {
        document.querySelector("#palette").getBoundingClientRect(); // drawn, not only written down
        window.took.push(performance.now() - began);
    });
}"""


async def queue_of(desk: Desk, windows: Windows, tickets: int) -> tuple[Client, Page]:
    agent = await desk.agent(name="Mara Lind")
    for n in range(tickets):
        await agent.ticket(f"Ticket {n}", auto_assign=False)
    return agent, await windows.open(agent)


async def ticket_of(desk: Desk, windows: Windows) -> tuple[Client, Page]:
    agent = await desk.agent(name="Mara Lind")
    await agent.ticket("Ticket 0", auto_assign=False)
    return agent, await windows.open(agent, "/tickets/1")


async def test_the_list_is_walked_selected_and_opened_by_keys(desk: Desk, windows: Windows) -> None:
    _, page = await queue_of(desk, windows, 40)
    rows = page.get_by_role("row")
    titles = await rows.locator(".cell-title a").all_text_contents()

    for key in "jjk":
        await page.keyboard.press(key)
    await expect(rows.nth(0)).to_be_focused()
    await expect(rows.nth(0)).to_have_css("outline-style", "solid")
    await page.keyboard.press("x")
    await page.keyboard.press("Shift+J")
    await page.keyboard.press("Shift+J")

    chosen = page.locator('[role="row"][aria-selected="true"]')
    await expect(chosen.locator(".cell-title a")).to_have_text(titles[:3])
    await expect(page.get_by_text("3 selected")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(chosen).to_have_count(0)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name=titles[2], exact=True)).to_be_visible()
    await page.keyboard.press("]")
    await expect(page.get_by_role("heading", name=titles[3], exact=True)).to_be_visible()
    await page.keyboard.press("[")
    await expect(page.get_by_role("heading", name=titles[2], exact=True)).to_be_visible()
    await page.go_back()
    await expect(page.get_by_role("heading", name=titles[3], exact=True)).to_be_visible()


async def test_a_ticket_is_worked_by_single_keys(desk: Desk, windows: Windows) -> None:
    agent, page = await ticket_of(desk, windows)
    other = await desk.agent(name="Yuki Tanaka")
    await page.reload()
    await is_live(page)

    await page.keyboard.press("a")
    await page.keyboard.type("yuk")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Assignee", exact=True)).to_have_value(str(other.id))
    await page.keyboard.press("i")
    await expect(page.get_by_label("Assignee", exact=True)).to_have_value(str(agent.id))
    await page.keyboard.press("p")
    await page.keyboard.type("crit")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Priority", exact=True)).to_have_value("critical")
    await page.keyboard.press("s")
    await page.keyboard.type("prog")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Status", exact=True)).to_have_value("in_progress")
    await page.keyboard.press("z")
    await page.keyboard.type("Waiting for the lift company")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_label("Status", exact=True)).to_have_value("on_hold")
    await page.keyboard.press("Escape")
    await page.keyboard.press("e")

    await expect(page.get_by_label("Status", exact=True)).to_have_value("resolved")


async def test_words_are_written_and_sent_by_keys(desk: Desk, windows: Windows) -> None:
    agent, page = await ticket_of(desk, windows)

    await page.keyboard.press("n")
    await page.keyboard.type("He always says that.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("[data-message]")).to_have_count(1)
    await page.keyboard.press("Escape")
    await page.keyboard.press("r")
    await page.keyboard.type("We are on our way.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("[data-message]")).to_have_count(2)
    await page.keyboard.press("Escape")
    await page.keyboard.press("/")
    await page.keyboard.type("way")
    await page.keyboard.press("Enter")

    await expect(page.locator(".hit mark").first).to_have_text("way")
    sent = [(m["body"], m["is_internal"]) for m in await agent.all("/api/tickets/1/messages")]
    assert sent == [("He always says that.", True), ("We are on our way.", False)]


async def test_keys_rest_while_somebody_types(desk: Desk, windows: Windows) -> None:
    agent, page = await ticket_of(desk, windows)

    await page.keyboard.press("r")
    await page.keyboard.type("easy? sip in/a ziprj k")

    await expect(page.get_by_label("Reply")).to_have_value("easy? sip in/a ziprj k")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert (await agent.get("/api/tickets/1")).body["version"] == 1


async def test_single_keys_can_be_switched_off(desk: Desk, windows: Windows) -> None:
    _, page = await ticket_of(desk, windows)
    await page.goto("/settings")
    await page.get_by_label("Single-key shortcuts").uncheck()
    await press(page.get_by_role("button", name="Save the look"))
    await expect(page.locator(".notice.good")).to_be_visible()
    await page.goto("/tickets/1")
    await is_live(page)

    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("Control+k")

    await expect(page.get_by_role("dialog")).to_be_visible()


async def test_the_palette_assigns_and_goes_places(desk: Desk, windows: Windows) -> None:
    agent, page = await queue_of(desk, windows, 2)
    await page.goto("/tickets/1")
    await is_live(page)

    for words, outcome in (("ass mar", "Assignee"), ("#2", "Ticket 1"), ("unassi", "Unassigned")):
        await page.keyboard.press("Control+k")
        await page.keyboard.type(words)
        await page.keyboard.press("Enter")
        if outcome == "Assignee":
            await expect(page.get_by_label("Assignee", exact=True)).to_have_value(str(agent.id))
        else:
            await expect(page.get_by_role("heading", name=outcome, exact=True)).to_be_visible()


@pytest.mark.parametrize("sent", [False, True], ids=["the words", "the words and Enter"])
async def test_what_is_typed_before_the_palette_is_there_is_not_lost(
    desk: Desk, windows: Windows, sent: bool
) -> None:
    agent, page = await ticket_of(desk, windows)
    go = asyncio.Event()

    async def hold(route: Route) -> None:
        await go.wait()
        await route.continue_()

    await page.route("**/palette.js", hold)
    await page.goto("/tickets/1")
    await is_live(page)
    await page.keyboard.press("Control+k")
    await page.keyboard.type("ass mar")
    if sent:
        await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    go.set()
    if not sent:
        await expect(page.get_by_role("dialog").get_by_role("combobox")).to_have_value("ass mar")
        await page.keyboard.press("Enter")

    await expect(page.get_by_label("Assignee", exact=True)).to_have_value(str(agent.id))


async def test_the_palette_has_what_was_used_last_at_its_top(desk: Desk, windows: Windows) -> None:
    _, page = await ticket_of(desk, windows)
    options = page.get_by_role("dialog").get_by_role("option")

    for words, value in (("high", "high"), ("pri low", "low")):
        await page.keyboard.press("Control+k")
        await page.keyboard.type(words)
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Priority", exact=True)).to_have_value(value)
    await page.reload()
    await is_live(page)
    await page.keyboard.press("Control+k")

    await expect(options.nth(0)).to_contain_text("Priority: Low")
    await expect(options.nth(1)).to_contain_text("Priority: High")


async def test_the_palette_keeps_up_with_the_fingers_among_two_thousand_things(
    desk: Desk, windows: Windows
) -> None:
    _, page = await ticket_of(desk, windows)
    await page.evaluate(MANY_PEOPLE)
    await page.evaluate(TIMED)
    await page.keyboard.press("Control+k")
    first = page.get_by_role("dialog").get_by_role("option").first
    await expect(page.get_by_label("Command palette").get_by_role("combobox")).to_be_focused()

    await page.keyboard.type("ass lift 1201")
    await expect(first).to_contain_text("Assign to Lift Person 1201")
    for _ in range(13):
        await page.keyboard.press("Backspace")
    await page.keyboard.type("dr prsn 778")

    await expect(first).to_contain_text("Assign to")
    took = sorted(await page.evaluate("window.took"))
    assert len(took) == 37
    assert took[len(took) // 2] <= 50, took


async def test_help_lists_the_keys_and_closes_with_escape(desk: Desk, windows: Windows) -> None:
    _, page = await queue_of(desk, windows, 1)

    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Assign to me")
    await page.keyboard.press("Escape")

    await expect(page.get_by_role("dialog")).to_have_count(0)
