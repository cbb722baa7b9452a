"""From what was sent to hits: who is a bot, who is nobody, and what a property leaves out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Any

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

    def leave_out(self, event: Event) -> bool:
        return (
            event.country in self.excluded_countries
            or any(_is_page_like(event.page, pattern) for pattern in self.excluded_paths)
            or any(_is_agent_like(event.user_agent, pattern) for pattern in self.excluded_user_agents)
        )


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
    def is_headless(self) -> bool:
        return self.agent.bot_category == "headless" or (self.sent.automated and not self.agent.bot)

    @property
    def is_bot(self) -> bool:
        if self.is_headless:
            return not self.rules.counts_automated
        return self.agent.bot is not None

    @property
    def bot(self) -> str | None:
        return self.agent.bot or self.agent.browser

    @property
    def bot_category(self) -> str | None:
        return "headless" if self.is_headless else self.agent.bot_category

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

    def told(self, dimension: str) -> str | None:
        """A dimension of the sender, or of the hit itself; None: not known."""
        sent = self.sent
        if dimension in {"browser", "platform", "device"}:
            value: Any = getattr(self.agent, dimension)
        elif dimension in {"source", "channel"}:
            found = source_and_channel(sent.referrer, sent.utm_source, sent.utm_medium)
            value = found[dimension == "channel"]
        elif dimension == "screen":
            has_both = sent.screen_width and sent.screen_height
            value = f"{sent.screen_width}×{sent.screen_height}" if has_both else None
        else:
            value = getattr(sent, dimension)
        return value  # type: ignore[no-any-return]


def hits_of(events: Iterable[Event], rules: Rules) -> list[Hit]:
    """In the order of their time. `events` are in the order of their arrival."""
    hits = [Hit(event, seq, rules) for seq, event in enumerate(events) if not rules.leave_out(event)]
    return sorted(hits, key=lambda hit: (hit.at, hit.seq))


def _is_page_like(page: str | None, pattern: str) -> bool:
    return page is not None and any(fnmatchcase(text, pattern) for text in (page, page.split("?")[0]))


def _is_agent_like(agent: str, pattern: str) -> bool:
    return fnmatchcase(agent.lower(), pattern.lower() if "*" in pattern else f"*{pattern.lower()}*")
