"""How an event becomes a row and comes back with every key that was sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from collector.event import Event

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

KNOWN_KEYS: dict[str, str] = {  # key of data → column; the order decides the bits of `sent`: append only
    "user_id": "user_id",
    "view_id": "view_id",
    "url": "page",
    "title": "title",
    "hostname": "hostname",
    "referrer": "referrer",
    "screen_width": "screen_width",
    "screen_height": "screen_height",
    "language": "language",
    "utm_source": "utm_source",
    "utm_medium": "utm_medium",
    "utm_campaign": "utm_campaign",
    "utm_term": "utm_term",
    "utm_content": "utm_content",
    "time_on_page": "time_on_page",
    "scroll_depth": "scroll_depth",
    "automated": "automated",
    "user_agent": "user_agent",
}
"""The keys that read back from a column, wherever the column holds exactly what was sent."""

COLUMNS = (
    *("id", "property", "event", "created_at", "identity", "visitor", "previous_visitor", "user_agent", "sent"),
    *("user_id", "view_id", "page", "title", "hostname", "referrer", "screen_width", "screen_height", "language"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "time_on_page", "scroll_depth"),
    *("automated", "country", "region", "city", "rest"),
)
"""The order of a row that is written."""

_PLACES = {key: (1 << at, column) for at, (key, column) in enumerate(KNOWN_KEYS.items())}
_OPTIONAL = set(COLUMNS[COLUMNS.index("visitor") : -1]) - {"user_agent", "sent"}
_MICROSECOND = timedelta(microseconds=1)


def to_row(event: Event, user_agent: int | None) -> tuple[Any, ...]:
    """The values of COLUMNS; `user_agent` is the number of its text."""
    sent, rest = _split(event)
    return (
        event.id.bytes,
        event.property,
        event.event,
        microseconds(event.created_at),
        int(event.identity),
        event.visitor,
        event.previous_visitor,
        user_agent,
        sent,
        event.user_id,
        event.view_id,
        event.page,
        event.title,
        event.hostname,
        event.referrer,
        event.screen_width,
        event.screen_height,
        event.language,
        event.utm_source,
        event.utm_medium,
        event.utm_campaign,
        event.utm_term,
        event.utm_content,
        event.time_on_page,
        event.scroll_depth,
        event.automated,
        event.country,
        event.region,
        event.city,
        _to_json(rest) if rest else None,
    )


def made_storable(event: Event) -> Event:
    """The same event without what no column can hold: integers of more than 64 bits, text that is not Unicode.

    For the rare one that got past the door; such a value still reads back, from `rest`.
    """
    event.event, event.user_agent = _replaced(event.event), _replaced(event.user_agent)
    unfit = {name: None for name in _OPTIONAL if not _fits(getattr(event, name))}
    return replace(event, **unfit)  # type: ignore[arg-type]


def data_of(known: Sequence[Any], sent: int, rest: str | None) -> dict[str, Any]:
    """Every key that was sent. `known` begins with the values of KNOWN_KEYS in their order, user_agent as its text."""
    data = {key: known[at] for key, at in _sent_keys(sent)}
    if rest:
        data.update(json.loads(rest))
    return data


def microseconds(moment: datetime) -> int:
    """Since 1970, exactly: a float of seconds is not."""
    return (moment - EPOCH) // _MICROSECOND


def moment(microseconds_: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds_)


@lru_cache(maxsize=4_096)
def _sent_keys(sent: int) -> tuple[tuple[str, int], ...]:
    """The keys whose bit is set, and where they stand in KNOWN_KEYS."""
    return tuple((key, at) for at, key in enumerate(KNOWN_KEYS) if sent & 1 << at)


def _split(event: Event) -> tuple[int, dict[str, Any]]:
    sent = 0
    rest = {}
    for key, value in event.data.items():
        place = _PLACES.get(key)
        if place is not None:
            kept = getattr(event, place[1])
            # The type counts as well: 1920, 1920.0, "1920" and True are four things to have been sent.
            if kept == value and type(kept) is type(value) and value is not None:
                sent |= place[0]
                continue
        rest[key] = value
    return sent, rest


def _fits(value: Any) -> bool:
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value is None or _replaced(value) == value


def _replaced(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _to_json(value: dict[str, Any]) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer of more than 64 bits
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
