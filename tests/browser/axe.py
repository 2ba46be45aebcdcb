"""What axe-core finds on a page."""

from pathlib import Path
from typing import Any, Final

import axe_playwright_python
from playwright.async_api import Page

AXE: Final = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
STRICT: Final = {"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"}
_ALL: Final = "axe.run(document, {resultTypes: ['violations'], rules: {'target-size': {enabled: true}}})"
_CONTRAST: Final = "axe.run(document, {resultTypes: ['violations'], runOnly: ['color-contrast']})"


# Colours that are on their way are neither those of the one scheme nor those of the other.
_ARRIVED: Final = """() => new Promise((done) => requestAnimationFrame(done)).then(() => Promise.allSettled(
    document.getAnimations().filter((each) => each instanceof CSSTransition).map((each) => each.finished)))
    .then(() => true)"""


async def findings(page: Page) -> list[str]:
    """Return what breaks WCAG 2.2 A or AA, or seriously a best practice, in light and in dark."""
    await page.evaluate(AXE)
    await page.emulate_media(color_scheme="light")
    found = await _run(page, _ALL)
    await page.emulate_media(color_scheme="dark")
    return found + [f"in dark {each}" for each in await _run(page, _CONTRAST)]


async def _run(page: Page, call: str) -> list[str]:
    await page.evaluate(_ARRIVED)
    result: dict[str, Any] = await page.evaluate(call)
    return [
        f"{page.url} {found['id']}: {found['help']} {[node['html'][:160] for node in found['nodes'][:3]]}"
        for found in result["violations"]
        if STRICT.intersection(found["tags"]) or found["impact"] in ("serious", "critical")
    ]
