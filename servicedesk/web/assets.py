"""Stylesheets, modules and icons: read once, compressed once, kept by the browser until they change."""

import gzip
import re
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

from servicedesk.domain.errors import NotFound
from servicedesk.domain.words import say
from servicedesk.web.api import Call

PREFIX: Final = "/static/"
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
}


_REMARK: Final = re.compile(rb"^[ \t]*(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*)\n", re.MULTILINE)


def without_remarks(module: bytes) -> bytes:
    """Return the module without the lines that are nothing but remarks and types.

    It knows lines, not JavaScript: a text that spans lines must have none that begins like a remark.
    """
    return _REMARK.sub(b"", module)


class Asset:
    """A file as it is sent."""

    def __init__(self, body: bytes, content_type: str) -> None:
        self.body = body
        self.content_type = content_type
        self.etag = f'"{blake2b(self.body, digest_size=8).hexdigest()}"'

    @cached_property
    def packed(self) -> bytes:
        return gzip.compress(self.body, 9, mtime=0)


class Assets:
    """What the static folder holds. Their address carries their common version, so it never goes stale."""

    def __init__(self, folder: Path, *, reload: bool) -> None:
        self._folder = folder
        self.reload = reload
        self._known: dict[str, Asset] = {}
        self.modules: tuple[str, ...] = ()
        self.version = ""
        self._load()

    def url(self, name: str) -> str:
        return f"{PREFIX}{self.version}/{name}"

    def find(self, name: str) -> Asset:
        """Return the asset. Raises NotFound."""
        if self.reload:
            self._load()
        try:
            return self._known[name]
        except KeyError:
            raise NotFound(say("There is no such file.")) from None

    def _load(self) -> None:
        paths = sorted(path for path in self._folder.rglob("*") if path.suffix in _TYPES)
        self._known = {path.relative_to(self._folder).as_posix(): self._read(path) for path in paths}
        sheets = [self._known[f"css/{name}.css"].body for name in _EVERYWHERE]
        self._known["css/console.css"] = Asset(b"".join(sheets), _TYPES[".css"])
        self.modules = tuple(name for name in self._known if name.endswith(".js") and name not in _NOT_AHEAD)
        every = "".join(asset.etag for asset in self._known.values())
        self.version = blake2b(every.encode(), digest_size=6).hexdigest()

    def _read(self, path: Path) -> Asset:
        body = path.read_bytes()
        is_bare = path.suffix == ".js" and not self.reload
        return Asset(without_remarks(body) if is_bare else body, _TYPES[path.suffix])


_EVERYWHERE: Final = ("tokens", "base", "shell", "desk", "pages")
"""The stylesheets of every page, in their order. They are sent as one: a request takes longer than its bytes."""
_NOT_AHEAD: Final = {
    "app.js",
    "start.js",
    "line.js",
    "rooms.js",
    "pauses.js",
    "help.js",
    "worker.js",
    "alone.js",
    "guests.js",
    "bell.js",
    "mentions.js",
    "resumable.js",
    "macros.js",
    "lightbox.js",
    "palette.js",
    "refusals.js",
}
"""Modules that a page names itself, or that are fetched when somebody needs them."""
ASSETS = web.AppKey("assets", Assets)


async def serve(call: Call) -> web.StreamResponse:
    """Answer with a file of the static folder, whatever version the address names."""
    request = call.request
    assets = request.app[ASSETS]
    asset = assets.find(request.match_info["name"])
    lasting = request.match_info["version"] == assets.version and not assets.reload
    headers = {
        hdrs.ETAG: asset.etag,
        hdrs.CACHE_CONTROL: _FOR_EVER if lasting else "no-cache",
        hdrs.CONTENT_TYPE: asset.content_type,
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
    }
    if request.headers.get(hdrs.IF_NONE_MATCH) == asset.etag:
        return web.Response(status=304, headers=headers)
    if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
        return web.Response(body=asset.packed, headers=headers | {hdrs.CONTENT_ENCODING: "gzip"})
    return web.Response(body=asset.body, headers=headers)
