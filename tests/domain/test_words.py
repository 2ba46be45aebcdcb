"""Texts that remember what they were made of."""

import pickle

import pytest

from servicedesk.domain.words import Text, begun, count, joined, say


def test_a_text_reads_in_english_and_remembers_its_template_and_its_values() -> None:
    text = say("A ticket cannot go from {here} to {there}.", here="new", there="closed")

    assert text == "A ticket cannot go from new to closed."
    assert (text.template, text.values) == (
        "A ticket cannot go from {here} to {there}.",
        {"here": "new", "there": "closed"},
    )


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 tickets of Mara"), (1, "1 ticket of Mara"), (2, "2 tickets of Mara")]
)
def test_what_is_counted_has_the_form_of_its_number(number: int, said: str) -> None:
    assert count("{n} ticket of {name}", "{n} tickets of {name}", number, name="Mara") == said


def test_texts_in_a_row_stay_texts_whatever_stands_between_them() -> None:
    row = joined(" {} ", [say("New"), "{as typed}", say("Open")])

    assert row == "New {} {as typed} {} Open"
    assert [type(part) for part in row.values.values()] == [Text, str, Text]
    assert joined(", ", []) == ""


def test_the_beginning_of_a_sentence_has_a_capital_and_stays_a_text() -> None:
    text = begun(say("must have at most {most} characters", most=9))

    assert text == "Must have at most 9 characters"
    assert isinstance(text, Text)
    assert begun("être") == "Être"


def test_a_value_is_never_read_as_a_template() -> None:
    assert say("There is no {path} here.", path="/{0}/{x}") == "There is no /{0}/{x} here."


def test_a_text_survives_the_way_to_another_process() -> None:
    text = begun(count("{n} file of {what}", "{n} files of {what}", 2, what=say("the desk")))

    found = pickle.loads(pickle.dumps(text))

    assert (found, found.template, found.many, found.number, found.values, found.is_begun) == (
        text,
        text.template,
        text.many,
        2,
        text.values,
        True,
    )
