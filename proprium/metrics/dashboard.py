"""Everything that a dashboard or a report shows, read at one moment."""

from __future__ import annotations

from collections.abc import Collection
from time import perf_counter
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from proprium.metrics.cached_reader import Reader
from proprium.metrics.live import live_of
from proprium.metrics.query.buckets import buckets
from proprium.metrics.query.query import Query
from proprium.metrics.results import Dashboard, Dimension, rows_read
from proprium.metrics.timeline import custom_series_of, series_of
from proprium.metrics.top_lists import TILED
from proprium.metrics.totals_query import WHOLE
from proprium.warehouse.schema import event

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse


def dashboard(warehouse: Warehouse, query: Query, dimensions: Collection[Dimension] = TILED) -> Dashboard:
    """Cards, chart, map and the tiles of these dimensions; about ten statements, on one snapshot."""
    began = perf_counter()
    before = query.before()
    spans = buckets(query.period, query.interval, query.now)
    reader = Reader(warehouse, query.property)
    with warehouse.read() as connection:
        measured = reader.measure(connection, query, spans)
        earlier_spans = buckets(before.period, query.interval, query.now) if before else None
        earlier = reader.measure(connection, before, earlier_spans) if before and earlier_spans else None
        totals = measured[WHOLE]
        return Dashboard(
            query=query,
            totals=totals,
            previous=earlier[WHOLE] if earlier else None,
            timelines=series_of(query, spans, measured),
            previous_timelines=series_of(query, earlier_spans, earlier) if earlier_spans and earlier else {},
            breakdowns=reader.tiles(connection, query, dimensions),
            live=live_of(connection, query.property, query.now, query.live_min),
            custom_events=reader.custom_events(connection),
            is_empty=not has_events(connection, query.property),
            rows_read=rows_read(query, totals),
            custom_timelines=custom_series_of(spans, measured),
            previous_custom_timelines=custom_series_of(earlier_spans, earlier) if earlier_spans and earlier else {},
            computed_s=perf_counter() - began,
        )


def has_events(connection: Connection, property_number: int) -> bool:
    return (
        connection.execute(select(event.c.seq).where(event.c.property == property_number).limit(1)).first() is not None
    )
