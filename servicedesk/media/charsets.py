"""Which of the older charsets a text is in, as far as a detector can be sure of it."""

import unicodedata
from typing import BinaryIO, Final

SAMPLE: Final = 8 << 10
"""Bytes that are looked at: the detector holds all threads up while it works."""
_SEARCHED: Final = 1 << 20
"""Bytes among which lines for the sample are looked for."""
_LEAST: Final = 8
"""Letters beyond ASCII without which nothing can be sure."""
_COHERENT: Final = 0.3
_CHAOTIC: Final = 0.15

# By the names that the detector knows. Those that differ from Windows-1252 in a few accents are left out on purpose:
# nobody can tell them apart in a short text.
_ALPHABETS: Final = {
    "cp1251": ("windows-1251", "CYRILLIC"),
    "koi8_r": ("koi8-r", "CYRILLIC"),
    "cp1253": ("windows-1253", "GREEK"),
    "cp1255": ("windows-1255", "HEBREW"),
    "cp1256": ("windows-1256", "ARABIC"),
}
_IDEOGRAPHS: Final = {
    "cp932": "shift_jis",
    "euc_jp": "euc-jp",
    "gb18030": "gb18030",
    "big5": "big5",
    "cp949": "euc-kr",
}
_ASKED: Final = [*_IDEOGRAPHS, *_ALPHABETS, "cp1252"]
_SCRIPTS: Final = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "FULLWIDTH", "IDEOGRAPHIC")
"""Not the half-width ones: each is one byte, and many an accent would read as one."""


def guess(file: BinaryIO) -> str | None:
    """Return the charset of text that is not UTF-8, or None where the detector is not sure."""
    from charset_normalizer import from_bytes  # costs memory that a desk without such texts never needs

    sample = _sample(file)
    best = from_bytes(sample, cp_isolation=_ASKED, enable_fallback=False).best()
    if best is None or best.chaos > _CHAOTIC:
        return None
    strange = [char for char in str(best) if char >= "\x80"]
    if len(strange) < _LEAST:
        return None
    if best.encoding in _IDEOGRAPHS:
        return _IDEOGRAPHS[best.encoding] if _stand_together(str(best), len(strange)) else None
    charset, alphabet = _ALPHABETS.get(best.encoding, ("", ""))
    fitting = sum(alphabet in unicodedata.name(char, "") for char in strange) if charset else 0
    return charset if best.coherence >= _COHERENT and fitting >= 0.8 * len(strange) else None


def _sample(file: BinaryIO) -> bytes:
    """Return the lines that are not plain ASCII, which alone tell something."""
    file.seek(0)
    searched = file.read(_SEARCHED)
    out = bytearray()
    for line in searched.splitlines(keepends=True):
        if not line.isascii():
            out += line[: SAMPLE - len(out)]
        if len(out) >= SAMPLE:
            break
    return bytes(out)


def _stand_together(text: str, strange: int) -> bool:
    """Return whether most are ideographs and stand beside their like: a misread accent stands alone in a word."""
    kinds = [_is_ideograph(char) for char in text]
    many = sum(kinds)
    beside = sum(
        one and (before or after)
        for before, one, after in zip([False, *kinds], kinds, [*kinds[1:], False], strict=False)
    )
    return many >= 0.6 * strange and beside >= 0.7 * many


def _is_ideograph(char: str) -> bool:
    return char >= "\u1100" and unicodedata.name(char, "").startswith(_SCRIPTS)
