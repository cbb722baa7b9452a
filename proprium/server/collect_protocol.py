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
from collector.responses import Answer
from collector.service import Collector

_UNUSUAL = frozenset({b"expect", b"transfer-encoding", b"upgrade"})
_HTTP = "1.1"


class ShortRequest:
    """Stands where uvicorn keeps the request that it answers, with the parts that its protocol looks at."""

    __slots__ = ("body", "disconnected", "headers", "keep_alive", "response_complete")
    message_event = asyncio.Event()  # nobody waits for it

    def __init__(self, headers: list[tuple[bytes, bytes]], keep_alive: bool) -> None:
        self.headers = headers
        self.keep_alive = keep_alive
        self.body = b""
        self.disconnected = False
        self.response_complete = False


class Doorstep(HttpToolsProtocol):
    """One connection."""

    def __init__(self, collector: Collector, **parts: Any) -> None:
        super().__init__(**parts)
        self._collector = collector
        self._hit: ShortRequest | None = None  # the request that is being read, when it goes the short way

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        if self.url == b"/collect" and self.parser.get_method() == b"POST" and self._is_usual():
            self._hit = self.cycle = ShortRequest(self.headers, self.parser.should_keep_alive())  # type: ignore[assignment]
        else:
            self._hit = None
            self._begin_the_usual_way()
            super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """The connection is another protocol's from here on, and nothing ends this one: its parser holds it."""
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        if self._hit:
            self._hit.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._hit:
            self._take(self._hit)
        else:
            super().on_message_complete()

    def _begin_the_usual_way(self) -> None:
        """Makes the scope that a hit does not need, with what was read meanwhile."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.headers += headers  # the scope's own list
        self.url, self.expect_100_continue = url, expects

    def _is_usual(self) -> bool:
        """Nobody is before it on this connection, and its body is short and of a known length."""
        if self.cycle is not None and not self.cycle.response_complete:
            return False
        length = None
        for name, value in self.headers:
            if name == b"content-length":
                length = value
            elif name in _UNUSUAL:
                return False
        return (
            length is not None
            and length.isdigit()
            and int(length) <= HIGH_WATER_LIMIT
            and self.parser.get_http_version() == _HTTP
        )

    def _take(self, hit: ShortRequest) -> None:
        request = Request(hit.headers, self.client[0] if self.client else None)
        request.body = hit.body
        self._collector.take(request, partial(self._answer, hit))

    def _answer(self, hit: ShortRequest, answer: Answer) -> None:
        hit.response_complete = True
        if self.transport.is_closing():
            return
        self.transport.write(_written(answer, hit.keep_alive, self.server_state.default_headers))
        if not hit.keep_alive:
            self.transport.close()
        self.on_response_complete()


def _written(answer: Answer, keep_alive: bool, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    lines = [STATUS_LINE[answer.status]]
    for name, value in (*default_headers, *answer.headers):
        lines += (name, b": ", value, b"\r\n")
    lines.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
    lines.append(answer.body)
    return b"".join(lines)
