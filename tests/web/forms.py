"""Forms with files, byte by byte as clients send them."""

import asyncio
import io
from collections.abc import Mapping
from typing import Any

from tests.served import Answer, Client

MARK = "a-mark-that-no-file-has"
HEADERS = {"Content-Type": f"multipart/form-data; boundary={MARK}"}


def part(name: str, content: str | bytes, filename: str | bytes | None = None, *more: str) -> bytes:
    """Return a part; a file has a name."""
    head = f'Content-Disposition: form-data; name="{name}"'.encode()
    if filename is not None:
        raw = filename.encode() if isinstance(filename, str) else filename
        head += b'; filename="' + raw + b'"'
    head += b"".join(b"\r\n" + line.encode() for line in more)
    raw = content.encode() if isinstance(content, str) else content
    return f"--{MARK}\r\n".encode() + head + b"\r\n\r\n" + raw + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{MARK}--\r\n".encode()


async def send(client: Client, path: str, *parts: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    return await client.call(
        "POST", path, data=io.BytesIO(form(*parts)), headers={**HEADERS, **(headers or {})}
    )


async def upload(
    client: Client,
    ticket_id: Any,
    filename: str | bytes = "a.txt",
    content: bytes = b"hello",
    *,
    headers: Mapping[str, str] | None = None,
    **fields: Any,
) -> Answer:
    """Upload a file as a person would."""
    fields = {"ticket_id": ticket_id, **fields}
    texts = [part(name, str(value)) for name, value in fields.items()]
    return await send(client, "/api/files/upload", *texts, part("file", content, filename), headers=headers)


async def settled(client: Client, file: dict[str, Any]) -> dict[str, Any]:
    """Return how a file stands once its picture is there, or will never be."""
    async with asyncio.timeout(10):
        while True:
            found = await client.get(f"/api/files/{file['id']}")
            assert found.status == 200
            if "thumbnail_pending" not in found.body:
                return dict(found.body)
            await asyncio.sleep(0.02)
