import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicedesk.domain.errors import BadParameter
from servicedesk.domain.search import LENGTH_MAX, Term, question_of, terms_of


def word(*texts: str) -> Term:
    return Term(texts, is_prefix=True)


def phrase(text: str) -> Term:
    return Term((text,), is_prefix=False)


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("printer fire", [word("printer"), word("fire")]),
        ("  printer\tfire\n", [word("printer"), word("fire")]),
        ("printer printer", [word("printer")]),
        ('"on fire" printer', [phrase("on fire"), word("printer")]),
        ('printer"on fire"', [word("printer"), phrase("on fire")]),
        ('"never closed', [phrase("never closed")]),
        ("TKT-000042", [phrase("TKT-000042")]),
        ("tkt-42", [phrase("TKT-000042")]),
        ("#42", [phrase("TKT-000042")]),
        ("#1234567", [phrase("TKT-1234567")]),
        ("42", [word("42", "TKT-000042")]),
        ("naïve@example.com", [word("naïve@example.com")]),
        ("NEAR OR NOT title:x ^y z*", [word(w) for w in ("NEAR", "OR", "NOT", "title:x", "^y", "z*")]),
        ("日本語 ünder", [word("日本語"), word("ünder")]),
    ],
)
def test_what_was_typed_becomes_terms(typed: str, terms: list[Term]) -> None:
    assert list(terms_of(typed)) == terms


@pytest.mark.parametrize("typed", ["", " ", "!!!", '"', '""', '"--" …', "🔥", "#"])
def test_what_no_index_holds_is_left_out(typed: str) -> None:
    assert terms_of(typed) == ()


def test_nobody_searches_for_a_book() -> None:
    with pytest.raises(BadParameter):
        terms_of("x" * (LENGTH_MAX + 1))
    with pytest.raises(BadParameter):
        terms_of(" ".join(f"word{n}" for n in range(17)))


@given(st.text(max_size=60))
def test_anything_can_be_typed(typed: str) -> None:
    try:
        terms = terms_of(typed)
    except BadParameter:
        return
    assert all(text.strip() for term in terms for text in term.texts)


# Operators --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "narrowings"),
    [
        ("status:open", [("status", ("open",))]),
        ("STATUS:Open,new", [("status", ("Open", "new"))]),
        ('assignee:"Ada Byron",me', [("assignee", ("Ada Byron", "me"))]),
        ("tag:vpn tag:office", [("tag", ("vpn",)), ("tag", ("office",))]),
        ("tag:vpn, tag:vpn", [("tag", ("vpn",))]),
        ("has:file before:2026-11-01", [("has", ("file",)), ("before", ("2026-11-01",))]),
        ('tag:""', [("tag", ("",))]),
    ],
)
def test_what_stands_before_a_colon_narrows(
    typed: str, narrowings: list[tuple[str, tuple[str, ...]]]
) -> None:
    question = question_of(typed)

    assert [(each.operator, each.values) for each in question.narrowings] == narrowings
    assert question.terms == ()
    assert not question.is_for_text


@pytest.mark.parametrize("typed", ["colour:red", '"status:open"', "status:", "xstatus:open", "tag:a,,b"])
def test_what_is_no_operator_is_text(typed: str) -> None:
    question = question_of(typed)

    assert question.narrowings == ()
    assert question.terms


def test_words_and_operators_stand_in_any_order() -> None:
    question = question_of('fire status:open "on the roof" from:rio@example.com')

    assert question.terms == (word("fire"), phrase("on the roof"))
    assert [each.operator for each in question.narrowings] == ["status", "from"]
    assert question.is_for_text
