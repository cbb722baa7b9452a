"""One stored event as one row of the warehouse: who sent it, with what, and from where, by the rules of today."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from collector.bots import HEADLESS
from collector.event import BUILT_IN, Identity
from collector.source import source_and_channel
from collector.user_agent import classify
from proprium.storage.tail import TailRow
from proprium.warehouse import schema
from proprium.warehouse.rules import Rules
from proprium.warehouse.sessions import CUSTOM, LINK_CLICK, OTHER, VIEW, Hit

COLUMNS = tuple(column.name for column in schema.event.columns)
AT = {name: at for at, name in enumerate(COLUMNS)}
VISITOR, OWN_VISITOR, SESSION, IS_VIEW = (AT[name] for name in ("visitor", "own_visitor", "session", "is_view"))
SENDER_AT = slice(AT[schema.SENDER[0]], AT[schema.SENDER[-1]] + 1)
LONGEST_ENGAGED_MS = 30 * 60 * 1_000

_LINK = re.compile(r"a(?![\w-])", re.IGNORECASE)  # the script names a click's element "a#buy"


class Agent(NamedTuple):
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


@lru_cache(maxsize=8_192)
def agent_of(text: str) -> Agent:
    agent = classify(text)
    return Agent(
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


def row_of(event: TailRow, rules: Rules) -> list[Any]:
    """The values of COLUMNS; the session and what depends on it are put in later."""
    agent = agent_of(event.user_agent)
    is_bot, bot_name, bot_category = _bot(event, agent, rules)
    is_custom = event.event not in BUILT_IN
    source, channel = source_and_channel(event.referrer, event.utm_source, event.utm_medium, event.utm_campaign)
    return [
        event.seq,
        event.property,
        event.created_at,
        event.event,
        _visitor(event, agent),
        None,  # own_visitor
        event.previous_visitor,
        None,  # session
        event.identity,
        is_bot,
        bot_name,
        bot_category,
        is_custom,
        event.event == "page_view" and not is_bot,
        _number(event.view_id) if event.view_id else None,
        event.page,
        event.title,
        event.user_id,
        event.hostname,
        event.referrer,
        source,
        channel,
        event.utm_source,
        event.utm_medium,
        event.utm_campaign,
        event.utm_term,
        event.utm_content,
        event.country,
        event.region,
        event.city,
        agent.browser,
        agent.browser_version,
        agent.platform,
        agent.platform_version,
        agent.device,
        f"{event.screen_width}×{event.screen_height}" if event.screen_width and event.screen_height else None,
        event.language,
        _engaged(event),
        event.scroll_depth if event.scroll_depth is None else min(max(event.scroll_depth, 0), 100),
        event.rest,
    ]


def hit_of(row: list[Any]) -> Hit | None:
    """What sessions need of a row; None for a bot's and for nobody's."""
    (seq, number, at, event, visitor, own_visitor, previous, _, _, is_bot, _, _, is_custom, _, view_id, page, *_) = row
    if visitor is None or is_bot:
        return None
    own = visitor if own_visitor is None else own_visitor
    kind = VIEW if event == "page_view" else CUSTOM if is_custom else _click(row) if event == "click" else OTHER
    return Hit(at, seq, number, own, previous, kind, page, view_id is not None, row[_ENGAGED] or 0, row)


_ENGAGED, _DATA = AT["engaged_ms"], AT["data"]


def _bot(event: TailRow, agent: Agent, rules: Rules) -> tuple[bool, str | None, str | None]:
    """Automated browsers, by their own word or by their name, are people where the property counts them."""
    if agent.is_bot and agent.bot_category != HEADLESS:
        return True, agent.bot_name, agent.bot_category
    if (agent.is_bot or event.automated) and not rules.counts_automated_of(event.property):
        return True, agent.bot_name or agent.browser, HEADLESS
    return False, None, None


def _visitor(event: TailRow, agent: Agent) -> int | None:
    """A program that does not say for whom it speaks is nobody, wherever it stands."""
    if event.identity == Identity.NONE or (agent.is_library and event.identity == Identity.DAILY):
        return None
    return event.visitor


def _engaged(event: TailRow) -> int | None:
    if event.event != "page_leave" or event.time_on_page is None:
        return None
    return min(max(event.time_on_page, 0), LONGEST_ENGAGED_MS)


def _click(row: list[Any]) -> int:
    """Only a click on a link takes somebody somewhere."""
    data = _read(row[_DATA] or "{}")
    target = data.get("target")
    return LINK_CLICK if data.get("href") or (isinstance(target, str) and _LINK.match(target)) else OTHER


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
