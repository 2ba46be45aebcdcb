"""Who is calling, and whether the request comes from our own pages."""

import hmac
import secrets
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import Final, cast

import msgspec
from aiohttp import hdrs, web
from multidict import MultiMapping

from servicedesk.domain.errors import BadRequest, CsrfRefused, UnsupportedMedia
from servicedesk.domain.people import User
from servicedesk.domain.times import DAY, SECOND, Instant
from servicedesk.domain.words import say
from servicedesk.settings import Settings
from servicedesk.store import private_links, sessions
from servicedesk.store.sessions import Kind
from servicedesk.web import pace
from servicedesk.web.keys import DB, SETTINGS

CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "csrf_token"
TOKEN_BYTES: Final = 32

_COOKIE: Final = "servicedesk"
_GUEST_COOKIE: Final = "servicedesk_guest"
_TOKEN_MAX: Final = 128
_FORM: Final = "application/x-www-form-urlencoded"
_OURS: Final = "same-origin"
_SAFE_METHODS: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})


class Caller(msgspec.Struct, frozen=True):
    """The person behind a request, and what they showed to be let in."""

    user: User
    session_id: int
    """0 with a private link: it opens no session."""
    kind: Kind | None
    csrf_token: str | None
    """What the caller's forms must carry; None when no cookie is in play."""
    must_enrol: bool = False
    """Whether the desk wants them to set up a second step before anything else."""


def new_token() -> str:
    """Return what opens the door; it is shown once and kept as a hash."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_of(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def identify(request: web.Request, at: Instant) -> Caller | None:
    """Return who calls. With an Authorization header, cookies are not looked at; query strings never are."""
    settings = request.app[SETTINGS]
    by_cookie = hdrs.AUTHORIZATION not in request.headers
    if by_cookie:
        token = request.cookies.get(_cookie_name(_COOKIE, settings))
    else:
        token = _bearer(request.headers.getall(hdrs.AUTHORIZATION))
    if not token or len(token) > _TOKEN_MAX:
        return None
    hashed = hash_of(token)
    known = request.app[DB].peek(sessions.who, hashed, at)
    if known is None:
        return None
    csrf = _signature(settings, b"session", hashed) if by_cookie else None
    return Caller(known.user, known.session_id, known.kind, csrf, known.must_enrol)


def identify_by_link(request: web.Request, at: Instant) -> Caller | None:
    """Return whom the private link in the address stands for; whatever else came with the request is not looked at."""
    token = request.match_info["token"]
    if len(token) > _TOKEN_MAX:
        return None
    user = request.app[DB].peek(private_links.who, hash_of(token), at)
    return Caller(user, 0, None, None) if user is not None else None


def check_link_site(request: web.Request) -> None:
    """Raise CsrfRefused when the browser says that another site sent a form to a private link.

    Its pages tell no origin, so that the address stays private; that the sender knows it is the proof.
    """
    if request.method not in _SAFE_METHODS and request.headers.get("Sec-Fetch-Site", _OURS) != _OURS:
        raise CsrfRefused()


async def check_csrf(request: web.Request, caller: Caller, *, fields: bool = False) -> None:
    """Raise CsrfRefused for a change that hangs on a cookie and did not come from our own pages.

    The token comes in a header, or where ``fields`` is set in a field of the form; a form that carries a file
    names it in its address, so that the file need not be read first.
    """
    if caller.csrf_token is None or request.method in _SAFE_METHODS:
        return
    check_site(request)
    shown = request.headers.get(CSRF_HEADER)
    if shown is None and fields:
        shown = await _field_token(request)
    _compare(shown, caller.csrf_token)


async def guest_form(request: web.Request) -> MultiMapping[str]:
    """Return the fields of a form that somebody without a session sent. Raises CsrfRefused."""
    check_site(request)
    fields = await form_fields(request)
    _compare(request.headers.get(CSRF_HEADER) or fields.get(CSRF_FIELD), _expected_of_guest(request))
    return fields


def check_guest(request: web.Request) -> None:
    """Raise CsrfRefused unless the address of a guest's form with files names their token: nothing was read yet."""
    check_site(request)
    _compare(request.query.get(CSRF_FIELD), _expected_of_guest(request))


def guest_token(request: web.Request, response: web.StreamResponse) -> str:
    """Return the token for a form that is shown to somebody without a session; a cookie ties it to them."""
    name = _cookie_name(_GUEST_COOKIE, request.app[SETTINGS])
    cookie = request.cookies.get(name, "")
    if not 20 <= len(cookie) <= _TOKEN_MAX:
        cookie = secrets.token_urlsafe(16)
        _put_cookie(request, response, name, cookie, max_age=None)
    return _guest_token(request.app[SETTINGS], cookie)


