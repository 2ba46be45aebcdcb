"""The program as people start it: a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PROGRAM: Final = (sys.executable, "-m", "servicedesk")
PATIENCE: Final = 20.0
_ADDRESS: Final = re.compile(r"servicedesk listening on (https?://\S+)\n")


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment with only these settings in it."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SERVICEDESK_")}
    return plain | {f"SERVICEDESK_{name}": value for name, value in settings.items()}


def run(*arguments: str | Path, given: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=environment(**settings),
    )


def is_killed(*arguments: str | Path, after: float) -> bool:
    """Run a command and kill it after so many seconds; return whether it had not ended by then."""
    process = subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(PATIENCE)
        return True
    return False


class Server:
    """A running ``servicedesk serve``."""

    def __init__(
        self, *arguments: str | Path, program: Sequence[str | Path] = PROGRAM, **settings: str
    ) -> None:
        started = time.monotonic()
        self.process = subprocess.Popen(
            [*map(str, program), "serve", "--port", "0", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**settings),
        )
        line = self.line()
        self.ready_after = time.monotonic() - started
        match = _ADDRESS.fullmatch(line)
        assert match is not None, (line, self.process.stderr and self.process.stderr.read())
        self.url = match[1]

    def line(self) -> str:
        """Return the next line of standard output."""
        assert self.process.stdout is not None
        late = threading.Timer(PATIENCE, self.process.kill)
        late.start()
        try:
            return self.process.stdout.readline()
        finally:
            late.cancel()

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def ended(self) -> tuple[int, float]:
        """Wait for the end; return the exit code and how long it took."""
        started = time.monotonic()
        return self.process.wait(PATIENCE + 10), time.monotonic() - started


@contextmanager
def serving(
    *arguments: str | Path, program: Sequence[str | Path] = PROGRAM, **settings: str
) -> Iterator[Server]:
    server = Server(*arguments, program=program, **settings)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()
