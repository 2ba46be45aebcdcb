"""Templates: made of components that the style guide shows, and without a text that no catalogue knows."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import pytest
from aiohttp_jinja2 import get_env
from jinja2 import Environment, nodes

from servicedesk import resources
from servicedesk.domain.sla import State
from servicedesk.domain.tickets import Priority, Status
from servicedesk.settings import Environment as Where
from tests.served import Client, Desk

TEMPLATES = Path(resources.templates())
NAMES = sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html"))
COMPONENTS = [name for name in NAMES if name.startswith("components/")]
GUIDE = "styleguide.html"
JINJA = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)

SEEN = ("aria-label", "title", "placeholder", "alt")
"""Attributes that people see or hear."""
LITERAL = ("kbd", "code", "pre")
"""What stands in these is typed, not read."""
OF_ATTRIBUTES = ("page", "main_class")
"""Blocks that the frame of a page puts into attributes."""
NO_WORDS = {"asyncapi.json", "openapi.json"}
"""What is the same in every language."""


def source(name: str) -> str:
    return (TEMPLATES / name).read_text()


def tree(name: str) -> nodes.Template:
    return JINJA.parse(source(name))


# Components -----------------------------------------------------------------------------------------------------


def macros() -> dict[str, nodes.Macro]:
    return {each.name: each for name in COMPONENTS for each in tree(name).find_all(nodes.Macro)}


def called(within: nodes.Node) -> set[str]:
    return {call.node.name for call in within.find_all(nodes.Call) if isinstance(call.node, nodes.Name)}


def test_the_style_guide_shows_every_macro_of_every_component() -> None:
    known, shown, found = macros(), set[str](), called(tree(GUIDE))
    while found - shown:
        shown |= found
        found = {name for each in shown & known.keys() for name in called(known[each])}

    assert sorted(known.keys() - shown) == []


@pytest.mark.parametrize("name", [name for name in NAMES if name not in COMPONENTS])
def test_no_page_draws_an_icon_a_face_or_a_notice_by_itself(name: str) -> None:
    assert not re.search(
        r'<svg class="icon|class="(?:avatar|pill|notice)[ "](?!good" role="status")', source(name)
    )


# The style guide ------------------------------------------------------------------------------------------------


async def guide(folder: Path) -> str:
    async with Desk(folder, env=Where.DEVELOPMENT) as desk:
        return await shown(await desk.admin())


async def shown(by: Client) -> str:
    answer = await by.get("/styleguide", headers={"Accept": "text/html"})
    assert answer.status == 200, answer.body
    return str(answer.body.decode())


async def test_the_style_guide_shows_every_icon_colour_and_combination_in_both_schemes(
    tmp_path: Path,
) -> None:
    page = await guide(tmp_path / "data")
    assets = Path(resources.static())

    for icon in re.findall(r'<symbol id="([^"]+)"', (assets / "icons.svg").read_text()):
        assert len(re.findall(rf'icons\.svg#{icon}"/></svg>{icon}</span>', page)) == 2, icon
    for colour in re.findall(r"--([\w-]+): (?:light-dark\(|#)", (assets / "css/tokens.css").read_text()):
        assert page.count(f'of-{colour}"') == 2, colour
    for status, priority in product(Status, Priority):
        cells = re.findall(rf'data-combination="{status} {priority}">(.*?)</div>', page, re.DOTALL)
        assert [re.findall(r'data-clock="(\w+)"', cell) for cell in cells] == [[str(s) for s in State]] * 2


def test_every_token_is_drawn_by_the_style_guides_own_style() -> None:
    assets = Path(resources.static()) / "css"
    tokens = set(re.findall(r"--([\w-]+):", (assets / "tokens.css").read_text())) - {"quick"}

    assert tokens - set(re.findall(r"var\(--([\w-]+)\)", (assets / "guide.css").read_text())) == set()


async def test_the_style_guide_has_every_id_once_and_no_style_of_its_own(tmp_path: Path) -> None:
    page = await guide(tmp_path / "data")
    ids = re.findall(r'\sid="([^"]*)"', page)

    assert sorted({each for each in ids if ids.count(each) > 1}) == []
    assert " style=" not in page


async def test_a_field_that_is_called_like_a_method_takes_its_place_from_none(desk: Desk) -> None:
    page = get_env(desk.app).from_string("{{ typed.get('a') }} {{ typed.a }} {{ typed.b is defined }}")

    # Anybody can send a form with such a field.
    assert page.render(typed={"get": "x", "a": "1"}) == "1 1 False"


async def test_outside_development_there_is_no_style_guide(desk: Desk) -> None:
    answer = await (await desk.admin()).get("/styleguide", headers={"Accept": "text/html"})

    assert answer.status == 404


# Words ----------------------------------------------------------------------------------------------------------


class Bare(HTMLParser):
    """Finds the letters that people see in a template from which everything computed was taken out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within += [tag] if tag in LITERAL else []
        self.found += [f'{name}="{value}"' for name, value in attrs if name in SEEN and worded(value or "")]

    def handle_endtag(self, tag: str) -> None:
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        if not self._within and worded(data):
            self.found.append(data.strip())


def worded(text: str) -> bool:
    return text.strip() not in NO_WORDS and any(letter.isalpha() for letter in text)


def literal(template: str) -> Iterator[str]:
    """Yield what a template says in letters of its own: nothing computed, and no text of the catalogue."""
    of_catalogue = in_block = of_attribute = False
    for _line, kind, value in JINJA.lex(template):
        if kind == "block_begin":
            in_block = True
        elif kind == "block_end":
            in_block = False
        elif in_block and kind == "name" and value in ("trans", "endtrans"):
            of_catalogue = value == "trans"
        elif in_block and kind == "name" and value in (*OF_ATTRIBUTES, "endblock"):
            of_attribute = value != "endblock"
        elif kind == "data" and not of_catalogue and not of_attribute:
            yield value


def bare(template: str) -> list[str]:
    parser = Bare()
    parser.feed("".join(literal(template)))
    parser.close()
    return parser.found


@pytest.mark.parametrize("name", NAMES)
def test_no_template_has_a_text_that_is_not_in_the_catalogue(name: str) -> None:
    assert bare(source(name)) == []


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>{% if open %}Open{% endif %}</p>", ["Open"]),
        ('<a href="/x" title="Way out {{ name }}">{{ _("Out") }}</a>', ['title="Way out "']),
        (
            '<p>{% trans n=n %}There are <b>{{ n }}</b>{% endtrans %} · {{ _("of them") }} <kbd>Esc</kbd></p>',
            [],
        ),
    ],
)
def test_a_bare_text_is_found_in_a_branch_and_in_an_attribute_but_not_in_a_translation(
    template: str, found: list[str]
) -> None:
    assert bare(template) == found
