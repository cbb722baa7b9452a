"""Builds warehouse rows from stored events: visitor, page, browser, bot, source and channel, by the current rules.

Works column by column. Lookups such as the User-Agent classification run once for each distinct value of a batch.
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
from collector.bots import HEADLESS, LIBRARY
from collector.bounded_cache import bounded_lru_cache
from collector.campaign import click_id_name
from collector.event import BUILT_IN_EVENTS, Identity
from collector.url_normalisation import normalise_host
from collector.user_agent import classify
from proprium.storage.event_columns import DictionaryColumn, EventBatch
from proprium.storage.stored_columns import STORED_COLUMNS
from proprium.warehouse.projection.rules import Rules
from proprium.warehouse.projection.session_context import (
    ACQUISITION,
    ACQUISITION_COLUMNS,
    AGENT,
    FALLBACK_SHIFT,
    HOSTNAME,
    LANGUAGE,
    LOCATION,
    SCREEN,
)
from proprium.warehouse.projection.sessionizer import (
    CUSTOM,
    LINK_CLICK,
    OTHER,
    SESSION_START,
    VIEW,
    SessionHit,
    SessionRulesLookup,
)

MAX_ENGAGED_MS = 30 * 60 * 1_000
"""Cap of engaged time, of an event and of a page view."""
SOURCE_COLUMNS = ("hostname", "referrer", "utm_source", "utm_medium", "click_id", "source", "channel")
UNCHANGED_COLUMNS = (
    *("seq", "property", "created_at", "event", "previous_visitor"),
    *(column.name for column in STORED_COLUMNS if column.scope is not None and column.name not in SOURCE_COLUMNS),
)
AGENT_COLUMNS = ("browser", "browser_version", "platform", "platform_version", "device")

_KIND_BY_EVENT = {"page_view": VIEW, "session_start": SESSION_START}
_INT64_LIMIT = 2**63
_EXPONENT_PATTERN = re.compile(r"\de\+?\d")  # of a large float, in JSON as storage writes it
_LINK_PATTERN = re.compile(r"a(?![\w-])", re.IGNORECASE)  # `target` of a click on a link, such as "a#buy"


EventRows = dict[str, Any]
"""The columns of schema.event by name, each a sequence or a DictionaryColumn. Columns of sessions and page engagement
are filled in later."""


class AgentInfo(NamedTuple):
    """A classified User-Agent as stored in a row; None where unknown."""

    browser: str | None
    browser_version: str | None
    platform: str | None
    platform_version: str | None
    device: str | None
    is_bot: bool
    bot_name: str | None
    bot_category: str | None
    is_library: bool
    library_name: str | None
    is_automated: bool = False  # an automated browser, whether the property counts it as a bot or as a person


def build_rows(batch: EventBatch, rules: Rules) -> EventRows:
    """Builds a row for each event of the batch, in the same order."""
    batch = normalise_data(batch)
    agents = _map_unique(
        _dictionary_rows(batch, "user_agent", "automated", "property"),
        lambda key: _apply_automation_rule(
            agent_info(key[0]), key[1], counts_automated=rules.counts_automated_of(key[2])
        ),
    )
    own_pages = rules.canonical_pages(batch)
    pages = rules.grouped_pages(batch, own_pages)
    visitors = _visitors(batch, agents)
    bots = _bot_columns(batch, agents)
    senders = _sender_columns(batch, agents, rules)
    return {
        **{name: batch[name] for name in UNCHANGED_COLUMNS},
        **senders,
        **bots,
        **_event_columns(batch, bots["is_bot"]),
        "page": pages,
        "own_page": [None] * len(batch)
        if pages is own_pages
        else [None if own_page == page else own_page for own_page, page in zip(own_pages, pages, strict=True)],
        "visitor": visitors,
        # Storage's visitor where the row has none, so that erasing them finds the row.
        "own_visitor": [
            stored_visitor if visitor is None else None
            for stored_visitor, visitor in zip(batch["visitor"], visitors, strict=True)
        ],
        "context_bits": DictionaryColumn(batch.codes, _context_bits(batch, agents, senders)),
        "session": [None] * len(batch),
        "read_ms": [None] * len(batch),
        "read_depth": [None] * len(batch),
        "data": _data(batch, pages, {name: senders[name].dictionary for name in SOURCE_COLUMNS}),
    }


def _sender_columns(batch: EventBatch, agents: Sequence[AgentInfo], rules: Rules) -> EventRows:
    """Builds the columns that depend on dictionary-encoded ones only, with the same codes."""
    columns = {
        **{name: [getattr(agent, name) for agent in agents] for name in AGENT_COLUMNS},
        **_source_columns(batch, rules),
        "screen": [
            f"{width}×{height}" if width and height else None
            for width, height in _dictionary_rows(batch, "screen_width", "screen_height")
        ],
    }
    return {name: DictionaryColumn(batch.codes, values) for name, values in columns.items()}


def _source_columns(batch: EventBatch, rules: Rules) -> dict[str, Sequence[Any]]:
    """Builds the dictionaries of SOURCE_COLUMNS: hosts, external referrers, folded campaigns, sources and channels."""

    def acquisition(key: tuple[Any, ...]) -> tuple[str | None, ...]:
        property_number, sent_hostname, sent_referrer, sent_source, sent_medium, campaign, click_id = key
        hostname = sent_hostname and normalise_host(sent_hostname)
        referrer = rules.external_referrer(property_number, sent_referrer and normalise_host(sent_referrer), hostname)
        source, medium = sent_source and sent_source.lower(), sent_medium and sent_medium.lower()
        source_name, channel = source_and_channel(referrer, source, medium, campaign, click_id)
        return hostname, referrer, source, medium, click_id, source_name, channel

    keys = _dictionary_rows(
        *(batch, "property", "hostname", "referrer", "utm_source", "utm_medium", "utm_campaign", "click_id")
    )
    columns = zip(*_map_unique(keys, acquisition), strict=True) if keys else [()] * len(SOURCE_COLUMNS)
    return dict(zip(SOURCE_COLUMNS, columns, strict=True))


def _context_bits(batch: EventBatch, agents: Sequence[AgentInfo], senders: EventRows) -> list[int]:
    """Returns for each code the groups of session columns in which its hits have a value."""
    acquisition_columns = (
        senders[name].dictionary if name in senders else batch.dictionaries[name] for name in ACQUISITION_COLUMNS
    )
    context_bits = []
    for agent, acquisition, user_agent, country, region, city, width, height, language, hostname in zip(
        agents,
        zip(*acquisition_columns, strict=True),
        *(batch.dictionaries[name] for name in ("user_agent", "country", "region", "city")),
        *(batch.dictionaries[name] for name in ("screen_width", "screen_height", "language", "hostname")),
        strict=True,
    ):
        bits = HOSTNAME if hostname else 0
        if not agent.is_library or not user_agent:
            bits |= AGENT if agent.browser or agent.platform or agent.device else 0
            bits |= LOCATION if country or region or city else 0
            bits |= SCREEN if width and height else 0
            bits |= LANGUAGE if language else 0
        if not agent.browser:  # an app, an import, or a back end
            bits <<= FALLBACK_SHIFT
        context_bits.append(bits | ACQUISITION if any(acquisition) else bits)
    return context_bits


def _bot_columns(batch: EventBatch, agents: Sequence[AgentInfo]) -> EventRows:
    """Builds is_bot, bot_name, bot_category and is_automated.

    A page view of an HTTP library without user_id is a bot's, while its custom events are a server's: such rows get
    codes of their own behind those of the batch.
    """
    library_codes = {
        code: len(agents) + index
        for index, code in enumerate(
            code
            for code, (identity, agent) in enumerate(zip(batch.dictionaries["identity"], agents, strict=True))
            if agent.is_library and identity != Identity.COOKIE
        )
    }
    codes = batch.codes
    if library_codes:
        codes = [
            library_codes.get(code, code) if event == "page_view" else code
            for code, event in zip(batch.codes, batch["event"], strict=True)
        ]
    library_names = [agents[code].library_name for code in library_codes]
    is_bot = [agent.is_bot for agent in agents] + [True] * len(library_names)
    return {
        "is_bot": list(map(is_bot.__getitem__, codes)),
        "is_automated": DictionaryColumn(batch.codes, [agent.is_automated for agent in agents]),
        "bot_name": DictionaryColumn(codes, [agent.bot_name for agent in agents] + library_names),
        "bot_category": DictionaryColumn(
            codes, [agent.bot_category for agent in agents] + [LIBRARY] * len(library_names)
        ),
    }


def _event_columns(batch: EventBatch, is_bot: Sequence[bool]) -> EventRows:
    """Builds the columns that differ between the events of a visit, apart from page, visitor, bot and data."""
    code_by_name = {name: code for code, name in enumerate(dict.fromkeys(batch["event"]))}
    event_names = DictionaryColumn(list(map(code_by_name.__getitem__, batch["event"])), list(code_by_name))
    is_custom_by_name = [name not in BUILT_IN_EVENTS for name in event_names.dictionary]
    is_view_by_name = [name == "page_view" for name in event_names.dictionary]
    hash_by_view_id = {
        text: int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big", signed=True)
        if text
        else None
        for text in set(batch["view_id"])
    }
    return {
        "event": event_names,
        "is_custom": list(map(is_custom_by_name.__getitem__, event_names.codes)),
        "is_view": [is_view_by_name[code] and not bot for code, bot in zip(event_names.codes, is_bot, strict=True)],
        "view_id": list(map(hash_by_view_id.__getitem__, batch["view_id"])),
        "engaged_ms": [
            min(max(time_on_page, 0), MAX_ENGAGED_MS) if time_on_page is not None and name == "page_leave" else None
            for time_on_page, name in zip(batch["time_on_page"], batch["event"], strict=True)
        ],
        "scroll_depth": [
            scroll_depth if scroll_depth is None else min(max(scroll_depth, 0), 100)
            for scroll_depth in batch["scroll_depth"]
        ],
    }


def session_hits(rows: Mapping[str, Sequence[Any]], session_rules_of: SessionRulesLookup) -> list[SessionHit]:
    """Extracts from rows the hits that belong to sessions: neither bots nor without a visitor."""
    column_names = (
        "seq",
        "property",
        "created_at",
        "visitor",
        "previous_visitor",
        "page",
        "view_id",
        "engaged_ms",
        "context_bits",
        "is_bot",
        "own_page",
    )
    rules_by_property = {
        property_number: session_rules_of(property_number) for property_number in set(rows["property"])
    }
    kinds = [
        CUSTOM
        if is_custom
        else LINK_CLICK
        if name == "click" and _has_link_target(data)
        else _KIND_BY_EVENT.get(name, OTHER)
        for name, is_custom, data in zip(rows["event"], rows["is_custom"], rows["data"], strict=True)
    ]
    values = zip(kinds, *(rows[name] for name in column_names), strict=True)
    return [
        SessionHit(
            index,
            seq,
            property_number,
            timestamp_us,
            visitor,
            previous_visitor,
            kind,
            page,
            view_id is not None,
            engaged_ms or 0,
            context_bits,
            rules_by_property[property_number],
            own_page=own_page,
        )
        for index, (
            kind,
            seq,
            property_number,
            timestamp_us,
            visitor,
            previous_visitor,
            page,
            view_id,
            engaged_ms,
            context_bits,
            is_bot,
            own_page,
        ) in enumerate(values)
        if visitor is not None and not is_bot
    ]


def normalise_data(batch: EventBatch) -> EventBatch:
    """Writes whole numbers of `data` in one spelling (49.0 is 49), and moves click ids to their column.

    Storage has click ids in `data` where it had no column for them yet, or where they have an odd spelling.
    """
    rests = batch["rest"]
    indexes = [
        index
        for index, rest in enumerate(rests)
        if rest and ('"click_id"' in rest or ".0" in rest or _EXPONENT_PATTERN.search(rest))
    ]
    if not indexes:
        return batch
    rests = list(rests)
    click_ids: dict[int, dict[str, str]] = {}
    for index in indexes:
        data = _parse_object(rests[index])
        if name := click_id_name(data.get("click_id")):
            click_ids[index] = {"click_id": name}
            del data["click_id"]
        if data or name:
            rests[index] = _to_json(_with_whole_numbers(data))
    return batch.with_values({"rest": rests}, click_ids)


def _with_whole_numbers(value: Any) -> Any:
    """Replaces floats without a fraction by integers, at every level."""
    if type(value) is float:
        return int(value) if value.is_integer() and abs(value) < _INT64_LIMIT else value
    if type(value) is dict:
        return {key: _with_whole_numbers(item) for key, item in value.items()}
    return [_with_whole_numbers(item) for item in value] if type(value) is list else value


def sort_by_time(batch: EventBatch) -> EventBatch:
    """Sorts a batch from the order of seq into that of (time, seq)."""
    timestamps_us = batch["created_at"]
    if all(map(le, timestamps_us, timestamps_us[1:])):
        return batch
    return batch.take(sorted(range(len(timestamps_us)), key=timestamps_us.__getitem__))


@bounded_lru_cache(8_192)
def agent_info(user_agent: str) -> AgentInfo:
    """Classifies a User-Agent; cached."""
    agent = classify(user_agent)
    return AgentInfo(
        browser=agent.browser or None,
        browser_version=agent.browser_version or None,
        platform=agent.platform or None,
        platform_version=agent.platform_version or None,
        device=agent.device or None,
        is_bot=agent.is_bot,
        bot_name=agent.bot_name or None,
        bot_category=agent.bot_category or None,
        is_library=agent.is_library,
        library_name=agent.library_name or None,
    )


def _apply_automation_rule(agent: AgentInfo, automated: Any, *, counts_automated: bool) -> AgentInfo:
    """Marks automated browsers as bots, or as people where the property counts them.

    A browser is automated by its own `automated` flag or by the name in its User-Agent.
    """
    if agent.is_bot and agent.bot_category != HEADLESS:
        return agent
    is_automated = agent.is_bot or bool(automated)
    if is_automated and not counts_automated:
        bot_name = agent.bot_name or agent.browser
        return agent._replace(is_bot=True, bot_name=bot_name, bot_category=HEADLESS, is_automated=True)
    return agent._replace(is_bot=False, bot_name=None, bot_category=None, is_automated=is_automated)


def _visitors(batch: EventBatch, agents: Sequence[AgentInfo]) -> Sequence[int | None]:
    """Returns each event's visitor; None for events of unidentified programs.

    An HTTP library without user_id would otherwise be counted as a person by its address.
    """
    unidentified_codes = {
        code
        for code, (identity, agent) in enumerate(zip(batch.dictionaries["identity"], agents, strict=True))
        if identity == Identity.NONE or (identity == Identity.DAILY and agent.is_library)
    }
    visitors_and_codes = zip(batch["visitor"], batch.codes, strict=True)
    return (
        [None if code in unidentified_codes else visitor for visitor, code in visitors_and_codes]
        if unidentified_codes
        else list(batch["visitor"])
    )


_NO_VALUES: Mapping[str, Any] = {}
_NORMALISED_KEYS = ("hostname", "referrer", "utm_source", "utm_medium")


def _data(batch: EventBatch, pages: Sequence[str | None], sources: Mapping[str, Sequence[Any]]) -> list[str | None]:
    """Builds the JSON of all sent values that no column holds exactly.

    These are keys without a column, and values that their column changes, such as a clamped number or a grouped page.
    """
    stored_values = _dictionary_rows(batch, *_NORMALISED_KEYS)
    counted_values = zip(*(sources[name] for name in _NORMALISED_KEYS), strict=True)
    agent_values = _dictionary_rows(batch, "screen_width", "screen_height", "automated")
    sender_values = [
        _NO_VALUES
        if stored == counted and bool(agent[0]) is bool(agent[1]) and not agent[2]
        else _lost_values(stored, counted, agent)
        for stored, counted, agent in zip(stored_values, counted_values, agent_values, strict=True)
    ]
    columns = (batch[name] for name in ("rest", "event", "time_on_page", "scroll_depth", "page"))
    return [
        rest
        if (time_on_page is None or (event == "page_leave" and 0 <= time_on_page <= MAX_ENGAGED_MS))
        and (scroll_depth is None or 0 <= scroll_depth <= 100)
        and page == counted_page
        and not sender_values[code]
        else _with_original_values(
            rest, event, time_on_page, scroll_depth, sender_values[code], page if page != counted_page else None
        )
        for rest, event, time_on_page, scroll_depth, page, counted_page, code in zip(
            *columns, pages, batch.codes, strict=True
        )
    ]


def _lost_values(stored: tuple[Any, ...], counted: tuple[Any, ...], agent: tuple[Any, ...]) -> Mapping[str, Any]:
    """Returns the stored values of a sender that the warehouse's columns do not hold."""
    width, height, automated = agent
    values = {
        **{
            key: sent if sent != value else None
            for key, sent, value in zip(_NORMALISED_KEYS, stored, counted, strict=True)
        },
        "screen_width": width if not height else None,
        "screen_height": height if not width else None,
        "automated": True if automated else None,
    }
    return {key: value for key, value in values.items() if value is not None}


