"""The public holidays of countries, from the library ``holidays`` where it is installed."""

import asyncio
import warnings
from collections.abc import Collection
from functools import cache
from typing import Any

from servicedesk.domain.calendars import NAME_MAX, Holiday
from servicedesk.domain.errors import NotInstalled, invalid
from servicedesk.domain.words import say

EXTRA = "holidays"
ENGLISH = "en_US"


async def of_country(
    country: str, subdivision: str | None, years: Collection[int], language: str | None = None
) -> list[Holiday]:
    """Return the holidays of these years. Raises NotInstalled, or Invalid for a country that is not known."""
    return await asyncio.to_thread(_of_country, country.strip().upper(), subdivision, years, language)


def _of_country(
    country: str, subdivision: str | None, years: Collection[int], language: str | None
) -> list[Holiday]:
    try:
        # Imported here alone: few desks need it, and it is slow to load.
        import holidays
    except ImportError:
        raise NotInstalled(say("The import of holidays"), EXTRA) from None
    if country not in _countries(holidays):
        raise invalid(
            "/country", say("is no country whose holidays are known, such as DE"), "unknown_country"
        )
    if subdivision and subdivision not in _countries(holidays)[country]:
        known = ", ".join(_countries(holidays)[country][:60]) or say("it has none")
        raise invalid(
            "/subdivision",
            say("is no part of {country} ({known})", country=country, known=known),
            "unknown_subdivision",
        )
    languages = getattr(holidays.country_holidays(country), "supported_languages", ())
    if language and language not in languages:
        raise invalid(
            "/language",
            say("is none of: {languages}", languages=", ".join(languages) or say("only its own")),
            "unknown_language",
        )
    # Of years that it cannot know, it warns on the console where nobody looks.
    warnings.filterwarnings("ignore", module="holidays")
    chosen = language or (ENGLISH if ENGLISH in languages else None)
    found = holidays.country_holidays(country, subdiv=subdivision or None, years=years, language=chosen)
    if not any(day.year in years for day in found):
        raise invalid(
            "/years", say("are beyond what is known of {country}", country=country), "unknown_years"
        )
    return [
        Holiday(day.isoformat(), " ".join(name.split())[:NAME_MAX])
        for day, name in sorted(found.items())
        if day.year in years
    ]


@cache
def _countries(holidays: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = holidays.list_supported_countries()
    return found
