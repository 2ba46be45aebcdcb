"""Source with its words told apart, and Markdown made HTML. Only a worker imports this: both can be made slow."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from servicedesk.media.jobs import Highlight, Highlighted, Mark, Marked
from servicedesk.media.text import TEXT_MAX, read_text

if TYPE_CHECKING:
    from pygments.lexer import Lexer

LONG_LINE: Final = 120
"""Characters of a line that nobody reads without turning it."""
LAID_OUT_MAX: Final = 2 * TEXT_MAX
HTML_MAX: Final = 8 * TEXT_MAX
_LEXERS: Final = {"svg": "xml", "yml": "yaml", "sh": "bash"}
"""The lexers that are not called like the extension."""
_DEEPEST: Final = 24
"""Steps of indentation; what is nested deeper stays below each other."""


def highlight(job: Highlight) -> Highlighted:
    text = read_text(Path(job.path), job.charset).text
    laid_out = job.language == "json" and _is_one_long_line(text)
    if laid_out:
        text = lay_out(text)
    return Highlighted(list(_joined(_lexer(job.language).get_tokens(text))), laid_out)


def mark(job: Mark) -> Marked:
    from servicedesk.media import markdown

    html = markdown.draft(read_text(Path(job.path), job.charset).text)
    if len(html) > HTML_MAX:
        raise ValueError("the text grows too much")
    return Marked(html)


def lay_out(text: str) -> str:
    """Return JSON with a line for each value: nothing but white space between words is changed, sound or not."""
    out: list[str] = []
    depth = length = 0
    before = ""
    for word in _WORDS.findall(text):
        piece = word
        if word in ("}", "]"):
            depth = max(0, depth - 1)
            piece = word if before in ("{", "[") else _line(depth) + word
        elif before in ("{", "[", ","):
            piece = _line(depth) + word
        elif before == ":":
            piece = " " + word
        depth += word in ("{", "[")
        before = word
        out.append(piece)
        length += len(piece)
        if length > LAID_OUT_MAX:
            break
    return "".join(out)


_WORDS: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\],:]|[^\s"{}\[\],:]+')


def _line(depth: int) -> str:
    return "\n" + "  " * min(depth, _DEEPEST)


def _is_one_long_line(text: str) -> bool:
    return len(text) > LONG_LINE and "\n" not in text.strip()


def _lexer(language: str) -> "Lexer":
    from pygments.lexers import get_lexer_by_name

    return get_lexer_by_name(_LEXERS.get(language, language), stripnl=False, ensurenl=False)


def _joined(tokens: Iterator[tuple[Any, str]]) -> Iterator[tuple[str, str]]:
    """Yield neighbours of the same sort as one."""
    sort, words = "", list[str]()
    for token, word in tokens:
        found = _sort(token)
        if found != sort and words and not word.isspace():
            yield sort, "".join(words)
            words = []
        if not word.isspace() or not words:
            sort = found
        words.append(word)
    if words:
        yield sort, "".join(words)


_SORTS: Final = {
    "Comment": "c",
    "Keyword": "k",
    "Keyword.Constant": "n",
    "Literal.Number": "n",
    "Literal.String": "s",
    "Literal.String.Doc": "c",
    "Name.Attribute": "a",
    "Name.Builtin": "f",
    "Name.Class": "f",
    "Name.Decorator": "a",
    "Name.Function": "f",
    "Name.Property": "a",
    "Name.Tag": "t",
    "Operator.Word": "k",
}


def _sort(token: Any) -> str:
    """Return the sort of a word by the nearest of its families that has one."""
    while token:
        found = _SORTS.get(".".join(token))
        if found is not None:
            return found
        token = token.parent
    return ""