async def form_fields(request: web.Request) -> MultiMapping[str]:
    """Return the fields of a form without files. Raises UnsupportedMedia, BadRequest."""
    if request.content_type != _FORM or hdrs.CONTENT_ENCODING in request.headers:
        raise UnsupportedMedia(f"Send the form as {_FORM}.")
    await pace.whole(request)
    try:
        return cast(MultiMapping[str], await request.post())
    except (LookupError, ValueError):
        raise BadRequest(say("The form cannot be read; send it in UTF-8.")) from None


def check_site(request: web.Request) -> None:
    """Raise CsrfRefused when the browser says that another site had this sent."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site != _OURS:
            raise CsrfRefused()
    elif hdrs.ORIGIN in request.headers and not has_our_origin(request):
        raise CsrfRefused()


def has_our_origin(request: web.Request) -> bool:
    """Return whether the request names our own origin, and no other, as where it comes from."""
    return request.headers.getall(hdrs.ORIGIN, []) == [our_origin(request)]


def our_origin(request: web.Request) -> str:
    """Return the origin that people type: as set, else as asked for."""
    settings = request.app[SETTINGS]
    if settings.public_url is not None:
        return settings.public_url
    scheme, host = request.scheme, request.host
    if is_trusted(request.remote, settings):
        said = request.headers.get("X-Forwarded-Proto", "").strip().lower()
        scheme = said if said in ("http", "https") else scheme
        host = request.headers.get("X-Forwarded-Host", "").strip() or host
    return f"{scheme}://{host.lower()}"


def client_address(request: web.Request) -> str:
    """Return where the client is: the peer, or what trusted proxies say of it; a /64 counts as one."""
    settings = request.app[SETTINGS]
    address = request.remote or ""
    chain = [part.strip() for part in ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")]
    while is_trusted(address, settings) and chain:
        address = _without_port(chain.pop()) or address
    try:
        found = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(IPv6Address(int(found) >> 64 << 64))
    return str(found)


def put_session(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Give the browser its session."""
    settings = request.app[SETTINGS]
    seconds = settings.session_days * DAY // SECOND
    _put_cookie(request, response, _cookie_name(_COOKIE, settings), token, max_age=seconds)


def drop_session(request: web.Request, response: web.StreamResponse) -> None:
    """Take the session's cookie from the browser; that the session ends is ``desk.sessions``."""
    _put_cookie(request, response, _cookie_name(_COOKIE, request.app[SETTINGS]), "", max_age=0)


def _put_cookie(
    request: web.Request, response: web.StreamResponse, name: str, value: str, *, max_age: int | None
) -> None:
    secure = request.app[SETTINGS].is_https
    response.set_cookie(name, value, max_age=max_age, path="/", httponly=True, samesite="Lax", secure=secure)


def _cookie_name(name: str, settings: Settings) -> str:
    # A cookie with this prefix cannot be set by a neighbour under the same domain; it must be Secure.
    return f"__Host-{name}" if settings.is_https else name


def _bearer(headers: list[str]) -> str | None:
    if len(headers) != 1:
        return None
    scheme, _, token = headers[0].strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def _field_token(request: web.Request) -> str | None:
    if request.content_type == _FORM:
        return (await form_fields(request)).get(CSRF_FIELD)
    return request.query.get(CSRF_FIELD)


def _compare(shown: str | None, expected: str | None) -> None:
    if not shown or not expected:
        raise CsrfRefused()
    if not hmac.compare_digest(shown.encode(errors="replace"), expected.encode()):
        raise CsrfRefused()


def _expected_of_guest(request: web.Request) -> str | None:
    cookie = request.cookies.get(_cookie_name(_GUEST_COOKIE, request.app[SETTINGS]), "")
    return _guest_token(request.app[SETTINGS], cookie) if cookie else None


def _guest_token(settings: Settings, cookie: str) -> str:
    return _signature(settings, b"guest", cookie.encode(errors="replace"))


def _signature(settings: Settings, purpose: bytes, value: bytes) -> str:
    return hmac.new(settings.secret_key.encode(), b"csrf:%b:%b" % (purpose, value), sha256).hexdigest()


def stamp(settings: Settings, at: Instant) -> str:
    """Return the stamp of a form: when it was shown, and a chance that only this one has."""
    said = f"{at}.{new_token()}"
    return f"{said}.{_signature(settings, b'stamp', said.encode())}"


def stamped(settings: Settings, shown: str) -> tuple[Instant, str] | None:
    """Return what a stamp of ours says, None for what is none."""
    said, _, signature = shown.rpartition(".")
    at, _, chance = said.partition(".")
    expected = _signature(settings, b"stamp", said.encode(errors="replace"))
    if not hmac.compare_digest(signature.encode(errors="replace"), expected.encode()):
        return None
    return int(at), chance


def _without_port(address: str) -> str:
    """Return the address alone: some proxies write where it came from in full."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def is_trusted(address: str | None, settings: Settings) -> bool:
    """Return whether the peer is a proxy of ours, whose word counts."""
    if not settings.trusted_proxies or not address:
        return False
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in settings.trusted_proxies)
