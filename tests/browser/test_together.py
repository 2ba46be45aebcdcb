"""Two windows on one desk: what one does, the other sees."""

import asyncio
import re

from playwright.async_api import Page, expect

from tests.browser.windows import Windows, becomes_true, choose, is_live, on_every_screen, press, show_details
from tests.served import Desk

pytestmark = on_every_screen

GONE = 25_000
"""Milliseconds in which nobody shows a person any more whose last window died: ten, and a busy machine's leisure."""


async def test_two_windows_see_each_others_messages(desk: Desk, windows: Windows) -> None:
    agent, customer = await desk.agent(name="Mara Lind"), await desk.customer(name="Carla Weiss")
    ticket = await customer.ticket()
    ours = await windows.open(agent, f"/tickets/{ticket['id']}")
    theirs = await windows.open(customer, f"/tickets/{ticket['id']}")

    await ours.get_by_label("Reply").fill("Is it **still** burning?")
    await press(ours.get_by_role("button", name="Send"))
    await expect(theirs.get_by_role("log")).to_contain_text("Is it still burning?")
    await theirs.get_by_label("Reply").fill("Only a little.")
    await theirs.get_by_label("Reply").press("Control+Enter")

    await expect(ours.get_by_role("log")).to_contain_text("Only a little.")
    for page in (ours, theirs):
        await expect(page.locator("[data-message]")).to_have_count(2)
        await expect(page.locator(".is-sending, .is-waiting, .is-failed")).to_have_count(0)
    assert len(await agent.all(f"/api/tickets/{ticket['id']}/messages")) == 2


async def test_an_internal_note_is_seen_by_staff_alone(desk: Desk, windows: Windows) -> None:
    agent, other, customer = await desk.agent(), await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    ours = await windows.open(agent, f"/tickets/{ticket['id']}")
    colleague = await windows.open(other, f"/tickets/{ticket['id']}")
    theirs = await windows.open(customer, f"/tickets/{ticket['id']}")

    await ours.keyboard.press("n")
    await ours.get_by_label("Internal note").fill("He always says that.")
    await press(ours.get_by_role("button", name="Send"))
    await expect(colleague.get_by_role("log")).to_contain_text("He always says that.")
    await agent.post(f"/api/tickets/{ticket['id']}/messages", {"body": "We are on our way."})

    await expect(theirs.get_by_role("log")).to_contain_text("We are on our way.")
    await expect(theirs.get_by_role("log")).not_to_contain_text("He always says that.")
    await expect(theirs.get_by_label("Internal note")).to_have_count(0)


async def test_a_status_that_one_sets_the_other_sees(desk: Desk, windows: Windows) -> None:
    agent, other = await desk.agent(), await desk.agent()
    ticket = await agent.ticket()
    ours = await windows.open(agent, f"/tickets/{ticket['id']}")
    theirs = await windows.open(other, f"/tickets/{ticket['id']}")

    await choose(ours, "Status", "Pending")

    await show_details(theirs)
    await expect(theirs.get_by_label("Status", exact=True)).to_have_value("pending")
    await expect(theirs.locator("#history")).to_contain_text("set New → Pending")
    await press(ours.get_by_role("button", name="Dismiss"))
    await choose(ours, "Status", "Open")
    await press(ours.get_by_role("button", name="Undo"))
    await expect(theirs.get_by_label("Status", exact=True)).to_have_value("pending")


