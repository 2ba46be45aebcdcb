"""The last lines of the log, kept so that they can be shown to strangers: what happened where, and nobody's words."""

import logging
import re
import time
import traceback
from collections import deque
from pathlib import Path
from typing import Final

KEPT: Final = 500
FRAMES: Final = 12
_OURS: Final = "servicedesk"
_MAIL: Final = re.compile(r"[^\s<>\"'(),;]+@[^\s<>\"'(),;]+")


class Logbook(logging.Handler):
    """Keeps of each line the moment, the part of the program, and the template without what was filled in.

    Values are names, files and addresses of the desk. Of others' lines, whose templates hold values as well, and of
    exceptions only the kind and the place are kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[str] = deque(maxlen=KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(told(record))

    @property
    def lines(self) -> list[str]:
        return list(self._lines)


def told(record: logging.LogRecord) -> str:
    """Return the line as it may be shown."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
    is_ours = record.name == _OURS or record.name.startswith(f"{_OURS}.")
    words = _MAIL.sub("…@…", str(record.msg).partition("\n")[0]) if is_ours else "…"
    line = f"{at} {record.levelname} {record.name}: {words}"
    if record.exc_info and record.exc_info[1] is not None:
        line += f" [{_fault(record.exc_info[1])}]"
    return line


def _fault(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = (f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{type(error).__name__} at {' > '.join(places)}"
