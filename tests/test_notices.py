"""What a desk that runs as a service tells its manager, over the socket that the manager gave it."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from servicedesk.notices import Manager
from tests.programs import serving


class Listener:
    """A service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1))
        self.socket.settimeout(20)

    def heard(self) -> str:
        return self.socket.recv(4096).decode()

    def heard_until(self, first: str) -> str:
        while not (said := self.heard()).startswith(first):
            pass
        return said

    def is_silent(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.recv(4096)
        except BlockingIOError:
            return True
        return False


@pytest.fixture(params=["file", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    address = (
        str(tmp_path / "notify") if request.param == "file" else f"@servicedesk-{os.getpid()}-{id(tmp_path)}"
    )
    listener = Listener(address)
    yield listener
    listener.socket.close()


def test_a_service_says_when_it_is_ready_that_it_lives_and_when_it_leaves(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", listener.address)
    monkeypatch.setenv("WATCHDOG_USEC", "600000")
    with serving("--data-dir", tmp_path / "desk") as server:
        assert listener.heard() == f"READY=1\nSTATUS=Serving on {server.url}"
        began = time.monotonic()
        assert [listener.heard() for _ in range(4)] == ["WATCHDOG=1"] * 4
        assert 0.4 < time.monotonic() - began < 3

        server.signal()

        assert listener.heard_until("STOPPING=1")
        assert server.ended()[0] == 0


def test_a_desk_whose_loop_hangs_gives_no_sign_of_life(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", listener.address)
    monkeypatch.setenv("WATCHDOG_USEC", "300000")

    async def live() -> None:
        with Manager() as manager:
            manager.ready("here")
            listener.heard_until("WATCHDOG=1")
            time.sleep(0.4)
            assert listener.is_silent()
            await asyncio.sleep(0.15)
            assert not listener.is_silent()

    asyncio.run(live())


def test_a_watchdog_that_looks_at_another_process_gets_nothing(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def live(**environ: str) -> None:
        with Manager({"NOTIFY_SOCKET": listener.address, **environ}) as manager:
            manager.ready("here")
            assert listener.heard().startswith("READY=1")
            await asyncio.sleep(0.05)
            assert listener.is_silent()

    for environ in (
        {"WATCHDOG_USEC": "3000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "-5"},
        {},
    ):
        asyncio.run(live(**environ))
        listener.socket.settimeout(20)


def test_a_manager_that_went_away_is_no_reason_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    with serving("--data-dir", tmp_path / "desk") as server:
        server.signal(signal.SIGTERM)

        assert server.ended()[0] == 0
        assert server.process.stderr is not None
        assert "does not hear 'READY=1'" in server.process.stderr.read()


def test_started_by_hand_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def live() -> None:
        for address in ("", "relative/path"):
            with Manager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3000"}) as manager:
                manager.ready("here")
                manager.leaving()

    asyncio.run(live())
