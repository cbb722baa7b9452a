"""Stored events to hits: bots, hits without a visitor, and exclusions of a property."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from collector.event import Event, Identity
from tests.metrics.reference.senders import Agent, agent_of, source_and_channel

if TYPE_CHECKING:
    from tests.metrics.reference.sessions import Session

BUILT_IN = {"session_start", "page_view", "click", "scroll", "page_leave"}
agents = lru_cache(agent_of)


@dataclass(frozen=True)
class Rules:
    """What a property's owner has decided; `*` stands for any text."""

    excluded_paths: tuple[str, ...] = ()
    excluded_countries: tuple[str, ...] = ()
    excluded_user_agents: tuple[str, ...] = ()
    counts_automated: bool = False
    session_gap_min: int = 30
    bounce_s: int = 10
    path_patterns: tuple[str, ...] = ()  # the first that fits gives a page its name
    hostnames: tuple[str, ...] = ()  # its own
    ignored_referrers: tuple[str, ...] = ()  # with their subdomains
    merges_trailing_slashes: bool = True  # of new properties
    merges_index_pages: bool = False

    def spelled(self, page: str) -> str:
        """Of a page's address, readable: what is one page has one spelling."""
        path, *query = unicodedata.normalize("NFC", unquote(page)).split("?")
        if self.merges_index_pages:
            path = re.sub(r"/+index\.html$", "/", path)
        if self.merges_trailing_slashes:
            path = re.sub("//+", "/", path)
            path = path if path == "/" else re.sub("/$", "", path)
        return "?".join([path, *query])

    def is_page_like(self, page: str, pattern: str) -> bool:
        """Where /a/ is /a, /a/* is about it as well."""
        pages = [page, page + "/"] if self.merges_trailing_slashes else [page]
        pattern = unquote(pattern) if pattern.endswith("*") else self.spelled(pattern)
        return any(fnmatchcase(text, pattern) for text in pages)

    def leave_out(self, event: Event) -> bool:
        return (
            event.country in self.excluded_countries
            or any(self._is_left_out(event.page, pattern) for pattern in self.excluded_paths)
            or any(_is_agent_like(event.user_agent, pattern) for pattern in self.excluded_user_agents)
        )

    def _is_left_out(self, page: str | None, pattern: str) -> bool:
        texts = [self.spelled(page), self.spelled(page).split("?")[0]] if page is not None else []
        return any(self.is_page_like(text, pattern) for text in texts)


