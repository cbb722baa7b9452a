"""One request as the server hands it in, and the hits that are read from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from collector.errors import TooLarge
from collector.event import Hit
from collector.parse import BODY_LIMIT, NotReadable, Sender, hit_of, parse_body

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Headers = list[tuple[bytes, bytes]]

_PIXEL_FIELDS = 100


class HungUp(Exception):
    """The sender went away before its request was complete: there is nobody to answer."""


class Request:
    """One request, and how many events it holds: one, until its body has been read."""

    __slots__ = ("all_headers", "body", "events", "headers", "is_received", "peer", "query", "sender")

    def __init__(self, headers: Headers, peer: str | None, query: bytes | None = None) -> None:
        self.all_headers = headers
        self.headers: dict[bytes, bytes] = dict(headers)
        self.peer = peer
        self.query = query  # of a pixel; None: the events are in the body
        self.body: bytes | None = None  # as far as it was read; None: not at all
        self.events = 1
        self.is_received = False  # counted as such
        self.sender: Sender | None = None  # once it was looked at

    @property
    def is_array(self) -> bool:
        return (self.body or b"")[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def hits_of(request: Request, sender: Sender) -> list[Hit]:
    """Raises NotReadable."""
    if request.query is None:
        return parse_body(request.body or b"", sender)
    return [_hit_of_query(request.query, request.headers, sender)]


def _hit_of_query(query: bytes, headers: dict[bytes, bytes], sender: Sender) -> Hit:
    """The pixel's event: a page view unless it names another; `id` is the property, other keys are its data."""
    try:
        sent = dict(parse_qsl(query.decode("latin-1"), max_num_fields=_PIXEL_FIELDS))
    except ValueError:
        raise NotReadable(f"The address has more than {_PIXEL_FIELDS} fields.") from None
    property_id, name = sent.pop("id", None), sent.pop("event", "page_view")
    if "url" not in sent and (referer := headers.get(b"referer")):
        sent["url"] = referer.decode("latin-1")  # the page that shows the pixel
    return hit_of({"collectorId": property_id, "event": name, "data": sent}, sender)


async def read_body(request: Request, receive: Receive) -> None:
    """The whole body. Raises TooLarge before more than the limit is held in memory, HungUp when it never ends."""
    length = request.headers.get(b"content-length", b"")
    if len(length) > 9 or (length.isdigit() and int(length) > BODY_LIMIT):
        raise TooLarge(f"The body is too large; expected at most {BODY_LIMIT} bytes.")
    more = True
    parts: list[bytes] = []
    size = 0
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HungUp
        body, more = message.get("body", b""), message.get("more_body", False)
        size += len(body)
        if size > BODY_LIMIT:
            request.body = b"".join(parts or [body])[:BODY_LIMIT]
            raise TooLarge(f"The body is too large; expected at most {BODY_LIMIT} bytes.")
        parts.append(body)
    request.body = b"".join(parts)
