"""Stored events as rows of the warehouse: who sent each, with what, and from where, by the rules of today.

Column by column: what few senders and sources have in common is looked up once for each of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping, Sequence
from hashlib import blake2b
from operator import le
from typing import Any, NamedTuple

import orjson

from collector.acquisition import source_and_channel
from collector.bots import HEADLESS
from collector.bounded_cache import remembered
from collector.event import BUILT_IN, Identity
from collector.user_agent import classify
from proprium.storage.event_columns import Coded, Columns
from proprium.warehouse import schema
from proprium.warehouse.projection.rules import Rules
from proprium.warehouse.projection.sessionizer import BEGIN, CUSTOM, LINK_CLICK, OTHER, VIEW, Hit, PaceOf

LONGEST_ENGAGED_MS = 30 * 60 * 1_000
AS_STORED = tuple(
    column.name
    for column in schema.event.columns
    if column.name
    in {
        *("seq", "property", "created_at", "event", "previous_visitor", "identity", "title", "user_id"),
        *("hostname", "referrer", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
        *("country", "region", "city", "language"),
    }
)
OF_THE_SENDER = ("browser", "browser_version", "platform", "platform_version", "device", "bot_name", "bot_category")

_LINK = re.compile(r"a(?![\w-])", re.IGNORECASE)  # the script names a click's element "a#buy"


Rows = dict[str, Any]
"""The columns of schema.event by name, each a sequence or Coded; those of sessions and readings are put in later."""


class Sender(NamedTuple):
    """A classified User-Agent as a row holds it: None where it tells nothing."""

    browser: str | None
    browser_version: str | None
    platform: str | None
    platform_version: str | None
    device: str | None
    is_bot: bool
    bot_name: str | None
    bot_category: str | None
    is_library: bool


def rows_of(events: Columns, rules: Rules) -> Rows:
    """One row an event, in the same order."""
    senders = _senders(events, rules)
    bots = [sender.is_bot for sender in senders]
    is_bot = list(map(bots.__getitem__, events.places))
    names = _coded(events["event"])
    customs = [name not in BUILT_IN for name in names.values]
    views = [name == "page_view" for name in names.values]
    pages = rules.pages(events["property"], events["page"])
    visitors = _visitors(events, senders)
    return {
        **{name: events[name] for name in AS_STORED},
        "event": names,
        "page": pages,
        **{name: Coded(events.places, [getattr(sender, name) for sender in senders]) for name in OF_THE_SENDER},
        **_source(events),
        "visitor": visitors,
        "own_visitor": _unsaid(events["visitor"], visitors),
        "session": [None] * len(events),
        "is_bot": is_bot,
        "is_custom": list(map(customs.__getitem__, names.places)),
        "is_view": [views[place] and not bot for place, bot in zip(names.places, is_bot, strict=True)],
        "view_id": _view_ids(events["view_id"]),
        "screen": Coded(events.places, _each(_shared(events, "screen_width", "screen_height"), _screen)),
        "engaged_ms": [
            min(max(time, 0), LONGEST_ENGAGED_MS) if time is not None and name == "page_leave" else None
            for time, name in zip(events["time_on_page"], events["event"], strict=True)
        ],
        "scroll_depth": [depth if depth is None else min(max(depth, 0), 100) for depth in events["scroll_depth"]],
        "read_ms": [None] * len(events),
        "read_depth": [None] * len(events),
        "data": _data(events, pages),
    }


def hits_of(rows: Mapping[str, Sequence[Any]], pace_of: PaceOf) -> list[Hit]:
    """What sessions need of rows; of those that belong to one: bots and nobody do not."""
    names = ("seq", "property", "created_at", "visitor", "previous_visitor", "page", "view_id", "engaged_ms", "is_bot")
    paces = {number: pace_of(number) for number in set(rows["property"])}
    told = zip(_kinds(rows), *(rows[name] for name in names), strict=True)
    return [
        Hit(place, seq, number, at, visitor, previous, kind, page, view_id is not None, engaged or 0, paces[number])
        for place, (kind, seq, number, at, visitor, previous, page, view_id, engaged, is_bot) in enumerate(told)
        if visitor is not None and not is_bot
    ]


def in_order(events: Columns) -> Columns:
    """In the order of (time, seq). They come in that of seq."""
    times = events["created_at"]
    if all(map(le, times, times[1:])):
        return events
    return events.picked(sorted(range(len(times)), key=times.__getitem__))


@remembered(8_192)
def sender_of(user_agent: str) -> Sender:
    agent = classify(user_agent)
    return Sender(
        browser=agent.browser or None,
        browser_version=agent.browser_version or None,
        platform=agent.platform or None,
        platform_version=agent.platform_version or None,
        device=agent.device or None,
        is_bot=agent.is_bot,
        bot_name=agent.bot_name or None,
        bot_category=agent.bot_category or None,
        is_library=agent.is_library,
    )


def _senders(events: Columns, rules: Rules) -> list[Sender]:
    """Of each of `events.shared`."""
    return _each(
        _shared(events, "user_agent", "automated", "property"),
        lambda key: _by_the_rules(sender_of(key[0]), key[1], counts_automated=rules.counts_automated_of(key[2])),
    )


def _by_the_rules(sender: Sender, automated: Any, *, counts_automated: bool) -> Sender:
    """Automated browsers, by their own word or by their name, are people where the property counts them."""
    if sender.is_bot and sender.bot_category != HEADLESS:
        return sender
    if (sender.is_bot or automated) and not counts_automated:
        return sender._replace(is_bot=True, bot_name=sender.bot_name or sender.browser, bot_category=HEADLESS)
    return sender._replace(is_bot=False, bot_name=None, bot_category=None)


def _visitors(events: Columns, senders: Sequence[Sender]) -> Sequence[int | None]:
    """A program that does not say for whom it speaks is nobody, wherever it stands."""
    nobody = {
        place
        for place, (identity, sender) in enumerate(zip(events.shared["identity"], senders, strict=True))
        if identity == Identity.NONE or (identity == Identity.DAILY and sender.is_library)
    }
    told = zip(events["visitor"], events.places, strict=True)
    return [None if place in nobody else visitor for visitor, place in told] if nobody else list(events["visitor"])


def _unsaid(stored: Sequence[int | None], counted: Sequence[int | None]) -> list[int | None]:
    """Whom storage names where the row says nobody: who erases that visitor erases the row as well."""
    return [own if visitor is None else None for own, visitor in zip(stored, counted, strict=True)]


def _source(events: Columns) -> dict[str, Coded]:
    sent = _shared(events, "referrer", "utm_source", "utm_medium", "utm_campaign")
    found = _each(sent, lambda key: source_and_channel(*key))
    sources, channels = zip(*found, strict=True) if found else ((), ())
    return {"source": Coded(events.places, sources), "channel": Coded(events.places, channels)}


def _data(events: Columns, pages: Sequence[str | None]) -> list[str | None]:
    """JSON of the keys whose columns do not say what was sent: those without one, and values that a column bends."""
    sent = _shared(events, "screen_width", "screen_height", "automated")
    is_bent = [bool(width) is not bool(height) or bool(automated) for width, height, automated in sent]
    own = (events[name] for name in ("rest", "event", "time_on_page", "scroll_depth", "page"))
    return [
        rest
        if (time is None or (event == "page_leave" and 0 <= time <= LONGEST_ENGAGED_MS))
        and (depth is None or 0 <= depth <= 100)
        and page == counted
        and not is_bent[shared]
        else _with_bent(rest, event, time, depth, sent[shared], page if page != counted else None)
        for rest, event, time, depth, page, counted, shared in zip(*own, pages, events.places, strict=True)
    ]


def _with_bent(
    rest: str | None,
    event: str,
    time: int | None,
    depth: int | None,
    sender: tuple[Any, ...],  # screen_width, screen_height, automated
    url: str | None,
) -> str | None:
    width, height, automated = sender
    sent = {
        "time_on_page": time if event != "page_leave" or not 0 <= (time or 0) <= LONGEST_ENGAGED_MS else None,
        "scroll_depth": depth if not 0 <= (depth or 0) <= 100 else None,
        "screen_width": width if not height else None,
        "screen_height": height if not width else None,
        "automated": True if automated else None,
        "url": url,
    }
    bent = orjson.dumps({key: value for key, value in sent.items() if value is not None}).decode()
    if bent == "{}" or not rest or rest == "{}":
        return rest if bent == "{}" else bent
    return f"{bent[:-1]},{rest[1:]}"


def _screen(size: tuple[int | None, int | None]) -> str | None:
    return f"{size[0]}×{size[1]}" if size[0] and size[1] else None


def _view_ids(texts: Sequence[str | None]) -> list[int | None]:
    numbers = {text: _number(text) if text else None for text in set(texts)}
    return list(map(numbers.__getitem__, texts))


def _shared(events: Columns, *names: str) -> list[tuple[Any, ...]]:
    return list(zip(*(events.shared[name] for name in names), strict=True))


def _each(keys: Sequence[Hashable], value_of: Any) -> list[Any]:
    """`value_of` is asked once for each different key."""
    known = {key: value_of(key) for key in dict.fromkeys(keys)}
    return list(map(known.__getitem__, keys))


def _coded(values: Sequence[Hashable]) -> Coded:
    known = {value: place for place, value in enumerate(dict.fromkeys(values))}
    return Coded(list(map(known.__getitem__, values)), list(known))


def _kinds(rows: Mapping[str, Sequence[Any]]) -> list[int]:
    return [
        CUSTOM if is_custom else _click(data) if name == "click" else _BUILT_IN.get(name, OTHER)
        for name, is_custom, data in zip(rows["event"], rows["is_custom"], rows["data"], strict=True)
    ]


_BUILT_IN = {"page_view": VIEW, "session_start": BEGIN}


def _click(data: str | None) -> int:
    """Only a click on a link takes somebody somewhere."""
    told = _read(data or "{}")
    target = told.get("target")
    return LINK_CLICK if told.get("href") or (isinstance(target, str) and _LINK.match(target)) else OTHER


def _read(text: str) -> dict[str, Any]:
    try:
        data = orjson.loads(text)
    except ValueError:  # an integer of more than 64 bits, which orjson does not read
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return {}
    return data if isinstance(data, dict) else {}


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big", signed=True)
