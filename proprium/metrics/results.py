"""Result values of metric queries: frozen dataclasses that dashboard, reports, API and CSV are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from proprium.metrics.query.query import Audience, Query


class Metric(StrEnum):
    """Metrics of cards, charts and breakdowns."""

    VISITORS = "visitors"
    NEW_VISITORS = "new_visitors"  # session_start events
    SESSIONS = "sessions"
    PAGE_VIEWS = "page_views"
    VIEWS_PER_SESSION = "views_per_session"
    BOUNCE_RATE = "bounce_rate"  # percent, 0..100
    ENGAGEMENT_RATE = "engagement_rate"  # percent, 100 − bounce rate
    VISIT_DURATION = "visit_duration"  # seconds, median
    TIME_ON_PAGE = "time_on_page"  # seconds, mean over the page views that reported 1 s or more
    CLICKS = "clicks"
    SCROLLS = "scrolls"
    EVENTS = "events"
    SCROLL_DEPTH = "scroll_depth"  # percent of the page, mean of each page view's maximum
    EXIT_RATE = "exit_rate"  # percent of page views that were the last of their session
    CONVERSIONS = "conversions"  # sessions that reached the query's goal, or any goal; None without goals
    CONVERSION_RATE = "conversion_rate"  # percent of all sessions


RATES = frozenset(
    {Metric.BOUNCE_RATE, Metric.ENGAGEMENT_RATE, Metric.SCROLL_DEPTH, Metric.EXIT_RATE, Metric.CONVERSION_RATE}
)
"""Percent, 0..100."""
DURATIONS = frozenset({Metric.VISIT_DURATION, Metric.TIME_ON_PAGE})
"""Seconds."""


class Dimension(StrEnum):
    """Dimensions of a breakdown; in addition, `data.<key>` is any custom key."""

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
    VISITOR_KIND = "visitor_kind"  # "new" or "returning"; None: unknown, without a cookie
    HOSTNAME = "hostname"
    WEEKDAY = "weekday"  # "1" is Monday; counts page views, as do the next two
    HOUR = "hour"  # "00" to "23" of the local clock
    WEEKDAY_HOUR = "weekday_hour"  # "1-09"
    EVENT = "event"  # custom events only; counts events
    EVENT_NAME = "event_name"  # all events, including the tracking script's own; counts events
    BOT = "bot"  # counts bot hits
    BOT_CATEGORY = "bot_category"  # counts bot hits
    BOT_PAGE = "bot_page"  # counts bot hits


@dataclass(frozen=True)
class Totals:
    """Metrics of one period or bucket. A rate without a denominator is None, never 0."""

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
    bots: int  # bot hits, which no other field includes
    daily_visitors: bool  # True: several days with cookieless visitors, so that visitors are a sum of daily visitors
    custom: Mapping[str, int] = field(default_factory=dict)  # custom event → count, for the query's custom_cards
    scroll_depth: float | None = None
    exit_rate: float | None = None
    conversions: int | None = None
    conversion_rate: float | None = None
    goals: Mapping[str, int] = field(default_factory=dict)  # goal → sessions that reached it, for the query's goals

    def value(self, metric: Metric) -> float | None:
        return getattr(self, metric.value)  # type: ignore[no-any-return]


def rows_read(query: Query, totals: Totals) -> int:
    """Returns the number of events of the period that the query read, bots included."""
    return totals.events + totals.bots if query.audience is Audience.HUMANS else totals.events


@dataclass(frozen=True)
class Series:
    """One number per bucket. All tuples have equal length; empty buckets are 0 (rates: None), never absent."""

    starts: tuple[datetime, ...]  # of the buckets: aware, in the query's time zone
    values: tuple[float | None, ...]
    is_running: bool = False  # True: the last bucket has not ended yet


@dataclass(frozen=True)
class BreakdownRow:
    value: str | None  # as in a filter; None: not set
    label: str  # for display ("Germany", "Direct")
    count: int
    share_percent: float  # of the breakdown's total


@dataclass(frozen=True)
class Breakdown:
    """Rows of one dimension, highest count first, ties by value."""

    dimension: str  # a Dimension's value, or data.<key>
    unit: str  # of the counts: "visitors", "page views", "events", "hits"
    rows: tuple[BreakdownRow, ...]
    total: int  # 100 % of the shares
    distinct: int  # number of values, listed here or not


@dataclass(frozen=True)
class BreakdownTableRow:
    value: str | None  # as in a filter; None: not set
    label: str
    numbers: Mapping[Metric, float | None]


@dataclass(frozen=True)
class BreakdownTable:
    """Values of one dimension with any metrics. Each row has the numbers of the cards under a filter on its value."""

    dimension: str  # a Dimension's value, or data.<key>
    metrics: tuple[Metric, ...]  # the columns
    sort: Metric
    rows: tuple[BreakdownTableRow, ...]
    total: int  # 100 % of the shares: sum of the dimension's default metric over all values, whatever the search
    distinct: int  # number of values that match the search, on this page or not


@dataclass(frozen=True)
class LiveVisitors:
    """Distinct visitors with any hit recently, whatever the query's filters."""

    now: int  # in the last `minutes`
    half_hour: int
    minutes: int = 5


@dataclass(frozen=True)
class Dashboard:
    """Everything that a dashboard or a report of one query shows."""

    query: Query
    totals: Totals
    previous: Totals | None
    timelines: Mapping[Metric, Series]
    previous_timelines: Mapping[Metric, Series]  # empty without a comparison
    breakdowns: Mapping[Dimension, Breakdown]
    live: LiveVisitors
    custom_events: tuple[str, ...]  # names of all custom events ever stored, for the "Custom cards" menu
    is_empty: bool  # the property has no event at all
    rows_read: int  # events of the period, bots included
    computed_s: float  # wall-clock seconds that the queries took
    custom_timelines: Mapping[str, Series] = field(default_factory=dict)  # of the query's custom_cards
    previous_custom_timelines: Mapping[str, Series] = field(default_factory=dict)
