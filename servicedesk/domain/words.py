"""Texts that can be said in another language later: each remembers what it was made of."""

from collections.abc import Iterable
from typing import Any, Self


class Text(str):
    """A text in English that knows its template and its values, so that the catalogue can find it.

    Only the text itself is one; what string methods make of it is a plain ``str`` that stays English.
    """

    __slots__ = ("is_begun", "many", "number", "template", "values")

    template: str
    """What the catalogue has it under, with the values' names in braces."""
    many: str | None
    """The template for another number than one; None when the text counts nothing."""
    number: int
    values: dict[str, Any]
    is_begun: bool
    """Whether it stands at the beginning of a sentence, with a capital letter in every language."""

    def __new__(
        cls, template: str, many: str | None, number: int, values: dict[str, Any], is_begun: bool = False
    ) -> Self:
        chosen = template if many is None or number == 1 else many
        said = chosen.format(**values)
        text = super().__new__(cls, capital(said) if is_begun else said)
        text.template, text.many, text.number, text.values = template, many, number, values
        text.is_begun = is_begun
        return text

    def __getnewargs__(self) -> tuple[str, str | None, int, dict[str, Any], bool]:  # type: ignore[override]
        return self.template, self.many, self.number, self.values, self.is_begun


def say(template: str, /, **values: Any) -> Text:
    """Return the text; a value in ``{braces}`` may be a :class:`Text` of its own."""
    return Text(template, None, 0, values)


def count(one: str, many: str, number: int, /, **values: Any) -> Text:
    """Return the text for so many things; both templates know the number as ``{n}``."""
    return Text(one, many, number, {"n": number, **values})


def joined(separator: str, texts: Iterable[str]) -> Text:
    """Return the texts one after the other, each in whatever language it is said later."""
    values = {f"part{n}": text for n, text in enumerate(texts)}
    between = separator.replace("{", "{{").replace("}", "}}")
    return Text(between.join(f"{{{name}}}" for name in values), None, 0, values)


def begun(text: str) -> str:
    """Return the text as the beginning of a sentence."""
    if isinstance(text, Text):
        return Text(text.template, text.many, text.number, text.values, True)
    return capital(text)


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
