"""What the log never says: tokens, however they got into a message or a traceback."""

import logging
import re
from typing import Final

HIDDEN: Final = "…"
# Every token of ours is 256 bits in 43 letters; whatever follows /t/ is taken for one.
_SECRET: Final = re.compile(r"(?<=/t/)[^\s/?#'\"]+|(?<![\w-])[\w-]{43}(?![\w-])", re.ASCII)


def masked(text: str) -> str:
    """Return the text with what may be a token left out."""
    return _SECRET.sub(HIDDEN, text)


class Formatter(logging.Formatter):
    """Formats a record, its traceback included, and masks the whole of it."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))
