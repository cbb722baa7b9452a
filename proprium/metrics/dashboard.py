"""Dashboard query: everything that a dashboard or a report shows, read from one snapshot."""

from __future__ import annotations

from collections.abc import Collection
from time import perf_counter
from typing import TYPE_CHECKING

from proprium.metrics.cached_reader import CachedReader, first_event_at
from proprium.metrics.catalog.dimensions import REPORT_DIMENSIONS
from proprium.metrics.comparison import compared_line_query, is_comparable
from proprium.metrics.live import live_visitors_from
from proprium.metrics.query.query import Query
from proprium.metrics.results import Dashboard, Dimension
from proprium.metrics.totals import Timelines

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse


def dashboard(warehouse: Warehouse, query: Query, dimensions: Collection[Dimension] = REPORT_DIMENSIONS) -> Dashboard:
    """Reads totals, timelines, live visitors and the top lists of `dimensions`.

    Runs about ten statements on one snapshot, except for results that are cached. Lists that the query's principal may
    not see are left out.
    """
    dimensions = [dimension for dimension in dimensions if query.data_access.allows(dimension)]
    started_s, comparison_query, line_query = perf_counter(), query.comparison_query(), compared_line_query(query)
    first_event = first_event_at(warehouse, query.property_number)
    cache = warehouse.query_cache.for_property(query.property_number)  # before the snapshot: nothing newer is missed
    with warehouse.read() as connection:
        reader = CachedReader(cache, query.property_number)
        totals, timelines = reader.period(connection, query)
        previous, previous_timelines = None, Timelines({}, {})
        if comparison_query and line_query:
            line_totals, previous_timelines = reader.period(connection, line_query)
            is_same = line_query.period == comparison_query.period
            previous = line_totals if is_same else reader.totals(connection, comparison_query)
        return Dashboard(
            query=query,
            totals=totals,
            previous=previous,
            timelines=timelines.by_metric,
            previous_timelines=previous_timelines.by_metric,
            custom_timelines=timelines.by_event,
            previous_custom_timelines=previous_timelines.by_event,
            is_comparable=is_comparable(query, first_event),
            custom_events=reader.custom_events(connection),
            is_empty=not reader.has_events(connection),
            breakdowns=reader.top_lists(connection, query, totals, dimensions),
            live=live_visitors_from(connection, query.property_number, query.now, query.limits.live_window_min, query),
            rows_read=totals.rows_read,
            computed_s=perf_counter() - started_s,
        )
