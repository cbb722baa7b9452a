"""Fields of an exported event that the collector derived, and JSON of event data."""

from __future__ import annotations

import json
from typing import Any

import orjson

CONTEXT_FIELDS = ("platform", "browser", "device", "country", "region", "city", "is_bot", "bot_name")
"""Fields that the collector derived from IP address and user agent."""


def to_json(value: Any) -> str:
    """Serialises to one line of JSON; falls back to `json` for integers over 64 bits and lone surrogates."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
