"""From the bytes of a request to hits: capped, read strictly, cleaned."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from collector.bounded_cache import remembered
from collector.errors import Rejected, TooLarge
from collector.event import Hit

BODY_LIMIT = 512 * 1024  # bytes
EVENTS_LIMIT = 100  # in one request
EVENT_NAME_LIMIT = 255  # characters
USER_AGENT_LIMIT = 1_000  # characters
TEXT_LIMIT = 10_000  # characters of one text in data; more is cut
KEY_LIMIT = 200  # characters of a key in data; more is cut
DEPTH_LIMIT = 10  # levels inside data; what lies deeper becomes its JSON text

_BOM = b"\xef\xbb\xbf"
_ESCAPE = re.compile(  # a whole pair of surrogates, half a pair (group 1), or any other escape
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)
_INT64 = 1 << 63
_random = random.Random()  # seeded by the system; an id must be unique, not secret


class NotReadable(Rejected):
    """400: the body says which field is wrong and what was expected. `events` is how many it held; unreadable: 1."""

    def __init__(self, message: str, events: int = 1) -> None:
        super().__init__(message)
        self.events = events


class Sender(NamedTuple):
    """What a request says about its sender, beside the body."""

    received_at: datetime  # UTC, aware
    address: str | None = None
    user_agent: str = ""  # the header
    origin_host: str | None = None
    is_prefetch: bool = False
    has_privacy_signal: bool = False  # the browser asks not to be tracked


def parse_body(body: bytes, sender: Sender) -> list[Hit]:
    """The hits of a request, in order. Raises TooLarge or NotReadable; an array is taken or refused as a whole."""
    if len(body) > BODY_LIMIT:
        raise TooLarge(f"The body has {len(body)} bytes; expected at most {BODY_LIMIT}.")
    sent = read_json(body)
    is_clean = b"\\u0000" not in body
    if isinstance(sent, dict):
        return [hit_of(sent, sender, is_clean)]
    if not isinstance(sent, list):
        raise NotReadable(f"The body is {_kind(sent)}; expected an object, or an array of objects.")
    if not 1 <= len(sent) <= EVENTS_LIMIT:
        raise NotReadable(f"The array has {len(sent)} events; expected 1 to {EVENTS_LIMIT}.", max(1, len(sent)))
    try:
        return [hit_of(one, sender, is_clean, f"[{place}] ") for place, one in enumerate(_completed(sent))]
    except NotReadable as problem:
        problem.events = len(sent)
        raise


def _completed(sent: list[Any]) -> Iterator[Any]:
    """The events of an array, each with what it may leave out.

    One without collectorId goes on where the one before it stopped: it has its property, and where it says nothing of
    itself (no data, no user_id) also its user_id and data. Those are taken from what was really sent, never handed on
    a second time, so that a request cannot grow to more than twice its size.
    """
    property_id: Any = None
    before: dict[str, Any] = {}
    for one in sent:
        if type(one) is not dict:
            yield one
            continue
        named = _collector_id(one)
        if named is None and property_id is not None:
            yield {**one, **_words_of(one, before), "collectorId": property_id}
        else:
            property_id = named
            yield one
        before = one


def _words_of(sent: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """What a silent event says with the words of the one before; data is a copy, because the pipeline changes it."""
    if sent.get("data") is not None or sent.get("user_id") is not None:
        return {}
    data = before.get("data")
    return {"data": dict(data) if type(data) is dict else data, "user_id": before.get("user_id")}


def read_json(body: bytes) -> Any:
    """Raises NotReadable; what scripts commonly break is mended."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        return _read_mended(body, problem)


def _read_mended(body: bytes, problem: orjson.JSONDecodeError) -> Any:
    """A byte order mark and half an emoji (a title cut by a script) are mended; the rest is the sender's fault."""
    mended = _ESCAPE.sub(lambda found: rb"\ufffd" if found.group(1) else found.group(), body.removeprefix(_BOM))
    try:
        return orjson.loads(mended)
    except orjson.JSONDecodeError:
        raise NotReadable(f"The body is not JSON in UTF-8: {problem}.") from None


