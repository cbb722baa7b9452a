"""Result values of metric queries: frozen dataclasses that dashboard, reports, API and CSV are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from proprium.metrics.catalog.dimensions import Dimension, spec_of
from proprium.metrics.catalog.metrics import DAILY_VISITORS_TITLE, DURATIONS, RATES, Metric
from proprium.metrics.query.query import Query

__all__ = [
    "DURATIONS",
    "RATES",
    "Breakdown",
    "BreakdownRow",
    "BreakdownTable",
    "BreakdownTableRow",
    "Dashboard",
    "Dimension",
    "LiveVisitors",
    "Metric",
    "Series",
    "Totals",
]


@dataclass(frozen=True)
class Totals:
    """Metrics of one period or bucket. A rate without a denominator is None, never 0.

    A metric's value is also an attribute of its key: `totals.visitors` is `totals.value(Metric.VISITORS)`.
    """

    values: Mapping[Metric, float | None]
    means: Mapping[Metric, float | None] = field(default_factory=dict)  # of the metrics that are medians
    bots: int = 0  # bot hits, which no metric of humans includes
    rows_read: int = 0  # events of the period that the query read, bots included
    daily_visitors: bool = False  # True: visitors are a sum of daily visitors (Query.daily_visitors)
    single_day_visitors: int = 0  # of the period's visitors: those without a cookie, recognised for one day only
    custom: Mapping[str, int] = field(default_factory=dict)  # custom event → count, for the query's custom_cards
    goals: Mapping[str, int] = field(default_factory=dict)  # goal → sessions that reached it, for the query's goals

    def value(self, metric: Metric) -> float | None:
        return self.values[metric]

    def __getattr__(self, name: str) -> Any:
        """Returns the value of the metric with this key."""
        values: Mapping[str, float | None] = self.__dict__.get("values", {})
        if name not in values:
            raise AttributeError(name)
        return values[name]


@dataclass(frozen=True)
class Series:
    """One number per bucket. All tuples have equal length; empty buckets are 0 (rates: None), never absent."""

    starts: tuple[datetime, ...]  # of the buckets: aware, in the query's time zone
    values: tuple[float | None, ...]
    is_running: bool = False  # True: the last bucket has not ended yet
    is_start_cut: bool = False  # True: the first bucket begins before the period
    is_end_cut: bool = False  # True: the last bucket ends after the period

    def is_partial(self, index: int) -> bool:
        """Returns True for a bucket that has not ended yet, or that the period covers in part."""
        is_last = index == len(self.starts) - 1
        return (self.is_start_cut and index == 0) or (is_last and (self.is_running or self.is_end_cut))


@dataclass(frozen=True)
class BreakdownRow:
    value: str | None  # as in a filter; None: not set
    label: str  # for display ("Germany", "Direct")
    count: int
    share_percent: float  # of the breakdown's total; of visitors, who may be in several rows, up to 100 each


@dataclass(frozen=True)
class Breakdown:
    """Rows of one dimension, highest count first, ties by value."""

    dimension: str  # a Dimension's value, or data.<key>
    rows: tuple[BreakdownRow, ...]
    total: int  # 100 % of the shares: what the card of the counted metric says under the same filters
    distinct: int  # number of values, listed here or not
    daily_visitors: bool = False  # as in Totals

    @property
    def count_title(self) -> str:
        """Title of the column of counts, marked for translation: "Visitors", "Page views", "Hits"."""
        spec = spec_of(self.dimension)
        is_daily = self.daily_visitors and spec.default_metric is Metric.VISITORS
        return DAILY_VISITORS_TITLE if is_daily else spec.count_title

    def count_text(self, count: int) -> str:
        """Returns a count with its noun: "1 visitor", "1,204 page views"."""
        return spec_of(self.dimension).count_text(count)


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
    total: int  # 100 % of the shares: the card of the dimension's default metric, whatever the search
    matching_total: int  # the same metric over the values that match the search; a visitor of several counts once
    distinct: int  # number of values that match the search, on this page or not
    daily_visitors: bool = False  # as in Totals

    def share_percent(self, row: BreakdownTableRow) -> float:
        """Returns a row's share of the total, which needs the dimension's default metric among the columns."""
        count = row.numbers[spec_of(self.dimension).default_metric] or 0
        return 100 * count / self.total if self.total else 0.0


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
    previous_timelines: Mapping[Metric, Series]  # of whole buckets; empty without a comparison
    breakdowns: Mapping[Dimension, Breakdown]
    live: LiveVisitors
    custom_events: tuple[str, ...]  # names of all custom events ever stored, for the "Custom cards" menu
    is_empty: bool  # the property has no event at all
    rows_read: int  # events of the period, bots included
    computed_s: float  # wall-clock seconds that the queries took
    custom_timelines: Mapping[str, Series] = field(default_factory=dict)  # of the query's custom_cards
    previous_custom_timelines: Mapping[str, Series] = field(default_factory=dict)
    is_comparable: bool = True  # False: the compared period begins before the property's first event
