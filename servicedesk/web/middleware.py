"""Around every request: an id, an answer whatever happens, and the headers that keep a browser safe."""

import logging
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import aiohttp_jinja2
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from aiohttp.web_request import BaseRequest

from servicedesk.domain.errors import NotFound, Refused
from servicedesk.domain.words import say
from servicedesk.web import auth, problems, words
from servicedesk.web.keys import CLOCK, REQUEST_ID, SETTINGS

log = logging.getLogger(__name__)

Outermost = Callable[[BaseRequest], Awaitable[web.StreamResponse]]

CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    hdrs.CACHE_CONTROL: "no-store",
}
_HTTPS_ONLY: Final = "max-age=31536000"
"""For a year; a neighbour under the same domain is none of ours to decide about."""
_DEFECT: Final = say("Something went wrong here; it was logged.")
_TOO_LARGE: Final = say("The body is larger than 1 MiB.")
_ABOUT_FILES: Final = "/api/files/"
_PRIVATE: Final = "/t/"
"""Where private links lead: their token is in the path, which therefore goes nowhere."""
_UNTOLD: Final = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}
_SANDBOX: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On whatever is answered about files: bytes that strangers made are never a page of ours."""


@web.middleware
async def answering(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what rises from a handler into an answer of the contract; a defect says nothing but the request id."""
    request_id = secrets.token_hex(8)
    request[REQUEST_ID] = request_id
    try:
        return await handler(request)
    except Refused as refusal:
        problem = problems.answer(refusal, request_id, words.of_request(request))
        return _refused(request, problem, refusal.detail)
    except web.HTTPException as refusal:
        return _http_refused(request, refusal, request_id)
    except ConnectionError:
        raise
    except Exception:
        path = f"{_PRIVATE}…" if request.path.startswith(_PRIVATE) else request.path
        log.exception("request %s failed: %s %s", request_id, request.method, path)
        problem = problems.plain(500, _DEFECT, request_id, "internal", words.of_request(request))
        return _refused(request, problem, _DEFECT)


def outermost(handler: Outermost) -> Outermost:
    """Return the whole application, so that what aiohttp refuses before any middleware is a problem as well."""

    async def handle(request: BaseRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as refusal:
            request[REQUEST_ID] = secrets.token_hex(8)
            return problems.plain(refusal.status, refusal.reason, request[REQUEST_ID])

    return handle


async def protect(request: web.Request, response: web.StreamResponse) -> None:
    """Put the safe headers on a response that is about to be sent, unless it brought stricter ones."""
    is_private = request.path.startswith(_PRIVATE)
    if request.path.startswith(_ABOUT_FILES) or (is_private and "/files/" in request.path):
        response.headers.update(_SANDBOX)
    if is_private:
        response.headers.update(_UNTOLD)
    if request.app[SETTINGS].is_https:
        response.headers.setdefault(hdrs.STRICT_TRANSPORT_SECURITY, _HTTPS_ONLY)
    make_safe(response.headers, request.get(REQUEST_ID) or secrets.token_hex(8))


def make_safe(headers: MutableMapping[str, str], request_id: str) -> None:
    for name, value in _SAFE.items():
        headers.setdefault(name, value)
    headers["X-Request-Id"] = request_id


def _http_refused(request: web.Request, refusal: web.HTTPException, request_id: str) -> web.StreamResponse:
    """aiohttp's own: an unknown path, a method that the path has not, a body over the limit, a redirect."""
    if refusal.status < 400:
        return web.Response(status=refusal.status, headers=refusal.headers)
    if isinstance(refusal, web.HTTPMethodNotAllowed):
        allowed = sorted({*refusal.allowed_methods, hdrs.METH_OPTIONS})
        headers = {hdrs.ALLOW: ", ".join(allowed)}
        if request.method == hdrs.METH_OPTIONS:
            return web.Response(status=204, headers=headers)
        detail = say(
            "{method} is not possible here; {others} is.",
            method=request.method[:20],
            others=", ".join(allowed),
        )
        problem = problems.plain(405, detail, request_id, said=words.of_request(request))
        response = _refused(request, problem, detail)
        response.headers.update(headers)
        return response
    if refusal.status == 404:
        missing = NotFound(say("There is no {path} here.", path=request.path[:200]))
        return _refused(
            request, problems.answer(missing, request_id, words.of_request(request)), missing.detail
        )
    if refusal.status == 413:
        problem = problems.plain(413, _TOO_LARGE, request_id, "too_large", words.of_request(request))
        return _refused(request, problem, _TOO_LARGE)
    reason = (refusal.text or refusal.reason)[:200]
    return _refused(request, problems.plain(refusal.status, reason, request_id), reason)


def _refused(request: web.Request, problem: web.Response, detail: str) -> web.StreamResponse:
    """Return the problem, or for a browser that asked for a page, the error page."""
    if request.path.startswith("/api/") or "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
        return problem
    context: dict[str, Any] = {"status": problem.status, "detail": detail, "request_id": request[REQUEST_ID]}
    try:
        caller = auth.identify(request, request.app[CLOCK]())
        if caller is not None:
            context["words"] = words.of_person(request, caller.user)
        return aiohttp_jinja2.render_template("error.html", request, context, status=problem.status)
    except Exception:
        log.exception("the error page failed")
        return problem
