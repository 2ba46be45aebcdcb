"""The line breaks and comes back: nothing is lost, nothing comes twice, and it is plain what is live."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

from playwright.async_api import Route, WebSocketRoute, expect

from tests.browser.windows import Windows, is_live, on_every_screen, press
from tests.served import Desk

pytestmark = on_every_screen


class Line:
    """The window's socket, which the test can cut, and keep cut."""

    def __init__(self) -> None:
        self.is_cut = False
        self.is_dead = False
        self.said: list[dict[str, Any]] = []
        self._sockets: list[WebSocketRoute] = []

    async def through(self, socket: WebSocketRoute) -> None:
        if self.is_cut:
            await socket.close()
            return
        self._sockets.append(socket)
        server = socket.connect_to_server()

        def say(message: str | bytes) -> None:
            self.said.append(json.loads(message))
            if not self.is_dead:
                server.send(message)

        socket.on_message(say)
        server.on_message(lambda message: None if self.is_dead else socket.send(message))

    async def cut(self) -> None:
        self.is_cut = True
        for socket in self._sockets:
            await socket.close(code=1011)
        self._sockets.clear()


async def test_a_window_that_comes_back_shows_what_it_missed_once_and_in_order(
    desk: Desk, windows: Windows
) -> None:
    agent, customer = await desk.agent(), await desk.customer()
    ticket = await customer.ticket()
    page, line = await windows.open(agent, has_own_line=True), Line()
    await page.route_web_socket("**/ws", line.through)
    await page.goto(f"/tickets/{ticket['id']}")
    await is_live(page)

    await line.cut()
    for n in range(20):
        await customer.post(f"/api/tickets/{ticket['id']}/messages", {"body": f"Number {n}."})
    await agent.put(f"/api/tickets/{ticket['id']}/priority", {"priority": "critical"})
    await expect(page.get_by_text("Reconnecting…")).to_be_visible()
    await expect(page.locator("[data-message]")).to_have_count(0)
    line.is_cut = False
    await page.evaluate("dispatchEvent(new Event('online'))")

    await expect(page.locator("[data-message]")).to_have_count(20)
    assert await page.locator("[data-message] .entry-body").all_inner_texts() == [
        f"Number {n}." for n in range(20)
    ]
    await expect(page.get_by_label("Priority", exact=True)).to_have_value("critical")
    await is_live(page)


async def test_an_offline_window_says_so_keeps_the_text_and_sends_it_once_when_it_can(
    desk: Desk, windows: Windows
) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    page, line = await windows.open(agent, has_own_line=True), Line()
    await page.route_web_socket("**/ws", line.through)
    await page.goto(f"/tickets/{ticket['id']}")
    await is_live(page)

    await line.cut()
    await page.context.set_offline(True)
    await page.get_by_label("Reply").fill("Written on the train")
    await press(page.get_by_role("button", name="Send"))
    await expect(page.locator(".is-waiting")).to_contain_text("Written on the train")
    await expect(page.get_by_text("Offline — your text is kept")).to_be_visible(timeout=15_000)
    line.is_cut = False
    await page.context.set_offline(False)

    await expect(page.locator("[data-message]")).to_have_count(1)
    await expect(page.get_by_text("Offline — your text is kept")).to_be_hidden()
    await expect(page.locator("[data-bubble]")).to_have_count(0)
    assert [m["body"] for m in await agent.all(f"/api/tickets/{ticket['id']}/messages")] == [
        "Written on the train"
    ]


async def test_a_short_break_disturbs_nobody_and_a_longer_one_is_named(desk: Desk, windows: Windows) -> None:
    page, line = await windows.open(await desk.agent(), has_own_line=True), Line()
    await page.clock.install()
    await page.route_web_socket("**/ws", line.through)
    await page.reload()
    await is_live(page)
    state, bar = page.locator("#line"), page.get_by_text("Offline — your text is kept")

    await page.clock.pause_at(datetime.now() + timedelta(seconds=30))
    await line.cut()
    await page.clock.run_for(1_800)
    await expect(state).to_have_attribute("data-state", "online")
    await page.clock.run_for(400)
    await expect(state).to_have_attribute("data-state", "waiting")
    await expect(state).to_have_text("Reconnecting…")
    await page.clock.run_for(7_500)
    await expect(bar).to_be_hidden()
    await page.clock.run_for(500)

    await expect(state).to_have_attribute("data-state", "offline")
    await expect(bar).to_be_visible()
    await expect(page.get_by_role("button", name="Retry now")).to_be_visible()


