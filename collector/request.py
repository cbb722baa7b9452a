"""The collect request: reads its body within limits and parses its hits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from collector.errors import PayloadTooLarge
from collector.event import Hit
from collector.parse import MAX_BODY_BYTES, InvalidPayload, RequestContext, parse_body, parse_hit

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Headers = list[tuple[bytes, bytes]]

_MAX_PIXEL_FIELDS = 100


class ClientDisconnected(Exception):
    """Raised when the client disconnects before its request is complete: no response is sent."""


class Request:
    """Holds one request and its event count, which is 1 until the body is parsed."""

    __slots__ = ("all_headers", "body", "context", "event_count", "headers", "is_counted", "peer", "query")

    def __init__(self, headers: Headers, peer: str | None, query: bytes | None = None) -> None:
        self.all_headers = headers
        self.headers: dict[bytes, bytes] = dict(headers)
        self.peer = peer
        self.query = query  # of a pixel request; None: the events are in the body
        self.body: bytes | None = None  # the part that was read; None: nothing yet
        self.event_count = 1
        self.is_counted = False  # its events are in counters.received
        self.context: RequestContext | None = None  # set by Collector.check_client

    @property
    def is_array(self) -> bool:
        return (self.body or b"")[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def parse_hits(request: Request, context: RequestContext) -> list[Hit]:
    """Parses the hits of the body, or the one of the pixel's query. Raises InvalidPayload.

    In a query `id` is the property, `event` defaults to page_view, other parameters become data.
    """
    if request.query is None:
        return parse_body(request.body or b"", context)
    try:
        parameters = dict(parse_qsl(request.query.decode("latin-1"), max_num_fields=_MAX_PIXEL_FIELDS))
    except ValueError:
        raise InvalidPayload(f"The URL has more than {_MAX_PIXEL_FIELDS} query parameters.") from None
    property_id, name = parameters.pop("id", None), parameters.pop("event", "page_view")
    if "url" not in parameters and (referer := request.headers.get(b"referer")):
        parameters["url"] = referer.decode("latin-1")  # the page that shows the pixel
    return [parse_hit({"collectorId": property_id, "event": name, "data": parameters}, context)]


async def read_body(request: Request, receive: Receive) -> None:
    """Reads the whole body into `request.body`.

    Raises PayloadTooLarge before more than MAX_BODY_BYTES are in memory, ClientDisconnected when the body never ends.
    """
    content_length = request.headers.get(b"content-length", b"")
    if len(content_length) > 9 or (content_length.isdigit() and int(content_length) > MAX_BODY_BYTES):
        raise PayloadTooLarge(f"The body is too large; expected at most {MAX_BODY_BYTES} bytes.")
    has_more = True
    chunks: list[bytes] = []
    size_bytes = 0
    while has_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        body, has_more = message.get("body", b""), message.get("more_body", False)
        size_bytes += len(body)
        if size_bytes > MAX_BODY_BYTES:
            request.body = b"".join(chunks or [body])[:MAX_BODY_BYTES]
            raise PayloadTooLarge(f"The body is too large; expected at most {MAX_BODY_BYTES} bytes.")
        chunks.append(body)
    request.body = b"".join(chunks)
