"""E-mails: who wrote to whom about what, and the text. Only a worker imports this; the parts are never taken out."""

import contextlib
from collections.abc import Iterator
from email import message_from_binary_file
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final

from servicedesk.media.jobs import Header, MailRead, ReadMail
from servicedesk.media.text import TEXT_MAX, codec_of, shortened, visible

HEADER_MAX: Final = 2000
PARTS_MAX: Final = 500
NAMES_MAX: Final = 100
HTML_MAX: Final = 1 << 20
"""Characters of an HTML part that are reduced to its text."""
_SHOWN: Final = ("From", "To", "Cc", "Subject", "Date")

if TYPE_CHECKING:
    Mail = Message[str, str]
else:
    Mail = Message


def read_mail(job: ReadMail) -> MailRead:
    with open(job.path, "rb") as file:
        mail = message_from_binary_file(file)
    headers = list(_headers(mail, job.charset))
    if not headers:
        raise ValueError("there is no head of an e-mail")
    texts: dict[str, str] = {}
    names: list[str] = []
    for part in _leaves(mail):
        kind = part.get_content_type()
        if part is not mail and _is_attached(part, kind):
            names.append(_name_of(part, job.charset))
        elif kind in ("text/plain", "text/html") and kind not in texts:
            texts[kind] = _text_of(part, job.charset)
    text = texts.get("text/plain") or _words_of(texts.get("text/html", ""))
    kept, truncated = shortened(text.replace("\r\n", "\n"))
    return MailRead(headers, kept, truncated, names[:NAMES_MAX])


def _headers(mail: Mail, charset: str) -> Iterator[Header]:
    sent: dict[str, str] = {}
    for name, value in mail.raw_items():  # the others lose letters that were sent without a charset
        sent.setdefault(name.lower(), value)
    for name in _SHOWN:
        if name.lower() in sent:
            yield Header(name, _decoded(sent[name.lower()], charset))


def _leaves(mail: Mail) -> Iterator[Mail]:
    """Yield the parts that hold something, in their order; an e-mail within is one of them."""
    waiting, seen = [mail], 0
    while waiting and seen < PARTS_MAX:
        part = waiting.pop()
        seen += 1
        inner: Any = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inner, list):
            waiting.extend(reversed(inner))
        else:
            yield part


def _is_attached(part: Mail, kind: str) -> bool:
    return (
        part.get_content_disposition() == "attachment"
        or part.get_filename() is not None
        or not kind.startswith("text/")
    )


def _name_of(part: Mail, charset: str) -> str:
    name = part.get_filename()
    if name:
        return _decoded(name, charset)
    return "an e-mail" if part.get_content_type() == "message/rfc822" else "without a name"


def _decoded(value: Any, charset: str) -> str:
    """Return a header as it was meant: unfolded, its encoded words decoded, nothing hidden in it."""
    raw = " ".join(str(value)[:HEADER_MAX].split())
    try:
        pieces = decode_header(raw)
    except (HeaderParseError, ValueError):
        pieces = [(raw, None)]
    words = (
        piece if isinstance(piece, str) else _characters(piece, given or charset) for piece, given in pieces
    )
    whole = "".join(words)
    with contextlib.suppress(UnicodeEncodeError):  # what was sent without a charset came as surrogates
        whole = _characters(whole.encode("utf-8", "surrogateescape"), "utf-8", charset)
    return visible(whole.strip(), HEADER_MAX)


def _text_of(part: Mail, charset: str) -> str:
    content: Any = part.get_payload(decode=True)
    raw = content if isinstance(content, bytes) else b""
    most = HTML_MAX if part.get_content_type() == "text/html" else 4 * TEXT_MAX + 1
    return _characters(raw[:most], part.get_content_charset() or charset)


def _characters(raw: bytes, *charsets: str) -> str:
    """Return the text in the first charset that fits; the last one fits with gaps."""
    for charset in charsets:
        try:
            return raw.decode(codec_of(charset))
        except (LookupError, ValueError):
            continue
    try:
        return raw.decode(codec_of(charsets[-1]), "replace")
    except (LookupError, ValueError):
        return raw.decode("utf-8", "replace")


def _words_of(html: str) -> str:
    reader = _Words()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.words).split("\n"))
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip()


class _Words(HTMLParser):
    """The text of a page, a line for each block, without what nobody reads."""

    _UNREAD: Final = frozenset({"script", "style", "head", "title", "template"})
    _BLOCKS: Final = frozenset(
        {"p", "div", "br", "tr", "li", "ul", "ol", "table", "blockquote", "pre", "hr"}
        | {f"h{level}" for level in range(1, 7)}
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unread += tag in self._UNREAD
        if tag == "td":
            self.words.append(" ")
        if tag in self._BLOCKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._UNREAD:
            self._unread = max(0, self._unread - 1)
        if tag in self._BLOCKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.words.append(" ".join(data.split("\n")))
