"""Several tabs of one browser share one socket, and each shows what it should."""

import asyncio
from collections.abc import Callable

import pytest
from playwright.async_api import Page, expect

from servicedesk.live.connection import Connection
from servicedesk.live.hub import Hub
from servicedesk.web.live import HUB
from tests.browser.windows import Windows, is_live
from tests.served import Desk


async def until(fits: Callable[[], bool]) -> None:
    async with asyncio.timeout(8):
        while not fits():
            await asyncio.sleep(0.05)


def sockets(desk: Desk) -> list[Connection]:
    return list(desk.app[HUB]._connections)


def joined(hub: Hub) -> list[list[int]]:
    return [hub.tickets(connection) for connection in hub._connections]


async def two_tabs(windows: Windows, person: object, *paths: str) -> list[Page]:
    first = await windows.open(person, paths[0])  # type: ignore[arg-type]
    second = await windows.tab(first.context, paths[1])
    await is_live(second)
    return [first, second]


async def test_two_tabs_have_one_socket_and_both_are_live(desk: Desk, windows: Windows) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    queue, conversation = await two_tabs(windows, agent, "/", f"/tickets/{ticket['id']}")

    await customer.post(f"/api/tickets/{ticket['id']}/messages", {"body": "It smokes."})
    await customer.ticket("The cellar is wet")

    await expect(conversation.locator("[data-message]")).to_contain_text("It smokes.")
    await expect(queue.get_by_role("link", name="The cellar is wet")).to_be_visible()
    assert len(sockets(desk)) == 1


async def test_when_one_tab_closes_the_other_stays_live(desk: Desk, windows: Windows) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    path = f"/tickets/{ticket['id']}"
    first, second = await two_tabs(windows, agent, path, path)
    (before,) = sockets(desk)

    await first.close()
    await customer.post(f"/api{path}/messages", {"body": "Still there?"})

    await expect(second.locator("[data-message]")).to_contain_text("Still there?")
    assert sockets(desk) == [before]
    assert joined(desk.app[HUB]) == [[ticket["id"]]]


async def test_a_ticket_is_left_with_its_last_tab_even_when_that_had_no_time_for_a_word(
    desk: Desk, windows: Windows
) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    path = f"/tickets/{ticket['id']}"
    queue, first = await two_tabs(windows, agent, "/", path)
    second = await windows.tab(queue.context, path)
    await is_live(second)

    await first.goto("/")
    await is_live(first)
    await until(lambda: joined(desk.app[HUB]) == [[ticket["id"]]])
    await second.evaluate("addEventListener('pagehide', (event) => event.stopImmediatePropagation(), true)")
    await second.close()

    await until(lambda: joined(desk.app[HUB]) == [[]])
    await is_live(queue)


async def test_all_tabs_come_back_after_the_line_was_cut(desk: Desk, windows: Windows) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    queue, conversation = await two_tabs(windows, agent, "/", f"/tickets/{ticket['id']}")
    (before,) = sockets(desk)

    before.cut()
    for n in range(5):
        await customer.post(f"/api/tickets/{ticket['id']}/messages", {"body": f"Number {n}."})
    await customer.ticket("The cellar is wet")

    await expect(conversation.locator("[data-message]")).to_have_count(5)
    await expect(queue.get_by_role("link", name="The cellar is wet")).to_be_visible()
    await until(lambda: len(sockets(desk)) == 1 and before not in sockets(desk))


async def test_with_the_last_tab_the_socket_goes(desk: Desk, windows: Windows) -> None:
    first, second = await two_tabs(windows, await desk.agent(), "/", "/search")

    await first.close()
    await second.close()

    await until(lambda: sockets(desk) == [])


async def test_two_people_in_one_browser_do_not_share(desk: Desk, windows: Windows) -> None:
    ann, bob = await desk.agent(name="Ann"), await desk.agent(name="Bob")
    first = await windows.open(ann)
    await first.context.add_cookies([{"name": "servicedesk", "value": bob.token, "url": desk.url}])

    second = await windows.tab(first.context, "/")
    await is_live(second)

    assert sorted(connection.user_id for connection in sockets(desk)) == [ann.id, bob.id]


async def test_a_desk_that_was_restored_is_shown_anew_and_stays_live(desk: Desk, windows: Windows) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    path = f"/tickets/{ticket['id']}"
    queue, conversation = await two_tabs(windows, agent, "/", path)
    (before,) = sockets(desk)
    asked: list[str] = []
    conversation.on("request", lambda request: asked.append(request.url))

    desk.app[HUB].desk.epoch = "another"
    before.cut()
    await until(lambda: joined(desk.app[HUB]) == [[ticket["id"]]] and before not in sockets(desk))
    await until(lambda: any("part=" in url for url in asked))
    await customer.post(f"/api{path}/messages", {"body": "After the restore."})
    await customer.ticket("The cellar is wet")

    await expect(conversation.locator("[data-message]")).to_contain_text("After the restore.")
    await expect(queue.get_by_role("link", name="The cellar is wet")).to_be_visible()


@pytest.mark.parametrize("trouble", ["this.onerror?.()", ""])
async def test_a_browser_whose_shared_workers_do_not_work_is_live_all_the_same(
    desk: Desk, windows: Windows, trouble: str
) -> None:
    agent = await desk.agent()
    page = await windows.open(None, "/login")
    await page.context.add_init_script(
        "globalThis.SharedWorker = class {"
        f" constructor() {{ this.port = new MessageChannel().port1; setTimeout(() => {{ {trouble} }}); }} }}"
    )
    await page.context.add_cookies([{"name": "servicedesk", "value": agent.token, "url": desk.url}])

    await page.goto("/")
    await is_live(page)
    await agent.ticket("The cellar is wet")

    await expect(page.get_by_role("link", name="The cellar is wet")).to_be_visible()