def _with_original_values(
    rest: str | None,
    event: str,
    time_on_page: int | None,
    scroll_depth: int | None,
    sender_values: Mapping[str, Any],
    url: str | None,
) -> str | None:
    values = {
        "time_on_page": time_on_page
        if event != "page_leave" or not 0 <= (time_on_page or 0) <= MAX_ENGAGED_MS
        else None,
        "scroll_depth": scroll_depth if not 0 <= (scroll_depth or 0) <= 100 else None,
        **sender_values,
        "url": url,
    }
    # Where storage's column differs from what was sent, the sent value is in `rest` already.
    sent = _parse_object(rest) if rest and any(f'"{key}":' in rest for key in values) else {}
    original_values = {key: value for key, value in values.items() if value is not None and key not in sent}
    original_json = orjson.dumps(original_values).decode()
    if original_json == "{}" or not rest or rest == "{}":
        return rest if original_json == "{}" else original_json
    return f"{original_json[:-1]},{rest[1:]}"


def _dictionary_rows(batch: EventBatch, *names: str) -> list[tuple[Any, ...]]:
    return list(zip(*(batch.dictionaries[name] for name in names), strict=True))


def _map_unique(keys: Sequence[Hashable], compute: Any) -> list[Any]:
    """Maps keys to values, calling `compute` once for each distinct key."""
    value_by_key = {key: compute(key) for key in dict.fromkeys(keys)}
    return list(map(value_by_key.__getitem__, keys))


def _has_link_target(data: str | None) -> bool:
    """Returns True for the data of a click on a link, which prevents a bounce."""
    sent = _parse_object(data or "{}")
    target = sent.get("target")
    return bool(sent.get("href") or (isinstance(target, str) and _LINK_PATTERN.match(target)))


def _to_json(value: dict[str, Any]) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer of more than 64 bits
        return json.dumps(value, separators=(",", ":"))


def _parse_object(text: str) -> dict[str, Any]:
    """Parses a JSON object; returns an empty one for anything else."""
    try:
        value = orjson.loads(text)
    except ValueError:  # orjson rejects integers over 64 bits
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}
