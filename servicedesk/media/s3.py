"""Objects in a bucket of a store that speaks S3; each request is signed with version 4 of its signatures."""

import hashlib
import hmac
import http.client
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote, urlsplit

EMPTY: Final = hashlib.sha256(b"").hexdigest()
PIECE: Final = 1 << 18
TIMEOUT: Final = 60.0
TRIES: Final = (1.0, 5.0, None)
"""Seconds to wait after each try that failed for no reason of ours."""
_FOLDER: Final = re.compile(r"<CommonPrefixes>\s*<Prefix>([^<]+)/</Prefix>\s*</CommonPrefixes>")
_GOES_ON: Final = re.compile(r"<NextContinuationToken>([^<]+)</NextContinuationToken>")
_ERROR: Final = re.compile(r"<Code>(\w{1,60})</Code>")


class StoreRefused(Exception):
    """The store did not do what it was asked for; the text is one line."""


def authorization(
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    key_id: str,
    secret: str,
    region: str,
) -> str:
    """Return the header that signs a request; ``path`` is encoded already, ``headers`` have lower-case names.

    Among them must be ``host``, ``x-amz-date`` and ``x-amz-content-sha256``.
    """
    moment = headers["x-amz-date"]
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    names = ";".join(sorted(headers))
    request = "\n".join(
        [
            method,
            path,
            _query(query),
            *(f"{name}:{' '.join(headers[name].split())}" for name in sorted(headers)),
            "",
            names,
            headers["x-amz-content-sha256"],
        ]
    )
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"


def _query(query: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))


class Bucket:
    """A bucket, or what lies under a prefix in it; ``url`` is like ``https://s3.example.org/bucket/prefix``."""

    def __init__(
        self,
        url: str,
        *,
        key_id: str,
        secret: str,
        region: str,
        now: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        self._is_https = parts.scheme == "https"
        self._host = parts.netloc
        self._bucket, _, prefix = parts.path.strip("/").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._key_id, self._secret, self._region = key_id, secret, region
        self._now, self._wait = now, wait

    def size(self, name: str) -> int | None:
        """Return how many bytes an object has, None when there is none."""
        with self._asked("HEAD", name, may_be_missing=True) as answer:
            return int(answer.headers["Content-Length"]) if answer.status == 200 else None

    def put(self, name: str, source: Path, sha256: str) -> None:
        """Send a file that has this hash; the store refuses other bytes."""
        size = source.stat().st_size
        headers = {"x-amz-content-sha256": sha256, "content-length": str(size)}
        with self._asked("PUT", name, headers=headers, source=source) as answer:
            answer.read()

    def get(self, name: str, target: BinaryIO) -> None:
        """Write an object's bytes into a file. Raises StoreRefused when there is none."""
        with self._asked("GET", name) as answer:
            while piece := answer.read(PIECE):
                target.write(piece)

    def folders(self) -> list[str]:
        """Return the names that others begin with, up to their first slash."""
        found: list[str] = []
        query = {"list-type": "2", "delimiter": "/", "prefix": self._prefix}
        while True:
            with self._asked("GET", None, query=query) as answer:
                text = answer.read().decode()
            found += [name.removeprefix(self._prefix) for name in _FOLDER.findall(text)]
            goes_on = _GOES_ON.search(text)
            if goes_on is None:
                return sorted(found)
            query["continuation-token"] = goes_on[1]

    @contextmanager
    def _asked(
        self,
        method: str,
        name: str | None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        source: Path | None = None,
        may_be_missing: bool = False,
    ) -> Iterator[http.client.HTTPResponse]:
        connection, answer = self._answered(method, name, query or {}, headers or {}, source)
        try:
            if answer.status not in (200, 404) or (answer.status == 404 and not may_be_missing):
                code = _ERROR.search(answer.read(10_000).decode(errors="replace"))
                raise StoreRefused(
                    f"{self._host} answered {answer.status} {code[1] if code else answer.reason}"
                    f" to {method} {name or self._bucket}"
                )
            yield answer
        except (OSError, http.client.HTTPException) as error:
            raise StoreRefused(f"{self._host} broke off: {error}") from error
        finally:
            connection.close()

    def _answered(
        self,
        method: str,
        name: str | None,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        source: Path | None,
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        for wait in TRIES:
            connection = self._connection()
            try:
                answer = self._sent(connection, method, name, query, headers, source)
                if answer.status < 500 or wait is None:
                    return connection, answer
                connection.close()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if wait is None:
                    raise StoreRefused(f"{self._host} cannot be reached: {error}") from error
            self._wait(wait)
        raise AssertionError

    def _connection(self) -> http.client.HTTPConnection:
        if self._is_https:
            return http.client.HTTPSConnection(
                self._host, timeout=TIMEOUT, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(self._host, timeout=TIMEOUT)

    def _sent(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        name: str | None,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        source: Path | None,
    ) -> http.client.HTTPResponse:
        key = f"/{self._bucket}" + ("" if name is None else f"/{self._prefix}{name}")
        path = quote(key, safe="/-_.~")
        signed = {
            "host": self._host,
            "x-amz-date": f"{datetime.fromtimestamp(self._now(), UTC):%Y%m%dT%H%M%SZ}",
            "x-amz-content-sha256": EMPTY,
            **headers,
        }
        signed["authorization"] = authorization(
            method, path, query, signed, key_id=self._key_id, secret=self._secret, region=self._region
        )
        url = f"{path}?{_query(query)}" if query else path
        if source is None:
            connection.request(method, url, headers=signed)
        else:
            with source.open("rb") as body:
                connection.request(method, url, body=body, headers=signed)
        return connection.getresponse()
