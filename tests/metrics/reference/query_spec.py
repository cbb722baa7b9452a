"""Queries of the reference, and the hits and sessions that they select."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fnmatch import fnmatchcase
from functools import cached_property
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from collector.event import Event
from proprium.metrics.query.filters import Filter
from proprium.metrics.query.query import Goal
from tests.metrics.reference.hits import Hit, Rules, hits_of, unicode_host
from tests.metrics.reference.sessions import Reading, Session, put_into_sessions, readings
from tests.metrics.reference.spans import Span, compared_span, span_of


@dataclass(frozen=True)
class QuerySpec:
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
    goals: tuple[Goal, ...] = ()
    goal: str = ""  # which of them; "": any
    is_cookieless: bool = False  # the property's setting of now

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
        pairs += [("filter", filter_.to_text()) for filter_ in self.filters]
        pairs += [("goal", self.goal)] if self.goal else []
        return pairs + ([("map", self.open_country)] if self.open_country else [])


@dataclass
class History:
    """All events of a property in the order of their arrival, under the rules of now."""

    events: Sequence[Event]
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        self.hits = hits_of(self.events, self.rules)
        self.sessions = put_into_sessions(self.hits, self.rules)
        self.chosen: dict[tuple[QuerySpec, Span, Row | None], Chosen] = {}

    @cached_property
    def readings(self) -> Mapping[Hit, Reading]:
        return readings(self.hits)


@dataclass
class Chosen:
    """What a question is about, in one span of time."""

    hits: list[Hit]  # of the audience, under the filters
    sessions: list[Session]
    bots: list[Hit]
    is_about_pages: bool = False

    @property
    def visits(self) -> list[Hit]:
        """The hits that make a visitor: a page's visitors are those who viewed it."""
        return [hit for hit in self.hits if hit.counts_as_view or hit.is_bot or not self.is_about_pages]


@dataclass(frozen=True)
class Row:
    """One row of a table: what has exactly this value."""

    dimension: str
    value: str | None


OF_HITS = {"page", "section", "title", "event", "event_page", "event_name", "weekday", "hour", "weekday_hour"}
ABOUT_PAGES = {"page", "entry_page", "exit_page", "section"}
OF_HITS |= {"bot", "bot_category", "bot_page"}
OF_PAGES = {"page", "section", "title", "event_page"}
OF_EVENTS = {"event", "event_name"}
OF_VISITS = {"entry_page", "exit_page", "channel", "referrer", "source", "visitor_kind"}
OF_VISITS |= {"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"}
"""What only a session has: bots have none."""


def is_about_hits(dimension: str) -> bool:
    return dimension in OF_HITS or dimension.startswith("data.")


def is_about_pages(spec: QuerySpec, row: Row | None) -> bool:
    """Asks for pages, whatever happened there."""
    dimensions = {filter_.dimension for filter_ in spec.filters} | ({row.dimension} if row else set())
    is_about_events = any(name in OF_EVENTS or name.startswith("data.") for name in dimensions)
    return bool(dimensions & OF_PAGES) and not is_about_events


def choose(history: History, spec: QuerySpec, span: Span, row: Row | None = None) -> Chosen:
    """What is chosen is remembered: the tiles of a dashboard all ask for the same."""
    key = spec, span, row
    if key not in history.chosen:
        history.chosen[key] = _choose(history, spec, span, row)
    return history.chosen[key]


def counted_spelling(filter_: Filter, rules: Rules) -> Filter:
    """A filter finds its rows, however its values are written."""
    values = filter_.values
    is_pattern = filter_.operator.value == "matches" and values[0].endswith("*")
    if filter_.dimension in ABOUT_PAGES:
        is_part = filter_.operator.value in {"contains", "not_contains"}
        values = tuple(unquote(value) if is_part or is_pattern else rules.spelled(value) for value in values)
        if is_pattern and rules.merges_trailing_slashes and values[0].endswith("/*") and len(values[0]) > 2:
            values = (*values, values[0].removesuffix("/*"))
    elif filter_.dimension in {"utm_source", "utm_medium"}:
        values = tuple(value.lower() for value in values)
    elif filter_.dimension in {"referrer", "hostname"}:
        values = tuple((unicode_host(value) or "").lower() for value in values)
    elif filter_.dimension.startswith("data."):
        values = tuple(text for value in values for text in {value, re.sub(r"^(-?\d+)\.0+$", r"\1", value)})
    return replace(filter_, values=values)


