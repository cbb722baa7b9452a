"""HTTP protocol with timeouts and size limits for request heads and bodies (protection against slow clients)."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from collector.service import Collector
from proprium.server.collect_protocol import CollectProtocol
from proprium.server.connections import MIB, ConnectionRegistry

NO_PART, HEAD, BODY = range(3)
"""Part of a request that is being received. Plain integers, since they are read five times per hit."""


class LimitedConnection(CollectProtocol):
    """One connection that is closed when a request takes too long or its head is too large.

    A request that is complete in one packet, as nearly all are, sets no deadline.
    """

    def __init__(self, collector: Collector, registry: ConnectionRegistry, **kwargs: Any) -> None:
        super().__init__(collector, **kwargs)
        self._registry = registry
        self._limits = registry.limits
        self._max_head_bytes, self._max_headers = registry.limits.max_head_bytes, registry.limits.max_headers
        self._registry_key: str | None = None  # None: not counted, or no longer
        self._current_part = NO_PART
        self._deadline_s: float | None = None
        self._stalled_at_s: float | None = None  # when the client stopped reading; None: it reads
        self._body_started_s = 0.0
        self._packet_bytes = 0  # bytes of the packet that is being parsed
        self._received_bytes = 0  # bytes of the current part, without that packet
        self._completed_count = 0  # requests that this packet completed
        self._is_draining = False  # the response is sent, the body is not complete
        self._is_rejected = False  # answered without the app; all further bytes are discarded
        self._head_problem: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._registry_key = self._registry.register(self.client[0] if self.client else None, self.loop)
        if self._registry_key is None:
            self._is_rejected = True
            transport.abort()
            return
        self._registry.monitor(self)
        self._deadline_s = self.loop.time() + self._limits.head_timeout_s

    def connection_lost(self, exc: Exception | None) -> None:
        self._registry.unmonitor(self)
        self._unregister()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hands the connection to uvicorn's WebSocket protocol, and counts it until the WebSocket closes."""
        super().handle_websocket_upgrade()
        self._registry.unmonitor(self)
        protocol: Any = self.transport.get_protocol()
        original_connection_lost = protocol.connection_lost

        def connection_lost(exc: Exception | None) -> None:
            self._unregister()
            original_connection_lost(exc)

        protocol.connection_lost = connection_lost

    def _unregister(self) -> None:
        if self._registry_key is not None:
            self._registry.unregister(self._registry_key)
            self._registry_key = None

    def data_received(self, data: bytes) -> None:
        if self._is_rejected:
            self._received_bytes += len(data)
            if self._received_bytes > self._limits.max_drain_bytes:
                self.flow.pause_reading()
            return
        self._packet_bytes = len(data)
        self._completed_count = 0
        previous_part = self._current_part
        super().data_received(data)
        if self._completed_count and self._current_part == NO_PART:
            # If the response was complete before its request, this packet has cancelled uvicorn's idle timeout.
            is_answered = self.cycle is not None and self.cycle.response_complete
            self._deadline_s = self.loop.time() + self.timeout_keep_alive if is_answered else None
        elif not self._is_rejected:
            self._wait_for_rest(previous_part)

    def on_message_begin(self) -> None:
        self._current_part = HEAD
        self._received_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        head_bytes = self._received_bytes + self._packet_bytes  # at most: the packet may hold more than the head
        if head_bytes > self._max_head_bytes:
            head_bytes = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if head_bytes > self._max_head_bytes:
            self._head_problem = self._head_too_large_message()
        elif len(self.headers) > self._max_headers:
            self._head_problem = self._too_many_headers_message()
        if self._head_problem:
            raise ValueError(self._head_problem)  # ends the parsing; send_400_response answers
        self._current_part = BODY
        self._received_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._current_part = NO_PART
        self._completed_count += 1
        self._is_draining = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._current_part == BODY and not self.pipeline:
            self._is_draining = True
            self._received_bytes = 0
            self._deadline_s = self.loop.time() + self._limits.drain_timeout_s
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        if self._head_problem:
            self._reject(431, self._head_problem)
        else:
            super().send_400_response(msg)

    def pause_writing(self) -> None:
        self._stalled_at_s = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._stalled_at_s = None
        super().resume_writing()

    def shutdown(self) -> None:
        if self._is_rejected:
            self.transport.abort()
        else:
            super().shutdown()

    def check_deadline(self, now_s: float) -> None:
        """Closes or aborts the connection if it is overdue.

        Called about once a second.
        """
        limits = self._limits
        if self._stalled_at_s is not None and now_s - self._stalled_at_s > limits.write_timeout_s:
            self.transport.abort()
        elif self._deadline_s is None:
            if self.transport.is_closing():
                self._deadline_s = now_s + limits.close_timeout_s
        elif now_s < self._deadline_s:
            return
        elif self.transport.is_closing():
            self.transport.abort()  # the client does not read the end of its response
        elif self._is_rejected or self._is_draining:
            self._close(now_s)
        elif self.flow.read_paused:
            self._deadline_s = now_s + limits.body_timeout_s  # the app is slow, not the client
        elif self._current_part == BODY:
            self._reject(408, "The request body did not arrive in time. Send it again.")
        elif self._current_part == NO_PART and self.cycle is not None and not self.cycle.response_complete:
            self._deadline_s = None  # the app is still computing the response
        else:
            self._close(now_s)

    def _close(self, now_s: float) -> None:
        self.transport.close()
        self._deadline_s = now_s + self._limits.close_timeout_s

    def _wait_for_rest(self, previous_part: int) -> None:
        """Sets the deadline of the part that this packet left incomplete, and rejects it if already too large."""
        now_s, limits = self.loop.time(), self._limits
        is_continued = self._current_part == previous_part and not self._completed_count
        if is_continued or (previous_part == NO_PART and self._current_part == HEAD and not self._completed_count):
            # Any other packet began with another part, so that this part's share of it is not known.
            self._received_bytes += self._packet_bytes
        if self._current_part == BODY:
            self._wait_for_body(now_s, is_continued)
        elif self._deadline_s is None or self._completed_count:
            self._deadline_s = now_s + limits.head_timeout_s
        if self._current_part == HEAD and self._received_bytes > limits.max_head_bytes:
            self._reject(431, self._head_too_large_message())
        elif self._current_part != NO_PART and len(self.headers) > limits.max_headers:  # in a body these are trailers
            self._reject(431, self._too_many_headers_message())

    def _wait_for_body(self, now_s: float, is_continued: bool) -> None:
        limits = self._limits
        if self._is_draining:
            if self._received_bytes > limits.max_drain_bytes:
                self.flow.pause_reading()
            return
        if not is_continued:
            self._body_started_s = now_s
        self._deadline_s = self._body_started_s + limits.body_timeout_s * (1 + self._received_bytes // MIB)
        if self._received_bytes > limits.max_body_bytes:
            self._reject(413, f"The request body is too large; expected at most {limits.max_body_bytes >> 20} MiB.")

    def _head_too_large_message(self) -> str:
        return (
            f"The request head is larger than {self._limits.max_head_bytes >> 10} KB. Send less; cookies count as well."
        )

    def _too_many_headers_message(self) -> str:
        return f"The request has more than {self._limits.max_headers} headers. Send fewer."

    def _reject(self, status: int, message: str) -> None:
        """Answers without the app, then closes the connection once the client had time to read the response."""
        now_s = self.loop.time()
        if self.cycle is not None and self._current_part == BODY:
            can_answer = not (self.pipeline or getattr(self.cycle, "response_started", False))
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        else:
            can_answer = self.cycle is None or self.cycle.response_complete
        self._is_rejected = True
        self._received_bytes = 0
        self._unset_keepalive_if_required()
        if not can_answer:
            self._close(now_s)
            return
        body = message.encode()
        headers = [*self.server_state.default_headers, (b"content-type", b"text/plain; charset=utf-8")]
        headers += [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
        if self.url.startswith(b"/collect"):
            headers.append((b"access-control-allow-origin", b"*"))
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(b"%s%s\r\n%s" % (STATUS_LINE[status], lines, body))
        self.transport.write_eof()
        self._deadline_s = now_s + self._limits.drain_timeout_s
