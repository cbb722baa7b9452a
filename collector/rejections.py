"""Requests that are refused as a whole, told to the properties that they name: a few a second, by a glance at them."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID

import orjson

from collector.errors import Rejected
from collector.event import Outcome
from collector.known_fields import page_and_host
from collector.parse import EVENT_NAME_LIMIT, EVENTS_LIMIT, Sender, uuid_of
from collector.request import Receive, Request
from collector.user_agent import classify

TOLD = frozenset({400, 404, 413, 429})
"""404 as well: it takes the other events of its array along. A 503 is told where it happens."""
A_SECOND = 5  # of each status: a flood must not become work
PROPERTIES = 3  # of one request
QUERY_LIMIT = 4_096  # bytes
PATIENCE_S = 0.2  # for the first bytes of a body that nobody has asked for yet; mostly they came with the headers

_PROPERTY = re.compile(rb'"collector(?:Id|_id)"\s*:\s*"([^"\\]{32,45})"')
_EVENT = re.compile(rb'"event"\s*:\s*("(?:[^"\\]|\\.){1,1500}")')
_URL = re.compile(rb'"url"\s*:\s*("(?:[^"\\]|\\.){1,4096}")')
_LIKE_AN_ADDRESS = re.compile(r"(?:[0-9A-Fa-f]*:){2,}[0-9A-Fa-f.]*|\d+(?:\.\d+){3}")


class Glance(NamedTuple):
    """What the first bytes of a request say, whether the rest can be read or not."""

    properties: Sequence[str] = ()
    event: str = ""
    url: str = ""


class AFew:
    """Says whether one more may be looked at in this second."""

    def __init__(self) -> None:
        self._second = 0
        self._seen: Counter[int] = Counter()

    def admits(self, status: int) -> bool:
        if status not in TOLD:
            return False
        second = int(time.monotonic())
        if second != self._second:
            self._second = second
            self._seen.clear()
        self._seen[status] += 1
        return self._seen[status] <= A_SECOND


def outcomes(request: Request, sender: Sender, problem: Rejected) -> list[tuple[UUID, Outcome]]:
    """One for each property that the request names; whether it is one of ours is left to the caller."""
    seen = _glance(request)
    ids = list(dict.fromkeys(found for text in seen.properties if (found := uuid_of(text))))
    if not ids:
        return []
    page, host = page_and_host(seen.url) if seen.url else (None, None)
    agent = classify(sender.user_agent)
    outcome = Outcome(
        at=sender.received_at,
        event=f"{request.events} events" if request.is_array else seen.event[:EVENT_NAME_LIMIT],
        page=page,
        stored=False,
        duplicate=False,
        reason=reason_of(problem),
        has_address=sender.address is not None,
        country=None,
        browser=agent.browser,
        is_bot=agent.is_bot,
        hostname=host or sender.origin_host,
    )
    return [(property_id, outcome) for property_id in ids[:PROPERTIES]]


def reason_of(problem: Rejected) -> str:
    """The status and the sentence. What looks like an address in it is covered: the sender may have put one there."""
    sentence = _LIKE_AN_ADDRESS.sub("…", str(problem))
    return f"{problem.status}: {sentence}"


def _glance(request: Request) -> Glance:
    return _of_body(request.body or b"") if request.query is None else _of_query(request.query)


def _of_query(query: bytes) -> Glance:
    sent = dict(parse_qsl(query[:QUERY_LIMIT].decode("latin-1")))
    return Glance([sent.get("id", "")], sent.get("event", "page_view"), sent.get("url", ""))


def _of_body(body: bytes) -> Glance:
    found = islice(_PROPERTY.finditer(body), EVENTS_LIMIT)
    properties = [one.group(1).decode("latin-1") for one in found]
    return Glance(properties, _text(_EVENT.search(body)), _text(_URL.search(body))) if properties else Glance()


def _text(found: re.Match[bytes] | None) -> str:
    try:
        return str(orjson.loads(found.group(1))) if found else ""
    except orjson.JSONDecodeError:
        return ""


async def first_bytes(request: Request, receive: Receive) -> bytes:
    """What has arrived of a body that is not read. Who asks before sending much is not asked for it."""
    if b"expect" in request.headers:
        return b""
    try:
        async with asyncio.timeout(PATIENCE_S):
            message = await receive()
    except TimeoutError:
        return b""
    return bytes(message.get("body", b""))
