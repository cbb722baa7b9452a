"""ASGI middleware of the collector: serves POST /collect, the tracking pixel and the tracker script."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from collector import rejections, responses
from collector.request import ClientDisconnected, Receive, Request, read_body
from collector.responses import Response
from collector.service import Collector
from collector.tracker_script import ScriptFile

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_SCRIPT_PATH = re.compile(r"/(?:static/)?collector\.(?:[0-9a-f]{12}\.)?js")
_PASS_THROUGH = Response(0, [])
_PIXEL_HEAD_RESPONSE = responses.pixel({})._replace(body=b"")


def collector_middleware(app: App, collector: Collector, script: ScriptFile | None = None) -> App:
    """Wraps `app` in an ASGI middleware that serves the collector's paths."""
    script = script or ScriptFile()

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        response = await _route_request(collector, script, scope, receive) if scope["type"] == "http" else _PASS_THROUGH
        if response is _PASS_THROUGH:
            await app(scope, receive, send)
        elif response is not None:
            await responses.send_response(send, response)

    return middleware


async def _route_request(collector: Collector, script: ScriptFile, scope: Scope, receive: Receive) -> Response | None:
    """Returns _PASS_THROUGH for a path of another app, None when the client has disconnected."""
    path, method = scope["path"], scope["method"]
    if path in ("/collect", "/collect/"):
        if method == "POST":
            return await _handle_post(collector, Request(scope["headers"], _peer_address(scope)), receive)
        return _preflight_or_not_allowed(scope, "POST, OPTIONS")
    if path == "/collect/pixel.gif":
        if method == "GET":
            return await _handle(
                collector, Request(scope["headers"], _peer_address(scope), scope.get("query_string", b""))
            )
        return _PIXEL_HEAD_RESPONSE if method == "HEAD" else _preflight_or_not_allowed(scope, "GET, HEAD, OPTIONS")
    if _SCRIPT_PATH.fullmatch(path):
        if method not in {"GET", "HEAD"}:
            return _preflight_or_not_allowed(scope, "GET, HEAD, OPTIONS")
        response = responses.script(script, path, dict(scope["headers"]))
        return response._replace(body=b"") if method == "HEAD" else response
    return _PASS_THROUGH


async def _handle_post(collector: Collector, request: Request, receive: Receive) -> Response | None:
    try:
        collector.check_client(request)
        await read_body(request, receive)
    except ClientDisconnected:
        return None
    except Exception as problem:
        is_sampled = collector.sample(problem)
        if is_sampled and request.body is None:
            request.body = await rejections.first_bytes(request, receive)
        return collector.reject(request, problem, is_sampled)
    return await _handle(collector, request)


async def _handle(collector: Collector, request: Request) -> Response:
    response_future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def on_response(response: Response) -> None:
        if not response_future.done():  # cancelled when the server ended the request
            response_future.set_result(response)

    collector.handle(request, on_response)
    return await response_future


def _preflight_or_not_allowed(scope: Scope, allowed: str) -> Response:
    if scope["method"] == "OPTIONS":
        return responses.preflight(dict(scope["headers"]), allowed)
    return responses.method_not_allowed(scope["method"], allowed)


def _peer_address(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None
