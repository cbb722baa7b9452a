"""Dashboard query: everything that a dashboard or a report shows, read from one snapshot."""

from __future__ import annotations

from collections.abc import Collection
from time import perf_counter
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from proprium.metrics.aggregate import WHOLE_PERIOD
from proprium.metrics.cached_reader import CachedReader
from proprium.metrics.catalog.dimensions import REPORT_DIMENSIONS
from proprium.metrics.live import live_visitors_from
from proprium.metrics.query.buckets import calendar_buckets
from proprium.metrics.query.query import Query
from proprium.metrics.results import Dashboard, Dimension, rows_read
from proprium.metrics.totals import custom_series_of, series_of
from proprium.warehouse.schema import event

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse


def dashboard(warehouse: Warehouse, query: Query, dimensions: Collection[Dimension] = REPORT_DIMENSIONS) -> Dashboard:
    """Reads totals, timelines, live visitors and the top lists of `dimensions`.

    Runs about ten statements on one snapshot, except for results that are cached.
    """
    started_s = perf_counter()
    comparison_query = query.comparison_query()
    buckets = calendar_buckets(query.period, query.interval, query.now)
    reader = CachedReader(warehouse, query.property_number)
    with warehouse.read() as connection:
        totals_by_bucket = reader.totals(connection, query, buckets)
        comparison_buckets = (
            calendar_buckets(comparison_query.period, query.interval, query.now) if comparison_query else None
        )
        comparison_totals = (
            reader.totals(connection, comparison_query, comparison_buckets)
            if comparison_query and comparison_buckets
            else None
        )
        totals = totals_by_bucket[WHOLE_PERIOD]
        return Dashboard(
            query=query,
            totals=totals,
            previous=comparison_totals[WHOLE_PERIOD] if comparison_totals else None,
            timelines=series_of(query, buckets, totals_by_bucket),
            previous_timelines=series_of(query, comparison_buckets, comparison_totals)
            if comparison_buckets and comparison_totals
            else {},
            breakdowns=reader.top_lists(connection, query, dimensions),
            live=live_visitors_from(connection, query.property_number, query.now, query.limits.live_window_min),
            custom_events=reader.custom_events(connection),
            is_empty=not has_events(connection, query.property_number),
            rows_read=rows_read(query, totals),
            custom_timelines=custom_series_of(buckets, totals_by_bucket),
            previous_custom_timelines=custom_series_of(comparison_buckets, comparison_totals)
            if comparison_buckets and comparison_totals
            else {},
            computed_s=perf_counter() - started_s,
        )


def has_events(connection: Connection, property_number: int) -> bool:
    """Returns True where the property has an event in the warehouse, bots included."""
    return (
        connection.execute(select(event.c.seq).where(event.c.property == property_number).limit(1)).first() is not None
    )
