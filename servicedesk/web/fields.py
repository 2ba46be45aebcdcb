"""The fields that bodies are made of, each with its bounds; the rules of text are domain's."""

from collections.abc import Iterator
from typing import Annotated, Final

from msgspec import Meta

from servicedesk.domain.errors import FieldError
from servicedesk.domain.people import is_email
from servicedesk.domain.tickets import (
    BODY_MAX,
    DESCRIPTION_MAX,
    REASON_MIN,
    TAG_MAX,
    has_control_character,
    title_errors,
    word_errors,
)
from servicedesk.domain.words import say
from servicedesk.web.decode import checked

ID_MAX: Final = 2**53 - 1
COMMENT_MAX: Final = 4096


def _not_blank(text: str, pointer: str) -> Iterator[FieldError]:
    if not text.strip():
        yield FieldError(pointer, "too_short", say("must not be blank"))


def one_line(text: str, pointer: str) -> Iterator[FieldError]:
    yield from _not_blank(text, pointer)
    if has_control_character(text.strip()):
        yield FieldError(
            pointer, "control_character", say("must not contain line breaks or control characters")
        )


def _address(text: str, pointer: str) -> Iterator[FieldError]:
    if not is_email(text.strip()):
        yield FieldError(pointer, "invalid", say("must be an e-mail address"))


def _long_enough(text: str, pointer: str) -> Iterator[FieldError]:
    if len(text.strip()) < REASON_MIN:
        yield FieldError(pointer, "too_short", say("must have at least {least} characters", least=REASON_MIN))


Id = Annotated[int, Meta(ge=1, le=ID_MAX)]
Title = Annotated[
    str, checked(title_errors), Meta(description="1 to 200 characters after trimming, one line")
]
Description = Annotated[str, Meta(max_length=DESCRIPTION_MAX)]
MessageText = Annotated[str, Meta(min_length=1, max_length=BODY_MAX), checked(_not_blank)]
Comment = Annotated[str, Meta(max_length=COMMENT_MAX)]
LongReason = Annotated[str, Meta(max_length=COMMENT_MAX), checked(_long_enough)]
Category = Annotated[str, Meta(max_length=TAG_MAX), checked(one_line)]
Words = Annotated[list[str], checked(word_errors)]
Email = Annotated[str, Meta(max_length=254), checked(_address)]
OneLine = Annotated[str, Meta(max_length=200), checked(one_line)]
FileId = Annotated[str, Meta(min_length=1, max_length=64)]
