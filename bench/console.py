"""What somebody at the console feels: how soon a page is painted, how late news shows, whether the page ever hangs."""

import asyncio
import itertools
import os
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

from aiohttp import ClientSession
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from bench import filling
from bench.crowds import Place, with_a_new_ticket
from bench.http import Connection, Unexpected, json_request, request
from bench.report import Promise

PAGES: Final = 40
"""How often the server is asked for the list."""
PAINTS: Final = 7
NEWS: Final = 30
A_SECOND: Final = 50
WARM_UP: Final = 1.0
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

# Two things are written down inside the page, by its own clock: when a text that is waited for is there, and how
# long whatever kept the page busy took.
_WATCH: Final = """
globalThis.seen = new Map(); globalThis.busy = [];
new PerformanceObserver((list) => { for (const each of list.getEntries()) busy.push(each.duration); })
  .observe({ type: "longtask" });
addEventListener("DOMContentLoaded", () => new MutationObserver((changes) => {
  const now = performance.timeOrigin + performance.now();
  for (const change of changes) for (const node of change.addedNodes) {
    for (const [word] of node.textContent.matchAll(/news-\\d+-here/g)) if (!seen.has(word)) seen.set(word, now);
  }
}).observe(document.body, { childList: true, subtree: true }));
"""

_PAINTED: Final = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


def is_possible() -> bool:
    """Whether there is a browser to measure with."""
    return _chromium() is not None


