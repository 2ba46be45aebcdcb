"""What somebody typed into the search box, as terms that an index can be asked for."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

import msgspec

from servicedesk.domain.errors import BadParameter
from servicedesk.domain.tickets import reference

LENGTH_MAX: Final = 500
TERMS_MAX: Final = 16

_PART: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
_REFERENCE: Final = re.compile(r"(?:#|tkt-)0*([1-9]\d{0,15})", re.IGNORECASE)
_NUMBER: Final = re.compile(r"0*([1-9]\d{0,15})")


class Term(msgspec.Struct, frozen=True):
    """Something that must occur in a ticket: any of the texts, whole or as the beginning of a word."""

    texts: tuple[str, ...]
    is_prefix: bool


def terms_of(typed: str) -> tuple[Term, ...]:
    """Read the words: bare ones are beginnings of words, ``"quoted ones"`` phrases, ``#42`` is a ticket.

    What no index can hold, such as lone punctuation, is left out. Raises BadParameter for too much text.
    """
    if len(typed) > LENGTH_MAX:
        raise BadParameter("q", f"q: at most {LENGTH_MAX} characters can be searched for.")
    terms = tuple(dict.fromkeys(_terms(typed)))
    if len(terms) > TERMS_MAX:
        raise BadParameter("q", f"q: at most {TERMS_MAX} words can be searched for.")
    return terms


def _terms(typed: str) -> Iterator[Term]:
    for part in _PART.finditer(typed):
        phrase, word = part[1], part[2]
        if phrase is not None:
            if _has_word(phrase):
                yield Term((phrase,), is_prefix=False)
        elif found := _REFERENCE.fullmatch(word):
            yield Term((reference(int(found[1])),), is_prefix=False)
        elif found := _NUMBER.fullmatch(word):
            # A bare number may be the ticket's own.
            yield Term((word, reference(int(found[1]))), is_prefix=True)
        elif _has_word(word):
            yield Term((word,), is_prefix=True)


def _has_word(text: str) -> bool:
    """Return whether the index would find a word in it: letters, digits, marks of neither."""
    return any(unicodedata.category(char)[0] in "LN" or unicodedata.category(char) == "Co" for char in text)
