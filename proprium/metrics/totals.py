"""Totals: all metrics of a period and of each of its time buckets, and the timelines of a chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from proprium.metrics.aggregate import WHOLE_PERIOD, Counts, SumsByBucket, aggregate, total_facts
from proprium.metrics.query.buckets import Buckets
from proprium.metrics.query.query import Audience, Query
from proprium.metrics.results import Metric, Series, Totals

TotalsByBucket = Mapping[int | None, Totals]
"""Totals by bucket key, those of the period under WHOLE_PERIOD; buckets without rows are missing."""


def query_totals(
    connection: Connection, query: Query, buckets: Buckets | None = None, sums: SumsByBucket | None = None
) -> TotalsByBucket:
    """Returns the totals of the period and of its buckets. `sums`: of `additive_sums`, where they are cached."""
    facts = total_facts(query.normalised)
    counts_by_bucket = aggregate(connection, query.normalised, facts, buckets, sums)
    return {key: totals_of(query, counts, is_period=key is WHOLE_PERIOD) for key, counts in counts_by_bucket.items()}


def totals_of(query: Query, counts: Counts, *, is_period: bool = False) -> Totals:
    """Makes Totals of one row of facts; a bucket has no daily visitors, since none is longer than a period's days."""
    values = metric_values(query, counts, Metric)
    bot_count = counts.get("bots", 0)
    hit_count = int(counts.get("events") or 0)
    return Totals(
        values=values,
        means={metric: metric.spec.mean.value(counts) for metric in Metric if metric.spec.mean is not None},
        bots=bot_count,
        rows_read=hit_count + bot_count if query.audience is Audience.HUMANS else hit_count,
        daily_visitors=is_period and query.daily_visitors,
        single_day_visitors=(counts.get("single_day_visitors") or 0) if is_period else 0,
        custom={name: counts.get(f"custom_{index}", 0) for index, name in enumerate(query.custom_cards)},
        goals={goal.name: counts.get(f"reached_{index}", 0) for index, goal in enumerate(query.goals)},
    )


def metric_values(query: Query, facts: Counts, metrics: Iterable[Metric]) -> dict[Metric, float | None]:
    """Computes metrics of one row of facts. None: a rate without a denominator, or a metric that the query omits."""
    return {
        metric: None
        if (metric.spec.needs_goals and not query.goals) or (metric.spec.needs_exits and not query.with_exits)
        else metric.spec.formula.value(facts)
        for metric in metrics
    }


class Timelines(NamedTuple):
    """Series of one period, with a value per bucket."""

    by_metric: Mapping[Metric, Series]
    by_event: Mapping[str, Series]  # counts of the query's custom cards


def timelines_of(query: Query, buckets: Buckets, totals_by_bucket: TotalsByBucket) -> Timelines:
    """Builds the series of a chart; a bucket without rows has the totals of no rows."""
    empty_totals = totals_of(query, {})
    parts = [totals_by_bucket.get(key, empty_totals) for key in buckets.keys]

    def series(values: Iterable[float | None]) -> Series:
        edges = buckets.is_running, buckets.is_start_cut, buckets.is_end_cut
        return Series(buckets.starts, tuple(values), *edges)

    return Timelines(
        {metric: series(part.value(metric) for part in parts) for metric in Metric},
        {name: series(part.custom[name] for part in parts) for name in query.custom_cards},
    )
