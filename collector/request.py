"""One request as the server hands it in, and the hits that are read from it."""

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
    """The sender went away before its request was complete: there is nobody to answer."""


class Request:
    """One request, and how many events it holds: one, until its body has been read."""

    __slots__ = ("all_headers", "body", "context", "event_count", "headers", "is_counted", "peer", "query")

    def __init__(self, headers: Headers, peer: str | None, query: bytes | None = None) -> None:
        self.all_headers = headers
        self.headers: dict[bytes, bytes] = dict(headers)
        self.peer = peer
        self.query = query  # of a pixel; None: the events are in the body
        self.body: bytes | None = None  # as far as it was read; None: not at all
        self.event_count = 1
        self.is_counted = False  # counted as such
        self.context: RequestContext | None = None  # once it was looked at

    @property
    def is_array(self) -> bool:
        return (self.body or b"")[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def parse_hits(request: Request, context: RequestContext) -> list[Hit]:
    """Raises NotReadable."""
    if request.query is None:
        return parse_body(request.body or b"", context)
    return [_parse_pixel_hit(request.query, request.headers, context)]


def _parse_pixel_hit(query: bytes, headers: dict[bytes, bytes], context: RequestContext) -> Hit:
    """The pixel's event: a page view unless it names another; `id` is the property, other keys are its data."""
    try:
        parameters = dict(parse_qsl(query.decode("latin-1"), max_num_fields=_MAX_PIXEL_FIELDS))
    except ValueError:
        raise InvalidPayload(f"The address has more than {_MAX_PIXEL_FIELDS} fields.") from None
    property_id, name = parameters.pop("id", None), parameters.pop("event", "page_view")
    if "url" not in parameters and (referer := headers.get(b"referer")):
        parameters["url"] = referer.decode("latin-1")  # the page that shows the pixel
    return parse_hit({"collectorId": property_id, "event": name, "data": parameters}, context)


async def read_body(request: Request, receive: Receive) -> None:
    """The whole body. Raises TooLarge before more than the limit is held in memory, HungUp when it never ends."""
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
