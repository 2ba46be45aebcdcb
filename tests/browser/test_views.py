"""The views: what they hold, live counts that equal their lists, and what an empty one says."""

from typing import Any

from playwright.async_api import Page, expect

from servicedesk.domain.people import Role
from servicedesk.domain.times import HOUR, MINUTE
from tests.browser.windows import Windows, choose, on_every_screen, press
from tests.served import Client, Desk

pytestmark = on_every_screen

VIEWS = ("all", "mine", "unassigned", "waiting", "due", "breached", "customer", "resolved")


async def a_desk_with_everything(desk: Desk) -> Client:
    """A desk on which every view holds something: of each status, in time, late and nearly late."""
    agent, boss = await desk.agent(name="Mara Lind"), await desk.person(Role.SUPERVISOR)
    targets = {"high": {"first_response_s": 3600, "resolution_s": 7200}}
    await boss.post("/api/sla/policies/", {"name": "Fast", "targets": targets, "is_default": True})
    desk.clock.advance(-3 * HOUR)
    await agent.ticket("Late", priority="high", auto_assign=False)
    desk.clock.advance(2 * HOUR + 5 * MINUTE)
    await agent.ticket("Nearly late", priority="high", auto_assign=False)
    desk.clock.advance(55 * MINUTE - 1000)
    for n, status in enumerate(("open", "in_progress", "pending", "on_hold", "resolved", "closed")):
        desk.clock.advance(100)
        ticket = await agent.ticket(f"Number {n}", priority="low", assigned_to=agent.id)
        why = {"comment": "For a reason"} if status in ("on_hold", "closed") else {}
        answer = await agent.put(f"/api/tickets/{ticket['id']}/status", {"status": status, **why})
        assert answer.status == 200, answer.body
    await desk.live(0)
    return agent


async def counts(page: Page) -> dict[str, int]:
    """Return the number that stands beside each view."""
    shown: dict[str, Any] = await page.locator("#rail [data-view]").evaluate_all(
        "all => Object.fromEntries(all.map(a => [a.dataset.view, a.querySelector('.count').textContent]))"
    )
    return {view: int(count) for view, count in shown.items()}


async def test_every_view_holds_as_many_as_it_says(desk: Desk, windows: Windows) -> None:
    agent = await a_desk_with_everything(desk)
    page = await windows.open(agent)
    counted = await counts(page)
    assert list(counted) == list(VIEWS)
    assert all(counted.values())

    for view, number in counted.items():
        await press(page.locator(f'[data-view="{view}"]'))
        await expect(page.locator(f'[data-view="{view}"]')).to_have_attribute("aria-current", "page")
        await expect(page.get_by_role("row")).to_have_count(number)
        await expect(page.locator("#total")).to_have_text(str(number))


async def test_who_has_waited_longest_stands_first(desk: Desk, windows: Windows) -> None:
    agent = await a_desk_with_everything(desk)
    page = await windows.open(agent, "/?view=waiting")

    waiting = await page.get_by_role("row").locator(".cell-title a").all_text_contents()

    assert waiting == ["Late", "Nearly late", "Number 0", "Number 1"]


async def test_a_move_by_rest_is_counted_within_a_second(desk: Desk, windows: Windows) -> None:
    agent = await a_desk_with_everything(desk)
    page = await windows.open(agent, "/?view=waiting")
    before = await counts(page)

    await agent.put("/api/tickets/4/status", {"status": "pending"})

    moved = {"waiting": before["waiting"] - 1, "customer": before["customer"] + 1}
    for view, count in moved.items():
        await expect(page.locator(f'[data-view="{view}"] .count')).to_have_text(str(count), timeout=1_000)
    await expect(page.get_by_role("row")).to_have_count(moved["waiting"], timeout=1_000)
    assert await counts(page) == before | moved


async def test_no_match_inbox_zero_and_a_new_desk_are_three_different_things(
    desk: Desk, windows: Windows
) -> None:
    agent, other = await desk.agent(), await desk.agent()
    page = await windows.open(agent)
    empty = page.locator("#empty")

    await expect(empty).to_contain_text("The desk is ready")
    await expect(empty.get_by_role("link", name="Write the first ticket")).to_contain_text("C")
    await other.ticket("The lift is stuck", assigned_to=other.id)
    await press(page.get_by_role("link", name="Mine"))
    await expect(empty).to_contain_text("Inbox zero")
    await expect(empty).to_contain_text("Take the next one from Unassigned with I")
    await press(empty.get_by_role("link", name="All tickets"))
    await expect(page.get_by_role("row")).to_have_count(1)
    await choose(page, "Priority", "Critical")
    await expect(empty).to_contain_text("No ticket matches these filters")
    await press(empty.get_by_role("link", name="Clear filters"))

    await expect(page.get_by_role("row")).to_have_count(1)


async def test_a_search_without_results_says_so_and_what_to_do(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    page = await windows.open(agent, "/search?q=unicorn")

    await expect(page.locator("#results")).to_contain_text("No results for “unicorn”")
    await expect(page.locator("#results")).to_contain_text("Try fewer words")
    await expect(page.locator("#results")).not_to_contain_text("Inbox zero")
