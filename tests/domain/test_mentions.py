"""Whom a text calls."""

import time

import pytest

from servicedesk.domain.mentions import Colleague, directory, handles, mentioned, slug

LENA = Colleague(1, "Lena Vogt", "lvogt@desk.example")
MAX = Colleague(2, "Max Öztürk", "max@desk.example")
MARIE = Colleague(3, "Marie-Claire Groß", "mcg@desk.example")
LENA_BERG = Colleague(4, "Lena Berg", "support@desk.example")
GONE = Colleague(5, "Otto Weg", "otto@desk.example", is_active=False)
KNOWN = directory([LENA, MAX, MARIE, LENA_BERG, GONE])


@pytest.mark.parametrize(
    ("name", "handle"),
    [
        ("Lena Vogt", "lena.vogt"),
        ("Max Öztürk", "max.ozturk"),
        ("Marie-Claire Groß", "marie.claire.gross"),
        ("  Dr. No  ", "dr.no"),
        ("李 小龍", "李.小龍"),
        ("김 철수", "김.철수"),
        ("!!!", ""),
    ],
)
def test_a_handle_is_the_name_in_small_plain_letters(name: str, handle: str) -> None:
    assert slug(name) == handle


def test_who_came_later_gets_a_number() -> None:
    names = ["Jan Smit", "Jan Smit2", "jan smit", "JAN SMIT", "?"]

    assert handles([Colleague(n, name, "") for n, name in enumerate(names, 1)]) == {
        1: "jan.smit",
        2: "jan.smit2",
        3: "jan.smit3",
        4: "jan.smit4",
        5: "user5",
    }


def test_who_leaves_changes_nobodys_handle() -> None:
    first, second = Colleague(1, "Jan Smit", "a@x", is_active=False), Colleague(2, "Jan Smit", "b@x")

    assert directory([first, second]) == {"jan.smit2": 2, "b": 2, "jan": 2}


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("@lena.vogt please look", [1]),
        ("Ask @Lena.Vogt, then @max.", [1, 2]),
        ("(@max) [@mcg] “@lvogt” **@support**", [2, 3, 1, 4]),
        ("@Max.Öztürk and @MAX.OZTURK", [2]),
        ("@marie-claire.groß!", [3]),
        ("@lena.vogt.Thanks", [1]),
        ("@max\n@lena.berg", [2, 4]),
        ("> @max said so", [2]),
        ("@lena could be either", []),
        ("@otto has left", []),
        ("@nobody @", []),
        ("mail max@desk.example or a.@max", []),
        ("@max@social.example", []),
        ("https://example.org/@max", []),
        (r"\@max", []),
        ("`@max` and ``a ` @max``", []),
        ("`one tick, @max", [2]),
        ("`` ` @max ``", []),
        ("`a` @max `b`", [2]),
        ("a `\n\n@max ` b", [2]),
        ("```\n@max\n```\n@lvogt", [1]),
        ("~~~ py\n@max\n```\n@max\n~~~\n@lvogt", [1]),
        ("```\n@max never ends", []),
        ("See:\n\n    @max\n\n@lvogt", [1]),
        ("- see\n    @max", [2]),
    ],
)
def test_whom_a_text_calls(text: str, called: list[int]) -> None:
    assert mentioned(text, KNOWN) == called


@pytest.mark.parametrize(
    "text",
    [
        "".join("`" * n + " " for n in range(250)),
        "@" * 32_000,
        "@a." * 10_000,
        "@" + "a." * 16_000,
        "`" * 32_000,
        "` " * 16_000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()

    assert mentioned(text, KNOWN) == []

    # A net for what would take minutes, in time on the processor: others may use the machine.
    assert time.process_time() - began < 5
