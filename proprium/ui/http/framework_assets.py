"""NiceGUI's own files, compressed once instead of for each browser that has not seen them yet.

Compressing them anew took 150 ms of the event loop for every new viewer, a third of what a whole dashboard costs.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proprium.ui.http.static_files import encodings, squeezed

KEPT = 256
"""Files in each encoding; a page needs twenty."""
LARGEST_BYTES = 8 << 20
_FILES = re.compile(r"/_nicegui/[\w.]+/(static|components|libraries|esm)/")
"""What depends on nothing but its path."""


class KeptFiles:
    """Stands before the app. What is no such file, or may change, is as the app says it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._kept: dict[tuple[str, str], asyncio.Task[Response]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        encoding = _encoding(scope)
        if encoding is None:
            await self.app(scope, receive, send)
            return
        key = (scope["path"], encoding)
        made = self._kept.get(key)
        if made is None:
            made = self._kept[key] = asyncio.create_task(self._make(scope, encoding))
            made.add_done_callback(lambda _: self._drop(key))
        response = await asyncio.shield(made)  # others may wait for it after this browser has gone
        await response(scope, receive, send)

    async def _make(self, scope: Scope, encoding: str) -> Response:
        answer = await self._plain(scope)
        if not answer.is_for_good:
            return _response(answer, answer.body)
        response = _response(answer, await asyncio.to_thread(squeezed, answer.body, encoding))
        response.headers["Content-Encoding"], response.headers["Vary"] = encoding, "Accept-Encoding"
        return response

    def _drop(self, key: tuple[str, str]) -> None:
        """What is not to be kept, and the oldest when there are too many."""
        made = self._kept[key]
        if made.cancelled() or made.exception() or "content-encoding" not in made.result().headers:
            del self._kept[key]
        elif len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]

    async def _plain(self, scope: Scope) -> _Answer:
        """The app's own answer, uncompressed."""
        headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        answer = _Answer()
        await self.app({**scope, "headers": headers}, _Nobody(), answer.take)
        return answer


@dataclass
class _Answer:
    """In one piece."""

    status: int = 0
    raw_headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.raw_headers = message["status"], list(message["headers"])
        else:
            self.body += message.get("body", b"")

    @property
    def is_for_good(self) -> bool:
        headers = Headers(raw=self.raw_headers)
        is_plain = self.status == 200 and "content-encoding" not in headers
        return is_plain and "immutable" in headers.get("cache-control", "") and len(self.body) <= LARGEST_BYTES


class _Nobody:
    """Who sends an empty request and does not go away: the answer is for others too."""

    def __init__(self) -> None:
        self._has_sent = False

    async def __call__(self) -> dict[str, Any]:
        if self._has_sent:
            await asyncio.Event().wait()
        self._has_sent = True
        return {"type": "http.request", "body": b"", "more_body": False}


def _response(answer: _Answer, body: bytes) -> Response:
    response = Response(body, answer.status)
    response.raw_headers = answer.raw_headers
    MutableHeaders(raw=response.raw_headers)["Content-Length"] = str(len(body))
    return response


def _encoding(scope: Scope) -> str | None:
    """None where the answer cannot be one that is kept."""
    if scope["type"] != "http" or scope["method"] != "GET" or not _FILES.match(scope["path"]):
        return None
    headers = Headers(scope=scope)
    if "range" in headers or "if-none-match" in headers or "if-modified-since" in headers:
        return None
    return next(iter(encodings(headers.get("accept-encoding", ""))), None)
