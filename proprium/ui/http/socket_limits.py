"""Rate limits and validation of the pages' WebSocket, before Engine.IO: packet format, size, rate, sockets per address.

Engine.IO logs a traceback for a malformed packet, and limits neither the number of sockets nor of messages. The
messages of NiceGUI's browser code are known exactly: all others are counted and rejected, and never logged.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from time import monotonic
from typing import Any
from urllib.parse import parse_qs

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from nicegui import core
from socketio.packet import CONNECT, DISCONNECT, EVENT, Packet
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proprium.ui.client_address import ClientAddressOf, peer_address
from proprium.ui.http.security import SOCKET_PATH

MAX_MESSAGE_BYTES = 256 * 1024
"""A pasted SQL query has up to 50,000 characters, a form's longest field less."""
MESSAGES_PER_S, MESSAGE_BURST = 50, 400
"""A key that is held down sends 30 messages a second, and the page acknowledges updates every 3 s."""
BYTES_PER_S, BYTES_BURST = 128 * 1024, 1024 * 1024
JOIN_WITHIN_S = 20.0
"""Timeout for joining a page. Browsers join while they connect; a socket that has not joined belongs to no page."""
MAX_SOCKETS_PER_ADDRESS = 256
CONNECTS_PER_MINUTE = 300
"""Sockets that an address may open: an office whose tabs all reconnect after a restart stays below."""
MAX_POLLING_PACKETS = 16  # in one request; Engine.IO's own limit
POLICY_VIOLATION = 1008  # WebSocket close code, RFC 6455

EVENTS = frozenset({"handshake", "event", "javascript_response", "ack", "log"})
"""Socket.IO events that NiceGUI's browser code emits."""
KINDS = (
    "malformed",  # not a packet of Engine.IO or Socket.IO, or one that no browser sends
    "too_large",
    "too_many",
    "too_many_sockets",
    "log",  # a browser's log lines: counted, but not written to the log
    "unjoined",  # from a socket that has not joined a page, or names another page
    "not_allowed",  # for a page whose reader has lost access, or from another session
)

_KEY = "proprium.socket"
_ENGINE_TYPES_WITHOUT_DATA = frozenset({"1", "3", "5", "6", "2probe"})  # close, pong, upgrade, noop, probe

_refused: Counter[str] = Counter(dict.fromkeys(KINDS, 0))  # its keys never change, so that a thread may read it


def count_refused(kind: str) -> None:
    _refused[kind] += 1


def metrics() -> str:
    """Returns Prometheus text: rejected messages and sockets, by kind."""
    name = "proprium_socket_refused_total"
    lines = [f"# HELP {name} Rejected messages and connections of pages' sockets.", f"# TYPE {name} counter"]
    return "\n".join([*lines, *(f'{name}{{kind="{kind}"}} {_refused[kind]}' for kind in KINDS)]) + "\n"


