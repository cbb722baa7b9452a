"""Parses the JSON payload of collect requests into hits: enforces limits, validates fields, sanitises data."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from collector.bounded_cache import bounded_lru_cache
from collector.errors import PayloadTooLarge, RequestRejected
from collector.event import Hit

MAX_BODY_BYTES = 512 * 1024
MAX_EVENTS = 100  # in one request
MAX_EVENT_NAME_LENGTH = 255  # characters
MAX_USER_AGENT_LENGTH = 1_000  # characters
MAX_TEXT_LENGTH = 10_000  # characters of a string in data; longer ones are truncated
MAX_KEY_LENGTH = 200  # characters of a key in data; longer ones are truncated
MAX_DEPTH = 10  # levels inside data; deeper values become JSON strings

_BOM = b"\xef\xbb\xbf"
_ESCAPE_PATTERN = re.compile(  # a surrogate pair, a lone surrogate (group 1), or any other escape
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)
_INT64_LIMIT = 1 << 63
_random = random.Random()  # seeded by the system; ids must be unique, not secret


class InvalidPayload(RequestRejected):
    """A 400: the message says which field is wrong and what was expected.

    `event_count` is the number of events in the body; 1 when it is unreadable.
    """

    def __init__(self, message: str, event_count: int = 1) -> None:
        super().__init__(message)
        self.event_count = event_count


class RequestContext(NamedTuple):
    """Facts about the client that come from the connection and the headers."""

    received_at: datetime  # UTC, aware
    address: str | None = None  # canonical; None: unknown
    user_agent: str = ""  # the header
    origin_host: str | None = None
    is_prefetch: bool = False
    has_privacy_signal: bool = False  # the browser asks not to be tracked


def parse_body(body: bytes, context: RequestContext) -> list[Hit]:
    """Parses a body into hits, in order. Raises PayloadTooLarge, InvalidPayload.

    One invalid event rejects its whole array.
    """
    if len(body) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"The body has {len(body)} bytes; expected at most {MAX_BODY_BYTES}.")
    payload = read_json(body)
    is_nul_free = b"\\u0000" not in body
    if isinstance(payload, dict):
        return [parse_hit(payload, context, is_nul_free)]
    if not isinstance(payload, list):
        raise InvalidPayload(f"The body is {_type_name(payload)}; expected an object, or an array of objects.")
    if not 1 <= len(payload) <= MAX_EVENTS:
        raise InvalidPayload(f"The array has {len(payload)} events; expected 1 to {MAX_EVENTS}.", max(1, len(payload)))
    try:
        return [
            parse_hit(raw_event, context, is_nul_free, f"[{index}] ")
            for index, raw_event in enumerate(_fill_missing_fields(payload))
        ]
    except InvalidPayload as problem:
        problem.event_count = len(payload)
        raise


def _fill_missing_fields(raw_events: list[Any]) -> Iterator[Any]:
    """Fills in fields that an event of an array inherits from the previous one.

    An event without collectorId inherits the property; one that has neither data nor user_id also inherits those two.
    They are taken from the previous event as it was sent, never inherited twice, so that a request cannot grow to more
    than twice its size.
    """
    property_id: Any = None
    previous_event: dict[str, Any] = {}
    for raw_event in raw_events:
        if type(raw_event) is not dict:
            yield raw_event
            continue
        collector_id = _collector_id(raw_event)
        if collector_id is None and property_id is not None:
            completed_event = {**raw_event, "collectorId": property_id}
            if raw_event.get("data") is None and raw_event.get("user_id") is None:
                data = previous_event.get("data")
                # A copy, because the pipeline changes data in place.
                completed_event["data"] = dict(data) if type(data) is dict else data
                completed_event["user_id"] = previous_event.get("user_id")
            yield completed_event
        else:
            property_id = collector_id
            yield raw_event
        previous_event = raw_event


def read_json(body: bytes) -> Any:
    """Parses JSON, if need be without byte order mark and lone surrogates. Raises InvalidPayload.

    Scripts that truncate a title leave half an emoji, which is a lone surrogate.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        repaired_body = _ESCAPE_PATTERN.sub(
            lambda match: rb"\ufffd" if match.group(1) else match.group(), body.removeprefix(_BOM)
        )
        try:
            return orjson.loads(repaired_body)
        except orjson.JSONDecodeError:
            raise InvalidPayload(f"The body is not JSON in UTF-8: {problem}.") from None


