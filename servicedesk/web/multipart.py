"""Forms with files, read part by part as they come in, without trust in what they say about themselves."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final
from urllib.parse import unquote_to_bytes

from aiohttp import hdrs, web

from servicedesk.domain.errors import BadRequest, UnsupportedMedia

HEAD_MAX: Final = 8192
"""Bytes of a part's headers."""
PARTS_MAX: Final = 100
_PARAMETER: Final = re.compile(r';\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))', re.DOTALL)
_ENCODED_WHOLLY: Final = re.compile(r"(?:[\w.~-]|%[0-9A-Fa-f]{2})+", re.ASCII)


class Part:
    """A part of the form; what was not read of it is skipped when the next one is asked for."""

    def __init__(self, form: "Form", name: str, filename: str | None) -> None:
        self._form = form
        self.name = name
        self.filename = filename

    async def pieces(self) -> AsyncIterator[bytes]:
        while piece := await self._form.piece():
            yield piece

    async def text(self, most: int) -> str | None:
        """Return the value of a field, None when it is longer than ``most`` bytes or not UTF-8."""
        value = bytearray()
        async for piece in self.pieces():
            value += piece
            if len(value) > most:
                return None
        try:
            return value.decode()
        except UnicodeDecodeError:
            return None


class Form:
    """The parts of a ``multipart/form-data`` body. Raises BadRequest for what is none, UnsupportedMedia for others."""

    def __init__(self, request: web.Request, read: Callable[[], Awaitable[bytes]]) -> None:
        if hdrs.CONTENT_ENCODING in request.headers:
            raise UnsupportedMedia("Send the body as it is, without a Content-Encoding.")
        self._read = read
        self._mark = b"\r\n--" + _boundary(request.headers.get(hdrs.CONTENT_TYPE, ""))
        self._buffer = b"\r\n"  # so that the first mark looks like all others

    async def parts(self) -> AsyncIterator[Part]:
        """Yield part after part, to the end of the form."""
        for _ in range(PARTS_MAX):
            while await self.piece():
                pass
            head = await self._head()
            if head is None:
                await self._drain()
                return
            name, filename = _disposition(head)
            yield Part(self, name, filename)
        raise BadRequest(f"A form has at most {PARTS_MAX} parts.")

    async def piece(self) -> bytes:
        """Return the next bytes of the present part, empty at its end."""
        while True:
            at = self._buffer.find(self._mark)
            sure = at if at >= 0 else self._sure()
            if sure > 0:
                piece, self._buffer = self._buffer[:sure], self._buffer[sure:]
                return piece
            if at == 0:
                return b""
            await self._fill()

    def _sure(self) -> int:
        """Return how much of a buffer without a mark is not the beginning of one."""
        from_here = max(0, len(self._buffer) - len(self._mark) + 1)
        begun = self._buffer.find(b"\r", from_here)
        return begun if begun >= 0 else len(self._buffer)

    async def _head(self) -> str | None:
        """Take the mark and the headers behind it from the buffer; None when it was the last mark."""
        while len(self._buffer) < len(self._mark) + 2:
            await self._fill()
        if self._buffer.startswith(b"--", len(self._mark)):
            return None
        while (end := self._buffer.find(b"\r\n\r\n", len(self._mark))) < 0:
            if len(self._buffer) > len(self._mark) + HEAD_MAX:
                raise BadRequest("A part of the form has too long a head.")
            await self._fill()
        padding, _, head = self._buffer[len(self._mark) : end].partition(b"\r\n")
        if padding.strip(b" \t"):
            raise BadRequest("The parts of the form are not told apart by its boundary.")
        self._buffer = self._buffer[end + 4 :]
        return head.decode(errors="surrogateescape")

    async def _fill(self) -> None:
        piece = await self._read()
        if not piece:
            raise BadRequest("The form ends in the middle.")
        self._buffer += piece

    async def _drain(self) -> None:
        while await self._read():
            pass


def _boundary(content_type: str) -> bytes:
    kind, _, _ = content_type.partition(";")
    if kind.strip().lower() != "multipart/form-data":
        raise UnsupportedMedia("Send multipart/form-data.")
    boundary = _parameters(content_type).get("boundary", "").encode(errors="surrogateescape")
    if not 1 <= len(boundary) <= 70:
        raise BadRequest("The form has no usable boundary.")
    return boundary


def _disposition(head: str) -> tuple[str, str | None]:
    """Return the part's name and its file name; nothing else that a part says about itself is looked at."""
    for line in head.split("\r\n"):
        field, _, value = line.partition(":")
        if field.strip().lower() == "content-disposition":
            parameters = _parameters(value)
            if "name" not in parameters:
                break
            filename = parameters.get("filename")
            return parameters["name"], None if filename is None else _plain(filename)
    raise BadRequest("A part of the form has no name.")


def _parameters(value: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(value):
        # A backslash escapes quotes and itself; elsewhere it is what a browser on Windows puts between folders.
        text = re.sub(r'\\(["\\])', r"\1", quoted) if quoted else bare.strip()
        found.setdefault(name.lower(), text)
    return found


def _plain(filename: str) -> str:
    """Undo what clients do to names: browsers encode quotes and line breaks, some libraries everything."""
    if "%" not in filename:
        return filename
    if _ENCODED_WHOLLY.fullmatch(filename):
        try:
            return unquote_to_bytes(filename).decode()
        except UnicodeDecodeError:
            return filename
    return filename.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
