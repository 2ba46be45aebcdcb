"""Frames in, and what is wrong with them."""

import pytest

from servicedesk.domain.errors import BadJson, Invalid, RateLimited
from servicedesk.live import protocol
from servicedesk.live.protocol import UnknownEvent


def test_a_frame_names_an_event_and_may_carry_an_id_and_data() -> None:
    frame = protocol.frame('{"event":"connect","id":"c1","data":{"batch":true}}')

    assert (frame.event, frame.id, bytes(frame.data)) == ("connect", "c1", b'{"batch":true}')


@pytest.mark.parametrize("text", ["", "{", "nonsense", '{"event":NaN}', "[" * 100_000])
def test_what_is_no_json_is_bad_json(text: str) -> None:
    with pytest.raises(BadJson):
        protocol.frame(text)


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("[]", ""),
        ("1", ""),
        ("{}", ""),
        ('{"event":1}', "/event"),
        ('{"event":"connect","id":1.5}', "/id"),
        ('{"event":"connect","id":true}', "/id"),
        ('{"event":"connect","id":"%s"}' % ("x" * 65), "/id"),
        ('{"event":"connect","more":1}', ""),
    ],
)
def test_a_frame_of_wrong_shape_is_refused_with_the_place(text: str, pointer: str) -> None:
    with pytest.raises(Invalid) as refusal:
        protocol.frame(text)
    assert [e.pointer for e in refusal.value.errors] == [pointer]


def test_an_unknown_event_is_called_so() -> None:
    with pytest.raises(UnknownEvent):
        protocol.command_type("make_coffee")


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ('{"id":"a"}', "a"),
        ('{"id":7,"event":[]}', 7),
        ('{"id":true}', None),
        ('{"id":[1]}', None),
        ('{"id":"%s"}' % ("x" * 65), None),
        ("no json", None),
    ],
)
def test_an_error_finds_its_command_if_there_is_any_id_to_find(text: str, id_: object) -> None:
    assert protocol.reply_to(text) == id_


def test_a_refusal_carries_what_helps() -> None:
    text = protocol.refusal("c1", RateLimited("Slowly.", 50))

    assert text == (
        b'{"reply_to":"c1","error":{"code":"rate_limited","message":"Slowly.","retry_after_ms":50},"ok":false}'
    )
