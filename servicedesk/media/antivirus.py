"""The virus scanner: a clamd that listens on a socket, asked by its INSTREAM command."""

import asyncio
import contextlib
import os
import re
import socket
import struct
from typing import BinaryIO, Final

import msgspec

from servicedesk.domain.files import Scan

PIECE: Final = 1 << 18
CONNECT_WITHIN: Final = 5.0
SILENT_FOR: Final = 30.0
"""Seconds in which clamd has to take the next piece."""
ANSWER_WITHIN: Final = 180.0
"""Seconds that clamd may think about a file; its own limit is 120 unless it was set."""
ANSWER_MAX: Final = 4096
_LENGTH: Final = struct.Struct(">L")
_FOUND: Final = re.compile(r"stream: (.+) FOUND")


class Unreachable(Exception):
    """Nobody answers where the scanner should be, or not to the end; the text says how."""


class NotChecked(Exception):
    """The scanner is there, but could not check this file; the text is what it said."""


class Verdict(msgspec.Struct, frozen=True):
    """What the scanner says: clean, or infected by what."""

    scan: Scan
    signature: str = ""


class Scanner:
    """A clamd; each file is a connection of its own, as clamd likes it."""

    def __init__(
        self,
        address: str,
        *,
        connect_within: float = CONNECT_WITHIN,
        silent_for: float = SILENT_FOR,
        answer_within: float = ANSWER_WITHIN,
    ) -> None:
        self.address = address
        self._connect_within = connect_within
        self._silent_for = silent_for
        self._answer_within = answer_within

    async def scan(self, file: BinaryIO) -> Verdict:
        """Have clamd look at the file from where it stands. Raises Unreachable, NotChecked."""
        with await self._connected() as clamd:
            # Who closes while we are still sending has said why, and that can be read all the same.
            with contextlib.suppress(ConnectionError):
                await self._stream(clamd, file)
            answer = await self._answer(clamd, self._answer_within)
        return _verdict(answer)

    async def _connected(self) -> socket.socket:
        try:
            async with asyncio.timeout(self._connect_within):
                return await _connect(self.address)
        except TimeoutError:
            raise Unreachable(f"nobody took the connection within {self._connect_within:g} s") from None
        except OSError as error:
            number = error.errno or 0  # negative for a name that nobody knows
            raise Unreachable(os.strerror(number) if number > 0 else str(error)) from None

    async def _stream(self, clamd: socket.socket, file: BinaryIO) -> None:
        await self._send(clamd, b"zINSTREAM\0")
        while piece := await asyncio.to_thread(file.read, PIECE):
            await self._send(clamd, _LENGTH.pack(len(piece)) + piece)
        await self._send(clamd, _LENGTH.pack(0))

    async def _send(self, clamd: socket.socket, piece: bytes) -> None:
        try:
            async with asyncio.timeout(self._silent_for):
                await asyncio.get_running_loop().sock_sendall(clamd, piece)
        except TimeoutError:
            raise Unreachable(f"it took nothing for {self._silent_for:g} s") from None

    async def _answer(self, clamd: socket.socket, within: float) -> str:
        """Return what clamd says up to its closing NUL."""
        said = bytearray()
        try:
            async with asyncio.timeout(within):
                while b"\0" not in said and len(said) < ANSWER_MAX:
                    more = await asyncio.get_running_loop().sock_recv(clamd, ANSWER_MAX)
                    if not more:
                        raise Unreachable("it closed the connection without an answer")
                    said += more
        except TimeoutError:
            raise Unreachable(f"it gave no answer within {within:g} s") from None
        except OSError as error:
            raise Unreachable(f"it broke the connection: {error.strerror}") from None
        return said.partition(b"\0")[0].decode(errors="replace")


async def _connect(address: str) -> socket.socket:
    if address.startswith("unix:"):
        return await _connected(socket.AF_UNIX, address.removeprefix("unix:"))
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    family, *_, where = found[0]
    return await _connected(family, where)


async def _connected(family: int, where: object) -> socket.socket:
    clamd = socket.socket(family, socket.SOCK_STREAM)
    clamd.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(clamd, where)  # type: ignore[arg-type]
    except BaseException:
        clamd.close()
        raise
    return clamd


def _verdict(answer: str) -> Verdict:
    if answer == "stream: OK":
        return Verdict(Scan.CLEAN)
    if match := _FOUND.fullmatch(answer):
        return Verdict(Scan.INFECTED, match[1])
    raise NotChecked(answer[:200] or "nothing")
