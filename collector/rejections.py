"""Rejected requests: reports a sample of them to the properties that they name."""

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

from collector.errors import RequestRejected
from collector.event import HitOutcome
from collector.known_fields import page_and_host
from collector.parse import MAX_EVENT_NAME_LENGTH, MAX_EVENTS, parse_uuid
from collector.request import Receive, Request
from collector.user_agent import classify

NOTIFIED_STATUSES = frozenset({400, 404, 413, 429})
"""Includes 404, because one unknown property rejects the other events of its array. Collector reports 503 itself."""
MAX_SAMPLES_PER_SECOND = 5  # per status: a flood of bad requests must stay cheap
MAX_PROPERTIES_PER_REQUEST = 3
MAX_QUERY_BYTES = 4_096
FIRST_BYTES_TIMEOUT_S = 0.2
"""Wait for the first bytes of a body that was not read; mostly they arrived with the headers."""

_PROPERTY_PATTERN = re.compile(rb'"collector(?:Id|_id)"\s*:\s*"([^"\\]{32,45})"')
_EVENT_PATTERN = re.compile(rb'"event"\s*:\s*("(?:[^"\\]|\\.){1,1500}")')
_URL_PATTERN = re.compile(rb'"url"\s*:\s*("(?:[^"\\]|\\.){1,4096}")')
_ADDRESS_PATTERN = re.compile(r"(?:[0-9A-Fa-f]*:){2,}[0-9A-Fa-f.]*|\d+(?:\.\d+){3}")


class BodyPreview(NamedTuple):
    """Property ids, event and URL in the first bytes of an invalid request."""

    property_ids: Sequence[str] = ()
    event: str = ""
    url: str = ""


class RejectionSampler:
    """Admits at most MAX_SAMPLES_PER_SECOND rejections of each status."""

    def __init__(self) -> None:
        self._current_second = 0
        self._count_by_status: Counter[int] = Counter()

    def admits(self, status: int) -> bool:
        if status not in NOTIFIED_STATUSES:
            return False
        second = int(time.monotonic())
        if second != self._current_second:
            self._current_second = second
            self._count_by_status.clear()
        self._count_by_status[status] += 1
        return self._count_by_status[status] <= MAX_SAMPLES_PER_SECOND


def outcomes(request: Request, problem: RequestRejected) -> list[tuple[UUID, HitOutcome]]:
    """Returns an outcome for each property id in the request.

    The caller checks that the property exists.
    """
    context = request.context
    if request.query is None:
        preview = _preview_body(request.body or b"")
    else:
        parameters = dict(parse_qsl(request.query[:MAX_QUERY_BYTES].decode("latin-1")))
        preview = BodyPreview(
            [parameters.get("id", "")], parameters.get("event", "page_view"), parameters.get("url", "")
        )
    ids = list(dict.fromkeys(parsed_id for text in preview.property_ids if (parsed_id := parse_uuid(text))))
    if not ids or context is None:
        return []
    page, host = page_and_host(preview.url) if preview.url else (None, None)
    count = request.event_count
    agent = classify(context.user_agent)
    outcome = HitOutcome(
        received_at=context.received_at,
        event=f"{count} event{'' if count == 1 else 's'}"
        if request.is_array
        else preview.event[:MAX_EVENT_NAME_LENGTH],
        page=page,
        is_stored=False,
        is_duplicate=False,
        reason=rejection_reason(problem),
        has_address=context.address is not None,
        country=None,
        browser=agent.browser,
        is_bot=agent.is_bot,
        hostname=host or context.origin_host,
    )
    return [(property_id, outcome) for property_id in ids[:MAX_PROPERTIES_PER_REQUEST]]


def rejection_reason(problem: RequestRejected) -> str:
    """Returns "status: message", with IP addresses masked: the message may quote one from the payload."""
    sentence = _ADDRESS_PATTERN.sub("…", str(problem))
    return f"{problem.status}: {sentence}"


def _preview_body(body: bytes) -> BodyPreview:
    matches = islice(_PROPERTY_PATTERN.finditer(body), MAX_EVENTS)
    property_ids = [match.group(1).decode("latin-1") for match in matches]
    return (
        BodyPreview(
            property_ids, _decode_json_text(_EVENT_PATTERN.search(body)), _decode_json_text(_URL_PATTERN.search(body))
        )
        if property_ids
        else BodyPreview()
    )


def _decode_json_text(match: re.Match[bytes] | None) -> str:
    try:
        return str(orjson.loads(match.group(1))) if match else ""
    except orjson.JSONDecodeError:
        return ""


async def first_bytes(request: Request, receive: Receive) -> bytes:
    """Returns the bytes of an unread body that have already arrived.

    Empty with an `Expect` header: such a client waits before it sends the body.
    """
    if b"expect" in request.headers:
        return b""
    try:
        async with asyncio.timeout(FIRST_BYTES_TIMEOUT_S):
            message = await receive()
    except TimeoutError:
        return b""
    return bytes(message.get("body", b""))
