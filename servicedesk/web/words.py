"""The languages of the desk: which one a request is answered in, and the catalogue that has the texts."""

import re
from collections.abc import Mapping
from functools import cache
from gettext import GNUTranslations, NullTranslations
from typing import Final

from aiohttp import hdrs, web

from servicedesk import resources
from servicedesk.domain.people import User
from servicedesk.domain.words import Text, capital

ENGLISH: Final = "en"
LANGUAGES: Final[Mapping[str, str]] = {ENGLISH: "English", "de": "Deutsch"}
"""What can be chosen, each under its own name. English is what the texts are written in."""
_RANGES_MAX: Final = 16
_RANGE: Final = re.compile(
    r"([a-z]{1,8})(?:-[a-z0-9]{1,8})*\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?", re.IGNORECASE | re.ASCII
)


class Words:
    """One language: what its catalogue lacks is said in English."""

    def __init__(self, language: str, catalogue: NullTranslations) -> None:
        self.language = language
        self._catalogue = catalogue

    def say(self, text: str) -> str:
        """Return the text in this language, whatever it is made of."""
        if not isinstance(text, Text) or self.language == ENGLISH:
            return text
        if text.many is not None:
            found = self._catalogue.ngettext(text.template, text.many, text.number)
        else:
            # The catalogue has its own head under the empty id.
            found = self._catalogue.gettext(text.template) if text.template else ""
        said = found.format(**{name: self._value(value) for name, value in text.values.items()})
        return capital(said) if text.is_begun else said

    def plain(self, text: str) -> str:
        """Return the text for JSON, which knows no texts that could be said otherwise."""
        return str(self.say(text))

    def _value(self, value: object) -> object:
        return self.say(value) if isinstance(value, str) else value

    def gettext(self, message: str) -> str:
        return self._catalogue.gettext(message)

    def ngettext(self, one: str, many: str, number: int) -> str:
        return self._catalogue.ngettext(one, many, number)


@cache
def words(language: str) -> Words:
    """Return the language; an unknown one is English."""
    if language == ENGLISH or language not in LANGUAGES:
        return Words(ENGLISH, NullTranslations())
    with (resources.words() / f"{language}.mo").open("rb") as file:
        return Words(language, GNUTranslations(file))


def of_request(request: web.Request) -> Words:
    """Return the language that the request's ``Accept-Language`` likes best (RFC 9110, 12.5.4)."""
    return words(_preferred(request.headers.get(hdrs.ACCEPT_LANGUAGE, "")))


def of_person(request: web.Request, user: User) -> Words:
    """Return the language that the person has chosen, else the browser's."""
    return words(user.language) if user.language else of_request(request)


def _preferred(header: str) -> str:
    liked = [_liking(part) for part in header.split(",", _RANGES_MAX)[:_RANGES_MAX]]
    known = [(quality, language) for language, quality in liked if language in LANGUAGES and quality > 0]
    return max(known, key=lambda pair: pair[0])[1] if known else ENGLISH


def _liking(part: str) -> tuple[str, float]:
    """Return the language of one range, without its region, and how much it is liked; what is no range is not."""
    match = _RANGE.fullmatch(part.strip())
    return (match[1].lower(), float(match[2] or 1)) if match else ("", 0)
