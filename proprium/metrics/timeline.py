"""The chart: one number per calendar bucket, for every metric at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from proprium.metrics.query.buckets import Buckets, buckets
from proprium.metrics.query.query import Query
from proprium.metrics.results import Metric, Series, Totals
from proprium.metrics.totals_query import WHOLE, measure, totals_of

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse


def timeline(warehouse: Warehouse, query: Query) -> Mapping[Metric, Series]:
    """A series for each metric, from the period's start to the running bucket."""
    spans = buckets(query.period, query.interval, query.now)
    with warehouse.read() as connection:
        return series_of(query, spans, measure(connection, query, spans))


def series_of(query: Query, spans: Buckets, measured: Mapping[int | None, Totals]) -> Mapping[Metric, Series]:
    nothing = totals_of(query, {})
    found = [measured.get(key, nothing) for key in spans.keys]
    return {
        metric: Series(spans.starts, tuple(each.value(metric) for each in found), spans.running) for metric in Metric
    }


def custom_series_of(spans: Buckets, measured: Mapping[int | None, Totals]) -> Mapping[str, Series]:
    """A series for each of the query's custom cards."""
    found = [measured.get(key) for key in spans.keys]
    return {
        name: Series(spans.starts, tuple(each.custom[name] if each else 0 for each in found), spans.running)
        for name in measured[WHOLE].custom
    }
