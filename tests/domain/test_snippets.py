"""What of a text is shown around a find."""

from servicedesk.domain.search import terms_of
from servicedesk.domain.snippets import AROUND, matches, snippet


def marked(text: str, typed: str) -> list[str]:
    return [text[start:end] for start, end in matches(text, terms_of(typed))]


def test_finds_are_marked_as_the_index_finds_them() -> None:
    assert marked("Printing on the printer", "print") == ["Print", "print"]
    assert marked("Printing on the printer", '"print"') == []
    assert marked("Die Größe, naïve", "grosse naive") == ["naïve"]
    assert marked("Die Größe, naïve", "größe") == ["Größe"]
    assert marked("on  -  fire", '"on fire"') == ["on  -  fire"]


def test_a_snippet_is_cut_from_the_first_text_that_holds_a_find() -> None:
    found = snippet(
        ["nothing here", "a " * 200 + "fire in the roof " + "b " * 200], "otherwise", terms_of("fire")
    )

    (start, end), *others = found.matches
    assert found.text[start:end] == "fire"
    assert not others
    assert found.text.startswith("…")
    assert found.text.endswith("…")
    assert len(found.text) <= 2 * AROUND + 2


def test_without_a_find_the_description_is_shown_from_its_beginning() -> None:
    assert snippet(["nothing"], "The  printer\nburns", terms_of("#7")).text == "The printer burns"
