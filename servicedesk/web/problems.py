"""Refusals as RFC 9457 problems: the one place that knows which refusal has which HTTP status."""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from servicedesk.domain import errors, resumable
from servicedesk.domain.errors import Refused
from servicedesk.domain.files import NotScanned
from servicedesk.web.words import ENGLISH, Words, words

STATUS: Final[dict[type[Refused], int]] = {
    errors.BadJson: 400,
    errors.BadParameter: 400,
    errors.BadRequest: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.WrongPassword: 403,
    errors.NotFound: 404,
    errors.TooSlow: 408,
    errors.Conflict: 409,
    errors.Stale: 412,
    resumable.UnknownVersion: 412,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.Invalid: 422,
    errors.IdempotencyConflict: 422,
    errors.RateLimited: 429,
    resumable.ChecksumMismatch: 460,
    errors.NotInstalled: 501,
    errors.Unavailable: 503,
    errors.UploadStorageFull: 507,
}
CONTENT_TYPE: Final = "application/problem+json"

_ENGLISH: Final = words(ENGLISH)


def status_of(refusal: Refused) -> int:
    """Return the HTTP status of the refusal's class, or of the nearest class above that has one."""
    for kind in type(refusal).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 400


def body_of(refusal: Refused, said: Words) -> bytes:
    """Return the problem in that language, without its request id, which each answer has of its own."""
    members = _members(status_of(refusal), refusal.code, refusal.title, refusal.detail)
    return msgspec.json.encode({**members, **refusal.extras}, enc_hook=said.plain)


def answer(refusal: Refused, request_id: str, said: Words) -> web.Response:
    """Return the refusal as a response in that language."""
    response = replayed(status_of(refusal), body_of(refusal, said), request_id)
    if isinstance(refusal, errors.Unauthenticated):
        response.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="servicedesk"'
    if isinstance(refusal, errors.RateLimited):
        response.headers[hdrs.RETRY_AFTER] = str(max(1, -(-refusal.retry_after_ms // 1000)))
    if isinstance(refusal, errors.Unavailable | NotScanned):
        response.headers[hdrs.RETRY_AFTER] = "10"
    return response


def plain(
    status: int, detail: str, request_id: str, code: str | None = None, said: Words = _ENGLISH
) -> web.Response:
    """Return a problem that no refusal of the desk stands behind."""
    title = HTTPStatus(status).phrase
    members = _members(status, code or title.lower().replace(" ", "_").replace("-", "_"), title, detail)
    return replayed(status, msgspec.json.encode(members, enc_hook=said.plain), request_id)


def replayed(status: int, body: bytes, request_id: str = "") -> web.Response:
    """Return a problem from its stored body; the request id is put in when there is one."""
    if request_id:
        body = body[:-1] + b',"request_id":' + msgspec.json.encode(request_id) + b"}"
    return web.Response(status=status, body=body, content_type=CONTENT_TYPE)


def _members(status: int, code: str, title: str, detail: str) -> dict[str, Any]:
    return {"type": f"/api/docs#{code}", "title": title, "status": status, "detail": detail, "code": code}
