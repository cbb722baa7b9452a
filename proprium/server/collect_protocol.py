"""uvicorn's HTTP protocol with a short way for the one request that comes thousands of times a second: POST /collect.

An ASGI app costs each request a scope, a task and four messages. A hit needs none of them: its body is complete in one
or two packets, and its answer comes from the commit that it shares with others. All other requests, and the rare hit
that is chunked, huge or expects to be asked for, go the usual way, where `collector.asgi` answers the same.
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
    """Stands where uvicorn keeps the request that it answers, with the parts that its protocol looks at."""

    __slots__ = ("body", "disconnected", "headers", "keep_alive", "response_complete")
    message_event = asyncio.Event()  # nobody waits for it

    def __init__(self, headers: list[tuple[bytes, bytes]], keep_alive: bool) -> None:
        self.headers = headers
        self.keep_alive = keep_alive
        self.body = b""
        self.disconnected = False
        self.response_complete = False


class CollectProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, collector: Collector, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._collector = collector
        self._fast_request: FastRequest | None = None  # the request that is being read, when it goes the short way

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        if self.url == b"/collect" and self.parser.get_method() == b"POST" and self._can_use_fast_path():
            self._fast_request = self.cycle = FastRequest(self.headers, self.parser.should_keep_alive())  # type: ignore[assignment]
        else:
            self._fast_request = None
            self._begin_slow_path()
            super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """The connection is another protocol's from here on, and nothing ends this one: its parser holds it."""
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

    def _begin_slow_path(self) -> None:
        """Makes the scope that a hit does not need, with what was read meanwhile."""
        url, headers, expects_100_continue = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.headers += headers  # the scope's own list
        self.url, self.expect_100_continue = url, expects_100_continue

    def _can_use_fast_path(self) -> bool:
        """Nobody is before it on this connection, and its body is short and of a known length."""
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
        self.transport.write(_serialize_response(response, fast_request.keep_alive, self.server_state.default_headers))
        if not fast_request.keep_alive:
            self.transport.close()
        self.on_response_complete()


def _serialize_response(response: Response, keep_alive: bool, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    lines = [STATUS_LINE[response.status]]
    for name, value in (*default_headers, *response.headers):
        lines += (name, b": ", value, b"\r\n")
    lines.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
    lines.append(response.body)
    return b"".join(lines)