class TokenBucket:
    """Token bucket rate limiter: `per_s` tokens a second, at most `burst` saved up."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._tokens, self._at_s = burst, monotonic()

    def take(self, tokens: float) -> bool:
        """Takes the tokens and returns True, or returns False and takes none if there are too few."""
        now_s = monotonic()
        self._tokens = min(self._burst, self._tokens + (now_s - self._at_s) * self._per_s) - tokens
        self._at_s = now_s
        if self._tokens >= 0:
            return True
        self._tokens += tokens
        return False


class Connection:
    """One socket of a browser, over WebSocket or polling, with its rate limits."""

    def __init__(self, address: str | None, *, is_polling: bool = False) -> None:
        self.address, self.is_polling = address, is_polling
        self.is_joined = False
        self.closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._join_by_s = monotonic() + JOIN_WITHIN_S
        self._is_connected = False
        self._messages = TokenBucket(MESSAGES_PER_S, MESSAGE_BURST)
        self._bytes = TokenBucket(BYTES_PER_S, BYTES_BURST)

    @staticmethod
    def of(environ: Mapping[str, Any] | None) -> Connection | None:
        """Returns the connection of an Engine.IO environment.

        Returns None if it did not pass through `SocketLimits`.
        """
        connection: Connection | None = (environ or {}).get("asgi.scope", {}).get(_KEY)
        return connection

    @property
    def is_closed(self) -> bool:
        return self.closing.done()

    @property
    def join_timeout_s(self) -> float | None:
        return None if self.is_joined else max(0.0, self._join_by_s - monotonic())

    def close(self) -> None:
        if not self.closing.done():
            self.closing.set_result(None)

    def refusal(self, packet: str | bytes | None) -> str | None:
        """Returns the kind under which a packet is rejected.

        Returns None if it is accepted.
        """
        if not isinstance(packet, str):
            return "malformed"
        if len(packet) > MAX_MESSAGE_BYTES:
            return "too_large"
        if not (self._messages.take(1) and self._bytes.take(len(packet))):
            return "too_many"
        if packet in _ENGINE_TYPES_WITHOUT_DATA:
            return None
        if not packet.startswith("4"):  # a message of Engine.IO, which holds a packet of Socket.IO
            return "malformed"
        try:
            message = Packet(encoded_packet=packet[1:])
        except Exception:  # the parser raises many types
            return "malformed"
        if message.namespace not in {None, "/"}:
            return "malformed"
        if message.packet_type == CONNECT and not self._is_connected:
            self._is_connected = True
            return None
        if message.packet_type == DISCONNECT:
            return None
        match message.data if message.packet_type == EVENT and self._is_connected else None:
            case ["log", *_]:
                return "log"
            case [str(name), dict()] if name in EVENTS:
                return None
        return "malformed"

    def limit(self, receive: Receive) -> Receive:
        """Wraps `receive`: drops log messages, and disconnects at any other rejected message or on timeout."""

        async def receive_limited() -> Message:
            while True:
                message = await self._next_message(receive)
                if message is None:
                    self.close()
                    return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}
                kind = self.refusal(message.get("text")) if message["type"] == "websocket.receive" else None
                if kind is None:
                    return message
                count_refused(kind)
                if kind != "log":
                    self.close()

        return receive_limited

    async def _next_message(self, receive: Receive) -> Message | None:
        """Returns the next message.

        Returns None once the connection was closed, or did not join a page in time.
        """
        if self.is_closed:
            return None
        message = asyncio.ensure_future(receive())
        waited: set[asyncio.Future[Any]] = {message, self.closing}
        try:
            await asyncio.wait(waited, timeout=self.join_timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not message.done():
                message.cancel()
        if message.done() and not message.cancelled():
            return message.result()
        if not self.is_closed:
            count_refused("unjoined")
        return None


class SocketLimits:
    """Middleware that applies the limits to NiceGUI's socket; all other paths pass unchanged."""

    def __init__(self, app: ASGIApp, *, address_of: ClientAddressOf = peer_address) -> None:
        self.app = app
        self.address_of = address_of
        self._open_by_address: Counter[str | None] = Counter()
        self._limit = RateLimitItemPerMinute(CONNECTS_PER_MINUTE)
        self._window = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"} or not scope["path"].startswith(SOCKET_PATH):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._handle_websocket(scope, receive, send)
        else:
            await self._handle_polling(scope, receive, send)

    async def _handle_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        address, session_id = self.address_of(HTTPConnection(scope)), _session_id(scope)
        if session_id is not None:  # a polling session upgrades to WebSocket
            connection = Connection.of(core.sio.environ.get(session_id))
            is_allowed = connection is not None and not connection.is_closed
        else:
            connection = Connection(address)
            is_allowed = self._may_open(address)
        if connection is None or not is_allowed:
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        connection.is_polling = False

        async def send_with_code(message: Message) -> None:
            if message["type"] == "websocket.close" and connection.is_closed:
                message = {**message, "code": POLICY_VIOLATION}
            await send(message)

        self._open_by_address[address] += 1
        try:
            await self.app({**scope, _KEY: connection}, connection.limit(receive), send_with_code)
        finally:
            self._open_by_address[address] -= 1
            if not self._open_by_address[address]:
                del self._open_by_address[address]

    async def _handle_polling(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles HTTP long polling, the fallback of browsers where WebSocket is blocked."""
        session_id = _session_id(scope)
        if scope["method"] not in {"GET", "POST"} or "j" in _query_params(scope):
            count_refused("malformed")
            await PlainTextResponse("Expected GET or POST without JSONP.", 400)(scope, receive, send)
        elif session_id is None:
            address = self.address_of(HTTPConnection(scope))
            if self._may_open(address):
                await self.app({**scope, _KEY: Connection(address, is_polling=True)}, receive, send)
            else:
                response = PlainTextResponse("Too many connections. Try again in a minute.", 429, {"Retry-After": "60"})
                await response(scope, receive, send)
        else:
            connection = Connection.of(core.sio.environ.get(session_id))
            if connection is None or connection.is_closed or connection.join_timeout_s == 0:
                await PlainTextResponse("This session has ended. Reload the page.", 400)(scope, receive, send)
            elif scope["method"] == "GET":
                await self.app(scope, receive, send)
            else:
                await self._handle_polling_post(connection, scope, receive, send)

    async def _handle_polling_post(self, connection: Connection, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read_body(receive)
        try:
            packets = body.decode().split("\x1e") if body is not None else None
        except UnicodeDecodeError:
            packets = None
        if packets is None or len(packets) > MAX_POLLING_PACKETS:
            kind: str | None = "too_large" if body is None else "malformed"
        else:
            kinds = [connection.refusal(packet) for packet in packets]
            packets = [packet for packet, kind in zip(packets, kinds, strict=True) if kind is None]
            for _ in range(kinds.count("log")):
                count_refused("log")
            kind = next((kind for kind in kinds if kind not in {None, "log"}), None)
        if kind is not None or packets is None:
            count_refused(kind or "malformed")
            connection.close()
            await PlainTextResponse("Invalid message.", 400)(scope, receive, send)
        elif not packets:
            await PlainTextResponse("ok")(scope, receive, send)
        else:
            body = "\x1e".join(packets).encode()
            headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"content-length"]
            headers.append((b"content-length", str(len(body)).encode()))

            async def receive_packets() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            await self.app({**scope, "headers": headers}, receive_packets, send)

    def _may_open(self, address: str | None) -> bool:
        if address is None:
            return True
        if self._open_by_address[address] < MAX_SOCKETS_PER_ADDRESS and self._window.hit(self._limit, address):
            return True
        count_refused("too_many_sockets")
        return False


async def _read_body(receive: Receive) -> bytes | None:
    """Returns the body of a request.

    Returns None when it is too long or the client disconnects.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_MESSAGE_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _query_params(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _session_id(scope: Scope) -> str | None:
    """Returns the Engine.IO session id, which every request but the first contains."""
    return next(iter(_query_params(scope).get("sid", [])), None)