def parse_hit(raw_event: Any, context: RequestContext, is_nul_free: bool = False, message_prefix: str = "") -> Hit:
    """Parses one event. Raises InvalidPayload with `message_prefix` before the message.

    `is_nul_free` promises that no string holds a NUL, which saves the search.
    """
    if type(raw_event) is not dict:
        raise InvalidPayload(f"{message_prefix}An event is {_type_name(raw_event)}; expected an object.")
    raw_data = raw_event.get("data")
    if raw_data is None:
        raw_data = {}
    elif type(raw_data) is not dict:
        raise InvalidPayload(f"{message_prefix}data is {_type_name(raw_data)}; expected an object.")
    data = sanitise_data(raw_data, is_nul_free)
    if (user_id := raw_event.get("user_id")) is not None and data.get("user_id") is None:
        data["user_id"] = sanitise(user_id, is_nul_free)
    agent = data.get("user_agent")
    if not (agent and type(agent) is str):
        agent = context.user_agent
    raw_id = _collector_id(raw_event)
    property_id = parse_uuid(raw_id) if type(raw_id) is str else None
    if property_id is None:
        raise InvalidPayload(f"{message_prefix}collectorId is {_format_value(raw_id)}; expected the property's UUID.")
    return Hit(
        property_id,
        _event_name(raw_event, message_prefix),
        data,
        _event_id(raw_event, message_prefix) or uuid7(),
        context.received_at,
        context.address,
        agent[:MAX_USER_AGENT_LENGTH],
        context.origin_host,
        context.is_prefetch,
        None,
        context.has_privacy_signal,
    )


def _collector_id(raw_event: dict[str, Any]) -> Any:
    raw = raw_event.get("collectorId")
    return raw_event.get("collector_id") if raw is None else raw


@bounded_lru_cache(4_096)
def parse_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _event_name(raw_event: dict[str, Any], message_prefix: str) -> str:
    raw = raw_event.get("event")
    name = raw.replace("\0", "") if type(raw) is str else ""
    if not 1 <= len(name) <= MAX_EVENT_NAME_LENGTH:
        raise InvalidPayload(
            f"{message_prefix}event is {_format_value(raw)}; expected a string of 1 to"
            f" {MAX_EVENT_NAME_LENGTH} characters."
        )
    return name


def _event_id(raw_event: dict[str, Any], message_prefix: str) -> UUID | None:
    raw = raw_event.get("id")
    if raw is None:
        return None
    try:
        return UUID(raw)
    except (ValueError, TypeError, AttributeError):
        raise InvalidPayload(f"{message_prefix}id is {_format_value(raw)}; expected a UUID, or null.") from None


def uuid7() -> UUID:
    """Returns a new UUIDv7: consecutive ids are neighbours in the index of the storage."""
    timestamp_ms, random_bits = time.time_ns() // 1_000_000, _random.getrandbits(74)
    return UUID(int=timestamp_ms << 80 | 7 << 76 | (random_bits >> 62) << 64 | 2 << 62 | random_bits & (1 << 62) - 1)


def sanitise_data(data: dict[str, Any], is_nul_free: bool = False) -> dict[str, Any]:
    """Sanitises event data so that every store, export and report can hold it.

    `is_nul_free` promises that no string holds a NUL, which saves the search.
    """
    for key, value in data.items():
        value_type = type(value)
        if value_type is str:
            if len(value) > MAX_TEXT_LENGTH:
                break
        elif value_type is int:
            if not -_INT64_LIMIT <= value < _INT64_LIMIT:
                break
        elif value_type is dict or value_type is list:
            break
        if len(key) > MAX_KEY_LENGTH:
            break
    else:
        if is_nul_free:
            return data
    return {_truncate(key, MAX_KEY_LENGTH): sanitise(value, is_nul_free) for key, value in data.items()}


def sanitise(value: Any, is_nul_free: bool = False, depth: int = 1) -> Any:
    """Sanitises a JSON value so that every store, export and report can hold it.

    Strips NUL, stringifies integers over 64 bits, truncates strings, flattens deep nesting.
    """
    value_type = type(value)
    if value_type is str:
        return _truncate(value, MAX_TEXT_LENGTH)
    if value_type is int:
        return value if -_INT64_LIMIT <= value < _INT64_LIMIT else str(value)
    if value_type is not dict and value_type is not list:
        return value
    if depth >= MAX_DEPTH:
        try:
            return _truncate(orjson.dumps(value).decode(), MAX_TEXT_LENGTH)
        except TypeError:  # orjson parses 1,024 levels but serialises only 254
            return "(nested too deeply)"
    if value_type is dict:
        return {_truncate(key, MAX_KEY_LENGTH): sanitise(item, is_nul_free, depth + 1) for key, item in value.items()}
    return [sanitise(item, is_nul_free, depth + 1) for item in value]


def _truncate(text: str, max_length: int) -> str:
    return text.replace("\0", "")[:max_length]


def _type_name(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _format_value(value: Any) -> str:
    """Formats a value for an error message: truncated, and never a whole object or array."""
    if value is None:
        return "missing"
    return _type_name(value) if isinstance(value, dict | list) else orjson.dumps(str(value)[:60]).decode()
