"""Cache of NiceGUI's static files in compressed form: compressed once, not for each browser.

Compressing them per browser took 150 ms of the event loop for every new viewer, a third of the cost of a dashboard.
Other choices for speed: docs/performance.md.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proprium.ui.http.static_files import accepted_encodings, compress

MAX_CACHED_FILES = 256
"""Cached files, each encoding counted; a page needs twenty."""
MAX_FILE_BYTES = 8 << 20
_CACHEABLE_PATH = re.compile(r"/_nicegui/[\w.]+/(static|components|libraries|esm)/")
"""Files whose content depends on their path only."""


class FrameworkAssets:
    """Middleware that serves NiceGUI's immutable files from the cache.

    All other requests pass to the app.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._responses: dict[tuple[str, str], asyncio.Task[Response]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        encoding = _cacheable_encoding(scope)
        if encoding is None:
            await self.app(scope, receive, send)
            return
        key = (scope["path"], encoding)
        response_task = self._responses.get(key)
        if response_task is None:

            def evict(task: asyncio.Task[Response]) -> None:
                """Drops the entry if it failed or is not cacheable, else the oldest entry when the cache is full."""
                if task.cancelled() or task.exception() or "content-encoding" not in task.result().headers:
                    del self._responses[key]
                elif len(self._responses) > MAX_CACHED_FILES:
                    del self._responses[next(iter(self._responses))]

            response_task = self._responses[key] = asyncio.create_task(self._build_response(scope, encoding))
            response_task.add_done_callback(evict)
        response = await asyncio.shield(response_task)  # other requests may await it after this client disconnects
        await response(scope, receive, send)

    async def _build_response(self, scope: Scope, encoding: str) -> Response:
        headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        app_response = _AppResponse()
        await self.app({**scope, "headers": headers}, _EmptyReceive(), app_response.on_message)
        if not app_response.is_immutable:
            return _to_response(app_response, app_response.body)
        response = _to_response(app_response, await asyncio.to_thread(compress, app_response.body, encoding))
        response.headers["Content-Encoding"], response.headers["Vary"] = encoding, "Accept-Encoding"
        return response


@dataclass
class _AppResponse:
    """Complete response of the app, collected from its ASGI messages."""

    status: int = 0
    raw_headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def on_message(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.raw_headers = message["status"], list(message["headers"])
        else:
            self.body += message.get("body", b"")

    @property
    def is_immutable(self) -> bool:
        headers = Headers(raw=self.raw_headers)
        is_plain = self.status == 200 and "content-encoding" not in headers
        return is_plain and "immutable" in headers.get("cache-control", "") and len(self.body) <= MAX_FILE_BYTES


class _EmptyReceive:
    """ASGI receive of an empty request that never disconnects: other clients share the response."""

    def __init__(self) -> None:
        self._has_sent = False

    async def __call__(self) -> dict[str, Any]:
        if self._has_sent:
            await asyncio.Event().wait()
        self._has_sent = True
        return {"type": "http.request", "body": b"", "more_body": False}


def _to_response(app_response: _AppResponse, body: bytes) -> Response:
    response = Response(body, app_response.status)
    response.raw_headers = app_response.raw_headers
    MutableHeaders(raw=response.raw_headers)["Content-Length"] = str(len(body))
    return response


def _cacheable_encoding(scope: Scope) -> str | None:
    """Returns the best encoding for a cacheable request.

    Returns None if the request cannot be served from the cache.
    """
    if scope["type"] != "http" or scope["method"] != "GET" or not _CACHEABLE_PATH.match(scope["path"]):
        return None
    headers = Headers(scope=scope)
    if "range" in headers or "if-none-match" in headers or "if-modified-since" in headers:
        return None
    return next(iter(accepted_encodings(headers.get("accept-encoding", ""))), None)
