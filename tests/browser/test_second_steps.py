"""The second step at the log-in, with scripts and without, large and small, and nothing on its pages that axe finds."""

import os
from base64 import b32decode
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from servicedesk.domain import second_steps as rules
from servicedesk.domain.people import Role
from servicedesk.domain.times import SECOND
from servicedesk.store import second_steps as stored
from tests.browser.axe import findings
from tests.browser.windows import Windows, on_every_screen
from tests.served import Desk
from tests.web.guests import PASSWORD, member

PICTURES = os.environ.get("SECOND_STEP_PICTURES")
"""A folder for pictures of what the tests see, for whoever wants to look."""


async def seen(page: Page, name: str) -> None:
    assert await findings(page) == [], name
    if PICTURES:
        width = page.viewport_size["width"] if page.viewport_size else 0
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await page.screenshot(path=Path(PICTURES) / f"{name}-{width}-{scheme}.png", full_page=True)


async def code(desk: Desk, key: str) -> str:
    return rules.code_of(b32decode(key.replace(" ", "")), rules.half_minute(desk.clock()))


@on_every_screen
async def test_somebody_sets_it_up_logs_in_with_it_and_turns_it_off(desk: Desk, windows: Windows) -> None:
    ada = await member(desk, "ada@desk.example", Role.ADMIN)
    page = await windows.open(ada, "/settings")

    await page.locator("#second-step").get_by_role("link", name="Set it up").click()
    await seen(page, "off")
    await page.get_by_label("Present password").fill(PASSWORD)
    await page.get_by_role("button", name="Go on").click()
    await expect(page.get_by_role("img", name="QR code")).to_be_visible()
    await seen(page, "begun")
    key = await page.locator(".spelled").inner_text()
    await page.get_by_label("Code", exact=True).fill(await code(desk, key))
    await page.get_by_role("button", name="Turn it on").click()
    codes = page.locator(".recovery-codes code")
    await expect(codes).to_have_count(rules.RECOVERY_CODES)
    await seen(page, "codes")
    spare = await codes.first.inner_text()
    await page.get_by_role("link", name="I have kept them").click()
    await seen(page, "on")

    other = await windows.open(None, "/login?next=/search")
    await other.get_by_label("E-mail").fill("ada@desk.example")
    await other.get_by_label("Password").fill(PASSWORD)
    await other.get_by_role("button", name="Log in").click()
    await seen(other, "asked")
    await other.get_by_label("Code").fill("000000")
    await other.get_by_role("button", name="Log in").click()
    await expect(other.get_by_role("alert")).to_contain_text("wrong or was used already")
    await seen(other, "refused")
    desk.clock.advance(30 * SECOND)
    await other.get_by_label("Code").fill(await code(desk, key))
    await other.get_by_role("button", name="Log in").click()
    await expect(other).to_have_url(f"{desk.url}/search")

    await page.locator("#code-off").fill(spare)
    await page.get_by_role("button", name="Turn the second step off").click()
    await expect(page.get_by_text("Your second step is turned off.")).to_be_visible()
    assert not desk.db.peek(stored.is_on, ada.id)


@on_every_screen
@pytest.mark.parametrize("language", ["en", "de"])
async def test_a_role_that_needs_one_sets_it_up_without_scripts(
    desk: Desk, windows: Windows, language: str
) -> None:
    mara = await member(desk, "mara@desk.example", Role.AGENT)
    await desk.db.write(stored.demand, [Role.AGENT])
    page = await windows.open(mara, "/", java_script_enabled=False, locale=language)
    await expect(page).to_have_url(f"{desk.url}/settings/second-step")

    await page.locator("#password").fill(PASSWORD)
    await page.locator("form[action='/settings/second-step'] button").click()
    if PICTURES:
        path = Path(PICTURES) / f"must-{language}-{(page.viewport_size or {})['width']}.png"
        await page.screenshot(path=path, full_page=True)
    key = await page.locator(".spelled").inner_text()
    await page.locator("#code").fill(await code(desk, key))
    await page.locator("form[action='/settings/second-step/confirm'] button").click()

    await expect(page.locator(".recovery-codes code")).to_have_count(rules.RECOVERY_CODES)
    await page.goto("/")
    await expect(page).to_have_url(f"{desk.url}/")


async def test_nothing_is_wrong_with_the_page_of_somebody_who_has_to(desk: Desk, windows: Windows) -> None:
    mara = await member(desk, "mara@desk.example", Role.AGENT)
    await desk.db.write(stored.demand, [Role.AGENT])

    page = await windows.open(mara, "/", live=False)

    await seen(page, "must")


async def test_an_admin_demands_it_and_helps_somebody_out(desk: Desk, windows: Windows) -> None:
    ada, mara = await member(desk, "ada@desk.example", Role.ADMIN), await member(desk, "mara@desk.example")
    sealed = rules.seal(desk.settings.secret_key, mara.id, b"k" * 20, b"n" * 16)
    await desk.db.write(stored.begin, mara.id, sealed, desk.clock())
    await desk.db.write(stored.confirm, mara.id, sealed, 0, desk.clock())
    page = await windows.open(ada, "/settings/desk")

    await page.get_by_label("Supervisor").check()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_label("Supervisor")).to_be_checked()
    await seen(page, "demanded")
    await page.goto(f"/people?edit={mara.id}")
    await seen(page, "helped")
    await page.get_by_role("button", name="Turn the second step off").click()

    await expect(page.get_by_text("The second step is turned off.")).to_be_visible()
    assert not desk.db.peek(stored.is_on, mara.id)
    assert desk.db.peek(stored.demanded) == (Role.SUPERVISOR,)
