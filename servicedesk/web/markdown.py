"""What people wrote, as HTML that cannot do harm."""

from functools import lru_cache
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

_PARSER: Final = MarkdownIt("commonmark", {"html": False, "breaks": True, "typographer": False}).enable(
    ["table", "strikethrough"]
)
_PARSER.disable(["image"])

_TAGS: Final = {
    *("p", "br", "hr", "a", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES: Final = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES: Final = {"http", "https", "mailto", "tel"}


@lru_cache(maxsize=2048)
def render(text: str) -> Markup:
    """Return safe HTML: no raw HTML, no pictures from elsewhere, no addresses but plain ones."""
    cleaned = nh3.clean(
        _PARSER.render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow ugc",
    )
    return Markup(cleaned)  # noqa: S704 -- cleaned just above