@dataclass(eq=False)
class Hit:
    """An accepted event, as it was sent, with what is made of it."""

    sent: Event
    seq: int  # the order of arrival, which decides between hits of one moment
    rules: Rules
    agent: Agent = field(init=False)
    session: Session | None = None  # None: a bot's, or nobody's
    counts_as_view: bool = False

    def __post_init__(self) -> None:
        self.agent = agents(self.sent.user_agent)

    @property
    def at(self) -> datetime:
        return self.sent.created_at

    @property
    def own_page(self) -> str | None:
        return self.sent.page and self.rules.spelled(self.sent.page)

    @property
    def page(self) -> str | None:
        """As it is counted: pages that fit one pattern are one."""
        path = (self.own_page or "").split("?")[0]
        fitting = [pattern for pattern in self.rules.path_patterns if self.rules.is_page_like(path, pattern)]
        return fitting[0] if fitting and self.own_page is not None else self.own_page

    @property
    def referrer(self) -> str | None:
        """Own pages and those that the property ignores are no referrers."""
        host, ignored = unicode_host(self.sent.referrer), self.rules.ignored_referrers
        is_ignored = any(f".{host}".endswith(f".{name}") for name in ignored)
        return None if host == self.sent.hostname or host in self.rules.hostnames or is_ignored else host

    @property
    def campaign(self) -> dict[str, str | None]:
        return {name: (getattr(self.sent, name) or "").lower() or None for name in ("utm_source", "utm_medium")}

    @property
    def is_headless(self) -> bool:
        is_automated = self.sent.automated and not self.agent.bot and not self.is_library_page_view
        return self.agent.bot_category == "headless" or is_automated

    @property
    def is_bot(self) -> bool:
        if self.is_headless:
            return not self.rules.counts_automated
        return self.agent.bot is not None or self.is_library_page_view

    @property
    def is_library_page_view(self) -> bool:
        """An HTTP library's page view is a bot's, unless it names its visitor by user_id."""
        return self.agent.is_library and self.sent.event == "page_view" and self.sent.identity is not Identity.COOKIE

    @property
    def bot(self) -> str | None:
        if self.is_library_page_view:
            return self.sent.user_agent.split("/")[0] or "No User-Agent"
        return self.agent.bot or self.agent.browser

    @property
    def bot_category(self) -> str | None:
        if self.is_library_page_view:
            return "library"
        return "headless" if self.is_headless else self.agent.bot_category

    @property
    def is_back_end(self) -> bool:
        """An HTTP library that names itself. What names no User-Agent may be an import of what browsers did."""
        return self.agent.is_library and self.sent.user_agent != ""

    @property
    def own_visitor(self) -> int | None:
        """As the hit itself says. A program's hit that does not say for whom it speaks is nobody's."""
        if self.sent.identity is Identity.NONE or (self.agent.is_library and self.sent.identity is Identity.DAILY):
            return None
        return self.sent.visitor

    @property
    def visitor(self) -> int | None:
        """A session that goes on over midnight goes on to be its first visitor's."""
        return self.session.visitor if self.session else self.own_visitor

    @property
    def is_custom(self) -> bool:
        return self.sent.event not in BUILT_IN

    @property
    def is_link_click(self) -> bool:
        """The script says where a link leads to outside, and names the element: "a", "a#buy"."""
        target = self.sent.data.get("target")
        named = isinstance(target, str) and target.lower().split("#")[0].split(".")[0] == "a"
        return self.sent.event == "click" and (bool(self.sent.data.get("href")) or named)

    @property
    def engaged_ms(self) -> int:
        if self.sent.event != "page_leave":
            return 0
        return min(max(self.sent.time_on_page or 0, 0), 30 * 60 * 1000)

    @property
    def depth(self) -> int | None:
        """Percent of the page that a page_leave or scroll says was reached."""
        if self.sent.event not in {"page_leave", "scroll"} or self.sent.scroll_depth is None:
            return None
        return min(max(self.sent.scroll_depth, 0), 100)

    def value_of(self, dimension: str) -> str | None:
        """Of the sender: with what, from where. None: not known."""
        sent = self.sent
        if dimension in Agent._fields:
            return getattr(self.agent, dimension)  # type: ignore[no-any-return]
        if dimension in {"source", "channel"}:
            names = source_and_channel(self.referrer, *self.campaign.values(), sent.click_id)
            return names[dimension == "channel"]
        if dimension in self.campaign:
            return self.campaign[dimension]
        if dimension == "referrer":
            return self.referrer
        has_screen = sent.screen_width and sent.screen_height
        if dimension == "screen":
            return f"{sent.screen_width}×{sent.screen_height}" if has_screen else None
        if dimension == "screen_class":
            return _screen_class(sent.screen_width or 0) if has_screen else None
        return getattr(sent, dimension)  # type: ignore[no-any-return]

    def says(self, dimension: str, zone: ZoneInfo) -> str | None:
        """Of the hit itself: its page, its name, its time on the zone's clock, or what it carries."""
        match dimension:
            case "page" | "event_page" | "bot_page":
                return self.page
            case "event" | "event_name":
                return self.sent.event
            case "title":
                return self.sent.title
            case "section":
                return _section(self.page)
            case "bot":
                return self.bot
            case "bot_category":
                return self.bot_category
            case "weekday" | "hour" | "weekday_hour":
                local = self.at.astimezone(zone)
                texts = {"weekday": f"{local.isoweekday()}", "hour": f"{local.hour:02}"}
                return texts.get(dimension, "-".join(texts.values()))
            case _:
                return text_of(self.sent.data.get(dimension.removeprefix("data.")))


def hits_of(events: Iterable[Event], rules: Rules) -> list[Hit]:
    """In the order of their time. `events` are in the order of their arrival."""
    hits = [Hit(event, seq, rules) for seq, event in enumerate(events) if not rules.leave_out(event)]
    return sorted(hits, key=lambda hit: (hit.at, hit.seq))


def unicode_host(host: str | None) -> str | None:
    return host and host.encode("idna").decode("idna")


def _is_agent_like(agent: str, pattern: str) -> bool:
    return fnmatchcase(agent.lower(), pattern.lower() if "*" in pattern else f"*{pattern.lower()}*")


def text_of(value: Any) -> str | None:
    """Of a value in `data`: texts are themselves, everything else is its JSON; null is not set, 49.0 is 49."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value == int(value):
        value = int(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _section(page: str | None) -> str | None:
    """The first folder."""
    parts = (page or "").split("/")
    return f"/{parts[1]}/*" if len(parts) > 2 and parts[0] == "" and parts[1] else page


def _screen_class(width: int) -> str:
    if width < 576:
        return "Phone"
    if width < 992:
        return "Tablet"
    return "Laptop" if width < 1440 else "Desktop"
