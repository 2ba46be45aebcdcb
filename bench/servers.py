"""Processes under measurement: how they start, what they hold of memory, what they use of the processor."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

STARTS_WITHIN: Final = 60.0
SETTLES_WITHIN: Final = 60.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Server:
    """A server that runs as a process of its own."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        started = time.perf_counter()
        self.process = subprocess.Popen(command, env=dict(environment), stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.started_in = time.perf_counter() - started
        if "listening on http://" not in line:
            self.process.kill()
            raise RuntimeError(f"{' '.join(command)} did not start: {line!r}")
        self.port = int(line.rsplit(":", 1)[1])

    @property
    def cpu(self) -> float:
        """Seconds of the processor so far, workers included."""
        return sum(map(_cpu_of, self._family()))

    @property
    def memory(self) -> float:
        """Resident megabytes, workers included."""
        return sum(map(_memory_of, self._family()))

    def settle(self) -> None:
        """Wait until it has done what it does by itself after a start."""
        until = time.monotonic() + SETTLES_WITHIN
        before = -1.0
        while self.cpu > before and time.monotonic() < until:
            before = self.cpu
            time.sleep(0.4)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _family(self) -> list[int]:
        found = [self.process.pid]
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{self.process.pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return found


class Ground:
    """A folder where servers run, and how to start them there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Compiled modules are kept beside the measurement: an installed desk has them, a checkout may not.
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("SERVICEDESK_") and name != "PYTHONDONTWRITEBYTECODE"
        } | {"PYTHONPYCACHEPREFIX": str(folder / "pycache")}

    def desk(self, data: Path) -> Server:
        command = [
            "-m",
            "servicedesk",
            "serve",
            "--port",
            "0",
            "--data-dir",
            str(data),
            "--log-level",
            "warning",
        ]
        return self._start(command)

    def limit(self, data: Path, filled: Path) -> Server:
        return self._start(["-m", "bench.limit", "--folder", str(data), "--filled", str(filled)])

    @contextlib.contextmanager
    def running(self, *servers: Server) -> Iterator[None]:
        try:
            yield
        finally:
            for server in servers:
                server.stop()

    def _start(self, command: Sequence[str]) -> Server:
        return Server([sys.executable, *command], self._environment)


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory_of(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024
