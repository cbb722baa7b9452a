"""Timeline: a time series of every metric for the chart, one value per calendar bucket."""

from __future__ import annotations

from collections.abc import Mapping

from proprium.metrics.query.buckets import Buckets
from proprium.metrics.query.query import Query
from proprium.metrics.results import Metric, Series, Totals
from proprium.metrics.totals_query import WHOLE_PERIOD, totals_of


def series_of(query: Query, buckets: Buckets, totals_by_bucket: Mapping[int | None, Totals]) -> Mapping[Metric, Series]:
    """Builds a series per metric from totals by bucket key; a bucket without rows has the totals of no rows."""
    empty_totals = totals_of(query, {})
    bucket_totals = [totals_by_bucket.get(key, empty_totals) for key in buckets.keys]
    return {
        metric: Series(buckets.starts, tuple(totals.value(metric) for totals in bucket_totals), buckets.is_running)
        for metric in Metric
    }


def custom_series_of(buckets: Buckets, totals_by_bucket: Mapping[int | None, Totals]) -> Mapping[str, Series]:
    """Builds a series of counts per custom card of the query."""
    bucket_totals = [totals_by_bucket.get(key) for key in buckets.keys]
    return {
        name: Series(
            buckets.starts, tuple(totals.custom[name] if totals else 0 for totals in bucket_totals), buckets.is_running
        )
        for name in totals_by_bucket[WHOLE_PERIOD].custom
    }
