"""The numbers, as frozen values; every screen and every file is drawn from these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from proprium.metrics.query.query import Audience, Query


class Metric(StrEnum):
    """What a card shows and a chart can draw."""

    VISITORS = "visitors"
    NEW_VISITORS = "new_visitors"  # session_start events: the seed's "Total session starts"
    SESSIONS = "sessions"
    PAGE_VIEWS = "page_views"
    VIEWS_PER_SESSION = "views_per_session"
    BOUNCE_RATE = "bounce_rate"  # percent, 0..100
    ENGAGEMENT_RATE = "engagement_rate"  # percent, 100 − bounce rate
    VISIT_DURATION = "visit_duration"  # seconds, median
    TIME_ON_PAGE = "time_on_page"  # seconds, mean over the views that reported 1 s or more
    CLICKS = "clicks"
    SCROLLS = "scrolls"
    EVENTS = "events"
    SCROLL_DEPTH = "scroll_depth"  # percent of the page, mean of each view's deepest
    EXIT_RATE = "exit_rate"  # percent of page views that were a session's last
    CONVERSIONS = "conversions"  # sessions that reached the goal asked for, or any; None without goals
    CONVERSION_RATE = "conversion_rate"  # percent of all sessions


RATES = frozenset(
    {Metric.BOUNCE_RATE, Metric.ENGAGEMENT_RATE, Metric.SCROLL_DEPTH, Metric.EXIT_RATE, Metric.CONVERSION_RATE}
)
"""Percent, 0..100."""
DURATIONS = frozenset({Metric.VISIT_DURATION, Metric.TIME_ON_PAGE})
"""Seconds."""


class Dimension(StrEnum):
    """What a table breaks down by; `data.<key>` beside these is any custom key."""

    PAGE = "page"  # counts page views
    TITLE = "title"  # counts page views
    SECTION = "section"  # the first folder of a path: "/blog/*"; counts page views
    ENTRY_PAGE = "entry_page"
    EXIT_PAGE = "exit_page"
    EVENT_PAGE = "event_page"  # all events by page; counts events
    REFERRER = "referrer"
    SOURCE = "source"
    CHANNEL = "channel"
    UTM_SOURCE = "utm_source"
    UTM_MEDIUM = "utm_medium"
    UTM_CAMPAIGN = "utm_campaign"
    UTM_TERM = "utm_term"
    UTM_CONTENT = "utm_content"
    COUNTRY = "country"
    REGION = "region"
    CITY = "city"
    BROWSER = "browser"
    BROWSER_VERSION = "browser_version"  # "Firefox 145"
    PLATFORM = "platform"
    PLATFORM_VERSION = "platform_version"  # "iOS 26.1"
    DEVICE = "device"
    SCREEN = "screen"
    SCREEN_CLASS = "screen_class"  # by width: phone, tablet, laptop, desktop
    LANGUAGE = "language"
    VISITOR_KIND = "visitor_kind"  # "new" or "returning"; None: without a cookie nobody can tell
    HOSTNAME = "hostname"
    WEEKDAY = "weekday"  # "1" is Monday; counts page views, as the two below
    HOUR = "hour"  # "00" to "23" of the local clock
    WEEKDAY_HOUR = "weekday_hour"  # "1-09"
    EVENT = "event"  # custom events; counts events
    EVENT_NAME = "event_name"  # all events, the script's own as well; counts events
    BOT = "bot"  # counts bot hits
    BOT_CATEGORY = "bot_category"  # counts bot hits
    BOT_PAGE = "bot_page"  # counts bot hits


@dataclass(frozen=True)
class Totals:
    """The cards of one period. A rate of nothing is None, never 0."""

    visitors: int
    new_visitors: int
    sessions: int
    page_views: int
    views_per_session: float | None
    bounce_rate: float | None
    engagement_rate: float | None
    visit_duration: float | None
    visit_duration_mean: float | None
    time_on_page: float | None
    clicks: int
    scrolls: int
    events: int
    bots: int  # bot hits, which stand in no other number
    daily_visitors: bool  # True: some visitors are known for a day only, so several days are a sum of daily visitors
    custom: Mapping[str, int] = field(default_factory=dict)  # custom event → count, for the query's custom_cards
    scroll_depth: float | None = None
    exit_rate: float | None = None
    conversions: int | None = None
    conversion_rate: float | None = None
    goals: Mapping[str, int] = field(default_factory=dict)  # goal → sessions that reached it, for the query's goals

    def value(self, metric: Metric) -> float | None:
        return getattr(self, metric.value)  # type: ignore[no-any-return]


def rows_read(query: Query, totals: Totals) -> int:
    """Events of the period that were looked at, bots included."""
    return totals.events + totals.bots if query.audience is Audience.HUMANS else totals.events


@dataclass(frozen=True)
class Series:
    """One number per bucket. All tuples have equal length; empty buckets are 0 (rates: None), never absent."""

    starts: tuple[datetime, ...]  # of the buckets: aware, in the query's time zone
    values: tuple[float | None, ...]
    is_running: bool = False  # True: the last bucket has not ended yet


@dataclass(frozen=True)
class BreakdownRow:
    value: str | None  # what a filter takes; None: not set
    label: str  # what a person reads ("Germany", "Direct")
    count: int
    share_percent: float  # of the breakdown's total


@dataclass(frozen=True)
class Breakdown:
    """Rows of one dimension, most first, ties by label."""

    dimension: str  # a Dimension's value, or data.<key>
    unit: str  # what is counted: "visitors", "page views", "events", "hits"
    rows: tuple[BreakdownRow, ...]
    total: int  # what the shares are of
    distinct: int  # how many rows there are in all


@dataclass(frozen=True)
class BreakdownTableRow:
    value: str | None  # what a filter takes; None: not set
    label: str
    numbers: Mapping[Metric, float | None]


@dataclass(frozen=True)
class BreakdownTable:
    """Values of one dimension with any number of metrics. Each row says what the cards say under its filter."""

    dimension: str  # a Dimension's value, or data.<key>
    metrics: tuple[Metric, ...]  # the columns
    sort: Metric
    rows: tuple[BreakdownTableRow, ...]
    total: int  # what shares are of: the sum of the dimension's own count over all rows, found or not
    distinct: int  # how many rows the search found in all


@dataclass(frozen=True)
class LiveVisitors:
    """Distinct visitors with any hit; unfiltered."""

    now: int  # in the last `minutes`
    half_hour: int
    minutes: int = 5


@dataclass(frozen=True)
class Dashboard:
    """Everything a dashboard, a report or a Markdown of one query shows."""

    query: Query
    totals: Totals
    previous: Totals | None
    timelines: Mapping[Metric, Series]
    previous_timelines: Mapping[Metric, Series]  # empty without a comparison
    breakdowns: Mapping[Dimension, Breakdown]
    live: LiveVisitors
    custom_events: tuple[str, ...]  # every custom event ever seen, for the "Custom cards" menu
    is_empty: bool  # the property has no event at all
    rows_read: int  # events of the period, bots included
    computed_s: float  # CPU-independent wall seconds the queries took
    custom_timelines: Mapping[str, Series] = field(default_factory=dict)  # of the query's custom_cards
    previous_custom_timelines: Mapping[str, Series] = field(default_factory=dict)
