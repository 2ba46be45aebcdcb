"""What the log never says: tokens, however they got into a message or a traceback."""

import logging
import re
import time
from typing import Final

HIDDEN: Final = "…"
# Every token of ours is 256 bits in 43 letters; whatever follows /t/ is taken for one.
_SECRET: Final = re.compile(r"(?<=/t/)[^\s/?#'\"]+|(?<![\w-])[\w-]{43}(?![\w-])", re.ASCII)

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def masked(text: str) -> str:
    """Return the text with what may be a token left out."""
    return _SECRET.sub(HIDDEN, text)


class Formatter(logging.Formatter):
    """Formats a record in UTC, its traceback included, and masks the whole of it; a message stays in its line."""

    converter = staticmethod(time.gmtime)
    default_msec_format = "%s.%03dZ"

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _CONTROL.sub(lambda found: repr(found[0])[1:-1], super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))
