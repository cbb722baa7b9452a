"""HTTP responses of the collector as plain values: CORS, preflight, problem+json, pixel and script caching.

Every response, errors included, allows any origin (CORS).
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson

from collector.errors import RequestRejected
from collector.tracker_script import ScriptFile

Headers = list[tuple[bytes, bytes]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SCRIPT_MAX_AGE_S = 600
TRANSPARENT_GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")  # one transparent pixel

_CORS: Headers = [(b"access-control-allow-origin", b"*")]
_NO_STORE = (b"cache-control", b"no-store")
_HEADER_NAMES_PATTERN = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~\-, ]{1,1000}")


class Response(NamedTuple):
    status: int
    headers: Headers
    body: bytes = b""


NO_CONTENT = Response(204, _CORS)


async def send_response(send: Send, response: Response) -> None:
    await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
    await send({"type": "http.response.body", "body": response.body})


def success(drop_counts: Mapping[str, int], is_array: bool) -> Response:
    """Returns a 204 whose `X-Dropped` lists the drop reasons.

    `hostname` for one event, `hostname=2, prefetch=1` for an array.
    """
    return Response(204, [*_CORS, *_dropped_headers(drop_counts, is_array)]) if drop_counts else NO_CONTENT


def pixel(drop_counts: Mapping[str, int]) -> Response:
    head = [*_CORS, (b"content-type", b"image/gif"), (b"content-length", b"%d" % len(TRANSPARENT_GIF)), _NO_STORE]
    return Response(200, [*head, *_dropped_headers(drop_counts, False)], TRANSPARENT_GIF)


def _dropped_headers(drop_counts: Mapping[str, int], is_array: bool) -> Headers:
    if not drop_counts:
        return []
    names = (f"{reason}={count}" if is_array else reason for reason, count in sorted(drop_counts.items()))
    return [(b"x-dropped", ", ".join(names).encode()), (b"access-control-expose-headers", b"X-Dropped")]


def problem(rejection: RequestRejected) -> Response:
    """Returns the error as problem+json.

    Its detail says which field is wrong and what was expected.
    """
    status = rejection.status
    body = orjson.dumps({"title": HTTPStatus(status).phrase, "detail": str(rejection), "status": status})
    head = [*_CORS, (b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body)), _NO_STORE]
    return Response(status, [*head, (b"retry-after", b"1")] if status in {429, 503} else head, body)


def method_not_allowed(method: str, allowed: str) -> Response:
    body = orjson.dumps({"title": "Method Not Allowed", "detail": f"Expected one of {allowed}.", "status": 405})
    head = [*_CORS, (b"allow", allowed.encode()), (b"content-type", b"application/problem+json")]
    return Response(405, [*head, (b"content-length", b"%d" % len(body))], b"" if method == "HEAD" else body)


def preflight(headers: Mapping[bytes, bytes], allowed: str) -> Response:
    """Returns a 204 that lets any origin send, and echoes the requested headers."""
    requested_headers = headers.get(b"access-control-request-headers", b"")
    response_headers = [
        *_CORS,
        (b"access-control-allow-methods", allowed.encode()),
        (
            b"access-control-allow-headers",
            requested_headers if _HEADER_NAMES_PATTERN.fullmatch(requested_headers) else b"content-type",
        ),
        (b"access-control-max-age", b"86400"),
        (b"allow", allowed.encode()),
    ]
    if headers.get(b"access-control-request-private-network") == b"true":
        response_headers.append((b"access-control-allow-private-network", b"true"))
    return Response(204, response_headers)


def script(file: ScriptFile, path: str, headers: Mapping[bytes, bytes]) -> Response:
    """Returns the tracker script, or a 304 when its ETag matches.

    Cached for a year under its hashed name, for ten minutes under the stable names.
    """
    is_hashed = path == file.hashed_name
    cache = b"public, max-age=31536000, immutable" if is_hashed else b"public, max-age=%d" % SCRIPT_MAX_AGE_S
    head = [
        *_CORS,
        (b"cross-origin-resource-policy", b"cross-origin"),
        (b"cache-control", cache),
        (b"etag", file.etag),
        (b"vary", b"accept-encoding"),
    ]
    if file.etag in headers.get(b"if-none-match", b""):
        return Response(304, head)
    encoding, body = file.variant(headers.get(b"accept-encoding", b""))
    head += [
        (b"content-type", b"text/javascript; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"x-content-type-options", b"nosniff"),
    ]
    return Response(200, [*head, (b"content-encoding", encoding)] if encoding else head, body)
