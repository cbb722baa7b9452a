"""Security middleware: CSP and other headers, HEAD requests, WebSocket origin check (CSRF), page rate limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collector.rate_limit import BoundedMemoryStorage, rate_limit_key
from proprium.i18n import gettext as _
from proprium.ui.client_address import ClientAddressOf, peer_address

FRAME_ANCESTORS = "frame-ancestors 'none'"
# NiceGUI compiles its templates in the browser ('unsafe-eval') and starts with scripts in the page ('unsafe-inline').
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    f"object-src 'none'; base-uri 'none'; form-action 'self'; {FRAME_ANCESTORS}"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
HSTS = "max-age=31536000"
SOCKET_PATH = "/_nicegui_ws/"
UNLIMITED_PATHS = (
    "/_nicegui",
    "/assets/",
    "/api/v1/properties",
    "/healthz",
    "/readyz",
    "/metrics",
)  # the API counts by key
MAX_PAGES_PER_MINUTE = 120
"""A page whose socket is never opened costs 31 ms, and 50 KB for a minute (measured)."""
MAX_COUNTERS = 10_000  # addresses per generation; two generations are kept


_FRAMING_KEY = "proprium.frame_ancestors"  # of the ASGI scope


def allow_framing(request: HTTPConnection, origins: Iterable[str]) -> None:
    """Lets pages of exactly these origins show the response in a frame."""
    request.scope[_FRAMING_KEY].extend(origins)


class SecurityHeaders:
    """Adds the security headers to every response that has not set them itself."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self.app = app
        self.headers = {**SECURITY_HEADERS, "Strict-Transport-Security": HSTS} if is_https else SECURITY_HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        origins: list[str] = []

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in (_framed(self.headers, origins) if origins else self.headers).items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app({**scope, _FRAMING_KEY: origins}, receive, send_with_headers)


def _framed(headers: Mapping[str, str], origins: Sequence[str]) -> dict[str, str]:
    """Returns the headers of a page that only `origins` may embed.

    X-Frame-Options cannot name origins and is left out: browsers that know frame-ancestors ignore it anyway.
    """
    policy = headers["Content-Security-Policy"].replace(FRAME_ANCESTORS, f"frame-ancestors {' '.join(origins)}")
    others = {name: value for name, value in headers.items() if name != "X-Frame-Options"}
    return {**others, "Content-Security-Policy": policy}


class HeadRequests:
    """Answers HEAD as GET without the body: uptime monitors and link checkers send it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_no_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self.app({**scope, "method": "GET"}, receive, send_no_body)


class SocketOriginCheck:
    """Rejects socket connections from pages of other sites; NiceGUI itself accepts any origin."""

    def __init__(self, app: ASGIApp, *, public_url: str) -> None:
        self.app = app
        self.public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_socket = scope["type"] in {"http", "websocket"} and scope["path"].startswith(SOCKET_PATH)
        if not is_socket or is_same_origin(Headers(scope=scope), self.public_url):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "origin not allowed"})
        else:
            await PlainTextResponse("Forbidden: cross-origin socket connection.", 403)(scope, receive, send)


class PageRateLimit:
    """Rate limit of pages per minute and client address.

    Files, the socket, API and health routes are exempt.
    """

    def __init__(
        self, app: ASGIApp, *, address_of: ClientAddressOf | None = None, pages_per_minute: int = MAX_PAGES_PER_MINUTE
    ) -> None:
        self.app = app
        self.address_of = address_of or peer_address
        self.limit = RateLimitItemPerMinute(pages_per_minute)
        self.limiter = FixedWindowRateLimiter(BoundedMemoryStorage(MAX_COUNTERS))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = (
            scope["type"] == "http"
            and scope["method"] in {"GET", "HEAD"}
            and not scope["path"].startswith(UNLIMITED_PATHS)
        )
        if is_page and not self.limiter.hit(self.limit, rate_limit_key(self.address_of(HTTPConnection(scope)))):
            text = _("Too many requests. Try again in a minute.")
            await PlainTextResponse(text, 429, {"Retry-After": "60"})(scope, receive, send)
            return
        await self.app(scope, receive, send)


def is_same_origin(headers: Headers, public_url: str) -> bool:
    """Returns False for requests from pages of other sites.

    Without an Origin, it is no page, or a same-site GET.
    """
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
    origin_host = urlsplit(origin).netloc.lower()
    return bool(origin_host) and origin_host in {headers.get("host", "").lower(), urlsplit(public_url).netloc.lower()}


def reject_cross_origin(public_url: str) -> Callable[[Request], None]:
    """Returns a FastAPI dependency that rejects cross-origin form posts with 403 (CSRF protection)."""

    def check(request: Request) -> None:
        if not is_same_origin(request.headers, public_url):
            raise HTTPException(403, _("This form was sent from another site. Open the page here and send it again."))

    return check
