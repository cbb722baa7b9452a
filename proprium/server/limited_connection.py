"""The server's HTTP protocol with deadlines for heads and bodies, and limits of their size."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from collector.service import Collector
from proprium.server.collect_protocol import Doorstep
from proprium.server.connections import MIB, Connections

NOTHING, HEAD, BODY = range(3)
"""What of a request is being received. Plain numbers: they are looked at five times for every hit."""


class LimitedConnection(Doorstep):
    """One connection that is closed when a request takes too long or its head is too large.

    A request that is complete in one packet, as nearly every one is, sets no deadline.
    """

    def __init__(self, collector: Collector, connections: Connections, **parts: Any) -> None:
        super().__init__(collector, **parts)
        self._registry = connections
        self._limits = connections.limits
        self._head_limit, self._headers_limit = connections.limits.head_bytes, connections.limits.headers
        self._key: str | None = None  # None: not counted, or no longer
        self._part = NOTHING
        self._deadline: float | None = None
        self._stalled_at: float | None = None  # since when the client reads nothing
        self._body_began = 0.0
        self._packet = 0  # bytes of the packet that is being parsed
        self._received = 0  # bytes of the current part, without that packet
        self._completed = 0  # requests that this packet completed
        self._is_draining = False  # the answer is sent, the body is not complete
        self._is_refused = False  # answered outside of a request; all that still comes is discarded
        self._head_problem: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._key = self._registry.open(self.client[0] if self.client else None, self.loop)
        if self._key is None:
            self._is_refused = True
            transport.abort()
            return
        self._registry.watch(self)
        self._deadline = self.loop.time() + self._limits.head_s

    def connection_lost(self, exc: Exception | None) -> None:
        self._registry.unwatch(self)
        self._release()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hands the connection to uvicorn's WebSocket protocol, and counts it until that one ends."""
        super().handle_websocket_upgrade()
        self._registry.unwatch(self)
        protocol: Any = self.transport.get_protocol()
        ended = protocol.connection_lost

        def connection_lost(exc: Exception | None) -> None:
            self._release()
            ended(exc)

        protocol.connection_lost = connection_lost

    def _release(self) -> None:
        if self._key is not None:
            self._registry.close(self._key)
            self._key = None

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            self._discard(len(data))
            return
        self._packet = len(data)
        self._completed = 0
        before = self._part
        super().data_received(data)
        if self._completed and self._part == NOTHING:
            # An answer that was complete before its request has had its idle timeout cancelled by this packet.
            is_answered = self.cycle is not None and self.cycle.response_complete
            self._deadline = self.loop.time() + self.timeout_keep_alive if is_answered else None
        elif not self._is_refused:
            self._wait_for_rest(before)

    def on_message_begin(self) -> None:
        self._part = HEAD
        self._received = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._received + self._packet > self._head_limit and self._head_size() > self._head_limit:
            self._head_problem = self._too_large()
        elif len(self.headers) > self._headers_limit:
            self._head_problem = self._too_many()
        if self._head_problem:
            raise ValueError(self._head_problem)  # ends the parsing; send_400_response answers
        self._part = BODY
        self._received = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._part = NOTHING
        self._completed += 1
        self._is_draining = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._part == BODY and not self.pipeline:
            self._is_draining = True
            self._received = 0
            self._deadline = self.loop.time() + self._limits.drain_s
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        if self._head_problem:
            self._refuse(431, self._head_problem)
        else:
            super().send_400_response(msg)

    def pause_writing(self) -> None:
        self._stalled_at = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._stalled_at = None
        super().resume_writing()

    def shutdown(self) -> None:
        if self._is_refused:
            self.transport.abort()
        else:
            super().shutdown()

    def check_deadline(self, now: float) -> None:
        """Ends what is overdue; called about once a second."""
        limits = self._limits
        if self._stalled_at is not None and now - self._stalled_at > limits.write_s:
            self.transport.abort()
        elif self._deadline is None:
            if self.transport.is_closing():
                self._deadline = now + limits.close_s
        elif now < self._deadline:
            return
        elif self.transport.is_closing():
            self.transport.abort()  # the client does not read the last of its answer
        elif self._is_refused or self._is_draining:
            self._close(now)
        elif self.flow.read_paused:
            self._deadline = now + limits.body_s  # the app is slow, not the client
        elif self._part == BODY:
            self._refuse(408, "The request body did not arrive in time. Send it again.")
        elif self._part == NOTHING and self.cycle is not None and not self.cycle.response_complete:
            self._deadline = None  # the answer is being made
        else:
            self._close(now)

    def _close(self, now: float) -> None:
        self.transport.close()
        self._deadline = now + self._limits.close_s

    def _wait_for_rest(self, before: int) -> None:
        """Sets the deadline of what this packet left incomplete, and refuses what is too large already."""
        now, limits = self.loop.time(), self._limits
        is_continued = self._part == before and not self._completed
        if is_continued or (before == NOTHING and self._part == HEAD and not self._completed):
            self._received += self._packet  # else the packet began with something else: its share is not known
        if self._part == BODY:
            self._wait_for_body(now, is_continued)
        elif self._deadline is None or self._completed:
            self._deadline = now + limits.head_s
        if self._part == HEAD and self._received > limits.head_bytes:
            self._refuse(431, self._too_large())
        elif self._part != NOTHING and len(self.headers) > limits.headers:  # in a body these are trailers
            self._refuse(431, self._too_many())

    def _wait_for_body(self, now: float, is_continued: bool) -> None:
        limits = self._limits
        if self._is_draining:
            if self._received > limits.drain_bytes:
                self.flow.pause_reading()
            return
        if not is_continued:
            self._body_began = now
        self._deadline = self._body_began + limits.body_s * (1 + self._received // MIB)
        if self._received > limits.body_bytes:
            self._refuse(413, f"The request body is too large; expected at most {limits.body_bytes >> 20} MiB.")

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _too_large(self) -> str:
        return f"The request head is larger than {self._limits.head_bytes >> 10} KB. Send less; cookies count as well."

    def _too_many(self) -> str:
        return f"The request has more than {self._limits.headers} headers. Send fewer."

    def _discard(self, size: int) -> None:
        self._received += size
        if self._received > self._limits.drain_bytes:
            self.flow.pause_reading()

    def _refuse(self, status: int, sentence: str) -> None:
        """Answers outside of the app, then closes once the client had time to read it."""
        now = self.loop.time()
        if self.cycle is not None and self._part == BODY:
            can_answer = not (self.pipeline or getattr(self.cycle, "response_started", False))
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        else:
            can_answer = self.cycle is None or self.cycle.response_complete
        self._is_refused = True
        self._received = 0
        self._unset_keepalive_if_required()
        if not can_answer:
            self._close(now)
            return
        self.transport.write(self._written(status, sentence.encode()))
        self.transport.write_eof()
        self._deadline = now + self._limits.drain_s

    def _written(self, status: int, body: bytes) -> bytes:
        headers = [*self.server_state.default_headers, (b"content-type", b"text/plain; charset=utf-8")]
        headers += [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
        if self.url.startswith(b"/collect"):
            headers.append((b"access-control-allow-origin", b"*"))
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        return b"%s%s\r\n%s" % (STATUS_LINE[status], lines, body)