def _choose(history: History, spec: QuerySpec, span: Span, row: Row | None) -> Chosen:
    """Conditions on page, event, title, time and data select hits: the sessions are then those with a matching hit in
    the span. All others ask the session. Bots have none: what only a session has does not choose among them.
    """
    spec = replace(spec, filters=tuple(counted_spelling(filter_, history.rules) for filter_ in spec.filters))
    hits, bots, sessions = [], [], []
    for hit in history.hits:
        if not span.holds(hit.at):
            continue
        if hit.is_bot and _is_chosen_bot(hit, spec, row):
            bots.append(hit)
        elif not hit.is_bot and _is_chosen_hit(hit, spec, row) and _is_chosen_session(hit.session, spec, row):
            hits.append(hit)
    if any(is_about_hits(filter_.dimension) for filter_ in spec.filters) or (row and is_about_hits(row.dimension)):
        sessions = list(dict.fromkeys(hit.session for hit in hits if hit.session))
    else:
        sessions = [
            session
            for session in history.sessions
            if span.holds(session.started_at) and _is_chosen_session(session, spec, row)
        ]
    if spec.audience == "bots":
        return Chosen(bots, [], bots)
    audience = sorted([*hits, *bots], key=lambda hit: hit.at) if spec.audience == "all" else hits
    return Chosen(audience, sessions, bots, is_about_pages(spec, row))


def _is_chosen_hit(hit: Hit, spec: QuerySpec, row: Row | None = None) -> bool:
    """As far as the hit itself decides."""
    filters = [filter_ for filter_ in spec.filters if is_about_hits(filter_.dimension)]
    if row and row.dimension == "event" and not hit.is_custom:
        return False
    is_in_row = not row or not is_about_hits(row.dimension) or hit.says(row.dimension, spec.zone) == row.value
    return is_in_row and all(matches(hit.says(filter_.dimension, spec.zone), filter_) for filter_ in filters)


def _is_chosen_session(session: Session | None, spec: QuerySpec, row: Row | None) -> bool:
    """A hit of nobody has no session that could match."""
    filters = [filter_ for filter_ in spec.filters if not is_about_hits(filter_.dimension)]
    is_about_row = row is not None and not is_about_hits(row.dimension)
    if session is None:
        return not filters and not is_about_row
    is_in_row = not (row and is_about_row) or session.value_of(row.dimension) == row.value
    return is_in_row and all(matches(session.value_of(filter_.dimension), filter_) for filter_ in filters)


def _is_chosen_bot(hit: Hit, spec: QuerySpec, row: Row | None) -> bool:
    if row and not is_about_hits(row.dimension):
        return False
    if row and (hit.says(row.dimension, spec.zone) != row.value or (row.dimension == "event" and not hit.is_custom)):
        return False
    filters = [filter_ for filter_ in spec.filters if filter_.dimension not in OF_VISITS]

    def value_of(name: str) -> str | None:
        return hit.says(name, spec.zone) if is_about_hits(name) else hit.value_of(name)

    return all(matches(value_of(filter_.dimension), filter_) for filter_ in filters)


def reaches(session: Session, goal: Goal, zone: ZoneInfo) -> bool:
    """At least one hit that all of the goal's conditions match."""
    filters = [counted_spelling(filter_, session.rules) for filter_ in goal.filters]
    return any(all(matches(hit.says(filter_.dimension, zone), filter_) for filter_ in filters) for hit in session.hits)


def matches(value: str | None, filter_: Filter) -> bool:
    """An empty value asks for what is not set."""
    first = filter_.values[0] if filter_.values else ""
    match filter_.operator.value:
        case "is":
            return value in filter_.values if first else not value
        case "is_not":
            return value not in filter_.values if first else bool(value)
        case "contains":
            return value is not None and first.lower() in value.lower()
        case "not_contains":
            return value is None or first.lower() not in value.lower()
        case "matches":
            patterns = [pattern.replace("[", "[[]").replace("?", "[?]") for pattern in filter_.values]
            return value is not None and any(fnmatchcase(value, pattern) for pattern in patterns)
        case "one_of":
            return value in filter_.values
        case _:
            return value is not None
