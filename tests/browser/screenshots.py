"""Pictures of every page for docs/screenshots: a demo desk at a fixed moment, in light, in dark and on the phone.

``python -m tests.browser.screenshots [WORD]`` makes them all, or those with the word in their name.
"""

import asyncio
import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from servicedesk.demo import filling
from servicedesk.domain.people import Role
from servicedesk.domain.times import HOUR
from servicedesk.settings import Environment
from servicedesk.store import people
from servicedesk.web.files import MEDIA
from servicedesk.web.setup import SETUP_LINK
from servicedesk.web.timers import TIMERS
from tests.browser import console
from tests.browser.conftest import FLAGS
from tests.browser.windows import Windows, chromium, is_live
from tests.served import START, Client, Desk
from tests.web.forms import settled

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
MOMENT: Final = START + 2 * HOUR
LOOKS: Final[dict[str, dict[str, Any]]] = {
    "light": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "has_touch": True},
}
QUALITY: Final = 82
# What is loaded late and out of sight would never be there.
SHOWN: Final = """() => Promise.all([...document.images].filter((image) => {
    const box = image.getBoundingClientRect();
    return image.checkVisibility() && box.top < innerHeight && box.bottom > 0;
}).map((image) => image.decode().catch(() => {})))"""
ONLY_IN_DEVELOPMENT: Final = "/styleguide"
FIRST_RUN: Final = "/setup"
LAST: Final = {"/tickets/{id}/macros"}
"""Of these the last example says more than the first."""


class Shot(NamedTuple):
    name: str
    who: str
    address: str


def shots(names: dict[str, str]) -> Iterator[Shot]:
    """Yield a picture for each page of the route table, and for customers what they have of their own."""
    for page in console.PAGES:
        if page.row.startswith("/t/"):
            yield Shot(_name(page.row), console.STRANGER, page.addresses(names)[0])
            continue
        who = "admin" if "admin" in page.to or page.row == ONLY_IN_DEVELOPMENT else console.STRANGER
        if page.row != FIRST_RUN:
            yield Shot(_name(page.row), who, page.addresses(names)[-1 if page.row in LAST else 0])
    yield Shot("search-found", "admin", "/search?q=printer")
    yield Shot("customer-queue", "customer", "/")
    yield Shot("customer-ticket", "customer", f"/tickets/{names['customers']}")


def _name(row: str) -> str:
    return (
        row.strip("/")
        .replace("/{id}", "")
        .replace("t/{token}", "private-link")
        .replace("{", "")
        .replace("}", "")
        .replace("/", "-")
        or "queue"
    )


async def main(word: str = "") -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        desk = Desk(Path("data"), env=Environment.DEVELOPMENT)
        desk.clock.now = MOMENT
        async with desk, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
            await _take_all(desk, browser, word)
            await browser.close()


async def _take_all(desk: Desk, browser: Browser, word: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    windows = Windows(desk, browser, {})
    windows.patience = 60_000
    first_run = Shot(_name(FIRST_RUN), console.STRANGER, desk.app[SETUP_LINK].path)
    await _take(windows, {}, [first_run] if word in first_run.name else [])
    crowd = await _company(desk)
    names = await _names(crowd) | await console.a_letter(desk, crowd["admin"])
    wanted = [shot for shot in shots(names) if word in shot.name]
    await _take(windows, crowd, wanted)
    if windows.troubles:
        raise SystemExit("\n".join(windows.troubles))


async def _take(windows: Windows, crowd: dict[str, Client], wanted: list[Shot]) -> None:
    for look, options in LOOKS.items():
        for who in dict.fromkeys(shot.who for shot in wanted):
            page = await windows.open(
                crowd.get(who), "/static/0/favicon.svg", live=False, locale="en-GB", **options
            )
            await page.clock.set_fixed_time(MOMENT / 1000)
            for shot in (shot for shot in wanted if shot.who == who):
                await page.goto(shot.address)
                await _still(page)
                _keep(await page.screenshot(), f"{shot.name}-{look}.webp")
    await windows.close()


async def _still(page: Page) -> None:
    if await page.locator("#line").count():
        await is_live(page)
    await page.evaluate("document.fonts.ready")
    await page.evaluate(SHOWN)
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def _keep(png: bytes, name: str) -> None:
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").save(FOLDER / name, "WEBP", quality=QUALITY, method=6)
    print(f"{name} {(FOLDER / name).stat().st_size // 1024} KB", flush=True)


async def _company(desk: Desk) -> dict[str, Client]:
    """Let the demo company in; return one of each kind of its people."""
    ids = iter(f"file-of-the-demo-{number:03}" for number in range(1_000))
    async with desk.app[TIMERS].held():
        await filling.fill(desk.db, desk.app[MEDIA], password_hash="", ids=ids, now=MOMENT)
    await desk.live(1)
    crowd = {}
    for who, role in (("admin", Role.ADMIN), ("customer", Role.CUSTOMER)):
        found = desk.db.peek(people.page, limit=1, roles=(role,), is_active=True)
        crowd[who] = await desk.token_for(found[0])
    return crowd


async def _names(crowd: dict[str, Client]) -> dict[str, str]:
    """Return what addresses need to know of the demo desk: the same names as those of the lived-in desk."""
    admin, customer = crowd["admin"], crowd["customer"]
    tickets = await admin.all("/api/tickets/?limit=100")
    by_status = {ticket["status"]: str(ticket["id"]) for ticket in tickets}
    files = [file for ticket in tickets for file in await admin.all(f"/api/files/ticket/{ticket['id']}")]
    for file in files:
        await settled(admin, file)
    picture = max((file for file in files if file["category"] == "image"), key=lambda file: file["ticket_id"])
    names = {
        "ticket": str(picture["ticket_id"]),
        "picture": picture["id"],
        "table": next((file["id"] for file in files if file["filename"].endswith(".csv")), picture["id"]),
        "closed": by_status["closed"],
        "paused": by_status.get("pending", by_status["closed"]),
        "breached": str(tickets[0]["id"]),
        "customers": str((await customer.all("/api/tickets/"))[0]["id"]),
        "view": "mine",
    }
    for name, path in {
        "policy": "/api/sla/policies/",
        "calendar": "/api/sla/calendars/",
        "escalation": "/api/escalation/policies/",
        "macro": "/api/macros/",
    }.items():
        names[name] = str((await admin.all(path))[0]["id"])
    return names


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))
