"""Fields of an exported event that the collector derived, and JSON of event data."""

from __future__ import annotations

import json
from typing import Any

import orjson

CONTEXT_FIELDS = ("platform", "browser", "device", "country", "region", "city", "is_bot", "bot_name", "is_automated")
"""Fields that were derived from IP address and User-Agent.

is_automated: by its own report or its User-Agent, an automated browser, which is_bot includes by the property's rule.
"""


def to_json(value: Any) -> str:
    """Serialises to one line of JSON; falls back to `json` for integers over 64 bits and lone surrogates."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
