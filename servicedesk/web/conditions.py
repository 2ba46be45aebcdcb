"""Under which conditions, and which part of, something that never changes is asked for: RFC 9110, 13 and 14."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final, NamedTuple

from aiohttp import hdrs, web

from servicedesk.domain.times import SECOND, Instant

_RANGE: Final = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII)


class Version(NamedTuple):
    """What tells one state of something from another."""

    tag: str
    at: datetime
    """To the second: more a header does not say."""

    @classmethod
    def of(cls, name: str, at: Instant) -> "Version":
        return cls(f'"{name}"', datetime.fromtimestamp(at // SECOND, UTC))

    @property
    def headers(self) -> dict[str, str]:
        return {hdrs.ETAG: self.tag, hdrs.LAST_MODIFIED: format_datetime(self.at, usegmt=True)}


def refused(request: web.Request, version: Version) -> int | None:
    """Return the status that a condition of the request asks for instead of the thing: 412, 304 or none."""
    wanted = request.headers.get(hdrs.IF_MATCH)
    if wanted is not None:
        if not _names(wanted, version.tag):
            return 412
    elif (since := request.if_unmodified_since) is not None and version.at > since:
        return 412
    known = request.headers.get(hdrs.IF_NONE_MATCH)
    if known is not None:
        return 304 if _names(known.replace("W/", ""), version.tag) else None
    since = request.if_modified_since
    return 304 if since is not None and version.at <= since else None


def _names(tags: str, tag: str) -> bool:
    return tags.strip() == "*" or tag in (each.strip() for each in tags.split(","))


def part(request: web.Request, size: int, version: Version) -> tuple[int, int] | None:
    """Return the first byte and the one after the last that are asked for; None is all, an empty part none."""
    if request.method != hdrs.METH_GET or not _is_of(request, version):
        return None
    match = _RANGE.fullmatch(request.headers.get(hdrs.RANGE, ""))
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1 if last else size, size)


def _is_of(request: web.Request, version: Version) -> bool:
    """Return whether a part would fit to what the client has; a date counts only when it is exactly ours."""
    has = request.headers.get(hdrs.IF_RANGE)
    return has is None or has.strip() == version.tag or request.if_range == version.at
