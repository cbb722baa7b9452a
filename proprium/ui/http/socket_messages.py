"""Validation and authorization of WebSocket messages between browsers and pages; their content is never logged.

Replaces NiceGUI's message handlers, the send method of a page's outbox, and NiceGUI's error handler; its version is
pinned exactly. NiceGUI itself delivers a message to the client that the message names, without checking its sender,
and writes browsers' "log" messages into the server log.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qs

import nicegui
from nicegui import Client, core
from nicegui import nicegui as framework
from nicegui.outbox import Message, Outbox
from socketio.exceptions import ConnectionRefusedError as JoinRefused
from starlette.requests import HTTPConnection

from proprium.ui.http import page_access
from proprium.ui.http.page_access import PUSH_MAX_AGE_S
from proprium.ui.http.socket_limits import Connection, count_refused
from proprium.ui.session import token_of

log = logging.getLogger(__name__)

MAX_ID_LENGTH = 100  # of ids that browsers generate: normally UUIDs
MAX_ARGUMENTS = 50
REPEAT_AFTER_S = 60.0
"""Shortest interval at which the same failure of a page is logged again."""
MAX_FAILURES = 200  # distinct failures tracked for that
SHOWN_FRAMES = 3

_send = Outbox._emit
_logged_s: dict[str, float] = {}


def install() -> None:
    """Replaces NiceGUI's handlers. Call it before the server starts."""
    for name, handler in {
        "connect": on_connect,
        "handshake": on_handshake,
        "event": on_event,
        "javascript_response": on_javascript_response,
        "ack": on_ack,
        "log": lambda *_: count_refused("log"),
    }.items():
        core.sio.on(name, handler)
    Outbox._emit = send_if_allowed  # type: ignore[method-assign, assignment]
    nicegui.app._exception_handlers[:] = [log_failure]


async def on_connect(socket_id: str, environ: Mapping[str, Any], _: Any = None) -> None:
    query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
    if query.get("implicit_handshake") == "true" and not await on_handshake(socket_id, query):
        raise JoinRefused("Implicit handshake failed")  # NiceGUI's browser code looks for these words


async def on_handshake(socket_id: str, message: Any) -> bool:
    """Joins a socket to a page of its own session that its reader may still see.

    Otherwise the browser reloads.
    """
    client = _named_client(message)
    if client is None:
        count_refused("unjoined")
        return False
    ids = [message.get("tab_id"), message.get("document_id"), message.get("old_tab_id") or "none"]
    position = str(message.get("next_message_id") or 0)
    is_valid_position = position.isascii() and position.isdigit() and len(position) < MAX_ID_LENGTH
    if not is_valid_position or not all(isinstance(id_, str) and 0 < len(id_) <= MAX_ID_LENGTH for id_ in ids):
        count_refused("unjoined")
        return False
    environ = core.sio.get_environ(socket_id)
    is_same_login = environ and token_of(HTTPConnection(environ["asgi.scope"])) == token_of(client.request)
    # NiceGUI's own error pages are not registered, and would else reload forever.
    if not is_same_login or (page_access.is_registered(client) and not page_access.is_allowed(client)):
        count_refused("not_allowed")
        return False
    if not await framework._on_handshake(socket_id, message):
        count_refused("unjoined")
        return False
    if connection := Connection.of(environ):
        connection.is_joined = True
    return True


def on_event(socket_id: str, message: Any) -> None:
    client = _joined_client(socket_id, message)
    if client is None:
        return
    args = message.get("args", [])
    is_event = (
        type(message.get("id")) is int
        and isinstance(message.get("listener_id"), str)
        and isinstance(args, list)
        and len(args) <= MAX_ARGUMENTS
        and all(arg is None or isinstance(arg, str) for arg in args)
    )
    if is_event:
        _dispatch(client, client.handle_event, message)
    else:
        count_refused("malformed")


def on_javascript_response(socket_id: str, message: Any) -> None:
    client = _joined_client(socket_id, message)
    if client is not None and isinstance(message.get("request_id"), str):
        _dispatch(client, client.handle_javascript_response, message)


def on_ack(socket_id: str, message: Any) -> None:
    client = _joined_client(socket_id, message)
    if client is not None and type(number := message.get("next_message_id")) is int:
        client.outbox.prune_history(number)


def _dispatch(client: Client, handle: Callable[[dict[str, Any]], None], message: dict[str, Any]) -> None:
    """Checks access, then runs the page's handler: the only way by which handlers are called."""
    try:
        is_allowed = page_access.is_allowed(client)
    except Exception as error:  # fail closed: storage cannot be read
        log_failure(error)
        is_allowed = False
    if not is_allowed:
        count_refused("not_allowed")
        return
    try:
        handle(message)
    except Exception:  # not from the handler itself, whose errors NiceGUI catches: unknown element, or sent too late
        count_refused("malformed")


async def send_if_allowed(outbox: Outbox, message: Message) -> None:
    """Sends a page's update, script or download, after an access check.

    A click or live data may be its cause.
    """
    if page_access.is_allowed(outbox.client, max_age_s=PUSH_MAX_AGE_S):
        await _send(outbox, message)


def _named_client(message: Any) -> Client | None:
    client_id = message.get("client_id") if isinstance(message, dict) else None
    return Client.instances.get(client_id) if isinstance(client_id, str) else None


def _joined_client(socket_id: str, message: Any) -> Client | None:
    """Returns the page that a message names, if its socket has joined that page."""
    client = _named_client(message)
    if client is None or socket_id not in client._socket_to_document_id:
        count_refused("unjoined")
        return None
    return client


def log_failure(error: Exception) -> None:
    """Logs the location of a page's failure, once a minute per location.

    Never its text, which may be user input.
    """
    frames = traceback.extract_tb(error.__traceback__)[-SHOWN_FRAMES:]
    stack = " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    location = f"{type(error).__name__} at {stack or 'unknown location'}"
    now_s = monotonic()
    if now_s - _logged_s.get(location, float("-inf")) < REPEAT_AFTER_S:
        return
    if len(_logged_s) >= MAX_FAILURES:
        _logged_s.clear()
    _logged_s[location] = now_s
    exc_info = error if log.isEnabledFor(logging.DEBUG) else None
    log.error("page failed", exc_info=exc_info, extra={"location": location})
