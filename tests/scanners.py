"""Virus scanners to test against: a clamd that is played by us, and the real one where it is installed."""

import asyncio
import contextlib
import hashlib
import os
import shutil
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

# Whole it would set off the scanner of whoever checks this out.
EICAR: Final = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-" + b"TEST-FILE!$H+H*"
SIGNATURE: Final = "Test.Eicar"
STREAM_MAX: Final = 1 << 20
STARTS_WITHIN: Final = 60.0
INSTALLED: Final = ["ours", *(["clamd"] if shutil.which("clamd") else [])]
"""The scanners that are there; ours always is."""


class Clamd:
    """Speaks clamd's protocol, and can be told to misbehave."""

    def __init__(self) -> None:
        self.address = ""
        self.scans = 0
        self.most_at_once = 0
        self.does = "answer"
        """Or ``babble``, ``hang`` before it takes anything, ``brood`` over the answer, ``drop`` in the middle."""
        self.open = asyncio.Event()
        """While it is not set, no answer is given."""
        self.open.set()
        self.came = asyncio.Event()
        """Somebody has sent a whole file."""
        self._at_once = 0
        self._talks: set[asyncio.Task[None]] = set()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            self._at_once -= 1
            self._talks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.does == "hang":
            await asyncio.Event().wait()
        command = (await reader.readuntil(b"\0"))[:-1]
        if command == b"zPING":
            writer.write(b"PONG\0")
        elif command == b"zINSTREAM":
            writer.write(await self._scan(reader) + b"\0")
        else:
            writer.write(b"UNKNOWN COMMAND\0")
        await writer.drain()

    async def _scan(self, reader: asyncio.StreamReader) -> bytes:
        content, size = hashlib.sha256(), 0
        while length := struct.unpack(">L", await reader.readexactly(4))[0]:
            size += length
            if size > STREAM_MAX:
                return b"INSTREAM size limit exceeded. ERROR"  # and closes on what is still coming
            content.update(await reader.readexactly(length))
            if self.does == "drop":
                raise ConnectionError
        self.scans += 1
        self.came.set()
        await self.open.wait()
        if self.does == "brood":
            await asyncio.Event().wait()
        if self.does == "babble":
            return b"HTTP/1.1 400 Bad Request"
        is_virus = content.digest() == hashlib.sha256(EICAR).digest()
        return f"stream: {SIGNATURE} FOUND".encode() if is_virus else b"stream: OK"

    def let_go(self) -> None:
        for talk in self._talks:
            talk.cancel()


@contextlib.asynccontextmanager
async def our_clamd(folder: Path | None, clamd: Clamd | None = None) -> AsyncIterator[Clamd]:
    """Listen on a socket in the folder, or without one on a port."""
    clamd = clamd or Clamd()
    if folder is not None:
        server = await asyncio.start_unix_server(clamd.talk, folder / "clamd.ctl")
        clamd.address = f"unix:{folder / 'clamd.ctl'}"
    else:
        server = await asyncio.start_server(clamd.talk, "127.0.0.1", 0)
        clamd.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield clamd
    finally:
        server.close()
        clamd.let_go()
        await server.wait_closed()
        if folder is not None:
            (folder / "clamd.ctl").unlink(missing_ok=True)


@contextlib.contextmanager
def real_clamd(folder: Path) -> Iterator[str]:
    """Run the clamd that is installed, with one signature of our own, and yield its address."""
    signatures, listening = folder / "signatures", folder / "clamd.ctl"
    signatures.mkdir()
    digest = hashlib.md5(EICAR, usedforsecurity=False).hexdigest()
    (signatures / "own.hdb").write_text(f"{digest}:{len(EICAR)}:{SIGNATURE}\n")
    settings = {
        "LocalSocket": listening,
        "DatabaseDirectory": signatures,
        "TemporaryDirectory": folder,
        "StreamMaxLength": "1M",
        "Foreground": "yes",
        **({"User": "root"} if os.geteuid() == 0 else {}),
    }
    written = folder / "clamd.conf"
    written.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    with (folder / "clamd.log").open("wb") as log:
        process = subprocess.Popen(["clamd", "-c", written], stdout=log, stderr=log)
    try:
        until = time.monotonic() + STARTS_WITHIN
        while not listening.is_socket():
            assert process.poll() is None, (folder / "clamd.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        yield f"unix:{listening}"
    finally:
        process.kill()
        process.wait()
