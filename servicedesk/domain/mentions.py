"""Whom a text calls by ``@name``: the handles of people, and where they stand in what was written."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from servicedesk.domain.people import fold

_CALLED: Final = re.compile(r"(?<![\w@/.+\-\\])@(\w++(?:[.\-]\w++)*+)(?!@)")
"""An ``@`` that begins a word and is no part of an e-mail address or a path."""
WORDS_MAX: Final = 8
"""A handle has no more words, however long the name; nobody looks further when a text is read."""
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_LOOKED_AT: Final = 256
"""Characters of a call in which its end is looked for."""
_TICKS: Final = re.compile(r"`+")
_BLANK_LINE: Final = re.compile(r"\n[ \t]*\n")


class Colleague(NamedTuple):
    """Somebody of the staff, as far as calling them goes."""

    id: int
    name: str
    email: str
    is_active: bool = True


def slug(text: str) -> str:
    """Return the text as a handle spells it: small letters and digits without accents, dots between words."""
    plain = "".join(
        char for char in unicodedata.normalize("NFKD", fold(text)) if not unicodedata.combining(char)
    )
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", plain))
    return ".".join(words[:WORDS_MAX])


def handles(staff: Iterable[Colleague]) -> dict[int, str]:
    """Return each person's handle; of several with the same name those who came later get a number."""
    given: dict[int, str] = {}
    taken: set[str] = set()
    for person in sorted(staff):
        wanted = slug(person.name) or f"user{person.id}"
        number, handle = 1, wanted
        while handle in taken:
            number += 1
            handle = f"{wanted}{number}"
        taken.add(handle)
        given[person.id] = handle
    return given


def directory(staff: Iterable[Colleague]) -> dict[str, int]:
    """Return by which names whom can be called: handles, and first names and addresses that mean one person."""
    staff = list(staff)
    own = handles(staff)
    active = [person for person in staff if person.is_active]
    short = {(name, person.id) for person in active for name in _short_names(person) if name}
    times = Counter(name for name, _ in short)
    taken = set(own.values())
    known = {name: user_id for name, user_id in short if times[name] == 1 and name not in taken}
    return known | {own[person.id]: person.id for person in active}


def mentioned(text: str, known: Mapping[str, int]) -> list[int]:
    """Return whom the text calls outside of code, each once, in order."""
    if "@" not in text:
        return []
    called = (
        known[slug(name)]
        for start, end in spans(_without_code(text), known)
        if (name := text[start + 1 : end])
    )
    return list(dict.fromkeys(called))


def spans(text: str, known: Mapping[str, int] | frozenset[str]) -> Iterator[tuple[int, int]]:
    """Yield where somebody known is called, the ``@`` included; ``@lena.Thanks`` calls Lena."""
    for found in _CALLED.finditer(text):
        start = found.start()
        for end in _ends(found):
            if slug(text[start + 1 : end]) in known:
                yield start, end
                break


def _ends(found: re.Match[str]) -> list[int]:
    """Return where the name may end: after all of its words first, then after fewer."""
    marks = [at for at, char in enumerate(found[0][:_LOOKED_AT], found.start()) if char in ".-"]
    return [*marks, found.end()][WORDS_MAX - 1 :: -1]


def _short_names(person: Colleague) -> set[str]:
    return {slug(person.name).partition(".")[0], slug(person.email.partition("@")[0])}


def _without_code(text: str) -> str:
    """Return the text with code blanked out, every place where it was."""
    return _without_spans(_without_blocks(text))


def _without_blocks(text: str) -> str:
    lines, fence, after_blank = [], "", True
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        inside = bool(fence)
        if fence and mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
            fence = ""
        elif not fence and mark:
            fence, inside = mark[1], True
        indented = after_blank and line.startswith(("    ", "\t"))
        hidden = inside or indented
        lines.append(" " * len(line) if hidden else line)
        after_blank = not line.strip() or hidden
    return "\n".join(lines)


def _without_spans(text: str) -> str:
    parts, last = [], 0
    for gap in [*_BLANK_LINE.finditer(text), None]:
        start = gap.start() if gap else len(text)
        parts.append(_without_spans_in(text[last:start]))
        parts.append(gap[0] if gap else "")
        last = gap.end() if gap else start
    return "".join(parts)


def _without_spans_in(paragraph: str) -> str:
    """A run of backticks begins code when another of its length follows; anything else is itself."""
    runs = [found.span() for found in _TICKS.finditer(paragraph)]
    ends: dict[int, list[int]] = {}
    for number in range(len(runs) - 1, -1, -1):
        ends.setdefault(runs[number][1] - runs[number][0], []).append(number)
    shown, number = list(paragraph), 0
    while number < len(runs):
        start, after = runs[number]
        later = ends[after - start]
        while later and later[-1] <= number:
            later.pop()
        if later:
            number = later[-1]
            shown[start : runs[number][1]] = " " * (runs[number][1] - start)
        number += 1
    return "".join(shown)
