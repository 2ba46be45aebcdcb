"""Texts that can be said in another language later: each remembers what it was made of."""

from typing import Any, Self


class Text(str):
    """A text in English that knows its template and its values, so that the catalogue can find it.

    Only the text itself is one; what string methods make of it is a plain ``str`` that stays English.
    """

    __slots__ = ("many", "number", "template", "values")

    template: str
    """What the catalogue has it under, with the values' names in braces."""
    many: str | None
    """The template for another number than one; None when the text counts nothing."""
    number: int
    values: dict[str, Any]

    def __new__(cls, template: str, many: str | None, number: int, values: dict[str, Any]) -> Self:
        chosen = template if many is None or number == 1 else many
        text = super().__new__(cls, chosen.format(**values))
        text.template, text.many, text.number, text.values = template, many, number, values
        return text


def say(template: str, /, **values: Any) -> Text:
    """Return the text; a value in ``{braces}`` may be a :class:`Text` of its own."""
    return Text(template, None, 0, values)


def count(one: str, many: str, number: int, /, **values: Any) -> Text:
    """Return the text for so many things; both templates know the number as ``{n}``."""
    return Text(one, many, number, {"n": number, **values})