async def test_after_ten_seconds_a_button_tries_again_at_once(desk: Desk, windows: Windows) -> None:
    page, line = await windows.open(await desk.agent(), has_own_line=True), Line()
    await page.clock.install()
    await page.route_web_socket("**/ws", line.through)
    await page.reload()
    await is_live(page)

    await line.cut()
    await page.clock.run_for(10_500)
    await expect(page.get_by_text("Offline — your text is kept")).to_be_visible()
    await page.clock.pause_at(datetime.now() + timedelta(hours=1))  # from here on nothing happens by itself
    line.is_cut = False
    await press(page.get_by_role("button", name="Retry now"))

    await is_live(page)
    await expect(page.get_by_text("Offline — your text is kept")).to_be_hidden()


async def test_the_bubble_is_there_at_once_and_a_failed_one_keeps_its_text(
    desk: Desk, windows: Windows
) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    page = await windows.open(agent, f"/tickets/{ticket['id']}")
    asked, answer = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await answer.wait()
        await route.abort()

    await page.route("**/api/tickets/*/messages", hold)
    await page.get_by_label("Reply").fill("Slowly")
    waited = await page.evaluate(
        """() => {
            const start = performance.now();
            document.querySelector("#send").click();
            return document.querySelector(".is-sending") ? performance.now() - start : -1;
        }"""
    )
    assert 0 <= waited < 50
    await asked.wait()
    answer.set()
    await expect(page.locator(".is-failed")).to_contain_text("Slowly")
    await page.unroute("**/api/tickets/*/messages")
    await press(page.get_by_role("button", name="Retry"))

    await expect(page.locator("[data-message]")).to_have_count(1)
    await expect(page.locator(".is-failed")).to_have_count(0)
    assert len(await agent.all(f"/api/tickets/{ticket['id']}/messages")) == 1


async def test_a_message_that_was_sent_before_the_answer_was_lost_is_not_sent_again(
    desk: Desk, windows: Windows
) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    page = await windows.open(agent, f"/tickets/{ticket['id']}")

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await page.route("**/api/tickets/*/messages", lose, times=1)
    await page.get_by_label("Reply").fill("Once")
    await press(page.get_by_role("button", name="Send"))

    await expect(page.locator("[data-message]")).to_have_count(1)
    await expect(page.locator("[data-bubble]")).to_have_count(0)
    assert len(await agent.all(f"/api/tickets/{ticket['id']}/messages")) == 1


async def test_a_line_on_which_nothing_answers_is_given_up(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    page, line = await windows.open(agent, has_own_line=True), Line()
    await page.clock.install()
    await page.route_web_socket("**/ws", line.through)
    await page.reload()
    await is_live(page)

    line.is_dead = True
    await page.clock.run_for(25_500)
    line.is_cut = True
    await page.clock.run_for(9_500)
    await page.clock.run_for(2_500)

    await expect(page.locator("#line")).not_to_have_attribute("data-state", "online")


async def test_a_window_that_nobody_touches_says_so_and_says_when_somebody_does(
    desk: Desk, windows: Windows
) -> None:
    page, line = await windows.open(await desk.agent(), has_own_line=True), Line()
    await page.clock.install()
    await page.route_web_socket("**/ws", line.through)
    await page.reload()
    await is_live(page)
    beats = [said["data"]["idle"] for said in line.said]

    await page.clock.run_for(60_000)
    async with asyncio.timeout(5):
        while len(line.said) == len(beats) or not line.said[-1]["data"]["idle"]:
            await asyncio.sleep(0.05)
    await page.keyboard.press("Shift")
    async with asyncio.timeout(5):
        while line.said[-1]["data"]["idle"]:
            await asyncio.sleep(0.05)

    assert not any(beats)


async def test_whoever_is_logged_out_elsewhere_is_led_to_the_log_in(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    admin = await desk.admin()
    page = await windows.open(agent)

    await admin.patch(f"/api/users/{agent.id}", {"is_active": False})

    await expect(page).to_have_url(f"{desk.url}/login?next=%2F")
