"""One request as the server hands it in, and the hits that are read from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from collector.errors import TooLarge
from collector.event import Hit
from collector.parse import BODY_LIMIT, NotReadable, Sender, hit_of, parse_body

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Read = Callable[["Request", Sender], Awaitable[list[Hit]]]

_PIXEL_FIELDS = 100


class HungUp(Exception):
    """The sender went away before its request was complete: there is nobody to answer."""


class Request:
    """One request, and how many events it holds: one, until its body has been read."""

    __slots__ = ("body", "events", "headers", "is_array", "receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.receive = receive
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.body: bytes | None = None  # as far as it was read; None: not at all
        self.events = 1
        self.is_array = False


async def hits_of_body(request: Request, sender: Sender) -> list[Hit]:
    body = request.body = await _body(request)
    request.is_array = body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    return parse_body(body, sender)


async def hit_of_query(request: Request, sender: Sender) -> list[Hit]:
    """The pixel's event: a page view unless it names another; `id` is the property, other keys are its data."""
    try:
        sent = dict(parse_qsl(request.scope.get("query_string", b"").decode("latin-1"), max_num_fields=_PIXEL_FIELDS))
    except ValueError:
        raise NotReadable(f"The address has more than {_PIXEL_FIELDS} fields.") from None
    property_id, name = sent.pop("id", None), sent.pop("event", "page_view")
    if "url" not in sent and (referer := request.headers.get(b"referer")):
        sent["url"] = referer.decode("latin-1")  # the page that shows the pixel
    return [hit_of({"collectorId": property_id, "event": name, "data": sent}, sender)]


async def _body(request: Request) -> bytes:
    """The whole body. Raises TooLarge before more than the limit is held in memory, HungUp when it never ends."""
    length = request.headers.get(b"content-length", b"")
    if len(length) > 9 or (length.isdigit() and int(length) > BODY_LIMIT):
        raise TooLarge(f"The body is too large; expected at most {BODY_LIMIT} bytes.")
    body, more = b"", True
    parts: list[bytes] = []
    size = 0
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise HungUp
        body, more = message.get("body", b""), message.get("more_body", False)
        size += len(body)
        if size > BODY_LIMIT:
            request.body = b"".join(parts or [body])[:BODY_LIMIT]
            raise TooLarge(f"The body is too large; expected at most {BODY_LIMIT} bytes.")
        parts.append(body)
    return body if len(parts) == 1 else b"".join(parts)