async def measure(place: Place, seconds: float) -> list[Promise]:
    """Measure the desk's console in a real Chromium on this machine."""
    place = await with_a_new_ticket(place)
    made = await _list_made(place)
    painted = await _painted(place, ("/", f"/tickets/{place.ticket}"))
    async with _browser() as browser:
        late = await _news_shown(browser, place)
        busy = [
            await _longest_task(browser, place, path, says, seconds)
            for path, says in (("/", _to_many), (f"/tickets/{place.ticket}", _to_one))
        ]
    half, most = statistics.median(late), sorted(late)[len(late) * 95 // 100]
    return [
        Promise("the list of fifty is made by the server within", "ms", made, None, 30),
        Promise("the list: first paint", "ms", painted[0], None, 300),
        Promise("a ticket: first paint", "ms", painted[1], None, 300),
        Promise("a message shows in another's window: half within", "ms", half, None, 150),
        Promise("a message shows in another's window: 95 % within", "ms", most, None, 150),
        Promise("the list while 50 tickets a second change: longest task", "ms", busy[0], None, 50),
        Promise("a ticket while 50 messages a second come: longest task", "ms", busy[1], None, 50),
    ]


async def _list_made(place: Place) -> float:
    """Return the milliseconds in which half of the lists were answered, asked one after the other."""
    connection = await Connection.open(place.port)
    took = []
    try:
        for number in range(PAGES + 5):
            started = time.perf_counter()
            asked = request("GET", "/?view=all", token=filling.token_of(number % filling.AGENTS))
            answer = await connection.ask(asked)
            took.append((time.perf_counter() - started) * 1000)
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise Unexpected(answer[:2000].decode(errors="replace"))
    finally:
        connection.close()
    return statistics.median(took[5:])


async def _painted(place: Place, paths: Sequence[str]) -> list[float]:
    """Return the milliseconds to the first paint of each page, for somebody whose browser was here before.

    The browser is asked by its own protocol, as little as can be: a program that listens to every request of a page,
    as Playwright does, would be measured along with it.
    """
    url = f"http://127.0.0.1:{place.port}"
    async with _bare_browser() as browser:
        await browser(
            "Storage.setCookies", cookies=[{"name": "servicedesk", "value": filling.token_of(1), "url": url}]
        )
        return [
            statistics.median([await _paint(browser, url + path) for _ in range(PAINTS + 2)][2:])
            for path in paths
        ]


async def _paint(browser: "_Asks", url: str) -> float:
    target = (await browser("Target.createTarget", url="about:blank"))["targetId"]
    session = (await browser("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
    await asyncio.sleep(0.3)
    await browser("Page.navigate", session, url=url)
    await asyncio.sleep(WARM_UP)
    found = None
    while not found:
        answer = await browser("Runtime.evaluate", session, expression=_PAINTED)
        found = answer["result"].get("value")
        await asyncio.sleep(0.02)
    await browser("Target.closeTarget", targetId=target)
    return float(found)


async def _news_shown(browser: Browser, place: Place) -> list[float]:
    """Return for each message the milliseconds from the answer to who wrote it until another's page has it."""
    async with _window(browser, place) as context:
        page = await context.new_page()
        await page.goto(f"/tickets/{place.ticket}")
        await _live(page)
        connection, late = await Connection.open(place.port), []
        try:
            for number in range(NEWS):
                word = f"news-{number}-here"
                await _accepted(connection, _message(place.ticket, word))
                at = time.time() * 1000
                while not (seen := await page.evaluate("(word) => seen.get(word) ?? 0", word)):
                    await asyncio.sleep(0.02)
                late.append(max(0.0, seen - at))
        finally:
            connection.close()
    return late


async def _longest_task(
    browser: Browser, place: Place, path: str, says: Callable[[Place, int], bytes], seconds: float
) -> float:
    """Return the milliseconds of the longest task of a page that is told of fifty events a second."""
    async with _window(browser, place) as context:
        page = await context.new_page()
        await page.goto(path)
        await _live(page)
        await asyncio.sleep(WARM_UP)
        await page.evaluate("busy.length = 0")
        connection = await Connection.open(place.port)
        try:
            began = time.perf_counter()
            for number in range(round(seconds * A_SECOND)):
                await asyncio.sleep(max(0.0, began + number / A_SECOND - time.perf_counter()))
                await _accepted(connection, says(place, number))
        finally:
            connection.close()
        await asyncio.sleep(WARM_UP)
        busy: list[float] = await page.evaluate("busy")
    return max(busy, default=0.0)


_numbers: Final = itertools.count()


def _to_many(place: Place, number: int) -> bytes:
    """Return a request that changes one of the tickets at the top of the list, another one each time."""
    ticket = 1 + (place.ticket - 1 - number % 40)
    return _message(ticket, f"Said to many, {next(_numbers)}")


def _to_one(place: Place, number: int) -> bytes:
    return _message(place.ticket, f"Said to one, {next(_numbers)}")


def _message(ticket: int, text: str) -> bytes:
    return json_request("POST", f"/api/tickets/{ticket}/messages", {"body": text}, filling.token_of(0))


async def _accepted(connection: Connection, asked: bytes) -> None:
    answer = await connection.ask(asked)
    if not answer.startswith(b"HTTP/1.1 201 "):
        raise Unexpected(answer[:2000].decode(errors="replace"))


async def _live(page: Page) -> None:
    await page.locator('#line[data-state="online"]').wait_for()


def _chromium() -> str | None:
    return next(
        filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None
    )


@asynccontextmanager
async def _browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
        try:
            yield launched
        finally:
            await launched.close()


class _Asks(Protocol):
    """Ask a browser for something, or one of its pages."""

    async def __call__(self, method: str, session: str | None = None, **parameters: object) -> Any: ...


@asynccontextmanager
async def _bare_browser() -> AsyncIterator[_Asks]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        flags = (
            *FLAGS,
            "--headless=new",
            "--window-size=1280,900",
            "--remote-debugging-port=0",
            f"--user-data-dir={folder}",
        )
        process = await asyncio.create_subprocess_exec(
            _chromium() or "chromium",
            *flags,
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            assert process.stderr is not None
            while b"DevTools listening on" not in (line := await process.stderr.readline()):
                if not line:
                    raise Unexpected("the browser did not start")
            async with ClientSession() as session, session.ws_connect(line.decode().split()[-1]) as socket:
                numbers = itertools.count(1)

                async def ask(method: str, session: str | None = None, **parameters: object) -> Any:
                    number = next(numbers)
                    asked = {"id": number, "method": method, "params": parameters}
                    await socket.send_json(asked if session is None else asked | {"sessionId": session})
                    while (answer := await socket.receive_json()).get("id") != number:
                        pass
                    if "error" in answer:
                        raise Unexpected(answer["error"]["message"])
                    return answer["result"]

                yield ask
        finally:
            # Debian starts it by a script, which would not take it along.
            os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()


@asynccontextmanager
async def _window(browser: Browser, place: Place) -> AsyncIterator[BrowserContext]:
    url = f"http://127.0.0.1:{place.port}"
    context = await browser.new_context(base_url=url, viewport={"width": 1280, "height": 900})
    await context.add_init_script(_WATCH)
    await context.add_cookies([{"name": "servicedesk", "value": filling.token_of(1), "url": url}])
    try:
        yield context
    finally:
        await context.close()
