"""Lists on the wire: a page, and how to ask for the next one."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, UnsetType

from servicedesk.domain.errors import BadParameter
from servicedesk.web.api import Call, encode

T = TypeVar("T")

LIMIT: Final = 50
LIMIT_MAX: Final = 100
Limit = Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)]
_SIGNED: Final = 12


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list; ``next_cursor`` is None at its end."""

    items: Sequence[T]
    next_cursor: str | None
    total: int | UnsetType = UNSET


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a list to give, and from where on."""

    limit: Limit = LIMIT
    cursor: str | None = None
    count: bool = False


def sealed(call: Call, position: Any) -> str:
    """Return the position in a list as an opaque cursor that only this desk can make."""
    raw = msgspec.msgpack.encode(position)
    return _spelled(_seal(call, raw) + raw)


def unsealed(call: Call, cursor: str, into: type[T]) -> T:
    """Return the position in the cursor. Raises BadParameter for one that this list did not give."""
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        seal, raw = data[:_SIGNED], data[_SIGNED:]
        # Base64 has several spellings of the same bytes; one of them is ours.
        if hmac.compare_digest(seal, _seal(call, raw)) and _spelled(data) == cursor:
            return msgspec.msgpack.decode(raw, type=into)
    except (ValueError, msgspec.MsgspecError):
        pass
    raise BadParameter("cursor", "cursor: is not one that this list gave.")


def answer(call: Call, page: Page[Any]) -> web.Response:
    """Return the page, with a link to the next."""
    response = web.Response(body=encode(page), content_type="application/json")
    if page.next_cursor:
        query = {**call.request.query, "cursor": page.next_cursor}
        response.headers[hdrs.LINK] = f'<{call.request.rel_url.with_query(query)}>; rel="next"'
    return response


def span(call: Call, paging: Paging) -> tuple[int, int]:
    """Return behind which number the page begins, and how many rows to fetch: one more tells that more follow."""
    after = 0 if paging.cursor is None else unsealed(call, paging.cursor, int)
    return after, paging.limit + 1


def numbered(
    call: Call,
    paging: Paging,
    fetch: Callable[[int, int], Sequence[tuple[int, T]]],
    total: Callable[[], int],
) -> web.Response:
    """Answer with a list in the order of numbers; ``fetch(after, limit)`` returns numbered rows."""
    rows = fetch(*span(call, paging))
    kept = rows[: paging.limit]
    more = len(rows) > paging.limit
    return answer(
        call,
        Page(
            [item for _, item in kept],
            sealed(call, kept[-1][0]) if more else None,
            total() if paging.count else UNSET,
        ),
    )


def _spelled(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _seal(call: Call, raw: bytes) -> bytes:
    path = call.row.path.encode()
    key = call.settings.secret_key.encode()
    return hmac.new(key, b"cursor\0" + path + b"\0" + raw, hashlib.sha256).digest()[:_SIGNED]
