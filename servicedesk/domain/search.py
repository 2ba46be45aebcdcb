"""What somebody typed into the search box: terms that an index can be asked for, and operators that narrow it."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from servicedesk.domain.errors import BadParameter
from servicedesk.domain.tickets import reference
from servicedesk.domain.words import say

LENGTH_MAX: Final = 500
TERMS_MAX: Final = 16


class Operator(StrEnum):
    """What is typed before a colon. Of several values behind it, divided by commas, each will do."""

    STATUS = "status"
    PRIORITY = "priority"
    ASSIGNEE = "assignee"
    TAG = "tag"
    TEAM = "team"
    REQUESTER = "requester"
    FROM = "from"
    """Who wrote in the ticket: its requester, or somebody who said something there."""
    BEFORE = "before"
    AFTER = "after"
    HAS = "has"


_VALUE: Final = r'(?:"[^"]*"|[^\s",]+)'
_PART: Final = re.compile(
    rf"(?P<operator>{'|'.join(Operator)}):(?P<values>{_VALUE}(?:,{_VALUE})*),?(?=\s|$)"
    r'|"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+)',
    re.IGNORECASE,
)
_EACH_VALUE: Final = re.compile(r'"([^"]*)"|([^",]+)')
_REFERENCE: Final = re.compile(r"(?:#|tkt-)0*([1-9]\d{0,15})", re.IGNORECASE)
_NUMBER: Final = re.compile(r"0*([1-9]\d{0,15})")


class Term(msgspec.Struct, frozen=True):
    """Something that must occur in a ticket: any of the texts, whole or as the beginning of a word."""

    texts: tuple[str, ...]
    is_prefix: bool


class Narrowing(msgspec.Struct, frozen=True):
    """An operator and what was typed behind it."""

    operator: Operator
    values: tuple[str, ...]


class Question(msgspec.Struct, frozen=True):
    """All terms must be found, and all narrowings must be met."""

    terms: tuple[Term, ...] = ()
    narrowings: tuple[Narrowing, ...] = ()

    @property
    def is_for_text(self) -> bool:
        """Return whether something is to be found in the text; what no index holds can be found nowhere."""
        return bool(self.terms) or not self.narrowings


def question_of(typed: str) -> Question:
    """Read the words: bare ones are beginnings of words, ``"quoted ones"`` phrases, ``#42`` is a ticket.

    ``status:open,new`` narrows; behind a colon that follows no operator's name stands text like any other. What no
    index can hold, such as lone punctuation, is left out. Raises BadParameter for too much text.
    """
    if len(typed) > LENGTH_MAX:
        raise BadParameter.of("q", say("at most {most} characters can be searched for.", most=LENGTH_MAX))
    parts = tuple(dict.fromkeys(_parts(typed)))
    if len(parts) > TERMS_MAX:
        raise BadParameter.of("q", say("at most {most} words can be searched for.", most=TERMS_MAX))
    return Question(
        tuple(part for part in parts if isinstance(part, Term)),
        tuple(part for part in parts if isinstance(part, Narrowing)),
    )


def ticket_named(terms: Sequence[Term]) -> int | None:
    """Return the ticket whose number is all that was typed, in whichever way."""
    found = _REFERENCE.fullmatch(terms[0].texts[-1]) if len(terms) == 1 else None
    return int(found[1]) if found else None


def terms_of(typed: str) -> tuple[Term, ...]:
    """Return the terms alone."""
    return question_of(typed).terms


def _parts(typed: str) -> Iterator[Term | Narrowing]:
    for part in _PART.finditer(typed):
        if part["operator"] is not None:
            yield Narrowing(Operator(part["operator"].lower()), _values(part["values"]))
        elif part["phrase"] is not None:
            if _has_word(part["phrase"]):
                yield Term((part["phrase"],), is_prefix=False)
        else:
            yield from _word(part["word"])


def _values(typed: str) -> tuple[str, ...]:
    found = (
        quoted if bare is None else bare for quoted, bare in (m.groups() for m in _EACH_VALUE.finditer(typed))
    )
    return tuple(dict.fromkeys(value.strip() for value in found))


def _word(word: str) -> Iterator[Term]:
    if found := _REFERENCE.fullmatch(word):
        yield Term((reference(int(found[1])),), is_prefix=False)
    elif found := _NUMBER.fullmatch(word):
        # A bare number may be the ticket's own.
        yield Term((word, reference(int(found[1]))), is_prefix=True)
    elif _has_word(word):
        yield Term((word,), is_prefix=True)


def _has_word(text: str) -> bool:
    """Return whether the index would find a word in it: letters, digits, marks of neither."""
    return any(unicodedata.category(char)[0] in "LN" or unicodedata.category(char) == "Co" for char in text)
