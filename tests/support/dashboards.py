"""A dashboard built by hand, for code that draws one without a database."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from maps.atlas import Atlas
from proprium.metrics.query.filters import Filter, Operator
from proprium.metrics.query.period import preset_period
from proprium.metrics.query.query import Query
from proprium.metrics.results import Breakdown, BreakdownRow, Dashboard, Dimension, LiveVisitors, Metric, Series, Totals

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
ATLAS = Atlas()

TOTALS = Totals(
    values={
        Metric.VISITORS: 11_241,
        Metric.NEW_VISITORS: 8_930,
        Metric.SESSIONS: 14_020,
        Metric.PAGE_VIEWS: 26_641,
        Metric.VIEWS_PER_SESSION: 1.9,
        Metric.BOUNCE_RATE: 41.83,
        Metric.ENGAGEMENT_RATE: 58.17,
        Metric.VISIT_DURATION: 134.0,
        Metric.TIME_ON_PAGE: 48.2,
        Metric.CLICKS: 5_120,
        Metric.SCROLLS: 9_400,
        Metric.EVENTS: 61_022,
        Metric.SCROLL_DEPTH: None,
        Metric.EXIT_RATE: None,
        Metric.CONVERSIONS: None,
        Metric.CONVERSION_RATE: None,
    },
    means={Metric.VISIT_DURATION: 201.4},
    bots=1_377,
    custom={"sign_up": 37},
)
_EARLIER = {Metric.VISITORS: 10_000, Metric.BOUNCE_RATE: 45.2, Metric.SESSIONS: 15_000}
PREVIOUS = replace(TOTALS, values={**TOTALS.values, **_EARLIER}, custom={"sign_up": 12})

PAGES = (
    "/",
    "/pricing",
    "/docs/getting-started",
    "/blog/why-we-left-google-analytics",
    "/docs/api/events",
    "/changelog",
)
HOSTS = ("google.com", None, "news.ycombinator.com", "github.com", "duckduckgo.com", "reddit.com", "lobste.rs", "t.co")
COUNTRIES = ("US", "DE", "GB", "IN", "FR", "CA", "NL", "BR", "JP", "AU", "SG", "MT", None)
REGIONS = ("DE-BY", "DE-BE", "DE-NW", "DE-HE", "DE-SN")
VALUES: dict[Dimension, Sequence[str | None]] = {
    Dimension.PAGE: (
        *PAGES,
        "/about",
        "/docs/self-hosting/docker-compose",
        "/imprint",
        "/privacy",
        "/contact",
        "/jobs",
    ),
    Dimension.ENTRY_PAGE: PAGES,
    Dimension.EXIT_PAGE: PAGES[::-1],
    Dimension.EVENT_PAGE: PAGES,
    Dimension.CHANNEL: ("Organic Search", "Direct", "Referral", "Organic Social"),
    Dimension.REFERRER: HOSTS,
    Dimension.UTM_SOURCE: ("newsletter", "mastodon"),
    Dimension.UTM_MEDIUM: ("email", "social"),
    Dimension.UTM_CAMPAIGN: ("autumn-launch",),
    Dimension.UTM_TERM: (),
    Dimension.UTM_CONTENT: (),
    Dimension.COUNTRY: COUNTRIES,
    Dimension.REGION: REGIONS,
    Dimension.CITY: ("Munich", "Berlin", "Cologne", "Frankfurt am Main"),
    Dimension.DEVICE: ("Desktop", "Mobile", "Tablet"),
    Dimension.BROWSER: ("Chrome", "Safari", "Firefox", "Edge", "Samsung Internet"),
    Dimension.PLATFORM: ("Mac OS X", "Windows", "iOS", "Android", "Linux"),
    Dimension.SCREEN: ("1920x1080", "390x844", "1440x900"),
    Dimension.LANGUAGE: ("en-US", "de-DE", "fr-FR"),
    Dimension.EVENT: ("sign_up", "download", "video_play"),
    Dimension.BOT: ("Googlebot", "GPTBot", "AhrefsBot"),
    Dimension.BOT_CATEGORY: ("search", "ai", "seo"),
    Dimension.BOT_PAGE: ("/", "/robots.txt", "/sitemap.xml"),
}


def a_query(key: str = "28d", **changes: Any) -> Query:
    query_ = Query(
        property_id=UUID(int=7),
        property_number=7,
        timezone=BERLIN,
        period=preset_period(key, NOW, BERLIN),
        now=NOW,
        custom_cards=("sign_up",),
    )
    return replace(query_, **changes)


def a_breakdown(dimension: Dimension, values: Sequence[str | None], first: int = 4210) -> Breakdown:
    """Each value counts a good half of the one before."""
    counts = [max(1, int(first * 0.6**place)) for place in range(len(values))]
    total = sum(counts)
    rows = tuple(
        BreakdownRow(value, value if value is not None else "Unknown", count, 100 * count / total)
        for value, count in zip(values, counts, strict=True)
    )
    return Breakdown(dimension.value, rows, total, len(rows))


def a_series(days: int = 28, seed: int = 0, *, running: bool = True) -> Series:
    """A weekly rhythm up to the day of NOW; the same for the same seed."""
    today = NOW.astimezone(BERLIN).replace(hour=0, minute=0, tzinfo=None)
    starts = [(today - timedelta(days=days - 1 - day)).replace(tzinfo=BERLIN) for day in range(days)]
    values = [
        int((0.62 if s.weekday() > 4 else 1) * (380 + 90 * math.sin((i + seed) / 5))) for i, s in enumerate(starts)
    ]
    return Series(tuple(starts), tuple(values), running)


def a_dashboard(
    query: Query | None = None, values: dict[Dimension, Sequence[str | None]] | None = None, **changes: Any
) -> Dashboard:
    """`values` replace those of single dimensions."""
    known = {**VALUES, **(values or {})}
    dashboard = Dashboard(
        query=query or a_query(),
        totals=TOTALS,
        previous=PREVIOUS,
        timelines=dict.fromkeys(Metric, a_series()),
        previous_timelines=dict.fromkeys(Metric, a_series(seed=9, running=False)),
        breakdowns={key: a_breakdown(key, listed) for key, listed in known.items()},
        live=LiveVisitors(now=7, half_hour=31),
        custom_events=("sign_up", "download", "video_play"),
        is_empty=False,
        rows_read=62_399,
        computed_s=0.04,
        custom_timelines={"sign_up": a_series(seed=3)},
    )
    return replace(dashboard, **changes)


def a_filter(dimension: str = "country", value: str = "DE") -> Filter:
    return Filter(dimension, Operator.IS, (value,))
