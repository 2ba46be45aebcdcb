"""TLS by certificate files, which are read again when somebody has put new ones in their place."""

import asyncio
import logging
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from servicedesk.domain.times import SECOND, Instant

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 5.0
"""Seconds between two looks whether the files have changed."""
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_END: Final = "-----END CERTIFICATE-----"
_UTC_TIME: Final = 0x17
_VERSION: Final = 0xA0

Marks = tuple[tuple[int, int, int], ...]


class BadCertificate(Exception):
    """The files are none that can be used together; the text says why."""


class Certificate:
    """What the desk shows to who connects. A new pair of files counts from the next connection on.

    Until the new files are whole, and when they never become so, the old certificate stays.
    """

    def __init__(self, certificate: Path, key: Path | None) -> None:
        self._files = (certificate, key or certificate)
        self._marks = self._seen()
        self._current = self._loaded()
        self.context = self._loaded()
        """What listens; which certificate a connection gets is chosen anew for each."""
        self.context.sni_callback = self._choose

    async def watching(self) -> None:
        """Look at the files for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Take the files if they are others than before."""
        marks = self._seen()
        if marks == self._marks:
            return
        self._marks = marks
        try:
            fresh, until = self._loaded(), expires(self._files[0])
        except BadCertificate as error:
            log.error("the new TLS certificate is not taken, the old one stays: %s", error)
            return
        self._current = fresh
        log.info("a new TLS certificate is in use, until %s", until.date())

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._current

    def _loaded(self) -> ssl.SSLContext:
        return context_of(*self._files)

    def _seen(self) -> Marks:
        return tuple(_mark(file) for file in self._files)


def context_of(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what servers need. Raises BadCertificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    try:
        # With a password that is none: the default would ask for it on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        reason = (
            "they do not belong together" if "MISMATCH" in str(error) else "they are no certificate and key"
        )
        raise BadCertificate(f"{certificate} and {key} cannot be used, {reason}") from None
    except OSError as error:
        raise BadCertificate(f"{certificate} and {key} cannot be read: {error.strerror}") from None
    return context


def expires(certificate: Path) -> datetime:
    """Return until when the first certificate in the file is good. Raises BadCertificate."""
    try:
        text = certificate.read_text("ascii")
        first = text[text.index(_BEGIN) : text.index(_END) + len(_END)]
        return _until(ssl.PEM_cert_to_DER_cert(first))
    except OSError as error:
        raise BadCertificate(f"{certificate} cannot be read: {error.strerror}") from None
    except (ValueError, IndexError):
        raise BadCertificate(f"{certificate} holds no certificate") from None


def until(certificate: Path | None, key: Path | None) -> Instant | None:
    """Return when the desk's certificate ends; None when it has none, or none that can be used."""
    if certificate is None:
        return None
    try:
        context_of(certificate, key or certificate)
        return round(expires(certificate).timestamp() * SECOND)
    except BadCertificate:
        return None


def _until(certificate: bytes) -> datetime:
    """Return the end of the validity: certificate, to be signed, then past version, serial, algorithm and issuer."""
    _, at, _ = _piece(certificate, 0)
    _, at, _ = _piece(certificate, at)
    kind, _, end = _piece(certificate, at)
    for _ in range(3 if kind == _VERSION else 2):
        _, _, end = _piece(certificate, end)
    _, at, _ = _piece(certificate, end)
    _, _, at = _piece(certificate, at)
    kind, begin, end = _piece(certificate, at)
    text = certificate[begin:end].decode("ascii").rstrip("Z")
    return datetime.strptime(text, "%y%m%d%H%M%S" if kind == _UTC_TIME else "%Y%m%d%H%M%S").replace(
        tzinfo=UTC
    )


def _piece(data: bytes, at: int) -> tuple[int, int, int]:
    """Return the tag of the piece of DER that begins there, and where its content begins and ends."""
    tag, length, begin = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, begin = int.from_bytes(data[begin : begin + count], "big"), begin + count
    return tag, begin, begin + length


def _mark(file: Path) -> tuple[int, int, int]:
    try:
        found = os.stat(file)
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_size, found.st_ino
