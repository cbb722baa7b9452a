"""What is asked, and which hits and sessions that is about."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from collector.event import Event
from proprium.metrics.filters import Filter
from tests.metrics.reference.hits import Hit, Rules, hits_of
from tests.metrics.reference.sessions import Session, put_into_sessions, time_on_pages
from tests.metrics.reference.spans import Span, compared_span, span_of


@dataclass(frozen=True)
class Asked:
    """One question, as a reader puts it."""

    now: datetime
    zone: ZoneInfo
    period: str = "today"
    dates: tuple[date, date] | None = None  # of a custom period, both included
    compare: str = "previous"
    filters: tuple[Filter, ...] = ()
    interval: str = "day"
    audience: str = "humans"
    open_country: str | None = None
    custom_cards: tuple[str, ...] = ()

    @property
    def span(self) -> Span:
        return span_of(self.period, self.now, self.zone, self.dates)

    @property
    def compared(self) -> Span | None:
        return compared_span(self.period, self.now, self.zone, self.dates, self.compare)

    @property
    def address(self) -> list[tuple[str, str]]:
        """As it stands in a dashboard's address."""
        pairs = [("compare", self.compare), ("interval", self.interval), ("audience", self.audience)]
        if self.dates:
            pairs += [("from", self.dates[0].isoformat()), ("to", self.dates[1].isoformat())]
        else:
            pairs.append(("period", self.period))
        pairs += [("filter", wanted.to_text()) for wanted in self.filters]
        return pairs + ([("map", self.open_country)] if self.open_country else [])


@dataclass
class History:
    """All events of a property in the order of their arrival, under the rules of now."""

    events: Sequence[Event]
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        self.hits = hits_of(self.events, self.rules)
        self.sessions = put_into_sessions(self.hits)

    @cached_property
    def engaged_ms(self) -> Any:
        return time_on_pages(self.hits)


@dataclass
class Chosen:
    """What a question is about, in one span of time."""

    hits: list[Hit]  # of the audience, under the filters
    sessions: list[Session]
    bots: list[Hit]


def choose(history: History, asked: Asked, span: Span) -> Chosen:
    """Filters on page, event, title and data select hits: the sessions are then those with a matching hit in the span.

    All others ask the session. Bots have none, and know of the filters only the one by page.
    """
    in_span = [hit for hit in history.hits if span.holds(hit.at)]
    pages = [wanted for wanted in asked.filters if wanted.dimension == "page"]
    bots = [hit for hit in in_span if hit.is_bot and all(matches(hit.sent.page, wanted) for wanted in pages)]
    if asked.audience == "bots":
        return Chosen(bots, [], bots)
    of_hits = [wanted for wanted in asked.filters if is_about_hits(wanted)]
    of_sessions = [wanted for wanted in asked.filters if not is_about_hits(wanted)]
    people = [hit for hit in in_span if not hit.is_bot and all(matches(value_of(hit, w), w) for w in of_hits)]
    hits = [hit for hit in people if not of_sessions or (hit.session and _is_wanted(hit.session, of_sessions))]
    sessions = _sessions(history, span, people, of_hits)
    return Chosen(hits, [session for session in sessions if _is_wanted(session, of_sessions)], bots)


def _sessions(history: History, span: Span, matching: Iterable[Hit], of_hits: Sequence[Filter]) -> list[Session]:
    if of_hits:
        return list(dict.fromkeys(hit.session for hit in matching if hit.session))
    return [session for session in history.sessions if span.holds(session.started_at)]


def _is_wanted(session: Session, filters: Sequence[Filter]) -> bool:
    return all(matches(session.told(wanted.dimension), wanted) for wanted in filters)


def is_about_hits(wanted: Filter) -> bool:
    return wanted.dimension in {"page", "event", "title"} or wanted.dimension.startswith("data.")


def value_of(hit: Hit, wanted: Filter) -> str | None:
    if wanted.dimension.startswith("data."):
        return text_of(hit.sent.data.get(wanted.dimension.removeprefix("data.")))
    return hit.told(wanted.dimension)


def text_of(value: Any) -> str | None:
    """Of a value in `data`: texts are themselves, everything else is its JSON; null is not set."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def matches(value: str | None, wanted: Filter) -> bool:
    """An empty value asks for what is not set."""
    first = wanted.values[0] if wanted.values else ""
    match wanted.operator.value:
        case "is":
            return value == first if first else not value
        case "is_not":
            return value != first if first else bool(value)
        case "contains":
            return value is not None and first.lower() in value.lower()
        case "not_contains":
            return value is None or first.lower() not in value.lower()
        case "one_of":
            return value in wanted.values
        case _:
            return value is not None