def hit_of(sent: Any, sender: Sender, is_clean: bool = False, place: str = "") -> Hit:
    """One event as it was sent. `is_clean` says that no text has a NUL; `place` begins the message of NotReadable."""
    if type(sent) is not dict:
        raise NotReadable(f"{place}An event is {_kind(sent)}; expected an object.")
    data = clean_data(_data(sent, place), is_clean)
    if (user_id := sent.get("user_id")) is not None and data.get("user_id") is None:
        data["user_id"] = clean(user_id, is_clean)
    agent = data.get("user_agent")
    if not (agent and type(agent) is str):
        agent = sender.user_agent
    return Hit(
        _property_id(sent, place),
        _event(sent, place),
        data,
        _id(sent, place) or uuid7(),
        sender.received_at,
        sender.address,
        agent[:USER_AGENT_LIMIT],
        sender.origin_host,
        sender.is_prefetch,
        None,
        sender.has_privacy_signal,
    )


def _property_id(sent: dict[str, Any], place: str) -> UUID:
    raw = _collector_id(sent)
    found = uuid_of(raw) if type(raw) is str else None
    if found is None:
        raise NotReadable(f"{place}collectorId is {_shown(raw)}; expected the property's UUID.")
    return found


def _collector_id(sent: dict[str, Any]) -> Any:
    raw = sent.get("collectorId")
    return sent.get("collector_id") if raw is None else raw


@remembered(4_096)
def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _event(sent: dict[str, Any], place: str) -> str:
    raw = sent.get("event")
    name = raw.replace("\0", "") if type(raw) is str else ""
    if not 1 <= len(name) <= EVENT_NAME_LIMIT:
        raise NotReadable(f"{place}event is {_shown(raw)}; expected a text of 1 to {EVENT_NAME_LIMIT} characters.")
    return name


def _data(sent: dict[str, Any], place: str) -> dict[str, Any]:
    raw = sent.get("data")
    if raw is None:
        return {}
    if type(raw) is not dict:
        raise NotReadable(f"{place}data is {_kind(raw)}; expected an object.")
    return raw


def _id(sent: dict[str, Any], place: str) -> UUID | None:
    raw = sent.get("id")
    if raw is None:
        return None
    try:
        return UUID(raw)
    except (ValueError, TypeError, AttributeError):
        raise NotReadable(f"{place}id is {_shown(raw)}; expected a UUID, or none.") from None


def uuid7() -> UUID:
    """A UUIDv7: ids made one after another lie side by side in storage's index."""
    stamp, chance = time.time_ns() // 1_000_000, _random.getrandbits(74)
    return UUID(int=stamp << 80 | 7 << 76 | (chance >> 62) << 64 | 2 << 62 | chance & (1 << 62) - 1)


def clean_data(data: dict[str, Any], is_clean: bool = False) -> dict[str, Any]:
    """Data that every store, export and report can hold. `is_clean` says that no text has a NUL, to save the search."""
    for key, value in data.items():
        kind = type(value)
        if kind is str:
            if len(value) > TEXT_LIMIT:
                break
        elif kind is int:
            if not -_INT64 <= value < _INT64:
                break
        elif kind is dict or kind is list:
            break
        if len(key) > KEY_LIMIT:
            break
    else:
        if is_clean:
            return data
    return {_text(key, KEY_LIMIT): clean(value, is_clean) for key, value in data.items()}


def clean(value: Any, is_clean: bool = False, depth: int = 1) -> Any:
    """A value without NUL bytes, huge numbers, huge texts and abysses."""
    kind = type(value)
    if kind is str:
        return _text(value, TEXT_LIMIT)
    if kind is int:
        return value if -_INT64 <= value < _INT64 else str(value)
    if kind is not dict and kind is not list:
        return value
    if depth >= DEPTH_LIMIT:
        return _as_text(value)
    if kind is dict:
        return {_text(key, KEY_LIMIT): clean(one, is_clean, depth + 1) for key, one in value.items()}
    return [clean(one, is_clean, depth + 1) for one in value]


def _as_text(value: Any) -> str:
    try:
        return _text(orjson.dumps(value).decode(), TEXT_LIMIT)
    except TypeError:  # orjson writes 254 levels, though it reads 1,024
        return "(nested too deeply)"


def _text(text: str, limit: int) -> str:
    return text.replace("\0", "")[:limit]


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _shown(value: Any) -> str:
    """A value as an error message may show it: short, and never a whole object."""
    if value is None:
        return "missing"
    return _kind(value) if isinstance(value, dict | list) else orjson.dumps(str(value)[:60]).decode()
