"""The collector's doors: POST /collect, the pixel and the script, as one ASGI app in front of everything else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from collector import rejections, responses
from collector.request import HungUp, Receive, Request, read_body
from collector.responses import Answer
from collector.service import Collector
from collector.tracker_script import ScriptFile

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_SCRIPT = re.compile(r"/(?:static/)?collector\.(?:[0-9a-f]{12}\.)?js")
_NOT_OURS = Answer(0, [])
_HEAD_OF_PIXEL = responses.pixel({})._replace(body=b"")


def wrap(app: App, collector: Collector, script: ScriptFile | None = None) -> App:
    """Answers the collector's paths, and hands every other request on to `app`."""
    script = script or ScriptFile()

    async def collector_first(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await _answer(collector, script, scope, receive) if scope["type"] == "http" else _NOT_OURS
        if answer is _NOT_OURS:
            await app(scope, receive, send)
        elif answer is not None:
            await responses.give(send, answer)

    return collector_first


async def _answer(collector: Collector, script: ScriptFile, scope: Scope, receive: Receive) -> Answer | None:
    """_NOT_OURS for a path that is not the collector's; None when there is nobody left to answer."""
    path, method = scope["path"], scope["method"]
    if path in ("/collect", "/collect/"):
        if method == "POST":
            return await _take_body(collector, Request(scope["headers"], _peer(scope)), receive)
        return _without_body(scope, "POST, OPTIONS")
    if path == "/collect/pixel.gif":
        if method == "GET":
            return await _taken(collector, Request(scope["headers"], _peer(scope), scope.get("query_string", b"")))
        return _HEAD_OF_PIXEL if method == "HEAD" else _without_body(scope, "GET, HEAD, OPTIONS")
    if _SCRIPT.fullmatch(path):
        return _script(script, scope, path, method)
    return _NOT_OURS


async def _take_body(collector: Collector, request: Request, receive: Receive) -> Answer | None:
    try:
        collector.admit(request)
        await read_body(request, receive)
    except HungUp:
        return None
    except Exception as problem:
        tells = collector.tells_of(problem)
        if tells and request.body is None:
            request.body = await rejections.first_bytes(request, receive)
        return collector.refuse(request, problem, tells)
    return await _taken(collector, request)


async def _taken(collector: Collector, request: Request) -> Answer:
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def done(found: Answer) -> None:
        if not answer.done():  # the request was ended from outside
            answer.set_result(found)

    collector.take(request, done)
    return await answer


def _script(file: ScriptFile, scope: Scope, path: str, method: str) -> Answer:
    if method not in {"GET", "HEAD"}:
        return _without_body(scope, "GET, HEAD, OPTIONS")
    answer = responses.script(file, path, dict(scope["headers"]))
    return answer._replace(body=b"") if method == "HEAD" else answer


def _without_body(scope: Scope, allowed: str) -> Answer:
    if scope["method"] == "OPTIONS":
        return responses.preflight(dict(scope["headers"]), allowed)
    return responses.not_allowed(scope["method"], allowed)


def _peer(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None
