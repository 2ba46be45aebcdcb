"""The neighbourhood of what was found in a text."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from servicedesk.domain.search import Term

AROUND: Final = 90
"""Characters on each side of the first word that was found."""


class Snippet(msgspec.Struct, frozen=True):
    """A piece of a ticket's text, and where in it the finds begin and end, in characters."""

    text: str
    matches: tuple[tuple[int, int], ...]


def snippet(texts: Iterable[str], otherwise: str, terms: Sequence[Term]) -> Snippet:
    """Return the neighbourhood of the first find in the first text that holds one, else the beginning."""
    lines = (" ".join(text.split()) for text in (*texts, otherwise))
    looked = ((line, matches(line, terms)) for line in lines)
    text, found = next((each for each in looked if each[1]), (" ".join(otherwise.split()), ()))
    start = max(0, found[0][0] - AROUND) if found else 0
    end = start + 2 * AROUND
    piece = ("…" if start else "") + text[start:end].strip() + ("…" if end < len(text) else "")
    return Snippet(piece, matches(piece, terms))


def matches(text: str, terms: Sequence[Term]) -> tuple[tuple[int, int], ...]:
    """Return where the terms stand in the text: whole words, or words that begin so, whatever their accents."""
    marker = _marker(terms)
    plain = _without_accents(text)
    return tuple(found.span() for found in marker.finditer(plain)) if marker else ()


def _marker(terms: Sequence[Term]) -> re.Pattern[str] | None:
    parts = [
        r"\b" + r"\W+".join(map(re.escape, words)) + ("" if term.is_prefix else r"\b")
        for term in terms
        for text in term.texts
        if (words := _without_accents(text).split())
    ]
    return re.compile("|".join(parts), re.IGNORECASE) if parts else None


def _without_accents(text: str) -> str:
    """Return the text with the same number of characters, each without its accents."""
    return text if text.isascii() else text.translate(_PLAIN)


class _Plain(dict[int, int]):
    """Letters without their accents, looked up once each."""

    def __missing__(self, code: int) -> int:
        self[code] = plain = ord(unicodedata.normalize("NFD", chr(code))[0])
        return plain


_PLAIN: Final = _Plain()
