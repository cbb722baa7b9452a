"""Queries of the reference, and the hits and sessions that they select."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fnmatch import fnmatchcase
from functools import cached_property
from zoneinfo import ZoneInfo

from collector.event import Event
from proprium.metrics.query.filters import Filter
from proprium.metrics.query.query import Goal
from tests.metrics.reference.hits import Hit, Rules, hits_of
from tests.metrics.reference.sessions import Reading, Session, put_into_sessions, readings
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
        pairs += [("filter", wanted.to_text()) for wanted in self.filters]
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
        self.chosen: dict[tuple[Asked, Span, Row | None], Chosen] = {}

    @cached_property
    def readings(self) -> Mapping[Hit, Reading]:
        return readings(self.hits)


@dataclass
class Chosen:
    """What a question is about, in one span of time."""

    hits: list[Hit]  # of the audience, under the filters
    sessions: list[Session]
    bots: list[Hit]


@dataclass(frozen=True)
class Row:
    """One row of a table: what has exactly this value."""

    dimension: str
    value: str | None


OF_HITS = {"page", "section", "title", "event", "event_page", "event_name", "weekday", "hour", "weekday_hour"}
OF_HITS |= {"bot", "bot_category", "bot_page"}


def is_about_hits(dimension: str) -> bool:
    return dimension in OF_HITS or dimension.startswith("data.")


def choose(history: History, asked: Asked, span: Span, row: Row | None = None) -> Chosen:
    """What is chosen is remembered: the tiles of a dashboard all ask for the same."""
    key = asked, span, row
    if key not in history.chosen:
        history.chosen[key] = _choose(history, asked, span, row)
    return history.chosen[key]


def _choose(history: History, asked: Asked, span: Span, row: Row | None) -> Chosen:
    """Conditions on page, event, title, time and data select hits: the sessions are then those with a matching hit in
    the span. All others ask the session. Bots have none, and know of the filters only the one by page.
    """
    hits, bots, sessions = [], [], []
    for hit in history.hits:
        if not span.holds(hit.at):
            continue
        if hit.is_bot and _is_wanted_bot(hit, asked, row):
            bots.append(hit)
        elif not hit.is_bot and _is_wanted_hit(hit, asked, row) and _is_wanted_session(hit.session, asked, row):
            hits.append(hit)
    if any(is_about_hits(wanted.dimension) for wanted in asked.filters) or (row and is_about_hits(row.dimension)):
        sessions = list(dict.fromkeys(hit.session for hit in hits if hit.session))
    else:
        sessions = [
            session
            for session in history.sessions
            if span.holds(session.started_at) and _is_wanted_session(session, asked, row)
        ]
    if asked.audience == "bots":
        return Chosen(bots, [], bots)
    return Chosen(sorted([*hits, *bots], key=lambda hit: hit.at) if asked.audience == "all" else hits, sessions, bots)


def _is_wanted_hit(hit: Hit, asked: Asked, row: Row | None = None) -> bool:
    """As far as the hit itself decides."""
    filters = [wanted for wanted in asked.filters if is_about_hits(wanted.dimension)]
    if row and row.dimension == "event" and not hit.is_custom:
        return False
    is_in_row = not row or not is_about_hits(row.dimension) or hit.says(row.dimension, asked.zone) == row.value
    return is_in_row and all(matches(hit.says(wanted.dimension, asked.zone), wanted) for wanted in filters)


def _is_wanted_session(session: Session | None, asked: Asked, row: Row | None) -> bool:
    """A hit of nobody has no session that could match."""
    filters = [wanted for wanted in asked.filters if not is_about_hits(wanted.dimension)]
    asks_row = row is not None and not is_about_hits(row.dimension)
    if session is None:
        return not filters and not asks_row
    is_in_row = not (row and asks_row) or session.told(row.dimension) == row.value
    return is_in_row and all(matches(session.told(wanted.dimension), wanted) for wanted in filters)


def _is_wanted_bot(hit: Hit, asked: Asked, row: Row | None) -> bool:
    if row and not is_about_hits(row.dimension):
        return False
    if row and (hit.says(row.dimension, asked.zone) != row.value or (row.dimension == "event" and not hit.is_custom)):
        return False
    return all(matches(hit.page, wanted) for wanted in asked.filters if wanted.dimension == "page")


def reaches(session: Session, goal: Goal, zone: ZoneInfo) -> bool:
    """At least one hit that all of the goal's conditions match."""
    return any(
        all(matches(hit.says(wanted.dimension, zone), wanted) for wanted in goal.filters) for hit in session.hits
    )


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
        case "matches":
            return value is not None and fnmatchcase(value, first.replace("[", "[[]").replace("?", "[?]"))
        case "one_of":
            return value in wanted.values
        case _:
            return value is not None