async def test_a_move_that_needs_a_word_asks_for_it_in_place(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    page = await windows.open(agent, f"/tickets/{ticket['id']}")

    await choose(page, "Status", "On hold")
    await page.get_by_label("Comment").fill("The part comes on Thursday.")
    await page.get_by_label("Comment").press("Control+Enter")

    await expect(page.locator("#history")).to_contain_text("The part comes on Thursday.")
    assert (await agent.get(f"/api/tickets/{ticket['id']}")).body["status"] == "on_hold"


async def test_rows_and_counts_of_the_queue_follow_within_a_second(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    page = await windows.open(agent)
    await expect(page.get_by_text("The desk is ready")).to_be_visible()

    ticket = await agent.ticket("The lift is stuck", auto_assign=False)
    await expect(page.get_by_role("row").filter(has_text="The lift is stuck")).to_be_visible(timeout=1_000)
    await expect(page.locator('[data-view="unassigned"] .count')).to_have_text("1", timeout=1_000)
    await agent.put(f"/api/tickets/{ticket['id']}/assign", {"assigned_to": agent.id})

    await expect(page.locator('[data-view="mine"] .count')).to_have_text("1", timeout=1_000)
    await expect(page.locator('[data-view="unassigned"] .count')).to_have_text("0", timeout=1_000)
    await press(page.get_by_role("link", name="Mine"))
    await expect(page.get_by_role("row")).to_have_count(1)


async def kill(page: Page) -> None:
    """Have the page die on the spot, as when the power fails."""
    session = await page.context.new_cdp_session(page)
    async with page.expect_event("crash"):
        dying = asyncio.ensure_future(session.send("Page.crash"))
    dying.cancel()


async def test_several_windows_are_one_person_who_is_gone_soon_after_the_last_was_killed(
    desk: Desk, windows: Windows
) -> None:
    agent, other = await desk.agent(name="Mara Lind"), await desk.agent(name="Yuki Tanaka")
    await agent.ticket()
    ours = await windows.open(agent, "/tickets/1")
    first = await windows.open(other, "/tickets/1")
    await windows.tab(first.context, "/tickets/1")
    last = await windows.open(other, "/tickets/1", has_own_line=True)
    await is_live(last)
    faces, here = ours.locator("#viewers .avatar"), ours.locator("#here .avatar")
    await expect(faces).to_have_text(["YT"])
    await expect(faces).to_have_attribute("title", "Yuki Tanaka is looking at this ticket")
    await expect(here).to_have_text(["YT"])

    await first.context.close()
    await last.get_by_label("Reply").press_sequentially("Not gone")
    await expect(ours.get_by_text("Yuki Tanaka is typing a reply")).to_be_visible()
    await expect(faces).to_have_text(["YT"])
    await kill(last)

    await expect(ours.get_by_text("Yuki Tanaka is typing a reply")).to_be_hidden()
    await expect(faces).to_have_count(0, timeout=GONE)
    await expect(here).to_have_count(0, timeout=GONE)


async def test_an_avatar_and_the_bar_say_who_types_what(desk: Desk, windows: Windows) -> None:
    agent, other = await desk.agent(name="Mara Lind"), await desk.agent(name="Yuki Tanaka")
    await agent.ticket()
    ours = await windows.open(agent, "/tickets/1")
    theirs = await windows.open(other, "/tickets/1")
    face = ours.locator("#viewers .avatar")

    for kind, label in (("a reply", "Reply"), ("a note", "Internal note")):
        await press(theirs.get_by_role("tab", name=label.split()[-1], exact=False))
        await theirs.get_by_label(label).press_sequentially("I know")
        await expect(
            ours.get_by_role("status").filter(has_text=f"Yuki Tanaka is typing {kind}")
        ).to_be_visible()
        await expect(face).to_have_attribute("title", f"Yuki Tanaka is typing {kind}")
        await theirs.get_by_label(label).fill("")
        await expect(face).to_have_attribute("title", "Yuki Tanaka is looking at this ticket")


async def test_a_colleagues_answer_is_shown_before_ours_is_sent(desk: Desk, windows: Windows) -> None:
    agent, other = await desk.agent(name="Mara Lind"), await desk.agent(name="Yuki Tanaka")
    ticket = await agent.ticket()
    ours = await windows.open(agent, f"/tickets/{ticket['id']}")
    theirs = await windows.open(other, f"/tickets/{ticket['id']}")

    await theirs.get_by_label("Reply").press_sequentially("I know this one")
    await ours.get_by_label("Reply").press_sequentially("So do I")
    await press(theirs.get_by_role("button", name="Send"))
    await expect(ours.get_by_role("log")).to_contain_text("I know this one")
    await press(ours.get_by_role("button", name="Send"))

    await expect(ours.get_by_text("Yuki Tanaka wrote while you were writing")).to_be_visible()
    await expect(ours.locator("[data-message]")).to_be_in_viewport()
    await expect(ours.get_by_label("Reply")).to_have_value("So do I")
    assert len(await agent.all("/api/tickets/1/messages")) == 1
    await press(ours.get_by_role("button", name="Send anyway"))
    await expect(theirs.get_by_role("log")).to_contain_text("So do I")


async def test_what_was_typed_outlives_a_killed_page_and_is_there_on_another_device(
    desk: Desk, windows: Windows
) -> None:
    agent = await desk.agent()
    for _ in range(2):
        await agent.ticket()
    page = await windows.open(agent, "/tickets/1")

    await page.get_by_label("Reply").press_sequentially("Half a sent")
    await expect(page.get_by_text("Draft saved")).to_be_visible()
    await press(page.get_by_role("tab", name="Note"))
    async with page.expect_response("**/tickets/1/drafts"):
        await page.get_by_label("Internal note").press_sequentially("Half a thought")
    await kill(page)

    elsewhere = await windows.open(agent, "/tickets/1")
    await expect(elsewhere.get_by_label("Reply")).to_have_value("Half a sent")
    await expect(elsewhere.get_by_label("Internal note")).to_have_value("Half a thought")
    await elsewhere.goto("/tickets/2")
    await expect(elsewhere.get_by_label("Reply")).to_have_value("")


async def test_what_was_typed_a_second_ago_is_kept_where_the_line_is_down(
    desk: Desk, windows: Windows
) -> None:
    agent = await desk.agent()
    await agent.ticket()
    page = await windows.open(agent, "/tickets/1")
    await page.route("**/drafts", lambda route: route.abort())

    await page.get_by_label("Reply").press_sequentially("Half a sent")
    await becomes_true(page, "Object.keys(localStorage).some(key => key.startsWith('draft:'))")
    await kill(page)

    again = await windows.tab(page.context, "/tickets/1")
    await expect(again.get_by_label("Reply")).to_have_value("Half a sent")


async def test_what_is_new_is_bold_and_counted_until_it_was_seen_in_any_window(
    desk: Desk, windows: Windows
) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket(priority="high")
    await agent.put(f"/api/tickets/{ticket['id']}/assign", {"assigned_to": agent.id})
    page = await windows.open(agent, f"/tickets/{ticket['id']}")
    await expect(page.locator(".is-unread")).to_have_count(0)
    await page.goto("/")
    await is_live(page)
    elsewhere = await windows.open(agent)

    for n in range(3):
        await customer.post(f"/api/tickets/{ticket['id']}/messages", {"body": f"Hello? {n}"})
    for window in (page, elsewhere):
        await expect(window.locator(".is-unread")).to_have_count(1)
        await expect(window.locator(".is-unread .cell-title a")).to_have_css("font-weight", "700")
        await expect(window).to_have_title(re.compile(r"^\(3\) "))
    began = asyncio.get_running_loop().time()
    await press(page.get_by_role("link", name="The printer is on fire"))
    async with page.expect_request("**/read"):
        await expect(page.locator("#unread-divider")).to_be_visible()
    seen = asyncio.get_running_loop().time() - began

    assert seen >= 1
    await expect(page).not_to_have_title(re.compile(r"^\("))
    await expect(elsewhere.locator(".is-unread")).to_have_count(0)
    await expect(elsewhere).not_to_have_title(re.compile(r"^\("))


async def test_fifty_messages_in_a_second_are_shown_once_and_in_order(desk: Desk, windows: Windows) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    page = await windows.open(agent, f"/tickets/{ticket['id']}")

    await asyncio.gather(
        *(customer.post(f"/api/tickets/{ticket['id']}/messages", {"body": f"Number {n}"}) for n in range(50))
    )

    await expect(page.locator("[data-message]")).to_have_count(50)
    shown = await page.locator("[data-message]").evaluate_all(
        "all => all.map(m => Number(m.dataset.message))"
    )
    assert shown == sorted(set(shown))


async def test_a_customer_sees_their_own_tickets_and_no_controls_of_staff(
    desk: Desk, windows: Windows
) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    own, foreign = await customer.ticket("Mine alone"), await agent.ticket("Not theirs")
    page = await windows.open(customer)

    await expect(page.get_by_role("row")).to_have_count(1)
    await page.goto(f"/tickets/{own['id']}")

    for label in ("Priority", "Assignee", "Internal note"):
        await expect(page.get_by_label(label, exact=True)).to_have_count(0)
    answer = await page.goto(f"/tickets/{foreign['id']}")
    assert answer is not None
    assert answer.status == 404


async def test_a_file_is_deleted_by_who_brought_it_and_gone_for_all(desk: Desk, windows: Windows) -> None:
    agent, other = await desk.agent(), await desk.agent()
    await agent.ticket()
    ours, theirs = await windows.open(agent, "/tickets/1"), await windows.open(other, "/tickets/1")
    await ours.locator("#attach").set_input_files(
        {"name": "a.txt", "mimeType": "text/plain", "buffer": b"hello"}
    )
    await expect(theirs.locator("#files")).to_contain_text("a.txt")
    await show_details(theirs)
    await expect(theirs.get_by_role("button", name="Delete a.txt")).to_have_count(0)

    await show_details(ours)
    await press(ours.get_by_role("button", name="Delete a.txt"))

    await expect(theirs.locator("#files [data-file]")).to_have_count(0)
    await expect(theirs.locator("#files .is-gone")).to_contain_text("a.txt")
