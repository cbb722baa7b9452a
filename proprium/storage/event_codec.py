"""Event codec: encodes an event as a row and decodes its data with every key that was sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any

import orjson

from collector.event import Event
from proprium.storage.stored_columns import COLUMN_BY_KEY
from proprium.storage.tables import EventRow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

KNOWN_KEYS: dict[str, str] = {key: column.name for key, column in COLUMN_BY_KEY.items()}
"""Key of data → column, in the order of the bits of `sent`.

Keys are decoded from their column, if it holds exactly the value that was sent."""

_FIRST_COLUMNS = (
    *("id", "property", "event", "created_at", "identity", "visitor", "previous_visitor", "user_agent", "sent"),
)
_event_table: Any = EventRow.__table__  # type: ignore[attr-defined]
_FIELD_COLUMNS = tuple(
    column.name for column in _event_table.columns if column.name not in {"seq", *_FIRST_COLUMNS, "rest"}
)
"""Columns that hold the field of Event with their name, unchanged."""
COLUMNS = (*_FIRST_COLUMNS, *_FIELD_COLUMNS, "rest")
"""Column order of inserted rows."""

_BIT_AND_COLUMN_BY_KEY = {key: (1 << index, column) for index, (key, column) in enumerate(KNOWN_KEYS.items())}
_OPTIONAL_COLUMNS = {"visitor", "previous_visitor", *_FIELD_COLUMNS}
_field_values: Callable[[Event], tuple[Any, ...]] = attrgetter(*_FIELD_COLUMNS)
_MICROSECOND = timedelta(microseconds=1)


def to_row(event: Event, user_agent: int | None) -> tuple[Any, ...]:
    """Encodes an event as the values of COLUMNS; `user_agent` is the ID of its text."""
    sent = 0
    rest = {}
    for key, value in event.data.items():
        bit_and_column = _BIT_AND_COLUMN_BY_KEY.get(key)
        if bit_and_column is not None:
            column_value = getattr(event, bit_and_column[1])
            # The type is compared as well: 1, 1.0, "1" and True are four different values.
            if column_value == value and type(column_value) is type(value) and value is not None:
                sent |= bit_and_column[0]
                continue
        rest[key] = value
    return (
        event.id.bytes,
        event.property,
        event.event,
        to_timestamp_us(event.created_at),
        int(event.identity),
        event.visitor,
        event.previous_visitor,
        user_agent,
        sent,
        *_field_values(event),
        _to_json(rest) if rest else None,
    )


def make_storable(event: Event) -> Event:
    """Returns the event without values that SQLite cannot store: integers over 64 bits, invalid Unicode.

    Rarely needed, since the collector rejects most of them. The values are still decoded, from `rest`.
    """
    event.event, event.user_agent = _to_valid_unicode(event.event), _to_valid_unicode(event.user_agent)
    cleared_fields: dict[str, Any] = {}
    for name in _OPTIONAL_COLUMNS:
        value = getattr(event, name)
        if isinstance(value, int):
            is_storable = -(2**63) <= value < 2**63
        else:
            is_storable = value is None or _to_valid_unicode(value) == value
        if not is_storable:
            cleared_fields[name] = None
    return replace(event, **cleared_fields)


def data_of(column_values: Sequence[Any], sent: int, rest: str | None) -> dict[str, Any]:
    """Decodes the data of an event, with every key that was sent.

    `column_values` begins with the values of KNOWN_KEYS in their order, user_agent as its text.
    """
    data = {key: column_values[index] for key, index in _sent_keys(sent)}
    if rest:
        data.update(json.loads(rest))
    return data


def to_timestamp_us(moment: datetime) -> int:
    """Converts to microseconds since 1970, exactly; a float of seconds would round."""
    return (moment - EPOCH) // _MICROSECOND


def from_timestamp_us(timestamp_us: int) -> datetime:
    return EPOCH + timedelta(microseconds=timestamp_us)


@lru_cache(maxsize=4_096)
def _sent_keys(sent: int) -> tuple[tuple[str, int], ...]:
    """Returns the keys whose bit is set, with their index in KNOWN_KEYS."""
    return tuple((key, index) for index, key in enumerate(KNOWN_KEYS) if sent & 1 << index)


def _to_valid_unicode(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _to_json(value: dict[str, Any]) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer of more than 64 bits
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
