"""Two hundred hostile strings as titles, texts and names: on every page they are words and nothing else."""

from typing import Any, Final
from urllib.parse import quote

import pytest
from playwright.async_api import Page, Request

from tests import files_made_up as files
from tests.browser.console import Lived, a_lived_in_desk
from tests.browser.hostile import HOSTILE, packed
from tests.browser.windows import Windows, is_live
from tests.served import Answer, Client, Desk
from tests.web.forms import upload

SIZES: Final = ({"width": 1280, "height": 800}, {"width": 390, "height": 844})
# Elements and attributes that none of our pages has: whatever is there was made from a string.
MADE: Final = """() => [
    ...document.querySelectorAll(`.pwned, iframe, object, embed, base, marquee, math, video, audio, [style],
        [srcdoc], meta[http-equiv], script:not([src^="/static/"]), form[action*="evil"], img[src*="evil"]`),
    ...[...document.querySelectorAll("*")].filter((el) => [...el.attributes].some(({ name, value }) =>
        name.startsWith("on") || (/^(href|src|action|formaction)$/.test(name)
            && /^\\s*(javascript|data:text|vbscript)/i.test(value)))),
].map((el) => el.outerHTML.slice(0, 120))"""
TAGS: Final = 10


def taken(answer: Answer) -> Any:
    """Return what came of it; a string that is refused must be refused in words."""
    assert answer.status in (201, 422), (answer.status, answer.body)
    return answer.body if answer.status == 201 else None


async def spread(lived: Lived) -> list[int]:
    """Put every string everywhere; return the tickets that have them in their conversations."""
    admin, agent, customer = (lived.people[who] for who in ("admin", "agent", "customer"))
    tags = [string[:64] for string in HOSTILE]
    for n, title in enumerate(packed(200)):
        body = {
            "title": title,
            "description": "\n\n".join(HOSTILE[n * 5 : n * 5 + 5]),
            "tags": tags[n * TAGS : n * TAGS + TAGS],
        }
        if n % 2:
            taken(await customer.post("/api/tickets/", body))
        else:
            requester = {"email": f"h{n}@shop.example", "name": packed(150)[n % 60]}
            taken(await agent.post("/api/tickets/", body | {"requester": requester}))
    talks = [(await customer.ticket(HOSTILE[n], priority="high"))["id"] for n in range(3)]
    for ticket_id in talks:
        path = f"/api/tickets/{ticket_id}"
        for n, text in enumerate(packed(600)):
            by: Client = (customer, agent, agent)[n % 3]
            taken(
                await by.post(
                    f"{path}/messages", {"body": text, **({"is_internal": True} if n % 3 == 2 else {})}
                )
            )
    for n, string in enumerate(HOSTILE):
        lived.desk.clock.advance(1_000)
        name = string.replace('"', "%22").replace("\r", "").replace("\n", "")
        await upload(customer, talks[n % 3], f"{name}.png", files.png(8, 8) + bytes([n]))
    for n, name in enumerate(packed(150)):
        await admin.post("/api/teams/", {"name": name})
        person = {
            "email": f"p{n}@desk.example",
            "name": name,
            "role": "agent",
            "password": "tall lamps over water",
        }
        taken(await admin.post("/api/users/", person))
        await admin.post("/api/macros/", {"name": name, "body": name.replace("{{", "{ {"), "is_shared": True})
        await admin.post("/api/views/", {"name": name, "query": "status=new", "is_shared": True})
        await admin.post("/api/auth/tokens", {"name": name})
    return talks


async def _harm(page: Page, address: str) -> list[str]:
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [
        *[f"{address} ran" for _ in range(await page.evaluate("window.__pwned") is not None)],
        *[f"{address} made {each}" for each in await page.evaluate(MADE)],
        *[f"{address} is {wide} px too wide" for _ in range(wide > 0)],
    ]


@pytest.mark.slow
@pytest.mark.parametrize("who", ["admin", "customer"])
async def test_hostile_strings_are_inert_on_every_page(desk: Desk, windows: Windows, who: str) -> None:
    lived = await a_lived_in_desk(desk)
    talks = await spread(lived)
    found: list[str] = []

    def ask(request: Request) -> None:
        if not request.url.startswith((desk.url, "data:", "blob:")):
            found.append(f"{page.url} asked for {request.url}")

    page = await windows.open(lived.people[who], "/login", live=False)
    page.on("request", ask)
    page.on("dialog", lambda dialog: found.append(f"{page.url} said {dialog.message}"))
    more = [f"/tickets/{ticket}" for ticket in talks] + ["/?shown=100", f"/search?q={quote('pwned')}"]
    for size in SIZES:
        await page.set_viewport_size(size)
        for address in [*lived.pages(who), *more]:
            await page.goto(address)
            found += await _harm(page, address)
    if who == "admin":
        found += await _opened(page, talks[0])

    assert found == []


async def _opened(page: Page, ticket: int) -> list[str]:
    """Look at them where script draws: menus, the palette, toasts, the lightbox, rows that come live."""
    await page.set_viewport_size(SIZES[0])
    await page.goto(f"/tickets/{ticket}")
    await is_live(page)
    found = []
    for keys in (("a",), ("m",), ("Control+k", "p", "w", "n"), ("s",)):
        for key in keys:
            await page.keyboard.press(key)
        await page.get_by_role("dialog").get_by_role("option").first.wait_for()
        # A menu is put where it belongs by its own style; nothing else has one.
        found += [each for each in await _harm(page, " ".join(keys)) if '<dialog class="menu"' not in each]
        await page.keyboard.press("Escape")
    await page.get_by_label("Assignee", exact=True).select_option(index=5)
    await page.get_by_role("button", name="Undo").wait_for()
    found += await _harm(page, "toast")
    await page.locator("#files a[data-preview]").first.click()
    await page.locator("dialog .preview").wait_for()
    return found + await _harm(page, "lightbox")


@pytest.mark.slow
async def test_titles_are_told_to_everybody_as_they_were_written(desk: Desk, windows: Windows) -> None:
    agent = await desk.agent()
    page = await windows.open(agent)
    tried = [string.strip() for string in HOSTILE if "\t" not in string][::3]
    for string in tried:
        answer = await agent.post("/api/tickets/", {"title": string})
        if answer.status == 422:
            continue
        title = answer.body["title"]
        await page.goto(f"/tickets/{answer.body['id']}")

        assert await page.evaluate("document.querySelector('#ticket-head h1').textContent") == title
        shown = await page.evaluate("document.querySelector('title').textContent")
        assert f"{answer.body['reference']} {title} · " in shown
        assert await page.evaluate("document.querySelector('#conversation').dataset.title") == title
