"""What people wrote, as HTML that cannot do harm."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markupsafe import Markup

from servicedesk.domain import mentions

_ADDRESS: Final = re.compile(r"https?://[^\s<>\"'`]*[^\s<>\"'`.,;:!?)\]}]")
_TAGS: Final = {
    *("span", "p", "br", "hr", "a", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES: Final = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES: Final = {"http", "https", "mailto", "tel"}


@lru_cache(maxsize=2048)
def render(text: str, names: frozenset[str] = frozenset()) -> Markup:
    """Return safe HTML: no raw HTML, no pictures from elsewhere, no addresses but plain ones.

    Where somebody of these names is called by ``@name``, it stands out.
    """
    return clean(draft(text, names))


def draft(text: str, names: frozenset[str] = frozenset()) -> str:
    """Return HTML that is still to be cleaned; text made to be slow takes its time here."""
    html: str = _PARSER.render(text, {"names": names})
    return html


def clean(html: str) -> Markup:
    """Return what of the HTML cannot do harm, whoever made it."""
    cleaned = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        allowed_classes={"span": {"mention"}},
        link_rel="noopener noreferrer nofollow ugc",
    )
    return Markup(cleaned)  # noqa: S704 -- cleaned just above  # nosec B704


def _link_addresses(state: StateCore) -> None:
    """Make links of addresses that stand bare in the text."""
    for block in state.tokens:
        if block.type == "inline" and block.children:
            block.children = list(_linked(block.children, state.env["names"]))


def _linked(tokens: list[Token], names: frozenset[str]) -> Iterator[Token]:
    depth = 0
    for token in tokens:
        depth += token.nesting if token.type in ("link_open", "link_close") else 0
        if token.type == "text" and depth == 0:
            yield from _parts(token.content, names)
        else:
            yield token


def _parts(text: str, names: frozenset[str]) -> Iterator[Token]:
    last = 0
    for found in _ADDRESS.finditer(text):
        if found.start() > last:
            yield from _called(text[last : found.start()], names)
        yield Token("link_open", "a", 1, attrs={"href": found[0]})
        yield _text(found[0])
        yield Token("link_close", "a", -1)
        last = found.end()
    if last < len(text):
        yield from _called(text[last:], names)


def _called(text: str, names: frozenset[str]) -> Iterator[Token]:
    last = 0
    for start, end in mentions.spans(text, names) if names else ():
        if start > last:
            yield _text(text[last:start])
        yield Token("mention_open", "span", 1, attrs={"class": "mention"})
        yield _text(text[start:end])
        yield Token("mention_close", "span", -1)
        last = end
    if last < len(text):
        yield _text(text[last:])


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


_PARSER: Final = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
_PARSER.disable(["image"])
_PARSER.core.ruler.push("addresses", _link_addresses)
