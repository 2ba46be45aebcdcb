"""Who is typing, by a clock that the test turns."""

from servicedesk.domain.times import SECOND
from servicedesk.live.protocol import Mode
from servicedesk.live.typing import Typed, Typing

NOW = 1_000_000


def test_typing_is_announced_once_until_it_ends() -> None:
    typing = Typing()

    first = list(typing.start(42, 7, "a", Mode.REPLY, NOW))
    again = list(typing.start(42, 7, "a", Mode.REPLY, NOW + 3 * SECOND))

    assert first == [Typed(42, 7, "a", Mode.REPLY, True)]
    assert again == []


def test_typing_ends_by_itself_six_seconds_after_the_last_start() -> None:
    typing = Typing()
    list(typing.start(42, 7, "a", Mode.REPLY, NOW))
    list(typing.start(42, 7, "a", Mode.REPLY, NOW + 3 * SECOND))

    assert list(typing.due(NOW + 9 * SECOND - 1)) == []
    assert list(typing.due(NOW + 9 * SECOND)) == [Typed(42, 7, "a", Mode.REPLY, False)]
    assert list(typing.due(NOW + 99 * SECOND)) == []


def test_turning_from_reply_to_note_ends_the_one_and_begins_the_other() -> None:
    typing = Typing()
    list(typing.start(42, 7, "a", Mode.REPLY, NOW))

    assert list(typing.start(42, 7, "a", Mode.NOTE, NOW)) == [
        Typed(42, 7, "a", Mode.REPLY, False),
        Typed(42, 7, "a", Mode.NOTE, True),
    ]


def test_stopping_what_was_not_typed_says_nothing() -> None:
    typing = Typing()
    list(typing.start(42, 7, "a", Mode.REPLY, NOW))

    assert list(typing.stop(42, 8)) == []
    assert list(typing.stop(42, 7, Mode.NOTE)) == []
    assert list(typing.stop(42, 7, Mode.REPLY)) == [Typed(42, 7, "a", Mode.REPLY, False)]


def test_a_socket_that_is_gone_types_nowhere() -> None:
    typing = Typing()
    list(typing.start(42, 7, "a", Mode.REPLY, NOW))
    list(typing.start(43, 7, "a", Mode.REPLY, NOW))
    list(typing.start(42, 8, "b", Mode.REPLY, NOW))

    assert {t.ticket_id for t in typing.gone("a")} == {42, 43}
    assert [t.user_id for t in typing.in_ticket(42)] == [8]
