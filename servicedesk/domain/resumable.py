"""Uploads that may break off and go on: what is known of them until their file is there."""

from typing import ClassVar, Final

from servicedesk.domain.access import Private
from servicedesk.domain.errors import Conflict, Refused
from servicedesk.domain.times import DAY, Instant
from servicedesk.domain.words import say

KEPT: Final = DAY
"""For how long an upload waits for more bytes."""
UNFINISHED_MAX: Final = 20
"""Unfinished uploads of one person."""
ABOVE: Final = 5 << 20
"""Bytes from which on it is worth the second request."""


class Upload(Private, frozen=True, kw_only=True):
    """An upload, which only the person who began it knows of."""

    noun: ClassVar[str] = say("upload")

    id: str
    ticket_id: int
    message_id: int | None
    is_internal: bool
    filename: str
    size: int
    metadata: str
    """As it was sent, for whoever asks."""
    unchecked_from: int | None = None
    """Where a piece begins whose checksum was not compared yet: nothing from there on counts."""
    file_id: str | None = None
    """What became of it."""
    expires_at: Instant


class WrongOffset(Conflict):
    """``offset`` is how far the upload has come."""

    code = "wrong_offset"
    title = say("Not where it stopped")

    def __init__(self, offset: int) -> None:
        super().__init__(f"The upload goes on at byte {offset}.", offset=offset)


class ChecksumMismatch(Refused):
    """The piece is not what was sent; nothing of it counts."""

    code = "checksum_mismatch"
    title = say("Checksum differs")

    def __init__(self) -> None:
        super().__init__("The bytes do not have the checksum that came with them; send them again.")


class UnknownVersion(Refused):
    code = "unknown_version"
    title = say("Unknown version of the protocol")

    def __init__(self, known: str) -> None:
        super().__init__(f"Say which version of the tus protocol you speak: Tus-Resumable: {known}.")
