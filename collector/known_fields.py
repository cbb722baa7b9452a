"""Known keys of `data`, converted to the typed fields of Event.

Unusable values leave their field None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collector.acquisition import host_of
from collector.bounded_cache import bounded_lru_cache
from collector.campaign import click_id_name
from collector.event import Event

MAX_PAGE_LENGTH = 2_048  # characters
MAX_CLICK_TEXT_LENGTH = 120  # characters
_EMPTY_VALUES = frozenset({"", "undefined", "null", "NaN"})  # what scripts send for a missing value


def put_fields(event: Event, data: dict[str, Any]) -> None:
    for key, value in data.items():
        if (convert := FIELD_CONVERTERS.get(key)) is not None:
            setattr(event, key, convert(value))


def bounded_text(max_length: int) -> Callable[[Any], str | None]:
    """Returns a converter to text, truncated to `max_length` characters; integers are stringified."""

    def convert(value: Any) -> str | None:
        if type(value) is not str:
            if type(value) is not int:
                return None
            value = str(value)
        value = value.strip()
        return None if value in _EMPTY_VALUES else value[:max_length]

    return convert


def bounded_int(maximum: int) -> Callable[[Any], int | None]:
    """Returns a converter to an integer from 0 to `maximum`.

    Floats are rounded, strings of digits parsed.
    """

    def convert(value: Any) -> int | None:
        value_type = type(value)
        if value_type is str and value.isascii() and value.isdigit() and len(value) < 20:
            value = int(value)
        elif value_type is float and abs(value) < 1e15:
            value = round(value)
        elif value_type is not int:
            return None
        return value if 0 <= value <= maximum else None

    return convert


def canonical_user_id(value: Any) -> str | None:
    """Returns one spelling of a user id: 42, 42.0 and "42" are the same visitor."""
    if type(value) is float:
        return str(int(value)) if value.is_integer() else str(value)
    if type(value) is int:
        return str(value)
    if type(value) is not str:
        return None
    value = value.strip()
    return None if value in _EMPTY_VALUES else value


FIELD_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "user_id": canonical_user_id,
    "view_id": bounded_text(64),
    "title": bounded_text(1_000),
    "language": bounded_text(35),
    "utm_source": bounded_text(255),
    "utm_medium": bounded_text(255),
    "utm_campaign": bounded_text(255),
    "utm_term": bounded_text(255),
    "utm_content": bounded_text(255),
    "click_id": click_id_name,
    "screen_width": bounded_int(100_000),
    "screen_height": bounded_int(100_000),
    "time_on_page": bounded_int((1 << 31) - 1),
    "scroll_depth": bounded_int(100),
    "automated": lambda value: value is True,
}
"""Converter of each known key. url, hostname, referrer and user_agent depend on more than their value: see pipeline."""


@bounded_lru_cache(8_192)
def page_and_host(url: str, query_keys: tuple[str, ...] = ()) -> tuple[str | None, str | None]:
    """Returns the page and the host of a URL; a path has no host, also one that begins with `//`.

    The page is the path without query and fragment, except the query keys that the property keeps, and a fragment that
    begins with `/` or `!` (a hash route).
    """
    url = url.strip()
    scheme, colon, rest = url.partition("://")
    if colon and scheme.replace("+", "").replace("-", "").replace(".", "").isalnum():
        host = host_of(url)
    else:
        scheme, colon, _ = url.partition(":")
        is_opaque = not url or (bool(colon) and scheme.isalpha())  # about:blank, mailto:, javascript: and similar
        return (None if is_opaque else _page(url, query_keys)), None
    path_start = next((index for index, character in enumerate(rest) if character in "/?#\\"), len(rest))
    return _page(rest[path_start:], query_keys), host


def _page(address: str, query_keys: tuple[str, ...]) -> str:
    path_and_query, _, fragment = address.partition("#")
    path, _, query = path_and_query.partition("?")
    page = path if path.startswith("/") else "/" + path
    if query and query_keys:
        pairs = [pair for pair in query.split("&") if pair.partition("=")[0] in query_keys]
        page += "?" + "&".join(pairs) if pairs else ""
    if fragment.startswith(("/", "!")):
        page += "#" + fragment.partition("?")[0]
    return page[:MAX_PAGE_LENGTH]
