"""Source whose words are told apart, JSON that is laid out, Markdown that is made HTML."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicedesk.domain.files import KINDS, Category
from servicedesk.media.jobs import Highlight, Highlighted, Mark, Marked
from servicedesk.media.source import LAID_OUT_MAX, highlight, lay_out, mark
from servicedesk.media.text import TEXT_MAX
from servicedesk.media.workers import CannotRender, Workers
from tests import files_made_up as made_up
from tests.stalls import watched_loop

CODE = [extension for extension, kind in KINDS.items() if kind.category is Category.CODE]


@pytest.fixture
def coloured(tmp_path: Path) -> Callable[[bytes, str], Highlighted]:
    def run(content: bytes, language: str) -> Highlighted:
        path = tmp_path / "file"
        path.write_bytes(content)
        return highlight(Highlight(str(path), charset="utf-8", language=language))

    return run


def whole(found: Highlighted) -> str:
    return "".join(words for _, words in found.pieces)


@pytest.mark.parametrize("language", CODE)
def test_every_sort_of_code_is_told_apart_and_nothing_is_lost(
    coloured: Callable[[bytes, str], Highlighted], language: str
) -> None:
    content = made_up.HONEST[f"a.{language}"]

    found = coloured(content, language)

    assert whole(found) == content.decode()
    assert len({sort for sort, _ in found.pieces}) > 1
    assert not found.is_laid_out


def test_words_have_the_sort_of_their_family(coloured: Callable[[bytes, str], Highlighted]) -> None:
    found = coloured(b"# why\ndef f():\n    return 'x', 1\n", "py")

    sorts = {words.strip(): sort for sort, words in found.pieces}
    assert (sorts["# why"], sorts["def"], sorts["f"], sorts["'x'"], sorts["1"]) == ("c", "k", "f", "s", "n")


def test_long_source_is_told_apart_in_its_beginning(coloured: Callable[[bytes, str], Highlighted]) -> None:
    assert len(whole(coloured(b"x = 1\n" * 100_000, "py"))) == TEXT_MAX


def test_json_in_one_long_line_is_laid_out(coloured: Callable[[bytes, str], Highlighted]) -> None:
    value = {
        "printers": [{"name": 'HP "4100"', "burns": True, "pages": [1, 2.50], "none": {}, "empty": []}] * 5
    }
    content = json.dumps(value)

    found = coloured(content.encode(), "json")

    assert found.is_laid_out
    assert whole(found) == json.dumps(value, indent=2)


def test_json_with_lines_of_its_own_stays_as_it_is(coloured: Callable[[bytes, str], Highlighted]) -> None:
    content = json.dumps({"a": list(range(100))}, indent=1)

    found = coloured(content.encode(), "json")

    assert not found.is_laid_out
    assert whole(found) == content


def test_a_megabyte_of_json_in_one_line_is_laid_out_within_bounds(
    coloured: Callable[[bytes, str], Highlighted],
) -> None:
    found = coloured(json.dumps(list(range(180_000))).encode(), "json")

    assert found.is_laid_out
    assert len(whole(found)) <= LAID_OUT_MAX + 100


@given(st.text(alphabet='{}[],:"\\ a1\n', max_size=200))
def test_laying_out_changes_white_space_alone(text: str) -> None:
    assert "".join(lay_out(text).split()) == "".join(text.split())


@pytest.mark.parametrize("deep", ["[" * 60_000, "{" * 60_000 + "}" * 5_000, '["a",' * 20_000])
def test_nesting_without_end_stays_within_bounds(
    coloured: Callable[[bytes, str], Highlighted], deep: str
) -> None:
    assert len(whole(coloured(deep.encode(), "json"))) <= LAID_OUT_MAX + 100


SLOW = [
    ("py", b"'''" * 20_000),
    ("js", b"/" * 65_000),
    ("html", b"<" * 65_000),
    ("html", b"<script>" * 8_000),
    ("xml", b"<!--" * 16_000),
    ("css", b"a{" * 30_000),
    ("sql", b"/*" * 30_000),
    ("sh", b"$((" * 20_000),
    ("yaml", b"- " * 30_000),
    ("toml", b'"' * 65_000),
    ("ts", b"`${" * 20_000),
]


@pytest.mark.parametrize(("language", "content"), SLOW)
async def test_source_made_to_be_slow_holds_nobody_up(tmp_path: Path, language: str, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    workers = Workers()

    try:
        async with watched_loop() as longest_stall:
            job = Highlight(str(path), charset="utf-8", language=language)
            found = await workers.ask(job, Highlighted, patience=2)
        assert whole(found) == content.decode()[:TEXT_MAX]
    except CannotRender:
        pass  # the reader is shown the text as it is
    finally:
        await workers.close()
    assert longest_stall() < 0.05


def test_markdown_becomes_html(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("# Title\n\nSome *words*\n")

    assert mark(Mark(str(path), charset="utf-8")) == Marked("<h1>Title</h1>\n<p>Some <em>words</em></p>\n")


def test_markdown_that_grows_beyond_bounds_is_left(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("|a" * 100 + "|\n" + "|-" * 100 + "|\n" + "|\n" * 20_000)

    with pytest.raises(ValueError, match="grows"):
        mark(Mark(str(path), charset="utf-8"))
