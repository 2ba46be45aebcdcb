"""What the forms of the settings have in common: each changes something and leads back to its page."""

from collections.abc import Awaitable, Callable
from functools import cache
from zoneinfo import available_timezones

from aiohttp import web
from multidict import MultiMapping

from servicedesk.domain.errors import Refused


@cache
def zones() -> tuple[str, ...]:
    """Return the time zones to choose from."""
    return tuple(sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC"))


def number_of(text: str) -> int | None:
    """Return the number that was typed or stands in an address, None for what is no id."""
    return int(text) if text.isdecimal() and 0 < len(text) < 16 else None


def versions_of(fields: MultiMapping[str]) -> frozenset[int] | None:
    """Return the version that the form was filled in for; without one, any."""
    version = number_of(fields.get("version", ""))
    return None if version is None else frozenset({version})


async def lead_back(
    address: str,
    act: Callable[[], Awaitable[object]],
    refused: Callable[[Refused], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """Do it and lead to the address; a refusal is shown by the page, beside what was typed."""
    try:
        await act()
    except Refused as refusal:
        return await refused(refusal)
    raise web.HTTPSeeOther(address)
