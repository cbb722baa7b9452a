"""The chart: one number per calendar bucket, for every metric at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from proprium.metrics.query.buckets import Buckets, calendar_buckets
from proprium.metrics.query.query import Query
from proprium.metrics.results import Metric, Series, Totals
from proprium.metrics.totals_query import WHOLE_PERIOD, query_totals, totals_of

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse


def timeline(warehouse: Warehouse, query: Query) -> Mapping[Metric, Series]:
    """A series for each metric, from the period's start to the running bucket."""
    buckets = calendar_buckets(query.period, query.interval, query.now)
    with warehouse.read() as connection:
        return series_of(query, buckets, query_totals(connection, query, buckets))


def series_of(query: Query, buckets: Buckets, totals_by_bucket: Mapping[int | None, Totals]) -> Mapping[Metric, Series]:
    empty_totals = totals_of(query, {})
    bucket_totals = [totals_by_bucket.get(key, empty_totals) for key in buckets.keys]
    return {
        metric: Series(buckets.starts, tuple(totals.value(metric) for totals in bucket_totals), buckets.is_running)
        for metric in Metric
    }


def custom_series_of(buckets: Buckets, totals_by_bucket: Mapping[int | None, Totals]) -> Mapping[str, Series]:
    """A series for each of the query's custom cards."""
    bucket_totals = [totals_by_bucket.get(key) for key in buckets.keys]
    return {
        name: Series(
            buckets.starts, tuple(totals.custom[name] if totals else 0 for totals in bucket_totals), buckets.is_running
        )
        for name in totals_by_bucket[WHOLE_PERIOD].custom
    }
