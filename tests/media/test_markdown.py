"""What people wrote, drawn without harm."""

import pytest

from servicedesk.media.markdown import render


@pytest.mark.parametrize(
    "harm",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        "[click](javascript:alert(1))",
        "![spy](https://evil.example/pixel.png)",
        "<a href='data:text/html,x'>x</a>",
        "[x](vbscript:x)",
    ],
)
def test_nothing_that_runs_or_loads_comes_through(harm: str) -> None:
    drawn = str(render(harm))

    for sign in ("<script", "<img", 'href="javascript', 'href="data', 'href="vbscript'):
        assert sign not in drawn


def test_the_usual_marks_are_drawn() -> None:
    assert str(render("**Now**, `lp0` and\n\n> so on")) == (
        "<p><strong>Now</strong>, <code>lp0</code> and</p>\n<blockquote>\n<p>so on</p>\n</blockquote>\n"
    )


def test_a_line_break_stays_one() -> None:
    assert str(render("one\ntwo")) == "<p>one<br>\ntwo</p>\n"


def test_an_address_becomes_a_link_without_the_full_stop_behind_it() -> None:
    drawn = str(render("See https://desk.example/a?b=1&c=2. `https://not.example`"))

    assert 'href="https://desk.example/a?b=1&amp;c=2"' in drawn
    assert 'href="https://not.example' not in drawn


def test_who_is_called_stands_out_but_not_in_code_or_addresses() -> None:
    text = "@ann, `@ann`, **@ann** x@ann.org https://a.example/@ann @eve <span class='mention'>@</span>"

    html = render(text, frozenset({"ann"}))

    assert html.count('<span class="mention">@ann</span>') == html.count("<span") == 2
    assert "<span" not in render(text)
