"""What the collector answers, as plain values. Every answer, errors included, may be read by any origin."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson

from collector.errors import Rejected
from collector.tracker_script import ScriptFile

Headers = list[tuple[bytes, bytes]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SHORT_CACHE_S = 600
GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")  # one transparent pixel

_CORS: Headers = [(b"access-control-allow-origin", b"*")]
_NO_STORE = (b"cache-control", b"no-store")
_TOKENS = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~\-, ]{1,1000}")


class Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes = b""


NO_CONTENT = Answer(204, _CORS)


async def give(send: Send, answer: Answer) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


def kept(dropped: Mapping[str, int], is_array: bool) -> Answer:
    """204. What was dropped on purpose is named: `hostname`, or `hostname=2, prefetch=1` for an array."""
    return Answer(204, [*_CORS, *_dropped(dropped, is_array)]) if dropped else NO_CONTENT


def pixel(dropped: Mapping[str, int]) -> Answer:
    head = [*_CORS, (b"content-type", b"image/gif"), (b"content-length", b"%d" % len(GIF)), _NO_STORE]
    return Answer(200, [*head, *_dropped(dropped, False)], GIF)


def _dropped(dropped: Mapping[str, int], is_array: bool) -> Headers:
    if not dropped:
        return []
    names = (f"{reason}={count}" if is_array else reason for reason, count in sorted(dropped.items()))
    return [(b"x-dropped", ", ".join(names).encode()), (b"access-control-expose-headers", b"X-Dropped")]


def problem(refusal: Rejected) -> Answer:
    """The error as problem+json: its detail says which field and what was expected."""
    status = refusal.status
    body = orjson.dumps({"title": HTTPStatus(status).phrase, "detail": str(refusal), "status": status})
    head = [*_CORS, (b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body)), _NO_STORE]
    return Answer(status, [*head, (b"retry-after", b"1")] if status in {429, 503} else head, body)


def not_allowed(method: str, allowed: str) -> Answer:
    body = orjson.dumps({"title": "Method Not Allowed", "detail": f"Expected one of {allowed}.", "status": 405})
    head = [*_CORS, (b"allow", allowed.encode()), (b"content-type", b"application/problem+json")]
    return Answer(405, [*head, (b"content-length", b"%d" % len(body))], b"" if method == "HEAD" else body)


def preflight(headers: Mapping[bytes, bytes], allowed: str) -> Answer:
    """204: any page may send. The headers that it asked for are echoed."""
    asked = headers.get(b"access-control-request-headers", b"")
    answer = [
        *_CORS,
        (b"access-control-allow-methods", allowed.encode()),
        (b"access-control-allow-headers", asked if _TOKENS.fullmatch(asked) else b"content-type"),
        (b"access-control-max-age", b"86400"),
        (b"allow", allowed.encode()),
    ]
    if headers.get(b"access-control-request-private-network") == b"true":
        answer.append((b"access-control-allow-private-network", b"true"))
    return Answer(204, answer)


def script(file: ScriptFile, path: str, headers: Mapping[bytes, bytes]) -> Answer:
    """The browser script: for ever under its hashed name, for ten minutes under its stable ones."""
    is_hashed = path == file.hashed_name
    cache = b"public, max-age=31536000, immutable" if is_hashed else b"public, max-age=%d" % SHORT_CACHE_S
    head = [
        *_CORS,
        (b"cross-origin-resource-policy", b"cross-origin"),
        (b"cache-control", cache),
        (b"etag", file.etag),
        (b"vary", b"accept-encoding"),
    ]
    if file.etag in headers.get(b"if-none-match", b""):
        return Answer(304, head)
    encoding, body = file.variant(headers.get(b"accept-encoding", b""))
    head += [
        (b"content-type", b"text/javascript; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"x-content-type-options", b"nosniff"),
    ]
    return Answer(200, [*head, (b"content-encoding", encoding)] if encoding else head, body)
