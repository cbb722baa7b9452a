"""uvicorn HTTP protocol with a fast path for POST /collect, which arrives thousands of times a second.

An ASGI app costs each request a scope, a task and four messages. A hit needs none of them: its body is complete in one
or two packets, and its response comes from the group commit that it shares with others. All other requests, and the
rare hit that is chunked, huge or sends `Expect: 100-continue`, take the slow path through ASGI, where `collector.asgi`
answers the same. Measurements: docs/performance.md.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from collector.request import Request
from collector.responses import Response
from collector.service import Collector

_SLOW_PATH_HEADERS = frozenset({b"expect", b"transfer-encoding", b"upgrade"})
_HTTP_VERSION = "1.1"


class FastRequest:
    """Request on the fast path.

    Replaces uvicorn's RequestResponseCycle, with the attributes its protocol reads.
    """

    __slots__ = ("body", "disconnected", "headers", "keep_alive", "response_complete")
    message_event = asyncio.Event()  # uvicorn sets it; without an ASGI app no task waits for it

    def __init__(self, headers: list[tuple[bytes, bytes]], keep_alive: bool) -> None:
        self.headers = headers
        self.keep_alive = keep_alive
        self.body = b""
        self.disconnected = False
        self.response_complete = False


class CollectProtocol(HttpToolsProtocol):
    """One HTTP connection, with the fast path for POST /collect."""

    def __init__(self, collector: Collector, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._collector = collector
        self._fast_request: FastRequest | None = None  # the request being received, if it is on the fast path

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        if self.url == b"/collect" and self.parser.get_method() == b"POST" and self._can_use_fast_path():
            self._fast_request = self.cycle = FastRequest(self.headers, self.parser.should_keep_alive())  # type: ignore[assignment]
        else:
            # The slow path: ASGI's scope, created only now, has the URL and its own list of headers.
            self._fast_request = None
            url, headers, expects_100_continue = self.url, self.headers, self.expect_100_continue
            super().on_message_begin()
            self.headers += headers
            self.url, self.expect_100_continue = url, expects_100_continue
            super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hands the connection over to the WebSocket protocol.

        Nothing closes this object afterwards, so its parser, which refers back to it, is dropped to break the cycle.
        """
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        if self._fast_request:
            self._fast_request.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._fast_request:
            self._handle_fast_request(self._fast_request)
        else:
            super().on_message_complete()

    def _can_use_fast_path(self) -> bool:
        """Returns True if no earlier request is pending here, and the body is short and of known length."""
        if self.cycle is not None and not self.cycle.response_complete:
            return False
        content_length = None
        for name, value in self.headers:
            if name == b"content-length":
                content_length = value
            elif name in _SLOW_PATH_HEADERS:
                return False
        return (
            content_length is not None
            and content_length.isdigit()
            and int(content_length) <= HIGH_WATER_LIMIT
            and self.parser.get_http_version() == _HTTP_VERSION
        )

    def _handle_fast_request(self, fast_request: FastRequest) -> None:
        request = Request(fast_request.headers, self.client[0] if self.client else None)
        request.body = fast_request.body
        self._collector.handle(request, partial(self._send_response, fast_request))

    def _send_response(self, fast_request: FastRequest, response: Response) -> None:
        fast_request.response_complete = True
        if self.transport.is_closing():
            return
        lines = [STATUS_LINE[response.status]]
        for name, value in (*self.server_state.default_headers, *response.headers):
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"\r\n" if fast_request.keep_alive else b"connection: close\r\n\r\n")
        lines.append(response.body)
        self.transport.write(b"".join(lines))
        if not fast_request.keep_alive:
            self.transport.close()
        self.on_response_complete()
