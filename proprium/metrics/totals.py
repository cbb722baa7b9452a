"""Totals: all metrics of a period and of each of its time buckets, and the series of a chart."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from proprium.metrics.aggregate import WHOLE_PERIOD, Counts, SumsByBucket, aggregate, total_facts
from proprium.metrics.query.buckets import Buckets
from proprium.metrics.query.query import Query, normalised_query
from proprium.metrics.results import Metric, Series, Totals, metric_values

TotalsByBucket = Mapping[int | None, Totals]
"""Totals by bucket key, those of the period under WHOLE_PERIOD; buckets without rows are missing."""


def query_totals(
    connection: Connection, query: Query, buckets: Buckets | None = None, sums: SumsByBucket | None = None
) -> TotalsByBucket:
    """Returns the totals of the period and of its buckets. `sums`: of `additive_sums`, where they are cached."""
    query = normalised_query(query)
    counts_by_bucket = aggregate(connection, query, total_facts(query), buckets, sums)
    is_multi_day = query.period.day_count > 1
    return {
        key: totals_of(query, counts, is_multi_day=key is WHOLE_PERIOD and is_multi_day)
        for key, counts in counts_by_bucket.items()
    }


def totals_of(query: Query, counts: Counts, *, is_multi_day: bool = False) -> Totals:
    """Makes Totals of one row of facts; `is_multi_day` allows them to be labelled as daily visitors."""
    return Totals(
        values=metric_values(query, counts),
        means={metric: metric.spec.mean.value(counts) for metric in Metric if metric.spec.mean is not None},
        bots=counts.get("bots", 0),
        daily_visitors=is_multi_day and counts.get("daily", 0) > 0,
        custom={name: counts.get(f"custom_{index}", 0) for index, name in enumerate(query.custom_cards)},
        goals={goal.name: counts.get(f"reached_{index}", 0) for index, goal in enumerate(query.goals)},
    )


def series_of(query: Query, buckets: Buckets, totals_by_bucket: TotalsByBucket) -> Mapping[Metric, Series]:
    """Builds a series per metric; a bucket without rows has the totals of no rows."""
    empty_totals = totals_of(query, {})
    bucket_totals = [totals_by_bucket.get(key, empty_totals) for key in buckets.keys]
    return {
        metric: Series(buckets.starts, tuple(totals.value(metric) for totals in bucket_totals), buckets.is_running)
        for metric in Metric
    }


def custom_series_of(buckets: Buckets, totals_by_bucket: TotalsByBucket) -> Mapping[str, Series]:
    """Builds a series of counts per custom card of the query."""
    bucket_totals = [totals_by_bucket.get(key) for key in buckets.keys]
    return {
        name: Series(
            buckets.starts, tuple(totals.custom[name] if totals else 0 for totals in bucket_totals), buckets.is_running
        )
        for name in totals_by_bucket[WHOLE_PERIOD].custom
    }
