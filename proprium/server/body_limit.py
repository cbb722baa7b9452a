"""Request body limit: ASGI middleware that answers 413 before a body is read into memory or onto disk."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DEFAULT_MAX_BYTES = 64 << 10
"""Enough for every form: fields have at most 1,000 characters."""
NICEGUI_MAX_BYTES = 1 << 20
NICEGUI_PREFIX = "/_nicegui"
PATHS_WITH_OWN_LIMIT = frozenset({"/api/v1/events"})
"""Paths whose route applies a limit itself, because it counts rejections. So do the collector's own paths."""


MAX_LENGTH_DIGITS = 19  # of a Content-Length; more do not fit into 63 bits
INVALID_LENGTH = 1 << 63


class BodyLimitMiddleware:
    """Answers 413 to a body over its path's limit: by its Content-Length, or once too many bytes have arrived."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = limit_of(scope["path"])
        content_length = _content_length(scope)
        if limit is not None and content_length is not None and content_length > limit:
            await _too_large_response(limit)(scope, receive, send)
            return
        try:
            if limit is not None and content_length is None:
                await _CountedRequest(limit, receive, send).run(self.app, scope)
            else:
                await self.app(scope, receive, send)
        except ClientDisconnect:
            pass  # the client left in the middle of its body: no error of ours, and no response is possible


class _CountedRequest:
    """One request without a Content-Length, whose bytes are counted as they arrive."""

    def __init__(self, max_bytes: int, receive: Receive, send: Send) -> None:
        self._max_bytes, self._receive, self._send = max_bytes, receive, send
        self._received_bytes = 0
        self._has_started = False
        self._is_too_large = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self.receive, self.send)
        except ClientDisconnect:
            if not self._is_too_large:
                raise
        if self._is_too_large and not self._has_started:
            await _too_large_response(self._max_bytes)(scope, self._receive, self._send)

    async def receive(self) -> Message:
        """Returns the next part of the body.

        When it is too long, the app sees a disconnected client.
        """
        if self._is_too_large:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._received_bytes += len(message.get("body", b""))
        if self._received_bytes > self._max_bytes:
            self._is_too_large = True
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        """Forwards the app's response, unless the body was too large and 413 is to be sent instead."""
        if self._is_too_large and not self._has_started:
            return
        self._has_started = True
        await self._send(message)


def limit_of(path: str) -> int | None:
    """Returns the largest body of a path in bytes.

    Returns None where its route applies a limit itself.
    """
    if path in PATHS_WITH_OWN_LIMIT:
        return None
    return NICEGUI_MAX_BYTES if path.startswith(NICEGUI_PREFIX) else DEFAULT_MAX_BYTES


def _content_length(scope: Scope) -> int | None:
    """Returns the Content-Length, 0 without a body.

    Returns None for chunked bodies, whose length is unknown.
    """
    length: bytes = b"0"
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            length = value
    return int(length) if length.isdigit() and len(length) < MAX_LENGTH_DIGITS else INVALID_LENGTH


def _too_large_response(max_bytes: int) -> PlainTextResponse:
    return PlainTextResponse(f"The request body is too large; expected at most {max_bytes >> 10} KiB.", 413)
